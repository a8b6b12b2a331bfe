"""Covariances of estimates: from a matrix in natural units to the correlations of standard normal numbers behind them.

Each pair of estimates g(z), h(w), z and w standard normal with correlation rho, has the covariance of the matrix:

    E[g(z) h(rho z + sqrt(1 - rho^2) x)] - E g E h = covariance,  x standard normal, independent

solved for rho by quadrature. For two log-normal estimates rho = ln(1 + cov / (E g E h)) / (s_g s_h).
Source: Cario and Nelson, Modeling and generating random vectors with arbitrary marginal distributions (1997).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError
from pkpd.model.estimatescales import Distribution, moments, nodes
from pkpd.statistics.definite import breach

Floats = NDArray[np.float64]

MOST = 1.0 - 1e-9  # of a correlation of standard normal numbers


def refuse_indefinite(matrix: Floats, names: Sequence[str], where: str) -> None:
    """Refuse a matrix that is not symmetric and positive definite, naming the entry.

    matrix : (n, n)
    names  : (n) of its rows and columns
    where  : begins the message
    Raises SimulationError.
    """
    if not np.isfinite(matrix).all():
        i, j = np.argwhere(~np.isfinite(matrix))[0]
        raise SimulationError(f"{where}: the entry of {names[i]} and {names[j]} is {matrix[i, j]}, not a number.")
    sds = np.sqrt(np.abs(np.diag(matrix)))
    for i, name in enumerate(names):
        if matrix[i, i] <= 0:
            raise SimulationError(f"{where}: the variance of {name} is {matrix[i, i]:g}; it is above 0.")
        for j in range(i):
            if abs(matrix[i, j] - matrix[j, i]) > 1e-9 * sds[i] * sds[j]:
                raise SimulationError(
                    f"{where}: it is not symmetric: {matrix[i, j]:g} in row {name}, column {names[j]}, but "
                    f"{matrix[j, i]:g} in row {names[j]}, column {name}."
                )
            if abs(matrix[i, j]) >= sds[i] * sds[j]:
                raise SimulationError(
                    f"{where}: it is not positive definite: the covariance {matrix[i, j]:g} of {names[j]} and {name} "
                    f"makes a correlation of {matrix[i, j] / (sds[i] * sds[j]):.3f}; with these variances it lies "
                    f"between -{sds[i] * sds[j]:.4g} and {sds[i] * sds[j]:.4g}."
                )
    found = breach(matrix / np.outer(sds, sds), itertools.combinations(range(len(names)), 2))
    if found is None:
        return
    (i, j), size = found.pair, sds[found.pair[0]] * sds[found.pair[1]]
    raise SimulationError(
        f"{where}: it is not positive definite: {', '.join(names[k] for k in found.among)} do not go together. What "
        f"would have to change least is the covariance {matrix[i, j]:g} of {names[i]} and {names[j]}; with the others "
        f"as they are it lies between {found.low * size:.4g} and {found.high * size:.4g}."
    )


def normal_correlations(matrix: Floats, distributions: Mapping[str, Distribution], where: str) -> Floats:
    """Correlations of the standard normal numbers behind estimates of a covariance matrix.

    matrix        : (n, n) covariances in canonical units, positive definite
    distributions : name -> distribution of that variance, in the order of the rows
    returns       : (n, n), positive definite
    Raises SimulationError naming the pair whose covariance these distributions cannot have.
    """
    names, ones = list(distributions), list(distributions.values())
    found = np.eye(len(names))
    for i in range(len(names)):
        for j in range(i):
            found[i, j] = found[j, i] = _pair(matrix[i, j], ones[i], ones[j], f"{where}: {names[j]} and {names[i]}")
    refuse_indefinite(found, names, f"{where}, of the scales on which the estimates are drawn")
    return found


def _pair(covariance: float, one: Distribution, other: Distribution, where: str) -> float:
    from scipy.optimize import brentq

    if covariance == 0:
        return 0.0
    at, weights = nodes()
    (mean, _), (mean_other, _) = moments(one), moments(other)
    own = weights * (one.at(at) - mean)

    def excess(rho: float) -> float:
        crossed = other.at(rho * at[:, None] + math.sqrt(1.0 - rho**2) * at[None, :]) - mean_other
        return float(own @ (crossed @ weights)) - covariance

    least, most = excess(-MOST) + covariance, excess(MOST) + covariance
    if not least < covariance < most:
        raise SimulationError(
            f"{where}: a covariance of {covariance:g} cannot be had; with these variances, drawn as "
            f"{one.text} and {other.text}, it lies between {least:.4g} and {most:.4g}."
        )
    return float(brentq(excess, -MOST, MOST, xtol=1e-12))


def mixed(correlations: Floats, independent: Sequence[Floats]) -> list[Floats]:
    """Correlated standard normal numbers of independent ones, by Cholesky factor.

    independent : (n) arrays of one shape
    """
    # Written out row by row: a matrix product may sum in another order for another number of replicates.
    factor = np.linalg.cholesky(correlations)
    found = []
    for i in range(len(independent)):
        total = factor[i, 0] * independent[0]
        for j in range(1, i + 1):
            total = total + factor[i, j] * independent[j]
        found.append(total)
    return found
