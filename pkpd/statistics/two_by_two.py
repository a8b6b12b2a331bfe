"""Responders of two arms: p-values and intervals of tables of two by two, and what a trial of responders can find."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError
from pkpd.statistics.checking import at_least, chance, choice, share
from pkpd.statistics.power import Prospect

Floats = NDArray[np.float64]

MOST_EXACT = 200  # patients an arm up to which the exact power of a size is looked at
Integers = NDArray[np.int64]

TIE = 1e-7  # relative; tables whose probabilities differ by less are equally extreme


@lru_cache(maxsize=4096)
def fisher_table(first: int, second: int) -> Floats:
    """Two-sided p-values of Fisher's exact test for every outcome of two arms.

    first, second : patients of the arms
    returns       : (first + 1, second + 1), row and column being the responders of either arm; not to be written to
    The p-value adds up, given the number of responders in all, the tables no more probable than the one seen.
    """
    from scipy.special import gammaln

    n, m = at_least("first arm", first, 1), at_least("second arm", second, 1)
    log_choose = [gammaln(k + 1) - gammaln(np.arange(k + 1) + 1) - gammaln(k - np.arange(k + 1) + 1) for k in (n, m)]
    p_values = np.empty((n + 1, m + 1))
    for responders in range(n + m + 1):
        x = np.arange(max(0, responders - m), min(n, responders) + 1)
        log_p = log_choose[0][x] + log_choose[1][responders - x]
        p = np.exp(log_p - log_p.max())
        ranked = np.sort(p)
        upto = np.searchsorted(ranked, p * (1.0 + TIE), side="right") - 1
        p_values[x, responders - x] = np.minimum(np.cumsum(ranked)[upto] / ranked.sum(), 1.0)
    p_values.setflags(write=False)
    return p_values


def fisher_p(first: ArrayLike, n_first: ArrayLike, second: ArrayLike, n_second: ArrayLike) -> Floats:
    """Two-sided p-values of Fisher's exact test, of many tables.

    first, second     : responders of the arms, whole numbers, any shape
    n_first, n_second : patients of the arms, shapes that fit
    """
    x, n, y, m = np.broadcast_arrays(*(np.asarray(a, np.int64) for a in (first, n_first, second, n_second)))
    p = np.empty(x.shape)
    sizes, which = np.unique(np.stack([n.ravel(), m.ravel()]), axis=1, return_inverse=True)
    flat = p.reshape(-1)
    for at, (size, other) in enumerate(sizes.T):
        mine = which.reshape(-1) == at
        flat[mine] = fisher_table(int(size), int(other))[x.ravel()[mine], y.ravel()[mine]]
    return p


def chi_square_p(first: ArrayLike, n_first: ArrayLike, second: ArrayLike, n_second: ArrayLike) -> Floats:
    """Two-sided p-values of Pearson's chi-square test without continuity correction; arguments as for `fisher_p`.

    1 where nobody or everybody responds in both arms.
    """
    from scipy.special import chdtrc

    x, n, y, m = (np.asarray(a, np.float64) for a in (first, n_first, second, n_second))
    responders, patients = x + y, n + m
    spread = responders * (patients - responders) * n * m
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = np.where(spread > 0.0, (x * m - y * n) ** 2 * patients / spread, 0.0)
    p: Floats = chdtrc(1.0, statistic)
    return p


def wilson(responders: ArrayLike, patients: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Wilson's interval of a proportion: low and high, in the shape of what was given.

    Source: Wilson, J Am Stat Assoc 1927;22:209.
    """
    from scipy.special import ndtri

    x, n = np.asarray(responders, np.float64), np.asarray(patients, np.float64)
    z = float(ndtri(0.5 + share("level", level) / 2.0))
    p = x / n
    middle, half = p + z * z / (2.0 * n), z * np.sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n))
    scale = 1.0 + z * z / n
    return np.where(x == 0, 0.0, (middle - half) / scale), np.where(x == n, 1.0, (middle + half) / scale)


def newcombe(
    first: ArrayLike, n_first: ArrayLike, second: ArrayLike, n_second: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Newcombe's interval of the difference of two proportions, first less second, without continuity correction.

    Arguments as for `fisher_p`. Source: Newcombe, Stat Med 1998;17:873, method 10.
    """
    x, n, y, m = (np.asarray(a, np.float64) for a in (first, n_first, second, n_second))
    p, q = x / n, y / m
    (low_p, high_p), (low_q, high_q) = wilson(x, n, level), wilson(y, m, level)
    low = p - q - np.sqrt((p - low_p) ** 2 + (high_q - q) ** 2)
    return low, p - q + np.sqrt((high_p - p) ** 2 + (q - low_q) ** 2)


def responder_prospect(
    first: float, second: float, n_first: int, n_second: int | None = None, *, test: str = "fisher", alpha: float = 0.05
) -> Prospect:
    """Power, type S and type M of a trial of responders, exactly, over all outcomes it can have.

    first, second     : true probabilities of responding in the arms
    n_first, n_second : patients of the arms; as many in the second if left out
    test              : "fisher" (exact) or "chi-square" (Pearson, uncorrected), two-sided
    alpha             : a result is significant where p <= alpha
    returns           : numbers; sizes are differences of proportions, sign left out
    """
    choice("test", test, ("fisher", "chi-square"))
    share("alpha", alpha)
    n = at_least("first arm", n_first, 1)
    m = at_least("second arm", n_first if n_second is None else n_second, 1)
    x, y = np.arange(n + 1)[:, None], np.arange(m + 1)[None, :]
    outcomes = binomial(x, n, chance("first", first)) * binomial(y, m, chance("second", second))
    p = fisher_table(n, m) if test == "fisher" else chi_square_p(x, n, y, m)
    difference, significant = x / n - y / m, np.where(p <= alpha, outcomes, 0.0)
    power, true = np.asarray(significant.sum()), np.asarray(first - second, np.float64)
    if power == 0.0:
        raise StatisticsError(
            f"with {n} and {m} patients no outcome is significant at alpha {alpha:g} by {test}; take more patients."
        )
    mean = np.asarray(np.sum(significant * np.abs(difference)) / power)
    wrong = np.asarray(np.sum(significant[difference * true < 0.0]) / power if true != 0.0 else 0.5)
    with np.errstate(divide="ignore"):
        return Prospect(power, wrong, mean / np.abs(true), mean)


def responders_per_arm(first: float, second: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """Fewest patients in each of two equal arms for a chi-square test of two proportions, by the usual formula.

    first, second : true probabilities of responding in the arms, not equal
    n = [z(1 - alpha/2) sqrt(2 p (1-p)) + z(power) sqrt(p1 (1-p1) + p2 (1-p2))]^2 / (p1 - p2)^2, p their mean.
    Source: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, chapter 4, without the correction.
    """
    from scipy.special import ndtri

    p, q = chance("first", first), chance("second", second)
    share("power", power, least=alpha)
    if p == q:
        raise StatisticsError(f"both arms respond with probability {p:g}; no number of patients tells them apart.")
    mean = (p + q) / 2.0
    under_none = -float(ndtri(share("alpha", alpha) / 2.0)) * math.sqrt(2.0 * mean * (1.0 - mean))
    under_true = float(ndtri(power)) * math.sqrt(p * (1.0 - p) + q * (1.0 - q))
    return math.ceil((under_none + under_true) ** 2 / (p - q) ** 2)


def corrected(patients: int, first: float, second: float) -> int:
    """Patients in each of two equal arms for Fisher's exact test, from those of the chi-square test.

    n / 4 (1 + sqrt(1 + 4 / (n |p1 - p2|)))^2.
    Source: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, chapter 4, with the correction.
    """
    apart = abs(first - second)
    if apart == 0.0:
        raise StatisticsError(f"both arms respond with probability {first:g}; no number of patients tells them apart.")
    return math.ceil(patients / 4.0 * (1.0 + math.sqrt(1.0 + 4.0 / (patients * apart))) ** 2)


def patients_by_fisher(first: float, second: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """Patients in each of two equal arms for Fisher's exact test, from which on more have the power wanted as well.

    first, second : true probabilities of responding in the arms, not equal
    By `corrected`; below some hundreds the exact power, which rises in steps, is looked at size by size around that.
    """
    n = corrected(responders_per_arm(first, second, power=power, alpha=alpha), first, second)
    if n > MOST_EXACT:
        return n

    def enough(size: int) -> bool:
        try:
            return float(responder_prospect(first, second, size, alpha=alpha).power) >= power
        except StatisticsError:  # no outcome is significant
            return False

    while not enough(n):
        n += 1
    while n > 2 and enough(n - 1):
        n -= 1
    return n


def binomial(x: ArrayLike, n: int, p: float) -> Floats:
    """Probabilities of so many events in n trials, each with probability p; the shape of x."""
    from scipy.special import gammaln, xlog1py, xlogy

    x = np.asarray(x)
    log_choose = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    chances: Floats = np.exp(log_choose + xlogy(x, p) + xlog1py(n - x, -p))
    return chances
