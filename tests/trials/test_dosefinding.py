"""Dose finding in simulated trials: means, variances, the truth behind them, and how often a dose is found."""

from __future__ import annotations

import numpy as np
import pytest
from figures import clashes, words

import pkpd
from pkpd.errors import PkpdError
from pkpd.statistics.dosefinding.shapes import Shape
from pkpd.trials.dosefinding import find_dose

MODEL = pkpd.load("kamp2020-ketamine")
INFUSION = "ketamine {dose} mg/kg iv over 40 min"
SHAPES = [Shape("linear"), Shape("emax", (0.1,)), Shape("sigmoid-emax", (0.2, 3.0))]
DOSES = [0, 0.1, 0.25, 0.5]


def found(**asked):
    given = {"doses": DOSES, "patients": 15, "endpoint": ("pain score", "0 h"), "shapes": SHAPES, "effect": -2.0}
    given |= {"count": 150, **asked}
    regimen = given.pop("regimen", INFUSION)
    return find_dose(MODEL, regimen, **given)


@pytest.fixture(scope="module")
def made():
    return found()


def test_placebo_and_highest_dose_are_those_of_a_trial_of_two_arms():
    many = found(count=300, doses=[0, 0.25, 0.5], shapes=[Shape("linear")])
    trial = pkpd.design_trial(
        MODEL, "ketamine 0.5 mg/kg iv over 40 min", "no treatment", (15, 15), [("pain score", "0 h")]
    )
    result = pkpd.run_trials(trial, 300).endpoints[0]
    errors = many.means.std(axis=0) / np.sqrt(300)
    assert many.means[:, 0].mean() == pytest.approx(result.found.control.mean(), abs=5 * errors[0])
    assert many.means[:, 2].mean() == pytest.approx(result.found.drug.mean(), abs=5 * errors[2])
    assert many.true[-1] == pytest.approx(result.true_difference, abs=0.2)


def test_the_true_dose_lies_where_the_true_curve_crosses(made):
    assert made.true[0] == 0 and (np.diff(made.true) < 0).all()
    assert np.interp(made.true_target, made.grid, made.true) == pytest.approx(-2.0, abs=0.01)
    assert found(effect=-9.0, count=5).true_target == np.inf


def test_a_dose_response_that_is_there_is_found_and_the_dose_roughly(made):
    assert made.power > 0.9 and made.found.test.statistics.shape == (150, 3)
    assert np.nanmedian(made.target) == pytest.approx(made.true_target, rel=0.5)
    assert sum(made.shapes.values()) == pytest.approx(1.0)


def test_without_a_response_one_in_forty_is_found():
    null = found(
        regimen="s-ketamine 0.000001 mg iv bolus and ketamine {dose} mg iv bolus",
        doses=[0, 1e-6, 2e-6, 3e-6],
        shapes=[Shape("linear"), Shape("emax", (1e-6,))],
        count=1500,
        unblinding=0.0,
        drop_out=0.0,
    )
    assert null.power == pytest.approx(0.025, abs=4 * np.sqrt(0.025 * 0.975 / 1500))


def test_it_is_the_same_by_any_thread(made):
    again = found(threads=1, count=40)
    assert np.array_equal(again.means, made.means[:40])


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"doses": [0.1, 0.2, 0.3]}, "first 0"),
        ({"doses": [0, 0.3, 0.2]}, "rising"),
        ({"doses": [0, 0.3]}, "at least three"),
        ({"patients": [10, 10]}, "one for each"),
        ({"patients": 1}, "from 2 on"),
        ({"missing": "left out"}, "are to be scored"),
        ({"effect": 0.0}, "effect of 0"),
        ({"design": "crossover"}, "in parallel"),
        ({"endpoint": ("relief", "0 h", 0.5)}, "averaged"),
        ({"regimen": "ketamine 0.5 mg/kg iv over 40 min"}, "no {dose}"),
        ({"regimen": "ketamine {dose} iv over 40 min"}, "no unit"),
    ],
)
def test_what_does_not_fit_is_refused(asked, told):
    with pytest.raises(PkpdError, match=told):
        found(**asked)


def test_the_figure_can_be_read(made):
    figure = made.plot()
    assert clashes(figure) == []
    assert f"true {made.true_target:.3g}" in words(figure)


def test_limits_of_the_highest_dose_are_told():
    assert found(count=2).flags == ()
    assert found(count=2, population=pkpd.Population(weight="200 kg")).flags
