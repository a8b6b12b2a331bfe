"""Exact intervals against scipy's and those worked out by hand."""

import pytest

from pkpd.guidance import exact_interval


@pytest.mark.parametrize(("events", "patients"), [(3, 6), (0, 101), (6, 101), (340, 1285), (9, 9), (0, 9), (1, 2)])
def test_interval_is_scipys(events, patients):
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(events, patients).proportion_ci(0.95, method="exact")
    assert exact_interval(events, patients) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_intervals_worked_out_by_hand():
    assert [round(100 * end) for end in exact_interval(3, 6)] == [12, 88]
    low, high = exact_interval(0, 101)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 101))
    assert round(100 * high, 1) == 3.6
