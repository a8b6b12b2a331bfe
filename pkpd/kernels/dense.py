"""Any linear system by matrix exponential, one subject at a time.

Slower than `linear` and free of its conditions: circular flow, oscillation, rates equal by accident, parameters that
change with time, compartments that are emptied, multiplied or switched off. Between two changes of input the augmented
system [x, 1]' = [[K, R], [0, 0]] [x, 1] is propagated by exp(M t), by scaling and squaring of the Pade approximant of
order 13 (Higham, SIAM J Matrix Anal Appl 2005;26:1179-1193).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.actions import ADD, MULTIPLY, OFF, ON, REPLACE, RESET
from pkpd.kernels.exposure import Scan
from pkpd.kernels.terms import Requests

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


_PADE = (
    64764752532480000.0,
    32382376266240000.0,
    7771770303897600.0,
    1187353796428800.0,
    129060195264000.0,
    10559470521600.0,
    670442572800.0,
    33522128640.0,
    1323241920.0,
    40840800.0,
    960960.0,
    16380.0,
    182.0,
    1.0,
)
_TOGETHER = 4096  # matrices of one stack
_THETA = 5.371920351148152  # the largest 1-norm the approximant serves in double precision


def exponential(matrices: Floats) -> Floats:
    """exp of every matrix of a stack, (..., n, n); all at once, where scipy takes them one by one."""
    stack = np.atleast_3d(matrices.T).T if matrices.ndim == 2 else matrices
    norms = np.abs(stack).sum(axis=1).max(axis=1)
    squarings = np.ceil(np.log2(np.maximum(norms, _THETA) / _THETA)).astype(int)
    result = np.empty_like(stack)
    unit, b = np.eye(stack.shape[1]), _PADE
    for count in np.unique(squarings):
        which = squarings == count
        a = stack[which] / 2.0**count
        a2 = a @ a
        a4 = a2 @ a2
        a6 = a4 @ a2
        odd = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * unit)
        even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * unit
        power = np.linalg.solve(even - odd, even + odd)
        for _ in range(count):
            power = power @ power
        result[which] = power
    return result.reshape(matrices.shape)


class Course(NamedTuple):
    """What happens when, to subjects whose events coincide."""

    length: Floats  # (segments) h; 0 for the last, whose end nothing needs
    rate: Integers  # (segments, inputs) row of amounts, mg/h; -1 for none
    actions: Integers  # (actions, 4) segment, kind, input, row of amounts; by segment, then in the order they happen
    regime: Integers  # (segments) which K and C are in force


def augmented(system: Floats, inputs: Integers, rates: Integers, amounts: Floats) -> Floats:
    """The matrix of one segment with its constant input as a last column.

    system  : (states, states) K, 1/h
    inputs  : (inputs) state of each input
    rates   : (inputs) row of `amounts`, -1 for none
    amounts : (rows) mg/h
    returns : (states + 1, states + 1)
    """
    states = len(system)
    matrix = np.zeros((states + 1, states + 1))
    matrix[:states, :states] = system
    for state, row in zip(inputs, rates, strict=True):
        if row >= 0:
            matrix[state, states] += amounts[row]
    return matrix


def solve(
    systems: Floats, weights: Floats, inputs: Integers, course: Course, amounts: Floats, requests: Requests, times: int
) -> Floats:
    """Outputs of one subject at every requested time.

    systems  : (regimes, states, states) K, 1/h
    weights  : (regimes, outputs, states) C
    inputs   : (inputs) state of each input
    course   : events
    amounts  : (rows) boluses in mg, rates in mg/h, factors
    requests : output times; times is how many
    returns  : (outputs, times)
    """
    states = systems.shape[1]
    offset, segment, time = _listed(requests)
    matrices, starts = _walk(systems, inputs, course, amounts)
    wanted, which = np.unique(np.stack([segment, offset]), axis=1, return_inverse=True)
    place = wanted[0].astype(np.int64)
    moved = np.empty((len(place), states + 1))
    for begin in range(0, len(place), _TOGETHER):
        part = slice(begin, begin + _TOGETHER)
        passed = exponential(matrices[place[part]] * wanted[1, part, None, None])
        moved[part] = (passed @ starts[place[part], :, None])[:, :, 0]
    out = np.empty((weights.shape[1], times))
    reached = moved[which.reshape(-1), :states]
    out[:, time] = (weights[course.regime[segment]] @ reached[:, :, None])[:, :, 0].T
    return out


def summarise(
    systems: Floats, weights: Floats, inputs: Integers, course: Course, amounts: Floats, scan: Scan
) -> Floats:
    """Peak, its time, area and time above the threshold of every output of one subject.

    scan    : as for the lane kernel; between two of its times extremes and crossings are closed in on by Brent's method
    returns : (outputs, 4)
    """
    states = systems.shape[1]
    found = np.zeros((weights.shape[1], 4))
    matrices, starts = _walk(systems, inputs, course, amounts)
    for s in range(len(scan.start)):
        matrix, state = matrices[s], starts[s]
        at = scan.at[scan.at_start[s] : scan.at_start[s + 1]]
        passed = exponential(matrix * at[:, None, None]) @ state
        integrated = np.zeros((2 * states + 2, 2 * states + 2))  # [[M, 0], [1, 0]]: the state and its integral
        integrated[: states + 1, : states + 1] = matrix
        integrated[states + 1 :, : states + 1] = np.eye(states + 1)
        whole = exponential(integrated * at[-1])[states + 1 :, : states + 1] @ state
        for o, weight in enumerate(weights[course.regime[s]]):
            c = np.append(weight, 0.0)
            places, levels = _with_turns(c, matrix, state, at, passed)
            top = int(np.argmax(levels))
            if levels[top] > found[o, 0]:
                found[o, :2] = levels[top], scan.start[s] + places[top]
            found[o, 2] += c @ whole
            found[o, 3] += _time_above(c, matrix, state, places, levels - scan.threshold[o])
    return found


def _with_turns(c: Floats, matrix: Floats, state: Floats, at: Floats, passed: Floats) -> tuple[Floats, Floats]:
    """The scanned times together with those at which c x turns round, and c x at all of them."""
    slopes = passed @ (c @ matrix)
    turns = np.array(
        [
            _root(lambda t: c @ matrix @ exponential(matrix * t) @ state, at[i], at[i + 1])
            for i in np.flatnonzero(slopes[1:] * slopes[:-1] < 0)
        ]
    )
    places = np.concatenate([at, turns])
    levels = np.concatenate([passed @ c, [c @ exponential(matrix * t) @ state for t in turns]])
    order = np.argsort(places, kind="stable")
    return places[order], levels[order]


def _root(value: Callable[..., Any], low: float, high: float) -> float:
    """Where a function that changes its sign is 0; on a plateau, where rounding changed it, the end nearer to 0."""
    from scipy.optimize import brentq

    first, last = value(low), value(high)
    if first * last >= 0:
        return low if abs(first) < abs(last) else high
    return float(brentq(value, low, high))


def _time_above(c: Floats, matrix: Floats, state: Floats, places: Floats, excess: Floats) -> float:
    """How long c x is above a threshold; excess is c x less the threshold at every place."""
    higher, lower = np.maximum(excess[1:], excess[:-1]), np.minimum(excess[1:], excess[:-1])
    spent = float(np.diff(places)[(higher > 0) & (lower >= 0)].sum())
    for i in np.flatnonzero(excess[1:] * excess[:-1] < 0):
        offset = c @ exponential(matrix * places[i]) @ state - excess[i]
        passing = _root(lambda t, offset=offset: c @ exponential(matrix * t) @ state - offset, places[i], places[i + 1])
        spent += passing - places[i] if excess[i] > 0 else places[i + 1] - passing
    return spent


def _walk(systems: Floats, inputs: Integers, course: Course, amounts: Floats) -> tuple[Floats, Floats]:
    """The augmented matrix of each segment, and the state at its start, (segments, states + 1)."""
    segments, states = len(course.length), systems.shape[1]
    first = np.searchsorted(course.actions[:, 0], np.arange(segments + 1))
    acts = [course.actions[first[s] : first[s + 1], 1:].tolist() for s in range(segments)]
    matrices = np.empty((segments, states + 1, states + 1))
    off: frozenset[int] = frozenset()
    for s in range(segments):
        for kind, u, _ in acts[s]:
            off = _switched(off, kind, int(inputs[u]))
        matrices[s] = augmented(systems[course.regime[s]], inputs, course.rate[s], amounts)
        matrices[s, sorted(off)] = 0.0
    passed = exponential(matrices * course.length[:, None, None])
    starts = np.empty((segments, states + 1))
    state = np.append(np.zeros(states), 1.0)
    off = frozenset()
    for s in range(segments):
        for kind, u, row in acts[s]:
            off = _switched(off, kind, int(inputs[u]))
            _act(state, off, kind, int(inputs[u]), float(amounts[row]))
        starts[s] = state
        state = passed[s] @ state
    return matrices, starts


def _switched(off: frozenset[int], kind: int, place: int) -> frozenset[int]:
    """The states that are off after an action."""
    if kind == RESET:
        return frozenset()
    return off | {place} if kind == OFF else off - {place} if kind == ON else off


def _act(state: Floats, off: frozenset[int], kind: int, place: int, amount: float) -> None:
    """Change the amounts as an action says."""
    if kind == RESET:
        state[:-1] = 0.0
    elif place in off:
        state[place] = 0.0
    elif kind == ADD:
        state[place] += amount
    elif kind == REPLACE:
        state[place] = amount
    elif kind == MULTIPLY:
        state[place] *= amount


def _listed(requests: Requests) -> tuple[Floats, Integers, Integers]:
    """Offset (h), segment and output time of every request, repeats left out."""
    runs = len(requests.run)
    run = np.repeat(np.arange(runs), np.diff(requests.run_start))
    tile = np.searchsorted(requests.tile_run, np.arange(runs), side="right") - 1
    offset = requests.offset[requests.tile_start[tile[run]] + requests.request[:, 0]]
    time, first = np.unique(requests.request[:, 1], return_index=True)
    return offset[first], requests.run[run[first]], time
