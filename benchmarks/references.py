"""What each workload should give, and how far a result is from it.

W1, W2, W5 by matrix exponentials of the augmented system, exact to about 1e-13. W3 and W4 by scipy's LSODA at
rtol 1e-12, atol 1e-13, held against DOP853 and Radau for a few subjects. They are kept in a temporary folder.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.peers.stepwise import course
from benchmarks.workloads import (
    PERCENTILES,
    REGIMENS,
    WORKLOADS,
    Floats,
    Infusion,
    Workload,
    segments,
    sweep_dose,
    sweep_infusions,
)

# The two integrations must agree to this, of the peak.
AGREEMENT = 1e-9
CROSS_CHECKED = {"W3": ("DOP853", 4), "W4": ("Radau", 1)}


def errors(found: Floats, expected: Floats) -> tuple[float, float]:
    """Worst error of the peak of its subject and output, and worst relative one (floor: a thousandth of the peak).

    found, expected : (subjects, times, outputs), or (regimens, times, percentiles)
    """
    peak = np.abs(expected).max(axis=1, keepdims=True)
    difference = np.abs(found - expected)
    relative = difference / np.maximum(np.abs(expected), 1e-3 * peak)
    return float((difference / peak).max()), float(relative.max())


def linear(workload: Workload, table: Floats, infusions: tuple[Infusion, ...]) -> Floats:
    """Central and effect-site concentration step by step, (subjects, times, 2) mg/L."""
    from scipy.linalg import expm

    cl, v1, q2, v2, q3, v3 = table[:, :6].T
    ke0 = table[:, 6] if table.shape[1] > 6 else np.zeros(len(table))
    matrix = np.zeros((len(table), 5, 5))
    matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 0, 2], matrix[:, 0, 4] = -(cl + q2 + q3) / v1, q2 / v2, q3 / v3, 1.0
    matrix[:, 1, 0], matrix[:, 1, 1] = q2 / v1, -q2 / v2
    matrix[:, 2, 0], matrix[:, 2, 2] = q3 / v1, -q3 / v3
    matrix[:, 3, 0], matrix[:, 3, 3] = ke0 / v1, -ke0
    steps: dict[float, Floats] = {}
    state = np.zeros((len(table), 5))
    out = np.zeros((len(table), len(workload.hours), 2))
    parts = segments(workload.hours, infusions)
    for begin, end, rate, _, first, last in zip(*parts, strict=True):
        state[:, 4] = rate
        for before, now in itertools.pairwise([begin, *workload.hours[first:last], end]):
            step = round(now - before, 9)
            if step == 0:
                continue
            if step not in steps:
                steps[step] = expm(matrix * (now - before))
            state = np.einsum("nij,nj->ni", steps[step], state)
            place = np.flatnonzero(workload.hours == now)
            if len(place):
                out[:, place[0], 0], out[:, place[0], 1] = state[:, 0] / v1, state[:, 3]
    return out


def _sweep(workload: Workload) -> Floats:
    """Percentiles of every regimen; one exponential course for each duration, scaled by the dose."""
    table = workload.table(workload.subjects)
    out = np.empty((REGIMENS, len(workload.hours), len(PERCENTILES)))
    for group in range(0, REGIMENS, 20):
        base, _ = sweep_dose(group)
        course = linear(workload, table, sweep_infusions(group))[:, :, 1]
        for regimen in range(group, group + 20):
            dose, _ = sweep_dose(regimen)
            out[regimen] = np.percentile(dose / base * course, PERCENTILES, axis=0).T
    return out


def _nonlinear(workload: Workload, subjects: int) -> Floats:
    """Outputs by LSODA at 1e-12, (subjects, times, outputs); raises where another method does not agree."""
    from numba import njit
    from scipy.integrate import odeint, solve_ivp

    from benchmarks.peers.equations import RIGHT_HAND_SIDES

    compiled = RIGHT_HAND_SIDES[workload.name]
    states = len(workload.states)

    @njit
    def rhs(t, y, p):  # type: ignore[no-untyped-def]
        dy = np.empty(states)
        compiled(t, y, dy, p)
        return dy

    def lsoda(y: Floats, times: Floats, p: Floats) -> Floats:
        return np.asarray(odeint(rhs, y, times, args=(p,), rtol=1e-12, atol=1e-13, tfirst=True, mxstep=500_000))

    method, checked = CROSS_CHECKED[workload.name]
    rtol = 1e-12 if method == "DOP853" else 1e-11

    def other(y: Floats, times: Floats, p: Floats) -> Floats:
        made = solve_ivp(rhs, times[[0, -1]], y, method=method, t_eval=times, args=(p,), rtol=rtol, atol=1e-13)
        return np.asarray(made.y.T)

    table = workload.table(subjects)
    found = np.array([course(workload, lsoda, one) for one in table])
    check = np.array([course(workload, other, one) for one in table[:checked]])
    apart, _ = errors(found[:checked], check)
    if not apart <= AGREEMENT:
        raise ArithmeticError(f"{workload.name}: LSODA and {method} differ by {apart:.1e} of the peak.")
    return found


def folder() -> Path:
    """Where references are kept: a folder of this user in the temporary one, named by what they are made from."""
    digest = hashlib.blake2s(digest_size=8)
    for name in ("workloads.py", "references.py", "peers/equations.py"):
        digest.update((Path(__file__).parent / name).read_bytes())
    user = os.getuid() if hasattr(os, "getuid") else "user"
    path = Path(tempfile.gettempdir()) / f"pkpd-benchmarks-{user}" / digest.hexdigest()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid") and path.parent.stat().st_uid != os.getuid():
        raise PermissionError(f"{path.parent} belongs to somebody else; remove it or set TMPDIR.")
    return path


def reference(name: str, subjects: int) -> Floats:
    """What a workload should give, computed once and kept: (subjects, times, outputs); W5 (200, times, percentiles)."""
    workload = WORKLOADS[name]
    subjects = min(subjects, workload.subjects)
    kept = folder() / f"{name}-{subjects}.npy"
    if kept.is_file():
        return np.asarray(np.load(kept), float)
    if name == "W5":
        made = _sweep(workload)
    elif name in ("W1", "W2"):
        made = linear(workload, workload.table(subjects), workload.infusions)[:, :, : len(workload.outputs)]
    else:
        made = _nonlinear(workload, subjects)
    unfinished = kept.with_name(f"{kept.stem}-{os.getpid()}.npy")
    np.save(unfinished, made)
    unfinished.replace(kept)
    return made
