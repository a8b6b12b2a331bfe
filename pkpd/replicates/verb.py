"""The verb: regimens under what is not known of patients, estimates and models -> an Uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.arms import Given
from pkpd.comparing import compare, equipped
from pkpd.comparison import Comparison
from pkpd.errors import SimulationError, unknown
from pkpd.estimates.belonging import refuse_others_draws
from pkpd.estimates.drawing import LEAVE, PUBLISHED, Estimates, changes_of, draw_estimates
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.population.people import Population
from pkpd.practice.practice import Practice
from pkpd.replicates.nested import Crowd, curve_of, outcomes_of
from pkpd.replicates.others import Other, beside, own_part
from pkpd.replicates.values import Uncertainty, View
from pkpd.result import Result
from pkpd.simulation import form_of
from pkpd.solving import Tolerance
from pkpd.times import read_times

Progress = Callable[[float], None]

FEWEST = 40  # replicates, so that 2.5 % of them is one
MOST = 2_000_000  # replicates x patients


def uncertainty(
    model: Model,
    regimens: Mapping[str, Given],
    subjects: Population | int = 500,
    until: Any = None,
    *,
    replicates: int | Estimates = 200,
    models: str | Sequence[Model | str] | Mapping[str, Model] | None = None,
    times: Any = None,
    quantities: Sequence[str] | None = None,
    seed: int | None = None,
    scans: str | Collection[str] = LEAVE,
    covariance: Any = None,
    draws: Any = None,
    reference: str | None = None,
    effects: Sequence[Effect] | None = None,
    threshold: Any = "50 ng/mL",
    joint: tuple[float, str, str] | None = None,
    tolerance: Tolerance | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    title: str = "",
    indication: str | None = None,
    practice: Practice | None = None,
    study: str = "",
) -> Uncertainty:
    """Compare regimens in the same virtual patients under draws of the estimates, and under other models.

    model      : kinetic model; its own effects are used where it has some
    regimens   : as for `compare`
    subjects   : Population, or number of patients; the same patients, by address, in every replicate and arm
    until      : as for `compare`
    replicates : how often the estimates are drawn, at least 40; or `pkpd.draw_estimates(...)` of the model with the
                 effects that are computed. Under other models those of it that no file states stand for the same ones
    models     : others to stand beside it, each drawn apart: models or their names, or name -> model, or "library" for
                 all that take every regimen. One without effects takes those of `model`, else it keeps its own
    times      : of the curves, as for `simulate`; where each quantity changes unless given
    quantities : of the curves: what `Result` has by name; the analyte in plasma, and relief, unless given
    seed       : of the patients and the draws; 1 unless given, or the population's own
    scans      : what is done where only a range worth trying is known, as for `draw_estimates`
    covariance : of estimates, as for `draw_estimates`; under another model the part that is of the effects
    draws      : a table of draws, as for `draw_estimates`; under another model the part that is of the effects
    reference, effects, threshold, joint, tolerance, threads, title, indication, practice : as for `compare`; what a
                 patient gets is the same in every replicate
    progress   : called with the share done, 0 to 1
    study      : id of the study whose regimens they are
    returns    : Uncertainty. Its variance shares are by the law of total variance (pkpd/replicates/summaries.py)
    Raises a PkpdError for anything that does not fit, before anything runs, and for a replicate that cannot be solved.
    """
    given = replicates if isinstance(replicates, Estimates) else None
    count = replicates.replicates if isinstance(replicates, Estimates) else replicates
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < FEWEST:
        raise SimulationError(f"replicates: {count!r} is not a whole number from {FEWEST} on: 2.5 % is one of it.")
    if given is not None and not (scans == LEAVE and covariance is None and draws is None):
        raise SimulationError(
            "replicates: these estimates are drawn already. Give scans, covariance and draws to pkpd.draw_estimates."
        )
    if not isinstance(subjects, Population) and (
        isinstance(subjects, bool) or not isinstance(subjects, (int, np.integer))
    ):
        raise SimulationError(
            "uncertainty: subjects are a number or a Population. A parameter table gives parameters outright, so "
            "that no estimate is behind them."
        )
    people = subjects if isinstance(subjects, Population) else Population(int(subjects), seed=1)
    people = people if seed is None else replace(people, seed=seed)
    if people.size * count > MOST:
        raise SimulationError(
            f"uncertainty: {count} replicates of {people.size} patients are more than {MOST:,} in all. Give fewer."
        )
    at = None if times is None else read_times(times)
    if at is not None and at.ndim == 2:
        raise SimulationError("uncertainty: curves need times that are the same for all patients.")

    base, _ = equipped(model, effects)
    if given is not None:
        refuse_others_draws(given, base)
        draws = {one.name: one.draws for one in given.sampled if one.basis != PUBLISHED} or None

    def compared(one: Model, given: Mapping[str, Given], own: Sequence[Effect] | None) -> Comparison:
        made = compare(
            one,
            given,
            people,
            until,
            reference=reference,
            effects=own,
            threshold=threshold,
            joint=joint,
            tolerance=tolerance,
            threads=threads,
            title=title,
            indication=indication,
            practice=practice,
        )
        return replace(made, study=study)

    main = compared(model, regimens, effects)
    wanted = _quantities(main, quantities)
    others, notes = beside(base, regimens, models, main.analyte)
    form = next((form_of(arm.regimen) for arm in main.arms if not arm.regimen.is_empty), "")
    ready = []
    for one in (Other(base.id, base, regimens), *others):
        if given is not None and one.model is base:
            drawn = given
        else:
            drawn = draw_estimates(
                one.model,
                int(count),
                seed=people.seed if given is None else given.seed,
                scans=own_part(scans, one.model, base),
                covariance=own_part(covariance, one.model, base),
                draws=own_part(draws, one.model, base),
            )
        comparison = main if one.model is base else compared(one.model, one.regimens, one.model.effects)
        ready.append((one.name, comparison, Crowd(one.model, people, drawn, form, practice, tolerance, threads)))
    tally = _Tally(len(ready) * len(main.arms) * (1 + len(wanted)) * people.size * int(count), progress)
    views = tuple(_view(name, comparison, crowd, wanted, at, tally) for name, comparison, crowd in ready)
    return Uncertainty(views, (*main.notes, *notes, *_own(ready[0][-1], main)), title)


def _own(crowd: Crowd, main: Comparison) -> list[str]:
    """A note on estimates that are drawn, but not in the arms that have values of their own."""
    arms: dict[str, list[str]] = {}
    for arm in main.arms:
        own = changes_of(crowd.model, arm.individuals.model).own
        if held := [one.name for one in crowd.estimates.sampled if one.name in own]:
            arms.setdefault(", ".join(held), []).append(f'"{arm.name}"')
    return [f"In {', '.join(names)}: the arm's own {held} is held, not drawn." for held, names in arms.items()]


def _view(
    name: str,
    comparison: Comparison,
    crowd: Crowd,
    quantities: Sequence[str],
    times: NDArray[np.int64] | None,
    done: Callable[[int], None],
) -> View:
    """Outcomes and curves of every arm under one model."""
    found = outcomes_of(crowd, comparison, done)
    curves = [
        curve_of(crowd, comparison, arm, quantity, times, done) for arm in comparison.arms for quantity in quantities
    ]
    return View(name, comparison, crowd.estimates, tuple(one for one in curves if one is not None), found)


def _quantities(main: Comparison, asked: Sequence[str] | None) -> tuple[str, ...]:
    """The quantities of the curves."""
    people = main.arms[0].individuals
    known = Result(people, "", np.empty(0), people.program.outputs, np.empty((0, 0, 0))).names
    if asked is None:
        return tuple(name for name in (main.analyte, "relief") if name in known)
    if isinstance(asked, str):
        raise SimulationError(f'quantities: give a list of names, such as ["{asked}"].')
    for name in asked:
        if name not in known:
            raise unknown("uncertainty", "quantity", name, known)
    return tuple(dict.fromkeys(asked))


class _Tally:
    """Turns patients done into the share of the whole that is done."""

    def __init__(self, whole: int, progress: Progress | None) -> None:
        self._whole, self._progress, self._done = whole, progress, 0

    def __call__(self, subjects: int) -> None:
        self._done += subjects
        if self._progress is not None:
            self._progress(min(1.0, self._done / self._whole))
