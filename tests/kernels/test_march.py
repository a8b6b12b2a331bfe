"""Subjects on their way: events of every kind, outputs that steer nothing, tolerances, and how a subject leaves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from kernel_runs import HOUR
from naive import Action, Running, events
from numpy.typing import NDArray
from stepped_runs import run

from pkpd.actions import ADD, MULTIPLY, OFF, ON, REPLACE, RESET
from pkpd.kernels import adaptive, courses, march
from pkpd.kernels.adaptive import Exactness
from pkpd.kernels.blocks import Equations
from pkpd.kernels.events import Events
from pkpd.kernels.tape import Tape

Floats = NDArray[np.float64]
METHODS = ["explicit", "stiff", None]
KINDS = {"add": ADD, "replace": REPLACE, "multiply": MULTIPLY, "reset": RESET, "off": OFF, "on": ON}


def saturable() -> Equations:
    """Depot, saturable loss, and a response that a rhythm of the day drives; the response starts at 2."""
    tape = Tape()
    ka, most, half, loss = (tape.parameter(row) for row in range(4))
    depot, drug, response, t = *(tape.state(place) for place in range(3)), tape.time()
    absorbed = tape.multiply(ka, depot)
    gone = tape.divide(tape.multiply(most, drug), tape.add(half, drug))
    day = tape.of_one("exp", tape.negative(tape.multiply(t, tape.number(0.3))))
    made = tape.divide(tape.add(tape.number(1.0), day), tape.add(tape.number(1.0), drug))
    slopes = (
        tape.negative(absorbed),
        tape.subtract(absorbed, gone),
        tape.subtract(made, tape.multiply(loss, response)),
    )
    nothing = tape.number(0.0)
    return Equations(tape, slopes, (depot, drug, response), (nothing, nothing, tape.number(2.0)), (0, 1))


SYSTEM = saturable()
VALUES = {"ka": 1.25, "most": 8.0, "half": 2.0, "loss": 0.5}
TABLE = np.array([list(VALUES.values())]).T


def slope(t: float, x: Floats, most: float = 8.0) -> Floats:
    gone = most * x[1] / (2.0 + x[1])
    return np.array([-1.25 * x[0], 1.25 * x[0] - gone, (1 + np.exp(-0.3 * t)) / (1 + x[1]) - 0.5 * x[2]])


def made_events(
    actions: Sequence[Action],
    rates: Sequence[Running],
    hours: Sequence[float],
    *,
    before: bool = False,
    subjects: int = 1,
    inputs: Sequence[int] = (0, 1),
) -> Events:
    """The same as a schedule."""

    def tick(hour: float) -> int:
        return round(hour * HOUR)

    ends = [end for running in rates for end in (running.begin, running.end)]
    breaks = sorted({0, *(tick(action.time) for action in actions), *(tick(end) for end in ends)})
    rows: list[float] = []
    rate = np.full((len(breaks), len(inputs)), -1)
    for s, begin in enumerate(breaks):
        for u, state in enumerate(inputs):
            total = sum(one.rate for one in rates if one.state == state and tick(one.begin) <= begin < tick(one.end))
            if total:
                rate[s, u] = len(rows)
                rows.append(total)
    done = []
    for action in actions:
        place = -1
        if action.kind in ("add", "replace", "multiply"):
            place = len(rows)
            rows.append(action.value)
        done.append((breaks.index(tick(action.time)), KINDS[action.kind], list(inputs).index(action.state), place))
    return Events(
        np.array(breaks, np.int64),
        rate.astype(np.int64),
        np.array(done, np.int64).reshape(-1, 4),
        np.repeat(np.array(rows or [0.0])[:, None], subjects, axis=1),
        np.array([tick(hour) for hour in hours], np.int64),
        before,
        np.arange(subjects),
    )


ALL_KINDS = [
    Action(0.0, "add", 0, 40.0),
    Action(2.0, "multiply", 1, 0.5),
    Action(2.0, "add", 1, 6.0),
    Action(5.0, "replace", 0, 15.0),
    Action(6.0, "off", 0),
    Action(7.0, "add", 1, 20.0),
    Action(8.0, "on", 0),
    Action(8.0, "add", 0, 10.0),
    Action(11.0, "reset"),
    Action(11.0, "add", 1, 12.0),
    Action(13.0, "off", 1),
    Action(14.0, "reset"),
    Action(14.0, "add", 0, 7.0),
]
INFUSIONS = [Running(1.0, 3.5, 1, 6.0), Running(3.0, 12.5, 1, 2.0), Running(6.5, 9.0, 0, 3.0)]
HOURS = [0.0, 0.1, 1.0, 1.7, 2.0, 3.25, 5.0, 6.0, 6.7, 7.0, 8.0, 8.8, 11.0, 11.5, 13.0, 13.3, 14.0, 15.5, 20.0]


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_events_of_every_kind(method: str | None, before: bool) -> None:
    found = run(SYSTEM, TABLE, made_events(ALL_KINDS, INFUSIONS, HOURS, before=before), len(HOURS), method=method)
    expected = events(slope, [0.0, 0.0, 2.0], ALL_KINDS, INFUSIONS, HOURS, before)
    assert found.how.tolist() == [courses.DONE]
    assert found.values[:, :, 0] == pytest.approx(expected, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_actions_of_one_time_happen_in_their_order(method: str | None) -> None:
    for order in ([0, 1], [1, 0]):
        both = [Action(1.0, "add", 1, 10.0), Action(1.0, "multiply", 1, 0.5)]
        given = [Action(0.0, "replace", 1, 4.0), *(both[place] for place in order)]
        found = run(SYSTEM, TABLE, made_events(given, [], [1.0, 3.0]), 2, method=method).values[:, :, 0]
        expected = events(slope, [0.0, 0.0, 2.0], given, [], [1.0, 3.0])
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_values_that_change_at_an_event(method: str | None) -> None:
    """The greatest loss is 8, then 3, then 8 again."""
    course = [Action(0.0, "add", 1, 30.0), Action(2.0, "multiply", 0, 1.0), Action(4.0, "multiply", 0, 1.0)]
    course.append(Action(3.0, "reset"))
    course.append(Action(3.0, "add", 1, 25.0))
    course.sort(key=lambda action: action.time)
    made = made_events(course, [], [0.5, 2.0, 2.5, 3.0, 5.0])._replace(regime=np.array([0, 1, 1, 0]))
    second = TABLE.copy()
    second[1] = 3.0
    found = run(SYSTEM, np.stack([TABLE, second]), made, 5, method=method).values[1, :, 0]

    def changing(t: float, x: Floats) -> Floats:
        return slope(t, x, 3.0 if 2.0 <= t < 4.0 else 8.0)

    stops = [Action(2.0, "multiply", 0, 1.0), Action(4.0, "multiply", 0, 1.0)]
    given = [Action(0.0, "add", 1, 30.0), Action(3.0, "reset"), Action(3.0, "add", 1, 25.0), *stops]
    expected = events(changing, [0.0, 0.0, 2.0], given, [], [0.5, 2.0, 2.5, 3.0, 5.0])[1]
    assert found == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_output_times_steer_no_step(method: str | None) -> None:
    """More times, between, at events and after the last one, change no bit of the others and cost no step."""
    few, many = HOURS[::3], sorted({*HOURS, *np.linspace(0, 40, 333).round(6), 2.0001, 19.9999})
    found = run(SYSTEM, TABLE, made_events(ALL_KINDS, INFUSIONS, few), len(few), method=method)
    some, steps = found.values.copy(), found.steps.copy()
    all_of_them = run(SYSTEM, TABLE, made_events(ALL_KINDS, INFUSIONS, many), len(many), method=method)
    assert np.array_equal(some, all_of_them.values[:, [many.index(hour) for hour in few]])
    early = run(SYSTEM, TABLE, made_events(ALL_KINDS, INFUSIONS, HOURS[:4]), 4, method=method)
    assert np.array_equal(early.values[:, ::3], some[:, :2])
    assert early.steps[0] < steps[0]  # nothing is integrated beyond the last time


@pytest.mark.parametrize("method", METHODS)
def test_times_in_any_order_and_twice(method: str | None) -> None:
    given = [Action(0.0, "add", 1, 30.0)]
    hours = [4.0, 0.0, 7.5, 4.0, 1.0]
    found = run(SYSTEM, TABLE, made_events(given, [], hours), 5, method=method).values.copy()
    ordered = run(SYSTEM, TABLE, made_events(given, [], sorted(set(hours))), 4, method=method).values
    assert np.array_equal(found, ordered[:, [2, 0, 3, 2, 1]])


@pytest.mark.parametrize("method", METHODS)
def test_each_time_may_name_its_segment(method: str | None) -> None:
    """Two events at one time make a segment of no length, in which a reading can stand."""
    made = made_events([Action(0.0, "add", 1, 30.0), Action(1.0, "add", 1, 5.0)], [], [1.0, 1.0, 1.0])
    split = made._replace(
        breaks=np.array([0, HOUR, HOUR]),
        rate=np.full((3, 2), -1),
        actions=np.array([[0, ADD, 1, 0], [1, ADD, 1, 1], [2, MULTIPLY, 1, 2]]),
        amounts=np.array([[30.0], [5.0], [0.5]]),
        segments=np.array([0, 1, 2]),
    )
    first, second, third = run(SYSTEM, TABLE, split, 3, method=method).values[1, :, 0]
    assert second == first + 5.0
    assert third == second * 0.5


@pytest.mark.parametrize("method", METHODS)
def test_asked_before_anything_is_the_start(method: str | None) -> None:
    made = made_events([Action(0.0, "add", 1, 30.0)], [], [0.0, 1.0], before=True)
    found = run(SYSTEM, TABLE, made, 2, method=method).values[:, :, 0]
    assert found[:, 0].tolist() == [0.0, 0.0, 2.0]
    assert found[1, 1] > 10


# Exactness


def one_state(write) -> Equations:  # type: ignore[no-untyped-def]
    """x' = f(x, t, p), x(0) = p of row 1."""
    tape = Tape()
    node = write(tape, tape.state(0), tape.time(), tape.parameter(0))
    return Equations(tape, (node,), (tape.state(0),), (tape.parameter(1),), (0,))


def at(hours: Sequence[float], subjects: int = 1) -> Events:
    return made_events([], [], hours, inputs=(0,), subjects=subjects)


@pytest.mark.parametrize("method", ["explicit", "stiff"])
@pytest.mark.parametrize("relative", [1e-3, 1e-5, 1e-7, 1e-9, 1e-11])
def test_errors_follow_the_tolerance(method: str, relative: float) -> None:
    """Logistic growth: x = 1 / (1 + (1/x0 - 1) exp(-r t))."""
    logistic = one_state(lambda tape, x, t, r: tape.multiply(r, tape.multiply(x, tape.subtract(tape.number(1.0), x))))
    hours = np.linspace(0, 12, 49)
    found = run(logistic, np.array([[1.3], [1e-3]]), at(hours.tolist()), 49, method=method, relative=relative)
    expected = 1 / (1 + (1e3 - 1) * np.exp(-1.3 * hours))
    assert np.abs(found.values[0, :, 0] - expected).max() < 10 * relative


@pytest.mark.parametrize("method", ["explicit", "stiff"])
def test_the_size_of_amounts_does_not_matter(method: str) -> None:
    """Without an absolute tolerance to speak of, micrograms and tons take the same steps."""
    decay = one_state(lambda tape, x, t, k: tape.negative(tape.multiply(k, x)))
    table = np.array([[0.4, 0.4, 0.4], [1e-3, 1.0, 1e9]])
    answer = run(decay, table, at([1.0, 6.0], 3), 2, method=method, absolute=1e-300)
    found = answer.values[0] / table[1]
    assert np.ptp(found, axis=1) == pytest.approx([0, 0], abs=1e-13)
    assert len(set(answer.steps.tolist())) == 1
    assert found[:, 0] == pytest.approx(np.exp([-0.4, -2.4]), rel=1e-8)


@pytest.mark.parametrize("method", ["explicit", "stiff"])
def test_each_state_has_its_own_absolute_tolerance(method: str) -> None:
    """Slack for the response alone spares steps and leaves depot and drug exact."""
    made = made_events([Action(0.0, "add", 0, 40.0)], [], HOURS)
    errors, steps = [], []
    exact = events(slope, [0.0, 0.0, 2.0], [Action(0.0, "add", 0, 40.0)], [], HOURS)
    for absolute in ([1e-12, 1e-12, 1e-12], [1e-12, 1e-12, 1e3], [1e3, 1e3, 1e3]):
        answer = adaptive.solve(
            SYSTEM, TABLE, [made], len(HOURS), Exactness(1e-10, np.array(absolute), 9999), method=method
        )
        errors.append(np.abs(answer.values[:, :, 0] - exact).max(axis=1))
        steps.append(int(answer.steps[0]))
    assert steps[0] >= steps[1] > steps[2]
    assert errors[1][1] < 1e-7 < errors[2][1]


@pytest.mark.parametrize("method", ["explicit", "stiff"])
@pytest.mark.parametrize("relative", [1e-5, 1e-9])
def test_the_clock_counts(method: str, relative: float) -> None:
    """x' = t^2 cos-like waves through the time alone: x = sin(w t) / w, by a derivative that only drift carries."""
    waves = one_state(
        lambda tape, x, t, w: tape.subtract(
            tape.multiply(w, tape.of_one("exp", tape.negative(tape.multiply(w, t)))), tape.multiply(w, x)
        )
    )
    hours = np.linspace(0, 10, 41)
    answer = run(waves, np.array([[0.8], [0.3]]), at(hours.tolist()), 41, method=method, relative=relative)
    expected = (0.3 + 0.8 * hours) * np.exp(-0.8 * hours)
    assert np.abs(answer.values[0, :, 0] - expected).max() < 3 * relative


@pytest.mark.parametrize("method", METHODS)
def test_a_reset_takes_the_starting_value_in_force(method: str | None) -> None:
    decay = one_state(lambda tape, x, t, k: tape.negative(tape.multiply(k, x)))
    made = made_events([Action(1.0, "multiply", 0, 1.0), Action(2.0, "reset")], [], [0.0, 2.0], inputs=(0,))
    tables = np.array([[[0.4], [2.0]], [[0.4], [5.0]]])
    found = run(decay, tables, made._replace(regime=np.array([0, 1, 1])), 2, method=method).values[0, :, 0]
    assert found.tolist() == [2.0, 5.0]


# How a subject leaves

BLOWS_UP = one_state(lambda tape, x, t, p: tape.multiply(p, tape.multiply(x, x)))


@pytest.mark.parametrize("method", METHODS)
def test_what_grows_beyond_bounds_leaves_with_its_hour_and_state(method: str | None) -> None:
    """x' = p x^2 from x0 ends at 1 / (p x0); the second subject's end comes after the last time."""
    hours = [0.5, 0.9, 1.1, 3.0]
    answer = run(
        BLOWS_UP, np.array([[1.0, 0.25, -1.0], [1.0, 1.0, 1.0]]), at(hours, 3), 4, method=method, relative=1e-8
    )
    assert answer.how.tolist() == [courses.STEP_TOO_SMALL, courses.DONE, courses.DONE]
    assert answer.hours[0] == pytest.approx(1.0, abs=1e-4)
    assert answer.state[0] == 0
    assert np.isnan(answer.values[0, :, 0]).tolist() == [False, False, True, True]
    assert answer.values[0, :2, 0] == pytest.approx([2.0, 10.0], rel=1e-5)
    assert answer.values[0, :, 1] == pytest.approx([1 / (1 - hour / 4) for hour in hours], rel=1e-6)
    assert answer.values[0, :, 2] == pytest.approx([1 / (1 + hour) for hour in hours], rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_budget_of_steps(method: str | None) -> None:
    hours = np.linspace(0, 100, 21).tolist()
    waving = one_state(lambda tape, x, t, p: tape.negative(tape.multiply(x, tape.add(p, tape.multiply(x, x)))))
    events_ = made_events([Action(float(n), "add", 0, 5.0) for n in range(100)], [], hours, inputs=(0,))
    table = np.array([[0.5], [1.0]])
    enough = run(waving, table, events_, 21, method=method)
    assert enough.how[0] == courses.DONE
    values, steps = enough.values.copy(), int(enough.steps[0])
    again = run(waving, table, events_, 21, method=method, steps=steps + 1)
    assert again.how[0] == courses.DONE
    answer = run(waving, table, events_, 21, method=method, steps=steps // 2)
    assert answer.how[0] == courses.TOO_MANY_STEPS
    assert answer.steps[0] == steps // 2
    assert 20 < answer.hours[0] < 80
    reached = np.array(hours) <= answer.hours[0]
    assert np.array_equal(answer.values[0, reached, 0], values[0, reached, 0])
    assert np.isnan(answer.values[0, ~reached, 0]).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("what", ["division", "logarithm", "no number"])
def test_equations_that_give_no_number(method: str | None, what: str) -> None:
    """From the start on, or from where a state has gone; it takes no time to see."""
    made = {
        "division": one_state(lambda tape, x, t, p: tape.divide(p, x)),
        "logarithm": one_state(lambda tape, x, t, p: tape.subtract(tape.of_one("log", x), p)),
        "no number": one_state(lambda tape, x, t, p: tape.multiply(p, tape.of_one("sqrt", tape.subtract(p, t)))),
    }[what]
    start = 1.0 if what == "no number" else 0.0
    answer = run(made, np.array([[1.0], [start]]), at([0.5, 5.0]), 2, method=method)
    assert answer.how[0] == courses.STEP_TOO_SMALL
    assert np.isnan(answer.values[0, 1, 0])
    assert answer.hours[0] == pytest.approx(1.0 if what == "no number" else 0.0, abs=1e-3)
    assert answer.steps[0] < 2000


def test_explicit_alone_gives_up_nobody_who_is_stiff() -> None:
    """Asked for by name it goes on, in many steps, and stays right."""
    fast = one_state(lambda tape, x, t, k: tape.multiply(k, tape.subtract(t, x)))
    answer = run(fast, np.array([[3000.0], [2.0]]), at([1.0, 4.0]), 2, method="explicit", relative=1e-6)
    assert answer.how[0] == courses.DONE
    assert answer.values[0, :, 0] == pytest.approx([1 - 1 / 3000, 4 - 1 / 3000], rel=1e-6)
    assert answer.steps[0] > 1000


def test_both_loops_have_names_of_their_own() -> None:
    """Machine code that is kept goes by its function's name and a number that begins anew in every process."""
    assert len({one.py_func.__qualname__ for one in march.MARCH.values()}) == len(march.MARCH)
