"""Some trials from enrolment to the last visit: what every patient of both arms scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.arms import Plan, modified_for
from pkpd.dosing.regimen import Regimen
from pkpd.model.model import Model
from pkpd.population.criteria import Screened
from pkpd.population.people import Population
from pkpd.simulation import form_of
from pkpd.times import TICKS_PER_HOUR
from pkpd.trials.conduct import Conduct
from pkpd.trials.entry import Entered, enrol, open_to_all
from pkpd.trials.measuring import Draw, scores_after, what_counts
from pkpd.trials.values import Treatment, Trial

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


class ArmScores(NamedTuple):
    """One arm of some trials, points.

    before  : (trials, patients) as measured
    level   : (trials, patients) pain before treatment, free of noise
    scores  : (visits, trials, patients) as measured, as if everybody had stayed
    true    : (visits, trials, patients) free of noise, and of what noticing adds
    blinded : (visits, trials, patients) as measured if nobody noticed what he was given
    stayed  : (visits, trials, patients) whether the patient was still there
    events  : side effect -> (trials, patients) who had it under treatment
    """

    before: Floats
    level: Floats
    scores: Floats
    true: Floats
    blinded: Floats
    stayed: Booleans
    events: Mapping[str, Booleans]


class Conducted(NamedTuple):
    """Some trials.

    visits   : (visits) ticks after the end of treatment
    drug     : the arm whose effect is asked for
    control  : the other; of a cross-over the same patients; None in a single arm
    instead  : the patients of the drug arm as they had been under the control, free of noise, drop-out and unblinding:
               what of both is true is told in the same people; None in a single arm
    first    : (trials, patients) of a cross-over: whether the drug came first
    screened : candidates looked at, and how many each criterion removed
    """

    visits: tuple[int, ...]
    drug: ArmScores
    control: ArmScores | None
    instead: ArmScores | None
    first: Booleans
    screened: Screened


class Plans(NamedTuple):
    """What the arms come to, made once for all trials.

    base   : the model with the effects that count, whose estimates may be drawn
    models : of drug and control, with the modifiers and effects of the arm
    ends   : of treatment, ticks; an untreated arm takes that of the other
    form   : drug form of the drug arm; "" for several
    """

    base: Model
    models: tuple[Model, Model]
    ends: tuple[int, int]
    form: str


def plan(trial: Trial) -> Plans:
    """The models and times of a trial's arms.

    Raises a PkpdError for a regimen or modifier that does not suit the model.
    """
    model = open_to_all(trial.model)
    counting = what_counts(model, trial.conduct, side_effects_of(trial))
    if not trial.population.modifiers:  # of which some may act on nothing but the other effects
        model = counting
    arms = [trial.drug, trial.control or trial.drug]
    models = [modified_for(model, _planned(arm, model), f'arm "{arm.name}"') for arm in arms]
    ends = [arm.regimen.end if not arm.regimen.is_empty else trial.drug.regimen.end for arm in arms]
    return Plans(model, (models[0], models[1]), (ends[0], ends[1]), form_of(trial.drug.regimen))


def _planned(arm: Treatment, model: Model) -> Plan:
    """An arm, with those of its effects that count."""
    counting = {effect.id for effect in model.effects}
    return Plan(arm.regimen, arm.modifiers, tuple(effect for effect in arm.effects if effect.id in counting))


def conduct(trial: Trial, plans: Plans, trials: Integers, draw: Draw) -> Conducted:
    """Conduct some trials.

    trials : their numbers
    draw   : the seed, and the estimates where these are drawn
    """
    entered = enrol(trial, plans.models[0], trials, draw)
    visits = tuple(sorted({visit for endpoint in trial.endpoints for visit in endpoint.visits}))
    if trial.design == "crossover":
        first = entered.place < (trial.enrolled + 1) // 2
        drug, control = _periods(trial, plans, entered, first, visits, draw)
        return Conducted(visits, drug, control, control, first, entered.screened)
    first = entered.place < trial.patients[0]
    drug = one_arm(trial, plans.models[0], trial.drug, plans.ends[0], entered, first, visits, draw)
    if trial.control is None:
        return Conducted(visits, drug, None, None, first, entered.screened)
    control = one_arm(trial, plans.models[1], trial.control, plans.ends[1], entered, ~first, visits, draw)
    quiet = replace(trial, conduct=quietly(trial.conduct))
    instead = one_arm(quiet, plans.models[1], trial.control, plans.ends[1], entered, first, visits, draw)
    return Conducted(visits, drug, control, instead, first, entered.screened)


def one_arm(
    trial: Trial,
    model: Model,
    arm: Treatment,
    end: int,
    entered: Entered,
    own: Booleans,
    visits: tuple[int, ...],
    draw: Draw,
) -> ArmScores:
    """One arm of parallel trials, or the only one.

    model : of the arm
    end   : of its treatment, ticks
    own   : (trials, patients) who is in the arm; as many in every trial
    """
    shape = (len(entered.numbers), int(own[0].sum()))
    people = _people(trial, entered.numbers[own], draw.seed)
    at = end + np.array(visits, np.int64)
    wanted = side_effects_of(trial)
    found = scores_after(
        model, people, arm.regimen, at, trial.conduct, "1", draw, practice=trial.practice, wanted=wanted
    )
    leave = trial.conduct.drop_out_control if arm.regimen.is_empty else trial.conduct.drop_out
    rows = (len(visits), *shape)
    return ArmScores(
        entered.before[own].reshape(shape),
        found.level.reshape(shape),
        found.scores.reshape(rows),
        found.true.reshape(rows),
        found.blinded.reshape(rows),
        _stayed(people, leave, at, end + trial.followed).reshape(rows),
        {name: had.reshape(shape) for name, had in found.events.items()},
    )


def _periods(
    trial: Trial, plans: Plans, entered: Entered, first: Booleans, visits: tuple[int, ...], draw: Draw
) -> tuple[ArmScores, ArmScores]:
    """Both periods of cross-over trials: what is left of the first drug goes on acting in the second period."""
    size, places = entered.numbers.shape
    gap = max(plans.ends) + round(trial.conduct.washout * TICKS_PER_HOUR)
    wanted = side_effects_of(trial)
    arms = [_empty(len(visits), size, places, wanted) for _ in range(2)]
    regimens = [treatment.regimen for treatment in _treatments(trial)]
    for order in ((0, 1), (1, 0)):
        own = first if order == (0, 1) else ~first
        people = _people(trial, entered.numbers[own], draw.seed)
        last = gap + plans.ends[order[1]] + trial.followed
        both = regimens[order[0]].together(_later(regimens[order[1]], gap))
        for period, which in enumerate(order):
            start = period * gap
            at = np.concatenate([[start], start + plans.ends[which] + np.array(visits, np.int64)])
            regimen = both if period else regimens[which]
            model, name = plans.models[which], str(period + 1)
            found = scores_after(
                model,
                people,
                regimen,
                at,
                trial.conduct,
                name,
                draw,
                practice=trial.practice,
                start=start,
                end=start + plans.ends[which],
                redrawn=period > 0,
                wanted=wanted,
            )
            into = arms[which]
            into.before[own] = entered.before[own] if period == 0 else found.blinded[0]
            into.level[own] = found.level
            for one in wanted:
                into.events[one][own] = found.events[one]
            stayed = _stayed(people, trial.conduct.drop_out, at[1:], last)
            for k in range(len(visits)):
                into.scores[k][own], into.true[k][own] = found.scores[k + 1], found.true[k + 1]
                into.blinded[k][own], into.stayed[k][own] = found.blinded[k + 1], stayed[k]
    return arms[0], arms[1]


def quietly(conduct: Conduct) -> Conduct:
    """The same conduct without noise, unblinding and drop-out; who may enter stays."""
    return replace(conduct, noise=0.0, unblinding=0.0, drop_out=0.0, drop_out_control=0.0)


def side_effects_of(trial: Trial) -> tuple[str, ...]:
    """The side effects that are endpoints."""
    return tuple(dict.fromkeys(endpoint.of for endpoint in trial.endpoints if endpoint.of))


def _people(trial: Trial, numbers: Integers, seed: int) -> Population:
    return replace(trial.population, size=numbers.size, subjects=numbers, seed=seed)


def _treatments(trial: Trial) -> tuple[Treatment, Treatment]:
    return trial.drug, trial.control or trial.drug


def _later(regimen: Regimen, ticks: int) -> Regimen:
    return Regimen(tuple(replace(dose, start=dose.start + ticks) for dose in regimen.doses))


def _empty(visits: int, trials: int, patients: int, wanted: tuple[str, ...]) -> ArmScores:
    one, many = (trials, patients), (visits, trials, patients)
    return ArmScores(
        np.empty(one),
        np.empty(one),
        np.empty(many),
        np.empty(many),
        np.empty(many),
        np.empty(many, bool),
        {name: np.empty(one, bool) for name in wanted},
    )


def _stayed(people: Population, share: float, at: Integers, last: int) -> Booleans:
    """(visits, patients) who is still there: a share leaves, at a time evenly spread up to the end of follow-up.

    at   : (visits) ticks
    last : ticks; the end of follow-up
    """
    if share == 0:
        return np.ones((len(at), people.size), bool)
    leaves = people.uniform("trial drop-out") < share
    when = people.uniform("trial drop-out time") * last
    return ~leaves | (when > at[:, None])
