"""The verb: one regimen through every model that takes it -> a Disagreement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd import validity
from pkpd.disagreement.applying import NO_ROUTE, Taken, proportional, take, variants
from pkpd.disagreement.half_life import terminal_half_life
from pkpd.disagreement.observed import points
from pkpd.disagreement.sites import given_half_lives, library_half_lives, site_peaks
from pkpd.disagreement.values import Curve, Disagreement, SitePeak, by_reason
from pkpd.dosing.prescription import as_regimen
from pkpd.dosing.regimen import Regimen
from pkpd.errors import PkpdError, SimulationError, unknown
from pkpd.model.expressions import named
from pkpd.model.facts import known_of
from pkpd.model.library import DEFAULT_MODEL, load, names
from pkpd.model.model import Model
from pkpd.moments import course_times, window
from pkpd.observations import Concentration
from pkpd.observations import concentrations as library_rows
from pkpd.population.people import Population
from pkpd.simulation import concentrations, extremes, individuals
from pkpd.times import LONGEST, TICKS_PER_HOUR, read_times, ticks
from pkpd.units import factor, parse

Floats = NDArray[np.float64]

NG_PER_ML = factor("ng/mL", "concentration")
AFTER_THE_END = (0, 1, 3, 8, 24)  # h: when the models are held against each other


def disagree(
    regimen: Regimen | str,
    analyte: str | None = None,
    times: Any = None,
    weight: Any = "70 kg",
    age: Any = None,
    models: Sequence[str | Model] | None = None,
    until: Any = None,
    *,
    site_model: str | None = None,
    half_lives: Mapping[str, Any] | None = None,
    observed: Sequence[Concentration] | None = None,
) -> Disagreement:
    """Run one regimen through every model that takes it, and one model behind every half-life of equilibration.

    regimen    : Regimen or prescription text
    analyte    : what is followed; "ketamine" under the racemate, else the form that is given, unless given. A model of
                 S-ketamine takes half of a racemate, and says so, where S-ketamine or its metabolite is followed
    times      : of the curves, as in `simulate`; close together where the dosing changes unless given
    weight     : of the typical person, text with its unit
    age        : of the typical person, text with its unit; an adult of each model's own age unless given
    models     : names of the library or models; all kinetic models of the library unless given
    until      : end of the course, text with its unit; a fifth and at least 5 h after the last dose unless given
    site_model : id of the model that feeds the effect sites; the default configuration's where it is among the models,
                 else the first that is drawn
    half_lives : name -> half-life of equilibration, text with its unit; those of the library's effects unless given
    observed   : rows to draw, as `pkpd.observations.concentrations` gives them; all of those unless given
    returns    : Disagreement; a model that is not drawn stands in its `left_out` with the reason
    Raises a PkpdError for a regimen that cannot be read, an analyte that no model gives, or where no model takes it.
    """
    plan = as_regimen(regimen)
    if plan.is_empty:
        raise SimulationError("disagree: no treatment, so there is nothing to compare. Give a regimen.")
    _refuse_strangers(analyte, models)
    candidates = [one if isinstance(one, Model) else load(one) for one in (names("pk") if models is None else models)]
    followed = _analyte(plan) if analyte is None else analyte
    _refuse_unknown(followed, candidates)
    kilograms = parse(weight, "weight", "weight")
    years = None if age is None else parse(age, "age", "age")
    person = _person(kilograms, years)
    grid = None if times is None else np.unique(read_times(times).ravel())
    horizon = _horizon(plan, grid, until)
    checkpoints = _checkpoints(plan, horizon)
    hours = course_times(plan, horizon) if grid is None else grid
    curves: list[Curve] = []
    left_out: dict[str, str] = {}
    linear = True
    for model in candidates:
        try:
            taken = take(model, plan, followed, years)
            found = [
                _curve(one, reading, share, taken, person, hours, checkpoints, horizon)
                for one, reading, share in variants(model, taken.regimen)
            ]
            curves += _merged(found)
            linear = linear and proportional(model, taken.regimen)
        except PkpdError as cause:
            text = str(cause).removeprefix(f"model {model.id}")  # the model is named before the reason
            left_out[model.id] = text.removeprefix(", subject 0").removeprefix(": ")
    if not curves:
        raise SimulationError(f'disagree: no model takes "{plan}" and gives {followed}. {_why(plan, left_out)}')
    source = _source([curve.model for curve in curves], site_model)
    fed = next(model for model in candidates if model.id == source)
    rows = library_rows() if observed is None else observed
    return Disagreement(
        plan,
        followed,
        kilograms,
        years,
        horizon / TICKS_PER_HOUR,
        {text: at / TICKS_PER_HOUR for text, at in checkpoints.items()},
        tuple(curves),
        left_out,
        _sites(fed, take(fed, plan, followed, years), followed, person, horizon, half_lives),
        source,
        points(rows, plan, followed, kilograms, years, linear),
    )


def _refuse_strangers(analyte: object, models: object) -> None:
    """Refuse what is no name of an analyte, and no list of models."""
    if isinstance(analyte, Population):
        raise SimulationError(
            "disagree: a population is given, and disagree follows one typical person. Say who it is with weight and "
            'age, such as weight="60 kg"; many patients are followed by pkpd.compare or pkpd.uncertainty.'
        )
    if analyte is not None and not isinstance(analyte, str):
        raise SimulationError(f'disagree: analyte {analyte!r} is no name. Give one such as "S-ketamine", or none.')
    if isinstance(models, (str, Model)) or not (models is None or isinstance(models, Sequence)):
        named = f'"{models}"' if isinstance(models, str) else getattr(models, "id", repr(models))
        raise SimulationError(f"disagree: models are given as a list of names or models, such as [{named}].")
    for one in models or ():
        if not isinstance(one, (str, Path, Model)):
            raise SimulationError(f"disagree: {one!r} is no model. Give its name, or pkpd.load(...).")


def _why(plan: Regimen, left_out: Mapping[str, str]) -> str:
    """Why no model takes a regimen: models that have its routes first, then what is known of a route that none has."""
    near = {name: why for name, why in left_out.items() if not why.startswith(NO_ROUTE)}
    far = {name: why for name, why in left_out.items() if name not in near}
    lacking = [route for route in plan.routes if all(f"{NO_ROUTE} {route} " in why for why in left_out.values())]
    known = [f"{route}: {known_of(route)}" for route in lacking]
    if known:
        known.append('A script can add a route: disagree(..., models=[model.with_route("...", ka="... 1/h")]).')
    return " ".join([*by_reason(near), *known, *by_reason(far)])


def _merged(curves: Sequence[Curve]) -> list[Curve]:
    """The curves of one model, without readings that change nothing here; the model's own then names them."""
    own = curves[0]
    same = [curve for curve in curves if curve.reading and np.allclose(curve.levels, own.levels, rtol=1e-9)]
    kept = [curve for curve in curves[1:] if not any(curve is one for one in same)]
    return [replace(own, same=tuple(curve.reading for curve in same)), *kept]


def _curve(
    model: Model,
    reading: str,
    share: float | None,
    taken: Taken,
    person: Population,
    at: NDArray[np.int64],
    checkpoints: Mapping[str, int],
    horizon: int,
) -> Curve:
    subjects = individuals(replace(model, effects=()), person)
    if beyond := validity.reason(subjects, taken.regimen):
        raise SimulationError(f"the person is beyond a hard limit: {beyond}.")
    every = np.unique(np.concatenate([at, np.array(list(checkpoints.values()), np.int64)]))
    levels = concentrations(subjects, taken.regimen, every, outputs=[taken.output])[0, :, 0] / NG_PER_ML
    peak, when, area, _ = extremes(subjects, taken.regimen, horizon, {taken.output: np.inf})[taken.output][:, 0]
    if not peak > 0:
        raise SimulationError(f"{taken.output} stays at 0 under this regimen.")
    limits = validity.flags(subjects, taken.regimen, model.id, {taken.output: np.array([peak])})
    return Curve(
        model.id,
        reading,
        share,
        model.sampling_site,
        model.population or "not stated",
        taken.output,
        taken.regimen,
        at / TICKS_PER_HOUR,
        levels[np.searchsorted(every, at)],
        levels[np.searchsorted(every, np.array(list(checkpoints.values()), np.int64))],
        float(peak) / NG_PER_ML,
        float(when),
        float(area) / NG_PER_ML,
        terminal_half_life(subjects, taken.regimen, taken.output),
        (*taken.flags, *limits),
    )


def _analyte(regimen: Regimen) -> str:
    forms = {form.enantiomer for form in regimen.forms}
    return f"{next(iter(forms))}-ketamine" if len(forms) == 1 and "racemate" not in forms else "ketamine"


def _refuse_unknown(analyte: str, models: Sequence[Model]) -> None:
    concentration = named("concentration")
    everywhere = [*models, *(load(name) for name in names("pk"))]
    given = {name for model in everywhere for name, out in model.outputs.items() if out.dimension == concentration}
    if analyte not in given:
        raise unknown("disagree", "analyte", analyte, given)


def _person(weight: float, age: float | None) -> Population:
    person = Population.typical(f"{weight!r} kg")
    return person if age is None else replace(person, covariates={"age": f"{age!r} year"})


def _horizon(regimen: Regimen, grid: NDArray[np.int64] | None, until: Any) -> int:
    if until is not None:
        end = ticks(until, "until")
        if end <= 0:
            raise SimulationError(f"until: {until!r} is no time after the start.")
        return end
    return window(regimen.end, LONGEST) if grid is None else max(int(grid[-1]), 1)


def _checkpoints(regimen: Regimen, horizon: int) -> dict[str, int]:
    """Times after the last dose at which the models are held against each other, as far as the course goes."""
    end = "end of the last dose"
    found = {
        end if not hours else f"{hours} h after the last dose": regimen.end + hours * TICKS_PER_HOUR
        for hours in AFTER_THE_END
    }
    return {text: at for text, at in found.items() if 0 < at <= horizon}


def _source(drawn: Sequence[str], asked: str | None) -> str:
    if asked is not None:
        if asked not in drawn:
            raise unknown("disagree", "model that feeds the effect sites", asked, set(drawn))
        return asked
    return DEFAULT_MODEL if DEFAULT_MODEL in drawn else drawn[0]


def _sites(
    model: Model,
    taken: Taken,
    analyte: str,
    person: Population,
    horizon: int,
    asked: Mapping[str, Any] | None,
) -> tuple[SitePeak, ...]:
    """Peaks at effect sites of the half-lives asked for, or of the library's effects."""
    if asked is None:
        wanted = library_half_lives(analyte)
    else:
        wanted = given_half_lives({name: parse(text, "time", f"half-life {name}") for name, text in asked.items()})
    for hours, of, _ in wanted:
        if not 0 < hours < math.inf:
            raise SimulationError(f"half-life {', '.join(of)}: {hours:g} h is not above 0.")
    if not wanted:
        return ()
    found = site_peaks(model, taken.regimen, taken.output, [hours for hours, _, _ in wanted], person, horizon)
    return tuple(
        SitePeak(hours, of, end, float(peak) / NG_PER_ML, float(when))
        for (hours, of, end), peak, when in zip(wanted, *found, strict=True)
    )
