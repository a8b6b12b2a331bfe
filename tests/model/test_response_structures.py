"""From concentration to response with delay: effect site, tolerance, turnover; closed forms and steady states."""

from __future__ import annotations

import numpy as np
import pytest
from structure_runs import Given, bare, course, literature

TIMES = np.array([0.25, 1.0, 3.0, 8.0, 24.0, 60.0])
CENTRAL = '[[structures]]\nuse = "one-compartment"\n'
BODY_UNITS = {"CL": "L/h", "V1": "L"}
BODY = {"CL": 3.0, "V1": 20.0}
LEVEL = '[formulas]\nC = "central / V1"\n'


def test_effect_site_after_a_bolus() -> None:
    body = LEVEL + CENTRAL + '[[structures]]\nuse = "effect-compartment"\n'
    model = bare(body, {**BODY_UNITS, "ke0": "1/min"}, {"Ce": ("site", "ng/mL")})
    assert model.states["site"].unit == "mg/L"
    run = course(model, [Given(100)], {**BODY, "ke0": 0.9}, TIMES)
    expected = 5 * 0.9 / (0.9 - 0.15) * (np.exp(-0.15 * TIMES) - np.exp(-0.9 * TIMES))
    np.testing.assert_allclose(run["Ce"], expected, rtol=1e-9)


def test_tolerance_lets_the_effect_of_a_constant_level_fade_to_its_closed_form() -> None:
    body = '[[structures]]\nuse = "tolerance-compartment"\n[odes]\ncentral = "0"\n'
    units = {"C": "mg/L", "ktol": "1/h", "Emax": "", "EC50": "mg/L", "M50": "mg/L"}
    outputs = {"E": ("Emax * C / (EC50 * (1 + moderator / M50) + C)", "1"), "M": ("moderator", "mg/L")}
    values = {"C": 2.0, "ktol": 0.4, "Emax": 1.0, "EC50": 1.0, "M50": 0.5}
    run = course(bare(body, units, outputs), [], values, [0.0, *TIMES])
    moderator = 2.0 * (1 - np.exp(-0.4 * np.array([0.0, *TIMES])))
    np.testing.assert_allclose(run["M"], moderator, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(run["E"], 2.0 / (1 + moderator / 0.5 + 2.0), rtol=1e-9)
    assert run["E"][0] == pytest.approx(2 / 3)
    assert run["E"][-1] == pytest.approx(2 / 7, rel=1e-8)


def test_tolerance_after_a_bolus_lags_behind_the_level() -> None:
    """A Bateman curve: an effect site whose rate is that of tolerance."""
    body = LEVEL + CENTRAL + '[[structures]]\nuse = "tolerance-compartment"\n'
    model = bare(body, {**BODY_UNITS, "ktol": "1/h"}, {"M": ("moderator", "mg/L")})
    run = course(model, [Given(100)], {**BODY, "ktol": 0.05}, TIMES)
    np.testing.assert_allclose(run["M"], 5 * 0.05 / 0.1 * (np.exp(-0.05 * TIMES) - np.exp(-0.15 * TIMES)), rtol=1e-9)


NAMES = {1: ("Imax", "IC50"), 2: ("Imax", "IC50"), 3: ("Emax", "EC50"), 4: ("Emax", "EC50")}


def response_model(number: int, constant: bool, hill: bool) -> tuple[str, dict[str, str]]:
    size, half = NAMES[number]
    units = {**BODY_UNITS, "kin": "point/h", "kout": "1/h", size: "", half: "mg/L"}
    units |= {"C": "mg/L"} if constant else {}
    units |= {"Hill": ""} if hill else {}
    return ("" if constant else LEVEL) + CENTRAL + f'[[structures]]\nuse = "indirect-response-{number}"\n', units


def factor(number: int, level: float, hill: float) -> float:
    size = {1: -0.8, 2: -0.8, 3: 2.5, 4: 2.5}[number]
    return 1 + size * level**hill / (1.5**hill + level**hill)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("hill", [None, 2.3])
def test_indirect_response_to_a_constant_level(number: int, hill: float | None) -> None:
    body, units = response_model(number, True, hill is not None)
    model = bare(body, units, {"R": ("response", "point")})
    assert model.states["response"].unit == "point"
    size, half = NAMES[number]
    values = {**BODY, "kin": 9.0, "kout": 0.3, size: 2.5 if number > 2 else 0.8, half: 1.5, "C": 4.0}
    values |= {"Hill": hill} if hill is not None else {}
    run = course(model, [], values, [0.0, *TIMES, 600.0])
    change = factor(number, 4.0, hill or 1.0)
    steady, rate = (30.0 * change, 0.3) if number in (1, 3) else (30.0 / change, 0.3 * change)
    expected = steady + (30.0 - steady) * np.exp(-rate * np.array([0.0, *TIMES, 600.0]))
    np.testing.assert_allclose(run["R"], expected, rtol=1e-9)
    assert run["R"][0] == 30.0
    assert run["R"][-1] == pytest.approx(steady, rel=1e-9)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_indirect_response_to_a_bolus_against_the_published_equations(number: int) -> None:
    body, units = response_model(number, False, False)
    size, half = NAMES[number]
    values = {**BODY, "kin": 9.0, "kout": 0.3, size: 2.5 if number > 2 else 0.8, half: 1.5}
    run = course(bare(body, units, {"R": ("response", "point")}), [Given(200)], values, TIMES)

    def rhs(time: float, y: np.ndarray) -> list[float]:
        change = factor(number, 10 * np.exp(-0.15 * time), 1.0)
        made, lost = (change, 1.0) if number in (1, 3) else (1.0, change)
        return [9.0 * made - 0.3 * lost * y[0]]

    np.testing.assert_allclose(run["R"], literature(rhs, [30.0], TIMES)[0], rtol=1e-7)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_without_drug_the_response_stays_at_its_start(number: int) -> None:
    body, units = response_model(number, False, True)
    size, half = NAMES[number]
    values = {**BODY, "kin": 9.0, "kout": 0.3, size: 0.8, half: 1.5, "Hill": 0.7}
    run = course(bare(body, units, {"R": ("response", "point")}), [], values, TIMES)
    np.testing.assert_allclose(run["R"], 30.0, rtol=1e-12)


def test_turnover_comes_fast_and_goes_slowly() -> None:
    body = """[odes]
central = "0"
[[structures]]
use = "onset-offset"
with = { signal = "height * step(until - t)" }
[states.response]
unit = "point"
"""
    units = {"k_onset": "1/h", "k_offset": "1/h", "height": "point", "until": "h"}
    values = {"k_onset": 1.2, "k_offset": 0.05, "height": 3.0, "until": 5.0}
    times = np.array([0.5, 2.0, 5.0, 6.0, 20.0, 50.0])
    run = course(bare(body, units, {"R": ("response", "point")}), [], values, times)
    top = 3.0 * (1 - np.exp(-1.2 * 5.0))
    expected = np.where(times <= 5, 3.0 * (1 - np.exp(-1.2 * times)), top * np.exp(-0.05 * (times - 5)))
    np.testing.assert_allclose(run["R"], expected, rtol=1e-8)


def test_turnover_of_equal_rates_is_an_effect_site() -> None:
    body = LEVEL + CENTRAL + '[[structures]]\nuse = "onset-offset"\nwith = { signal = "C / unit" }\n'
    units = {**BODY_UNITS, "k_onset": "1/h", "k_offset": "1/h", "unit": "mg/L"}
    model = bare(body, units, {"R": ("response", "1")})
    run = course(model, [Given(100)], {**BODY, "k_onset": 0.9, "k_offset": 0.9, "unit": 1.0}, TIMES)
    expected = 5 * 0.9 / (0.9 - 0.15) * (np.exp(-0.15 * TIMES) - np.exp(-0.9 * TIMES))
    np.testing.assert_allclose(run["R"], expected, rtol=1e-8)
