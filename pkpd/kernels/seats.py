"""Where a thread keeps what it integrates: WIDE subjects at once, each in a seat of its own, with its own step.

A seat takes the next subject as soon as its own is done, so no subject waits for another and none can tell beside whom
it was integrated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.kernels.lanes import WIDE
from pkpd.kernels.memory import aligned

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Places of the blocks of rows within a room, as entries of `at`.
STATE, TRIAL, SLOPE, STAGES, FACTORS, FIXED, TOLERANCE, PEAK, DENSE, READ, DRIFT, END, GATHERED, SAMPLES = range(14)
# Rows of numbers of each seat, as entries of `at`.
TIME, STEP, LENGTH, START, WANTED, BARRIER, BUSY, FRESH, DUE, STEPS, STIFFNESS, LIMIT, SUSPECT, CALM = range(14, 28)
PLACES = 28
# Whole numbers of each seat.
SUBJECT, SEGMENT, REQUEST, CORNER = range(4)
WHOLE = 4
# Machine code of a system, as entries of `code`.
CODE_SLOPE, CODE_FACTORISE, CODE_SOLVE, CODE_DRIFT, CODE_READ = range(5)

LARGEST_STAGES = 16
LARGEST_DEGREE = 7


class Room(NamedTuple):
    """Memory of one thread.

    at    : place of each block of rows within `rows`
    rows  : numbers, WIDE to a row
    whole : (WHOLE, WIDE) whole numbers of each seat
    """

    at: Integers
    rows: Floats
    whole: Integers


def room_of(states: int, factors: int, fixed: int, inputs: int, watched: int, outputs: int) -> Room:
    """Room for a system of these sizes."""
    sizes = np.ones(PLACES, np.int64)
    sizes[STATE] = sizes[TRIAL] = sizes[END] = states + 1  # with the time
    sizes[[SLOPE, TOLERANCE, PEAK, DRIFT]] = states
    sizes[STAGES] = LARGEST_STAGES * states
    sizes[FACTORS] = max(factors, states)
    sizes[FIXED] = max(1, fixed + inputs)
    sizes[DENSE] = LARGEST_DEGREE * max(1, watched)
    sizes[[READ, GATHERED, SAMPLES]] = np.array([1, 4, 5]) * max(1, outputs)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64) * WIDE
    rows = aligned(int(starts[-1]))
    rows[:] = 0.0
    return Room(starts[:-1].copy(), rows, np.zeros((WHOLE, WIDE), np.int64))
