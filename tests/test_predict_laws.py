"""Laws of data sets: what must not matter does not, and what is not a dose against a plain integrator."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from event_models import depot_and_central
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import Action, Running, events
from numpy.typing import NDArray

import pkpd

Floats = NDArray[np.float64]

CL, V, KA = 3.0, 10.0, 1.25
PARAMETERS = {"CL": CL, "V": V, "KA": KA, "lag": 0.5, "share": 0.75}
HEAD = "ID,TIME,EVID,AMT,CMT,RATE,II,ADDL,SS"
MATRIX = np.array([[-KA, 0.0], [KA, -CL / V]])

MODES = st.sampled_from(["default", "nonmem"])
# Times in quarters of an hour, so that some coincide.
TIMES = st.integers(0, 8).map(lambda quarters: quarters / 4)


@st.composite
def doses(draw: st.DrawFn) -> tuple[float, str]:
    """Time, and the rest of a dose record."""
    amount, into = draw(st.sampled_from([10.1, 0.7, 33.3])), draw(st.sampled_from([1, 2]))
    rate, steady = draw(st.sampled_from([0, 0, 5, 20])), draw(st.sampled_from([0, 0, 0, 1, 2]))
    interval, more = draw(st.sampled_from([0, 1.5, 3])) or (3 if steady else 0), draw(st.integers(0, 3))
    return draw(TIMES), f"1,{amount},{into},{rate},{interval},{more if interval else 0},{steady}"


def text_of(lines: Sequence[tuple[float, str]], subject: str = "1") -> str:
    return "".join(f"{subject},{time!r},{rest}\n" for time, rest in lines)


def predicted(text: str, mode: Any = "default", **parameters: Any) -> Floats:
    frame = pkpd.predict(depot_and_central(), pkpd.read_dataset(f"{HEAD}\n{text}", mode=mode), PARAMETERS | parameters)
    return frame["drug (ng/mL)"].to_numpy()


def readings(times: Sequence[float]) -> list[tuple[float, str]]:
    return [(time, "0,0,0,0,0,0,0") for time in times]


def by_time(lines: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    return sorted(lines, key=lambda line: line[0])


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(doses(), min_size=2, max_size=7), st.lists(TIMES, min_size=1, max_size=5), st.randoms())
def test_doses_of_one_time_may_be_written_in_any_order(given_doses: Any, times: list[float], random: Any) -> None:
    lines = by_time([*given_doses, *readings(times)])
    shuffled = list(lines)
    random.shuffle(shuffled)
    at = {time: value for (time, _), value in zip(lines, predicted(text_of(lines)), strict=True)}
    shuffled = by_time(shuffled)
    for (time, _), value in zip(shuffled, predicted(text_of(shuffled)), strict=True):
        assert value == at[time]


def test_doses_of_one_time_in_any_order_to_the_last_bit() -> None:
    """Sums depend on the order of their parts; doses and overlapping infusions are added in an order of their own."""
    parts = [(1.0, f"1,{amount},2,{rate},3,2,2") for amount, rate in ((0.1, 0), (0.7, 0), (33.3, 1.1), (12.9, 0.3))]
    found = {
        predicted(text_of([(0.0, "1,17.7,2,0,0,0,0"), *order, *readings([2.0, 5.3])]))[-2:].tobytes()
        for order in itertools.permutations(parts)
    }
    assert len(found) == 1


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(doses(), min_size=1, max_size=4), st.lists(TIMES, min_size=1, max_size=4), TIMES, MODES)
def test_one_more_reading_changes_nothing(given_doses: Any, times: list[float], more: float, mode: str) -> None:
    few = by_time([*given_doses, *readings(times)])
    place = max((n for n, (time, _) in enumerate(few) if time <= more), default=-1) + 1
    many = [*few[:place], *readings([more]), *few[place:]]
    found = np.delete(predicted(text_of(many), mode), place)
    expected = predicted(text_of(few), mode)
    if mode == "default":
        assert np.array_equal(found, expected)
    else:  # a reading between two events of one time makes a segment of no length there, which may round
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(doses(), min_size=1, max_size=4), st.lists(TIMES, min_size=1, max_size=4), TIMES, MODES)
def test_a_clock_that_runs_ahead_changes_nothing(given_doses: Any, times: list[float], by: float, mode: str) -> None:
    lines = by_time([*given_doses, *readings(times)])
    later = [(time + by, rest) for time, rest in lines]
    assert np.array_equal(predicted(text_of(lines), mode), predicted(text_of(later), mode))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(doses(), min_size=1, max_size=4), st.lists(TIMES, min_size=1, max_size=4), MODES)
def test_each_dose_adds_its_own(given_doses: Any, times: list[float], mode: str) -> None:
    """Steady states that replace are left out: they are what a sum is not."""
    adding = [(time, rest[:-1] + ("2" if rest.endswith("1") else rest[-1])) for time, rest in given_doses]
    at = sorted(times)
    last = max(max(at), max(time for time, _ in adding)) + 1
    reading = readings([*(time + 0.1 for time in at), last])  # at no dose's own time, where NONMEM reads before it

    def read(lines: list[tuple[float, str]]) -> Floats:
        together = by_time([*lines, *reading])
        return predicted(text_of(together), mode)[[rest.startswith("0") for _, rest in together]]

    alone = np.sum([read([one]) for one in adding], axis=0)
    assert read(adding) == pytest.approx(alone, rel=1e-9, abs=1e-9)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(st.lists(doses(), min_size=1, max_size=3), min_size=2, max_size=4), MODES)
def test_a_subject_alone_in_a_crowd_and_elsewhere_in_it(crowd: Any, mode: str) -> None:
    texts = [text_of(by_time([*own, *readings([2.0, 11.0])]), str(number)) for number, own in enumerate(crowd)]
    alone = [predicted(text, mode) for text in texts]
    assert np.array_equal(np.concatenate(alone), predicted("".join(texts), mode))
    assert np.array_equal(np.concatenate(alone[::-1]), predicted("".join(texts[::-1]), mode))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(doses(), MODES)
def test_additional_doses_are_doses_written_out(dose: tuple[float, str], mode: str) -> None:
    time, rest = dose
    evid, amount, into, rate, interval, more, steady = rest.split(",")
    written = [(time + n * float(interval), f"{evid},{amount},{into},{rate},0,0,0") for n in range(1, int(more) + 1)]
    own = [(time, f"{evid},{amount},{into},{rate},{interval},0,{steady}"), *written]
    at = [time + 0.1 + 1.3 * n for n in range(8)]

    def read(lines: list[tuple[float, str]]) -> Floats:
        together = by_time([*lines, *readings(at)])
        return predicted(text_of(together), mode)[[line.startswith("0") for _, line in together]]

    assert read(own) == pytest.approx(read([dose]), rel=1e-11, abs=1e-12)


# What is not a dose


ACTIONS = {
    "replace": ("5,8,2,0,0,0,0", "replace", 1, 8.0),
    "replace, as another program writes it": ("8,8,2,0,0,0,0", "replace", 1, 8.0),
    "multiply": ("6,0.25,1,0,0,0,0", "multiply", 0, 0.25),
    "off": ("2,0,-2,0,0,0,0", "off", 1, 0.0),
    "on, though it was on": ("2,0,2,0,0,0,0", "multiply", 0, 1.0),
    "phantom": ("7,50,2,0,0,0,0", "multiply", 0, 1.0),
}


@pytest.mark.parametrize("mode", ["default", "nonmem"])
@pytest.mark.parametrize("name", ACTIONS)
def test_actions_against_an_integrator(name: str, mode: str) -> None:
    """Depot, then an infusion into the centre; something else happens at 3 h while both go on."""
    written, kind, state, value = ACTIONS[name]
    hours = [0.5, 2.0, 3.0, 4.0, 5.5, 9.0]
    lines = by_time([(0.0, "1,40,1,0,0,0,0"), (1.0, "1,60,2,10,0,0,0"), (3.0, written), *readings(hours)])
    found = predicted(text_of(lines), mode, lag=0.0, share=1.0)[[rest.startswith("0") for _, rest in lines]]
    actions = [Action(0.0, "add", 0, 40.0), Action(3.0, kind, state, value)]
    expected = events(lambda _, x: MATRIX @ x, np.zeros(2), actions, [Running(1.0, 7.0, 1, 10.0)], hours)[1]
    assert found * V / 1000 == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("mode", ["default", "nonmem"])
@pytest.mark.parametrize("way", ["record", "dose"])
def test_a_compartment_comes_on_by_record_or_by_a_dose_into_it(mode: str, way: str) -> None:
    hours = [0.5, 2.0, 3.0, 4.0, 9.0]
    turned = (3.0, "2,0,2,0,0,0,0") if way == "record" else (3.0, "1,5,2,0,0,0,0")
    lines = by_time([(0.0, "1,40,1,0,0,0,0"), (1.0, "2,0,-2,0,0,0,0"), turned, *readings(hours)])
    found = predicted(text_of(lines), mode, lag=0.0, share=1.0)[[rest.startswith("0") for _, rest in lines]]
    actions = [Action(0.0, "add", 0, 40.0), Action(1.0, "off", 1), Action(3.0, "on", 1)]
    actions += [Action(3.0, "add", 1, 5.0)] if way == "dose" else []
    expected = events(lambda _, x: MATRIX @ x, np.zeros(2), actions, [], hours)[1]
    assert found * V / 1000 == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert found[1] == 0.0


@pytest.mark.parametrize("mode", ["default", "nonmem"])
def test_a_steady_state_leaves_compartments_off(mode: str) -> None:
    lines = [(0.0, "2,0,-2,0,0,0,0"), (1.0, "1,40,1,0,6,1,1"), *readings([1.0, 3.0, 8.0])]
    assert not predicted(text_of(lines), mode).any()


def test_the_oracle_of_events_agrees_with_itself_on_a_nonlinear_system() -> None:
    """Michaelis-Menten after a bolus: Vmax t = Km ln(x0 / x) + x0 - x, with events in between that change nothing."""
    most, half, start = 4.0, 2.0, 10.0
    nothing = [Action(float(t), "multiply", 0, 1.0) for t in range(5)] + [Action(2.0, "add", 0, 0.0)]
    given_at_0 = [Action(0.0, "add", 0, start), *nothing]
    (left,) = events(lambda _, x: -most * x / (half + x), [0.0], given_at_0, [], [1.0, 2.5, 4.0])
    passed = (half * np.log(start / left) + start - left) / most
    assert passed == pytest.approx([1.0, 2.5, 4.0], rel=1e-10)
    twice = [*given_at_0, Action(3.0, "reset"), Action(3.0, "replace", 0, start)]
    (again,) = events(lambda _, x: -most * x / (half + x), [0.0], twice, [], [4.0, 5.5])
    assert again == pytest.approx(left[:2], rel=1e-10)


def test_both_modes_agree_where_nothing_coincides() -> None:
    lines = by_time([(0.0, "1,10,2,0,6,2,0"), (1.1, "1,37.5,1,0,3,2,1"), *readings([0.3, 2.2, 7.7, 20.9])])
    both = [predicted(text_of(lines), mode, share=1.0) for mode in ("default", "nonmem")]
    assert both[0] == pytest.approx(both[1], rel=1e-13)
    assert (both[0][2:] > 0).all()
