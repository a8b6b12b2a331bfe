"""Bins of values, and the percentiles read off their counts, each with the most by which binning can put it off.

Of a positive quantity 512 bins reach from each power of two to the next, so that a bin is at most 1/512 of its value
wide; of a signed one the same to both sides; of a fraction 4096 equal bins lie between 0 and 1. What is 0 (below
2^-34 in size), and of a fraction 1, has a bin of its own. The least and the largest value are kept as they are.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pkpd.kernels import counting
from pkpd.kernels.counting import FRACTION, GROWING, POSITIVE, SIGNED

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

RELATIVE = 1.0 / counting.FINE  # width of a bin of a positive quantity, at most, of its value
ABSOLUTE = 1.0 / counting.EVEN  # width of a bin of a fraction


def kind_of(values: Floats, unit: str) -> int:
    """Which bins suit a quantity, from its values in some subjects.

    unit : of the values; "" for a plain number, which is a fraction where all lie from 0 to 1
    """
    if unit == "" and values.min() >= 0 and values.max() <= 1:
        return FRACTION
    return SIGNED if values.min() < 0 else POSITIVE


@lru_cache(maxsize=3)
def edges(kind: int) -> tuple[Floats, Floats]:
    """Lower and upper edge of every bin, each (bins).

    The bins at the ends reach as far as there are values.
    """
    if kind == FRACTION:
        inner = np.arange(counting.EVEN + 1) / counting.EVEN
        return np.concatenate([[-np.inf], inner]), np.concatenate([[0.0], inner[1:], [np.inf]])
    steps = np.arange(GROWING + 1)
    octave, part = np.divmod(steps, counting.FINE)
    inner = np.ldexp(1.0 + part / counting.FINE, octave + counting.LEAST)
    low, high = inner[:-1].copy(), inner[1:].copy()
    high[-1] = np.inf
    if kind == POSITIVE:
        return np.concatenate([[-np.inf], low]), np.concatenate([low[:1], high])
    tiny = low[:1]
    return np.concatenate([-high[::-1], -tiny, low]), np.concatenate([-low[::-1], tiny, high])


def _zero(kind: int, least: float) -> int:
    """The bin whose values are taken for 0; -1 where there is none."""
    if kind == SIGNED:
        return GROWING
    return 0 if kind == POSITIVE and least >= 0 else -1


def percentiles(counts: Counts, kind: int, least: float, most: float, shares: Floats) -> tuple[Floats, Floats]:
    """Percentiles of counted values, linear between order statistics, those of a bin spread evenly over it.

    counts      : (bins)
    least, most : of the values
    shares      : (shares) fractions from 0 to 1
    returns     : the percentiles, and how wide the bins are in which they lie, each (shares)
    """
    filled = np.flatnonzero(counts)
    within = counts[filled]
    until = np.cumsum(within)
    low, high = (np.clip(edge[filled], least, most) for edge in edges(kind))
    zero = _zero(kind, least)
    last = int(until[-1]) - 1
    place = shares * last
    below = np.floor(place).astype(np.int64)
    found, width = [], []
    for rank in (below, np.minimum(below + 1, last)):
        which = np.searchsorted(until, rank, side="right")
        share = (rank - (until[which] - within[which]) + 0.5) / within[which]
        value = low[which] + share * (high[which] - low[which])
        value = np.where(filled[which] == zero, np.clip(0.0, least, most), value)
        found.append(np.where(rank == 0, least, np.where(rank == last, most, value)))
        width.append(np.where((rank == 0) | (rank == last), 0.0, high[which] - low[which]))
    between = place - below
    exactly = between == 0.0  # the next order statistic does not count
    return found[0] + between * (found[1] - found[0]), np.where(exactly, width[0], np.maximum(*width))
