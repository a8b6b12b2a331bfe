"""Courses: what happens to a subject and when, and the seats in which subjects are while they go through them.

Numbers of one seat are handled here one by one: a few dozen times in a course, where a step is tried hundreds of times.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.actions import ADD, MULTIPLY, REPLACE, RESET
from pkpd.kernels.cached import part
from pkpd.kernels.gathering import GATHERS, HIGHEST, WHEN, begin, not_just_below
from pkpd.kernels.lanes import WIDE, any_at_least, at_least, call, load_wide, lowest, store
from pkpd.kernels.seats import (
    BARRIER,
    BUSY,
    CALM,
    CODE_READ,
    CORNER,
    FIXED,
    FRESH,
    GATHERED,
    LENGTH,
    PEAK,
    READ,
    REQUEST,
    SEGMENT,
    START,
    STATE,
    STEPS,
    SUBJECT,
    SUSPECT,
    TIME,
    TRIAL,
    WANTED,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# How a subject left.
DONE, TOO_MANY_STEPS, STEP_TOO_SMALL, GROWN_STIFF = range(4)
FOREVER = 1e300
# How far from a jump of the equations a step ends and the next begins, of its time and of an hour.
ASIDE = 1e-12


class Courses(NamedTuple):
    """What happens to every subject: the segments of its course, one behind the other for all courses.

    The last segment of a course has an output time in it, and is left at the last one. Subject i goes through segments
    first[i] ... last[i] - 1. A row of amounts is a place in `amounts`: base[i] + row x stride[i].
    """

    order: Integers  # subjects in the order they are seated
    first: Integers  # (subjects)
    last: Integers  # (subjects)
    base: Integers  # (subjects)
    stride: Integers  # (subjects)
    column: Integers  # (subjects) in the result
    start: Floats  # (segments) h, on the model's clock
    length: Floats  # (segments) h
    rate: Integers  # (segments, inputs) row of amounts, mg/h; -1 for none
    action: Integers  # (actions, 3) kind, state, row of amounts
    action_start: Integers  # (segments + 1)
    regime: Integers  # (segments) set of fixed values in force
    offset: Floats  # (requests) h after the segment's start, ascending within it
    place: Integers  # (requests) output time
    request_start: Integers  # (segments + 1)
    amounts: Floats


class Task(NamedTuple):
    """A system, its subjects' values, how exact, and where the answers go.

    code      : addresses of the system's functions
    sizes     : states, rows of fixed values, outputs, output times, columns of the result, method, whether time counts,
                steps allowed, subjects, whether a stiff subject is given up, corners
    watched   : states the outputs read
    fixed     : (regimes x rows x subjects) values, flat
    initial   : (regimes x states x subjects) state at the start and after a reset, flat
    corners   : (regimes x corners x subjects) h at which the equations jump, ascending, flat
    amount    : (states) 1 where a state is an amount, which cannot fall below 0
    tolerance : relative, then absolute for each state
    threshold : (outputs) of the time above it, infinite where there is none; empty where outputs are wanted at times
    out       : (outputs x times x columns), flat; or (outputs x GATHERS x columns)
    left      : (subjects, 3) how each subject left, its steps, the state whose error was largest
    at        : (subjects) h at which it left, on the model's clock
    paused    : (subjects, 1 + 2 states + 4 outputs) where a method gave a subject up: time, states, peaks, the gathered
    paused_at : (subjects, 2) the segment and the request there; segment -1 for a subject that begins
    """

    code: Integers
    sizes: Integers
    watched: Integers
    fixed: Floats
    initial: Floats
    corners: Floats
    amount: Integers
    tolerance: Floats
    threshold: Floats
    out: Floats
    left: Integers
    at: Floats
    paused: Floats
    paused_at: Integers


@part
def want_next(courses, at, rows, whole, lane, request):
    """The next output time of a seat: a request of its segment, or none; after its last one the subject is done."""
    whole[REQUEST, lane] = request
    if request < courses.request_start[whole[SEGMENT, lane] + 1]:
        rows[at[WANTED] + lane] = courses.offset[request]
    else:
        rows[at[WANTED] + lane] = FOREVER
        if request == courses.request_start[courses.last[whole[SUBJECT, lane]]]:
            rows[at[LENGTH] + lane] = -1.0  # nothing more is asked of this subject


@part
def write_outputs(task, courses, at, rows, whole, time):
    """Outputs of the seats whose next output time is not after `time`, from the states in TRIAL; moves them on."""
    outputs, times, columns = task.sizes[2], task.sizes[3], task.sizes[4]
    call(task.code[CODE_READ], rows, at[TRIAL], at[FIXED], at[READ])
    who = at_least(load_wide(rows, time), load_wide(rows, at[WANTED]))
    while who != 0:
        lane = lowest(who)
        who = who & (who - 1)
        request = whole[REQUEST, lane]
        place = courses.place[request] * columns + courses.column[whole[SUBJECT, lane]]
        for o in range(outputs):
            value = rows[at[READ] + o * WIDE + lane]
            if task.threshold.size == 0:
                task.out[o * times * columns + place] = value
            elif value > rows[at[GATHERED] + (o * GATHERS + HIGHEST) * WIDE + lane]:
                rows[at[GATHERED] + (o * GATHERS + HIGHEST) * WIDE + lane] = value
                rows[at[GATHERED] + (o * GATHERS + WHEN) * WIDE + lane] = (
                    rows[at[START] + lane] + courses.offset[request]
                )
        want_next(courses, at, rows, whole, lane, request + 1)


@part
def take_fixed(task, courses, at, rows, lane, subject, regime):
    """The fixed values of a subject in a regime."""
    count, subjects = task.sizes[1], task.sizes[8]
    for r in range(count):
        rows[at[FIXED] + r * WIDE + lane] = task.fixed[(regime * count + r) * subjects + subject]


@part
def take_segment(task, courses, at, rows, whole, lane, request):
    """Rates, clock and length of the segment a seat is in, and its next output time."""
    subject, segment = whole[SUBJECT, lane], whole[SEGMENT, lane]
    for u in range(courses.rate.shape[1]):
        row = courses.rate[segment, u]
        rows[at[FIXED] + (task.sizes[1] + u) * WIDE + lane] = (
            courses.amounts[courses.base[subject] + row * courses.stride[subject]] if row >= 0 else 0.0
        )
    rows[at[LENGTH] + lane] = courses.length[segment]
    rows[at[START] + lane] = courses.start[segment]
    rows[at[FRESH] + lane] = 1.0
    whole[CORNER, lane] = 0
    next_corner(task, courses, at, rows, whole, lane)
    want_next(courses, at, rows, whole, lane, request)


@part
def next_corner(task, courses, at, rows, whole, lane):
    """The next time at which the equations themselves jump: the seat stops just before it and goes on just after."""
    count, subject = task.sizes[10], whole[SUBJECT, lane]
    regime = courses.regime[whole[SEGMENT, lane]]
    clock = rows[at[START] + lane] + rows[at[TIME] + lane]
    corner = whole[CORNER, lane]
    rows[at[BARRIER] + lane] = FOREVER
    while corner < count:
        when = task.corners[(regime * count + corner) * task.sizes[8] + subject]
        if when + ASIDE * max(1.0, when) > clock:
            rows[at[BARRIER] + lane] = when - ASIDE * max(1.0, when) - rows[at[START] + lane]
            break
        corner += 1
    whole[CORNER, lane] = corner


@part
def pass_corner(task, courses, at, rows, whole, lane):
    """Step over a jump of the equations; nothing moves in that little time."""
    when = rows[at[START] + lane] + rows[at[BARRIER] + lane]
    beyond = rows[at[BARRIER] + lane] + 3.0 * ASIDE * max(1.0, when)
    if rows[at[LENGTH] + lane] > 0.0:
        rows[at[TIME] + lane] = max(rows[at[TIME] + lane], min(beyond, rows[at[LENGTH] + lane]))
    rows[at[FRESH] + lane] = 1.0
    whole[CORNER, lane] += 1
    next_corner(task, courses, at, rows, whole, lane)


@part
def enter_segment(task, courses, at, rows, whole, lane):
    """Set a seat to the start of its segment: actions, rates, values in force."""
    states, subjects = task.sizes[0], task.sizes[8]
    subject, segment = whole[SUBJECT, lane], whole[SEGMENT, lane]
    regime = courses.regime[segment]
    if segment == courses.first[subject] or regime != courses.regime[segment - 1]:
        take_fixed(task, courses, at, rows, lane, subject, regime)
    for a in range(courses.action_start[segment], courses.action_start[segment + 1]):
        kind, state, row = courses.action[a, 0], courses.action[a, 1], courses.action[a, 2]
        if kind == RESET:
            for i in range(states):
                rows[at[STATE] + i * WIDE + lane] = task.initial[(regime * states + i) * subjects + subject]
                rows[at[PEAK] + i * WIDE + lane] = 0.0
        else:
            amount = courses.amounts[courses.base[subject] + row * courses.stride[subject]]
            where = at[STATE] + state * WIDE + lane
            if kind == ADD:
                rows[where] += amount
            elif kind == REPLACE:
                rows[where] = amount
            elif kind == MULTIPLY:
                rows[where] *= amount
    for i in range(states):
        rows[at[PEAK] + i * WIDE + lane] = max(rows[at[PEAK] + i * WIDE + lane], abs(rows[at[STATE] + i * WIDE + lane]))
    rows[at[TIME] + lane] = 0.0
    take_segment(task, courses, at, rows, whole, lane, courses.request_start[segment])


@part
def pause(task, at, rows, whole, lane):
    """Keep what another method needs to go on from here."""
    states, subject = task.sizes[0], whole[SUBJECT, lane]
    task.paused_at[subject, 0] = whole[SEGMENT, lane]
    task.paused_at[subject, 1] = whole[REQUEST, lane]
    kept = task.paused[subject]
    kept[0] = rows[at[TIME] + lane]
    for i in range(states):
        kept[1 + i] = rows[at[STATE] + i * WIDE + lane]
        kept[1 + states + i] = rows[at[PEAK] + i * WIDE + lane]
    for place in range(task.sizes[2] * GATHERS):
        kept[1 + 2 * states + place] = rows[at[GATHERED] + place * WIDE + lane]


@part
def resume(task, courses, at, rows, whole, lane):
    """Go on where another method gave a subject up."""
    states, subject = task.sizes[0], whole[SUBJECT, lane]
    whole[SEGMENT, lane] = task.paused_at[subject, 0]
    kept = task.paused[subject]
    rows[at[TIME] + lane] = kept[0]
    for i in range(states):
        rows[at[STATE] + i * WIDE + lane] = kept[1 + i]
        rows[at[PEAK] + i * WIDE + lane] = kept[1 + states + i]
    for place in range(task.sizes[2] * GATHERS):
        rows[at[GATHERED] + place * WIDE + lane] = kept[1 + 2 * states + place]
    take_fixed(task, courses, at, rows, lane, subject, courses.regime[whole[SEGMENT, lane]])
    take_segment(task, courses, at, rows, whole, lane, task.paused_at[subject, 1])


@part
def seat_subject(task, courses, at, rows, whole, lane, subject):
    """Begin with a subject: its starting state and its first segment."""
    states, subjects = task.sizes[0], task.sizes[8]
    whole[SUBJECT, lane] = subject
    rows[at[STEPS] + lane] = 0.0
    rows[at[SUSPECT] + lane] = 0.0
    rows[at[CALM] + lane] = 0.0
    segment = courses.first[subject]
    whole[SEGMENT, lane] = segment
    regime = courses.regime[segment]
    for i in range(states):
        rows[at[STATE] + i * WIDE + lane] = task.initial[(regime * states + i) * subjects + subject]
        rows[at[PEAK] + i * WIDE + lane] = 0.0
    begin(task.sizes[2], at, rows, lane)
    rows[at[BUSY] + lane] = 1.0
    if task.paused_at[subject, 0] >= 0:
        resume(task, courses, at, rows, whole, lane)
        return
    enter_segment(task, courses, at, rows, whole, lane)


@part
def leave(task, courses, at, rows, whole, lane, how, state):
    """A subject is done, or cannot go on: then what is still asked of it is not a number."""
    outputs, times, columns = task.sizes[2], task.sizes[3], task.sizes[4]
    subject = whole[SUBJECT, lane]
    task.left[subject, 0] = how
    task.left[subject, 1] = int(rows[at[STEPS] + lane])
    task.left[subject, 2] = state
    task.at[subject] = rows[at[START] + lane] + rows[at[TIME] + lane]
    rows[at[BUSY] + lane] = 0.0
    rows[at[WANTED] + lane] = FOREVER
    rows[at[BARRIER] + lane] = FOREVER
    if how in (GROWN_STIFF, STEP_TOO_SMALL) and task.sizes[9] != 0:
        pause(task, at, rows, whole, lane)
    if task.threshold.size > 0:
        for place in range(outputs * GATHERS):
            found = rows[at[GATHERED] + place * WIDE + lane]
            task.out[place * columns + courses.column[subject]] = found if how == DONE else np.nan
    elif how != DONE:
        for request in range(whole[REQUEST, lane], courses.request_start[courses.last[subject]]):
            for o in range(outputs):
                place = (o * times + courses.place[request]) * columns + courses.column[subject]
                task.out[place] = np.nan


@part
def settle(task, courses, at, rows, whole, waiting, last):
    """Write what is asked of the present states, then move seats at the end of a segment on; returns the next subject.

    waiting, last : subjects from `waiting` to `last` - 1 have not begun
    """
    states = task.sizes[0]
    moved = True
    while moved:
        while any_at_least(load_wide(rows, at[TIME]), load_wide(rows, at[WANTED])):
            for i in range(states):
                value = load_wide(rows, at[STATE] + i * WIDE)
                store(rows, at[TRIAL] + i * WIDE, not_just_below(at, rows, i * WIDE, value))
            store(rows, at[TRIAL] + states * WIDE, load_wide(rows, at[START]) + load_wide(rows, at[TIME]))
            write_outputs(task, courses, at, rows, whole, at[TIME])
        moved = False
        crossing = at_least(load_wide(rows, at[TIME]), load_wide(rows, at[BARRIER])) & at_least(
            load_wide(rows, at[BUSY]), 0.5
        )
        while crossing != 0:
            lane = lowest(crossing)
            crossing = crossing & (crossing - 1)
            moved = True
            pass_corner(task, courses, at, rows, whole, lane)
        ended = at_least(load_wide(rows, at[TIME]), load_wide(rows, at[LENGTH])) & at_least(
            load_wide(rows, at[BUSY]), 0.5
        )
        while ended != 0:
            lane = lowest(ended)
            ended = ended & (ended - 1)
            moved = True
            if whole[SEGMENT, lane] + 1 < courses.last[whole[SUBJECT, lane]]:
                whole[SEGMENT, lane] += 1
                enter_segment(task, courses, at, rows, whole, lane)
            else:
                leave(task, courses, at, rows, whole, lane, DONE, 0)
        if waiting < last:
            free = at_least(0.5, load_wide(rows, at[BUSY]))
            while free != 0 and waiting < last:
                seat_subject(task, courses, at, rows, whole, lowest(free), courses.order[waiting])
                free = free & (free - 1)
                waiting += 1
                moved = True
    return waiting
