"""Who enters a trial: candidates screened one after another until the places are filled, then allocated at random.

Every trial has candidates of its own, by number, so that a trial is the same alone and among ten thousand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.effects.response import curve_value
from pkpd.errors import StudyError
from pkpd.model.correlating import mixing
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.model.parts import Between, estimated
from pkpd.population.criteria import Screened, meets
from pkpd.population.people import Population
from pkpd.population.variability import individual
from pkpd.trials.measuring import Draw, Measured, baseline_of, score, scores_after
from pkpd.trials.values import Trial

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

CANDIDATES = 2**20  # numbers that a trial has for its candidates
MOST = 20_000  # candidates looked at for one trial before the criteria are called impossible
SCREENING = "trial score at screening"


class Entered(NamedTuple):
    """The patients of some trials.

    numbers  : (trials, patients)
    before   : (trials, patients) pain score at screening, as measured
    place    : (trials, patients) their places in the order of allocation, from 0 on
    screened : candidates looked at in all, and how many each criterion removed
    """

    numbers: Integers
    before: Floats
    place: Integers
    screened: Screened


def open_to_all(model: Model) -> Model:
    """The model with the pain of everybody who might be screened: without the cut-off of those who entered trials."""
    return replace(model, effects=tuple(_open(effect) for effect in model.effects))


def _open(effect: Effect) -> Effect:
    level = effect.curve.parameters.get("level")
    if effect.role != "baseline" or level is None or level not in effect.parameters:
        return effect
    parameter = effect.parameters[level]
    if parameter.between is None or parameter.between.at_least is None:
        return effect
    between: Between = replace(parameter.between, at_least=0.0)
    return replace(effect, parameters={**effect.parameters, level: replace(parameter, between=between)})


def enrol(trial: Trial, model: Model, trials: Integers, draw: Draw) -> Entered:
    """Fill the places of some trials.

    model  : as from `open_to_all`
    trials : (trials) their numbers
    Raises StudyError where criteria cannot be met, with how near the nearest candidate came.
    """
    places, size = trial.enrolled, len(trials)
    criteria = criteria_of(trial)
    before = np.empty((size, 0))
    failed = np.empty((len(criteria), size, 0), bool)  # a test dose is given to those alone who meet all else
    batch = places + places // 4 + 8
    while True:
        start = before.shape[1]
        fresh = trials[:, None] * CANDIDATES + np.arange(start, start + batch)
        people = replace(trial.population, size=fresh.size, subjects=fresh.ravel(), seed=draw.seed)
        measured = _screened(trial, model, people, draw)
        fails = _fails(trial, model, people, measured, draw)
        before = np.hstack([before, measured.reshape(fresh.shape)])
        failed = np.concatenate([failed, fails.reshape(-1, *fresh.shape)], axis=2)
        fit = ~failed.any(axis=0)
        if (fit.sum(axis=1) >= places).all():
            break
        if before.shape[1] >= MOST:
            _refuse(trial, before, failed)
        batch = min(2 * batch, MOST)
    rank = np.cumsum(fit, axis=1)
    chosen = fit & (rank <= places)
    looked = np.arange(before.shape[1]) <= np.argmax(rank >= places, axis=1)[:, None]
    kept = (trials[:, None] * CANDIDATES + np.arange(before.shape[1]))[chosen].reshape(size, places)
    lots = replace(trial.population, size=kept.size, subjects=kept.ravel(), seed=draw.seed).uniform("trial allocation")
    order = np.argsort(np.argsort(lots.reshape(kept.shape), axis=1, kind="stable"), axis=1, kind="stable")
    return Entered(kept, before[chosen].reshape(size, places), order, _counted(criteria, failed, looked))


def criteria_of(trial: Trial) -> tuple[str, ...]:
    """What a candidate is held against, in order, as text."""
    entry = f"pain score at least {trial.conduct.entry:g} at screening"
    dose = trial.enrichment
    test = () if dose is None else (f"relief of at least {dose.relief:.0%} on the test dose",)
    return (entry, *trial.criteria, *test)


def _fails(trial: Trial, model: Model, people: Population, measured: Floats, draw: Draw) -> Booleans:
    """(criteria, candidates) who fails what; who fails another criterion gets no test dose and does not fail it."""
    found = [measured < trial.conduct.entry]
    found += [~meets(people, criterion, {"baseline pain": measured}) for criterion in trial.criteria]
    if trial.enrichment is not None:
        tested = ~np.any(found, axis=0)
        some = replace(people, size=int(tested.sum()), subjects=people.numbers[tested])
        fails = np.zeros(people.size, bool)
        if tested.any():
            fails[tested] = ~_responds(trial, model, some, measured[tested], draw)
        found.append(fails)
    return np.array(found)


def _counted(criteria: tuple[str, ...], failed: Booleans, looked: Booleans) -> Screened:
    """How many of the candidates looked at each criterion removed."""
    left, first = looked.copy(), []
    for own in failed:
        first.append(int((left & own).sum()))
        left &= ~own
    every = tuple(int((own & looked).sum()) for own in failed)
    return Screened(int(looked.sum()), int(left.sum()), criteria, tuple(first), every)


def _screened(trial: Trial, model: Model, people: Population, draw: Draw) -> Floats:
    """(candidates) pain score at screening."""
    effect = baseline_of(model)
    covariates = {name: people.covariate(name, own.typical) for name, own in effect.covariates.items()}
    drawn = None if draw.estimates is None else draw.estimates(model)
    typical = estimated(effect.parameters, drawn, f"{effect.id}.")
    own = individual(effect.id, typical, (), mixing(model).get(effect.id, {}), covariates, people)
    for name, expression in effect.derived.items():
        own[name] = np.asarray(expression.evaluate({**covariates, **own}))
    subject: Any = _Screened({effect.id: own}, {})
    level = np.broadcast_to(curve_value(subject, effect, 0.0, 0.0), people.size)
    return score(np.asarray(level), trial.conduct.noise, people, SCREENING)


class _Screened(NamedTuple):
    """Candidates, as far as their pain before treatment goes."""

    effects: Mapping[str, Mapping[str, Floats | float]]
    whole: Mapping[str, Mapping[str, Floats]]


def _responds(trial: Trial, model: Model, people: Population, before: Floats, draw: Draw) -> Booleans:
    """(candidates) whether they respond to the test dose."""
    dose = trial.enrichment
    assert dose is not None
    at = np.array([dose.regimen.end + dose.when], np.int64)
    found: Measured = scores_after(model, people, dose.regimen, at, trial.conduct, "test dose", draw, redrawn=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        relief = 1.0 - found.scores[0] / before
    return np.asarray(relief >= dose.relief)


def _refuse(trial: Trial, before: Floats, failed: Booleans) -> None:
    """Refuse criteria that too few meet: what each removes of the candidates of the worst trial."""
    fit: Booleans = ~np.any(failed, axis=0)
    worst = int(np.argmin(fit.sum(axis=1)))
    candidates = before.shape[1]
    removes = "; ".join(
        f"{text}: {int(own[worst].sum()):,} fail it" for text, own in zip(criteria_of(trial), failed, strict=True)
    )
    raise StudyError(
        f"trial entry: {int(fit[worst].sum())} of {candidates:,} candidates may enter, and the trial has "
        f"{trial.enrolled} places. {removes}. The highest pain score was {before[worst].max():.1f}. Widen the "
        "criteria, or change the population."
    )
