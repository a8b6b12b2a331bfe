"""Linear systems whose values change at some times: stage by stage, each from the state the one before ends in.

Within a stage the values stay, so that all subjects go through it side by side, exactly. The state at its end enters
the next stage as boluses into every state: linear systems superpose. Every stage has a clock that begins with it, so
that subjects who come into it at different times, after sessions that they missed, still go through it together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.actions import ADD
from pkpd.kernels import batch
from pkpd.kernels.events import TICKS_PER_HOUR, Events, System

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Progress = Callable[[int], None]


class _Part(NamedTuple):
    """One stage of subjects who share all events: consecutive segments under one set of values."""

    events: Events  # on a clock that begins with the stage; their times are those asked of it
    places: Integers  # which of all times these are
    regime: int
    start: int  # ticks
    length: int  # ticks; 0 for the last one


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
    for stage, in_force in _stages(system, values, schedule, threads, progress):
        asked = [part for part in stage if len(part.places)]
        if not asked:
            continue
        most = max(len(part.places) for part in asked)
        together = _together(part.events for part in asked)
        found = batch.solve(_dosed_everywhere(system), in_force, together, most, threads=threads)
        for part in asked:
            subjects = part.events.subjects
            out[:, part.places[:, None], subjects] = found[:, : len(part.places), subjects]
    for events in schedule:
        if events.before:
            out[:, np.flatnonzero(events.times == 0)[:, None], events.subjects] = 0.0
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
    whole = _dosed_everywhere(system)
    for stage, in_force in _stages(system, values, schedule, threads, progress):
        until: dict[int, list[_Part]] = {}
        for part in stage:
            if part.start <= end:
                until.setdefault(min(end - part.start, part.length or end), []).append(part)
        for last, parts in until.items():
            together = _together(part.events for part in parts)
            found = batch.summarise(whole, in_force, together, last, threshold, threads=threads)
            who = np.concatenate([part.events.subjects for part in parts])
            starts = np.repeat([part.start for part in parts], [len(part.events.subjects) for part in parts])
            own, so_far = found[:, :, who], out[:, :, who]
            higher = own[:, 0] > so_far[:, 0]
            so_far[:, 0] = np.where(higher, own[:, 0], so_far[:, 0])
            so_far[:, 1] = np.where(higher, own[:, 1] + starts / TICKS_PER_HOUR, so_far[:, 1])
            so_far[:, 2:] += own[:, 2:]
            out[:, :, who] = so_far
    return out


def _dosed_everywhere(system: System) -> System:
    """The system with every state dosed, so that a stage can begin from any."""
    return system._replace(inputs=tuple(range(system.states)))


def _regimes(events: Events) -> Integers:
    return np.zeros(len(events.breaks), np.int64) if events.regime is None else events.regime


def _stages(
    system: System, values: Floats, schedule: Sequence[Events], threads: int, progress: Progress | None
) -> Iterator[tuple[list[_Part], Floats]]:
    """The first stage of all events, the second of those that have one, ...; and the values in force in it.

    progress : called with the subjects who have no further stage
    """
    whole = _dosed_everywhere(system)
    ones = values.shape[1]  # the row of a weight of 1
    everything = whole._replace(outputs=tuple(((state, ones),) for state in range(system.states)))
    firsts = [np.append(np.flatnonzero(np.diff(_regimes(one), prepend=-1)), len(one.breaks)) for one in schedule]
    segments = [_segment_of_times(events) for events in schedule]
    amounts = np.zeros((system.states, values.shape[-1]))
    for number in range(max(len(first) for first in firsts) - 1):
        there = [k for k, first in enumerate(firsts) if number + 1 < len(first)]
        stage = [_part(system, schedule[k], firsts[k], number, amounts, segments[k]) for k in there]
        in_force = _in_force(values, stage)
        yield stage, in_force
        further = [
            part.events._replace(times=np.array([part.length]), segments=np.array([len(part.events.breaks) - 1]))
            for k, part in zip(there, stage, strict=True)
            if number + 2 < len(firsts[k])
        ]
        if progress is not None:
            progress(sum(len(part.events.subjects) for part in stage) - sum(len(one.subjects) for one in further))
        if further:
            with_one = np.concatenate([in_force, np.ones((1, values.shape[-1]))])
            amounts = batch.solve(everything, with_one, _together(further), 1, threads=threads)[:, 0]


def _in_force(values: Floats, stage: Sequence[_Part]) -> Floats:
    """(rows, subjects) the values under which everybody goes through a stage."""
    regimes = {part.regime for part in stage}
    if len(regimes) == 1:
        found: Floats = values[regimes.pop()]
        return found
    found = values[0].copy()
    for part in stage:
        found[:, part.events.subjects] = values[part.regime][:, part.events.subjects]
    return found


def _together(events: Iterable[Events]) -> list[Events]:
    """Events of which those alike, but for their amounts and subjects, are one."""
    alike: dict[tuple[object, ...], list[Events]] = {}
    for one in events:
        shape = (one.breaks, one.rate, one.actions, one.times, one.segments)
        key = tuple(None if part is None else part.tobytes() for part in shape)
        alike.setdefault((one.before, len(one.amounts), *key), []).append(one)
    return [
        group[0]
        if len(group) == 1
        else group[0]._replace(
            amounts=np.concatenate([one.amounts for one in group], axis=1),
            subjects=np.concatenate([one.subjects for one in group]),
        )
        for group in alike.values()
    ]


def _segment_of_times(events: Events) -> Integers:
    """The segment each time is read in."""
    if events.segments is not None:
        return events.segments
    found = np.searchsorted(events.breaks, events.times, side="left" if events.before else "right")
    return np.asarray(np.maximum(found - 1, 0))


def _part(system: System, events: Events, firsts: Integers, number: int, amounts: Floats, segment: Integers) -> _Part:
    """One stage of some events, on a clock that begins with it.

    firsts  : the first segment of every stage, and the number of segments
    number  : of the stage
    amounts : (states, all subjects) it begins with
    segment : of each of the events' times
    """
    first, ends = int(firsts[number]), int(firsts[number + 1])
    start, last = int(events.breaks[first]), ends == len(events.breaks)
    places = np.flatnonzero((segment >= first) & (segment < ends))
    rate = np.full((ends - first, system.states), -1, np.int64)
    rate[:, list(system.inputs)] = events.rate[first:ends, : len(system.inputs)]
    inside = events.actions[(events.actions[:, 0] >= first) & (events.actions[:, 0] < ends)].copy()
    inside[:, 0] -= first
    inside[:, 2] = np.asarray(system.inputs, np.int64)[inside[:, 2]]
    # The rows that the stage reads alone, so that the same dose is the same in every session.
    rows, places_of = np.unique(np.concatenate([rate.ravel(), inside[:, 3], [-1]]), return_inverse=True)
    rate = (places_of[: rate.size] - 1).reshape(rate.shape)
    inside[:, 3] = places_of[rate.size : -1] - 1
    state = np.arange(system.states)
    beginning = np.column_stack([np.zeros_like(state), np.full_like(state, ADD), state, len(rows) - 1 + state])
    made = Events(
        breaks=events.breaks[first:ends] - start,
        rate=rate,
        actions=np.concatenate([beginning, inside]),
        amounts=np.concatenate([events.amounts[rows[1:]], amounts[:, events.subjects]]),
        times=events.times[places] - start,
        before=False,
        subjects=events.subjects,
        segments=segment[places] - first,
    )
    return _Part(made, places, int(_regimes(events)[first]), start, 0 if last else int(events.breaks[ends]) - start)
