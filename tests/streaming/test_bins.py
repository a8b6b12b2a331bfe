"""Bins tell numbers apart to their stated width, and percentiles read off them are off by no more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import pkpd
from pkpd.individuals import of_population
from pkpd.kernels import counting
from pkpd.kernels.counting import FRACTION, POSITIVE, SIGNED
from pkpd.kernels.memory import aligned
from pkpd.population.people import Population
from pkpd.streaming import bins
from pkpd.streaming.reading import Chunk, _product, asked_of
from pkpd.streaming.tally import Tally
from pkpd.times import read_times

Floats = NDArray[np.float64]
laws = settings(derandomize=True, deadline=None, max_examples=60)
SHARES = np.array([0.0, 0.01, 0.05, 0.33, 0.5, 0.95, 1.0])


def counted(values: Floats, kind: int, divisor: float = 1.0) -> tuple[NDArray[np.uint32], counting.Moments]:
    """One row of values through the kernel."""
    columns = -(-len(values) // 8) * 8
    row = aligned(columns)
    row[:] = values[-1]
    row[: len(values)] = values
    counts, found = np.zeros(counting.WIDTH[kind], np.uint32), counting.moments(1, len(values))
    counting.count_levels(row, 0, 1, columns, len(values), divisor, kind, counts, *found, counting.room(columns))
    return counts, found


@pytest.mark.parametrize("kind", [POSITIVE, SIGNED, FRACTION])
def test_what_is_no_number_stays_within_its_row_and_makes_the_mean_none(kind: int) -> None:
    values = np.array([0.25, np.nan, -np.nan, 0.5] * 4)
    counts, found = counted(values, kind)
    assert counts.sum() == len(values) and counts[0] == 8
    assert np.isnan(found.mean[0, 0])


NUMBERS = {
    POSITIVE: st.one_of(
        st.floats(1e-9, 1e8), st.just(0.0), st.floats(0, 1e-9), st.floats(0.9, 1.1), st.sampled_from([1.0, 2.0, 0.5])
    ),
    SIGNED: st.one_of(
        st.floats(-1e8, -1e-9), st.floats(1e-9, 1e8), st.floats(-1e-9, 1e-9), st.just(0.0), st.sampled_from([1.0, -1.0])
    ),
    FRACTION: st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.25, 1 / 4096])),
}


@laws
@pytest.mark.parametrize("kind", [POSITIVE, SIGNED, FRACTION])
@given(data=st.data())
def test_percentiles_of_any_numbers(kind: int, data: Any) -> None:
    values = np.array(data.draw(st.lists(NUMBERS[kind], min_size=1, max_size=60)))
    counts, found = counted(values, kind)
    assert counts.sum() == len(values) and found.least[0] == values.min() and found.most[0] == values.max()
    low, high = bins.edges(kind)
    for value in values:
        one, _ = counted(np.array([value]), kind)
        (where,) = np.flatnonzero(one)
        assert low[where] <= value <= high[where]
    got, width = bins.percentiles(counts.astype(np.int64), kind, values.min(), values.max(), SHARES)
    expected = np.quantile(values, SHARES)
    assert (np.abs(got - expected) <= width + 1e-14 * np.abs(expected)).all()
    assert got[0] == values.min() and got[-1] == values.max() and width[0] == width[-1] == 0
    assert (np.diff(got) >= 0).all()


def test_widths_are_as_stated() -> None:
    low, high = bins.edges(POSITIVE)
    assert (high[1:-1] / low[1:-1] - 1).max() == pytest.approx(bins.RELATIVE)
    assert (high[1:-2] == low[2:-1]).all() and low[1] == high[0] == 2.0**-34 and high[-2] == 2.0**30 - 2.0**29 / 512
    low, high = bins.edges(FRACTION)
    assert np.diff(np.stack([low, high])[:, 1:-1], axis=0) == pytest.approx(bins.ABSOLUTE)


@pytest.mark.parametrize("kind", [POSITIVE, SIGNED])
def test_what_is_next_to_nothing_is_nothing(kind: int) -> None:
    values = np.array([0.0, 1e-30, 1e-12, 2e-12, 1.0])
    counts, _ = counted(values, kind)
    got, width = bins.percentiles(counts.astype(np.int64), kind, 0.0, 1.0, np.array([0.25, 0.5, 0.75]))
    assert (got == 0.0).all() and (width >= 2e-12).all() and (width < 2e-10).all()


def test_numbers_beyond_the_bins_widen_what_is_stated() -> None:
    values = np.array([1.0, 2.0, 3e9, 4e9, 5e9])
    counts, _ = counted(values, POSITIVE)
    got, width = bins.percentiles(counts.astype(np.int64), POSITIVE, 1.0, 5e9, np.array([0.5, 0.75]))
    assert (np.abs(got - [3e9, 4e9]) <= width).all() and (width > 1e9).all()
    counts, _ = counted(np.array([-3.0, -2.0, -1.0]), POSITIVE)
    got, width = bins.percentiles(counts.astype(np.int64), POSITIVE, -3.0, -1.0, np.array([0.5]))
    assert abs(got[0] + 2.0) <= width[0] + 1e-12


@pytest.mark.parametrize("size", [1, 7, 8, 511, 512, 513, 1100])
def test_moments_of_blocks(size: int) -> None:
    values = np.random.default_rng(size).normal(5.0, 2.0, size)
    _, found = counted(values, SIGNED, divisor=2.0)
    for block, mean in enumerate(found.mean[:, 0]):
        own = values[512 * block : 512 * (block + 1)] / 2.0
        assert mean == pytest.approx(own.mean(), rel=1e-13)
        assert found.spread[block, 0] == pytest.approx(((own - own.mean()) ** 2).sum(), rel=1e-11, abs=1e-25)
    assert found.least[0] == values.min() / 2 and found.most[0] == values.max() / 2


def test_chunks_that_come_in_any_order_are_merged_in_theirs() -> None:
    rng, tallies = np.random.default_rng(4), [Tally([POSITIVE], 1, 1) for _ in range(2)]
    values = rng.lognormal(size=5000)
    parts = [counted(values[at : at + 512], POSITIVE)[1] for at in range(0, 5000, 512)]
    for tally, order in zip(tallies, (range(10), (3, 1, 0, 2, 9, 8, 7, 6, 5, 4)), strict=True):
        for chunk in order:
            tally.add(chunk, min(512, 5000 - 512 * chunk), [parts[chunk]])
    assert tallies[0].subjects == 5000
    np.testing.assert_array_equal(tallies[0].mean, tallies[1].mean)
    np.testing.assert_array_equal(tallies[0].deviation, tallies[1].deviation)
    assert tallies[0].mean[0, 0] == pytest.approx(values.mean(), rel=1e-14)
    assert tallies[0].deviation[0, 0] == pytest.approx(values.std(ddof=1), rel=1e-12)


@pytest.mark.parametrize("steep", [1.0, 2.7])
@pytest.mark.parametrize("name", ["pain", "relief"])
def test_the_kernel_of_relief_agrees_with_the_curves(name: str, steep: float) -> None:
    effects = [e.with_values(Hill=steep) if "Hill" in e.parameters else e for e in pkpd.default_effects()]
    model = pkpd.load("kamp2020-ketamine").with_effects(*effects)
    people = of_population(model, Population(300, seed=2))
    ticks = read_times("0 to 96 h by 8 h")
    asked = asked_of(people, [name], ticks)
    assert _product(people, name, asked, 304) is not None  # no way round the kernel
    chunk = Chunk(asked, people, pkpd.parse("20 mg/h iv over 24 h"), None)
    values = chunk.values(name)
    found = chunk.count(name, SIGNED, np.zeros(len(ticks) * counting.WIDTH[SIGNED], np.uint32))
    assert found.mean[0] == pytest.approx(values.mean(axis=1), rel=1e-12, abs=1e-15)
    assert found.least == pytest.approx(values.min(axis=1), rel=1e-12, abs=1e-14)
    assert found.most == pytest.approx(values.max(axis=1), rel=1e-12, abs=1e-14)
    assert found.spread[0] == pytest.approx(values.var(axis=1) * 300, rel=1e-9, abs=1e-20)
