"""Whether correlations can hold together, and if not, which one stands in the way and what it might be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST = 1e-10  # smallest eigenvalue of correlations that counts as above 0


class Breach(NamedTuple):
    """The correlation that would have to change least.

    pair      : which it is, by position
    low, high : what it may lie between, the others held
    among     : the fewest that cannot go together, by position; the pair is among them
    smallest  : eigenvalue of their correlations
    """

    pair: tuple[int, int]
    low: float
    high: float
    among: tuple[int, ...]
    smallest: float


def smallest_eigenvalue(correlations: Floats) -> float:
    """The smallest eigenvalue of a symmetric matrix, (n, n)."""
    return float(np.linalg.eigvalsh(correlations)[0])


def breach(correlations: Floats, given: Iterable[tuple[int, int]]) -> Breach | None:
    """What keeps a matrix of correlations from being positive definite; None where nothing does.

    correlations : (n, n)
    given        : the pairs that were given, by position; the others are 0
    """
    if smallest_eigenvalue(correlations) > LEAST:
        return None
    among = list(range(len(correlations)))
    for one in tuple(among):
        rest = [other for other in among if other != one]
        if smallest_eigenvalue(correlations[np.ix_(rest, rest)]) <= LEAST:
            among = rest
    # Whichever of these is left out, the others can go together: so every pair has a range.
    found: list[tuple[float, Breach]] = []
    for i, j in given:
        if i in among and j in among:
            low, high = allowed(correlations, i, j, [k for k in among if k not in (i, j)])
            rho = float(correlations[i, j])
            smallest = smallest_eigenvalue(correlations[np.ix_(among, among)])
            found.append((max(low - rho, rho - high), Breach((i, j), low, high, tuple(among), smallest)))
    return min(found, key=lambda one: one[0])[1]


def allowed(correlations: Floats, i: int, j: int, held: list[int]) -> tuple[float, float]:
    """What one correlation may lie between, the others held.

    i, j : the pair
    held : positions of the others, which can go together with either of the two

    a' B^-1 b -+ sqrt((1 - a' B^-1 a) (1 - b' B^-1 b)), with B the correlations of the others, a and b those of i and j
    with them: where the determinant is 0.
    """
    if not held:
        return -1.0, 1.0
    others = correlations[np.ix_(held, held)]
    a, b = correlations[held, i], correlations[held, j]
    with_a, with_b = np.linalg.solve(others, a), np.linalg.solve(others, b)
    middle = float(a @ with_b)
    half = math.sqrt(max(0.0, 1.0 - float(a @ with_a)) * max(0.0, 1.0 - float(b @ with_b)))
    return middle - half, middle + half
