"""The times at which a course is worth looking at: how long it is shown, and closer together where dosing changes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.regimen import Regimen
from pkpd.times import TICKS_PER_HOUR

Integers = NDArray[np.int64]

HOUR, DAY = TICKS_PER_HOUR, 24 * TICKS_PER_HOUR
EVEN, NEAR_CHANGES, LEAST_EVEN = 180, 140, 100  # times of a course, about
AFTER_CHANGE = (0.0, 0.004, 0.015, 0.0012, 0.035, 0.0003)  # of the window, in order of need
WITHIN = (0.06, 0.12, 0.25, 0.4, 0.6, 0.8)  # of the time to the next change, where few of the other times lie in it
FEW, CROWDED = 3, 3  # even times between two changes, and times near a change
AFTER_DOSE = (HOUR // 120, HOUR // 40, HOUR // 15)  # ticks: peaks of effect sites of half-lives of 0.5 to 2 min


def window(end: int, horizon: int) -> int:
    """How long a course is shown: a fifth beyond the end of treatment, at least 5 h, rounded up.

    end     : of treatment, ticks
    horizon : of the simulation, ticks
    returns : ticks
    """
    span = max(end + end // 5, end + 5 * HOUR)
    step = next(
        step
        for limit, step in ((12 * HOUR, HOUR), (48 * HOUR, 6 * HOUR), (30 * DAY, DAY), (math.inf, 7 * DAY))
        if span <= limit
    )
    return min(-(-span // step) * step, horizon)


def course_times(regimen: Regimen, span: int) -> Integers:
    """Times of a course: evenly spread, and closer together where the dosing changes.

    span    : from 0 on, ticks
    returns : (times) ticks, ascending; with every change within the span, the moment before every bolus, and the peaks
              of effects soon after the end of every dose; times between changes that follow closely on one another, so
              that many doses are not drawn as a beat of the grid
    """
    starts = [(start, dose.duration) for dose in regimen.doses for start in dose.starts]
    edges = {at for start, length in starts for at in (start, start + length) if at < span}
    changes = np.array(sorted(edges), np.int64)
    each = min(len(AFTER_CHANGE), max(1, NEAR_CHANGES // max(1, len(changes))))
    offsets = np.rint(np.array(AFTER_CHANGE[:each]) * span).astype(np.int64)
    near = changes[:, None] + offsets
    until = np.append(changes[1:], span)[:, None]
    extra = [start - 1 for start, length in starts if length == 0 and 0 < start < span]
    extra += [at for start, length in starts for delay in AFTER_DOSE if (at := start + length + delay) < span]
    near = near[near < until]
    even = np.rint(np.linspace(0, span, 1 + max(LEAST_EVEN, EVEN - len(near)))).astype(np.int64)
    usual = int(np.median(np.diff(changes))) if len(changes) > 1 else span
    nexts = np.append(changes[1:], min(span, int(changes[-1]) + usual) if len(changes) else span)
    sparse = (np.searchsorted(even, nexts) - np.searchsorted(even, changes) < FEW) & (each < CROWDED)
    within = changes[sparse, None] + np.rint(np.outer((nexts - changes)[sparse], WITHIN)).astype(np.int64)
    times: Integers = np.unique(np.concatenate([even, near, within.ravel(), np.array(extra, np.int64)]))
    return times
