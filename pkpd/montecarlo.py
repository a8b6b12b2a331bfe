"""Monte-Carlo standard errors: how much a summary of simulated patients would scatter, were others drawn.

The formulas are those of plain draws. Low-discrepancy draws mostly scatter less, so that under them an error is mostly
on the safe side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError

Floats = NDArray[np.float64]

EVEN_DRAWS = (
    "Low-discrepancy draws: the Monte-Carlo errors given are those of as many plain draws; the true ones are usually "
    "smaller."
)


def fractions(given: Sequence[float], where: str) -> Floats:
    """Fractions from 0 to 1 at which percentiles are asked for, (shares).

    where : the argument, for errors
    Raises SimulationError for what is none.
    """
    try:
        found = np.atleast_1d(np.asarray(given, float))
    except (TypeError, ValueError) as cause:
        raise SimulationError(f"{where}: {given!r} are not numbers from 0 to 1.") from cause
    if found.ndim != 1 or found.size == 0 or not ((found >= 0) & (found <= 1)).all():
        raise SimulationError(f"{where}: {given!r} are not numbers from 0 to 1, such as (0.05, 0.5, 0.95).")
    return found


def beside(shares: Floats, subjects: int) -> Floats:
    """The fractions one standard error of a proportion below and above, cut to 0 and 1, (2 x shares).

    A percentile lies between those of the patients with probability 68 %: sqrt(p (1 - p) / n) is how far the share of
    patients below it scatters (David and Nagaraja, Order Statistics, 2003, 7.1).
    """
    near = np.sqrt(shares * (1.0 - shares) / subjects)
    sides: Floats = np.concatenate([shares - near, shares + near])
    return np.clip(sides, 0.0, 1.0)


def of_percentiles(shares: Floats, subjects: int, low: Floats, high: Floats) -> Floats:
    """Standard errors of percentiles, (shares, ...): half the distance between those beside them.

    low, high : (shares, ...) percentiles at `beside`
    returns   : nan where there are too few patients to tell
    """
    near = np.sqrt(shares * (1.0 - shares) / subjects)
    told = (near > 0.0) & (shares - near >= 0.0) & (shares + near <= 1.0)
    return np.where(told.reshape(-1, *(1,) * (low.ndim - 1)), (high - low) / 2, math.nan)


def percentiles(values: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Percentiles of some patients, linear between order statistics, and their standard errors, each (shares).

    values : (subjects)
    """
    found = np.quantile(values, np.concatenate([shares, beside(shares, len(values))]))
    own, low, high = np.split(found, 3)
    return own, of_percentiles(shares, len(values), low, high)


def of_mean(values: Floats) -> float:
    """Standard error of a mean; nan of one patient."""
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def of_probability(share: float, subjects: int) -> float:
    """Standard error of a probability; nan of one patient."""
    return math.sqrt(share * (1.0 - share) / subjects) if subjects > 1 else math.nan
