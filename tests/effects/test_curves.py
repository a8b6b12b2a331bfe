"""Dose-response curves against their formulas and limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from pkpd.effects.curves import CURVES, exceedance, hill, onset, probability, sigmoid_emax
from pkpd.model.effect import DRIVEN_FORMS, FORMS

CONCENTRATION = st.floats(0, 1e6)


@given(st.floats(1e-6, 1e3), st.floats(0.2, 20))
def test_half_effect_at_c50(c50, slope):
    assert hill(c50, c50, slope) == pytest.approx(0.5)


@given(CONCENTRATION, CONCENTRATION, st.floats(1e-6, 1e3), st.floats(0.2, 20))
def test_more_drug_never_less_effect(a, b, c50, slope):
    low, high = sorted((a, b))
    assert 0 <= hill(low, c50, slope) <= hill(high, c50, slope) <= 1


@pytest.mark.parametrize(("s", "share"), [(25, 0.17), (50, 0.29), (100, 0.45), (121, 0.50), (320, 0.73)])
def test_olofsen_2022_worked_values(s, share):
    assert sigmoid_emax(s, 0.0, {"Emax": 1.0, "C50": 121.0, "Hill": 1.0}) == pytest.approx(share, abs=0.005)


def test_probability_runs_from_floor_to_ceiling():
    of = {"floor": 0.12, "ceiling": 0.9, "C50": 0.15, "Hill": 3.5}
    assert probability(0.0, 0.0, of) == 0.12
    assert probability(1e9, 0.0, of) == pytest.approx(0.9)
    assert probability(0.15, 0.0, of) == pytest.approx(0.51)


def test_rounding_below_zero_counts_as_no_drug():
    assert hill(np.array([-1e-20, 0.0]), 0.1, 2.5) == pytest.approx([0.0, 0.0], abs=0)


def test_steep_curves_do_not_overflow():
    assert hill(1e6, 1e-6, 20.0) == 1.0
    assert hill(1e6, 1e-9, 60.0) == 1.0


def test_onset_halves_the_rest_every_half_time():
    of = {"size": 0.6, "half_time": 72.0}
    assert onset(0.0, np.array([-5.0, 0.0, 72.0, 144.0]), of) == pytest.approx([0.0, 0.0, 0.3, 0.45])


def test_linear_constant_and_share():
    assert CURVES["linear"](np.array([0.0, 2.0]), 0.0, {"slope": 3.0}) == pytest.approx([0.0, 6.0])
    assert CURVES["constant"](0.0, np.zeros(2), {"level": 6.8}) == pytest.approx([6.8, 6.8])
    assert CURVES["share"](np.array([0.5]), 0.0, {"share": 0.24}) == pytest.approx([0.12])


# Values that make each driven form a probability, a fraction or a number at hand.
PARAMETERS = {
    "Emax": 0.9,
    "C50": 0.15,
    "C100": 0.127,
    "Hill": 2.0,
    "slope": -3.0,
    "least": -2.0,
    "most": 1.0,
    "E0": 5.0,
    "level": 1.5,
    "floor": 0.1,
    "ceiling": 0.8,
    "shift": 0.1,
    "threshold": 0.5,
    "sd": 0.3,
}


def test_every_form_has_its_curve():
    assert set(CURVES) == set(FORMS)


@pytest.mark.parametrize("form", DRIVEN_FORMS)
@given(a=st.floats(0, 1e3), b=st.floats(0, 1e3), c=st.floats(0, 1e3))
def test_every_driven_curve_rises_or_falls_throughout(form, a, b, c):
    """The highest value of a course lies at the peak of the drive or at none, which is how it is looked for."""
    low, middle, high = (float(CURVES[form](x, 0.0, PARAMETERS)) for x in sorted((a, b, c)))
    assert low <= middle <= high or low >= middle >= high


@given(st.floats(0, 1e3))
def test_probabilities_and_fractions_stay_between_their_ends(level):
    for form, ends in (("exceedance", (0, 1)), ("opposed-inhibition", (0, 1)), ("falling-score", (0, 5))):
        assert ends[0] <= CURVES[form](level, 0.0, PARAMETERS) <= ends[1]


def test_a_limited_line_follows_a_negative_drive_and_stops_at_its_ends():
    drive = np.array([-1.0, -0.1, 0.0, 0.5, 5.0])
    assert CURVES["limited-linear"](drive, 0.0, PARAMETERS) == pytest.approx([1.0, 0.3, 0.0, -1.5, -2.0])
    assert CURVES["linear"](drive, 0.0, PARAMETERS)[:2] == pytest.approx([0.0, 0.0], abs=0)


@pytest.mark.parametrize(("level", "score"), [(0.30, 4.6), (0.50, 3.1), (0.56, 2.65), (0.75, 1.5), (1.5, 0.4)])
def test_herd_2008_worked_values(level, score):
    of = {"E0": 5.0, "Emax": 0.939, "C50": 0.56, "Hill": 3.71}
    assert CURVES["falling-score"](level, 0.0, of) == pytest.approx(score, abs=0.06)
    assert CURVES["falling-score"](1e9, 0.0, of) == pytest.approx(5 * (1 - 0.939))


@pytest.mark.parametrize(("s", "factor"), [(0, 1.0), (50, 1.39), (127, 2.0), (254, 3.0)])
def test_jonkman_2018_worked_values(s, factor):
    assert CURVES["potency-shift"](s, 0.0, {"C100": 127.0}) == pytest.approx(factor, abs=0.005)


@given(st.floats(0, 5), st.floats(0, 1), st.floats(0.5, 4))
def test_an_opposed_opioid_is_the_opioid_at_a_higher_c50(opioid, level, slope):
    """The same as an inhibition whose C50, 1 without ketamine, is multiplied by the shift."""
    of = {"level": opioid, "C100": 0.127, "Hill": slope}
    shifted = 1 + level / 0.127
    inhibited = opioid**slope / (opioid**slope + shifted**slope)
    assert CURVES["opposed-inhibition"](level, 0.0, of) == pytest.approx(1 - inhibited, abs=1e-12)


@given(st.floats(0, 3000), st.floats(5, 30), st.floats(0, 15))
def test_exceedance_is_the_tail_of_a_normal_change(s, sd, shift):
    of = {"Emax": 37.5, "C50": 200.0, "Hill": 1.0, "shift": shift, "threshold": 40.0, "sd": sd}
    mean = 37.5 * s / (s + 200.0) + shift
    assert exceedance(s, 0.0, of) == pytest.approx(norm(mean, sd).sf(40.0), abs=1e-12)
