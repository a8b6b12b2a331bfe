"""A program, events and values in, numbers out: the linear part exactly, the rest by steps; and who was not solved."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError, unknown
from pkpd.model.program import Program

if TYPE_CHECKING:
    from pkpd.kernels.adaptive import Answer
    from pkpd.kernels.events import Events

Floats = NDArray[np.float64]
Progress = Callable[[int], None]

METHODS = ("explicit", "stiff")


@dataclass(frozen=True)
class Tolerance:
    """How exactly equations are solved that have no exact solution.

    relative : error allowed in one step, as a fraction of a state's size (of a hundredth of its peak at least). The
               error of a result is usually a tenth of it, of the peak: at 1e-5 about 1e-6, and where equations bend
               sharply (steep Hill exponents, saturated binding) up to 1e-4
    absolute : error allowed at any size, in the state's canonical unit (mg, mg/L ...): one number for all states, or
               state -> number; a thousandth of `relative` unless given
    steps    : how many steps a subject may take before it is given up
    method   : "explicit" (order 8) or "stiff" (order 5) for everybody, and for what has an exact solution too; chosen
               for each subject unless given
    """

    relative: float = 1e-5
    absolute: float | Mapping[str, float] = field(default_factory=dict)
    steps: int = 200_000
    method: str | None = None

    def __post_init__(self) -> None:
        given = self.absolute.values() if isinstance(self.absolute, Mapping) else [self.absolute]
        for name, value in (("relative", self.relative), *(("absolute", one) for one in given)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value < 1e3:
                raise SimulationError(f"tolerance: {name} is {value!r}; it must be a number above 0, such as 1e-6.")
        if not LEAST <= self.relative <= MOST:
            raise SimulationError(
                f"tolerance: relative is {self.relative:g}; numbers of 16 digits can meet {LEAST:g} to {MOST:g}."
            )
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise SimulationError(f"tolerance: steps is {self.steps!r}; it must be a whole number from 1 on.")
        if self.method is not None and self.method not in METHODS:
            raise unknown("tolerance", "method", str(self.method), METHODS)

    def of_states(self, states: Sequence[str]) -> Floats:
        """(states) the absolute error allowed.

        Raises UnknownName where a tolerance is given for a state that is not there.
        """
        usual = self.relative * 1e-3
        if not isinstance(self.absolute, Mapping):
            return np.full(len(states), float(self.absolute))
        return np.array([float(self.absolute.get(name, usual)) for name in states])


LEAST, MOST = 1e-13, 0.1


class Values(NamedTuple):
    """What the subjects' parameters come to.

    matrices : entries of the linear part, (values, subjects) or (regimes, values, subjects)
    named    : parameter, covariate or "half-life of SITE" -> (subjects) or (regimes, subjects), canonical units
    staged   : whether all subjects go side by side from one regime to the next, instead of one after the other
    """

    matrices: Floats
    named: Callable[[str], Any]
    staged: bool = False


class Solved(NamedTuple):
    """Outputs, and why some subjects have none from some time on.

    values   : (outputs, times, subjects), canonical units
    failures : subject -> what went wrong, and what to do
    """

    values: Floats
    failures: Mapping[int, str]


def solve(
    program: Program,
    inputs: tuple[int, ...],
    values: Values,
    events: Sequence[Events],
    times: int,
    subjects: int,
    *,
    outputs: Sequence[str] | None = None,
    tolerance: Tolerance | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Solved:
    """Outputs of every subject at every time.

    inputs  : the states that events act on, in their order
    events  : each subject stands in exactly one
    times   : number of output times
    outputs : names; all of the program unless given
    """
    wanted = tuple(program.outputs if outputs is None else outputs)
    if tolerance is not None and isinstance(tolerance.absolute, Mapping):
        for name in tolerance.absolute:
            if name not in program.states:
                raise unknown("tolerance, absolute", "state", name, program.states)
    linear = _solved_exactly(program, wanted, tolerance)
    others = tuple(name for name in wanted if name not in linear)
    if not others:
        return Solved(_exact(program, inputs, values, events, times, linear, threads, progress), {})
    found, failures = _stepped(
        program, inputs, values, events, times, subjects, others, tolerance or Tolerance(), threads, progress
    )
    if not linear:
        return Solved(found, failures)
    exact = _exact(program, inputs, values, events, times, linear, threads, None)
    together = np.empty((len(wanted), *found.shape[1:]))
    for row, name in enumerate(wanted):
        together[row] = exact[linear.index(name)] if name in linear else found[others.index(name)]
    return Solved(together, failures)


def extremes(
    program: Program,
    inputs: tuple[int, ...],
    values: Values,
    events: Sequence[Events],
    end: int,
    subjects: int,
    threshold: Mapping[str, float],
    *,
    tolerance: Tolerance | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Solved:
    """Peak, its time, area and time above a threshold of some outputs, from 0 to an end.

    end       : ticks
    threshold : output -> canonical unit; infinite where there is none
    returns   : values (outputs, 4, subjects): canonical unit, h, canonical unit x h, h. Other arguments as for `solve`
    """
    from pkpd.kernels.events import stopped

    linear = _solved_exactly(program, threshold, tolerance)
    others = tuple(name for name in threshold if name not in linear)
    found: dict[str, Floats] = {}
    failures: Mapping[int, str] = {}
    if linear:
        limits = np.array([threshold[name] for name in linear])
        matrices, own = values.matrices, system(program, inputs, linear)
        exact = _kernels(values).summarise(own, matrices, events, end, limits, threads=threads, progress=progress)
        found |= zip(linear, exact, strict=True)
    if others:
        limits = np.array([threshold[name] for name in others])
        stopping = [stopped(one, end) for one in events]
        stepped, failures = _stepped(
            program,
            inputs,
            values,
            stopping,
            1,
            subjects,
            others,
            tolerance or Tolerance(),
            threads,
            None if linear else progress,
            limits,
        )
        found |= zip(others, stepped, strict=True)
    return Solved(np.stack([found[name] for name in threshold]), failures)


def _solved_exactly(program: Program, outputs: Iterable[str], tolerance: Tolerance | None) -> tuple[str, ...]:
    """Outputs of the linear part, where no method of steps is asked for."""
    if tolerance is not None and tolerance.method is not None:
        return ()
    return tuple(name for name in outputs if program.linear[program.outputs.index(name)])


def system(program: Program, inputs: tuple[int, ...], outputs: Sequence[str]) -> Any:
    """The linear part of a program, with some outputs of it."""
    from pkpd.kernels.events import System

    weights = tuple(program.weights[program.outputs.index(name)] for name in outputs)
    return System(len(program.states), program.entries, program.keys, inputs, weights)


def _exact(
    program: Program,
    inputs: tuple[int, ...],
    values: Values,
    events: Sequence[Events],
    times: int,
    outputs: Sequence[str],
    threads: int,
    progress: Progress | None,
) -> Floats:
    own, kernels = system(program, inputs, outputs), _kernels(values)
    found: Floats = kernels.solve(own, values.matrices, events, times, threads=threads, progress=progress)
    return found


def _kernels(values: Values) -> Any:
    """The room that solves linear systems of these values."""
    from pkpd.kernels import batch, stages

    return stages if values.staged else batch


def _stepped(
    program: Program,
    inputs: tuple[int, ...],
    values: Values,
    events: Sequence[Events],
    times: int,
    subjects: int,
    outputs: tuple[str, ...],
    tolerance: Tolerance,
    threads: int,
    progress: Progress | None,
    threshold: Floats | None = None,
) -> Solved:
    from pkpd.assembly import assemble
    from pkpd.kernels import adaptive

    assembled = assemble(program, outputs, tuple(program.states[state] for state in inputs))
    rows = [np.asarray(values.named(name), float) for name in assembled.parameters]
    shape = (len(values.matrices), subjects) if values.matrices.ndim == 3 else (subjects,)
    table = np.empty((len(rows), *shape))
    for row, given in zip(table, rows, strict=True):
        row[...] = given
    parameters = np.ascontiguousarray(np.moveaxis(table, 0, 1)) if len(shape) == 2 else table
    exactness = adaptive.Exactness(tolerance.relative, tolerance.of_states(assembled.states), tolerance.steps)
    answer = adaptive.solve(
        assembled.equations,
        parameters,
        events,
        times,
        exactness,
        threshold=threshold,
        method=tolerance.method,
        threads=threads,
        progress=progress,
    )
    return Solved(answer.values, _failures(answer, assembled.states, tolerance))


def _failures(answer: Answer, states: Sequence[str], tolerance: Tolerance) -> dict[int, str]:
    from pkpd.kernels import courses

    reasons = {}
    for subject in np.flatnonzero(answer.how != courses.DONE).tolist():
        state, hours = states[answer.state[subject]], answer.hours[subject]
        if answer.how[subject] == courses.TOO_MANY_STEPS:
            why = (
                f"{tolerance.steps:,} steps were not enough. Allow more (Tolerance(steps=...)), ask for less "
                f"exactness, or look at {state}, which changes most"
            )
        elif answer.how[subject] == courses.GROWN_STIFF:
            why = 'the explicit method cannot pass: rates are too different. Leave the method open or take "stiff"'
        else:
            why = (
                f"{state} grows beyond all bounds, falls below 0 though it is an amount, or its equation gives no "
                "number there (a division by 0, a logarithm of what is not above 0), or a tolerance of "
                f"{tolerance.relative:g} cannot be met. Look at the equation of {state} and at this subject's "
                "parameters"
            )
        reasons[subject] = f"at {_hours(hours)} h: {why}."
    return reasons


def _hours(hours: float) -> str:
    return f"{hours:.6g}" if math.isfinite(hours) else "an unknown time,"
