"""Routes a model has not: what is known and missing, and a depot added with the numbers given; models not completed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pkpd
from pkpd.errors import ModelFileError, SimulationError, UnitError, UnknownName
from pkpd.model import facts, library

KAMP = pkpd.load("kamp2020-ketamine")
TIMES = "0 to 12 h by 15 min"


# Facts


def test_the_conflict_of_oral_bioavailability_stands_in_rows() -> None:
    rows = facts.route_facts().of("oral", "adults")
    assert sorted(row.percent for row in rows) == [8, 13, 15, 16.5, 17.8, 18.6, 19, 20, 24]
    found = facts.typical(rows)
    assert (found.low, found.high) == (8, 24)
    assert found.percent == 17  # the median of 8, 13, (17.8 + 18.6) / 2, 24, 20, 16.5 and (15 + 19) / 2
    assert found.mark == "derived"


@pytest.mark.parametrize(
    ("marks", "mark"),
    [(("primary", "primary"), "derived"), (("primary", "assumed"), "assumed"), (("primary",), "primary")],
)
def test_a_median_of_several_sources_is_derived(marks: tuple[str, ...], mark: str) -> None:
    row = facts.route_facts().of("im", "adults")[0]
    assert facts.typical(tuple(replace(row, mark=one) for one in marks)).mark == mark


def test_one_source_keeps_its_mark() -> None:
    known = [("im", "adults", 93, "secondary"), ("im", "children", 41, "primary")]
    known += [("inhaled", "adults", 70, "primary"), ("rectal", "adults", 30, "primary")]
    for route, people, percent, mark in known:
        found = facts.typical(facts.route_facts().of(route, people))
        assert (found.percent, found.mark) == (percent, mark)


@pytest.mark.parametrize("route", ["sc", "epidural", "topical"])
def test_a_route_without_a_verified_bioavailability_has_none(route: str) -> None:
    assert facts.route_facts().of(route) == ()


def test_a_file_of_facts_is_checked() -> None:
    text = 'kind = "routes"\n[sources.a]\ncitation = "A"\n[[bioavailability]]\nroutes = ["im"]\nform = "S"\n'
    text += 'product = "p"\npopulation = "adults"\npercent = 120\nsource = "a"\nmark = "primary"\n'
    with pytest.raises(ModelFileError, match=r"line 9.*percent.*120 is no percentage"):
        facts.read_routes(text)
    with pytest.raises(ModelFileError, match='"imm" is not known.*Did you mean "im"'):
        facts.read_routes(text.replace('["im"]', '["imm"]'))


def test_every_incomplete_model_says_what_is_missing() -> None:
    listed = facts.incomplete_models()
    names = " ".join(one.name for one in listed)
    expected = ["Fanta", "Hornik", "Brunette", "Jonkman", "Kurosawa", "Abuhelwa", "Kamp 2020", "Henthorn", "Sigtermans"]
    expected += ["Dahan", "Olofsen", "Zhao", "Domino 1982 (fixed)", "Simons 2022, part 2"]
    for name in expected:
        assert name in names
    assert all(one.missing and one.seen and one.citation for one in listed)
    assert {one.area for one in listed} == {"kinetics", "effect"}
    with pytest.raises(ModelFileError, match='line 3.*"missing" is missing'):
        facts.read_incomplete(
            'kind = "incomplete"\n\n[[model]]\nname = "a"\narea = "kinetics"\ncitation = "c"\nseen = "s"\n'
        )


# Refusals


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (
            "im",
            ["93 % in adults", "clements1982, secondary", "41 % in children", "no absorption rate in adults", "ka="],
        ),
        ("sc", ["none that was verified", "no absorption rate in people", "bioavailability="]),
        ("rectal", ["30 % in adults", "25 % in children", "no absorption rate was found"]),
        ("inhaled", ["70 % in adults", "0.05 (SE 0.01) per min"]),
    ],
)
def test_a_route_that_no_model_has_is_refused_with_what_is_known(route: str, words: list[str]) -> None:
    with pytest.raises(UnknownName) as refused:
        pkpd.simulate(KAMP, f"20 mg {route} bolus", None, TIMES)
    for word in (*words, "Complete by this route: no model of the library", f'with_route("{route}"'):
        assert word in str(refused.value)


def test_the_complete_models_of_a_route_are_named() -> None:
    with pytest.raises(UnknownName) as refused:
        pkpd.compare(KAMP, {"a": "20 mg oral"}, 5)
    complete = [name for name in library.names("pk") if "oral" in library.load(name).routes]
    assert f"Complete by this route: {', '.join(complete) or 'no model of the library'}." in str(refused.value)
    assert "8 to 24 % in adults" in str(refused.value)


def test_the_racemate_into_a_model_of_s() -> None:
    otto = pkpd.load("otto2021-s-ketamine")
    with pytest.raises(SimulationError, match=r"does not take ketamine. Allowed: S.*regimen.s_half\(\)"):
        pkpd.simulate(otto, "40 mg iv over 30 min", None, TIMES)
    half = pkpd.simulate(otto, pkpd.parse("40 mg iv over 30 min").s_half(), None, TIMES)
    assert np.array_equal(half.array, pkpd.simulate(otto, "s-ketamine 20 mg iv over 30 min", None, TIMES).array)
    with pytest.raises(SimulationError, match="Choose a model of that form"):
        pkpd.simulate(otto, "r-ketamine 40 mg iv", None, TIMES)


# A route added


def test_a_depot_by_superposition() -> None:
    """The level after a dose into a depot is the intravenous one, spread by ka exp(-ka s) and times F."""
    ka, share = 0.9, 0.4
    model = KAMP.with_route("im", ka=f"{ka} 1/h", bioavailability=share)
    at = 2.0
    edges = np.linspace(0, at, 4001)
    bolus = pkpd.simulate(KAMP, "50 mg iv bolus", None, (edges, "h"))
    result = pkpd.simulate(model, "50 mg im bolus", None, ["2 h"])
    assert result.individuals.program.is_linear
    spread = ka * np.exp(-ka * (at - edges))
    for name in ("S-ketamine", "R-ketamine", "S-norketamine"):
        expected = share * np.trapezoid(bolus[name][:, 0] * spread, edges)
        assert result[name][0, 0] == pytest.approx(expected, rel=2e-4)


def test_the_area_is_bioavailability_times_the_intravenous_one() -> None:
    model = KAMP.with_route("im", ka="1.76 1/h")
    found = pkpd.compare(model, {"im": "50 mg im bolus", "iv": "50 mg iv bolus"}, 5, until="60 d", effects=[])
    ratio = (
        found.arm("im").outcome("area under S-ketamine").values
        / found.arm("iv").outcome("area under S-ketamine").values
    )
    assert ratio == pytest.approx(0.93, rel=1e-9)
    assert [flag.of for flag in found.flags] == ["im"]
    assert "first-order absorption 1.76 1/h (assumed, user)" in found.flags[0].text
    assert "93 % (secondary, clements1982)" in found.flags[0].text


def test_numbers_keep_their_marks() -> None:
    model = KAMP.with_route("oral", ka="1.76 1/h")
    rate, share = model.parameters["ka_oral"], model.parameters["F_oral"]
    assert (rate.mark, rate.source) == ("assumed", "user")
    assert (share.value, share.mark, share.scan) == (pytest.approx(0.17), "derived", (0.08, 0.24))
    assert "fanta2015" in model.sources[share.source].citation
    low, high = share.scan
    levels = [
        pkpd.simulate(model.with_values(F_oral=value), "50 mg oral", None, ["1 h"])["S-ketamine"][0, 0]
        for value in (low, high)
    ]
    assert levels[1] / levels[0] == pytest.approx(3)
    given = KAMP.with_route("sc", ka="0.5 1/h", bioavailability="80 %").parameters["F_sc"]
    assert (given.value, given.mark, given.source) == (pytest.approx(0.8), "assumed", "user")
    assert KAMP.routes.keys() == {"iv"}


def test_a_flag_says_the_numbers_in_use() -> None:
    model = KAMP.with_route("oral", ka="1.76 1/h").with_values(F_oral="8 %")
    (flag,) = pkpd.simulate(model, "50 mg oral", None, ["1 h"]).flags
    assert "bioavailability 8 % (assumed, user)" in flag.text
    assert pkpd.simulate(model, "50 mg iv", None, ["1 h"]).flags == ()


def test_children_have_their_own_bioavailability() -> None:
    model = pkpd.load("herd2007-ketamine").with_route("im", ka="2 1/h")
    assert model.parameters["F_im"].written == 41
    (flag,) = pkpd.simulate(model, "1 mg/kg im", pkpd.Population.typical("30 kg", {"age": "8 year"}), ["1 h"]).flags
    assert "do not use it with another model's clearance" in flag.text
    assert KAMP.with_route("im", ka="2 1/h", population="children").parameters["F_im"].written == 41


@pytest.mark.parametrize(
    ("route", "options", "kind", "words"),
    [
        ("im", {}, SimulationError, "absorption rate is missing; no absorption rate in adults was found"),
        ("im", {"ka": 1.76}, UnitError, "1.76 has no unit; it needs 1/h"),
        ("im", {"ka": "0 1/h"}, SimulationError, "it is above 0"),
        ("im", {"ka": "1 1/h", "bioavailability": 93}, SimulationError, 'is above 1. Write "93 %" or 0.93'),
        ("im", {"ka": "1 1/h", "population": "dogs"}, UnknownName, "Allowed: adults, children"),
        ("sc", {"ka": "1 1/h"}, SimulationError, "no bioavailability by this route in adults was verified"),
        ("iv", {"ka": "1 1/h"}, SimulationError, "the model has this route"),
        ("imm", {"ka": "1 1/h"}, UnknownName, 'Did you mean "im"'),
    ],
)
def test_what_cannot_be_added(route: str, options: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind) as refused:
        KAMP.with_route(route, **options)
    assert words in str(refused.value)
