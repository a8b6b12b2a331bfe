"""Times as whole nanoseconds ("ticks"): of doses and of outputs, read in one way so that equal is equal."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pkpd import units
from pkpd.errors import RegimenError, SimulationError, UnitError

Integers = NDArray[np.int64]
Quantity = str | tuple[float, str]

TICKS_PER_HOUR: Final = 3_600_000_000_000
LONGEST: Final = 2**63 - 1
_RANGE = re.compile(r"\s*([\d.eE+-]+)\s*([a-z]*)\s+to\s+([\d.eE+-]+)\s*([a-z]*)\s+by\s+(.+)", re.IGNORECASE)
# A number that is no text carries the rounding of its decimals: this near to a whole microsecond it means that.
_NEAR: Final = 4


def to_ticks(hours: float) -> int:
    """The nearest whole number of ticks to a time.

    hours   : h
    returns : ticks
    Raises RegimenError for a time that is not finite.
    """
    if not math.isfinite(hours * TICKS_PER_HOUR):
        raise RegimenError(f"a time of {hours} h is not finite. Give one within 292 years.")
    return round(hours * TICKS_PER_HOUR)


def to_hours(ticks: int) -> float:
    """A time in hours.

    ticks   : ticks
    returns : h
    """
    return ticks / TICKS_PER_HOUR


def read_time(value: Quantity, where: str = "") -> int:
    """A written time in ticks; a text is read as a decimal fraction, so that no digit of it is lost.

    value   : text ("40 min"), pair (40, "min") or pint quantity
    where   : the place, for the error
    returns : ticks, the nearest whole number; negative where the time is
    Raises UnitError for a missing or wrong unit, RegimenError for a time that is not finite.
    """
    hours = units.parse(value, "time", where)
    nearby = to_ticks(hours)
    if not isinstance(value, str) or hours == 0.0:
        return nearby
    unit = units.split(value)[1]
    return round(Fraction(value.strip().removesuffix(unit).strip()) * to_ticks(units.factor(unit, "time")))


def ticks(value: Any, where: str = "times") -> int:
    """One time from 0 on, in ticks.

    value : text with its unit, a pair or a pint quantity
    Raises UnitError for a missing or wrong unit, SimulationError for a time before 0 or too long to count.
    """
    try:
        found = read_time(value, where)
    except RegimenError as cause:
        raise SimulationError(f"{where}: {cause}") from cause
    if not 0 <= found <= LONGEST:
        raise SimulationError(f"{where}: {value!r} is not a time from 0 on, within 292 years.")
    return found


def read_times(value: Any, where: str = "times") -> Integers:
    """Output times as integer nanoseconds.

    value   : "0 to 24 h by 6 min", "30 min", a list of such texts, or (numbers, unit) with numbers of shape (times) or
              (subjects, times)
    returns : (times) or (subjects, times)
    Raises UnitError for bare numbers, SimulationError for times before 0 or not finite.
    """
    if isinstance(value, str):
        match = _RANGE.fullmatch(value)
        return _range(match, value, where) if match else np.array([ticks(value, where)])
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        numbers, unit = value
    elif hasattr(value, "magnitude") and hasattr(value, "units"):
        numbers, unit = value.magnitude, f"{value.units:~}"
    elif isinstance(value, Sequence) and value and all(isinstance(item, str) for item in value):
        return np.array([ticks(item, where) for item in value])
    else:
        raise UnitError(
            f'{where}: {str(value)[:60]} has no unit. Write (numbers, "h"), ["0 h", "40 min"] or "0 to 24 h by 6 min".'
        )
    try:
        given = np.atleast_1d(np.asarray(numbers, float))
    except (TypeError, ValueError) as cause:
        raise SimulationError(f"{where}: {str(numbers)[:60]} is not a number or an array of numbers.") from cause
    counted = given * to_ticks(units.factor(unit, "time", where))
    if given.ndim > 2 or given.size == 0 or not ((counted >= 0) & (counted < LONGEST)).all():
        raise SimulationError(
            f"{where}: times are finite, from 0 on, within 292 years, and of shape (times) or (subjects, times); given "
            f"shape {given.shape}, from {given.min(initial=0):g} to {given.max(initial=0):g} {unit}."
        )
    micro = 1000 * np.rint(counted / 1000)
    made: Integers = np.where(np.abs(counted - micro) <= _NEAR, micro, np.rint(counted)).astype(np.int64)
    return made


def _range(match: re.Match[str], text: str, where: str) -> Integers:
    first, own, last, unit, step = match.groups()
    if not unit:
        raise UnitError(f'{where}: "{text}" has no unit. Write it like "0 to 24 h by 6 min".')
    begin, end, by = ticks(f"{first} {own or unit}", where), ticks(f"{last} {unit}", where), ticks(step, where)
    if by <= 0 or end < begin:
        raise SimulationError(f'{where}: "{text}" goes nowhere. The end comes after the start and the step is above 0.')
    if (end - begin) // by >= 10**7:
        raise SimulationError(f'{where}: "{text}" is {(end - begin) // by + 1:,} times. Give at most ten million.')
    return np.arange(begin, end + 1, by, dtype=np.int64)
