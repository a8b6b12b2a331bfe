"""The figure of simulated trials: bars are the trials, signs are told where there is one, and it is a slide."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from figures import clashes, panels, words
from matplotlib.colors import to_hex
from trial_designs import LONG, designed

import pkpd
from pkpd.plot.trial_estimates import DRUG, WRONG, edges_of, marks_of, parts_of
from pkpd.published import trial_of
from pkpd.trials.analysing import Found
from pkpd.trials.results import Trials

RIGHT, NO_TRUTH, WRONG_NAME = "significant, right sign", "significant, no true difference", "significant, wrong sign"


@lru_cache
def study(name: str, arm: str | None = None, count: int = 500) -> Trials:
    return pkpd.run_trials(trial_of(pkpd.load_study(name), arm), count)


def axes_of(made: Trials, start: str) -> list[Any]:
    return [axes for name, axes in panels(made.plot()).items() if name.startswith(start)]


def test_without_a_true_difference_no_sign_is_right_or_wrong() -> None:
    """Two arms given the same: significant trials, on either side, have one look, and no mean of theirs is drawn."""
    made = pkpd.run_trials(designed(control=LONG, patients=(8, 8)), 1000)
    result = made.endpoints[0]
    assert not result.is_clear and len(result.published)
    assert set(parts_of(result)) == {"P ≥ 0.05", NO_TRUTH}
    figure = made.plot()
    said = words(figure)
    assert NO_TRUTH in said and RIGHT not in said and "wrong" not in said and "mean size" not in said
    assert "true 0.00" in said and "not told" not in said
    two = Found(*(column[:2] for column in result.found))
    unsure = replace(result, found=two._replace(true_drug=two.true_control + np.array([0.9, -0.8])))
    assert [mark.text for mark in marks_of(unsure)] == ["true +0.05 (not told from 0)"]
    (axes,) = axes_of(made, "estimates")
    assert not any(bar.get_hatch() for bar in axes.patches)
    assert all(line.get_linestyle() == "-" for line in axes.lines if len(line.get_xdata()) > 1)


def test_the_key_names_what_is_drawn_and_nothing_else() -> None:
    made = study("noppers2011-fibromyalgia")
    drawn = {name for result in made.endpoints for name in parts_of(result)}
    said = words(made.plot())
    assert {RIGHT, NO_TRUTH} < drawn
    assert all((name in said) == (name in drawn) for name in (RIGHT, NO_TRUTH, WRONG_NAME))
    unpublished = words(pkpd.run_trials(designed(), 50).plot())
    assert "published" not in unpublished and "published, 95 % interval" in said


@pytest.mark.parametrize("replicates", [None, 20])
def test_the_share_drawn_with_the_wrong_sign_is_that_of_the_table(replicates: int | None) -> None:
    trial = designed(drug="ketamine 5 mg/h iv over 10 h", patients=(8, 8), endpoints=[("pain score", "1 d")])
    result = pkpd.run_trials(trial, 2000, replicates=replicates).endpoints[0]
    parts = parts_of(result)
    assert result.type_s > 0
    wrong, right = len(parts[WRONG_NAME]), len(parts[RIGHT])
    assert wrong / (wrong + right) == pytest.approx(result.type_s)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_up_to_four_endpoints_make_a_slide(count: int) -> None:
    endpoints = [("pain score", "7 d"), ("relief", "7 d", 0.5), ("pain score", "20 d"), ("relief", "20 d", 0.3)]
    figure = pkpd.run_trials(designed(title="A trial", endpoints=endpoints[:count]), 100).plot()
    wide, high = figure.get_size_inches()
    assert 4 / 3 - 0.01 < wide / high < 2.2
    assert clashes(figure) == []


def test_rows_that_show_the_same_share_their_axis() -> None:
    made = study("noppers2011-fibromyalgia")
    rows = axes_of(made, "estimates")
    assert len({axes.get_xlim() for axes in rows}) == 1
    assert [bool(axes.get_xlabel()) for axes in rows] == [False, False, False, True]
    assert "percentage points" in rows[-1].get_xlabel() and rows[0].get_ylabel().split() == ["Share", "of", "trials"]
    assert len(rows[0].get_yticks()) >= 2


def test_a_single_arm_fills_the_sheet_and_has_the_published_value_on_its_axis() -> None:
    made = study("goldberg2010-crps")
    (axes,) = axes_of(made, "estimates")
    low, high = axes.get_xlim()
    assert low <= 3 and high >= 5 and axes.get_position().width > 0.5
    said = words(made.plot())
    assert "3 to 5 after" in said and "(in words: not drawn)" in said and "published, 95" not in said
    assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(1.0)
    for seen, at in zip(axes_of(study("cohen2006-fibromyalgia"), "estimates"), (13 / 34, 18 / 34), strict=True):
        assert any(list(line.get_xdata()) == [pytest.approx(100 * at)] for line in seen.lines)


@pytest.mark.parametrize("patients", [(36, 35), (30, 15), (15, 10), (12, 12), (100, 25)])
def test_bars_of_shares_are_no_comb(patients: tuple[int, int]) -> None:
    """Two shares drawn from the binomial distribution: the bars rise to one peak and fall, but for sampling."""
    result = study("lumanauw2019-chronic-flare", "0.25 mg/kg over 20 min").endpoints[0]
    random = np.random.default_rng(1)
    shares = [random.binomial(n, share, 200_000) / n for n, share in zip(patients, (0.58, 0.25), strict=True)]
    result = replace(result, patients=patients, found=result.found._replace(estimate=shares[0] - shares[1]))
    edges = edges_of(result)
    heights = np.histogram(result.found.estimate, edges)[0] / 200_000
    assert len(heights) <= 45 and heights.sum() == pytest.approx(1.0)
    steps = np.diff(heights)
    peak = int(heights.argmax())
    slack = 0.1 * heights.max()
    assert (steps[:peak] > -slack).all() and (steps[peak:] < slack).all()


def test_the_mean_of_significant_trials_is_seen_on_their_bars() -> None:
    """Its dashes are dark, lie on a white line, and over the bars, which have another colour."""
    (axes,) = axes_of(study("kvarnstrom2004-spinal-cord-injury"), "estimates Relief")
    (dashed,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    under = [
        line
        for line in axes.lines
        if line.get_color() == "white" and list(line.get_xdata()) == list(dashed.get_xdata())
    ]
    bars = [bar for bar in axes.patches if to_hex(bar.get_facecolor()) == DRUG.lower()]
    assert bars and to_hex(dashed.get_color()) not in (DRUG.lower(), WRONG.lower())
    assert max(bar.get_zorder() for bar in bars) < under[0].get_zorder() < dashed.get_zorder()
    assert under[0].get_linewidth() > dashed.get_linewidth()


@pytest.mark.parametrize("single", [False, True])
def test_where_every_trial_is_lost_words_stand_for_the_panels(single: bool) -> None:
    arms = {"control": None, "patients": (5,)} if single else {"control": "ketamine 1 mg iv over 1 h"}
    made = pkpd.run_trials(designed(missing="left out", drop_out=1.0, **arms), 20)
    figure = made.plot()
    assert "No trial could be analysed" in words(figure) and not figure.axes
    assert clashes(figure) == []


def test_one_of_a_thing_is_in_the_singular() -> None:
    said = words(pkpd.run_trials(designed(title="A trial", noise=1, entry=1), 1).plot())
    assert "1 simulated trial of" in said and "noise 1 point from" in said and "Entry at 1 point or" in said
    assert "1 points" not in said and "1 simulated trials" not in said


def test_a_practice_stands_in_the_small_print() -> None:
    practice = pkpd.Practice(missed=0.2)
    assert "In practice, in every arm:" in words(pkpd.run_trials(designed(practice=practice), 20).plot())
