"""A prepared simulation gives what `simulate` gives, to the bit, and refuses what it refuses."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from bare_models import bare_model
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd
from pkpd.errors import PkpdError, SimulationError, UnknownName

THREE = pkpd.load("three-compartment-effect-site")
SATURATED = pkpd.load("one-compartment-michaelis-menten")
KAMP = pkpd.load("kamp2020-ketamine").with_effects(*pkpd.default_effects())
VALUES = {"CL": 80.0, "V1": 20.0, "Q2": 120.0, "V2": 40.0, "Q3": 60.0, "V3": 150.0, "KE0": 12.0}
REGIMEN = "0.5 mg/kg iv over 40 min every 6 h for 3 doses, at most 40 mg"
TIMES = "0 to 24 h by 6 min"

ORAL = bare_model(
    {"depot": "-ka * depot", "central": "ka * depot - ke * central"},
    {"ka": "1/h", "ke": "1/h", "F": "1", "late": "h"},
    {"central": ("central", "mg"), "depot": ("depot", "mg")},
    {"oral": ("depot", "F", "late"), "iv": "central"},
)


def columns(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters as `simulate` takes them."""
    return {name: np.atleast_1d(value) for name, value in parameters.items()}


def test_one_subject() -> None:
    prepared = pkpd.prepare(THREE, REGIMEN, TIMES)
    expected = pkpd.simulate(THREE, REGIMEN, columns(VALUES), TIMES)
    for _ in range(2):
        assert np.array_equal(prepared(VALUES), expected.array)
    assert prepared.outputs == expected.quantities
    assert np.array_equal(prepared.hours, expected.hours)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.floats(-1, 1), min_size=7, max_size=7), st.floats(30, 150), st.integers(1, 19))
def test_any_parameters_and_weights(powers: list[float], weight: float, subjects: int) -> None:
    spread = 1 + np.arange(subjects) / 10
    table = {name: value * 10.0**power * spread for (name, value), power in zip(VALUES.items(), powers, strict=True)}
    table["weight"] = weight * spread
    expected = pkpd.simulate(THREE, REGIMEN, table, TIMES).array
    prepared = pkpd.prepare(THREE, REGIMEN, TIMES)
    assert np.array_equal(prepared(table), expected)
    alone = {name: float(column[-1]) for name, column in table.items()}
    assert np.array_equal(prepared(alone)[:, :, 0], expected[:, :, -1])


def test_doses_by_weight_follow_the_weight_of_each_call() -> None:
    prepared = pkpd.prepare(THREE, "1 mg/kg iv bolus", TIMES)
    light, heavy = prepared({**VALUES, "weight": 50.0}), prepared({**VALUES, "weight": 100.0})
    assert heavy == pytest.approx(2 * light, rel=1e-12)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.75]), min_size=1, max_size=6), st.floats(0.1, 1))
def test_lag_and_bioavailability_of_each_call(lags: list[float], share: float) -> None:
    prepared = pkpd.prepare(ORAL, "100 mg oral bolus every 6 h for 2 doses", TIMES)
    table = {"ka": 1.1, "ke": 0.3, "F": share, "late": lags}
    whole = {name: np.broadcast_to(value, len(lags)) for name, value in table.items()}
    expected = pkpd.simulate(ORAL, prepared.regimen, whole, TIMES).array
    assert np.array_equal(prepared(table), expected)
    assert np.array_equal(prepared({**table, "F": share / 2}), prepared(table) / 2)  # a power of two is exact


def test_a_model_with_numbers_needs_no_parameters() -> None:
    prepared = pkpd.prepare(KAMP, REGIMEN, TIMES)
    assert np.array_equal(prepared(), pkpd.simulate(KAMP, REGIMEN, None, TIMES).array)
    assert np.array_equal(prepared({"weight": 91.0}), pkpd.simulate(KAMP, REGIMEN, {"weight": [91.0]}, TIMES).array)


def test_chosen_outputs() -> None:
    everything = pkpd.simulate(KAMP, REGIMEN, {"weight": [60.0, 80.0]}, TIMES)
    wanted = ["S-norketamine", "site of fast-relief", "S-ketamine"]
    found = pkpd.prepare(KAMP, REGIMEN, TIMES, outputs=wanted)({"weight": [60.0, 80.0]})
    expected = everything.array[[everything.quantities.index(name) for name in wanted]]
    assert np.abs(found - expected).max() <= 1e-13 * expected.max()


def test_run_gives_a_result_with_every_quantity() -> None:
    expected = pkpd.simulate(KAMP, REGIMEN, {"weight": [60.0, 80.0]}, TIMES)
    found = pkpd.prepare(KAMP, REGIMEN, TIMES, outputs=["S-ketamine"]).run({"weight": [60.0, 80.0]})
    assert found.names == expected.names and found.regimen == expected.regimen
    for name in expected.names:
        assert np.array_equal(found[name], expected[name])


def test_value_before_a_dose() -> None:
    before = pkpd.prepare(THREE, "10 mg iv bolus at 1 h", ["1 h"], before_dose=True)
    after = pkpd.prepare(THREE, "10 mg iv bolus at 1 h", ["1 h"])
    assert before(VALUES)[0, 0, 0] == 0.0 < after(VALUES)[0, 0, 0]


def test_a_model_without_exact_solution() -> None:
    table = {"Vmax": [20.0, 40.0, 80.0], "Km": 0.5, "V1": 20.0, "ka": 1.0}
    whole = {name: np.broadcast_to(value, 3) for name, value in table.items()}
    for tolerance in (None, pkpd.Tolerance(relative=1e-9)):
        prepared = pkpd.prepare(SATURATED, REGIMEN, TIMES, tolerance=tolerance)
        expected = pkpd.simulate(SATURATED, REGIMEN, whole, TIMES, tolerance=tolerance)
        assert np.array_equal(prepared(table), expected.array)
        assert np.array_equal(prepared.run(table).array, expected.array)
    hurried = pkpd.prepare(SATURATED, REGIMEN, TIMES, tolerance=pkpd.Tolerance(steps=1))
    with pytest.raises(SimulationError, match="step"):
        hurried(table)
    assert set(hurried.run(table).failures) == {0, 1, 2}


def test_times_of_each_subject() -> None:
    times = (np.array([[1.0, 2.0], [3.0, 4.0]]), "h")
    prepared = pkpd.prepare(THREE, REGIMEN, times)
    table = {**VALUES, "CL": [80.0, 40.0]}
    whole = {name: np.broadcast_to(value, 2) for name, value in table.items()}
    assert np.array_equal(prepared(table), pkpd.simulate(THREE, REGIMEN, whole, times).array)
    with pytest.raises(SimulationError, match="times: 2 rows for 1 subjects"):
        prepared(VALUES)


def test_what_was_worked_out_before_changes_nothing() -> None:
    """Events and plans are remembered by content: other values, other times or other regimens do not get them."""
    first = pkpd.prepare(THREE, "10 mg iv over 1 h", TIMES)
    expected = first(VALUES)
    for regimen in ("20 mg iv over 1 h", "10 mg iv over 2 h", "10 mg iv bolus", "10 mg iv over 1 h starting at 1 h"):
        assert not np.array_equal(pkpd.simulate(THREE, regimen, columns(VALUES), TIMES).array, expected)
    assert not np.array_equal(first({**VALUES, "CL": 81.0}), expected)
    assert np.array_equal(first(VALUES), expected)
    first(VALUES)[:] = -1.0
    assert np.array_equal(first(VALUES), expected)


def test_a_call_within_a_call_and_beside_it() -> None:
    """The room a thread works in is used again, also while another simulation of the thread is under way."""
    prepared = pkpd.prepare(THREE, REGIMEN, TIMES)
    table = {name: np.full(3000, value) * (1 + np.arange(3000) / 3000) for name, value in VALUES.items()}
    expected, alone = prepared(table, threads=1), prepared(VALUES)
    within: list[bool] = []
    lock = threading.Lock()

    def progress(_: int) -> None:
        with lock:
            within.append(np.array_equal(prepared(VALUES), alone))

    found = pkpd.simulate(THREE, REGIMEN, table, TIMES, threads=2, progress=progress)
    assert np.array_equal(found.array, expected)
    assert len(within) > 2 and all(within)
    with ThreadPoolExecutor(4) as pool:
        clearances = np.linspace(40, 120, 64)
        together = list(pool.map(lambda cl: prepared({**VALUES, "CL": cl}), clearances))
    for cl, one in zip(clearances, together, strict=True):
        assert np.array_equal(one, prepared({**VALUES, "CL": cl}))


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"Cl": 80.0}, UnknownName, 'parameter table: column "Cl" is not known. .*Did you mean "CL"'),
        ({"CL": float("nan")}, SimulationError, "CL of subject 0 is nan, not a number"),
        ({"CL": [80.0, float("inf")]}, SimulationError, "CL of subject 1 is inf, not a number"),
        ({"V1": -20.0}, SimulationError, "V1 of subject 0 is -20; it is above 0"),
        ({"V1": [20.0, 0.0]}, SimulationError, "V1 of subject 1 is 0; it is above 0"),
        ({"CL": -1.0}, SimulationError, "CL of subject 0 is -1; it is 0 or more"),
        ({"weight": 0.0}, SimulationError, "weight of subject 0 is 0; it is above 0"),
        ({"CL": [80.0, 70.0], "V1": [20.0] * 3}, SimulationError, "all of one length"),
        ({"CL": "fast"}, SimulationError, "CL holds what is not a number: .*fast"),
        ({"CL": [[80.0]]}, SimulationError, r"CL of shape \(1, 1\)"),
    ],
)
def test_refused_parameters(change: dict[str, Any], kind: type[PkpdError], message: str) -> None:
    prepared = pkpd.prepare(THREE, REGIMEN, TIMES)
    with pytest.raises(kind, match=message):
        prepared({**VALUES, **change})


def test_missing_parameters_are_refused() -> None:
    prepared = pkpd.prepare(THREE, REGIMEN, TIMES)
    with pytest.raises(SimulationError, match=r"needs a column V1 \(L\)"):
        prepared({name: value for name, value in VALUES.items() if name != "V1"})
    with pytest.raises(SimulationError, match="parameter CL has no number"):
        prepared()
    with pytest.raises(SimulationError, match="are not given by name"):
        prepared([80.0])  # type: ignore[arg-type]


def test_what_cannot_be_prepared() -> None:
    with pytest.raises(UnknownName, match='route "oral" is not known. Allowed: iv'):
        pkpd.prepare(THREE, "10 mg oral bolus", TIMES)
    with pytest.raises(UnknownName, match='prepare: output "drg" is not known. .*Did you mean "drug"'):
        pkpd.prepare(THREE, REGIMEN, TIMES, outputs=["drg"])
    with pytest.raises(SimulationError, match="give a list of names"):
        pkpd.prepare(THREE, REGIMEN, TIMES, outputs="drug")
    with pytest.raises(SimulationError, match="Load it first"):
        pkpd.prepare("three-compartment", REGIMEN, TIMES)  # type: ignore[arg-type]
    with pytest.raises(PkpdError, match="no unit"):
        pkpd.prepare(THREE, REGIMEN, [1.0, 2.0])
