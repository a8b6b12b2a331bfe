"""Published trials beside what trials of their size find: differences to the left, power to the right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.truth.designs import Line
from benchmarks.truth.effects_figure import GREY, HEAD, INK, PALETTE, RULE, SMALL, TEXT, plain

LEGEND = """\
Left: bar, middle 95 % of the differences that simulated trials of that size find; tick, the true difference; diamond,
the published one, hollow where a model was made from it; a cross where it lies outside the bar.
Right: share of simulated trials with P < 0.05; filled where the published one was significant, hollow where it was not,
a tick where nothing is said.  Dotted: 0.8.
Every number with its source: python -m benchmarks.truth.designs --json FILE.  Models: pkpd show ID.
Not for dosing patients."""
WIDTH, ROW, TOP, GAP, FOOT = 10.2, 0.215, 0.5, 0.95, 1.5  # inches
LEFT, MIDDLE, RIGHT = 4.1, 3.5, 2.0  # inches: of the labels, and of both panels


def draw(lines: Sequence[Line], file: Path) -> None:
    """Write the figure.

    lines : those with two arms are drawn
    file  : .png, .svg or .pdf
    Raises ValueError where none has two arms.
    """
    page(lines).savefig(file, dpi=150)


def page(lines: Sequence[Line]) -> Any:
    """The figure; raises ValueError where no line has two arms."""
    from matplotlib.figure import Figure

    two = [line for line in lines if line.result.design != "single arm"]
    if not two:
        raise ValueError("figure: no trial with two arms.")
    panels = [
        ([line for line in two if line.result.endpoint.unit == unit], title, factor)
        for unit, title, factor in (
            ("", "Responders and relief, drug less control, percentage points (right: better)", 100.0),
            ("points", "Pain score, drug less control, points (left: better)", 1.0),
        )
    ]
    panels = [panel for panel in panels if panel[0]]
    height = TOP + FOOT + sum(ROW * len(rows) for rows, _, _ in panels) + GAP * (len(panels) - 1)
    sheet = Figure(figsize=(WIDTH, height))
    top = height - TOP
    for rows, title, factor in panels:
        own = ROW * len(rows)
        bottom = (top - own) / height
        _differences(sheet.add_axes((LEFT / WIDTH, bottom, MIDDLE / WIDTH, own / height)), rows, factor)
        _power(sheet.add_axes(((LEFT + MIDDLE + 0.35) / WIDTH, bottom, RIGHT / WIDTH, own / height)), rows)
        sheet.text(0.12 / WIDTH, (top + 0.13) / height, title, fontsize=HEAD, color=INK, weight="bold")
        top -= own + GAP
    sheet.text(0.12 / WIDTH, 0.08 / height, LEGEND, fontsize=SMALL, color=GREY, va="bottom", linespacing=1.4)
    return sheet


def _label(line: Line) -> str:
    author = line.trial.title.split(":")[0]
    dose = "" if line.first else f", {line.trial.drug.name}"
    return f"{author}{dose}, {line.result.endpoint.name}, {line.when}"


def _differences(axes: Any, rows: Sequence[Line], factor: float) -> None:
    plain(axes)
    for place, line in enumerate(rows):
        result = line.result
        low, high = factor * np.nanquantile(result.found.estimate, [0.025, 0.975])
        axes.plot([low, high], [place, place], color=RULE, linewidth=5, solid_capstyle="butt", zorder=1)
        true = factor * result.true_difference
        axes.plot([true, true], [place - 0.32, place + 0.32], color=INK, linewidth=1.4, zorder=2)
        if result.observed is not None:
            outside = line.inside is False
            colour, shape = (PALETTE[1], "X") if outside else (PALETTE[0], "D")
            face = "white" if line.used else colour
            seen = factor * result.observed.estimate
            axes.plot(seen, place, shape, ms=5.5, mfc=face, mec=colour, mew=1.3, zorder=3)
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(rows)), [_label(line) for line in rows], fontsize=SMALL)
    axes.tick_params(axis="y", length=0, pad=7)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(rows) - 0.4, -0.6)


def _power(axes: Any, rows: Sequence[Line]) -> None:
    plain(axes)
    for place, line in enumerate(rows):
        power = line.result.power
        if line.found is None:
            axes.plot([power, power], [place - 0.25, place + 0.25], color=PALETTE[0], linewidth=1.6, clip_on=False)
        else:
            face = PALETTE[0] if line.found else "white"
            axes.plot(power, place, "o", ms=5.5, mfc=face, mec=PALETTE[0], mew=1.3, clip_on=False)
    axes.axvline(0.8, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    axes.set_yticks([])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel("power", fontsize=TEXT, color=INK)
