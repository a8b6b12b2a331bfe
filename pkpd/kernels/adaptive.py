"""All subjects of a system that takes steps: courses made of their events, a method for each, what became of each.

A subject begins with the explicit method unless its rates are so fast, for the time between its events, that stability
would hold the steps down; where one turns out to be stiff, or cannot go on, the stiff method takes over. What is chosen
depends on the subject and its events alone, and what is asked later changes nothing before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.actions import MULTIPLY, OFF, ON, RESET
from pkpd.kernels import blocks, crew
from pkpd.kernels.blocks import NAMES, Blocks, Equations
from pkpd.kernels.courses import FOREVER, GROWN_STIFF, STEP_TOO_SMALL, Courses, Task
from pkpd.kernels.events import TICKS_PER_HOUR, Events
from pkpd.kernels.gathering import GATHERS
from pkpd.kernels.march import EXPLICIT, MARCH, STIFF
from pkpd.kernels.memory import recycled
from pkpd.kernels.seats import room_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Progress = Callable[[int], None]

METHODS = {"explicit": EXPLICIT, "stiff": STIFF}
# Fastest rate x time between two events above which a subject begins with the stiff method. At 150 the explicit one,
# held to h l < 6, takes as many steps as the stiff one, which needs some 25 after an event whatever the rates.
FAST = 150.0
# Ways to leave after which the stiff method takes over.
HANDED_ON = (GROWN_STIFF, STEP_TOO_SMALL)
ALONE = 24.0  # h taken as the time between events where there is but one
SMALLEST = 64  # subjects a thread takes at a time, at the least


class Exactness(NamedTuple):
    """How exact, and how long to try.

    relative : error of a step as a fraction of a state's size
    absolute : (states) error of a step that is allowed at any size, canonical units
    steps    : of a subject, at the most
    """

    relative: float
    absolute: Floats
    steps: int


class Answer(NamedTuple):
    """Outputs, and what became of each subject."""

    values: Floats  # (outputs, times, subjects)
    how: Integers  # (subjects) courses.DONE or why not
    steps: Integers  # (subjects) steps taken in all
    state: Integers  # (subjects) the state that was in the way, where one was
    hours: Floats  # (subjects) when it left, h


def solve(
    equations: Equations,
    parameters: Floats,
    schedule: Sequence[Events],
    times: int,
    exactness: Exactness,
    *,
    threshold: Floats | None = None,
    method: str | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Answer:
    """Every output of every subject at every time; or its peak, time of peak, area and time above a threshold.

    equations  : the system
    parameters : (rows, subjects) or (regimes, rows, subjects) what its tape reads
    schedule   : events; each subject stands in exactly one
    times      : number of output times
    threshold  : (outputs) where the four are wanted, up to the one output time of every subject, which must be a break;
                 infinite for no threshold. Values then are (outputs, 4, subjects)
    method     : "explicit" or "stiff" for all; by itself unless given
    threads    : how many share the work; the numbers do not depend on it
    progress   : called with a number of subjects just done, from time to time and from any thread
    """
    table = parameters[None] if parameters.ndim == 2 else parameters
    if any(np.isin(events.actions[:, 1], (OFF, ON)).any() for events in schedule):
        equations, table, schedule = _with_gates(equations, table, schedule)
    subjects = table.shape[2]
    made = blocks.build(equations)
    if times == 0:
        nothing = np.zeros(subjects, np.int64)
        return Answer(np.empty((len(equations.outputs), 0, subjects)), nothing, nothing, nothing, np.zeros(subjects))
    fixed = np.stack([equations.tape.evaluate(made.fixed, regime) for regime in table])
    initial = np.stack([equations.tape.evaluate(equations.initial, regime) for regime in table])
    above = np.empty(0) if threshold is None else threshold
    values = recycled(len(equations.outputs), times if threshold is None else GATHERS, subjects)
    how, steps, state = np.zeros((3, subjects), np.int64)
    answer = Answer(values, how, steps, state, np.zeros(subjects))
    courses = _courses([_prepared(events) for events in schedule], equations.inputs)
    corners = np.stack([_corners(equations, regime) for regime in table])
    paused = np.empty((subjects, 1 + 2 * made.states + GATHERS * len(equations.outputs)))
    paused_at = np.full((subjects, 2), -1, np.int64)
    work = _Work(made, fixed, initial, courses, exactness, above, answer, paused, paused_at, corners, equations.amounts)
    stiff = _chosen(equations, table[0], initial[0], schedule, method)
    for chosen, which in ((EXPLICIT, np.flatnonzero(~stiff)), (STIFF, np.flatnonzero(stiff))):
        again = which
        if chosen == STIFF and method is None:
            again = np.concatenate([which, np.flatnonzero(np.isin(answer.how, HANDED_ON))])
        _march(work, chosen, method is None, again.astype(np.int64), threads, progress)
    return answer


class _Shares:
    """Work handed out in shares that become smaller towards the end, so that threads finish together."""

    def __init__(self, count: int, threads: int) -> None:
        self._count, self._threads, self._next = count, threads, 0
        self._lock = threading.Lock()

    def take(self) -> tuple[int, int] | None:
        """The first place of a share and the one after its last; None where nothing is left."""
        with self._lock:
            left = self._count - self._next
            if left == 0:
                return None
            first = self._next
            self._next += min(left, max(SMALLEST, 5 * left // (8 * self._threads)))
            return first, self._next


class _Work(NamedTuple):
    """All that a march needs but the method and the subjects."""

    made: Blocks
    fixed: Floats
    initial: Floats
    courses: Courses
    exactness: Exactness
    threshold: Floats
    answer: Answer
    paused: Floats
    paused_at: Integers
    corners: Floats
    amounts: tuple[int, ...]


def _march(work: _Work, method: int, gives_up: bool, order: Integers, threads: int, progress: Progress | None) -> None:
    """Take some subjects through their courses by one method; writes into the answer."""
    if not len(order):
        return
    made, fixed, initial, courses, exactness, threshold, answer = work[:7]
    outputs, times, subjects = answer.values.shape
    sizes = (
        made.states,
        len(made.fixed),
        outputs,
        times,
        subjects,
        method,
        made.drifts,
        exactness.steps,
        subjects,
        gives_up,
        work.corners.shape[1],
    )
    left = np.zeros((subjects, 3), np.int64)
    task = Task(
        code=np.array([made.address(name) for name in NAMES], np.int64),
        sizes=np.array(sizes, np.int64),
        watched=np.array(made.watched, np.int64),
        fixed=np.ascontiguousarray(fixed).reshape(-1),
        initial=np.ascontiguousarray(initial).reshape(-1),
        corners=np.ascontiguousarray(work.corners).reshape(-1),
        amount=np.isin(np.arange(made.states), work.amounts).astype(np.int64),
        tolerance=np.concatenate([[exactness.relative], exactness.absolute]),
        threshold=threshold,
        out=answer.values.reshape(-1),
        left=left,
        at=answer.hours,
        paused=work.paused,
        paused_at=work.paused_at,
    )
    own = courses._replace(order=order)
    shares = _Shares(len(order), threads)

    def work_off(_: int) -> None:
        room = room_of(made.states, made.factors, len(made.fixed), courses.rate.shape[1], len(made.watched), outputs)
        while (taken := shares.take()) is not None:
            MARCH[method](task, own, room, *taken)
            if progress is not None:
                handed = np.isin(left[order[slice(*taken)], 0], HANDED_ON) & gives_up & (method == EXPLICIT)
                progress(int(np.count_nonzero(~handed)))

    crew.share(work_off, 1 if len(order) <= SMALLEST else threads)
    answer.how[order] = left[order, 0]
    answer.steps[order] += left[order, 1]
    answer.state[order] = left[order, 2]


def _corners(equations: Equations, parameters: Floats) -> Floats:
    """When the equations jump, (corners, subjects) h, ascending; far beyond any time where they do not."""
    tape = equations.tape
    lines = equations.corners
    if not lines:
        return np.empty((0, parameters.shape[1]))
    at_zero = tape.evaluate(lines, parameters)
    slopes = tape.evaluate([tape.slope(line, tape.time()) for line in lines], parameters)
    with np.errstate(all="ignore"):
        when = -at_zero / slopes
    return np.sort(np.where(np.isfinite(when) & (when >= 0.0), when, FOREVER), axis=0)


def _chosen(
    equations: Equations, parameters: Floats, initial: Floats, schedule: Sequence[Events], method: str | None
) -> NDArray[np.bool_]:
    """(subjects) who begins with the stiff method."""
    subjects = parameters.shape[1]
    if method is not None:
        return np.full(subjects, METHODS[method] == STIFF)
    stiff = np.zeros(subjects, bool)
    fastest = _fastest(equations, parameters, initial)
    for events in schedule:
        gap = ALONE
        if events.breaks[-1] > 0:
            gap = float(events.breaks[-1]) / TICKS_PER_HOUR / len(np.unique(events.breaks[1:]))
        stiff[events.subjects] = ~(fastest[events.subjects] * gap <= FAST)
    return stiff


@lru_cache(maxsize=64)
def _entries(equations: Equations) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    entries = blocks.jacobian(equations.tape, equations.slopes)
    return tuple(entries), tuple(entries.values())


def _fastest(equations: Equations, parameters: Floats, initial: Floats) -> Floats:
    """(subjects) a bound of the fastest rate at the start, 1/h: the largest row or column sum of |J|, if smaller."""
    places, nodes = _entries(equations)
    values = np.abs(equations.tape.evaluate(nodes, parameters, initial))
    rows, columns = np.zeros(initial.shape), np.zeros(initial.shape)
    for (p, q), value in zip(places, values, strict=True):
        rows[p] += value
        columns[q] += value
    bound: Floats = np.minimum(rows.max(axis=0), columns.max(axis=0))
    return bound


@lru_cache(maxsize=16)
def _gated(equations: Equations, rows: int) -> Equations:
    """A system in which every equation is multiplied by a parameter of its own, from row `rows` on."""
    tape = equations.tape
    slopes = tuple(tape.multiply(tape.parameter(rows + i), node) for i, node in enumerate(equations.slopes))
    return equations._replace(slopes=slopes)


def _with_gates(
    equations: Equations, table: Floats, schedule: Sequence[Events]
) -> tuple[Equations, Floats, list[Events]]:
    """States that are switched off as parameters that are 0: system, parameters, and events without switches."""
    states = len(equations.slopes)
    known: dict[tuple[int, frozenset[int]], int] = {}
    changed = []
    for events in schedule:
        order = np.argsort(events.actions[:, 0], kind="stable")
        waiting = [(int(s), int(k), int(u), int(row)) for s, k, u, row in events.actions[order]]
        zero = len(events.amounts)
        off: set[int] = set()
        actions, rate, regime = [], events.rate.copy(), np.zeros(len(events.breaks), np.int64)
        for s in range(len(events.breaks)):
            while waiting and waiting[0][0] == s:
                _, kind, u, row = waiting.pop(0)
                state = equations.inputs[u]
                if kind == OFF:
                    off.add(state)
                    actions.append((s, MULTIPLY, u, zero))
                elif kind == ON:
                    off.discard(state)
                elif kind == RESET or state not in off:
                    actions.append((s, kind, u, row))
                if kind == RESET:
                    off.clear()
            rate[s] = [-1 if state in off else row for state, row in zip(equations.inputs, rate[s], strict=True)]
            before = 0 if events.regime is None else int(events.regime[s])
            regime[s] = known.setdefault((before, frozenset(off)), len(known))
        amounts = np.concatenate([events.amounts, np.zeros((1, len(events.subjects)))])
        made = np.array(actions, np.int64).reshape(-1, 4)
        changed.append(events._replace(actions=made, rate=rate, regime=regime, amounts=amounts))
    gates = np.ones((len(known), states, table.shape[2]))
    for (_, off_states), number in known.items():
        gates[number, sorted(off_states)] = 0.0
    rows = table[[before for before, _ in known]]
    return _gated(equations, table.shape[1]), np.concatenate([rows, gates], axis=1), changed


def _prepared(events: Events) -> Events:
    """Events with an explicit segment for every output time, and room for what comes before the events at time 0."""
    breaks, times, segments = events.breaks, events.times, events.segments
    if segments is None:
        segments = np.searchsorted(breaks, times, side="left" if events.before else "right") - 1
    if (segments < 0).any():  # asked before anything happens
        none = np.full((1, events.rate.shape[1]), -1, np.int64)
        shifted = events.actions.copy()
        shifted[:, 0] += 1
        regime = None if events.regime is None else np.concatenate([events.regime[:1], events.regime])
        return events._replace(
            breaks=np.concatenate([breaks[:1], breaks]),
            rate=np.concatenate([none, events.rate]),
            actions=shifted,
            segments=segments + 1,
            regime=regime,
        )
    return events._replace(segments=segments)


def _courses(schedule: Sequence[Events], inputs: Sequence[int]) -> Courses:
    """The courses of all subjects, one behind the other, each up to the segment of its last output time."""
    subjects = sum(len(events.subjects) for events in schedule)
    first, last, base, stride = (np.zeros(subjects, np.int64) for _ in range(4))
    start, length, rate, action, regime, offset, place, amounts = ([] for _ in range(8))
    action_start, request_start = [0], [0]
    segments = written = 0
    for events in schedule:
        assert events.segments is not None
        kept = int(events.segments.max()) + 1 if len(events.segments) else 0
        breaks = events.breaks
        who = events.subjects
        first[who], last[who] = segments, segments + kept
        base[who], stride[who] = written + np.arange(len(who)), len(who)
        hours = np.append(np.diff(breaks) / TICKS_PER_HOUR, np.inf)[:kept]
        start.append(breaks[:kept] / TICKS_PER_HOUR)
        length.append(np.minimum(hours, 1e290))
        rate.append(events.rate[:kept])
        regime.append(np.zeros(kept, np.int64) if events.regime is None else events.regime[:kept])
        actions = events.actions[np.argsort(events.actions[:, 0], kind="stable")]
        actions = actions[actions[:, 0] < kept]
        action.append(np.column_stack([actions[:, 1], np.asarray(inputs)[actions[:, 2]], actions[:, 3]]))
        counts = np.bincount(actions[:, 0], minlength=kept)[:kept]
        action_start += list(action_start[-1] + np.cumsum(counts))
        offsets = (events.times - breaks[events.segments]) / TICKS_PER_HOUR
        order = np.lexsort((offsets, events.segments))
        offset.append(offsets[order])
        place.append(order)
        request_start += list(request_start[-1] + np.cumsum(np.bincount(events.segments, minlength=kept)))
        amounts.append(np.ascontiguousarray(events.amounts).reshape(-1))
        segments += kept
        written += events.amounts.size
    return Courses(
        order=np.arange(subjects),
        first=first,
        last=last,
        base=base,
        stride=stride,
        column=np.arange(subjects),
        start=np.concatenate(start),
        length=np.concatenate(length),
        rate=np.ascontiguousarray(np.concatenate(rate), np.int64),
        action=np.ascontiguousarray(np.concatenate(action), np.int64),
        action_start=np.array(action_start, np.int64),
        regime=np.concatenate(regime).astype(np.int64),
        offset=np.concatenate(offset),
        place=np.concatenate(place).astype(np.int64),
        request_start=np.array(request_start, np.int64),
        amounts=np.concatenate(amounts) if written else np.zeros(1),
    )
