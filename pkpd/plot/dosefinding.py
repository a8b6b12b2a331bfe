"""The figure of simulated dose finding: the true curve, curves that trials find, and the doses read off them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pkpd.plot import style
from pkpd.plot.sheet import Sheet, Symbol, key_rows
from pkpd.plot.style import GREY, INK, LABEL, NAME, SMALL, TITLE, text_height, wrap
from pkpd.trials.dosefinding import DoseFinding
from pkpd.trials.words import title_of, unit_text

WIDTH, EDGE, LEFT = 7.1, 0.14, 0.62  # inches
CURVES, GAP, TARGETS = 3.2, 0.4, 2.55  # widths of the panels and between them, inches
HIGH, BELOW = 2.4, 0.42  # heights of the panels, and of ticks and title, inches
DRAWN = 40  # trials whose curves are drawn
FOUND = "#0072B2"


def draw(made: DoseFinding) -> Any:
    """The figure: dose-response on the left, the distribution of target doses on the right.

    returns : a matplotlib figure that needs no display and no pyplot
    """
    trial = made.trial
    title = wrap(trial.title or "Dose finding", WIDTH - 2 * EDGE, TITLE, bold=True)
    head = f"{len(made.means):,} simulated trials, {title_of(trial.endpoints[0])}: {made.regimen}"
    words = wrap(head, WIDTH - 2 * EDGE, NAME)
    said, small = wrap(_said(made), WIDTH - 2 * EDGE, SMALL), wrap(_small_print(made), WIDTH - 2 * EDGE, SMALL)
    key = key_rows(_symbols(made), WIDTH - 2 * EDGE)
    top = 0.06 + text_height(len(title), TITLE) + text_height(len(words), NAME) + text_height(len(said), SMALL) + 0.06
    begin = top + len(key) * (text_height(1, SMALL) + 0.02) + 0.1
    sheet = Sheet(WIDTH, begin + HIGH + BELOW + text_height(1 + len(small), SMALL) + 0.12)
    at = sheet.text(EDGE, 0.06, title, TITLE, colour=INK, bold=True)
    at = sheet.text(EDGE, at, words, NAME, colour=GREY)
    sheet.text(EDGE, at, said, SMALL, colour=INK)
    sheet.key(EDGE, top, key)
    _curves(sheet, made, begin)
    _targets(sheet, made, begin)
    at = sheet.text(EDGE, begin + HIGH + BELOW, "Not for dosing patients.", SMALL, colour=INK, bold=True)
    sheet.text(EDGE, at, small, SMALL)
    return sheet.figure


def _symbols(made: DoseFinding) -> list[Symbol]:
    return [
        Symbol("line", {"color": INK, "linewidth": 1.6}, "true effect over placebo"),
        Symbol("line", {"color": FOUND, "linewidth": 0.6, "alpha": 0.6}, f"curve found in a trial, {DRAWN} of them"),
        Symbol("line", {"color": GREY, "linewidth": 0.8, "linestyle": (0, (2, 2))}, "effect wanted"),
        Symbol("patch", {"facecolor": FOUND, "edgecolor": "none", "alpha": 0.5}, "dose read off"),
    ]


def _scale(made: DoseFinding) -> float:
    return 1.0 if made.trial.endpoints[0].unit == "points" else 100.0


def _curves(sheet: Sheet, made: DoseFinding, top: float) -> None:
    """The true effect over placebo, and what trials make of it."""
    axes = sheet.axes(LEFT, top, CURVES, HIGH, "dose-response")
    scale = _scale(made)
    fine = np.linspace(0.0, made.doses[-1], 121)
    found = made.found.predict(fine)
    effects = scale * (found - found[:, :1])[made.found.found][:DRAWN]
    for effect in effects:
        axes.plot(fine, effect, color=FOUND, linewidth=0.6, alpha=0.35)
    axes.plot(made.grid, scale * made.true, color=INK, linewidth=1.6)
    axes.axhline(scale * made.effect, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    ends = [0.0, scale * made.effect, *(scale * made.true), *effects.ravel()]
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low)
    axes.set(xlim=(0, float(made.doses[-1]) * 1.02), ylim=(low - room, high + room))
    style.ticks(axes.xaxis, [float(dose) for dose in made.doses])
    style.ticks(axes.yaxis, style.round_places(low, high, 6))
    axes.set_xlabel("Dose", fontsize=LABEL, color=INK, labelpad=2)
    unit = unit_text(made.trial.endpoints[0], True)
    axes.set_ylabel(f"Effect over placebo ({unit})", fontsize=LABEL, color=INK, labelpad=2)


def _targets(sheet: Sheet, made: DoseFinding, top: float) -> None:
    """The doses that trials read off, with those that find none."""
    axes = sheet.axes(LEFT + CURVES + GAP, top, TARGETS, HIGH, "target dose")
    kept = made.target[np.isfinite(made.target)]
    edges = np.linspace(0.0, float(made.doses[-1]), 31)
    counts = np.histogram(kept, edges)[0] / len(made.target)
    axes.bar(edges[:-1], counts, np.diff(edges) * 0.92, align="edge", color=FOUND, alpha=0.5, linewidth=0)
    tallest = max(float(counts.max()), 1e-9)
    if np.isfinite(made.true_target):
        axes.plot([made.true_target] * 2, [0, 1.06 * tallest], color=INK, linewidth=1.6)
    axes.set(xlim=(0, float(made.doses[-1]) * 1.02), ylim=(0, 1.1 * tallest))
    style.ticks(axes.xaxis, [float(dose) for dose in made.doses])
    style.ticks(axes.yaxis, ())
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Smallest dose with the effect wanted", fontsize=LABEL, color=INK, labelpad=2)


def _said(made: DoseFinding) -> str:
    """What it shows, in sentences."""
    shown = {name or "none": share for name, share in made.shapes.items()}
    shapes = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shown.items())
    kept = made.target[np.isfinite(made.target)]
    true = f"{made.true_target:.3g}" if np.isfinite(made.true_target) else "above the highest dose"
    read = "no trial reads off a dose"
    if len(kept):
        low, middle, high = np.quantile(kept, (0.05, 0.5, 0.95))
        missing = 1.0 - len(kept) / len(made.target)
        read = f"trials read off {middle:.3g} (90 % of those that do {low:.3g} to {high:.3g}; none in {missing:.0%})"
    return (
        f"A dose-response is found in {100 * made.power:.0f} %. Dose with the effect wanted: true {true}; {read}. "
        f"Shape with the greatest weight: {shapes}."
    )


def _small_print(made: DoseFinding) -> str:
    patients = ", ".join(map(str, made.patients))
    return (
        f"Model {made.trial.model.id} (seed {made.seed}); patients at the doses: {patients}. MCP-Mod: optimal "
        "contrasts, one critical value for all shapes, curves averaged or chosen. Truth: free of noise, "
        "drop-out and unblinding."
    )
