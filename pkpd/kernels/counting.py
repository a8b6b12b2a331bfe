"""Counting values into bins, and their moments, row by row: what is left of a chunk of subjects once it is dropped.

A row is one time of one quantity. Counts do not depend on the order of the subjects; moments are taken over blocks of
BLOCK subjects, each in a fixed order, so that whoever merges the blocks in their order gets the same bits from any
chunk and any number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from pkpd.kernels.cached import kernel, part
from pkpd.kernels.lanes import LANES, exp, fma, if_greater, if_less, load, log, splat, store
from pkpd.kernels.memory import aligned

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Counts = NDArray[np.uint32]

BLOCK = 512  # subjects over which moments are taken at a time

# Bins that grow with the value: FINE of them from each power of two to the next, told by the leading bits of the
# number itself; from 2^LEAST to 2^MOST.
FINE_BITS = 9
FINE = 1 << FINE_BITS
LEAST, MOST = -34, 30
GROWING = (MOST - LEAST) * FINE
EVEN = 4096  # equal bins between 0 and 1

POSITIVE, SIGNED, FRACTION = 0, 1, 2
WIDTH = {POSITIVE: GROWING + 1, SIGNED: 2 * GROWING + 1, FRACTION: EVEN + 2}  # bins of a row of each kind

_SHIFT = 52 - FINE_BITS
_FIRST = (1023 + LEAST) << FINE_BITS  # what the leading bits of 2^LEAST are


class Moments(NamedTuple):
    """Of every row, in blocks of BLOCK subjects."""

    mean: Floats  # (blocks, rows)
    spread: Floats  # (blocks, rows)  sum of squared distances from that mean
    least: Floats  # (rows)
    most: Floats  # (rows)


class Product(NamedTuple):
    """offset + scale x product of (1 - part), the parts of two kinds: of a level, and of the time.

    Of a level: Emax (C f / C50)^Hill / (1 + (C f / C50)^Hill). Of the time: g(t) x own.
    """

    offset: float
    scale: Floats  # (subjects)
    row: Integers  # (levels) which rows of the levels, one after the other, drive each
    of_level: Floats  # (levels x 5 x subjects) f, C50, Hill, Emax, and 1 or 0 by which the part is multiplied, flat
    plain: Integers  # (levels) 1 where Hill is 1 for everybody
    of_time: Floats  # (parts x times) g, flat
    own: Floats  # (parts x subjects) flat
    order: Integers  # (levels + parts) 0, 1 ... of the levels; -1, -2 ... of the parts of the time


@intrinsic
def leading(typing: Any, value: Any) -> Any:
    """The leading bits of a number of at least 0, which count up with it."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        whole = builder.bitcast(args[0], context.get_value_type(types.int64))
        return builder.lshr(whole, context.get_constant(types.int64, _SHIFT))

    return types.int64(types.float64), emit


@part
def bin_of(value, kind):
    """The bin of a value; what is no number goes into the first, and makes the mean none."""
    if kind == FRACTION:
        if value >= 1.0:
            return EVEN + 1
        return 1 + int(value * EVEN) if value > 0.0 else 0
    size = min(max(leading(abs(value)) - (_FIRST - 1), 0), GROWING)
    if kind == POSITIVE:
        return size if value > 0.0 else 0
    return GROWING + size if value >= 0.0 else GROWING - size


@part
def count_row(row, subjects, kind, counts, at, t, first, mean, spread, least, most, room):
    """Count one row of values, and take its moments.

    row    : (subjects, whole lanes) values
    counts : flat; those of the row begin at `at`
    t      : which row of the moments
    first  : block of the first subject
    room   : LANES numbers
    """
    for i in range(subjects):
        counts[at + bin_of(row[i], kind)] += np.uint32(1)
    low, high = least[t], most[t]
    for begin in range(0, subjects, BLOCK):
        end = min(begin + BLOCK, subjects)
        whole = begin + (end - begin) // LANES * LANES
        total, smallest, largest = splat(0.0), splat(np.inf), splat(-np.inf)
        for i in range(begin, whole, LANES):
            value = load(row, i)
            total = total + value
            smallest, largest = if_less(value, smallest, value, smallest), if_greater(value, largest, value, largest)
        store(room, 0, total)
        summed = 0.0
        for lane in range(LANES):
            summed += room[lane]
        store(room, 0, smallest)
        for lane in range(LANES):
            low = min(low, room[lane])
        store(room, 0, largest)
        for lane in range(LANES):
            high = max(high, room[lane])
        for i in range(whole, end):
            summed += row[i]
            low, high = min(low, row[i]), max(high, row[i])
        centre = summed / (end - begin)
        squares = splat(0.0)
        for i in range(begin, whole, LANES):
            away = load(row, i) - centre
            squares = fma(away, away, squares)
        store(room, 0, squares)
        summed = 0.0
        for lane in range(LANES):
            summed += room[lane]
        for i in range(whole, end):
            away = row[i] - centre
            summed += away * away
        mean[first + begin // BLOCK, t] = centre
        spread[first + begin // BLOCK, t] = summed
    least[t], most[t] = low, high


@kernel
def count_levels(levels, first, rows, columns, subjects, divisor, kind, counts, mean, spread, least, most, room):
    """Count rows of levels.

    levels  : flat; row t begins at (first + t) x columns
    divisor : what every level is divided by first
    counts  : (rows x bins) flat, written in place, as are the moments
    room    : (at least columns + LANES) numbers
    """
    bins = counts.size // rows
    values, lanes = room[LANES:], room[:LANES]
    for t in range(rows):
        start = (first + t) * columns
        for i in range(0, columns, LANES):
            store(values, i, load(levels, start + i) / divisor)
        count_row(values, subjects, kind, counts, t * bins, t, 0, mean, spread, least, most, lanes)


@part
def left_of(levels, product, t, times, columns, padded, values):
    """What the parts leave at one time, before offset and scale."""
    for i in range(0, columns, LANES):
        store(values, i, splat(1.0))
    for e in range(product.order.size):
        which = product.order[e]
        if which >= 0:
            start, own = (product.row[which] + t) * columns, which * 5 * padded
            for i in range(0, columns, LANES):
                level = load(levels, start + i) * load(product.of_level, own + i)
                level = if_less(level, 0.0, 0.0, level) / load(product.of_level, own + padded + i)
                if product.plain[which] == 0:
                    level = exp(load(product.of_level, own + 2 * padded + i) * log(level))
                value = load(product.of_level, own + 3 * padded + i) * (level / (1.0 + level))
                value = value * load(product.of_level, own + 4 * padded + i)
                store(values, i, load(values, i) * (1.0 - value))
        else:
            grown, own = product.of_time[(-1 - which) * times + t], (-1 - which) * padded
            for i in range(0, columns, LANES):
                store(values, i, load(values, i) * (1.0 - load(product.own, own + i) * grown))


@kernel
def count_product(levels, product, rows, columns, subjects, kind, counts, mean, spread, least, most, room):
    """Count rows of a `Product`; arguments as for `count_levels`."""
    bins = counts.size // rows
    values, lanes = room[LANES:], room[:LANES]
    for t in range(rows):
        left_of(levels, product, t, rows, columns, columns, values)
        for i in range(0, columns, LANES):
            store(values, i, product.offset + load(product.scale, i) * load(values, i))
        count_row(values, subjects, kind, counts, t * bins, t, 0, mean, spread, least, most, lanes)


def moments(rows: int, subjects: int) -> Moments:
    """Room for the moments of a chunk."""
    blocks = -(-subjects // BLOCK)
    return Moments(np.empty((blocks, rows)), np.empty((blocks, rows)), np.full(rows, np.inf), np.full(rows, -np.inf))


def room(columns: int) -> Floats:
    """Room for one row."""
    return aligned(columns + LANES)
