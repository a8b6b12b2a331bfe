"""How the doses of a regimen enter the states of a model: what arrives when, for subjects who share all times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.received import Part, Received
from pkpd.dosing.regimen import Regimen
from pkpd.dosing.schedule import Course, Schedule, Target, divided, schedule
from pkpd.dosing.sessions import administrations
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
    regime: Integers | None  # (segments) number of the occasion each is in; None where there is one


class _Entry(NamedTuple):
    """One dose, as often as it is given within one occasion.

    number : of the dose in the regimen
    starts : ticks
    own    : the subjects as they are in the occasion
    ways   : of its route
    """

    number: int
    starts: Sequence[int]
    own: Individuals
    ways: tuple[Route, ...]


class _Given(NamedTuple):
    """What some subjects are given, each dose within one occasion.

    starts  : of the occasions, ticks
    numbers : of the occasions, ascending
    entries : the doses
    """

    starts: tuple[int, ...]
    numbers: tuple[int, ...]
    entries: tuple[_Entry, ...]


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
        own = _given(subjects, part)
        _refuse_parts_of_units(own, part)
        for alike in _by_row(_timing(own, part), part):
            for timed in _by_row(ticks[alike.who] if ticks.ndim == 2 else None, alike):
                times = ticks if ticks.ndim == 1 else ticks[timed.who[0]]
                events = make(subjects, own, timed)
                found.append(Group(events, times, timed.who, _regimes(own, events.breaks)))
    return found


def _regimes(given: _Given, breaks: Integers) -> Integers | None:
    """The number of the occasion each segment is in; None where there is one occasion."""
    if given.numbers == (0,):
        return None
    return np.asarray(np.array(given.numbers)[np.searchsorted(given.starts, breaks, side="right") - 1])


def _given(subjects: Individuals, part: Part) -> _Given:
    """The doses of a part, those that are repeated over several occasions cut apart."""
    begun = _begun(subjects, part)
    numbers, starts = tuple(begun), tuple(begun.values())
    entries = []
    for alike in part.same():
        dose = part.regimen.doses[alike[0]]
        ways = _ways(subjects.model.routes[dose.route])
        given: dict[int, list[int]] = {}
        for start in (start for number in alike for start in part.regimen.doses[number].starts):
            given.setdefault(bisect_right(starts, start) - 1, []).append(start)
        entries += [
            _Entry(alike[0], own, subjects.in_occasion(numbers[place]), ways) for place, own in sorted(given.items())
        ]
    return _Given(starts, numbers, tuple(entries))


def _begun(subjects: Individuals, part: Part) -> dict[int, int]:
    """When the occasions of a part begin: number -> ticks, ascending; numbered as they are prescribed."""
    rule, prescribed = subjects.occasions, part.prescribed
    if rule is None or prescribed is None:
        return dict(enumerate(subjects.starts(part.regimen)))
    given = dict.fromkeys(one.start for one in administrations(part.regimen))
    planned = subjects.starts(prescribed.regimen)
    return rule.begun(planned, [(prescribed.plan_of(start), start) for start in given])


def _refuse_parts_of_units(given: _Given, part: Part) -> None:
    """Refuse doses that are no whole number of the units their route comes in, for some subjects."""
    for number, _, own, ways in given.entries:
        route = ways[0]
        if route.unit_dose is None:
            continue
        amount = part.mass(number, own.weight[part.who])
        column = np.asarray(own.parameters[route.unit_dose], float)
        unit = np.broadcast_to(column if column.ndim == 0 else column[part.who], len(part.who))
        wrong = np.flatnonzero(~whole_units(amount, unit))
        if wrong.size:
            at = int(wrong[0])
            raise SimulationError(
                f"model {own.model.id}, subject {part.who[at]}: "
                + parts_of_units(float(amount[at]), float(unit[at]), route.name, route.unit_dose)
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


def _timing(given: _Given, part: Part) -> Integers | None:
    """Lag and length of every dose where the model has them, (subjects, columns) ticks; None where it has none."""
    routes = {(id(entry.own), entry.ways[0].name): entry for entry in given.entries}
    columns = [_column(entry.own, way, "lag", part) for entry in routes.values() for way in entry.ways]
    columns += [_length(entry.own, way, part, entry.number) for entry in given.entries for way in entry.ways]
    known = [_ticks(column) for column in columns if column is not None]
    return np.stack(known, axis=1) if known else None


def _events(subjects: Individuals, given: _Given, part: Part) -> Schedule:
    """The events of subjects who share their event times; those of a few subjects are remembered."""
    if len(part.who) > FEW or part.quantities is not None:
        return _scheduled(subjects, given, part)
    routes = {(id(entry.own), entry.ways[0].name): entry for entry in given.entries}
    read = [_column(entry.own, way, what, part) for entry in routes.values() for way in entry.ways for what in _READ]
    read += [_share(entry.own, way, part, entry.number) for entry in given.entries for way in entry.ways]
    return _schedules.get(
        lambda: _scheduled(subjects, given, part),
        *(subjects.model, part.regimen, given.starts, given.numbers, subjects.weight[part.who], *read),
    )


def _scheduled(subjects: Individuals, given: _Given, part: Part) -> Schedule:
    model, weight = subjects.model, subjects.weight[part.who]
    first = part.only(np.array([0]))
    states = dosed_states(model)
    courses = []
    for number, starts, own, ways in given.entries:
        dose = part.regimen.doses[number]
        amount, moieties = part.mass(number, weight), model.forms[dose.form.enantiomer].parts
        for way in ways:
            lag, length = _column(own, way, "lag", first), _length(own, way, first, number)
            share = _share(own, way, part, number)
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
    return divided(schedule(courses, len(states), len(part.who)), given.starts[1:])
