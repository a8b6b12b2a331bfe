"""The figure of an uncertainty: its bands are the numbers of the value, kept apart and named, and it can be read."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figures import clashes, panels, words
from matplotlib.colors import to_rgb

import pkpd
from pkpd.errors import UnknownName
from pkpd.plot.comparison import save
from pkpd.plot.uncertainty import DARK, LIGHT, NEW_TEXT, TYPICAL_TEXT
from pkpd.replicates.values import Uncertainty

MODELS = ["otto2021-s-ketamine", "noppers2011-s-ketamine"]
REGIMENS = {
    "one infusion": "0.5 mg/kg iv over 40 min",
    "three days with a name that takes two lines": "25 mg/h iv over 10 h every 24 h for 3 doses",
    "untreated": "no treatment",
    "push": "20 mg iv bolus",
}


@lru_cache
def found(models: bool = True, scans: str = "leave") -> Uncertainty:
    return pkpd.uncertainty(
        pkpd.load("kamp2020-ketamine"),
        REGIMENS,
        20,
        "9 d",
        replicates=40,
        models=MODELS if models else None,
        scans=scans,
        title="Four ways to give it",
    )


def bands_of(axes: Any) -> list[tuple[float, np.ndarray]]:
    """Opacity and corners of every band."""
    return [(band.get_alpha(), band.get_paths()[0].vertices) for band in axes.collections if band.get_paths()]


def test_bands_and_lines_are_the_numbers() -> None:
    uncertainty = found()
    axes = panels(uncertainty.plot())["relief, one infusion"]
    curve = uncertainty.curve("one infusion", "relief")
    (light, new), (dark, typical) = bands_of(axes)
    assert (light, dark) == (LIGHT, DARK)
    for corners, band in ((new, curve.new), (typical, curve.band)):
        inside = corners[1:-2]
        half = len(curve.hours)
        assert inside[:half, 0] == pytest.approx(curve.hours)
        assert {round(y, 6) for y in 100 * band.ravel()} <= {round(y, 6) for y in corners[:, 1]}
    lines = [line for line in axes.lines if len(line.get_xdata()) == half]
    typical_line = max(lines, key=lambda line: line.get_linewidth())
    assert np.asarray(typical_line.get_ydata()) == pytest.approx(100 * curve.typical)
    others = [line for line in lines if line is not typical_line]
    for line, model in zip(others, MODELS, strict=True):
        other = uncertainty.curve("one infusion", "relief", model)
        assert np.asarray(line.get_ydata()) == pytest.approx(100 * other.typical)


def test_a_band_that_nobody_knows_is_not_drawn_and_the_figure_says_so() -> None:
    figure = found().plot()
    assert [alpha for alpha, _ in bands_of(panels(figure)["S-ketamine, one infusion"])] == [LIGHT]
    assert "No dark band: nothing behind it has a published uncertainty" in words(figure)
    known = pkpd.uncertainty(
        pkpd.load("simons2022-s-ketamine"), {"one": "s-ketamine 10 mg iv over 1 h"}, 10, replicates=40, effects=[]
    ).plot()
    assert [alpha for alpha, _ in bands_of(panels(known)["S-ketamine, one"])] == [LIGHT, DARK]
    assert "No dark band" not in words(known)


def test_bands_differ_in_grey() -> None:
    """Lightness of the two bands and of the line on white, in every colour of the palette: at least 10 % apart."""
    figure = found().plot()
    for name, axes in panels(figure).items():
        if not name.startswith("relief"):
            continue
        grey = []
        drawn = 1.0
        for band in axes.collections[:2]:
            own = float(np.dot((0.2126, 0.7152, 0.0722), to_rgb(band.get_facecolor()[0])))
            drawn = drawn * (1 - band.get_alpha()) + own * band.get_alpha()
            grey.append(drawn)
        line = max(axes.lines, key=lambda one: one.get_linewidth())
        grey.append(float(np.dot((0.2126, 0.7152, 0.0722), to_rgb(line.get_color()))))
        assert 1.0 - grey[0] > 0.08
        assert grey[0] - grey[1] > 0.1
        assert grey[1] - grey[2] > 0.1


def test_the_figure_says_what_it_shows() -> None:
    said = words(found().plot())
    for text in (
        TYPICAL_TEXT,
        NEW_TEXT,
        "typical curve under kamp2020-ketamine",
        "a otto2021-s-ketamine",
        "S-ketamine (ng/mL), median of patients.",
        "Relief (%), mean of patients.",
        "no drug, so no level",
        "40 draws of the estimates x 20 virtual patients, the same in every draw (seed 1)",
        "slow-relief, placebo-response",
        "Not sampled, of which only a range worth trying is known",
        "No uncertainty is published for V1",
        "Variance 1 week after:",
        "% patients,",
        "% models",
        "Time (d)",
        "Time (h)",
        "Not for dosing patients.",
        "Four ways to give it",
    ):
        assert text in said, text
    assert "assumed ranges included" not in said
    assert "assumed ranges included" in words(found(False, "uniform").plot("relief"))
    alone = words(found(models=False).plot())
    assert "otto2021" not in alone
    assert "% models" not in alone


@pytest.mark.parametrize(("models", "quantities"), [(True, ()), (False, ()), (True, ("relief",))])
def test_no_text_lies_over_another_or_is_cut(models: bool, quantities: tuple[str, ...]) -> None:
    assert clashes(found(models).plot(*quantities)) == []


def test_measures_and_side_effects_can_be_drawn() -> None:
    effects = [*pkpd.default_effects(), pkpd.load_effect("heart-rate")]
    uncertainty = pkpd.uncertainty(
        pkpd.load("kamp2020-ketamine"),
        {"one": "0.5 mg/kg iv over 40 min"},
        10,
        replicates=40,
        effects=effects,
        scans="uniform",
        until="2 d",
        quantities=["heart-rate", "psychotomimetic-asked", "pain"],
    )
    figure = uncertainty.plot()
    assert {"heart-rate, one", "psychotomimetic-asked, one", "pain, one"} <= panels(figure).keys()
    assert clashes(figure) == []
    assert "Heart rate (%), median" in words(figure)
    assert "Psychotomimetic (asked) (%), mean" in words(figure)
    with pytest.raises(UnknownName, match='Did you mean "pain"'):
        uncertainty.plot("pian")


def test_the_same_figure_has_the_same_bytes(tmp_path: Path) -> None:
    one, other = (save(found().plot("relief"), tmp_path / name) for name in "ab")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
