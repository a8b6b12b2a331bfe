"""Draws of estimates: what files state comes out, addresses, covariances, tables, ranges; what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.errors import ModelFileError, SimulationError, UnknownName
from pkpd.estimates.correlating import normal_correlations
from pkpd.estimates.drawing import ASSUMED, GIVEN, NONE_KNOWN, PUBLISHED, RANGE, SWITCHED_OFF
from pkpd.model.estimatekinds import kind_of
from pkpd.model.estimatescales import Distribution, moments
from pkpd.model.library import find
from pkpd.model.model import Model

MANY = 200_000


def default() -> Model:
    return pkpd.load("kamp2020-ketamine").with_effects(*pkpd.default_effects())


def otto() -> Model:
    return pkpd.load("otto2021-s-ketamine")


def test_what_the_files_state_comes_out() -> None:
    drawn = pkpd.draw_estimates(default(), MANY)
    table = drawn.table().set_index("parameter")
    half_life = drawn["slow-relief.equilibration"] / 24
    assert np.median(half_life) == pytest.approx(10.9, rel=0.01)
    assert half_life.std() == pytest.approx(4.0, rel=0.02)
    potency = drawn["slow-relief.C50"] * 1000
    assert (np.median(potency), potency.std()) == (pytest.approx(10.5, rel=0.01), pytest.approx(4.8, rel=0.02))
    placebo = drawn["placebo-response.P_placebo"]
    assert (np.median(placebo), placebo.std()) == (pytest.approx(0.23, rel=0.01), pytest.approx(0.09, rel=0.02))
    row = table.loc["fast-relief.equilibration"]
    assert row[["2.5 %", "50 %", "97.5 %"]].to_list() == pytest.approx([5.1, 8.3, 13.0], rel=0.01)
    assert (row["basis"], row["mark"], row["unit"]) == (PUBLISHED, "primary", "min")
    relative = pkpd.draw_estimates(otto(), MANY)["Vpn"]
    assert relative.std() == pytest.approx(0.176 * 160.04, rel=0.02)


def test_every_parameter_is_drawn_or_said_to_be_left() -> None:
    model = default()
    drawn = pkpd.draw_estimates(model, 5)
    names = [one.name for one in drawn.sampled] + [one.name for one in drawn.left]
    assert sorted(names) == sorted(drawn.table().parameter)
    assert len(set(names)) == len(names) == sum(len(owner.parameters) for owner in model.files)
    why = {one.name: one.why for one in drawn.left}
    assert why["V1"] == NONE_KNOWN
    assert why["fast-relief.C50"] == RANGE
    assert why["fast-relief.R_potency"] == SWITCHED_OFF
    assert "fast-relief.C50 (70 to 400 ng/mL)" in [one.text for one in drawn.left]


def test_a_draw_has_an_address() -> None:
    few, many = pkpd.draw_estimates(default(), 8), pkpd.draw_estimates(default(), 500)
    more = pkpd.draw_estimates(default(), 8, scans="uniform")
    for one in few.sampled:
        assert (one.draws == many[one.name][:8]).all()
        assert (one.draws == more[one.name]).all()
    assert (few["slow-relief.C50"] != pkpd.draw_estimates(default(), 8, seed=2)["slow-relief.C50"]).all()
    ranks = [many[f"{effect}.equilibration"].argsort().argsort() for effect in ("slow-relief", "fast-relief")]
    assert abs(np.corrcoef(ranks)[0, 1]) < 0.2
    alone = replace(default(), effects=()).with_effects(pkpd.load_effect("slow-relief"))
    assert (pkpd.draw_estimates(alone, 8)["slow-relief.C50"] == few["slow-relief.C50"]).all()
    assert few.of(7)["slow-relief.C50"] == few["slow-relief.C50"][7]


def test_every_file_of_the_library_can_be_drawn() -> None:
    kamp = pkpd.load("kamp2020-ketamine")
    models = [pkpd.load(name) for name in pkpd.names("pk")]
    models += [replace(kamp, effects=(pkpd.load_effect(name),)) for name in pkpd.names("effect")]
    for model in models:
        drawn = pkpd.draw_estimates(model, 300, scans="uniform")
        for one in drawn.sampled:
            assert np.isfinite(one.draws).all()
            if one.basis == ASSUMED and one.parameter.scan is not None:
                assert one.parameter.scan[0] <= one.draws.min() <= one.draws.max() <= one.parameter.scan[1]
        assert not [one.name for one in drawn.left if one.why == RANGE]


def test_the_range_of_a_bioavailability_is_drawn_where_asked() -> None:
    model = otto().with_route("nasal", ka="1.76 1/h")
    low, high = model.parameters["F_nasal"].scan or (0, 0)
    assert 0 < low < high <= 1
    assert "F_nasal" in [one.name for one in pkpd.draw_estimates(model, 5).left]
    drawn = pkpd.draw_estimates(model, MANY, scans=["F_nasal"])
    assert drawn["F_nasal"].mean() == pytest.approx((low + high) / 2, rel=0.01)
    assert drawn["F_nasal"].std() == pytest.approx((high - low) / 12**0.5, rel=0.01)
    assert {one.name: one.basis for one in drawn.sampled}["F_nasal"] == ASSUMED


def test_kinds() -> None:
    files = {owner.id: owner for owner in default().files}
    found = {
        (name, key): kind_of(files[name], files[name].parameters[key])
        for name, key in [
            ("kamp2020-ketamine", "CL"),
            ("slow-relief", "Hill"),
            ("slow-relief", "P_responder"),
            ("slow-relief", "Emax"),
            ("fast-relief", "norketamine_potency"),
            ("psychotomimetic-asked", "floor"),
            ("psychotomimetic-reported", "share"),
            ("placebo-response", "size"),
        ]
    }
    assert list(found.values()) == ["log", "log", "logit", "logit", "plain", "logit", "logit", "logit"]
    simons = pkpd.load("simons2022-s-ketamine")
    assert kind_of(simons, simons.parameters["F_swallowed"]) == "log"  # relative, and above 1


# Covariances


def test_two_log_normals_have_the_correlation_of_the_closed_form() -> None:
    ones = {"a": Distribution("log", 2.0, 0.4, 0.4), "b": Distribution("log", 5.0, 0.7, 0.7)}
    (mean, sd), (other, wide) = moments(ones["a"]), moments(ones["b"])
    for rho in (-0.6, 0.1, 0.9):
        covariance = mean * other * np.expm1(rho * 0.4 * 0.7)
        matrix = np.array([[sd**2, covariance], [covariance, wide**2]])
        assert normal_correlations(matrix, ones, "here")[0, 1] == pytest.approx(rho, abs=1e-7)


def test_the_draws_have_the_covariance_that_was_given() -> None:
    model = default()
    names = ["CL", "V1", "slow-relief.P_responder", "fast-relief.norketamine_potency"]
    sds = np.array([8.0, 9.0, 0.1, 0.3])
    rho = np.array([[1, 0.6, -0.5, 0.2], [0.6, 1, 0.1, 0.0], [-0.5, 0.1, 1, 0.3], [0.2, 0.0, 0.3, 1]])
    given = pandas.DataFrame(rho * np.outer(sds, sds), index=names, columns=names)
    drawn = pkpd.draw_estimates(model, MANY, covariance=given)
    table = np.array([drawn[name] for name in names])
    assert table.std(axis=1) == pytest.approx(sds, rel=0.02)
    assert np.corrcoef(table) == pytest.approx(rho, abs=0.015)
    assert np.median(table, axis=1) == pytest.approx([84, 25, 0.57, 0], rel=0.01, abs=0.005)
    assert {one.basis for one in drawn.sampled if one.name in names} == {GIVEN}
    assert (drawn["slow-relief.C50"] == pkpd.draw_estimates(model, MANY)["slow-relief.C50"]).all()


def test_a_covariance_in_other_units_is_the_same() -> None:
    plain: dict[str, Any] = {"CL": {"CL": 64.0, "V1": 20.0}, "V1": {"V1": 81.0}}
    minutes: dict[str, Any] = {
        "CL (L/min)": {"CL (L/min)": 64.0 / 3600, "V1 (mL)": 20.0 / 60 * 1000},
        "V1 (mL)": {"V1 (mL)": 81.0 * 1e6},
    }
    one, other = (pkpd.draw_estimates(default(), 50, covariance=given) for given in (plain, minutes))
    assert one["CL"] == pytest.approx(other["CL"], rel=1e-9)
    assert one["V1"] == pytest.approx(other["V1"], rel=1e-9)


def square(**entries: float) -> dict[str, dict[str, float]]:
    made = {name: dict.fromkeys(("CL", "V1", "V2"), 0.0) for name in ("CL", "V1", "V2")}
    for key, value in entries.items():
        one, other = key.split("_")
        made[one][other] = made[other][one] = value
    return made


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (square(CL_CL=4, V1_V1=9, V2_V2=1, CL_V1=6.1), "CL and V1 makes a correlation of 1.017"),
        (square(CL_CL=4, V1_V1=9, V2_V2=-1), "variance of V2 is -1"),
        (square(CL_CL=1, V1_V1=1, V2_V2=1, CL_V1=0.9, CL_V2=0.9, V1_V2=-0.9), "CL, V1, V2 do not go together"),
        (
            square(CL_CL=1, V1_V1=4, V2_V2=1, CL_V1=1.8, CL_V2=0.9, V1_V2=-0.4),
            "is the covariance 1.8 of CL and V1; with the others as they are it lies between -1.214 and 0.4942",
        ),
        ({"CL": {"CL": 4.0, "V1": 1.0}, "V1": {"CL": 2.0, "V1": 9.0}}, "not symmetric: 1 in row V1, column CL"),
        ({"CL": {"CL": float("nan")}}, "nan, not a number"),
        ({"CL": {"CL": "four"}}, "'four', not a number"),
        ({"CL": {"CL": 90.0**2}}, "107% of the estimate"),
        ({"CLL": {"CLL": 4.0}}, 'Did you mean "CL"'),
        ({"CL": {"V1": 4.0}}, 'row "V1" is not known'),
        ({"CL (L)": {"CL (L)": 4.0}}, 'unit "L" does not fit'),
        ({"CL": 4.0}, "not given by name"),
        (4.0, "name -> name -> number"),
        (square(CL_CL=70**2, V1_V1=20**2, V2_V2=1, CL_V1=-1300), "CL and V1: a covariance of -1300 cannot be had"),
    ],
)
def test_a_covariance_that_cannot_be_is_refused(given: Any, told: str) -> None:
    with pytest.raises((SimulationError, UnknownName)) as mistake:
        pkpd.draw_estimates(default(), 10, covariance=given)
    assert told in str(mistake.value)


OTTO_PAIR = """
[[estimate_covariances]]
of     = ["Vn", "CLn"]
value  = 8.5
source = "otto2021"
mark   = "assumed"
"""


def test_a_file_may_state_covariances_of_its_estimates() -> None:
    text = find("otto2021-s-ketamine").read_text()
    source = otto().parameters["Vn"].source
    model = pkpd.read_model(text + OTTO_PAIR.replace("otto2021", source))
    drawn = pkpd.draw_estimates(model, MANY)
    assert np.cov(drawn["Vn"], drawn["CLn"])[0, 1] == pytest.approx(8.5, rel=0.05)
    assert drawn["CLn"].std() == pytest.approx(0.057 * 57.72, rel=0.02)
    assert {one.name: (one.how, one.basis) for one in drawn.sampled}["Vn"] == (
        "log-normal, covariance matrix",
        PUBLISHED,
    )
    other = pkpd.draw_estimates(model.with_values(Vn="90 L"), 100)
    assert "Vn" in [one.name for one in other.left]
    assert (other["CLn"] == pkpd.draw_estimates(otto(), 100)["CLn"]).all()
    slower = model.with_modifiers("rifampicin") if "norketamine_clearance" in model.roles else model
    halved = pkpd.draw_estimates(slower, 100)
    assert np.corrcoef(np.log(halved["Vn"]), np.log(drawn["Vn"][:100]))[0, 1] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("8.5", "13"), "correlation of Vn and CLn 1.06"),
        (('"Vn", "CLn"', '"Vn", "Vn"'), "two different parameters"),
        (('"Vn", "CLn"', '"Vn", "CLx"'), 'Did you mean "CL"'),
        (('"Vn", "CLn"', '"Vn", "CL"'), "no standard error"),
        (("assumed", "guess"), "mark"),
    ],
)
def test_a_covariance_of_a_file_that_cannot_be_is_refused(change: tuple[str, str], told: str) -> None:
    text = find("otto2021-s-ketamine").read_text()
    pair = OTTO_PAIR.replace("otto2021", otto().parameters["Vn"].source).replace(*change)
    with pytest.raises(ModelFileError) as mistake:
        pkpd.read_model(text + pair)
    assert told in str(mistake.value)
    assert "estimate_covariances" in str(mistake.value)


# Tables of draws


def test_a_table_is_used_row_by_row() -> None:
    rows = pandas.DataFrame({"CL": [80.0, 85.0, 90.0, 70.0], "slow-relief.C50 (ng/mL)": [9.0, 11.0, 8.0, 12.0]})
    drawn = pkpd.draw_estimates(default(), 3, draws=rows)
    assert drawn["CL"].tolist() == [80.0, 85.0, 90.0]
    assert drawn["slow-relief.C50"] == pytest.approx([0.009, 0.011, 0.008])
    assert (drawn["fast-relief.equilibration"] == pkpd.draw_estimates(default(), 3)["fast-relief.equilibration"]).all()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"CL": [80.0, 85.0]}, "2 rows, too few for 3 replicates"),
        ({"CLL": [80.0] * 3}, 'Did you mean "CL"'),
        ({"CL": [80.0, -1.0, 85.0]}, "CL of row 1 is -1; it is above 0"),
        ({"CL": [80.0, float("nan"), 85.0]}, "row 1 is nan"),
        ({"CL": ["a", "b", "c"]}, "not a number"),
        ({"slow-relief.P_responder": [0.5, 0.6, 1.2]}, "row 2 is 1.2; it is from 0 to 1"),
        ({"slow-relief.C50": [9.0, 11.0, 8.0]}, '"slow-relief.C50 (ng/mL)"'),
        ({"CL": 80.0}, "one number a row"),
        ({"CL": [80.0] * 3, "CL (L/h)": [80.0] * 3}, "CL is there twice"),
        ([1, 2], "name -> numbers"),
    ],
)
def test_a_table_that_cannot_be_is_refused(given: Any, told: str) -> None:
    with pytest.raises((SimulationError, UnknownName)) as mistake:
        pkpd.draw_estimates(default(), 3, draws=given)
    assert told in str(mistake.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"scans": "unifrom"}, 'Did you mean "uniform"'),
        ({"scans": ["fast-relief.C5"]}, 'Did you mean "fast-relief.C50"'),
        ({"scans": ["fast-relief.R_potency"]}, "switched off"),
        ({"replicates": 0}, "whole number from 1 on"),
        ({"replicates": True}, "whole number from 1 on"),
        ({"seed": -1}, "whole number from 0"),
        ({"draws": {"CL": [80.0] * 5}, "covariance": {"CL": {"CL": 4.0}}, "replicates": 5}, "CL is in the covariance"),
    ],
)
def test_other_mistakes_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises((SimulationError, UnknownName)) as mistake:
        pkpd.draw_estimates(default(), **options)
    assert told in str(mistake.value)


def test_an_uncertainty_that_its_estimate_cannot_have_names_model_and_parameter() -> None:
    model = pkpd.load("otto2021-s-ketamine")
    wide = replace(model.parameters["Vpn"], uncertainty={"rse": 1.76})
    with pytest.raises(
        SimulationError, match=r"otto2021-s-ketamine: Vpn 160.04 L, of the source \w+: its standard error"
    ):
        pkpd.draw_estimates(replace(model, parameters={**model.parameters, "Vpn": wide}), 10)


def test_a_fraction_with_an_error_beyond_its_ends_is_refused_in_its_file() -> None:
    text = find("placebo-response").read_text()
    with pytest.raises(ModelFileError, match=r"is more than a fraction of 0\.\d+ can have"):
        pkpd.read_effect(text.replace("{ se = 0.09 }", "{ se = 0.6 }"))


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{ rse = 1.76 }", "its standard error is 176% of the estimate"),
        ("{ se = 200 }", "its standard error is 125% of the estimate"),
        ("{ ci95 = [170, 200] }", "its 95 % interval does not hold the estimate"),
        ("{ ci95 = [-5, 200] }", "its 95 % interval begins at or below 0"),
    ],
)
def test_a_file_with_an_uncertainty_that_its_estimate_cannot_have_is_refused(written: str, told: str) -> None:
    text = find("otto2021-s-ketamine").read_text().replace("{ rse = 0.176 }", written)
    with pytest.raises(ModelFileError, match=rf"line \d+, \[parameters.Vpn.uncertainty\]: 160.04 L: {told}"):
        pkpd.read_model(text)


def test_a_covariance_by_pairs_is_answered_with_how_it_is_written():
    with pytest.raises(SimulationError, match=r'Write name -> name -> number, such as \{"CL": \{"CL": 0.04'):
        pkpd.draw_estimates(pkpd.load("kamp2020-ketamine"), 5, covariance={("CL", "V1"): 0.1})
