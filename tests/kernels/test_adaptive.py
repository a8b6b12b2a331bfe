"""Crowds in steps: who is solved by which method, and that nobody's numbers depend on anything but himself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from kernel_runs import HOUR, events_of
from naive import Given
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from stepped_runs import run

from pkpd.actions import MULTIPLY, OFF, ON, RESET
from pkpd.kernels import adaptive, courses
from pkpd.kernels.adaptive import Answer
from pkpd.kernels.blocks import Equations
from pkpd.kernels.events import Events
from pkpd.kernels.march import EXPLICIT, STIFF
from pkpd.kernels.tape import Tape

Floats = NDArray[np.float64]
HOURS = [0.0, 0.2, 1.0, 3.0, 6.5, 12.0, 13.0, 24.0]
DOSES = [Given("drug", 0.0, 0.0, 10.0), Given("drug", 6.0, 2.0, 12.0), Given("drug", 12.0, 0.0, 5.0)]


def binding() -> Equations:
    """Saturable loss of a drug; a site that follows it at a rate k (1 + c drug^2)."""
    tape = Tape()
    k, c, most = (tape.parameter(row) for row in range(3))
    drug, site = tape.state(0), tape.state(1)
    square = tape.multiply(drug, drug)
    speed = tape.multiply(k, tape.add(tape.number(1.0), tape.multiply(c, square)))
    gone = tape.divide(tape.multiply(most, drug), tape.add(tape.number(2.0), drug))
    level = tape.divide(drug, tape.add(tape.number(1.0), drug))
    slopes = (tape.negative(gone), tape.multiply(speed, tape.subtract(level, site)))
    nothing = tape.number(0.0)
    return Equations(tape, slopes, (drug, site), (nothing, nothing), (0,))


SYSTEM = binding()


def expected_of(k: float, c: float, most: float, hours: Sequence[float], doses: Sequence[Given] = DOSES) -> Floats:
    """By an implicit method restarted at every change."""
    stops = sorted({0.0, *hours, *(d.start for d in doses), *(d.start + d.duration for d in doses)})
    state, found = np.zeros(2), {}
    for begin, end in zip(stops, [*stops[1:], stops[-1]], strict=True):
        state[0] += sum(d.amount for d in doses if d.duration == 0 and d.start == begin)
        found[begin] = state.copy()
        rate = sum(d.amount / d.duration for d in doses if d.duration > 0 and d.start <= begin < d.start + d.duration)

        def slope(_: float, x: Floats, rate: float = rate) -> list[float]:
            return [rate - most * x[0] / (2 + x[0]), k * (1 + c * x[0] ** 2) * (x[0] / (1 + x[0]) - x[1])]

        if end > begin:
            state = solve_ivp(slope, (begin, end), state, "Radau", rtol=1e-10, atol=1e-13).y[:, -1]
    return np.stack([found[hour] for hour in hours], axis=1)


def solved(table: Floats, method: str | None = None, threads: int = 1, relative: float = 1e-8) -> Answer:
    events = events_of(DOSES, ["drug"], HOURS, range(table.shape[1]))
    answer = run(SYSTEM, table, events, len(HOURS), method=method, threads=threads, relative=relative)
    return answer._replace(values=answer.values.copy())


def crowd(subjects: int, seed: int = 3) -> Floats:
    """Rates from 0.1/h to 1e4/h; in some the site grows fast only when drug is there."""
    rng = np.random.default_rng(seed)
    k = 10 ** rng.uniform(-1, 4, subjects)
    c = np.where(rng.random(subjects) < 0.3, 100.0, 0.0)
    return np.array([np.where(c > 0, np.minimum(k, 3.0), k), c, rng.uniform(1, 4, subjects)])


# Who is solved by which method


class Marches:
    """Which subjects went which way, in order."""

    def __init__(self) -> None:
        self.went: list[tuple[int, list[int]]] = []

    def by(self, method: int) -> list[int]:
        return sorted(subject for one, subjects in self.went for subject in subjects if one == method)


@pytest.fixture
def marches(monkeypatch: pytest.MonkeyPatch) -> Marches:
    found = Marches()

    def watched(method: int) -> Callable[..., None]:
        original = adaptive.MARCH[method]

        def march_of(task, own, room, first, last):  # type: ignore[no-untyped-def]
            assert task.sizes[5] == method
            found.went.append((method, own.order[first:last].tolist()))
            original(task, own, room, first, last)

        return march_of

    monkeypatch.setattr(adaptive, "MARCH", {method: watched(method) for method in (EXPLICIT, STIFF)})
    return found


def test_each_subject_gets_the_method_that_suits_it(marches: Marches) -> None:
    """Slow ones the explicit; fast ones the stiff; those that drug makes fast begin anew, after many steps."""
    table = np.array([[0.5, 2000.0, 1.0, 4.0, 1e4], [0.0, 0.0, 100.0, 0.0, 0.0], [2.0] * 5])
    answer = solved(table)
    assert (answer.how == courses.DONE).all()
    assert marches.by(EXPLICIT) == [0, 2, 3]
    assert marches.by(STIFF) == [1, 2, 4]
    for subject in range(5):
        expected = expected_of(*table[:, subject], HOURS)
        assert answer.values[:, :, subject] == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(("method", "number"), [("explicit", EXPLICIT), ("stiff", STIFF)])
def test_a_method_asked_for_is_everybodys(marches: Marches, method: str, number: int) -> None:
    table = np.array([[0.5, 800.0, 1.0], [0.0, 0.0, 20.0], [2.0] * 3])
    answer = solved(table, method)
    assert marches.by(number) == [0, 1, 2]
    assert marches.by(1 - number) == []
    assert (answer.how == courses.DONE).all()
    for subject in range(3):
        expected = expected_of(*table[:, subject], HOURS)
        assert answer.values[:, :, subject] == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_all_three_ways_agree() -> None:
    table = crowd(60)
    table[0], table[1] = np.minimum(table[0], 300), np.minimum(table[1], 1.0)
    answers = [solved(table, method, relative=1e-9) for method in ("explicit", "stiff", None)]
    for answer in answers:
        assert (answer.how == courses.DONE).all()
        assert answer.values == pytest.approx(answers[0].values, rel=1e-7, abs=1e-9)


def test_stiff_subjects_take_few_steps() -> None:
    """A rate of 1e4/h over a day would cost an explicit method 240,000 / 6 steps."""
    table = np.array([[1e4, 0.5], [0.0, 0.0], [2.0, 2.0]])
    answer = solved(table, relative=1e-6)
    assert (answer.steps < 600).all()


# Nobody depends on others


METHODS = ["explicit", "stiff", None]


def everyone(method: str | None) -> Floats:
    """A crowd of 300, for the explicit method no faster than it bears."""
    table = crowd(300)
    if method == "explicit":
        table[0], table[1] = np.minimum(table[0], 50.0), 0.0
    return table


@pytest.fixture(scope="module", params=METHODS)
def together(request: pytest.FixtureRequest) -> tuple[str | None, Floats, Answer]:
    table = everyone(request.param)
    return request.param, table, solved(table, request.param, relative=1e-6)


Together = tuple[str | None, Floats, Answer]


def same(one: Answer, other: Answer) -> None:
    assert np.array_equal(one.values, other.values)
    assert np.array_equal(one.steps, other.steps)
    assert np.array_equal(one.how, other.how)


def picked(answer: Answer, who: NDArray[np.int64]) -> Answer:
    return answer._replace(
        values=answer.values[:, :, who], steps=answer.steps[who], how=answer.how[who], hours=answer.hours[who]
    )


def test_alone_as_in_a_crowd(together: Together) -> None:
    method, table, answer = together
    for subject in range(0, 300, 13):
        who = np.array([subject])
        same(solved(table[:, who], method, relative=1e-6), picked(answer, who))


def test_in_any_order(together: Together) -> None:
    method, table, answer = together
    order = np.random.default_rng(1).permutation(300)
    same(solved(table[:, order], method, relative=1e-6), picked(answer, order))


@pytest.mark.parametrize("threads", [2, 5])
def test_on_any_number_of_threads(together: Together, threads: int) -> None:
    method, table, answer = together
    same(solved(table, method, threads, relative=1e-6), answer)


@pytest.mark.parametrize("chunk", [1, 7, 16, 10_000])
def test_in_any_portions(together: Together, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    method, table, answer = together
    monkeypatch.setattr(adaptive, "SMALLEST", chunk)
    same(solved(table, method, 2, relative=1e-6), answer)


def test_beside_those_who_fail(together: Together) -> None:
    """No numbers as parameters: they leave at once and disturb nobody."""
    method, table, answer = together
    bad = table.copy()
    bad[0, ::3] = np.nan
    found = solved(bad, method, relative=1e-6)
    assert (found.how[::3] == courses.STEP_TOO_SMALL).all()
    assert np.isnan(found.values[1, 1:, ::3]).all()
    who = np.flatnonzero(np.arange(300) % 3)
    same(picked(found, who), picked(answer, who))


@pytest.mark.parametrize("method", METHODS)
def test_beside_those_with_other_doses_and_times(method: str | None) -> None:
    table = everyone(method)[:, :30]
    given = [DOSES, [Given("drug", 1.0, 0.0, 3.0)], [Given("drug", 0.0, 20.0, 50.0), *DOSES[2:]]]
    hours = [HOURS, [h + 0.5 for h in HOURS], HOURS[::-1]]
    groups = [np.arange(start, 30, 3) for start in range(3)]
    schedule = [
        events_of(doses, ["drug"], times, who.tolist()) for doses, times, who in zip(given, hours, groups, strict=True)
    ]
    mixed = run(SYSTEM, table, schedule, len(HOURS), method=method)
    mixed = mixed._replace(values=mixed.values.copy())
    for doses, times, who in zip(given, hours, groups, strict=True):
        events = events_of(doses, ["drug"], times, range(len(who)))
        same(run(SYSTEM, table[:, who], events, len(HOURS), method=method), picked(mixed, who))


def test_progress_counts_everybody_once() -> None:
    """Those who begin anew as well."""
    table = crowd(40)
    counted: list[int] = []
    events = events_of(DOSES, ["drug"], HOURS, range(40))
    exactness = adaptive.Exactness(1e-6, np.full(2, 1e-9), 10_000)
    adaptive.solve(SYSTEM, table, [events], len(HOURS), exactness, progress=counted.append)
    assert sum(counted) == 40


# States that are switched off


def with_actions(*actions: tuple[int, int], hours: Sequence[float], breaks: Sequence[float]) -> Events:
    events = events_of(DOSES[:1], ["drug"], hours, [0])
    made = [[0, 0, 0, 0], *([segment, kind, 0, -1] for segment, kind in actions)]
    return events._replace(
        breaks=np.array([round(b * HOUR) for b in breaks]),
        rate=np.full((len(breaks), 1), -1),
        actions=np.array(made),
    )


@pytest.mark.parametrize("method", ["explicit", "stiff"])
def test_a_state_off_is_empty_and_others_go_on(method: str) -> None:
    table = np.array([[0.5], [0.0], [2.0]])
    events = with_actions((1, OFF), (2, ON), hours=[1.0, 2.0, 3.0, 4.0, 6.0], breaks=[0.0, 2.0, 4.0])
    found = run(SYSTEM, table, events, 5, method=method).values[:, :, 0]
    assert found[0, 1:].tolist() == [0.0, 0.0, 0.0, 0.0]
    assert found[0, 0] > 5
    assert found[1, 1:] == pytest.approx(found[1, 1] * np.exp(-0.5 * np.array([0, 1, 2, 4])), rel=1e-7)


def test_nothing_moves_out_of_or_into_a_state_that_is_off() -> None:
    """Off at the same hour as a dose and an action: neither is taken up; a reset turns it on again."""
    table = np.array([[0.5], [0.0], [2.0]])
    events = with_actions((1, OFF), (1, MULTIPLY), (2, RESET), hours=[2.5, 5.0], breaks=[0.0, 2.0, 4.0])
    amounts = np.array([[10.0], [7.0]])
    actions = np.array([*events.actions.tolist(), [1, 0, 0, 1], [2, 0, 0, 1]])
    actions[2, 3] = 1
    found = run(SYSTEM, table, events._replace(actions=actions, amounts=amounts), 2, relative=1e-9).values[0, :, 0]
    assert found[0] == 0.0
    (expected, _) = expected_of(0.5, 0.0, 2.0, [1.0], [Given("drug", 0, 0, 7.0)])
    assert found[1] == pytest.approx(expected[0], rel=1e-7)
