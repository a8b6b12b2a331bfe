"""Saturable elimination, auto-induction and binding to a target: closed forms, limits and what must be conserved."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import lambertw
from structure_runs import Given, bare, course, literature

from pkpd.model.expressions import Expression
from pkpd.model.structures import expand

TIMES = np.array([0.5, 2.0, 6.0, 12.0, 24.0, 48.0])
LEVEL = {"C": ("central / V1", "mg/L")}
SATURABLE = {"Vmax": "mg/h", "Km": "mg/L", "V1": "L"}


def test_a_saturable_bolus_follows_lamberts_function() -> None:
    model = bare('[[structures]]\nuse = "one-compartment-michaelis-menten"\n', SATURABLE, LEVEL)
    run = course(model, [Given(400)], {"Vmax": 12.0, "Km": 1.7, "V1": 20.0}, TIMES)
    level, km, rate = 400 / 20, 1.7, 12.0 / 20
    expected = km * lambertw(level / km * np.exp((level - rate * TIMES) / km)).real
    np.testing.assert_allclose(run["C"], expected, rtol=1e-9)
    np.testing.assert_allclose(run["C"] + km * np.log(run["C"]), level + km * math.log(level) - rate * TIMES, rtol=1e-9)


@pytest.mark.parametrize("count", ["one", "two"])
def test_far_below_saturation_elimination_is_linear(count: str) -> None:
    further = {"Q2": "L/h", "V2": "L"} if count == "two" else {}
    values = {"V1": 20.0, **({"Q2": 8.0, "V2": 35.0} if count == "two" else {})}
    saturable = bare(f'[[structures]]\nuse = "{count}-compartment-michaelis-menten"\n', {**SATURABLE, **further}, LEVEL)
    linear = bare(f'[[structures]]\nuse = "{count}-compartment"\n', {"CL": "L/h", "V1": "L", **further}, LEVEL)
    doses = [Given(100, at=0.0), Given(50, at=3.0, over=2.0)]
    low = course(saturable, doses, {**values, "Vmax": 6e8, "Km": 2e8}, TIMES)
    np.testing.assert_allclose(low["C"], course(linear, doses, {**values, "CL": 3.0}, TIMES)["C"], rtol=1e-7)


def test_area_under_a_saturable_bolus() -> None:
    body = '[[structures]]\nuse = "one-compartment-michaelis-menten"\n[odes]\narea = "central / V1"\n'
    model = bare(body + '[states.area]\nunit = "mg/L*h"\n', SATURABLE, {"area": ("area", "mg/L*h")})
    run = course(model, [Given(400)], {"Vmax": 12.0, "Km": 1.7, "V1": 20.0}, [500.0])
    assert run["area"][0] == pytest.approx(20.0 / (12.0 / 20) * (1.7 + 20.0 / 2), rel=1e-9)


def test_two_compartments_with_saturable_elimination_against_the_equations() -> None:
    body = '[[structures]]\nuse = "two-compartment-michaelis-menten"\n'
    model = bare(body, {**SATURABLE, "Q2": "L/h", "V2": "L"}, LEVEL)
    values = {"Vmax": 12.0, "Km": 1.7, "V1": 20.0, "Q2": 8.0, "V2": 35.0}
    run = course(model, [Given(400)], values, TIMES)

    def rhs(_: float, c: np.ndarray) -> list[float]:
        one, two = c
        return [(-12.0 * one / (1.7 + one) + 8.0 * (two - one)) / 20.0, 8.0 * (one - two) / 35.0]

    np.testing.assert_allclose(run["C"], literature(rhs, [20.0, 0.0], TIMES)[0], rtol=1e-8)


INDUCED = """[[structures]]
use = "auto-induction"
with = { C = "central / V1" }
[[structures]]
use = "one-compartment"
with = { CL = "CL * enzyme" }
"""
INDUCED_UNITS = {"CL": "L/h", "V1": "L", "kenz": "1/h", "Emax": "", "EC50": "mg/L"}


def test_auto_induction_reaches_the_level_where_clearance_and_enzyme_agree() -> None:
    model = bare(INDUCED, INDUCED_UNITS, {**LEVEL, "enzyme": ("enzyme", "1")})
    values = {"CL": 4.0, "V1": 50.0, "kenz": 0.03, "Emax": 2.5, "EC50": 1.5}
    rate = 20.0
    run = course(model, [Given(rate * 3000, over=3000)], values, [0.0, 3000.0])
    # CL (1 + Emax C / (EC50 + C)) C = rate, a square of C
    a, b, c = 4.0 * 3.5, 4.0 * 1.5 - rate, -rate * 1.5
    level = (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a)
    assert run["enzyme"][0] == 1.0
    assert run["C"][1] == pytest.approx(level, rel=1e-9)
    assert run["enzyme"][1] == pytest.approx(1 + 2.5 * level / (1.5 + level), rel=1e-9)


def test_auto_induction_with_a_hill_exponent_turns_over_as_an_exponential() -> None:
    body = '[[structures]]\nuse = "auto-induction"\n[odes]\ncentral = "0 * central * kenz"\n'
    units = {**INDUCED_UNITS, "C": "mg/L", "Hill": ""}
    values = {"CL": 1.0, "V1": 1.0, "kenz": 0.05, "Emax": 2.0, "EC50": 3.0, "C": 4.0, "Hill": 1.8}
    run = course(bare(body, units, {"enzyme": ("enzyme", "1")}), [], values, TIMES)
    gain = 2.0 * 4.0**1.8 / (3.0**1.8 + 4.0**1.8)
    np.testing.assert_allclose(run["enzyme"], 1 + gain * (1 - np.exp(-0.05 * TIMES)), rtol=1e-9)


TARGET = {"ksyn": 0.05, "kdeg": 0.02, "kint": 0.3, "CL": 0.02, "V1": 3.0}
TARGET_UNITS = {"ksyn": "mg/L/h", "kdeg": "1/h", "kint": "1/h", "CL": "L/h", "V1": "L"}
FULL_UNITS = {**TARGET_UNITS, "kon": "L/mg/h", "koff": "1/h"}
QUASI_UNITS = {**TARGET_UNITS, "KSS": "ug/mL"}
PERIPHERAL = {"Q2": 0.03, "V2": 2.5}
PERIPHERAL_UNITS = {"Q2": "L/h", "V2": "L"}


def test_full_target_binding_against_the_published_equations() -> None:
    outputs = {**LEVEL, "R": ("target", "mg/L"), "RC": ("complex", "mg/L")}
    body = '[[structures]]\nuse = "two-compartment-target"\n'
    model = bare(body, {**FULL_UNITS, **PERIPHERAL_UNITS}, outputs)
    values = {**TARGET, **PERIPHERAL, "kon": 0.9, "koff": 0.1}
    run = course(model, [Given(60)], values, TIMES)

    def rhs(_: float, y: np.ndarray) -> list[float]:
        """Mager and Jusko 2001, with concentrations in both compartments."""
        c, tissue, r, rc = y
        bound = 0.9 * c * r - 0.1 * rc
        return [
            -0.02 / 3 * c - 0.03 / 3 * (c - tissue) - bound,
            0.03 / 2.5 * (c - tissue),
            0.05 - 0.02 * r - bound,
            bound - 0.3 * rc,
        ]

    expected = literature(rhs, [20.0, 0.0, 2.5, 0.0], TIMES)
    for name, row in (("C", 0), ("R", 2), ("RC", 3)):
        np.testing.assert_allclose(run[name], expected[row], rtol=1e-7, atol=1e-10)


def test_target_is_conserved_where_complex_and_target_degrade_alike() -> None:
    model = bare('[[structures]]\nuse = "one-compartment-target"\n', FULL_UNITS, {"all": ("target + complex", "mg/L")})
    values = {**TARGET, "kint": 0.02, "kon": 0.9, "koff": 0.1}
    run = course(model, [Given(60), Given(90, at=5.0, over=4.0)], values, TIMES)
    np.testing.assert_allclose(run["all"], 0.05 / 0.02, rtol=1e-9)


def test_drug_is_conserved_when_it_binds_to_a_target() -> None:
    body = """[[structures]]
use = "one-compartment-target"
[odes]
gone = "CL / V1 * central + kint * V1 * complex"
"""
    whole = {"all": ("central + V1 * complex + gone", "mg")}
    run = course(bare(body, FULL_UNITS, whole), [Given(60)], {**TARGET, "kon": 0.9, "koff": 0.1}, TIMES)
    np.testing.assert_allclose(run["all"], 60, rtol=1e-9)


def test_without_a_target_binding_leaves_a_linear_compartment() -> None:
    for use, units, more in (
        ("one-compartment-target", FULL_UNITS, {"kon": 0.9, "koff": 0.1}),
        ("one-compartment-target-quasi-steady", QUASI_UNITS, {"KSS": 0.4}),
    ):
        model = bare(f'[[structures]]\nuse = "{use}"\n', units, LEVEL)
        run = course(model, [Given(60)], {**TARGET, **more, "ksyn": 0.0}, TIMES)
        np.testing.assert_allclose(run["C"], 20 * np.exp(-0.02 / 3 * TIMES), rtol=1e-9)


def test_fast_binding_approaches_the_quasi_steady_state() -> None:
    full = bare('[[structures]]\nuse = "two-compartment-target"\n', {**FULL_UNITS, **PERIPHERAL_UNITS}, LEVEL)
    quasi = bare(
        '[[structures]]\nuse = "two-compartment-target-quasi-steady"\n',
        {**QUASI_UNITS, **PERIPHERAL_UNITS},
        {"C": ("free", "mg/L")},
    )
    errors = []
    for kon in (10.0, 100.0, 1000.0):
        koff = 0.4 * kon - TARGET["kint"]  # KSS = (koff + kint) / kon = 0.4
        exact = course(full, [Given(12)], {**TARGET, **PERIPHERAL, "kon": kon, "koff": koff}, TIMES)
        near = course(quasi, [Given(12)], {**TARGET, **PERIPHERAL, "KSS": 0.4}, TIMES)
        errors.append(np.max(np.abs(near["C"] / exact["C"] - 1)))
    assert errors[2] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.3)
    assert errors[1] / errors[2] == pytest.approx(10, rel=0.3)


def test_quasi_steady_state_against_the_published_equations() -> None:
    body = '[[structures]]\nuse = "two-compartment-target-quasi-steady"\n'
    outputs = {"C": ("free", "mg/L"), "R": ("target", "mg/L")}
    values = {**TARGET, **PERIPHERAL, "KSS": 0.4}
    run = course(bare(body, {**QUASI_UNITS, **PERIPHERAL_UNITS}, outputs), [Given(60)], values, TIMES)

    def free(total: float, target: float) -> float:
        b = total - target - 0.4
        return 0.5 * (b + math.sqrt(b * b + 4 * 0.4 * total))

    def rhs(_: float, y: np.ndarray) -> list[float]:
        """Gibiansky et al. 2008; total drug in mg/L, peripheral amount in mg, total target."""
        total, tissue, target = y
        c = free(total, target)
        bound = target * c / (0.4 + c)
        return [
            -(0.02 + 0.03) / 3 * c - bound * 0.3 + 0.03 / 2.5 * tissue / 3,
            0.03 * c - 0.03 / 2.5 * tissue,
            0.05 - 0.02 * target - (0.3 - 0.02) * bound,
        ]

    expected = literature(rhs, [20.0, 0.0, 2.5], TIMES)
    np.testing.assert_allclose(run["R"], expected[2], rtol=1e-7)
    np.testing.assert_allclose(run["C"], [free(y[0], y[2]) for y in expected.T], rtol=1e-7)


positive = st.floats(1e-9, 1e9)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(positive, positive, positive)
def test_free_and_bound_drug_add_up_and_obey_mass_action(total: float, target: float, constant: float) -> None:
    formulas = expand("one-compartment-target-quasi-steady").formulas
    values: dict[str, float] = {"central": total, "V1": 1.0, "target": target, "KSS": constant}
    for name, formula in formulas.items():
        values[name] = float(formula.evaluate(values))
    free, bound = values["free"], values["bound"]
    assert 0 < free <= total * (1 + 1e-12)
    assert free + bound == pytest.approx(total, rel=1e-10)
    assert Expression.read("free * (target - bound) + 0").evaluate(values) == pytest.approx(
        constant * bound, rel=1e-9, abs=1e-9 * free * target
    )
