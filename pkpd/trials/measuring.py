"""Scores as a trial measures them: the patients' pain, noise from day to day, and what noticing the drug adds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.company import of_patients
from pkpd.dosing.regimen import Regimen
from pkpd.effects.response import effect_values, remaining
from pkpd.errors import StudyError
from pkpd.individuals import Individuals
from pkpd.model.effect import Effect, root_of
from pkpd.model.model import Model
from pkpd.outcomes import Given, highest_probability
from pkpd.population.people import Population
from pkpd.practice.practice import Practice
from pkpd.simulation import concentrations, extremes, practised
from pkpd.times import TICKS_PER_HOUR
from pkpd.trials.conduct import Conduct

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

NOTICED = "psychotomimetic-asked"  # the effect by which patients notice what they were given
AFTER = 24 * TICKS_PER_HOUR  # after treatment; perception has been at its worst by then
LOWEST, HIGHEST = 0.0, 10.0


class Draw(NamedTuple):
    """What is drawn of people and of estimates.

    seed      : of everything that is drawn
    form      : drug form that is given, for patients with modifiers of their own
    estimates : model of an arm -> parameter, or "effect.parameter" -> typical value in place of the model's; None for
                the model's own
    """

    seed: int
    form: str = ""
    estimates: Callable[[Model], Mapping[str, float]] | None = None


class Measured(NamedTuple):
    """Pain scores of some patients, points.

    level   : (patients) before any treatment, free of noise
    true    : (visits, patients) free of noise, of what noticing adds and of what an earlier treatment left
    scores  : (visits, patients) as measured
    blinded : (visits, patients) as measured if nobody noticed what he was given
    events  : side effect -> (patients) who had it under treatment
    """

    level: Floats
    true: Floats
    scores: Floats
    blinded: Floats
    events: Mapping[str, Booleans]


def baseline_of(model: Model) -> Effect:
    """The effect that is the pain before treatment."""
    return next(effect for effect in model.effects if effect.role == "baseline")


def what_counts(model: Model, conduct: Conduct, wanted: Collection[str] = ()) -> Model:
    """The model with only the effects that a pain score, and the side effects wanted, depend on.

    Raises StudyError where unblinding is asked for and the effect by which patients notice is not there.
    """
    by_id = {effect.id: effect for effect in model.effects}
    sides = {*wanted, *([NOTICED] if conduct.unblinding > 0 else [])} & by_id.keys()
    while more := {by_id[name].curve.of for name in sides} - {None, *sides}:
        sides |= {name for name in more if name is not None}
    kept = tuple(e for e in model.effects if e.role in ("baseline", "relief", "placebo") or e.id in sides)
    if conduct.unblinding > 0 and NOTICED not in by_id:
        raise StudyError(
            f"trial conduct: unblinding is {conduct.unblinding:g} points, and patients notice by the effect {NOTICED}, "
            "which is not among the effects. Add it, or set unblinding to 0."
        )
    return replace(model, effects=kept)


def score(level: Floats, noise: float, people: Population, reading: str) -> Floats:
    """A pain score as measured once: the level and the noise of that day, within the scale.

    level   : (patients) points
    noise   : SD, points
    reading : its name, by which its noise is addressed
    """
    if noise == 0:
        return np.clip(level, LOWEST, HIGHEST)
    return np.clip(level + noise * people.normal(reading), LOWEST, HIGHEST)


def scores_after(
    model: Model,
    people: Population,
    regimen: Regimen,
    at: Integers,
    conduct: Conduct,
    period: str,
    draw: Draw,
    *,
    practice: Practice | None = None,
    start: int = 0,
    end: int | None = None,
    redrawn: bool = False,
    wanted: Collection[str] = (),
) -> Measured:
    """Scores of patients under a regimen.

    at       : (visits) ticks
    period   : name, by which noise is addressed
    practice : what patients get of the regimen; None for all of it
    start    : ticks; the period begins there, and the regimen holds earlier treatment where that is not 0
    end      : ticks, of the period's treatment; of the regimen unless given
    redrawn  : whether the placebo responders are drawn again, as in another period
    wanted   : side effects that are asked for
    """
    patients = of_patients(model, people, draw.form, draw.estimates)
    if redrawn:
        patients = replace(patients, responders={**patients.responders, **_placebo_again(patients, people, period)})
    hours = ((at - start) / TICKS_PER_HOUR)[:, None]
    given = practised(patients, regimen, practice)
    felt = true = remaining(patients, _drive(patients, given, at), hours)
    if start:
        given = _since(patients, regimen, practice, start)
        true = remaining(patients, _drive(patients, given, at), hours)
    level = np.broadcast_to(effect_values(patients, baseline_of(model), _no_drive, 0.0), (1, people.size))[0]
    asked = dict.fromkeys([*wanted, *([NOTICED] if conduct.unblinding > 0 else [])])
    until = (regimen.end if end is None else end) + AFTER
    events = _events(patients, given, start, until, tuple(asked))
    readings = [f"trial score {period} {tick - start}" for tick in at.tolist()]
    noise = np.stack([conduct.noise * people.normal(reading) for reading in readings]) if conduct.noise else 0.0
    blinded = level * felt + noise
    noticed = events[NOTICED] if conduct.unblinding > 0 else 0.0
    scores = np.clip(blinded - conduct.unblinding * noticed, LOWEST, HIGHEST)
    return Measured(level, level * true, scores, np.clip(blinded, LOWEST, HIGHEST), events)


def _since(patients: Individuals, plan: Regimen, practice: Practice | None, start: int) -> Given:
    """What patients get of a plan from a time on, in the occasions it has in the plan.

    start : ticks
    """
    if not any(dose.start >= start for dose in plan.doses):
        return Regimen()
    return (practice or Practice()).regimens(plan, patients, since=start)


def _drive(patients: Individuals, regimen: Given, at: Integers) -> Callable[[str], Floats]:
    sites = {patients.program.site_of(e) for e in patients.model.effects if e.role == "relief" and e.driver is not None}
    wanted = sorted(sites)
    if not wanted or (isinstance(regimen, Regimen) and regimen.is_empty):
        nothing = np.zeros((len(at), patients.size))
        return lambda name: nothing
    found = dict(zip(wanted, concentrations(patients, regimen, at, outputs=wanted, threads=1), strict=True))
    return found.__getitem__


def _no_drive(name: str) -> Floats:
    raise AssertionError(f"the pain before treatment follows {name}")


def _events(
    patients: Individuals, regimen: Given, start: int, end: int, wanted: tuple[str, ...]
) -> dict[str, Booleans]:
    """Who has side effects: one uniform number of each patient against the highest probability, as in a comparison.

    start, end : ticks between which the highest is looked for; nothing is given before
    """
    effects = {effect.id: effect for effect in patients.model.effects if effect.id in wanted}
    roots = [root_of(effect, patients.model.effects) for effect in effects.values()]
    sites = dict.fromkeys((patients.program.site_of(root) for root in roots if root.driver is not None), np.inf)
    if not sites or (isinstance(regimen, Regimen) and regimen.is_empty):
        peaks: Mapping[str, Floats] = {site: np.zeros((4, patients.size)) for site in sites}
    else:
        peaks = extremes(patients, regimen, end, sites, threads=1)
    hours = (end - start) / TICKS_PER_HOUR
    return {
        name: np.asarray(patients.draws[name] < highest_probability(patients, effect, peaks, hours))
        for name, effect in effects.items()
    }


def _placebo_again(patients: Individuals, people: Population, period: str) -> dict[str, Booleans]:
    """Placebo responders of another period: no carry-over of placebo response from trial to trial was found.

    Source: 160 observations of Danish cross-over trials (secondary).
    """
    again = {}
    for effect in patients.model.effects:
        if effect.role == "placebo" and effect.responder is not None and people.varied:
            chance = patients.effects[effect.id][effect.responder]
            again[effect.id] = people.uniform(f"{effect.id}.responder {period}") < chance
    return again
