"""Which estimates act on which output, so that what no drawn one acts on is solved once and not in every replicate."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from pkpd.model.effect import Effect
from pkpd.model.model import Model, Route
from pkpd.model.program import compiled


@lru_cache(maxsize=256)
def behind(model: Model, output: str) -> frozenset[str]:
    """Parameters that may act on an output of a model's program, those of effects as "effect.parameter".

    output : analyte, effect site or drive of several analytes
    returns : more than act where it is not easily told, never fewer
    """
    program = compiled(model)
    for drive in program.drives:
        if drive.name == output:
            found = {f"{drive.owner}.{name}" for name in _of_effect(model, drive.owner)}
            return frozenset(found.union(*(behind(model, term.output) for term in drive.terms)))
    for site in program.sites:
        if site.name == output:
            own = {f"{site.owner}.{name}" for name in _of_effect(model, site.owner)}
            return frozenset(own | behind(model, site.analyte))
    names = set(model.outputs[output].expression.names)
    names.update(*(_of_way(way) for route in model.routes.values() for way in (route, *route.also)))
    return frozenset(_closed(model, names) & model.parameters.keys())


def _of_effect(model: Model, owner: str) -> Iterable[str]:
    effect: Effect = next(effect for effect in model.effects if effect.id == owner)
    return effect.parameters


def _of_way(way: Route) -> set[str]:
    """The parameters of a way in."""
    return {name for name in (way.bioavailability, way.lag, way.rate, way.duration, way.unit_dose) if name is not None}


def _closed(model: Model, names: set[str]) -> set[str]:
    """Names with all that they are made of: states, formulas, derived parameters, values that depend on a dose."""
    made = {**model.derived, **model.formulas, **model.of_dose}
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        read: set[str] = set()
        if name in made:
            read |= made[name].names
        if name in model.states:
            state = model.states[name]
            read |= state.equation.names | (frozenset() if state.initial is None else state.initial.names)
        waiting |= read - found
    return found
