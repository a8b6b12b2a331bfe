"""Peak, time of peak, area and time above a threshold, against closed forms and fine evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from kernel_runs import solve, summarise
from naive import Given, Network, amounts, bateman, bisect, decay, filling, mammillary
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ORAL = Network(("depot", "central"), {("depot", "central"): "ka", ("central", ""): "ke"})
RATES = {"ka": 1.3, "ke": 0.4, "k10": 84 / 25, "k12": 161 / 25, "k21": 161 / 56, "k13": 79 / 25, "k31": 79 / 157}
CENTRAL: list[dict[str, str]] = [{"central": ""}]
NEVER = math.inf


def test_bolus_peaks_at_once() -> None:
    peak, when, area, above = summarise(mammillary(0), RATES, [Given("central", 0, 0, 10.0)], 5.0, [2.0])[0, :, 0]
    k = RATES["k10"]
    assert peak == 10.0
    assert when == 0.0
    assert area == pytest.approx(10 * (1 - math.exp(-5 * k)) / k, rel=1e-12)
    assert above == pytest.approx(math.log(5) / k, rel=1e-9)


def test_absorption_peaks_inside() -> None:
    """Bateman's function: the peak lies between doses and times, at ln(ka/ke)/(ka - ke)."""
    ka, ke = RATES["ka"], RATES["ke"]
    level = 2.5
    found = summarise(ORAL, RATES, [Given("depot", 0, 0, 10.0)], 12.0, [level], outputs=CENTRAL)[0, :, 0]
    top = math.log(ka / ke) / (ka - ke)

    def over(t: float) -> float:
        return float(bateman(10.0, ka, ke, t)) - level

    area = 10 * ka / (ka - ke) * ((1 - math.exp(-12 * ke)) / ke - (1 - math.exp(-12 * ka)) / ka)
    assert found[0] == pytest.approx(float(bateman(10.0, ka, ke, top)), rel=1e-12)
    assert found[1] == pytest.approx(top, rel=1e-6)
    assert found[2] == pytest.approx(area, rel=1e-12)
    assert found[3] == pytest.approx(bisect(over, top, 12.0) - bisect(over, 0.0, top), rel=1e-8)


def test_absorption_as_fast_as_elimination() -> None:
    """Equal by name and by value: the term t exp(-k t) has its own slope and area."""
    network = Network(("depot", "central"), {("depot", "central"): "k", ("central", ""): "k"})
    found = summarise(network, {"k": 2.0}, [Given("depot", 0, 0, 10.0)], 3.0, [NEVER], outputs=CENTRAL)[0, :, 0]
    assert found[0] == pytest.approx(10 / math.e, rel=1e-12)
    assert found[1] == pytest.approx(0.5, rel=1e-6)
    assert found[2] == pytest.approx(10 * (0.5 - math.exp(-6) * 3.5), rel=1e-12)
    assert found[3] == 0.0


def test_infusion_peaks_at_its_end() -> None:
    found = summarise(mammillary(0), RATES, [Given("central", 1.0, 2.0, 10.0)], 8.0, [1.0])[0, :, 0]
    k = RATES["k10"]
    top = float(filling(10.0, 2.0, k, 2.0))
    assert found[0] == pytest.approx(top, rel=1e-12)
    assert found[1] == 3.0
    assert found[2] == pytest.approx((10.0 - float(decay(top, k, 5.0))) / k, rel=1e-12)
    rise = -math.log(1 - 1.0 * 2.0 * k / 10.0) / k
    assert found[3] == pytest.approx(2.0 - rise + math.log(top) / k, rel=1e-9)


@pytest.mark.parametrize("end", [0.5, 1.0, 1.7, 3.0])
def test_only_what_lies_before_the_end_counts(end: float) -> None:
    """An infusion of 2 h from 1 h on, looked at until before, at its start, during and at its end."""
    peak, when, area, above = summarise(mammillary(0), RATES, [Given("central", 1.0, 2.0, 10.0)], end, [1e-6])[0, :, 0]
    k, since = RATES["k10"], max(0.0, end - 1.0)
    assert peak == pytest.approx(float(filling(10.0, 2.0, k, since)), rel=1e-12, abs=1e-15)
    assert when == (end if since else 0.0)
    assert area == pytest.approx(5.0 / k * (since - (1 - math.exp(-k * since)) / k), rel=1e-9, abs=1e-15)
    assert above == pytest.approx(since, abs=1e-6)


def test_area_of_a_state_without_loss() -> None:
    network = Network(("a", "b"), {}, {("a", "b"): "one"})
    found = summarise(network, {"one": 1.0}, [Given("a", 0, 2.0, 10.0)], 5.0, [NEVER, 20.0])[:, :, 0]
    assert found[0, 2] == pytest.approx(10 * 2 / 2 + 10 * 3, rel=1e-12)
    assert found[1, 0] == pytest.approx(40.0, rel=1e-12)
    assert found[1, 2] == pytest.approx(5 / 2 * 8 / 3 + 10 * 3 + 10 * 9 / 2, rel=1e-12)
    assert found[1, 3] == pytest.approx(2.0, rel=1e-9)


def fine(network: Network, rates: Mapping[str, float], doses: Sequence[Given], end: float, level: float) -> Floats:
    """The four numbers of the last state from 200,001 evaluations, equally spaced and at the doses' times."""
    hours = np.unique(np.concatenate([np.linspace(0, end, 200_001), [d.start + d.duration for d in doses]]))
    y = solve(network, rates, doses, hours, outputs=[{network.states[-1]: ""}])[0, :, 0]
    # one more look from the left, so that the area knows the height of each jump
    left = solve(network, rates, doses, hours, outputs=[{network.states[-1]: ""}], before=True)[0, :, 0]
    over_at_start, over_at_end = y[:-1] > level, left[1:] > level
    above = np.diff(hours)[over_at_start & over_at_end].sum()
    for i in np.flatnonzero(over_at_start != over_at_end):
        share = abs(y[i] - level) / (abs(y[i] - level) + abs(left[i + 1] - level))
        above += (hours[i + 1] - hours[i]) * (share if over_at_start[i] else 1 - share)
    top = int(np.argmax(y))
    return np.array([y[top], hours[top], (np.diff(hours) * (y[:-1] + left[1:]) / 2).sum(), above])


PLASMA = mammillary(2)
SITE = Network((*PLASMA.states, "site"), {**PLASMA.flows, ("site", ""): "ke0"}, {("central", "site"): "ke0"})
REPEATED = [Given("central", 6.0 * n, 0.5, 20.0 + n) for n in range(4)] + [Given("central", 9.0, 0.0, 8.0)]


@pytest.mark.parametrize("half_life", [2 / 60, 8.3 / 60, 261.6])
@pytest.mark.parametrize(
    "doses",
    [REPEATED, [Given("central", 0.0, 0.0, 20.0)], [Given("central", 0.0, 2 / 3, 20.0)]],
    ids=["repeated", "bolus", "infusion"],
)
def test_effect_site_against_fine_evaluation(half_life: float, doses: list[Given]) -> None:
    rates = RATES | {"ke0": math.log(2) / half_life}
    y = solve(SITE, rates, doses, np.linspace(0, 30, 2001), outputs=[{"site": ""}])
    level = 0.4 * float(y.max())
    found = summarise(SITE, rates, doses, 30.0, [level], outputs=[{"site": ""}])[0, :, 0]
    expected = fine(SITE, rates, doses, 30.0, level)
    assert found[0] == pytest.approx(expected[0], rel=1e-6)
    assert found[0] >= expected[0] * (1 - 1e-12)
    assert found[1] == pytest.approx(expected[1], abs=2e-4)
    assert found[2] == pytest.approx(expected[2], rel=1e-6)
    assert found[3] == pytest.approx(expected[3], abs=2e-6)


def test_the_dense_path_says_the_same() -> None:
    """A subject whose site is as fast as one of the plasma's exponents goes through matrix exponentials."""
    exponents = np.sort(-np.linalg.eigvals(PLASMA.matrix(RATES)).real)
    rates = RATES | {"ke0": np.array([exponents[1] * (1 + 1e-4), exponents[1]])}
    lanes, dense = summarise(SITE, rates, REPEATED, 30.0, [3.0], outputs=[{"site": ""}])[0].T
    expected = fine(SITE, {**rates, "ke0": exponents[1]}, REPEATED, 30.0, 3.0)
    assert dense[[0, 2]] == pytest.approx(expected[[0, 2]], rel=1e-6)
    assert dense[[1, 3]] == pytest.approx(expected[[1, 3]], abs=2e-4)
    assert lanes == pytest.approx(dense, rel=2e-4)


def test_circular_flow() -> None:
    network = Network(("a", "b", "c"), {("a", "b"): "k1", ("b", "c"): "k2", ("c", "a"): "k3", ("b", ""): "k4"})
    rates = {"k1": 3.0, "k2": 2.0, "k3": 1.0, "k4": 0.5}
    doses = [Given("a", 0, 0, 10.0), Given("a", 4, 1.0, 5.0)]
    found = summarise(network, rates, doses, 10.0, [1.5], outputs=[{"c": ""}])[0, :, 0]
    expected = fine(network, rates, doses, 10.0, 1.5)
    assert found[[0, 2]] == pytest.approx(expected[[0, 2]], rel=1e-6)
    assert found[[1, 3]] == pytest.approx(expected[[1, 3]], abs=2e-4)


def test_area_agrees_with_a_state_that_collects_it() -> None:
    network = Network((*SITE.states, "area"), SITE.flows, {**SITE.copies, ("site", "area"): "one"})
    rates = RATES | {"ke0": 5.0, "one": 1.0}
    found = summarise(network, rates, REPEATED, 30.0, [NEVER] * 5)[:, :, 0]
    assert found[3, 2] == pytest.approx(amounts(network, rates, REPEATED, [30.0])[4, 0], rel=1e-11)


@pytest.mark.parametrize("subjects", [[0], [3, 1], list(range(8)), list(range(17))[::-1]], ids=str)
def test_threads_and_neighbours_change_no_bit(subjects: list[int]) -> None:
    rng = np.random.default_rng(1)
    rates = {name: value * np.exp(0.3 * rng.standard_normal(5000)) for name, value in (RATES | {"ke0": 5.0}).items()}
    levels = [2.0, 1.0, NEVER, 3.0]
    everyone = summarise(SITE, rates, REPEATED, 30.0, levels)
    assert np.array_equal(everyone, summarise(SITE, rates, REPEATED, 30.0, levels, threads=3))
    some = summarise(SITE, {name: column[subjects] for name, column in rates.items()}, REPEATED, 30.0, levels)
    assert np.array_equal(everyone[:, :, subjects], some)


def test_nothing_given_is_nothing_found() -> None:
    found = summarise(SITE, RATES | {"ke0": 5.0}, [Given("central", 50.0, 0, 1.0)], 30.0, [0.0] * 4)
    assert not found.any()
