"""From scores to an endpoint's value, and the analysis against the same done by scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from trial_designs import designed

from pkpd.times import TICKS_PER_HOUR
from pkpd.trials.analysing import analyse, values_of
from pkpd.trials.conducting import ArmScores, conduct, plan
from pkpd.trials.measuring import Draw
from pkpd.trials.values import Endpoint

DAY = 24 * TICKS_PER_HOUR


def arm() -> ArmScores:
    """One trial of three patients, two visits: the second left before the second visit, the third at once."""
    before = np.array([[8.0, 6.0, 5.0]])
    scores = np.array([[[4.0, 3.0, 9.0]], [[2.0, 0.0, 1.0]]])
    stayed = np.array([[[True, True, False]], [[True, False, False]]])
    return ArmScores(before, before, scores, scores, scores, stayed, {"dizziness": np.array([[True, False, True]])})


VISITS = (0, 3 * DAY)


@pytest.mark.parametrize(
    ("missing", "values", "evaluated"),
    [
        ("non-response", [2, 6, 5], [1, 1, 1]),
        ("last score", [2, 3, 5], [1, 1, 1]),
        ("left out", [2, 6, 5], [1, 0, 0]),
    ],
)
def test_who_left_is_scored_as_asked(missing, values, evaluated):
    found = values_of(Endpoint("pain score", 3 * DAY), arm(), VISITS, missing)
    assert found.values.tolist() == [values] and found.evaluated.tolist() == [[bool(e) for e in evaluated]]
    assert found.true.tolist() == [[2, 0, 1]]


@pytest.mark.parametrize(
    ("endpoint", "values"),
    [
        (Endpoint("pain relief", 0), [0.5, 0.5, 0.0]),
        (Endpoint("relief", 0, threshold=0.5), [1, 1, 0]),
        (Endpoint("relief", 0, threshold=0.51), [0, 0, 0]),
        (Endpoint("fall", 0, threshold=4), [1, 0, 0]),
        (Endpoint("fall", 0, threshold=3), [1, 1, 0]),
    ],
)
def test_values(endpoint, values):
    assert values_of(endpoint, arm(), VISITS, "non-response").values.tolist() == [values]


def test_pain_that_was_none_has_no_relief_and_pain_that_tripled_counts_as_doubled():
    made = arm()._replace(before=np.array([[0.0, 1.0, 5.0]]), stayed=np.ones((2, 1, 3), bool))
    assert values_of(Endpoint("pain relief", 0), made, VISITS, "non-response").values.tolist() == [[0.0, -1.0, -0.8]]


def test_a_mean_over_time_is_that_of_daily_scores():
    trial = designed(endpoints=[Endpoint("pain score", 0, 3 * DAY)], drop_out=0.0)
    made = conduct(trial, plan(trial), np.arange(5), Draw(1))
    assert made.visits == (0, DAY, 2 * DAY, 3 * DAY)
    found = values_of(trial.endpoints[0], made.drug, made.visits, "non-response")
    assert np.allclose(found.values, made.drug.scores.mean(axis=0))


def test_each_design_is_analysed_as_a_statistician_would():
    kinds = [
        Endpoint("pain score", 7 * DAY),
        Endpoint("pain score", 7 * DAY, analysis="Welch"),
        Endpoint("relief", 7 * DAY, threshold=0.3),
    ]
    trial = designed(endpoints=kinds, drop_out=0.2)
    made = conduct(trial, plan(trial), np.arange(20), Draw(1))
    drug, control = (values_of(kinds[0], a, made.visits, "non-response").values for a in (made.drug, made.control))
    assert np.allclose(analyse(trial, kinds[0], made).p, stats.ttest_ind(drug, control, axis=1).pvalue)
    assert np.allclose(analyse(trial, kinds[1], made).p, stats.ttest_ind(drug, control, axis=1, equal_var=False).pvalue)
    counted = analyse(trial, kinds[2], made)
    for t in range(20):
        a, b = round(15 * counted.drug[t]), round(15 * counted.control[t])
        assert counted.p[t] == pytest.approx(stats.fisher_exact([[a, 15 - a], [b, 15 - b]]).pvalue)
    trial = designed(design="crossover", patients=(11,), endpoints=[Endpoint("pain score", DAY, analysis="paired t")])
    made = conduct(trial, plan(trial), np.arange(20), Draw(1))
    drug, control = (values_of(kinds[0], a, (7 * DAY,), "non-response").values for a in (made.drug, made.control))
    assert np.allclose(analyse(trial, trial.endpoints[0], made).p, stats.ttest_rel(drug, control, axis=1).pvalue)
