"""What is kept of a population that streams by: counts in bins and running moments of every curve.

Counts are whole numbers, and moments are merged block by block in the patients' order, so nothing depends on the
number of threads or on how many patients go through at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pkpd.kernels.counting import BLOCK, WIDTH, Moments
from pkpd.streaming import bins

Floats = NDArray[np.float64]


class Tally:
    """Counts and moments of some quantities at some times.

    kinds : (quantities) of their bins
    times : how many
    hands : how many threads count, each for itself
    """

    def __init__(self, kinds: Sequence[int], times: int, hands: int) -> None:
        self.kinds, self.times = tuple(kinds), times
        self._counts = [[np.zeros(times * WIDTH[kind], np.uint32) for kind in kinds] for _ in range(hands)]
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[int, list[Moments]]] = {}
        self._next = 0
        self.subjects = 0
        shape = (len(self.kinds), times)
        self._mean, self._spread = np.zeros(shape), np.zeros(shape)
        self.least, self.most = np.full(shape, np.inf), np.full(shape, -np.inf)

    def counts(self, hand: int, quantity: int) -> NDArray[np.uint32]:
        """What one thread counts a quantity in, flat."""
        return self._counts[hand][quantity]

    def add(self, chunk: int, subjects: int, moments: list[Moments]) -> None:
        """Take the moments of a chunk; chunks may come in any order.

        chunk   : its number, from 0 on
        moments : of every quantity
        """
        with self._lock:
            self._waiting[chunk] = subjects, moments
            while self._next in self._waiting:
                self._merge(*self._waiting.pop(self._next))
                self._next += 1

    def _merge(self, subjects: int, moments: list[Moments]) -> None:
        """Chan, Golub and LeVeque, Am Stat 1983;37:242-247: mean and squares of two groups together."""
        for begin in range(0, subjects, BLOCK):
            block, size = begin // BLOCK, min(BLOCK, subjects - begin)
            mean = np.stack([one.mean[block] for one in moments])
            spread = np.stack([one.spread[block] for one in moments])
            before, self.subjects = self.subjects, self.subjects + size
            away = mean - self._mean
            self._mean += away * (size / self.subjects)
            self._spread += spread + away * away * (before * size / self.subjects)
        self.least = np.minimum(self.least, np.stack([one.least for one in moments]))
        self.most = np.maximum(self.most, np.stack([one.most for one in moments]))

    @property
    def mean(self) -> Floats:
        """(quantities, times)"""
        return self._mean.copy()

    @property
    def deviation(self) -> Floats:
        """(quantities, times) standard deviation between patients; nan of one patient."""
        return np.sqrt(self._spread / (self.subjects - 1)) if self.subjects > 1 else np.full_like(self._spread, np.nan)

    def percentiles(self, shares: Floats) -> tuple[Floats, Floats]:
        """Percentiles, and how wide the bins are in which they lie, each (quantities, shares, times)."""
        found = np.empty((2, len(self.kinds), len(shares), self.times))
        for quantity, kind in enumerate(self.kinds):
            width = WIDTH[kind]
            for t in range(self.times):
                row = slice(t * width, (t + 1) * width)
                counts = np.asarray(sum(own[quantity][row].astype(np.int64) for own in self._counts))
                least, most = self.least[quantity, t], self.most[quantity, t]
                found[:, quantity, :, t] = bins.percentiles(counts, kind, least, most, shares)
        return found[0], found[1]


def bytes_of(kinds: Sequence[int], times: int, hands: int) -> int:
    """The room a Tally takes up, at most."""
    counts = sum(WIDTH[kind] for kind in kinds) * times * hands * np.dtype(np.uint32).itemsize
    return counts + 8 * 4 * len(kinds) * times
