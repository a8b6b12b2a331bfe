"""The waist: a Model becomes a linear system in numbers - which entries K and C have, and their values per subject.

A state's equation is differentiated with respect to every state; where no derivative contains a state the model is
linear and its matrix is known as expressions. Effect sites are states too: Ce' = ln 2 / half-life (C - Ce), in mg/L.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError
from pkpd.model.effect import Effect
from pkpd.model.expressions import Expression
from pkpd.model.model import Model

Floats = NDArray[np.float64]
Values = Mapping[str, Floats | float]


@dataclass(frozen=True)
class Site:
    """An effect site: the analyte that reaches it, and the parameter that holds its half-life of equilibration."""

    name: str
    analyte: str
    owner: str
    half_life: str


@dataclass(frozen=True)
class Program:
    """A linear model as the simulation needs it.

    states   : names, effect sites last
    entries  : (row, column, number of the entry's value) of K
    keys     : per state, text of its rate of loss
    outputs  : names: the analytes, then the effect sites
    weights  : per output, (state, number of the value)
    matrix   : expressions of the values that come from the model
    sites    : the effect sites
    """

    model: Model
    states: tuple[str, ...]
    entries: tuple[tuple[int, int, int], ...]
    keys: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[tuple[tuple[int, int], ...], ...]
    matrix: tuple[Expression, ...]
    sites: tuple[Site, ...]

    def site_of(self, effect: Effect) -> str:
        """The output that drives an effect: its effect site, or the analyte itself."""
        if effect.driver is None:
            raise SimulationError(f"effect {effect.id} has no concentration that drives it.")
        if effect.driver.half_life is None:
            return effect.driver.analyte
        return f"site of {effect.id}"

    def values(self, parameters: Values, site_half_lives: Mapping[str, Floats | float], subjects: int) -> Floats:
        """Entries of K and C for every subject.

        parameters      : parameter, derived parameter or covariate -> (subjects) or one, canonical units
        site_half_lives : effect site -> (subjects) or one, h
        returns         : (values, subjects)
        """
        table = np.empty((len(self.matrix) + self._site_rows(), subjects))
        for row, expression in enumerate(self.matrix):
            table[row] = expression.evaluate(parameters)
        at = len(self.matrix)
        concentration = {name: self.weights[self.outputs.index(name)] for name in {site.analyte for site in self.sites}}
        for site in self.sites:
            rate = math.log(2.0) / np.asarray(site_half_lives[site.name])
            for _, row in concentration[site.analyte]:
                table[at] = rate * table[row]
                at += 1
            table[at] = -rate
            table[at + 1] = 1.0
            at += 2
        return table

    def _site_rows(self) -> int:
        return sum(len(self.weights[self.outputs.index(site.analyte)]) + 2 for site in self.sites)


def _linear(expression: Expression, states: tuple[str, ...], what: str) -> dict[int, Expression]:
    """Coefficient of each state in an expression that is linear in them; refuses any other."""
    found = {}
    for number, state in enumerate(states):
        slope = expression.derivative(state)
        if slope.is_zero:
            continue
        if slope.depends_on(frozenset(states)):
            raise SimulationError(
                f"{what} is not linear in {state}: {expression.text}. Only linear models can be simulated."
            )
        found[number] = slope
    return found


@lru_cache(maxsize=64)
def compiled(model: Model) -> Program:
    """The program of a model, made once per model object.

    Raises SimulationError where an equation is not linear in the states, naming it.
    """
    names = tuple(model.states)
    matrix: list[Expression] = []
    known: dict[str, int] = {}

    def row_of(expression: Expression) -> int:
        if expression.key not in known:
            known[expression.key] = len(matrix)
            matrix.append(expression)
        return known[expression.key]

    entries, keys = [], []
    for number, (name, state) in enumerate(model.states.items()):
        slopes = _linear(state.equation, names, f"{model.id}: the equation of {name}")
        entries += [(number, column, row_of(slope)) for column, slope in slopes.items()]
        keys.append(slopes[number].key if number in slopes else "")
    outputs, weights = list(model.outputs), []
    for output in model.outputs.values():
        slopes = _linear(output.expression, names, f"{model.id}: output {output.name}")
        weights.append(tuple((column, row_of(slope)) for column, slope in slopes.items()))
    sites: list[Site] = []
    at = len(matrix)
    for effect in model.effects:
        if effect.driver is None or effect.driver.half_life is None:
            continue
        site = Site(f"site of {effect.id}", effect.driver.analyte, effect.id, effect.driver.half_life)
        state_number = len(names) + len(sites)
        for column, _ in weights[outputs.index(site.analyte)]:
            entries.append((state_number, column, at))
            at += 1
        entries.append((state_number, state_number, at))
        keys.append(f"{effect.id}.{site.half_life}")
        weights.append(((state_number, at + 1),))
        at += 2
        sites.append(site)
    return Program(
        model,
        names + tuple(site.name for site in sites),
        tuple(entries),
        tuple(keys),
        tuple(outputs + [site.name for site in sites]),
        tuple(weights),
        tuple(matrix),
        tuple(sites),
    )
