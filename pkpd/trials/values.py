"""A trial as a value: who is compared with what, who may enter, how it is conducted, what is measured and was found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pkpd.dosing.regimen import Regimen
from pkpd.errors import SimulationError, StudyError, nearest, unknown
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.model.modifier import Modifier
from pkpd.model.parts import Source
from pkpd.population.criteria import meets
from pkpd.population.people import PLAIN, Population
from pkpd.practice.practice import Practice
from pkpd.times import TICKS_PER_HOUR
from pkpd.trials.conduct import Conduct

DESIGNS = ("parallel", "crossover", "single arm")

# What an endpoint may be -> whether it is counted (True) or averaged.
ENDPOINTS: Mapping[str, bool] = {
    **{"pain score": False, "pain relief": False},
    **{"relief": True, "fall": True, "side effect": True},
}

ANALYSES: Mapping[str, tuple[str, ...]] = {
    "parallel, averaged": ("t test", "Welch", "ANCOVA"),
    "parallel, counted": ("Fisher", "chi-square"),
    "crossover, averaged": ("periods", "paired t", "mixed model"),
    "crossover, counted": ("McNemar",),
    "single arm, averaged": ("",),
    "single arm, counted": ("",),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is measured, when, and how it is analysed.

    kind      : "pain score" or "pain relief" (a fraction of the pain before), averaged over patients; "relief" (of at
                least `threshold` of the pain before), "fall" (by at least `threshold` points) or "side effect" (ever
                under treatment), counted
    when      : ticks after the end of treatment
    until     : None; or ticks after the end of treatment up to which the daily scores from `when` on are averaged
    threshold : fraction for "relief", points for "fall"; None for the others
    used      : whether the models were made from what the trial says in words
    source, mark : where the words are from; "" without them
    of        : the effect of a "side effect", such as "psychotomimetic-asked"; "" for the others
    analysis  : one of ANALYSES that fits the trial's design
    observed  : what the published trial found; None where it gives no number
    words     : what it says in words
    significant : whether it says that the difference was significant, P < 0.05; None where it does not say
    """

    kind: str
    when: int
    until: int | None = None
    threshold: float | None = None
    analysis: str = ""
    observed: Published | None = None
    words: str = ""
    significant: bool | None = None
    of: str = ""
    used: bool = False
    source: str = ""
    mark: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ENDPOINTS:
            raise StudyError(f'endpoint: kind "{self.kind}" is not known. {nearest(self.kind, ENDPOINTS)}')
        if (self.kind == "side effect") != bool(self.of):
            raise StudyError(
                f'endpoint "{self.kind}": a side effect, and no other endpoint, names its effect with `of`.'
            )
        most = {"relief": 1, "fall": 10}.get(self.kind)
        if most is not None and (self.threshold is None or not 0 < self.threshold <= most):
            given = (
                "no threshold is given" if self.threshold is None else f"a threshold of {self.threshold:g} does not fit"
            )
            raise StudyError(
                f'endpoint "{self.kind}": {given}. "relief" needs a fraction '
                'above 0 and up to 1, "fall" points above 0 and up to 10.'
            )
        if most is None and self.threshold is not None:
            raise StudyError(f'endpoint "{self.kind}": it has no threshold.')
        if self.when < 0:
            raise StudyError(f'endpoint "{self.kind}": a time before the end of treatment cannot be a visit.')
        if self.until is not None and self.until <= self.when:
            raise StudyError(f'endpoint "{self.kind}": `until` is not after `when`.')
        low, high = (0.0, 10.0) if self.kind == "pain score" else (-1.0, 1.0)
        for arm in (self.observed.drug, self.observed.control) if self.observed is not None else ():
            if arm is not None and isinstance(arm, Counts) != self.counted:
                wanted = "counts of patients" if self.counted else "means"
                raise StudyError(f'endpoint "{self.kind}": what was found is given as {wanted}, not as {arm}.')
            if isinstance(arm, Mean) and not low <= arm.value <= high:
                raise StudyError(
                    f'endpoint "{self.kind}": a mean of {arm.value:g} was found, which lies outside {low:g} to '
                    f"{high:g}{' points' if high == 10 else ', the fractions'}."
                )

    @property
    def made_from(self) -> bool:
        """Whether the models were made from what was found, so that agreement is no test."""
        return self.used or (self.observed is not None and self.observed.used)

    @property
    def read_from(self) -> tuple[str, str]:
        """Where what was found is from: source and mark; "" where nothing was found."""
        return (self.source, self.mark) if self.observed is None else (self.observed.source, self.observed.mark)

    @property
    def counted(self) -> bool:
        """Whether patients are counted rather than averaged."""
        return ENDPOINTS[self.kind]

    @property
    def visits(self) -> tuple[int, ...]:
        """Ticks after the end of treatment at which scores are taken: one, or daily ones that are averaged."""
        if self.until is None:
            return (self.when,)
        day = 24 * TICKS_PER_HOUR
        return (*range(self.when, self.until, day), self.until)

    @property
    def name(self) -> str:
        """What is measured, in words."""
        if self.kind == "relief":
            return f"relief of at least {self.threshold:.0%}"
        if self.kind == "fall":
            return f"a fall of at least {self.threshold:g} points"
        return self.of or self.kind

    @property
    def unit(self) -> str:
        """Of the value of one arm: "points" or "" for a fraction or a share."""
        return "points" if self.kind == "pain score" else ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Patients with an event, of how many."""

    events: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.events <= self.total or self.total < 1:
            raise StudyError(f"{self.events} of {self.total} patients cannot be.")


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of patients and its standard error; nan where the source gives none."""

    value: float
    error: float
    patients: int | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise StudyError(f"a mean of {self.value} is no number.")
        if not (math.isnan(self.error) or 0 <= self.error < math.inf):
            raise StudyError(f"a standard error of {self.error:g} cannot be. Give one from 0 on, or none.")
        if self.patients is not None and self.patients < 1:
            raise StudyError(f"a mean of {self.patients} patients cannot be. Give a whole number from 1 on.")


@dataclass(frozen=True, slots=True)
class Published:
    """What a published trial found.

    drug, control : Counts for a counted endpoint, Mean for an averaged one; control is None without one
    source, mark  : where it is from
    used          : whether the models were made from it, so that agreement is no test
    """

    drug: Counts | Mean
    control: Counts | Mean | None
    source: str
    mark: str
    used: bool = False


@dataclass(frozen=True, slots=True)
class Treatment:
    """One arm: its name, what is given, the modifiers beside it, and effects with values of its own."""

    name: str
    regimen: Regimen
    modifiers: tuple[Modifier, ...] = ()
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Enrichment:
    """Only those enter who respond to a test dose, given so long before that nothing of it is left.

    regimen : the test dose
    when    : ticks after its end
    relief  : least relief as measured, fraction of the pain before
    """

    regimen: Regimen
    when: int
    relief: float

    def __post_init__(self) -> None:
        if self.regimen.is_empty:
            raise StudyError("enrichment: the test dose is empty. Give a regimen.")
        if not 0 < self.relief <= 1:
            raise StudyError(f"enrichment: a relief of {self.relief:g} is not a fraction above 0 and up to 1.")
        if self.when < 0:
            raise StudyError("enrichment: the response is looked at after the end of the test dose.")


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial of one treatment against another, or of one alone.

    id, title  : of the study; "" where there is none
    model      : with the effects to compute; the effect "baseline-pain" carries the patients' pain before
    drug       : the treatment whose effect is asked for
    control    : what it is held against; None for a single arm
    design     : one of DESIGNS
    patients   : analysed per arm: (drug, control); of a cross-over or a single arm (all,)
    endpoints  : the first is the primary one
    population : who the patients are: covariates and seed; its size is not used
    conduct    : entry, noise, unblinding, drop-out
    enrichment : a test dose that patients must respond to; None for unselected patients
    criteria   : entry criteria beside the pain score, such as "age 18 to 75 year" or "no pregnancy"; the population
                 says what is known of its people
    sources    : key -> publication
    note       : what was assumed of the design
    practice   : what patients get of what is prescribed, in every arm; None for all of it. A test dose is given in full
    follow_up  : ticks after the end of treatment until which those leave who do; None for the last visit
    """

    model: Model
    drug: Treatment
    control: Treatment | None
    design: str
    patients: tuple[int, ...]
    endpoints: tuple[Endpoint, ...]
    population: Population
    conduct: Conduct
    enrichment: Enrichment | None = None
    criteria: tuple[str, ...] = ()
    id: str = ""
    title: str = ""
    sources: Mapping[str, Source] = field(default_factory=dict)
    note: str = ""
    practice: Practice | None = None
    follow_up: int | None = None

    def is_made_from(self, endpoint: Endpoint) -> bool:
        """Whether models were made from what was found at an endpoint; of one told in words, from the patients'."""
        others = [endpoint] if endpoint.observed is not None else [endpoint, *self.endpoints]
        return any(one.made_from for one in others)

    @property
    def is_published(self) -> bool:
        """Whether anything was found, as a number or in words; else the trial is planned."""
        return any(one.observed is not None or one.words or one.significant is not None for one in self.endpoints)

    def __post_init__(self) -> None:
        if self.design not in DESIGNS:
            raise StudyError(f'trial: design "{self.design}" is not known. {nearest(self.design, DESIGNS)}')
        if (self.control is None) != (self.design == "single arm"):
            raise StudyError("trial: a single arm has no control, and the other designs need one.")
        wanted = 2 if self.design == "parallel" else 1
        if len(self.patients) != wanted:
            given = ", ".join(map(str, self.patients)) or "nothing"
            raise StudyError(
                f"trial: patients are given as {given}. A parallel trial has two numbers, one for each arm, another "
                "design one."
            )
        for count, arm in zip(self.patients, ("drug", "control"), strict=False):
            if isinstance(count, bool) or not isinstance(count, int) or count < (2 if self.control else 1):
                name = self.drug.name if arm == "drug" else self.control.name if self.control else ""
                raise StudyError(
                    f'trial: the arm "{name}" has {count} patients. An arm needs a whole number of at least '
                    f"{2 if self.control else 1}."
                )
        if not self.endpoints:
            raise StudyError("trial: it has no endpoint. Give at least one.")
        if self.population.subjects is not None:
            raise StudyError(
                f"trial: the population has {self.population.size:,} patients of its own, by number, and every trial "
                'draws others. Give who may enter as criteria, such as ["weight above 110 kg"], and people without '
                "`subjects`."
            )
        if self.control is not None and _numbers(self.drug.effects) != _numbers(self.control.effects):
            raise StudyError(
                f'trial: the arms "{self.drug.name}" and "{self.control.name}" have effects with different values, so '
                "that they are different patients. Patients are allocated at random: give both arms the same values."
            )
        if self.design == "crossover" and self.horizon > round(self.conduct.washout * TICKS_PER_HOUR):
            raise StudyError(
                f"trial: the last visit is {self.horizon / TICKS_PER_HOUR:g} h after the end of treatment, and the "
                f"second period begins after {self.conduct.washout:g} h. Give a longer washout, or earlier visits."
            )
        if self.follow_up is not None and self.follow_up < self.horizon:
            raise StudyError(
                f"trial: the last visit is {self.horizon / TICKS_PER_HOUR:g} h after the end of treatment, and the "
                f"follow_up of {self.follow_up / TICKS_PER_HOUR:g} h ends before it. Give a longer follow_up."
            )
        if self.drug.regimen.is_empty:
            raise StudyError(f'trial: the arm "{self.drug.name}" has no treatment. The drug arm needs one.')
        for endpoint in self.endpoints:
            fitting = ANALYSES[f"{self.design}, {'counted' if endpoint.counted else 'averaged'}"]
            if endpoint.analysis and endpoint.analysis not in fitting:
                raise StudyError(
                    f'trial: the analysis "{endpoint.analysis}" does not fit {endpoint.name} in a design '
                    f'"{self.design}". {nearest(endpoint.analysis, fitting)}'
                )
        if self.population.draws != PLAIN:
            raise StudyError(
                "trial: patients whose draws lie evenly are not independent of each other, which the analysis of a "
                'trial takes them to be. Give the population draws="plain".'
            )
        known = {effect.id for effect in self.model.effects if effect.role == "side effect"}
        for endpoint in self.endpoints:
            if endpoint.of and endpoint.of not in known:
                raise unknown("trial endpoint", "side effect", endpoint.of, known)
        one = replace(self.population, size=1, subjects=None)
        for criterion in self.criteria:
            meets(one, criterion, {"baseline pain": np.zeros(1)})
        if not any(effect.role == "baseline" for effect in self.model.effects):
            raise SimulationError(
                f"trial: the model {self.model.id} has no effect of pain before treatment, so it has no pain score. "
                'Attach one, such as "baseline-pain".'
            )

    @property
    def enrolled(self) -> int:
        """Patients in one trial."""
        return sum(self.patients)

    @property
    def horizon(self) -> int:
        """Ticks from the end of treatment to the last visit."""
        return max(max(endpoint.visits) for endpoint in self.endpoints)

    @property
    def followed(self) -> int:
        """Ticks after the end of treatment until which those leave who do."""
        return self.horizon if self.follow_up is None else self.follow_up

    def analysis_of(self, endpoint: Endpoint) -> str:
        """How an endpoint is analysed: as it says, else the first that fits."""
        return endpoint.analysis or ANALYSES[f"{self.design}, {'counted' if endpoint.counted else 'averaged'}"][0]


def _numbers(effects: tuple[Effect, ...]) -> dict[tuple[str, str], float | None]:
    """(effect, parameter) -> value."""
    return {(effect.id, name): one.value for effect in effects for name, one in effect.parameters.items()}
