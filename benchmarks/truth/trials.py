"""Observed trial outcomes against simulated arms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pkpd
from benchmarks.report import aligned
from benchmarks.truth import settings as st
from benchmarks.truth.settings import DEFAULT, SEED, Setting, people_of
from pkpd.dosing.regimen import Regimen
from pkpd.errors import PkpdError
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.observations.trials import Estimate, Trial, trials
from pkpd.times import TICKS_PER_HOUR

SUBJECTS = 5_000
POINTS = 71  # times at which a course is read for its best or its mean
DRUG, COMPARATOR, BETWEEN = "ketamine", "comparator", "difference"
PAIN_ROLES = ("baseline", "placebo", "relief")
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """One arm, or the difference of two, of one trial outcome under one setting.

    arm       : DRUG, COMPARATOR or BETWEEN
    predicted : share of responders, or mean in the scale of the row; None where refused
    error     : its Monte-Carlo standard error
    observed  : with its 95 % interval
    refused   : why there is no prediction; "" where there is one
    """

    trial: Trial
    arm: str
    setting: str
    observed: Estimate
    model: str = ""
    conversion: str = ""
    predicted: float | None = None
    error: float | None = None
    refused: str = ""

    @property
    def inside(self) -> bool | None:
        """Whether the prediction lies in the 95 % interval of what was observed; None where there is none."""
        return None if self.predicted is None else self.observed[1][0] <= self.predicted <= self.observed[1][1]

    @property
    def calibrated(self) -> bool:
        """Whether an effect was made from this arm; the placebo response was not made from the infusion trials."""
        effects = self.trial.used_by
        return bool(effects) if self.arm != COMPARATOR else "placebo-response" in effects

    @property
    def counts(self) -> bool:
        """Whether it goes into the score."""
        return self.inside is not None and not self.calibrated

    @property
    def is_share(self) -> bool:
        """Whether it is a share of patients or of pain, from 0 to 1."""
        return self.trial.outcome == "responders" or self.trial.scale == "fraction"


def score(
    rows: Sequence[Trial] | None = None,
    settings: Sequence[Setting] | None = None,
    subjects: int = SUBJECTS,
    seed: int = SEED,
) -> list[Score]:
    """Simulate every trial that can be, under every setting that says anything of it.

    rows     : those of the library unless given
    settings : the default first; all of `settings.settings` unless given
    subjects : virtual patients in each arm; the same in both, for the difference
    seed     : of the patients
    """
    found = []
    for row in trials() if rows is None else rows:
        if row.scored == "no" or row.regimen is None:
            continue
        for setting in st.settings() if settings is None else settings:
            found += _score(row, row.regimen, setting, subjects, seed)
    return found


def observations(row: Trial) -> dict[str, Estimate]:
    """What of a row can be held against a simulation, by arm.

    The pain of an arm depends on the pain before, which only the trial of complex regional pain syndrome shares with
    the default patients; elsewhere the difference stands alone.
    """
    if row.outcome == "responders":
        drug, comparator, between = row.responders, row.comparator_responders, None
    elif row.outcome == "mean pain":
        own = row.indication.startswith("CRPS")
        drug, comparator = (row.mean, row.comparator_mean) if own else (None, None)
        between = row.mean_difference
    else:
        drug, comparator, between = row.mean, None, None
    if not row.comparator_as:
        comparator = between = None
    named = {DRUG: drug, COMPARATOR: comparator, BETWEEN: between}
    return {arm: estimate for arm, estimate in named.items() if estimate is not None}


def _score(row: Trial, regimen: Regimen, setting: Setting, subjects: int, seed: int) -> list[Score]:
    effects = tuple(effect for effect in pkpd.default_effects() if effect.role in PAIN_ROLES)
    route = regimen.routes[0]
    if setting.name != DEFAULT:
        crps = "slow responders" in setting.name and row.indication.startswith("CRPS")
        same = st.is_default(setting, route)
        if crps or same or setting.background or not st.touches(setting, effects):
            return []
    seen = observations(row)
    try:
        model, given, driven, conversion = st.equipped(setting, regimen, st.changed(effects, setting), route)
        values = {DRUG: _values(row, model, given, given.end, driven, subjects, seed)}
        if len(seen) > 1 or DRUG not in seen:
            values[COMPARATOR] = _values(row, model, Regimen(), given.end, driven, subjects, seed)
            values[BETWEEN] = values[DRUG] - values[COMPARATOR]
    except PkpdError as cause:
        refused = st.refusal(cause)
        return [Score(row, arm, setting.name, one, setting.model, refused=refused) for arm, one in seen.items()]
    return [
        Score(
            row,
            arm,
            setting.name,
            one,
            model.id,
            conversion,
            float(values[arm].mean()),
            float(values[arm].std(ddof=1) / math.sqrt(subjects)),
        )
        for arm, one in seen.items()
    ]


def _values(
    row: Trial, model: Model, regimen: Regimen, end: int, effects: Sequence[Effect], subjects: int, seed: int
) -> Values:
    """The outcome of every patient of one arm, (subjects): 1 for a responder, else in the scale of the row.

    end : of the treatment that the times of the row count from, ticks
    """
    first = (end + (row.after_end or 0)) / TICKS_PER_HOUR
    last = first if row.until is None else (end + row.until) / TICKS_PER_HOUR
    times = np.array([first]) if row.until is None else np.linspace(first, last, POINTS)
    people = people_of(row.weight_kg, None, subjects, seed)
    run = pkpd.simulate(model.with_effects(*effects), regimen, people, (times, "h"))
    course = np.asarray(run["pain" if row.outcome == "mean pain" else "relief"])
    at = course.max(axis=0) if row.reading == "best" else course.mean(axis=0)
    if row.outcome == "responders":
        return (at >= (row.threshold or 0.0)).astype(float)
    return 1.0 - at if row.outcome == "mean remaining" else at


def verdict(made: Score) -> str:
    """In a word, for a table."""
    if made.refused:
        return "not predicted"
    word = "inside" if made.inside else "OUTSIDE"
    return f"calibrated, {word}" if made.calibrated else word


def what(row: Trial) -> str:
    """The outcome in words."""
    return row.outcome if row.threshold is None else f"relief ≥ {100 * row.threshold:.0f} %"


def number(made: Score, value: float | None) -> str:
    """A share in per cent or a mean in points."""
    if value is None:
        return "-"
    return f"{100 * value:.0f} %" if made.is_share else f"{value:.1f}"


def table(made: Sequence[Score]) -> str:
    """The default configuration row by row, and all settings beside it."""
    lines = [("trial", "indication", "outcome", "arm", "predicted", "observed", "95 %", "verdict")]
    default = [one for one in made if one.setting == DEFAULT]
    for one in default:
        interval = " to ".join(number(one, end) for end in one.observed[1])
        row = one.trial
        seen = number(one, one.observed[0])
        lines.append(
            (row.id, row.indication, what(row), one.arm, number(one, one.predicted), seen, interval, verdict(one))
        )
    text = ["Trial outcomes, default configuration", *aligned(lines)]
    text += dict.fromkeys(f"{one.trial.id}: {one.refused}" for one in default if one.refused)
    summary = [("setting", "arms", "inside", "calibrated", "inside")]
    for name in dict.fromkeys(one.setting for one in made):
        here = [one for one in made if one.setting == name and one.inside is not None]
        for_score = [one for one in here if one.counts]
        fitted = [one for one in here if one.calibrated]
        if here:
            summary.append(
                (
                    name,
                    str(len(for_score)),
                    str(sum(bool(one.inside) for one in for_score)),
                    str(len(fitted)),
                    str(sum(bool(one.inside) for one in fitted)),
                )
            )
    return "\n".join([*text, "", "By setting", *aligned(summary)])


def as_json(made: Sequence[Score]) -> list[dict[str, Any]]:
    """Every prediction, for other programs to read."""
    return [
        {
            "trial": one.trial.id,
            "study": one.trial.study,
            "citation": one.trial.citation,
            "doi": one.trial.doi,
            "indication": one.trial.indication,
            "regimen": str(one.trial.regimen),
            "outcome": what(one.trial),
            "when": one.trial.when,
            "arm": one.arm,
            "setting": one.setting,
            "model": one.model,
            "conversion": one.conversion,
            "predicted": one.predicted,
            "monte_carlo_error": one.error,
            "observed": one.observed[0],
            "interval": list(one.observed[1]),
            "inside": one.inside,
            "calibrated": one.calibrated,
            "doubtful": one.trial.doubtful,
            "mark": one.trial.mark,
            "refused": one.refused,
        }
        for one in made
    ]
