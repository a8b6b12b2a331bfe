"""numbalsoda's LSODA: right-hand side and loop over subjects and segments compiled, subjects in parallel."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from numbalsoda import lsoda, lsoda_sig

from benchmarks.peers.equations import RIGHT_HAND_SIDES
from benchmarks.workloads import ATOL, PERCENTILES, RTOL, Floats, Workload, segments, sweep_infusions


@cache
def _pointer(name: str) -> Any:
    rhs = RIGHT_HAND_SIDES[name]

    @numba.cfunc(lsoda_sig)
    def compiled(t, y, dy, p):  # type: ignore[no-untyped-def]
        rhs(t, y, dy, p)

    return compiled


@numba.njit
def _outputs(y: Any, p: Any, output: Any, divisor: Any, out: Any) -> None:
    for k in range(len(output)):
        out[k] = y[output[k]] / p[divisor[k]] if divisor[k] >= 0 else y[output[k]]


@numba.njit
def _subject(
    f: Any,
    parameters: Any,
    start: Any,
    hours: Any,
    parts: Any,
    output: Any,
    divisor: Any,
    rtol: float,
    atol: float,
    out: Any,
) -> bool:
    begin, end, rate, bolus, first, last = parts
    y = start.copy()
    p = np.append(parameters, 0.0)
    _outputs(y, p, output, divisor, out[0])
    fine = True
    for s in range(len(begin)):
        p[-1] = rate[s]
        y[0] += bolus[s]
        inside = last[s] - first[s]
        beyond = inside == 0 or hours[last[s] - 1] < end[s]
        times = np.empty(1 + inside + beyond)
        times[0] = begin[s]
        times[1 : 1 + inside] = hours[first[s] : last[s]]
        if beyond:
            times[-1] = end[s]
        course, success = lsoda(f, y, times, p, rtol, atol, 500000)
        fine = fine and success
        for k in range(inside):
            _outputs(course[1 + k], p, output, divisor, out[first[s] + k])
        y = course[-1].copy()
    return fine


@numba.njit(parallel=True)
def _population(
    f: Any, table: Any, start: Any, hours: Any, parts: Any, output: Any, divisor: Any, rtol: float, atol: float
) -> Any:
    out = np.empty((len(table), len(hours), len(output)))
    fine = np.ones(len(table), np.bool_)
    for i in numba.prange(len(table)):
        fine[i] = _subject(f, table[i], start, hours, parts, output, divisor, rtol, atol, out[i])
    return out, fine


@numba.njit
def _alone(
    f: Any, table: Any, start: Any, hours: Any, parts: Any, output: Any, divisor: Any, rtol: float, atol: float
) -> Any:
    """The same for one subject, without the cost of a parallel region."""
    out = np.empty((1, len(hours), len(output)))
    fine = np.array([_subject(f, table[0], start, hours, parts, output, divisor, rtol, atol, out[0])])
    return out, fine


def build(variant: str, workload: Workload, size: int, threads: int) -> Callable[[], Floats]:
    """What is to be timed: () -> (subjects, times, outputs); for W5 (regimens, times, percentiles)."""
    table = workload.table(workload.subjects if workload.name == "W5" else size)
    columns = list(workload.columns)
    output = np.array([workload.states.index(state) for state, _ in workload.outputs])
    divisor = np.array([columns.index(name) if name else -1 for _, name in workload.outputs])
    address = _pointer(workload.name).address
    run = _alone if len(table) == 1 else _population
    one_course = tuple(segments(workload.hours, workload.infusions, workload.boluses)) if workload.infusions else ()

    def solve(parts: Any) -> Floats:
        found, fine = run(address, table, workload.start, workload.hours, parts, output, divisor, RTOL, ATOL)
        assert fine.all(), "a subject failed"
        return np.asarray(found)

    def population() -> Floats:
        numba.set_num_threads(threads)
        return solve(one_course)

    def sweep() -> Floats:
        numba.set_num_threads(threads)
        courses = (solve(tuple(segments(workload.hours, sweep_infusions(regimen)))) for regimen in range(size))
        return np.array([np.percentile(course[:, :, 0], PERCENTILES, axis=0).T for course in courses])

    return sweep if workload.name == "W5" else population
