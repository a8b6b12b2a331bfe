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

from pkpd.kernels import crew, dense, exposure, linear, terms
from pkpd.kernels.cascade import Cascade, arrange
from pkpd.kernels.events import (
    TICKS_PER_HOUR,
    Events,
    System,
    arrange_events,
    course_of,
    in_lanes,
    needed_part,
)
from pkpd.kernels.lanes import LANES
from pkpd.kernels.linear import Plan, Workspace
from pkpd.kernels.memory import aligned, recycled
from pkpd.kernels.terms import TILE, Expansion, Requests, Terms

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Coefficients of one chunk: what fits into the second-level cache beside everything else.
CHUNK_NUMBERS = 40_000

Progress = Callable[[int], None]
Reader = Callable[[Expansion, int, int, int, int], None]


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
    system, inputs = needed_part(system)
    for given in schedule:
        events, plan, requests = arrange_events(given, inputs)
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
                course_of(events),
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
    system, inputs = needed_part(system)
    for given in schedule:
        events, plan, _ = arrange_events(given, inputs)
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
                course_of(events),
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
    if structure is None or not in_lanes(events):
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
