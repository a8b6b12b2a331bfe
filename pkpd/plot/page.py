"""The arrangement of panels on a page: blocks one below the other, each knowing its height before anything is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from pkpd.comparison import Comparison
from pkpd.moments import window
from pkpd.outcomes import NG_PER_ML
from pkpd.plot import panels as draw
from pkpd.plot import style
from pkpd.plot.curves import Course, Curves, joint_error, joint_shares, rate_steps, side_effects
from pkpd.plot.sheet import EndLabel, Sheet, key_rows
from pkpd.plot.style import GREY, INK, LABEL, NAME, SMALL, TITLE, Look, text_height, wrap
from pkpd.times import to_hours

WIDTH = 7.1  # inches, two columns of a journal
WIDTHS: Mapping[tuple[str, ...], float] = {("plasma",): 5.6, ("relief",): 5.2, ("states",): 3.4}  # of one panel
LEFT, RIGHT, EDGE = 0.56, 0.14, 0.06  # inches: to the axes, from them, to texts
STRIP, LEVELS, CHANCES, LOWER, ALONE = 0.62, 1.85, 1.4, 2.3, 2.6  # heights of axes, inches
BAR = 0.5  # most for one bar of the joint states with its name, inches
BELOW = 0.36  # ticks and title of an x axis
LABELS = 1.45  # width of the labels at the end of curves
COLUMN_GAP, OWN_SCALE_GAP = 0.12, 0.34
SAME_SCALE = 8.0  # ratio of highest infusion rates up to which the dose strips share an axis


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the page: its height, inches, and how it is drawn from a place, inches from the top."""

    height: float
    paint: Callable[[Sheet, float], None]


def page(comparison: Comparison, panels: tuple[str, ...], curves: Curves, together: bool) -> Any:
    """The figure of some panels.

    panels   : names, in the order of the page
    together : whether the levels of all regimens are one panel, which is then the only one
    returns  : a matplotlib figure
    """
    columns = bool(curves.courses) and not together
    width = WIDTH if columns else WIDTHS.get(panels, WIDTH)
    looks = style.looks(comparison.arms)
    letters = iter("ABCDE" if len(panels) + columns > 1 else " ")
    blocks = []
    if comparison.title:
        blocks.append(_words(wrap(comparison.title, width - 2 * EDGE, TITLE, bold=True), TITLE, INK, bold=True))
    if together:
        blocks.append(_together(comparison, curves, looks, width))
    elif columns:
        blocks.append(_columns(comparison, panels, curves, looks, letters))
    lower = tuple(panel for panel in ("relief", "states") if panel in panels)
    if lower:
        blocks.append(_lower(comparison, lower, curves, looks, letters, width))
    blocks.append(_words(["Not for dosing patients."], SMALL, INK, bold=True, gap=0.0))
    blocks.append(_words(wrap(_small_print(comparison, panels), width - 2 * EDGE, SMALL), SMALL, GREY))
    sheet = Sheet(width, sum(block.height for block in blocks) + 0.1)
    top = 0.06
    for block in blocks:
        block.paint(sheet, top)
        top += block.height
    return sheet.figure


def _words(lines: Sequence[str], size: float, colour: str, bold: bool = False, gap: float = 0.08) -> Block:
    def paint(sheet: Sheet, top: float) -> None:
        sheet.text(EDGE, top, lines, size, colour=colour, bold=bold)

    return Block(text_height(len(lines), size) + gap, paint)


def _small_print(comparison: Comparison, panels: tuple[str, ...]) -> str:
    """What every figure says of itself."""
    model = comparison.arms[0].individuals.model
    marks = model.marks()
    untreated = [arm.name for arm in comparison.arms if arm.regimen.is_empty]
    parts = [
        f"Model {model.id}; {comparison.subjects:,} virtual patient{'s' if comparison.subjects > 1 else ''}"
        + (", the same under every regimen" if comparison.paired and len(comparison.arms) > 1 else "")
        + f" (seed {comparison.seed}).",
        f"{marks['assumed']} of {sum(marks.values())} parameters are assumed. Every source: pkpd show NAME, of "
        f"{', '.join(file.id for file in model.files)}.",
    ]
    if untreated and "relief" not in panels and "states" not in panels:
        parts.append(f"Without drug and not shown: {', '.join(untreated)}.")
    return " ".join([*parts, *comparison.footnotes(short=True), *comparison.notes])


def _columns(
    comparison: Comparison, panels: tuple[str, ...], curves: Curves, looks: Mapping[str, Look], letters: Iterator[str]
) -> Block:
    """Dose strip, levels and probabilities: one column for every treated regimen, over its own time."""
    courses, count = curves.courses, len(curves.courses)
    rates = [
        max(
            rate_steps(course.arm.regimen, course.arm.individuals.weight, window(course.arm.end, comparison.horizon))[1]
        )
        for course in courses
    ]
    given = [rate for rate in rates if rate > 0]
    headroom = 1.9 if any(not dose.duration for course in courses for dose in course.arm.regimen.doses) else 1.55
    shared = not given or max(given) <= SAME_SCALE * min(given)
    gap = COLUMN_GAP if shared else OWN_SCALE_GAP
    wide = (WIDTH - LEFT - RIGHT - (count - 1) * gap) / count
    names = [wrap(comparison.marked(course.arm.name, short=True), wide, NAME, bold=True) for course in courses]
    texts = [wrap(course.arm.prescription, wide, SMALL, most=9) for course in courses]
    effects = side_effects(comparison.arms[0].individuals.model) if "side effects" in panels else []
    level_key = key_rows(draw.band_symbols(comparison.subjects, comparison.threshold / NG_PER_ML), WIDTH - LEFT - RIGHT)
    error = max(course.error for course in courses)
    effect_key = key_rows(draw.side_effect_symbols(effects, error, comparison.subjects), WIDTH - LEFT - RIGHT)
    head = (
        max(
            text_height(len(name), NAME) + text_height(len(text), SMALL)
            for name, text in zip(names, texts, strict=True)
        )
        + 0.08
    )
    strip_foot = 0.08
    key_high = text_height(1, SMALL) + 0.02
    parts = [("levels", LEVELS, level_key)] if "plasma" in panels else []
    parts += [("chances", CHANCES, effect_key)] if effects else []
    height = head + STRIP + strip_foot + sum(high + 0.1 + len(key) * key_high for _, high, key in parts) + BELOW

    def paint(sheet: Sheet, top: float) -> None:
        limits = draw.level_limits(courses, comparison.threshold / NG_PER_ML, [course.hours[-1] for course in courses])
        rows = [top + head]
        sheet.text(EDGE, top, next(letters), NAME + 1, colour=INK, bold=True)
        at = rows[0] + STRIP + strip_foot
        for _, high, key in parts:
            sheet.text(EDGE, at - 0.02, next(letters), NAME + 1, colour=INK, bold=True)
            sheet.key(LEFT, at, key)
            rows.append(at + len(key) * key_high + 0.02)
            at = rows[-1] + high + 0.08
        for k, course in enumerate(courses):
            left, look, hours = LEFT + k * (wide + gap), looks[course.arm.name], course.hours[-1]
            below = sheet.text(left, top, names[k], NAME, colour=style.ink(look.colour), bold=True)
            sheet.text(left, below + 0.02, texts[k], SMALL)
            strip = sheet.axes(left, rows[0], wide, STRIP, f"dose: {course.arm.name}")
            highest = max(given, default=0.0) if shared else rates[k]
            weight = course.arm.individuals.weight
            draw.dose_strip(strip, course.arm.regimen, weight, hours, highest, headroom, look, wide)
            _rate_axis(strip, highest, k, shared)
            draw.time_axis(strip, hours, wide, labels=not parts)
            for number, (kind, high, _) in enumerate(parts):
                axes = sheet.axes(left, rows[number + 1], wide, high, f"{kind}: {course.arm.name}")
                if kind == "levels":
                    _levels(axes, comparison, course, look, limits, first=k == 0)
                else:
                    _chances(axes, course, effects, look, first=k == 0)
                draw.time_axis(axes, hours, wide, labels=number == len(parts) - 1)

    return Block(height, paint)


def _rate_axis(axes: Any, highest: float, column: int, shared: bool) -> None:
    """The y axis of a dose strip.

    highest : rate on it, mg/h; 0 where there is no infusion
    """
    step = next(s * 10.0**p for p in range(-6, 9) for s in (1, 2, 5) if highest / (s * 10.0**p) <= 3.2)
    places = [step * n for n in range(int(highest / step + 1e-9) + 1)] if highest else []
    style.ticks(axes.yaxis, places, None if column == 0 or not shared else [""] * len(places))
    if column == 0:
        text = "Mean rate\n(mg/h base)" if highest else "Dose\n(mg base)"
        axes.set_ylabel(text, fontsize=LABEL, color=INK, labelpad=2)


def _levels(
    axes: Any, comparison: Comparison, course: Course, look: Look, limits: tuple[float, float], first: bool
) -> None:
    style.log_axis(axes, *limits, labels=first)
    draw.threshold_line(axes, comparison.threshold / NG_PER_ML)
    draw.bands(axes, course, look)
    if first:
        axes.set_ylabel(f"{comparison.analyte} in plasma (ng/mL)", fontsize=LABEL, color=INK, labelpad=2)


def _chances(axes: Any, course: Course, effects: Sequence[Any], look: Look, first: bool) -> None:
    draw.chances(axes, course, effects, look)
    style.ticks(axes.yaxis, (0, 25, 50, 75, 100), None if first else [""] * 5)
    if first:
        axes.set_ylabel("Probability of\nside effect (%)", fontsize=LABEL, color=INK, labelpad=2)


def _together(comparison: Comparison, curves: Curves, looks: Mapping[str, Look], width: float) -> Block:
    """Levels of all treated regimens in one panel; where the times differ much, the first hours also by themselves."""
    courses, threshold = curves.courses, comparison.threshold / NG_PER_ML
    ends = [to_hours(window(course.arm.end, comparison.horizon)) for course in courses]
    spans = [max(ends)] if max(ends) < 6 * min(ends) else [min(ends), max(ends)]
    key = key_rows(draw.band_symbols(comparison.subjects, threshold), width - LEFT - RIGHT)
    start = len(key) * (text_height(1, SMALL) + 0.02) + 0.04
    room = width - LEFT - LABELS - RIGHT
    wides = [room] if len(spans) == 1 else [0.36 * (room - 0.16), 0.64 * (room - 0.16)]

    def paint(sheet: Sheet, top: float) -> None:
        sheet.key(LEFT, top, key)
        low, high = draw.level_limits(courses, threshold, ends)
        left = LEFT
        for number, (span, wide) in enumerate(zip(spans, wides, strict=True)):
            name = "levels" if span == spans[-1] else "levels, first hours"
            axes = sheet.axes(left, top + start, wide, ALONE, name)
            style.log_axis(axes, low, high, labels=number == 0)
            draw.threshold_line(axes, threshold)
            for course in courses:
                look = looks[course.arm.name]
                draw.bands(axes, course, look, look.line, faint=1.0 if len(courses) == 1 else 0.6)
            draw.time_axis(axes, span, wide, labels=True)
            if number == 0:
                axes.set_ylabel(f"{comparison.analyte} in plasma (ng/mL)", fontsize=LABEL, color=INK, labelpad=2)
            left += wide + 0.16
        labels = []
        for course in courses:
            median = course.bands[2]
            tied = bool(median[-1] > low)
            height = log(float(median[-1] if tied else median.max()) / low) / log(high / low)
            labels.append(
                EndLabel(comparison.marked(course.arm.name, short=True), looks[course.arm.name], max(0.0, height), tied)
            )
        sheet.end_labels(axes, sorted(labels, key=lambda label: label.height), left - 0.16, LABELS + RIGHT)

    return Block(start + ALONE + BELOW, paint)


def _lower(
    comparison: Comparison,
    panels: tuple[str, ...],
    curves: Curves,
    looks: dict[str, Look],
    letters: Iterator[str],
    width: float,
) -> Block:
    """Pain relief over weeks on the left, the four joint states on the right."""
    joint = comparison.joint
    shares = []
    if "states" in panels and joint is not None:
        shares = [
            (comparison.marked(arm.name, short=True), looks[arm.name], found)
            for arm in comparison.arms
            if (found := joint_shares(arm, joint[1])) is not None
        ]
    states_left = LEFT if len(panels) == 1 else 4.75
    states_wide = width - states_left - RIGHT
    key = [[symbol] for symbol in draw.state_symbols()]
    band = f"Mean of {comparison.subjects:,} patients; band: 95 % interval of the mean"
    head = f"{band if comparison.subjects > 1 else 'One patient'}; dot: end of treatment"
    high = max(LOWER, 0.9 + 0.26 * len(shares)) if len(panels) > 1 or shares else ALONE
    start = 0.2

    def paint(sheet: Sheet, top: float) -> None:
        if "relief" in panels:
            sheet.text(EDGE, top, next(letters), NAME + 1, colour=INK, bold=True)
            wide = (states_left - 0.25 if len(panels) > 1 else width) - LEFT - LABELS
            sheet.text(LEFT, top, head, SMALL)
            axes = sheet.axes(LEFT, top + start, wide, high, "relief")
            draw.relief(axes, curves.relief, looks, wide)
            axes.set_ylabel("Mean pain relief (% of baseline)", fontsize=LABEL, color=INK, labelpad=2)
            sheet.end_labels(axes, _relief_labels(axes, comparison, curves, looks), LEFT + wide, LABELS)
        if shares:
            sheet.text(states_left - 0.2, top, next(letters), NAME + 1, colour=INK, bold=True)
            at = sheet.text(states_left, top, wrap(_joint_text(comparison), states_wide, SMALL), SMALL) + 0.04
            at = sheet.key(states_left, at, key) + 0.04
            tall = min(top + start + high - at, BAR * len(shares))
            axes = sheet.axes(states_left, at, states_wide, tall, "states")
            draw.states(axes, shares, states_wide, tall)

    return Block(start + high + BELOW + 0.06, paint)


def _joint_text(comparison: Comparison) -> str:
    """What the four states are made of."""
    if comparison.joint is None:
        return ""
    relief, when, side_effect = comparison.joint
    after = f"at the {when}" if when.startswith("end") else f"{when} after treatment"
    error = draw.error_text(max(joint_error(arm, when) for arm in comparison.arms), comparison.subjects)
    text = f"Relief: at least {100 * relief:g} %, {after}. Side effect: {draw.readable(side_effect)}, ever."
    return f"{text} {error}." if error else text


def _relief_labels(axes: Any, comparison: Comparison, curves: Curves, looks: Mapping[str, Look]) -> list[EndLabel]:
    """Labels in the order of the curves' ends; where these are within a hair, in that of their means."""
    low, high = axes.get_ylim()
    order = sorted(curves.relief, key=lambda curve: (round(curve.mean[-1] / 0.03), curve.mean.mean()))
    longest = max(curve.hours[-1] for curve in order)
    return [
        EndLabel(
            comparison.marked(curve.arm.name, short=True),
            looks[curve.arm.name],
            (100 * float(curve.mean[-1]) - low) / (high - low),
            bool(curve.hours[-1] > 0.99 * longest),
        )
        for curve in order
    ]
