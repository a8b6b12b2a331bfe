"""Whose parameters, which route, which unit: how a data set meets a model, and what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
from event_models import clearance_by, depot_and_central, written_model
from naive import bateman, filling

import pkpd
from pkpd.errors import PkpdError

PARAMETERS = {"CL": 3.0, "V": 10.0, "KA": 1.25}
HEAD = "ID,TIME,EVID,AMT,CMT"


def predicted(lines: str, model: pkpd.Model | None = None, head: str = HEAD, given: Any = None, **more: Any) -> Any:
    dataset = pkpd.read_dataset(f"{head}\n{lines}")
    return pkpd.predict(model or depot_and_central(), dataset, PARAMETERS if given is None else given, **more)


# The frame


def test_one_row_a_record_in_the_order_of_the_file() -> None:
    text = "# a comment\nID,TIME,EVID,AMT,CMT\n7,30,1,10,2\n7,90,0,0,0\n3,0,0,0,0\n"
    frame = pkpd.predict(depot_and_central(), pkpd.read_dataset(text, time="min"), PARAMETERS)
    assert list(frame.columns) == ["ID", "TIME", "row", "drug (ng/mL)"]
    assert frame["ID"].tolist() == [7, 7, 3]
    assert frame["TIME"].tolist() == [30.0, 90.0, 0.0]
    assert frame["row"].tolist() == [3, 4, 5]
    assert frame["drug (ng/mL)"].tolist() == pytest.approx([1000.0, 1000 * np.exp(-0.3), 0.0], rel=1e-13)


def test_names_of_subjects() -> None:
    assert predicted("ann,0,1,10,2\nbob,0,1,20,2\n")["ID"].tolist() == ["ann", "bob"]


def test_a_library_model_by_route_and_form_gives_what_simulate_gives() -> None:
    """The racemate goes into two central compartments; 40 min is a DUR; two doses a day apart."""
    model = pkpd.load("kamp2020-ketamine")
    hours = [0, 0.25, 2 / 3, 2, 24, 24.5, 30]
    lines = ["0,1,35,24,1,0.66666666666666667", *(f"{hour:.17g},0,0,0,0,0" for hour in hours)]
    text = "".join(f"1,{line},iv,racemate\n" for line in lines)
    frame = predicted(text, model, "ID,TIME,EVID,AMT,II,ADDL,DUR,ROUTE,FORM", {})
    result = pkpd.simulate(model, "35 mg iv over 40 min every 24 h for 2 doses", None, (hours, "h"))
    for name in result.quantities:
        assert frame[f"{name} (ng/mL)"].to_numpy()[1:] == pytest.approx(result[name][:, 0], rel=1e-9, abs=1e-9)


def test_effect_sites_are_outputs() -> None:
    model = pkpd.load("kamp2020-ketamine").with_effects(pkpd.load_effect("fast-relief"))
    text = "1,0,1,35,0.5,iv,racemate\n1,1,0,0,0,iv,racemate\n"
    frame = predicted(text, model, "ID,TIME,EVID,AMT,DUR,ROUTE,FORM", {})
    result = pkpd.simulate(model, "35 mg iv over 30 min", None, ["1 h"])
    site = "site of fast-relief"
    assert frame[f"{site} (ng/mL)"].iloc[1] == pytest.approx(result[site][0, 0], rel=1e-9)


def test_steady_state_reaches_the_effect_site() -> None:
    """Before a dose of the cycle the site holds what 60 doses before left there."""
    model = pkpd.load("kamp2020-ketamine").with_effects(pkpd.load_effect("fast-relief"))
    frame = predicted("1,0,1,35,24,1,iv,racemate\n", model, "ID,TIME,EVID,AMT,II,SS,ROUTE,FORM", {})
    result = pkpd.simulate(model, "35 mg iv bolus every 24 h for 61 doses", None, ["1440 h"])
    for name in result.quantities:
        assert frame[f"{name} (ng/mL)"].iloc[0] == pytest.approx(result[name][0, 0], rel=1e-9)


def test_modifiers_hold_for_their_doses_in_a_data_set_too() -> None:
    model = pkpd.load("fanta2015-oral-s-ketamine").with_modifiers("women")  # known for intravenous doses alone
    columns = "ID,TIME,EVID,AMT,DUR,ROUTE,FORM"
    given = predicted("1,0,1,10,0.5,iv,S\n1,1,0,0,0,,\n", model, columns, {})
    expected = pkpd.simulate(model, "s-ketamine 10 mg iv over 30 min", None, ["1 h"])["S-ketamine"][0, 0]
    assert given["S-ketamine (ng/mL)"].iloc[1] == pytest.approx(expected, rel=1e-9)
    for record, told in (("oral,S", "iv only, not oral"), (",S", "not a dose without a route")):
        with pytest.raises(pkpd.errors.PkpdError, match=f"row 2, ROUTE: what women does there is known for .*{told}"):
            predicted(f"1,0,1,10,0,{record}\n", model, columns, {})


# Parameters and covariates

TWO = "7,0,1,10,2\n7,1,0,0,0\n3,0,1,10,2\n3,1,0,0,0\n"


@pytest.mark.parametrize(
    "clearance",
    [
        {"CL": [3.0, 1.0]},
        {"CL": {3: 1.0, 7: 3.0, 9: 8.0}},
        {"CL": [1.0, 3.0, 5.0], "ID": [3, 7, 9]},
        pandas.DataFrame({"CL": [1.0, 3.0], "id": ["3", "7.0"]}),
    ],
    ids=["in order", "by ID", "with a column ID", "a frame"],
)
def test_whose_parameter(clearance: Any) -> None:
    given = {**clearance, "V": 10.0, "KA": 1.25}
    found = predicted(TWO, given=given)["drug (ng/mL)"].to_numpy()
    assert found == pytest.approx([1000, 1000 * np.exp(-0.3), 1000, 1000 * np.exp(-0.1)], rel=1e-13)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"CL": [1.0, 2.0, 3.0]}, r"CL has the shape \(3,\) for 2 subjects"),
        ({"CL": {3: 1.0}}, "CL has no value for ID 7"),
        ({"CL": [1.0], "ID": [3]}, "ID 7 of the data set is missing"),
        ({"CL": [1.0, 2.0, 3.0], "ID": [3, 7, 7]}, "an ID is twice"),
        ({"CL": "fast"}, "CL holds what is not a number: fast"),
        ({"CL": [1.0, float("nan")]}, "CL is not a finite number for every subject"),
        ({"CL": 3.0, "Vmax": 1.0}, 'column "Vmax" is not known'),
        ({}, "needs a column CL"),
    ],
)
def test_parameters_that_cannot_be(given: Any, says: str) -> None:
    with pytest.raises(PkpdError, match=says):
        predicted(TWO, given={"V": 10.0, "KA": 1.25} | given)


BY_WEIGHT = {"CL_70": 3.0, "V": 10.0, "KA": 1.25}


@pytest.mark.parametrize(
    ("column", "named"), [("weight", None), ("WEIGHT", None), ("WT", None), ("wt", None), ("BSL", {"weight": "BSL"})]
)
def test_a_covariate_by_its_usual_names(column: str, named: Any) -> None:
    head, lines = f"ID,TIME,EVID,AMT,CMT,{column}", "1,0,1,10,2,35\n1,1,0,0,0,35\n"
    found = predicted(lines, clearance_by("weight"), head, BY_WEIGHT, covariates=named)["drug (ng/mL)"]
    assert found.iloc[1] == pytest.approx(1000 * np.exp(-0.3 * 0.5**0.75), rel=1e-13)


def test_a_covariate_in_the_unit_of_the_model_file() -> None:
    head, lines = "ID,TIME,EVID,AMT,CMT,CRCL", "1,0,1,10,2,50\n1,1,0,0,0,50\n"
    found = predicted(lines, clearance_by("crcl"), head, BY_WEIGHT)["drug (ng/mL)"]
    assert found.iloc[1] == pytest.approx(1000 * np.exp(-0.15), rel=1e-13)


def test_covariates_that_cannot_be() -> None:
    model, line = clearance_by("weight"), "1,0,1,10,2,{},{}\n"
    for head, cells, more, says in (
        ("WT,x", (".", 1), {}, "row 2, WT: is empty, and the model needs it"),
        ("WT,x", ("heavy", 1), {}, 'row 2, WT: "heavy" is not a number, and the model needs it'),
        ("WT,weight", (70, 70), {}, "columns WT and weight both give weight"),
        ("WT,x", (70, 1), {"covariates": {"weight": "y"}}, 'no column "y"'),
        ("WT,x", (70, 1), {"covariates": {"height": "x"}}, 'has no "height"'),
        ("WT,CL_70", (70, 1), {}, "CL_70 is given twice: in parameters and by the column CL_70"),
    ):
        with pytest.raises(PkpdError, match=says):
            predicted(line.format(*cells), model, f"ID,TIME,EVID,AMT,CMT,{head}", BY_WEIGHT, **more)


# Compartments and routes

TWO_WAYS = {
    "oral": {"into": "depot", "bioavailability": "F"},
    "buccal": {"into": "depot"},
    "iv": {"into": "central"},
    "sc": {"into": "central"},
}


def several_routes() -> pkpd.Model:
    return written_model(
        "several-routes", TWO_WAYS, {"F": "1", "k": "1/h"}, {}, {}, {},
        {"depot": "-k * depot", "central": "k * depot - k * central"},
        {"depot": ("depot", "mg"), "central": ("central", "mg")},
    )  # fmt: skip


def test_routes_choose_the_way() -> None:
    """Two equal ways into the centre leave nothing to choose; the two into the depot differ."""
    lines = "1,0,1,10,oral,.\n1,0,1,10,buccal,1\n1,0,1,10,.,2\n1,0,1,10,.,central\n"
    frame = predicted(lines, several_routes(), "ID,TIME,EVID,AMT,ROUTE,CMT", {"F": 0.25, "k": 0.1})
    assert frame["depot (mg)"].iloc[-1] == pytest.approx(12.5, rel=1e-14)
    assert frame["central (mg)"].iloc[-1] == pytest.approx(20, rel=1e-14)


def test_a_state_that_no_route_leads_to_takes_what_it_gets() -> None:
    model = written_model(
        "one-route", {"iv": {"into": "a"}}, {"k": "1/h"}, {}, {}, {}, {"a": "-k * a", "b": "k * a - k * b"},
        {"b": ("b", "mg")},
    )  # fmt: skip
    assert predicted("1,0,1,10,2\n", model, given={"k": 0.1})["b (mg)"].tolist() == [10.0]
    assert predicted("1,0,1,10,.\n1,1,0,0,.\n", model, given={"k": 0.1})["b (mg)"].iloc[1] == pytest.approx(
        10 * 0.1 * np.exp(-0.1), rel=1e-13
    )


@pytest.mark.parametrize("mode", ["default", "nonmem"])
def test_a_route_of_several_ways(mode: Any) -> None:
    """Part of a dose by first order, the rest evenly over 3 h: naming the route takes it as the model has it."""
    model, hours = pkpd.load("one-compartment-mixed-absorption"), [0.0, 1.0, 3.0, 4.5, 12.0]
    given = {"CL": 3.0, "V1": 10.0, "ka": 1.25, "F_depot": 0.4, "D1": 3.0}
    lines = ["1,0,1,50,oral", *(f"1,{hour},0,0,." for hour in hours)]
    dataset = pkpd.read_dataset("\n".join(["ID,TIME,EVID,AMT,ROUTE", *lines, ""]), mode=mode)
    found = pkpd.predict(model, dataset, given)["drug (ng/mL)"].to_numpy()[1:] / 100
    assert found == pytest.approx(bateman(20, 1.25, 0.3, hours) + filling(30, 3, 0.3, hours), rel=1e-12, abs=1e-13)


ROUTE_MISTAKES = {
    "1,0,1,10,.,1,.": "row 2, CMT: several routes lead into depot: buccal, oral. Name one in a column ROUTE",
    "1,0,1,10,.,.,.": "row 2, CMT: nothing says where to. Give CMT or ROUTE. Allowed: central, depot",
    "1,0,1,10,.,3,.": "row 2, CMT: the model several-routes has no compartment 3. It has: 1 depot, 2 central",
    "1,0,1,10,.,gut,.": 'row 2, CMT: the model several-routes has no compartment "gut"',
    "1,0,1,10,im,.,.": 'row 2, ROUTE: the model several-routes has no "im". Allowed: buccal, iv, oral, sc',
    "1,0,1,10,oral,2,.": "row 2, CMT: oral does not lead into central",
    "1,0,1,10,oral,.,S": 'row 2, FORM: the model several-routes does not take "S". Allowed: racemate',
}


@pytest.mark.parametrize("line", ROUTE_MISTAKES)
def test_ways_that_are_not_there(line: str) -> None:
    with pytest.raises(PkpdError, match=f"^{ROUTE_MISTAKES[line]}"):
        predicted(f"{line}\n", several_routes(), "ID,TIME,EVID,AMT,ROUTE,CMT,FORM", {"F": 1.0, "k": 0.1})


def test_forms_must_be_told_apart_where_the_model_does() -> None:
    with pytest.raises(PkpdError, match=r"row 2, FORM: the model tells drug forms apart\. Name one"):
        predicted("1,0,1,10,iv\n", pkpd.load("kamp2020-ketamine"), "ID,TIME,EVID,AMT,ROUTE", {})


@pytest.mark.parametrize(("rate", "what"), [("-1", "rate"), ("-2", "duration")])
def test_a_model_without_the_rate_or_duration_left_to_it(rate: str, what: str) -> None:
    with pytest.raises(PkpdError, match=f"row 2, RATE: {rate}, but the model has no {what} for this route"):
        predicted(f"1,0,1,10,2,{rate}\n", head=f"{HEAD},RATE")


def test_shares_and_lags_below_0() -> None:
    """A lag below 0 can only come out of an expression: the table refuses it before."""
    with pytest.raises(PkpdError, match="row 2, AMT: its bioavailability is -0.5"):
        predicted("1,0,1,10,2\n", given=PARAMETERS | {"share": -0.5})
    model = written_model(
        "early", {"iv": {"into": "a", "lag": "early"}}, {"k": "1/h", "late": "h"}, {}, {"early": "-late"}, {},
        {"a": "-k * a"}, {"a": ("a", "mg")},
    )  # fmt: skip
    with pytest.raises(PkpdError, match="row 2, AMT: its lag is -2 h. It is 0 or more"):
        predicted("1,0,1,10,1\n", model, given={"k": 0.1, "late": 2.0})


SLIPS = {
    "1,0,1,10,2,0.000001,400000000,0,0": "row 2, ADDL: 360,000,000 doses before the last record. At most 100,000",
    "1,0,1,10,2,0.000001,0,1,0": "row 2, II: 360,000 doses under way, because of the lag",
    "1,0,1,10,2,0.01,5000,0,100": "row 2, II: more than 1,000 infusions run at once",
    "1,0,1,10,1,0.01,0,1,100": "row 2, II: more than 1,000 infusions run at once",
}


@pytest.mark.parametrize("line", SLIPS)
def test_more_doses_than_anyone_means_are_refused_at_once(line: str) -> None:
    lag = 0.36 if "0.000001,0,1" in line else 0.0
    with pytest.raises(PkpdError, match=SLIPS[line]):
        predicted(f"{line}\n1,360,0,0,0,0,0,0,0\n", head=f"{HEAD},II,ADDL,SS,DUR", given=PARAMETERS | {"lag": lag})


def test_neither_a_model_nor_a_data_set() -> None:
    data = pkpd.read_dataset("ID,TIME\n1,0\n")
    with pytest.raises(PkpdError, match="model: 'two' is not one"):
        pkpd.predict("two", data)  # type: ignore[arg-type]
    with pytest.raises(PkpdError, match="data set: 'ID,TIME' is not one. Read it first"):
        pkpd.predict(depot_and_central(), "ID,TIME")  # type: ignore[arg-type]
