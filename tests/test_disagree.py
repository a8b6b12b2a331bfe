"""One regimen through every model: whose curves, whose absence, and how far apart, against numbers from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd
from pkpd.disagreement.applying import proportional
from pkpd.disagreement.sites import library_half_lives
from pkpd.disagreement.values import COLUMNS, SLOW, Disagreement, SitePeak, by_reason, hours_text
from pkpd.errors import PkpdError, PrescriptionError, SimulationError, UnitError, UnknownName
from pkpd.flags import Flag

SINGLE = "0.5 mg/kg iv over 40 min"
RACEMIC = ("clements1981-ketamine", "domino1984-ketamine", "hijazi2003-ketamine", "kamp2020-pooled")


@pytest.fixture(scope="module")
def single() -> Disagreement:
    return pkpd.disagree(SINGLE, observed=())


def test_levels_are_those_computed_elsewhere(single: Disagreement) -> None:
    """End of the infusion in 70 kg, ng/mL, by matrix exponential; the peak is there."""
    for name, level in zip(RACEMIC, (177.3133, 240.3596, 225.3435, 253.0518), strict=True):
        assert single.curve(name).peak == pytest.approx(level, abs=6e-5)
        assert single.curve(name).later[0] == pytest.approx(level, abs=6e-5)
        assert single.curve(name).peak_hours == pytest.approx(40 / 60)
    s = pkpd.disagree(SINGLE, "S-ketamine", observed=()).curve("kamp2020-ketamine")
    assert s.peak == pytest.approx(126.5, abs=0.05)
    assert s.later[1:3] == pytest.approx((29.8, 14.0), abs=0.05)


def test_half_lives_are_those_computed_elsewhere(single: Disagreement) -> None:
    for name, minutes in zip(RACEMIC, (182.9344, 114.6322, 296.7136, 183.7512), strict=True):
        assert 60 * single.curve(name).half_life == pytest.approx(minutes, abs=6e-5)


def test_half_life_is_of_the_states_on_the_way_to_the_analyte() -> None:
    """S-norketamine of the default set: CL 57.72, Q 42.778 L/h, V 98.638 and 160.04 L; it outlasts S-ketamine."""
    rates = np.array([[-(57.72 + 42.778) / 98.638, 42.778 / 160.04], [42.778 / 98.638, -42.778 / 160.04]])
    slowest = math.log(2) / np.abs(np.linalg.eigvals(rates)).min()
    model = ["kamp2020-ketamine"]
    metabolite = pkpd.disagree("s-ketamine 10 mg iv bolus", "S-norketamine", models=model, observed=()).curves[0]
    parent = pkpd.disagree("s-ketamine 10 mg iv bolus", models=model, observed=()).curves[0]
    assert metabolite.half_life == pytest.approx(slowest)
    assert 60 * parent.half_life == pytest.approx(183.7512, abs=6e-5)
    assert slowest > parent.half_life


def test_area_approaches_dose_over_clearance() -> None:
    found = pkpd.disagree("10 mg iv bolus", until="60 d", observed=(), models=RACEMIC)
    for name, area in zip(RACEMIC, (124.6639, 86.2851, 66.2038, 119.0476), strict=True):
        assert found.curve(name).area == pytest.approx(area, abs=6e-5)


@pytest.mark.parametrize(
    ("regimen", "analyte"),
    [
        (SINGLE, None),
        (SINGLE, "S-ketamine"),
        ("s-ketamine 20 mg iv over 20 min", None),
        ("s-ketamine 14 mg oral", "S-norketamine"),
        ("s-ketamine 84 mg nasal", None),
    ],
)
def test_no_model_is_silently_missing(regimen: str, analyte: str | None) -> None:
    found = pkpd.disagree(regimen, analyte, observed=())
    drawn = {curve.model for curve in found.curves}
    assert drawn
    assert drawn.isdisjoint(found.left_out)
    assert drawn | set(found.left_out) == set(pkpd.names("pk"))
    assert all(found.left_out.values())


def test_curves_name_site_and_population(single: Disagreement) -> None:
    pooled = single.curve("kamp2020-pooled")
    assert pooled.site == "pooled"
    assert "18 studies" in pooled.population
    assert single.curve("domino1984-ketamine").population == "not stated"
    assert single.curve("clements1981-ketamine").population == "not stated"  # its checks name people, its numbers none
    assert "12 intensive-care patients" in single.curve("hijazi2003-ketamine").population


@pytest.mark.parametrize("name", pkpd.names("pk"))
def test_a_population_is_that_of_the_parameters(name: str) -> None:
    model = pkpd.load(name)
    named = [model.sources[parameter.source].population for parameter in model.parameters.values()]
    assert model.population == max(named, key=named.count)


def test_a_model_of_s_ketamine_is_given_half_of_a_racemate_and_says_so() -> None:
    found = pkpd.disagree(SINGLE, "S-ketamine", observed=(), models=["otto2021-s-ketamine"]).curves[0]
    alone = pkpd.disagree("s-ketamine 0.25 mg/kg iv over 40 min", observed=(), models=["otto2021-s-ketamine"]).curves[0]
    np.testing.assert_array_equal(found.levels, alone.levels)
    assert [flag.kind for flag in found.flags] == ["conversion"]
    assert "S half" in found.flags[0].text
    assert alone.flags == ()
    total = pkpd.disagree(SINGLE, observed=())
    assert "S half" in total.left_out["otto2021-s-ketamine"]


def test_pooled_ketamine_is_s_ketamine_where_nothing_else_is_given() -> None:
    found = pkpd.disagree("s-ketamine 20 mg iv over 20 min", observed=(), models=["kamp2020-pooled"]).curves[0]
    assert found.analyte == "ketamine"
    assert [flag.kind for flag in found.flags] == ["conversion"]
    with pytest.raises(SimulationError, match="does not give S-ketamine"):
        pkpd.disagree(SINGLE, "S-ketamine", observed=(), models=["kamp2020-pooled"])


def test_a_model_outside_its_limits_leaves_the_spread(single: Disagreement) -> None:
    highest = single.folds[0].highest
    flag = Flag("limit", highest, "Outside.", highest)
    marked = tuple(replace(one, flags=(flag,)) if one.name == highest else one for one in single.curves)
    fold = replace(single, curves=marked).folds[0]
    assert fold.high == max(curve.peak for curve in single.curves if curve.name != highest) < single.folds[0].high


def test_limits_that_are_passed_are_marked() -> None:
    found = pkpd.disagree(SINGLE, weight="160 kg", observed=())
    outside = found.curve("kamp2020-ketamine")
    assert outside.outside
    assert any("weight" in flag.text and "150" in flag.text for flag in outside.flags if flag.kind == "limit")
    assert not pkpd.disagree(SINGLE, observed=()).curve("kamp2020-ketamine").outside


def test_readings_that_differ_are_curves_and_others_are_named() -> None:
    heavy = pkpd.disagree(SINGLE, weight="100 kg", observed=(), models=["kamp2020-pooled"])
    assert [curve.reading for curve in heavy.curves] == ["", *pkpd.load("kamp2020-pooled").readings]
    own, linear = heavy.curves
    assert linear.half_life == pytest.approx(60 * 183.7512 / 3600, abs=1e-5)  # scaled alike, V / CL stays
    assert own.half_life == pytest.approx(linear.half_life * (100 / 70) ** 0.25, rel=1e-9)
    usual = pkpd.disagree(SINGLE, observed=(), models=["kamp2020-pooled"])
    assert [curve.same for curve in usual.curves] == [tuple(pkpd.load("kamp2020-pooled").readings)]


def test_both_ends_of_a_range_of_bioavailability_are_run() -> None:
    model = pkpd.load("fanta2015-oral-s-ketamine")
    share = model.routes["oral"].bioavailability
    assert share is not None
    ends = model.parameters[share].scan
    assert ends is not None
    found = [
        curve
        for curve in pkpd.disagree("s-ketamine 14 mg oral", observed=(), models=[model]).curves
        if curve.bioavailability is not None
    ]
    assert [curve.bioavailability for curve in found] == list(ends)
    assert found[1].area / found[0].area == pytest.approx(ends[1] / ends[0])


# Effect sites


def test_one_undocumented_constant_spreads_the_peak_at_the_site_fourteenfold() -> None:
    """0.3 mg/kg into the Domino set under the rates of equilibration (1/min) that programs carry for it."""
    peaks = {10.0: 3356, 1.0: 1376, 0.652: 1066, 0.238: 530, 0.085668: 237}
    found = pkpd.disagree(
        "0.3 mg/kg iv bolus",
        models=["domino1984-ketamine"],
        half_lives={f"{rate} /min": (math.log(2) / rate, "min") for rate in peaks},
        observed=(),
    )
    assert [round(site.peak) for site in found.sites] == list(peaks.values())
    assert found.site_fold == pytest.approx(14, abs=0.5)
    assert 60 * found.sites[-1].peak_hours == pytest.approx(3.0, abs=1e-3)
    assert 60 * found.sites[3].peak_hours == pytest.approx(1.6085, abs=1e-4)


def test_sites_of_the_library_are_all_there_with_their_ranges(single: Disagreement) -> None:
    named = {name for site in single.sites for name in site.of}
    for name in pkpd.names("effect"):
        effect = pkpd.load_effect(name)
        own = effect.parameters.get(effect.driver.half_life or "") if effect.driver is not None else None
        assert (name in named) == (own is not None and bool(own.value or own.scan))
    fast = next(site for site in single.sites if "fast-relief" in site.of and not site.end)
    assert 60 * fast.half_life == pytest.approx(8.3)
    ends = {site.end: 60 * site.half_life for site in single.sites if "fast-relief" in site.of and site.end}
    assert ends == pytest.approx({"low": 3.0, "high": 13.0})
    s = pkpd.disagree(SINGLE, "S-ketamine", observed=())
    assert s.site_model == "kamp2020-ketamine"
    site = next(site for site in s.sites if "fast-relief" in site.of and not site.end)
    assert site.peak == pytest.approx(107.3, rel=0.01)  # its level at the end of the infusion, just before the peak
    assert max(one.half_life for one in s.sites) > SLOW


def test_a_slower_site_has_a_lower_and_later_peak(single: Disagreement) -> None:
    sites = sorted((site for site in single.sites if site.half_life < 1), key=lambda site: site.half_life)
    assert (np.diff([site.peak for site in sites]) <= 1e-9).all()
    assert (np.diff([site.peak_hours for site in sites]) >= -1e-9).all()


def test_metabolites_have_no_sites_of_the_parent() -> None:
    found = pkpd.disagree(SINGLE, "S-norketamine", observed=())
    analytes = {pkpd.load_effect(name).driver for site in found.sites for name in site.of}
    assert all(driver is not None and driver.analyte == "S-norketamine" for driver in analytes)
    assert all(
        name in {effect for _, of, _ in library_half_lives("S-norketamine") for effect in of}
        for site in found.sites
        for name in site.of
    )


# Laws


@settings(max_examples=15, deadline=None)
@given(st.floats(0.05, 20), st.sampled_from(["iv bolus", "iv over 40 min", "iv over 4 h every 24 h for 3 doses"]))
def test_levels_are_in_proportion_to_the_dose(scale: float, how: str) -> None:
    models = ["kamp2020-ketamine", "domino1984-ketamine"]
    one = pkpd.disagree(f"10 mg {how}", observed=(), models=models)
    more = pkpd.disagree(f"{10 * scale!r} mg {how}", observed=(), models=models)
    for first, second in zip(one.curves, more.curves, strict=True):
        np.testing.assert_allclose(second.levels, scale * first.levels, rtol=1e-9, atol=1e-12)
        assert second.area == pytest.approx(scale * first.area)
        assert second.half_life == first.half_life
    assert [fold.fold for fold in more.folds] == pytest.approx([fold.fold for fold in one.folds])


def test_folds_are_highest_over_lowest(single: Disagreement) -> None:
    fold = single.folds[0]
    peaks: Mapping[str, float] = {curve.name: curve.peak for curve in single.curves}
    assert fold.what == "peak"
    assert fold.fold == pytest.approx(max(peaks.values()) / min(peaks.values()))
    assert peaks[fold.highest] == max(peaks.values())
    assert peaks[fold.lowest] == min(peaks.values())
    assert all(fold.fold >= 1 for fold in single.folds)


# Observed points, table, mistakes


def test_observed_points_are_those_of_the_library() -> None:
    found = pkpd.disagree("s-ketamine 20 mg iv over 20 min")
    levels = [point.value for point in found.points if point.study == "Simons 2022"]
    assert sorted(levels) == [260.0, 273.0]
    assert {point.site for point in found.points} == {"arterial"}
    half = pkpd.disagree("s-ketamine 10 mg iv over 20 min")
    assert sorted(point.value for point in half.points if point.study == "Simons 2022") == [130.0, 136.5]
    assert all("scaled by 0.5" in point.remark for point in half.points)


def test_the_table_has_everything() -> None:
    found = pkpd.disagree("s-ketamine 20 mg iv over 20 min")
    table = found.table()
    assert tuple(table.columns) == COLUMNS
    count = table.what.value_counts()
    assert count["model"] == len(found.curves)
    assert count["effect site"] == len(found.sites)
    assert count["left out"] == len(found.left_out)
    assert count["observed peak"] == len(found.points)
    assert (table[table.what == "model"].source == "pkpd show " + table[table.what == "model"].model).all()


def test_own_times_are_kept() -> None:
    found = pkpd.disagree(SINGLE, times=["1 h", "40 min", "2 h"], observed=())
    np.testing.assert_allclose(found.curves[0].hours, [2 / 3, 1, 2])
    assert found.horizon == 2
    assert list(found.checkpoints) == ["end of the last dose", "1 h after the last dose"]


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (("0.5 mg/kg iv ovr 40 min",), PrescriptionError, "ovr"),
        (("no treatment",), SimulationError, "nothing to compare"),
        ((SINGLE, "S-ketamin"), UnknownName, 'Did you mean "S-ketamine"'),
        (("20 mg rectal",), SimulationError, "no route rectal"),
        ((SINGLE, None, None, "70"), UnitError, "unit"),
        ((SINGLE, None, None, "70 kg", "old"), UnitError, "age"),
        ((SINGLE, None, None, "70 kg", None, ["kamp"]), UnknownName, "kamp2020"),
    ],
)
def test_mistakes_say_what_is_wrong(words: tuple[str, ...], error: type[PkpdError], told: str) -> None:
    with pytest.raises(error, match=told):
        pkpd.disagree(*words, observed=())


def test_more_mistakes() -> None:
    with pytest.raises(UnknownName, match="feeds the effect sites"):
        pkpd.disagree(SINGLE, site_model="otto2021-s-ketamine", observed=())
    with pytest.raises(SimulationError, match="not above 0"):
        pkpd.disagree(SINGLE, half_lives={"none": "0 min"}, observed=())
    with pytest.raises(SimulationError, match="no time after the start"):
        pkpd.disagree(SINGLE, until="0 h", observed=())


def test_texts() -> None:
    assert [hours_text(hours) for hours in (261.6, 2.0, 0.5, 0.001)] == ["10.9 d", "2 h", "30 min", "3.6 s"]
    assert by_reason({"a": "x.", "b": "y.", "c": "x."}) == ["a, c: x.", "b: y."]


def test_levels_are_in_proportion_where_nothing_depends_on_the_dose() -> None:
    model = pkpd.load("perezruixo2021-esketamine")
    assert proportional(model, pkpd.parse("s-ketamine 10 mg iv"))
    assert not proportional(model, pkpd.parse("s-ketamine 28 mg nasal"))


def test_sites_that_follow_days_of_treatment_are_not_among_the_fold() -> None:
    made = pkpd.disagree("0.5 mg/kg iv over 40 min", models=["kamp2020-ketamine"], observed=[])
    sites = [SitePeak(hours, ("x",), "", peak, 1.0) for hours, peak in ((0.1, 90.0), (1.0, 30.0), (24.0, 1.0))]
    assert replace(made, sites=tuple(sites)).site_fold == pytest.approx(3.0)
    assert np.isnan(replace(made, sites=tuple(sites[1:])).site_fold)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"analyte": pkpd.Population(10)}, "one typical person"),
        ({"analyte": 5}, 'such as "S-ketamine"'),
        ({"models": "kamp2020-ketamine"}, r'such as \["kamp2020-ketamine"\]'),
        ({"models": [5]}, "5 is no model"),
    ],
)
def test_what_is_given_in_another_form_is_refused(asked, told):
    with pytest.raises(pkpd.errors.PkpdError, match=told):
        pkpd.disagree("ketamine 0.5 mg/kg iv over 40 min", **asked)
