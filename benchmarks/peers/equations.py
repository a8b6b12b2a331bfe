"""Right-hand sides of the workloads, compiled: (t, y, dy, p), the infusion rate last in p."""

from __future__ import annotations

from typing import Any

from numba import njit

from benchmarks.workloads import FAST, FIXED

F, FFP, FMET, MR, POT = (FIXED[name] for name in ("F", "FFP", "FMET", "MR", "POT"))


@njit(inline="always")
def _plasma(y: Any, dy: Any, p: Any, rate: float) -> None:
    c1, c2, c3 = y[0] / p[1], y[1] / p[3], y[2] / p[5]
    dy[0] = rate - p[0] * c1 - p[2] * (c1 - c2) - p[4] * (c1 - c3)
    dy[1] = p[2] * (c1 - c2)
    dy[2] = p[4] * (c1 - c3)


@njit(inline="always")
def _w1(t: float, y: Any, dy: Any, p: Any) -> None:
    _plasma(y, dy, p, p[6])


@njit(inline="always")
def _w2(t: float, y: Any, dy: Any, p: Any) -> None:
    _plasma(y, dy, p, p[7])
    dy[3] = p[6] * (y[0] / p[1] - y[3])


@njit(inline="always")
def _body(y: Any, dy: Any, p: Any, arterial: float, effect: float) -> None:
    """What W3 and W4 share; they differ in what drives the effect site and in the effect."""
    ka, vmax, km, v1, q2, v2, q3, v3 = p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]
    c1, c2, c3, n1, n2 = y[1] / v1, y[2] / v2, y[3] / v3, y[4] / p[9], y[5] / p[11]
    absorbed = ka * y[0]
    eliminated = vmax * c1 / (km + c1)
    dy[0] = -absorbed
    dy[1] = p[19] + F * absorbed - eliminated - q2 * (c1 - c2) - q3 * (c1 - c3)
    dy[2] = q2 * (c1 - c2)
    dy[3] = q3 * (c1 - c3)
    dy[4] = MR * (FMET * eliminated + FFP * absorbed) - p[8] * n1 - p[10] * (n1 - n2)
    dy[5] = p[10] * (n1 - n2)
    dy[6] = p[12] * (arterial - y[6])
    dy[7] = p[13] * (n1 - y[7])
    dy[8] = p[16] * (y[6] - y[8])
    dy[9] = p[18] * (1.0 + effect) - p[18] * y[9]


@njit(inline="always")
def _w3(t: float, y: Any, dy: Any, p: Any) -> None:
    s = y[6] + POT * y[7]
    e50 = p[15] * (1.0 + y[8] / p[17])
    _body(y, dy, p, y[1] / p[3], p[14] * s * s / (e50 * e50 + s * s))


@njit(inline="always")
def _w4(t: float, y: Any, dy: Any, p: Any) -> None:
    s = y[6] + POT * y[7]
    e50 = p[15] * (1.0 + y[8] / p[17])
    _body(y, dy, p, y[10], p[14] * y[11])
    dy[10] = FAST * (y[1] / p[3] - y[10])
    dy[11] = FAST * (s / e50 * (1.0 - y[11]) - y[11])


RIGHT_HAND_SIDES = {"W1": _w1, "W2": _w2, "W3": _w3, "W4": _w4, "W5": _w2}
