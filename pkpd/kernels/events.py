"""Events and systems in plain numbers, and the same as the kernels read them.

States, inputs and outputs go by position, times by integer nanoseconds ("ticks").
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.actions import ADD, RESET
from pkpd.kernels.dense import Course
from pkpd.kernels.linear import Plan
from pkpd.kernels.remembering import Remembered
from pkpd.kernels.terms import TILE, TOGETHER, Requests

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TICKS_PER_HOUR = 3600 * 10**9


class System(NamedTuple):
    """x' = K x + input, y = C x. K and C name rows of a table of values, one column a subject."""

    states: int
    entries: tuple[tuple[int, int, int], ...]  # row of K, column of K, row of values
    keys: tuple[str, ...]  # per state: equal text where the rate of loss is equal by construction
    inputs: tuple[int, ...]  # dosed states
    outputs: tuple[tuple[tuple[int, int], ...], ...]  # per output: (state, row of values) ...


class Events(NamedTuple):
    """What happens to subjects whose events and output times coincide."""

    breaks: Integers  # (segments) ticks at which each segment starts, never falling; the first is 0
    rate: Integers  # (segments, inputs) row of amounts, mg/h; -1 for none
    actions: Integers  # (actions, 4) segment, kind (`pkpd.actions`), input, row of amounts; in the order they happen
    amounts: Floats  # (rows, subjects)
    times: Integers  # (times) ticks
    before: bool  # value before (True) or after a dose at its own time
    subjects: Integers  # (subjects) their columns in the result
    segments: Integers | None = None  # (times) the segment each time is read in; by its time unless given
    regime: Integers | None = None  # (segments) the set of values in force; the same one all the time unless given


@lru_cache(maxsize=128)
def needed_part(system: System) -> tuple[System, tuple[int, ...]]:
    """The part of a system that some output depends on, and which of its inputs are left."""
    needed = {state for output in system.outputs for state, _ in output}
    while True:
        more = needed | {q for p, q, _ in system.entries if p in needed}
        if more == needed:
            break
        needed = more
    if not needed:
        return system, tuple(range(len(system.inputs)))
    place = {state: number for number, state in enumerate(sorted(needed))}
    inputs = tuple(u for u, state in enumerate(system.inputs) if state in needed)
    return System(
        states=len(place),
        entries=tuple((place[p], place[q], row) for p, q, row in system.entries if p in needed),
        keys=tuple(system.keys[state] for state in place),
        inputs=tuple(place[system.inputs[u]] for u in inputs),
        outputs=tuple(tuple((place[state], row) for state, row in output) for output in system.outputs),
    ), inputs


def for_inputs(events: Events, inputs: tuple[int, ...]) -> Events:
    """Events without what goes into inputs that were left out."""
    number = np.full(events.rate.shape[1], -1)
    number[list(inputs)] = np.arange(len(inputs))
    rate = events.rate[:, list(inputs)] if inputs else np.full((len(events.breaks), 1), -1, np.int64)
    segment, kind, state, row = events.actions.T
    kept = (kind == RESET) | (number[state] >= 0)
    actions = np.column_stack([segment, kind, np.where(kind == RESET, 0, number[state]), row])[kept]
    return events._replace(rate=rate, actions=actions)


def stopped(events: Events, end: int) -> Events:
    """Events up to an end, with a break there at which the outputs are asked for once.

    end : ticks
    """
    kept = int(np.searchsorted(events.breaks, end, side="right"))
    ended = events._replace(
        breaks=events.breaks[:kept],
        rate=events.rate[:kept],
        actions=events.actions[events.actions[:, 0] < kept],
        times=np.array([end]),
        segments=np.array([kept - 1]),
        regime=None if events.regime is None else events.regime[:kept],
    )
    if ended.breaks[-1] == end:
        return ended
    return ended._replace(
        breaks=np.append(ended.breaks, end),
        rate=np.concatenate([ended.rate, np.full((1, ended.rate.shape[1]), -1, np.int64)]),
        segments=np.array([kept]),
        regime=None if ended.regime is None else np.append(ended.regime, ended.regime[-1]),
    )


def plan_of(events: Events) -> Plan:
    """The events as the kernel reads them: equal durations share their exponentials."""
    breaks = events.breaks
    lengths = np.diff(np.append(breaks, breaks[-1]))  # what comes after the last segment's start needs no end state
    running = lengths[(events.rate >= 0).any(axis=1) & (lengths > 0)]
    durations, duration = np.unique(lengths, return_inverse=True)
    actions = events.actions[np.argsort(events.actions[:, 0], kind="stable")]
    resets = np.flatnonzero(actions[:, 1] == RESET)
    latest = np.full(len(breaks), -1)
    latest[actions[resets, 0]] = resets  # of several resets in a segment the last one stays
    bolus = actions[(actions[:, 1] == ADD) & (np.arange(len(actions)) > latest[actions[:, 0]])]
    return Plan(
        duration=duration.astype(np.int64),
        durations=durations / TICKS_PER_HOUR,
        rate=np.ascontiguousarray(events.rate, np.int64),
        reset=(latest >= 0).astype(np.int64),
        bolus=np.ascontiguousarray(bolus[:, 2:], np.int64),
        bolus_start=np.searchsorted(bolus[:, 0], np.arange(len(breaks) + 1)).astype(np.int64),
        shortest=np.array([running.min() / TICKS_PER_HOUR if len(running) else np.inf]),
    )


def in_lanes(events: Events) -> bool:
    """Whether the lane kernel knows everything that happens: doses and resets, under one set of values."""
    kind = events.actions[:, 1]
    return events.regime is None and bool(((kind == ADD) | (kind == RESET)).all())


def course_of(events: Events) -> Course:
    """The events as the dense way reads them."""
    breaks = events.breaks
    return Course(
        length=np.diff(np.append(breaks, breaks[-1])) / TICKS_PER_HOUR,
        rate=events.rate,
        actions=events.actions[np.argsort(events.actions[:, 0], kind="stable")],
        regime=np.zeros(len(breaks), np.int64) if events.regime is None else events.regime,
    )


def requests_of(breaks: Integers, times: Integers, before: bool, segments: Integers | None = None) -> Requests:
    """Output times by segment and offset: equal offsets after different doses share their exponentials.

    breaks : ticks at which each segment starts
    times  : ticks
    before : whether a time that is a break belongs to the segment that ends there
    segments : (times) the segment of each time, where it does not follow from the time
    """
    segment = segments
    if segment is None:
        segment = np.maximum(np.searchsorted(breaks, times, side="left" if before else "right") - 1, 0)
    offsets, which = np.unique(times - breaks[segment], return_inverse=True)
    tiles = -(-len(offsets) // TILE)
    order = np.lexsort((which, segment, which // TILE))
    tile, within = which[order] // TILE, segment[order]
    first = np.flatnonzero(np.concatenate([[True], (np.diff(tile) != 0) | (np.diff(within) != 0)])[: len(order)])
    size = np.diff(np.append(first, len(order)))  # of each run; filled up by its last request
    start = np.concatenate([[0], np.cumsum(size + -size % TOGETHER)]).astype(np.int64)
    place = np.arange(start[-1]) - np.repeat(start[:-1], np.diff(start))
    last = np.repeat(size - 1, np.diff(start))
    requested = order[np.repeat(first, np.diff(start)) + np.minimum(place, last)]
    return Requests(
        offset=offsets / TICKS_PER_HOUR,
        tile_start=np.minimum(np.arange(tiles + 1) * TILE, len(offsets)).astype(np.int64),
        run=within[first].astype(np.int64),
        run_start=start,
        tile_run=np.searchsorted(tile[first], np.arange(tiles + 1)).astype(np.int64),
        request=np.ascontiguousarray(np.stack([which[requested] % TILE, requested], axis=1).astype(np.int64)),
    )


class _Arranged(NamedTuple):
    """Events as the kernels read them; amounts and subjects left out."""

    events: Events
    plan: Plan
    requests: Requests


_arranged: Remembered[_Arranged] = Remembered(most=64)


def arrange_events(given: Events, inputs: tuple[int, ...]) -> tuple[Events, Plan, Requests]:
    """Events of the inputs that are left, their plan and their requests; worked out once for equal events."""

    def make() -> _Arranged:
        events = for_inputs(given, inputs)
        bare = events._replace(amounts=np.empty((0, 0)), subjects=np.empty(0, np.int64))
        requests = requests_of(events.breaks, events.times, events.before, events.segments)
        return _Arranged(bare, plan_of(events), requests)

    alike = [part for name, part in zip(Events._fields, given, strict=True) if name not in ("amounts", "subjects")]
    found = _arranged.get(make, inputs, *alike)
    return found.events._replace(amounts=given.amounts, subjects=given.subjects), found.plan, found.requests
