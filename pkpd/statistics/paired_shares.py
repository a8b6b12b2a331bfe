"""Two proportions of the same patients, as in a cross-over: McNemar's exact test, its power, Newcombe's interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError
from pkpd.statistics.checking import at_least, chance, share
from pkpd.statistics.comparing_groups import Analysis
from pkpd.statistics.power import fewest
from pkpd.statistics.two_by_two import binomial, wilson

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def mcnemar(
    first: ArrayLike, second: ArrayLike, evaluated: ArrayLike | None = None, *, level: float = 0.95
) -> Analysis:
    """Difference of two proportions of the same patients.

    first, second : (trials, patients) whether a patient responded under either treatment
    evaluated     : mask of who has both; everybody without one
    level         : of the interval
    returns       : p of McNemar's exact test, min(1, 2 P(X <= min(b, c))), X binomial (b + c, 1/2), b and c the
                    patients who responded under one treatment alone; se is Wald's
    """
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    seen = np.broadcast_to(np.True_ if evaluated is None else np.asarray(evaluated, bool), a.shape)
    both, only_a, only_b = (np.sum(part & seen, axis=-1).astype(float) for part in (a & b, a & ~b, ~a & b))
    n = seen.sum(axis=-1).astype(float)
    estimate = (only_a - only_b) / n
    low, high = _interval(both, only_a, only_b, n, level)
    se = np.sqrt(np.maximum(only_a + only_b - (only_a - only_b) ** 2 / n, 0.0)) / n
    return Analysis(estimate, se, low, high, _exact_p(only_a, only_b), np.full_like(se, np.inf))


def mcnemar_power(only_first: float, only_second: float, patients: int, *, alpha: float = 0.05) -> float:
    """Power of McNemar's exact test, two-sided.

    only_first, only_second : true probabilities that a patient responds under that treatment alone
    patients                : pairs of observations
    alpha                   : a result is significant where p <= alpha
    The patients who respond under one treatment alone are binomial (patients, sum of both), and those of them under the
    first binomial again; summed over both.
    """
    from scipy.special import bdtr

    share("alpha", alpha)
    n = at_least("cross-over", patients, 1)
    p, q = chance("only_first", only_first), chance("only_second", only_second)
    alone = p + q
    if alone > 1.0 + 1e-9:
        raise StatisticsError(f"only_first and only_second add up to {alone:g}; together they are at most 1.")
    if alone == 0.0:
        return 0.0
    discordant, chances = _binomial_near(n, min(1.0, alone))
    fewer = _most_fewer(discordant, alpha)
    few, own = np.maximum(fewer, 0), p / alone
    either = bdtr(few, discordant, own) + bdtr(few, discordant, 1.0 - own)
    return float(chances @ np.where(fewer >= 0, either, 0.0))


def pairs_needed(only_first: float, only_second: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """Fewest patients of a cross-over that give McNemar's exact test the power wanted; arguments as `mcnemar_power`.

    The two probabilities are not equal. The power of an exact test rises in steps: a few more patients may have less.
    """
    share("power", power, least=alpha)
    if only_first == only_second:
        raise StatisticsError(
            f"as many patients respond under either treatment alone, {only_first:g}; no number of patients tells them "
            "apart."
        )
    return fewest(lambda n: mcnemar_power(only_first, only_second, n, alpha=alpha) >= power)


def _binomial_near(n: int, p: float) -> tuple[Integers, Floats]:
    """Numbers of events within ten standard deviations of their mean, and how likely each is."""
    near = 10.0 * math.sqrt(n * p * (1.0 - p)) + 10.0
    x = np.arange(max(0, math.floor(n * p - near)), min(n, math.ceil(n * p + near)) + 1)
    return x, binomial(x, n, p)


def _most_fewer(discordant: Integers, alpha: float) -> Integers:
    """The most patients on the side of the fewer with which the test is significant; -1 where none is few enough."""
    from scipy.special import bdtr

    low, high = np.full(discordant.shape, -1), discordant // 2 + 1
    while np.any(high - low > 1):
        middle = np.maximum((low + high) // 2, 0)
        enough = 2.0 * bdtr(middle, discordant, 0.5) <= alpha
        low, high = np.where(enough, middle, low), np.where(enough, high, middle)
    return low


def _exact_p(b: Floats, c: Floats) -> Floats:
    from scipy.special import bdtr

    fewer, discordant = np.minimum(b, c), b + c
    return np.asarray(np.where(discordant == 0, 1.0, np.minimum(1.0, 2.0 * bdtr(fewer, discordant.astype(int), 0.5))))


def _interval(both: Floats, only_a: Floats, only_b: Floats, n: Floats, level: float) -> tuple[Floats, Floats]:
    """Newcombe's score interval of a paired difference, with the correlation of the two proportions.

    Source: Newcombe, Stat Med 1998;17:2635, method 10.
    """
    neither = n - both - only_a - only_b
    x, y = both + only_a, both + only_b
    (low_x, high_x), (low_y, high_y) = wilson(x, n, level), wilson(y, n, level)
    p, q = x / n, y / n
    top = both * neither - only_a * only_b
    top = np.where(top > 0, np.maximum(top - n / 2.0, 0.0), top)
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(x * (n - x) * y * (n - y))
        phi = np.where(root > 0, top / root, 0.0)
    down_x, up_x, down_y, up_y = p - low_x, high_x - p, q - low_y, high_y - q
    low = p - q - np.sqrt(np.maximum(down_x**2 - 2.0 * phi * down_x * up_y + up_y**2, 0.0))
    high = p - q + np.sqrt(np.maximum(down_y**2 - 2.0 * phi * down_y * up_x + up_x**2, 0.0))
    return low, high
