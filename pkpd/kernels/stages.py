"""Linear systems whose values change at some times: stage by stage, each from the state the one before ends in.

Within a stage the values stay, so that all subjects go through it side by side, exactly. The state at its end enters
the next stage as boluses into every state: linear systems superpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.actions import ADD
from pkpd.kernels import batch
from pkpd.kernels.events import TICKS_PER_HOUR, Events, System

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Progress = Callable[[int], None]


class _Stage(NamedTuple):
    """Consecutive segments under one set of values, of subjects whose stages begin at the same times."""

    regime: int
    start: int  # ticks
    length: int  # ticks; 0 for the last one
    schedule: list[Events]  # their times are those asked of this stage
    places: list[Integers]  # for each of them, which of all times these are


def solve(
    system: System,
    values: Floats,
    schedule: Sequence[Events],
    times: int,
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> Floats:
    """Every output of every subject at every time; arguments as for `batch.solve`.

    values   : (regimes, rows, subjects)
    schedule : events with regimes that never fall back to an earlier one; doses only
    returns  : (outputs, times, subjects)
    """
    out = np.empty((len(system.outputs), times, values.shape[-1]))
    for part in _alike(schedule):
        for stage in _through(system, values, part, threads):
            asked = max(len(events.times) for events in stage.schedule)
            if not asked:
                continue
            found = batch.solve(_dosed_everywhere(system), values[stage.regime], stage.schedule, asked, threads=threads)
            for events, places in zip(stage.schedule, stage.places, strict=True):
                out[:, places[:, None], events.subjects] = found[:, : len(places), events.subjects]
        for events in part:
            if events.before:
                out[:, np.flatnonzero(events.times == 0)[:, None], events.subjects] = 0.0
            if progress is not None:
                progress(len(events.subjects))
    return out


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
    """Peak, its time, area and time above a threshold; arguments as for `batch.summarise` and `solve` here."""
    out = np.zeros((len(system.outputs), 4, values.shape[-1]))
    for part in _alike(schedule):
        who = np.concatenate([events.subjects for events in part])
        for stage in _through(system, values, part, threads):
            if stage.start > end:
                continue
            last = min(end - stage.start, stage.length or end)
            whole = _dosed_everywhere(system)
            found = batch.summarise(whole, values[stage.regime], stage.schedule, last, threshold, threads=threads)
            own, so_far = found[:, :, who], out[:, :, who]
            higher = own[:, 0] > so_far[:, 0]
            so_far[:, 0] = np.where(higher, own[:, 0], so_far[:, 0])
            so_far[:, 1] = np.where(higher, own[:, 1] + stage.start / TICKS_PER_HOUR, so_far[:, 1])
            so_far[:, 2:] += own[:, 2:]
            out[:, :, who] = so_far
        if progress is not None:
            progress(len(who))
    return out


def _dosed_everywhere(system: System) -> System:
    """The system with every state dosed, so that a stage can begin from any."""
    return system._replace(inputs=tuple(range(system.states)))


def _alike(schedule: Sequence[Events]) -> list[list[Events]]:
    """Events whose stages begin at the same times under the same regimes, together."""
    found: dict[tuple[tuple[int, int], ...], list[Events]] = {}
    for events in schedule:
        first = _first_segments(events)
        regime = _regimes(events)
        found.setdefault(tuple((int(events.breaks[s]), int(regime[s])) for s in first), []).append(events)
    return list(found.values())


def _regimes(events: Events) -> Integers:
    return np.zeros(len(events.breaks), np.int64) if events.regime is None else events.regime


def _first_segments(events: Events) -> Integers:
    """The first segment of every stage."""
    return np.flatnonzero(np.diff(_regimes(events), prepend=-1))


def _through(system: System, values: Floats, schedule: Sequence[Events], threads: int) -> Iterator[_Stage]:
    """The stages of events that begin theirs alike, one after the other, each with the state it begins from."""
    states = system.states
    whole = _dosed_everywhere(system)
    ones = values.shape[1]  # the row of a weight of 1
    everything = whole._replace(outputs=tuple(((state, ones),) for state in range(states)))
    carried: list[Floats] = [np.zeros((states, len(events.subjects))) for events in schedule]
    firsts = [_first_segments(events) for events in schedule]
    segments = [_segment_of_times(events) for events in schedule]
    count = len(firsts[0])
    for number in range(count):
        one = schedule[0]
        start = int(one.breaks[firsts[0][number]])
        last = number + 1 == count
        length = 0 if last else int(one.breaks[firsts[0][number + 1]]) - start
        parts, places = [], []
        for events, first, state, segment in zip(schedule, firsts, carried, segments, strict=True):
            ends = len(events.breaks) if last else int(first[number + 1])
            own = np.flatnonzero((segment >= first[number]) & (segment < ends))
            parts.append(_part(system, events, (int(first[number]), ends), state, own, segment))
            places.append(own)
        regime = int(_regimes(one)[firsts[0][number]])
        yield _Stage(regime, start, length, parts, places)
        if last:
            return
        at_end = [part._replace(times=np.array([length]), segments=np.array([len(part.breaks) - 1])) for part in parts]
        with_one = np.concatenate([values[regime], np.ones((1, values.shape[-1]))])
        found = batch.solve(everything, with_one, at_end, 1, threads=threads)
        carried = [found[:, 0, events.subjects] for events in schedule]


def _segment_of_times(events: Events) -> Integers:
    """The segment each time is read in."""
    if events.segments is not None:
        return events.segments
    found = np.searchsorted(events.breaks, events.times, side="left" if events.before else "right")
    return np.asarray(np.maximum(found - 1, 0))


def _part(
    system: System, events: Events, within: tuple[int, int], state: Floats, own: Integers, segment: Integers
) -> Events:
    """The events of one stage, on a clock that begins with it.

    within : its first segment and the one after its last
    state  : (states, subjects) amounts it begins with
    own    : its times, among all
    """
    first, ends = within
    start = int(events.breaks[first])
    rate = np.full((ends - first, system.states), -1, np.int64)
    rate[:, list(system.inputs)] = events.rate[first:ends, : len(system.inputs)]
    inside = events.actions[(events.actions[:, 0] >= first) & (events.actions[:, 0] < ends)].copy()
    inside[:, 0] -= first
    inside[:, 2] = np.asarray(system.inputs, np.int64)[inside[:, 2]]
    rows = len(events.amounts)
    number = np.arange(system.states)
    beginning = np.column_stack([np.zeros_like(number), np.full_like(number, ADD), number, rows + number])
    return Events(
        breaks=events.breaks[first:ends] - start,
        rate=rate,
        actions=np.concatenate([beginning, inside]),
        amounts=np.concatenate([events.amounts, state]),
        times=events.times[own] - start,
        before=False,
        subjects=events.subjects,
        segments=segment[own] - first,
    )
