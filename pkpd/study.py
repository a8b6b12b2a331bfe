"""Study files: a model, its effects, patients and the regimens to compare, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pkpd.arms import Given, Plan, modified_for
from pkpd.comparing import compare, equipped
from pkpd.comparison import Comparison
from pkpd.dosing.prescription import parse
from pkpd.dosing.regimen import Regimen
from pkpd.errors import ModelFileError, PkpdError, StudyError, nearest
from pkpd.guidance.values import INDICATIONS
from pkpd.model import library
from pkpd.model.effect import Effect, refuse_impossible
from pkpd.model.model import MARKS, Model, Source
from pkpd.model.modifier import Modifier
from pkpd.model.parts import refuse_impossible as refuse_numbers
from pkpd.model.parts import with_values
from pkpd.model.sections import read_id, read_origin, read_sources, read_unit
from pkpd.model.tomltext import Document, Table
from pkpd.population.people import Population
from pkpd.populationfile import placed, read_population
from pkpd.populations import load_population
from pkpd.practice.practice import Practice
from pkpd.practice.reading import read_practice
from pkpd.replicates.values import Uncertainty
from pkpd.replicates.verb import uncertainty
from pkpd.simulation import check_regimen
from pkpd.times import ticks
from pkpd.trials.reading import read_trials
from pkpd.trials.values import Treatment, Trial
from pkpd.units import parse as parse_quantity

_KEYS = (
    *("id", "kind", "title", "about", "indication", "model", "effects", "reference", "subjects", "seed", "threshold"),
    *("until", "sources", "population", "values", "facts", "practice", "arms", "trial", "further_trials"),
)
_VALUE_KEYS = ("value", "unit", "source", "mark", "note")
_ARM_KEYS = ("name", "regimen", "with", "values", "source", "mark", "note")


@dataclass(frozen=True, slots=True)
class StudyArm:
    """One arm of a study file.

    regimen      : what is given
    source, mark : where it is from and how well it is known
    note         : what was assumed
    modifiers    : that act beside it
    effects      : with values of this arm's own, in place of the study's
    """

    name: str
    regimen: Regimen
    source: str
    mark: str
    note: str
    modifiers: tuple[Modifier, ...] = ()
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class StudyValue:
    """A parameter that has another value in this study than in its own file.

    of           : such as "slow-relief.P_responder"
    value, unit  : as written
    source, mark : where it is from and how well it is known
    note         : why
    arm          : in which alone; "" for the whole study
    """

    of: str
    value: float
    unit: str
    source: str
    mark: str
    note: str
    arm: str = ""

    @property
    def label(self) -> str:
        """What it is of, with the arm."""
        return f'{self.of} of "{self.arm}"' if self.arm else self.of


@dataclass(frozen=True, slots=True)
class Fact:
    """Something found that stands beside the simulation and is not simulated."""

    text: str
    source: str
    mark: str


@dataclass(frozen=True, slots=True)
class Study:
    """A comparison as a file describes it.

    indication : what is treated, one of pkpd.guidance.INDICATIONS; None where the file does not say
    model      : with the study's own values, as far as they are of it
    effects    : with the study's own values; None where the file asks for the default configuration's as they are
    values     : what differs from the files of model and effects, in the whole study or in one arm
    facts      : told beside the simulation
    reference  : arm the others are held against
    population : virtual patients
    threshold  : plasma level for the time above it, text with its unit
    until      : end of the course, text; None for 84 days after the last end of treatment
    trial      : how the published trial was made and what it found; None where the file is no trial
    further    : other contrasts of the same trial, such as a second dose against placebo
    practice   : how far what patients get departs from the regimens, alike in every arm; None where the file has none
    """

    id: str
    title: str
    about: str
    model: Model
    effects: tuple[Effect, ...] | None
    arms: tuple[StudyArm, ...]
    reference: str | None
    population: Population
    threshold: str
    until: str | None
    sources: Mapping[str, Source]
    indication: str | None = None
    values: tuple[StudyValue, ...] = ()
    facts: tuple[Fact, ...] = ()
    trial: Trial | None = None
    further: tuple[Trial, ...] = ()
    practice: Practice | None = None

    def __repr__(self) -> str:
        trial = "" if self.trial is None else f"; a trial of {' + '.join(map(str, self.trial.patients))} patients"
        return f"Study({self.id}: {', '.join(arm.name for arm in self.arms)}; {self.model.id}{trial})"

    @property
    def regimens(self) -> dict[str, Regimen]:
        """Arm name -> regimen."""
        return {arm.name: arm.regimen for arm in self.arms}

    def _given(self) -> dict[str, Given]:
        """Every arm as the verbs take it, with all that is its own."""
        return {arm.name: (arm.regimen, *arm.modifiers, *arm.effects) for arm in self.arms}

    def _asked(self) -> dict[str, Any]:
        """What is asked of the arms, as the verbs take it."""
        return {
            "until": self.until,
            "reference": self.reference,
            "effects": self.effects,
            "threshold": self.threshold,
            "title": self.title,
            "indication": self.indication,
            "practice": self.practice,
        }

    def with_patients(self, subjects: int | None = None, seed: int | None = None) -> Study:
        """The same study with another number of patients, or another seed."""
        population = replace(
            self.population, size=subjects or self.population.size, seed=self.population.seed if seed is None else seed
        )
        return replace(self, population=population)

    def run(
        self,
        threads: int | None = None,
        progress: Callable[[float], None] | None = None,
        error: float | None = None,
    ) -> Comparison:
        """Compare the arms in the study's patients.

        threads  : how many; all cores unless given
        progress : called with the share done, 0 to 1
        error    : Monte-Carlo error up to which patients are added, as for `pkpd.compare`; None for the study's number
        """
        asked = self._asked()
        made = compare(
            self.model, self._given(), self.population, **asked, threads=threads, progress=progress, error=error
        )
        return replace(made, study=self.id)

    def uncertainty(self, **options: Any) -> Uncertainty:
        """The arms in the study's patients under what is not known of estimates and models.

        options : further ones of `pkpd.uncertainty`, such as replicates, models, scans, threads, progress
        """
        return uncertainty(self.model, self._given(), self.population, **self._asked(), study=self.id, **options)


def load_study(name: str | Path) -> Study:
    """A study of the library by name, or of the user's own by path.

    Raises UnknownName for a name that is none, StudyError for a file that is not right.
    """
    own = Path(name)
    if own.suffix == ".toml":
        return read_study(own)
    return read_study(library.study_path(str(name)))


def read_study(source: str | Path, where: str = "") -> Study:
    """A study from a file or a text.

    source : path, or TOML text
    where  : name in errors
    Raises StudyError naming file, line, key, what is allowed and the nearest word.
    """
    try:
        return _study(Document.open(source, where))
    except ModelFileError as cause:
        raise StudyError(str(cause)) from cause


def _study(document: Document) -> Study:
    top = document.top
    top.only(_KEYS)
    top.choice("kind", ["study"], why='A study has kind = "study".')
    name = read_id(top)
    sources = read_sources(top)
    model = _named(top, "model", library.names("pk") + library.names("generic"), library.load)
    arms = tuple(_arm(table, sources) for table in top.tables("arms"))
    if not arms:
        top.fail("there are no [[arms]]; each has a name, a regimen, a source and a mark.")
    names = [arm.name for arm in arms]
    if len(set(names)) < len(names):
        twice = next(number for number, name in enumerate(names) if name in names[:number])
        top.tables("arms")[twice].fail(f'two arms have the name "{names[twice]}".', "name")
    reference = top.text("reference", "") or None
    if reference is not None and reference not in names:
        top.fail(f'"{reference}" is no arm. {nearest(reference, names)}', "reference")
    threshold = top.text("threshold", "50 ng/mL")
    if not _quantity(top, "threshold", threshold, "concentration") >= 0:
        top.fail(f'"{threshold}" is not a level from 0 on.', "threshold")
    until = top.text("until", "") or None
    if until is not None:
        placed(top, "until", lambda: ticks(until))
    indication = top.choice("indication", INDICATIONS) if "indication" in top else None
    values = tuple(_value(of, table, sources) for of, table in top.each("values").items())
    model, effects = _with_values(top, name, model, _effects(top, model), values, sources)
    arms, arm_values = _with_own(top, name, model, effects, arms, sources)
    study = Study(
        name,
        top.text("title"),
        top.text("about", ""),
        model,
        effects,
        arms,
        reference,
        read_population(
            top, sources, model, library.default_effects() if effects is None else effects, load_population
        ),
        threshold,
        until,
        sources,
        indication,
        values + arm_values,
        tuple(_fact(table, sources) for table in top.tables("facts")),
        practice=read_practice(top, sources),
    )
    for arm, table in zip(arms, top.tables("arms"), strict=True):
        placed(table, "regimen", partial(check_regimen, model, arm.regimen))
        if arm.modifiers:
            own, plan = equipped(model, study.effects)[0], Plan(arm.regimen, arm.modifiers, arm.effects)
            placed(table, "with", partial(modified_for, own, plan, f'arm "{arm.name}"'))
    treatments = {arm.name: Treatment(arm.name, arm.regimen, arm.modifiers, arm.effects) for arm in arms}
    equipment = equipped(model, study.effects)[0]
    trials = read_trials(top, name, equipment, treatments, study.population, study.practice, sources)
    return replace(study, trial=trials[0] if trials else None, further=trials[1:])


def _arm(table: Table, sources: Mapping[str, Source]) -> StudyArm:
    table.only(_ARM_KEYS)
    text = table.text("regimen")
    try:
        regimen = parse(text)
    except PkpdError as cause:
        table.fail(str(cause), "regimen")
    source = table.choice("source", sources, why="It names one of [sources].")
    if not table.text("name").strip():
        table.fail("an arm needs a name.", "name")
    for given in table.texts("with"):
        if given not in library.names("modifier"):
            table.fail_unknown("modifier", given, library.names("modifier"), "with")
    modifiers = tuple(library.load_modifier(given) for given in table.texts("with"))
    mark, note = table.choice("mark", MARKS), table.text("note", "")
    return StudyArm(table.text("name"), regimen, source, mark, note, modifiers)


def _fact(table: Table, sources: Mapping[str, Source]) -> Fact:
    table.only(("text", "source", "mark"))
    return Fact(table.text("text"), *read_origin(table, sources))


def _value(of: str, table: Table, sources: Mapping[str, Source]) -> StudyValue:
    table.only(_VALUE_KEYS)
    unit = read_unit(table)[0]
    return StudyValue(of, table.number("value"), unit, *read_origin(table, sources), table.text("note", ""))


def _with_own(
    top: Table,
    study: str,
    model: Model,
    effects: tuple[Effect, ...] | None,
    arms: tuple[StudyArm, ...],
    sources: Mapping[str, Source],
) -> tuple[tuple[StudyArm, ...], tuple[StudyValue, ...]]:
    """The arms with the effects that have values of their own, and those values."""
    made: list[StudyArm] = []
    values: list[StudyValue] = []
    for arm, table in zip(arms, top.tables("arms"), strict=True):
        own = tuple(replace(_value(of, t, sources), arm=arm.name) for of, t in table.each("values").items())
        for value in own:
            if value.of.rpartition(".")[0] == model.id:
                table.table("values").fail("an arm has values of effects only; kinetics are the patients'.", value.of)
        changed = _with_values(table, study, model, effects, own, sources)[1] if own else None
        named = {value.of.rpartition(".")[0] for value in own}
        made.append(replace(arm, effects=tuple(effect for effect in changed or () if effect.id in named)))
        values += own
    return tuple(made), tuple(values)


def _with_values(
    top: Table,
    study: str,
    model: Model,
    effects: tuple[Effect, ...] | None,
    values: tuple[StudyValue, ...],
    sources: Mapping[str, Source],
) -> tuple[Model, tuple[Effect, ...] | None]:
    """Model and effects with the study's own values, each with the study's source and mark."""
    if not values:
        return model, effects
    chosen = {effect.id: effect for effect in effects or model.effects or library.default_effects()}
    for value in values:
        owner, _, parameter = value.of.rpartition(".")
        table = top.table("values")
        if owner not in (model.id, *chosen):
            table.fail_unknown("model or effect", owner, (model.id, *chosen), value.of)
        found = model if owner == model.id else chosen[owner]
        given = {parameter: (value.value, value.unit)}
        changed = placed(table, value.of, partial(with_values, found.parameters, given, owner))
        key = f"{study}, {value.source}"
        changed[parameter] = replace(changed[parameter], source=key, mark=value.mark)
        known = {**found.sources, key: sources[value.source]}
        if isinstance(found, Model):
            placed(table, value.of, partial(refuse_numbers, [changed[parameter]]))
            model = replace(found, parameters=changed, sources=known)
        else:
            chosen[owner] = replace(found, parameters=changed, sources=known)
            placed(table, value.of, partial(refuse_impossible, chosen[owner]))
    effects = tuple(chosen.values())
    placed(top, "values", lambda: replace(model, effects=()).with_effects(*effects))
    return model, effects


def _named(top: Table, key: str, allowed: list[str], load: Callable[[str], Model]) -> Model:
    given = top.text(key)
    path = Path(top.document.path).parent / given if top.document.path else Path(given)
    if given.endswith(".toml"):
        if not path.exists():
            top.fail(f'the file "{given}" does not exist beside the study.', key)
        return load(str(path))
    if given not in allowed:
        top.fail_unknown("model", given, allowed, key)
    return load(given)


def _effects(top: Table, model: Model) -> tuple[Effect, ...] | None:
    value = top.data.get("effects", "default")
    if value == "default":
        return None
    allowed = library.names("effect")
    if isinstance(value, str):
        top.fail(f'"{value}" is neither "default" nor a list of effects, such as ["fast-relief"].', "effects")
    for name in top.texts("effects"):
        if name not in allowed:
            top.fail_unknown("effect", name, allowed, "effects")
    chosen = tuple(library.load_effect(name) for name in top.texts("effects"))
    placed(top, "effects", lambda: model.with_effects(*chosen))
    return chosen


def _quantity(table: Table, key: str, text: str, dimension: str) -> float:
    return placed(table, key, lambda: parse_quantity(text, dimension))
