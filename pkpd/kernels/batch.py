"""All subjects of a simulation: plan the events, spread the blocks over threads, mend the doubtful.

Plain numbers only: states, inputs and outputs by position, times in integer nanoseconds ("ticks").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.kernels import dense, exposure, linear, terms
from pkpd.kernels.cascade import Cascade, arrange
from pkpd.kernels.lanes import LANES
from pkpd.kernels.linear import Plan
from pkpd.kernels.memory import aligned, recycled
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

    breaks: Integers  # (segments) ticks at which each segment starts; the first is 0
    rate: Integers  # (segments, inputs) row of amounts, mg/h; -1 for none
    bolus: Integers  # (boluses, 3) segment, input, row of amounts, mg
    amounts: Floats  # (rows, subjects)
    times: Integers  # (times) ticks
    before: bool  # value before (True) or after a dose at its own time
    subjects: Integers  # (subjects) their columns in the result


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
    bolus = events.bolus[number[events.bolus[:, 1]] >= 0]
    return events._replace(rate=rate, bolus=np.column_stack([bolus[:, 0], number[bolus[:, 1]], bolus[:, 2]]))


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
    bolus = events.bolus[np.argsort(events.bolus[:, 0], kind="stable")]
    return Plan(
        duration=duration.astype(np.int64),
        durations=durations / TICKS_PER_HOUR,
        rate=np.ascontiguousarray(events.rate, np.int64),
        bolus=np.ascontiguousarray(bolus[:, 1:], np.int64),
        bolus_start=np.searchsorted(bolus[:, 0], np.arange(len(breaks) + 1)).astype(np.int64),
        shortest=np.array([running.min() / TICKS_PER_HOUR if len(running) else np.inf]),
    )


def requests_of(breaks: Integers, times: Integers, before: bool) -> Requests:
    """Output times by segment and offset: equal offsets after different doses share their exponentials.

    breaks : ticks at which each segment starts
    times  : ticks
    before : whether a time that is a break belongs to the segment that ends there
    """
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
    values   : (rows, subjects) entries of K and C
    schedule : events; each subject stands in exactly one
    times    : number of output times
    threads  : how many threads share the work; the numbers do not depend on it
    progress : called with a number of subjects just done, from time to time and from any thread
    returns  : (outputs, times, subjects)
    """
    subjects = values.shape[1]
    columns = -(-subjects // LANES) * LANES
    out = recycled(len(system.outputs), times, columns)
    flat = out.reshape(-1)
    system, inputs = _needed(system)
    for given in schedule:
        events = _for_inputs(given, inputs)
        requests = requests_of(events.breaks, events.times, events.before)
        floors = _floors(system, values, events)

        def reader(
            structure: _Structure, target: Integers, requests: Requests = requests, floors: Floats = floors
        ) -> Reader:
            powers = aligned((len(structure.terms.basis) * TILE + TOGETHER) * LANES)

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
                )

            return read

        for position in _run(system, values, events, reader, threads, progress):
            subject = events.subjects[position]
            found = dense.solve(
                *_matrices(system, values[:, subject]),
                _inputs(system),
                plan_of(events),
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
    subjects = values.shape[1]
    out = np.empty((len(system.outputs), 4, subjects))
    system, inputs = _needed(system)
    for given in schedule:
        events = _for_inputs(given, inputs)
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

        doubtful = _run(system, values, events, reader, threads, progress)
        out[:, :, events.subjects] = found[:, :, : len(events.subjects)]
        for position in doubtful:
            subject = events.subjects[position]
            out[:, :, subject] = dense.summarise(
                *_matrices(system, values[:, subject]),
                _inputs(system),
                plan_of(events),
                events.amounts[:, position],
                scan,
            )
    return out


def _run(
    system: System,
    values: Floats,
    events: Events,
    reader: Callable[[_Structure, Integers], Reader],
    threads: int,
    progress: Progress | None,
) -> Integers:
    """Expand the subjects of one set of events chunk by chunk and read each; returns positions not vouched for.

    reader : makes the function that reads an expanded chunk, with room of its own for one thread
    """
    structure = _structure(system)
    count = len(events.subjects)
    if structure is None:
        return np.arange(count)
    plan = plan_of(events)
    blocks = -(-count // LANES)
    padded = blocks * LANES
    target = np.full(padded, -1, np.int64)
    target[:count] = events.subjects
    whole = count == values.shape[1] == padded and np.array_equal(events.subjects, np.arange(count))
    filled = np.minimum(np.arange(padded), count - 1)
    packed = np.ascontiguousarray(values if whole else values[:, events.subjects[filled]]).reshape(-1)
    amounts = np.ascontiguousarray(events.amounts if whole else events.amounts[:, filled]).reshape(-1)
    symbols, segments = len(structure.cascade.symbol_of), len(plan.duration)
    coefficients = len(structure.cascade.output_basis)
    chunk = int(min(blocks, max(1, CHUNK_NUMBERS // (LANES * max(1, segments * coefficients)))))
    starts = range(0, blocks, chunk)
    workers = min(threads, len(starts))
    doubtful = np.zeros(padded)

    def work(worker: int) -> None:
        room = linear.workspace(structure.cascade, plan)
        read = reader(structure, target)
        expansion = Expansion(aligned(chunk * symbols * LANES), aligned(chunk * segments * coefficients * LANES))
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

    if workers == 1:
        work(0)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
    marked: Integers = np.flatnonzero(~(doubtful[:count] <= 0.0))
    return marked


def _floors(system: System, values: Floats, events: Events) -> Floats:
    """What no output of a subject can lie below, padded to whole blocks.

    0 where every dose, every flow between states and every weight is at least 0, so that only rounding could make an
    amount negative; minus infinity elsewhere.
    """
    rows = {row for p, q, row in system.entries if p != q} | {row for output in system.outputs for _, row in output}
    positive = np.asarray((events.amounts >= 0).all(axis=0), bool)
    for row in rows:
        positive &= values[row, events.subjects] >= 0
    floors = np.zeros(-(-len(positive) // LANES) * LANES)
    floors[: len(positive)] = np.where(positive, 0.0, -np.inf)
    return floors


def _inputs(system: System) -> Integers:
    return np.array(system.inputs, np.int64)


def _matrices(system: System, values: Floats) -> tuple[Floats, Floats]:
    """K and C of one subject."""
    matrix = np.zeros((system.states, system.states))
    for p, q, row in system.entries:
        matrix[p, q] += values[row]
    weights = np.zeros((len(system.outputs), system.states))
    for number, output in enumerate(system.outputs):
        for state, row in output:
            weights[number, state] += values[row]
    return matrix, weights
