"""Predicted against observed, a panel for each model: identity, and bands of 1.25, 1.5 and 2 fold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.truth.meeting import made_for
from benchmarks.truth.scoring import Entry, geometric_fold
from pkpd.model.library import DEFAULT_MODEL

INK, QUIET = "#222222", "#777777"
# Okabe and Ito; what is measured differs in lightness too, so that it can be told apart in grey.
COLOURS = {"ketamine": "#0072B2", "norketamine": "#E69F00", "hydroxynorketamine": "#000000"}
EDGES = {"ketamine": "#003F63", "norketamine": "#7A5400", "hydroxynorketamine": "#000000"}
SYMBOLS = {"iv": "o", "oral": "s", "nasal": "^", "sublingual": "D", "buccal": "D"}
BANDS = ((2.0, "#EBEBEB"), (1.5, "#D2D2D2"), (1.25, "#B4B4B4"))
LOW, HIGH = 0.5, 4000.0  # ng/mL, or ng/mL h
ACROSS = 4


def draw(entries: Sequence[Entry], file: Path) -> None:
    """Write the figure.

    Raises ValueError where nothing was predicted.
    """
    page(entries).savefig(file, dpi=100)


def page(entries: Sequence[Entry]) -> Any:
    """The figure; raises ValueError where nothing was predicted."""
    from matplotlib.figure import Figure

    labels = _order(entries)
    if not labels:
        raise ValueError("figure: nothing was predicted.")
    down = math.ceil(len(labels) / ACROSS)
    wide, tall, left, top, gap = 2.35, 2.35, 0.62, 1.3, 0.58
    width, height = left + ACROSS * (wide + 0.22), top + down * (tall + gap) + 0.2
    sheet = Figure(figsize=(width, height))
    for place, label in enumerate(labels):
        row, column = divmod(place, ACROSS)
        x, y = left + column * (wide + 0.22), height - top - row * (tall + gap) - tall
        axes = sheet.add_axes((x / width, y / height, wide / width, tall / height))
        mine = [e for e in entries if e.subject.label == label]
        _panel(axes, mine, first=column == 0, last=place + ACROSS >= len(labels))
    _legend(sheet, width, height, [route for route in SYMBOLS if any(e.row.route == route for e in entries)])
    return sheet


def _order(entries: Sequence[Entry]) -> list[str]:
    """Models of adults first; among them the default, then those with the most scored rows; other readings last."""
    labels = list(dict.fromkeys(e.subject.label for e in entries))

    def key(label: str) -> tuple[object, ...]:
        mine = [e for e in entries if e.subject.label == label]
        scored = [e for e in mine if not e.own and e.row.kind == "data"]
        group = ("adults", "intensive care", "children").index(made_for(mine[0].subject.model))
        default = mine[0].subject.model.id == DEFAULT_MODEL
        return group, mine[0].subject.reading != "", not default, -len(scored), geometric_fold(scored) or 1e9, label

    return sorted(labels, key=key)


def _drug(entry: Entry) -> str:
    return entry.row.analyte.removeprefix("S-").removeprefix("R-")


def _within(value: float) -> float:
    """A prediction, or the end of the axis where it lies beyond."""
    return min(max(value, LOW), HIGH)


def _panel(axes: Any, mine: Sequence[Entry], first: bool, last: bool) -> None:
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    ends = [LOW, HIGH]
    for fold, grey in BANDS:
        axes.fill_between(ends, [e / fold for e in ends], [e * fold for e in ends], color=grey, linewidth=0, zorder=0)
    axes.plot(ends, ends, color=INK, linewidth=0.8, zorder=1)
    for e in sorted(mine, key=lambda e: (not e.own, e.row.kind == "data")):
        if e.row.kind == "doubtful":
            axes.plot(
                e.row.value,
                _within(e.predicted),
                "x",
                color=QUIET,
                markersize=4.5,
                markeredgewidth=1,
                zorder=2,
            )
            continue
        drug = _drug(e)
        axes.plot(
            e.row.value,
            _within(e.predicted),
            SYMBOLS[e.row.route],
            markersize=5,
            markerfacecolor="white" if e.own else COLOURS[drug],
            markeredgecolor=COLOURS[drug] if e.own else EDGES[drug],
            markeredgewidth=1.1 if e.own else 0.6,
            zorder=3 if e.own else 4,
            clip_on=False,
        )
        if _within(e.predicted) != e.predicted:
            place = {"xytext": (5, 0), "textcoords": "offset points", "va": "center", "fontsize": 7, "color": INK}
            axes.annotate(f"{e.predicted:,.0f}", (e.row.value, _within(e.predicted)), **place)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    for axis, shown in ((axes.xaxis, last), (axes.yaxis, first)):
        axis.set_major_formatter(StrMethodFormatter("{x:,g}") if shown else NullFormatter())
        axis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelsize=7, colors=INK, which="both", length=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    scored = [e for e in mine if not e.own and e.row.kind == "data"]
    off = geometric_fold(scored)
    said = f"off by {off:.2f} fold in all, {len(scored)} rows" if off is not None else "no rows it was not made from"
    subject = mine[0].subject
    name = subject.model.id + (f"\n{subject.reading}" if subject.reading else "")
    axes.set_title(name, loc="left", fontsize=8, color=INK, weight="bold", pad=14)
    axes.text(0, 1.025, said, transform=axes.transAxes, fontsize=7.5, color=INK)
    if last:
        axes.set_xlabel("observed, ng/mL", fontsize=8, color=INK)
    if first:
        axes.set_ylabel("predicted, ng/mL", fontsize=8, color=INK)


def _legend(page: Any, width: float, height: float, routes: Sequence[str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def mark(label: str, symbol: str = "o", face: str = "#BBBBBB", edge: str = INK, thick: float = 0.7) -> Any:
        return Line2D(
            [], [], linestyle="", marker=symbol, color=face, markeredgecolor=edge, markeredgewidth=thick, label=label
        )

    marks = [
        *(Patch(facecolor=grey, label=f"off by at most {fold:g} fold") for fold, grey in reversed(BANDS)),
        *(mark(drug, face=COLOURS[drug], edge=EDGES[drug]) for drug in COLOURS),
        *(mark(route, SYMBOLS[route]) for route in routes),
        mark("made from it, not counted", face="white", thick=1.1),
        mark("doubtful, not counted", "x", edge=QUIET, thick=1.0),
    ]
    page.text(
        0.012,
        1 - 0.24 / height,
        "Predicted against observed, ng/mL (areas: ng/mL h). Line: identity; above it, predicted too high. "
        "A point beyond an axis stands at its end with its value.",
        fontsize=9,
        color=INK,
    )
    page.text(
        0.012,
        0.1 / height,
        "A point is a row of observations; each with its citation: python -m benchmarks.truth --json FILE. "
        "Models: pkpd show ID.  Not for dosing patients.",
        fontsize=8,
        color=INK,
    )
    page.legend(
        handles=marks,
        loc="upper left",
        bbox_to_anchor=(0.004, 1 - 0.28 / height),
        ncols=4,
        frameon=False,
        fontsize=8,
        handletextpad=0.2,
        columnspacing=1.2,
    )
