"""As many patients as a stated Monte-Carlo error needs: more and more of the same ones, until it is met."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pkpd.errors import SimulationError, unknown
from pkpd.population.people import Population

AUTO = "auto"
FIRST = 1000  # patients
ERROR = 0.01
TWICE = 1.05  # more than the error of the last run tells, since that has an error of its own

Made = TypeVar("Made")


class Farthest(NamedTuple):
    """The summary whose Monte-Carlo error is farthest from what is allowed.

    times : its error, as a multiple of what is allowed
    what  : which it is, as text
    """

    times: float
    what: str


def people_for(subjects: Any, seed: int | None, error: float | None) -> Population | None:
    """The population to be enlarged where patients are to be as many as needed; None where their number is given.

    subjects : "auto", or a Population, whose size then does not count, together with an error
    Raises SimulationError for what cannot be enlarged, and for an error that is none.
    """
    if isinstance(subjects, str) and subjects != AUTO:
        raise unknown("subjects", "word", subjects, [AUTO])
    if error is None and not isinstance(subjects, str):
        return None
    if error is not None and not (isinstance(error, (int, float)) and not isinstance(error, bool) and 0 < error < 1):
        raise SimulationError(f"error: {error!r} is not a number between 0 and 1, such as 0.01.")
    if isinstance(subjects, Population) and subjects.subjects is None:
        return subjects if seed is None else replace(subjects, seed=seed)
    if isinstance(subjects, str):
        return Population(FIRST, seed=1 if seed is None else seed)
    raise SimulationError(
        'error: it decides how many patients there are. Give subjects="auto", or a Population without numbers of its '
        "own; or leave the error out."
    )


def allowed(error: float, unit: str, value: float, deviation: float) -> float:
    """The Monte-Carlo error allowed to a summary: `error` itself of a probability or fraction, else of its size.

    unit      : "" for probabilities and fractions
    value     : of the summary
    deviation : standard deviation between patients; the size is the larger of both
    """
    return error if unit == "" else error * max(abs(value), deviation)


def times(own: float, limit: float) -> float:
    """An error as a multiple of what is allowed: 0 of what does not vary, infinite where too few patients tell it.

    own   : Monte-Carlo error; nan where it cannot be told
    limit : what is allowed
    """
    if not limit > 0:
        return 0.0
    return math.inf if math.isnan(own) else own / limit


def until_enough(
    run: Callable[[int], Made], farthest: Callable[[Made], Farthest], error: float, at_most: int
) -> tuple[Made, str]:
    """Run with more and more patients, until no summary's error is more than allowed, or there are `at_most`.

    run     : a number of patients -> their result; the patients of a smaller number are among those of a larger one,
              so what comes out is what that many give at once
    returns : the last result, and what to tell of it
    """
    if isinstance(at_most, bool) or not isinstance(at_most, (int, np.integer)) or at_most < 2:
        raise SimulationError(f"at_most: {at_most!r} is not a whole number of patients from 2 on.")
    size = min(FIRST, int(at_most))
    while True:
        made = run(size)
        found = farthest(made)
        if found.times <= 1.0:
            return made, f"{size:,} patients: as many as a Monte-Carlo error of {error:g} needed."
        if size == at_most:
            how = (
                f"is {found.times:.2g} times what it may be" if math.isfinite(found.times) else "cannot be told of them"
            )
            return made, (
                f"{size:,} patients are the most allowed, and a Monte-Carlo error of {error:g} is not met: that of "
                f"{found.what} {how}. Allow more (at_most=...) or a larger error."
            )
        needed = size * found.times**2 * TWICE if math.isfinite(found.times) else 2 * size
        size = int(min(at_most, max(2 * size, math.ceil(min(needed, 1e15) / FIRST) * FIRST)))
