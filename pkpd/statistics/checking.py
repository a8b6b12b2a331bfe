"""Refusals of numbers no analysis can use: which number, what was given, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError, unknown

Floats = NDArray[np.float64]


def finite(what: str, given: ArrayLike) -> Floats:
    """The numbers as an array, if all are finite."""
    values = np.asarray(given, np.float64)
    if not np.all(np.isfinite(values)):
        at = _first(~np.isfinite(values))
        raise StatisticsError(f"{what}{at} is {values[~np.isfinite(values)][0]:g}; it must be a finite number.")
    return values


def above(what: str, given: ArrayLike, least: float) -> Floats:
    """The numbers as an array, if all are finite and above `least`."""
    values = finite(what, given)
    if np.any(values <= least):
        wrong = values <= least
        raise StatisticsError(f"{what}{_first(wrong)} is {values[wrong][0]:g}; it must be above {least:g}.")
    return values


def positive(what: str, given: float) -> float:
    """One number, if it is finite and above 0."""
    return float(above(what, given, 0.0))


def share(what: str, given: float, least: float = 0.0, most: float = 1.0) -> float:
    """One number, if it lies strictly between `least` and `most`."""
    if not least < given < most:
        raise StatisticsError(f"{what} is {given:g}; it must lie between {least:g} and {most:g}.")
    return float(given)


def chance(what: str, given: float) -> float:
    """A probability, if it is one."""
    if not 0.0 <= given <= 1.0:
        raise StatisticsError(f"{what} is {given:g}; a probability lies from 0 to 1.")
    return float(given)


def at_least(what: str, given: int, least: int) -> int:
    """A count, if it is a whole number not below `least`."""
    if int(given) != given or given < least:
        raise StatisticsError(f"{what} has {given:g}; it must be a whole number, at least {least}.")
    return int(given)


def choice(what: str, given: str, allowed: Iterable[str]) -> str:
    """A word, if it is one of the allowed."""
    allowed = tuple(allowed)
    if given not in allowed:
        raise unknown("statistics", what, given, allowed)
    return given


def _first(wrong: NDArray[np.bool_]) -> str:
    """Where the first wrong number stands, such as ' [3]'; nothing for a single number."""
    return "" if wrong.ndim == 0 else f" {[int(i) for i in np.argwhere(wrong)[0]]}"
