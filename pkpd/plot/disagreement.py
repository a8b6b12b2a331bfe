"""The figure of a disagreement: doses, every model's curve with what was observed, and the peaks at effect sites."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from pkpd.disagreement.observed import Point
from pkpd.disagreement.values import SLOW, Curve, Disagreement, SitePeak, by_reason, hours_text
from pkpd.plot import panels, sites, style
from pkpd.plot.curves import rate_steps
from pkpd.plot.sheet import GAP, LEADER, SAMPLE, Block, EndLabel, Sheet, Symbol, key_rows
from pkpd.plot.style import GREY, INK, LABEL, SMALL, TITLE, Line, Look, number, text_height, wrap
from pkpd.times import to_hours, to_ticks

WIDTH, LEFT, EDGE, RIGHT = 10.2, 0.6, 0.06, 0.1  # inches
NAMES = 2.15  # most for the names of the models, inches
STRIP, HIGH, BELOW = 0.55, 3.0, 0.36  # heights, inches
SITES_LEFT = WIDTH - sites.WIDTH - RIGHT
BESIDE = 0.2  # between the names of the models and the effect sites, inches
EARLY = ((1 / 6, 0.5), (1.0, 1.0))  # h: where the last dose ends so early, the first hours also have axes of their own
EARLY_PEAK = 1 / 8  # of the course: where the models' peaks lie later, they have not
EARLY_SHARE, EARLY_GAP = 0.4, 0.16  # of the width, and from them to the whole course, inches
DEEPEST = 3000.0  # highest over lowest level that is drawn
OUTSIDE = "†"  # behind the name of a model outside its limits

# Where samples came from, as a line and as symbols; the second symbol where studies of a site outnumber the fills.
LINE: Mapping[str, Line] = {
    "arterial": (0, ()),
    "venous": (0, (5, 1.5)),
    "pooled": (0, (6, 1.5, 1.2, 1.5)),
    "not stated": (0, (1.2, 1.2)),
}
MARKER = {"arterial": "^D", "venous": "vs", "plasma": "op"}
FILLS = ("#FFFFFF", "#222222", "#BBBBBB", "#777777")
COLOURS = (*style.PALETTE, "#000000", "#8C510A")


@dataclass(frozen=True, slots=True)
class Study:
    """Observed points of one study and site, and how they are drawn."""

    points: tuple[Point, ...]
    marker: str
    fill: str

    @property
    def text(self) -> str:
        """Its line in the key."""
        first = self.points[0]
        people = sorted({point.n for point in self.points if point.n})
        told = [f"n = {people[0]}" if people[0] == people[-1] else f"n = {people[0]} to {people[-1]}"] if people else []
        told.append("site not stated" if first.site == "plasma" else first.site)
        if first.factor != 1:
            told.append(f"scaled from {first.regimen}")
        if first.doubtful:
            told.append("doubtful")
        if any(point.metric == "peak" and math.isnan(point.hours) for point in self.points):
            told.append("a peak without a time stands at the models' own")
        return f"{first.study}: {', '.join(told)}"


def draw(disagreement: Disagreement) -> Any:
    """The figure of a disagreement.

    returns : a matplotlib figure that needs no display and no pyplot
    """
    blocks = [
        _words(wrap(str(disagreement.regimen), WIDTH - 2 * EDGE, TITLE, bold=True), TITLE, INK, bold=True, gap=0.02),
        _words(wrap(_summary(disagreement), WIDTH - 2 * EDGE, LABEL), LABEL, INK),
        _panels(disagreement),
        _words(["Not for dosing patients."], SMALL, INK, bold=True, gap=0.0),
    ]
    blocks += [_words(wrap(text, WIDTH - 2 * EDGE, SMALL), SMALL, GREY, gap=0.02) for text in small_print(disagreement)]
    sheet = Sheet(WIDTH, sum(block.height for block in blocks) + 0.12)
    top = 0.06
    for block in blocks:
        block.paint(sheet, top)
        top += block.height
    return sheet.figure


def looks(curves: Sequence[Curve]) -> dict[str, Look]:
    """The look of every model by id: a colour of its own among the models of one sampling site, a line for the site."""
    found: dict[str, Look] = {}
    order = sorted({curve.model: curve.site for curve in curves}.items(), key=lambda item: list(LINE).index(item[1]))
    for place, (model, site) in enumerate(order):
        found[model] = Look(COLOURS[place % len(COLOURS)], LINE[site])
    return found


def studies(points: Sequence[Point]) -> tuple[Study, ...]:
    """Points that are drawn, by study, site and dose: a symbol for the site and a fill for the study."""
    shown = [point for point in points if point.metric != "area"]
    found: list[Study] = []
    used: dict[str, int] = {}
    for (_, site, _, _), own in groupby(sorted(shown, key=_alike), key=_alike):
        turn = used.get(site, 0)
        used[site] = turn + 1
        markers = MARKER.get(site, MARKER["plasma"])
        found.append(Study(tuple(own), markers[turn // len(FILLS) % len(markers)], FILLS[turn % len(FILLS)]))
    return tuple(found)


def _alike(point: Point) -> tuple[str, str, str, bool]:
    return point.study, point.site, point.regimen, point.doubtful


def small_print(disagreement: Disagreement) -> list[str]:
    """What the figure says of itself: where each curve comes from, limits passed, who is left out and why."""
    lines = [
        "Source of every number: pkpd show ID, where ID is the model named beside a curve"
        + (" or an effect named beside a half-life" if _drawn(disagreement) else "")
        + ("; of what was observed, the column source of the table." if disagreement.points else ".")
    ]
    lines += _flagged(disagreement)
    same = [f"{curve.name} ({', '.join(curve.same)})" for curve in disagreement.curves if curve.same]
    if same:
        lines.append(f"The same under another reading of its evidence: {'; '.join(same)}.")
    used = {f"{point.study} ({', '.join(point.used_by)})" for point in disagreement.points if point.used_by}
    if used:
        lines.append(f"Observed, and used to build a model: {'; '.join(sorted(used))}.")
    areas = [
        f"{point.study} {number(point.value)} {'in all' if math.isnan(point.hours) else f'to {point.hours:g} h'}"
        for point in disagreement.points
        if point.metric == "area"
    ]
    if areas:
        found = [curve.area for curve in disagreement.curves]
        drawn = f"the models give {number(min(found))} to {number(max(found))} up to {disagreement.horizon:g} h"
        lines.append(f"Observed areas under the curve, ng/mL h: {'; '.join(areas)}; {drawn}.")
    late = sum(point.hours > disagreement.horizon for point in disagreement.points if point.metric != "area")
    if late:
        lines.append(f"{late} observed point{'s lie' if late > 1 else ' lies'} beyond the end of the time axis.")
    slow = [site for site in disagreement.sites if site.half_life >= SLOW and not site.end]
    if slow:
        told = "; ".join(
            f"{', '.join(site.of)}, {hours_text(site.half_life)}: {number(site.peak)} ng/mL" for site in slow
        )
        lines.append(f"Effect sites that follow days of treatment, and are not drawn: {told}.")
    if disagreement.left_out:
        lines.append(f"Left out: {' '.join(by_reason(disagreement.left_out))}")
    return lines


def _flagged(disagreement: Disagreement) -> list[str]:
    """What to mind, each with the models it is of: limits passed, behind the mark of their names, and the rest."""
    found: dict[tuple[str, str], list[str]] = {}
    for curve in disagreement.curves:
        for flag in curve.flags:
            found.setdefault((OUTSIDE if flag.kind == "limit" else "", flag.text), []).append(curve.model)
    told: dict[str, list[str]] = {}
    for (mark, text), models in found.items():
        own = list(dict.fromkeys(models))
        told.setdefault(mark, []).append(text if own[0] in text else f"{', '.join(own)}: {text}")
    return [f"{mark} {' '.join(texts)}".strip() for mark, texts in sorted(told.items(), reverse=True)]


def _drawn(disagreement: Disagreement) -> list[SitePeak]:
    """The effect sites that follow within a day."""
    return [site for site in disagreement.sites if site.half_life < SLOW]


def _summary(disagreement: Disagreement) -> str:
    told = [
        f"{fold.what}: {fold.fold:,.{0 if fold.fold >= 10 else 1}f}-fold"
        for fold in disagreement.folds
        if fold.what != "area"
    ]
    text = "; ".join(told).replace(" after the last dose", " after")
    spread = f" Highest over lowest model, {text}." if told and len(disagreement.inside) > 1 else ""
    age = "" if disagreement.age is None else f", {disagreement.age:g} years"
    models = len({curve.model for curve in disagreement.curves})
    points = sum(point.metric != "area" for point in disagreement.points)
    return (
        f"{disagreement.analyte} in one typical person of {disagreement.weight:g} kg{age}, by {models} "
        f"model{'s' if models > 1 else ''}, with {points} observed point{'' if points == 1 else 's'}.{spread}"
    )


def _words(lines: Sequence[str], size: float, colour: str, bold: bool = False, gap: float = 0.08) -> Block:
    def paint(sheet: Sheet, top: float) -> None:
        sheet.text(EDGE, top, lines, size, colour=colour, bold=bold)

    return Block(text_height(len(lines), size) + gap, paint)


def _panels(disagreement: Disagreement) -> Block:
    """Left the doses and the courses, right the effect sites, below them the keys."""
    look, seen = looks(disagreement.curves), studies(disagreement.points)
    labels = _labels(disagreement.curves)
    rows = sites.rows(disagreement, _drawn(disagreement))
    names = LEADER + SAMPLE + 2 * GAP + max(style.text_width(text, LABEL) for text, _ in labels) + 0.03
    names = min(NAMES, names)
    right = SITES_LEFT - BESIDE if rows else WIDTH - RIGHT
    room = WIDTH - LEFT - RIGHT
    lines = key_rows(_line_symbols(disagreement.curves), right - LEFT)
    symbols = key_rows([_study_symbol(study, room) for study in seen], room)
    row = text_height(1, SMALL) + 0.02
    foot = len(symbols) * row + (0.06 if symbols else 0)
    start = STRIP + 0.1 + len(lines) * row
    high = max(HIGH, 0.17 * len(labels), sites.height(rows) - start)
    spans = _spans(disagreement, right - names - LEFT)

    def paint(sheet: Sheet, top: float) -> None:
        sheet.key(LEFT, top + STRIP + 0.06, lines)
        left = LEFT
        for hours, wide, part in spans:
            _doses(sheet.axes(left, top, wide, STRIP, f"dose{part}"), disagreement, hours, wide, left == LEFT)
            axes = sheet.axes(left, top + start, wide, high, f"levels{part}")
            _courses(axes, disagreement, look, labels=left == LEFT)
            _observed(axes, disagreement, seen, hours)
            panels.time_axis(axes, hours, wide, labels=True)
            if left == LEFT:
                axes.set_ylabel(f"{disagreement.analyte} (ng/mL)", fontsize=LABEL, color=INK, labelpad=2)
            left += wide + EARLY_GAP
        sheet.end_labels(axes, _end_labels(axes, labels, look), right - names, names)
        if rows:
            sites.draw(sheet, disagreement, rows, SITES_LEFT, top, start + high)
        sheet.key(LEFT, top + start + high + BELOW, symbols)

    return Block(start + high + BELOW + foot + 0.04, paint)


def _spans(disagreement: Disagreement, room: float) -> list[tuple[float, float, str]]:
    """The axes side by side: hours, width in inches, and what their names end in; the whole course is the last."""
    whole, end = disagreement.horizon, to_hours(disagreement.regimen.end)
    first = next((span for until, span in EARLY if end <= until), whole)
    peak = float(np.median([curve.peak_hours for curve in disagreement.curves]))
    if peak > EARLY_PEAK * whole or first > whole / 4:
        return [(whole, room, "")]
    early = EARLY_SHARE * (room - EARLY_GAP)
    return [(first, early, ", first hours"), (whole, room - EARLY_GAP - early, "")]


def _doses(axes: Any, disagreement: Disagreement, hours: float, wide: float, first: bool) -> None:
    """The doses over the time of the axes below them."""
    weight = np.array([disagreement.weight])
    rate = float(max(rate_steps(disagreement.regimen, weight, to_ticks(disagreement.horizon))[1]))
    grey = Look("#555555", LINE["arterial"])
    panels.dose_strip(axes, disagreement.regimen, weight, hours, rate, 1.9, grey, wide, named=first)
    texts = [number(place) for place in (0, rate)] if first else ["", ""]
    style.ticks(axes.yaxis, [0, rate] if rate else [], texts if rate else [])
    if first:
        axes.set_ylabel("Rate\n(mg/h base)" if rate else "Dose\n(mg base)", fontsize=LABEL, color=INK, labelpad=2)
    panels.time_axis(axes, hours, wide, labels=False)


def _labels(curves: Sequence[Curve]) -> list[tuple[str, Curve]]:
    """One label for each model and reading; the ends of a bioavailability's range stand behind the model's name."""
    found = []
    for curve in curves:
        if curve.bioavailability is not None:
            continue
        ends = [
            other.bioavailability
            for other in curves
            if (other.model, other.reading) == (curve.model, curve.reading) and other.bioavailability is not None
        ]
        text = curve.name + (f", F {100 * min(ends):.3g} to {100 * max(ends):.3g} %" if ends else "")
        found.append((f"{text} {OUTSIDE}" if curve.outside else text, curve))
    return found


def _line_symbols(curves: Sequence[Curve]) -> list[Symbol]:
    """The key of sampling sites, of bands and of the mark of a model outside its limits."""
    present = {curve.site for curve in curves}
    texts = {"pooled": "pooled sites", "not stated": "site not stated"}
    found = [
        Symbol("line", {"color": INK, "linewidth": style.CURVE, "linestyle": line}, texts.get(site, site))
        for site, line in LINE.items()
        if site in present
    ]
    if any(curve.bioavailability is not None for curve in curves):
        found.append(Symbol("patch", {"facecolor": "#DADADA", "linewidth": 0}, "range of bioavailability"))
    if any(curve.outside for curve in curves):
        found.append(Symbol("text", {}, f"{OUTSIDE} outside the model's limits"))
    return found


def _study_symbol(study: Study, room: float) -> Symbol:
    properties = {"linestyle": "none", "markevery": [0], **_face(study)}
    return Symbol("line", properties, wrap(study.text, room - 0.4, SMALL, most=1)[0])


def _face(study: Study) -> dict[str, Any]:
    return {
        "marker": study.marker,
        "markersize": 4.0,
        "markerfacecolor": study.fill,
        "markeredgecolor": "#999999" if study.points[0].doubtful else INK,
        "markeredgewidth": 0.7,
    }


def _courses(axes: Any, disagreement: Disagreement, look: Mapping[str, Look], labels: bool) -> None:
    """Every curve on a logarithmic axis, broad where another lies on it, and ranges of bioavailability as bands."""
    highest = max(curve.peak for curve in disagreement.curves)
    highest = max([highest, *(point.value for point in disagreement.points if point.metric != "area")])
    lowest = min([curve.last for curve in disagreement.curves if curve.last > 0], default=highest / 100)
    low, high = style.log_limits(max(lowest, highest / DEEPEST), highest)
    style.log_axis(axes, low, high, labels)
    own = [curve for curve in disagreement.curves if curve.bioavailability is None]
    for place, curve in enumerate(own):
        colour, line = look[curve.model].colour, look[curve.model].line
        ends = [
            np.maximum(other.levels, low / 10)
            for other in disagreement.curves
            if other.model == curve.model and other.bioavailability is not None
        ]
        if ends and not curve.reading:
            least, most = np.min(ends, axis=0), np.max(ends, axis=0)
            axes.fill_between(curve.hours, least, most, color=colour, alpha=0.15, linewidth=0)
        width = style.THIN if curve.outside or curve.reading else style.CURVE
        hidden = any(np.allclose(curve.levels, other.levels, rtol=0.02) for other in own[place + 1 :])
        axes.plot(
            curve.hours,
            np.maximum(curve.levels, low / 10),
            color=colour,
            linestyle=line,
            linewidth=3 * width if hidden else width,
            alpha=0.45 if hidden else 1.0,
            label=curve.name,
        )


def _observed(axes: Any, disagreement: Disagreement, seen: Sequence[Study], until: float) -> None:
    """Observed points up to some hours; a peak without a time stands at the median of the models' times of peak."""
    usual = float(np.median([curve.peak_hours for curve in disagreement.curves]))
    for study in seen:
        at = [usual if math.isnan(point.hours) else point.hours for point in study.points]
        shown = [(hours, point.value) for hours, point in zip(at, study.points, strict=True)]
        shown = [(hours, value) for hours, value in shown if hours <= until]
        if shown:
            axes.plot(*zip(*shown, strict=True), linestyle="none", zorder=4, clip_on=False, **_face(study))


def _end_labels(axes: Any, labels: Sequence[tuple[str, Curve]], look: Mapping[str, Look]) -> list[EndLabel]:
    low, high = axes.get_ylim()
    found = []
    for text, curve in labels:
        level = max(curve.last, low)
        found.append(EndLabel(text, look[curve.model], math.log(level / low) / math.log(high / low), curve.last > low))
    return sorted(found, key=lambda label: label.height)
