"""Steady states against long trains of doses, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_runs import system_of
from naive import Given, Network, amounts, mammillary

from pkpd.kernels.events import TICKS_PER_HOUR as HOUR
from pkpd.kernels.steady import Pulse, periodic

RATES = {"k10": 0.4, "k12": 0.9, "k21": 0.3}


@pytest.mark.parametrize("duration", [0.0, 0.5, 6.0, 8.0, 8.5, 20.0, 24.0])
@pytest.mark.parametrize("offset", [0.0, 2.0, 7.75])
def test_equals_a_long_train(duration: float, offset: float) -> None:
    """60 doses at 8 h intervals: what the first would still hold after 480 h is 1e-17 of it."""
    network = mammillary(1)
    system, values = system_of(network, RATES, ("central",))
    size = 10.0 / duration if duration else 10.0
    pulse = Pulse(round(offset * HOUR), round(duration * HOUR), 0, 0)
    found, exists = periodic(system, values, [pulse], 8 * HOUR, np.array([[size]]))
    train = [Given("central", offset - 8 * n, duration, 10.0) for n in range(1, 61)]
    expected = amounts(network, RATES, train, [0.0], before=True)
    assert exists.all()
    assert found == pytest.approx(expected, rel=1e-12)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0.01, 3.0), min_size=3, max_size=3),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 30), st.integers(0, 1)), min_size=1, max_size=3),
)
def test_nothing_changes_over_one_interval(rates: list[float], doses: list[tuple[int, int, int]]) -> None:
    """One more interval, with its doses and what still runs of earlier ones, ends with the amounts it began with."""
    own = dict(zip(("k10", "k12", "k21"), rates, strict=True))
    network = mammillary(1)
    system, values = system_of(network, own, network.states)
    cycle = [Pulse(offset * HOUR, duration * HOUR, state, row) for row, (offset, duration, state) in enumerate(doses)]
    sizes = np.arange(1.0, len(cycle) + 1)[:, None]
    (found,) = periodic(system, values, cycle, 12 * HOUR, sizes)[0].T
    given_now = [Given(name, 0.0, 0.0, amount) for name, amount in zip(network.states, found.tolist(), strict=True)]
    for (offset, duration, state), size in zip(doses, sizes[:, 0].tolist(), strict=True):
        for earlier in range(4):  # the longest dose reaches into the third interval after its own
            begin, end = max(0, offset - 12 * earlier), offset - 12 * earlier + duration
            if duration and end > begin:
                given_now.append(Given(network.states[state], begin, end - begin, size * (end - begin)))
        if not duration:
            given_now.append(Given(network.states[state], offset, 0, size))
    after = amounts(network, own, given_now, [12.0], before=True)[:, 0]
    assert after == pytest.approx(found, rel=1e-9)


def test_plateau_of_a_constant_infusion() -> None:
    system, values = system_of(mammillary(2), RATES | {"k13": 0.2, "k31": 0.01}, ("central",))
    found, exists = periodic(system, values, [Pulse(0, 0, 0, 0)], 0, np.array([[5.0]]))
    assert exists.all()
    assert found[:, 0] == pytest.approx([12.5, 12.5 * 3, 12.5 * 20], rel=1e-12)


@pytest.mark.parametrize("interval", [0, 8 * HOUR])
def test_none_where_drug_gathers(interval: int) -> None:
    """The area grows for ever; a subject in whom nothing flows there has a steady state all the same."""
    network = Network(("central", "area"), {("central", ""): "k"}, {("central", "area"): "copy"})
    system, values = system_of(network, {"k": [0.5, 0.5, 0.0], "copy": [1.0, 0.0, 0.0]}, ("central",))
    found, exists = periodic(system, values, [Pulse(0, HOUR, 0, 0)], interval, np.ones((1, 3)))
    assert exists.tolist() == [False, True, False]
    assert np.isfinite(found).all()
    assert found[1, 1] == 0.0


def test_what_doses_do_not_reach_may_gather() -> None:
    network = Network(("first", "gathers", "last"), {("gathers", "last"): "k", ("first", ""): "k"})
    system, values = system_of(network, {"k": 0.5}, ("first",))
    found, exists = periodic(system, values, [Pulse(0, 0, 0, 0)], 2 * HOUR, np.array([[1.0]]))
    assert exists.all()
    assert found[:, 0] == pytest.approx([1 / (np.e - 1), 0, 0], rel=1e-14)


def test_a_state_switched_off_takes_nothing_up() -> None:
    network = mammillary(1)
    system, values = system_of(network, RATES, ("central",))
    found, exists = periodic(system, values, [Pulse(0, 0, 0, 0)], 8 * HOUR, np.array([[1.0]]), off=(1,))
    assert exists.all()
    assert found[:, 0] == pytest.approx([1 / np.expm1(1.3 * 8), 0.0], rel=1e-12)


def test_subjects_do_not_depend_on_each_other() -> None:
    rates = {"k10": np.array([0.1, 0.4, 2.0]), "k12": 0.9, "k21": np.array([0.3, 0.2, 0.01])}
    system, values = system_of(mammillary(1), rates, ("central",))
    cycle, sizes = [Pulse(HOUR, 3 * HOUR, 0, 0)], np.array([[1.0, 2.0, 3.0]])
    together, _ = periodic(system, values, cycle, 2 * HOUR, sizes)
    for one in range(3):
        alone, _ = periodic(system, values[:, [one]], cycle, 2 * HOUR, sizes[:, [one]])
        assert np.array_equal(alone[:, 0], together[:, one])
