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

Floats = NDArray[np.float64]
Pair = tuple[str, str]

FIRST = ("weight", "age", "sex")  # keep their own numbers whatever else is correlated with them
_LEAST = 1e-10  # a variance left below this is none


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

    correlations : (covariate, covariate) -> Spearman's rank correlation, above -1 and below 1
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
    return Copula(tuple(names), _factor(matrix, names, given))


def _factor(matrix: Floats, names: Sequence[str], given: Mapping[Pair, float]) -> tuple[tuple[float, ...], ...]:
    """Cholesky's factor, written out so that the first row that does not fit is known."""
    rows: list[tuple[float, ...]] = []
    for i in range(len(names)):
        row: list[float] = []
        for j in range(i):
            row.append((matrix[i, j] - math.fsum(a * b for a, b in zip(row, rows[j], strict=False))) / rows[j][j])
        left = 1.0 - math.fsum(part * part for part in row)
        if left <= _LEAST:
            _refuse(matrix, names, given, i)
        rows.append((*row, math.sqrt(left)))
    return tuple(rows)


def _refuse(matrix: Floats, names: Sequence[str], given: Mapping[Pair, float], last: int) -> None:
    """Name the entry of row `last` that must change least for the matrix up to it to be positive definite."""
    best: tuple[float, str] | None = None
    for (first, second), rho in given.items():
        i, j = sorted((names.index(first), names.index(second)))
        if j != last:
            continue
        fits = _range(matrix[: last + 1, : last + 1], i)
        if fits is None:
            continue
        low, high = (6 / math.pi * math.asin(end / 2) for end in fits)
        away = max(low - rho, rho - high)
        if best is None or away < best[0]:
            best = (
                away,
                f"{rho:g} between {first} and {second}; with the others as they are it lies above {low:.3g} "
                f"and below {high:.3g}",
            )
    if best is None:
        others = ", ".join(sorted({name for pair in given if names[last] in pair for name in pair} - {names[last]}))
        told = f"no one entry alone: those of {names[last]} with {others} do not go together with the rest"
    else:
        told = best[1]
    raise SimulationError(
        f"population: the correlations cannot all hold (the matrix is not positive definite). What breaks it is {told}."
    )


def _range(matrix: Floats, j: int) -> tuple[float, float] | None:
    """Between which values the entry (last, j) leaves the matrix positive definite, all others kept; None for none.

    1 - r' inv(A) r > 0 is a quadratic inequality in that entry; A, the matrix without the last row, is definite.
    """
    inverse = np.linalg.inv(matrix[:-1, :-1])
    others = matrix[-1, :-1].copy()
    others[j] = 0.0
    a, b = inverse[j, j], float(inverse[j] @ others)
    under = b * b - a * (float(others @ inverse @ others) - 1)
    if under <= 0:
        return None
    return (-b - math.sqrt(under)) / a, (-b + math.sqrt(under)) / a
