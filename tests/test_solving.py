"""Stepped against exact on every linear model, and against another integrator on nonlinear ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from bare_models import bare_model
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import Action, Running, events
from numpy.typing import NDArray
from structure_runs import bare

import pkpd
from benchmarks import references
from benchmarks.peers import pkpd_public
from benchmarks.workloads import WORKLOADS
from pkpd import simulation
from pkpd.errors import SimulationError, UnknownName
from pkpd.kernels import adaptive
from pkpd.model import library
from pkpd.model.program import compiled
from pkpd.times import TICKS_PER_HOUR

Floats = NDArray[np.float64]
METHODS = ["explicit", "stiff"]
DAY = "0 to 24 h by 20 min"


def exact_to(relative: float, method: str | None = None) -> pkpd.Tolerance:
    return pkpd.Tolerance(relative=relative, method=method)


def worst(found: Floats, expected: Floats) -> float:
    """Largest difference as a fraction of the peak of its output and subject."""
    peak = np.abs(expected).max(axis=1, keepdims=True)
    assert np.array_equal(
        found[np.broadcast_to(peak, found.shape) == 0], expected[np.broadcast_to(peak, found.shape) == 0]
    )
    return float((np.abs(found - expected) / np.where(peak == 0, 1.0, peak)).max())


# Linear models: the exact solution

TYPICAL = {"L/h": 5.0, "L": 20.0, "1/h": 0.7, "": 0.6, "h": 1.5}


def population_of(model: pkpd.Model) -> Any:
    if any(parameter.value is not None for parameter in model.parameters.values()):
        return pkpd.Population.typical()
    return {name: [TYPICAL[one.unit] * (1 + number / 7)] for number, (name, one) in enumerate(model.parameters.items())}


def amount_of(model: pkpd.Model, route: str, usual: float) -> float:
    """A dose a route takes, mg: the usual one, or two of the units it comes in."""
    unit = model.routes[route].unit_dose
    return usual if unit is None else 2 * (model.parameters[unit].value or 0)


LINEAR = [name for name in (*library.names("pk"), *library.names("generic")) if compiled(pkpd.load(name)).is_linear]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", LINEAR)
def test_linear_models_of_the_library(name: str, method: str) -> None:
    model = pkpd.load(name)
    model = model.beyond(*{limit.name for limit in model.validity if limit.hard})
    form = "s-ketamine" if "S" in model.forms and "racemate" not in model.forms else "ketamine"
    ways = [
        f"{form} {amount_of(model, route, 20 + number)} mg {route} bolus every 6 h for 3 doses"
        for number, route in enumerate(model.routes)
    ]
    regimen = " and ".join([*ways, f"{form} 30 mg iv over 90 min starting at 4 h"])
    people = population_of(model)
    expected = pkpd.simulate(model, regimen, people, DAY).array
    found = pkpd.simulate(model, regimen, people, DAY, tolerance=exact_to(1e-10, method)).array
    assert not np.array_equal(found, expected)  # it is another way
    assert worst(found, expected) < 1e-9
    usual = pkpd.simulate(model, regimen, people, DAY, tolerance=pkpd.Tolerance(method=method)).array
    assert worst(usual, expected) < 3e-6


@st.composite
def networks(draw: st.DrawFn) -> tuple[pkpd.Model, dict[str, list[float]]]:
    """Two to five states, any flows between them and out; two routes, one with lag and bioavailability."""
    states = [f"s{n}" for n in range(draw(st.integers(2, 5)))]
    pairs = [(a, b) for a in states for b in states if a != b]
    flows = sorted(set(draw(st.lists(st.sampled_from(pairs), min_size=len(states) - 1, max_size=7))))
    rates: dict[str, list[float]] = {"F": [draw(st.floats(0.1, 1.0))], "lag": [draw(st.integers(0, 90)) / 60]}
    equations = dict.fromkeys(states, "0 * k_out * s0")
    for number, (a, b) in enumerate([*flows, (draw(st.sampled_from(states)), "")]):
        name = f"k{number}" if b else "k_out"
        rates[name] = [10 ** draw(st.floats(-1.5, 1.5))]
        equations[a] += f" - {name} * {a}"
        if b:
            equations[b] += f" + {name} * {a}"
    units = {name: {"F": "1", "lag": "h"}.get(name, "1/h") for name in rates}
    outputs = {state: (state, "mg") for state in states}
    return bare_model(equations, units, outputs, {"iv": "s0", "oral": (states[-1], "F", "lag")}), rates


@pytest.mark.parametrize("method", METHODS)
@settings(derandomize=True, deadline=None, max_examples=12)
@given(networks())
def test_random_linear_models(method: str, drawn: tuple[pkpd.Model, dict[str, list[float]]]) -> None:
    model, rates = drawn
    regimen = "10 mg iv bolus and 30 mg oral bolus every 5 h for 3 doses and 40 mg iv over 3 h starting at 2 h"
    expected = pkpd.simulate(model, regimen, rates, DAY).array
    found = pkpd.simulate(model, regimen, rates, DAY, tolerance=exact_to(1e-10, method)).array
    assert worst(found, expected) < 1e-8


def test_before_or_after_a_dose() -> None:
    model = pkpd.load("two-compartment-oral")
    regimen, times = "20 mg iv bolus every 3 h for 4 doses", "0 to 12 h by 90 min"
    for before in (False, True):
        both = [
            pkpd.simulate(model, regimen, population_of(model), times, before_dose=before, tolerance=tolerance).array
            for tolerance in (None, exact_to(1e-10, "explicit"))
        ]
        assert worst(both[1], both[0]) < 1e-9


# Nonlinear models: another integrator

SATURABLE = bare_model(
    {"depot": "-ka * depot", "central": "ka * depot - Vmax * (central / V) / (Km + central / V)"},
    {"ka": "1/h", "Vmax": "mg/h", "Km": "mg/L", "V": "L", "F": "1", "lag": "h"},
    {"drug": ("central / V", "mg/L"), "depot": ("depot", "mg")},
    {"iv": "central", "oral": ("depot", "F", "lag")},
)
VALUES = {"ka": 1.2, "Vmax": 8.0, "Km": 0.6, "V": 12.0, "F": 0.7, "lag": 0.4}
MIXED = (
    "20 mg iv bolus and 60 mg iv over 3 h starting at 2 h and 40 mg oral bolus every 6 h for 3 doses starting at 1 h"
)
HOURS = sorted({*np.linspace(0, 30, 61), 1.4, 7.4, 13.4})


def table(values: Mapping[str, float]) -> dict[str, list[float]]:
    return {name: [value] for name, value in values.items()}


def saturable(_: float, x: Floats) -> Floats:
    gone = VALUES["Vmax"] * x[1] / (VALUES["Km"] * VALUES["V"] + x[1])
    return np.array([-1.2 * x[0], 1.2 * x[0] - gone])


def expected_saturable() -> Floats:
    given_ = [Action(0.0, "add", 1, 20.0), *(Action(1.4 + 6 * n, "add", 0, 28.0) for n in range(3))]
    depot, central = events(saturable, [0.0, 0.0], given_, [Running(2.0, 5.0, 1, 20.0)], HOURS)
    return np.stack([central / 12.0, depot])


@pytest.mark.parametrize(
    ("method", "relative", "precision"),
    [(None, 1e-5, 1e-6), (None, 1e-10, 1e-9), ("explicit", 1e-10, 1e-9), ("stiff", 1e-10, 1e-9), ("stiff", 1e-5, 2e-6)],
)
def test_saturable_elimination(method: str | None, relative: float, precision: float) -> None:
    result = pkpd.simulate(SATURABLE, MIXED, table(VALUES), (HOURS, "h"), tolerance=exact_to(relative, method))
    assert worst(result.array[:, :, 0], expected_saturable()) < precision


SUBJECTS = 5


@pytest.mark.parametrize(("relative", "precision"), [(None, 1e-6), (1e-10, 1e-9)], ids=["usual", "exact"])
@pytest.mark.parametrize("name", ["W3", "W4"])
def test_benchmark_models(name: str, relative: float | None, precision: float) -> None:
    workload = WORKLOADS[name]
    expected = references.reference(name, SUBJECTS)
    values = dict(zip(workload.columns, workload.table(SUBJECTS).T, strict=True))
    result = pkpd.simulate(
        pkpd_public.model(name), pkpd_public.REGIMENS[name], values, (workload.hours, "h"),
        tolerance=None if relative is None else exact_to(relative),
    )  # fmt: skip
    found = pkpd_public.arrange(workload, result.array)
    of_peak, _ = references.errors(found, expected)
    assert of_peak < precision


CLOCKED = bare(
    '[states.rhythm]\nunit = "mg"\ninitial = "start"\n[odes]\ncentral = "-k * (1 + exp(-w * t)) * central"\n'
    'rhythm = "w * central * t * w - k * rhythm * (1 + t * w) / (1 + rhythm / start) - kin * step(t - late)"\n',
    {"k": "1/h", "w": "1/h", "start": "mg", "kin": "mg/h", "late": "h"},
    {"central": ("central", "mg"), "rhythm": ("rhythm * (1 + w * t)", "mg")},
)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("relative", "precision"), [(1e-5, 1e-5), (1e-10, 2e-9)])
def test_time_in_equations_and_a_starting_value(method: str, relative: float, precision: float) -> None:
    """An infusion begins at the hour of the step, so that the step is met."""
    k, w, start, kin, late = 0.4, 0.3, 5.0, 0.2, 6.0

    def slope(t: float, x: Floats) -> Floats:
        gone = k * x[1] * (1 + t * w) / (1 + x[1] / start)
        return np.array([-k * (1 + np.exp(-w * t)) * x[0], w * x[0] * t * w - gone - kin * (t >= late)])

    hours = np.linspace(0, 15, 46).tolist()
    doses = [Action(0.0, "add", 0, 30.0)]
    expected = np.empty((2, 46))
    early = [hour for hour in hours if hour < late]
    expected[:, : len(early)] = events(slope, [0.0, start], doses, [], early)
    expected[:, len(early) :] = events(
        slope, [0.0, start], doses, [Running(late, 9.0, 0, 5.0)], hours
    )[:, len(early) :]  # fmt: skip
    expected[1] *= 1 + w * np.array(hours)
    values = {"k": k, "w": w, "start": start, "kin": kin, "late": late}
    regimen = "30 mg iv bolus and 15 mg iv over 3 h starting at 6 h"
    result = pkpd.simulate(CLOCKED, regimen, table(values), (hours, "h"), tolerance=exact_to(relative, method))
    assert worst(result.array[:, :, 0], expected) < precision
    assert result.array[1, 0, 0] == start


@pytest.mark.parametrize("speed", [1e2, 1e4, 1e6, 1e9])
@pytest.mark.parametrize("relative", [1e-5, 1e-7])
def test_states_that_follow_at_once_are_as_exact_as_others(speed: float, relative: float) -> None:
    """y' = f (x^2 - y), x = 2 exp(-k t): y = 4 f / (f - 2 k) (exp(-2 k t) - exp(-f t)), between steps as well."""
    model = bare_model(
        {"central": "-k * central", "fast": "f * (central * central / a - fast)"},
        {"k": "1/h", "f": "1/h", "a": "mg"},
        {"fast": ("fast", "mg")},
        {"iv": "central"},
    )
    hours = np.linspace(0.1, 24, 240)
    values = table({"k": 0.1, "f": speed, "a": 1.0})
    found = pkpd.simulate(model, "2 mg iv bolus", values, (hours, "h"), tolerance=exact_to(relative, "stiff"))
    expected = 4 * speed / (speed - 0.2) * (np.exp(-0.2 * hours) - np.exp(-speed * hours))
    assert worst(found.array[:, :, 0], expected[None]) < 10 * relative


RESPONSE = {
    "CL": 4.0, "V1": 20.0, "Q2": 6.0, "V2": 40.0, "ka": 1.1, "kin": 5.0, "kout": 0.3, "Imax": 0.9, "IC50": 0.2,
    "Hill": 1.5,
}  # fmt: skip


def test_the_linear_part_of_a_nonlinear_model_stays_exact() -> None:
    """Levels are the bits of the model without a response, at any tolerance; the response follows them."""
    kinetics, whole = pkpd.load("two-compartment-oral"), pkpd.load("two-compartment-indirect-response")
    regimen = "20 mg iv over 1 h and 30 mg oral bolus every 8 h for 2 doses starting at 3 h"
    alone = pkpd.simulate(kinetics, regimen, {name: [RESPONSE[name]] for name in kinetics.parameters}, DAY).array[0]
    for tolerance in (None, exact_to(1e-3), exact_to(1e-10)):
        both = pkpd.simulate(whole, regimen, table(RESPONSE), DAY, tolerance=tolerance)
        assert np.array_equal(both.array[0], alone)
    forced = pkpd.simulate(whole, regimen, table(RESPONSE), DAY, tolerance=exact_to(1e-5, "explicit"))
    assert not np.array_equal(forced.array[0], alone)
    assert worst(forced.array, both.array) < 3e-6


def test_linear_models_take_no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("steps were taken")

    monkeypatch.setattr(adaptive, "solve", refused)
    model = pkpd.load("two-compartment")
    pkpd.simulate(model, "20 mg iv bolus", population_of(model), DAY)
    pkpd.simulate(model, "20 mg iv bolus", population_of(model), DAY, tolerance=exact_to(1e-3))
    with pytest.raises(AssertionError, match="steps were taken"):
        pkpd.simulate(model, "20 mg iv bolus", population_of(model), DAY, tolerance=exact_to(1e-3, "stiff"))


# Peaks, areas, times above


@pytest.mark.parametrize("vmax", [3.0, 8.0, 30.0])
def test_extremes_of_a_nonlinear_model_against_a_fine_grid(vmax: float) -> None:
    values = VALUES | {"Vmax": vmax}
    subjects = simulation.individuals(SATURABLE, table(values))
    level, end = 1.0, 24
    found = simulation.extremes(subjects, pkpd.parse(MIXED), end * TICKS_PER_HOUR, {"drug": level, "depot": np.inf})
    hours = np.arange(0, 24.0001, 1 / 1000)
    run = [
        pkpd.simulate(SATURABLE, MIXED, table(values), (hours, "h"), tolerance=exact_to(1e-9), before_dose=before).array
        for before in (False, True)
    ]
    for row, name in enumerate(("drug", "depot")):
        after, left = run[0][row, :, 0], run[1][row, :, 0]
        peak, when, area, above = found[name][:, 0]
        assert peak == pytest.approx(after.max(), rel=2e-5)
        assert when == pytest.approx(hours[after.argmax()], abs=0.02)
        assert area == pytest.approx(((after[:-1] + left[1:]) / 2).sum() / 1000, rel=1e-5)
        expected = ((after[:-1] > level).sum() + (left[1:] > level).sum()) / 2000 if name == "drug" else 0.0
        assert above == pytest.approx(expected, abs=2e-3)


def test_extremes_of_the_linear_part_are_exact() -> None:
    whole, kinetics = pkpd.load("two-compartment-indirect-response"), pkpd.load("two-compartment-oral")
    regimen, end = pkpd.parse("20 mg iv over 1 h and 30 mg oral bolus starting at 3 h"), 24 * TICKS_PER_HOUR
    subjects = simulation.individuals(whole, table(RESPONSE))
    found = simulation.extremes(subjects, regimen, end, {"response": 10.0, "drug": 0.3})
    alone = simulation.individuals(kinetics, {name: [RESPONSE[name]] for name in kinetics.parameters})
    assert np.array_equal(found["drug"], simulation.extremes(alone, regimen, end, {"drug": 0.3})["drug"])
    assert list(found) == ["response", "drug"]
    start = RESPONSE["kin"] / RESPONSE["kout"]
    assert found["response"][0, 0] == pytest.approx(start, rel=1e-5)  # drug only lowers it


# Tolerances


def test_each_state_may_have_its_own_tolerance() -> None:
    """Slack for the depot that nothing else needs exactly shows there and not in the centre."""
    loose = pkpd.Tolerance(relative=1e-9, absolute={"depot": 5.0}, method="explicit")
    model = bare_model(
        {"depot": "-ka * depot", "central": "-Vmax * (central / V) / (Km + central / V)"},
        {"ka": "1/h", "Vmax": "mg/h", "Km": "mg/L", "V": "L"},
        {"depot": ("depot", "mg"), "central": ("central", "mg")},
        {"iv": "central", "oral": "depot"},
    )
    regimen = "40 mg iv bolus and 40 mg oral bolus"
    values = table({"ka": 40.0, "Vmax": 8.0, "Km": 2.0, "V": 10.0})
    exact = pkpd.simulate(model, regimen, values, DAY, tolerance=exact_to(1e-11, "explicit")).array
    found = pkpd.simulate(model, regimen, values, DAY, tolerance=loose).array
    assert worst(found[1:], exact[1:]) < 1e-7
    assert worst(found[:1], exact[:1]) > 1e-4


def test_what_a_tolerance_of_states_holds() -> None:
    states = ("a", "b", "c")
    assert pkpd.Tolerance(relative=1e-6).of_states(states).tolist() == [1e-9] * 3
    assert pkpd.Tolerance(absolute=0.5).of_states(states).tolist() == [0.5] * 3
    assert pkpd.Tolerance(relative=1e-4, absolute={"b": 2.0}).of_states(states) == pytest.approx([1e-7, 2.0, 1e-7])


Wrong = Callable[[], pkpd.Tolerance]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: pkpd.Tolerance(relative=0.0), "relative is 0.0; it must be a number above 0"),
        (lambda: pkpd.Tolerance(relative=-1e-6), "relative is -1e-06; it must be a number above 0"),
        (lambda: pkpd.Tolerance(relative=float("nan")), "relative is nan; it must be a number above 0"),
        (lambda: pkpd.Tolerance(relative=float("inf")), "relative is inf; it must be a number above 0"),
        (lambda: pkpd.Tolerance(relative=True), "relative is True; it must be a number above 0"),
        (lambda: pkpd.Tolerance(relative="1e-6"), "relative is '1e-6'; it must be a number above 0"),  # type: ignore[arg-type]
        (lambda: pkpd.Tolerance(relative=1e-20), "relative is 1e-20; numbers of 16 digits can meet 1e-13 to 0.1"),
        (lambda: pkpd.Tolerance(relative=0.5), "relative is 0.5; numbers of 16 digits can meet 1e-13 to 0.1"),
        (lambda: pkpd.Tolerance(absolute=0.0), "absolute is 0.0; it must be a number above 0"),
        (lambda: pkpd.Tolerance(absolute={"a": -1.0}), "absolute is -1.0; it must be a number above 0"),
        (lambda: pkpd.Tolerance(steps=0), "steps is 0; it must be a whole number from 1 on"),
        (lambda: pkpd.Tolerance(steps=1e5), "steps is 100000.0; it must be a whole number from 1 on"),  # type: ignore[arg-type]
    ],
)
def test_tolerances_that_mean_nothing_are_refused(wrong: Wrong, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        wrong()


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match='(?s)tolerance.*"stif".*stiff'):
        pkpd.Tolerance(method="stif")
    wrong = pkpd.Tolerance(absolute={"centrl": 1e-6})
    with pytest.raises(UnknownName, match='(?s)tolerance, absolute.*"centrl".*central'):
        pkpd.simulate(SATURABLE, MIXED, table(VALUES), DAY, tolerance=wrong)
    with pytest.raises(SimulationError, match="tolerance: 1e-06 is not one. Write pkpd.Tolerance"):
        pkpd.simulate(SATURABLE, MIXED, table(VALUES), DAY, tolerance=1e-6)  # type: ignore[arg-type]
