"""From typical parameters to a table of subjects x parameters: covariates and between-subject spread.

Log-normal: value x exp(eta). Normal: value + eta. Covariance blocks by Cholesky factor within one file; correlation
with another file's random effect by mixing in that effect's own standard normal number, whether or not it is in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pkpd.population.people import Population

Floats = NDArray[np.float64]


class BetweenLike(Protocol):
    """How a parameter varies between people."""

    @property
    def kind(self) -> str: ...
    @property
    def variance(self) -> float: ...
    @property
    def at_least(self) -> float | None: ...
    @property
    def at_most(self) -> float | None: ...


class ScaleLike(Protocol):
    """How a parameter follows a covariate: x (covariate / reference) ** exponent."""

    @property
    def covariate(self) -> str: ...
    @property
    def reference(self) -> float: ...
    @property
    def exponent(self) -> float: ...


class ParameterLike(Protocol):
    """What this room needs to know of a parameter."""

    @property
    def value(self) -> float | None: ...
    @property
    def scale(self) -> ScaleLike | None: ...
    @property
    def between(self) -> BetweenLike | None: ...


class CovarianceLike(Protocol):
    """Covariance of two random effects of one file."""

    @property
    def first(self) -> str: ...
    @property
    def second(self) -> str: ...
    @property
    def value(self) -> float: ...


class CorrelationLike(Protocol):
    """Correlation of a random effect with one of another file, named "file.parameter"."""

    @property
    def of(self) -> str: ...
    @property
    def other(self) -> str: ...
    @property
    def rho(self) -> float: ...


def random_effects(
    owner: str,
    parameters: Mapping[str, ParameterLike],
    covariances: Sequence[CovarianceLike],
    correlations: Sequence[CorrelationLike],
    population: Population,
) -> dict[str, Floats]:
    """Random effects (eta) of one file's parameters, one number a subject.

    owner   : id of the file; with a parameter's name it addresses the random stream
    returns : parameter -> (size), on the scale of its `between`
    """
    spread = {name: p.between for name, p in parameters.items() if p.between is not None}
    if not spread:
        return {}
    names = sorted(spread)
    standard = {name: population.normal(f"{owner}.{name}") for name in names}
    for correlation in correlations:
        other = population.normal(correlation.other)
        mixed = correlation.rho * other + np.sqrt(1 - correlation.rho**2) * standard[correlation.of]
        standard[correlation.of] = mixed
    matrix = np.diag([spread[name].variance for name in names])
    for covariance in covariances:
        i, j = names.index(covariance.first), names.index(covariance.second)
        matrix[i, j] = matrix[j, i] = covariance.value
    if not covariances:
        return {name: np.sqrt(spread[name].variance) * standard[name] for name in names}
    # Written out row by row: a matrix product may sum in another order for another number of subjects.
    factor = np.linalg.cholesky(matrix)
    etas = {}
    for i, name in enumerate(names):
        total = factor[i, 0] * standard[names[0]]
        for j in range(1, i + 1):
            total = total + factor[i, j] * standard[names[j]]
        etas[name] = total
    return etas


def individual(
    owner: str,
    parameters: Mapping[str, ParameterLike],
    covariances: Sequence[CovarianceLike],
    correlations: Sequence[CorrelationLike],
    covariates: Mapping[str, Floats],
    population: Population,
) -> dict[str, Floats | float]:
    """Parameters of every subject of a population.

    covariates : covariate -> (size), canonical units
    returns    : parameter -> (size) canonical units, or one number where nobody differs
    """
    etas = random_effects(owner, parameters, covariances, correlations, population) if population.varied else {}
    table: dict[str, Floats | float] = {}
    for name, parameter in parameters.items():
        if parameter.value is None:
            continue
        value: Floats | float = parameter.value
        if parameter.scale is not None:
            relative = covariates[parameter.scale.covariate] / parameter.scale.reference
            value = value * (relative if parameter.scale.exponent == 1 else relative**parameter.scale.exponent)
        if parameter.between is not None and name in etas:
            value = _spread(owner, name, value, etas[name], parameter.between, population)
        table[name] = value
    return table


def _spread(
    owner: str, name: str, value: Floats | float, eta: Floats, between: BetweenLike, population: Population
) -> Floats:
    """Apply a random effect; an entry cut-off redraws by inversion, the end of a scale collects what lies beyond."""
    from scipy.special import ndtr, ndtri

    if between.kind == "lognormal":
        spread = value * np.exp(eta)
    else:
        spread = value + eta
        if between.at_least is not None:
            sd = np.sqrt(between.variance)
            below = ndtr((between.at_least - value) / sd)
            spread = value + sd * ndtri(below + ndtr(eta / sd) * (1.0 - below))
    if between.at_least is not None:
        spread = np.maximum(spread, between.at_least)
    if between.at_most is not None:
        spread = np.minimum(spread, between.at_most)
    result: Floats = spread
    return result
