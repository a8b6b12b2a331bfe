"""The verb: one trial conducted many times, each time with other patients."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from pkpd import validity
from pkpd.errors import StudyError
from pkpd.flags import Flag
from pkpd.individuals import of_population
from pkpd.simulation import raised, thread_count
from pkpd.trials.analysing import Found, analyse
from pkpd.trials.conducting import Plans, conduct, plan
from pkpd.trials.results import EndpointResult, Trials
from pkpd.trials.values import Trial

Integers = NDArray[np.int64]
Progress = Callable[[float], None]

PATIENTS = 8192  # in one block of trials, about: what fits the processor's cache
PILOT = 200  # patients whose levels are held against the models' limits


def run_trials(
    trial: Trial,
    count: int = 2000,
    *,
    seed: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Trials:
    """Conduct a trial many times, each time with patients drawn anew, and analyse each as the trial would.

    trial    : the design; from `pkpd.load_study(NAME).trial`, or made in a script
    count    : how many trials
    seed     : of all that is drawn; that of the trial's population unless given
    threads  : how many; all cores unless given. The numbers do not depend on it
    progress : called with the share done, 0 to 1
    returns  : Trials
    Raises a PkpdError where the arms do not suit the model, or nobody meets the entry criteria.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count < 2**40:
        raise StudyError(f"trials: {count!r} is not a whole number of trials from 1 on.")
    drawn = trial.population.seed if seed is None else seed
    plans = plan(trial)
    flags = _flags(trial, plans)
    blocks = _blocks(trial, count)
    done = 0

    def one(block: Integers) -> tuple[list[Found], Integers]:
        made = conduct(trial, plans, block, drawn)
        return [analyse(trial, endpoint, made) for endpoint in trial.endpoints], made.screened

    results: list[tuple[list[Found], Integers]] = []
    with ThreadPoolExecutor(thread_count(threads)) as workers:
        for block, made in zip(blocks, workers.map(one, blocks), strict=True):
            results.append(made)
            done += len(block)
            if progress is not None:
                progress(done / count)
    endpoints = tuple(
        EndpointResult(
            endpoint,
            trial.analysis_of(endpoint),
            trial.design,
            trial.patients,
            Found(*(np.concatenate(columns) for columns in zip(*(found[k] for found, _ in results), strict=True))),
        )
        for k, endpoint in enumerate(trial.endpoints)
    )
    return Trials(trial, count, drawn, endpoints, np.concatenate([screened for _, screened in results]), flags)


def _blocks(trial: Trial, count: int) -> list[Integers]:
    each = max(1, PATIENTS // trial.enrolled)
    return [np.arange(first, min(first + each, count)) for first in range(0, count, each)]


def _flags(trial: Trial, plans: Plans) -> tuple[Flag, ...]:
    """Limits that the drug arm passes in a few patients; a hard limit is refused."""
    from dataclasses import replace

    people = of_population(plans.models[0], replace(trial.population, size=PILOT, subjects=None))
    regimen = trial.drug.regimen
    validity.refuse(people, regimen, f'arm "{trial.drug.name}"')
    last = np.array([plans.ends[0] + trial.horizon])
    return raised(people, regimen, last, {}, of=trial.drug.name)
