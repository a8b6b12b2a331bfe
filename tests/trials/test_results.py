"""What is said of many trials: the summaries against their definitions, and the published trial beside them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep
from trial_designs import designed

import pkpd
from pkpd.statistics import responder_prospect
from pkpd.trials.analysing import Found
from pkpd.trials.results import COLUMNS, EndpointResult
from pkpd.trials.values import Counts, Endpoint, Mean, Published
from pkpd.trials.words import answers, headline, p_text, value_text

WEEK = 7 * 24 * 3_600_000_000_000


def made(estimate, p, true, endpoint=None, design="parallel", patients=(10, 10), error=2.0 * 0.2**0.5):
    """Results of four trials with these estimates."""
    estimate, p = np.array(estimate, float), np.array(p, float)
    control = np.full(len(estimate), 5.0)
    found = Found(
        control + estimate,
        control,
        estimate,
        np.full(len(estimate), error),
        estimate - 1,
        estimate + 1,
        p,
        control + np.array(true),
        control,
        estimate,
        np.full(len(estimate), 10.0),
        np.full(len(estimate), 10.0),
        np.full(len(estimate), 2.0),
    )
    return EndpointResult(endpoint or Endpoint("pain score", WEEK), "t test", design, patients, found)


def test_power_exaggeration_and_sign_by_hand():
    result = made([-3.0, -1.0, 2.0, 0.5], [0.01, 0.2, 0.04, 0.6], [-1.0, -1.1, -0.9, -1.0])
    assert result.power == 0.5 and result.power_error == 0.25
    assert result.true_difference == -1.0 and result.expected == pytest.approx(-0.375)
    assert result.mean_significant == 2.5 and result.type_m == 2.5 and result.type_s == 0.5
    assert "2.5-fold" in headline(result) and "50 %" in headline(result)
    assert "wrong sign in 50 %" in dict(answers(designed(), result))["Significant trials"]


def test_a_sign_is_held_against_the_truth_of_its_own_draw_and_not_against_none():
    """Eight draws: six have a truth of -3, one has none, and one has +1."""
    result = made([-3.0] * 5 + [3.0, 2.0, -2.5], [0.01] * 8, [-3.0] * 6 + [0.0, 1.0])
    result = replace(result, replicates=8)
    assert result.is_clear and result.signs.tolist() == [1, 1, 1, 1, 1, -1, 0, -1]
    assert result.type_s == pytest.approx(2 / 7)


def test_no_size_is_given_for_what_noticing_alone_makes():
    asked = ([-1.0] * 4, [0.5] * 4, [-1.0, -1.001, -0.999, -1.0])
    result = made(*asked)
    assert result.noticing == 0.0 and not result.is_noticing
    half = replace(result, found=result.found._replace(blinded=np.full(4, -0.5)))
    assert half.noticing == -0.5 and half.settling() == 64
    assert "unblinding included" in dict(answers(designed(), half))["To be significant in 80 %"]
    alone = replace(result, found=result.found._replace(blinded=np.full(4, 0.1)))
    assert alone.is_noticing and alone.settling() is None
    assert "no number of patients" in dict(answers(designed(), alone))["To be significant in 80 %"]


def test_a_planned_trial_has_found_nothing_and_a_power_of_all_or_none_names_the_trials():
    result = made([-3.0, -2.0], [0.01, 0.02], [-1.0, -1.1])
    told = dict(answers(designed(patients=(10, 10)), result))
    assert "It found" not in told and "all of 2 simulated" in told["A trial of 10 + 10 is significant"]


def test_a_headline_tells_what_selection_alone_makes():
    result = made([-3.0] + [-1.0] * 8, [0.01] + [0.5] * 8, [-0.1] * 9)
    assert "showing 30-fold the truth (2.5-fold what trials measure)" in headline(result)
    unsure = made([-3.0, -0.5, 0.5], [0.01, 0.5, 0.5], [-0.1] * 3)  # a mean of -1 that may be none
    assert headline(unsure).endswith("showing 30-fold the truth") and unsure.settling() is None
    told = dict(answers(designed(), unsure))["To be significant in 80 %"]
    assert told == "no number of patients tells: trials so conducted measure no such difference"
    assert "showing about the truth" in headline(made([-1.0, -1.0], [0.01, 0.01], [-1.0, -1.01]))


def test_nothing_is_divided_by_a_truth_that_may_be_none():
    result = made([-3.0, -1.0, 2.0, 0.5], [0.01, 0.2, 0.04, 0.6], [-1.0, 1.0, -1.0, 1.1])
    assert math.isnan(result.type_m) and math.isnan(result.type_s) and result.settling() is None
    assert "none that can be told" in dict(answers(designed(), result))["Significant trials"]


def test_none_significant():
    result = made([-0.3, -0.1], [0.4, 0.8], [-1.0, -1.1])
    assert result.power == 0 and math.isnan(result.mean_significant) and math.isnan(result.type_m)
    assert dict(answers(designed(), result))["Significant trials"] == "there are none"


def test_trials_of_which_too_few_are_left_are_counted_and_told():
    trial = designed(patients=(3, 3), drop_out=0.6, drop_out_control=0.6, missing="left out")
    result = pkpd.run_trials(trial, 100).endpoints[0]
    assert 0.05 < result.analysed < 0.9
    told = dict(answers(trial, result))["Could not be analysed"]
    assert told.startswith(f"{100 * (1 - result.analysed):.0f} % of the trials")


def test_patients_to_find_it():
    asked = ([-1.0] * 4, [0.5] * 4, [-1.0, -1.001, -0.999, -1.0])
    means = made(*asked)
    assert means.settling() == 64  # 63 by the normal distribution; by the t test one more
    assert made(*asked, design="crossover", patients=(10,), error=2.0 * 0.1**0.5).settling() == 34
    kind = Endpoint("relief", WEEK, threshold=0.5)
    shares = means.found._replace(
        **{
            "drug": np.full(4, 0.5),
            "control": np.full(4, 0.2),
            "estimate": np.full(4, 0.3),
            "blinded": np.full(4, 0.3),
        },
        **{"true_drug": np.array([0.5, 0.5001, 0.5, 0.5]), "true_control": np.full(4, 0.2)},
    )
    assert replace(means, endpoint=kind, found=shares, analysis="chi-square").settling() == 39
    by_fisher = replace(means, endpoint=kind, found=shares, analysis="Fisher").settling()
    powers = [float(responder_prospect(0.5, 0.2, by_fisher + more).power) for more in range(-1, 8)]
    assert powers[0] < 0.8 <= min(powers[1:])
    away = means.found._replace(estimate=np.full(4, 0.5))
    assert replace(means, found=away).settling() is None  # what trials estimate has the other sign


def test_published_counts_have_their_interval_and_p():
    endpoint = Endpoint("relief", 0, threshold=0.5, observed=Published(Counts(8, 12), Counts(3, 12), "a", "primary"))
    seen = made([0.4], [0.1], [0.3], endpoint).observed
    assert seen.p == pytest.approx(stats.fisher_exact([[8, 4], [3, 9]]).pvalue)
    interval = confint_proportions_2indep(8, 12, 3, 12, method="newcomb")
    assert (seen.low, seen.high) == pytest.approx(interval) and seen.estimate == pytest.approx(5 / 12)


def test_published_means_have_their_interval_and_p():
    endpoint = Endpoint("pain score", WEEK, observed=Published(Mean(2.68, 0.51), Mean(5.45, 0.48), "a", "primary"))
    seen = made([-2.6], [0.1], [-2.6], endpoint).observed
    error = math.hypot(0.51, 0.48)
    assert seen.estimate == pytest.approx(-2.77) and seen.low == pytest.approx(-2.77 - 1.96 * error, abs=1e-3)
    assert seen.p == pytest.approx(2 * stats.norm.sf(2.77 / error)) and seen.p < 0.001
    none = replace(endpoint, observed=Published(Mean(2.68, math.nan), Mean(5.45, 0.48), "a", "primary"))
    assert math.isnan(made([-2.6], [0.1], [-2.6], none).observed.p)


def test_periods_of_the_same_patients_are_not_taken_for_two_groups():
    """Arms of a cross-over tell the test only where nobody or everybody had the event in one of them."""
    shares = Endpoint("relief", 0, threshold=0.5, observed=Published(Counts(5, 10), Counts(0, 10), "a", "primary"))
    asked = {"design": "crossover", "patients": (10,)}
    told = made([0.4], [0.1], [0.3], shares, **asked).observed
    assert told.estimate == 0.5 and math.isnan(told.low)
    assert told.p == stats.binomtest(5, 5, 0.5).pvalue
    some = replace(shares, observed=Published(Counts(5, 10), Counts(1, 10), "a", "primary"))
    assert math.isnan(made([0.4], [0.1], [0.3], some, **asked).observed.p)
    means = Endpoint("pain score", WEEK, observed=Published(Mean(5.0, 0.5), Mean(5.5, 0.5), "a", "primary"))
    found = made([-1], [0.1], [-1.0], means, **asked)
    assert found.observed.estimate == -0.5 and math.isnan(found.observed.p) and math.isnan(found.observed.high)
    answer = dict(answers(designed(**asked, endpoints=[means], washout="30 d"), found))["It found"]
    assert "-0.50 points" in answer and "P =" not in answer and "interval" not in answer


def test_levels_are_told_where_they_lie_outside():
    endpoint = Endpoint("pain score", WEEK, observed=Published(Mean(3.0, 0.5), Mean(6.0, 0.5), "a", "primary"))
    result = made([-2.0] * 20, [0.1] * 20, [-2.0] * 20, endpoint)
    drugs = np.tile([2, 3, 4, 3.5], 5)
    result = replace(result, found=result.found._replace(drug=drugs, control=np.full(20, 5.0)))
    drug, control = result.levels
    assert drug.inside and not control.inside and (control.low, control.high) == (5, 5)
    told = dict(answers(designed(), result))["The published levels lie"]
    assert told.startswith("outside") and "6.00 on control (simulated 5.00 to 5.00)" in told and "on drug" not in told


def test_selection_is_told_apart_from_what_all_trials_measure():
    result = made([-3.0, -1.0, -1.0, -1.0], [0.01, 0.2, 0.4, 0.6], [-1.0, -1.01, -0.99, -1.0])
    assert result.selected == pytest.approx(3.0 / 1.5)
    assert "2.0-fold what trials measure" in dict(answers(designed(), result))["Significant trials"]


def test_a_trial_of_which_nobody_is_left_says_so():
    trial = designed(missing="left out", drop_out=1.0, drop_out_control=1.0)
    result = pkpd.run_trials(trial, 5).endpoints[0]
    assert "nobody was left" in dict(answers(trial, result))["What that can tell"]
    assert result.analysed == 0.0 and result.settling() is None
    assert all(math.isnan(one) for one in (result.power, result.power_error, result.expected))
    assert headline(result).endswith("nobody was left to analyse")


def test_how_far_off_the_published_one_is():
    endpoint = Endpoint("pain score", WEEK, observed=Published(Mean(3.0, 0.5), Mean(5.0, 0.5), "a", "primary"))

    def extreme(estimates: list[float], times: int = 5) -> float:
        count = times * len(estimates)
        return made(estimates * times, [0.1] * count, [-1.0] * count, endpoint).as_extreme

    assert extreme([-3, -2.5, -1, 0]) == 1.0
    assert extreme([-2.5, -1, 0, 1]) == 0.5
    assert extreme([-1, -1, 0, 1]) == 0.0
    assert math.isnan(extreme([-1, -1, 0, 1], times=1))  # of so few nothing is unusual


def test_the_table_has_a_line_for_each_endpoint():
    trials = pkpd.run_trials(designed(endpoints=[("pain score", "7 d"), ("relief", "7 d", 0.5)]), 50)
    table = trials.table()
    assert tuple(table.columns) == COLUMNS and table.endpoint.to_list() == ["pain score", "relief of at least 50%"]
    assert table.power[1] == trials.endpoint("relief of at least 50%").power
    assert trials.endpoint("pain score", "7 d") is trials.endpoints[0]
    with pytest.raises(pkpd.PkpdError, match="pain score 7 d"):
        trials.endpoint("pain")


@pytest.mark.parametrize(
    ("p", "text"), [(0.00002, "P < 0.001"), (0.0325, "P = 0.033"), (0.0999, "P = 0.10"), (0.5, "P = 0.50")]
)
def test_p_values_are_printed_as_in_papers(p, text):
    assert p_text(p) == text


def test_values_are_printed_in_percent_or_points():
    share, points = Endpoint("relief", 0, threshold=0.5), Endpoint("pain score", 0)
    assert value_text(share, 0.384, signed=True) == "+38" and value_text(share, 0.001, signed=True) == "0"
    assert value_text(points, -0.001, signed=True) == "0.00" and value_text(points, math.nan) == "-"
