"""The verb: several regimens in the same virtual patients -> a Comparison."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd import capacity, enough, validity
from pkpd.arms import Given, modified_for, notes_of, planned
from pkpd.company import notes_of_patients
from pkpd.comparison import Arm, Comparison
from pkpd.dosing.prescription import time_text
from pkpd.dosing.regimen import Regimen
from pkpd.enough import Farthest
from pkpd.errors import SimulationError, UnknownName, unknown
from pkpd.flags import Flag
from pkpd.guidance import judging
from pkpd.guidance.reading import check_indication
from pkpd.individuals import Individuals
from pkpd.model.effect import Effect
from pkpd.model.expressions import named
from pkpd.model.library import DEFAULT_MODEL, default_effects
from pkpd.model.model import Model
from pkpd.montecarlo import EVEN_DRAWS
from pkpd.outcomes import END, RELIEF_TIMES, WEEK, Asked, keeping, outcomes
from pkpd.population.people import PLAIN, Population
from pkpd.practice.practice import Practice
from pkpd.result import Result
from pkpd.simulation import check_subjects, concentrations, form_of, individuals, practised, raised
from pkpd.solving import Tolerance
from pkpd.times import TICKS_PER_HOUR, ticks
from pkpd.units import parse

Floats = NDArray[np.float64]
Progress = Callable[[float], None]

JOINT = (0.3, "1 week", "psychotomimetic-asked")
AFTER_LAST_END = 12 * WEEK
MANY = 200_000  # patients of all arms together, from whom on the memory they need is looked at first
STREAMED = (
    "pkpd.percentiles sums up any number of patients in memory that does not grow with them; pkpd.forecast tells "
    "beforehand what a run takes."
)


def compare(
    model: Model,
    regimens: Mapping[str, Given],
    subjects: Population | int | Mapping[str, Any] = 1000,
    until: Any = None,
    *,
    seed: int | None = None,
    reference: str | None = None,
    effects: Sequence[Effect] | None = None,
    threshold: Any = "50 ng/mL",
    joint: tuple[float, str, str] | None = None,
    paired: bool = True,
    tolerance: Tolerance | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    title: str = "",
    indication: str | None = None,
    practice: Practice | None = None,
    error: float | None = None,
    at_most: int = 100_000,
) -> Comparison:
    """Compare regimens in the same virtual patients.

    model     : kinetic model; its own effects are used where it has some
    regimens  : name -> Regimen or prescription text, or a tuple of it and modifiers ("20 mg oral", "ticlopidine"), and
                effects that take the place of those of the same name in this arm, such as those of another indication;
                "no treatment" is an arm too, and takes the end of treatment of the first arm that has one
    subjects  : Population, number of patients, or parameter table; "auto" for as many patients as `error` needs
    until     : end of the course, text with its unit; 84 days after the last end of treatment unless given
    seed      : of the patients; 1 unless given, or the population's own
    reference : arm the others are held against; the last arm without treatment, else the first arm, unless given
    effects   : effects to compute; those of the model, else the default configuration's, unless given
    threshold : plasma level for the time above it
    joint     : relief (fraction of baseline), when, and side effect of the four joint states; JOINT unless given, and
                none where its side effect is not among the effects
    paired    : the same patients in every arm; False draws others for each
    tolerance : how exactly outcomes are solved that have no exact solution
    threads   : how many; all cores unless given
    progress  : called with the share done, 0 to 1
    title     : of tables and figures
    indication : what is treated, one of pkpd.guidance.INDICATIONS; where it is given, or a regimen takes 72 h or more,
                guidelines left and harms to mind are among the flags
    practice  : how far what patients get departs from the regimens, alike in every arm; relief is still scored from the
                end of treatment as prescribed
    error     : Monte-Carlo standard error up to which patients are added to the population: of every probability and
                fraction, and of every other mean as a share of its size (of the standard deviation between patients,
                where that is larger), differences included; 0.01 under subjects="auto" unless given
    at_most   : how many patients that may take; whether it was enough stands in the notes
    returns   : Comparison; of as many patients as were needed it is the same as of that number given at once
    Raises a PkpdError for anything that does not fit, before anything runs.
    """
    again = partial(
        compare,
        model,
        regimens,
        until=until,
        reference=reference,
        effects=effects,
        threshold=threshold,
        joint=joint,
        paired=paired,
        tolerance=tolerance,
        threads=threads,
        title=title,
        indication=indication,
        practice=practice,
    )
    people = enough.people_for(subjects, seed, error)
    if people is not None:
        allowed = enough.ERROR if error is None else error
        found, note = enough.until_enough(
            lambda size: again(replace(people, size=size), progress=progress),
            lambda made: _farthest(made, allowed),
            allowed,
            at_most,
        )
        return replace(found, notes=(*found.notes, note))
    if not isinstance(regimens, Mapping):
        raise SimulationError(f"compare: regimens are given as name -> prescription, not as {str(regimens)[:40]}.")
    if not isinstance(model, Model):
        raise SimulationError(f"model: {model!r} is not one. Load it first, with pkpd.load or pkpd.read_model.")
    if not regimens:
        raise SimulationError("compare: no regimens. Give at least one, name -> prescription.")
    wanted = {name: planned(given, f'regimen "{name}"') for name, given in regimens.items()}
    plans = {name: plan.regimen for name, plan in wanted.items()}
    check_indication(indication, "compare")
    held = _reference(plans, reference)
    model, notes = equipped(model, effects)
    models = {name: modified_for(model, plan, f'regimen "{name}"') for name, plan in wanted.items()}
    level = parse(threshold, "concentration", "threshold")
    if not 0 <= level < np.inf:
        raise SimulationError(f"threshold: {threshold!r} is not a level from 0 on.")
    analyte = _analyte(model)
    ends = _ends(plans)
    horizon = max(ends.values()) + AFTER_LAST_END if until is None else ticks(until, "until")
    asked = Asked(horizon, analyte, level, _joint(model, joint))
    size = capacity.count_of(subjects)
    if size * len(plans) >= MANY:
        need = capacity.memory_of(lambda some: again(capacity.first_of(subjects, some)), size)
        capacity.refuse("compare", need, size, len(plans), STREAMED)
    usual = next((form_of(regimen) for regimen in plans.values() if not regimen.is_empty), "")
    patients = _patients(model, subjects, seed, usual)
    each: list[Individuals] = []
    for number, (name, regimen) in enumerate(plans.items()):
        form = usual if regimen.is_empty else form_of(regimen)
        same = models[name] is model and (form == usual or not patients.variants)
        own = patients if same else _patients(models[name], subjects, seed, form)
        each.append(own if paired else _others(models[name], subjects, seed, number, own, form))
        check_subjects(each[-1], regimen, f'regimen "{name}"')
        validity.refuse(each[-1], regimen, f'regimen "{name}"')
    given = [practised(own, regimen, practice) for own, regimen in zip(each, plans.values(), strict=True)]
    arms: list[Arm] = []
    flags: list[Flag] = []
    for number, ((name, regimen), own) in enumerate(zip(plans.items(), each, strict=True)):
        done = _Done(own.size, number, len(plans), progress)
        got = given[number]
        made = outcomes(own, got, ends[name], asked, tolerance, threads, done)
        if practice is not None:
            made += keeping(practice, own, regimen)
        arms.append(Arm(name, regimen, ends[name], own, made, None if isinstance(got, Regimen) else got))
        flags += raised(own, regimen, np.array([horizon]), {}, of=name, given=got, tolerance=tolerance, threads=threads)
        if model.drug == "ketamine" and (indication or judging.is_long(regimen)):
            flags += judging.flags(regimen, max(1.0, round(float(np.median(own.weight)))), indication, name)
        if progress is not None:
            progress((number + 1) / len(plans))
    if practice is not None:
        notes.append(
            f"In practice, in every arm: {practice}. The dose strip, prescriptions and ends of treatment are as "
            "prescribed; levels, effects and cumulative doses as given."
        )
    notes += notes_of(models, wanted) + notes_of_patients(each) + _clocks(arms, held) + _before_it_acts(arms)
    if isinstance(subjects, Population) and subjects.draws != PLAIN:
        notes.append(EVEN_DRAWS)
    told, seen = tuple(notes), tuple(flags)
    return Comparison(tuple(arms), held, paired, analyte, level, horizon, asked.joint, told, title, patients.seed, seen)


def _farthest(made: Comparison, error: float) -> Farthest:
    """The summary or difference whose Monte-Carlo error is the largest part of what is allowed."""
    worst = Farthest(0.0, "nothing")
    for one in [*made.summaries(), *made.differences()]:
        limit = enough.allowed(error, one.unit, one.value, one.error * math.sqrt(one.subjects))
        times = enough.times(one.error, limit)
        if times > worst.times:
            against = f" against {one.against}" if one.against else ""
            what = f"{one.quantity} {one.when}".rstrip()
            worst = Farthest(times, f"{what} under {one.regimen}{against}")
    return worst


class _Done:
    """Turns subjects done in one arm into the share of the whole comparison that is done."""

    def __init__(self, size: int, arm: int, arms: int, progress: Progress | None) -> None:
        self._each = 0.9 / max(1, size * arms)
        self._share = arm / arms
        self._progress = progress
        self._lock = threading.Lock()

    def __call__(self, subjects: int) -> None:
        with self._lock:
            self._share += subjects * self._each
            if self._progress is not None:
                self._progress(min(self._share, 1.0))


def course(arm: Arm, times: NDArray[np.int64], threads: int | None = None) -> Result:
    """Everything over time in the patients of an arm, for plots.

    times : (times) ticks
    """
    array = concentrations(arm.individuals, arm.given, times, threads=threads)
    return Result(arm.individuals, arm.prescription, times / TICKS_PER_HOUR, arm.individuals.program.outputs, array)


def _reference(plans: Mapping[str, Regimen], reference: str | None) -> str:
    if reference is not None:
        if reference not in plans:
            raise unknown("compare", "reference regimen", reference, plans)
        return reference
    untreated = [name for name, regimen in plans.items() if regimen.is_empty]
    return untreated[-1] if untreated else next(iter(plans))


def equipped(model: Model, effects: Sequence[Effect] | None) -> tuple[Model, list[str]]:
    """The model with the effects to compute, and a note where they cannot be had."""
    if not isinstance(model, Model):
        raise SimulationError(f"model: {model!r} is not one. Load it first, with pkpd.load or pkpd.read_model.")
    if effects is not None:
        if not all(isinstance(effect, Effect) for effect in effects):
            raise SimulationError("effects: give effects, from pkpd.load_effect or pkpd.default_effects.")
        return replace(model, effects=()).with_effects(*effects), _borrowed(model, effects)
    if model.effects:
        return model, []
    chosen = default_effects()
    try:
        return model.with_effects(*chosen), _borrowed(model, chosen)
    except UnknownName:
        needed = sorted({analyte for effect in chosen for analyte in effect.analytes})
        return model, [
            f"No effects: the default effects follow {', '.join(needed)}, which {model.id} does not give "
            f"(it gives {', '.join(model.outputs)})."
        ]


def _borrowed(model: Model, effects: Sequence[Effect]) -> list[str]:
    """A note where default effects follow other kinetics than those they were fitted under."""
    if model.id == DEFAULT_MODEL or not any(effect.default and effect.driver is not None for effect in effects):
        return []
    return [
        f"The thresholds of the default effects belong to {DEFAULT_MODEL}; under {model.id} they would have "
        "to be estimated again."
    ]


def _ends(plans: Mapping[str, Regimen]) -> dict[str, int]:
    """End of treatment of every arm; an untreated arm takes that of the first treated one."""
    first = next((regimen.end for regimen in plans.values() if not regimen.is_empty), 0)
    return {name: first if regimen.is_empty else regimen.end for name, regimen in plans.items()}


def _joint(model: Model, asked: tuple[float, str, str] | None) -> tuple[float, str, str] | None:
    """The definition of the joint states; None where the model has no pain, or not the usual side effect."""
    joint = JOINT if asked is None else asked
    if not (isinstance(joint, tuple) and len(joint) == 3):
        raise SimulationError(f"joint states: give (relief, when, side effect), not {joint!r}.")
    relief, when, side_effect = joint
    sides = [effect.id for effect in model.effects if effect.role == "side effect"]
    if not sides or not any(effect.role == "baseline" for effect in model.effects):
        return None
    if asked is None and side_effect not in sides:
        return None
    if side_effect not in sides:
        raise unknown("joint states", "side effect", side_effect, sides)
    if when not in RELIEF_TIMES:
        raise unknown("joint states", "time", when, RELIEF_TIMES)
    if not 0 < relief <= 1:
        raise SimulationError(f"joint states: a relief of {relief} is not a fraction above 0 and up to 1.")
    return joint


def _patients(model: Model, subjects: Population | int | Mapping[str, Any], seed: int | None, form: str) -> Individuals:
    if isinstance(subjects, Population):
        return individuals(model, subjects if seed is None else replace(subjects, seed=seed), form)
    if isinstance(subjects, (int, np.integer)) and not isinstance(subjects, bool):
        return individuals(model, Population(int(subjects), seed=1 if seed is None else seed))
    return individuals(model, subjects)


def _others(
    model: Model,
    subjects: Population | int | Mapping[str, Any],
    seed: int | None,
    number: int,
    first: Individuals,
    form: str,
) -> Individuals:
    """Patients of arm `number` where arms have patients of their own."""
    if number == 0:
        return first
    if isinstance(subjects, Mapping) or not isinstance(subjects, (int, np.integer, Population)):
        raise SimulationError("compare: paired=False needs a population; a parameter table is the same in every arm.")
    people = subjects if isinstance(subjects, Population) else Population(int(subjects))
    people = people if seed is None else replace(people, seed=seed)
    shifted = tuple(int(s) for s in people.numbers + number * (int(people.numbers.max()) + 1))
    return individuals(model, replace(people, subjects=shifted), form)


def _analyte(model: Model) -> str:
    """The concentration that stands for plasma: S-ketamine, or the first output that is one; "" where none is."""
    concentrations_of = [name for name, output in model.outputs.items() if output.dimension == named("concentration")]
    return "S-ketamine" if "S-ketamine" in concentrations_of else next(iter(concentrations_of), "")


def _clocks(arms: Sequence[Arm], held: str) -> list[str]:
    """A note where an untreated reference's times lie differently long after the start than those of other arms."""
    reference = next(arm for arm in arms if arm.name == held)
    others = [arm.name for arm in arms if arm.end != reference.end]
    if not reference.regimen.is_empty or not others or not any(o.name == "pain relief" for o in reference.outcomes):
        return []
    return [
        f"Times count from each arm's own end of treatment, that of {held} {time_text(reference.end)} after the start. "
        f"Placebo response grows from the start, so at the same time it is not equally far on in {'; '.join(others)}."
    ]


def _before_it_acts(arms: Sequence[Arm]) -> list[str]:
    """A note where treatment ends with a dose given at once, of which nothing has acted by then."""
    sudden = [
        arm.name
        for arm in arms
        if any(dose.end == arm.end and dose.duration == 0 for dose in arm.regimen.doses)
        and any(outcome.when == END for outcome in arm.outcomes)
    ]
    if not sudden:
        return []
    return [
        f"In {'; '.join(sudden)} treatment ends with a dose given at once, which has not acted by then: what stands at "
        "the end of treatment is without it. The course after it is in a simulation and on the plots."
    ]
