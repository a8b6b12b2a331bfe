"""A regimen for subjects of given weights: exact events, in integer nanoseconds, with amounts per subject.

Doses become segments of constant input. At one time infusions end before others start, and a bolus is given before
the value at its time is read. Overlapping infusions add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.actions import ADD
from pkpd.dosing.regimen import Dose, Regimen
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


def schedule(
    regimen: Regimen,
    weight: Floats,
    targets: Callable[[Dose], Sequence[Target]],
    inputs: int,
    lag: Callable[[Dose], int],
) -> Schedule:
    """The events of a regimen for subjects who share their event times.

    regimen : what is given
    weight  : (subjects) kg
    targets : dose -> where it goes
    inputs  : how many states are dosed
    lag     : dose -> ticks between administration and arrival
    returns : the events, each dose by its base
    """
    rows: list[Floats] = []
    boluses: list[tuple[int, int, int]] = []  # tick, input, row
    infusions: list[tuple[int, int, int, int]] = []  # start, end, input, row
    for dose in regimen.doses:
        amount = dose.base_amount(weight)
        for target in targets(dose):
            arriving = amount * target.share
            rows.append(arriving / to_hours(dose.duration) if dose.duration else arriving)
            for start in dose.starts:
                begin = start + lag(dose)
                if dose.duration:
                    infusions.append((begin, begin + dose.duration, target.input, len(rows) - 1))
                else:
                    boluses.append((begin, target.input, len(rows) - 1))
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
    amounts = np.array(rows, float) if rows else np.zeros((1, len(weight)))
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
