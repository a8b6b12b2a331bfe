"""Bands, their Monte-Carlo errors and variance shares, against repeated sampling and plain sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pkpd.replicates.summaries import (
    centre_error,
    centre_of,
    interval,
    interval_of_means,
    nested_interval,
    parts,
    percentile,
    shares,
)

tables = arrays.arrays(
    float, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(-100, 100, allow_subnormal=False)
)


@given(tables)
def test_the_two_parts_add_up_to_the_whole_variance(values: np.ndarray) -> None:
    found = parts(values)
    assert found.patients + found.estimates == pytest.approx(values.var(), abs=1e-9)
    assert found.mean == pytest.approx(values.mean(), abs=1e-9)


@given(st.lists(arrays.arrays(float, (4, 5), elements=st.floats(0, 100)), min_size=1, max_size=4))
def test_three_shares_are_those_of_all_values_in_one_pool(models: list[np.ndarray]) -> None:
    pool = np.array(models)
    found = shares([parts(values) for values in models])
    if pool.var() < 1e-9:
        return
    assert sum(found) == pytest.approx(1)
    assert found[2] * pool.var() == pytest.approx(pool.mean(axis=(1, 2)).var(), abs=1e-9)
    assert found[0] * pool.var() == pytest.approx(pool.var(axis=2).mean(), abs=1e-9)


def test_nothing_varies_and_nothing_is_shared_out() -> None:
    assert all(math.isnan(one) for one in shares([parts(np.full((3, 4), 7.0))]))


def repeated(replicates: int, patients: int, between: float, error: float, times: int) -> np.ndarray:
    """(times, replicates, patients) of a quantity with crossed, additive errors of patients and estimates."""
    random = np.random.default_rng(7)
    return (
        between * random.normal(size=(times, 1, patients))
        + error * random.normal(size=(times, replicates, 1))
        + 0.2 * random.normal(size=(times, replicates, patients))
    )


@pytest.mark.parametrize(("between", "error"), [(1.0, 0.1), (1.0, 1.0), (0.2, 1.0)])
def test_the_error_of_a_nested_percentile_is_that_of_repeated_samples(between: float, error: float) -> None:
    found = np.array([nested_interval(values) for values in repeated(100, 150, between, error, 400)])
    for end in (0, 1):
        assert found[:, 2 + end].mean() == pytest.approx(found[:, end].std(), rel=0.15)


@pytest.mark.parametrize("how", ["mean", "median"])
@pytest.mark.parametrize(("between", "error"), [(1.0, 0.05), (1.0, 0.3), (0.2, 1.0)])
def test_the_error_of_an_interval_of_typical_values_is_that_of_other_patients_and_replicates(
    between: float, error: float, how: str
) -> None:
    drawn = repeated(100, 150, between, error, 400)
    found = np.array([interval(values, centre_of(values, how), how) for values in drawn])
    for end in (0, 1):
        assert found[:, 2 + end].mean() == pytest.approx(found[:, end].std(), rel=0.15)


def test_an_interval_of_typical_values_holds_95_percent_of_them() -> None:
    values = np.repeat(np.random.default_rng(3).normal(size=(4000, 1)), 2, axis=1)
    assert interval(values, centre_of(values, "mean"), "mean")[:2] == pytest.approx([-1.96, 1.96], abs=0.15)


def test_means_on_which_nothing_drawn_acts_have_no_interval() -> None:
    assert all(math.isnan(one) for one in interval_of_means(np.repeat([[1.0, 2.0, 4.0]], 50, axis=0)))
    assert interval_of_means(np.arange(100.0).reshape(50, 2))[:2] == pytest.approx([2.95, 96.05])


def test_the_error_of_a_centre_is_that_of_repeated_samples() -> None:
    drawn = np.random.default_rng(5).lognormal(size=(2000, 200))
    for how, centre in (("median", np.median), ("mean", np.mean)):
        errors = np.array([centre_error(one, how) for one in drawn[:400]])
        assert errors.mean() == pytest.approx(centre(drawn, axis=1).std(), rel=0.1)


def test_too_few_for_an_error_is_said_to_be_unknown() -> None:
    assert math.isnan(percentile(np.arange(1.0), 0.025)[1])
    assert math.isnan(nested_interval(np.arange(4.0)[None])[2])
    assert percentile(np.arange(50.0), 0.025)[0] == pytest.approx(0.025 * 49)
