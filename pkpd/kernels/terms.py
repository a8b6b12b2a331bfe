"""Sums of t^d/d! exp(-r t): the values of all outputs at all times, from the coefficients that `linear` finds.

Each value depends on its own subject, segment and time alone, so one more output time changes no bit of the others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
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
):
    """Every requested output of the subjects of one expanded chunk.

    rate, coefficient        : an Expansion's arrays, flat
    first_block, last_block  : the chunk, counted in blocks of LANES subjects
    target  : (subjects) column of the result for each subject; -1 for padding
    flat    : (outputs x times x columns) results, flat; written in place
    floors  : (subjects) no value is given below it: 0 where only rounding could make an amount negative
    powers  : room for the terms of one tile
    """
    count = terms.basis.shape[0]
    coefficients = terms.output_basis.size
    outputs = terms.output_start.size - 1
    row = powers.size - TOGETHER * LANES
    for block in range(last_block - first_block):
        base = (first_block + block) * LANES
        start = target[base]
        floor = load(floors, base)
        together = start >= 0 and start % LANES == 0 and start + LANES <= columns
        for lane in range(LANES):
            together = together and target[base + lane] == start + lane
        for tile in range(requests.tile_start.size - 1):
            opening = requests.tile_start[tile]
            for u in range(opening, requests.tile_start[tile + 1]):
                raise_terms(
                    terms.basis, rate, block * symbols, splat(requests.offset[u]), powers, (u - opening) * count
                )
            for run in range(requests.tile_run[tile], requests.tile_run[tile + 1]):
                here = (block * segments + requests.run[run]) * coefficients
                for r in range(requests.run_start[run], requests.run_start[run + 1], TOGETHER):
                    u0, u1 = requests.request[r, 0] * count, requests.request[r + 1, 0] * count
                    u2, u3 = requests.request[r + 2, 0] * count, requests.request[r + 3, 0] * count
                    for o in range(outputs):
                        y0, y1, y2, y3 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
                        for e in range(terms.output_start[o], terms.output_start[o + 1]):
                            a = load(coefficient, (here + e) * LANES)
                            m = terms.output_basis[e]
                            y0 = fma(a, load(powers, (u0 + m) * LANES), y0)
                            y1 = fma(a, load(powers, (u1 + m) * LANES), y1)
                            y2 = fma(a, load(powers, (u2 + m) * LANES), y2)
                            y3 = fma(a, load(powers, (u3 + m) * LANES), y3)
                        y0, y1 = if_less(y0, floor, floor, y0), if_less(y1, floor, floor, y1)
                        y2, y3 = if_less(y2, floor, floor, y2), if_less(y3, floor, floor, y3)
                        p0 = (o * times + requests.request[r, 1]) * columns
                        p1 = (o * times + requests.request[r + 1, 1]) * columns
                        p2 = (o * times + requests.request[r + 2, 1]) * columns
                        p3 = (o * times + requests.request[r + 3, 1]) * columns
                        if together:
                            stream(flat, p0 + start, y0)
                            stream(flat, p1 + start, y1)
                            stream(flat, p2 + start, y2)
                            stream(flat, p3 + start, y3)
                        else:
                            store(powers, row + 0, y0)
                            store(powers, row + LANES, y1)
                            store(powers, row + 2 * LANES, y2)
                            store(powers, row + 3 * LANES, y3)
                            for lane in range(LANES):
                                column = target[base + lane]
                                if column >= 0:
                                    flat[p0 + column] = powers[row + lane]
                                    flat[p1 + column] = powers[row + LANES + lane]
                                    flat[p2 + column] = powers[row + 2 * LANES + lane]
                                    flat[p3 + column] = powers[row + 3 * LANES + lane]
