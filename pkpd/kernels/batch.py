"""All subjects of a simulation: plan the events, spread the blocks over threads, mend the doubtful.

Plain numbers only: states, inputs and outputs by position, times in integer nanoseconds ("ticks").
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.actions import ADD, RESET
from pkpd.kernels import crew, dense, exposure, linear, terms
from pkpd.kernels.cascade import Cascade, arrange
from pkpd.kernels.dense import Course
from pkpd.kernels.lanes import LANES
from pkpd.kernels.linear import Plan, Workspace
from pkpd.kernels.memory import aligned, recycled
from pkpd.kernels.remembering import Remembered
from pkpd.kernels.terms import TILE, TOGETHER, Expansion, Requests, Terms

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TICKS_PER_HOUR = 3600 * 10**9
# Coefficients of one chunk: what fits into the second-level cache beside everything else.
CHUNK_NUMBERS = 40_000

Progress = Callable[[int], None]
Reader = Callable[[Expansion, int, int, int, int], None]


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
def _needed(system: System) -> tuple[System, tuple[int, ...]]:
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


def _for_inputs(events: Events, inputs: tuple[int, ...]) -> Events:
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
    kept = int(np.searchsorted(events.breaks, end, side="left"))
    kept = max(kept, 1)
    none = np.full((1, events.rate.shape[1]), -1, np.int64)
    regime = events.regime
    return events._replace(
        breaks=np.append(events.breaks[:kept], end),
        rate=np.concatenate([events.rate[:kept], none]),
        actions=events.actions[events.actions[:, 0] < kept],
        times=np.array([end]),
        segments=np.array([kept]),
        regime=None if regime is None else np.append(regime[:kept], regime[kept - 1]),
    )


class _Structure(NamedTuple):
    """A system as the kernels read it."""

    cascade: Cascade
    terms: Terms
    group: Integers


@lru_cache(maxsize=128)
def _structure(system: System) -> _Structure | None:
    """The cascade of a system; None where it is not one."""
    cascade = arrange(
        system.states,
        {(p, q): row for p, q, row in system.entries},
        system.keys,
        system.inputs,
        [dict(output) for output in system.outputs],
    )
    if cascade is None:
        return None
    sizes = np.diff(cascade.group_start)
    return _Structure(
        cascade,
        Terms(cascade.basis, cascade.output_basis, cascade.output_start),
        np.repeat(np.arange(len(sizes)), sizes),
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


def _in_lanes(events: Events) -> bool:
    """Whether the lane kernel knows everything that happens: doses and resets, under one set of values."""
    kind = events.actions[:, 1]
    return events.regime is None and bool(((kind == ADD) | (kind == RESET)).all())


def _course_of(events: Events) -> Course:
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
    boundary = np.flatnonzero(np.diff(np.stack([which[order] // TILE, segment[order]]), axis=1).any(axis=0)) + 1
    pieces = np.split(order, boundary) if len(order) else []
    padded = [np.append(piece, np.full(-len(piece) % TOGETHER, piece[-1])) for piece in pieces]
    requested = np.concatenate(padded) if padded else np.empty(0, np.int64)
    run_tile = np.array([which[piece[0]] // TILE for piece in pieces], np.int64)
    return Requests(
        offset=offsets / TICKS_PER_HOUR,
        tile_start=np.minimum(np.arange(tiles + 1) * TILE, len(offsets)).astype(np.int64),
        run=np.array([segment[piece[0]] for piece in pieces], np.int64),
        run_start=np.cumsum([0] + [len(piece) for piece in padded]).astype(np.int64),
        tile_run=np.searchsorted(run_tile, np.arange(tiles + 1)).astype(np.int64),
        request=np.ascontiguousarray(np.stack([which[requested] % TILE, requested], axis=1).astype(np.int64)),
    )


class _Arranged(NamedTuple):
    """Events as the kernels read them; amounts and subjects left out."""

    events: Events
    plan: Plan
    requests: Requests


_arranged: Remembered[_Arranged] = Remembered(most=64)


def _arrange(given: Events, inputs: tuple[int, ...]) -> tuple[Events, Plan, Requests]:
    """Events of the inputs that are left, their plan and their requests; worked out once for equal events."""

    def make() -> _Arranged:
        events = _for_inputs(given, inputs)
        bare = events._replace(amounts=np.empty((0, 0)), subjects=np.empty(0, np.int64))
        requests = requests_of(events.breaks, events.times, events.before, events.segments)
        return _Arranged(bare, plan_of(events), requests)

    alike = [part for name, part in zip(Events._fields, given, strict=True) if name not in ("amounts", "subjects")]
    found = _arranged.get(make, inputs, *alike)
    return found.events._replace(amounts=given.amounts, subjects=given.subjects), found.plan, found.requests


class _Room(NamedTuple):
    """What one thread needs to expand one chunk after the other."""

    workspace: Workspace
    expansion: Expansion


class _Rooms(threading.local):
    """The rooms a thread used last, to be used again: making one takes longer than solving a subject."""

    most = 8

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, ...], tuple[_Structure, _Room]] = OrderedDict()

    def get(self, structure: _Structure, plan: Plan, rates: int, coefficients: int) -> _Room:
        """A room for a plan of this structure, with so many rates and coefficients in its expansion."""
        key = (id(structure), len(plan.durations), rates, coefficients)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][1]
        expansion = Expansion(aligned(rates * LANES), aligned(coefficients * LANES))
        room = _Room(linear.workspace(structure.cascade, plan), expansion)
        self._kept[key] = structure, room
        if len(self._kept) > self.most:
            self._kept.popitem(last=False)
        return room


_rooms = _Rooms()


def solve(
    system: System,
    values: Floats,
    schedule: Sequence[Events],
    times: int,
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> Floats:
    """Every output of every subject at every time.

    system   : structure
    values   : (rows, subjects) entries of K and C; (regimes, rows, subjects) where the events have several
    schedule : events; each subject stands in exactly one
    times    : number of output times
    threads  : how many threads share the work; the numbers do not depend on it
    progress : called with a number of subjects just done, from time to time and from any thread
    returns  : (outputs, times, subjects)
    """
    subjects = values.shape[-1]
    columns = -(-subjects // LANES) * LANES
    out = recycled(len(system.outputs), times, columns)
    flat = out.reshape(-1)
    system, inputs = _needed(system)
    for given in schedule:
        events, plan, requests = _arrange(given, inputs)
        floors = _floors(system, values, events)

        def reader(
            structure: _Structure, target: Integers, requests: Requests = requests, floors: Floats = floors
        ) -> Reader:
            powers = aligned(len(structure.terms.basis) * TILE * LANES)
            apart = aligned(len(system.outputs) * times * LANES)

            def read(expansion: Expansion, symbols: int, segments: int, first: int, last: int) -> None:
                terms.evaluate(
                    structure.terms,
                    requests,
                    expansion.rate,
                    expansion.coefficient,
                    symbols,
                    segments,
                    first,
                    last,
                    target,
                    flat,
                    times,
                    columns,
                    floors,
                    powers,
                    apart,
                )

            return read

        for position in _run(system, values, events, plan, reader, threads, progress):
            subject = events.subjects[position]
            found = dense.solve(
                *_matrices(system, values[..., subject]),
                _inputs(system),
                _course_of(events),
                events.amounts[:, position],
                requests,
                times,
            )
            out[:, :, subject] = np.maximum(found, floors[position])
        if events.before:
            out[:, np.flatnonzero(events.times == 0)[:, None], events.subjects] = 0.0
    return out[:, :, :subjects]


def summarise(
    system: System,
    values: Floats,
    schedule: Sequence[Events],
    end: int,
    threshold: Floats,
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> Floats:
    """Peak, its time, area and time above a threshold of every output, from 0 to an end.

    end       : ticks
    threshold : (outputs) canonical unit of each output
    returns   : (outputs, 4, subjects): value, h, value x h, h. Other arguments as for `solve`
    """
    subjects = values.shape[-1]
    out = np.empty((len(system.outputs), 4, subjects))
    system, inputs = _needed(system)
    for given in schedule:
        events, plan, _ = _arrange(given, inputs)
        scan = exposure.scan_of(events.breaks / TICKS_PER_HOUR, end / TICKS_PER_HOUR, threshold)
        padded = -(-len(events.subjects) // LANES) * LANES
        found = aligned(len(system.outputs), 4, padded)
        flat = found.reshape(-1)

        def reader(
            structure: _Structure,
            target: Integers,
            scan: exposure.Scan = scan,
            flat: Floats = flat,
            padded: int = padded,
        ) -> Reader:
            power = aligned(len(structure.terms.basis) * LANES)

            def read(expansion: Expansion, symbols: int, segments: int, first: int, last: int) -> None:
                exposure.summarise(
                    structure.terms,
                    scan,
                    expansion.rate,
                    expansion.coefficient,
                    symbols,
                    segments,
                    padded,
                    first,
                    last,
                    flat,
                    power,
                )

            return read

        doubtful = _run(system, values, events, plan, reader, threads, progress)
        out[:, :, events.subjects] = found[:, :, : len(events.subjects)]
        for position in doubtful:
            subject = events.subjects[position]
            out[:, :, subject] = dense.summarise(
                *_matrices(system, values[..., subject]),
                _inputs(system),
                _course_of(events),
                events.amounts[:, position],
                scan,
            )
    return out


def _run(
    system: System,
    values: Floats,
    events: Events,
    plan: Plan,
    reader: Callable[[_Structure, Integers], Reader],
    threads: int,
    progress: Progress | None,
) -> Integers:
    """Expand the subjects of one set of events chunk by chunk and read each; returns positions not vouched for.

    reader : makes the function that reads an expanded chunk, with room of its own for one thread
    """
    structure = _structure(system)
    count = len(events.subjects)
    if structure is None or not _in_lanes(events):
        return np.arange(count)
    blocks = -(-count // LANES)
    padded = blocks * LANES
    everybody = count == values.shape[-1] and np.array_equal(events.subjects, np.arange(count))
    target = np.arange(padded) if everybody else np.full(padded, -1, np.int64)  # nobody else's columns follow the last
    target[:count] = events.subjects
    whole = everybody and count == padded
    filled = np.minimum(np.arange(padded), count - 1)
    packed = np.ascontiguousarray(values if whole else values[:, events.subjects[filled]]).reshape(-1)
    amounts = np.ascontiguousarray(events.amounts if whole else events.amounts[:, filled]).reshape(-1)
    symbols, segments = len(structure.cascade.symbol_of), len(plan.duration)
    coefficients = len(structure.cascade.output_basis)
    chunk = int(min(blocks, max(1, CHUNK_NUMBERS // (LANES * max(1, segments * coefficients)))))
    chunks = -(-blocks // chunk)
    workers = min(threads, chunks)
    chunk = -(-blocks // (-(-chunks // workers) * workers))  # as many for each worker
    starts = range(0, blocks, chunk)
    doubtful = np.zeros(padded)

    def work(worker: int) -> None:
        room, expansion = _rooms.get(structure, plan, chunk * symbols, chunk * segments * coefficients)
        read = reader(structure, target)
        for first in starts[worker::workers]:
            last = min(first + chunk, blocks)
            linear.expand(
                structure.cascade,
                structure.group,
                plan,
                packed,
                amounts,
                padded,
                first,
                last,
                expansion.rate,
                expansion.coefficient,
                doubtful,
                room,
            )
            read(expansion, symbols, segments, first, last)
            if progress is not None:
                progress(min(last * LANES, count) - first * LANES)

    crew.share(work, workers)
    marked: Integers = np.flatnonzero(~(doubtful[:count] <= 0.0))
    return marked


@lru_cache(maxsize=128)
def _flow_rows(system: System) -> Integers:
    """The values of a system that are flows between states or weights, (rows, 1)."""
    rows = {row for p, q, row in system.entries if p != q} | {row for output in system.outputs for _, row in output}
    return np.array(sorted(rows), np.int64)[:, None]


def _floors(system: System, values: Floats, events: Events) -> Floats:
    """What no output of a subject can lie below, padded to whole blocks.

    0 where every dose, every flow between states and every weight is at least 0, so that only rounding could make an
    amount negative; minus infinity elsewhere.
    """
    positive = np.asarray((events.amounts >= 0).all(axis=0), bool)
    positive &= (values[..., _flow_rows(system), events.subjects] >= 0).reshape(-1, len(positive)).all(axis=0)
    floors = np.zeros(-(-len(positive) // LANES) * LANES)
    floors[: len(positive)] = np.where(positive, 0.0, -np.inf)
    return floors


def _inputs(system: System) -> Integers:
    return np.array(system.inputs, np.int64)


def _matrices(system: System, values: Floats) -> tuple[Floats, Floats]:
    """K and C of one subject, one of each a regime."""
    table = np.atleast_2d(values)
    matrix = np.zeros((len(table), system.states, system.states))
    for p, q, row in system.entries:
        matrix[:, p, q] += table[:, row]
    weights = np.zeros((len(table), len(system.outputs), system.states))
    for number, output in enumerate(system.outputs):
        for state, row in output:
            weights[:, number, state] += table[:, row]
    return matrix, weights
