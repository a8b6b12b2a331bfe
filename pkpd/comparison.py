"""What a comparison gives back: every patient's outcome under every regimen, and its summary with both uncertainties.

The interval of a patient quantity is the 5th to 95th percentile of patients; that of a probability or of a paired mean
difference is the 95 % interval of the estimate. The Monte-Carlo standard error stands beside both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd import montecarlo
from pkpd.dosing.regimen import Regimen
from pkpd.errors import unknown
from pkpd.flags import Flag
from pkpd.individuals import Individuals
from pkpd.statistics.normal import Z95
from pkpd.statistics.two_by_two import wilson

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

NORMAL_95 = "95 % of the estimate"
PATIENTS_90 = "5th to 95th percentile of patients"
SHARES = np.array([0.05, 0.5, 0.95])

COLUMNS = (
    "regimen",
    "quantity",
    "when",
    "against",
    "value",
    "low",
    "high",
    "interval",
    "monte_carlo_error",
    "median",
    "unit",
    "patients",
    "low_error",
    "high_error",
    "median_error",
)

OF_THE_MODEL = ("limit", "conversion")  # kinds of flags that are about the simulation itself

KEPT_TO = ("doses taken", "dropped out")  # outcomes of a practice

JOINT_STATES = (
    "relief without side effect",
    "relief with side effect",
    "neither relief nor side effect",
    "side effect without relief",
)


@dataclass(frozen=True)
class Outcome:
    """One quantity of every patient under one regimen.

    name   : such as "peak S-ketamine in plasma" or "pain relief of at least 30 %"
    when   : the time it refers to, as text; "" for the whole course
    values : (subjects) in `unit`; of an event 1 where it happens, else 0
    unit   : of the values; "" for fractions and events
    event  : whether the mean is a probability
    """

    name: str
    when: str
    values: Floats
    unit: str
    event: bool = False


@dataclass(frozen=True)
class Arm:
    """One regimen of a comparison, with the outcomes of all patients.

    regimen  : as prescribed
    end      : end of treatment as prescribed, ticks; of an arm without treatment that of the first arm with one
    received : what each patient was given in practice; None where that is the regimen
    """

    name: str
    regimen: Regimen
    end: int
    individuals: Individuals
    outcomes: tuple[Outcome, ...]
    received: Sequence[Regimen] | None = None

    def __repr__(self) -> str:
        size = self.individuals.size
        return f"Arm({self.name}: {self.prescription}; {len(self.outcomes)} outcomes of {size:,} patients)"

    @property
    def prescription(self) -> str:
        """What is given, and what acts beside it, as text."""
        return f"{self.regimen}{self.individuals.model.company}"

    @property
    def given(self) -> Regimen | Sequence[Regimen]:
        """What the patients get: what each was given in practice, or else the regimen."""
        return self.regimen if self.received is None else self.received

    def outcome(self, name: str, when: str = "") -> Outcome:
        """One outcome by name and time.

        Raises UnknownName listing what there is.
        """
        for outcome in self.outcomes:
            if (outcome.name, outcome.when) == (name, when):
                return outcome
        given = f"{name} {when}".strip()
        raise unknown(f'arm "{self.name}"', "outcome", given, {f"{o.name} {o.when}".strip() for o in self.outcomes})


@dataclass(frozen=True)
class Summary:
    """One line of the table.

    value         : mean over patients, or probability
    low, high     : the interval; kind says which
    error         : Monte-Carlo standard error of the value
    median        : over patients; nan for an event
    against       : the reference regimen of a difference; "" for the quantity itself
    low_error, high_error, median_error : Monte-Carlo standard errors of percentiles of patients; nan of what is none
    """

    regimen: str
    quantity: str
    when: str
    against: str
    value: float
    low: float
    high: float
    kind: str
    error: float
    median: float
    unit: str
    subjects: int
    low_error: float = math.nan
    high_error: float = math.nan
    median_error: float = math.nan

    def __str__(self) -> str:
        """Such as "pain relief 1 week under a: 0.33 [0, 0.77] (5th to 95th percentile), ±0.012 Monte-Carlo error"."""
        what = f"{self.quantity} {self.when}".rstrip()
        against = f" against {self.against}" if self.against else ""
        unit = f" {self.unit}" if self.unit not in ("", "1") else ""
        ends = f"[{self.low:.3g}, {self.high:.3g}]{unit} ({self.kind})"
        return f"{what} under {self.regimen}{against}: {self.value:.3g} {ends}, ±{self.error:.2g} Monte-Carlo error"


def summarise(arm: Arm, outcome: Outcome) -> Summary:
    """Mean or probability of an outcome with its interval and Monte-Carlo error."""
    values, n = outcome.values, len(outcome.values)
    mean = float(values.mean())
    if outcome.event:
        low, high = (float(end) for end in wilson(values.sum(), n))
        return Summary(
            arm.name,
            outcome.name,
            outcome.when,
            "",
            mean,
            low,
            high,
            NORMAL_95,
            montecarlo.of_probability(mean, n),
            math.nan,
            outcome.unit,
            n,
        )
    found, errors = montecarlo.percentiles(values, SHARES)
    low, middle, high = found.tolist()
    low_error, middle_error, high_error = errors.tolist()
    return Summary(
        arm.name,
        outcome.name,
        outcome.when,
        "",
        mean,
        low,
        high,
        PATIENTS_90,
        montecarlo.of_mean(values),
        middle,
        outcome.unit,
        n,
        low_error,
        high_error,
        middle_error,
    )


def difference(arm: Arm, reference: Arm, outcome: Outcome, paired: bool) -> Summary:
    """Mean difference of an outcome from the reference arm, patient by patient where the patients are the same."""
    other = reference.outcome(outcome.name, outcome.when)
    n = len(outcome.values)
    if paired:
        differences = outcome.values - other.values
        value, error = float(differences.mean()), montecarlo.of_mean(differences)
        (middle,), (middle_error,) = montecarlo.percentiles(differences, np.array([0.5]))
    else:
        value = float(outcome.values.mean() - other.values.mean())
        error = math.hypot(montecarlo.of_mean(outcome.values), montecarlo.of_mean(other.values))
        middle, middle_error = math.nan, math.nan
    return Summary(
        arm.name,
        outcome.name,
        outcome.when,
        reference.name,
        value,
        value - Z95 * error,
        value + Z95 * error,
        NORMAL_95,
        error,
        math.nan if outcome.event else float(middle),
        outcome.unit,
        n,
        median_error=math.nan if outcome.event else float(middle_error),
    )


def _runs(numbers: list[int]) -> str:
    """Ascending numbers as text, three or more in a row as "3-5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)


@dataclass(frozen=True)
class Comparison:
    """Regimens compared in virtual patients.

    arms      : in the order given
    reference : name of the arm the others are held against
    paired    : whether every arm has the same patients
    analyte   : the analyte whose plasma levels are summarised; "" where the model has several and none is S-ketamine
    threshold : of the time above it, mg/L
    horizon   : end of the simulated course, ticks
    joint     : relief (fraction), when, and side effect of the four joint states; None without both
    notes     : what a reader must know: effects left out, whose thresholds they are
    title     : of tables and figures
    seed      : of the patients
    flags     : limits passed, guidelines left, harms to mind: each of an arm by name, or of all where that is ""
    study     : id of the study whose regimens they are; "" for those of a script
    """

    arms: tuple[Arm, ...]
    reference: str
    paired: bool
    analyte: str
    threshold: float
    horizon: int
    joint: tuple[float, str, str] | None
    notes: tuple[str, ...]
    title: str = ""
    seed: int = 1
    flags: tuple[Flag, ...] = ()
    study: str = ""

    def __repr__(self) -> str:
        flags = f"; flags: {len(self.flags)}" if self.flags else ""
        return f"Comparison({', '.join(arm.name for arm in self.arms)}; {self.subjects} patients{flags})"

    @property
    def subjects(self) -> int:
        """Patients in each arm."""
        return self.arms[0].individuals.size

    def arm(self, name: str) -> Arm:
        """One arm by name."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise unknown("comparison", "regimen", name, [arm.name for arm in self.arms])

    def remarks(self) -> list[tuple[Flag, tuple[str, ...]]]:
        """The flags, each with the arms it is of: one that says the same of several arms stands once.

        returns : limits passed and conversions first, in the order of `flags`
        """
        found: dict[tuple[str, str, str], list[Flag]] = {}
        for flag in sorted(self.flags, key=lambda flag: flag.kind not in OF_THE_MODEL):
            found.setdefault((flag.kind, flag.text, flag.source), []).append(flag)
        return [(same[0], tuple(flag.of for flag in same if flag.of)) for same in found.values()]

    def marked(self, arm: str, short: bool = False) -> str:
        """An arm's name, with the numbers of its flags in `footnotes` where it has some: "push (!1,3-5)".

        short : only with the numbers of limits passed and conversions; "push (!)" where it has other flags alone
        """
        own = [(number, flag) for number, (flag, arms) in enumerate(self.remarks(), start=1) if arm in arms]
        numbers = [number for number, flag in own if not short or flag.kind in OF_THE_MODEL]
        return f"{arm} (!{_runs(numbers)})" if own else arm

    def footnotes(self, short: bool = False) -> list[str]:
        """Every flag with its number, the arms it is of, and where it comes from.

        short : only limits passed and conversions, and how many others there are
        """
        notes, others = [], 0
        for number, (flag, arms) in enumerate(self.remarks(), start=1):
            if short and flag.kind not in OF_THE_MODEL:
                others += 1
                continue
            of = "" if len(arms) in (0, len(self.arms)) else f"{'; '.join(arms)}: "
            notes.append(f"(!{number}) {of}{flag.text} [{flag.source}]")
        if others:
            notes.append(f"(!) Guidelines and harms, in the table's flags: {others} remark{'s' if others > 1 else ''}.")
        return notes

    def summaries(self) -> list[Summary]:
        """Every outcome of every arm."""
        return [summarise(arm, outcome) for arm in self.arms for outcome in arm.outcomes]

    def differences(self, reference: str | None = None) -> list[Summary]:
        """Every outcome of every other arm against a reference arm, as far as that has it too.

        reference : name of an arm; that of the comparison unless given
        """
        held = self.arm(reference or self.reference)
        known = {(outcome.name, outcome.when) for outcome in held.outcomes}
        return [
            difference(arm, held, outcome, self.paired)
            for arm in self.arms
            if arm is not held
            for outcome in arm.outcomes
            if (outcome.name, outcome.when) in known
        ]

    def summary(self, regimen: str, quantity: str, when: str = "") -> Summary:
        """One line of the table by regimen, quantity and time."""
        arm = self.arm(regimen)
        return summarise(arm, arm.outcome(quantity, when))

    def table(self) -> pandas.DataFrame:
        """The whole table as a pandas frame: summaries, then differences from the reference."""
        import pandas

        return pandas.DataFrame([dict(zip(self.columns, row, strict=True)) for row in self.rows()])

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table: COLUMNS and, where something is flagged, the flags of each line's arms."""
        return (*COLUMNS, "flags") if self.flags else COLUMNS

    def rows(self) -> list[tuple[str | float | int, ...]]:
        """The lines of the table in the order of `columns`: summaries, then differences from the reference."""
        return [
            (
                s.regimen,
                s.quantity,
                s.when,
                s.against,
                s.value,
                s.low,
                s.high,
                s.kind,
                s.error,
                s.median,
                s.unit,
                s.subjects,
                s.low_error,
                s.high_error,
                s.median_error,
                *([self._flags_of(s.regimen, s.against)] if self.flags else []),
            )
            for s in [*self.summaries(), *self.differences()]
        ]

    def _flags_of(self, *arms: str) -> str:
        """The flags of some arms and of all, as one text."""
        return " | ".join(str(flag) for flag in self.flags if flag.of in ("", *arms))

    def plot(self, *panels: str) -> Any:
        """A matplotlib figure: all panels, or those named: "plasma", "side effects", "relief", "states"."""
        from importlib import import_module

        return import_module("pkpd.plot.comparison").draw(self, *panels)
