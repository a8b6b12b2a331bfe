"""Ways into the body: zero order, gamma, Weibull, several at once, first pass, liver, gut; closed forms and limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gamma
from structure_runs import Given, bare, course

from pkpd.model.expressions import Expression
from pkpd.model.structures import expand

TIMES = np.array([0.25, 1.0, 2.5, 6.0, 12.0, 24.0])
CENTRAL = '[[structures]]\nuse = "one-compartment"\n'
UNITS = {"CL": "L/h", "V1": "L"}
LEVEL = {"C": ("central / V1", "mg/L")}
BODY = {"CL": 3.0, "V1": 20.0}
K = 0.15


def bateman(ka: float, time: np.ndarray) -> np.ndarray:
    """Amount in the central compartment per mg absorbed with first order."""
    time = np.maximum(time, 0.0)
    return ka / (ka - K) * (np.exp(-K * time) - np.exp(-ka * time))


def infused(length: float, time: np.ndarray) -> np.ndarray:
    """Amount in the central compartment per mg given evenly over a time."""
    time = np.maximum(time, 0.0)
    return (np.exp(-K * np.maximum(time - length, 0.0)) - np.exp(-K * time)) / (K * length)


def test_zero_order_absorption_lasts_as_long_as_the_route_says() -> None:
    route = '[routes.oral]\ninto = "central"\nbioavailability = "F"\nlag = "tlag"\nduration = "D1"\n'
    model = bare(route + CENTRAL, {**UNITS, "F": "", "tlag": "h", "D1": "h"}, LEVEL)
    run = course(model, [Given(100, "oral")], {**BODY, "F": 0.6, "tlag": 0.5, "D1": 3.0}, TIMES)
    np.testing.assert_allclose(run["C"], 60 * infused(3.0, TIMES - 0.5) / 20, rtol=1e-9, atol=1e-12)


def test_a_rate_of_the_route_sets_the_length() -> None:
    model = bare('[routes.oral]\ninto = "central"\nrate = "R1"\n' + CENTRAL, {**UNITS, "R1": "mg/h"}, LEVEL)
    run = course(model, [Given(100, "oral", 1.0)], {**BODY, "R1": 40.0}, TIMES)
    np.testing.assert_allclose(run["C"], 100 * infused(2.5, TIMES - 1.0) / 20, rtol=1e-9, atol=1e-12)


def test_parallel_absorption_goes_through_two_depots() -> None:
    body = """[derived]
F_slow = "F - F_fast"
[routes.oral]
into = "fast_depot"
bioavailability = "F_fast"
[[routes.oral.also]]
into = "slow_depot"
bioavailability = "F_slow"
lag = "later"
[[structures]]
use = "first-order-absorption"
prefix = "fast_"
to = "central"
with = { ka = "ka1" }
[[structures]]
use = "first-order-absorption"
prefix = "slow_"
to = "central"
with = { ka = "ka2" }
"""
    units = {**UNITS, "F": "", "F_fast": "", "ka1": "1/h", "ka2": "1/h", "later": "h"}
    values = {**BODY, "F": 0.8, "F_fast": 0.3, "ka1": 2.0, "ka2": 0.4, "later": 1.5}
    run = course(bare(body + CENTRAL, units, LEVEL), [Given(100, "oral")], values, TIMES)
    expected = 30 * bateman(2.0, TIMES) + 50 * bateman(0.4, TIMES - 1.5)
    np.testing.assert_allclose(run["C"], expected / 20, rtol=1e-9)


def test_mixed_absorption_is_part_zero_and_part_first_order() -> None:
    body = """[derived]
F_even = "1 - F_depot"
[routes.oral]
into = "depot"
bioavailability = "F_depot"
[[routes.oral.also]]
into = "central"
bioavailability = "F_even"
duration = "D1"
[[structures]]
use = "first-order-absorption"
to = "central"
"""
    units = {**UNITS, "F_depot": "", "ka": "1/h", "D1": "h"}
    values = {**BODY, "F_depot": 0.25, "ka": 1.1, "D1": 4.0}
    run = course(bare(body + CENTRAL, units, LEVEL), [Given(100, "oral")], values, TIMES)
    np.testing.assert_allclose(run["C"], (25 * bateman(1.1, TIMES) + 75 * infused(4.0, TIMES)) / 20, rtol=1e-9)


def test_lag_and_bioavailability_of_first_order_absorption() -> None:
    route = '[routes.oral]\ninto = "depot"\nlag = "tlag"\nbioavailability = "F"\n'
    body = '[[structures]]\nuse = "first-order-absorption"\nto = "central"\n'
    model = bare(route + body + CENTRAL, {**UNITS, "ka": "1/h", "F": "", "tlag": "h"}, LEVEL)
    run = course(model, [Given(100, "oral")], {**BODY, "ka": 1.3, "F": 0.7, "tlag": 0.75}, TIMES)
    np.testing.assert_allclose(run["C"], 70 * bateman(1.3, TIMES - 0.75) / 20, rtol=1e-9, atol=1e-12)


GAMMA = '[routes.oral]\ninto = "given"\n[[structures]]\nuse = "gamma-transit"\nto = "central"\n'


@pytest.mark.parametrize("n", [0.0, 0.37, 2.7, 11.3])
def test_gamma_transit_is_the_convolution_with_a_gamma_density(n: float) -> None:
    model = bare(GAMMA + CENTRAL, {**UNITS, "k": "1/h", "n": ""}, LEVEL)
    run = course(model, [Given(80, "oral")], {**BODY, "k": 2.1, "n": n}, TIMES)

    def amount(time: float) -> float:
        def arriving(since: float) -> float:
            return 2.1 * (2.1 * since) ** n * math.exp(-2.1 * since - K * (time - since)) / gamma(n + 1)

        return quad(arriving, 0, time, epsabs=0, epsrel=1e-11, limit=400, points=[min(time, 1e-3)])[0]

    np.testing.assert_allclose(run["C"], [80 * amount(time) / 20 for time in TIMES], rtol=2e-8, atol=1e-11)


def test_gamma_transit_of_whole_number_is_a_chain() -> None:
    chain = """[routes.oral]
into = "chain1"
[[structures]]
use = "transit-chain"
length = 5
to = "central"
"""
    values = {**BODY, "k": 2.1}
    steps = course(bare(chain + CENTRAL, {**UNITS, "k": "1/h"}, LEVEL), [Given(80, "oral")], values, TIMES)
    density = bare(GAMMA + CENTRAL, {**UNITS, "k": "1/h", "n": ""}, LEVEL)
    run = course(density, [Given(80, "oral")], {**values, "n": 4.0}, TIMES)
    np.testing.assert_allclose(run["C"], steps["C"], rtol=1e-9)


def test_gamma_transit_counts_from_the_start_it_is_given() -> None:
    model = bare(GAMMA + CENTRAL, {**UNITS, "k": "1/h", "n": ""}, LEVEL)
    later = bare(GAMMA + CENTRAL, {**UNITS, "k": "1/h", "n": "", "start": "h"}, LEVEL)
    values = {**BODY, "k": 2.1, "n": 1.4}
    first = course(model, [Given(80, "oral")], values, TIMES)
    second = course(later, [Given(80, "oral", 3.0)], {**values, "start": 3.0}, TIMES + 3.0)
    np.testing.assert_allclose(second["C"], first["C"], rtol=1e-9)


def test_inverse_factorial_is_exact() -> None:
    ((_, _, flow),) = expand("gamma-transit", extra={"to": "central"}).feeds
    for n in np.linspace(0, 60, 241):
        found = flow.evaluate({"given": 1.0, "k": 1.0, "n": n, "t": 1.0})
        assert found == pytest.approx(math.exp(-1 - math.lgamma(n + 1)), rel=3e-14 * (1 + n))


WEIBULL = '[routes.oral]\ninto = "depot"\n[[structures]]\nuse = "weibull-absorption"\nto = "central"\n'


def test_weibull_of_shape_one_is_first_order() -> None:
    model = bare(WEIBULL + CENTRAL, {**UNITS, "td": "h", "beta": ""}, LEVEL)
    run = course(model, [Given(100, "oral")], {**BODY, "td": 1 / 1.3, "beta": 1.0}, TIMES)
    np.testing.assert_allclose(run["C"], 100 * bateman(1.3, TIMES) / 20, rtol=1e-9)


@pytest.mark.parametrize("start", [0.0, 2.0])
def test_weibull_leaves_the_survivor_function_in_the_depot(start: float) -> None:
    units = {**UNITS, "td": "h", "beta": "", "start": "h"}
    model = bare(WEIBULL + CENTRAL, units, {"left": ("depot", "mg"), **LEVEL})
    values = {**BODY, "td": 3.0, "beta": 2.2, "start": start}
    run = course(model, [Given(100, "oral", start)], values, TIMES + start)
    np.testing.assert_allclose(run["left"], 100 * np.exp(-((TIMES / 3.0) ** 2.2)), rtol=1e-8, atol=1e-10)

    def amount(time: float) -> float:
        def arriving(since: float) -> float:
            ratio = since / 3.0
            return 2.2 / 3.0 * ratio**1.2 * math.exp(-(ratio**2.2) - K * (time - since))

        return quad(arriving, 0, time, epsabs=0, epsrel=1e-11)[0]

    np.testing.assert_allclose(run["C"], [100 * amount(time) / 20 for time in TIMES], rtol=1e-8)


def test_only_the_states_that_count_from_a_dose_take_one_dose_only() -> None:
    assert [s.once for s in expand("gamma-transit", extra={"to": "x"}).states] == [True]
    assert [s.once for s in expand("weibull-absorption", extra={"to": "x"}).states] == [True]
    assert [s.once for s in expand("first-order-absorption", extra={"to": "x"}).states] == [False]


def test_first_pass_forms_metabolite_on_the_way() -> None:
    body = """[routes.oral]
into = "depot"
[[structures]]
use = "first-pass-absorption"
to = "central"
metabolite = "M_central"
[[structures]]
use = "one-compartment"
prefix = "M_"
with = { CL = "CLm", V1 = "Vm" }
input = "CL / V1 * central"
"""
    outputs = {**LEVEL, "M": ("M_central", "mg")}
    units = {**UNITS, "ka": "1/h", "F": "", "CLm": "L/h", "Vm": "L"}
    values = {**BODY, "ka": 1.3, "F": 0.2, "CLm": 4.0, "Vm": 10.0}
    run = course(bare(body + CENTRAL, units, outputs), [Given(100, "oral")], values, TIMES)
    np.testing.assert_allclose(run["C"], 20 * bateman(1.3, TIMES) / 20, rtol=1e-9)
    km, ka = 0.4, 1.3

    def exchanged(*rates: float) -> np.ndarray:
        """Amount in the last of a row of compartments, per mg in the first: Bateman's general solution."""
        total = np.zeros_like(TIMES)
        for rate in rates:
            total += np.exp(-rate * TIMES) / math.prod(other - rate for other in rates if other != rate)
        return total * math.prod(rates[:-1])

    expected = 80 * exchanged(ka, km) + 20 * exchanged(ka, K, km)
    np.testing.assert_allclose(run["M"], expected, rtol=1e-8)


LIVER = """[routes.oral]
into = "depot"
[odes]
area = "central / V1"
[states.area]
unit = "mg/L*h"
[[structures]]
use = "first-order-absorption"
to = "gut"
[[structures]]
use = "well-stirred-gut"
to = "liver"
metabolite = "M_central"
[[structures]]
use = "well-stirred-liver"
to = "central"
metabolite = "M_central"
with = { C = "central / V1" }
[[structures]]
use = "one-compartment"
with = { CL = "CL_renal" }
[[structures]]
use = "one-compartment"
prefix = "M_"
with = { CL = "CL_renal" }
"""
LIVER_UNITS = {
    "CL_renal": "L/h",
    "V1": "L",
    "ka": "1/h",
    "QH": "L/h",
    "CLint": "L/h",
    "fu": "",
    "VH": "L",
    "Qgut": "L/h",
    "CLintg": "L/h",
    "fug": "",
    "VG": "L",
}
LIVER_VALUES = {
    "CL_renal": 0.0,
    "V1": 30.0,
    "ka": 2.0,
    "QH": 90.0,
    "CLint": 200.0,
    "fu": 0.4,
    "VH": 1.5,
    "Qgut": 18.0,
    "CLintg": 12.0,
    "fug": 0.5,
    "VG": 0.3,
}


def test_liver_and_gut_extract_what_the_well_stirred_model_says() -> None:
    model = bare(LIVER, LIVER_UNITS, {"area": ("area", "mg/L*h"), "made": ("M_central", "mg")})
    intrinsic, blood = 0.4 * 200.0, 90.0
    clearance, passed_liver = blood * intrinsic / (blood + intrinsic), blood / (blood + intrinsic)
    passed_gut = 18.0 / (18.0 + 0.5 * 12.0)
    late = [400.0]
    vein = course(model, [Given(100)], LIVER_VALUES, late)
    mouth = course(model, [Given(100, "oral")], LIVER_VALUES, late)
    assert vein["area"][0] == pytest.approx(100 / clearance, rel=1e-9)
    assert mouth["area"][0] == pytest.approx(100 * passed_gut * passed_liver / clearance, rel=1e-9)
    assert vein["made"][0] == pytest.approx(100, rel=1e-9)
    assert mouth["made"][0] == pytest.approx(100, rel=1e-9)


def test_a_liver_without_enzymes_lets_everything_pass() -> None:
    model = bare(LIVER, LIVER_UNITS, {"area": ("area", "mg/L*h"), "all": ("central + liver + gut + depot", "mg")})
    values = {**LIVER_VALUES, "CLint": 0.0, "CLintg": 0.0}
    np.testing.assert_allclose(course(model, [Given(100, "oral")], values, TIMES)["all"], 100, rtol=1e-9)


def test_a_metabolite_formed_with_delay_comes_later_by_the_mean_of_the_chain() -> None:
    body = """[odes]
area = "M_central"
moment = "t * M_central"
[states.area]
unit = "mg*h"
[states.moment]
unit = "mg*h^2"
[[structures]]
use = "transit-chain"
prefix = "D_"
length = 4
input = "fm * CL / V1 * central"
to = "M_central"
[[structures]]
use = "one-compartment"
prefix = "M_"
with = { CL = "CLm", V1 = "Vm" }
"""
    outputs = {"area": ("area", "mg*h"), "mean": ("moment / area", "h")}
    units = {**UNITS, "fm": "", "k": "1/h", "CLm": "L/h", "Vm": "L"}
    values = {**BODY, "fm": 0.3, "k": 0.8, "CLm": 4.0, "Vm": 10.0}
    run = course(bare(body + CENTRAL, units, outputs), [Given(100)], values, [300.0])
    assert run["area"][0] == pytest.approx(0.3 * 100 / 0.4, rel=1e-9)
    assert run["mean"][0] == pytest.approx(1 / K + 4 / 0.8 + 1 / 0.4, rel=1e-9)


def test_extraction_as_formulas_agrees_with_the_compartments() -> None:
    ratio = Expression.read("fu * CLint / (QH + fu * CLint)")
    extraction = float(ratio.evaluate(LIVER_VALUES))
    states = expand("well-stirred-liver", extra={"to": "central"}).states
    steady = 90.0 * 2.0 * 1.5 / (90.0 + 80.0)  # mg in a liver reached by 2 mg/L
    assert states[0].equation.evaluate({**LIVER_VALUES, "C": 2.0, "liver": steady}) == pytest.approx(0, abs=1e-9)
    assert steady / 1.5 == pytest.approx(2.0 * (1 - extraction), rel=1e-12)
