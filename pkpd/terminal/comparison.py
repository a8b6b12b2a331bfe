"""A comparison for a terminal: its tables, what flags and notes say, and the same as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from pkpd.comparison import JOINT_STATES, KEPT_TO, Comparison, Summary
from pkpd.terminal.console import columns_width, fitted
from pkpd.terminal.console import console as _console
from pkpd.terminal.console import left as _left
from pkpd.terminal.console import table as _table

if TYPE_CHECKING:
    from pkpd.study import Study


def number_text(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, without an exponent where it is readable."""
    if math.isnan(value):
        return "-"
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def fixed(value: float, places: int) -> str:
    """A number with so many decimals, and no minus before a zero."""
    text = f"{value:.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _cell(summary: Summary | None) -> str:
    """Value, interval and Monte-Carlo error of one line; fractions in percent, points to two places."""
    if summary is None:
        return "-"
    if not summary.unit:
        return _joined(summary, lambda x: fixed(100 * x, 0), f"{100 * summary.error:.1f}")
    if summary.unit == "points":
        return _joined(summary, lambda x: fixed(x, 2), f"{summary.error:.2f}")
    return _joined(summary, number_text, number_text(summary.error, 2))


def _joined(summary: Summary, text: Callable[[float], str], error: str) -> str:
    value, low, high = (text(x) for x in (summary.value, summary.low, summary.high))
    if summary.against and summary.value > 0:
        value = f"+{value}"
    if math.isnan(summary.error) or summary.low == summary.high == summary.value:
        return value
    return f"{value} [{low}, {high}] ±{error}"


OF_PATIENTS = "mean [5th to 95th percentile of patients] ±Monte-Carlo error"
OF_ESTIMATE = "estimate [95 % interval of it] ±Monte-Carlo error"


def print_comparison(comparison: Comparison, study: Study | None = None, named: str = "") -> None:
    """The comparison as tables, a line for each arm: levels, relief, side effects, joint states, differences.

    named : the study as the user called it, a name or a path
    """
    console = _console()
    if comparison.title:
        console.print(comparison.title, style="bold")
    same = ", the same in every arm" if comparison.paired else " in each arm"
    console.print(
        f"{comparison.subjects:,} virtual patients{same}. Times of relief count from the end of each arm's treatment."
    )
    prescriptions = _left(_table("Regimens", "arm", "prescription"))
    for arm in comparison.arms:
        prescriptions.add_row(comparison.marked(arm.name), arm.prescription)
    console.print(prescriptions)

    _print_blocks(console, comparison)
    if comparison.flags:
        console.print("Flags", style="bold")
    for footnote in comparison.footnotes():
        console.print(footnote)
    for note in comparison.notes:
        console.print(f"Note: {note}")
    model = comparison.arms[0].individuals.model
    marks = model.marks()
    counted = ", ".join(f"{count} {mark}" for mark, count in marks.items() if count)
    of = ", ".join(file.id for file in model.files)
    console.print(
        f"Model {model.id}: of {sum(marks.values())} numbers, effects included, {counted}. "
        f"Every source: pkpd show NAME, of {of}"
    )
    if study is not None:
        console.print(f"Source of every dose and of the patients: pkpd show {named or study.id}")
        for described in study.arms:
            if described.note:
                console.print(f"{described.name}: {described.note}")
        for value in study.values:
            note = f": {value.note}" if value.note else ""
            unit = "" if value.unit == "1" else f" {value.unit}"
            console.print(f"In this study {value.label} is {value.value:g}{unit} ({value.mark}){note}")
        for fact in study.facts:
            console.print(f"Beside the simulation: {fact.text} ({fact.mark}, {study.sources[fact.source].citation})")
    console.print("For research and teaching. Not for dosing patients.")


def _print_blocks(console: Console, comparison: Comparison) -> None:
    found = {(s.regimen, s.quantity, s.when): s for s in comparison.summaries()}
    against = {(s.regimen, s.quantity, s.when): s for s in comparison.differences()}
    lines = list(dict.fromkeys((s.quantity, s.when) for s in found.values()))
    events = {outcome.name for arm in comparison.arms for outcome in arm.outcomes if outcome.event}
    effects = comparison.arms[0].individuals.model.effects
    measures = [effect.id for effect in effects if effect.role == "measure"]
    of = {name: [line for line in lines if line[0] in (name, f"peak {name}")] for name in measures}
    lines = [line for line in lines if not any(line in own for own in of.values())]
    arms = {arm.name: comparison.marked(arm.name) for arm in comparison.arms}
    kept_to = [line for line in lines if line[0] in KEPT_TO]
    lines = [line for line in lines if line not in kept_to]
    levels = [line for line in lines if not line[1] and line[0] not in events]
    sides = [line for line in lines if not line[1] and line[0] in events]
    over_time = list(dict.fromkeys(q for q, when in lines if when and q not in JOINT_STATES))
    at = {quantity: [line for line in lines if line[0] == quantity] for quantity in over_time}

    _block(console, f"Dose and plasma: {OF_PATIENTS}", levels, arms, found, units=True)
    treated = {arm.name: arms[arm.name] for arm in comparison.arms if not arm.regimen.is_empty}
    _block(console, "Treatment kept to, % of sessions and of patients", kept_to, treated, found)
    for quantity in over_time:
        name, how = _named(quantity), OF_ESTIMATE if quantity in events else OF_PATIENTS
        _block(console, f"{name}: {how}", at[quantity], arms, found, times=True)
    _block(console, f"Side effects ever, % of patients: {OF_ESTIMATE}", sides, arms, found)
    for name, own in of.items():
        _block(console, f"Measure {name}: {OF_PATIENTS}", own, arms, found, units=True)
    if comparison.joint is not None:
        share, when, side_effect = comparison.joint
        states = [(name, when) for name in JOINT_STATES if (name, when) in lines]
        title = f"Relief of at least {share:.0%} at {when}, and {side_effect} ever, % of patients: {OF_ESTIMATE}"
        _block(console, title, states, arms, found)
    others = {arm: marked for arm, marked in arms.items() if arm != comparison.reference}
    if others:
        how = "paired mean difference" if comparison.paired else "difference of means"
        head = f"Against {arms[comparison.reference]}, {how} [95 % interval] ±Monte-Carlo error"
        for quantity in over_time:
            _block(console, f"{head}: {_named(quantity)}", at[quantity], others, against, times=True)
        _block(console, f"{head}: side effects ever, % of patients", sides, others, against)
        for name, own in of.items():
            _block(console, f"{head}: measure {name}", own, others, against, units=True)


def _named(quantity: str) -> str:
    """The title of a quantity that is followed over time, with its unit."""
    if quantity == "pain relief":
        return "Pain relief, % of baseline"
    if quantity == "pain score":
        return "Pain score, points of 10"
    return f"{quantity[0].upper()}{quantity[1:]}, % of patients"


def _block(
    console: Console,
    title: str,
    lines: Sequence[tuple[str, str]],
    arms: Mapping[str, str],
    found: Mapping[tuple[str, str, str], Summary],
    *,
    units: bool = False,
    times: bool = False,
) -> None:
    """One table: a line for each arm, a column for each quantity or time.

    arms : name -> the name as shown
    """
    if not lines or not arms:
        return
    heads = []
    for quantity, when in lines:
        unit = next((s.unit for s in found.values() if (s.quantity, s.when) == (quantity, when)), "")
        name = f"{quantity}, {when}" if when else quantity
        heads.append(when if times else f"{name} ({unit})" if units and unit not in ("", "1") else name)
    rows = [
        [shown, *(_cell(found.get((arm, quantity, when))) for quantity, when in lines)] for arm, shown in arms.items()
    ]
    every = [["", *heads], *rows]
    least = [max(len(word) for row in every for word in [*row[k].split(), " "]) for k in range(len(heads) + 1)]
    whole = [max(len(row[k]) for row in every) for k in range(len(heads) + 1)]
    first = 1
    while first <= len(heads):  # columns that do not fit go into a table of their own
        last = first
        while last < len(heads) and columns_width([least[0], *least[first : last + 2]]) <= console.width:
            last += 1
        kept = [0, *range(first, last + 1)]
        table = _table(title if first == 1 else f"{title}, continued", "", *heads[first - 1 : last])
        widths = fitted([least[k] for k in kept], [whole[k] for k in kept], console.width)
        for column, width in zip(table.columns, widths, strict=True):  # a number is never broken, whatever the width
            column.width = width
        for row in rows:
            table.add_row(*(row[k] for k in kept))
        console.print(table)
        first = last + 1


def csv_text(comparison: Comparison) -> str:
    """The whole table as CSV, numbers to six significant digits, empty where there is none."""
    return rows_csv(comparison.columns, comparison.rows())


def rows_csv(columns: Sequence[str], rows: Sequence[Sequence[str | float | int]]) -> str:
    """Rows as CSV, numbers to six significant digits, empty where there is none."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(
            [
                ""
                if isinstance(cell, float) and math.isnan(cell)
                else f"{cell:.6g}"
                if isinstance(cell, float)
                else cell
                for cell in row
            ]
        )
    return made.getvalue()
