"""Output times as a user writes them -> integer nanoseconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError, UnitError
from pkpd.units import factor, parse

Integers = NDArray[np.int64]

TICKS_PER_HOUR = 3600 * 10**9
_RANGE = re.compile(r"\s*(\S+)\s+to\s+(\S+)\s*(\S*)\s+by\s+(.+)", re.IGNORECASE)


def ticks(value: Any, where: str = "times") -> int:
    """One time as integer nanoseconds: text with its unit, a pair or a pint quantity."""
    hours = parse(value, "time", where)
    if not (np.isfinite(hours) and hours >= 0):
        raise SimulationError(f"{where}: {value!r} is not a time from 0 on.")
    return round(hours * TICKS_PER_HOUR)


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
        hours = np.asarray(value[0], float) * factor(value[1], "time", where)
    elif hasattr(value, "magnitude") and hasattr(value, "units"):
        hours = np.asarray(value.magnitude, float) * factor(f"{value.units:~}", "time", where)
    elif isinstance(value, Sequence) and value and all(isinstance(item, str) for item in value):
        return np.array([ticks(item, where) for item in value])
    else:
        raise UnitError(
            f'{where}: {str(value)[:60]} has no unit. Write (numbers, "h"), ["0 h", "40 min"] or "0 to 24 h by 6 min".'
        )
    hours = np.atleast_1d(hours)
    if hours.ndim > 2 or hours.size == 0 or not np.isfinite(hours).all() or (hours < 0).any():
        raise SimulationError(
            f"{where}: times are finite, from 0 on, and of shape (times) or (subjects, times); "
            f"given shape {hours.shape}, from {hours.min(initial=0):g} h."
        )
    made: Integers = np.rint(hours * TICKS_PER_HOUR).astype(np.int64)
    return made


def _range(match: re.Match[str], text: str, where: str) -> Integers:
    first, last, unit, step = match.groups()
    if not unit:
        raise UnitError(f'{where}: "{text}" has no unit. Write it like "0 to 24 h by 6 min".')
    begin = ticks(first if re.search("[a-z]", first) else f"{first} {unit}", where)
    end, by = ticks(f"{last} {unit}", where), ticks(step, where)
    if by <= 0 or end < begin:
        raise SimulationError(f'{where}: "{text}" goes nowhere. The end comes after the start and the step is above 0.')
    return np.arange(begin, end + 1, by, dtype=np.int64)
