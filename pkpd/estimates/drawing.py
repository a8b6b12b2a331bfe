"""Draws of estimates: replicate k of a seed gives every uncertain parameter of a model and its effects a value.

Each draw has an address (seed, replicate, "estimate owner.parameter"), so replicate 7 is the same among ten and among a
thousand, and a further uncertain parameter changes none of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError, unknown
from pkpd.estimates.correlating import mixed, normal_correlations
from pkpd.estimates.given import Owned, parameters_of, read_covariance, read_draws
from pkpd.model.effect import PROBABILITIES, Effect
from pkpd.model.estimatekinds import kind_of
from pkpd.model.estimatescales import Distribution, of_error, of_interval, of_range
from pkpd.model.estimation import estimate_matrix
from pkpd.model.model import Model
from pkpd.model.modifying import factors_of, modified_effect
from pkpd.model.parts import Parameter, estimated
from pkpd.population import streams
from pkpd.units import analyse

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

WHERE = "covariance of the estimates"
JOINTLY = "covariance matrix"  # ends what is drawn together
LEAVE, UNIFORM = "leave", "uniform"
PUBLISHED, ASSUMED, GIVEN = "published", "assumed range", "given"
SWITCHED_OFF, RANGE, NONE_KNOWN = "switched off", "assumed range, not sampled", "no uncertainty known"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A parameter that is drawn.

    name      : of the model's parameter, or "effect.parameter"
    owner     : id of the model or effect
    parameter : with value, unit, source and mark
    how       : the distribution, and of what: "log-normal, standard error"
    basis     : "published", "given" by the user, or "assumed range": sampled between the ends of a range worth trying
    draws     : (replicates), canonical units
    """

    name: str
    owner: str
    parameter: Parameter
    how: str
    basis: str
    draws: Floats


@dataclass(frozen=True, slots=True)
class Left:
    """A parameter that is not drawn, and why: "switched off", "assumed range, not sampled", "no uncertainty known"."""

    name: str
    owner: str
    parameter: Parameter
    why: str

    @property
    def text(self) -> str:
        """Such as "slow-relief.Hill (0.7 to 2)"."""
        scan = self.parameter.scan
        if self.why != RANGE or scan is None:
            return self.name
        factor = analyse(self.parameter.unit)[0]
        unit = "" if self.parameter.unit in ("", "1") else f" {self.parameter.unit}"
        return f"{self.name} ({scan[0] / factor:.4g} to {scan[1] / factor:.4g}{unit})"


class Changes(NamedTuple):
    """What an arm makes of the estimates of its model.

    model   : of the arm
    factors : estimate -> what the arm's modifiers multiply it with
    own     : estimates of which the arm has values of its own, which are not drawn
    """

    model: Model
    factors: Mapping[str, float]
    own: frozenset[str]


@dataclass(frozen=True)
class Estimates:
    """Draws of the estimates of a model and its effects.

    model      : with its effects
    replicates : how many
    seed       : of the draws
    sampled    : what is drawn
    left       : what is not, and why
    """

    model: Model
    replicates: int
    seed: int
    sampled: tuple[Estimate, ...]
    left: tuple[Left, ...]

    def __repr__(self) -> str:
        return f"Estimates({self.model.id}: {len(self.sampled)} parameters x {self.replicates} replicates)"

    def __getitem__(self, name: str) -> Floats:
        """Draws of one parameter, (replicates), canonical units."""
        for one in self.sampled:
            if one.name == name:
                return one.draws
        raise unknown("estimates", "sampled parameter", name, [one.name for one in self.sampled])

    def of(self, replicate: int, changes: Changes | None = None) -> dict[str, float]:
        """Every drawn parameter in one replicate, canonical units.

        changes : of an arm, as from `changes_of`; None for the model itself
        Raises SimulationError for draws that make no probability from 0 to 1.
        """
        if not 0 <= replicate < self.replicates:
            raise SimulationError(f"estimates: replicate {replicate} is not one of 0 to {self.replicates - 1}.")
        model, by, own = (self.model, {}, frozenset()) if changes is None else changes
        drawn = {
            one.name: float(one.draws[replicate]) * by.get(one.name, 1.0) for one in self.sampled if one.name not in own
        }
        _refuse_no_probability(model, drawn, replicate)
        return drawn

    def table(self) -> pandas.DataFrame:
        """One row per parameter, those drawn first: value, mark, how drawn, on what basis, percentiles of the draws."""
        import pandas

        rows = []
        for one in self.sampled:
            factor = analyse(one.parameter.unit)[0]
            low, middle, high = (float(q) / factor for q in np.quantile(one.draws, (0.025, 0.5, 0.975)))
            rows.append((*_row(one), one.how, one.basis, low, middle, high))
        rows += [(*_row(one), "", one.why, np.nan, np.nan, np.nan) for one in self.left]
        columns = ["parameter", "of", "value", "unit", "mark", "source", "drawn as", "basis", "2.5 %", "50 %", "97.5 %"]
        return pandas.DataFrame(rows, columns=columns)


def _row(one: Estimate | Left) -> tuple[Any, ...]:
    own = one.parameter
    return one.name, one.owner, own.written, own.unit or "1", own.mark, own.source


def changes_of(base: Model, model: Model) -> Changes:
    """What an arm makes of the estimates of its model.

    base  : the model whose estimates are drawn
    model : of the arm: the same with effects of the arm's own, and with modifiers
    """
    if base is model:
        return Changes(model, {}, frozenset())
    further, given = model.modifiers[len(base.modifiers) :], {effect.id: effect.parameters for effect in model.effects}
    own = set()
    for effect in base.effects:
        alike, found = reduce(modified_effect, further, effect).parameters, given.get(effect.id, {})
        own |= {f"{effect.id}.{name}" for name, parameter in alike.items() if found.get(name) != parameter}
    factors = {name: factor for name, factor in factors_of(base, further).items() if name not in own}
    return Changes(model, factors, frozenset(own))


def _refuse_no_probability(model: Model, drawn: Mapping[str, float], replicate: int) -> None:
    """Refuse draws under which the typical patient has a probability that is none."""
    for effect in model.effects:
        keys = [key for key in PROBABILITIES if key in effect.curve.parameters]
        names = [effect.curve.parameters[key] for key in keys] + ([effect.responder] if effect.responder else [])
        if not names or not any(f"{effect.id}.{name}" in drawn for name in effect.parameters):
            continue
        values: dict[str, Any] = {name: covariate.typical for name, covariate in effect.covariates.items()}
        values |= {one.name: one.value for one in estimated(effect.parameters, drawn, f"{effect.id}.").values()}
        for name, expression in effect.derived.items():
            values[name] = expression.evaluate(values)
        for name in names:
            if not 0 <= values[name] <= 1:
                raise SimulationError(
                    f"replicate {replicate}: the draws of {effect.id} make {name} {float(values[name]):.3g}, no "
                    "probability from 0 to 1. Give its parameters as a table of draws, or do not sample their ranges."
                )


def draw_estimates(
    model: Model,
    replicates: int = 200,
    *,
    seed: int = 1,
    scans: str | Collection[str] = LEAVE,
    covariance: Any = None,
    draws: Any = None,
) -> Estimates:
    """Draw the uncertain estimates of a model and its effects.

    model      : with the effects that count
    replicates : how many draws
    seed       : 0 to 2^64 - 1
    scans      : what is done where only a range worth trying is known: "leave" it out (it is listed), or "uniform",
                 sampled between its ends as an assumption; or names of parameters for which it is sampled
    covariance : covariances of estimates, name -> name -> number in h, mg, L, kg, or a pandas frame; the names are
                 parameters, or "effect.parameter", with another unit in parentheses. It goes before what the files say
    draws      : a table of draws, name -> (rows); row k is replicate k. It goes before what the files say
    returns    : Estimates. Equations: pkpd/model/estimatescales.py and pkpd/estimates/correlating.py
    Raises UnknownName for a name that is no parameter, SimulationError for an uncertainty that its estimate cannot
    have, a covariance matrix that is not positive definite, and a table that is too short or holds impossible draws.
    """
    if isinstance(replicates, bool) or not isinstance(replicates, (int, np.integer)) or replicates < 1:
        raise SimulationError(f"replicates: {replicates!r} is not a whole number from 1 on.")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise SimulationError(f"seed: {seed!r} is not a whole number from 0 to 2^64 - 1.")
    known = parameters_of(model)
    tried = _tried(known, scans)
    table = {} if draws is None else read_draws(model, draws, int(replicates))
    names, matrix = ([], np.empty((0, 0))) if covariance is None else read_covariance(model, covariance)
    if both := [name for name in names if name in table]:
        raise SimulationError(f"estimates: {', '.join(both)} is in the covariance matrix and in the table of draws.")
    numbers = np.arange(replicates)

    def normal(name: str) -> Floats:
        owner, parameter = known[name]
        return streams.normal(int(seed), numbers, f"estimate {owner.id}.{parameter.name}")

    blocks = [(GIVEN, names, matrix)] if names else []
    blocks += [(PUBLISHED, *block) for block in _published(model, {*names, *table})]
    joint: dict[str, tuple[str, str, Floats]] = {}
    for basis, block, covariances in blocks:
        ones = {name: _of_variance(name, known[name], covariances[i, i]) for i, name in enumerate(block)}
        correlations = normal_correlations(covariances, ones, WHERE)
        for name, z in zip(block, mixed(correlations, [normal(name) for name in block]), strict=True):
            joint[name] = basis, f"{ones[name].text}, {JOINTLY}", ones[name].at(z)
    sampled: list[Estimate] = []
    left: list[Left] = []
    for name, (owner, parameter) in known.items():
        if name in table:
            sampled.append(Estimate(name, owner.id, parameter, "rows of a table of draws", GIVEN, table[name]))
        elif name in joint:
            basis, how, drawn = joint[name]
            sampled.append(Estimate(name, owner.id, parameter, how, basis, drawn))
        elif isinstance(why := _alone(name, known[name], name in tried), str):
            left.append(Left(name, owner.id, parameter, why))
        else:
            distribution, how, basis = why
            drawn = distribution.at(normal(name))
            sampled.append(Estimate(name, owner.id, parameter, f"{distribution.text}, {how}", basis, drawn))
    return Estimates(model, int(replicates), int(seed), tuple(sampled), tuple(left))


def _published(model: Model, elsewhere: Collection[str]) -> Iterator[tuple[list[str], Floats]]:
    """Covariance matrices of estimates that the files state, each with its names, without what is given elsewhere."""
    for owner in model.files:
        prefix = "" if owner is model else f"{owner.id}."
        kept = [
            item
            for item in owner.estimate_correlations
            if prefix + item.of not in elsewhere and prefix + item.other not in elsewhere
        ]
        names, matrix = estimate_matrix(kept, owner.parameters)
        if names:
            yield [prefix + name for name in names], matrix


def _tried(known: Mapping[str, Owned], scans: str | Collection[str]) -> frozenset[str]:
    """The parameters for which a range worth trying is sampled."""
    ranged = {
        name: one for name, one in known.items() if one.parameter.scan is not None and not one.parameter.uncertainty
    }
    if isinstance(scans, str):
        if scans not in (LEAVE, UNIFORM):
            raise unknown("scans", "way", scans, (LEAVE, UNIFORM))
        return frozenset(ranged) if scans == UNIFORM else frozenset()
    for name in scans:
        if name not in ranged:
            raise unknown("scans", "parameter with a range alone", str(name), ranged)
        if _is_switched_off(*ranged[name]):
            raise SimulationError(f"scans: {name} is 0 and so switched off. Give it a value first, with with_values.")
    return frozenset(scans)


def _is_switched_off(owner: Model | Effect, parameter: Parameter) -> bool:
    """Whether the parameter is 0 for everybody, so that what it belongs to is not in use."""
    return parameter.value == 0 and parameter.between is None


def _of_variance(name: str, one: Owned, variance: float) -> Distribution:
    try:
        return of_error(kind_of(*one), one.parameter.value or 0.0, float(np.sqrt(variance)))
    except ValueError as cause:
        raise SimulationError(f"{WHERE}: {_quoted(name, one.parameter)}: {cause}.") from None


def _alone(name: str, one: Owned, tried: bool) -> tuple[Distribution, str, str] | str:
    """How a parameter is drawn by what its file says, and on what basis; or why it is not drawn."""
    parameter, kind = one.parameter, kind_of(*one)
    value = parameter.value or 0.0
    if (parameter.uncertainty or parameter.scan) and _is_switched_off(*one):
        return SWITCHED_OFF
    try:
        if parameter.uncertainty:
            ((given, size),) = parameter.uncertainty.items()
            if isinstance(size, tuple):
                return of_interval(kind, value, *size), "95 % interval", PUBLISHED
            if size == 0:
                return NONE_KNOWN
            se = size * abs(value) if given == "rse" else size
            return of_error(kind, value, se), "standard error", PUBLISHED
        if parameter.scan is None:
            return NONE_KNOWN
        return (of_range(kind, value, *parameter.scan), "assumed range", ASSUMED) if tried else RANGE
    except ValueError as cause:
        raise SimulationError(f"{one.owner.id}: {_quoted(name, parameter)}: {cause}.") from None


def _quoted(name: str, parameter: Parameter) -> str:
    unit = "" if parameter.unit in ("", "1") else f" {parameter.unit}"
    return f"{name} {parameter.written:g}{unit}" + (f", of the source {parameter.source}" if parameter.source else "")
