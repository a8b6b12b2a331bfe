"""Observed incidences of side effects against predicted probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pkpd
from benchmarks.report import aligned
from benchmarks.truth import settings as st
from benchmarks.truth.settings import DEFAULT, SEED, Setting, people_of
from pkpd.errors import PkpdError
from pkpd.observations.incidences import Incidence, side_effects
from pkpd.times import TICKS_PER_HOUR

SUBJECTS = 10_000
WATCHED = 24.0  # h after the last dose


@dataclass(frozen=True)
class Score:
    """One observed incidence under one setting.

    model      : kinetics
    conversion : what was converted for it, in words
    predicted  : probability that a patient ever has it; None where refused
    error      : its Monte-Carlo standard error
    by_regimen : the same for each of the regimens pooled in the row
    refused    : why there is no prediction; "" where there is one
    """

    incidence: Incidence
    setting: str
    model: str = ""
    conversion: str = ""
    predicted: float | None = None
    error: float | None = None
    by_regimen: tuple[float, ...] = ()
    refused: str = ""

    @property
    def inside(self) -> bool | None:
        """Whether the prediction lies in the exact 95 % interval of what was observed; None where either is missing."""
        interval = self.incidence.interval
        if self.predicted is None or interval is None:
            return None
        return interval[0] <= self.predicted <= interval[1]

    @property
    def off(self) -> float | None:
        """Predicted less observed."""
        observed = self.incidence.observed
        return None if self.predicted is None or observed is None else self.predicted - observed

    @property
    def counts(self) -> bool:
        """Whether it goes into the score: predicted, with an interval, and not what the effect was calibrated to."""
        return self.incidence.scored == "yes" and self.inside is not None


def score(
    rows: Sequence[Incidence] | None = None,
    settings: Sequence[Setting] | None = None,
    subjects: int = SUBJECTS,
    seed: int = SEED,
) -> list[Score]:
    """Predict every row that can be, under every setting that says anything of it.

    rows     : those of the library unless given
    settings : the default first; all of `settings.settings` unless given
    subjects : virtual patients for each prediction
    seed     : of the patients
    """
    found = []
    for row in side_effects() if rows is None else rows:
        if row.scored == "no":
            continue
        for setting in st.settings() if settings is None else settings:
            made = _score(row, setting, subjects, seed)
            if made is not None:
                found.append(made)
    return found


def _score(row: Incidence, setting: Setting, subjects: int, seed: int) -> Score | None:
    """One row under one setting; None where the setting says nothing of it."""
    try:
        effects = st.chain(row.endpoint)
    except PkpdError:
        if setting.name != DEFAULT:
            return None
        return Score(row, setting.name, refused=f'the library has no effect "{row.endpoint}"')
    route = row.route or row.regimens[0].routes[0]
    silent = not st.touches(setting, effects, row.control) or st.is_default(setting, route)
    if setting.name != DEFAULT and silent:
        return None
    people = people_of(row.weight_kg, row.age_y, subjects, seed)
    chances, model, conversion = [], "", ""
    try:
        for regimen in row.regimens:
            used, given, driven, conversion = st.equipped(
                setting, regimen, st.changed(effects, setting, row.control), route
            )
            model = used.id
            until = (regimen.end / TICKS_PER_HOUR + WATCHED, "h")
            run = pkpd.compare(used, {"drug": given}, people, until, effects=driven)
            chances.append(run.summary("drug", row.endpoint).value)
    except PkpdError as cause:
        return Score(row, setting.name, model, refused=st.refusal(cause))
    mean = sum(chances) / len(chances)
    return Score(row, setting.name, model, conversion, mean, math.sqrt(mean * (1 - mean) / subjects), tuple(chances))


def verdict(made: Score) -> str:
    """In a word, for a table."""
    if made.refused:
        return "not predicted"
    if made.incidence.scored == "calibrated":
        return "calibrated" if made.inside is None else "calibrated, inside" if made.inside else "calibrated, OUTSIDE"
    return "inside" if made.inside else "OUTSIDE"


def percent(value: float | None) -> str:
    """A share in per cent; one digit below 10."""
    if value is None:
        return "-"
    return f"{100 * value:.{1 if value < 0.0995 else 0}f}"


def table(made: Sequence[Score]) -> str:
    """The default configuration row by row, by endpoint, and all settings beside it."""
    default = [one for one in made if one.setting == DEFAULT]
    lines = [("endpoint", "observation", "predicted %", "observed %", "exact 95 %", "of", "verdict")]
    for one in sorted(default, key=lambda s: s.incidence.endpoint):
        row = one.incidence
        pooled = f" ({percent(min(one.by_regimen))}-{percent(max(one.by_regimen))})" if len(one.by_regimen) > 1 else ""
        interval = "-" if row.interval is None else f"{percent(row.interval[0])}-{percent(row.interval[1])}"
        total = "-" if row.total is None else str(row.total)
        lines.append(
            (
                row.endpoint,
                row.id,
                percent(one.predicted) + pooled,
                percent(row.observed),
                interval,
                total,
                verdict(one),
            )
        )
    error = max((one.error or 0.0 for one in default), default=0.0)
    text = [
        "Side effects, default configuration: probability that a patient ever has it "
        f"(Monte-Carlo error at most {100 * error:.1f} points)",
        *aligned(lines),
    ]
    text += [f"{one.incidence.id}: {one.refused}" for one in default if one.refused]
    text += ["", "By endpoint, rows not used to make the effect", *aligned(_summary(default, "endpoint"))]
    text += ["", "By setting, the same rows and those calibrated", *aligned(_summary(made, "setting"))]
    return "\n".join(text)


def _summary(made: Sequence[Score], by: str) -> list[tuple[str, ...]]:
    """Rows, inside and mean distance of what counts; rows and inside of what was calibrated."""
    lines = [(by, "rows", "inside", "mean distance, points", "calibrated", "inside")]
    keys = dict.fromkeys(one.setting if by == "setting" else one.incidence.endpoint for one in made)
    for key in keys if by == "setting" else sorted(keys):
        here = [one for one in made if key == (one.setting if by == "setting" else one.incidence.endpoint)]
        counted = [one for one in here if one.counts]
        fitted = [one for one in here if one.incidence.scored == "calibrated" and one.inside is not None]
        if not (counted or fitted):
            continue
        distance = sum(abs(one.off or 0.0) for one in counted) / len(counted) if counted else math.nan
        lines.append(
            (
                key,
                str(len(counted)),
                str(sum(bool(one.inside) for one in counted)),
                "-" if math.isnan(distance) else f"{100 * distance:.0f}",
                str(len(fitted)),
                str(sum(bool(one.inside) for one in fitted)),
            )
        )
    return lines


def as_json(made: Sequence[Score]) -> list[dict[str, Any]]:
    """Every prediction, for other programs to read."""
    return [
        {
            "observation": one.incidence.id,
            "study": one.incidence.study,
            "citation": one.incidence.citation,
            "endpoint": one.incidence.endpoint,
            "regimens": [str(regimen) for regimen in one.incidence.regimens],
            "setting": one.setting,
            "model": one.model,
            "conversion": one.conversion,
            "predicted": one.predicted,
            "monte_carlo_error": one.error,
            "by_regimen": list(one.by_regimen),
            "observed": one.incidence.observed,
            "exact_interval": None if one.incidence.interval is None else list(one.incidence.interval),
            "total": one.incidence.total,
            "inside": one.inside,
            "scored": one.incidence.scored,
            "used_by": list(one.incidence.used_by),
            "mark": one.incidence.mark,
            "refused": one.refused,
        }
        for one in made
    ]
