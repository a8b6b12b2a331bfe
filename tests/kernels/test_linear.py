"""Exact solution of linear systems, against the sum of matrix exponentials in extended precision."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from kernel_runs import HOUR, Rates, events_of, solve, system_of
from naive import Given, Network, amounts, bateman, chain, decay, filling, integrated, mammillary
from numpy.typing import NDArray

from pkpd.kernels import batch
from pkpd.kernels.events import Events

Floats = NDArray[np.float64]

PRECISION = 1e-10  # of the peak
KAMP: dict[str, float] = {
    "k10": 84 / 25,
    "k12": 161 / 25,
    "k21": 161 / 56,
    "k13": 79 / 25,
    "k31": 79 / 157,
    "k14": 0.2,
    "k41": 0.03,
}
BOLUS = Given("central", 0.0, 0.0, 35.0)
INFUSION = Given("central", 0.0, 2 / 3, 35.0)
HOURS = np.array([0.0, 1 / 3600, 0.05, 0.25, 2 / 3, 0.7, 1.0, 3.0, 8.0, 24.0, 100.0])


def check(
    network: Network,
    rates: Mapping[str, float],
    doses: Sequence[Given],
    hours: Floats = HOURS,
    precision: float = PRECISION,
    before: bool = False,
) -> None:
    """Every state's amount agrees, to a fraction of its peak."""
    found = solve(network, rates, doses, hours, before=before)[:, :, 0]
    expected = amounts(network, rates, doses, np.rint(hours * HOUR) / HOUR, before)
    peak = np.abs(expected).max(axis=1, keepdims=True)
    assert np.all(np.abs(found - expected) <= precision * peak), np.max(
        np.abs(found - expected) / np.maximum(peak, 1e-300)
    )


def circle(size: int) -> tuple[Network, dict[str, float]]:
    """States in a ring of one-way flow, with a loss from the second."""
    names = tuple(f"s{n}" for n in range(size))
    flows = {(a, b): f"k{n}" for n, (a, b) in enumerate(zip(names, (*names[1:], names[0]), strict=True))}
    return Network(names, flows | {(names[1], ""): "loss"}), {f"k{n}": 0.5 + n for n in range(size)} | {"loss": 0.2}


# The reference itself


def test_the_reference_agrees_with_closed_forms() -> None:
    one, oral = mammillary(0), Network(("depot", "central"), {("depot", "central"): "ka", ("central", ""): "ke"})
    row = Network(("a", "b", "c"), {("a", "b"): "k", ("b", "c"): "k", ("c", ""): "k"})
    rates = {"k10": 0.7, "ka": 1.3, "ke": 0.4, "k": 2.0}
    for found, expected in (
        (amounts(one, rates, [BOLUS], HOURS)[0], decay(35, 0.7, HOURS)),
        (amounts(one, rates, [INFUSION], HOURS)[0], filling(35, 2 / 3, 0.7, HOURS)),
        (amounts(oral, rates, [Given("depot", 0, 0, 35)], HOURS)[1], bateman(35, 1.3, 0.4, HOURS)),
        (amounts(row, rates, [Given("a", 0, 0, 35)], HOURS)[2], chain(35, 2.0, 2, HOURS)),
    ):
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_the_reference_agrees_with_an_integrator() -> None:
    doses = [INFUSION, Given("central", 0.5, 1.0, 10.0), Given("peripheral1", 2.0, 0.0, 5.0)]
    hours = [0.0, 0.5, 1.0, 2.0, 3.0, 10.0]
    assert integrated(mammillary(2), KAMP, doses, hours) == pytest.approx(
        amounts(mammillary(2), KAMP, doses, hours), rel=1e-7, abs=1e-9
    )


# Known structures


@pytest.mark.parametrize("peripherals", [0, 1, 2, 3])
@pytest.mark.parametrize("dose", [BOLUS, INFUSION], ids=["bolus", "infusion"])
def test_mammillary(peripherals: int, dose: Given) -> None:
    check(mammillary(peripherals), KAMP, [dose])


@pytest.mark.parametrize("length", [2, 3, 4, 5])
@pytest.mark.parametrize("duration", [0.0, 0.5], ids=["bolus", "infusion"])
def test_delay_chains_of_equal_rates(length: int, duration: float) -> None:
    names = tuple(f"c{n}" for n in range(length))
    network = Network(names, dict.fromkeys(zip(names, (*names[1:], ""), strict=True), "k"))
    check(network, {"k": 3.0}, [Given("c0", 0.25, duration, 10.0)])


def test_delay_chain_between_two_groups() -> None:
    network = Network(
        ("central", "peripheral1", "d1", "d2", "metabolite", "tissue"),
        {
            ("central", "peripheral1"): "k12",
            ("peripheral1", "central"): "k21",
            ("central", "d1"): "k10",
            ("d1", "d2"): "kd",
            ("d2", "metabolite"): "kd",
            ("metabolite", ""): "km",
            ("metabolite", "tissue"): "kf",
            ("tissue", "metabolite"): "kb",
        },
    )
    check(network, KAMP | {"kd": 5.97, "km": 0.59, "kf": 0.43, "kb": 0.27}, [INFUSION, Given("central", 5, 0, 20)])


@pytest.mark.parametrize("gap", [0.0, *(10.0**-n for n in range(3, 16))])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_effect_site_as_fast_as_one_of_the_plasma_s_exponents(which: int, gap: float) -> None:
    """The rates meet by accident, not by construction: nothing may be divided by the little that is left."""
    plasma = mammillary(2)
    eigenvalue = float(np.sort(-np.linalg.eigvals(plasma.matrix(KAMP)).real)[which])
    network = Network((*plasma.states, "site"), {**plasma.flows, ("site", ""): "ke0"}, {("central", "site"): "ke0"})
    check(network, KAMP | {"ke0": eigenvalue * (1 + gap)}, [INFUSION])


def test_rates_equal_by_value_along_a_chain() -> None:
    network = Network(("a", "b", "c"), {("a", "b"): "k1", ("b", "c"): "k2", ("c", ""): "k3"})
    for others in ((2.0, 2.0), (2.0 * (1 + 1e-9), 2.0), (2.0 * (1 + 1e-5), 2.0 * (1 - 1e-5))):
        check(network, {"k1": 2.0, "k2": others[0], "k3": others[1]}, [Given("a", 0, 0, 1), Given("a", 1, 1, 1)])


def test_areas_are_states_without_loss() -> None:
    plasma = mammillary(2)
    network = Network(
        (*plasma.states, "area", "eliminated"),
        {**plasma.flows, ("central", ""): "k0", ("central", "eliminated"): "k10"},
        {("central", "area"): "one"},
    )
    check(network, KAMP | {"one": 1.0, "k0": 0.01}, [INFUSION, Given("central", 4, 0, 10)])


def test_two_areas_on_end_grow_with_the_square_of_time() -> None:
    network = Network(("a", "b", "c"), {}, {("a", "b"): "one", ("b", "c"): "one"})
    check(network, {"one": 1.0}, [Given("a", 0, 2.0, 10), Given("a", 5, 0, 1)])


def test_a_closed_system_keeps_everything() -> None:
    network = Network(("a", "b"), {("a", "b"): "k1", ("b", "a"): "k2"})
    doses = [Given("a", 0, 0, 3.0), Given("b", 1, 2, 4.0)]
    check(network, {"k1": 2.0, "k2": 0.3}, doses)
    assert solve(network, {"k1": 2.0, "k2": 0.3}, doses, [50.0])[:, 0, 0].sum() == pytest.approx(7.0, rel=1e-12)


@pytest.mark.parametrize("split", [0.0, 1e-12, 1e-6])
def test_identical_peripheral_compartments(split: float) -> None:
    """Two eigenvalues are one, or nearly."""
    rates = KAMP | {"k13": KAMP["k12"] * (1 + split), "k31": KAMP["k21"] * (1 - split)}
    check(mammillary(2), rates, [INFUSION, Given("peripheral2", 3, 0, 5)])


def test_a_chain_like_core() -> None:
    network = Network(
        ("a", "b", "c", "d"),
        {
            ("a", "b"): "k1",
            ("b", "a"): "k2",
            ("b", "c"): "k3",
            ("c", "b"): "k4",
            ("c", "d"): "k1",
            ("d", "c"): "k2",
            ("d", ""): "k5",
            ("a", ""): "k4",
        },
    )
    check(
        network, {"k1": 1.0, "k2": 0.2, "k3": 30.0, "k4": 7.0, "k5": 0.01}, [Given("a", 0, 1, 1), Given("d", 1, 0, 1)]
    )


def test_a_core_fed_by_two_others() -> None:
    flows = {
        ("a", "b"): "k1",
        ("b", "a"): "k2",
        ("c", "d"): "k3",
        ("d", "c"): "k4",
        ("e", "f"): "k1",
        ("f", "e"): "k5",
        ("a", "e"): "k6",
        ("d", "f"): "k7",
        ("e", ""): "k8",
        ("c", ""): "k2",
    }
    rates = {f"k{n}": value for n, value in enumerate((1.1, 0.4, 3.0, 0.7, 0.9, 0.25, 6.0, 0.05), start=1)}
    check(Network(tuple("abcdef"), flows), rates, [Given("a", 0, 1, 1), Given("c", 0.5, 0, 2)])


def test_slow_site_beside_a_fast_one() -> None:
    """Equilibration over 10.9 days and over seconds, on the same plasma, for weeks."""
    plasma = mammillary(2)
    network = Network(
        (*plasma.states, "slow", "fast"),
        {**plasma.flows, ("slow", ""): "ks", ("fast", ""): "kf"},
        {("central", "slow"): "ks", ("central", "fast"): "kf"},
    )
    rates = KAMP | {"ks": math.log(2) / (10.9 * 24), "kf": math.log(2) * 3600 / 5}
    hours = np.array([5 / 3600, 40 / 60, 1.0, 18.0, 100.0, 268.0, 772.0, 2116.0])
    check(network, rates, [INFUSION, Given("central", 20, 80, 2000)], hours)


# Doses


def test_overlapping_infusions_and_doses_at_the_same_time() -> None:
    doses = [
        Given("central", 0, 2, 10),
        Given("central", 1, 3, 20),
        Given("central", 1, 0.5, 3),
        Given("central", 1, 0, 7),
        Given("central", 1, 0, 4),
        Given("peripheral1", 1, 0, 2),
        Given("peripheral1", 0.5, 1.5, 6),
    ]
    hours = np.array([0.0, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 4.5, 12.0])
    check(mammillary(2), KAMP, doses, hours)
    check(mammillary(2), KAMP, doses, hours, before=True)


def test_before_and_after_a_bolus() -> None:
    doses = [Given("central", 1, 0, 10), Given("central", 2, 0, 5)]
    after = solve(mammillary(0), KAMP, doses, [1.0, 2.0])[0, :, 0]
    before = solve(mammillary(0), KAMP, doses, [1.0, 2.0], before=True)[0, :, 0]
    assert before[0] == 0.0
    assert after[0] == 10.0
    assert after[1] - before[1] == pytest.approx(5.0, rel=1e-13)


def test_short_infusions_and_long_waits() -> None:
    check(
        mammillary(2),
        KAMP,
        [Given("central", n * 24.0, 1 / 60, 1.0) for n in range(5)],
        np.array([1 / 60, 24.0, 24 + 1 / 60, 96.0, 97.0, 400.0]),
    )


def test_an_infusion_of_ten_seconds_and_a_slow_site() -> None:
    plasma = mammillary(2)
    network = Network((*plasma.states, "slow"), {**plasma.flows, ("slow", ""): "ks"}, {("central", "slow"): "ks"})
    check(network, KAMP | {"ks": math.log(2) / (10.9 * 24)}, [Given("central", 0, 10 / 3600, 1.0)])


@pytest.mark.parametrize("second", [0.0, 2e-5], ids=["amount lost", "second slow state"])
@pytest.mark.parametrize("duration", [1 / 60, 0.25])
def test_short_infusion_into_slow_states_in_a_row(duration: float, second: float) -> None:
    flows = {("a", "b"): "k1"} | ({("b", ""): "k2"} if second else {})
    check(Network(("a", "b"), flows), {"k1": 1e-5, "k2": second}, [Given("a", 0, duration, 10.0)])


def test_no_dose_is_nothing() -> None:
    system, values = system_of(mammillary(1), KAMP, ("central",))
    events = Events(
        np.array([0]),
        np.array([[-1]]),
        np.empty((0, 4), np.int64),
        np.zeros((1, 1)),
        np.array([0, HOUR]),
        False,
        np.array([0]),
    )
    assert not batch.solve(system, values, [events], 2).any()


# Circular flow


@pytest.mark.parametrize("size", [3, 4, 6])
def test_circular_flow_takes_the_dense_path(size: int) -> None:
    network, rates = circle(size)
    check(network, rates, [Given("s0", 0, 1, 10), Given("s2", 1.5, 0, 3)])


# Random systems


def speeds(network: Network, rates: Mapping[str, float]) -> tuple[float, float]:
    """Slowest and fastest exponent but zero; random systems are tried where a day meets a decade, not more."""
    found = [float(k) for k in -np.linalg.eigvals(network.matrix(rates)).real if k > 1e-9] or [1.0]
    assume(max(found) < 1e5 * min(found))
    return min(found), max(found)


def whole_course(network: Network, rates: Mapping[str, float], doses: Sequence[Given]) -> Floats:
    """From the fastest exponent's time to the slowest's, after each dose."""
    slowest, fastest = speeds(network, rates)
    after = np.geomspace(0.3 / fastest, 3.0 / slowest, 5)
    return np.unique(np.concatenate([d.start + d.duration + np.append(0.0, after) for d in doses]))


RATES = st.floats(-3, 2).map(lambda power: 10.0**power)


@st.composite
def forests(draw: st.DrawFn) -> tuple[Network, dict[str, float]]:
    """Groups of states joined by trees of two-way exchange, one-way flow between groups, losses here and there."""
    groups: list[list[str]] = []
    flows: dict[tuple[str, str], str] = {}
    rates: dict[str, float] = {}

    def rate() -> str:
        if rates and draw(st.integers(0, 4)) == 0:  # the same rate by construction
            return draw(st.sampled_from(sorted(rates)))
        rates[f"k{len(rates)}"] = draw(RATES | st.sampled_from(sorted(rates.values()) or [1.0]))
        return f"k{len(rates) - 1}"

    for g in range(draw(st.integers(1, 3))):
        names = [f"g{g}s{n}" for n in range(draw(st.integers(1, 4)))]
        for n, name in enumerate(names[1:], start=1):
            parent = names[draw(st.integers(0, n - 1))]
            flows |= {(parent, name): rate(), (name, parent): rate()}
        for name in names:
            if draw(st.booleans()):
                flows[name, ""] = rate()
        for earlier in groups:
            if draw(st.booleans()):
                flows[draw(st.sampled_from(earlier)), draw(st.sampled_from(names))] = rate()
        groups.append(names)
    rates.setdefault("k0", 1.0)
    return Network(tuple(name for group in groups for name in group), flows), rates


SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@SETTINGS
@given(forests(), st.booleans())
def test_random_systems_after_boluses(made: tuple[Network, dict[str, float]], into_last: bool) -> None:
    network, rates = made
    state = network.states[-1 if into_last else 0]
    doses = [Given(network.states[0], 0.0, 0.0, 10.0), Given(state, 1.5, 0.0, 3.0)]
    check(network, rates, doses, whole_course(network, rates, doses))


@SETTINGS
@given(forests(), st.floats(0.25, 5.0), st.booleans())
def test_random_systems_during_infusions(
    made: tuple[Network, dict[str, float]], duration: float, into_last: bool
) -> None:
    """Of a quarter of an hour or more, where no state is slower than months."""
    network, rates = made
    assume(speeds(network, rates)[0] * duration > 1e-2)
    state = network.states[-1 if into_last else 0]
    doses = [Given(network.states[0], 0.0, round(duration, 3), 10.0), Given(state, 1.5, duration / 2, 3.0)]
    check(network, rates, doses, whole_course(network, rates, doses))


# The same bits


def crowd(size: int) -> tuple[Network, Rates]:
    """Subjects with an effect site; in a few its rate is that of the plasma, so that they are solved the dense way."""
    rng = np.random.default_rng(5)
    plasma = mammillary(2)
    network = Network((*plasma.states, "site"), {**plasma.flows, ("site", ""): "ke0"}, {("central", "site"): "ke0"})
    rates = {name: KAMP[name] * np.exp(0.3 * rng.standard_normal(size)) for name in plasma.flows.values()}
    rates["ke0"] = 5 * np.exp(0.3 * rng.standard_normal(size))
    for subject in (2, 19):
        if subject < size:
            rates["ke0"][subject] = -np.linalg.eigvals(
                plasma.matrix({k: rates[k][subject] for k in plasma.flows.values()})
            ).real.max()
    return network, rates


def chosen(rates: Rates, subjects: Sequence[int]) -> Rates:
    return {name: np.asarray(column)[list(subjects)] for name, column in rates.items()}


DOSES = [INFUSION, Given("central", 0.5, 1.0, 10.0), Given("central", 2.0, 0.0, 5.0)]
SIZES = np.exp(0.5 * np.random.default_rng(6).standard_normal(100_000))


def test_some_of_the_crowd_are_solved_the_dense_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two subjects of `crowd` that the tests below rely on are in fact doubtful; the others are not."""
    network, rates = crowd(24)
    expected = solve(network, rates, DOSES, HOURS)
    monkeypatch.setattr(batch.dense, "solve", lambda *_: np.full((4, len(HOURS)), -1.0))
    changed = (solve(network, rates, DOSES, HOURS) != expected).any(axis=(0, 1))
    assert np.flatnonzero(changed).tolist() == [2, 19]


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads: int) -> None:
    network, rates = crowd(3000)
    one = solve(network, rates, DOSES, HOURS, sizes=SIZES[:3000])
    assert np.array_equal(one, solve(network, rates, DOSES, HOURS, sizes=SIZES[:3000], threads=threads))


@pytest.mark.parametrize(
    "subjects",
    [
        [0],
        [2],
        [7],
        [19],
        [5, 3],
        [2, 19],
        list(range(8)),
        list(range(9)),
        list(range(30))[::-1],
        list(range(1, 30, 3)),
    ],
    ids=str,
)
def test_any_subset_in_any_order_has_the_same_bits(subjects: list[int]) -> None:
    network, rates = crowd(1000)
    everyone = solve(network, rates, DOSES, HOURS, sizes=SIZES[:1000], threads=2)
    some = solve(network, chosen(rates, subjects), DOSES, HOURS, sizes=SIZES[subjects])
    assert np.array_equal(everyone[:, :, subjects], some)


@pytest.mark.parametrize("system", ["cascade", "circle"])
def test_more_output_times_change_no_bit_of_the_others(system: str) -> None:
    network, rates = crowd(20) if system == "cascade" else circle(4)
    doses = DOSES if system == "cascade" else [Given("s0", 0, 1, 10), Given("s2", 1.5, 0, 3)]
    fine = np.concatenate([HOURS, np.linspace(0, 50, 501)])
    whole = solve(network, rates, doses, fine)
    assert np.array_equal(whole[:, : len(HOURS)], solve(network, rates, doses, HOURS))
    for column, hour in enumerate(HOURS):
        assert np.array_equal(whole[:, [column]], solve(network, rates, doses, [hour])), hour


def test_order_of_output_times_changes_no_bit() -> None:
    network, rates = crowd(20)
    fine = np.linspace(0, 50, 301)
    order = np.random.default_rng(3).permutation(len(fine))
    assert np.array_equal(solve(network, rates, DOSES, fine)[:, order], solve(network, rates, DOSES, fine[order]))


def test_every_subject_may_have_doses_and_times_of_its_own() -> None:
    network, rates = crowd(12)
    dosed = ("central",)
    system, values = system_of(network, rates, dosed)
    regimens = [[INFUSION], [BOLUS, Given("central", 1.0, 2.0, 4.0)], DOSES]
    hours = [np.array([0.5, 1.0, 2.0]), np.array([3.0, 0.1, 1.0]), np.array([2.0, 2.0, 30.0])]
    groups = [[0, 3, 11], [4, 1, 5, 7, 2], [6, 8, 9, 10]]
    schedule = [events_of(doses, dosed, t, who) for doses, t, who in zip(regimens, hours, groups, strict=True)]
    found = batch.solve(system, values, schedule, 3, threads=2)
    for doses, t, who in zip(regimens, hours, groups, strict=True):
        assert np.array_equal(found[:, :, who], solve(network, chosen(rates, who), doses, t))


def test_progress_counts_every_subject_once() -> None:
    network, rates = crowd(1000)
    system, values = system_of(network, rates, ("central",))
    told: list[int] = []
    batch.solve(system, values, [events_of(DOSES, ("central",), HOURS, range(1000))], len(HOURS), progress=told.append)
    assert sum(told) == 1000


def test_amounts_are_never_below_zero() -> None:
    found = solve(mammillary(2), KAMP, [BOLUS], np.linspace(0, 2000, 400))
    assert np.all(found >= 0.0)
