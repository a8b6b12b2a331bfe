"""What a trial of a given size can find: its power, and how far its significant results lead astray.

Type S: the share of significant results that have the wrong sign. Type M: how many times too large significant results
are on average. Gelman and Carlin, Perspect Psychol Sci 2014;9:641 (doi 10.1177/1745691614551642).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError
from pkpd.statistics.checking import above, at_least, choice, finite, positive, share

Floats = NDArray[np.float64]

MOST = 10**9  # patients
NODES = 200  # of the integral over the estimated spread; 1e-14 from 1 degree of freedom on


@dataclass(frozen=True)
class Prospect:
    """What to expect of a trial, each a number or an array of the shape of what was asked.

    power       : probability of a significant result, two-sided
    type_s      : share of the significant results whose sign is wrong; one half where the true effect is 0
    type_m      : mean size of the significant results over the true size; infinite where the true effect is 0
    significant : mean size of the significant results, sign left out, in the unit of the effect
    """

    power: Floats
    type_s: Floats
    type_m: Floats
    significant: Floats


@dataclass(frozen=True)
class Precision:
    """How precisely a trial measures an effect.

    se      : true standard error of the estimate, in the unit of the effect; a number or any shape
    freedom : degrees of freedom with which the trial estimates it; infinite where it is known
    """

    se: Floats | float
    freedom: float = math.inf


def parallel(sd: float, first: int, second: int | None = None) -> Precision:
    """Precision of the difference of two arms' means.

    sd     : standard deviation in either arm, > 0
    first  : patients of one arm, at least 2
    second : patients of the other arm; as many if left out
    """
    n, m = at_least("first arm", first, 2), at_least("second arm", first if second is None else second, 2)
    return Precision(positive("sd", sd) * math.sqrt(1.0 / n + 1.0 / m), n + m - 2)


def paired(sd: float, patients: int, correlation: float = 0.0) -> Precision:
    """Precision of the mean difference of two measurements of the same patients.

    sd          : standard deviation of either measurement, > 0
    patients    : at least 2
    correlation : of a patient's two measurements, between -1 and 1
    """
    spread = positive("sd", sd) * math.sqrt(2.0 * (1.0 - share("correlation", correlation, least=-1.0)))
    return single(spread, patients)


def single(sd: float, patients: int) -> Precision:
    """Precision of the mean of one group, such as of changes from baseline.

    sd       : standard deviation of what is averaged, > 0
    patients : at least 2
    """
    n = at_least("patients", patients, 2)
    return Precision(positive("sd", sd) / math.sqrt(n), n - 1)


def crossover(sd: float, first: int, second: int | None = None) -> Precision:
    """Precision of the effect in a cross-over of two treatments and two periods, adjusted for the period.

    sd     : within-patient standard deviation of one measurement, > 0
    first  : patients of one sequence, at least 2
    second : patients of the other sequence; as many if left out
    se = sd sqrt((1/first + 1/second) / 2)
    """
    n = at_least("first sequence", first, 2)
    m = at_least("second sequence", first if second is None else second, 2)
    return Precision(positive("sd", sd) * math.sqrt((1.0 / n + 1.0 / m) / 2.0), n + m - 2)


def prospect(effect: ArrayLike, precision: Precision | ArrayLike, *, test: str = "t", alpha: float = 0.05) -> Prospect:
    """Power, type S and type M of a two-sided test of an estimate that is normal around the true effect.

    effect    : true effect, any sign, any shape
    precision : of the trial; a plain number is a standard error that is known
    test      : "t", which estimates the standard error from the trial, or "normal", which takes it as known
    alpha     : two-sided level of significance

    With L = |effect| / se, critical value z, and w the estimated over the true standard error (1 where it is known):
    right sign Phi(L - zw), wrong sign Phi(-L - zw), power their sum, mean size of the significant results
    se [L (Phi(L - zw) - Phi(-L - zw)) + pdf(zw - L) + pdf(zw + L)] / power; each averaged over w, whose square is
    chi-square over its degrees of freedom, so that the power is that of the noncentral t distribution.
    """
    from scipy.special import ndtri, stdtrit

    choice("test", test, ("t", "normal"))
    share("alpha", alpha)
    known = precision if isinstance(precision, Precision) else Precision(np.asarray(precision, np.float64))
    true, error = np.broadcast_arrays(finite("effect", effect), above("standard error", known.se, 0.0))
    if test == "normal" or math.isinf(known.freedom):
        critical, nodes, weights = -float(ndtri(alpha / 2.0)), np.ones(1), np.ones(1)
    else:
        critical = -float(stdtrit(positive("degrees of freedom", known.freedom), alpha / 2.0))
        nodes, weights = spread_nodes(known.freedom)
    right, wrong, size = _significant(np.abs(true / error)[..., None], critical * nodes)
    power, missed = (right + wrong) @ weights, wrong @ weights
    with np.errstate(divide="ignore"):
        mean = error * (size @ weights) / power
        return Prospect(power, missed / power, mean / np.abs(true), mean)


def patients_per_arm(effect: float, sd: float, *, power: float = 0.8, test: str = "t", alpha: float = 0.05) -> int:
    """Fewest patients in each of two equal arms that give the power wanted, at least 2.

    effect : true difference of the means, not 0
    sd     : standard deviation in either arm, in the same unit
    power, test, alpha : as for `patients_needed`
    """
    return patients_needed(effect, lambda patients: parallel(sd, patients), power=power, test=test, alpha=alpha)


def patients_needed(
    effect: float,
    design: Callable[[int], Precision],
    *,
    power: float = 0.8,
    test: str = "t",
    alpha: float = 0.05,
) -> int:
    """Fewest patients that give the power wanted, at least 2; as `design` counts them.

    effect : true effect, not 0
    design : precision of a trial of so many patients, such as `lambda n: crossover(2.0, n)` for n in either sequence
    power  : wanted, above alpha
    test   : "t" or "normal", as for `prospect`
    alpha  : two-sided level of significance
    """
    share("power", power, least=alpha)
    if finite("effect", effect) == 0.0:
        raise StatisticsError("effect is 0; no number of patients shows a difference that is not there.")

    def enough(patients: int) -> bool:
        return bool(prospect(effect, design(patients), test=test, alpha=alpha).power >= power)

    return fewest(enough)


def fewest(enough: Callable[[int], bool]) -> int:
    """Fewest patients, at least 2, of whom there are enough, where more are enough as well."""
    few, many = 1, 2
    while not enough(many):
        few, many = many, 2 * many
        if many > MOST:
            raise StatisticsError(f"more than {MOST:,} patients are needed; look at the size and unit of the effect.")
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def _significant(standing: Floats, bound: Floats) -> tuple[Floats, Floats, Floats]:
    """Parts of a unit normal around `standing` beyond +bound and -bound, and the size of what lies beyond either."""
    from scipy.special import ndtr

    right, wrong = ndtr(standing - bound), ndtr(-standing - bound)
    size = standing * (right - wrong) + _density(bound - standing) + _density(bound + standing)
    return right, wrong, size


def _density(x: Floats) -> Floats:
    values: Floats = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return values


def spread_nodes(freedom: float, count: int = NODES) -> tuple[Floats, Floats]:
    """Nodes and weights for the mean over w = estimated over true standard deviation, w^2 chi-square / freedom.

    freedom : degrees of freedom, > 0
    count   : nodes
    returns : (count), (count), the weights adding up to 1; Gauss and Legendre's rule between the extreme quantiles
    """
    from scipy.special import chdtri, gammaln

    low = math.sqrt(chdtri(freedom, 1.0 - 1e-16) / freedom) if freedom > 10 else 0.0
    high = math.sqrt(chdtri(freedom, 1e-17) / freedom)
    u, weights = _legendre(count)
    w, weights = (
        low + (high - low) * u**3,
        weights * u * u,
    )  # closer together near 0, where few degrees of freedom decide
    half = freedom / 2.0
    log_density = math.log(2.0) + half * math.log(half) - gammaln(half) + (freedom - 1.0) * np.log(w) - half * w * w
    weights = weights * np.exp(log_density)
    return w, weights / weights.sum()


@lru_cache(maxsize=4)
def _legendre(count: int) -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss and Legendre's rule from 0 to 1."""
    x, weights = np.polynomial.legendre.leggauss(count)
    return (x + 1.0) / 2.0, weights / 2.0
