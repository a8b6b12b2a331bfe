"""Guidelines and harms as values: what they limit, whom they exclude, what was counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pkpd.dosing.prescription import time_text
from pkpd.guidance.described import Described
from pkpd.model.parts import Source
from pkpd.observations.counting import exact_interval

INDICATIONS = (
    "crps",
    "spinal cord injury",
    "neuropathic",
    "postherpetic neuralgia",
    "phantom limb",
    "fibromyalgia",
    "whiplash",
    "cancer",
    "ischaemic",
    "headache",
    "back",
    "pancreatitis",
    "mixed chronic pain",
    "acute",
    "perioperative",
)

VERDICTS = ("caution", "excluded")

# What a limit is of -> the dimension of its unit, a name of units.NAMED, and the words for it.
MEASURES: Mapping[str, tuple[str, str]] = {
    "bolus": ("dose per weight", "the largest bolus (given within 10 min)"),
    "infusion rate": ("dose rate per weight", "the highest infusion rate"),
    "session dose": ("dose", "the largest session"),
    "session dose per weight": ("dose per weight", "the largest session"),
    "session length": ("time", "the longest session"),
}

# Where a measure may lie outside a range.
SIDES = ("below", "above")

# How much is known, from most to least alarming.
LEVELS = ("hazard", "signal", "known", "grey", "unknown")


@dataclass(frozen=True, slots=True)
class Limit:
    """A range that a regimen's measure should lie in.

    of          : one of MEASURES
    least       : canonical; None for none
    open        : whether the measure must be above `least`, not at it
    most        : canonical; None for none
    unit        : as written, for the reader
    written     : the range in that unit, as text
    grade       : of the recommendation, "" for none
    indications : the only ones it holds for; empty for those of the guideline
    routes      : the only ones it looks at
    """

    of: str
    least: float | None
    open: bool
    most: float | None
    unit: str
    written: str
    grade: str
    indications: tuple[str, ...]
    routes: tuple[str, ...]
    source: str
    mark: str
    note: str

    def side(self, value: float) -> str:
        """Where a value lies: "below", "above" or ""; rounding is forgiven.

        value : canonical
        """
        slack = 1e-9 * abs(value)
        if self.least is not None and (value <= self.least + slack if self.open else value < self.least - slack):
            return "below"
        return "above" if self.most is not None and value > self.most + slack else ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of a guideline or of the evidence on a harm.

    of    : its topic, "" for none
    grade : of the recommendation, "" for none
    """

    of: str
    text: str
    grade: str
    source: str
    mark: str


@dataclass(frozen=True, slots=True)
class Remark(Statement):
    """What must be known of a limit that was left.

    of   : one of MEASURES, "" for every limit of the guideline
    side : on which it was left, "below" or "above"; "" for either
    """

    side: str

    def belongs(self, of: str, side: str) -> bool:
        """Whether it is told where the limit of this measure was left on this side."""
        return self.of in ("", of) and self.side in ("", side)


@dataclass(frozen=True, slots=True)
class When:
    """What must hold of a regimen; every part that is given.

    days    : treatment days in `window`, at least; 0 for any
    window  : ticks
    courses : sessions that last at least `lasting`, at least so many; 0 for any
    lasting : ticks
    within  : ticks; the courses follow one another within this time; None for any time
    """

    days: int
    window: int
    courses: int
    lasting: int
    within: int | None

    def __str__(self) -> str:
        parts = []
        if self.courses:
            close = f", each within {time_text(self.within)} of the one before" if self.within is not None else ""
            many = f"{self.courses} courses" if self.courses > 1 else "1 course"
            parts.append(f"at least {many} of at least {time_text(self.lasting)}{close}")
        if self.days:
            many = f"{self.days} treatment days" if self.days > 1 else "1 treatment day"
            parts.append(f"at least {many} in {time_text(self.window)}")
        return " and ".join(parts) or "any"

    def holds(self, described: Described) -> bool:
        """Whether a regimen is of this kind; a regimen of none is of no kind."""
        return (
            bool(described.sessions)
            and described.treatment_days(self.window) >= self.days
            and described.courses(self.lasting, self.within) >= self.courses
        )


@dataclass(frozen=True, slots=True)
class Watch:
    """What is to be watched, and under which regimens.

    grade : of the recommendation, "" for none
    """

    text: str
    when: When
    grade: str
    source: str
    mark: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a condition speaks against treatment.

    source : key; citation of the source in `citation`
    """

    text: str
    grade: str
    source: str
    mark: str
    citation: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A trait of a patient that is screened for.

    also    : other words for it
    verdict : one of VERDICTS
    """

    name: str
    also: tuple[str, ...]
    verdict: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Guideline:
    """One guideline file.

    indications : those it is written for
    default     : whether it speaks where no indication is named
    limits      : ranges of regimens
    remarks     : told once a regimen is outside a limit to which they belong
    statements  : further content
    conditions  : whom it excludes
    monitoring  : what it wants watched
    """

    id: str
    title: str
    about: str
    indications: tuple[str, ...]
    default: bool
    sources: Mapping[str, Source]
    limits: tuple[Limit, ...]
    remarks: tuple[Remark, ...]
    statements: tuple[Statement, ...]
    conditions: tuple[Condition, ...]
    monitoring: tuple[Watch, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """Patients who had a harm, of those looked at; the interval is computed, never written."""

    what: str
    events: int
    patients: int
    source: str
    mark: str

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval, fractions."""
        return exact_interval(self.events, self.patients)

    def __str__(self) -> str:
        low, high = self.interval
        share = f"{100 * self.events / self.patients:.0f} %, " if self.events else ""
        return f"{self.events} of {self.patients} ({share}exact 95 % interval {_percent(low)} to {_percent(high)} %)"


@dataclass(frozen=True, slots=True)
class Odds:
    """An odds ratio for each further treatment day; it is not told beyond `cap` days.

    per_day : ratio, above 0
    cap     : days
    """

    what: str
    per_day: float
    cap: int
    source: str
    mark: str

    def ratio(self, days: int) -> float:
        """The odds ratio after so many treatment days, at most `cap` of them counted.

        Equation: per_day ** min(days, cap).
        """
        return float(self.per_day ** min(days, self.cap))


@dataclass(frozen=True, slots=True)
class Rule:
    """What is told of a regimen of some kind.

    level : one of LEVELS
    text  : may name counts, odds, {days} and {courses} in braces
    mark  : of the thresholds in `when`
    """

    level: str
    when: When
    text: str
    source: str
    mark: str


@dataclass(frozen=True, slots=True, eq=False)
class Harm:
    """One harm file; the first of its rules that holds is told."""

    id: str
    title: str
    about: str
    sources: Mapping[str, Source]
    counts: Mapping[str, Count]
    odds: Mapping[str, Odds]
    findings: tuple[Statement, ...]
    rules: tuple[Rule, ...]

    def words(self, rule: Rule, described: Described | None = None) -> str:
        """The text of a rule for one regimen; for any regimen, N standing for its days and courses."""
        values = {name: str(count) for name, count in self.counts.items()}
        if described is None:
            ratios = {name: f"{odds.per_day:g}^N" for name, odds in self.odds.items()}
            return rule.text.format(days="N", courses="N", **values, **ratios)
        days = described.treatment_days(rule.when.window)
        ratios = {name: f"{odds.ratio(days):.2f}" for name, odds in self.odds.items()}
        courses = described.courses(rule.when.lasting, rule.when.within)
        return rule.text.format(days=days, courses=courses, **values, **ratios)


def _percent(fraction: float) -> str:
    """A share in percent: a digit after the point where the number is small."""
    percent = 100 * fraction
    return f"{percent:.0f}" if percent >= 10 or percent == 0 else f"{percent:.1f}"
