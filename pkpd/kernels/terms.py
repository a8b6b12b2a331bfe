"""Sums of t^d/d! exp(-r t): the values of all outputs at all times, from the coefficients that `linear` finds.

Each value depends on its own subject, segment and time alone, so one more output time changes no bit of the others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from pkpd.kernels.cached import kernel, part
from pkpd.kernels.lanes import LANES, exp, fma, if_less, load, splat, store, stream

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TILE = 48
TOGETHER = 4


class Terms(NamedTuple):
    """Which terms make up each output of one model. Rate symbol 0 is the rate zero."""

    basis: Integers  # (terms, 3)        symbol and degree d of each t^d/d! exp(-r t), term of degree d - 1 or -1
    output_basis: Integers  # (coefficients)    term of each
    output_start: Integers  # (outputs + 1)     coefficients of each output


class Requests(NamedTuple):
    """When outputs are wanted, for subjects whose events and output times coincide."""

    offset: Floats  # (distinct)          h after a segment's start, in tiles of at most TILE
    tile_start: Integers  # (tiles + 1)         offsets of each tile
    run: Integers  # (runs)              segment of each run of requests
    run_start: Integers  # (runs + 1)          requests of each run; a multiple of TOGETHER
    tile_run: Integers  # (tiles + 1)         runs of each tile
    request: Integers  # (requests, 2)       offset within the tile, output time


class Expansion(NamedTuple):
    """The solution of a chunk of subjects, flat; every number stands for LANES of them."""

    rate: Floats  # (blocks x symbols) 1/h
    coefficient: Floats  # (blocks x segments x coefficients) output per term


@part
def raise_terms(basis, rate, first, time, into, where):
    """Every term t^d/d! exp(-r t) at a time.

    rate  : flat rates in lanes; those of the block begin at entry `first`
    time  : h, lanes
    into  : written in place from entry `where` on
    """
    for m in range(basis.shape[0]):
        s, d = basis[m, 0], basis[m, 1]
        if d > 0:
            value = load(into, (where + basis[m, 2]) * LANES) * time * (1.0 / d)
        elif s == 0:
            value = splat(1.0)
        else:
            value = exp(-load(rate, (first + s) * LANES) * time)
        store(into, (where + m) * LANES, value)


@intrinsic
def count_at(typing, array, index):
    """The integer at a place of a contiguous array, counted in numbers; a place below 0 is not one from the end."""

    def emit(context, builder, sig, args):
        where = context.cast(builder, args[1], sig.args[1], types.intp)
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.load(builder.gep(data, [where]))

    return types.int64(array, index), emit


@kernel
def evaluate(
    terms,
    requests,
    rate,
    coefficient,
    symbols,
    segments,
    first_block,
    last_block,
    target,
    flat,
    times,
    columns,
    floors,
    powers,
    apart,
):
    """Every requested output of the subjects of one expanded chunk.

    rate, coefficient        : an Expansion's arrays, flat
    first_block, last_block  : the chunk, counted in blocks of LANES subjects
    target  : (subjects) column of the result for each subject; -1 for padding
    flat    : (outputs x times x columns) results, flat; written in place
    floors  : (subjects) no value is given below it: 0 where only rounding could make an amount negative
    powers  : room for the terms of one tile
    apart   : (outputs x times x LANES) room for a block whose subjects have no columns side by side
    """
    count = terms.basis.shape[0] * LANES
    coefficients = terms.output_basis.size
    outputs = terms.output_start.size - 1
    wanted = requests.request
    for block in range(last_block - first_block):
        base = (first_block + block) * LANES
        floor = load(floors, base)
        together = target[base] >= 0 and target[base] % LANES == 0
        for lane in range(LANES):
            together = together and target[base + lane] == target[base] + lane
        into, width, start = (flat, columns, target[base]) if together else (apart, LANES, np.int64(0))
        for tile in range(requests.tile_start.size - 1):
            opening = requests.tile_start[tile]
            for u in range(opening, requests.tile_start[tile + 1]):
                raise_terms(
                    terms.basis,
                    rate,
                    block * symbols,
                    splat(requests.offset[u]),
                    powers,
                    (u - opening) * terms.basis.shape[0],
                )
            for run in range(requests.tile_run[tile], requests.tile_run[tile + 1]):
                here = (block * segments + requests.run[run]) * coefficients
                for r in range(requests.run_start[run], requests.run_start[run + 1], TOGETHER):
                    u0, u1 = count_at(wanted, 2 * r) * count, count_at(wanted, 2 * r + 2) * count
                    u2, u3 = count_at(wanted, 2 * r + 4) * count, count_at(wanted, 2 * r + 6) * count
                    for o in range(outputs):
                        y0, y1, y2, y3 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
                        for e in range(count_at(terms.output_start, o), count_at(terms.output_start, o + 1)):
                            a = load(coefficient, (here + e) * LANES)
                            m = count_at(terms.output_basis, e) * LANES
                            y0 = fma(a, load(powers, u0 + m), y0)
                            y1 = fma(a, load(powers, u1 + m), y1)
                            y2 = fma(a, load(powers, u2 + m), y2)
                            y3 = fma(a, load(powers, u3 + m), y3)
                        row = o * times
                        stream(into, (row + count_at(wanted, 2 * r + 1)) * width + start, if_less(y0, floor, floor, y0))
                        stream(into, (row + count_at(wanted, 2 * r + 3)) * width + start, if_less(y1, floor, floor, y1))
                        stream(into, (row + count_at(wanted, 2 * r + 5)) * width + start, if_less(y2, floor, floor, y2))
                        stream(into, (row + count_at(wanted, 2 * r + 7)) * width + start, if_less(y3, floor, floor, y3))
        if not together:
            for row in range(outputs * times):
                for lane in range(LANES):
                    if target[base + lane] >= 0:
                        flat[row * columns + target[base + lane]] = apart[row * LANES + lane]
