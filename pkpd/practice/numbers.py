"""Numbers of a practice as they are given: probabilities, times and other quantities above 0."""

from __future__ import annotations

import math
from typing import Any

from pkpd.errors import SimulationError, nearest
from pkpd.times import Quantity, read_time
from pkpd.units import parse


def probability(value: Any, where: str, below: float = math.inf) -> float:
    """A probability, from a number or a text in per cent.

    below : where it must be below this
    Raises SimulationError for what is none.
    """
    number = math.nan
    if isinstance(value, str) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        number = parse(value, "fraction", where)
    if not 0.0 <= number <= 1.0 or number >= below:
        end = "up to 1" if below > 1.0 else f"below {below:g}"
        raise SimulationError(f'{where} is {value!r}; a probability is a number from 0 {end}, such as 0.1 or "10 %".')
    return number


def number_above(value: Any, where: str, least: float = 0.0, equal: bool = False) -> float:
    """A plain number above a least one, or from it on where `equal`."""
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not fits or value < least or (value == least and not equal):
        allowed = f"from {least:g} on" if equal else f"above {least:g}"
        raise SimulationError(f"{where} is {value!r}; it is a plain number {allowed}.")
    return float(value)


def time_above(value: Quantity, where: str) -> int:
    """A time above 0, in ticks."""
    found = read_time(value, where)
    if found <= 0:
        raise SimulationError(f'{where} is {value!r}; it is a time above 0, such as "30 min".')
    return found


def quantity_above(value: Any, dimension: str, where: str) -> float:
    """A quantity above 0 of a named dimension, canonical."""
    found = parse(value, dimension, where)
    if not 0.0 < found < math.inf:
        raise SimulationError(f"{where} is {value!r}; it is finite and above 0.")
    return found


def one_of(value: str, allowed: tuple[str, ...], where: str) -> None:
    """Refuse a word that is not among those allowed."""
    if value not in allowed:
        raise SimulationError(f'{where} is "{value}". {nearest(str(value), allowed)}')
