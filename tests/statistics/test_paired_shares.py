"""Two proportions of the same patients: McNemar's test, its interval and its power, against others and by hand."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as by_statsmodels

from pkpd.errors import StatisticsError
from pkpd.statistics.paired_shares import mcnemar, mcnemar_power, pairs_needed


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40))
def test_mcnemar_is_that_of_statsmodels_and_its_interval_holds_the_estimate(pairs):
    first, second = np.array(pairs).T
    table = [[np.sum(first & second), np.sum(first & ~second)], [np.sum(~first & second), np.sum(~first & ~second)]]
    found = mcnemar(first[None], second[None])
    assert found.p[0] == pytest.approx(by_statsmodels(table, exact=True).pvalue)
    assert -1 <= found.low[0] <= found.estimate[0] + 1e-12 and found.estimate[0] - 1e-12 <= found.high[0] <= 1
    turned = mcnemar(second[None], first[None])
    assert (turned.estimate[0], turned.low[0], turned.high[0]) == pytest.approx(
        (-found.estimate[0], -found.high[0], -found.low[0])
    )


@pytest.mark.parametrize(
    ("counts", "interval"),
    [((1, 1, 7, 3), None), ((0, 8, 0, 8), None), ((20, 12, 2, 16), (0.0562, 0.3292))],
)
def test_intervals_of_paired_shares(counts, interval):
    """The third is an example of Newcombe 1998, method 10: 32 of 50 against 22; the others keep within bounds."""
    both, first, second, neither = counts
    a = np.array([True] * (both + first) + [False] * (second + neither))
    b = np.array([True] * both + [False] * first + [True] * second + [False] * neither)
    found = mcnemar(a[None], b[None])
    assert -1 <= found.low[0] <= found.high[0] <= 1
    if interval is not None:
        assert (found.low[0], found.high[0]) == pytest.approx(interval, abs=5e-4)


def by_every_outcome(first: float, second: float, patients: int) -> float:
    """Power over all numbers of patients who respond under either treatment alone."""
    power = 0.0
    for b, c in product(range(patients + 1), repeat=2):
        if b + c <= patients and b + c > 0 and stats.binomtest(b, b + c).pvalue <= 0.05:
            ways = comb(patients, b) * comb(patients - b, c)
            power += ways * first**b * second**c * max(0.0, 1 - first - second) ** (patients - b - c)
    return power


@pytest.mark.parametrize(
    ("first", "second", "patients"), [(0.4, 0.05, 20), (0.3, 0.0, 12), (0.7, 0.3, 15), (0.1, 0.1, 25), (1.0, 0.0, 6)]
)
def test_the_power_of_mcnemar_is_the_sum_over_every_outcome(first, second, patients):
    assert mcnemar_power(first, second, patients) == pytest.approx(by_every_outcome(first, second, patients), abs=1e-12)
    assert mcnemar_power(second, first, patients) == pytest.approx(mcnemar_power(first, second, patients))


def test_many_pairs_have_the_power_of_the_normal_test():
    first, second, patients = 0.21, 0.19, 6000
    apart, alone = first - second, first + second
    standing = apart * np.sqrt(patients) / np.sqrt(alone - apart**2)
    assert mcnemar_power(first, second, patients) == pytest.approx(stats.norm.cdf(standing - 1.96), abs=0.01)


@given(st.floats(0.05, 0.6), st.floats(0.0, 0.3))
@settings(max_examples=40, deadline=None)
def test_the_pairs_needed_have_the_power_and_one_fewer_has_not(first, second):
    if first - second < 0.05:
        return
    needed = pairs_needed(first, second, power=0.8)
    assert mcnemar_power(first, second, needed) >= 0.8 > mcnemar_power(first, second, needed - 1)


def test_pairs_that_cannot_be_are_refused():
    assert mcnemar_power(0.0, 0.0, 10) == 0.0
    with pytest.raises(StatisticsError, match=r"only_first is 1.2; a probability lies from 0 to 1"):
        mcnemar_power(1.2, 0.1, 10)
    with pytest.raises(StatisticsError, match="add up to 1.1; together they are at most 1"):
        mcnemar_power(0.6, 0.5, 10)
    with pytest.raises(StatisticsError, match="as many patients respond under either treatment alone, 0.2"):
        pairs_needed(0.2, 0.2)
