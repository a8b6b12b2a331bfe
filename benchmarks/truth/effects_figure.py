"""Predicted against observed: side effects by endpoint beside the identity line, and trial outcomes as a second panel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.truth.settings import DEFAULT
from benchmarks.truth.side_effects import Score as SideEffect
from benchmarks.truth.trials import Score as Outcome
from benchmarks.truth.trials import what

# Okabe and Ito, Color Universal Design (2002); each endpoint has a shape as well, so that grey print tells them apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
SHAPES = ("o", "s", "D", "^", "v", "P", "X", "p")
INK, GREY, RULE = "#222222", "#595959", "#BBBBBB"
SMALL, TEXT, HEAD = 7.0, 8.0, 9.5  # pt
ROW = 0.23  # inches


def draw(side_effects: Sequence[SideEffect], trials: Sequence[Outcome], file: Path) -> None:
    """Write the figure of the default configuration; what was not predicted is not in it.

    side_effects, trials : scores, of which those of the default setting are drawn
    file                 : .png, .svg or .pdf
    Raises ValueError where nothing was predicted.
    """
    from matplotlib.figure import Figure

    events = [one for one in side_effects if one.setting == DEFAULT and one.predicted is not None]
    results = [one for one in trials if one.setting == DEFAULT and one.predicted is not None]
    if not (events and results):
        raise ValueError("figure: nothing was predicted under the default setting.")
    shares = [one for one in results if one.is_share]
    means = [one for one in results if not one.is_share]
    lines = len(shares) + len(means) + 3.2
    height = max(4.6, ROW * lines + 1.5)
    page = Figure(figsize=(10.2, height))
    side = 4.1
    left = page.add_axes((0.6 / 10.2, (height - 0.75 - side) / height, side / 10.2, side / height))
    _events(left, events)
    top = height - 0.75
    for rows, title, unit in (
        (shares, "Trials: patients or pain, %", "per cent"),
        (means, "Trials: pain score, 0 to 10", "points"),
    ):
        if not rows:
            continue
        tall = ROW * (len(rows) + 0.4)
        panel = page.add_axes((7.35 / 10.2, (top - tall) / height, 2.6 / 10.2, tall / height))
        _results(panel, rows, title, 100.0 if unit == "per cent" else 1.0)
        top -= tall + 0.75
    page.text(
        0.6 / 10.2,
        0.13 / height,
        "Bars: exact 95 % intervals of the observed shares (95 % of observed means).  Hollow: the effect was calibrated to the "
        "row.\nPredictions: default configuration; a horizontal bar spans the regimens pooled in one observation.",
        fontsize=SMALL,
        color=GREY,
        va="bottom",
        linespacing=1.35,
    )
    page.savefig(file, dpi=150)


def _plain(axes: Any) -> None:
    for name in ("top", "right"):
        axes.spines[name].set_visible(False)
    for name in ("left", "bottom"):
        axes.spines[name].set_color(RULE)
    axes.tick_params(labelsize=SMALL, colors=INK, length=3, color=RULE)


def _events(axes: Any, made: Sequence[SideEffect]) -> None:
    """Predicted (x) against observed (y) share of patients, an endpoint a colour and shape, named beside its points."""
    _plain(axes)
    axes.plot([0, 100], [0, 100], color=RULE, linewidth=1.0, zorder=1)
    axes.text(97, 94.5, "equal", color=GREY, fontsize=SMALL, ha="right", va="top", rotation=45, rotation_mode="anchor")
    endpoints = list(dict.fromkeys(one.incidence.endpoint for one in made))
    named: list[tuple[float, float, str, str]] = []
    for number, endpoint in enumerate(endpoints):
        colour, shape = PALETTE[number % len(PALETTE)], SHAPES[number % len(SHAPES)]
        here = [one for one in made if one.incidence.endpoint == endpoint]
        for one in here:
            x, y = 100 * (one.predicted or 0.0), 100 * (one.incidence.observed or 0.0)
            if one.incidence.interval is not None:
                low, high = (100 * end for end in one.incidence.interval)
                axes.plot([x, x], [low, high], color=colour, linewidth=1.1, zorder=2)
            if len(one.by_regimen) > 1:
                axes.plot([100 * p for p in (min(one.by_regimen), max(one.by_regimen))], [y, y], color=colour, lw=1.1)
            hollow = one.incidence.scored == "calibrated"
            axes.plot(
                x, y, shape, ms=6, mfc="white" if hollow else colour, mec=colour, mew=1.3, zorder=3, clip_on=False
            )
        named.append((0.0, float(number), endpoint, f"{colour}{shape}"))
    for _, number, endpoint, look in named:
        height = 98 - 5.2 * number
        axes.plot(2.5, height, look[7:], ms=5, mfc=look[:7], mec=look[:7], zorder=3)
        axes.text(5.5, height, endpoint.replace("-", " "), color=INK, fontsize=SMALL, va="center")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_xlabel("predicted, % of patients ever", fontsize=TEXT, color=INK)
    axes.set_ylabel("observed, % of patients", fontsize=TEXT, color=INK)
    axes.set_title("Side effects", loc="left", fontsize=HEAD, color=INK, weight="bold")


def _results(axes: Any, made: Sequence[Outcome], title: str, factor: float) -> None:
    """A line for each arm: the observed interval as a bar, the observed value as a tick, the prediction as a dot."""
    _plain(axes)
    for place, one in enumerate(made):
        low, high = (factor * end for end in one.observed[1])
        axes.plot([low, high], [place, place], color=RULE, linewidth=4.5, solid_capstyle="butt", zorder=1)
        seen = factor * one.observed[0]
        axes.plot([seen, seen], [place - 0.28, place + 0.28], color=INK, linewidth=1.2, zorder=2)
        colour = PALETTE[0] if one.inside else PALETTE[1]
        shape = "o" if one.inside else "X"
        axes.plot(
            factor * (one.predicted or 0.0),
            place,
            shape,
            ms=6,
            mfc="white" if one.calibrated else colour,
            mec=colour,
            mew=1.3,
            zorder=3,
            clip_on=False,
        )
    labels = [f"{one.trial.study} {one.trial.year}, {what(one.trial)}, {one.arm}" for one in made]
    axes.set_yticks(range(len(made)), labels, fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(made) - 0.4, -0.6)
    if factor > 1:
        axes.set_xlim(0, 100)
    else:
        axes.axvline(0, color=RULE, linewidth=0.8, zorder=0)
    axes.set_title(title, loc="left", fontsize=HEAD, color=INK, weight="bold", x=-0.95)
    if factor > 1:
        axes.text(
            1.0,
            1.02,
            "bar and tick: observed;  dot: predicted, inside;  cross: outside",
            transform=axes.transAxes,
            ha="right",
            fontsize=SMALL,
            color=GREY,
        )
