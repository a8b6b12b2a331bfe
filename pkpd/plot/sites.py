"""The effect sites of a disagreement: a line for each half-life of equilibration, with its effects and its peak."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pkpd.disagreement.values import Disagreement, SitePeak, hours_text
from pkpd.plot import style
from pkpd.plot.sheet import Sheet
from pkpd.plot.style import GREY, INK, LABEL, SMALL, number, text_height, wrap

HALF_LIFE, NAMES, AXIS, VALUE = 0.52, 1.78, 0.95, 0.36  # widths from left to right, inches
WIDTH = HALF_LIFE + NAMES + AXIS + VALUE
BETWEEN = 0.07  # from one line to the next, inches
HEAD = 3  # most lines above
SPARE = 1.08  # length of the axis over the highest peak


@dataclass(frozen=True, slots=True)
class Row:
    """One half-life of equilibration.

    site  : its peak
    names : the effects that have it, broken into lines
    low   : lowest peak over the range of the half-life worth trying, ng/mL
    high  : highest one, ng/mL
    """

    site: SitePeak
    names: tuple[str, ...]
    low: float
    high: float

    @property
    def height(self) -> float:
        """Inches."""
        return text_height(len(self.names), SMALL) + BETWEEN


def rows(disagreement: Disagreement, drawn: Sequence[SitePeak]) -> list[Row]:
    """A row for each half-life, the shortest first, with the peaks at the ends of its range.

    A range that has a high end and no low one begins at 0, where plasma itself is the effect site.
    """
    found = []
    for site in sorted((site for site in drawn if not site.end), key=lambda site: site.half_life):
        ends = [other for other in drawn if other.end and set(other.of) & set(site.of)]
        peaks = [site.peak, *(other.peak for other in ends)]
        if ends and not any(other.end == "low" for other in ends):
            peaks.append(next(curve.peak for curve in disagreement.curves if curve.model == disagreement.site_model))
        names = tuple(wrap(", ".join(site.of), NAMES - 0.1, SMALL))
        found.append(Row(site, names, min(peaks), max(peaks)))
    return found


def _places(step: float, most: float) -> list[float]:
    """Ticks from 0 on by steps of some ng/mL; none where their numbers would not fit."""
    if most / step > 6:
        return []
    places = [step * n for n in range(int(most / step + 1e-9) + 1)]
    widest = max(style.text_width(f"{place:g}", style.TICK) for place in places)
    return places if widest + 0.05 <= AXIS * step / (SPARE * most) else []


def height(found: Sequence[Row]) -> float:
    """What the rows need with the text above them, inches."""
    return text_height(HEAD, SMALL) + 0.06 + sum(row.height for row in found) if found else 0.0


def draw(sheet: Sheet, disagreement: Disagreement, found: Sequence[Row], left: float, top: float, tall: float) -> None:
    """Half-lives and effects as text, the peaks as dots on an axis from zero, and their values.

    left, top : inches
    tall      : from there to the axis at the bottom, inches
    """
    fold = disagreement.site_fold
    head = (
        f"Peak at an effect site fed by {disagreement.site_model}, by half-life of equilibration"
        + (f": {fold:.2f}-fold apart" if math.isfinite(fold) else "")
        + ". Bars: over the range of each half-life worth trying."
    )
    begin = sheet.text(left, top, wrap(head, WIDTH, SMALL, most=HEAD), SMALL) + 0.06
    high = top + tall - begin
    axes = sheet.axes(left + HALF_LIFE + NAMES, begin, AXIS, high, "effect sites")
    space = (high - sum(row.height for row in found)) / len(found)
    at, path = 0.0, []
    for row in found:
        middle = at + (row.height + space) / 2
        above = begin + middle - text_height(1, SMALL) / 2
        sheet.text(left, above, hours_text(row.site.half_life), SMALL, colour=INK)
        sheet.text(left + HALF_LIFE, begin + middle - text_height(len(row.names), SMALL) / 2, row.names, SMALL)
        sheet.text(left + WIDTH - VALUE + 0.06, above, number(row.site.peak), SMALL, colour=INK)
        axes.plot([row.low, row.high], [middle, middle], color=GREY, linewidth=3.0, alpha=0.4, solid_capstyle="butt")
        path.append((row.site.peak, middle))
        at += row.height + space
    axes.plot(*zip(*path, strict=True), color="#AAAAAA", linewidth=style.THIN, zorder=1)
    axes.plot(*zip(*path, strict=True), linestyle="none", marker="o", markersize=3.5, color=INK, zorder=3)
    most = max(row.high for row in found)
    axes.set(xlim=(0, SPARE * most), ylim=(high, 0))
    steps = [s * 10.0**p for p in range(-9, 9) for s in (1, 2, 5)]
    places = next(fit for step in steps if (fit := _places(step, most)))
    style.ticks(axes.xaxis, places)
    style.ticks(axes.yaxis, ())
    axes.set_xlabel("Peak (ng/mL)", fontsize=LABEL, color=INK, labelpad=2)
