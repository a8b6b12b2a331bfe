"""What a route makes of a dose: shares, lags, modelled rates and durations, several ways; and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bare_models import bare_model
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import pkpd
from pkpd.errors import SimulationError
from pkpd.model.expressions import Expression
from pkpd.model.model import Route

PLAIN = bare_model(
    {"depot": "-ka * depot", "central": "ka * depot - ke * central"},
    {"ka": "1/h", "ke": "1/h", "F": "1", "D": "h", "R": "mg/h", "late": "h"},
    {"central": ("central", "mg"), "depot": ("depot", "mg")},
    {"im": "depot", "iv": "central"},
)
TIMES = "0 to 12 h by 15 min"


def with_route(**ways: Any) -> pkpd.Model:
    """The plain model with a route "oral" into the central state."""
    route = Route("oral", {"*": "central"}, **ways)
    return replace(PLAIN, routes={**PLAIN.routes, "oral": route})


def run(model: pkpd.Model, regimen: str, subjects: int = 1, **parameters: Any) -> NDArray[np.float64]:
    """Amounts in depot and central, (2, times, subjects)."""
    values = {"ka": 1.2, "ke": 0.3, "F": 1.0, "D": 1.0, "R": 10.0, "late": 0.0, **parameters}
    table = {name: np.broadcast_to(value, subjects) for name, value in values.items()}
    return pkpd.simulate(model, regimen, table, TIMES).array


def close(found: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    assert np.abs(found - expected).max() <= 1e-11 * np.abs(expected).max()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 600), st.floats(0.05, 1.0), st.integers(0, 120))
def test_a_modelled_duration_is_an_infusion_of_what_is_bioavailable(minutes: int, share: float, late: int) -> None:
    model = with_route(duration="D", bioavailability="F", lag="late")
    found = run(model, "100 mg oral bolus every 8 h for 2 doses", D=minutes / 60, F=share, late=late / 60)
    course = f"{100 * share!r} mg iv over {minutes} min starting at {late} min every 8 h for 2 doses"
    close(found, run(PLAIN, course))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 500), st.floats(0.05, 1.0), st.sampled_from([50.0, 70.0, 91.0]))
def test_a_modelled_rate_ends_when_what_is_bioavailable_is_in(rate: int, share: float, weight: float) -> None:
    found = run(with_route(rate="R", bioavailability="F"), "2 mg/kg oral bolus", R=float(rate), F=share, weight=weight)
    seconds = 3600 * 2 * weight * share / rate
    expected = run(PLAIN, f"{2 * weight * share!r} mg iv over {seconds!r} s", weight=weight)
    assert np.abs(found - expected).max() <= 1e-9 * expected.max()


def test_subjects_with_durations_of_their_own() -> None:
    lengths = np.array([0.5, 2.0, 0.5, 0.0, 3.7])
    together = run(with_route(duration="D"), "100 mg oral bolus", 5, D=lengths)
    for number, length in enumerate(lengths):
        course = f"100 mg iv over {length:g} h" if length else "100 mg iv bolus"
        close(together[:, :, [number]], run(PLAIN, course))
        assert np.array_equal(together[:, :, [number]], run(with_route(duration="D"), "100 mg oral bolus", D=length))


def test_many_subjects_give_what_each_gives_alone() -> None:
    """Whether events are remembered or made anew, the numbers are the same."""
    shares = np.linspace(0.1, 1.0, 100)
    lengths = np.where(np.arange(100) % 2, 1.5, 2.5)
    model = with_route(duration="D", bioavailability="F")
    together = run(model, "100 mg oral bolus", 200, F=np.tile(shares, 2), D=np.tile(lengths, 2))
    for number in (0, 1, 57, 99):
        alone = run(model, "100 mg oral bolus", F=shares[number], D=lengths[number])
        assert np.array_equal(together[:, :, [number]], alone)
        assert np.array_equal(together[:, :, [number + 100]], alone)


def test_every_way_takes_the_whole_dose_times_its_share() -> None:
    """Mixed absorption: a part through the depot, a part evenly into the blood, later."""
    depot = Route("oral", {"*": "depot"}, bioavailability="F")
    model = with_route(duration="D", lag="late", also=(depot,))
    found = run(model, "100 mg oral bolus", F=0.25, D=2.0, late=1.0)
    close(found, run(PLAIN, "25 mg im bolus and 100 mg iv over 2 h starting at 1 h"))


def test_a_prescribed_length_on_such_a_route_is_refused() -> None:
    for model in (with_route(duration="D"), with_route(rate="R"), with_route(also=(Route("oral", {}, rate="R"),))):
        with pytest.raises(SimulationError, match="the model itself says how long .* route oral .* as a bolus"):
            run(model, "100 mg oral over 2 h")
    assert run(with_route(), "100 mg oral over 2 h").any()


@pytest.mark.parametrize(
    ("what", "name", "value", "allowed"),
    [("bioavailability", "F", -0.5, "0 or more"), ("rate", "R", 0.0, "above 0")],
)
def test_impossible_numbers_are_refused(what: str, name: str, value: float, allowed: str) -> None:
    message = f"{name}, the {what} of the route oral, is .* for subject 1. It is {allowed}"
    with pytest.raises(SimulationError, match=message):
        run(with_route(**{what: name}), "100 mg oral bolus", 3, **{name: [1.0, value, 1.0]})


@pytest.mark.parametrize("regimen", ["10 mg oral every 12 h for 2 doses", "10 mg oral and 5 mg oral starting at 3 h"])
def test_a_state_that_counts_from_its_dose_takes_one(regimen: str) -> None:
    model = pkpd.load("one-compartment-gamma-transit")
    with pytest.raises(SimulationError, match=r"2 doses go into .*, which takes one, .*Give one dose"):
        pkpd.simulate(model, regimen, dict.fromkeys(model.parameters, 1.0), "0 to 6 h by 1 h")
    pkpd.simulate(model, "10 mg oral", dict.fromkeys(model.parameters, 1.0), "0 to 6 h by 1 h")


def by_dose(text: str = "F * dose / (dose + R * D)", **ways: Any) -> pkpd.Model:
    """The plain model with an oral route whose bioavailability depends on the dose."""
    share = {"half": Expression.read("R * D"), "share": Expression.read(text)}
    return replace(with_route(bioavailability="share", **ways), of_dose=share)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.floats(1.0, 500.0), st.floats(0.1, 1.0), st.floats(1.0, 100.0), st.integers(1, 3))
def test_a_dose_arrives_by_its_own_size(dose: float, most: float, half: float, count: int) -> None:
    every = f"every 3 h for {count} doses" if count > 1 else ""
    for text in ("F * dose / (dose + R * D)", "F * dose / (dose + half)"):
        found = run(by_dose(text), f"{dose!r} mg oral {every} and {2 * dose!r} mg oral starting at 8 h", F=most, R=half)
        alone, double = (by * dose * most * by * dose / (by * dose + half) for by in (1, 2))
        close(found, run(PLAIN, f"{alone!r} mg iv {every} and {double!r} mg iv starting at 8 h"))


def test_the_dose_is_that_of_each_subject_as_base() -> None:
    weights = np.array([50.0, 70.0, 100.0])
    found = run(by_dose(), "ketamine hcl 1 mg/kg oral, at most 80 mg", 3, weight=weights, R=20.0)
    for number, weight in enumerate(weights):
        dose = min(float(weight), 80.0) * 0.867
        close(found[:, :, [number]], run(PLAIN, f"{dose * dose / (dose + 20)!r} mg iv"))


def test_remembered_events_know_the_dose() -> None:
    """Two regimens, and two values of what the share reads, are not taken for each other."""
    model = by_dose()
    for dose, half in [(10.0, 5.0), (20.0, 5.0), (10.0, 50.0), (10.0, 5.0)]:
        for _ in range(2):
            found = run(model, f"{dose:g} mg oral", R=half)
            close(found, run(PLAIN, f"{dose * dose / (dose + half)!r} mg iv"))


def test_many_subjects_with_shares_by_dose_give_what_each_gives_alone() -> None:
    halves = np.linspace(1, 50, 100)
    together = run(by_dose(duration="D"), "100 mg oral", 200, R=np.tile(halves, 2))
    for number in (0, 57, 99):
        alone = run(by_dose(duration="D"), "100 mg oral", R=halves[number])
        assert np.array_equal(together[:, :, [number]], alone)
        assert np.array_equal(together[:, :, [number + 100]], alone)


def test_a_modelled_rate_ends_when_what_arrives_of_the_dose_is_in() -> None:
    found = run(by_dose("F * dose / (dose + ke * dose)", rate="R"), "26 mg oral", F=1.0, ke=0.3, R=10.0)
    expected = run(PLAIN, "10 mg/h iv over 2 h")
    assert np.abs(found - expected).max() <= 1e-9 * expected.max()


def test_a_share_that_is_no_number_is_refused() -> None:
    with pytest.raises(SimulationError, match="share, the bioavailability of the route oral, is -10 for subject 0"):
        run(by_dose("-dose / D"), "10 mg oral")
    with pytest.raises(SimulationError, match="share, the bioavailability of the route oral, is nan for subject 0"):
        run(by_dose("F * log(-dose / D)"), "10 mg oral")
