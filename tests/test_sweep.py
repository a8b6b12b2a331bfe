"""A sweep gives the percentiles that simulating every regimen and sorting its subjects gives."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import pkpd
from pkpd.errors import PkpdError, SimulationError, UnitError, UnknownName

THREE = pkpd.load("three-compartment-effect-site")
SATURATED = pkpd.load("one-compartment-michaelis-menten")
KAMP = pkpd.load("kamp2020-ketamine").with_effects(*pkpd.default_effects())
TIMES = "0 to 12 h by 30 min"
PEOPLE = pkpd.Population(101, seed=5)
REGIMENS = {
    "short": "0.5 mg/kg iv over 40 min",
    "long": "25 mg/h iv over 4 h every 6 h for 2 doses",
    "push": "ketamine 20 mg iv bolus",
    "none": "no treatment",
}
SHARES = (0.05, 0.5, 0.95, 0.0, 1.0, 0.333)


@pytest.mark.parametrize(
    "of", ["S-ketamine", "R-ketamine", "site of fast-relief", "fast-relief", "psychotomimetic-asked", "pain", "relief"]
)
def test_equal_to_simulating_each(of: str) -> None:
    sweep = pkpd.sweep(KAMP, REGIMENS, PEOPLE, TIMES, of=of, quantiles=SHARES)
    assert sweep.values.shape == (4, 6, 25)
    for name, regimen in REGIMENS.items():
        result = pkpd.simulate(KAMP, regimen, PEOPLE, TIMES)
        expected = result.quantiles(of, SHARES)
        assert sweep[name] == pytest.approx(expected, rel=1e-12, abs=1e-12 * np.abs(expected).max())
        assert sweep.unit == result.unit(of)
        assert np.array_equal(sweep.hours, result.hours)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.lists(st.floats(0, 1), min_size=1, max_size=5), st.integers(0, 2**32))
def test_percentiles_are_those_of_numpy(size: int, shares: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = {name: rng.lognormal(size=size) for name in ("CL", "V1", "Q2", "V2", "Q3", "V3", "KE0")}
    sweep = pkpd.sweep(THREE, ["10 mg iv over 1 h"], table, TIMES, of="drug", quantiles=shares)
    result = pkpd.simulate(THREE, "10 mg iv over 1 h", table, TIMES)
    expected = np.quantile(result["drug"], shares, axis=1)
    assert sweep.values[0] == pytest.approx(expected, rel=1e-13)


def test_a_model_without_exact_solution() -> None:
    table = {
        "Vmax": np.linspace(10.0, 90.0, 21),
        "Km": np.full(21, 0.5),
        "ka": np.ones(21),
        "V1": np.linspace(30.0, 20.0, 21),
    }
    name = next(iter(SATURATED.outputs))
    sweep = pkpd.sweep(SATURATED, REGIMENS, table, TIMES, of=name)
    for regimen, prescription in REGIMENS.items():
        expected = pkpd.simulate(SATURATED, prescription, table, TIMES).quantiles(name)
        assert sweep[regimen] == pytest.approx(expected, rel=1e-12, abs=1e-12)
    with pytest.raises(SimulationError, match="step"):
        pkpd.sweep(SATURATED, REGIMENS, table, TIMES, of=name, tolerance=pkpd.Tolerance(steps=1))


def test_threads_change_no_bit() -> None:
    one, two, five = (
        pkpd.sweep(KAMP, REGIMENS, PEOPLE, TIMES, of="S-ketamine", threads=threads) for threads in (1, 2, 5)
    )
    for other in (two, five):
        assert np.array_equal(one.values, other.values)
        assert np.array_equal(one.low, other.low) and np.array_equal(one.high, other.high)
    alone = pkpd.sweep(KAMP, {"long": REGIMENS["long"]}, PEOPLE, TIMES, of="S-ketamine", threads=3)
    assert np.array_equal(alone["long"], one["long"])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 400), st.floats(0.01, 0.99))
def test_the_interval_of_a_percentile(size: int, share: float) -> None:
    """Order statistics that hold the percentile with at least 95 %, each side missing it with at most 2.5 %; and no
    narrower ones do."""
    table = {name: np.ones(size) for name in ("V1", "Q2", "V2", "Q3", "V3", "KE0")}
    table["CL"] = 1.0 + np.arange(size)[::-1]  # the level rises with the number of the subject
    sweep = pkpd.sweep(THREE, ["10 mg iv over 1 h"], table, ["1 h"], of="drug", quantiles=[share])
    levels = pkpd.simulate(THREE, "10 mg iv over 1 h", table, ["1 h"])["drug"][0]
    assert (np.diff(levels) > 0).all()
    for bound, side in ((sweep.low[0, 0, 0], "low"), (sweep.high[0, 0, 0], "high")):
        # Fewer than `rank` of the subjects lie below the percentile: with what chance does a bound of a rank miss it?
        misses = [
            float(binom.cdf(rank - 1, size, share) if side == "low" else binom.sf(rank - 1, size, share))
            for rank in range(1, size + 1)
        ]
        good = [rank for rank, miss in enumerate(misses, 1) if miss <= 0.025]
        if not good:
            assert np.isnan(bound)
        else:
            best = max(good) if side == "low" else min(good)
            assert bound == pytest.approx(levels[best - 1], rel=1e-13)


def test_the_interval_holds_the_percentile_of_the_population() -> None:
    """Of 200 groups of 80 people about 95 % have an interval around the median of 20,000 people."""
    regimen = ["20 mg iv over 20 min"]
    everybody = pkpd.sweep(KAMP, regimen, 20_000, ["1 h"], of="S-ketamine", quantiles=[0.5]).values.item()
    held = 0
    for group in range(200):
        people = pkpd.Population(80, subjects=range(20_000 + 80 * group, 20_080 + 80 * group))
        sweep = pkpd.sweep(KAMP, regimen, people, ["1 h"], of="S-ketamine", quantiles=[0.5])
        held += sweep.low.item() <= everybody < sweep.high.item()
        assert sweep.error.item() == pytest.approx((sweep.high - sweep.low).item() / 3.92, rel=1e-4)
    assert 0.91 * 200 <= held <= 0.99 * 200


def test_memory_does_not_grow_with_the_regimens() -> None:
    regimens = {str(number): f"{10 + number} mg iv over 1 h" for number in range(60)}
    one = 49 * 2000 * 8  # bytes of the subjects' values under one regimen
    pkpd.sweep(KAMP, {"0": regimens["0"]}, 2000, "0 to 24 h by 30 min", of="S-ketamine", threads=2)
    tracemalloc.start()
    sweep = pkpd.sweep(KAMP, regimens, 2000, "0 to 24 h by 30 min", of="S-ketamine", threads=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - 3 * sweep.values.nbytes < 15 * one


def test_typical_person_has_no_interval() -> None:
    sweep = pkpd.sweep(KAMP, REGIMENS, None, TIMES, of="S-ketamine")
    assert np.isnan(sweep.low).all() and np.isnan(sweep.high).all()
    assert np.array_equal(sweep.values[:, 0], sweep.values[:, 2])


def test_a_list_is_named_by_its_texts() -> None:
    sweep = pkpd.sweep(KAMP, ["20 mg iv bolus", pkpd.parse("10 mg iv bolus")], PEOPLE, TIMES, of="S-ketamine")
    assert list(sweep.regimens) == ["20 mg iv bolus", "ketamine 10 mg iv"]
    assert sweep["20 mg iv bolus"] == pytest.approx(2 * sweep["ketamine 10 mg iv"], rel=1e-12)
    with pytest.raises(UnknownName, match='sweep: regimen "30 mg iv bolus" is not known'):
        sweep["30 mg iv bolus"]


def test_frame() -> None:
    sweep = pkpd.sweep(KAMP, REGIMENS, PEOPLE, TIMES, of="S-ketamine")
    frame = sweep.to_frame()
    assert list(frame.columns) == [
        "regimen",
        "quantile",
        "time (h)",
        "S-ketamine (ng/mL)",
        "low (ng/mL)",
        "high (ng/mL)",
    ]
    row = frame[(frame["regimen"] == "push") & (frame["quantile"] == 0.95) & (frame["time (h)"] == 2.0)]
    assert row["S-ketamine (ng/mL)"].item() == sweep["push"][2, 4]
    assert len(frame) == 4 * 3 * 25


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"regimens": {}}, SimulationError, "no regimens"),
        ({"regimens": "20 mg iv bolus"}, SimulationError, "by name or as a list"),
        ({"regimens": ["20 mg iv bolus"] * 2}, SimulationError, "regimen 1, .* is there twice"),
        ({"regimens": {"a": "20 mg iv bolus", "b": "20 mg oral bolus"}}, UnknownName, 'regimen "b" .*route "oral"'),
        ({"regimens": {"a": "20 mg"}}, PkpdError, 'regimen "a"'),
        ({"of": "ketamine S"}, UnknownName, 'sweep: quantity "ketamine S" is not known.*Did you mean'),
        ({"quantiles": [0.5, 1.2]}, SimulationError, "quantiles: .* not numbers from 0 to 1"),
        ({"quantiles": []}, SimulationError, "not numbers from 0 to 1"),
        ({"quantiles": ["half"]}, SimulationError, "not numbers from 0 to 1"),
        ({"quantiles": [float("nan")]}, SimulationError, "not numbers from 0 to 1"),
        ({"threads": 0}, SimulationError, "threads: 0"),
        ({"times": [1.0]}, UnitError, "no unit"),
        ({"times": ([[1.0]], "h")}, SimulationError, "the same for all"),
        ({"model": "kamp2020-ketamine"}, SimulationError, "Load it first"),
    ],
)
def test_refusals(change: dict[str, Any], kind: type[PkpdError], message: str) -> None:
    given: dict[str, Any] = {"model": KAMP, "regimens": REGIMENS, "population": 5, "times": TIMES, "of": "S-ketamine"}
    with pytest.raises(kind, match=message):
        pkpd.sweep(**{**given, **change})
