"""Steady state of a linear system under doses that repeat for ever: the amounts just before a cycle begins.

One interval maps the amounts x at its start to M x + g at its end; what does not change solves (I - M) x = g. Infusions
longer than the interval overlap with their followers: a whole interval of theirs runs all the time, the rest at times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.kernels.dense import exponential
from pkpd.kernels.events import TICKS_PER_HOUR, System

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

# An exponent this small beside the largest entry of K is no loss at all: only rounding made it.
_NO_LOSS = 1e-13


class Pulse(NamedTuple):
    """A dose of a cycle."""

    offset: int  # ticks after the start of the cycle, below its interval
    duration: int  # ticks; 0 for a bolus
    state: int
    row: int  # of amounts: mg, or mg/h where it lasts


def breaks_of(cycle: Sequence[Pulse], interval: int) -> list[int]:
    """Ticks of a cycle at which a dose is given or ends; 0 among them."""
    return sorted(
        {0} | {p.offset for p in cycle} | {(p.offset + p.duration) % interval for p in cycle if p.duration > 0}
    )


def at_once(pulse: Pulse, begin: int, interval: int) -> int:
    """How many infusions of a repeated pulse run at the same time, from a break of the cycle to the next."""
    whole, rest = divmod(pulse.duration, interval)
    return whole + ((begin - pulse.offset) % interval < rest)


def periodic(
    system: System, values: Floats, cycle: Sequence[Pulse], interval: int, amounts: Floats, off: Sequence[int] = ()
) -> tuple[Floats, Booleans]:
    """The amounts at the start of each cycle, before what is given at that very time.

    values   : (rows, subjects) entries of K
    cycle    : the doses of one interval; with interval 0, infusions that never end
    interval : ticks between the starts of two cycles; 0 for the plateau of constant infusions
    amounts  : (rows, subjects) mg and mg/h
    off      : states that are switched off
    returns  : (states, subjects) mg, and (subjects) whether there is a steady state; amounts are 0 where there is none
    """
    subjects, states = values.shape[1], system.states
    matrices = np.zeros((subjects, states, states))
    for p, q, row in system.entries:
        matrices[:, p, q] += values[row]
    matrices[:, list(off)] = 0.0
    cycle = [pulse for pulse in cycle if pulse.state not in off]
    reached = _reached(matrices, cycle, amounts)
    exists = _losing(matrices, reached)
    if interval == 0:
        gain = np.zeros((subjects, states))
        for pulse in cycle:
            gain[:, pulse.state] += amounts[pulse.row]
        change = -matrices
    else:
        change, gain = _period(matrices, cycle, interval, amounts)
        change = np.eye(states) - change
    alive = reached & exists[:, None]
    solvable = np.where(alive[:, :, None] & alive[:, None, :], change, np.eye(states))
    found: Floats = np.linalg.solve(solvable, np.where(alive, gain, 0.0)[:, :, None])[:, :, 0].T
    return found, exists


def _reached(matrices: Floats, cycle: Sequence[Pulse], amounts: Floats) -> Booleans:
    """(subjects, states) where some of the doses gets to."""
    reached = np.zeros(matrices.shape[:2], bool)
    for pulse in cycle:
        reached[:, pulse.state] |= amounts[pulse.row] != 0
    for _ in range(matrices.shape[1]):
        reached |= ((matrices != 0) & reached[:, None, :]).any(axis=2)
    return reached


def _losing(matrices: Floats, reached: Booleans) -> Booleans:
    """(subjects) whether every amount in the states reached decays by itself."""
    size = np.maximum(np.abs(matrices).max(axis=(1, 2), initial=0.0), 1e-300)
    inside = np.where(reached[:, :, None] & reached[:, None, :], matrices, 0.0)
    states = np.arange(matrices.shape[1])
    inside[:, states, states] = np.where(reached, inside[:, states, states], -size[:, None])
    slowest = np.linalg.eigvals(inside).real.max(axis=1)
    losing: Booleans = slowest < -_NO_LOSS * size
    return losing


def _period(matrices: Floats, cycle: Sequence[Pulse], interval: int, amounts: Floats) -> tuple[Floats, Floats]:
    """M and g of one interval."""
    subjects, states = matrices.shape[:2]
    breaks = breaks_of(cycle, interval)
    passed = np.broadcast_to(np.eye(states + 1), (subjects, states + 1, states + 1)).copy()
    for begin, end in zip(breaks, [*breaks[1:], interval], strict=True):
        running = np.zeros((subjects, states + 1, states + 1))
        running[:, :states, :states] = matrices
        for pulse in cycle:
            if pulse.duration == 0:
                if pulse.offset == begin:
                    passed[:, pulse.state, states] += amounts[pulse.row]
            else:
                running[:, pulse.state, states] += at_once(pulse, begin, interval) * amounts[pulse.row]
        passed = exponential(running * ((end - begin) / TICKS_PER_HOUR)) @ passed
    return passed[:, :states, :states], passed[:, :states, states]
