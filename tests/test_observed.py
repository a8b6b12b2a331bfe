"""Which observed numbers belong to a regimen, and how they are scaled to its dose."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pkpd
from pkpd.disagreement.observed import Point, points
from pkpd.observations import Concentration
from pkpd.units import HYDROCHLORIDE_TO_BASE


def row(regimen: str, value: float = 100.0, **changed: Any) -> Concentration:
    made = Concentration(
        id="one",
        study="Author 2000",
        citation="Author A. Journal 2000;1:1-9",
        doi="",
        n=10,
        population="healthy adults",
        group="healthy adults",
        form="racemate",
        route="iv",
        weight_kg=70.0,
        age_y=25.0,
        site="arterial",
        analyte="ketamine",
        value=value,
        unit="ng/mL",
        spread=(),
        spread_kind="",
        kind="data",
        modifiers=(),
        used_by=(),
        used_why="",
        mark="primary",
        seen_at="table 1",
        note="",
        regimen=pkpd.parse(regimen),
        metric="level",
        at="40 min",
        until="",
    )
    return replace(made, **changed)


def found(
    rows: list[Concentration],
    regimen: str = "0.5 mg/kg iv over 40 min",
    analyte: str = "ketamine",
    age: float | None = None,
    proportional: bool = True,
) -> tuple[Point, ...]:
    return points(rows, pkpd.parse(regimen), analyte, 70.0, age, proportional)


def test_the_same_regimen_is_taken_as_it_is() -> None:
    (point,) = found([row("0.5 mg/kg iv over 40 min")])
    assert (point.value, point.factor, point.remark) == (100.0, 1.0, "")
    assert point.hours == pytest.approx(40 / 60)
    assert (point.study, point.n, point.site) == ("Author 2000", 10, "arterial")


@pytest.mark.parametrize(
    ("seen", "wanted"), [("20 mg iv bolus", "40 mg iv bolus"), ("0.2 mg/kg iv bolus", "0.4 mg/kg iv bolus")]
)
def test_twice_the_dose_is_twice_the_level_whoever_was_heavier(seen: str, wanted: str) -> None:
    (point,) = found([row(seen, weight_kg=50.0)], wanted)
    assert point.factor == pytest.approx(2.0)


def test_another_dose_of_the_same_length_is_scaled_and_says_so() -> None:
    (point,) = found([row("0.25 mg/kg iv over 40 min")])
    assert point.value == pytest.approx(200.0)
    assert point.remark == "scaled by 2 from ketamine 0.25 mg/kg iv over 40 min"


def test_doses_are_scaled_by_what_a_kilogram_is_given() -> None:
    """10 mg to people of 50 kg are 0.2 mg/kg, 2.5 times less than 0.5."""
    (point,) = found([row("10 mg iv over 40 min", weight_kg=50.0)])
    assert point.factor == pytest.approx(2.5)
    (point,) = found([row("35 mg iv over 40 min")])
    assert point.factor == 1.0


def test_salt_counts_as_its_base() -> None:
    (point,) = found([row("ketamine hcl 0.5 mg/kg iv over 40 min")])
    assert point.factor == pytest.approx(1 / HYDROCHLORIDE_TO_BASE)


@pytest.mark.parametrize(
    "other",
    [
        row("0.5 mg/kg iv over 30 min"),
        row("0.5 mg/kg oral", route="oral"),
        row("s-ketamine 0.5 mg/kg iv over 40 min", form="S"),
        row("0.5 mg/kg iv over 40 min every 24 h for 2 doses"),
        row("0.3 mg/kg iv over 40 min then 0.2 mg/kg over 40 min"),
        row("0.5 mg/kg iv over 40 min", analyte="S-ketamine"),
        row("0.5 mg/kg iv over 40 min", kind="model-predicted"),
        row("0.5 mg/kg iv over 40 min", kind="range"),
        row("0.5 mg/kg iv over 40 min", modifiers=("ticlopidine",)),
        row("0.5 mg/kg iv over 40 min", group="children"),
    ],
    ids=lambda one: f"{one.regimen}, {one.analyte}, {one.kind}, {one.group}",
)
def test_what_differs_by_more_than_dose_is_not_shown(other: Concentration) -> None:
    assert found([other]) == ()


def test_nothing_is_scaled_where_levels_are_not_in_proportion_to_the_dose() -> None:
    rows = [row("0.25 mg/kg iv over 40 min"), row("0.5 mg/kg iv over 40 min", id="two")]
    assert [point.id for point in found(rows, proportional=False)] == ["two"]


def test_children_are_shown_to_children() -> None:
    rows = [row("0.5 mg/kg iv over 40 min", group="children", id="child"), row("0.5 mg/kg iv over 40 min")]
    assert [point.id for point in found(rows, age=8.0)] == ["child"]
    assert [point.id for point in found(rows, age=40.0)] == ["one"]


def test_where_one_isomer_is_given_all_ketamine_is_that_isomer() -> None:
    rows = [row("s-ketamine 10 mg iv over 30 min", analyte="ketamine", form="S")]
    assert len(found(rows, "s-ketamine 10 mg iv over 30 min", "S-ketamine")) == 1
    assert found(rows, "s-ketamine 10 mg iv over 30 min", "R-ketamine") == ()


def test_peaks_without_a_time_and_areas_are_kept() -> None:
    rows = [
        row("0.5 mg/kg iv over 40 min", metric="peak", at="", used_by=("a-model",), kind="doubtful"),
        row("0.5 mg/kg iv over 40 min", metric="area", at="", until="6 h"),
    ]
    area, peak = found(rows)
    assert math.isnan(peak.hours)
    assert peak.remark == "used to build a-model; doubtful"
    assert (area.metric, area.hours) == ("area", 6.0)


@given(
    st.floats(0.01, 10),
    st.floats(0.01, 10),
    st.floats(30, 150),
    st.sampled_from(["iv bolus", "iv over 40 min", "oral", "nasal"]),
)
def test_scaling_there_and_back_changes_nothing(first: float, second: float, weight: float, how: str) -> None:
    there = found([row(f"{first} mg/kg {how}", 50.0, weight_kg=weight)], f"{second} mg/kg {how}")
    back = found([row(f"{second} mg/kg {how}", there[0].value, weight_kg=weight)], f"{first} mg/kg {how}")
    assert back[0].value == pytest.approx(50.0, rel=1e-5)
    assert there[0].value == pytest.approx(50.0 * second / first, rel=1e-5)
