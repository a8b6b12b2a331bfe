"""What must hold of every simulation: linearity, balance, clocks, routes, results - and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from bare_models import bare_model
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import Given, bateman, decay, filling, mammillary, response
from numpy.typing import NDArray

import pkpd
from pkpd.errors import PkpdError, SimulationError, UnitError, UnknownName

KAMP = pkpd.load("kamp2020-ketamine")
DEFAULT = KAMP.with_effects(*pkpd.default_effects())
FAST = KAMP.with_effects(pkpd.load_effect("fast-relief"), pkpd.load_effect("slow-relief"))
TIMES = "0 to 12 h by 15 min"
INFUSION = "35 mg iv over 40 min"

BALANCED = bare_model(
    {
        "central": "-(k10 + k12 + km) * central + k21 * peripheral",
        "peripheral": "k12 * central - k21 * peripheral",
        "metabolite": "km * central - ke * metabolite",
        "eliminated": "k10 * central + ke * metabolite",
    },
    dict.fromkeys(("k10", "k12", "k21", "km", "ke"), "1/h"),
    {name: (name, "mg") for name in ("central", "peripheral", "metabolite", "eliminated")},
    {"iv": "central", "im": "peripheral"},
)
RATES = {"k10": [1.1], "k12": [6.0], "k21": [0.7], "km": [2.0], "ke": [0.05]}

ROUTES = bare_model(
    {"depot": "-ka * depot", "central": "ka * depot - ke * central"},
    {"ka": "1/h", "ke": "1/h", "F": "1", "late": "h"},
    {"central": ("central", "mg")},
    {"oral": ("depot", "F", "late"), "im": ("central", "F", ""), "iv": "central"},
)
ABSORPTION: dict[str, Any] = {"ka": [1.3], "ke": [0.4], "F": [0.25], "late": [0.5]}


def run(
    regimen: Any, model: pkpd.Model = FAST, population: Any = None, times: Any = TIMES, **options: Any
) -> NDArray[np.float64]:
    """Concentrations of everything, canonical."""
    return pkpd.simulate(model, regimen, population, times, **options).array


def close(found: NDArray[np.float64], expected: NDArray[np.float64], precision: float = 1e-12) -> None:
    """Equal to a fraction of each quantity's peak."""
    peak = np.abs(expected).max(axis=tuple(range(1, expected.ndim)), keepdims=True)
    assert np.all(np.abs(found - expected) <= precision * peak)


# Linear kinetics


@pytest.mark.parametrize("factor", [2.0, 0.1, 1000.0])
def test_dose_linearity(factor: float) -> None:
    close(run(f"{35 * factor} mg iv over 40 min"), factor * run(INFUSION))


def test_superposition() -> None:
    parts = [
        "ketamine 20 mg iv bolus",
        "s-ketamine 10 mg iv over 2 h starting at 1 h",
        "5 mg/h r-ketamine iv over 3 h",
        "ketamine 3 mg iv bolus every 2 h for 4 doses",
    ]
    close(run(" and ".join(parts)), np.sum([run(part) for part in parts], axis=0))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(0.1, 100), st.integers(0, 300), st.integers(0, 200)), min_size=2, max_size=4))
def test_superposition_of_random_doses(doses: list[tuple[float, int, int]]) -> None:
    texts = [
        f"{amount} mg iv {f'over {length} min' if length else 'bolus'} starting at {start} min"
        for amount, start, length in doses
    ]
    # An infusion of minutes into a site of days leaves about twelve digits.
    close(run(" and ".join(texts)), np.sum([run(text) for text in texts], axis=0), precision=5e-11)


@pytest.mark.parametrize("later", [1, 37, 60 * 24 * 30])
def test_time_shift(later: int) -> None:
    minutes = np.arange(0, 600, 15)
    early = run("20 mg iv bolus and 10 mg iv over 1 h starting at 2 h", times=(minutes, "min"))
    late = run(
        f"20 mg iv bolus starting at {later} min and 10 mg iv over 1 h starting at {later + 120} min",
        times=(minutes + later, "min"),
    )
    close(late, early)
    assert not run("20 mg iv bolus starting at 1 h", times="0 to 59 min by 1 min").any()


def test_splitting_an_infusion_changes_nothing() -> None:
    whole = run("10 mg/h iv over 6 h")
    close(run("10 mg/h iv over 1 h then 10 mg/h over 2.5 h then 10 mg/h over 150 min"), whole)
    close(run("4 mg/h iv over 6 h and 6 mg/h iv over 6 h"), whole)
    close(run("60 mg iv over 6 h"), whole)


def test_order_of_simultaneous_doses_is_irrelevant() -> None:
    doses = [
        "ketamine 20 mg iv bolus starting at 1 h",
        "s-ketamine 5 mg iv bolus starting at 1 h",
        "ketamine 10 mg iv over 2 h starting at 1 h",
        "ketamine 6 mg iv over 1 h",
    ]
    first = run(" and ".join(doses), times="0 to 4 h by 30 min")
    for order in (doses[::-1], doses[2:] + doses[:2]):
        assert np.array_equal(run(" and ".join(order), times="0 to 4 h by 30 min"), first)


def test_a_bolus_is_the_limit_of_short_infusions() -> None:
    times = (np.linspace(0.5, 12, 24), "h")
    close(run("35 mg iv over 1 s", times=times), run("35 mg iv bolus", times=times), 1e-3)


@pytest.mark.parametrize("regimen", ["100 mg iv bolus", "100 mg iv over 3 h", "60 mg iv over 2 h and 40 mg im bolus"])
def test_mass_balance(regimen: str) -> None:
    """What is in the body and what has left it are what was given so far."""
    hours = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 10.0, 200.0, 2000.0])
    total = run(regimen, BALANCED, RATES, (hours, "h")).sum(axis=0)[:, 0]
    given_so_far = {"100 mg iv bolus": np.full(8, 100.0), "100 mg iv over 3 h": 100 * np.minimum(hours / 3, 1)}.get(
        regimen, 40 + 60 * np.minimum(hours / 2, 1)
    )
    assert total == pytest.approx(given_so_far, rel=1e-11, abs=1e-9)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.floats(-2, 2), min_size=5, max_size=5), st.integers(0, 300))
def test_mass_balance_and_positivity_of_random_rates(powers: list[float], minutes: int) -> None:
    table = {name: [10.0**power] for name, power in zip(RATES, powers, strict=True)}
    found = run(f"100 mg iv {f'over {minutes} min' if minutes else 'bolus'}", BALANCED, table, "0 to 24 h by 30 min")
    assert np.all(found >= 0)
    hours = np.arange(0, 24.25, 0.5)
    expected = 100 * np.minimum(hours / (minutes / 60), 1) if minutes else np.full(len(hours), 100.0)
    assert found.sum(axis=0)[:, 0] == pytest.approx(expected, rel=1e-10, abs=1e-8)


def test_against_the_obvious_simulator() -> None:
    network = mammillary(2)
    rates = {"k10": 84 / 25, "k12": 161 / 25, "k21": 161 / 56, "k13": 79 / 25, "k31": 79 / 157}
    hours = np.array([0.25, 0.5, 1.0, 2.0, 5.0, 24.0])
    found = run("30 mg iv bolus and s-ketamine 8 mg iv over 90 min starting at 15 min", KAMP, None, (hours, "h"))
    doses = [Given("central", 0, 0, 15.0), Given("central", 0.25, 1.5, 8.0)]
    expected = [sum(response(network.matrix(rates), 0, dose, t)[0] for dose in doses) / 25 for t in hours]
    assert found[0, :, 0] == pytest.approx(np.array(expected), rel=1e-11)


def test_positivity() -> None:
    assert np.all(run(INFUSION, times=(np.geomspace(1e-3, 3000, 300), "h")) >= 0)


def test_no_treatment_is_nothing() -> None:
    assert not run("no treatment").any()


def test_before_and_after_a_dose() -> None:
    """At the time of a bolus: its left limit, or the value after it; an infusion makes no jump."""
    times = ["1 h", "2 h"]
    regimen = "25 mg s-ketamine iv bolus starting at 1 h and 10 mg iv over 2 h"
    after = run(regimen, KAMP, times=times)[0, :, 0]
    before = run(regimen, KAMP, times=times, before_dose=True)[0, :, 0]
    assert after - before == pytest.approx([1.0, 0.0], rel=1e-12, abs=1e-15)
    close_by = run(regimen, KAMP, times=(np.array([3600 - 1e-6]), "s"))[0, 0, 0]
    assert before[0] == pytest.approx(close_by, rel=1e-7)


def test_before_the_first_dose_there_is_nothing() -> None:
    assert not run("25 mg iv bolus", KAMP, times=["0 h"], before_dose=True).any()


# People


def test_a_weight_scaled_dose_equals_the_explicit_one() -> None:
    people = pkpd.Population(60, seed=5)
    scaled = pkpd.simulate(FAST, "0.5 mg/kg iv over 40 min then 0.1 mg/kg/h over 2 h", people, TIMES)
    weights = scaled.individuals.weight.tolist()
    explicit = [f"{0.5 * w} mg iv over 40 min then {0.1 * w} mg/h over 2 h" for w in weights]
    close(scaled.array, run(explicit, FAST, people))
    per70 = run("7 mg/h/70kg iv over 2 h", FAST, people)
    close(per70, run([f"{0.1 * w} mg/h iv over 2 h" for w in weights], FAST, people))


def test_a_cap_holds_the_heavy_ones() -> None:
    table = {"weight": [50.0, 71.0, 72.0, 140.0]}
    found = run("0.35 mg/kg/h iv over 4 h at most 25 mg/h", KAMP, table)
    expected = run(
        ["17.5 mg/h iv over 4 h", "24.85 mg/h iv over 4 h", "25 mg/h iv over 4 h", "25 mg/h iv over 4 h"], KAMP, table
    )
    close(found, expected)


def test_per_subject_regimens_and_times_equal_single_runs() -> None:
    """Some regimens and times are shared, some not; every subject comes out as when simulated alone."""
    people = pkpd.Population(7, seed=8)
    regimens = [INFUSION, "20 mg iv bolus", INFUSION, "no treatment", "20 mg iv bolus", "1 mg/kg iv over 1 h", INFUSION]
    hours = np.array([[0.5, 1, 2], [0.5, 1, 2], [0, 0.1, 9], [1, 2, 3], [3, 2, 1], [0.5, 1, 2], [0.5, 1, 2]])
    whole = pkpd.simulate(DEFAULT, regimens, people, (hours, "h"))
    for subject, (regimen, own) in enumerate(zip(regimens, hours, strict=True)):
        alone = pkpd.simulate(DEFAULT, regimen, people.only([subject]), (own, "h"))
        for name in whole.names:
            assert np.array_equal(whole[name][:, subject], alone[name][:, 0]), (name, subject)


def test_tables_and_populations_agree() -> None:
    people = pkpd.simulate(DEFAULT, INFUSION, pkpd.Population(20, seed=3), TIMES)
    table = {
        name: np.broadcast_to(people.individuals.parameters[name], 20) for name in ("CL", "V1", "Q2", "V2", "Q3", "V3")
    }
    table["fast-relief.C50"] = np.asarray(people.individuals.effects["fast-relief"]["C50"])
    table["weight"] = people.individuals.weight
    again = pkpd.simulate(DEFAULT, INFUSION, pandas.DataFrame(table), TIMES)
    assert np.array_equal(again["S-ketamine"], people["S-ketamine"])
    assert np.array_equal(again["fast-relief"], people["fast-relief"])


def test_a_table_s_derived_parameter_wins_over_its_expression() -> None:
    found = pkpd.simulate(KAMP, "r-ketamine 35 mg iv bolus", {"CL_R": [50.0, 84.0]}, ["4 h"])
    same = pkpd.simulate(KAMP, "s-ketamine 35 mg iv bolus", None, ["4 h"])
    assert found["R-ketamine"][0, 1] == pytest.approx(same["S-ketamine"][0, 0], rel=1e-12)
    assert found["R-ketamine"][0, 0] > found["R-ketamine"][0, 1]


def test_exchange_may_be_zero() -> None:
    """Without exchange with one compartment the other two remain."""
    times = (np.array([0.5, 1.0, 4.0]), "h")
    found = run("s-ketamine 35 mg iv bolus", KAMP, {"Q2": [0.0], "Q3": [0.0]}, times)[0, :, 0]
    assert found == pytest.approx(decay(35 / 25, 84 / 25, times[0]), rel=1e-12)


def test_numbers_of_patients() -> None:
    assert np.array_equal(run(INFUSION, FAST, 30), run(INFUSION, FAST, pkpd.Population(30)))
    assert run(INFUSION, FAST).shape[2] == 1


# Routes


def test_lag_and_bioavailability_of_a_route() -> None:
    hours = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 3.0, 8.0])
    found = run("40 mg oral", ROUTES, ABSORPTION, (hours, "h"))[0, :, 0]
    expected = np.where(hours >= 0.5, bateman(10.0, 1.3, 0.4, np.maximum(hours - 0.5, 0)), 0.0)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert run("40 mg im", ROUTES, ABSORPTION, (hours, "h"))[0, :, 0] == pytest.approx(decay(10, 0.4, hours), rel=1e-13)
    assert run("40 mg iv over 1 h", ROUTES, ABSORPTION, (hours, "h"))[0, :, 0] == pytest.approx(
        filling(40, 1.0, 0.4, hours), rel=1e-12, abs=1e-15
    )


def test_lag_and_bioavailability_differ_between_subjects() -> None:
    table = {name: np.full(4, value[0]) for name, value in ABSORPTION.items()}
    table |= {"late": np.array([0.5, 0.0, 1.25, 0.5]), "F": np.array([0.25, 1.0, 0.1, 0.8])}
    hours = np.array([0.25, 0.5, 1.25, 2.0, 6.0, 9.0])
    found = run("40 mg oral every 4 h for 2 doses and 10 mg iv over 1 h", ROUTES, table, (hours, "h"))[0]
    for subject in range(4):
        expected = filling(10, 1.0, 0.4, hours)
        for start in (0, 4):
            since = hours - start - table["late"][subject]
            expected = expected + np.where(
                since >= 0, bateman(40 * table["F"][subject], 1.3, 0.4, np.maximum(since, 0)), 0
            )
        assert found[:, subject] == pytest.approx(expected, rel=1e-11), subject


def test_an_infusion_through_a_lag_keeps_its_length() -> None:
    hours = np.array([0.4, 0.6, 1.0, 1.5, 1.6, 5.0])
    model = bare_model(
        {"central": "-ke * central"},
        {"ke": "1/h", "late": "h"},
        {"central": ("central", "mg")},
        {"sc": ("central", "", "late")},
    )
    found = run("30 mg sc over 1 h", model, {"ke": [0.4], "late": [0.5]}, (hours, "h"))[0, :, 0]
    expected = np.where(hours > 0.5, filling(30, 1.0, 0.4, np.maximum(hours - 0.5, 0)), 0)
    assert found == pytest.approx(expected, rel=1e-12)


def test_forms_go_where_the_model_says() -> None:
    times = ["10 min"]
    racemate, s, r = (
        pkpd.simulate(KAMP, f"{drug} 50 mg iv bolus", None, times) for drug in ("ketamine", "s-ketamine", "r-ketamine")
    )
    assert not s["R-ketamine"].any()
    assert not r["S-ketamine"].any()
    assert racemate["S-ketamine"] == pytest.approx(s["S-ketamine"] / 2, rel=1e-12)
    assert racemate["R-ketamine"] == pytest.approx(r["R-ketamine"] / 2, rel=1e-12)
    hcl = pkpd.simulate(KAMP, "s-ketamine hcl 50 mg iv bolus", None, times)
    assert hcl["S-ketamine"] == pytest.approx(0.867 * s["S-ketamine"], rel=1e-12)


# Results


@pytest.fixture(scope="module")
def result() -> pkpd.Result:
    return pkpd.simulate(DEFAULT, INFUSION, pkpd.Population(50, seed=1), "0 to 2 h by 20 min")


def test_names_and_units(result: pkpd.Result) -> None:
    assert result.names[:4] == ("S-ketamine", "R-ketamine", "ketamine", "S-norketamine")
    assert {"site of fast-relief", "fast-relief", "pain", "relief", "psychotomimetic-reported"} <= set(result.names)
    assert result.unit("S-ketamine") == result.unit("site of slow-relief") == "ng/mL"
    assert result.unit("pain") == "points"
    assert result.unit("relief") == result.unit("fast-relief") == ""
    assert result["S-ketamine"] == pytest.approx(result.array[0] * 1000)
    assert result["ketamine"] == pytest.approx(result["S-ketamine"] + result["R-ketamine"])


def test_pain_and_relief_fit_their_parts(result: pkpd.Result) -> None:
    """Pain is baseline x (1 - placebo) x the product of (1 - relief); what is removed is relief."""
    fast, slow, placebo, start = (
        result[name] for name in ("fast-relief", "slow-relief", "placebo-response", "baseline-pain")
    )
    assert result["pain"] == pytest.approx(start * (1 - placebo) * (1 - fast) * (1 - slow), rel=1e-12)
    assert result["relief"] == pytest.approx(1 - result["pain"] / start, abs=1e-12)
    assert not slow[:, ~result.individuals.responders["slow-relief"]].any()
    assert result["psychotomimetic-reported"] == pytest.approx(0.24 * result["psychotomimetic-asked"], rel=1e-12)


def test_to_xarray(result: pkpd.Result) -> None:
    made = result.to_xarray()
    assert set(made.data_vars) == set(result.names)
    assert made["S-ketamine"].dims == ("time", "subject")
    assert made["S-ketamine"].attrs["units"] == "ng/mL"
    assert made["relief"].attrs["units"] == "1"
    assert made["time"].attrs["units"] == "h"
    assert made["time"].values == pytest.approx(np.arange(7) / 3)
    assert made.attrs["model"] == "kamp2020-ketamine"
    assert "Not for dosing patients" in made.attrs["not_for"]
    assert np.array_equal(made["pain"].sel(subject=7).values, result["pain"][:, 7])
    assert set(result.to_xarray(["pain"]).data_vars) == {"pain"}


def test_to_frame(result: pkpd.Result) -> None:
    made = result.to_frame(["S-ketamine", "pain", "relief"])
    assert list(made.columns) == ["subject", "time (h)", "S-ketamine (ng/mL)", "pain (points)", "relief"]
    assert len(made) == 7 * 50
    rows = made[made["subject"] == 7]
    assert rows["time (h)"].to_numpy() == pytest.approx(np.arange(7) / 3)
    assert np.array_equal(rows["S-ketamine (ng/mL)"].to_numpy(), result["S-ketamine"][:, 7])


def test_frame_of_subjects_with_their_own_times() -> None:
    hours = np.array([[0.5, 1.0], [2.0, 3.0]])
    result = pkpd.simulate(KAMP, INFUSION, pkpd.Population(2).only([4, 9]), (hours, "h"))
    made = result.to_frame(["S-ketamine"])
    assert made["subject"].tolist() == [4, 4, 9, 9]
    assert made["time (h)"].tolist() == [0.5, 1.0, 2.0, 3.0]
    assert made["S-ketamine (ng/mL)"].to_numpy() == pytest.approx(result["S-ketamine"].T.ravel())
    with pytest.raises(SimulationError, match=r"different times.*to_frame"):
        result.to_xarray()


def test_quantiles(result: pkpd.Result) -> None:
    made = result.quantiles("S-ketamine", (0.0, 0.5, 1.0))
    values = result["S-ketamine"]
    assert made.shape == (3, 7)
    assert np.array_equal(made[0], values.min(axis=1))
    assert np.array_equal(made[2], values.max(axis=1))
    assert made[1] == pytest.approx(np.median(values, axis=1))
    assert result.quantiles("pain").shape == (3, 7)


def test_outputs_that_are_amounts_are_not_called_concentrations() -> None:
    result = pkpd.simulate(BALANCED, "100 mg iv bolus", RATES, ["0 h"])
    assert result.unit("central") == "mg"
    assert result["central"][0, 0] == 100.0


@pytest.mark.parametrize(
    ("times", "hours"),
    [
        ("30 min", [0.5]),
        ("0 to 2 h by 30 min", [0, 0.5, 1, 1.5, 2]),
        ("1 to 2 d by 12 h", [24, 36, 48]),
        (["0 h", "40 min", "1 week"], [0, 2 / 3, 168]),
        ((np.array([90, 30]), "min"), [1.5, 0.5]),
        (([1, 2], "d"), [24, 48]),
    ],
)
def test_times(times: Any, hours: list[float]) -> None:
    assert pkpd.simulate(KAMP, INFUSION, None, times).hours == pytest.approx(hours)


# Refusals


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"regimen": "50 mg oral"}, UnknownName, ("kamp2020-ketamine", 'route "oral" is not known', "Allowed: iv")),
        (
            {"model": "otto2021-s-ketamine", "regimen": "r-ketamine 5 mg iv"},
            SimulationError,
            ("otto2021-s-ketamine", "it does not take r-ketamine"),
        ),
        ({"regimen": "50 mg"}, PkpdError, ("50 mg",)),
        ({"regimen": ["50 mg iv", "20 mg iv"]}, SimulationError, ("2 regimens for 1 subjects",)),
        ({"population": 2, "regimen": ["50 mg iv", "20 mg/kg"]}, PkpdError, ("subject 1",)),
        ({"times": None}, SimulationError, ("no output times", "0 to 24 h by 6 min")),
        ({"times": [1, 2, 3]}, UnitError, ("times", "[1, 2, 3] has no unit")),
        ({"times": np.array([1.0, 2.0])}, UnitError, ("has no unit",)),
        ({"times": 5}, UnitError, ("5 has no unit",)),
        ({"times": ["1"]}, UnitError, ('"1" has no unit',)),
        ({"times": ["1 mg"]}, UnitError, ("not one of time",)),
        ({"times": ["-1 h"]}, SimulationError, ("not a time from 0 on",)),
        ({"times": ([-1.0, 2.0], "h")}, SimulationError, ("from 0 on",)),
        ({"times": ([np.nan], "h")}, SimulationError, ("finite",)),
        ({"times": ([], "h")}, SimulationError, ("shape (0,)",)),
        ({"times": "0 to 24 by 6 min"}, UnitError, ("0 to 24 by 6 min",)),
        ({"times": "5 to 2 h by 6 min"}, SimulationError, ("goes nowhere",)),
        ({"times": "0 to 2 h by 0 min"}, SimulationError, ("goes nowhere",)),
        ({"population": 2, "times": (np.ones((3, 4)), "h")}, SimulationError, ("3 rows for 2 subjects",)),
        ({"population": 0}, SimulationError, ("size 0",)),
        ({"population": True}, SimulationError, ("True is not one",)),
        ({"population": "50"}, SimulationError, ("'50' is not one",)),
        ({"population": {"Cl": [84.0]}}, UnknownName, ('column "Cl" is not known', 'Did you mean "CL"?')),
        ({"population": {"fast-relief.C50": [0.1]}}, UnknownName, ('column "fast-relief.C50"',)),
        ({"population": {"CL": [84.0, np.nan]}}, SimulationError, ("CL of subject 1 is nan",)),
        ({"population": {"CL": [np.inf]}}, SimulationError, ("CL of subject 0 is inf",)),
        ({"population": {"CL": [84.0, 80.0], "V1": [25.0]}}, SimulationError, ("CL of shape (2,), V1 of shape (1,)",)),
        ({"population": {"CL": [[84.0]]}}, SimulationError, ("one number a subject", "CL of shape (1, 1)")),
        ({"population": {}}, SimulationError, ("one number a subject",)),
        (
            {"model": "two-compartment"},
            SimulationError,
            ("two-compartment", "parameter CL has no number", "column CL (L/h)"),
        ),
        (
            {"model": "two-compartment", "population": {"CL": [1.0], "V1": [2.0], "Q2": [1.0]}},
            SimulationError,
            ("two-compartment needs a column V2 (L)",),
        ),
    ],
)
def test_refused(arguments: dict[str, Any], error: type[Exception], words: tuple[str, ...]) -> None:
    given_to = {"model": "kamp2020-ketamine", "regimen": INFUSION, "population": None, "times": TIMES} | arguments
    with pytest.raises(error) as raised:
        pkpd.simulate(pkpd.load(given_to.pop("model")), **given_to)
    assert isinstance(raised.value, PkpdError)
    for word in words:
        assert word in str(raised.value)


def test_unknown_quantity_is_refused_with_the_nearest(result: pkpd.Result) -> None:
    with pytest.raises(UnknownName, match='quantity "S-ketamin" is not known.*Did you mean "S-ketamine"'):
        result["S-ketamin"]
    with pytest.raises(UnknownName, match='"pain"'):
        pkpd.simulate(KAMP, INFUSION, None, TIMES)["pain"]


@pytest.mark.parametrize("table", [{"V1": [0.0]}, {"weight": [0.0]}, {"weight": [-70.0]}, {"CL": ["much"]}], ids=str)
def test_numbers_that_cannot_be_are_refused(table: dict[str, list[Any]]) -> None:
    """Never a result without a number in it."""
    with pytest.raises(PkpdError):
        pkpd.simulate(KAMP, INFUSION, table, TIMES)


@pytest.mark.parametrize(("regimen", "population"), [(3, None), (INFUSION, 2.5)])
def test_values_of_another_kind_are_refused(regimen: Any, population: Any) -> None:
    with pytest.raises(PkpdError):
        pkpd.simulate(KAMP, regimen, population, TIMES)


def test_saturable_elimination_follows_its_implicit_solution() -> None:
    """After a bolus A + Km ln A = D + Km ln D - Vmax t, so A = Km W(D / Km exp((D - Vmax t) / Km))."""
    from scipy.special import lambertw

    model = bare_model(
        {"central": "-Vmax * central / (Km + central)"},
        {"Vmax": "mg/h", "Km": "mg"},
        {"central": ("central", "mg")},
        {"iv": "central"},
    )
    limits = np.array([2.0, 20.0, 100.0])
    table = {"Vmax": np.array([10.0, 40.0, 7.0]), "Km": limits}
    hours = np.arange(13.0)
    result = pkpd.simulate(model, "100 mg iv", table, (hours, "h"), tolerance=pkpd.Tolerance(relative=1e-10))
    given = (100 - table["Vmax"] * hours[:, None]) / limits
    expected = limits * lambertw(100 / limits * np.exp(given)).real
    np.testing.assert_allclose(result["central"], expected, rtol=1e-7, atol=1e-9)


BARE = pkpd.load("one-compartment")


# Times of doses and of outputs are read alike


@pytest.mark.parametrize("at", ["52.55 d", "0.1 d", "33.3 min", "7.77 h", "1.3 wk", "0.7 s"])
def test_an_output_at_the_time_of_a_dose_is_after_it(at: str) -> None:
    number, unit = at.split()
    for times in (at, [at], ([float(number)], unit)):
        found = pkpd.simulate(FAST, f"10 mg iv bolus starting at {at}", times=times).array
        assert found[0, 0, 0] > 0


@pytest.mark.parametrize("times", [([3e6], "h"), "1e30 h", "0 to 1e6 h by 1 s"])
def test_times_too_long_to_count_are_refused(times: Any) -> None:
    with pytest.raises(pkpd.PkpdError, match="292 years|ten million"):
        pkpd.simulate(FAST, "10 mg iv bolus", times=times)


def test_a_range_may_give_a_unit_to_both_ends() -> None:
    one = pkpd.simulate(FAST, "10 mg iv bolus", times="0 min to 2 h by 30 min").hours
    assert one == pytest.approx([0, 0.5, 1, 1.5, 2])


def test_thousands_of_infusions_are_planned_quickly_and_right() -> None:
    """A plan that looked at every infusion for every segment took 50 s."""
    often = pkpd.simulate(FAST, "1 mg iv over 1 h every 2 h for 10000 doses", times=["19999 h", "20000 h"]).array
    steady = pkpd.simulate(FAST, "1 mg iv over 1 h every 2 h for 400 doses", times=["799 h", "800 h"]).array
    names = pkpd.simulate(FAST, "1 mg iv bolus", times="0 h").quantities
    plasma = names.index("S-ketamine")
    assert often[plasma] == pytest.approx(steady[plasma], rel=1e-9)


def test_a_single_number_stands_for_every_subject() -> None:
    many = pkpd.simulate(BARE, "10 mg iv", {"CL": [80.0, 90.0], "V1": 20.0}, "0 to 6 h by 1 h")
    written = pkpd.simulate(BARE, "10 mg iv", {"CL": [80.0, 90.0], "V1": [20.0, 20.0]}, "0 to 6 h by 1 h")
    assert np.array_equal(many.array, written.array)
    assert pkpd.simulate(BARE, "10 mg iv", {"CL": 80.0, "V1": 20.0}, "0 to 6 h by 1 h").array.shape[2] == 1


@pytest.mark.parametrize(
    ("name", "zero"),
    [
        ("one-compartment-michaelis-menten", "Km"),
        ("two-compartment-indirect-response", "IC50"),
        ("two-compartment-indirect-response", "kout"),
    ],
)
def test_a_table_may_not_make_a_divisor_0(name: str, zero: str) -> None:
    model = pkpd.load(name)
    table = dict.fromkeys(model.parameters, 1.0) | {zero: [1.0, 0.0]}
    with pytest.raises(SimulationError, match=f"{zero} of subject 1 is 0; it is above 0"):
        pkpd.simulate(model, "10 mg iv", table, "0 to 6 h by 1 h")


def test_an_effect_reads_a_covariate_that_the_model_does_not() -> None:
    """The effect's own covariate has its typical value, that of a population, or that of a table."""
    text = (Path(__file__).parent / "model" / "data" / "example-relief.toml").read_text(encoding="utf-8")
    scaled = text.replace(
        "[parameters.top]\n",
        '[covariates.age]\nunit = "year"\ntypical = 40\n\n[parameters.top]\n'
        'scale = { covariate = "age", reference = 40, exponent = -1, source = "author2000", mark = "assumed" }\n',
    )
    assert scaled != text
    effect = pkpd.read_effect(scaled)
    model = pkpd.load("kamp2020-ketamine").with_effects(effect)
    half = effect.parameters["top"].value
    for people, age in (
        (pkpd.Population.typical(), 40),
        (pkpd.Population.typical(covariates={"age": "80 year"}), 80),
        ({"weight": [70.0], "age": [20.0]}, 20),
    ):
        individuals = pkpd.simulate(model, "20 mg iv", people, ["1 h"]).individuals
        assert individuals.covariates["age"] == [age]
        assert individuals.effects[effect.id]["top"] == pytest.approx(half * 40 / age)
        assert ("age" in individuals.known) == (age != 40)
    with pytest.raises(pkpd.PkpdError, match="CL is a parameter of the model"):
        pkpd.simulate(model, "20 mg iv", pkpd.Population(3, covariates={"CL": 80}), ["1 h"])
