"""The verb: a model, a regimen, subjects and times -> a Result."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd import solving, validity
from pkpd.company import of_patients
from pkpd.dosing.prescription import as_regimen
from pkpd.dosing.received import Received
from pkpd.dosing.regimen import Regimen
from pkpd.entering import Group, dosed_states, groups
from pkpd.entering import check_regimen as check_regimen
from pkpd.entering import check_subjects as check_subjects
from pkpd.errors import SimulationError
from pkpd.flags import Flag
from pkpd.individuals import Individuals, of_population
from pkpd.model.model import Model
from pkpd.model.program import Program
from pkpd.parametertable import of_table
from pkpd.population.people import Population
from pkpd.practice.practice import Practice
from pkpd.result import Result, refuse_failures
from pkpd.solving import Solved, Tolerance, Values, solve
from pkpd.times import TICKS_PER_HOUR, read_times

if TYPE_CHECKING:
    from pkpd.kernels.events import Events

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Progress = Callable[[int], None]

ASK_SIMULATE = (
    "Leave such subjects out of the population or the table, or change what stops them; pkpd.simulate returns the "
    "others and says in `failures` who they are."
)


def simulate(
    model: Model,
    regimen: Regimen | str | Sequence[Regimen | str],
    population: Population | int | Mapping[str, Any] | None = None,
    times: Any = None,
    *,
    tolerance: Tolerance | None = None,
    threads: int | None = None,
    before_dose: bool = False,
    practice: Practice | None = None,
    progress: Progress | None = None,
) -> Result:
    """Simulate every subject of a population, or of a parameter table, under a regimen.

    model       : from `pkpd.load` or `pkpd.read_model`, with effects if they are wanted
    regimen     : Regimen or prescription text; or a list of one for each subject
    population  : Population; a number of patients; a parameter table, name -> (subjects) numbers in h, mg, L, kg (a
                  pandas frame will do); or nothing: one typical person of 70 kg
    times       : "0 to 24 h by 6 min", ["30 min", "1 h"], or (numbers, unit), (times) or (subjects, times)
    tolerance   : how exactly equations are solved that have no exact solution; linear models have one
    threads     : how many; all cores unless given. The numbers do not depend on it
    before_dose : at the time of a dose, give the value before it instead of after it
    practice    : how far what subjects get departs from the regimen; limits of duration are held against the regimen
    progress    : called with a number of subjects just done, from time to time and from any thread
    returns     : Result
    Raises a PkpdError that says what does not fit: a route or drug form the model has not, a missing parameter ...
    """
    if times is None:
        raise SimulationError('simulate: no output times. Give times="0 to 24 h by 6 min" or (numbers, "h").')
    own = isinstance(population, Population) and population.modifiers
    subjects = individuals(model, population, form_of(regimen) if own else "")
    ticks = read_times(times)
    regimens = per_subject(regimen, subjects.size)
    check_all(subjects, regimens)
    given = practised(subjects, regimens, practice)
    found = solved(
        subjects,
        given,
        ticks,
        tolerance=tolerance,
        threads=threads,
        before_dose=before_dose,
        progress=progress,
    )
    hours, text = ticks / TICKS_PER_HOUR, written(regimens) + model.company
    if practice is not None:
        text += f"; in practice: {practice}"
    flags = raised(subjects, regimens, ticks, found.failures, given=given, tolerance=tolerance, threads=threads)
    return Result(subjects, text, hours, subjects.program.outputs, found.values, found.failures, flags)


def practised(
    subjects: Individuals, regimens: Regimen | Sequence[Regimen], practice: Practice | None
) -> Regimen | Sequence[Regimen]:
    """What subjects get of what is prescribed; the prescription itself where there is no practice, or an empty one.

    Raises SimulationError for a practice that is none.
    """
    if practice is not None and not isinstance(practice, Practice):
        raise SimulationError(f"practice: {practice!r} is none. Give pkpd.Practice(...), such as Practice(missed=0.1).")
    return regimens if practice is None or not practice.parts else practice.regimens(regimens, subjects)


def check_all(subjects: Individuals, regimens: Regimen | Sequence[Regimen]) -> None:
    """Refuse a regimen that does not suit the model, and patients or a regimen beyond its hard limits."""
    for regimen in [regimens] if isinstance(regimens, Regimen) else dict.fromkeys(regimens):
        check_subjects(subjects, regimen)
    validity.refuse(subjects, regimens)


def raised(
    subjects: Individuals,
    regimens: Regimen | Sequence[Regimen],
    ticks: Integers,
    failures: Mapping[int, str],
    *,
    of: str = "",
    given: Regimen | Sequence[Regimen] | None = None,
    tolerance: Tolerance | None = None,
    threads: int | None = None,
) -> tuple[Flag, ...]:
    """The flags of a simulation: levels are held against limits at their peaks up to the last time, between times too.

    failures : subjects who could not be integrated, and are left out
    of       : whom the flags are of, such as an arm's name
    given    : what subjects get, where that is not what is prescribed; it makes the levels
    """
    limited = validity.followed(subjects.model, regimens)
    if limited and ticks.size and len(failures) < subjects.size:
        kept = np.setdiff1d(np.arange(subjects.size), list(failures))
        own = _of(regimens, kept)
        people = subjects.only(kept)
        levels = dict.fromkeys(limited, np.inf)
        got = own if given is None else _of(given, kept)
        found = extremes(people, got, int(ticks.max()), levels, tolerance=tolerance, threads=threads)
        return validity.flags(people, own, of, {output: values[0] for output, values in found.items()})
    return validity.flags(subjects, regimens, of)


def _of(regimens: Regimen | Sequence[Regimen], kept: Integers) -> Regimen | Sequence[Regimen]:
    """The regimens of some subjects."""
    return regimens if isinstance(regimens, Regimen) else Received.of(regimens).only(kept)


def form_of(regimen: Any) -> str:
    """The drug form of a regimen, a text or a list of them; "" where there is none or more than one."""
    given = [regimen] if isinstance(regimen, (Regimen, str)) else list(regimen) if isinstance(regimen, Sequence) else []
    plans = dict.fromkeys(one if isinstance(one, Regimen) else _read(one) for one in given)
    forms = {form.enantiomer for plan in plans for form in plan.forms}
    return forms.pop() if len(forms) == 1 else ""


def individuals(model: Model, population: Population | int | Mapping[str, Any] | None, form: str = "") -> Individuals:
    """Subjects out of whatever `simulate` takes as population.

    form : drug form that is given, for patients with modifiers of their own that hold for one form
    """
    if not isinstance(model, Model):
        raise SimulationError(f"model: {model!r} is not one. Load it first, with pkpd.load or pkpd.read_model.")
    if population is None:
        return of_population(model, Population.typical())
    if isinstance(population, (bool, str)):
        raise SimulationError(f"population: {population!r} is not one. Give a number, a Population or a table.")
    if isinstance(population, (int, np.integer)):
        return of_population(model, Population(int(population)))
    if isinstance(population, Population):
        return of_patients(model, population, form)
    if not hasattr(population, "keys"):
        raise SimulationError(f"population: {population!r} is not one. Give a number, a Population or a table.")
    return of_table(model, population)


def written(regimens: Regimen | Sequence[Regimen]) -> str:
    """What is given, as text."""
    return _written(regimens) if isinstance(regimens, Regimen) else "one regimen for each subject"


_written = lru_cache(maxsize=256)(str)


@lru_cache(maxsize=256)
def _read(text: str) -> Regimen:
    """The regimen of a prescription text, which is read once."""
    return as_regimen(text)


def per_subject(regimen: Regimen | str | Sequence[Regimen | str], size: int) -> Regimen | Sequence[Regimen]:
    """One regimen for all, or a list of one for each subject."""
    if isinstance(regimen, (Regimen, str)):
        return regimen if isinstance(regimen, Regimen) else _read(regimen)
    if not isinstance(regimen, Sequence):
        raise SimulationError(f"regimen: {regimen!r} is not one. Give a prescription text or a Regimen.")
    regimens: Sequence[Regimen] = (
        regimen
        if isinstance(regimen, Received)
        else [as_regimen(one, f"regimen of subject {number}") for number, one in enumerate(regimen)]
    )
    if len(regimens) != size:
        raise SimulationError(f"regimen: {len(regimens)} regimens for {size} subjects.")
    return regimens


def concentrations(
    subjects: Individuals,
    regimens: Regimen | Sequence[Regimen],
    ticks: Integers,
    *,
    outputs: Sequence[str] | None = None,
    tolerance: Tolerance | None = None,
    threads: int | None = None,
    before_dose: bool = False,
    progress: Progress | None = None,
) -> Floats:
    """Outputs at every time, (outputs, times, subjects), mg/L: those asked for, or all.

    Raises SimulationError where a subject cannot be integrated.
    """
    found = solved(
        subjects,
        regimens,
        ticks,
        outputs=outputs,
        tolerance=tolerance,
        threads=threads,
        before_dose=before_dose,
        progress=progress,
    )
    if found.failures:
        refuse_failures(subjects.model.id, found.failures, subjects.numbers, ASK_SIMULATE)
    return found.values


def solved(
    subjects: Individuals,
    regimens: Regimen | Sequence[Regimen],
    ticks: Integers,
    *,
    outputs: Sequence[str] | None = None,
    tolerance: Tolerance | None = None,
    threads: int | None = None,
    before_dose: bool = False,
    progress: Progress | None = None,
) -> Solved:
    """Outputs at every time, (outputs, times, subjects), mg/L, and who could not be integrated."""
    if ticks.ndim == 2 and len(ticks) != subjects.size:
        raise SimulationError(f"times: {len(ticks)} rows for {subjects.size} subjects.")
    if tolerance is not None and not isinstance(tolerance, Tolerance):
        raise SimulationError(f"tolerance: {tolerance!r} is not one. Write pkpd.Tolerance(relative=1e-6).")
    events, values = _events(subjects, groups(subjects, regimens, ticks), before_dose)
    return solve(
        subjects.program,
        _inputs(subjects.program),
        values,
        events,
        ticks.shape[-1],
        subjects.size,
        outputs=outputs,
        tolerance=tolerance,
        threads=thread_count(threads),
        progress=progress,
    )


def extremes(
    subjects: Individuals,
    regimen: Regimen | Sequence[Regimen],
    end: int,
    threshold: Mapping[str, float],
    *,
    tolerance: Tolerance | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Floats]:
    """Peak, time of peak, area and time above a threshold of some outputs, from 0 to `end` ticks.

    threshold : output -> mg/L; infinite where there is none. Only the outputs it names are followed
    returns   : output -> (4, subjects): mg/L, h, mg/L h, h
    """
    events, values = _events(subjects, groups(subjects, regimen, np.array([end])), False)
    found = solving.extremes(
        subjects.program,
        _inputs(subjects.program),
        values,
        events,
        end,
        subjects.size,
        threshold,
        tolerance=tolerance,
        threads=thread_count(threads),
        progress=progress,
    )
    if found.failures:
        refuse_failures(subjects.model.id, found.failures, subjects.numbers, ASK_SIMULATE)
    return dict(zip(threshold, found.values, strict=True))


def _events(subjects: Individuals, given: Sequence[Group], before: bool) -> tuple[list[Events], Values]:
    """The events of all subjects, and what their parameters come to: several sets where there are several occasions."""
    from pkpd.kernels.events import Events

    events = [Events(*group.schedule, group.times, before, group.who, regime=group.regime) for group in given]
    regimes = [group.regime for group in given if group.regime is not None]
    if not regimes:
        return events, Values(subjects.system_values(), subjects.named)
    count = 1 + max(int(regime[-1]) for regime in regimes)
    people = [subjects.in_occasion(number) for number in range(count)]

    def named(name: str) -> Floats:
        return np.stack([np.broadcast_to(np.asarray(one.named(name), float), subjects.size) for one in people])

    return events, Values(np.stack([one.system_values() for one in people]), named, staged=True)


def thread_count(asked: int | None) -> int:
    """How many threads to use: as asked, or all cores."""
    if asked is not None:
        if isinstance(asked, bool) or not isinstance(asked, (int, np.integer)) or asked < 1:
            raise SimulationError(f"threads: {asked!r} is not a whole number from 1 on.")
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=64)
def _inputs(program: Program) -> tuple[int, ...]:
    """The states that doses go into, by number."""
    return tuple(program.states.index(state) for state in dosed_states(program.model))
