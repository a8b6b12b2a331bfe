"""Observed sizes of effects, and doses at which half respond, against predicted ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import pkpd
from benchmarks.report import aligned
from benchmarks.truth import settings as st
from benchmarks.truth.settings import DEFAULT, SEED, Setting, people_of
from pkpd.dosing.regimen import Regimen
from pkpd.errors import PkpdError
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.observations.measures import Measure, measures
from pkpd.times import TICKS_PER_HOUR

SUBJECTS = 2_000
WATCHED, POINTS = 2.0, 481  # h after the last dose, and times at which the course is read for its highest
WIDEST, FINEST = 16.0, 1e-3  # of a dose for half: factors of the observed dose tried, and how near is near enough


@dataclass(frozen=True)
class Score:
    """One observed size under one setting.

    predicted  : in the unit of the row; None where refused
    by_regimen : the same for each of the regimens pooled in the row
    refused    : why there is no prediction; "" where there is one
    """

    measure: Measure
    setting: str
    model: str = ""
    conversion: str = ""
    predicted: float | None = None
    by_regimen: tuple[float, ...] = ()
    refused: str = ""

    @property
    def inside(self) -> bool | None:
        """Whether the prediction lies in the 95 % interval of what was observed; None where there is none."""
        return None if self.predicted is None else self.measure.low <= self.predicted <= self.measure.high

    @property
    def counts(self) -> bool:
        """Whether it goes into the score."""
        return self.measure.scored == "yes" and self.inside is not None


def score(
    rows: Sequence[Measure] | None = None,
    settings: Sequence[Setting] | None = None,
    subjects: int = SUBJECTS,
    seed: int = SEED,
) -> list[Score]:
    """Predict every size that can be, under the default setting and all kinetics of adults.

    rows     : those of the library unless given
    settings : the default first
    subjects : virtual patients of 70 kg
    seed     : of the patients
    """
    chosen = (Setting(DEFAULT), *st.kinetics(children=False)) if settings is None else settings
    found = []
    for row in measures() if rows is None else rows:
        for setting in chosen:
            # What pools routes is for the default kinetics alone: no other model has them all.
            if row.scored != "no" and (
                setting.name == DEFAULT or (row.route and not st.is_default(setting, row.route))
            ):
                found.append(_score(row, setting, subjects, seed))
    return found


def _score(row: Measure, setting: Setting, subjects: int, seed: int) -> Score:
    values, model, conversion = [], "", ""
    try:
        for regimen in row.regimens:
            used, given, effects, conversion = st.equipped(setting, regimen, st.chain(row.effect), regimen.routes[0])
            model = used.id
            values.append((row.factor or 1.0) * _value(row, used, given, effects, subjects, seed))
    except PkpdError as cause:
        return Score(row, setting.name, model or setting.model, refused=st.refusal(cause))
    return Score(row, setting.name, model, conversion, sum(values) / len(values), tuple(values))


def _value(row: Measure, model: Model, regimen: Regimen, effects: Sequence[Effect], subjects: int, seed: int) -> float:
    """The mean highest size, or the dose for half in the unit of the row."""
    driven, people = model.with_effects(*effects), people_of(None, None, subjects, seed)
    if row.at is None:
        times = np.linspace(0.0, regimen.end / TICKS_PER_HOUR + WATCHED, POINTS)
        course = np.asarray(pkpd.simulate(driven, regimen, people, (times, "h"))[row.effect])
        return float(course.max(axis=0).mean())
    at = (np.array([row.at / TICKS_PER_HOUR]), "h")

    def share(factor: float) -> float:
        run = pkpd.simulate(driven, regimen.scale(factor), people, at)
        return float(np.asarray(run[row.effect]).mean())

    low, high = 1.0 / WIDEST, WIDEST
    if not share(low) < 0.5 < share(high):
        return math.nan
    while high / low > 1.0 + FINEST:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if share(middle) < 0.5 else (low, middle)
    return row.value * math.sqrt(low * high)


def verdict(made: Score) -> str:
    """In a word, for a table."""
    if made.refused:
        return "not predicted"
    word = "inside" if made.inside else "OUTSIDE"
    return f"calibrated, {word}" if made.measure.scored == "calibrated" else word


def table(made: Sequence[Score]) -> str:
    """The default kinetics row by row, and below how many rows lie inside under each setting and effect."""
    lines = [("observation", "effect", "predicted", "observed", "95 %", "unit", "verdict")]
    default = [one for one in made if one.setting == DEFAULT]
    for one in default:
        row = one.measure
        said = "-" if one.predicted is None else f"{one.predicted:.3g}"
        ends = f"{row.low:g} to {row.high:g}"
        lines.append((row.id, row.effect, said, f"{row.value:g}", ends, row.unit, verdict(one)))
    effects = list(dict.fromkeys(one.measure.effect for one in made if one.counts))
    summary = [("kinetics", *effects)]
    for name in dict.fromkeys(one.setting for one in made):
        here = [one for one in made if one.setting == name and one.counts]
        cells = [[one for one in here if one.measure.effect == effect] for effect in effects]
        if here:
            summary.append((name, *(_inside(cell) for cell in cells)))
    text = ["Sizes of effects and doses for half of the people, default configuration", *aligned(lines)]
    text += dict.fromkeys(f"{one.measure.id}: {one.refused}" for one in default if one.refused)
    return "\n".join([*text, "", "Inside, by kinetics, rows not used to make the effect", *aligned(summary)])


def _inside(scores: Sequence[Score]) -> str:
    """How many of some lie inside, and the values predicted."""
    if not scores:
        return "-"
    values = dict.fromkeys(f"{one.predicted:.2g}" for one in scores)
    return f"{sum(bool(one.inside) for one in scores)} of {len(scores)} ({', '.join(values)})"


def as_json(made: Sequence[Score]) -> list[dict[str, Any]]:
    """Every prediction, for other programs to read."""
    return [
        {
            "observation": one.measure.id,
            "study": one.measure.study,
            "effect": one.measure.effect,
            "regimens": [str(regimen) for regimen in one.measure.regimens],
            "setting": one.setting,
            "model": one.model,
            "conversion": one.conversion,
            "predicted": None if one.predicted is None or math.isnan(one.predicted) else one.predicted,
            "by_regimen": [None if math.isnan(value) else value for value in one.by_regimen],
            "observed": one.measure.value,
            "interval": [one.measure.low, one.measure.high],
            "unit": one.measure.unit,
            "inside": one.inside,
            "scored": one.measure.scored,
            "mark": one.measure.mark,
            "refused": one.refused,
        }
        for one in made
    ]
