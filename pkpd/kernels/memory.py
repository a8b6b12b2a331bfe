"""Room for results: arrays that begin on a cache line, and large ones whose memory is used again.

Memory fresh from the system is filled with zeros page by page when it is first touched; for a large result that takes
as long as computing it. What a dropped result leaves behind is therefore kept for the next one, up to KEPT bytes.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import threading
import weakref

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LINE = 64  # bytes of a cache line
LARGE = 4 << 20  # bytes from which memory is worth keeping
KEPT = 96 << 20  # bytes kept at the most

_lock = threading.RLock()  # a result may end, and give back, while this thread holds it
_kept: list[mmap.mmap] = []


def aligned(*shape: int) -> Floats:
    """An uninitialised array that begins on a cache line: a vector that straddles two lines costs twice."""
    size = math.prod(shape)
    raw = np.empty(size + LINE // 8)
    skip = (-raw.ctypes.data // 8) % (LINE // 8)
    return raw[skip : skip + size].reshape(shape)


def recycled(*shape: int) -> Floats:
    """An uninitialised array on a page's start, in memory that a dropped one left behind where there is such."""
    needed = 8 * math.prod(shape)
    if needed < LARGE:
        return aligned(*shape)
    memory = _take(needed) or _fresh(needed)
    # Every view of the result refers to `whole`, so its end is the end of all of them.
    whole: Floats = np.frombuffer(memory, np.float64)
    weakref.finalize(whole, _give_back, memory).atexit = False
    return whole[: needed // 8].reshape(shape)


def _fresh(needed: int) -> mmap.mmap:
    size = -(-needed // mmap.PAGESIZE) * mmap.PAGESIZE
    if hasattr(mmap, "MAP_PRIVATE") and hasattr(mmap, "MAP_ANONYMOUS"):  # each forked process has its own copy
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    else:
        memory = mmap.mmap(-1, size)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # advice only
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _take(needed: int) -> mmap.mmap | None:
    """The smallest kept memory that is large enough and not twice too large."""
    with _lock:
        fitting = [memory for memory in _kept if needed <= len(memory) < 2 * needed]
        if not fitting:
            return None
        best = min(fitting, key=len)
        _kept.remove(best)
        return best


def _give_back(memory: mmap.mmap) -> None:
    with _lock:
        _kept.append(memory)
        while sum(len(kept) for kept in _kept) > KEPT:
            _kept.pop(0)
