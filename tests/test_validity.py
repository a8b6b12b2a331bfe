"""What a model may be used for: limits flagged in every verb, refused where hard, never lost on the way to a reader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd
from pkpd import validity
from pkpd.errors import SimulationError, UnknownName
from pkpd.terminal.comparison import csv_text, print_comparison

KAMP = pkpd.load("kamp2020-ketamine")
SIMONS = pkpd.load("simons2022-s-ketamine")
GIVEN = "s-ketamine 20 mg iv over 20 min"
TIMES = "0 to 3 h by 30 min"
BASE = (Path(__file__).parent / "model" / "data" / "example-ketamine.toml").read_text(encoding="utf-8")
RELIEF = (Path(__file__).parent / "model" / "data" / "example-relief.toml").read_text(encoding="utf-8")


def limited(*lines: str) -> pkpd.Model:
    """The example model with other limits."""
    head, rest = BASE.split("[validity]\n")
    return pkpd.read_model(head + "[validity]\n" + "\n".join(lines) + "\n\n" + rest[rest.index("[[check]]") :])


def texts(result: Any) -> list[str]:
    return [flag.text for flag in result.flags]


# Limits that flag


def test_nothing_is_flagged_within_the_limits() -> None:
    result = pkpd.simulate(KAMP, GIVEN, pkpd.Population(50, seed=1), TIMES)
    assert result.flags == ()
    comparison = pkpd.compare(KAMP, {"a": GIVEN}, 50)
    assert comparison.flags == ()
    assert "flags" not in comparison.columns
    assert comparison.marked("a") == "a"


def test_weight_is_counted_in_every_verb() -> None:
    people = pkpd.Population(200, seed=3)
    weights = people.covariate("weight", 70.0)
    outside = int(((weights < 53) | (weights > 93)).sum())
    expected = (
        f"Outside the limit weight 53 to 93 kg: {weights.min():.3g} to {weights.max():.3g} kg in {outside} of 200"
    )
    sweep = pkpd.sweep(SIMONS, {"a": GIVEN}, people, TIMES, of="S-ketamine")
    for found in (
        pkpd.simulate(SIMONS, GIVEN, people, TIMES),
        pkpd.compare(SIMONS, {"a": GIVEN}, people),
        sweep,
        pkpd.prepare(SIMONS, GIVEN, TIMES).run({"weight": weights}),
    ):
        assert texts(found) == [f"{expected} patients."]
        assert found.flags[0].source == "simons2022-s-ketamine"
        assert "flags: 1" in repr(found)
    assert [flag.of for flag in sweep.flags] == ["a"]
    assert set(sweep.to_frame()["flags"]) == {f"{texts(sweep)[0]} [simons2022-s-ketamine]"}


def test_a_peak_between_the_output_times_is_seen() -> None:
    model = limited('concentration = { of = "S-ketamine", max = 200, unit = "ng/mL" }')
    result = pkpd.simulate(model, "s-ketamine 20 mg iv bolus", None, ["6 h"])
    assert result["S-ketamine"].max() < 200
    assert texts(result) == ["Outside the limit concentration of S-ketamine to 200 ng/mL: 800 ng/mL."]  # 20 mg in 25 L
    assert not pkpd.simulate(model, "s-ketamine 4.9 mg iv bolus", None, ["6 h"]).flags


def test_any_output_and_each_route_may_have_a_limit() -> None:
    model = limited(
        'concentration = [{ of = "R-ketamine", max = 1, unit = "ng/mL" }]',
        'duration = [{ max = 1, unit = "h", route = "iv" }, { max = 3, unit = "h" }]',
    )
    found = pkpd.compare(model, {"iv": "20 mg iv over 2 h", "none": "no treatment"}, 5)
    assert [(flag.of, flag.text.split(":")[0]) for flag in found.flags] == [
        ("iv", "Outside the limit concentration of R-ketamine to 1 ng/mL"),
        ("iv", "Outside the limit duration to 1 h by the route iv"),
    ]
    by_vein = limited('concentration = { of = "S-ketamine", max = 200, unit = "ng/mL", route = "iv" }')
    (text,) = texts(pkpd.simulate(by_vein, "s-ketamine 20 mg iv bolus", None, ["6 h"]))
    assert text.startswith("Outside the limit concentration of S-ketamine to 200 ng/mL by the route iv")
    with pytest.raises(pkpd.PkpdError, match=r'\[validity.duration.route\].*"sc" is not known'):
        limited('duration = { max = 1, unit = "h", route = "sc" }')


def test_effects_of_adults_are_flagged_in_children() -> None:
    model = pkpd.load("herd2007-ketamine")
    children = pkpd.Population(20, weight="25 kg", covariates={"age": "8 year"})
    flagged = {flag.source for flag in pkpd.compare(model, {"a": "1 mg/kg iv"}, children).flags}
    assert {"fast-relief", "slow-relief", "psychotomimetic-asked", "baseline-pain"} <= flagged
    assert "herd2007-ketamine" not in flagged


def test_limits_of_an_effect_count_as_well() -> None:
    effect = pkpd.read_effect(RELIEF + '\n[validity]\nage = { max = 60, unit = "year" }\n')
    people = pkpd.Population(20, covariates={"age": "70 year"})
    result = pkpd.simulate(KAMP.with_effects(effect), GIVEN, people, TIMES)
    assert [(flag.text, flag.source) for flag in result.flags] == [
        ("Outside the limit age to 60 years: 70 years in 20 of 20 patients.", effect.id)
    ]
    assert not pkpd.simulate(KAMP.with_effects(effect), GIVEN, pkpd.Population(20), TIMES).flags  # age is not known


@settings(max_examples=25, deadline=None)
@given(
    low=st.floats(30, 80), width=st.floats(1, 80), seed=st.integers(0, 100), hard=st.booleans()
)  # fmt: skip
def test_whoever_is_outside_is_told_or_refused(low: float, width: float, seed: int, hard: bool) -> None:
    """A flag (or, where hard, a refusal) exactly where somebody is outside; numbers stay as without the limit."""
    line = f'weight = {{ min = {low}, max = {low + width}, unit = "kg", hard = {str(hard).lower()} }}'
    model, people = limited(line), pkpd.Population(20, seed=seed)
    weights = people.covariate("weight", 70.0)
    outside = bool(((weights < low) | (weights > low + width)).any())
    if hard and outside:
        with pytest.raises(SimulationError, match="its limit is weight"):
            pkpd.simulate(model, GIVEN, people, ["1 h"])
        model = model.beyond("weight")
    result = pkpd.simulate(model, GIVEN, people, ["1 h"])
    assert bool(result.flags) == outside
    assert np.array_equal(result.array, pkpd.simulate(limited(), GIVEN, people, ["1 h"]).array)


def test_one_regimen_for_each_subject() -> None:
    model = limited('duration = { max = 1, unit = "h" }')
    plans = ["s-ketamine 20 mg iv over 30 min", "s-ketamine 20 mg iv over 2 h", "no treatment"]
    result = pkpd.simulate(model, plans, {"weight": [70.0, 70.0, 70.0]}, ["1 h"])
    assert texts(result) == ["Outside the limit duration to 1 h: 2 h in 1 of 3 patients."]


# Limits that refuse


ADULTS = ("kamp2020-ketamine", "kamp2020-pooled", "domino1984-ketamine", "clements1981-ketamine", "hijazi2003-ketamine")


@pytest.mark.parametrize("name", ADULTS)
def test_a_child_under_an_adult_model_by_age(name: str) -> None:
    people = pkpd.Population(10, weight="25 kg", covariates={"age": "8 year"})
    model = pkpd.load(name)
    for call in (
        lambda: pkpd.simulate(model, "1 mg/kg iv", people, TIMES),
        lambda: pkpd.compare(model, {"a": "1 mg/kg iv"}, people),
        lambda: pkpd.sweep(model, ["1 mg/kg iv"], people, TIMES, of="ketamine"),
    ):
        with pytest.raises(SimulationError) as refused:
            call()
        for words in (
            f"model {name}: age is 8 years",
            "from 18 years",
            "elkomy2015-ketamine",
            "herd2007",
            'beyond("age")',
        ):
            assert words in str(refused.value)
    result = pkpd.simulate(model.beyond("age"), "1 mg/kg iv", people, TIMES)
    assert any(text.startswith("Outside the limit age from 18 years: 8 years") for text in texts(result))


def test_a_child_under_an_adult_model_by_weight() -> None:
    for people in (pkpd.Population(10, weight="20 kg"), {"weight": [70.0, 29.9]}, pkpd.Population.typical("12 kg")):
        with pytest.raises(SimulationError, match="age is not given, and below 30 kg a person is taken for a child"):
            pkpd.simulate(KAMP, "1 mg/kg iv", people, TIMES)
    with pytest.raises(SimulationError, match="below 30 kg"):
        pkpd.prepare(KAMP, "1 mg/kg iv", TIMES)({"weight": 20.0})
    assert pkpd.simulate(
        KAMP, "1 mg/kg iv", {"weight": [29.0], "age": [40.0]}, TIMES
    ).array.any()  # said to be an adult


def test_what_fits_is_what_would_run() -> None:
    """Every model that a refusal names without a remark takes the same patients and dose."""
    people = pkpd.Population(10, weight="25 kg", covariates={"age": "8 year"})
    with pytest.raises(SimulationError) as refused:
        pkpd.simulate(KAMP, "1 mg/kg iv", people, TIMES)
    listed = str(refused.value).split("fitting limit of age: ")[1].split(". To go")[0].split(", ")
    named = [name for name in listed if "(" not in name]
    assert named == ["elkomy2015-ketamine", "herd2007-ketamine", "sherwin2015-ketamine"]
    for name in named:
        assert pkpd.simulate(pkpd.load(name), "1 mg/kg iv", people, TIMES).array.any()
    half = pkpd.parse("1 mg/kg iv").s_half()
    assert "flint2017-s-ketamine (takes S-ketamine: regimen.s_half())" in listed
    assert not pkpd.simulate(pkpd.load("flint2017-s-ketamine"), half, people, TIMES).flags


def test_adults_under_a_model_of_children() -> None:
    with pytest.raises(SimulationError, match=r'weight is 70 kg; its limit is weight to 35 kg.*typical\("7 kg"\)'):
        pkpd.simulate(pkpd.load("flint2017-s-ketamine"), GIVEN, None, TIMES)
    with pytest.raises(SimulationError, match="age is 40 years; its limit is age to 18 years"):
        people = pkpd.Population.typical(covariates={"age": "40 year"})
        pkpd.simulate(pkpd.load("sherwin2015-ketamine"), "1 mg/kg iv", people, TIMES)
    unknown = pkpd.simulate(pkpd.load("sherwin2015-ketamine"), "1 mg/kg iv", None, TIMES)
    assert texts(unknown) == ["Perhaps outside the limit age to 18 years: age is not given."]


def test_a_hard_level_and_a_hard_duration() -> None:
    model = limited(
        'concentration = { of = "S-ketamine", max = 200, unit = "ng/mL", hard = true }',
        'duration = { max = 10, unit = "h", hard = true }',
    )
    with pytest.raises(SimulationError, match='concentration of S-ketamine is 800 ng/mL.*beyond."concentration"'):
        pkpd.simulate(model, "s-ketamine 20 mg iv bolus", None, ["6 h"])
    with pytest.raises(SimulationError, match='regimen "a": model example-ketamine: duration is 11 h'):
        pkpd.compare(model, {"a": "s-ketamine 1 mg/h iv over 11 h"}, 5)


def test_beyond_knows_its_limits() -> None:
    with pytest.raises(UnknownName, match='limit "agee" is not known. Allowed: age, weight. Did you mean "age"?'):
        KAMP.beyond("agee")
    effect = pkpd.read_effect(RELIEF + '\n[validity]\nage = { max = 60, unit = "year", hard = true }\n')
    old = pkpd.Population(5, covariates={"age": "70 year"})
    both = KAMP.with_effects(effect)
    with pytest.raises(SimulationError, match=f"effect {effect.id}: age is 70 years"):
        pkpd.simulate(both, GIVEN, old, TIMES)
    assert pkpd.simulate(both.beyond("age"), GIVEN, old, TIMES).flags
    assert pkpd.simulate(KAMP.with_effects(effect.beyond("age")), GIVEN, old, TIMES).flags
    with pytest.raises(UnknownName, match="Allowed: age"):
        effect.beyond("weight")


# On the way to a reader


@pytest.fixture(scope="module")
def flagged() -> Any:
    return pkpd.compare(SIMONS, {"short": GIVEN, "long": "s-ketamine 2 mg/h iv over 10 h"}, 60)


def test_flags_stand_beside_the_arm_and_in_a_list(flagged: Any, capsys: pytest.CaptureFixture[str]) -> None:
    print_comparison(flagged)
    printed = capsys.readouterr().out
    assert "short (!1)" in printed
    assert flagged.footnotes()[0].startswith("(!1) Outside the limit weight 53 to 93 kg")  # of both arms, so no name
    assert "[simons2022-s-ketamine]" in printed


def test_a_flag_of_all_stands_in_every_line(flagged: Any) -> None:
    whole = replace(flagged, flags=(pkpd.Flag("limit", "", "Said of all.", "here"), *flagged.flags))
    assert all("Said of all. [here]" in row[-1] for row in whole.rows())


def test_a_flag_of_one_arm_names_it() -> None:
    model = limited('duration = { max = 5, unit = "h" }')
    found = pkpd.compare(model, {"short": GIVEN, "long": "s-ketamine 2 mg/h iv over 10 h"}, 5)
    assert (found.marked("short"), found.marked("long")) == ("short", "long (!1)")
    assert found.footnotes() == [
        "(!1) long: Outside the limit duration to 5 h: 10 h in 5 of 5 patients. [example-ketamine]"
    ]
    rows = csv_text(found).splitlines()
    assert rows[0].endswith(",flags")
    of_arm = {"short": [], "long": []}
    for row in rows[1:]:
        of_arm[row.split(",")[0]].append("duration to 5 h" in row)
    assert all(of_arm["long"])
    assert not any(of_arm["short"])
    assert found.table()["flags"].str.contains("duration").sum() == len(of_arm["long"])


def test_flags_are_on_the_figure(flagged: Any) -> None:
    words = " ".join(text.get_text() for text in flagged.plot().findobj(match=lambda one: hasattr(one, "get_text")))
    assert "(!1)" in words
    assert "short (!1)" in words.replace("\xa0", " ")
    assert "weight" in words


def test_flags_go_with_the_exports() -> None:
    result = pkpd.simulate(SIMONS, GIVEN, pkpd.Population.typical("120 kg"), TIMES)
    expected = ["Outside the limit weight 53 to 93 kg: 120 kg. [simons2022-s-ketamine]"]
    assert result.to_xarray().attrs["flags"] == expected
    assert result.to_frame().attrs["flags"] == expected


def test_followed_is_empty_without_treatment() -> None:
    model = limited('concentration = { of = "S-ketamine", max = 200, unit = "ng/mL" }')
    assert validity.followed(model, pkpd.parse("no treatment")) == ()
    assert validity.followed(model, pkpd.parse(GIVEN)) == ("S-ketamine",)
