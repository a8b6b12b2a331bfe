"""The numbers behind a figure of a comparison: levels, probabilities and relief over time. No drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pkpd.comparing import course
from pkpd.comparison import JOINT_STATES, Arm, Comparison
from pkpd.dosing.regimen import Regimen
from pkpd.effects.response import effect_values
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.moments import course_times, window
from pkpd.outcomes import RELIEF_TIMES, WEEK
from pkpd.statistics.normal import Z95
from pkpd.times import TICKS_PER_HOUR, to_hours

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HOUR, DAY = TICKS_PER_HOUR, 24 * TICKS_PER_HOUR
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
FEW_SIDE_EFFECTS = 3
MOST_MEASURES = 3
LONGEST_RELIEF = max(RELIEF_TIMES.values()) * WEEK


@dataclass(frozen=True, slots=True)
class Course:
    """A treated arm over time, over its patients.

    hours    : (times) from the start of treatment
    bands    : (5, times) ng/mL of the analyte, quantiles SHARES of patients; nan where there is no analyte
    chances  : side effect -> (times) mean probability at each moment
    floors   : side effect -> mean probability without drug
    error    : largest Monte-Carlo standard error of the chances
    measures : measure -> (5, times) in its unit, the same quantiles
    units    : measure -> its unit; "" for a plain number
    """

    arm: Arm
    hours: Floats
    bands: Floats
    chances: Mapping[str, Floats]
    floors: Mapping[str, float]
    error: float
    measures: Mapping[str, Floats]
    units: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Relief:
    """Mean pain relief after the end of an arm's treatment.

    hours : (times) from the end of treatment
    mean  : (times) of the baseline, 0 to 1
    half  : (times) half width of the 95 % interval of the mean; nan for one patient
    """

    arm: Arm
    hours: Floats
    mean: Floats
    half: Floats


@dataclass(frozen=True, slots=True)
class Curves:
    """What the panels of one figure need; empty where they do not."""

    courses: tuple[Course, ...]
    relief: tuple[Relief, ...]


def relief_times(end: int, horizon: int) -> Integers:
    """Times of the relief curve: 12 weeks from the end of treatment, closer together at first.

    returns : (times) ticks; none where the course does not go beyond the end of treatment
    """
    span = min(LONGEST_RELIEF, horizon - end)
    if span <= 0:
        return np.empty(0, np.int64)
    early = np.geomspace(2e-5 * span, 0.03 * span, 30)
    offsets = np.concatenate([[0], early, np.linspace(0.03 * span, span, 60)])
    times: Integers = end + np.unique(np.rint(offsets).astype(np.int64))
    return times


def side_effects(model: Model) -> list[Effect]:
    """Side effects to draw, psychotomimetic ones first; if there are more than three, without shares of others."""
    found = [effect for effect in model.effects if effect.role == "side effect"]
    own = [effect for effect in found if effect.curve.of is None]
    shown = own if len(found) > FEW_SIDE_EFFECTS and own else found
    return sorted(shown, key=lambda effect: not effect.id.startswith("psychotomimetic"))


def measures(model: Model) -> list[Effect]:
    """Measures to draw, such as a heart rate: the first three of the model's."""
    return [effect for effect in model.effects if effect.role == "measure"][:MOST_MEASURES]


def follow(comparison: Comparison, arm: Arm, *spans: int) -> Course:
    """Levels and probabilities of one arm over the longest of some spans, with times for each of them.

    spans : ticks
    """
    times = np.unique(np.concatenate([course_times(arm.regimen, span) for span in spans]))
    result = course(arm, times)
    analyte = comparison.analyte
    bands = np.quantile(result[analyte], SHARES, axis=1) if analyte else np.full((len(SHARES), len(times)), np.nan)
    people = arm.individuals
    nothing = np.zeros((1, people.size))
    chances, floors, error = {}, {}, 0.0
    for effect in side_effects(people.model):
        values = result[effect.id]
        chances[effect.id] = values.mean(axis=1)
        floors[effect.id] = float(effect_values(people, effect, lambda _: nothing, nothing).mean())
        error = max(error, float(values.std(axis=1).max()) / math.sqrt(people.size))
    measured = {effect.id: np.quantile(result[effect.id], SHARES, axis=1) for effect in measures(people.model)}
    units = {name: result.unit(name) for name in measured}
    return Course(arm, times / TICKS_PER_HOUR, bands, chances, floors, error, measured, units)


def relieve(comparison: Comparison, arm: Arm) -> Relief | None:
    """Mean relief of one arm after its treatment; None where the course does not go there."""
    times = relief_times(arm.end, comparison.horizon)
    if not len(times):
        return None
    values = course(arm, times)["relief"]
    n = arm.individuals.size
    half = Z95 * values.std(axis=1, ddof=1) / math.sqrt(n) if n > 1 else np.full(len(times), np.nan)
    return Relief(arm, (times - arm.end) / TICKS_PER_HOUR, values.mean(axis=1), half)


def rate_steps(regimen: Regimen, weight: Floats, span: int) -> tuple[Floats, Floats]:
    """Infusion rate of a regimen, mean over patients, as steps.

    weight  : (patients) kg
    span    : ticks
    returns : hours (steps), and the rate from there on, mg/h of base (steps); the last step is at the span
    """
    changes: dict[int, float] = {0: 0.0, span: 0.0}
    for dose in regimen.doses:
        if dose.duration:
            rate = float(np.mean(dose.base_amount(weight))) / to_hours(dose.duration)
            for start in dose.starts:
                changes[start] = changes.get(start, 0.0) + rate
                changes[start + dose.duration] = changes.get(start + dose.duration, 0.0) - rate
    times = np.array(sorted(changes))
    rates = np.maximum(np.cumsum([changes[at] for at in times]), 0.0)
    rates[rates < 1e-9 * rates.max(initial=0.0)] = 0.0
    shown = times <= span
    return times[shown] / TICKS_PER_HOUR, rates[shown]


def boluses(regimen: Regimen, weight: Floats, span: int) -> list[tuple[list[float], float]]:
    """Doses given at once: for each course of them the hours, and the mg of base, mean over patients.

    weight : (patients) kg
    span   : ticks
    """
    return [
        (
            [to_hours(start) for start in dose.starts if start <= span],
            float(np.mean(dose.base_amount(weight))),
        )
        for dose in regimen.doses
        if not dose.duration and dose.start <= span
    ]


def joint_error(arm: Arm, when: str) -> float:
    """The largest Monte-Carlo standard error of an arm's joint states."""
    shares = np.array(joint_shares(arm, when) or [0.0])
    return float(np.sqrt(shares * (1 - shares) / arm.individuals.size).max())


def joint_shares(arm: Arm, when: str) -> tuple[float, ...] | None:
    """Fractions of an arm's patients in the four joint states; None where the course ends before them."""
    if not any((outcome.name, outcome.when) == (JOINT_STATES[0], when) for outcome in arm.outcomes):
        return None
    return tuple(float(arm.outcome(state, when).values.mean()) for state in JOINT_STATES)


def gather(comparison: Comparison, panels: tuple[str, ...], together: bool) -> Curves:
    """Everything over time that some panels show.

    together : whether the courses share one time axis
    """
    treated = [arm for arm in comparison.arms if not arm.regimen.is_empty]
    wanted = treated if {"plasma", "side effects", "measures"} & set(panels) else []
    spans = {arm.name: window(arm.end, comparison.horizon) for arm in wanted}
    common = {min(spans.values(), default=0), max(spans.values(), default=0)}
    courses = tuple(follow(comparison, arm, *(common if together else {spans[arm.name]})) for arm in wanted)
    relief = [relieve(comparison, arm) for arm in comparison.arms] if "relief" in panels else []
    return Curves(courses, tuple(one for one in relief if one is not None))
