"""The verb: virtual patients and entry criteria -> those who meet them, and how many each criterion removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pkpd.company import of_patients
from pkpd.effects.response import curve_value
from pkpd.errors import SimulationError
from pkpd.model.effect import Effect
from pkpd.model.library import DEFAULT_MODEL, load
from pkpd.population.covariates import plain
from pkpd.population.criteria import Columns, Criterion, Enrolled, read_criterion
from pkpd.population.criteria import enrol as enrol_by
from pkpd.population.people import Population

Floats = NDArray[np.float64]

BASELINE = "baseline pain"


def baseline_scores(population: Population, effect: Effect) -> Floats:
    """Pain before treatment of every patient, points from 0 to 10, free of noise; as a simulation draws it.

    effect  : of the role "baseline", such as pkpd.load_effect("baseline-pain")
    returns : (size)
    Raises SimulationError for an effect of another role.
    """
    if not isinstance(effect, Effect) or effect.role != "baseline":
        raise SimulationError(
            f"baseline pain: {getattr(effect, 'id', effect)!r} is no effect of the role baseline. "
            'Take pkpd.load_effect("baseline-pain").'
        )
    model = replace(load(DEFAULT_MODEL), effects=()).with_effects(effect)
    patients = of_patients(model, replace(population, modifiers={}))
    return np.broadcast_to(curve_value(patients, effect, 0.0, 0.0), population.size)


def enrol(
    population: Population,
    criteria: Sequence[str | Criterion],
    columns: Columns | None = None,
    effect: Effect | None = None,
) -> Enrolled:
    """The patients of a population who meet entry criteria, and how many each criterion removed.

    criteria : such as ["age 18 to 75 year", "baseline pain at least 4", "no pregnancy", "sex is female"]
    columns  : further things known of every patient, name -> (size) numbers, such as a measured score; where a
               criterion reads the pain before treatment and no column has it, `effect` gives it
    effect   : of the role "baseline"
    returns  : Enrolled, its `population` with the patients' own numbers; nobody is dropped without being counted
    Raises UnknownName for what is known of nobody, UnitError for a unit that does not fit, SimulationError for a
    criterion that cannot be read and for criteria that nobody meets: which removes everybody, how near the nearest is.
    """
    if not isinstance(population, Population):
        wanted = "pkpd.Population(...)"
        if isinstance(population, str):
            wanted = f'pkpd.load_population("{population}")'
        elif isinstance(population, (int, np.integer)) and not isinstance(population, bool):
            wanted = f"pkpd.Population({population}, covariates=...), which says who they are"
        raise SimulationError(f"enrol: {population!r} is no population. Give {wanted}.")
    return enrol_by(population, criteria, _with_baseline(population, criteria, columns, effect))


def _is_list(criteria: object) -> bool:
    return isinstance(criteria, Sequence) and not isinstance(criteria, str)


def _with_baseline(
    population: Population, criteria: Sequence[str | Criterion], columns: Columns | None, effect: Effect | None
) -> Columns:
    """The columns, with pain before treatment where a criterion reads it and an effect gives it."""
    found = dict(columns or {})
    if effect is None or BASELINE in map(plain, found) or not _is_list(criteria):
        return found
    if any(plain(read_criterion(one).name) == BASELINE for one in criteria):
        found[BASELINE] = baseline_scores(population, effect)
    return found
