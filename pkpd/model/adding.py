"""A route that a script adds to a model: a first-order depot before the place where intravenous doses enter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pkpd.errors import SimulationError, unknown
from pkpd.model.expressions import Expression
from pkpd.model.facts import POPULATIONS, Typical, route_facts, typical
from pkpd.model.model import Model, Route, State
from pkpd.model.parts import USER, USER_SOURCE, Parameter, Source, with_values
from pkpd.model.structures import plus
from pkpd.routes import ROUTES
from pkpd.units import NAMED, analyse

PLACE = "models/ketamine/routes.toml"


def with_route(model: Model, name: str, ka: Any, bioavailability: Any, population: str) -> Model:
    """Model.with_route, which says what the arguments are."""
    where = f'model "{model.id}", with_route("{name}")'
    if name not in ROUTES:
        raise unknown("with_route", "route", name, ROUTES)
    if name in model.routes:
        raise SimulationError(f"{where}: the model has this route. Change its parameters with model.with_values.")
    if "iv" not in model.routes:
        raise SimulationError(
            f"{where}: the model has no intravenous route that says where drug enters the circulation."
        )
    if population not in ("", *POPULATIONS):
        raise unknown("with_route", "population", population, POPULATIONS)
    facts = route_facts()
    if ka is None:
        raise SimulationError(
            f"{where}: the absorption rate is missing; {facts.absorption.get(name, 'none was found')}. "
            'Give one of your own, such as ka="1.5 1/h".'
        )
    rate = _given(f"ka_{name}", "rate constant", f"absorption rate by the route {name}", ka, where)
    share, sources = _share(model, name, bioavailability, population or _population(model), where)
    states = dict(model.states)
    into: dict[str, str] = {}
    entries = model.routes["iv"].into
    for target in dict.fromkeys(entries.values()):
        depot = f"{name}_depot" if len(set(entries.values())) == 1 else f"{name}_depot_{target}"
        flow = Expression.read(f"{rate.name} * {depot}")
        states[target] = replace(states[target], equation=plus(states[target].equation, flow))
        states[depot] = State(depot, Expression.read(f"-({rate.name} * {depot})"))
        into |= {moiety: depot for moiety, entered in entries.items() if entered == target}
    added = {rate.name: rate, share.name: share, **dict.fromkeys(into.values())}
    for new in added:
        if new in (*model.parameters, *model.derived, *model.covariates, *model.states, *model.formulas):
            raise SimulationError(f'{where}: the name "{new}" is taken in the model. Rename it there.')
    return replace(
        model,
        states=states,
        parameters={**model.parameters, rate.name: rate, share.name: share},
        sources={**model.sources, **sources},
        routes={**model.routes, name: Route(name, into, bioavailability=share.name, added=True)},
    )


def _given(name: str, dimension: str, about: str, value: Any, where: str) -> Parameter:
    """A parameter of the user's, above 0."""
    unit = NAMED[dimension]
    blank = Parameter(name, None, 1.0, unit, analyse(unit)[1], USER, "", "assumed", about)
    made = with_values({name: blank}, {name: value}, where)[name]
    if not made.value or made.value <= 0:
        raise SimulationError(f"{where}: {about} is {value!r}; it is above 0.")
    return made


def _share(model: Model, route: str, given: Any, population: str, where: str) -> tuple[Parameter, dict[str, Source]]:
    """The bioavailability, and its sources by key: the user's, or what the library knows."""
    name, about = f"F_{route}", f"bioavailability by the route {route}"
    if given is not None:
        made = _given(name, "fraction", about, given, where)
        if made.value is not None and made.value > 1:
            raise SimulationError(f'{where}: a bioavailability of {given!r} is above 1. Write "93 %" or 0.93.')
        return made, {USER: USER_SOURCE}
    rows = route_facts().of(route, population)
    if not rows:
        raise SimulationError(
            f"{where}: no bioavailability by this route in {population} was verified. Give one of your own, such as "
            'bioavailability="80 %".'
        )
    found = typical(rows)
    source = _source(route, population, found)
    made = Parameter(
        name,
        found.percent / 100,
        found.percent,
        "%",
        (),
        source.key,
        PLACE,
        found.mark,
        f"{about}. {found.note}" if found.note else about,
        scan=(found.low / 100, found.high / 100) if found.low < found.high else None,
    )
    return made, {USER: USER_SOURCE, source.key: source}


def _source(route: str, population: str, found: Typical) -> Source:
    if len(found.sources) == 1:
        return found.sources[0]
    listed = ", ".join(source.key for source in found.sources)
    return Source(f"{route}_sources", f"Median of {len(found.sources)} sources in {population} ({PLACE}): {listed}")


def remark(model: Model, route: str) -> tuple[str, str]:
    """What a reader must know of an added route, and where its numbers are from."""
    rate, share = model.parameters[f"ka_{route}"], model.parameters[f"F_{route}"]
    numbers = [
        f"{name} {one.written:g} {one.unit} ({one.mark}, {one.source}"
        + (f"; sources from {100 * one.scan[0]:g} to {100 * one.scan[1]:g} %)" if one.scan else ")")
        for name, one in (("first-order absorption", rate), ("bioavailability", share))
    ]
    text = (
        f"The route {route} was added in the script: {' and '.join(numbers)}. What does not reach the circulation "
        "forms no metabolite here."
    )
    notes = share.about.partition(". ")[2]
    sources = dict.fromkeys(USER if one.source == USER else model.sources[one.source].citation for one in (rate, share))
    return (f"{text} {notes}" if notes else text), "; ".join(sources)


def _population(model: Model) -> str:
    """Whom a model describes."""
    return "children" if any(limit.for_children for limit in model.validity) else "adults"
