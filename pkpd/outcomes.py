"""What a regimen does to every patient: dose, levels, pain, side effects and measures, as the outcomes of an arm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.comparison import JOINT_STATES, KEPT_TO, Outcome
from pkpd.dosing.received import Received
from pkpd.dosing.regimen import Regimen
from pkpd.effects.response import curve_value
from pkpd.individuals import Individuals
from pkpd.model.effect import Effect, root_of
from pkpd.model.expressions import named
from pkpd.model.model import Model, Output
from pkpd.practice.practice import Practice
from pkpd.result import Result
from pkpd.simulation import concentrations, extremes
from pkpd.solving import Tolerance
from pkpd.times import TICKS_PER_HOUR
from pkpd.units import analyse, factor

Floats = NDArray[np.float64]
Given = Regimen | Sequence[Regimen]

WEEK = 7 * 24 * TICKS_PER_HOUR
END = "end of treatment"
RELIEF_TIMES = {END: 0, "1 week": 1, "2 weeks": 2, "4 weeks": 4, "7 weeks": 7, "12 weeks": 12}
RESPONSES = (0.3, 0.5)
NG_PER_ML = factor("ng/mL", "concentration")


class Asked(NamedTuple):
    """What is asked of every arm alike.

    horizon : end of the course, ticks
    analyte : whose plasma levels are summarised; "" for none
    level   : mg/L, for the time above it
    joint   : relief (fraction), when, and side effect of the four joint states; None for none
    """

    horizon: int
    analyte: str
    level: float
    joint: tuple[float, str, str] | None


def outcomes(
    patients: Individuals,
    regimen: Given,
    end: int,
    asked: Asked,
    tolerance: Tolerance | None,
    threads: int | None,
    progress: Callable[[int], None],
    known: Mapping[str, Floats] | None = None,
) -> tuple[Outcome, ...]:
    """Every outcome of every patient under one regimen.

    regimen  : of all patients, or what each of them gets
    end      : of treatment, ticks
    progress : called with a number of subjects just done
    known    : output -> (4, subjects) as from `extremes` with what `followed` says, where that was found already
    """
    analyte, level, horizon = asked.analyte, asked.level, asked.horizon
    measured = _measured(patients.model)
    found = dict(known or {})
    if rest := {name: at for name, at in followed(patients, asked).items() if name not in found}:
        found |= extremes(patients, regimen, horizon, rest, tolerance=tolerance, threads=threads, progress=progress)
    made = _doses(patients, regimen)
    if analyte:
        peak, _, area, above = found[analyte]
        made += [
            Outcome(f"peak {analyte} in plasma", "", peak / NG_PER_ML, "ng/mL"),
            Outcome(f"area under {analyte}", "", area / NG_PER_ML, "ng/mL h"),
            Outcome(f"time with {analyte} above {level / NG_PER_ML:g} ng/mL", "", above, "h"),
        ]
    for output in measured.values():
        peak, _, area, _ = found[output.name] / analyse(output.unit)[0]
        unit = "" if output.unit == "1" else output.unit
        made.append(Outcome(f"highest {output.name}", "", peak, unit))
        made.append(Outcome(f"mean {output.name}", "", area / (horizon / TICKS_PER_HOUR), unit))
    relief = _relief(patients, regimen, end, horizon, tolerance, threads)
    made += relief
    events = _side_effects(patients, found, horizon / TICKS_PER_HOUR)
    made += events
    made += _measures(patients, regimen, end, horizon, found, tolerance, threads)
    if asked.joint is not None:
        made += _joint_states(patients, relief, events, asked.joint)
    return tuple(made)


def followed(patients: Individuals, asked: Asked) -> dict[str, float]:
    """The outputs whose peaks and areas make outcomes, and the level above which each is timed, mg/L."""
    wanted = {asked.analyte: asked.level} if asked.analyte else {}
    for effect in patients.model.effects:
        if effect.role in ("side effect", "measure"):
            root = root_of(effect, patients.model.effects)
            if root.driver is not None:
                wanted.setdefault(patients.program.site_of(root), np.inf)
    return wanted | dict.fromkeys(_measured(patients.model), np.inf)


def _doses(patients: Individuals, regimen: Given) -> list[Outcome]:
    """Cumulative dose in mg of base, as given, and of it S-ketamine where the model tells the isomers apart."""
    given = Received.all(regimen, patients.size) if isinstance(regimen, Regimen) else Received.of(regimen)
    outcomes = [Outcome("cumulative dose", "", given.cumulative_amount(patients.weight), "mg")]
    forms = patients.model.forms
    if any("S" in form.parts for form in forms.values()):
        active = np.zeros(patients.size)
        for form, who, mass in given.masses(patients.weight):
            if form.enantiomer in forms:
                active[who] += mass * forms[form.enantiomer].parts.get("S", 0.0)
        outcomes.append(Outcome("cumulative S-ketamine", "", active, "mg"))
    return outcomes


def keeping(practice: Practice, patients: Individuals, regimen: Regimen) -> tuple[Outcome, ...]:
    """How much of its treatment an arm's patients keep to: nothing for an arm without treatment.

    regimen : what is prescribed
    returns : the share of planned sessions that each patient began, and whether dropping out cost him treatment
    """
    if regimen.is_empty:
        return ()
    attended = practice.attended(regimen, patients)
    return (
        Outcome(KEPT_TO[0], "", attended.given.mean(axis=0), ""),
        Outcome(KEPT_TO[1], "", attended.dropped.astype(float), "", True),
    )


def _measured(model: Model) -> dict[str, Output]:
    """Outputs that are no concentrations, such as a response."""
    return {name: output for name, output in model.outputs.items() if output.dimension != named("concentration")}


def _relief(
    patients: Individuals,
    regimen: Given,
    end: int,
    horizon: int,
    tolerance: Tolerance | None,
    threads: int | None,
) -> list[Outcome]:
    """Pain, relief and response at the stated times after the end of treatment, as far as the course goes."""
    if not any(effect.role == "baseline" for effect in patients.model.effects):
        return []
    times = {when: end + weeks * WEEK for when, weeks in RELIEF_TIMES.items() if end + weeks * WEEK <= horizon}
    if not times:
        return []
    at = np.array(list(times.values()), np.int64)
    array = concentrations(patients, regimen, at, tolerance=tolerance, threads=threads)
    result = Result(patients, "", at / TICKS_PER_HOUR, patients.program.outputs, array)
    score, removed = result["pain"], result["relief"]
    outcomes = [Outcome("pain score", when, score[k], "points") for k, when in enumerate(times)]
    outcomes += [Outcome("pain relief", when, removed[k], "") for k, when in enumerate(times)]
    for share in RESPONSES:
        outcomes += [
            Outcome(f"pain relief of at least {share:.0%}", when, (removed[k] >= share).astype(float), "", True)
            for k, when in enumerate(times)
        ]
    return outcomes


def highest_probability(
    patients: Individuals, effect: Effect, peaks: Mapping[str, Floats], hours: float = 0.0
) -> Floats:
    """The highest value of a side effect's probability along the course, (subjects).

    peaks : output -> (4, subjects) as from `extremes`
    hours : length of the course, for a probability that follows the time and no concentration
    Every probability curve rises or falls throughout, so its highest value lies at the peak or at no drug.
    """
    at_peak, without = _ends_of(patients, effect, peaks, hours)
    return np.maximum(at_peak, without)


def _ends_of(patients: Individuals, effect: Effect, peaks: Mapping[str, Floats], hours: float) -> tuple[Floats, Floats]:
    """Value of an effect at the highest drive and without any, both (subjects).

    Of an effect that follows no drive: at the end of the course and at its start.
    """
    if effect.curve.of is not None:
        parent = next(e for e in patients.model.effects if e.id == effect.curve.of)
        high, low = (curve_value(patients, effect, part, 0.0) for part in _ends_of(patients, parent, peaks, hours))
    elif effect.driver is None:
        high, low = (curve_value(patients, effect, 0.0, at) for at in (hours, 0.0))
    else:
        peak = peaks[patients.program.site_of(effect)][0]
        high, low = (curve_value(patients, effect, drive, 0.0) for drive in (peak, 0.0 * peak))
    if effect.id in patients.responders:
        high, low = (part * patients.responders[effect.id] for part in (high, low))
    return np.broadcast_to(high, patients.size), np.broadcast_to(low, patients.size)


def _side_effects(patients: Individuals, peaks: Mapping[str, Floats], hours: float) -> list[Outcome]:
    """Whether each side effect ever happens: one uniform number a patient against the highest probability."""
    return [
        Outcome(
            effect.id,
            "",
            (patients.draws[effect.id] < highest_probability(patients, effect, peaks, hours)).astype(float),
            "",
            True,
        )
        for effect in patients.model.effects
        if effect.role == "side effect"
    ]


def _measures(
    patients: Individuals,
    regimen: Given,
    end: int,
    horizon: int,
    peaks: Mapping[str, Floats],
    tolerance: Tolerance | None,
    threads: int | None,
) -> list[Outcome]:
    """Every measure at its drive's peak and at the end of treatment.

    At the peak of the drive a rising measure is highest and a falling one lowest.
    Plain numbers have the unit "1", so that nobody takes them for fractions.
    """
    measures = [effect for effect in patients.model.effects if effect.role == "measure"]
    if not measures:
        return []
    at = np.array([min(end, horizon)], np.int64)
    array = concentrations(patients, regimen, at, tolerance=tolerance, threads=threads)
    result = Result(patients, "", at / TICKS_PER_HOUR, patients.program.outputs, array)
    made = []
    for effect in measures:
        unit = result.unit(effect.id)
        at_peak, _ = _ends_of(patients, effect, peaks, horizon / TICKS_PER_HOUR)
        made.append(Outcome(f"peak {effect.id}", "", at_peak / analyse(unit)[0], unit or "1"))
        if end <= horizon:
            made.append(Outcome(effect.id, END, result[effect.id][0], unit or "1"))
    return made


def _joint_states(
    patients: Individuals, relief: Sequence[Outcome], events: Sequence[Outcome], joint: tuple[float, str, str]
) -> list[Outcome]:
    """The four states of each patient, never a product of marginals."""
    share, when, side_effect = joint
    removed = next((o.values for o in relief if (o.name, o.when) == ("pain relief", when)), None)
    if removed is None:
        return []
    relieved = removed >= share
    affected = next(o.values for o in events if o.name == side_effect) > 0
    states = (relieved & ~affected, relieved & affected, ~relieved & ~affected, ~relieved & affected)
    return [
        Outcome(name, when, state.astype(float), "", True) for name, state in zip(JOINT_STATES, states, strict=True)
    ]
