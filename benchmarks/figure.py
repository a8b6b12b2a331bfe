"""The measured rows as a picture: microseconds a subject, a panel for each workload, the error beside each dot."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.programs import OURS, OURS_PREPARED
from benchmarks.report import figures
from benchmarks.rounds import Row
from benchmarks.workloads import WORKLOADS

OWN, OTHER, INK = "#0072B2", "#8A8A8A", "#222222"  # blue and grey differ in lightness too
ROW, GAP = 0.225, 0.54  # inches


def draw(rows: Sequence[Row], file: Path) -> None:
    """Write the figure; rows that were refused are not in it."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import StrMethodFormatter

    shown = [row for row in rows if not row.refused]
    names = list(dict.fromkeys(row.workload.name for row in shown))
    if not names:
        raise ValueError("figure: nothing was timed.")
    panels = {name: _sorted(shown, name) for name in names}
    heights = [ROW * (len(panel) + 0.6) for panel in panels.values()]
    height = sum(heights) + GAP * len(names) + 0.75
    page = Figure(figsize=(8.6, height))
    most = max(statistics.median(row.each) for row in shown)
    least = min(statistics.median(row.each) for row in shown)
    top = height - 0.5
    for (name, panel), tall in zip(panels.items(), heights, strict=True):
        top -= GAP - 0.3
        axes = page.add_axes((0.23, (top - tall) / height, 0.57, tall / height))
        top -= tall + 0.3
        axes.set_xscale("log")
        axes.set_xlim(least / 1.6, most * 1.6)
        axes.set_ylim(len(panel) - 0.4, -0.7)
        axes.set_title(f"{name}  {WORKLOADS[name].title}", loc="left", fontsize=9.5, color=INK, x=-0.38, weight="bold")
        for place, row in enumerate(panel):
            own = row.program.name in (OURS, OURS_PREPARED)
            colour = OWN if own else OTHER
            median = statistics.median(row.each)
            axes.plot([min(row.each), max(row.each)], [place, place], color=colour, linewidth=1.4, zorder=2)
            axes.plot(
                median,
                place,
                marker="D" if own else "o",
                markersize=6.5 if own else 6,
                markerfacecolor=colour if row.threads == 1 else "white",
                markeredgecolor=colour,
                markeredgewidth=1.4,
                zorder=3,
            )
            for right, text in ((1.14, figures(median)), (1.30, f"{row.peak_error:.0e}")):
                axes.text(
                    right,
                    place,
                    text,
                    transform=axes.get_yaxis_transform(),
                    ha="right",
                    va="center",
                    fontsize=8.5,
                    color=INK,
                    weight="bold" if own else "normal",
                )
        for right, text in ((1.14, "µs"), (1.30, "error")):
            axes.text(right, 1.02, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=8.5, color=INK)
        axes.set_yticks(range(len(panel)), [_label(row) for row in panel], fontsize=8.5)
        for name_of_row, row in zip(axes.get_yticklabels(), panel, strict=True):
            name_of_row.set_color(INK)
            name_of_row.set_fontweight("bold" if row.program.name in (OURS, OURS_PREPARED) else "normal")
        axes.grid(axis="x", which="major", color="#DDDDDD", linewidth=0.7, zorder=0)
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=8, colors=INK, labelbottom=name == names[-1])
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color("#BBBBBB")
        axes.minorticks_off()
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.set_xlabel("microseconds a subject (W1: a call), median of the rounds", fontsize=8.5, color=INK)
    page.text(
        0.012,
        1 - 0.28 / height,
        "Filled: one thread.  Open: two threads.  Line: fastest to slowest round.  Error: worst, of the peak.",
        fontsize=8.5,
        color=INK,
    )
    page.savefig(file, dpi=150)


def _sorted(rows: Sequence[Row], name: str) -> list[Row]:
    """Rows of one workload, the fastest first."""
    return sorted((row for row in rows if row.workload.name == name), key=lambda row: statistics.median(row.each))


def _label(row: Row) -> str:
    return row.program.name if row.threads == 1 else f"{row.program.name}, 2 threads"
