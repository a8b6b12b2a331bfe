"""A column for every treated regimen: its doses, below them levels, probabilities and measures, over its own time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pkpd.comparison import Comparison
from pkpd.moments import window
from pkpd.outcomes import NG_PER_ML
from pkpd.plot import panels as draw
from pkpd.plot import style
from pkpd.plot.curves import Course, Curves, measures, rate_steps, side_effects
from pkpd.plot.sheet import Block, Sheet, Symbol, key_rows
from pkpd.plot.style import INK, LABEL, NAME, SMALL, Look, text_height, wrap

MOST = 6  # columns side by side
STRIP, LEVELS, CHANCES, MEASURE = 0.62, 1.85, 1.4, 1.2  # heights of axes, inches
BELOW_STRIP, BETWEEN, FOOT = 0.08, 0.1, 0.36  # inches; the last for ticks and title of the time axis
GAP, OWN_SCALE_GAP = 0.12, 0.34
SAME_SCALE = 8.0  # ratio of highest infusion rates up to which the dose strips share an axis
ONE, WITH_BOLUS = 1.55, 1.9  # height of a dose strip over that of the highest rate


@dataclass(frozen=True, slots=True)
class Row:
    """Axes of one kind in every column: their height, inches, and the key above them."""

    kind: str
    high: float
    key: list[list[Symbol]]


@dataclass(frozen=True, slots=True)
class Scales:
    """What all columns share.

    rate     : highest infusion rate, mg/h; None where every strip has its own
    headroom : height of a strip over that of the highest rate
    levels   : limits of the axis of levels, ng/mL
    measures : measure -> limits of its axis, in its unit
    """

    rate: float | None
    headroom: float
    levels: tuple[float, float]
    measures: Mapping[str, tuple[float, float]]


def blocks(
    comparison: Comparison,
    panels: Sequence[str],
    curves: Curves,
    looks: Mapping[str, Look],
    letters: Iterator[str],
    left: float,
    width: float,
) -> list[Block]:
    """The columns of all courses, at most six side by side and about equally many in every row.

    left, width : of the axes, inches
    """
    courses = curves.courses
    rows, scales = _rows(comparison, panels, courses, width), _scales(comparison, panels, courses)
    count = math.ceil(len(courses) / math.ceil(len(courses) / MOST))
    return [
        _block(comparison, courses[first : first + count], count, rows, scales, looks, letters, left, width)
        for first in range(0, len(courses), count)
    ]


def _rows(comparison: Comparison, panels: Sequence[str], courses: Sequence[Course], width: float) -> list[Row]:
    model = comparison.arms[0].individuals.model
    found = []
    if "plasma" in panels:
        symbols = draw.band_symbols(comparison.subjects, comparison.threshold / NG_PER_ML)
        found.append(Row("levels", LEVELS, key_rows(symbols, width)))
    if "side effects" in panels:
        error = max(course.error for course in courses)
        symbols = draw.side_effect_symbols(side_effects(model), error, comparison.subjects)
        found.append(Row("chances", CHANCES, key_rows(symbols, width)))
    for effect in measures(model) if "measures" in panels else []:
        symbols = draw.measure_symbols(effect.endpoint, comparison.subjects)
        found.append(Row(effect.id, MEASURE, key_rows(symbols, width)))
    return found


def _scales(comparison: Comparison, panels: Sequence[str], courses: Sequence[Course]) -> Scales:
    rates = [_highest_rate(comparison, course) for course in courses]
    given = [rate for rate in rates if rate > 0]
    shared = not given or max(given) <= SAME_SCALE * min(given)
    at_once = any(not dose.duration for course in courses for dose in course.arm.regimen.doses)
    levels = (1.0, 10.0)
    if "plasma" in panels:
        levels = draw.level_limits(
            courses, comparison.threshold / NG_PER_ML, [float(course.hours[-1]) for course in courses]
        )
    spans = {name: draw.measure_limits([course.measures[name] for course in courses]) for name in courses[0].measures}
    return Scales(max(given, default=0.0) if shared else None, WITH_BOLUS if at_once else ONE, levels, spans)


def _highest_rate(comparison: Comparison, course: Course) -> float:
    arm = course.arm
    return float(max(rate_steps(arm.regimen, arm.individuals.weight, window(arm.end, comparison.horizon))[1]))


def _block(
    comparison: Comparison,
    courses: Sequence[Course],
    count: int,
    rows: Sequence[Row],
    scales: Scales,
    looks: Mapping[str, Look],
    letters: Iterator[str],
    left: float,
    width: float,
) -> Block:
    """Columns side by side, as wide as if there were `count` of them."""
    gap = OWN_SCALE_GAP if scales.rate is None else GAP
    wide = (width - (count - 1) * gap) / count
    names = [wrap(comparison.marked(course.arm.name, short=True), wide, NAME, bold=True) for course in courses]
    texts = [wrap(course.arm.prescription, wide, SMALL, most=9) for course in courses]
    both = zip(names, texts, strict=True)
    head = max(text_height(len(name), NAME) + text_height(len(text), SMALL) for name, text in both) + 0.08
    line = text_height(1, SMALL) + 0.02
    height = head + STRIP + BELOW_STRIP + FOOT
    height += sum(row.high + BETWEEN + len(row.key) * line for row in rows) - (BETWEEN if rows else 0.0)

    def paint(sheet: Sheet, top: float) -> None:
        _letter(sheet, top, next(letters))
        at, tops = top + head + STRIP + BELOW_STRIP, []
        for row in rows:
            _letter(sheet, at - 0.02, next(letters))
            sheet.key(left, at, row.key)
            tops.append(at + len(row.key) * line + 0.02)
            at = tops[-1] + row.high + BETWEEN - 0.02
        for number, course in enumerate(courses):
            across, first = left + number * (wide + gap), number == 0
            look, hours = looks[course.arm.name], float(course.hours[-1])
            below = sheet.text(across, top, names[number], NAME, colour=style.ink(look.colour), bold=True)
            sheet.text(across, below + 0.02, texts[number], SMALL)
            strip = sheet.axes(across, top + head, wide, STRIP, f"dose: {course.arm.name}")
            highest = _highest_rate(comparison, course) if scales.rate is None else scales.rate
            weight = course.arm.individuals.weight
            draw.dose_strip(strip, course.arm.regimen, weight, hours, highest, scales.headroom, look, wide)
            _rate_axis(strip, highest, first, scales.rate is not None)
            draw.time_axis(strip, hours, wide, labels=not rows)
            for row, above in zip(rows, tops, strict=True):
                axes = sheet.axes(across, above, wide, row.high, f"{row.kind}: {course.arm.name}")
                _fill(axes, comparison, row.kind, course, scales, look, first)
                draw.time_axis(axes, hours, wide, labels=row is rows[-1])

    return Block(height, paint)


def _letter(sheet: Sheet, top: float, letter: str) -> None:
    sheet.text(draw.EDGE, top, letter, NAME + 1, colour=INK, bold=True)


def _fill(
    axes: Any, comparison: Comparison, kind: str, course: Course, scales: Scales, look: Look, first: bool
) -> None:
    """One panel of one column; the first column has the numbers of the axis."""
    if kind == "levels":
        style.log_axis(axes, *scales.levels, labels=first)
        draw.threshold_line(axes, comparison.threshold / NG_PER_ML)
        draw.bands(axes, course, look)
        text = f"{comparison.analyte} in plasma (ng/mL)"
    elif kind == "chances":
        draw.chances(axes, course, side_effects(course.arm.individuals.model), look)
        style.ticks(axes.yaxis, (0, 25, 50, 75, 100), None if first else [""] * 5)
        text = "Probability of\nside effect (%)"
    else:
        draw.measure(axes, course, kind, look, scales.measures[kind], labels=first)
        unit = course.units[kind]
        text = "\n".join(wrap(draw.readable(kind), MEASURE, LABEL)) + (f"\n({unit})" if unit else "")
    if first:
        axes.set_ylabel(text, fontsize=LABEL, color=INK, labelpad=2)


def _rate_axis(axes: Any, highest: float, first: bool, shared: bool) -> None:
    """The y axis of a dose strip.

    highest : rate on it, mg/h; 0 where there is no infusion
    """
    step = next(s * 10.0**p for p in range(-6, 9) for s in (1, 2, 5) if highest / (s * 10.0**p) <= 3.2)
    places = [step * n for n in range(int(highest / step + 1e-9) + 1)] if highest else []
    style.ticks(axes.yaxis, places, None if first or not shared else [""] * len(places))
    if first:
        text = "Mean rate\n(mg/h base)" if highest else "Dose\n(mg base)"
        axes.set_ylabel(text, fontsize=LABEL, color=INK, labelpad=2)
