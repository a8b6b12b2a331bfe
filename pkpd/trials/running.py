"""The verb: one trial conducted many times, each time with other patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial, reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from pkpd import validity
from pkpd.company import of_patients
from pkpd.errors import StudyError
from pkpd.estimates.belonging import refuse_nothing_drawn, refuse_others_draws
from pkpd.estimates.drawing import Estimates, changes_of, draw_estimates
from pkpd.flags import Flag
from pkpd.model.model import Model
from pkpd.population.criteria import Screened
from pkpd.simulation import practised, raised, thread_count
from pkpd.trials.analysing import Found, analyse
from pkpd.trials.asking import check_count, check_trial
from pkpd.trials.conducting import Plans, conduct, plan
from pkpd.trials.entry import enrol, open_to_all
from pkpd.trials.measuring import Draw
from pkpd.trials.results import EndpointResult, Trials
from pkpd.trials.values import Treatment, Trial

Integers = NDArray[np.int64]
Progress = Callable[[float], None]

PATIENTS = 8192  # in one block of trials, about: what fits the processor's cache
PILOT = 200  # patients whose levels are held against the models' limits


def run_trials(
    trial: Trial,
    count: int = 2000,
    *,
    replicates: int | Estimates | None = None,
    first: int = 0,
    seed: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Trials:
    """Conduct a trial many times, each time with patients drawn anew, and analyse each as the trial would.

    trial      : the design; from `pkpd.load_study(NAME).trial`, or made in a script
    count      : how many trials
    replicates : draws of the models' estimates, a number or `pkpd.draw_estimates(trial.model, ...)`, at most as many as
                 trials; trial t has draw t modulo their number, so that power is what to expect where the truth is not
                 known. None for the models' own
    first      : number of the first trial; trial 7 is the same whatever the first
    seed       : of all that is drawn; that of the trial's population unless given
    threads    : how many; all cores unless given. The numbers do not depend on it
    progress   : called with the share done, 0 to 1
    returns    : Trials
    Raises a PkpdError where the arms do not suit the model, or nobody meets the entry criteria.
    """
    check_trial(trial, "trials")
    check_count(count)
    if isinstance(first, bool) or not isinstance(first, int) or not 0 <= first < 2**42:
        raise StudyError(f"trials: first is {first!r}, which is not the number of a trial, from 0 on.")
    drawn = trial.population.seed if seed is None else seed
    plans = plan(trial)
    flags = limits_passed(trial, [(trial.drug, plans.models[0]), *_control(trial, plans)], Draw(drawn, plans.form))
    estimates = None if replicates is None else _estimates(replicates, plans.base, count, drawn)
    blocks = _blocks(trial, first, count, 1 if estimates is None else estimates.replicates)
    done = 0

    def one(block: Integers) -> tuple[list[Found], Screened]:
        of_model = None
        if estimates is not None:
            of_model = partial(_drawn, estimates, plans.base, int(block[0]) % estimates.replicates)
        made = conduct(trial, plans, block, Draw(drawn, plans.form, of_model))
        return [analyse(trial, endpoint, made) for endpoint in trial.endpoints], made.screened

    results: list[tuple[list[Found], Screened]] = []
    with ThreadPoolExecutor(thread_count(threads)) as workers:
        for block, made in zip(blocks, workers.map(one, blocks), strict=True):
            results.append(made)
            done += len(block)
            if progress is not None:
                progress(done / count)
    order = np.argsort(np.concatenate(blocks), kind="stable")
    endpoints = tuple(
        EndpointResult(
            endpoint,
            trial.analysis_of(endpoint),
            trial.design,
            trial.patients,
            Found(*(np.concatenate(parts)[order] for parts in zip(*(found[k] for found, _ in results), strict=True))),
            estimates.replicates if estimates else 0,
        )
        for k, endpoint in enumerate(trial.endpoints)
    )
    screened = reduce(add, (screened for _, screened in results))
    return Trials(trial, count, drawn, endpoints, screened, estimates.replicates if estimates else 0, flags)


def _estimates(replicates: int | Estimates, base: Model, count: int, seed: int) -> Estimates:
    """The draws over which trials are spread: those given, which are to be of the trial's model, or new ones.

    base  : the model with the effects that count
    count : of trials
    """
    size = replicates.replicates if isinstance(replicates, Estimates) else replicates
    if isinstance(size, (int, np.integer)) and size > count:
        raise StudyError(
            f"replicates: {size:,} draws are more than the {count:,} trials, and each trial has one. Give at least as "
            "many trials as draws, or fewer draws."
        )
    if isinstance(replicates, Estimates):
        found = replace(replicates, model=open_to_all(replicates.model))
        refuse_others_draws(found, base, True, "pkpd.draw_estimates(trial.model, ...)")
    else:
        found = draw_estimates(base, replicates, seed=seed)
    refuse_nothing_drawn(found, base)
    return found


def _drawn(estimates: Estimates, base: Model, replicate: int, model: Model) -> dict[str, float]:
    """The estimates of a replicate under the model of an arm: what its modifiers multiply is multiplied as well."""
    return estimates.of(replicate, changes_of(base, model))


def _blocks(trial: Trial, first: int, count: int, replicates: int) -> list[Integers]:
    """Trials that are conducted together; those of one draw of the estimates."""
    each = max(1, PATIENTS // trial.enrolled)
    found = []
    for start in range(first, first + min(replicates, count)):
        own = np.arange(start, first + count, replicates)
        found += [own[at : at + each] for at in range(0, len(own), each)]
    return found


def _control(trial: Trial, plans: Plans) -> list[tuple[Treatment, Model]]:
    return [] if trial.control is None else [(trial.control, plans.models[1])]


def limits_passed(trial: Trial, arms: Sequence[tuple[Treatment, Model]], draw: Draw) -> tuple[Flag, ...]:
    """Limits that treatments pass in some of those who enter; a hard limit is refused.

    arms : treatment and its model
    """
    some = np.arange(-(-PILOT // trial.enrolled))
    numbers = enrol(trial, arms[0][1], some, draw).numbers.ravel()[:PILOT]
    people = replace(trial.population, size=len(numbers), subjects=numbers, seed=draw.seed)
    flags: list[Flag] = []
    for arm, model in arms:
        patients = of_patients(model, people, draw.form)
        validity.refuse(patients, arm.regimen, f'arm "{arm.name}"')
        last = np.array([(arm.regimen.end if not arm.regimen.is_empty else trial.drug.regimen.end) + trial.horizon])
        given = practised(patients, arm.regimen, trial.practice)
        flags += raised(patients, arm.regimen, last, {}, of=arm.name, given=given)
    return tuple(flags)
