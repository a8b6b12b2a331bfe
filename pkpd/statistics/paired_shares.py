"""Two proportions of the same patients, as in a cross-over: McNemar's exact test and Newcombe's interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.statistics.comparing_groups import Analysis
from pkpd.statistics.two_by_two import wilson

Floats = NDArray[np.float64]


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
