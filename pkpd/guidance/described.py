"""A regimen described for one body weight: its sessions, days, rates and totals, from its exact times."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass

from pkpd.dosing.regimen import Dose, Regimen
from pkpd.dosing.sessions import PAUSE
from pkpd.errors import RegimenError
from pkpd.times import TICKS_PER_HOUR, to_hours

DAY = 24 * TICKS_PER_HOUR
# A choice: what is given within this time counts as a bolus, what takes longer as an infusion.
BOLUS_WITHIN = 10 * TICKS_PER_HOUR // 60


@dataclass(frozen=True, slots=True)
class Session:
    """A stretch of treatment without a pause of more than an hour: one infusion, or a course of days.

    start, end : ticks
    amount     : mg of base given in it
    """

    start: int
    end: int
    amount: float

    @property
    def hours(self) -> float:
        """How long it lasts, h."""
        return to_hours(self.end - self.start)


@dataclass(frozen=True, slots=True)
class Described:
    """What a guideline asks of a regimen.

    weight   : kg, of the patient it is described for
    sessions : in the order of time
    days     : the days, counted from 0 at time 0, on which drug is given, ascending, each once
    bolus    : mg/kg of base, the most given at once within 10 min; 0 where nothing is
    rate     : mg/kg/h of base, the highest at which infusions run together; 0 where none does
    forms    : what is given, as a prescription names it
    """

    weight: float
    sessions: tuple[Session, ...]
    days: tuple[int, ...]
    bolus: float
    rate: float
    forms: tuple[str, ...]

    @property
    def largest(self) -> float:
        """The most given in a session, mg of base."""
        return max((session.amount for session in self.sessions), default=0.0)

    @property
    def longest(self) -> int:
        """The length of the longest session, ticks."""
        return max((session.end - session.start for session in self.sessions), default=0)

    def treatment_days(self, window: int) -> int:
        """Days with drug in the fullest stretch of so many days.

        window : ticks, whole days
        """
        length, most, first = window // DAY, 0, 0
        for number, day in enumerate(self.days):
            while day - self.days[first] >= length:
                first += 1
            most = max(most, number - first + 1)
        return most

    def courses(self, lasting: int, within: int | None = None) -> int:
        """How many sessions of some length there are; or, of those, how many follow one another closely.

        lasting : ticks, the least length
        within  : ticks; each of them begins at most this long after the end of the one before; None for any time
        """
        long = [session for session in self.sessions if session.end - session.start >= lasting]
        most, running, before = 0, 0, None
        for session in long:
            close = before is not None and (within is None or session.start - before.end <= within)
            running = running + 1 if close else 1
            most, before = max(most, running), session
        return most


def describe(regimen: Regimen, weight_kg: float = 70.0, routes: Container[str] | None = None) -> Described:
    """A regimen as a guideline sees it.

    regimen   : what is given
    weight_kg : body weight, kg, > 0
    routes    : only what is given by these; all unless given
    returns   : Described
    Raises RegimenError for a weight that is not above 0.
    """
    if not 0.0 < weight_kg < math.inf:
        raise RegimenError(f"weight_kg is {weight_kg}; it must be finite and above 0.")
    doses = [dose for dose in regimen.doses if routes is None or dose.route in routes]
    return Described(
        float(weight_kg),
        _sessions(doses, weight_kg),
        tuple(sorted({day for dose in doses for start in dose.starts for day in _days(start, dose.duration)})),
        _bolus(doses, weight_kg),
        _rate(doses, weight_kg),
        tuple(sorted({str(dose.form) for dose in doses})),
    )


def _days(start: int, duration: int) -> range:
    """The days in which something is given; what ends at midnight does not touch the next day."""
    return range(start // DAY, max(start, start + duration - 1) // DAY + 1)


def _sessions(doses: list[Dose], weight: float) -> tuple[Session, ...]:
    given = sorted(
        (start, start + dose.duration, float(dose.base_amount(weight))) for dose in doses for start in dose.starts
    )
    made: list[Session] = []
    for start, end, amount in given:
        if made and start - made[-1].end <= PAUSE:
            last = made[-1]
            made[-1] = Session(last.start, max(last.end, end), last.amount + amount)
        else:
            made.append(Session(start, end, amount))
    return tuple(made)


def _bolus(doses: list[Dose], weight: float) -> float:
    at: dict[int, float] = {}
    for dose in doses:
        if dose.duration <= BOLUS_WITHIN:
            for start in dose.starts:
                at[start] = at.get(start, 0.0) + float(dose.base_amount(weight))
    return max(at.values(), default=0.0) / weight


def _rate(doses: list[Dose], weight: float) -> float:
    """The highest sum of rates; at one time infusions end before others start."""
    changes = []
    for dose in doses:
        if dose.duration > BOLUS_WITHIN:
            rate = float(dose.base_amount(weight)) / to_hours(dose.duration)
            for start in dose.starts:
                changes += [(start, True, rate), (start + dose.duration, False, rate)]
    running: list[float] = []
    highest = 0.0
    for _, starts, rate in sorted(changes):
        (running.append if starts else running.remove)(rate)
        highest = max(highest, math.fsum(running))
    return highest / weight
