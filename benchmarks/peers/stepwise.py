"""One subject through the segments of a workload, for solvers that are started anew at every change of input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.workloads import Floats, Workload, segments


def course(workload: Workload, solve: Callable[[Floats, Floats, Floats], Floats], parameters: Floats) -> Floats:
    """One subject, segment by segment: solve(state, times, parameters and rate) -> (times, states)."""
    columns = list(workload.columns)
    output = [workload.states.index(state) for state, _ in workload.outputs]
    divisor = np.array([parameters[columns.index(name)] if name else 1.0 for _, name in workload.outputs])
    out = np.empty((len(workload.hours), len(output)))
    state = workload.start
    out[0] = state[output] / divisor
    parts = segments(workload.hours, workload.infusions, workload.boluses)
    for begin, end, rate, bolus, first, last in zip(*parts, strict=True):
        state[0] += bolus
        times = np.unique([begin, *workload.hours[first:last], end])
        course = solve(state, times, np.append(parameters, rate))
        out[first:last] = course[1 : 1 + last - first, output] / divisor
        state = course[-1].copy()
    return out
