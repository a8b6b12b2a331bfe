"""Models of standard structures as text, and their course under given doses, for the tests of the structures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from bare_models import HEAD
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from pkpd.model.expressions import TIME
from pkpd.model.model import Model, Route
from pkpd.model.modelfile import read_model

Floats = NDArray[np.float64]
RTOL, ATOL = 1e-11, 1e-13


class Given(NamedTuple):
    """One dose, mg, h; `over` 0 is at once."""

    amount: float
    route: str = "iv"
    at: float = 0.0
    over: float = 0.0


def bare(body: str, units: Mapping[str, str], outputs: Mapping[str, tuple[str, str]], into: str = "central") -> Model:
    """A model whose parameters all come from the test.

    body    : further sections as text
    units   : parameter -> unit
    outputs : output -> (expression, unit)
    into    : the state of the route iv
    """
    text = HEAD.format(name="bare") + f'[routes.iv]\ninto = "{into}"\n'
    for parameter, unit in units.items():
        text += f'[parameters.{parameter}]\nrequired = true\nunit = "{unit}"\n'
    for output, (expression, unit) in outputs.items():
        text += f'[outputs."{output}"]\nexpression = "{expression}"\nunit = "{unit}"\n'
    return read_model(text + body)


def course(
    model: Model, doses: Sequence[Given], parameters: Mapping[str, float], times: Sequence[float] | Floats
) -> dict[str, Floats]:
    """Output -> values at the times, canonical units; the value at a dose is the one after it."""
    return _integrated(model, doses, parameters, np.asarray(times, float))


def _integrated(model: Model, doses: Sequence[Given], given: Mapping[str, float], times: Floats) -> dict[str, Floats]:
    """The model's own expressions under scipy's integrator, restarted at every change of the input."""
    values = {**{name: covariate.typical for name, covariate in model.covariates.items()}, **given}
    for name, expression in model.derived.items():
        values[name] = float(expression.evaluate(values))
    states = list(model.states)
    amount = np.array([float(s.initial.evaluate(values)) if s.initial else 0.0 for s in model.states.values()])
    jumps: list[tuple[float, int, float]] = []
    rates: list[tuple[float, float, int, float]] = []
    for dose in doses:
        for way in (model.routes[dose.route], *model.routes[dose.route].also):
            state = states.index(way.into["*"])
            size = dose.amount * (values[way.bioavailability] if way.bioavailability else 1.0)
            begin = dose.at + (values[way.lag] if way.lag else 0.0)
            if length := _length(way, size, dose.over, values):
                rates.append((begin, begin + length, state, size / length))
            else:
                jumps.append((begin, state, size))
    stops = sorted({0.0, *times, *(jump[0] for jump in jumps), *(end for rate in rates for end in rate[:2])})
    course, now = np.empty((len(times), len(states))), 0.0
    for stop in [stop for stop in stops if stop <= times.max()]:
        if stop > now:
            inflow = np.zeros(len(states))
            for begin, end, state, rate in rates:
                inflow[state] += rate * (begin <= now < end)

            def slope(time: float, y: Floats, inflow: Floats = inflow) -> Floats:
                known = {**values, **dict(zip(states, y, strict=True)), TIME: time}
                return np.array([float(s.equation.evaluate(known)) for s in model.states.values()]) + inflow

            solved = solve_ivp(slope, (now, stop), amount, "LSODA", rtol=RTOL, atol=ATOL)
            assert solved.success, solved.message
            amount, now = solved.y[:, -1].copy(), stop
        for begin, state, size in jumps:
            amount[state] += size * (begin == stop)
        course[times == stop] = amount
    known = {**values, **dict(zip(states, course.T, strict=True)), TIME: times}
    return {
        name: np.broadcast_to(output.expression.evaluate(known), times.shape) for name, output in model.outputs.items()
    }


def _length(way: Route, size: float, over: float, values: Mapping[str, float]) -> float:
    """How long a dose goes in, h."""
    if way.duration:
        return values[way.duration]
    return size / values[way.rate] if way.rate else over


def literature(rhs, start: Sequence[float], times: Floats, stops: Sequence[float] = ()) -> Floats:  # type: ignore[no-untyped-def]
    """Equations written out in a test, integrated from time 0: (states, times); stops : where they have corners."""
    made, now, at = np.empty((len(start), len(times))), 0.0, np.array(start, float)
    for stop in sorted({*times, *stops}):
        if stop > now:
            solved = solve_ivp(rhs, (now, stop), at, "Radau", rtol=1e-10, atol=1e-13)
            assert solved.success, solved.message
            at, now = solved.y[:, -1], stop
        made[:, times == stop] = at[:, None]
    return made
