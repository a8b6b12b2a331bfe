"""How the doses of a regimen enter the states of a model: what arrives when, for subjects who share all times."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.received import Part, Received
from pkpd.dosing.regimen import Regimen
from pkpd.dosing.schedule import Course, Schedule, Target, schedule
from pkpd.dosing.unitdoses import parts_of_units, whole_units
from pkpd.errors import SimulationError, UnknownName
from pkpd.individuals import Individuals
from pkpd.kernels.remembering import Remembered
from pkpd.model.facts import advice
from pkpd.model.model import Model, Route
from pkpd.model.modifying import refused_dose
from pkpd.times import TICKS_PER_HOUR

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEW = 64  # subjects up to whom making the events anew takes longer than finding them again
_schedules: Remembered[Schedule] = Remembered(most=64)
_READ = ("lag", "rate", "duration")


class Group(NamedTuple):
    """Subjects whose events and output times coincide."""

    schedule: Schedule
    times: Integers  # (times) ticks
    who: Integers  # (subjects) their positions


def check_regimen(model: Model, regimen: Regimen, where: str = "regimen") -> None:
    """Refuse a regimen whose routes or drug forms a model has not.

    Raises UnknownName for a route, with what is known of it, SimulationError for a form, and for an infusion by a
    route whose doses the model itself gives a rate or duration.
    """
    for dose in regimen.doses:
        if dose.route not in model.routes:
            raise UnknownName(f"{where} on model {model.id}: {advice(model, dose.route)}")
        if dose.form.enantiomer not in model.forms:
            way_out = "Choose a model of that form."
            if dose.form.enantiomer == "racemate" and "S" in model.forms:
                way_out = (
                    "Take a model of the racemate; or give its S half alone, half the mass as s-ketamine: "
                    "regimen.s_half(), of a text pkpd.parse(text).s_half()."
                )
            raise SimulationError(
                f"{where} on model {model.id}: it does not take {dose.form}. "
                f"Allowed: {', '.join(sorted(model.forms))}. {way_out}"
            )
        if dose.duration and any(_modelled(way) for way in _ways(model.routes[dose.route])):
            raise SimulationError(
                f"{where} on model {model.id}: the model itself says how long a dose by the route {dose.route} enters. "
                "Prescribe the amount alone, as a bolus."
            )

        if why := refused_dose(model, dose.route, dose.form.enantiomer):
            raise SimulationError(f"{where} on model {model.id}: {why}. Leave the modifier out, or the dose.")

    _refuse_units_given_apart(model, regimen, where)

    once = any(state.once for state in model.states.values())
    for state, given in doses_by_state(model, regimen).items() if once else ():
        if given > 1 and model.states[state].once:
            raise SimulationError(
                f"{where} on model {model.id}: {given} doses go into {state}, which takes one, because its equation "
                "counts the time from that dose. Give one dose, or take a model with a chain of transit compartments."
            )


def check_subjects(subjects: Individuals, regimen: Regimen, where: str = "regimen") -> None:
    """Refuse a regimen that does not suit the model, or the model of those who have modifiers of their own."""
    for model in (subjects.model, *subjects.variants.values()):
        check_regimen(model, regimen, where)


def _refuse_units_given_apart(model: Model, regimen: Regimen, where: str) -> None:
    """Refuse two doses at one time by a route whose bioavailability depends on how much is given at a time."""
    seen: set[tuple[str, int]] = set()
    for dose in regimen.doses if model.of_dose else ():
        if any(way.bioavailability in model.of_dose for way in _ways(model.routes[dose.route])):
            at = {(dose.route, start) for start in dose.starts}
            if at & seen:
                raise SimulationError(
                    f"{where} on model {model.id}: two doses {dose.route} at one time, of which the model absorbs less "
                    'together than apart. Write them as one, like "84 mg nasal" or "3 devices of 28 mg nasal".'
                )
            seen |= at


def doses_by_state(model: Model, regimen: Regimen) -> dict[str, int]:
    """How many doses of a regimen go into each state."""
    given: dict[str, int] = {}
    for dose in regimen.doses:
        parts = model.forms[dose.form.enantiomer].parts
        reached = {
            way.into.get(part, way.into.get("*", "")) for way in _ways(model.routes[dose.route]) for part in parts
        }
        for state in reached - {""}:
            given[state] = given.get(state, 0) + dose.count
    return given


@lru_cache(maxsize=64)
def dosed_states(model: Model) -> tuple[str, ...]:
    """Every state that some route of a model leads into."""
    ways = [way for route in model.routes.values() for way in _ways(route)]
    return tuple(sorted({state for way in ways for state in way.into.values()}))


def groups(subjects: Individuals, regimens: Regimen | Sequence[Regimen], ticks: Integers) -> list[Group]:
    """Subjects sorted into groups that share event times and output times; their amounts may differ.

    regimens : one for all, or one for each subject
    ticks    : (times) or (subjects, times)
    """
    given = Received.all(regimens, subjects.size) if isinstance(regimens, Regimen) else Received.of(regimens)
    found = []
    make = _events if len(given.parts) <= FEW else _scheduled
    for part in given.parts:
        check_subjects(subjects, part.regimen)
        _refuse_parts_of_units(subjects, part)
        for alike in _by_row(_timing(subjects, part), part):
            for timed in _by_row(ticks[alike.who] if ticks.ndim == 2 else None, alike):
                times = ticks if ticks.ndim == 1 else ticks[timed.who[0]]
                found.append(Group(make(subjects, timed), times, timed.who))
    return found


def _refuse_parts_of_units(subjects: Individuals, part: Part) -> None:
    """Refuse doses that are no whole number of the units their route comes in, for some subjects."""
    for number, dose in enumerate(part.regimen.doses):
        route = subjects.model.routes[dose.route]
        if route.unit_dose is None:
            continue
        given = part.mass(number, subjects.weight[part.who])
        column = np.asarray(subjects.parameters[route.unit_dose], float)
        unit = np.broadcast_to(column if column.ndim == 0 else column[part.who], len(part.who))
        wrong = np.flatnonzero(~whole_units(given, unit))
        if wrong.size:
            at = int(wrong[0])
            raise SimulationError(
                f"model {subjects.model.id}, subject {part.who[at]}: "
                + parts_of_units(float(given[at]), float(unit[at]), route.name, route.unit_dose)
            )


def _by_row(table: Integers | None, part: Part) -> list[Part]:
    """Split subjects by equal rows of a table of theirs; all together where there is none."""
    if table is None or table.shape[1] == 0:
        return [part]
    _, which = np.unique(table, axis=0, return_inverse=True)
    order = np.argsort(which, kind="stable")
    return [part.only(alike) for alike in np.split(order, np.flatnonzero(np.diff(which[order])) + 1)]


def _ways(route: Route) -> tuple[Route, ...]:
    """The ways a dose goes by a route: its own and the further ones."""
    return (route, *route.also)


def _modelled(way: Route) -> bool:
    return way.rate is not None or way.duration is not None


def _column(subjects: Individuals, way: Route, what: str, part: Part, number: int = 0) -> Floats | None:
    """The lag, bioavailability, rate or duration of a way for some subjects; None where it has none.

    number : of the dose that is given, which a bioavailability may depend on
    Raises SimulationError where one is negative or no number, or a rate is not above 0.
    """
    name = getattr(way, what)
    if name is None:
        return None
    column: Floats
    if name in subjects.model.of_dose:
        column = subjects.of_dose(name, part.mass(number, subjects.weight[part.who]), part.who)
    else:
        value = np.asarray(subjects.parameters[name], float)
        column = np.broadcast_to(value, len(part.who)) if value.ndim == 0 else value[part.who]
    wrong = ~(column > 0) if what == "rate" else ~(column >= 0)
    if wrong.any():
        worst = int(np.flatnonzero(wrong)[0])
        raise SimulationError(
            f"model {subjects.model.id}: {name}, the {what} of the route {way.name}, is {column[worst]:g} for subject "
            f"{part.who[worst]}. It is {'above 0' if what == 'rate' else '0 or more'}."
        )
    return column


def _share(subjects: Individuals, way: Route, part: Part, number: int) -> Floats | None:
    """The part of a dose that arrives by a way, for some subjects; None where all of it does."""
    return _column(subjects, way, "bioavailability", part, number)


def _length(subjects: Individuals, way: Route, part: Part, number: int) -> Floats | None:
    """Hours over which a dose enters by a way; None where the model does not say.

    With a rate the time follows from what is bioavailable of the dose.
    """
    rate = _column(subjects, way, "rate", part)
    if rate is None:
        return _column(subjects, way, "duration", part)
    share = _share(subjects, way, part, number)
    return np.asarray(part.mass(number, subjects.weight[part.who]) * (1.0 if share is None else share) / rate)


def _ticks(hours: Floats) -> Integers:
    rounded: Integers = np.rint(hours * TICKS_PER_HOUR).astype(np.int64)
    return rounded


def _timing(subjects: Individuals, part: Part) -> Integers | None:
    """Lag and length of every dose where the model has them, (subjects, columns) ticks; None where it has none."""
    routes = {name: _ways(subjects.model.routes[name]) for name in part.regimen.routes}
    columns = [_column(subjects, way, "lag", part) for ways in routes.values() for way in ways]
    doses = enumerate(part.regimen.doses)
    columns += [_length(subjects, way, part, number) for number, dose in doses for way in routes[dose.route]]
    known = [_ticks(column) for column in columns if column is not None]
    return np.stack(known, axis=1) if known else None


def _events(subjects: Individuals, part: Part) -> Schedule:
    """The events of subjects who share their event times; those of a few subjects are remembered."""
    if len(part.who) > FEW or part.quantities is not None:
        return _scheduled(subjects, part)
    regimen = part.regimen
    routes = {name: _ways(subjects.model.routes[name]) for name in regimen.routes}
    read = [_column(subjects, way, what, part) for ways in routes.values() for way in ways for what in _READ]
    doses = enumerate(regimen.doses)
    read += [_share(subjects, way, part, number) for number, dose in doses for way in routes[dose.route]]
    return _schedules.get(lambda: _scheduled(subjects, part), subjects.model, regimen, subjects.weight[part.who], *read)


def _scheduled(subjects: Individuals, part: Part) -> Schedule:
    model, weight = subjects.model, subjects.weight[part.who]
    first = part.only(np.array([0]))
    states = dosed_states(model)
    courses = []
    for number, *others in part.same():
        dose = part.regimen.doses[number]
        amount, moieties = part.mass(number, weight), model.forms[dose.form.enantiomer].parts
        starts = [start for other in (number, *others) for start in part.regimen.doses[other].starts]
        for way in _ways(model.routes[dose.route]):
            lag, length = _column(subjects, way, "lag", first), _length(subjects, way, first, number)
            share = _share(subjects, way, part, number)
            later = 0 if lag is None else int(_ticks(lag)[0])
            courses.append(
                Course(
                    [start + later for start in starts],
                    dose.duration if length is None else int(_ticks(length)[0]),
                    amount,
                    [
                        Target(
                            states.index(way.into.get(moiety, way.into.get("*", ""))),
                            fraction * (1.0 if share is None else share),
                        )
                        for moiety, fraction in moieties.items()
                    ],
                )
            )
    return schedule(courses, len(states), len(part.who))
