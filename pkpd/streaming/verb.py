"""The verb: several regimens in the same virtual patients -> percentile curves of any number of patients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd import capacity, enough, montecarlo, validity
from pkpd.arms import Given, modified_for, notes_of, planned
from pkpd.comparing import equipped
from pkpd.enough import Farthest
from pkpd.errors import SimulationError
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.population.people import PLAIN, Population
from pkpd.practice.practice import Practice
from pkpd.simulation import form_of, individuals, practised, thread_count
from pkpd.solving import Tolerance
from pkpd.streaming import bins
from pkpd.streaming.passage import DRAWN, Arm, Draw, Passage, Piece, Progress, chunk_of, drawing
from pkpd.streaming.reading import Chunk, asked_of
from pkpd.streaming.tally import Tally, bytes_of
from pkpd.streaming.values import Percentiles
from pkpd.times import TICKS_PER_HOUR, read_times

Floats = NDArray[np.float64]
Subjects = Population | int | Mapping[str, Any]

SORTED = 64 << 20  # bytes of values up to which they are kept and sorted
PILOT, PILOT_TIMES = 1024, 64  # first patients, and times at most, by which the bins are chosen
WORKING = 5  # arrays over time that are in use at once beside the levels
FEWER = "Ask for fewer times, quantities or regimens at once."


def percentiles(
    model: Model,
    regimens: Mapping[str, Given],
    subjects: Subjects = 1000,
    times: Any = None,
    *,
    quantities: Sequence[str] = ("S-ketamine", "relief"),
    at: Sequence[float] = (0.05, 0.5, 0.95),
    effects: Sequence[Effect] | None = None,
    seed: int | None = None,
    exact: bool | None = None,
    tolerance: Tolerance | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    practice: Practice | None = None,
    error: float | None = None,
    at_most: int = 1_000_000,
) -> Percentiles:
    """Percentiles over patients, at every time and under every regimen, of any number of patients.

    model      : kinetic model; its own effects are used where it has some
    regimens   : name -> Regimen or prescription text, or a tuple of it and modifiers, as for `pkpd.compare`
    subjects   : Population, number of patients, or parameter table; the same under every regimen. "auto" for as many
                 patients as `error` needs
    times      : as for `pkpd.simulate`, the same for all patients
    quantities : what a Result has by name: analytes, "site of ...", effects, "pain", "relief"
    at         : fractions from 0 to 1
    effects    : effects to compute; those of the model, else the default configuration's, unless given
    seed       : of the patients; 1 unless given, or the population's own
    exact      : True keeps every value and sorts; False counts them in bins, in memory that does not grow with the
                 patients, each percentile with the most by which that can put it off. Unless given, all values are
                 kept where they are few
    tolerance  : how exactly equations are solved that have no exact solution
    threads    : how many; all cores unless given. The numbers do not depend on it
    progress   : called with the share done, 0 to 1
    practice   : how far what patients get departs from the regimens, alike under every one, as for `pkpd.compare`
    error      : Monte-Carlo standard error up to which patients are added to the population: of every percentile and
                 mean of a fraction, and of every other as a share of its size (of the standard deviation between
                 patients, where that is larger); 0.01 under subjects="auto" unless given
    at_most    : how many patients that may take; whether it was enough stands in the notes
    returns    : Percentiles
    Raises a PkpdError for anything that does not fit, and for a patient who cannot be integrated.
    """
    people = enough.people_for(subjects, seed, error)
    if people is not None:

        def run(size: int) -> Percentiles:
            return percentiles(
                model,
                regimens,
                replace(people, size=size),
                times,
                quantities=quantities,
                at=at,
                effects=effects,
                exact=exact,
                tolerance=tolerance,
                threads=threads,
                progress=progress,
                practice=practice,
            )

        allowed = enough.ERROR if error is None else error
        if not ((shares := montecarlo.fractions(at, "at")) > 0).all() or not (shares < 1).all():
            raise SimulationError(
                f"at: {at!r} has 0 or 1, the least and the largest of the patients, which have no standard error. With "
                'subjects="auto" or an error, give fractions between them.'
            )
        made, told = enough.until_enough(run, lambda made: _farthest(made, allowed), allowed, at_most)
        return replace(made, notes=(*made.notes, told))
    task = _task(model, regimens, subjects, times, quantities, at, effects, seed, tolerance, practice)
    sort, hands = _sorts(task, exact), thread_count(threads)
    way_out = "Leave exact out: counted in bins, memory does not grow with the patients." if sort else FEWER
    capacity.refuse("percentiles", _need(task, sort, hands), task.size, len(task.arms), way_out)
    return _run(task, sort, hands, progress)


def needed(
    model: Model,
    regimens: Mapping[str, Given],
    subjects: Subjects,
    times: Any,
    quantities: Sequence[str],
    effects: Sequence[Effect] | None,
    exact: bool | None,
    threads: int | None,
) -> capacity.Need:
    """What `percentiles` of such arguments needs: memory by its parts, time by a trial on a few chunks."""
    task = _task(model, regimens, subjects, times, quantities, (0.05, 0.5, 0.95), effects, None, None)
    sort, hands = _sorts(task, exact), thread_count(threads)
    step = chunk_of(task.arms) * hands
    taken = capacity.time_of(
        lambda size: _run(task._replace(size=size), sort, hands, None), task.size, (step, 2 * step)
    )
    return _need(task, sort, hands)._replace(fixed_seconds=taken.fixed_seconds, seconds_each=taken.seconds_each)


def _sorts(task: _Task, exact: bool | None) -> bool:
    """Whether all values are kept."""
    return 8 * _curves(task) * task.size <= SORTED if exact is None else exact


def _curves(task: _Task) -> int:
    """Values of one patient."""
    return len(task.arms) * len(task.units) * len(task.ticks)


def _need(task: _Task, sort: bool, hands: int) -> capacity.Need:
    """The memory of a run: what every thread solves at a time, and either all values or the bins."""
    times, chunk = len(task.ticks), min(task.size, chunk_of(task.arms))
    outputs = max(len(arm.asked.outputs) for arm in task.arms)
    drawn = DRAWN * max(arm.occasions for arm in task.arms)
    chunks = 8 * chunk * min(hands, -(-task.size // chunk)) * ((outputs + WORKING) * times + drawn)
    if sort:  # all values, and two copies of one curve while they are summed up
        return capacity.Need(chunks, 8.0 * (_curves(task) + 2 * times), 0.0, 0.0)
    return capacity.Need(chunks + sum(bytes_of(arm.kinds, times, hands) for arm in task.arms), 0.0, 0.0, 0.0)


def _farthest(made: Percentiles, error: float) -> Farthest:
    """The percentile or mean whose Monte-Carlo error is the largest part of what is allowed."""
    worst = Farthest(0.0, "nothing")
    deviation = made.mean_error * math.sqrt(made.subjects)
    for arm, regimen in enumerate(made.regimens):
        for number, quantity in enumerate(made.quantities):
            values = made.values[arm, number]
            unit = made.units[number] if values.min() >= 0 and values.max() <= 1 else "1"
            rows = zip((*values, made.mean[arm, number]), (*made.at, "mean"), strict=True)
            errors = (*made.error[arm, number], made.mean_error[arm, number])
            for (row, share), errs in zip(rows, errors, strict=True):
                for value, own, spread, hour in zip(row, errs, deviation[arm, number], made.hours, strict=True):
                    limit = enough.allowed(error, unit, value, spread)
                    times = enough.times(own, limit)
                    if times > worst.times:
                        what = f"the mean of {quantity}" if share == "mean" else f"percentile {share:g} of {quantity}"
                        worst = Farthest(times, f"{what} at {hour:g} h under {regimen}")
    return worst


class _Task(NamedTuple):
    """What is to be done for every chunk of patients."""

    model: Model
    arms: tuple[Arm, ...]
    draw: Draw
    size: int
    seed: int
    ticks: NDArray[np.int64]
    units: tuple[str, ...]
    at: Floats
    tolerance: Tolerance | None
    practice: Practice | None
    notes: tuple[str, ...]


def _task(
    model: Model,
    regimens: Mapping[str, Given],
    subjects: Subjects,
    times: Any,
    quantities: Sequence[str],
    at: Sequence[float],
    effects: Sequence[Effect] | None,
    seed: int | None,
    tolerance: Tolerance | None,
    practice: Practice | None = None,
) -> _Task:
    """Everything that is worked out, and refused, before the patients go through: the first of them as a pilot."""
    if not isinstance(model, Model):
        raise SimulationError(f"model: {model!r} is not one. Load it first, with pkpd.load or pkpd.read_model.")
    if not isinstance(regimens, Mapping) or not regimens:
        raise SimulationError(f"percentiles: regimens are given as name -> prescription, not as {str(regimens)[:40]}.")
    if isinstance(quantities, str) or not quantities:
        raise SimulationError(f'percentiles: quantities are a list of names, such as ["relief"], not {quantities!r}.')
    if times is None:
        raise SimulationError('percentiles: no output times. Give times="0 to 24 h by 6 min" or (numbers, "h").')
    ticks = read_times(times)
    if ticks.ndim == 2:
        raise SimulationError("percentiles: they need times that are the same for all patients.")
    shares = montecarlo.fractions(at, "at")
    plans = {name: planned(given, f'regimen "{name}"') for name, given in regimens.items()}
    model, notes = equipped(model, effects)
    people = _population(subjects, seed)
    draw = drawing(people)
    usual = next((form_of(plan.regimen) for plan in plans.values() if not plan.regimen.is_empty), "")
    arms: list[Arm] = []
    units: tuple[str, ...] = ()
    size = people.size if isinstance(people, Population) else individuals(model, people).size
    for name, plan in plans.items():
        own = modified_for(model, plan, f'regimen "{name}"')
        form = usual if plan.regimen.is_empty else form_of(plan.regimen)
        pilot = draw(own, form, 0, PILOT)
        validity.refuse(pilot, plan.regimen, f'regimen "{name}"')
        asked = asked_of(pilot, quantities, ticks)
        some = ticks[np.unique(np.linspace(0, len(ticks) - 1, PILOT_TIMES).astype(np.int64))]
        given = practised(pilot, plan.regimen, practice)
        solved = Chunk(asked._replace(ticks=some), pilot, given, tolerance)
        units = tuple(solved.unit(quantity) for quantity in quantities)
        kinds = tuple(bins.kind_of(solved.values(quantity), solved.unit(quantity)) for quantity in quantities)
        arms.append(Arm(name, plan.regimen, own, asked, kinds, form, len(pilot.starts(plan.regimen))))
    if isinstance(people, Population) and people.draws != PLAIN:
        notes.append(montecarlo.EVEN_DRAWS)
    if practice is not None:
        notes.append(
            f"In practice, under every regimen: {practice}. Regimens are as prescribed; levels and effects as given."
        )
    notes += notes_of({arm.name: arm.model for arm in arms}, plans)
    return _Task(model, tuple(arms), draw, size, pilot.seed, ticks, units, shares, tolerance, practice, tuple(notes))


def _population(subjects: Subjects, seed: int | None) -> Population | Mapping[str, Any]:
    if isinstance(subjects, Population):
        return subjects if seed is None else replace(subjects, seed=seed)
    if isinstance(subjects, (int, np.integer)) and not isinstance(subjects, bool):
        return Population(int(subjects), seed=1 if seed is None else seed)
    if isinstance(subjects, (bool, str)) or not hasattr(subjects, "keys"):
        raise SimulationError(f"population: {subjects!r} is not one. Give a number, a Population or a table.")
    return subjects


def _run(task: _Task, sort: bool, threads: int, progress: Progress | None, chunk: int | None = None) -> Percentiles:
    """Everybody through, and what is left of them.

    sort  : keep every value
    chunk : patients at a time, a multiple of BLOCK; no number depends on it
    """
    n, shares = task.size, task.at
    passage = Passage(
        task.arms, task.draw, n, chunk or chunk_of(task.arms), threads, task.tolerance, progress, task.practice
    )
    wanted = np.concatenate([shares, montecarlo.beside(shares, n)])
    found, width, mean, deviation = (_sorted if sort else _counted)(task, passage, wanted)
    found, low, high = np.split(np.moveaxis(found, 2, 0), 3)
    error = montecarlo.of_percentiles(shares, n, low, high)
    return Percentiles(
        task.model,
        {arm.name: arm.regimen for arm in task.arms},
        task.arms[0].asked.quantities,
        task.units,
        tuple(float(share) for share in shares),
        task.ticks / TICKS_PER_HOUR,
        np.moveaxis(found, 0, 2),
        np.moveaxis(error, 0, 2),
        width[..., : len(shares), :],
        mean,
        deviation / math.sqrt(n),
        n,
        task.seed,
        sort,
        (*task.notes, *passage.notes),
        passage.flags,
    )


def _refuse_missing(values: Floats, regimen: str, quantity: str) -> None:
    """Refuse values, or means of them, that are no number."""
    if np.isnan(values).any():
        raise SimulationError(f'percentiles: regimen "{regimen}" leaves some patients without a value of {quantity}.')


def _sorted(task: _Task, passage: Passage, wanted: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Percentiles, 0 for the width of a bin, means and standard deviations, of values that are all kept."""
    quantities = task.arms[0].asked.quantities
    values = np.empty((len(task.arms), len(quantities), len(task.ticks), task.size))

    def keep(piece: Piece) -> None:
        for number, name in enumerate(quantities):
            made = piece.solved.values(name)
            _refuse_missing(made, task.arms[piece.arm].name, name)
            values[piece.arm, number, :, piece.first : piece.first + made.shape[1]] = made

    passage.run(keep)
    found = np.empty((*values.shape[:2], len(wanted), values.shape[2]))
    mean, deviation = np.empty(values.shape[:3]), np.full(values.shape[:3], math.nan)
    for place in np.ndindex(*values.shape[:2]):
        mean[place] = values[place].mean(axis=-1)
        if task.size > 1:
            deviation[place] = values[place].std(axis=-1, ddof=1)
        found[place] = np.quantile(values[place], wanted, axis=-1, overwrite_input=True)
    return found, np.zeros_like(found), mean, deviation


def _counted(task: _Task, passage: Passage, wanted: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Percentiles, the width of the bins they lie in, means and standard deviations, of values counted in bins."""
    quantities = task.arms[0].asked.quantities
    tallies = [Tally(arm.kinds, len(task.ticks), passage.hands) for arm in task.arms]

    def keep(piece: Piece) -> None:
        tally = tallies[piece.arm]
        counted = [
            piece.solved.count(name, kind, tally.counts(piece.hand, number))
            for number, (name, kind) in enumerate(zip(quantities, tally.kinds, strict=True))
        ]
        for name, moments in zip(quantities, counted, strict=True):
            _refuse_missing(moments.mean, task.arms[piece.arm].name, name)
        tally.add(piece.chunk, piece.solved.size, counted)

    passage.run(keep)
    found, width = (np.stack(parts) for parts in zip(*(tally.percentiles(wanted) for tally in tallies), strict=True))
    mean = np.stack([tally.mean for tally in tallies])
    return found, width, mean, np.stack([tally.deviation for tally in tallies])
