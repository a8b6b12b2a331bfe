"""Between-occasion variability: when occasions begin, what changes between them, and that amounts carry over."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spread_files import ORIGIN, between, effect, one_compartment, parameter

import pkpd
from pkpd.dosing.prescription import as_regimen
from pkpd.errors import ModelFileError, SimulationError
from pkpd.model.modelfile import read_effect, read_model
from pkpd.population.occasions import read_occasions
from pkpd.simulation import extremes, individuals
from pkpd.times import TICKS_PER_HOUR as HOUR

MILLION = 1_000_000
CHANGING = one_compartment(
    CL=between("lognormal", "sd = 0.2") + between("lognormal", "sd = 0.3", "occasion"),
    V1=between("lognormal", "sd = 0.2", "occasion"),
    F=between("logit", "sd = 0.7, high = 100") + between("logit", "sd = 0.5, high = 100", "occasion"),
)
STEPS = pkpd.Tolerance(1e-9, method="explicit")


def parameters(model: pkpd.Model, people: pkpd.Population, regimen: str) -> list[dict[str, np.ndarray]]:
    """Of every occasion of a regimen: parameter -> (subjects)."""
    first = individuals(model, people)
    count = len(first.starts(as_regimen(regimen)))
    return [
        {name: np.broadcast_to(first.in_occasion(n).parameters[name], people.size) for name in model.parameters}
        for n in range(count)
    ]


# When they begin


@pytest.mark.parametrize(
    ("rule", "regimen", "hours"),
    [
        ("12 h", "100 mg iv over 1 h every 24 h for 3 doses", [0, 24, 48]),
        ("12 h", "100 mg iv over 1 h every 12 h for 3 doses", [0]),  # 11 h without drug
        ("11 h", "100 mg iv over 1 h every 12 h for 3 doses", [0, 12, 24]),
        ("12 h", "100 mg iv over 20 h every 24 h for 3 doses", [0]),
        ("12 h", "100 mg oral and 50 mg iv starting at 6 h and 100 mg oral starting at 7 d", [0, 168]),
        ("12 h", "100 mg oral starting at 3 h and 100 mg oral starting at 30 h", [0, 30]),
        ("12 h", "no treatment", [0]),
        ("every dose", "100 mg oral every 8 h for 3 doses and 10 mg iv starting at 8 h", [0, 8, 16]),
        ("one", "100 mg oral every 7 d for 3 doses", [0]),
        (["0 h", "36 h", "7 d"], "100 mg oral every 24 h for 3 doses", [0, 36, 168]),
        (["1 d"], "100 mg oral", [0, 24]),
    ],
)
def test_when_occasions_begin(rule: str | list[str], regimen: str, hours: list[float]) -> None:
    people = individuals(CHANGING, pkpd.Population(1, occasions=rule))
    assert [start / HOUR for start in people.starts(as_regimen(regimen))] == hours


@pytest.mark.parametrize("rule", ["12", "0 h", "-1 h", "each dose", 12, [], ["2 d", "1 d"], ["1 d", "1 d"], None])
def test_rules_refused(rule: object) -> None:
    with pytest.raises(
        SimulationError, match=r'Give the time without drug .* \("12 h"\), "every dose", "one", or when'
    ):
        pkpd.Population(1, occasions=rule)  # type: ignore[arg-type]


def test_a_rule_as_a_value() -> None:
    assert read_occasions("90 min").gap == 1.5 * HOUR
    assert read_occasions(["0 h", "2 h"]).given == (2 * HOUR,)


# What changes


def test_variances_between_people_and_between_occasions() -> None:
    """Of a million: ln CL has 0.2^2 + 0.3^2, of which 0.2^2 is shared by two occasions; V1 shares nothing."""
    people = pkpd.Population(MILLION, seed=6, weight="70 kg")
    first, second = parameters(CHANGING, people, "100 mg oral every 24 h for 2 doses")
    clearance = np.log([first["CL"], second["CL"]])
    variance, shared = 0.04 + 0.09, 0.04
    assert clearance.mean(axis=1) == pytest.approx(np.full(2, math.log(10)), abs=4 * (variance / MILLION) ** 0.5)
    assert clearance.var(axis=1) == pytest.approx(np.full(2, variance), rel=4 * (2 / MILLION) ** 0.5)
    found = np.cov(clearance)[0, 1]
    assert found == pytest.approx(shared, abs=4 * ((variance**2 + shared**2) / MILLION) ** 0.5)
    assert abs(np.corrcoef(np.log(first["V1"]), np.log(second["V1"]))[0, 1]) < 4 / MILLION**0.5
    assert abs(np.corrcoef(np.log(first["V1"]), np.log(first["CL"]))[0, 1]) < 4 / MILLION**0.5
    fraction = [np.log(one["F"] / (1 - one["F"])) for one in (first, second)]
    assert np.var(fraction, axis=1) == pytest.approx(np.full(2, 0.49 + 0.25), rel=4 * (2 / MILLION) ** 0.5)
    assert np.corrcoef(fraction)[0, 1] == pytest.approx(0.49 / 0.74, abs=4 / MILLION**0.5)
    assert (first["F"] < 1).all() and (second["F"] < 1).all()


def test_every_occasion_has_an_address() -> None:
    """The tenth occasion of patient 7 is the same alone, in a crowd, and whatever was given before it."""
    crowd = pkpd.Population(50, seed=3)
    ten = parameters(CHANGING, crowd, "100 mg oral every 24 h for 10 doses")
    alone = parameters(CHANGING, crowd.only([7]), "10 mg iv every 7 d for 10 doses")
    for one, other in zip(ten, alone, strict=True):
        assert all(one[name][7] == other[name][0] for name in one)
    assert len({one["CL"][7] for one in ten}) == 10
    assert all(np.array_equal(one["ka"], ten[0]["ka"]) for one in ten)


def test_typical_people_and_tables_do_not_change() -> None:
    twice = "100 mg oral every 24 h for 2 doses"
    assert individuals(CHANGING, None).starts(as_regimen(twice)) == (0,)
    assert individuals(CHANGING, {"CL": [8.0, 9.0]}).starts(as_regimen(twice)) == (0,)
    assert individuals(one_compartment(CL=between("lognormal", "sd = 0.2")), 5).starts(as_regimen(twice)) == (0,)
    only = one_compartment(CL=between("lognormal", "sd = 0.2", "occasion"))
    assert individuals(only, 5).starts(as_regimen(twice)) == (0, 24 * HOUR)


# What comes of it


def test_amounts_carry_over_in_closed_form() -> None:
    """Boluses in three occasions: the amount of the last falls with each occasion's own rate."""
    crowd = pkpd.Population(40, seed=1)
    at = np.array([1.0, 5.0, 23.0, 24.0, 30.0, 47.5, 50.0, 90.0])
    found = pkpd.simulate(CHANGING, "100 mg iv every 24 h for 3 doses", crowd, (at, "h"))["drug"]
    own = parameters(CHANGING, crowd, "100 mg iv every 24 h for 3 doses")
    rate = [one["CL"] / one["V1"] for one in own]
    for row, hours in zip(found, at, strict=True):
        occasion = min(int(hours // 24), 2)
        amount = 100.0 * np.ones(40)
        for n in range(occasion):
            amount = amount * np.exp(-24 * rate[n]) + 100
        amount = amount * np.exp(-(hours - 24 * occasion) * rate[occasion])
        assert row == pytest.approx(1000 * amount / own[occasion]["V1"], rel=1e-10)


def test_a_dose_has_the_bioavailability_of_its_occasion() -> None:
    """Areas under separate oral doses: F dose / CL, each of its own occasion."""
    crowd = pkpd.Population(30, seed=2)
    regimen = "100 mg oral and 100 mg oral starting at 30 d"
    own = parameters(CHANGING, crowd, regimen)
    half = extremes(individuals(CHANGING, crowd), as_regimen(regimen), 30 * 24 * HOUR, {"drug": np.inf})["drug"][2]
    whole = extremes(individuals(CHANGING, crowd), as_regimen(regimen), 90 * 24 * HOUR, {"drug": np.inf})["drug"][2]
    first, second = (one["F"] * 100 / one["CL"] for one in own)
    assert half == pytest.approx(first, rel=1e-4)
    assert whole - half == pytest.approx(second, rel=1e-4)


REGIMENS = [
    "100 mg oral every 24 h for 3 doses",
    "100 mg iv over 10 h every 24 h for 2 doses",
    "30 mg/h iv over 4 h then 5 mg/h iv over 56 h",
    "100 mg oral and 50 mg iv over 30 min starting at 6 h and 100 mg oral starting at 2 d",
]


@pytest.mark.parametrize("regimen", REGIMENS)
@pytest.mark.parametrize("rule", ["12 h", "every dose", ["20 h", "55 h"]], ids=str)
def test_exactly_as_in_steps(regimen: str, rule: str | list[str]) -> None:
    """From occasion to occasion exactly, and the whole course by steps: levels, peaks, areas, times above."""
    crowd = pkpd.Population(9, seed=4, occasions=rule)
    times = "0 to 80 h by 1 h"
    for before in (False, True):
        one = pkpd.simulate(CHANGING, regimen, crowd, times, before_dose=before)["drug"]
        other = pkpd.simulate(CHANGING, regimen, crowd, times, before_dose=before, tolerance=STEPS)["drug"]
        assert one == pytest.approx(other, rel=1e-7, abs=1e-7 * one.max())
    people, end = individuals(CHANGING, crowd), 80 * HOUR
    exact, stepped = (
        extremes(people, as_regimen(regimen), end, {"drug": 0.5}, tolerance=how)["drug"] for how in (None, STEPS)
    )
    assert exact[[0, 2, 3]] == pytest.approx(stepped[[0, 2, 3]], rel=1e-6)
    assert exact[1] == pytest.approx(stepped[1], abs=0.01)


def test_one_occasion_is_as_it_was() -> None:
    """A regimen of one occasion goes the usual way, to the bit, and nothing before the second dose knows of it."""
    crowd = pkpd.Population(20, seed=5)
    once = pkpd.simulate(CHANGING, "100 mg oral", crowd, "0 to 20 h by 1 h")["drug"]
    one = pkpd.Population(20, seed=5, occasions="one")
    assert np.array_equal(once, pkpd.simulate(CHANGING, "100 mg oral", one, "0 to 20 h by 1 h")["drug"])
    twice = pkpd.simulate(CHANGING, "100 mg oral every 24 h for 2 doses", crowd, "0 to 20 h by 1 h")["drug"]
    assert twice == pytest.approx(once, rel=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(REGIMENS), st.lists(st.integers(0, 80), min_size=1, max_size=4, unique=True), st.booleans())
def test_where_nothing_changes_occasions_change_nothing(regimen: str, hours: list[int], before: bool) -> None:
    """Cut wherever it may be, between doses and within infusions, a course with a spread of 1e-12 is the plain one."""
    still = one_compartment(CL=between("lognormal", "sd = 1e-12", "occasion"))
    cut = pkpd.Population(2, occasions=[f"{hour} h" for hour in sorted(hours)], weight="70 kg")
    times = "0 to 80 h by 2 h"
    one = pkpd.simulate(still, regimen, cut, times, before_dose=before)["drug"]
    plain = pkpd.simulate(one_compartment(), regimen, None, times, before_dose=before)["drug"]
    assert one == pytest.approx(np.hstack([plain, plain]), rel=1e-9, abs=1e-9)
    peaks = [
        extremes(individuals(model, people), as_regimen(regimen), 80 * HOUR, {"drug": 0.5})["drug"][[0, 2, 3], 0]
        for model, people in ((still, cut), (one_compartment(), None))
    ]
    assert peaks[0] == pytest.approx(peaks[1], rel=1e-8)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 29), min_size=1, max_size=5, unique=True), st.integers(1, 2))
def test_alone_as_in_a_crowd_whatever_the_threads(take: list[int], threads: int) -> None:
    crowd = pkpd.Population(30, seed=6)
    regimen, times = "80 mg oral every 24 h for 3 doses", "0 to 72 h by 6 h"
    whole = pkpd.simulate(CHANGING, regimen, crowd, times, threads=2)["drug"]
    some = pkpd.simulate(CHANGING, regimen, crowd.only(take), times, threads=threads)["drug"]
    assert np.array_equal(some, whole[:, take])


@pytest.mark.parametrize("take", [[3], [0, 7, 19], [11, 12]])
def test_who_misses_sessions_is_alone_as_in_a_crowd(take: list[int]) -> None:
    """Patients come into their stages at different times; what becomes of one does not depend on who goes along."""
    crowd, missing = pkpd.Population(24, seed=6), pkpd.Practice(missed=0.35)
    asked = {
        "regimens": {"infusions": "100 mg iv over 2 h every 24 h for 6 doses"},
        "until": "8 d",
        "practice": missing,
    }
    given = {"times": ["1 h", "25 h", "60 h", "8 d"], "practice": missing}
    regimen = "100 mg iv over 2 h every 24 h for 6 doses"
    whole, part = (pkpd.compare(CHANGING, subjects=one, **asked).arms[0] for one in (crowd, crowd.only(take)))
    assert len({len(one.doses) for one in whole.given}) > 2
    for of_all, own in zip(whole.outcomes, part.outcomes, strict=True):
        assert np.array_equal(of_all.values[take], own.values)
    levels, few = (pkpd.simulate(CHANGING, regimen, one, **given)["drug"] for one in (crowd, crowd.only(take)))
    assert np.array_equal(levels[:, take], few)
    by_steps = pkpd.simulate(CHANGING, regimen, crowd, tolerance=pkpd.Tolerance(1e-10, method="explicit"), **given)
    assert np.allclose(levels, by_steps["drug"], rtol=1e-6, atol=1e-9)


def test_a_regimen_and_times_for_each_subject() -> None:
    """Different numbers of occasions side by side, each subject as with its own regimen alone."""
    crowd = pkpd.Population(4, seed=7)
    regimens = ["100 mg oral", "100 mg oral every 24 h for 3 doses", "50 mg iv every 48 h for 2 doses", "no treatment"]
    hours = np.array([[1.0, 30.0, 60.0], [2.0, 26.0, 61.0], [3.0, 50.0, 70.0], [1.0, 2.0, 3.0]])
    together = pkpd.simulate(CHANGING, regimens, crowd, (hours, "h"))["drug"]
    for n, regimen in enumerate(regimens):
        alone = pkpd.simulate(CHANGING, regimen, crowd.only([n]), (hours[n], "h"))["drug"][:, 0]
        assert together[:, n] == pytest.approx(alone, rel=1e-12)


def test_lag_and_length_of_a_dose_are_those_of_its_occasion() -> None:
    """Film of Simons 2022: each visit has its own times of release, and the amounts still add up."""
    model = pkpd.load("simons2022-s-ketamine")
    crowd = pkpd.Population(12, seed=8)
    regimen = "s-ketamine 50 mg sublingual every 7 d for 2 doses"
    first, second = parameters(model, crowd, regimen)
    assert not np.isclose(first["D_mucosa"], second["D_mucosa"]).any()
    assert np.array_equal(first["CL"], second["CL"])
    people = individuals(model, crowd)
    area = [
        extremes(people, as_regimen(regimen), int(days * 24 * HOUR), {"S-ketamine": np.inf})["S-ketamine"][2]
        for days in (7, 60)
    ]
    assert area[0] == pytest.approx(50 * first["F1"] / first["CL"], rel=1e-6)
    assert area[1] - area[0] == pytest.approx(50 * second["F1"] / first["CL"], rel=1e-6)
    exact, stepped = (
        pkpd.simulate(model, regimen, crowd.only([0, 1, 2]), "0 to 8 d by 1 h", tolerance=how)["S-norketamine"]
        for how in (None, STEPS)
    )
    assert exact == pytest.approx(stepped, rel=1e-6, abs=1e-6 * exact.max())


def test_spreads_of_film_absorption_as_printed() -> None:
    model = pkpd.load("simons2022-s-ketamine")
    varying = {name: own.occasion.variance for name, own in model.parameters.items() if own.occasion is not None}
    assert varying == pytest.approx(
        {
            "F1": 0.060,
            "D_mucosa": 0.154,
            "ka_mucosa": 0.062,
            "F_swallowed": 0.057,
            "D_swallowed": 0.611,
            "ka_swallowed": 0.376,
            "MTT_gut": 0.937,
            "Vh2": 0.152,
            "CLh": 0.008,
        }
    )
    assert {own.occasion.mark for own in model.parameters.values() if own.occasion is not None} == {"secondary"}
    assert model.parameters["CLh"].between.variance == pytest.approx(0.103)


SATURABLE = """
id = "example-saturable"
kind = "pk"
title = "t"
drug = "ketamine"
use_for = "tests"
not_for = "patients"
sampling_site = "venous"
[sources.made]
citation = "made up"
[forms]
racemate = { drug = 1, source = "made", mark = "assumed" }
[routes.iv]
into = "central"
[[structures]]
use = "one-compartment-michaelis-menten"
[outputs.drug]
expression = "central / V1"
unit = "mg/L"
""" + "".join(
    parameter(name, value, unit, more)
    for name, value, unit, more in (
        ("Vmax", 20, "mg/h", between("lognormal", "sd = 0.3", "occasion")),
        ("Km", 0.5, "mg/L", ""),
        ("V1", 30, "L", between("lognormal", "sd = 0.1")),
    )
)


def test_a_nonlinear_model() -> None:
    """Km ln(C0 / C) + C0 - C = Vmax t / V1 in each occasion, from the amount the one before left."""
    model = read_model(SATURABLE)
    crowd = pkpd.Population(6, seed=9)
    regimen = "100 mg iv every 24 h for 2 doses"
    found = (
        pkpd.simulate(model, regimen, crowd, ["6 h", "12 h", "25 h", "30 h"], tolerance=pkpd.Tolerance(1e-9))["drug"]
        / 1000
    )
    own = parameters(model, crowd, regimen)
    volume = own[0]["V1"]
    for (early, late), one in zip(((0, 1), (2, 3)), own, strict=True):
        c0, c = found[early], found[late]
        hours = 6 if early == 0 else 5
        assert 0.5 * np.log(c0 / c) + c0 - c == pytest.approx(one["Vmax"] * hours / volume, rel=1e-6)


# In files and other verbs


def test_compared_arms_share_their_occasions() -> None:
    """The same sessions with and without a modifier: clearance differs by its factor in every occasion."""
    comparison = pkpd.compare(
        CHANGING,
        {"a": "100 mg oral every 24 h for 3 doses", "b": "200 mg oral every 24 h for 3 doses"},
        subjects=pkpd.Population(50, seed=2),
        until="5 d",
    )
    peak = [{o.name: o.values for o in arm.outcomes}["peak drug in plasma"] for arm in comparison.arms]
    assert peak[1] == pytest.approx(2 * peak[0], rel=1e-9)


def test_a_modifier_multiplies_a_spread_between_occasions() -> None:
    model = one_compartment(CL=between("normal", "sd = 1", "occasion"), more='[roles]\nclearance = "CL"\n')
    slower = model.with_modifiers(
        pkpd.read_modifier(
            f"""
id = "slower"
kind = "modifier"
title = "t"
group = "interaction"
use_for = "tests"
not_for = "patients"
[sources.made]
citation = "made up"
[[kinetics]]
role = "clearance"
factor = 0.5
{ORIGIN}
"""
        )
    )
    crowd = pkpd.Population(20, seed=1)
    plain, halved = (parameters(one, crowd, "1 mg iv every 24 h for 2 doses") for one in (model, slower))
    for one, other in zip(plain, halved, strict=True):
        assert other["CL"] == pytest.approx(0.5 * one["CL"], rel=1e-12)


def test_thresholds_do_not_change_between_occasions() -> None:
    with pytest.raises(ModelFileError, match=r"C50.occasion\]: what a patient's effect is like does not change"):
        read_effect(EFFECT)
    model = CHANGING.with_effects(effect("a"))
    people = individuals(model, 20)
    assert np.array_equal(people.in_occasion(3).effects["a"]["C50"], people.effects["a"]["C50"])


EFFECT = f"""
id = "x"
kind = "effect"
title = "t"
endpoint = "e"
role = "relief"
use_for = "tests"
not_for = "patients"
[sources.made]
citation = "made up"
[driver]
analyte = "drug"
[curve]
form = "linear"
slope = "C50"
{parameter("C50", 1, "mL/ng", between("lognormal", "sd = 0.3", "occasion"))}
"""


def test_a_divisor_that_reaches_0_on_some_occasion() -> None:
    with pytest.raises(ModelFileError, match="the normal spread of V1 reaches 0"):
        one_compartment(V1=between("normal", "sd = 2", "occasion"))


def test_shown_with_source_and_mark(capsys: pytest.CaptureFixture[str]) -> None:
    from pkpd.terminal.model import print_model

    more = between("t", "sd = 0.3, df = 5") + between("lognormal", "sd = 0.2", "occasion")
    residual = '[residual.drug]\nlognormal = { cv = 0.3, source = "made", mark = "assumed" }\n'
    print_model(one_compartment(CL=more, F=between("logit", "sd = 0.7, low = 5, high = 100"), more=residual))
    told = " ".join(capsys.readouterr().out.split())
    assert "log sd 0.3, t with 5.0 degrees" in told
    assert "between occasions:" in told
    assert "Residual error of drug: log-normal sd 0.2936 (assumed, made)" in told
