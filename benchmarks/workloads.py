"""Workload W2: 10,000 subjects, three compartments and an effect site, five daily infusions, 241 times x 2 outputs.

Plausible round numbers, not medicine. The draw needs no random numbers: subject i = 1 ... N has parameter
TV exp(omega z) with z the normal quantile of frac(i sqrt(prime)), so that every program gets the same table.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NAMES = ("CL", "V1", "Q2", "V2", "Q3", "V3", "KE0")
TYPICAL = (80.0, 20.0, 120.0, 40.0, 60.0, 150.0, 12.0)
OMEGA = (0.30, 0.30, 0.25, 0.25, 0.25, 0.30, 0.30)
PRIMES = (2, 3, 5, 7, 11, 13, 17)
HOURS = 3.0 * np.arange(241) / 5.0
REGIMEN = "ketamine 25 mg/h iv over 4 h every 24 h for 5 doses"


def table(subjects: int) -> dict[str, Floats]:
    """Parameter table of the workload: name -> (subjects), L/h, L, 1/h."""
    from scipy.special import ndtri

    number = np.arange(1, subjects + 1, dtype=float)
    return {
        name: typical * np.exp(omega * ndtri(np.mod(number * np.sqrt(prime), 1.0)))
        for name, typical, omega, prime in zip(NAMES, TYPICAL, OMEGA, PRIMES, strict=True)
    }


def reference(parameters: dict[str, Floats]) -> Floats:
    """The same outputs by matrix exponentials of the augmented system, step by step: (2, 241, subjects) mg/L."""
    from scipy.linalg import expm

    cl, v1, q2, v2, q3, v3, ke0 = (parameters[name] for name in NAMES)
    matrix = np.zeros((len(cl), 5, 5))
    matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 0, 2], matrix[:, 0, 4] = -(cl + q2 + q3) / v1, q2 / v2, q3 / v3, 1.0
    matrix[:, 1, 0], matrix[:, 1, 1] = q2 / v1, -q2 / v2
    matrix[:, 2, 0], matrix[:, 2, 2] = q3 / v1, -q3 / v3
    matrix[:, 3, 0], matrix[:, 3, 3] = ke0 / v1, -ke0
    steps = {step: expm(matrix * step) for step in (0.2, 0.4, 0.6)}
    state = np.zeros((len(cl), 5))
    out = np.zeros((2, len(HOURS), len(cl)))
    stops = sorted({*(24.0 * day + 4.0 for day in range(5)), *HOURS})
    for before, now in itertools.pairwise(stops):
        state[:, 4] = 25.0 if before % 24.0 < 4.0 - 1e-9 and before < 100.0 - 1e-9 else 0.0
        state = np.einsum("nij,nj->ni", steps[round(now - before, 9)], state)
        place = np.flatnonzero(now == HOURS)
        if len(place):
            out[0, place[0]], out[1, place[0]] = state[:, 0] / v1, state[:, 3]
    return out


def worst_error(found: Floats, expected: Floats) -> float:
    """Largest error over all subjects, outputs and times, relative to the peak of that subject and output."""
    peak = np.abs(expected).max(axis=1, keepdims=True)
    return float((np.abs(found - expected) / peak).max())
