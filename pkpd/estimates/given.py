"""What a user knows of the estimates: a covariance matrix or a table of draws, by name, checked and in canonical units.

A name is a parameter of the model, or "effect.parameter"; with a unit in parentheses, "slow-relief.C50 (ng/mL)", the
numbers are in that unit, without one in h, mg, L, kg.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError, unknown
from pkpd.estimates.correlating import refuse_indefinite
from pkpd.model.effect import Effect
from pkpd.model.estimatekinds import kind_of
from pkpd.model.expressions import describe
from pkpd.model.model import Model
from pkpd.model.parts import Parameter
from pkpd.units import analyse

Floats = NDArray[np.float64]

FAR_OFF = 20.0  # times: draws whose median is as far from the estimate are taken for numbers of another unit

_WITH_UNIT = re.compile(r"(.+?)\s*\((.+)\)")


class Owned(NamedTuple):
    """A parameter and the model or effect it belongs to."""

    owner: Model | Effect
    parameter: Parameter


def parameters_of(model: Model) -> dict[str, Owned]:
    """Every parameter of a model and its effects that has a value, by the name a parameter table gives it."""
    return {
        parameter.name if owner is model else f"{owner.id}.{parameter.name}": Owned(owner, parameter)
        for owner in model.files
        for parameter in owner.parameters.values()
        if parameter.value is not None
    }


def read_covariance(model: Model, given: Any) -> tuple[list[str], Floats]:
    """A covariance matrix of estimates.

    given   : name -> name -> covariance, as nested mappings or a pandas frame; what a mapping leaves out is that of
              the mirrored entry, or 0
    returns : names, (n, n) in canonical units
    Raises UnknownName, SimulationError for one that is not square, symmetric and positive definite (naming the entry).
    """
    where = "covariance of the estimates"
    if not hasattr(given, "keys") or not len(given.keys()):
        raise SimulationError(f"{where}: give name -> name -> number, or a frame, not {str(given)[:40]}.")
    labels = [str(label) for label in given]
    columns = {str(label): _entries(where, str(label), given[label]) for label in given}
    for label, column in columns.items():
        for other in column:
            if other not in labels:
                raise unknown(f"{where}: column {label}", "row", other, labels)
    matrix = np.zeros((len(labels), len(labels)))
    for j, label in enumerate(labels):
        for i, other in enumerate(labels):
            entry = columns[label].get(other, columns[other].get(label, 0.0))
            try:
                matrix[i, j] = float(entry)
            except (TypeError, ValueError):
                raise SimulationError(
                    f"{where}: the entry of {other} and {label} is {entry!r}, not a number."
                ) from None
    named = [_named(model, label, where) for label in labels]
    names = [name for name, _, _ in named]
    if len(set(names)) < len(names):
        raise SimulationError(f"{where}: a name is there twice: {', '.join(labels)}.")
    factors = np.array([factor for _, factor, _ in named])
    refuse_indefinite(matrix, labels, where)
    return names, matrix * np.outer(factors, factors)


def read_draws(model: Model, given: Any, replicates: int) -> dict[str, Floats]:
    """A table of draws, such as of a bootstrap or a posterior distribution: row k is replicate k.

    given   : name -> (rows) numbers; a pandas frame will do
    returns : name -> (replicates), canonical units; further rows are left alone
    Raises UnknownName, SimulationError for too few rows, and for draws that are no numbers or that the parameter
    cannot have.
    """
    where = "draws of the estimates"
    if not hasattr(given, "keys") or not len(given.keys()):
        raise SimulationError(f"{where}: give name -> numbers, or a frame, not {str(given)[:40]}.")
    found: dict[str, Floats] = {}
    for label in given:
        name, factor, known_unit = _named(model, str(label), where)
        try:
            column = np.asarray(given[label], float)
        except (TypeError, ValueError):
            raise SimulationError(f"{where}: {label} holds what is not a number: {str(given[label])[:40]}.") from None
        if column.ndim != 1:
            raise SimulationError(f"{where}: {label} is of shape {column.shape}; give one number a row.")
        if len(column) < replicates:
            raise SimulationError(
                f"{where}: {label} has {len(column)} rows, too few for {replicates} replicates. Ask for at most "
                f"{len(column)}, or give more draws."
            )
        if name in found:
            raise SimulationError(f"{where}: {name} is there twice.")
        _refuse_impossible(parameters_of(model)[name], column * factor, str(label), known_unit, where)
        found[name] = column[:replicates] * factor
    return found


def _refuse_impossible(one: Owned, column: Floats, label: str, known_unit: bool, where: str) -> None:
    kind, value = kind_of(*one), one.parameter.value or 0.0
    wrong = ~np.isfinite(column)
    allowed = "a number"
    if kind == "log" and not wrong.any():
        wrong, allowed = column <= 0, "above 0"
    elif kind == "logit" and not wrong.any():
        wrong, allowed = (column < 0) | (column > 1), "from 0 to 1"
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise SimulationError(f"{where}: {label} of row {row} is {column[row]:g}; it is {allowed}.")
    middle = float(np.median(column))
    if kind == "log" and not known_unit and not 1 / FAR_OFF < middle / value < FAR_OFF:
        unit = one.parameter.unit or "1"
        raise SimulationError(
            f"{where}: the median of {label} is {middle:g} in h, mg, L, kg, {middle / value:.3g} times the estimate of "
            f'{value:g} ({one.parameter.written:g} {unit}). If the numbers are in {unit}, call the column "{label} '
            f'({unit})"; naming a unit also says that they are meant as they are.'
        )


def label_of(label: str) -> str:
    """The name in a label, without its unit."""
    split = _WITH_UNIT.fullmatch(label)
    return label if split is None else split[1]


def _entries(where: str, label: str, column: Any) -> dict[str, Any]:
    if not hasattr(column, "keys"):
        raise SimulationError(
            f"{where}: column {label} is not given by name, but as {str(column)[:40]}. "
            'Write name -> name -> number, such as {"CL": {"CL": 0.04, "V1": 0.01}, "V1": {"V1": 0.09}}; what is '
            "left out is that of the mirrored entry, or 0."
        )
    return {str(other): column[other] for other in list(column.keys())}


def _named(model: Model, label: str, where: str) -> tuple[str, float, bool]:
    """The parameter that a label names, the factor to its canonical unit, and whether the label has a unit."""
    known = parameters_of(model)
    split = _WITH_UNIT.fullmatch(label)
    if label in known or split is None:
        if label not in known:
            raise unknown(where, "parameter", label, known)
        return label, 1.0, False
    name, unit = split.groups()
    if name not in known:
        raise unknown(where, "parameter", name, known)
    factor, dimension = analyse(unit, f"{where}: {label}")
    wanted = known[name].parameter
    if dimension != wanted.dimension:
        raise SimulationError(
            f'{where}: {label}: unit "{unit}" does not fit; {name} needs {describe(wanted.dimension)}.'
        )
    return name, factor, True
