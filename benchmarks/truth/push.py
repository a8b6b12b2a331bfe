"""A push against a 15-min infusion of one dose (Motov 2017): which configurations reproduce both, and why others not.

The counts are among those the default curve was fitted to, so this is a check of consistency and not of foresight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import pkpd
from benchmarks.report import aligned
from benchmarks.truth import settings as st
from benchmarks.truth.settings import ASKED, DEFAULT, Setting
from pkpd.dosing.regimen import Regimen
from pkpd.errors import PkpdError
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.observations.incidences import Incidence, side_effects

PUSH, INFUSION = "motov2017-push", "motov2017-infusion"
DIFFERENCE = (0.093, 0.595)  # 95 % interval of push less infusion, as the trial prints it
WEIGHT = "70 kg"
COURSE = (np.arange(0.0, 60.0, 0.05), "min")
COLUMNS = (
    *("setting", "site peaks, ng/mL", "ratio", "slope", "push %", "15 min %", "points", "inside", "order", "apart"),
    *("best C50", "push %", "15 min %", "inside"),
)
LEGEND = """\
slope: steepness that would turn the two peaks into the two observed shares (one person has 3.5, people together
about 1.4). inside: both arms in their exact intervals. order: push above infusion. apart: the difference in the
trial's own interval. best C50: potency that fits the two counts best under the setting, and its result. The intervals
of the arms overlap (73.0 to 74.4 %): with a potency of its own a setting can lie in both and hardly tell them apart.
*: kinetics of children, used past their limits of age and weight."""
TUNED = (10.0, 2000.0)  # ng/mL, potencies tried


@dataclass(frozen=True)
class Tried:
    """One configuration on both arms.

    push_peak, infusion_peak : highest level at the effect site of a typical person, ng/mL in racemic equivalents
    slope                    : steepness of the curve that would turn these two peaks into the two observed shares
    push, infusion           : predicted probabilities in people of 70 kg
    inside                   : whether both lie in the exact 95 % intervals of their arms
    ordered                  : whether the push comes out higher by more than 2 Monte-Carlo standard errors
    tuned                    : potency that fits the two counts best under this configuration, ng/mL
    tuned_push, tuned_infusion : the probabilities with it
    tuned_inside             : whether those lie inside
    reason                   : why it fails, or that it does not
    beyond                   : whether the kinetics were used past their limits, being those of children
    """

    setting: str
    model: str
    conversion: str
    push_peak: float = math.nan
    infusion_peak: float = math.nan
    slope: float = math.nan
    push: float = math.nan
    infusion: float = math.nan
    inside: bool = False
    ordered: bool = False
    tuned: float = math.nan
    tuned_push: float = math.nan
    tuned_infusion: float = math.nan
    tuned_inside: bool = False
    reason: str = ""
    beyond: bool = False

    @property
    def difference(self) -> float:
        """Push less infusion, predicted."""
        return self.push - self.infusion

    @property
    def apart(self) -> bool:
        """Whether that lies in the trial's own interval of the difference."""
        return DIFFERENCE[0] <= self.difference <= DIFFERENCE[1]


def arms() -> tuple[Incidence, Incidence]:
    """The two observed arms."""
    rows = {row.id: row for row in side_effects()}
    return rows[PUSH], rows[INFUSION]


def slope_needed(ratio: float, push: tuple[int, int], infusion: tuple[int, int]) -> float:
    """Steepness at which two levels give two observed shares.

    ratio          : of the levels
    push, infusion : events and total
    returns        : (logit of the one share - logit of the other) / ln(ratio); infinite where the levels are equal
    From raw counts; with Jeffreys' posteriors the slope comes out 3 % smaller.
    """
    logits = [math.log(events / (total - events)) for events, total in (push, infusion)]
    return (logits[0] - logits[1]) / math.log(ratio) if ratio > 1 else math.inf


def settings() -> tuple[Setting, ...]:
    """Those that say something of this; kinetics of children too, past their limits."""
    effects = st.chain(ASKED)
    opened = [one for one in st.OPEN if not one.background and st.touches(one, effects)]
    more = [Setting(f"half-life {text}", values={ASKED: {"equilibration": text}}) for text in ("1 min", "4 min")]
    return (Setting(DEFAULT), *more, *opened, *st.kinetics(children=True))


def score(chosen: Sequence[Setting] | None = None, subjects: int = 20_000, seed: int = 1) -> list[Tried]:
    """Both arms under every setting.

    chosen   : `settings` unless given
    subjects : virtual patients of 70 kg
    seed     : of the patients
    """
    return [_try(setting, subjects, seed) for setting in (settings() if chosen is None else chosen)]


def _try(setting: Setting, subjects: int, seed: int) -> Tried:
    observed = arms()
    try:
        made = [
            st.equipped(setting, row.regimens[0], st.changed(st.chain(ASKED), setting), row.route) for row in observed
        ]
        model, _, effects, conversion = made[0]
        regimens = {PUSH: made[0][1], INFUSION: made[1][1]}
        peaks = [_peak(model, regimen, effects[-1]) for regimen in regimens.values()]
        run = _run(model, regimens, effects[-1], subjects, seed)
    except PkpdError as cause:
        return Tried(setting.name, setting.model, "", reason=st.refusal(cause), beyond=not setting.limits)
    intervals = [row.interval or (0.0, 1.0) for row in observed]
    counts = [(row.events or 0, row.total or 0) for row in observed]
    tuned = _tuned(model, regimens, effects[-1], counts, min(subjects, 5000), seed)
    fitted = _chances(_run(model, regimens, effects[-1].with_values(C50=f"{tuned:.6g} ng/mL"), subjects, seed))
    found = _chances(run)
    apart = next(one for one in run.differences() if one.quantity == ASKED)
    slope = slope_needed(peaks[0] / peaks[1], counts[0], counts[1])
    inside = [low <= p <= high for p, (low, high) in zip(found, intervals, strict=True)]
    ordered = apart.value > 2 * apart.error
    return Tried(
        setting.name,
        model.id,
        conversion,
        peaks[0],
        peaks[1],
        slope,
        found[0],
        found[1],
        all(inside),
        ordered,
        tuned,
        fitted[0],
        fitted[1],
        all(low <= p <= high for p, (low, high) in zip(fitted, intervals, strict=True)),
        _reason(found, intervals, ordered, peaks[0] / peaks[1], slope),
        not setting.limits,
    )


def _peak(model: Model, regimen: Regimen, effect: Effect) -> float:
    """Highest level at the effect site of a typical person of 70 kg, ng/mL in racemic equivalents."""
    run = pkpd.simulate(model.with_effects(effect), regimen, None, COURSE)
    multiply = effect.driver.multiply if effect.driver is not None else None
    factor = 1.0 if multiply is None else effect.parameters[multiply].value or 1.0
    return float(factor * run[f"site of {effect.id}"].max())


def _run(model: Model, regimens: dict[str, Regimen], effect: Effect, subjects: int, seed: int) -> pkpd.Comparison:
    people = pkpd.Population(subjects, seed, WEIGHT)
    return pkpd.compare(model, regimens, people, "1 d", reference=INFUSION, effects=[effect])


def _chances(run: pkpd.Comparison) -> tuple[float, float]:
    return run.summary(PUSH, ASKED).value, run.summary(INFUSION, ASKED).value


def _tuned(
    model: Model,
    regimens: dict[str, Regimen],
    effect: Effect,
    counts: Sequence[tuple[int, int]],
    subjects: int,
    seed: int,
) -> float:
    """The potency with the largest binomial likelihood of both counts, ng/mL."""
    from scipy.optimize import minimize_scalar

    def unlikely(log_potency: float) -> float:
        potency = f"{math.exp(log_potency):.6g} ng/mL"
        chances = _chances(_run(model, regimens, effect.with_values(C50=potency), subjects, seed))
        return -sum(
            events * math.log(p) + (total - events) * math.log1p(-p)
            for p, (events, total) in zip(chances, counts, strict=True)
        )

    bounds = [math.log(limit) for limit in TUNED]
    return math.exp(minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 0.02}).x)


def _reason(
    found: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    ordered: bool,
    ratio: float,
    slope: float,
) -> str:
    """Why the configuration fails, in words, from its numbers."""
    wrong = []
    for name, p, (low, high) in zip(("push", "infusion"), found, intervals, strict=True):
        if p < low:
            wrong.append(f"{name} too rare ({100 * p:.0f} below {100 * low:.0f} %)")
        elif p > high:
            wrong.append(f"{name} too frequent ({100 * p:.0f} above {100 * high:.0f} %)")
    if not ordered:
        wrong.append("the two arms do not differ")
    if not wrong:
        return "reproduces both arms"
    return "; ".join(wrong) + f"; peaks {ratio:.2f} to 1, which would take a slope of {slope:.0f}"


def table(tried: Sequence[Tried]) -> str:
    """One line a setting, and below why each that fails does."""
    push, infusion = arms()
    words = {True: "yes", False: "no"}
    lines = [COLUMNS]
    for one in tried:
        if math.isnan(one.push):
            continue
        peaks = f"{one.push_peak:.0f} / {one.infusion_peak:.0f}"
        chances = tuple(f"{100 * p:.0f}" for p in (one.push, one.infusion, one.difference))
        held = (words[one.inside], words[one.ordered], words[one.apart])
        tuned = (f"{one.tuned:.0f}", f"{100 * one.tuned_push:.0f}", f"{100 * one.tuned_infusion:.0f}")
        ratio = f"{one.push_peak / one.infusion_peak:.2f}"
        lines.append(
            (
                one.setting + " *" * one.beyond,
                peaks,
                ratio,
                f"{one.slope:.1f}",
                *chances,
                *held,
                *tuned,
                words[one.tuned_inside],
            )
        )
    return "\n".join(
        [
            "0.3 mg/kg of the racemate as a push over 4 min against 15 min, people of 70 kg, any unreality when asked",
            f"observed {push.events} of {push.total} (exact {_span(push)} %) and {infusion.events} of {infusion.total} "
            f"({_span(infusion)} %); difference 37.5 points (9.3 to 59.5)",
            *aligned(lines),
            *(f"{one.setting}: {one.reason}" for one in tried if not (one.inside and one.ordered)),
            LEGEND,
        ]
    )


def _span(row: Incidence) -> str:
    low, high = row.interval or (0.0, 1.0)
    return f"{100 * low:.0f}-{100 * high:.0f}"


def as_json(tried: Sequence[Tried]) -> list[dict[str, Any]]:
    """One entry a setting; what is no number is null."""
    return [
        {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in (asdict(one) | {"difference": one.difference, "apart": one.apart}).items()
        }
        for one in tried
    ]
