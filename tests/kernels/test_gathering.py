"""Peaks, areas and times above a threshold off the steps, against the exact kernel, closed forms and fine grids."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_runs import HOUR, events_of, summarise
from naive import Given, Network, bateman, bisect, mammillary
from numpy.typing import NDArray
from stepped_runs import network_equations, run, run_network

from pkpd.kernels.adaptive import Answer
from pkpd.kernels.blocks import Equations
from pkpd.kernels.events import stopped
from pkpd.kernels.tape import Tape

Floats = NDArray[np.float64]
METHODS = ["explicit", "stiff"]
NEVER = math.inf

PLASMA = mammillary(2)
SITE = Network((*PLASMA.states, "site"), {**PLASMA.flows, ("site", ""): "ke0"}, {("central", "site"): "ke0"})
RATES = {"k10": 84 / 25, "k12": 161 / 25, "k21": 161 / 56, "k13": 79 / 25, "k31": 79 / 157, "ke0": 5.0}
ORAL = Network(("depot", "central"), {("depot", "central"): "ka", ("central", ""): "ke"})
REPEATED = [Given("central", 6.0 * n, 0.5, 20.0 + n) for n in range(4)] + [Given("central", 9.0, 0.0, 8.0)]


def agree(found: Floats, expected: Floats, end: float, precision: float = 1e-6) -> None:
    """Peaks and areas to a fraction of themselves, times in h."""
    size = np.maximum(np.abs(expected), 1e-9 * np.abs(expected).max())
    assert np.all(np.abs(found - expected)[:, [0, 2]] <= precision * size[:, [0, 2]])
    assert found[:, 1] == pytest.approx(expected[:, 1], abs=1e-3 * end)
    assert found[:, 3] == pytest.approx(expected[:, 3], abs=1e-5 * end)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "doses",
    [
        REPEATED,
        [Given("central", 0.0, 0.0, 20.0)],
        [Given("central", 0.0, 2 / 3, 20.0)],
        [Given("central", 1.5, 2, 9.0)],
    ],
    ids=["repeated", "bolus", "infusion", "later"],
)
@pytest.mark.parametrize("end", [0.5, 7.25, 30.0])
def test_linear_systems_against_the_exact_kernel(doses: list[Given], method: str, end: float) -> None:
    levels = [3.0, NEVER, 1.0, 0.4]
    expected = summarise(SITE, RATES, doses, end, levels)[:, :, 0]
    found = run_network(SITE, RATES, doses, end, threshold=levels, method=method)[:, :, 0]
    agree(found, expected, end)


@pytest.mark.parametrize("method", METHODS)
@settings(derandomize=True, deadline=None, max_examples=25)
@given(data=st.data())
def test_random_rates_against_the_exact_kernel(method: str, data: st.DataObject) -> None:
    draw = data.draw
    rates = {name: 10 ** draw(st.floats(-1.5, 1.5)) for name in RATES}
    doses = [
        Given("central", draw(st.integers(0, 40)) / 4, draw(st.sampled_from([0.0, 0.25, 2.0])), draw(st.floats(1, 50)))
        for _ in range(draw(st.integers(1, 4)))
    ]
    levels = draw(st.lists(st.floats(0.05, 10), min_size=4, max_size=4))
    expected = summarise(SITE, rates, doses, 12.0, levels)[:, :, 0]
    found = run_network(SITE, rates, doses, 12.0, threshold=levels, method=method)[:, :, 0]
    agree(found, expected, 12.0, 2e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("relative", [1e-5, 1e-7])
def test_errors_follow_the_tolerance(method: str, relative: float) -> None:
    """Peaks between the steps' ends are as exact as the steps."""
    rng = np.random.default_rng(0)
    rates = {"ka": 10 ** rng.uniform(-1.5, 1.5, 300), "ke": 10 ** rng.uniform(-1.5, 1.5, 300)}
    doses = [Given("depot", 0, 0, 10.0)]
    expected = summarise(ORAL, rates, doses, 30.0, [2.0, 2.0])
    found = run_network(ORAL, rates, doses, 30.0, threshold=[2.0, 2.0], method=method, relative=relative)
    assert found[:, 0] == pytest.approx(expected[:, 0], rel=2 * relative)
    assert found[:, 2] == pytest.approx(expected[:, 2], rel=2 * relative)
    assert found[:, 3] == pytest.approx(expected[:, 3], abs=20 * relative)


@pytest.mark.parametrize("method", METHODS)
def test_absorption_in_closed_form(method: str) -> None:
    """Bateman's function: the peak is at ln(ka / ke) / (ka - ke)."""
    ka, ke, level = 1.3, 0.4, 2.5
    found = run_network(
        ORAL, {"ka": ka, "ke": ke}, [Given("depot", 0, 0, 10.0)], 12.0, threshold=[level], outputs=[{"central": ""}],
        method=method,
    )[0, :, 0]  # fmt: skip
    top = math.log(ka / ke) / (ka - ke)

    def over(t: float) -> float:
        return float(bateman(10.0, ka, ke, t)) - level

    area = 10 * ka / (ka - ke) * ((1 - math.exp(-12 * ke)) / ke - (1 - math.exp(-12 * ka)) / ka)
    assert found[0] == pytest.approx(float(bateman(10.0, ka, ke, top)), rel=1e-6)
    assert found[1] == pytest.approx(top, abs=2e-3)
    assert found[2] == pytest.approx(area, rel=1e-7)
    assert found[3] == pytest.approx(bisect(over, top, 12.0) - bisect(over, 0.0, top), abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_bolus_peaks_at_once_and_an_infusion_at_its_end(method: str) -> None:
    rates = {"k10": 0.5}
    bolus = run_network(mammillary(0), rates, [Given("central", 0, 0, 10.0)], 5.0, threshold=[2.0], method=method)[0]
    assert bolus[:2, 0].tolist() == [10.0, 0.0]
    assert bolus[3, 0] == pytest.approx(math.log(5) / 0.5, abs=1e-6)
    infusion = run_network(mammillary(0), rates, [Given("central", 1, 2, 10.0)], 9.0, threshold=[2.0], method=method)[0]
    assert infusion[1, 0] == 3.0
    assert infusion[0, 0] == pytest.approx(10 * (1 - math.exp(-1)), rel=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_a_dose_at_the_very_end_is_what_it_is_to_the_exact_kernel(method: str) -> None:
    doses = [Given("central", 0, 0, 10.0), Given("central", 5.0, 0, 30.0)]
    found = run_network(mammillary(0), {"k10": 0.5}, doses, 5.0, threshold=[NEVER], method=method)
    agree(found[:, :, 0], summarise(mammillary(0), {"k10": 0.5}, doses, 5.0, [NEVER])[:, :, 0], 5.0)


@pytest.mark.parametrize("method", METHODS)
def test_always_and_never_above(method: str) -> None:
    """A threshold below or above the whole course, and none: the whole time, no time, no time."""
    doses = [Given("central", 0, 0, 10.0)]
    for level, time in ((-1.0, 8.0), (0.0, 8.0), (10.5, 0.0), (NEVER, 0.0)):
        found = run_network(mammillary(0), {"k10": 0.2}, doses, 8.0, threshold=[level], method=method)
        assert found[0, 3, 0] == pytest.approx(time, abs=1e-12)


def damped_waves() -> Equations:
    """x'' = -w^2 x - 2 d x': many peaks and crossings in a step. Output 2 + x; and x^2."""
    tape = Tape()
    w, d = tape.parameter(0), tape.parameter(1)
    x, v = tape.state(0), tape.state(1)
    pull = tape.add(tape.multiply(tape.multiply(w, w), x), tape.multiply(tape.multiply(tape.number(2.0), d), v))
    outputs = (tape.add(tape.number(2.0), x), tape.multiply(x, x))
    return Equations(tape, (v, tape.negative(pull)), outputs, (tape.parameter(2), tape.parameter(3)), (0,))


WAVES = damped_waves()


def gathered(table: Floats, levels: Sequence[float], end: float, method: str | None, relative: float = 1e-7) -> Answer:
    subjects = table.shape[1]
    events = events_of([Given("x", 3.0, 0.0, 0.5)], ["x"], [end], range(subjects))
    return run(
        WAVES,
        table,
        stopped(events, round(end * HOUR)),
        1,
        threshold=np.array(levels),
        method=method,
        relative=relative,
    )


def on_a_grid(table: Floats, levels: Sequence[float], end: float) -> Floats:
    """The four from 45,001 outputs of the same equations, and from the left at the dose."""
    hours = np.linspace(0, end, 45_001)
    events = events_of([Given("x", 3.0, 0.0, 0.5)], ["x"], hours, range(table.shape[1]))
    after = run(WAVES, table, events, len(hours), relative=1e-10).values.copy()
    left = run(WAVES, table, events._replace(before=True), len(hours), relative=1e-10).values[:, 1:]
    found = np.empty((2, 4, table.shape[1]))
    gap = np.diff(hours)[:, None]
    for o, level in enumerate(levels):
        begin, stop = after[o, :-1], left[o]
        top = np.argmax(after[o], axis=0)
        found[o, 0], found[o, 1] = np.maximum(np.max(after[o], axis=0), np.max(stop, axis=0)), hours[top]
        found[o, 2] = (gap * (begin + stop) / 2).sum(axis=0)
        low, high = np.minimum(begin, stop) - level, np.maximum(begin, stop) - level
        share = np.where(low > 0, 1.0, np.where(high <= 0, 0.0, high / np.where(high > low, high - low, 1.0)))
        found[o, 3] = (gap * share).sum(axis=0)
    return found


WAVE_TABLE = np.array(
    [
        np.geomspace(0.3, 6.0, 40),
        np.tile([0.0, 0.05, 0.2, 0.5], 10),
        np.linspace(-1.0, 1.5, 40),
        np.linspace(2.0, -2.0, 40),
    ]
)  # w, d, start, start of the slope


@pytest.mark.parametrize("method", METHODS)
def test_waves_against_a_fine_grid(method: str) -> None:
    levels, end = [2.1, 0.3], 9.0
    found, expected = gathered(WAVE_TABLE, levels, end, method).values.copy(), on_a_grid(WAVE_TABLE, levels, end)
    assert found[:, 0] == pytest.approx(expected[:, 0], rel=1e-4)
    assert found[:, 2] == pytest.approx(expected[:, 2], rel=1e-5)
    assert found[:, 3] == pytest.approx(expected[:, 3], abs=3e-3)
    # Of two peaks nearly as high any may be the one: what is there at the time found is the peak all the same.
    hours = found[1, 1]
    events = events_of([Given("x", 3.0, 0.0, 0.5)], ["x"], hours, range(40))
    there = run(WAVES, WAVE_TABLE, events, 40, relative=1e-10).values[1].diagonal()
    inside = np.abs(hours - 3.0) > 1e-9  # at the dose there are two values
    assert there[inside] == pytest.approx(found[1, 0][inside], rel=1e-3)


@pytest.mark.parametrize("method", [*METHODS, None])
@pytest.mark.parametrize("relative", [1e-3, 1e-5])
def test_nobody_sees_his_neighbours(method: str | None, relative: float) -> None:
    """In coarse steps a peak lies far from where a parabola would have it; a subject alone finds the same bits."""
    rng = np.random.default_rng(11)
    table = np.array([rng.uniform(0.3, 8, 300), rng.uniform(0, 0.6, 300), *rng.uniform(-2, 2, (2, 300))])
    levels = [2.3, 0.5]
    crowd = gathered(table, levels, 9.0, method, relative).values.copy()
    order = rng.permutation(300)
    assert np.array_equal(gathered(table[:, order], levels, 9.0, method, relative).values, crowd[:, :, order])
    for subject in range(0, 300, 6):
        alone = gathered(table[:, [subject]], levels, 9.0, method, relative).values[:, :, 0]
        assert np.array_equal(alone, crowd[:, :, subject]), subject


def test_a_failed_subject_gathers_no_numbers() -> None:
    tape = Tape()
    x = tape.state(0)
    grows = Equations(tape, (tape.multiply(tape.parameter(0), tape.multiply(x, x)),), (x,), (tape.number(1.0),), (0,))
    events = events_of([], ["x"], [3.0], range(2))
    answer = run(grows, np.array([[1.0, -1.0]]), stopped(events, 3 * HOUR), 1, threshold=np.array([0.5]))
    assert np.isnan(answer.values[0, :, 0]).all()
    assert answer.values[0, :, 1] == pytest.approx([1.0, 0.0, math.log(4), 1.0], rel=1e-6, abs=1e-6)


def test_thresholds_belong_to_their_outputs() -> None:
    doses = [Given("central", 0, 0, 10.0)]
    levels: Mapping[str, float] = {"central": 2.0, "peripheral1": 1.0, "peripheral2": NEVER, "site": 0.5}
    together = run_network(SITE, RATES, doses, 6.0, threshold=list(levels.values()))
    for state, level in levels.items():
        alone = run_network(SITE, RATES, doses, 6.0, threshold=[level], outputs=[{state: ""}])
        assert alone[0] == pytest.approx(together[SITE.states.index(state)], rel=1e-6, abs=1e-6)


def test_equations_of_a_network_are_the_network() -> None:
    equations, names = network_equations(SITE, ["central"])
    states = np.arange(1.0, 5.0)[:, None]
    table = np.array([[RATES[name]] for name in names])
    found = equations.tape.evaluate(equations.slopes, table, states)[:, 0]
    assert found == pytest.approx(SITE.matrix(RATES) @ states[:, 0], rel=1e-14)
