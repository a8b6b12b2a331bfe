"""The verb: a model, a regimen, subjects and times -> a Result."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.prescription import as_regimen
from pkpd.dosing.regimen import Dose, Regimen
from pkpd.dosing.schedule import Schedule, Target, schedule
from pkpd.errors import SimulationError, unknown
from pkpd.individuals import Individuals, of_population, of_table
from pkpd.model.model import Model
from pkpd.population.people import Population
from pkpd.result import Result
from pkpd.times import TICKS_PER_HOUR, read_times, to_ticks

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Progress = Callable[[int], None]


def simulate(
    model: Model,
    regimen: Regimen | str | Sequence[Regimen | str],
    population: Population | int | Mapping[str, Any] | None = None,
    times: Any = None,
    *,
    threads: int | None = None,
    before_dose: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Simulate every subject of a population, or of a parameter table, under a regimen.

    model       : from `pkpd.load` or `pkpd.read_model`, with effects if they are wanted
    regimen     : Regimen or prescription text; or a list of one for each subject
    population  : Population; a number of patients; a parameter table, name -> (subjects) numbers in h, mg, L, kg (a
                  pandas frame will do); or nothing: one typical person of 70 kg
    times       : "0 to 24 h by 6 min", ["30 min", "1 h"], or (numbers, unit), (times) or (subjects, times)
    threads     : how many; all cores unless given. The numbers do not depend on it
    before_dose : at the time of a dose, give the value before it instead of after it
    progress    : called with a number of subjects just done, from time to time and from any thread
    returns     : Result
    Raises a PkpdError that says what does not fit: a route or drug form the model has not, a missing parameter ...
    """
    if times is None:
        raise SimulationError('simulate: no output times. Give times="0 to 24 h by 6 min" or (numbers, "h").')
    subjects = individuals(model, population)
    ticks = read_times(times)
    if ticks.ndim == 2 and len(ticks) != subjects.size:
        raise SimulationError(f"times: {len(ticks)} rows for {subjects.size} subjects.")
    regimens = per_subject(regimen, subjects.size)
    array = concentrations(subjects, regimens, ticks, threads=threads, before_dose=before_dose, progress=progress)
    text = str(regimens) if isinstance(regimens, Regimen) else "one regimen for each subject"
    return Result(subjects, text, ticks / TICKS_PER_HOUR, subjects.program.outputs, array)


def individuals(model: Model, population: Population | int | Mapping[str, Any] | None) -> Individuals:
    """Subjects out of whatever `simulate` takes as population."""
    if not isinstance(model, Model):
        raise SimulationError(f"model: {model!r} is not one. Load it first, with pkpd.load or pkpd.read_model.")
    if population is None:
        return of_population(model, Population.typical())
    if isinstance(population, (bool, str)):
        raise SimulationError(f"population: {population!r} is not one. Give a number, a Population or a table.")
    if isinstance(population, (int, np.integer)):
        return of_population(model, Population(int(population)))
    if isinstance(population, Population):
        return of_population(model, population)
    if not hasattr(population, "keys"):
        raise SimulationError(f"population: {population!r} is not one. Give a number, a Population or a table.")
    return of_table(model, population)


def check_regimen(model: Model, regimen: Regimen, where: str = "regimen") -> None:
    """Refuse a regimen whose routes or drug forms a model has not.

    Raises UnknownName for a route, SimulationError for a form.
    """
    for dose in regimen.doses:
        if dose.route not in model.routes:
            raise unknown(f"{where} on model {model.id}", "route", dose.route, model.routes)
        if dose.form.enantiomer not in model.forms:
            raise SimulationError(
                f"{where} on model {model.id}: it does not take {dose.form}. Allowed: "
                f"{', '.join(sorted(model.forms))}. Choose a model of that form; "
                "or, of a racemate, give one half as s-ketamine."
            )


def per_subject(regimen: Regimen | str | Sequence[Regimen | str], size: int) -> Regimen | list[Regimen]:
    """One regimen for all, or a list of one for each subject."""
    if isinstance(regimen, (Regimen, str)):
        return as_regimen(regimen)
    if not isinstance(regimen, Sequence):
        raise SimulationError(f"regimen: {regimen!r} is not one. Give a prescription text or a Regimen.")
    regimens = [as_regimen(one, f"regimen of subject {number}") for number, one in enumerate(regimen)]
    if len(regimens) != size:
        raise SimulationError(f"regimen: {len(regimens)} regimens for {size} subjects.")
    return regimens


def concentrations(
    subjects: Individuals,
    regimens: Regimen | list[Regimen],
    ticks: Integers,
    *,
    threads: int | None = None,
    before_dose: bool = False,
    progress: Progress | None = None,
) -> Floats:
    """Every output at every time, (outputs, times, subjects), mg/L."""
    from pkpd.kernels import batch

    groups = _groups(subjects, regimens, ticks)
    events = [batch.Events(*made, times, before_dose, who) for made, times, who in groups]
    return batch.solve(
        _system(subjects),
        subjects.system_values(),
        events,
        ticks.shape[-1],
        threads=_threads(threads),
        progress=progress,
    )


def extremes(
    subjects: Individuals,
    regimen: Regimen,
    end: int,
    threshold: Mapping[str, float],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Floats]:
    """Peak, time of peak, area and time above a threshold of some outputs, from 0 to `end` ticks.

    threshold : output -> mg/L; infinite where there is none. Only the outputs it names are followed
    returns   : output -> (4, subjects): mg/L, h, mg/L h, h
    """
    from pkpd.kernels import batch

    names = subjects.program.outputs
    system = _system(subjects)
    system = system._replace(outputs=tuple(system.outputs[names.index(name)] for name in threshold))
    groups = _groups(subjects, regimen, np.array([end]))
    events = [batch.Events(*made, times, False, who) for made, times, who in groups]
    found = batch.summarise(
        system,
        subjects.system_values(),
        events,
        end,
        np.array(list(threshold.values())),
        threads=_threads(threads),
        progress=progress,
    )
    return dict(zip(threshold, found, strict=True))


def _threads(asked: int | None) -> int:
    """How many threads to use: as asked, or all cores."""
    if asked is not None:
        if isinstance(asked, bool) or not isinstance(asked, (int, np.integer)) or asked < 1:
            raise SimulationError(f"threads: {asked!r} is not a whole number from 1 on.")
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _dosed_states(subjects: Individuals) -> tuple[str, ...]:
    """Every state that some route of the model leads into."""
    return tuple(sorted({state for route in subjects.model.routes.values() for state in route.into.values()}))


def _system(subjects: Individuals) -> Any:
    from pkpd.kernels import batch

    program = subjects.program
    inputs = tuple(program.states.index(state) for state in _dosed_states(subjects))
    return batch.System(len(program.states), program.entries, program.keys, inputs, program.weights)


def _groups(
    subjects: Individuals, regimens: Regimen | list[Regimen], ticks: Integers
) -> list[tuple[Schedule, Integers, Integers]]:
    """Subjects sorted into groups that share event times and output times: (events, times, who)."""
    everyone = np.arange(subjects.size)
    parts: list[tuple[Regimen, Integers]] = [(regimens, everyone)] if isinstance(regimens, Regimen) else []
    if not isinstance(regimens, Regimen):
        by_regimen: dict[Regimen, list[int]] = {}
        for number, regimen in enumerate(regimens):
            by_regimen.setdefault(regimen, []).append(number)
        parts = [(regimen, np.array(who)) for regimen, who in by_regimen.items()]
    groups = []
    for regimen, who in parts:
        for lagged in _by_row(_lags(subjects, regimen), who):
            for timed in _by_row(ticks if ticks.ndim == 2 else None, lagged):
                times = ticks if ticks.ndim == 1 else ticks[timed[0]]
                groups.append((_events(subjects, regimen, timed), times, timed))
    return groups


def _by_row(table: Integers | None, who: Integers) -> list[Integers]:
    """Split subjects by equal rows of a table (subjects, columns); all together where there is none."""
    if table is None or table.shape[1] == 0:
        return [who]
    _, which = np.unique(table[who], axis=0, return_inverse=True)
    order = np.argsort(which, kind="stable")
    return [who[part] for part in np.split(order, np.flatnonzero(np.diff(which[order])) + 1)]


def _lags(subjects: Individuals, regimen: Regimen) -> Integers | None:
    """Absorption lag of each route of a regimen, (subjects, routes) ticks; None where there is none."""
    names = sorted(
        {
            lag
            for route in regimen.routes
            if route in subjects.model.routes and (lag := subjects.model.routes[route].lag) is not None
        }
    )
    if not names:
        return None
    columns = [np.broadcast_to(subjects.parameters[name], subjects.size) for name in names]
    rounded: Integers = np.rint(np.stack(columns, axis=1) * TICKS_PER_HOUR).astype(np.int64)
    return rounded


def _events(subjects: Individuals, regimen: Regimen, who: Integers) -> Schedule:
    model = subjects.model
    check_regimen(model, regimen)
    states = _dosed_states(subjects)

    def targets(dose: Dose) -> list[Target]:
        route, form = model.routes[dose.route], model.forms[dose.form.enantiomer]
        share: Floats | float = 1.0
        if route.bioavailability is not None:
            value = subjects.parameters[route.bioavailability]
            share = value if np.ndim(value) == 0 else np.asarray(value)[who]
        return [
            Target(states.index(route.into.get(moiety, route.into.get("*", ""))), fraction * share)
            for moiety, fraction in form.parts.items()
        ]

    def lag(dose: Dose) -> int:
        name = model.routes[dose.route].lag
        if name is None:
            return 0
        value = subjects.parameters[name]
        return to_ticks(float(value if np.ndim(value) == 0 else np.asarray(value)[who[0]]))

    return schedule(regimen, subjects.weight[who], targets, len(states), lag)
