"""Who enters a trial: candidates screened one after another until the places are filled, then allocated at random.

Every trial has candidates of its own, by number, so that a trial is the same alone and among ten thousand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import StudyError
from pkpd.model.correlating import mixing
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.model.parts import Between
from pkpd.population.people import Population
from pkpd.population.variability import individual
from pkpd.trials.measuring import Measured, baseline_of, score, scores_after
from pkpd.trials.values import Trial

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

CANDIDATES = 2**20  # numbers that a trial has for its candidates
MOST = 20_000  # candidates looked at for one trial before the criteria are called impossible
SCREENING = "trial score at screening"


class Enrolled(NamedTuple):
    """The patients of some trials.

    numbers  : (trials, patients)
    before   : (trials, patients) pain score at screening, as measured
    place    : (trials, patients) their places in the order of allocation, from 0 on
    screened : (trials) candidates looked at
    """

    numbers: Integers
    before: Floats
    place: Integers
    screened: Integers


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


def enrol(trial: Trial, model: Model, trials: Integers, seed: int) -> Enrolled:
    """Fill the places of some trials.

    model  : as from `open_to_all`
    trials : (trials) their numbers
    Raises StudyError where criteria cannot be met, with how near the nearest candidate came.
    """
    places, size = trial.enrolled, len(trials)
    numbers = np.empty((size, 0), np.int64)
    before, fit = np.empty((size, 0)), np.empty((size, 0), bool)
    batch = places + places // 4 + 8
    waiting = True
    while waiting:
        start = numbers.shape[1]
        fresh = trials[:, None] * CANDIDATES + np.arange(start, start + batch)
        people = replace(trial.population, size=fresh.size, subjects=fresh.ravel(), seed=seed)
        measured = _screened(trial, model, people)
        meets = measured >= trial.conduct.entry
        if trial.enrichment is not None:
            tested = replace(people, size=int(meets.sum()), subjects=people.numbers[meets])
            meets[meets] = _responds(trial, model, tested, measured[meets])
        numbers = np.hstack([numbers, fresh])
        before = np.hstack([before, measured.reshape(fresh.shape)])
        fit = np.hstack([fit, meets.reshape(fresh.shape)])
        waiting = bool((fit.sum(axis=1) < places).any())
        if waiting and numbers.shape[1] >= MOST:
            _refuse(trial, numbers.shape[1], before, fit)
        batch = min(2 * batch, MOST)
    rank = np.cumsum(fit, axis=1)
    chosen = fit & (rank <= places)
    last = np.argmax(rank >= places, axis=1)
    kept, scores = numbers[chosen].reshape(size, places), before[chosen].reshape(size, places)
    lots = replace(trial.population, size=kept.size, subjects=kept.ravel(), seed=seed).uniform("trial allocation")
    order = np.argsort(np.argsort(lots.reshape(kept.shape), axis=1, kind="stable"), axis=1, kind="stable")
    return Enrolled(kept, scores, order, last + 1)


def _screened(trial: Trial, model: Model, people: Population) -> Floats:
    """(candidates) pain score at screening."""
    effect = baseline_of(model)
    covariates = {name: people.covariate(name, own.typical) for name, own in effect.covariates.items()}
    own = individual(effect.id, effect.parameters, (), mixing(model).get(effect.id, {}), covariates, people)
    level = np.broadcast_to(own[effect.curve.parameters["level"]], people.size)
    return score(np.asarray(level), trial.conduct.noise, people, SCREENING)


def _responds(trial: Trial, model: Model, people: Population, before: Floats) -> Booleans:
    """(candidates) whether they respond to the test dose."""
    dose = trial.enrichment
    assert dose is not None
    at = np.array([dose.regimen.end + dose.when], np.int64)
    found: Measured = scores_after(model, people, dose.regimen, at, trial.conduct, "test dose")
    with np.errstate(divide="ignore", invalid="ignore"):
        relief = 1.0 - found.scores[0] / before
    return np.asarray(relief >= dose.relief)


def _refuse(trial: Trial, candidates: int, before: Floats, fit: Booleans) -> None:
    worst = int(np.argmin(fit.sum(axis=1)))
    had = int(fit[worst].sum())
    enriched = (
        ""
        if trial.enrichment is None
        else (f", and a relief of at least {trial.enrichment.relief:.0%} on the test dose")
    )
    raise StudyError(
        f"trial entry: {had} of {candidates:,} candidates have a pain score of at least {trial.conduct.entry:g} at "
        f"screening{enriched}, and the trial has {trial.enrolled} places. The highest score was "
        f"{before[worst].max():.1f}. Lower the entry criterion, or give the patients more pain before treatment."
    )
