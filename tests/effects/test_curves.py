"""Dose-response curves against their formulas and limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.effects.curves import CURVES, hill, onset, probability, sigmoid_emax

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
