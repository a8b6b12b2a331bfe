"""What a user writes by hand for a linear model: all subjects diagonalised at once by numpy, segment after segment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.workloads import PERCENTILES, Floats, Segments, Workload, segments, sweep_infusions


def _solve(workload: Workload, table: Floats, parts: Segments) -> Floats:
    columns = dict(zip(workload.columns, table.T, strict=True))
    cl, v1, q2, v2, q3, v3 = (columns[name] for name in ("CL", "V1", "Q2", "V2", "Q3", "V3"))
    states = len(workload.states)
    matrix = np.zeros((len(table), states, states))
    matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 0, 2] = -(cl + q2 + q3) / v1, q2 / v2, q3 / v3
    matrix[:, 1, 0], matrix[:, 1, 1] = q2 / v1, -q2 / v2
    matrix[:, 2, 0], matrix[:, 2, 2] = q3 / v1, -q3 / v3
    if "CE" in workload.states:
        matrix[:, 3, 0], matrix[:, 3, 3] = columns["KE0"] / v1, -columns["KE0"]
    roots, vectors = np.linalg.eig(matrix)
    entering = np.linalg.inv(vectors)[:, :, 0]
    read = np.stack(
        [
            vectors[:, workload.states.index(state)] / (columns[name][:, None] if name else 1.0)
            for state, name in workload.outputs
        ],
        axis=2,
    )
    out = np.zeros((len(table), len(workload.hours), len(workload.outputs)))
    mode = np.zeros((len(table), states))
    for begin, end, rate, _, first, last in zip(*parts, strict=True):
        steady = -entering * rate / roots
        decay = np.exp(roots[:, None, :] * (workload.hours[first:last] - begin)[None, :, None])
        out[:, first:last] = ((mode - steady)[:, None, :] * decay + steady[:, None, :]) @ read
        mode = (mode - steady) * np.exp(roots * (end - begin)) + steady
    return out


def build(variant: str, workload: Workload, size: int, threads: int) -> Callable[[], Floats]:
    """What is to be timed: () -> (subjects, times, outputs); for W5 (regimens, times, percentiles)."""
    table = workload.table(workload.subjects if workload.name == "W5" else size)

    def population() -> Floats:
        return _solve(workload, table, segments(workload.hours, workload.infusions))

    def sweep() -> Floats:
        courses = (_solve(workload, table, segments(workload.hours, sweep_infusions(r))) for r in range(size))
        return np.array([np.percentile(course[:, :, 0], PERCENTILES, axis=0).T for course in courses])

    return sweep if workload.name == "W5" else population
