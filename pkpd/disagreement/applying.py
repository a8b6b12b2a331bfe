"""How a model takes a regimen so as to give an analyte: its routes, forms, readings and limits."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from pkpd.dosing.regimen import Regimen
from pkpd.entering import check_regimen
from pkpd.errors import SimulationError
from pkpd.flags import Flag
from pkpd.model.model import Model
from pkpd.model.program import compiled

NO_ROUTE = "it has no route"  # begins the reason why a model without the route is left out


class Taken(NamedTuple):
    """How a model takes a regimen: what it is given, which output is the analyte, and what to say of both."""

    regimen: Regimen
    output: str
    flags: tuple[Flag, ...]


def take(model: Model, regimen: Regimen, analyte: str, age: float | None) -> Taken:
    """How a model takes a regimen so as to give an analyte.

    age : of the person, years; None for an adult
    Raises SimulationError with the reason where it cannot.
    """
    flags: list[Flag] = []
    given = regimen
    for route in regimen.routes:
        if route not in model.routes:
            raise SimulationError(f"{NO_ROUTE} {route} (it has {', '.join(sorted(model.routes))}).")
    forms = {form.enantiomer for form in regimen.forms}
    if "racemate" in forms and "racemate" not in model.forms and "S" in model.forms:
        if not analyte.startswith("S-"):
            raise SimulationError(
                f"it takes S-ketamine alone, and {analyte} after a racemate is more than its S half. "
                'Ask for "S-ketamine" to see it.'
            )
        given = regimen.s_half()
        text = f"{model.id} takes S-ketamine alone and was given the S half of the racemate: {given}."
        flags.append(Flag("conversion", model.id, text, model.id))
        forms = {form.enantiomer for form in given.forms}
    missing = sorted(forms - set(model.forms))
    if missing:
        raise SimulationError(f"it does not take the form {missing[0]} (it takes {', '.join(sorted(model.forms))}).")
    output = _output(model, analyte, forms)
    if output != analyte:
        text = f"The output {output} of {model.id} is {analyte} here, because nothing else is given."
        flags.append(Flag("conversion", model.id, text, model.id))
    if age is None and any(limit.hard and limit.for_children for limit in model.validity):
        raise SimulationError("it is a model of children, and the person is an adult unless an age is given.")
    check_regimen(model, given)
    return Taken(given, output, tuple(flags))


def variants(model: Model, regimen: Regimen) -> list[tuple[Model, str, float | None]]:
    """The model itself, its other published readings, and the ends of the range of each bioavailability in use.

    returns : model, name of the reading, bioavailability that was put in
    """
    found: list[tuple[Model, str, float | None]] = [(model, "", None)]
    found += [(model.reading(name), name, None) for name in model.readings]
    for route in regimen.routes:
        name_of_share = model.routes[route].bioavailability
        parameter = model.parameters.get(name_of_share) if name_of_share else None
        for end in (parameter.scan or ()) if parameter is not None else ():
            found.append((model.with_values(**{str(name_of_share): float(end)}), "", end))
    return found


def proportional(model: Model, regimen: Regimen) -> bool:
    """Whether a model's levels are in proportion to the dose: linear, and no way in that depends on its size."""
    ways = [way for name in regimen.routes for way in (model.routes[name], *model.routes[name].also)]
    return compiled(replace(model, effects=())).is_linear and not any(
        way.bioavailability in model.of_dose for way in ways
    )


def _output(model: Model, analyte: str, forms: set[str]) -> str:
    """The output that is the analyte: its own, or one of another name that is the same molecules."""
    if analyte in model.outputs:
        return analyte
    for form in ("S", "R"):
        for molecule in ("ketamine", "norketamine"):
            same = {molecule, f"{form}-{molecule}"}
            if forms == {form} and analyte in same and (other := (same - {analyte}).pop()) in model.outputs:
                return other
    raise SimulationError(f"it does not give {analyte} (it gives {', '.join(model.outputs)}).")
