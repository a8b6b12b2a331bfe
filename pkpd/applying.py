"""How a model takes a regimen so as to give an analyte: its routes, forms, readings and limits."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from pkpd.dosing.regimen import Regimen
from pkpd.entering import check_regimen
from pkpd.errors import SimulationError
from pkpd.flags import Flag
from pkpd.individuals import Individuals
from pkpd.model.model import Model
from pkpd.model.parts import Limit
from pkpd.model.program import compiled
from pkpd.observed import ADULT
from pkpd.times import TICKS_PER_HOUR
from pkpd.units import analyse


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
            raise SimulationError(f"it has no route {route} (it has {', '.join(sorted(model.routes))}).")
    forms = {form.enantiomer for form in regimen.forms}
    if "racemate" in forms and "racemate" not in model.forms and "S" in model.forms:
        if not analyte.startswith("S-"):
            raise SimulationError(
                f"it takes S-ketamine alone, and {analyte} after a racemate is more than its S half. "
                'Ask for "S-ketamine" to see it.'
            )
        given = _s_half(regimen)
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
    for limit in model.validity.values():
        if limit.name == "age" and getattr(limit, "hard", False) and _passes(limit, _age_of(limit, age)):
            raise SimulationError(
                f"the person's age is outside its limit ({_bounds(limit)}), beyond which it is refused."
            )
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


def limit_flags(
    subjects: Individuals, regimen: Regimen, output: str, peak: float, age: float | None
) -> tuple[Flag, ...]:
    """One flag for each limit of a model that the typical person or the regimen passes.

    peak : of the output, mg/L
    age  : years; None for an adult
    """
    model, found = subjects.model, []
    for limit in model.validity.values():
        if limit.name == "age":
            value = _age_of(limit, age)
        elif limit.name == "duration":
            value = regimen.end / TICKS_PER_HOUR
        elif limit.name == "concentration":
            value = peak if limit.of == output else math.nan
        else:
            value = float(subjects.covariates[limit.name][0]) if limit.name in subjects.covariates else math.nan
        if _passes(limit, value):
            unit = analyse(limit.unit)[0]
            text = f"Outside the limits of {model.id}: {limit.name} {value / unit:.4g} {limit.unit} ({_bounds(limit)})."
            found.append(Flag("limit", model.id, text, model.id))
    return tuple(found)


def _age_of(limit: Limit, age: float | None) -> float:
    """The age to hold against a limit: of somebody who is only known to be an adult, 18 where that is below it."""
    if age is not None:
        return age
    return ADULT if limit.maximum is not None and limit.maximum < ADULT else math.nan


def _passes(limit: Limit, value: float) -> bool:
    below = limit.minimum is not None and value < limit.minimum
    return below or (limit.maximum is not None and value > limit.maximum)


def _bounds(limit: Limit) -> str:
    unit = analyse(limit.unit)[0]
    parts = [
        f"{word} {bound / unit:g}"
        for word, bound in (("from", limit.minimum), ("to", limit.maximum))
        if bound is not None
    ]
    return f"{' '.join(parts)} {limit.unit}"


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


def _s_half(regimen: Regimen) -> Regimen:
    """The S half of every racemic dose; what is S-ketamine already stays."""
    halves = []
    for dose in regimen.doses:
        if dose.form.enantiomer == "racemate":
            cap = None if dose.cap is None else dose.cap / 2
            dose = replace(dose, quantity=dose.quantity / 2, cap=cap, form=replace(dose.form, enantiomer="S"))
        halves.append(dose)
    return Regimen(tuple(halves))
