"""scipy's solve_ivp with LSODA and a compiled right-hand side, started anew at every change of input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from scipy.integrate import solve_ivp

from benchmarks.peers.equations import RIGHT_HAND_SIDES
from benchmarks.peers.stepwise import course
from benchmarks.workloads import ATOL, RTOL, Floats, Workload


def build(variant: str, workload: Workload, size: int, threads: int) -> Callable[[], Floats]:
    """What is to be timed: () -> (subjects, times, outputs)."""
    compiled = RIGHT_HAND_SIDES[workload.name]
    states = len(workload.states)

    @njit
    def rhs(t, y, p):  # type: ignore[no-untyped-def]
        dy = np.empty(states)
        compiled(t, y, dy, p)
        return dy

    def solve(y: Floats, times: Floats, p: Floats) -> Floats:
        made = solve_ivp(rhs, times[[0, -1]], y, method="LSODA", t_eval=times, args=(p,), rtol=RTOL, atol=ATOL)
        return np.asarray(made.y.T)

    table = workload.table(size)
    return lambda: np.array([course(workload, solve, parameters) for parameters in table])
