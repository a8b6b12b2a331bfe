"""Predicted against observed: side effects by endpoint beside the identity line, trial outcomes as a second panel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.truth.settings import DEFAULT
from benchmarks.truth.side_effects import Score as SideEffect
from benchmarks.truth.trials import Score as Outcome
from benchmarks.truth.trials import what

# Okabe and Ito, Color Universal Design (2002); each endpoint has a shape as well, so that grey print tells them apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7A7A7A")
SHAPES = ("o", "s", "D", "^", "v", "P", "X", "p", "<")
INK, GREY, RULE = "#222222", "#595959", "#BBBBBB"
SMALL, TEXT, HEAD = 7.0, 8.0, 9.5  # pt
# Hollow points that are named all the same: one dose, given fast and slowly.
NAMED = {"motov2017-push": "push", "motov2017-infusion": "15 min"}
LEGEND = """\
Left: vertical bars are exact 95 % intervals of the observed share; horizontal bars span doses pooled in one row.
Below the line: seen less often than predicted.
Right: bar and tick are the observed value with its 95 % interval; a dot is a prediction inside it, a cross one outside.
Hollow: the effect was calibrated to the observation, which is not counted.  Predictions: default configuration.
Every row with its citation: python -m benchmarks.truth --json FILE.  Effects: pkpd show ID.
Not for dosing patients."""
WIDTH, ROW, TOP, FOOT = 10.2, 0.225, 0.42, 1.4  # inches


def draw(side_effects: Sequence[SideEffect], trials: Sequence[Outcome], file: Path) -> None:
    """Write the figure of the default configuration; what was not predicted is not in it.

    side_effects, trials : scores, of which those of the default setting are drawn
    file                 : .png, .svg or .pdf
    Raises ValueError where nothing was predicted.
    """
    page(side_effects, trials).savefig(file, dpi=150)


def page(side_effects: Sequence[SideEffect], trials: Sequence[Outcome]) -> Any:
    """The figure; raises ValueError where nothing was predicted."""
    from matplotlib.figure import Figure

    events = [one for one in side_effects if one.setting == DEFAULT and one.predicted is not None]
    results = [one for one in trials if one.setting == DEFAULT and one.predicted is not None]
    if not (events and results):
        raise ValueError("figure: nothing was predicted under the default setting.")
    panels = [
        (rows, title, factor)
        for rows, title, factor in (
            ([one for one in results if one.is_share], "Trials: share of patients, or of pain left, %", 100.0),
            ([one for one in results if not one.is_share], "Trials: pain, points of 10", 1.0),
        )
        if rows
    ]
    height = TOP + FOOT + sum(ROW * len(rows) for rows, _, _ in panels) + 0.75 * (len(panels) - 1)
    height = max(height, TOP + 4.3 + FOOT)
    sheet = Figure(figsize=(WIDTH, height))
    tall = height - TOP - FOOT
    _events(sheet.add_axes((0.55 / WIDTH, FOOT / height, 4.2 / WIDTH, tall / height)), events)
    top = height - TOP
    for rows, title, factor in panels:
        own = ROW * len(rows)
        _results(sheet.add_axes((7.75 / WIDTH, (top - own) / height, 2.3 / WIDTH, own / height)), rows, factor)
        sheet.text(5.2 / WIDTH, (top + 0.09) / height, title, fontsize=HEAD, color=INK, weight="bold")
        top -= own + 0.75
    sheet.text(
        0.12 / WIDTH,
        0.08 / height,
        LEGEND,
        fontsize=SMALL,
        color=GREY,
        va="bottom",
        linespacing=1.4,
    )
    return sheet


def plain(axes: Any) -> None:
    """No frame but the left and the lower line, in grey."""
    for name in ("top", "right"):
        axes.spines[name].set_visible(False)
    for name in ("left", "bottom"):
        axes.spines[name].set_color(RULE)
    axes.tick_params(labelsize=SMALL, labelcolor=INK, length=3, color=RULE)


def _events(axes: Any, made: Sequence[SideEffect]) -> None:
    """Predicted against observed share of patients, an endpoint a colour and a shape; root scale, for the rare ones."""
    plain(axes)
    axes.set_xscale("function", functions=(lambda x: abs(x) ** 0.5, lambda x: x**2))
    axes.set_yscale("function", functions=(lambda x: abs(x) ** 0.5, lambda x: x**2))
    axes.plot([0, 100], [0, 100], color=RULE, linewidth=1.0, zorder=1)
    endpoints = list(dict.fromkeys(one.incidence.endpoint for one in made))
    for number, endpoint in enumerate(endpoints):
        colour, shape = PALETTE[number % len(PALETTE)], SHAPES[number % len(SHAPES)]
        for one in made:
            if one.incidence.endpoint == endpoint:
                _event(axes, one, colour, shape)
        height = 0.975 - 0.043 * number
        axes.plot(0.03, height, shape, ms=5, mfc=colour, mec=colour, transform=axes.transAxes, zorder=3, clip_on=False)
        axes.text(
            0.055,
            height,
            endpoint.replace("-", " "),
            color=INK,
            fontsize=SMALL,
            va="center_baseline",
            transform=axes.transAxes,
        )
    places = (0, 1, 2, 5, 10, 20, 30, 40, 60, 80, 100)
    axes.set_xticks(places, [str(place) for place in places])
    axes.set_yticks(places, [str(place) for place in places])
    axes.minorticks_off()
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_xlabel("predicted, % of patients ever", fontsize=TEXT, color=INK)
    axes.set_ylabel("observed, % of patients", fontsize=TEXT, color=INK)
    axes.set_title("Side effects", loc="left", fontsize=HEAD, color=INK, weight="bold")


def _event(axes: Any, one: SideEffect, colour: str, shape: str) -> None:
    """One observation: its interval, the doses pooled in it, and the point."""
    from matplotlib.patheffects import withStroke

    x, y = 100 * (one.predicted or 0.0), 100 * (one.incidence.observed or 0.0)
    if one.incidence.interval is not None:
        axes.plot([x, x], [100 * end for end in one.incidence.interval], color=colour, linewidth=1.1, zorder=2)
    if len(one.by_regimen) > 1:
        ends = [100 * end for end in (min(one.by_regimen), max(one.by_regimen))]
        axes.plot(ends, [y, y], color=colour, linewidth=1.1, zorder=2)
    hollow = one.incidence.scored == "calibrated"
    axes.plot(x, y, shape, ms=6, mfc="white" if hollow else colour, mec=colour, mew=1.3, zorder=3, clip_on=False)
    if not hollow or one.incidence.id in NAMED:
        above = y > x
        axes.annotate(
            NAMED.get(one.incidence.id, one.incidence.study),
            (100 * (min if above else max)(one.by_regimen), y),
            (-6 if above else 6, 0),
            textcoords="offset points",
            ha="right" if above else "left",
            va="center_baseline",
            fontsize=SMALL - 0.8,
            color=INK,
            path_effects=[withStroke(linewidth=2.2, foreground="white")],
            zorder=4,
        )


def _results(axes: Any, made: Sequence[Outcome], factor: float) -> None:
    """A line for each arm: the observed interval as a bar, the observed value as a tick, the prediction as a mark."""
    plain(axes)
    for place, one in enumerate(made):
        low, high = (factor * end for end in one.observed[1])
        axes.plot([low, high], [place, place], color=RULE, linewidth=4.5, solid_capstyle="butt", zorder=1)
        seen = factor * one.observed[0]
        axes.plot([seen, seen], [place - 0.3, place + 0.3], color=INK, linewidth=1.2, zorder=2, clip_on=False)
        colour, shape = (PALETTE[0], "o") if one.inside else (PALETTE[1], "X")
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
    axes.tick_params(axis="y", length=0, pad=7)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(made) - 0.4, -0.6)
    if factor > 1:
        axes.set_xlim(0, 100)
    else:
        axes.axvline(0, color=RULE, linewidth=0.8, zorder=0)
