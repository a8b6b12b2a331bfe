"""What one patient got of a regimen, and why, as a table to be printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.prescription import time_text
from pkpd.dosing.regimen import Dose, Regimen
from pkpd.dosing.sessions import Administration
from pkpd.practice.receiving import Attended, attend
from pkpd.practice.rounding import steps
from pkpd.times import TICKS_PER_HOUR, to_hours

if TYPE_CHECKING:
    from pkpd.practice.practice import Practice

Floats = NDArray[np.float64]

HEADS = ("session", "dose", "planned at", "given at", "planned mg", "given mg", "why")


class Line(NamedTuple):
    """One administration, planned and given.

    session    : its number, from 1
    dose       : form and route
    planned    : ticks
    given      : ticks; None where it was not given
    planned_mg : of the form as written
    given_mg   : the same; 0 where it was not given
    why        : what makes the difference, in words; "" for none
    """

    session: int
    dose: str
    planned: int
    given: int | None
    planned_mg: float
    given_mg: float
    why: str


@dataclass(frozen=True, slots=True)
class Explained:
    """What one patient got of a regimen, and why.

    patient : number
    weight  : kg
    lines   : one for each planned administration, in the order of time
    """

    regimen: Regimen
    patient: int
    weight: float
    lines: tuple[Line, ...]

    def __str__(self) -> str:
        table = [HEADS, *(_cells(line) for line in self.lines)]
        widths = [max(len(row[column]) for row in table) for column in range(len(HEADS))]
        rows = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
        total, planned = sum(line.given_mg for line in self.lines), sum(line.planned_mg for line in self.lines)
        head = f"{self.regimen}: patient {self.patient}, {self.weight:.4g} kg, given {total:.5g} of {planned:.5g} mg"
        return "\n".join([head, *rows])


def explained(practice: Practice, regimen: Regimen, seed: int, patient: int, weight: Floats) -> Explained:
    """The table of one patient.

    weight : (1) kg
    """
    found = attend(regimen, practice.missed, practice.late, practice.drop_out, seed, np.array([patient]))
    amounts = [_amount(practice, dose, weight) for dose in regimen.doses]
    lines = [
        _line(regimen.doses[one.dose], one, number, found, *amounts[one.dose])
        for number, session in enumerate(found.sessions)
        for one in session.given
    ]
    return Explained(regimen, patient, float(weight[0]), tuple(lines))


def _amount(practice: Practice, dose: Dose, weight: Floats) -> tuple[float, float, tuple[str, ...]]:
    """Planned and given mg of one administration, and which steps made the difference."""
    hours = to_hours(dose.duration)
    said, before, planned = [], 0.0, 0.0
    for step in steps(dose, weight, practice.weight_bands, practice.vial, practice.pump):
        now = float(step.quantity[0]) * (hours if step.kind == "rate" else 1.0)
        if not step.why:
            planned = now
        elif abs(now - before) > 1e-9 * before:
            said.append(step.why)
        before = now
    return planned, before, tuple(said)


def _line(
    dose: Dose, one: Administration, number: int, found: Attended, planned: float, given: float, said: tuple[str, ...]
) -> Line:
    what = f"{dose.form} {dose.route}" + (f" over {time_text(dose.duration)}" if dose.duration else "")
    shift, until = int(found.shift[number, 0]), int(found.until[0])
    start = one.start + shift
    if found.gone[number, 0] or (found.cut[number, 0] and start >= until):
        return Line(number + 1, what, one.start, None, planned, 0.0, f"dropped out at {clock(until)}")
    if found.missed[number, 0]:
        return Line(number + 1, what, one.start, None, planned, 0.0, "missed")
    why = [*([f"{'late' if shift > 0 else 'early'} {clock(abs(shift))}"] if shift else []), *said]
    if one.end + shift > until:
        given *= (until - start) / dose.duration
        why.append(f"stopped at {clock(until)}: dropped out")
    return Line(number + 1, what, one.start, start, planned, given, ", ".join(why))


def clock(ticks: int) -> str:
    """A time in days, hours, minutes and seconds.

    ticks : ticks, >= 0
    """
    minutes, rest = divmod(ticks, TICKS_PER_HOUR // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    seconds = rest / (TICKS_PER_HOUR // 3600)
    parts = [
        f"{number:g} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")) if number
    ]
    return " ".join(parts) or "0 h"


def _cells(line: Line) -> tuple[str, ...]:
    return (
        str(line.session),
        line.dose,
        clock(line.planned),
        "-" if line.given is None else clock(line.given),
        f"{line.planned_mg:.5g}",
        f"{line.given_mg:.5g}",
        line.why or "as planned",
    )
