"""Noise over time with an address for every instant: what it is at one time does not depend on which others are asked.

White noise has a number of its own at every time. Noise with a memory is a stationary Ornstein-Uhlenbeck process
(Uhlenbeck, Ornstein, Phys Rev 1930;36:823), drawn on a fixed tree of times: from week to week, then by halves down to
minutes, then by halves down to nanoseconds. A time's value needs those of its ancestors alone, given which the rest of
the course does not matter (it is a Markov process); so no dependence on the grid of output times remains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from pkpd.population import streams

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
At = Callable[[int], Floats]

MINUTE = 60 * 10**9  # ticks
WEEK = 7 * 24 * 60 * MINUTE
_LOW = 0xFFFFFFFF


def noise(
    seed: int, subjects: Integers, variable: str, ticks: Integers, decay: float | None = None
) -> Iterator[tuple[int, Floats]]:
    """Normal noise of mean 0 and variance 1 at every time, one time after the other.

    subjects : (n) subject numbers
    variable : name of what is measured
    ticks    : (times) ticks, ascending, each once
    decay    : per tick; two times have the correlation exp(-decay x time between them). None for no correlation
    returns  : each tick, (n) numbers
    """

    def at(tick: int) -> Floats:
        return streams.normal(seed, subjects, f"{variable}@{tick >> 32}", tick & _LOW)

    if decay is None:
        yield from ((tick, at(tick)) for tick in ticks.tolist())
        return
    week, value = 0, at(0)
    waiting = ticks.tolist()
    while waiting:
        follows = _next(value, at(week + WEEK), decay, WEEK)
        inside = [tick for tick in waiting if tick < week + WEEK]
        yield from _between(week, value, week + WEEK, follows, inside, decay, at)
        waiting = waiting[len(inside) :]
        week, value = week + WEEK, follows


def _next(value: Floats, own: Floats, decay: float, length: int) -> Floats:
    """The process some time later: r x value + sqrt(1 - r^2) x a new number."""
    fading = decay * length
    later: Floats = math.exp(-fading) * value + math.sqrt(-math.expm1(-2 * fading)) * own
    return later


def _between(
    start: int, first: Floats, end: int, last: Floats, ticks: list[int], decay: float, at: At
) -> Iterator[tuple[int, Floats]]:
    """The process at times from `start` on and before `end`, given its values at both."""
    if ticks and ticks[0] == start:
        yield start, first
        ticks = ticks[1:]
    if not ticks:
        return
    unit = MINUTE if end - start > MINUTE else 1
    middle = start + unit * ((end - start) // unit // 2)
    value = _bridged(first, last, decay * (middle - start), decay * (end - middle), at(middle))
    yield from _between(start, first, middle, value, [tick for tick in ticks if tick < middle], decay, at)
    yield from _between(middle, value, end, last, [tick for tick in ticks if tick >= middle], decay, at)


def _bridged(first: Floats, last: Floats, before: float, after: float, own: Floats) -> Floats:
    """The process between two known values: with p and q the correlations with them,

    (p (1 - q^2) first + q (1 - p^2) last + sqrt((1 - p^2) (1 - q^2) (1 - (p q)^2)) own) / (1 - (p q)^2).

    before, after : decay x time to the first and to the last
    """
    p, q = math.exp(-before), math.exp(-after)
    left_p, left_q, left = -math.expm1(-2 * before), -math.expm1(-2 * after), -math.expm1(-2 * (before + after))
    made: Floats = (p * left_q / left) * first + (q * left_p / left) * last + math.sqrt(left_p * left_q / left) * own
    return made
