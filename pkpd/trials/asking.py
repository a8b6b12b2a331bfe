"""What a script asks of trials, refused where it is none: no trial, no number of trials, no population, no shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pkpd.errors import SimulationError, StudyError
from pkpd.population.people import Population
from pkpd.practice.practice import Practice
from pkpd.statistics.dosefinding.shapes import FORMS, Shape
from pkpd.trials.values import Endpoint, Trial

MOST = 10_000_000  # trials at once: a few gigabytes of what they find


def check_trial(given: Any, where: str) -> None:
    """Refuse what is no trial, with what to give in its place.

    where : the place, for the error
    Raises StudyError.
    """
    if isinstance(given, Trial):
        return
    inside = getattr(given, "trial", None)
    if isinstance(inside, Trial):
        raise StudyError(f'{where}: the study "{given.id}" is given, and not its trial. Give study.trial.')
    if hasattr(given, "trial"):
        raise StudyError(
            f'{where}: the study "{given.id}" compares regimens and is no trial: it has no [trial] that says how many '
            "patients were compared, and by what. Make one with pkpd.design_trial(...)."
        )
    if given is None:
        raise StudyError(
            f"{where}: None is no trial; a study without [trial] has none. Give pkpd.load_study(NAME).trial of a trial "
            "of the library, or make one with pkpd.design_trial(...)."
        )
    if isinstance(given, str):
        raise StudyError(f'{where}: "{given}" is a name, and not a trial. Give pkpd.load_study("{given}").trial.')
    raise StudyError(
        f"{where}: {_short(given)} is no trial. Give pkpd.load_study(NAME).trial, or make one with "
        "pkpd.design_trial(...)."
    )


def check_trials(given: Any, where: str) -> None:
    """Refuse what is no list of trials; arguments as for `check_trial`."""
    if isinstance(given, Trial):
        raise StudyError(
            f"{where}: one trial is given. Give a list with one for each study, such as one design in several sizes: "
            "pkpd.trials.literature.sized(trial, [10, 20, 40])."
        )
    if isinstance(given, str) or not isinstance(given, Sequence):
        check_trial(given, where)
    for number, one in enumerate(given):
        check_trial(one, f"{where}, trial {number}")


def check_count(count: Any, what: str = "trials", most: int = MOST) -> None:
    """Refuse what is no number of trials, or one that no computer has the memory for.

    what : such as "trials"
    most : how many there may be
    Raises StudyError.
    """
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise StudyError(f"{what}: {count!r} is not a whole number of {what} from 1 on.")
    if count > most:
        raise StudyError(
            f"{what}: {count:,} are too many to keep what each of them found. Give at most {most:,}; errors of a power "
            "are below 0.01 from 2,500 on."
        )


def check_arms(patients: Any, names: Any) -> tuple[tuple[int, ...], tuple[str, str]]:
    """The patients and names of the arms.

    Raises StudyError for what is no tuple of them.
    """
    if isinstance(patients, str) or not isinstance(patients, (Sequence, np.ndarray)):
        raise StudyError(
            f"trial: patients are {patients!r}. Give a tuple of whole numbers: (20, 20) for the arms of a parallel "
            "trial, (20,) for all of a cross-over or a single arm."
        )
    if isinstance(names, str) or not isinstance(names, Sequence) or len(names) != 2:
        raise StudyError(
            f'trial: names are {names!r}. Give two, of drug and control: ("ketamine", "placebo"); that of a missing '
            "control is not used."
        )
    if not all(isinstance(name, str) and name for name in names):
        raise StudyError(f'trial: names are {names!r}. Each is a text, such as ("ketamine", "placebo").')
    return tuple(patients), (names[0], names[1])


def check_people(population: Any, criteria: Any, practice: Any) -> None:
    """Refuse what is no population, no list of criteria and no practice.

    Raises StudyError, SimulationError.
    """
    if population is not None and not isinstance(population, Population):
        wanted = "pkpd.Population(...)"
        if isinstance(population, str):
            wanted = f'pkpd.load_population("{population}")'
        elif isinstance(population, (int, np.integer)) and not isinstance(population, bool):
            wanted = "pkpd.Population(...); how many patients there are is said by `patients`"
        raise StudyError(f"trial: population is {_short(population)} and no Population. Give {wanted}.")
    if isinstance(criteria, str) or not isinstance(criteria, Sequence):
        what = f'"{criteria}"' if isinstance(criteria, str) else '"age 18 to 75 year"'
        raise StudyError(f"trial: criteria are {_short(criteria)} and no list. Give a list, such as [{what}].")
    if practice is not None and not isinstance(practice, Practice):
        raise SimulationError(
            f"practice: {_short(practice)} is none. Give pkpd.Practice(...), such as pkpd.Practice(missed=0.1)."
        )


def check_enrichment(given: Any) -> tuple[Any, Any, float]:
    """The test dose, the time after its end, and the least relief.

    Raises StudyError for what is no such three.
    """
    told = 'Give three: test dose, time after its end, least relief: ("ketamine 10 mg iv bolus", "1 h", 0.5).'
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        raise StudyError(f"enrichment: {_short(given)} is not what it needs. {told}")
    dose, when, relief = given
    if isinstance(relief, bool) or not isinstance(relief, (int, float)):
        raise StudyError(f"enrichment: a least relief of {relief!r} is no fraction. {told}")
    return dose, when, float(relief)


def check_endpoints(given: Any) -> None:
    """Refuse what is no list of endpoints.

    Raises StudyError.
    """
    form = '[("pain score", "7 d")]'
    if isinstance(given, (str, Endpoint)) or not isinstance(given, Sequence):
        raise StudyError(f"trial: endpoints are {_short(given)} and no list. Give a list, such as {form}.")
    if given and isinstance(given[0], str):
        raise StudyError(f"trial: one endpoint is given, {given!r}. Give a list of them, such as {form}.")


def check_wanted(endpoint: Endpoint, effect: Any) -> None:
    """Refuse an effect over placebo that is none, or is no benefit.

    endpoint : averaged; it says on which side of 0 a benefit lies
    effect   : wanted, in the unit of the endpoint
    Raises StudyError.
    """
    score = endpoint.kind == "pain score"
    unit, most = ("points", 10.0) if score else ("", 1.0)
    good = f"below 0 and from -{most:g}" if score else f"above 0 and up to {most:g}"
    such = "-2 for two points less pain" if score else "0.3 for a relief that is greater by 0.3"
    if isinstance(effect, bool) or not isinstance(effect, (int, float, np.number)) or not math.isfinite(effect):
        raise StudyError(f"dose finding: effect is {effect!r}. Give a plain number {good}: {such}.")
    wanted = float(effect)
    if wanted == 0:
        raise StudyError("dose finding: an effect of 0 is what placebo has. Give the effect that is wanted over it.")
    size = f"{wanted:g} {unit}".strip()
    if (wanted > 0) == score:
        raise StudyError(
            f"dose finding: an effect of {size} over placebo is {'more pain' if score else 'less relief'}. Give the "
            f"benefit that is wanted, {good}: {such}."
        )
    if abs(wanted) > most:
        raise StudyError(f"dose finding: no {endpoint.name} has an effect of {size}. Give one {good}: {such}.")


def check_finding(shapes: Any, alpha: Any, selection: Any) -> None:
    """Refuse candidates that are no shapes, and an analysis that is none, before anything runs.

    Raises StudyError.
    """
    if isinstance(shapes, (str, Shape)) or not isinstance(shapes, Sequence) or not shapes:
        raise StudyError(
            f"dose finding: shapes are {_short(shapes)} and no list of candidates. Give pkpd.statistics.Shape, such as "
            '[Shape("linear"), Shape("emax", (0.1,))].'
        )
    for one in shapes:
        if not isinstance(one, Shape):
            named = f'"{one}" is a name, and a shape has its numbers too' if isinstance(one, str) else _short(one)
            raise StudyError(
                f'dose finding: shapes: {named}. Give pkpd.statistics.Shape, such as Shape("emax", (0.1,)). Its kinds '
                f"are {', '.join(FORMS)}."
            )
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha < 1:
        raise StudyError(f"dose finding: alpha is {alpha!r}; it is a number between 0 and 1, such as 0.025.")
    if selection not in ("average", "aic", "max-t"):
        raise StudyError(f'dose finding: selection is {selection!r}. Give "average", "aic" or "max-t".')


def _short(given: Any) -> str:
    """What was given, cut to a readable length."""
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."
