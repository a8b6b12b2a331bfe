"""The verb: several regimens in the same virtual patients -> percentile curves of any number of patients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd import validity
from pkpd.arms import Given, modified_for, notes_of, planned
from pkpd.comparing import equipped
from pkpd.errors import SimulationError
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.population.people import Population
from pkpd.simulation import individuals, thread_count
from pkpd.solving import Tolerance
from pkpd.streaming import bins
from pkpd.streaming.passage import Arm, Draw, Passage, Piece, Progress, chunk_of, drawing
from pkpd.streaming.reading import Chunk, asked_of
from pkpd.streaming.tally import Tally
from pkpd.streaming.values import Percentiles
from pkpd.times import TICKS_PER_HOUR, read_times

Floats = NDArray[np.float64]
Subjects = Population | int | Mapping[str, Any]

SORTED = 64 << 20  # bytes of values up to which they are kept and sorted
PILOT = 1024  # first patients, by whom the bins are chosen


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
) -> Percentiles:
    """Percentiles over patients, at every time and under every regimen, of any number of patients.

    model      : kinetic model; its own effects are used where it has some
    regimens   : name -> Regimen or prescription text, or a tuple of it and modifiers, as for `pkpd.compare`
    subjects   : Population, number of patients, or parameter table; the same under every regimen
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
    returns    : Percentiles
    Raises a PkpdError for anything that does not fit, and for a patient who cannot be integrated.
    """
    task = _task(model, regimens, subjects, times, quantities, at, effects, seed, tolerance)
    room = 8 * len(task.arms) * len(quantities) * len(task.ticks) * task.size
    return _run(task, room <= SORTED if exact is None else exact, thread_count(threads), progress)


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
    shares = fractions(at)
    plans = {name: planned(given, f'regimen "{name}"') for name, given in regimens.items()}
    model, notes = equipped(model, effects)
    people = _population(subjects, seed)
    draw = drawing(people)
    arms: list[Arm] = []
    units: tuple[str, ...] = ()
    size = people.size if isinstance(people, Population) else individuals(model, people).size
    for name, plan in plans.items():
        own = modified_for(model, plan, f'regimen "{name}"')
        pilot = draw(own, 0, PILOT)
        validity.refuse(pilot, plan.regimen, f'regimen "{name}"')
        asked = asked_of(pilot, quantities, ticks)
        solved = Chunk(asked, pilot, plan.regimen, tolerance)
        units = tuple(solved.unit(quantity) for quantity in quantities)
        kinds = tuple(bins.kind_of(solved.values(quantity), solved.unit(quantity)) for quantity in quantities)
        arms.append(Arm(name, plan.regimen, own, asked, kinds))
    notes += notes_of({arm.name: arm.model for arm in arms})
    return _Task(model, tuple(arms), draw, size, pilot.seed, ticks, units, shares, tolerance, tuple(notes))


def fractions(at: Sequence[float]) -> Floats:
    """Fractions from 0 to 1, (shares).

    Raises SimulationError for what is none.
    """
    try:
        found = np.atleast_1d(np.asarray(at, float))
    except (TypeError, ValueError) as cause:
        raise SimulationError(f"at: {at!r} are not numbers from 0 to 1.") from cause
    if found.ndim != 1 or found.size == 0 or not ((found >= 0) & (found <= 1)).all():
        raise SimulationError(f"at: {at!r} are not numbers from 0 to 1, such as (0.05, 0.5, 0.95).")
    return found


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
    passage = Passage(task.arms, task.draw, n, chunk or chunk_of(task.arms), threads, task.tolerance, progress)
    # Half the distance between the percentiles one standard error of a proportion below and above is the standard
    # error of a percentile (David and Nagaraja, Order Statistics, 2003, 10.2).
    near = np.sqrt(shares * (1.0 - shares) / n)
    beside = np.concatenate([shares - near, shares + near])
    wanted = np.concatenate([shares, np.clip(beside, 0.0, 1.0)])
    found, width, mean, deviation = (_sorted if sort else _counted)(task, passage, wanted)
    low, high = found[..., len(shares) : 2 * len(shares), :], found[..., 2 * len(shares) :, :]
    outside = (near == 0.0) | (shares - near < 0.0) | (shares + near > 1.0)
    error = np.where(outside[:, None], math.nan, (high - low) / 2)
    return Percentiles(
        task.model,
        {arm.name: arm.regimen for arm in task.arms},
        task.arms[0].asked.quantities,
        task.units,
        tuple(float(share) for share in shares),
        task.ticks / TICKS_PER_HOUR,
        found[..., : len(shares), :],
        error,
        width[..., : len(shares), :],
        mean,
        deviation / math.sqrt(n),
        n,
        task.seed,
        sort,
        task.notes,
        passage.flags,
    )


def _sorted(task: _Task, passage: Passage, wanted: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Percentiles, 0 for the width of a bin, means and standard deviations, of values that are all kept."""
    quantities = task.arms[0].asked.quantities
    values = np.empty((len(task.arms), len(quantities), len(task.ticks), task.size))

    def keep(piece: Piece) -> None:
        for number, name in enumerate(quantities):
            made = piece.solved.values(name)
            values[piece.arm, number, :, piece.first : piece.first + made.shape[1]] = made

    passage.run(keep)
    mean = values.mean(axis=-1)
    deviation = values.std(axis=-1, ddof=1) if task.size > 1 else np.full_like(mean, math.nan)
    found = np.moveaxis(np.quantile(values, wanted, axis=-1, overwrite_input=True), 0, 2)
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
        tally.add(piece.chunk, piece.solved.size, counted)

    passage.run(keep)
    found, width = (np.stack(parts) for parts in zip(*(tally.percentiles(wanted) for tally in tallies), strict=True))
    mean = np.stack([tally.mean for tally in tallies])
    return found, width, mean, np.stack([tally.deviation for tally in tallies])
