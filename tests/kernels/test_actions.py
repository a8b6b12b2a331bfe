"""What happens to amounts at one instant, in the lanes and by matrix exponential, against a plain integrator."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_runs import HOUR, system_of
from naive import Action, Running, events, mammillary
from numpy.typing import NDArray

from pkpd.actions import ADD, MULTIPLY, OFF, ON, REPLACE, RESET
from pkpd.kernels import batch
from pkpd.kernels.events import Events

Floats = NDArray[np.float64]
RATES = {"k10": 0.4, "k12": 0.9, "k21": 0.3}
KINDS = {"add": ADD, "reset": RESET, "replace": REPLACE, "multiply": MULTIPLY, "off": OFF, "on": ON}

CASES: dict[str, list[Action]] = {
    "add": [Action(0, "add", 0, 10), Action(2, "add", 1, 5)],
    "reset": [Action(0, "add", 0, 10), Action(2, "add", 0, 7), Action(2, "reset"), Action(2, "add", 1, 5)],
    "two resets": [Action(0, "add", 0, 10), Action(2, "reset"), Action(2, "add", 0, 1), Action(2, "reset")],
    "replace": [Action(0, "add", 0, 10), Action(2, "replace", 0, 3), Action(2, "add", 0, 1)],
    "multiply": [Action(0, "add", 0, 10), Action(2, "add", 0, 1), Action(2, "multiply", 0, 0.25)],
    "off": [Action(0, "add", 0, 10), Action(2, "off", 1), Action(3, "add", 1, 4), Action(3, "replace", 1, 4)],
    "off and on": [Action(0, "add", 0, 10), Action(2, "off", 1), Action(3, "on", 1), Action(3, "add", 1, 4)],
    "off, then reset": [Action(0, "add", 0, 10), Action(2, "off", 0), Action(3, "reset"), Action(3, "add", 0, 4)],
}


def of(actions: list[Action], running: list[Running], hours: list[float]) -> Events:
    """Both states are inputs; the first segment starts at 0."""
    ticks = sorted({0, *(round(a.time * HOUR) for a in actions), *(round(t * HOUR) for r in running for t in r[:2])})
    made = [
        (ticks.index(round(action.time * HOUR)), KINDS[action.kind], action.state, row)
        for row, action in enumerate(actions)
    ]
    rate = np.full((len(ticks), 2), -1)
    for row, one in enumerate(running, start=len(actions)):
        inside = [round(one.begin * HOUR) <= tick < round(one.end * HOUR) for tick in ticks]
        rate[inside, one.state] = row
    amounts = [[action.value] for action in actions] + [[one.rate] for one in running]
    return Events(
        np.array(ticks), rate, np.array(made), np.array(amounts), np.rint(np.array(hours) * HOUR).astype(np.int64),
        False, np.array([0]),
    )  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_against_an_integrator(name: str) -> None:
    network, hours = mammillary(1), [0.0, 1.0, 2.0, 2.5, 3.0, 3.5, 6.0]
    running = [Running(0.5, 4.0, 0, 2.0), Running(1.0, 3.25, 1, 1.0)]
    system, values = system_of(network, RATES, network.states)
    given = of(CASES[name], running, hours)
    matrix = network.matrix(RATES)
    expected = events(lambda _, x: matrix @ x, np.zeros(2), CASES[name], running, hours)
    assert batch.solve(system, values, [given], len(hours))[:, :, 0] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    dense = given._replace(regime=np.zeros(len(given.breaks), np.int64))  # a regime sends everybody the dense way
    found = batch.solve(system, values[None], [dense], len(hours))[:, :, 0]
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_read_between_two_events_of_one_instant() -> None:
    """Segments that last no time: before anything, after the first dose, after the reset, after the second dose."""
    system, values = system_of(mammillary(1), RATES, ("central", "peripheral1"))
    given = Events(
        breaks=np.array([0, 0, 0, 0, HOUR]),
        rate=np.full((5, 2), -1),
        actions=np.array([[1, ADD, 0, 0], [2, RESET, 0, 0], [3, ADD, 1, 1]]),
        amounts=np.array([[10.0], [4.0]]),
        times=np.array([0, 0, 0, 0]),
        before=False,
        subjects=np.array([0]),
        segments=np.arange(4),
    )
    expected = [[0, 10, 0, 0], [0, 0, 0, 4]]
    assert batch.solve(system, values, [given], 4)[:, :, 0] == pytest.approx(np.array(expected), abs=1e-14)
    found = batch.solve(system, values[None], [given._replace(regime=np.zeros(5, np.int64))], 4)[:, :, 0]
    assert found == pytest.approx(np.array(expected), abs=1e-14)


def test_values_of_each_regime() -> None:
    """Twice the loss after 2 h; outputs are weighed with the regime of their own segment."""
    system, values = system_of(mammillary(0), {"k10": [0.5, 1.0], "w": [1.0, 10.0]}, ("central",), [{"central": "w"}])
    given = Events(
        breaks=np.array([0, 2 * HOUR]),
        rate=np.array([[1], [1]]),
        actions=np.array([[0, ADD, 0, 0]]),
        amounts=np.array([[10.0], [3.0]]),
        times=np.array([1, 2, 2, 3]) * HOUR,
        before=False,
        subjects=np.array([0]),
        segments=np.array([0, 0, 1, 1]),
        regime=np.array([0, 1]),
    )
    found = batch.solve(system, values.T[:, :, None], [given], 4)[0, :, 0]
    at_2 = 6 + 4 * np.exp(-1)
    expected = [6 + 4 * np.exp(-0.5), at_2, 10 * at_2, 10 * (3 + (at_2 - 3) * np.exp(-1))]
    assert found == pytest.approx(expected, rel=1e-13)


def test_states_left_out_take_their_actions_with_them() -> None:
    """Only the central amount is asked for, so the effect site goes; the reset stays."""
    network = mammillary(0)
    system, values = system_of(network, {"k10": 0.5}, ("central",))
    wide = system._replace(
        states=2, entries=(*system.entries, (1, 0, 1)), keys=("a", ""), inputs=(1, 0), outputs=(((0, 1),),)
    )
    given = Events(
        breaks=np.array([0, HOUR]),
        rate=np.full((2, 2), -1),
        actions=np.array([[0, ADD, 0, 0], [0, ADD, 1, 0], [1, RESET, 0, 0], [1, ADD, 1, 0]]),
        amounts=np.array([[10.0]]),
        times=np.array([0, HOUR]),
        before=False,
        subjects=np.array([0]),
    )
    assert batch.solve(wide, values, [given], 2)[0, :, 0].tolist() == [10.0, 10.0]
