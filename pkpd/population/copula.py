"""Covariates that go together: a Gaussian copula, which leaves every covariate's own distribution as it is.

What is given is Spearman's rank correlation r, which no change of scale alters. The normal scores under it have the
correlation 2 sin(pi r / 6) (Pearson K. Mathematical contributions to the theory of evolution XVI. 1907).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError
from pkpd.statistics.definite import breach

Floats = NDArray[np.float64]
Pair = tuple[str, str]

FIRST = ("weight", "age", "sex")  # keep their own numbers whatever else is correlated with them


@dataclass(frozen=True, slots=True)
class Copula:
    """Names of the covariates, and the lower triangle that mixes their own normal scores, row by row."""

    names: tuple[str, ...]
    factor: tuple[tuple[float, ...], ...]

    def row(self, name: str) -> Mapping[str, float]:
        """Of a covariate's score: which covariates' own scores are in it, and how much of each."""
        row = self.factor[self.names.index(name)]
        return {other: weight for other, weight in zip(self.names, row, strict=False) if weight != 0}


def copula(correlations: Mapping[Pair, float]) -> Copula:
    """The copula of rank correlations; pairs that are not named are not correlated.

    correlations : (covariate, covariate) -> Spearman's rank correlation of their scores, above -1 and below 1
    Raises SimulationError for a pair that is none, named twice or out of range, and for correlations that cannot all
    hold: the entry that breaks them is named, with the range in which it would not.
    """
    given: dict[Pair, float] = {}
    for pair, rho in correlations.items():
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(name, str) for name in pair)):
            raise SimulationError(
                f'population: correlations are given as ("weight", "height"): 0.45, and {pair!r} is no such pair.'
            )
        first, second = pair
        where = f"population: correlation of {first} with {second}"
        if first == second:
            raise SimulationError(f"{where}: a covariate is correlated with another, not with itself.")
        if (second, first) in given:
            raise SimulationError(f"{where}: it is given twice.")
        if isinstance(rho, bool) or not isinstance(rho, (int, float)) or not -1 < rho < 1:
            raise SimulationError(f"{where} is {rho!r}; a correlation lies above -1 and below 1.")
        given[first, second] = float(rho)
    names = sorted({name for pair in given for name in pair})
    names = [name for name in FIRST if name in names] + [name for name in names if name not in FIRST]
    matrix = np.eye(len(names))
    for (first, second), rho in given.items():
        i, j = names.index(first), names.index(second)
        matrix[i, j] = matrix[j, i] = 2 * math.sin(math.pi * rho / 6)
    _refuse_indefinite(matrix, names, given)
    return Copula(tuple(names), _factor(matrix))


def _factor(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    """Cholesky's factor, written out, of a matrix that is positive definite."""
    rows: list[tuple[float, ...]] = []
    for i in range(len(matrix)):
        row: list[float] = []
        for j in range(i):
            row.append((matrix[i, j] - math.fsum(a * b for a, b in zip(row, rows[j], strict=False))) / rows[j][j])
        rows.append((*row, math.sqrt(1.0 - math.fsum(part * part for part in row))))
    return tuple(rows)


def _refuse_indefinite(matrix: Floats, names: Sequence[str], given: Mapping[Pair, float]) -> None:
    """Refuse correlations that cannot all hold, naming the one that would have to change least."""
    pairs = {(names.index(first), names.index(second)): (first, second) for first, second in given}
    found = breach(matrix, pairs) if pairs else None
    if found is None:
        return
    first, second = pairs[found.pair]
    low, high = (6 / math.pi * math.asin(end / 2) for end in (found.low, found.high))
    raise SimulationError(
        "population: the correlations cannot all hold (the matrix is not positive definite). What breaks it is "
        f"{given[first, second]:g} between {first} and {second}; with the others as they are it lies above {low:.3g} "
        f"and below {high:.3g}."
    )
