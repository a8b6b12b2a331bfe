"""What a model says of an observed concentration: the typical person, and the middle 90 % of people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.meeting import Meeting
from pkpd.dosing.regimen import Regimen
from pkpd.individuals import Individuals
from pkpd.model.model import Model
from pkpd.observations import Concentration
from pkpd.population.people import Population, Spread
from pkpd.simulation import concentrations, extremes, individuals
from pkpd.times import to_ticks

Floats = NDArray[np.float64]

PEOPLE = 1000  # of whom the 5th and 95th percentile are taken
AFTER = 48.0  # h after the last dose that a peak is looked for, where the end of sampling is not stated
FOR_EVER = 1440.0  # h after the last dose that stand for infinity
NANOGRAM = 1000.0  # ng/mL in one mg/L


@dataclass(frozen=True, slots=True)
class Prediction:
    """ng/mL, or ng/mL h.

    typical   : of one typical person of the observed weight and age
    low, high : 5th and 95th percentile of people of that weight and age; None where the model has no spread
    """

    typical: float
    low: float | None
    high: float | None


def predict(met: Meeting, row: Concentration) -> Prediction:
    """What a model says of an observation.

    Between people only the model's own parameters vary: weight and age stay those of the study's mean, and there is no
    residual error.
    """
    typical = _values(met, row, 1)
    if not varies(met.model):
        return Prediction(float(typical[0]), None, None)
    low, high = np.percentile(_values(met, row, PEOPLE), [5, 95])
    return Prediction(float(typical[0]), float(low), float(high))


def varies(model: Model) -> bool:
    """Whether the model says how people differ."""
    return any(parameter.spreads for parameter in model.parameters.values())


def _values(met: Meeting, row: Concentration, size: int) -> Floats:
    who = Crowd(met.model, row.weight_kg, row.age_y, size)
    scale = met.factor * NANOGRAM
    if row.metric == "level":
        assert row.at_h is not None
        return scale * level(who, met.regimen, row.at_h, met.output)
    last = met.regimen.end_hours
    if row.metric == "peak":
        return scale * extreme(who, met.regimen, row.until_h or last + AFTER, met.output)[0]
    return scale * extreme(who, met.regimen, row.until_h or last + FOR_EVER, met.output)[2]


@dataclass(frozen=True, slots=True)
class Crowd:
    """People of one weight (kg) and age (years, or None) under a model; one is the typical person."""

    model: Model
    weight: float
    age: float | None
    size: int = 1


@lru_cache(maxsize=1024)
def people(who: Crowd) -> Individuals:
    """A crowd with its parameters drawn."""
    ages = {} if who.age is None else {"age": Spread(who.age, 0.0, "normal")}
    return individuals(
        who.model, Population(who.size, weight=Spread(who.weight, 0.0), covariates=ages, varied=who.size > 1)
    )


@lru_cache(maxsize=8192)
def level(who: Crowd, regimen: Regimen, hours: float, output: str) -> Floats:
    """(people) an output at a time, mg/L."""
    return concentrations(people(who), regimen, np.array([to_ticks(hours)]), outputs=(output,))[0, 0]


@lru_cache(maxsize=8192)
def extreme(who: Crowd, regimen: Regimen, hours: float, output: str) -> Floats:
    """(4, people) peak, its time, area and time above nothing, up to a time: mg/L, h, mg/L h, h."""
    return extremes(people(who), regimen, to_ticks(hours), {output: np.inf})[output]
