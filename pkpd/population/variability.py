"""From typical parameters to a table of subjects x parameters: covariates, spread between people and occasions.

Covariance blocks go by Cholesky factor within one file. What is correlated with other files' random effects is a
weighted sum of addressed standard normal numbers, theirs and its own, whether or not those files are in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError
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
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def shape(self) -> float | None: ...
    @property
    def df(self) -> float | None: ...


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
    @property
    def occasion(self) -> BetweenLike | None: ...


class CovarianceLike(Protocol):
    """Covariance of two random effects of one file."""

    @property
    def first(self) -> str: ...
    @property
    def second(self) -> str: ...
    @property
    def value(self) -> float: ...


def random_effects(
    owner: str,
    parameters: Mapping[str, ParameterLike],
    covariances: Sequence[CovarianceLike],
    mixing: Mapping[str, Mapping[str, float]],
    population: Population,
) -> dict[str, Floats]:
    """Random effects (eta) of one file's parameters, one number a subject.

    owner   : id of the file; with a parameter's name it addresses the random stream
    mixing  : parameter -> weights of the addressed normal numbers it is the sum of; its own number unless given
    returns : parameter -> (size), on the scale of its `between`
    """
    spread = {name: p.between for name, p in parameters.items() if p.between is not None}
    if not spread:
        return {}
    names = sorted(spread)
    standard = {}
    for name in names:
        terms = [weight * population.normal(of) for of, weight in mixing.get(name, {}).items()]
        standard[name] = sum(terms[1:], terms[0]) if terms else population.normal(f"{owner}.{name}")
    etas = _jointly(names, spread, covariances, standard)
    return {name: heavy_tailed(eta, spread[name]) for name, eta in etas.items()}


def _jointly(
    names: Sequence[str],
    spread: Mapping[str, BetweenLike],
    covariances: Sequence[CovarianceLike],
    standard: Mapping[str, Floats],
) -> dict[str, Floats]:
    """Normal random effects of the variances and covariances given, out of independent standard normal numbers."""
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


def heavy_tailed(eta: Floats, between: BetweenLike) -> Floats:
    """A normal random effect, or that of Student's t with the same sd at the same point of its distribution."""
    if between.df is None:
        return eta
    sd = float(np.sqrt(between.variance))
    return sd * student(eta / sd, between.df)


def student(z: Floats, df: float) -> Floats:
    """Numbers of Student's t distribution, scaled to a variance of 1, at the probabilities of standard normal numbers.

    z  : any shape
    df : degrees of freedom, above 2
    """
    from scipy.special import ndtr, stdtrit

    drawn: Floats = -np.sign(z) * stdtrit(df, ndtr(-np.abs(z))) * np.sqrt((df - 2) / df)
    return drawn


def individual(
    owner: str,
    parameters: Mapping[str, ParameterLike],
    covariances: Sequence[CovarianceLike],
    mixing: Mapping[str, Mapping[str, float]],
    covariates: Mapping[str, Floats],
    population: Population,
    occasion: int = 0,
) -> dict[str, Floats | float]:
    """Parameters of every subject of a population.

    covariates : covariate -> (size), canonical units
    mixing     : as for `random_effects`
    occasion   : number of the occasion, from 0 on
    returns    : parameter -> (size) canonical units, or one number where nobody differs
    Raises SimulationError where a covariate takes a value to where it cannot vary as the file says.
    """
    etas = random_effects(owner, parameters, covariances, mixing, population) if population.varied else {}
    table: dict[str, Floats | float] = {}
    for name, parameter in parameters.items():
        if parameter.value is None:
            continue
        value: Floats | float = parameter.value
        if parameter.scale is not None:
            relative = covariates[parameter.scale.covariate] / parameter.scale.reference
            value = value * (relative if parameter.scale.exponent == 1 else relative**parameter.scale.exponent)
        if parameter.between is not None and name in etas:
            value = _spread(name, value, etas[name], parameter.between)
        if parameter.occasion is not None and population.varied:
            sd = np.sqrt(parameter.occasion.variance)
            eta = heavy_tailed(sd * population.normal(f"{owner}.{name}.occasion", occasion), parameter.occasion)
            value = _spread(name, value, eta, parameter.occasion)
        table[name] = value
    return table


def _spread(name: str, value: Floats | float, eta: Floats, between: BetweenLike) -> Floats:
    """Apply a random effect; an entry cut-off redraws by inversion, the end of a scale collects what lies beyond.

    Source of the Box-Cox and t forms: Petersson et al., Pharm Res 2009;26:2174, equations of its methods section.
    """
    from scipy.special import expit, logit, ndtr, ndtri

    if between.kind in ("lognormal", "t"):
        spread = value * np.exp(eta)
    elif between.kind == "box-cox":
        assert between.shape is not None
        with np.errstate(over="ignore"):
            spread = value * np.exp(np.expm1(between.shape * eta) / between.shape)
    elif between.kind == "logit":
        assert between.low is not None and between.high is not None
        fraction = (np.asarray(value) - between.low) / (between.high - between.low)
        if not ((fraction > 0) & (fraction < 1)).all():
            worst = np.asarray(value)[~((fraction > 0) & (fraction < 1))].flat[0]
            raise SimulationError(
                f"{name} comes to {worst:g} for some subjects, which a logit spread from {between.low:g} to "
                f"{between.high:g} cannot hold. Change its value, or how it follows its covariate."
            )
        spread = between.low + (between.high - between.low) * expit(logit(fraction) + eta)
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
