"""Peak, time of peak, area and time above a threshold of linear systems, without a grid of output times.

Each segment is scanned at times that grow geometrically from its start; a change of sign of the slope, or of the
distance to the threshold, between two of them is closed in on by the Illinois rule (Dowell and Jarratt, BIT
1971;11:168-174) in all lanes at once. Areas are the exact integrals of the terms.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.kernels.cached import kernel, part
from pkpd.kernels.lanes import (
    LANES,
    absolute,
    any_greater,
    exp,
    fma,
    if_greater,
    if_less,
    load,
    splat,
    store,
)
from pkpd.kernels.terms import raise_terms

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FIRST_SCAN = 20.0 / 3600.0  # h
SCAN_GROWTH = 1.35
CLOSE_IN = 12


class Scan(NamedTuple):
    """Where each segment is looked at, h after its start; the first is 0 and the last the segment's end."""

    start: Floats  # (segments) h
    at: Floats
    at_start: Integers  # (segments + 1)
    threshold: Floats  # (outputs) canonical unit of each output


def scan_of(starts: Floats, end: float, threshold: Floats) -> Scan:
    """The scan of segments that begin at `starts` (h) and last until the next or until `end` (h)."""
    places: list[float] = []
    counts = [0]
    starts = starts[starts <= end]
    for begin, stop in zip(starts, np.append(starts[1:], end), strict=True):
        length = min(float(stop), end) - float(begin)
        grown = []
        step = FIRST_SCAN
        while step < length:
            grown.append(step)
            step *= SCAN_GROWTH
        places += [0.0, *grown, length]
        counts.append(len(places))
    return Scan(
        np.ascontiguousarray(starts, np.float64),
        np.array(places),
        np.array(counts, np.int64),
        np.ascontiguousarray(threshold, np.float64),
    )


@part
def value_at(terms, coefficient, where, o, power):
    """Output o at the time whose terms are in `power`."""
    total = splat(0.0)
    for e in range(terms.output_start[o], terms.output_start[o + 1]):
        total = fma(load(coefficient, (where + e) * LANES), load(power, terms.output_basis[e] * LANES), total)
    return total


@part
def slope_at(terms, coefficient, where, o, power, rate, first_rate):
    """Its slope: the term of degree d has the slope (term of degree d - 1) - r (itself)."""
    total = splat(0.0)
    for e in range(terms.output_start[o], terms.output_start[o + 1]):
        m = terms.output_basis[e]
        a = load(coefficient, (where + e) * LANES)
        if terms.basis[m, 2] >= 0:
            total = fma(a, load(power, terms.basis[m, 2] * LANES), total)
        total = fma(-(a * load(power, m * LANES)), load(rate, (first_rate + terms.basis[m, 0]) * LANES), total)
    return total


@part
def integral(terms, coefficient, where, o, rate, first_rate, length):
    """Area under output o from the start of a segment to `length` (h).

    For rate r: I_0 = (1 - exp(-r t)) / r and I_d = (I_(d-1) - t^d/d! exp(-r t)) / r; for rate 0: t^(d+1) / (d+1)!.
    """
    total = splat(0.0)
    for e in range(terms.output_start[o], terms.output_start[o + 1]):
        s, degree = terms.basis[terms.output_basis[e], 0], terms.basis[terms.output_basis[e], 1]
        if s == 0:
            area = splat(1.0)
            for d in range(degree + 1):
                area = area * length * (1.0 / (d + 1))
        else:
            r = load(rate, (first_rate + s) * LANES)
            power = exp(-r * length)
            area = (1.0 - power) / r
            for d in range(1, degree + 1):
                power = power * length * (1.0 / d)
                area = (area - power) / r
        total = fma(load(coefficient, (where + e) * LANES), area, total)
    return total


@part
def close_in(terms, coefficient, where, o, power, rate, first_rate, of_slope, level, a, fa, b, fb):
    """Where output o (or its slope) passes `level` between times a and b; lanes that do not pass it return junk.

    fa, fb : the function less the level at a and b
    """
    for _ in range(CLOSE_IN):
        step = fb - fa
        c = b - fb * (b - a) / if_greater(absolute(step), 0.0, step, splat(1.0))
        raise_terms(terms.basis, rate, first_rate, c, power, where - where)
        if of_slope:
            fc = slope_at(terms, coefficient, where, o, power, rate, first_rate)
        else:
            fc = value_at(terms, coefficient, where, o, power) - level
        crossed = fc * fb
        fa = if_less(crossed, 0.0, fb, 0.5 * fa)
        a = if_less(crossed, 0.0, b, a)
        b, fb = c, fc
    return b


@part
def time_above(terms, coefficient, where, o, power, rate, first_rate, level, a, fa, b, fb):
    """How long output o is above the level between a and b, given it passes the level at most once between them."""
    # Above at both ends, or at one with the level itself at the other.
    higher, lower = if_greater(fa, fb, fa, fb), if_greater(fa, fb, fb, fa)
    spent = if_greater(higher, 0.0, if_less(lower, 0.0, splat(0.0), b - a), splat(0.0))
    if any_greater(-(fa * fb), 0.0):
        c = close_in(terms, coefficient, where, o, power, rate, first_rate, False, level, a, fa, b, fb)
        spent = if_less(fa * fb, 0.0, if_greater(fa, 0.0, c - a, b - c), spent)
    return spent


@kernel
def summarise(terms, scan, rate, coefficient, symbols, segments, subjects, first_block, last_block, flat, power):
    """Peak, its time, area and time above the threshold of every output, for one expanded chunk.

    rate, coefficient : an Expansion's arrays, flat; segments : how many it has
    flat  : (outputs x 4 x subjects) peak, its time, area and time above, flat; written in place
    power : room for the terms at one time
    """
    for block in range(last_block - first_block):
        base = (first_block + block) * LANES
        first_rate = block * symbols
        for o in range(terms.output_start.size - 1):
            level = splat(scan.threshold[o])
            peak, when, area, above = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            for s in range(scan.start.size):
                where = (block * segments + s) * terms.output_basis.size
                a, ya, sa = splat(0.0), splat(0.0), splat(0.0)
                for j in range(scan.at_start[s], scan.at_start[s + 1]):
                    b = splat(scan.at[j])
                    raise_terms(terms.basis, rate, first_rate, b, power, where - where)
                    yb = value_at(terms, coefficient, where, o, power)
                    sb = slope_at(terms, coefficient, where, o, power, rate, first_rate)
                    when = if_greater(yb, peak, b + scan.start[s], when)
                    peak = if_greater(yb, peak, yb, peak)
                    if j > scan.at_start[s]:
                        # Where the slope changes sign the interval is split at the extremum, elsewhere at its end.
                        c, yc = b, yb
                        turns = if_less(sa * sb, 0.0, splat(1.0), splat(0.0))
                        if any_greater(turns, 0.0):
                            top = close_in(
                                terms, coefficient, where, o, power, rate, first_rate, True, level, a, sa, b, sb
                            )
                            c = if_greater(turns, 0.0, top, b)
                            raise_terms(terms.basis, rate, first_rate, c, power, where - where)
                            yc = value_at(terms, coefficient, where, o, power)
                            when = if_greater(yc, peak, c + scan.start[s], when)
                            peak = if_greater(yc, peak, yc, peak)
                            above = above + time_above(
                                terms,
                                coefficient,
                                where,
                                o,
                                power,
                                rate,
                                first_rate,
                                level,
                                c,
                                yc - level,
                                b,
                                yb - level,
                            )
                        above = above + time_above(
                            terms, coefficient, where, o, power, rate, first_rate, level, a, ya - level, c, yc - level
                        )
                    a, ya, sa = b, yb, sb
                area = area + integral(terms, coefficient, where, o, rate, first_rate, a)
            store(flat, (o * 4 + 0) * subjects + base, peak)
            store(flat, (o * 4 + 1) * subjects + base, when)
            store(flat, (o * 4 + 2) * subjects + base, area)
            store(flat, (o * 4 + 3) * subjects + base, above)
