"""Equations that jump with time: a step stops at every jump, however short what lies between two of them."""

from __future__ import annotations

import numpy as np
import pytest
from bare_models import bare_model

import pkpd
from pkpd.errors import SimulationError

METHODS = (None, "stiff", "explicit")
PULSE = bare_model(
    {"central": "R * step(t - begin) * step(end - t) - k * central", "other": "-k * other"},
    {"R": "mg/h", "k": "1/h", "begin": "h", "end": "h"},
    {"central": ("central", "mg")},
    {"iv": "other"},
    name="pulse",
)


def filled(hours: np.ndarray, rate: float, k: float, begin: float, end: float) -> np.ndarray:
    """One compartment under a constant input from `begin` to `end`."""
    level = rate / k * -np.expm1(-k * np.clip(hours - begin, 0.0, end - begin))
    return level * np.exp(-k * np.maximum(hours - end, 0.0))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("begin", "end"), [(30.0, 30.25), (200.0, 200.5), (7.3, 7.3001), (24.0, 48.0), (0.0, 1.0)])
@pytest.mark.parametrize("regimen", ["no treatment", "1 mg iv every 8 h for 4 doses"])
def test_no_pulse_is_missed(method: str | None, begin: float, end: float, regimen: str) -> None:
    rates = np.array([400.0, 10.0, 3.0])
    table = {"R": rates, "k": 0.1, "begin": begin, "end": end}
    hours = np.sort(np.append(np.arange(0.0, 300.0, 7.0), [begin, end, begin + 0.5, end + 0.5]))
    tolerance = pkpd.Tolerance(relative=1e-8, method=method)
    found = pkpd.simulate(PULSE, regimen, table, (hours, "h"), tolerance=tolerance)["central"]
    expected = np.stack([filled(hours, rate, 0.1, begin, end) for rate in rates], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * expected.max())


def test_everybody_has_his_own_jumps() -> None:
    begin = np.linspace(0.5, 60.0, 100)
    table = {"R": 100.0, "k": 0.3, "begin": begin, "end": begin + 0.1}
    hours = np.arange(0.0, 72.0, 2.0)
    found = pkpd.simulate(PULSE, "no treatment", table, (hours, "h"))["central"]
    expected = np.stack([filled(hours, 100.0, 0.3, one, one + 0.1) for one in begin], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())
    alone = pkpd.simulate(PULSE, "no treatment", {**table, "begin": begin[37], "end": begin[37] + 0.1}, (hours, "h"))
    assert np.array_equal(alone["central"][:, 0], found[:, 37])


def test_a_bend_of_max_is_a_stop_too() -> None:
    model = bare_model(
        {"central": "R * max(t - begin, 0) / hour - k * central"},
        {"R": "mg/h", "k": "1/h", "begin": "h", "hour": "h"},
        {"central": ("central", "mg")},
        {"iv": "central"},
        name="ramp",
    )
    table = {"R": 5.0, "k": 0.2, "begin": 50.0, "hour": 1.0}
    found = pkpd.simulate(model, "no treatment", table, ([49.0, 50.0, 52.0, 60.0], "h"))["central"][:, 0]
    since = np.array([0.0, 0.0, 2.0, 10.0])
    expected = 5.0 * (since / 0.2 - (1 - np.exp(-0.2 * since)) / 0.04)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)


def test_a_jump_without_a_time_that_can_be_told_is_refused() -> None:
    model = bare_model(
        {"central": "R * step(sin(t / hour)) - k * central"},
        {"R": "mg/h", "k": "1/h", "hour": "h"},
        {"central": ("central", "mg")},
        {"iv": "central"},
        name="square",
    )
    with pytest.raises(SimulationError, match=r"model square: step of an expression in which t .*step\(t - t1\)"):
        pkpd.simulate(model, "no treatment", {"R": 1.0, "k": 1.0, "hour": 1.0}, "0 to 10 h by 1 h")


def test_a_circadian_production_follows_its_closed_form() -> None:
    model = bare_model(
        {"central": "kin * (1 + a * cos(w * t)) - k * central"},
        {"kin": "mg/h", "a": "1", "w": "1/h", "k": "1/h"},
        {"central": ("central", "mg")},
        {"iv": "central"},
        name="circadian",
    )
    kin, a, w, k = 6.0, 0.4, 2 * np.pi / 24, 0.3
    hours = np.arange(0.0, 96.0, 1.5)
    table = {"kin": kin, "a": a, "w": w, "k": k}
    tolerance = pkpd.Tolerance(relative=1e-9)
    found = pkpd.simulate(model, "no treatment", table, (hours, "h"), tolerance=tolerance)["central"][:, 0]
    forced = a * kin * (k * np.cos(w * hours) + w * np.sin(w * hours)) / (k * k + w * w)
    expected = kin / k + forced - (kin / k + a * kin * k / (k * k + w * w)) * np.exp(-k * hours)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("km", [1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("name", ["one-compartment-michaelis-menten", "two-compartment-michaelis-menten"])
def test_elimination_does_not_jump_over_its_pole(name: str, km: float) -> None:
    """Where C passes -Km the equation turns round and runs to minus infinity."""
    rng = np.random.default_rng(0)
    model = pkpd.load(name)
    table = {"Vmax": rng.uniform(5, 60, 300), "V1": rng.uniform(10, 40, 300), "Km": km, "ka": 1.0}
    if "Q2" in model.parameters:
        table |= {"Q2": rng.uniform(10, 60, 300), "V2": rng.uniform(20, 80, 300)}
    result = pkpd.simulate(model, "50 mg iv", table, "0 to 48 h by 1 h")
    assert result.failures == {}
    assert result["drug"].min() >= 0
