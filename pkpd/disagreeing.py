"""The verb: one regimen through every model that takes it -> a Disagreement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.disagreement import Curve, Disagreement, SitePeak, by_reason
from pkpd.dosing.prescription import as_regimen
from pkpd.dosing.regimen import Regimen
from pkpd.entering import check_regimen, dosed_states
from pkpd.equilibrating import given_half_lives, library_half_lives, site_peaks
from pkpd.errors import PkpdError, SimulationError, unknown
from pkpd.flags import Flag
from pkpd.individuals import Individuals
from pkpd.model.expressions import named
from pkpd.model.library import DEFAULT_MODEL, load, names
from pkpd.model.model import Model
from pkpd.model.parts import Limit
from pkpd.moments import course_times, window
from pkpd.observations import Concentration
from pkpd.observations import concentrations as library_rows
from pkpd.observed import ADULT, points
from pkpd.population.people import Population, Spread
from pkpd.simulation import concentrations, extremes, individuals
from pkpd.times import LONGEST, TICKS_PER_HOUR, read_times, ticks
from pkpd.units import analyse, factor, parse

Floats = NDArray[np.float64]

NG_PER_ML = factor("ng/mL", "concentration")
AFTER_THE_END = (0, 1, 3, 8, 24)  # h: when the models are held against each other


class Taken(NamedTuple):
    """How a model takes a regimen: what it is given, which output is the analyte, and what to say of both."""

    regimen: Regimen
    output: str
    flags: tuple[Flag, ...]


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
                _curve(one, reading, share, taken, person, hours, checkpoints, horizon, years)
                for one, reading, share in variants(model, taken.regimen)
            ]
            curves += _merged(found)
            linear = linear and _proportional(model, taken.regimen)
        except PkpdError as cause:
            left_out[model.id] = str(cause)
    if not curves:
        reasons = " ".join(by_reason(left_out))
        raise SimulationError(f'disagree: no model takes "{plan}" and gives {followed}. {reasons}')
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


def take(model: Model, regimen: Regimen, analyte: str, age: float | None) -> Taken:
    """How a model takes a regimen so as to give an analyte.

    age : of the person, years; None for an adult
    Raises SimulationError with the reason where it cannot.
    """
    flags: list[Flag] = []
    given = regimen
    for route in regimen.routes:
        if route not in model.routes:
            raise SimulationError(f"it has no route {route} (it has {', '.join(sorted(model.routes))}).")
    forms = {form.enantiomer for form in regimen.forms}
    if "racemate" in forms and "racemate" not in model.forms and "S" in model.forms:
        if not analyte.startswith("S-"):
            raise SimulationError(
                f"it takes S-ketamine alone, and {analyte} after a racemate is more than its S half. "
                'Ask for "S-ketamine" to see it.'
            )
        given = _s_half(regimen)
        text = f"{model.id} takes S-ketamine alone and was given the S half of the racemate: {given}."
        flags.append(Flag("conversion", model.id, text, model.id))
        forms = {form.enantiomer for form in given.forms}
    missing = sorted(forms - set(model.forms))
    if missing:
        raise SimulationError(f"it does not take the form {missing[0]} (it takes {', '.join(sorted(model.forms))}).")
    output = _output(model, analyte, forms)
    if output != analyte:
        text = f"The output {output} of {model.id} is {analyte} here, because nothing else is given."
        flags.append(Flag("conversion", model.id, text, model.id))
    for limit in model.validity.values():
        if limit.name == "age" and getattr(limit, "hard", False) and _passes(limit, _age_of(limit, age)):
            raise SimulationError(
                f"the person's age is outside its limit ({_bounds(limit)}), beyond which it is refused."
            )
    check_regimen(model, given)
    return Taken(given, output, tuple(flags))


def variants(model: Model, regimen: Regimen) -> list[tuple[Model, str, float | None]]:
    """The model itself, its other published readings, and the ends of the range of each bioavailability in use.

    returns : model, name of the reading, bioavailability that was put in
    """
    found: list[tuple[Model, str, float | None]] = [(model, "", None)]
    readings: Mapping[str, Any] = getattr(model, "readings", {})
    for name in readings:
        found.append((model.reading(name), name, None))
    for route in regimen.routes:
        name_of_share = model.routes[route].bioavailability
        parameter = model.parameters.get(name_of_share) if name_of_share else None
        for end in (parameter.scan or ()) if parameter is not None else ():
            found.append((model.with_values(**{str(name_of_share): float(end)}), "", end))
    return found


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
    age: float | None,
) -> Curve:
    subjects = individuals(replace(model, effects=()), person)
    every = np.unique(np.concatenate([at, np.array(list(checkpoints.values()), np.int64)]))
    levels = concentrations(subjects, taken.regimen, every, outputs=[taken.output])[0, :, 0] / NG_PER_ML
    peak, when, area, _ = extremes(subjects, taken.regimen, horizon, {taken.output: np.inf})[taken.output][:, 0]
    limits = limit_flags(subjects, taken.regimen, taken.output, float(peak), age)
    return Curve(
        model.id,
        reading,
        share,
        model.sampling_site,
        next((source.population for source in model.sources.values() if source.population), "not stated"),
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


def limit_flags(
    subjects: Individuals, regimen: Regimen, output: str, peak: float, age: float | None
) -> tuple[Flag, ...]:
    """One flag for each limit of a model that the typical person or the regimen passes.

    peak : of the output, mg/L
    age  : years; None for an adult
    """
    model, found = subjects.model, []
    for limit in model.validity.values():
        if limit.name == "age":
            value = _age_of(limit, age)
        elif limit.name == "duration":
            value = regimen.end / TICKS_PER_HOUR
        elif limit.name == "concentration":
            value = peak if limit.of == output else math.nan
        else:
            value = float(subjects.covariates[limit.name][0]) if limit.name in subjects.covariates else math.nan
        if _passes(limit, value):
            unit = analyse(limit.unit)[0]
            text = f"Outside the limits of {model.id}: {limit.name} {value / unit:.4g} {limit.unit} ({_bounds(limit)})."
            found.append(Flag("limit", model.id, text, model.id))
    return tuple(found)


def _age_of(limit: Limit, age: float | None) -> float:
    """The age to hold against a limit: of somebody who is only known to be an adult, 18 where that is below it."""
    if age is not None:
        return age
    return ADULT if limit.maximum is not None and limit.maximum < ADULT else math.nan


def _passes(limit: Limit, value: float) -> bool:
    below = limit.minimum is not None and value < limit.minimum
    return below or (limit.maximum is not None and value > limit.maximum)


def _bounds(limit: Limit) -> str:
    unit = analyse(limit.unit)[0]
    parts = [
        f"{word} {bound / unit:g}"
        for word, bound in (("from", limit.minimum), ("to", limit.maximum))
        if bound is not None
    ]
    return f"{' '.join(parts)} {limit.unit}"


def terminal_half_life(subjects: Individuals, regimen: Regimen, output: str) -> float:
    """The longest half-life of the states that a dose passes on its way to an output, h.

    returns : ln 2 over the smallest rate of loss; infinite where something never leaves, nan where the output is not
              of the linear part
    """
    from scipy.sparse.csgraph import connected_components

    program = subjects.program
    number = program.outputs.index(output)
    if not program.linear[number]:
        return math.nan
    values = subjects.system_values()[:, 0]
    size = len(program.states)
    matrix = np.zeros((size, size))
    for row, column, at in program.entries:
        matrix[row, column] += values[at]
    linked = (matrix != 0) | np.eye(size, dtype=bool)
    reach = np.linalg.matrix_power(linked.astype(float), size) > 0  # [row, column]: from column to row
    routes = [model_route for name, model_route in subjects.model.routes.items() if name in regimen.routes]
    entered = {state for route in routes for way in (route, *route.also) for state in way.into.values()} & set(
        dosed_states(subjects.model)
    )
    dosed = reach[:, [program.states.index(state) for state in entered]].any(axis=1)
    read = reach[[state for state, _ in program.weights[number]], :].any(axis=0)
    passed = np.flatnonzero(dosed & read)
    part = matrix[np.ix_(passed, passed)]
    _, group = connected_components(part != 0, connection="strong")
    slowest = min(
        float((-np.linalg.eigvals(part[np.ix_(group == one, group == one)]).real).min()) for one in set(group.tolist())
    )
    return math.log(2.0) / slowest if slowest > 0 else math.inf


def _analyte(regimen: Regimen) -> str:
    forms = {form.enantiomer for form in regimen.forms}
    return f"{next(iter(forms))}-ketamine" if len(forms) == 1 and "racemate" not in forms else "ketamine"


def _refuse_unknown(analyte: str, models: Sequence[Model]) -> None:
    concentration = named("concentration")
    given = sorted({name for model in models for name, out in model.outputs.items() if out.dimension == concentration})
    if analyte not in given:
        raise unknown("disagree", "analyte", analyte, given)


def _output(model: Model, analyte: str, forms: set[str]) -> str:
    """The output that is the analyte: its own, or one of another name that is the same molecules."""
    if analyte in model.outputs:
        return analyte
    for form in ("S", "R"):
        for molecule in ("ketamine", "norketamine"):
            same = {molecule, f"{form}-{molecule}"}
            if forms == {form} and analyte in same and (other := (same - {analyte}).pop()) in model.outputs:
                return other
    raise SimulationError(f"it does not give {analyte} (it gives {', '.join(model.outputs)}).")


def _s_half(regimen: Regimen) -> Regimen:
    """The S half of every racemic dose; what is S-ketamine already stays."""
    halves = []
    for dose in regimen.doses:
        if dose.form.enantiomer == "racemate":
            cap = None if dose.cap is None else dose.cap / 2
            dose = replace(dose, quantity=dose.quantity / 2, cap=cap, form=replace(dose.form, enantiomer="S"))
        halves.append(dose)
    return Regimen(tuple(halves))


def _person(weight: float, age: float | None) -> Population:
    person = Population.typical(f"{weight!r} kg")
    return person if age is None else replace(person, covariates={"age": Spread(age, 0.0)})


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


def _proportional(model: Model, regimen: Regimen) -> bool:
    """Whether a model's levels are in proportion to the dose: linear, and no way in that depends on its size."""
    from pkpd.model.program import compiled

    of_dose: Mapping[str, Any] = getattr(model, "of_dose", {})
    ways = [way for name in regimen.routes for way in (model.routes[name], *model.routes[name].also)]
    return compiled(replace(model, effects=())).is_linear and not any(way.bioavailability in of_dose for way in ways)


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
