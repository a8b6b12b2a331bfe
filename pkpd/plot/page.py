"""The arrangement of panels on a page: blocks one below the other, each knowing its height before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import log
from string import ascii_uppercase
from typing import Any

from pkpd.comparison import Comparison
from pkpd.moments import window
from pkpd.outcomes import NG_PER_ML
from pkpd.plot import columns, style
from pkpd.plot import panels as draw
from pkpd.plot.curves import MOST_MEASURES, Curves, joint_error, joint_shares
from pkpd.plot.panels import EDGE
from pkpd.plot.sheet import Block, EndLabel, Sheet, key_rows
from pkpd.plot.style import GREY, INK, LABEL, NAME, SMALL, TITLE, Look, text_height, wrap
from pkpd.times import to_hours

WIDTH = 7.1  # inches, two columns of a journal
WIDTHS: Mapping[tuple[str, ...], float] = {("plasma",): 5.6, ("relief",): 5.2, ("states",): 3.4}  # of one panel
LEFT, RIGHT = 0.6, 0.14  # inches: to the axes and from them
LOWER, ALONE = 2.3, 2.6  # heights of axes, inches
BAR = 0.5  # most for one bar of the joint states with its name, inches
BELOW = 0.36  # ticks and title of an x axis
LABELS = 1.45  # width of the labels at the end of curves


def page(comparison: Comparison, panels: tuple[str, ...], curves: Curves, together: bool) -> Any:
    """The figure of some panels.

    panels   : names, in the order of the page
    together : whether the levels of all regimens are one panel, which is then the only one
    returns  : a matplotlib figure
    """
    apart = bool(curves.courses) and not together
    width = WIDTH if apart else WIDTHS.get(panels, WIDTH)
    looks = style.looks(comparison.arms)
    letters = iter(ascii_uppercase if len(panels) + apart > 1 else " ")
    blocks = []
    if comparison.title:
        blocks.append(_words(wrap(comparison.title, width - 2 * EDGE, TITLE, bold=True), TITLE, INK, bold=True))
    if together:
        blocks.append(_together(comparison, curves, looks, width))
    elif apart:
        blocks += columns.blocks(comparison, panels, curves, looks, letters, LEFT, width - LEFT - RIGHT)
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
    acting = [one.modifier.id for arm in comparison.arms for one in arm.individuals.model.modifiers]
    ids = dict.fromkeys([*(effect.id for effect in model.effects), *acting])
    marks = model.marks()
    untreated = [arm.name for arm in comparison.arms if arm.regimen.is_empty]
    parts = [
        f"Model {model.id}; {comparison.subjects:,} virtual patient{'s' if comparison.subjects > 1 else ''}"
        + (", the same under every regimen" if comparison.paired and len(comparison.arms) > 1 else "")
        + f" (seed {comparison.seed}).",
        f"{marks['assumed']} of {sum(marks.values())} parameters are assumed.",
        f"Sources: pkpd show ID, where ID is {', '.join([model.id, *ids])}.",
    ]
    if comparison.study:
        parts.append(f"Doses: pkpd show {comparison.study}.")
    measured = [effect.id for effect in model.effects if effect.role == "measure"]
    hidden = measured[MOST_MEASURES:] if "measures" in panels else []
    if hidden:
        parts.append(f"In the table and not drawn: {', '.join(hidden)}.")
    if untreated and "relief" not in panels and "states" not in panels:
        parts.append(f"Without drug and not shown: {', '.join(untreated)}.")
    return " ".join([*parts, *comparison.footnotes(short=True), *comparison.notes])


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
