"""How the doses of a regimen enter the states of a model: what arrives when, for subjects who share all times."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.regimen import Dose, Regimen
from pkpd.dosing.schedule import Schedule, Target, divided, schedule
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


class _Given(NamedTuple):
    """What some subjects are given, each dose within one occasion.

    model   : that takes it
    regimen : as it was prescribed
    starts  : of the occasions, ticks
    doses   : each with the subjects as they are in its occasion
    """

    model: Model
    regimen: Regimen
    starts: tuple[int, ...]
    doses: tuple[tuple[Dose, Individuals], ...]

    @property
    def ways(self) -> list[tuple[Individuals, Route]]:
        """Every way that something goes, with the subjects as they are in each of its occasions."""
        routes = {(id(own), dose.route): (own, self.model.routes[dose.route]) for dose, own in self.doses}
        return [(own, way) for own, route in routes.values() for way in _ways(route)]

    @property
    def entries(self) -> list[tuple[Dose, Individuals, Route]]:
        """Every dose on every way of its route."""
        return [(dose, own, way) for dose, own in self.doses for way in _ways(self.model.routes[dose.route])]


class _Entry(NamedTuple):
    """One dose on one way of its route, of subjects who share its times."""

    way: Route
    share: Floats | float  # (subjects) or one: bioavailability
    lag: int  # ticks


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

    for state, given in doses_by_state(model, regimen).items():
        if given > 1 and model.states[state].once:
            raise SimulationError(
                f"{where} on model {model.id}: {given} doses go into {state}, which takes one, because its equation "
                "counts the time from that dose. Give one dose, or take a model with a chain of transit compartments."
            )


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


def groups(subjects: Individuals, regimens: Regimen | list[Regimen], ticks: Integers) -> list[Group]:
    """Subjects sorted into groups that share event times and output times.

    regimens : one for all, or one for each subject
    ticks    : (times) or (subjects, times)
    """
    everyone = np.arange(subjects.size)
    parts: list[tuple[Regimen, Integers]] = [(regimens, everyone)] if isinstance(regimens, Regimen) else []
    if not isinstance(regimens, Regimen):
        by_regimen: dict[Regimen, list[int]] = {}
        for number, regimen in enumerate(regimens):
            by_regimen.setdefault(regimen, []).append(number)
        parts = [(regimen, np.array(who)) for regimen, who in by_regimen.items()]
    found = []
    for regimen, who in parts:
        check_regimen(subjects.model, regimen)
        given = _given(subjects, regimen)
        _refuse_parts_of_units(given, who)
        for alike in _by_row(_timing(given, who), who):
            for timed in _by_row(ticks[alike] if ticks.ndim == 2 else None, alike):
                times = ticks if ticks.ndim == 1 else ticks[timed[0]]
                events = _events(subjects, given, timed)
                several = len(given.starts) > 1
                regime = np.searchsorted(given.starts, events.breaks, side="right") - 1 if several else None
                found.append(Group(events, times, timed, regime))
    return found


def _given(subjects: Individuals, regimen: Regimen) -> _Given:
    """The doses of a regimen, those that are repeated over several occasions cut apart."""
    starts = subjects.starts(regimen)
    if len(starts) == 1:
        return _Given(subjects.model, regimen, starts, tuple((dose, subjects) for dose in regimen.doses))
    doses: list[tuple[Dose, Individuals]] = []
    for dose in regimen.doses:
        which = np.searchsorted(starts, dose.starts, side="right") - 1
        for occasion in np.unique(which).tolist():
            first, count = int(np.argmax(which == occasion)), int((which == occasion).sum())
            part = replace(dose, start=dose.starts[first], count=count)
            doses.append((part, subjects.in_occasion(occasion)))
    return _Given(subjects.model, regimen, starts, tuple(doses))


def _refuse_parts_of_units(given: _Given, who: Integers) -> None:
    """Refuse doses that are no whole number of the units their route comes in, for some subjects."""
    for dose, subjects in given.doses:
        route = subjects.model.routes[dose.route]
        if route.unit_dose is None:
            continue
        amount = dose.base_amount(subjects.weight[who])
        column = np.asarray(subjects.parameters[route.unit_dose], float)
        unit = np.broadcast_to(column if column.ndim == 0 else column[who], len(who))
        wrong = np.flatnonzero(~whole_units(amount, unit))
        if wrong.size:
            at = int(wrong[0])
            raise SimulationError(
                f"model {subjects.model.id}, subject {who[at]}: "
                + parts_of_units(float(amount[at]), float(unit[at]), route.name, route.unit_dose)
            )


def _by_row(table: Integers | None, who: Integers) -> list[Integers]:
    """Split subjects by equal rows of a table of theirs; all together where there is none."""
    if table is None or table.shape[1] == 0:
        return [who]
    _, which = np.unique(table, axis=0, return_inverse=True)
    order = np.argsort(which, kind="stable")
    return [who[part] for part in np.split(order, np.flatnonzero(np.diff(which[order])) + 1)]


def _ways(route: Route) -> tuple[Route, ...]:
    """The ways a dose goes by a route: its own and the further ones."""
    return (route, *route.also)


def _modelled(way: Route) -> bool:
    return way.rate is not None or way.duration is not None


def _column(subjects: Individuals, way: Route, what: str, who: Integers, dose: Dose | None = None) -> Floats | None:
    """The lag, bioavailability, rate or duration of a way for some subjects; None where it has none.

    dose : what is given, which a bioavailability may depend on
    Raises SimulationError where one is negative or no number, or a rate is not above 0.
    """
    name = getattr(way, what)
    if name is None:
        return None
    column: Floats
    if name in subjects.model.of_dose:
        assert dose is not None
        column = subjects.of_dose(name, dose.base_amount(subjects.weight[who]), who)
    else:
        value = np.asarray(subjects.parameters[name], float)
        column = np.broadcast_to(value, len(who)) if value.ndim == 0 else value[who]
    wrong = ~(column > 0) if what == "rate" else ~(column >= 0)
    if wrong.any():
        worst = int(np.flatnonzero(wrong)[0])
        raise SimulationError(
            f"model {subjects.model.id}: {name}, the {what} of the route {way.name}, is {column[worst]:g} for subject "
            f"{who[worst]}. It is {'above 0' if what == 'rate' else '0 or more'}."
        )
    return column


def _share(subjects: Individuals, dose: Dose, way: Route, who: Integers) -> Floats | None:
    """The part of a dose that arrives by a way, for some subjects; None where all of it does."""
    return _column(subjects, way, "bioavailability", who, dose)


def _length(subjects: Individuals, dose: Dose, way: Route, who: Integers) -> Floats | None:
    """Hours over which a dose enters by a way; None where the model does not say.

    With a rate the time follows from what is bioavailable of the dose.
    """
    rate = _column(subjects, way, "rate", who)
    if rate is None:
        return _column(subjects, way, "duration", who)
    share = _share(subjects, dose, way, who)
    return np.asarray(dose.base_amount(subjects.weight[who]) * (1.0 if share is None else share) / rate)


def _ticks(hours: Floats) -> Integers:
    rounded: Integers = np.rint(hours * TICKS_PER_HOUR).astype(np.int64)
    return rounded


def _timing(given: _Given, who: Integers) -> Integers | None:
    """Lag and length of every dose where the model has them, (subjects, columns) ticks; None where it has none."""
    columns = [_column(own, way, "lag", who) for own, way in given.ways]
    columns += [_length(own, dose, way, who) for dose, own, way in given.entries]
    known = [_ticks(column) for column in columns if column is not None]
    return np.stack(known, axis=1) if known else None


def _events(subjects: Individuals, given: _Given, who: Integers) -> Schedule:
    """The events of subjects who share their event times; those of a few subjects are remembered."""
    if len(who) > FEW:
        return _scheduled(given, subjects.weight[who], who)
    read = [_column(own, way, what, who) for own, way in given.ways for what in _READ]
    read += [_share(own, dose, way, who) for dose, own, way in given.entries]
    weight = subjects.weight[who]
    return _schedules.get(
        lambda: _scheduled(given, weight, who), subjects.model, given.regimen, given.starts, weight, *read
    )


def _scheduled(given: _Given, weight: Floats, who: Integers) -> Schedule:
    model, first = given.model, who[:1]
    states = dosed_states(model)
    doses: list[Dose] = []
    entries: dict[int, _Entry] = {}  # by the identity of the dose, which a regimen keeps
    for dose, own, way in given.entries:
        lag, length = _column(own, way, "lag", first), _length(own, dose, way, first)
        doses.append(replace(dose, duration=dose.duration if length is None else int(_ticks(length)[0])))
        share = _share(own, dose, way, who)
        later = 0 if lag is None else int(_ticks(lag)[0])
        entries[id(doses[-1])] = _Entry(way, 1.0 if share is None else share, later)

    def targets(dose: Dose) -> list[Target]:
        way, share, _ = entries[id(dose)]
        return [
            Target(states.index(way.into.get(moiety, way.into.get("*", ""))), fraction * share)
            for moiety, fraction in model.forms[dose.form.enantiomer].parts.items()
        ]

    made = schedule(Regimen(tuple(doses)), weight, targets, len(states), lambda dose: entries[id(dose)].lag)
    return divided(made, given.starts[1:])
