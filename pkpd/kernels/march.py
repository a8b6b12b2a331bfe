"""The way of subjects through their courses: steps of each one's own length, events, outputs between the steps.

One loop serves every method: a step is tried in all seats at once; each seat keeps or drops its own. Output times never
steer a step. A subject that cannot be integrated leaves with a reason, and its later outputs are not numbers.
"""

from __future__ import annotations

import numpy as np

from pkpd.kernels import dormandprince, rosenbrock
from pkpd.kernels.cached import kernel, part
from pkpd.kernels.courses import (
    DONE,
    FOREVER,
    GROWN_STIFF,
    STEP_TOO_SMALL,
    TOO_MANY_STEPS,
    leave,
    settle,
    write_outputs,
)
from pkpd.kernels.gathering import NEGLIGIBLE, between, gather, not_just_below
from pkpd.kernels.lanes import (
    WIDE,
    absolute,
    any_at_least,
    any_greater,
    at_least,
    call,
    exp,
    fma,
    if_greater,
    if_less,
    load_wide,
    log,
    lowest,
    splat_wide,
    sqrt,
    store,
)
from pkpd.kernels.seats import (
    BARRIER,
    BUSY,
    CALM,
    CODE_SLOPE,
    DRIFT,
    DUE,
    END,
    FIXED,
    FRESH,
    LENGTH,
    LIMIT,
    PEAK,
    SLOPE,
    STAGES,
    START,
    STATE,
    STEP,
    STEPS,
    STIFFNESS,
    SUSPECT,
    TIME,
    TOLERANCE,
    TRIAL,
    WANTED,
)

# Methods.
EXPLICIT, STIFF = 0, 1
SAFETY = 0.9
# What a step counts as that leaves an amount below 0.
FELL_BELOW = 1e3
SHORTEN, LENGTHEN = 0.2, 8.0
# Coefficient of the first step's error estimate, from the fastest rate at which the solution turns.
FIRST_ERROR = 1e-3
# Steps held down by stability before the explicit method gives a subject up, and calm ones that acquit it.
SUSPECTED, ACQUITTED = 12, 6
# Shortest step, and the length beyond which a segment is as good as endless for its first step, h.
SHORTEST = 1e-25
LONG = 24.0


@part
def raised(value, power):
    """value ** power for a positive value."""
    return exp(log(value) * power)


@part
def worse(a, b):
    """The larger of two errors that are not below 0; not a number where either is none, or is beyond all numbers."""
    return if_greater(a, b, a, b) + (a - a) + (b - b)


@part
def scale_of(states, at, rows, i, value):
    """What an error of state i may be: absolute + relative x the largest of its sizes."""
    size = absolute(load_wide(rows, at[STATE] + i * WIDE))
    other = absolute(value)
    size = if_greater(other, size, other, size)
    peak = NEGLIGIBLE * load_wide(rows, at[PEAK] + i * WIDE)
    size = if_greater(peak, size, peak, size)
    return fma(load_wide(rows, at[LIMIT]), size, load_wide(rows, at[TOLERANCE] + i * WIDE))


@part
def first_step(task, at, rows):
    """Length of the first step of seats that have entered a segment, by how fast their solution turns.

    The error of a method of order p is taken as FIRST_ERROR h^(p+1) l^p |f|, with l = |J f| / |f|; J f by a difference.
    """
    states = task.sizes[0]
    clock = load_wide(rows, at[START]) + load_wide(rows, at[TIME])
    length = load_wide(rows, at[LENGTH])
    length = if_less(length, LONG, length, splat_wide(LONG))
    store(rows, at[STATE] + states * WIDE, clock)
    call(task.code[CODE_SLOPE], rows, at[STATE], at[FIXED], at[SLOPE])
    size = splat_wide(0.0)
    for i in range(states):
        f = load_wide(rows, at[SLOPE] + i * WIDE)
        weight = 1.0 / scale_of(states, at, rows, i, splat_wide(0.0))
        store(rows, at[END] + i * WIDE, f)
        store(rows, at[DRIFT] + i * WIDE, weight)
        f = absolute(f) * weight
        size = if_greater(f, size, f, size)
    tiny = 1e-4 / if_greater(size, 1e-290, size, splat_wide(1e-290))
    tiny = if_less(tiny, 1e-6 * length, tiny, 1e-6 * length)
    for i in range(states):
        moved = fma(tiny, load_wide(rows, at[END] + i * WIDE), load_wide(rows, at[STATE] + i * WIDE))
        store(rows, at[TRIAL] + i * WIDE, moved)
    store(rows, at[TRIAL] + states * WIDE, clock + tiny)
    call(task.code[CODE_SLOPE], rows, at[TRIAL], at[FIXED], at[SLOPE])
    turn = splat_wide(0.0)
    fresh = load_wide(rows, at[FRESH])
    for i in range(states):
        before, weight = load_wide(rows, at[END] + i * WIDE), load_wide(rows, at[DRIFT] + i * WIDE)
        change = absolute(load_wide(rows, at[SLOPE] + i * WIDE) - before) * weight
        turn = if_greater(change, turn, change, turn)
        first = load_wide(rows, at[STAGES] + i * WIDE)
        store(rows, at[STAGES] + i * WIDE, if_greater(fresh, 0.0, before, first))
    turn = turn / tiny
    size = if_greater(size, 1e-200, size, splat_wide(1e-200))
    turning = turn / size
    least = 1.0 / length
    turning = if_greater(turning, least, turning, least)
    # (FIRST_ERROR size turning^5)^(-1/6)
    step = raised(FIRST_ERROR * size, splat_wide(-1.0 / 6.0)) * raised(turning, splat_wide(-5.0 / 6.0))
    step = if_less(step, length, step, length)
    step = if_greater(step, 1e-15 * length, step, 1e-15 * length)
    store(rows, at[STEP], if_greater(fresh, 0.0, step, load_wide(rows, at[STEP])))
    store(rows, at[FRESH], splat_wide(0.0))


@part
def judge(task, at, rows, h, error, stiffness):
    """Count the step just tried; returns how each seat stands, lanes: DONE where nothing is wrong."""
    busy = load_wide(rows, at[BUSY])
    steps = load_wide(rows, at[STEPS]) + busy
    store(rows, at[STEPS], steps)
    how = splat_wide(float(DONE))
    if task.sizes[5] == EXPLICIT:
        suspect, calm = load_wide(rows, at[SUSPECT]), load_wide(rows, at[CALM])
        calm = if_greater(stiffness, dormandprince.HELD, splat_wide(0.0), calm + 1.0)
        suspect = if_greater(stiffness, dormandprince.HELD, suspect + 1.0, suspect)
        suspect = if_less(calm, float(ACQUITTED), suspect, splat_wide(0.0))
        store(rows, at[SUSPECT], suspect)
        store(rows, at[CALM], calm)
        if task.sizes[9] != 0:
            how = if_less(suspect, float(SUSPECTED), how, splat_wide(float(GROWN_STIFF)))
    how = if_less(steps, float(task.sizes[7]), how, splat_wide(float(TOO_MANY_STEPS)))
    step, time = load_wide(rows, at[STEP]), load_wide(rows, at[TIME])
    stuck = if_greater(time + step, time, splat_wide(0.0), splat_wide(1.0))
    stuck = if_less(error, 1.0, splat_wide(0.0), stuck)
    stuck = if_greater(step, SHORTEST, stuck, splat_wide(1.0))
    return busy * if_greater(stuck, 0.5, splat_wide(float(STEP_TOO_SMALL)), how)


@part
def blamed(task, at, rows, lane):
    """The state whose end of the step just tried is the wildest."""
    worst, largest = 0, -1.0
    for i in range(task.sizes[0]):
        end, state = rows[at[END] + i * WIDE + lane], rows[at[STATE] + i * WIDE + lane]
        change = abs(end - state) / (abs(state) + rows[at[TOLERANCE] + i * WIDE + lane])
        if not change < np.inf:
            return i
        if change > largest:
            worst, largest = i, change
    return worst


def _march(method):
    """The loop for one method, which is fixed when it is compiled."""

    @kernel
    def march(task, courses, room, first, last):
        """Integrate the subjects of places first ... last - 1 of the order, with all their events and outputs."""
        at, rows, whole = room.at, room.rows, room.whole
        states, drifts = task.sizes[0], task.sizes[6] != 0
        gathers = task.threshold.size > 0
        store(rows, at[LIMIT], splat_wide(task.tolerance[0]))
        for i in range(states):
            store(rows, at[TOLERANCE] + i * WIDE, splat_wide(task.tolerance[1 + i]))
        for lane in range(WIDE):
            rows[at[BUSY] + lane] = 0.0
            rows[at[WANTED] + lane] = FOREVER
            rows[at[BARRIER] + lane] = FOREVER
            rows[at[LENGTH] + lane] = 1.0
            rows[at[TIME] + lane] = 0.0
            rows[at[STEP] + lane] = 1.0
        waiting = first
        while True:
            waiting = settle(task, courses, at, rows, whole, waiting, last)
            if not any_greater(load_wide(rows, at[BUSY]), 0.0):
                return
            if any_greater(load_wide(rows, at[FRESH]) * load_wide(rows, at[BUSY]), 0.0):
                first_step(task, at, rows)
            time, length, barrier = (
                load_wide(rows, at[TIME]),
                load_wide(rows, at[LENGTH]),
                load_wide(rows, at[BARRIER]),
            )
            length = if_less(barrier, length, barrier, length)
            h, remaining = load_wide(rows, at[STEP]), length - time
            shared = if_less(2.0 * h, remaining, h, 0.5 * remaining)
            h = if_less(1.001 * h, remaining, shared, remaining)
            clock = load_wide(rows, at[START]) + time
            store(rows, at[STATE] + states * WIDE, clock)
            error = splat_wide(0.0)
            stiffness = splat_wide(0.0)
            if method == STIFF:
                rosenbrock.try_step(task.code, states, drifts, at, rows, clock, h)
                for i in range(states):
                    estimate = load_wide(rows, at[STAGES] + ((rosenbrock.STAGE_COUNT - 1) * states + i) * WIDE)
                    middle = load_wide(rows, at[STAGES] + (rosenbrock.STAGE_COUNT * states + i) * WIDE)
                    scale = scale_of(states, at, rows, i, load_wide(rows, at[END] + i * WIDE))
                    error = worse(error, worse(absolute(estimate), absolute(middle)) / scale)
            else:
                dormandprince.try_step(task.code, states, at, rows, clock, h)
                between_ends = splat_wide(0.0)
                total, rough, turned, moved = splat_wide(0.0), splat_wide(0.0), splat_wide(0.0), splat_wide(0.0)
                for i in range(states):
                    scale = scale_of(states, at, rows, i, load_wide(rows, at[END] + i * WIDE))
                    fifth, third, last_term = dormandprince.estimates(states, at, rows, i)
                    fifth, third, last_term = fifth / scale, third / scale, absolute(last_term) / scale
                    between_ends = worse(between_ends, last_term)
                    total, rough = fma(fifth, fifth, total), fma(third, third, rough)
                    slope, place = dormandprince.change_of(states, at, rows, i, scale)
                    turned, moved = fma(slope, slope, turned), fma(place, place, moved)
                rough = fma(0.01, rough, total)
                error = h * total / sqrt(if_less(rough, 1e-300, splat_wide(1e-300), rough) * states)
                error = worse(error, h * between_ends)
                seen = if_greater(moved, dormandprince.SEEN * dormandprince.SEEN, moved, splat_wide(1e300))
                stiffness = h * sqrt(turned / seen)
            for i in range(states):
                if task.amount[i] != 0:
                    end = load_wide(rows, at[END] + i * WIDE)
                    error = if_less(not_just_below(at, rows, i * WIDE, end), 0.0, splat_wide(FELL_BELOW), error)
            judged = if_less(error, 1e300, error, splat_wide(1e300))
            judged = if_greater(judged, 1e-10, judged, splat_wide(1e-10))
            power = splat_wide(-1.0 / (rosenbrock.ORDER if method == STIFF else dormandprince.ORDER))
            factor = SAFETY * raised(judged, power)
            factor = if_less(factor, SHORTEN, splat_wide(SHORTEN), factor)
            factor = if_greater(factor, LENGTHEN, splat_wide(LENGTHEN), factor)
            good = if_less(judged, 1.0, load_wide(rows, at[BUSY]), splat_wide(0.0))
            reached = if_less(1.0001 * h, remaining, time + h, length)
            due = if_greater(good, 0.0, reached, splat_wide(-1.0))
            store(rows, at[DUE], due)
            if gathers or any_at_least(due, load_wide(rows, at[WANTED])):
                degree = rosenbrock.DEGREE if method == STIFF else dormandprince.DEGREE
                if method == STIFF:
                    rosenbrock.make_dense(states, task.watched, at, rows)
                else:
                    dormandprince.make_dense(states, task.watched, at, rows, h)
                if gathers:
                    gather(task, at, rows, degree, good, clock, h)
                while any_at_least(due, load_wide(rows, at[WANTED])):
                    wanted = load_wide(rows, at[WANTED])
                    u = if_less(wanted, due, (wanted - time) / h, splat_wide(1.0))
                    between(task.watched, degree, at, rows, u)
                    store(rows, at[TRIAL] + states * WIDE, load_wide(rows, at[START]) + wanted)
                    write_outputs(task, courses, at, rows, whole, at[DUE])
            for i in range(states):
                end = load_wide(rows, at[END] + i * WIDE)
                kept = if_greater(good, 0.0, end, load_wide(rows, at[STATE] + i * WIDE))
                store(rows, at[STATE] + i * WIDE, kept)
                size, peak = absolute(kept), load_wide(rows, at[PEAK] + i * WIDE)
                store(rows, at[PEAK] + i * WIDE, if_greater(size, peak, size, peak))
                if method == EXPLICIT:
                    dormandprince.keep_last_stage(states, at, rows, i, good)
            store(rows, at[TIME], if_greater(good, 0.0, reached, time))
            # A step cut short by the end of its segment says nothing against a longer one.
            following = h * factor
            longer = if_less(
                h,
                load_wide(rows, at[STEP]),
                if_greater(
                    factor,
                    1.0,
                    if_greater(following, load_wide(rows, at[STEP]), following, load_wide(rows, at[STEP])),
                    following,
                ),
                following,
            )
            store(rows, at[STEP], if_greater(good, 0.0, longer, if_less(following, 0.9 * h, following, 0.5 * h)))
            how = judge(task, at, rows, h, error, stiffness)
            wrong = at_least(how, 0.5)
            while wrong != 0:
                lane = lowest(wrong)
                wrong = wrong & (wrong - 1)
                store(rows, at[STIFFNESS], how)
                leave(
                    task, courses, at, rows, whole, lane, int(rows[at[STIFFNESS] + lane]), blamed(task, at, rows, lane)
                )

    return march


MARCH = {EXPLICIT: _march(EXPLICIT), STIFF: _march(STIFF)}
