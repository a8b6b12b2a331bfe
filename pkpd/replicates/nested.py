"""Replicates x patients: the same patients, by address, under every draw of the estimates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from pkpd.company import of_patients
from pkpd.comparison import Arm, Comparison
from pkpd.errors import SimulationError
from pkpd.estimates.drawing import Changes, Estimates, changes_of
from pkpd.individuals import Column, Individuals
from pkpd.model.model import Model
from pkpd.moments import course_times, window
from pkpd.outcomes import RELIEF_TIMES, WEEK, Asked, Given, followed, keeping, outcomes
from pkpd.population.people import Population
from pkpd.practice.practice import Practice
from pkpd.replicates.reach import behind
from pkpd.replicates.summaries import (
    NEW,
    NO_ENDS,
    Ends,
    Parts,
    centre_error,
    centre_of,
    interval,
    interval_of_means,
    nested_interval,
    parts,
)
from pkpd.replicates.values import Curve, Outcome
from pkpd.result import Result
from pkpd.simulation import concentrations, extremes, form_of, practised, thread_count
from pkpd.solving import Tolerance
from pkpd.streaming.reading import LEFT, outputs_of
from pkpd.times import TICKS_PER_HOUR

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BLOCK = 20_000  # patients solved at once
HELD = 8_000_000  # values of a curve held at once
LONGEST = max(RELIEF_TIMES.values()) * WEEK


@dataclass
class Crowd:
    """The patients of every replicate of one model, in blocks, made once for all arms they go through.

    model      : without an arm's modifiers
    population : of every replicate
    estimates  : what each replicate has
    form       : drug form that is given, where an arm gives none
    practice   : what patients get of what is prescribed, the same in every replicate; None for all of it
    """

    model: Model
    population: Population
    estimates: Estimates
    form: str
    practice: Practice | None
    tolerance: Tolerance | None
    threads: int | None
    _made: dict[tuple[Model, str], list[Individuals]] = field(default_factory=dict)
    _got: dict[tuple[str, int], Given] = field(default_factory=dict)

    def blocks(self, arm: Arm) -> list[Individuals]:
        """Patients of all replicates under the model of an arm, in order, some whole replicates in each block."""
        model, form = arm.individuals.model, self.form if arm.regimen.is_empty else form_of(arm.regimen)
        if (model, form) not in self._made:
            each = max(1, BLOCK // self.population.size)
            count = self.estimates.replicates
            changes: dict[Model, Changes] = {}  # of the arm, and of those in it who have modifiers of their own

            def replicate(number: int) -> Individuals:
                def drawn(own: Model) -> Mapping[str, float]:
                    if own not in changes:
                        changes[own] = changes_of(self.model, own)
                    return self.estimates.of(number, changes[own])

                return of_patients(model, self.population, form, drawn)

            self._made[model, form] = [
                joined([replicate(number) for number in range(first, min(first + each, count))])
                for first in range(0, count, each)
            ]
        return self._made[model, form]

    def is_touched(self, arm: Arm, output: str) -> bool:
        """Whether a drawn estimate may act on an output in an arm."""
        models = (arm.individuals.model, *arm.individuals.variants.values())
        sampled = [one.name for one in self.estimates.sampled]
        return any(not behind(model, output).isdisjoint(sampled) for model in models)

    def _given(self, arm: Arm, number: int, block: Individuals) -> Given:
        """What a block of patients gets in an arm.

        number : of the block
        """
        if (arm.name, number) not in self._got:
            self._got[arm.name, number] = practised(block, arm.regimen, self.practice)
        return self._got[arm.name, number]

    def gathered(self, arm: Arm, each: Callable[[Individuals, Given], Floats]) -> Floats:
        """What a block and what it gets give, (..., its subjects), of all of them: (..., replicates, patients)."""
        found: Floats = np.empty(0)
        first, last = 0, 0
        for number, block in enumerate(self.blocks(arm)):
            last = first + block.size
            try:
                values = each(block, self._given(arm, number, block))
            except SimulationError as cause:
                here, there = first // self.population.size, last // self.population.size - 1
                raise SimulationError(f"replicates {here} to {there}: {cause}") from cause
            if first == 0:
                found = np.empty((*values.shape[:-1], self.estimates.replicates * self.population.size))
            found[..., first:last] = values
            first = last
        return found.reshape(*found.shape[:-1], self.estimates.replicates, self.population.size)


def joined(people: Sequence[Individuals]) -> Individuals:
    """Several groups of patients of one model as one group, in their order."""

    def together(columns: Sequence[Column]) -> Column:
        if all(np.ndim(column) == 0 for column in columns) and len({float(column) for column in columns}) == 1:
            return columns[0]
        return np.concatenate([np.broadcast_to(column, one.size) for column, one in zip(columns, people, strict=True)])

    first = people[0]
    return replace(
        first,
        numbers=np.concatenate([one.numbers for one in people]),
        covariates={name: np.concatenate([one.covariates[name] for one in people]) for name in first.covariates},
        parameters={name: together([one.parameters[name] for one in people]) for name in first.parameters},
        effects={
            effect: {name: together([one.effects[effect][name] for one in people]) for name in own}
            for effect, own in first.effects.items()
        },
        responders={name: np.concatenate([one.responders[name] for one in people]) for name in first.responders},
        draws={name: np.concatenate([one.draws[name] for one in people]) for name in first.draws},
        beside={name: np.concatenate([one.beside[name] for one in people]) for name in first.beside},
        whole={
            effect: {name: np.concatenate([one.whole[effect][name] for one in people]) for name in own}
            for effect, own in first.whole.items()
        },
        made_of=tuple(origin for one in people for origin in one.made_of),
        which=np.concatenate([one.which + before for one, before in zip(people, _before(people), strict=True)]),
    )


def _before(people: Sequence[Individuals]) -> list[int]:
    """How many origins the groups before each have."""
    return [0, *accumulate(len(one.made_of) for one in people[:-1])]


def outcomes_of(crowd: Crowd, comparison: Comparison, done: Callable[[int], None]) -> dict[str, tuple[Outcome, ...]]:
    """Every outcome of every arm over replicates x patients, and how far it is from that of the reference."""
    reference = comparison.arm(comparison.reference)
    held = _values(crowd, comparison, reference, done)
    places = {(outcome.name, outcome.when): place for place, outcome in enumerate(reference.outcomes)}
    found = {}
    for arm in comparison.arms:
        values = held if arm is reference else _values(crowd, comparison, arm, done)
        made = []
        for outcome, own in zip(arm.outcomes, values, strict=True):
            new = NO_ENDS if outcome.event else nested_interval(own)
            place = places.get((outcome.name, outcome.when))
            alone = arm is reference or place is None
            apart = NO_ENDS if alone else interval_of_means(own - held[place])
            ends = interval_of_means(own)
            made.append(Outcome(outcome.name, outcome.when, own.mean(axis=1), ends, new, parts(own), apart))
        found[arm.name] = tuple(made)
    return found


def _values(crowd: Crowd, comparison: Comparison, arm: Arm, done: Callable[[int], None]) -> Floats:
    """(outcomes, replicates, patients) of an arm."""
    asked = Asked(comparison.horizon, comparison.analyte, comparison.threshold, comparison.joint)
    people = arm.individuals
    same = {name: at for name, at in followed(people, asked).items() if not crowd.is_touched(arm, name)}
    known: dict[str, Floats] = {}
    if same:
        known = extremes(people, arm.given, asked.horizon, same, tolerance=crowd.tolerance, threads=crowd.threads)

    def each(block: Individuals, given: Given) -> Floats:
        again = {name: np.tile(own, block.size // people.size) for name, own in known.items()}
        made = outcomes(block, given, arm.end, asked, crowd.tolerance, crowd.threads, lambda _: None, again)
        if crowd.practice is not None:
            made += keeping(crowd.practice, block, arm.regimen)
        done(block.size)
        return np.array([outcome.values for outcome in made])

    return crowd.gathered(arm, each)


def curve_of(
    crowd: Crowd, comparison: Comparison, arm: Arm, quantity: str, times: Integers | None, done: Callable[[int], None]
) -> Curve | None:
    """One quantity of an arm over time; None for the level of a drug that is not given.

    times : ticks; where the quantity changes unless given
    """
    people = arm.individuals
    is_level = quantity in people.program.outputs
    if is_level and arm.regimen.is_empty:
        return None
    ticks = _times(arm, comparison.horizon, quantity, times)
    unit, how = "", "median" if _is_measured(people, quantity) else "mean"
    outputs = outputs_of(people.model, people.program, quantity) or people.program.outputs[:1]
    rows: list[tuple[float, float, Ends, Floats, Ends, bool]] = []
    found_parts = []

    def at(block: Individuals, given: Given, chunk: Integers) -> Floats:
        array = concentrations(block, given, chunk, outputs=outputs, tolerance=crowd.tolerance, threads=crowd.threads)
        return Result(block, "", chunk / TICKS_PER_HOUR, outputs, array)[quantity]

    def summarised(values: Floats) -> tuple[Ends, Ends, Parts, bool]:
        centres = centre_of(values, how)
        same = bool((centres == centres[0]).all())
        return interval(values, centres, how), nested_interval(values), parts(values), same

    size = crowd.estimates.replicates * people.size
    step = max(1, HELD // size)
    point = at(people, arm.given, ticks)
    with ThreadPoolExecutor(thread_count(crowd.threads)) as pool:
        for first in range(0, len(ticks), step):
            chunk = ticks[first : first + step]

            def each(block: Individuals, given: Given, chunk: Integers = chunk) -> Floats:
                values = at(block, given, chunk)
                done(block.size * len(chunk) // len(ticks))
                return values

            if any(crowd.is_touched(arm, name) for name in outputs) or not is_level:
                values = crowd.gathered(arm, each)
            else:
                values = np.repeat(point[first : first + step, None, :], crowd.estimates.replicates, axis=1)
                done(size * len(chunk) // len(ticks))
            for number, (ends, new, split, same) in enumerate(pool.map(summarised, values)):
                alone = point[first + number]
                low_high = np.quantile(alone, NEW)
                rows.append((float(centre_of(alone, how)), centre_error(alone, how), ends, low_high, new, same))
                found_parts.append(split)
    nothing = Result(people, "", np.empty(0), outputs, np.empty((len(outputs), 0, people.size)))
    unit = nothing.unit(quantity)
    band = np.array([row[2][:2] for row in rows]).T
    band_error = np.array([row[2][2:] for row in rows]).T
    if all(row[-1] for row in rows):
        band, band_error = np.full_like(band, math.nan), np.full_like(band, math.nan)
    return Curve(
        arm.name,
        quantity,
        unit,
        how,
        ticks / TICKS_PER_HOUR,
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
        band,
        band_error,
        np.array([row[3] for row in rows]).T,
        np.array([row[4][:2] for row in rows]).T,
        np.array([row[4][2:] for row in rows]).T,
        tuple(found_parts),
    )


def _is_measured(people: Individuals, quantity: str) -> bool:
    """Whether it is a level or a measure, of which the median patient is typical; else a score or a probability."""
    effect = next((effect for effect in people.model.effects if effect.id == quantity), None)
    return quantity not in LEFT and (effect is None or effect.role == "measure")


def _times(arm: Arm, horizon: int, quantity: str, times: Integers | None) -> Integers:
    """When a quantity is looked at: relief from the start to 12 weeks after the end, all else while drug acts."""
    if times is not None:
        return times
    if quantity not in LEFT:
        return course_times(arm.regimen, window(arm.end, horizon))
    last = min(arm.end + LONGEST, horizon)
    after = arm.end + np.rint(np.geomspace(1e-4, 1.0, 40) * max(last - arm.end, 0)).astype(np.int64)
    even = np.rint(np.linspace(0, last, 30)).astype(np.int64)
    during = np.rint(np.linspace(0, min(arm.end, last), 12)).astype(np.int64)
    found: Integers = np.unique(np.concatenate([during, even, after[after <= last]]))
    return found
