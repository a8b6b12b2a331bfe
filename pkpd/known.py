"""What is known of the patients of a population, as a model reads it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError
from pkpd.model.model import Covariate, Model
from pkpd.population.covariates import UNITS, WORDS, almost, plain
from pkpd.population.people import Population
from pkpd.units import analyse

Floats = NDArray[np.float64]

USUAL = ("weight", "age")  # covariates that a table may hold whatever the model reads


def covariates_of(
    model: Model, population: Population, read: Mapping[str, Covariate]
) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """The covariates a simulation needs, and the names of those the population says.

    read    : covariates that the model and its effects read, by name
    returns : name, as the model writes it -> (size) canonical units, the typical value where nobody says: those that
              are read or limited, weight and age; what else a population says is drawn where it is asked for
    Raises SimulationError for a covariate that the model takes for something else, or almost reads.
    """
    own = {plain(name): name for name in read}
    given = {own.get(plain(written), written): written for written in population.known}
    for name, written in given.items():
        _check(model, population, name, written, read)
    covariates = {name: population.covariate(given.get(name, name), one.typical) for name, one in read.items()}
    limited = {limit.name for owner in model.files for limit in owner.validity}
    further = {name: written for name, written in given.items() if name in {*limited, *USUAL} and name not in read}
    covariates |= {name: population.covariate(written, 0.0) for name, written in further.items()}
    return covariates, tuple(name for name in given if name in covariates)


def _check(model: Model, population: Population, name: str, written: str, read: Mapping[str, Covariate]) -> None:
    """Refuse a covariate of a population that the model takes for something else, or almost reads.

    name, written : as the model and as the population write it
    """
    known = {*read, *USUAL, *UNITS, *WORDS}
    if meant := almost(name, known):
        raise SimulationError(
            f"population: the model {model.id} reads no covariate {name}. "
            f'Allowed: {", ".join(sorted({*read, *USUAL}))}. Did you mean "{meant}"?'
        )
    if name in model.parameters or name in model.derived:
        raise SimulationError(
            f"population: {name} is a parameter of the model {model.id}, not a covariate. Use model.with_values."
        )
    if name not in read:
        return
    unit = read[name].unit or "no unit"
    dimension = population.dimension(written)
    if dimension is not None and dimension != analyse(read[name].unit)[1]:
        told = repr(population.covariates[written]) if written in population.covariates else "a column of the table"
        raise SimulationError(f"population: {name} is given as {told}; it is in {unit} under the model {model.id}.")
    if words := population.words(written):
        raise SimulationError(
            f"population: {name} is a word ({', '.join(words)}), and the model {model.id} reads a number, in {unit}. "
            "Give a Share or a number."
        )
