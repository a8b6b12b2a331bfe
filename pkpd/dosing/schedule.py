"""Courses of doses for subjects who share their times: exact events, in integer nanoseconds, with amounts per subject.

Doses become segments of constant input. At one time infusions end before others start, and a bolus is given before
the value at its time is read. Overlapping infusions add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.actions import ADD
from pkpd.times import to_hours

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Target(NamedTuple):
    """Where a share of a dose goes."""

    input: int  # number of the dosed state
    share: Floats | float  # (subjects) or one: fraction of the base that arrives


class Schedule(NamedTuple):
    """Events common to some subjects; their amounts differ.

    Segments may last no time at all, so that something can be read between two events of one instant.
    """

    breaks: Integers  # (segments) ticks at which each segment starts, never falling; the first is 0
    rate: Integers  # (segments, inputs) row of amounts, mg/h; -1 for none
    actions: Integers  # (actions, 4) segment, kind (`pkpd.actions`), input, row of amounts; in the order they happen
    amounts: Floats  # (rows, subjects)


class Course(NamedTuple):
    """One dose, as it arrives."""

    starts: Sequence[int]  # ticks
    duration: int  # ticks; 0 at once
    amount: Floats  # (subjects) mg of base, each time
    targets: Sequence[Target]


def schedule(courses: Sequence[Course], inputs: int, subjects: int) -> Schedule:
    """The events of courses for subjects who share their event times.

    courses  : what is given
    inputs   : how many states are dosed
    subjects : how many
    """
    rows: list[Floats] = []
    boluses: list[tuple[int, int, int]] = []  # tick, input, row
    infusions: list[tuple[int, int, int, int]] = []  # start, end, input, row
    for course in courses:
        for target in course.targets:
            arriving = course.amount * target.share
            rows.append(arriving / to_hours(course.duration) if course.duration else arriving)
            row = len(rows) - 1
            if course.duration:
                infusions += [(begin, begin + course.duration, target.input, row) for begin in course.starts]
            else:
                boluses += [(begin, target.input, row) for begin in course.starts]
    times = {0, *(tick for tick, _, _ in boluses)}
    for begin, end, _, _ in infusions:
        times |= {begin, end}
    breaks = np.array(sorted(times), np.int64)
    rate = np.full((len(breaks), max(1, inputs)), -1, np.int64)
    sums: dict[tuple[int, ...], int] = {}
    changes: dict[int, list[tuple[int, int, bool]]] = {}
    for begin, end, u, row in infusions:
        changes.setdefault(begin, []).append((u, row, True))
        changes.setdefault(end, []).append((u, row, False))
    running: list[list[int]] = [[] for _ in range(inputs)]
    for s, tick in enumerate(breaks.tolist()):
        for u, row, starts in changes.get(tick, ()):
            (running[u].append if starts else running[u].remove)(row)
        for u in range(inputs):
            active = tuple(sorted(running[u]))
            if active:
                if active not in sums:
                    if len(active) == 1:
                        sums[active] = active[0]
                    else:
                        rows.append(np.sum([rows[row] for row in active], axis=0))
                        sums[active] = len(rows) - 1
                rate[s, u] = sums[active]
    placed = sorted(
        ((int(np.searchsorted(breaks, tick)), ADD, u, row) for tick, u, row in boluses), key=lambda action: action[0]
    )
    amounts = np.array(rows, float) if rows else np.zeros((1, subjects))
    return Schedule(breaks, rate, np.array(placed, np.int64).reshape(-1, 4), amounts)


def divided(events: Schedule, at: Sequence[int]) -> Schedule:
    """The same events with a segment that begins at each of some times, where none does.

    at : ticks
    """
    for tick in at:
        if tick in events.breaks:
            continue
        place = int(np.searchsorted(events.breaks, tick))
        actions = events.actions.copy()
        actions[actions[:, 0] >= place, 0] += 1
        events = events._replace(
            breaks=np.insert(events.breaks, place, tick),
            rate=np.insert(events.rate, place, events.rate[place - 1], axis=0),
            actions=actions,
        )
    return events
