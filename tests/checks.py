"""The value of a model file's own [[check]], computed through what the package offers its users.

A level at the effect site is the one before the effect's factor; a curve reads the one after it. An effect is that of
a typical person who responds. Times count from the start of the dose text.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

import pkpd
from pkpd import units
from pkpd.effects.response import curve_value
from pkpd.model.model import Check
from pkpd.population.people import Spread

Floats = NDArray[np.float64]

# What expressions may call.
FUNCTIONS: dict[str, Any] = {"exp": np.exp, "log": np.log, "sqrt": np.sqrt, "min": np.minimum, "max": np.maximum}
PANEL_GROWTH = 1.4
AFTER_THE_END = 48.0  # h that a peak is looked for in, where the check does not say


def computed(owner: pkpd.Model | pkpd.Effect, check: Check) -> float:
    """The check's quantity, canonical units."""
    covariates = {name: Spread(value, 0.0, "normal") for name, value in check.covariates.items()}
    people = replace(pkpd.Population.typical(f"{check.weight} kg"), covariates=covariates)
    if isinstance(owner, pkpd.Effect):
        return _of_effect(owner, check, people)
    return _of_model(owner, check, people)


def agrees(found: float, check: Check) -> bool:
    """Whether a value lies within the check's own tolerance."""
    if check.within is not None:
        return abs(found - check.value) <= check.within * abs(check.value)
    assert check.within_absolute is not None
    return abs(found - check.value) <= check.within_absolute * (1 + 1e-9)


def _of_model(model: pkpd.Model, check: Check, people: pkpd.Population) -> float:
    options: dict[str, Any] = dict(check.options)
    if check.quantity == "parameter":
        nobody = pkpd.simulate(model, "no treatment", people, ["0 h"]).individuals
        values = dict(nobody.parameters)
        if "dose" in options:
            (dose,) = pkpd.parse(options["dose"]).doses
            values["dose"] = dose.base_amount(nobody.weight)
            for name, expression in model.of_dose.items():
                values[name] = expression.evaluate(values)
        return _expression(options["expression"], values)
    if check.quantity == "half-life":
        return half_life(model, options["states"], options["which"], people)
    if check.quantity == "concentration":
        return _at(model, options["dose"], options["at"], options["of"], people)
    if check.quantity == "peak":
        return peak(model, options["dose"], options["of"], people, options.get("until"))
    if check.quantity == "area":
        return area(model, options["dose"], options["of"], people, options["until"])
    if check.quantity == "context-sensitive half-time":
        return half_time(model, options["dose"], options["of"], people)
    levels = steady_levels(model, options["dose"], people)
    if check.quantity == "steady level":
        return levels[options["of"]]
    assert check.quantity == "ratio"
    return levels[options["of"][0]] / levels[options["of"][1]]


def _of_effect(effect: pkpd.Effect, check: Check, people: pkpd.Population) -> float:
    options: dict[str, Any] = dict(check.options)
    model = pkpd.load(options.get("model", "kamp2020-ketamine")).with_effects(effect)
    site = f"site of {effect.id}" if effect.half_life else effect.driver and effect.driver.analyte
    if check.quantity == "site":
        return _at(model, options["dose"], options["at"], site, people)
    if check.quantity == "site peak":
        return peak(model, options["dose"], site, people, options.get("until"))
    if check.quantity == "effect":
        result = pkpd.simulate(model, options["dose"], people, [options["at"]])
        return float(result[effect.id][0, 0]) * units.analyse(result.unit(effect.id))[0]
    nobody = pkpd.simulate(model, "no treatment", people, ["0 h"]).individuals
    if check.quantity == "parameter":
        return _expression(options["expression"], {**nobody.covariates, **nobody.effects[effect.id]})
    assert check.quantity == "curve"
    level = units.parse(options["concentration"], "concentration")
    for one, text in zip(effect.added, options.get("also", ()), strict="also" in options):
        level = level + nobody.effects[effect.id][one.potency] * units.parse(text, "concentration")
    if effect.driver is not None and effect.driver.multiply is not None:
        level = level / nobody.effects[effect.id][effect.driver.multiply]
    return np.asarray(curve_value(nobody, effect, np.full(1, level), np.zeros(1))).item()


def _expression(text: str, values: Any) -> float:
    return np.asarray(eval(text, FUNCTIONS, dict(values))).item()


def _at(model: pkpd.Model, dose: str, at: str, of: str | None, people: pkpd.Population) -> float:
    result = pkpd.simulate(model, dose, people, [at])
    assert of is not None
    return float(result.array[result.quantities.index(of), 0, 0])


def half_life(model: pkpd.Model, states: list[str], which: int | str, people: pkpd.Population) -> float:
    """ln 2 over an exponent of some states by themselves, h; 1 is the shortest."""
    matrix, _ = _matrices(pkpd.simulate(model, "no treatment", people, ["0 h"]))
    places = [list(model.states).index(state) for state in states]
    found = np.sort(math.log(2) / -np.linalg.eigvals(matrix[np.ix_(places, places)]).real)
    return float(found[-1 if which == "terminal" else int(which) - 1])


def half_time(model: pkpd.Model, dose: str, of: str, people: pkpd.Population) -> float:
    """Hours from the end of a dose until an output is half of what it was there."""
    end = pkpd.parse(dose).end_hours
    wanted = _at(model, dose, f"{end!r} h", of, people) / 2

    def above(after: float) -> float:
        return _at(model, dose, f"{end + after!r} h", of, people) - wanted

    return float(brentq(above, 0.0, 24.0, xtol=1e-9))


def steady_levels(model: pkpd.Model, dose: str, people: pkpd.Population) -> dict[str, float]:
    """Output -> its level under one constant infusion that never ends."""
    (infusion,) = pkpd.parse(dose).doses
    result = pkpd.simulate(model, "no treatment", people, ["0 h"])
    matrix, weights = _matrices(result)
    rate = float(infusion.base_amount(result.individuals.weight)[0]) / (infusion.duration / 3600e9)
    entering = np.zeros(len(matrix))
    route = model.routes[infusion.route]
    for moiety, part in model.forms[infusion.form.enantiomer].parts.items():
        entering[list(model.states).index(route.into.get(moiety, route.into.get("*", "")))] += part * rate
    return dict(zip(result.quantities, weights @ np.linalg.solve(matrix, -entering), strict=True))


def _matrices(result: pkpd.Result) -> tuple[Floats, Floats]:
    """K and C of the only subject of a result."""
    program = result.individuals.program
    values = result.individuals.system_values()[:, 0]
    matrix = np.zeros((len(program.states),) * 2)
    for row, column, at in program.entries:
        matrix[row, column] += values[at]
    weights = np.zeros((len(program.outputs), len(program.states)))
    for number, output in enumerate(program.weights):
        for state, at in output:
            weights[number, state] += values[at]
    return matrix, weights


def _panels(dose: str, end: float) -> Floats:
    """Ends of panels from 0 to `end` h, that grow with the time since the last dose began or ended."""
    doses = pkpd.parse(dose).doses
    breaks = {0.0, end}
    for given in doses:
        for start in given.starts:
            breaks |= {start / 3600e9, (start + given.duration) / 3600e9}
    edges: list[float] = []
    ordered = sorted(t for t in breaks if t <= end)
    for begin, stop in itertools.pairwise(ordered):
        step = 2.0 / 3600
        edges.append(begin)
        while begin + step < stop:
            edges.append(begin + step)
            step *= PANEL_GROWTH
    return np.array([*edges, end])


def area(model: pkpd.Model, dose: str, of: str, people: pkpd.Population, until: str) -> float:
    """Integral of an output from 0 on, by Gauss and Legendre's rule of 8 points on every panel."""
    edges = _panels(dose, units.parse(until, "time"))
    nodes, shares = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges) / 2
    hours = (edges[:-1] + half)[:, None] + half[:, None] * nodes
    result = pkpd.simulate(model, dose, people, (hours.ravel(), "h"))
    values = result.array[result.quantities.index(of), :, 0].reshape(hours.shape)
    return float((values * shares * half[:, None]).sum())


def peak(model: pkpd.Model, dose: str, of: str | None, people: pkpd.Population, until: str | None = None) -> float:
    """Highest value of an output, by closing in on the best of a grid."""
    assert of is not None
    end = pkpd.parse(dose).end_hours + AFTER_THE_END if until is None else units.parse(until, "time")
    hours = _panels(dose, end)
    highest = 0.0
    for _ in range(6):
        result = pkpd.simulate(model, dose, people, (hours, "h"))
        values = result.array[result.quantities.index(of), :, 0]
        top = int(np.argmax(values))
        highest = max(highest, float(values[top]))
        hours = np.linspace(hours[max(0, top - 1)], hours[min(len(hours) - 1, top + 1)], 41)
    return highest
