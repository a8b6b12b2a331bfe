"""Peaks, areas and times above a threshold of subjects that take steps, read off the polynomial of every step.

A step is looked at in five places. Its area is Boole's rule over them; a peak between them is where a parabola through
three turns, with the value there; a crossing of the threshold is closed in on by the Illinois rule (Dowell and Jarratt,
BIT 1971;11:168-174).
"""

from __future__ import annotations

import numpy as np

from pkpd.kernels.cached import part
from pkpd.kernels.lanes import WIDE, absolute, any_greater, call, fma, if_greater, if_less, splat_wide, store
from pkpd.kernels.lanes import load_wide as load
from pkpd.kernels.seats import (
    CODE_READ,
    DENSE,
    FIXED,
    GATHERED,
    LIMIT,
    PEAK,
    READ,
    SAMPLES,
    START,
    STATE,
    TIME,
    TOLERANCE,
    TRIAL,
)

LOOKS = 5
BOOLE = np.array([7.0, 32.0, 12.0, 32.0, 7.0]) / 90.0
HIGHEST, WHEN, AREA, ABOVE = range(4)
GATHERS = 4
CLOSE_IN = 8
NEARBY = 1.0 / 64.0  # of a step: how close to a peak it is looked at again
NEGLIGIBLE = 0.01  # share of its peak that a state's error is held against at least


@part
def not_just_below(at, rows, place, value):
    """A state's value as it is read off: 0 where it is below 0 by no more than the error allowed makes of it."""
    allowed = fma(load(rows, at[LIMIT]) * NEGLIGIBLE, load(rows, at[PEAK] + place), load(rows, at[TOLERANCE] + place))
    return if_less(value, 0.0, if_less(value, 0.0 - 10.0 * allowed, value, splat_wide(0.0)), value)


@part
def between(watched, degree, at, rows, u):
    """The states that outputs read, into TRIAL, at a share u of the step just tried."""
    v = 1.0 - u
    for k in range(watched.size):
        value = splat_wide(0.0)
        for d in range(degree - 1, -1, -1):
            factor = u if d % 2 == 1 else v
            value = fma(value, factor, load(rows, at[DENSE] + (d * watched.size + k) * WIDE))
        place = watched[k] * WIDE
        value = fma(u, value, load(rows, at[STATE] + place))
        store(rows, at[TRIAL] + place, not_just_below(at, rows, place, value))


@part
def read_at(code, states, watched, degree, at, rows, u, clock, h):
    """The outputs, into READ, at a share u of the step just tried."""
    between(watched, degree, at, rows, u)
    store(rows, at[TRIAL] + states * WIDE, fma(u, h, clock))
    call(code[CODE_READ], rows, at[TRIAL], at[FIXED], at[READ])


@part
def begin(outputs, at, rows, lane):
    """Nothing gathered yet."""
    for place in range(outputs * GATHERS):
        rows[at[GATHERED] + place * WIDE + lane] = -1e300 if place % GATHERS == HIGHEST else 0.0


@part
def raise_peak(at, rows, o, value, when, good):
    """Take a value as the peak of output o where it is higher, in the seats whose step is kept."""
    place = at[GATHERED] + (o * GATHERS + HIGHEST) * WIDE
    highest = load(rows, place)
    higher = if_greater(value, highest, good, splat_wide(0.0))
    store(rows, place, if_greater(higher, 0.0, value, highest))
    place = at[GATHERED] + (o * GATHERS + WHEN) * WIDE
    store(rows, place, if_greater(higher, 0.0, when, load(rows, place)))


@part
def closer(code, states, watched, degree, at, rows, clock, h, o, u):
    """Where a parabola through three places near `u` turns: within the step, and not far from it."""
    read_at(code, states, watched, degree, at, rows, u - NEARBY, clock, h)
    before = load(rows, at[READ] + o * WIDE)
    read_at(code, states, watched, degree, at, rows, u, clock, h)
    middle = load(rows, at[READ] + o * WIDE)
    read_at(code, states, watched, degree, at, rows, u + NEARBY, clock, h)
    after = load(rows, at[READ] + o * WIDE)
    bend = before - 2.0 * middle + after
    shift = 0.5 * NEARBY * (before - after) / if_less(bend, 0.0, bend, splat_wide(-1e300))
    shift = if_greater(shift, 8.0 * NEARBY, splat_wide(8.0 * NEARBY), shift)
    shift = if_less(shift, -8.0 * NEARBY, splat_wide(-8.0 * NEARBY), shift)
    turned = u + shift
    turned = if_greater(turned, 1.0, splat_wide(1.0), turned)
    return if_less(turned, 0.0, splat_wide(0.0), turned)


@part
def share_above(code, states, watched, degree, at, rows, clock, h, o, threshold, begin_at, low, high):
    """How much of a quarter of the step, from `begin_at` on, output o lies above a threshold, as a share of the step.

    low, high : output less threshold at both ends
    """
    left, right = splat_wide(begin_at), splat_wide(begin_at + 0.25)
    f, g = low, high
    for _ in range(CLOSE_IN):
        difference = g - f
        u = left - f * (right - left) / if_greater(difference * difference, 0.0, difference, splat_wide(1.0))
        read_at(code, states, watched, degree, at, rows, u, clock, h)
        new = load(rows, at[READ] + o * WIDE) - threshold
        changed = if_less(new * g, 0.0, splat_wide(1.0), splat_wide(0.0))
        left = if_greater(changed, 0.0, right, left)
        f = if_greater(changed, 0.0, g, 0.5 * f)
        right, g = u, new
    passing = right - begin_at
    rising = 0.25 - passing
    across = if_greater(high, low, rising, passing)
    whole = if_greater(low + high, 0.0, splat_wide(0.25), splat_wide(0.0))
    return if_less(low * high, 0.0, across, whole)


@part
def gather(task, at, rows, degree, good, clock, h):
    """Add the step just tried to what is gathered, in the seats that keep it.

    good  : above 0 where the step is kept
    clock : h, at its start
    """
    states, outputs = task.sizes[0], task.sizes[2]
    watched, code = task.watched, task.code
    start = load(rows, at[START]) + load(rows, at[TIME])
    for q in range(LOOKS):
        read_at(code, states, watched, degree, at, rows, splat_wide(0.25 * q), clock, h)
        for o in range(outputs):
            store(rows, at[SAMPLES] + (o * LOOKS + q) * WIDE, load(rows, at[READ] + o * WIDE))
    for o in range(outputs):
        samples = at[SAMPLES] + o * LOOKS * WIDE
        area = splat_wide(0.0)
        for q in range(LOOKS):
            value = load(rows, samples + q * WIDE)
            area = fma(BOOLE[q], value, area)
            raise_peak(at, rows, o, value, fma(0.25 * q, h, start), good)
        place = at[GATHERED] + (o * GATHERS + AREA) * WIDE
        store(rows, place, if_greater(good, 0.0, fma(h, area, load(rows, place)), load(rows, place)))
        for q in range(1, LOOKS - 1):
            before, middle, after = (
                load(rows, samples + (q - 1) * WIDE),
                load(rows, samples + q * WIDE),
                load(rows, samples + (q + 1) * WIDE),
            )
            bend = if_less(before - 2.0 * middle + after, 0.0, before - 2.0 * middle + after, splat_wide(0.0))
            leaning = before - after
            u = 0.25 * q + 0.125 * leaning / if_less(bend, 0.0, bend, splat_wide(1.0))
            # Of the parabola, the highest value, where that lies between the three places.
            height = middle - 0.125 * leaning * leaning / if_less(bend, 0.0, bend, splat_wide(1.0))
            # A quarter beyond as well: of a peak where two steps meet, both parabolas may turn on the other side.
            turns = if_greater(0.25 * (q - 2), u, splat_wide(0.0), if_less(bend, 0.0, good, splat_wide(0.0)))
            turns = if_greater(u, 0.25 * (q + 2), splat_wide(0.0), turns)
            u = if_greater(u, 1.0, splat_wide(1.0), if_less(u, 0.0, splat_wide(0.0), u))
            highest = load(rows, at[GATHERED] + (o * GATHERS + HIGHEST) * WIDE)
            turns = if_greater(height, highest - 1e-3 * absolute(highest), turns, splat_wide(0.0))
            if any_greater(turns, 0.0):
                u = closer(code, states, watched, degree, at, rows, clock, h, o, u)
                read_at(code, states, watched, degree, at, rows, u, clock, h)
                raise_peak(at, rows, o, load(rows, at[READ] + o * WIDE), fma(u, h, start), turns)
        threshold = task.threshold[o]
        if threshold < 1e300:
            above = splat_wide(0.0)
            for q in range(LOOKS - 1):
                low = load(rows, samples + q * WIDE) - threshold
                high = load(rows, samples + (q + 1) * WIDE) - threshold
                if any_greater(good * (0.0 - low * high), 0.0):
                    above = above + share_above(
                        code, states, watched, degree, at, rows, clock, h, o, threshold, 0.25 * q, low, high
                    )
                else:
                    above = above + if_greater(low + high, 0.0, splat_wide(0.25), splat_wide(0.0))
            place = at[GATHERED] + (o * GATHERS + ABOVE) * WIDE
            store(rows, place, if_greater(good, 0.0, fma(h, above, load(rows, place)), load(rows, place)))
