"""Subjects whose parameters a table gives, one row or number each, instead of a population that is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError, unknown
from pkpd.individuals import Individuals, of_model, read_covariates, with_derived, with_effects
from pkpd.known import USUAL
from pkpd.model.divisors import divided_by
from pkpd.model.model import Model
from pkpd.model.modifying import overridden
from pkpd.population.people import Population
from pkpd.population.variability import individual
from pkpd.units import analyse

Floats = NDArray[np.float64]


def of_table(model: Model, table: Mapping[str, Any], seed: int = 1) -> Individuals:
    """The subjects of a ready parameter table.

    model : with the effects that are to be computed
    table : parameter, derived parameter, covariate or "effect.parameter" -> (subjects) numbers in h, mg, L, kg; a
            pandas frame will do. What it does not name has its typical value.
    seed  : of the traits and draws of effects
    Raises UnknownName for a column that is no parameter, SimulationError for one not finite or of another length, or
    that a modifier of the model changes.
    """
    columns = {str(name): _column(str(name), table[name]) for name in table}
    lengths = {len(column) if column.ndim == 1 else -1 for column in columns.values() if column.ndim != 0}
    if not columns or len(lengths) > 1 or lengths & {-1, 0}:
        raise SimulationError(
            "parameter table: every column is one number, or one number a subject and all of one length; given "
            + (", ".join(f"{name} of shape {column.shape}" for name, column in columns.items()) or "nothing")
            + "."
        )
    size = lengths.pop() if lengths else 1
    columns = {name: column if column.ndim else np.full(size, column) for name, column in columns.items()}
    qualified, allowed, required = _columns(model)
    off = _switched_off(model)
    if model.modifiers and (moved := overridden(model, columns)):
        raise SimulationError(
            f"model {model.id}: the parameter table gives {', '.join(moved)}, which {model.company.strip()} would "
            "change. Change the table instead, or leave the modifier out."
        )
    for name in columns:
        if name not in allowed:
            raise unknown("parameter table", "column", name, allowed)
    for name in off:
        if name in columns and columns[name].any():
            raise SimulationError(
                f"parameter table: {name} is 0 in the effect, so {off[name]} is not followed and the column would "
                f"change nothing. Switch it on first: effect.with_values({name.rpartition('.')[2]}=...)."
            )
    _refuse_impossible(model, columns)
    for name in required:
        if name not in columns:
            unit = model.parameters[name].unit or "no unit"
            raise SimulationError(f"parameter table: model {model.id} needs a column {name} ({unit}).")
    people = _people(size, seed)
    read = read_covariates(model)
    covariates = {name: columns.get(name, np.full(size, covariate.typical)) for name, covariate in read.items()}
    covariates |= {name: columns[name] for name in USUAL if name in columns}
    covariates.setdefault("weight", np.full(size, 70.0))
    parameters = individual(model.id, model.parameters, (), {}, covariates, people)
    own = of_model(model, covariates)
    given = {
        name: column
        for name, column in columns.items()
        if name not in qualified and (name in own or name not in covariates)
    }
    values = with_derived(model, {**parameters, **own, **given}, given)
    known = [name for name in covariates if name in columns]
    return with_effects(model, people, covariates, values, columns, drawn=True, known=known)


@lru_cache(maxsize=64)
def _switched_off(model: Model) -> dict[str, str]:
    """Potencies and half-lives of effects that are 0, as "effect.parameter", and what is left out because of it."""
    off = {}
    for effect in model.effects:
        if effect.driver is None:
            continue
        if effect.is_off(effect.driver.half_life):
            off[f"{effect.id}.{effect.driver.half_life}"] = "an effect site"
        for one in effect.driver.also:
            if effect.is_off(one.half_life):
                off[f"{effect.id}.{one.half_life}"] = "an effect site"
            if effect.is_off(one.potency):
                off[f"{effect.id}.{one.potency}"] = one.analyte
    return off


@lru_cache(maxsize=64)
def _columns(model: Model) -> tuple[frozenset[str], frozenset[str], tuple[str, ...]]:
    """Names "effect.parameter", all names a parameter table may hold, and those it must hold."""
    qualified = frozenset(f"{effect.id}.{name}" for effect in model.effects for name in effect.parameters)
    allowed = qualified.union(model.parameters, model.derived, read_covariates(model), USUAL)
    return qualified, allowed, tuple(name for name, own in model.parameters.items() if own.value is None)


@lru_cache(maxsize=64)
def _people(size: int, seed: int) -> Population:
    """People without spreads, for a table to give their parameters."""
    return Population(size=size, seed=seed, weight="70 kg", varied=False)


def _column(name: str, given: Any) -> Floats:
    try:
        return np.asarray(given, float)
    except (TypeError, ValueError) as cause:
        raise SimulationError(f"parameter table: {name} holds what is not a number: {str(given)[:40]}.") from cause


def _refuse_impossible(model: Model, columns: Mapping[str, Floats]) -> None:
    """Refuse what is no number, a volume or weight not above 0, and anything else with a dimension that is below 0."""
    table = np.array(list(columns.values()))
    least, most = table.min(axis=1), table.max(axis=1)
    if not (np.isfinite(least).all() and np.isfinite(most).all()):
        which, worst = np.argwhere(~np.isfinite(table))[0]
        name = list(columns)[which]
        raise SimulationError(f"parameter table: {name} of subject {worst} is {table[which, worst]}, not a number.")
    limits = _limits(model)
    for (name, column), lowest in zip(columns.items(), least, strict=True):
        above = limits.get(name)
        if above is None or lowest > 0 or (lowest == 0 and not above):
            continue
        worst = int(np.flatnonzero(column <= 0 if above else column < 0)[0])
        allowed = "above 0" if above else "0 or more"
        raise SimulationError(f"parameter table: {name} of subject {worst} is {column[worst]:g}; it is {allowed}.")


@lru_cache(maxsize=64)
def _limits(model: Model) -> dict[str, bool]:
    """Names that cannot be below 0, and whether they must be above it."""
    volume, divisors = analyse("L")[1], divided_by(model)
    limits = {
        name: parameter.dimension == volume or name in divisors
        for name, parameter in model.parameters.items()
        if parameter.dimension or name in divisors
    }
    return {**limits, "weight": True, "age": False}
