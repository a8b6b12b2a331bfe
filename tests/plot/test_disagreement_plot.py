"""The figure of a disagreement: what is on it, that its numbers are those of the value, and that it can be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figures import clashes, panels, words
from matplotlib.collections import PolyCollection
from matplotlib.text import Text

import pkpd
from pkpd.disagreement.values import SLOW, Disagreement, hours_text
from pkpd.plot import sites
from pkpd.plot.comparison import save
from pkpd.plot.disagreement import COLOURS, FILLS, LINE, looks, small_print, studies

CASES = {
    "racemate": ("0.5 mg/kg iv over 40 min", None, "70 kg"),
    "its S half": ("0.5 mg/kg iv over 40 min", "S-ketamine", "70 kg"),
    "S": ("s-ketamine 20 mg iv over 20 min", None, "70 kg"),
    "heavy": ("0.5 mg/kg iv over 40 min", None, "160 kg"),
    "steps": (
        "s-ketamine 0.14 mg/kg/h iv over 1 h then 0.28 mg/kg/h over 1 h then 0.57 mg/kg/h over 1 h",
        None,
        "70 kg",
    ),
    "long": ("20 mg/h iv over 100 h", None, "70 kg"),
    "nasal": ("s-ketamine 84 mg nasal", None, "70 kg"),
    "oral": ("s-ketamine 14 mg oral", None, "70 kg"),
    "metabolite": ("s-ketamine 10 mg iv over 30 min", "S-norketamine", "70 kg"),
    "push": ("0.3 mg/kg iv bolus", None, "70 kg"),
    "minute": ("0.3 mg/kg iv over 1 min", None, "70 kg"),
    "devices": ("s-ketamine 3 devices of 28 mg nasal", None, "70 kg"),
    "film": ("s-ketamine 50 mg sublingual", None, "70 kg"),
    "small bolus": ("10 mg iv bolus", None, "70 kg"),
    "long S": ("s-ketamine 20 mg/h iv over 100 h", None, "70 kg"),
    "many": ("50 mg iv bolus every 12 h for 20 doses", None, "70 kg"),
    "boluses": ("0.3 mg/kg iv bolus every 12 h for 4 doses", None, "70 kg"),
}


def of(case: str) -> Disagreement:
    regimen, analyte, weight = CASES[case]
    return pkpd.disagree(regimen, analyte, weight=weight)


@pytest.fixture(scope="module")
def swallowed() -> Disagreement:
    return of("oral")


@pytest.fixture(scope="module")
def infused() -> Disagreement:
    return of("S")


@pytest.fixture(scope="module")
def figure(infused: Disagreement) -> Any:
    return infused.plot()


@pytest.mark.parametrize("case", CASES)
def test_no_text_overlaps_another_or_is_cut(case: str) -> None:
    assert clashes(of(case).plot()) == []


def test_every_curve_is_drawn_named_and_has_a_source(infused: Disagreement, figure: Any) -> None:
    axes = panels(figure)["levels"]
    drawn = {line.get_label(): line for line in axes.lines}
    said = words(figure).replace("\xa0", " ")
    for curve in infused.curves:
        line = drawn[curve.name]
        shown = curve.levels >= axes.get_ylim()[0]
        np.testing.assert_allclose(line.get_xdata(), curve.hours)
        np.testing.assert_allclose(np.asarray(line.get_ydata())[shown], curve.levels[shown])
        assert curve.model in said
    assert "pkpd show ID" in said
    assert "Not for dosing patients." in said
    for model, why in infused.left_out.items():
        assert model in said
        assert why.split("(")[0].strip() in said


def test_axis_is_logarithmic_and_begins_at_a_tick(figure: Any) -> None:
    axes = panels(figure)["levels"]
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] > 0
    shown = {"dose, first hours", "levels, first hours", "dose", "levels", "effect sites"}
    assert set(panels(figure)) == shown
    assert panels(figure)["levels, first hours"].get_ylim() == axes.get_ylim()
    assert (panels(figure)["levels, first hours"].get_xlim(), axes.get_xlim()) == ((0, 1), (0, 6))


def test_the_first_hours_are_apart_where_the_peak_is_in_them() -> None:
    assert panels(of("push").plot())["levels, first hours"].get_xlim() == (0, 0.5)
    for case in ("oral", "long", "boluses", "metabolite"):
        assert "levels, first hours" not in panels(of(case).plot())


def test_every_effect_site_is_named_beside_its_peak_and_range(infused: Disagreement, figure: Any) -> None:
    axes = panels(figure)["effect sites"]
    named = [site for site in infused.sites if site.half_life < SLOW and not site.end]
    assert named
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    peaks = [float(value) for line in dots for value in line.get_xdata()]
    assert peaks == pytest.approx([site.peak for site in named])
    assert axes.get_xlim()[0] == 0
    said = [" ".join(text.get_text().split()) for text in figure.findobj(Text)]
    listed = " ".join(said)
    for site in named:
        assert hours_text(site.half_life) in said
        assert f"{site.peak:.3g}" in said
        for effect in site.of:
            assert effect in listed
    rows = sites.rows(infused, [site for site in infused.sites if site.half_life < SLOW])
    for row in rows:
        assert row.low <= row.site.peak <= row.high
    plasma = infused.curve(infused.site_model).peak
    assert next(row.high for row in rows if "dizziness" in row.site.of) == pytest.approx(plasma)
    assert next(row.high for row in rows if "fast-relief" in row.site.of) < plasma


def test_a_limit_names_the_models_that_pass_it() -> None:
    long = pkpd.disagree("s-ketamine 20 mg/h iv over 100 h")
    said = small_print(long)
    (limits,) = [line for line in said if line.startswith("†")]
    for curve in long.curves:
        assert (curve.model in limits) == curve.outside
    assert "noppers2011-s-ketamine: Outside the limit duration to 5 h: 100 h." in limits


def test_a_site_is_a_line_and_a_model_a_colour(infused: Disagreement) -> None:
    found = looks(infused.curves)
    for curve in infused.curves:
        assert found[curve.model].line == LINE[curve.site]
    models = {curve.model for curve in infused.curves}
    assert len({found[model].colour for model in models}) == min(len(models), len(COLOURS))


def test_observed_points_are_drawn_where_they_were_seen(infused: Disagreement, figure: Any) -> None:
    axes = panels(figure)["levels"]
    drawn = [
        (x, y)
        for line in axes.lines
        if line.get_linestyle() == "None"
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]
    for point in infused.points:
        assert any(x == pytest.approx(point.hours) and y == pytest.approx(point.value) for x, y in drawn)
    said = words(figure).replace("\xa0", " ")
    assert "Simons 2022: n = 19 to 20, arterial" in said
    assert "used to build a model: Simons 2022 (simons2022-s-ketamine)" in said


def test_a_range_of_bioavailability_is_a_band(swallowed: Disagreement) -> None:
    axes = panels(swallowed.plot())["levels"]
    bands = [part for part in axes.collections if isinstance(part, PolyCollection)]
    with_range = {curve.model for curve in swallowed.curves if curve.bioavailability is not None}
    assert len(bands) == len(with_range) > 0


def test_a_model_outside_its_limits_is_marked() -> None:
    said = words(of("heavy").plot()).replace("\xa0", " ")
    assert "kamp2020-ketamine †" in said
    assert "† outside the model's limits" in said
    assert "domino1984-ketamine †" not in said


def test_studies_of_one_site_are_told_apart(infused: Disagreement) -> None:
    point = infused.points[0]
    many = [replace(point, study=f"Study {number}") for number in range(2 * len(FILLS))]
    found = studies(many)
    assert len({(study.marker, study.fill) for study in found}) == len(many)
    other = studies([replace(point, site="venous")])[0]
    assert other.marker != found[0].marker


def test_what_cannot_be_drawn_is_said(infused: Disagreement) -> None:
    late = replace(infused.points[0], hours=1000.0)
    area = replace(infused.points[0], metric="area", value=123.0, hours=6.0)
    doubtful = replace(infused.points[0], doubtful=True)
    said = " ".join(small_print(replace(infused, points=(late, area))))
    assert "1 observed point lies beyond" in said
    assert "Simons 2022 123 to 6 h" in said
    assert "doubtful" in words(replace(infused, points=(doubtful,)).plot())


def test_saving_is_deterministic(infused: Disagreement, tmp_path: Path) -> None:
    first, second = save(infused.plot(), tmp_path / "a"), save(infused.plot(), tmp_path / "b")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
