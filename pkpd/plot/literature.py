"""The figure of a simulated literature: one funnel, and what all literatures pool to, with the drawer and without."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import StudyError
from pkpd.plot import style
from pkpd.plot.sheet import Sheet, Symbol, key_rows
from pkpd.plot.style import GREY, INK, LABEL, NAME, SMALL, TITLE, text_height, wrap
from pkpd.plot.trial_estimates import toward_better
from pkpd.statistics.normal import Z95
from pkpd.trials.literature import Literature, lower
from pkpd.trials.words import title_of, unit_text, value_text

Floats = NDArray[np.float64]

WIDTH, EDGE, LEFT = 7.1, 0.14, 0.62  # inches
FUNNEL, GAP, POOLED = 2.9, 0.55, 2.75  # widths of the panels and between them, inches
HIGH, BELOW = 2.5, 0.42  # heights of the panels, and of ticks and title, inches
PUBLISHED, DRAWER = "#0072B2", "#D55E00"


def draw(made: Literature, which: int) -> Any:
    """The figure: a funnel of one literature on the left, pooled differences of all of them on the right.

    which   : the literature of the funnel
    returns : a matplotlib figure that needs no display and no pyplot
    """
    if not 0 <= which < made.count:
        raise StudyError(f"literature {which} is not among 0 to {made.count - 1}.")
    trial = made.trials[0]
    head = f"{made.count:,} simulated literatures of {len(made.trials)} trials, {lower(title_of(trial.endpoints[0]))}: "
    head += trial.drug.name
    head += f" against {trial.control.name}" if trial.control else ""
    title = wrap(trial.title or "A literature of small trials", WIDTH - 2 * EDGE, TITLE, bold=True)
    words = wrap(head, WIDTH - 2 * EDGE, NAME)
    key = key_rows(_symbols(), WIDTH - 2 * EDGE)
    said = wrap(_said(made), WIDTH - 2 * EDGE, SMALL)
    small = wrap(_small_print(made), WIDTH - 2 * EDGE, SMALL)
    top = 0.06 + text_height(len(title), TITLE) + text_height(len(words), NAME) + text_height(len(said), SMALL) + 0.06
    begin = top + len(key) * (text_height(1, SMALL) + 0.02) + text_height(1, SMALL) + 0.14
    sheet = Sheet(WIDTH, begin + HIGH + BELOW + text_height(1 + len(small), SMALL) + 0.12)
    at = sheet.text(EDGE, 0.06, title, TITLE, colour=INK, bold=True)
    at = sheet.text(EDGE, at, words, NAME, colour=GREY)
    sheet.text(EDGE, at, said, SMALL, colour=INK)
    sheet.key(EDGE, top, key)
    over = begin - text_height(1, SMALL) - 0.04
    sheet.text(LEFT, over, f"Literature {which + 1} of {made.count:,}, trial by trial", SMALL, colour=INK)
    sheet.text(LEFT + FUNNEL + GAP, over, "All of them, pooled", SMALL, colour=INK)
    _funnel(sheet, made, which, begin)
    _pooled(sheet, made, begin)
    at = sheet.text(EDGE, begin + HIGH + BELOW, "Not for dosing patients.", SMALL, colour=INK, bold=True)
    sheet.text(EDGE, at, small, SMALL)
    return sheet.figure


def _symbols() -> list[Symbol]:
    dot = {"linestyle": "none", "marker": "o", "markersize": 3.5}
    return [
        Symbol("line", {**dot, "color": PUBLISHED, "markevery": (0, 2)}, "published trial, or pooled from these"),
        Symbol("line", {**dot, "color": DRAWER, "fillstyle": "none", "markevery": (0, 2)}, "in the drawer"),
        Symbol("line", {"color": INK, "linewidth": 1.4}, "true difference"),
        Symbol("patch", {"facecolor": "#C9C9C9", "edgecolor": "none"}, "pooled from all trials"),
        Symbol("line", {"color": GREY, "linewidth": 0.8, "linestyle": (0, (2, 2))}, "P = 0.05 by its standard error"),
    ]


def _scale(made: Literature) -> float:
    return 1.0 if made.trials[0].endpoints[0].unit == "points" else 100.0


def _funnel(sheet: Sheet, made: Literature, which: int, top: float) -> None:
    """Estimates against their standard errors, precise ones on top."""
    axes = sheet.axes(LEFT, top, FUNNEL, HIGH, "funnel")
    scale, there = _scale(made), np.isfinite(made.estimates[which])
    estimates, errors, seen = (column[which][there] for column in (made.estimates, made.errors, made.published))
    estimates, errors = scale * estimates, scale * errors
    axes.plot(estimates[seen], errors[seen], linestyle="none", marker="o", markersize=3.5, color=PUBLISHED)
    axes.plot(
        estimates[~seen], errors[~seen], linestyle="none", marker="o", markersize=3.5, color=DRAWER, fillstyle="none"
    )
    deepest = 1.1 * float(errors.max())
    for side in (-1, 1):
        axes.plot([0, side * Z95 * deepest], [0, deepest], color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
    axes.plot([scale * made.truth] * 2, [0, deepest], color=INK, linewidth=1.4, zorder=0)
    ends = [*estimates, scale * made.truth, 0.0]
    room = 0.08 * (max(ends) - min(ends))
    axes.set(ylim=(deepest, 0), xlim=(min(ends) - room, max(ends) + room))
    style.ticks(axes.xaxis, style.round_places(min(ends), max(ends), 5))
    style.ticks(axes.yaxis, style.round_places(0.0, deepest, 5))
    unit = unit_text(made.trials[0].endpoints[0], True)
    title = toward_better(made.trials[0].endpoints[0], f"Drug less control ({unit})")
    axes.set_xlabel(title, fontsize=LABEL, color=INK, labelpad=2)
    axes.set_ylabel(f"Standard error ({unit})", fontsize=LABEL, color=INK, labelpad=2)


def _pooled(sheet: Sheet, made: Literature, top: float) -> None:
    """Pooled differences of all literatures."""
    axes = sheet.axes(LEFT + FUNNEL + GAP, top, POOLED, HIGH, "pooled")
    scale = _scale(made)
    everything, published = scale * made.of_all.estimate, scale * made.of_published.estimate
    every = np.concatenate([everything, published])
    edges = np.linspace(every.min(), every.max(), 41)
    if edges[0] == edges[-1]:
        edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
    tallest = 0.0
    for values, look in (
        (everything, {"color": "#C9C9C9"}),
        (published, {"facecolor": "none", "edgecolor": PUBLISHED, "linewidth": 1.0}),
    ):
        if not len(values):
            continue
        counts, _ = np.histogram(values, edges)
        axes.stairs(counts / len(values), edges, fill="color" in look, **look)
        tallest = max(tallest, float((counts / len(values)).max()))
    axes.plot([scale * made.truth] * 2, [0, 1.06 * tallest], color=INK, linewidth=1.4)
    axes.set_ylim(0, 1.1 * tallest)
    low, high = (float(edge) for edge in (edges[0], edges[-1]))
    style.ticks(axes.xaxis, style.round_places(min(low, scale * made.truth), max(high, scale * made.truth), 5))
    style.ticks(axes.yaxis, ())
    axes.spines["left"].set_visible(False)
    unit = unit_text(made.trials[0].endpoints[0], True)
    title = toward_better(made.trials[0].endpoints[0], f"Pooled difference ({unit})")
    axes.set_xlabel(title, fontsize=LABEL, color=INK, labelpad=2)


def _said(made: Literature) -> str:
    """What it shows, in a sentence."""
    endpoint = made.trials[0].endpoints[0]
    unit, shown = unit_text(endpoint, True), partial(value_text, endpoint, signed=True)
    held, every = made.coverage(), f"All trials pooled show {shown(made.of_all.estimate.mean())} {unit} on average"
    if not made.readable.any():
        return (
            f"{every} (true {shown(made.truth)}); 95 % intervals hold what all trials would show in "
            f"{100 * held[0]:.0f} %. {made.unread}"
        )
    said = (
        f"{every}, the published ones {shown(made.of_published_estimate)} (true {shown(made.truth)}); 95 % "
        f"intervals hold what all trials would show in {100 * held[0]:.0f} and {100 * held[1]:.0f} %. Egger's test "
        f"finds a published literature lopsided in {100 * made.seen_asymmetric:.0f} %."
    )
    return f"{said} {made.unread}".rstrip()


def _small_print(made: Literature) -> str:
    sizes = ", ".join(" + ".join(map(str, trial.patients)) for trial in made.trials)
    return (
        f"Model {made.trials[0].model.id} (seed {made.seed}). Patients: {sizes}. In the drawer stay "
        f"{100 * made.unpublished:.0f} % of the trials that are not significant and {100 * made.unfavourable:.0f} % of "
        f"those significant against the drug; both shares are assumed. Pooled by {made.method_name}, Hartung-Knapp "
        f"interval. {made.conducted}"
    )
