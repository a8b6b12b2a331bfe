"""The waist: a Model becomes equations of numbers - the linear part as matrices in numbers, the rest as expressions.

An equation is differentiated with respect to every state; where no derivative contains a state or the time, and nothing
is left when the states are 0, it is linear. The linear part of a model is the largest set of such states that reads no
state outside it; it is solved exactly, and what the other equations make of it by steps. Effect sites are states too:
Ce' = ln 2 / half-life (C - Ce), in mg/L.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError
from pkpd.model.effect import Added, Effect
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
class Term:
    """A part of a drive: an output, and the parameter that holds its relative potency, None for 1."""

    output: str
    potency: str | None


@dataclass(frozen=True)
class Drive:
    """What drives an effect of several analytes: the sum of their levels at their sites times their potencies."""

    name: str
    owner: str
    terms: tuple[Term, ...]


TIME = "t"  # the time since the start of the occasion, h, as equations name it


@dataclass(frozen=True, eq=False)
class Program:
    """A model as the simulation needs it.

    states   : names, effect sites last
    outputs  : names: the analytes, then the effect sites, then the drives of several analytes
    linear   : per output, whether it belongs to the linear part
    entries  : (row, column, number of the entry's value) of K, of the linear part
    keys     : per state, text of its rate of loss; empty outside the linear part
    weights  : per output, (state, number of the value); empty outside the linear part
    matrix   : expressions of the values that come from the model
    sites    : the effect sites
    drives   : sums of several analytes; effects of one analyte are driven by its site, or by itself
    """

    model: Model
    states: tuple[str, ...]
    outputs: tuple[str, ...]
    linear: tuple[bool, ...]
    entries: tuple[tuple[int, int, int], ...]
    keys: tuple[str, ...]
    weights: tuple[tuple[tuple[int, int], ...], ...]
    matrix: tuple[Expression, ...]
    sites: tuple[Site, ...]
    drives: tuple[Drive, ...]

    @property
    def is_linear(self) -> bool:
        """Whether every output belongs to the linear part."""
        return all(self.linear)

    def site_of(self, effect: Effect) -> str:
        """The output that drives an effect: its effect site, the analyte itself, or the sum of several."""
        if effect.driver is None:
            raise SimulationError(f"effect {effect.id} has no concentration that drives it.")
        if effect.added:
            return f"drive of {effect.id}"
        return effect.driver.analyte if effect.half_life is None else f"site of {effect.id}"

    def values(self, parameters: Values, of_effects: Mapping[str, Values], subjects: int) -> Floats:
        """Entries of K and C for every subject.

        parameters : parameter, derived parameter or covariate -> (subjects) or one, canonical units
        of_effects : effect -> its parameter -> (subjects) or one, canonical units
        returns    : (values, subjects)
        """
        drives = self._linear_drives()
        table = np.empty((len(self.matrix) + self._site_rows() + sum(len(by) for _, by in drives), subjects))
        with np.errstate(all="ignore"):
            for row, expression in enumerate(self.matrix):
                table[row] = expression.raw(parameters)
        at = len(self.matrix)
        for site in self._linear_sites():
            rate = math.log(2.0) / np.asarray(of_effects[site.owner][site.half_life])
            for _, row in self.weights[self.outputs.index(site.analyte)]:
                table[at] = rate * table[row]
                at += 1
            table[at] = -rate
            table[at + 1] = 1.0
            at += 2
        for drive, by_state in drives:
            for parts in by_state.values():
                table[at] = 0.0
                for row, potency in parts:
                    table[at] += table[row] if potency is None else of_effects[drive.owner][potency] * table[row]
                at += 1
        return table

    def _site_rows(self) -> int:
        return sum(len(self.weights[self.outputs.index(site.analyte)]) + 2 for site in self._linear_sites())

    def _linear_drives(self) -> list[tuple[Drive, dict[int, list[tuple[int, str | None]]]]]:
        """Drives of the linear part, and for each state they read the values it is weighed with and their potencies."""
        return [
            (drive, _by_state(drive, self.outputs, self.weights))
            for drive in self.drives
            if self.linear[self.outputs.index(drive.name)]
        ]

    def _linear_sites(self) -> tuple[Site, ...]:
        return tuple(site for site in self.sites if self.linear[self.outputs.index(site.name)])


def _by_state(
    drive: Drive, outputs: Sequence[str], weights: Sequence[tuple[tuple[int, int], ...]]
) -> dict[int, list[tuple[int, str | None]]]:
    found: dict[int, list[tuple[int, str | None]]] = {}
    for term in drive.terms:
        for state, row in weights[outputs.index(term.output)]:
            found.setdefault(state, []).append((row, term.potency))
    return found


def _slopes(expression: Expression, states: frozenset[str]) -> dict[str, Expression] | None:
    """Coefficient of each state in an expression that is linear in them and 0 where they are; None for any other."""
    if TIME in expression.names:
        return None
    found = {}
    for state in sorted(expression.names & states):
        slope = expression.derivative(state)
        if slope.depends_on(states):
            return None
        if not slope.is_zero:
            found[state] = slope
    nothing = Expression.read("0")
    return found if expression.substitute(dict.fromkeys(states, nothing)).is_zero else None


def _linear_part(model: Model) -> dict[str, dict[str, Expression]]:
    """State -> coefficients of its equation, of the largest set of linear states that reads no other."""
    names = frozenset(model.states)
    part = {}
    for name, state in model.states.items():
        slopes = _slopes(state.equation, names) if state.initial is None else None
        if slopes is not None:
            part[name] = slopes
    while True:
        outside = [name for name, slopes in part.items() if not slopes.keys() <= part.keys()]
        if not outside:
            return part
        for name in outside:
            del part[name]


@lru_cache(maxsize=64)
def compiled(model: Model) -> Program:
    """The program of a model, made once per model object."""
    names = tuple(model.states)
    part = _linear_part(model)
    matrix: list[Expression] = []
    known: dict[str, int] = {}

    def row_of(expression: Expression) -> int:
        if expression.key not in known:
            known[expression.key] = len(matrix)
            matrix.append(expression)
        return known[expression.key]

    entries, keys = [], []
    for number, name in enumerate(names):
        slopes = part.get(name, {})
        entries += [(number, names.index(state), row_of(slope)) for state, slope in slopes.items()]
        keys.append(slopes[name].key if name in slopes else "")
    outputs, weights, linear = list(model.outputs), [], []
    for output in model.outputs.values():
        slopes_of = _slopes(output.expression, frozenset(names))
        inside = slopes_of is not None and slopes_of.keys() <= part.keys()
        linear.append(inside)
        read = slopes_of if slopes_of is not None and inside else {}
        weights.append(tuple((names.index(state), row_of(slope)) for state, slope in read.items()))
    sites: list[Site] = []
    at = len(matrix)
    for site in _sites(model):
        state_number = len(names) + len(sites)
        driving = outputs.index(site.analyte)
        linear.append(linear[driving])
        if linear[driving]:
            for column, _ in weights[driving]:
                entries.append((state_number, column, at))
                at += 1
            entries.append((state_number, state_number, at))
            weights.append(((state_number, at + 1),))
            at += 2
        else:
            weights.append(())
        keys.append(f"{site.owner}.{site.half_life}" if linear[driving] else "")
        sites.append(site)
    outputs += [site.name for site in sites]
    drives = _drives(model)
    for drive in drives:
        inside = all(linear[outputs.index(term.output)] for term in drive.terms)
        read_by = _by_state(drive, outputs, weights) if inside else {}
        linear.append(inside)
        weights.append(tuple((state, at + number) for number, state in enumerate(read_by)))
        at += len(read_by)
    return Program(
        model,
        names + tuple(site.name for site in sites),
        tuple(outputs + [drive.name for drive in drives]),
        tuple(linear),
        tuple(entries),
        tuple(keys),
        tuple(weights),
        tuple(matrix),
        tuple(sites),
        drives,
    )


def _sites(model: Model) -> list[Site]:
    """The effect sites of a model's effects: one for each delayed analyte of each."""
    sites = []
    for effect in model.effects:
        if effect.driver is not None and effect.half_life is not None:
            sites.append(Site(f"site of {effect.id}", effect.driver.analyte, effect.id, effect.half_life))
        for one in effect.added:
            if one.half_life is not None:
                sites.append(Site(_added_site(effect, one), one.analyte, effect.id, one.half_life))
    return sites


def _drives(model: Model) -> tuple[Drive, ...]:
    """The drives of a model's effects that follow several analytes."""
    return tuple(
        Drive(
            f"drive of {effect.id}",
            effect.id,
            (
                Term(effect.driver.analyte if effect.half_life is None else f"site of {effect.id}", None),
                *(
                    Term(one.analyte if one.half_life is None else _added_site(effect, one), one.potency)
                    for one in effect.added
                ),
            ),
        )
        for effect in model.effects
        if effect.driver is not None and effect.added
    )


def _added_site(effect: Effect, one: Added) -> str:
    return f"site of {effect.id}, {one.analyte}"
