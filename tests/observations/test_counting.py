"""Exact intervals of counts, and of shares that were rounded before they were printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

import pkpd.guidance
from pkpd.observations.counting import Share, counts_behind, exact_interval, printed_interval, read_share


@pytest.mark.parametrize(
    ("events", "total", "expected"),
    [
        (22, 24, (0.73, 0.99)),
        (13, 24, (0.33, 0.74)),
        (0, 16, (0.0, 0.206)),
        (0, 10, (0.0, 0.308)),
        (1, 20, (0.001, 0.249)),
    ],
)
def test_intervals_that_are_known(events: int, total: int, expected: tuple[float, float]) -> None:
    """The issue's two arms; and for none of n the closed form 1 - 0.025^(1/n)."""
    assert exact_interval(events, total) == pytest.approx(expected, abs=0.005)
    if events == 0:
        assert exact_interval(events, total)[1] == pytest.approx(1 - 0.025 ** (1 / total), abs=1e-12)


@given(st.integers(1, 400).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_ends_leave_a_fortieth_on_either_side(count: tuple[int, int]) -> None:
    """By their definition: at the lower end this many or more have 2.5 %, at the upper end this many or fewer."""
    events, total = count
    low, high = exact_interval(events, total)
    if events > 0:
        assert binom.sf(events - 1, total, low) == pytest.approx(0.025, rel=1e-6)
    if events < total:
        assert binom.cdf(events, total, high) == pytest.approx(0.025, rel=1e-6)
    assert low <= events / total <= high


@pytest.mark.parametrize(
    ("text", "share"),
    [("0.41", (0.41, 0.005)), ("0.206", (0.206, 0.0005)), ("0.10", (0.1, 0.005)), ("1", (1.0, 0.5)), ("0", (0.0, 0.5))],
)
def test_digits_say_how_a_share_was_rounded(text: str, share: tuple[float, float]) -> None:
    assert read_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["41", "-0.1", "41%", "nan", "inf", "", "0,41", "about 0.4"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(ValueError, match=".*"):
        read_share(text)


@pytest.mark.parametrize(
    ("text", "total", "counts"),
    [("0.41", 346, (141, 143)), ("0.92", 24, (22, 22)), ("0.206", 928, (191, 191)), ("0.76", 30, (22, 23))],
)
def test_counts_behind_a_percentage(text: str, total: int, counts: tuple[int, int]) -> None:
    """By hand; 76 % is no whole number of 30, so its neighbours stand for it."""
    assert counts_behind(read_share(text), total) == counts


@given(st.integers(1, 2000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_a_rounded_share_has_the_count_behind_it(count: tuple[int, int]) -> None:
    """Whatever was counted, rounded to whole per cent, the interval covers that of the count itself."""
    events, total = count
    share = Share(round(events / total, 2), 0.005)
    least, most = counts_behind(share, total)
    assert least <= events <= most
    low, high = printed_interval(share, total)
    exact = exact_interval(events, total)
    assert low <= exact[0] + 1e-12 and high >= exact[1] - 1e-12


def test_intervals_of_harms_worked_out_by_hand() -> None:
    assert pkpd.guidance.exact_interval is exact_interval
    assert [round(100 * end) for end in exact_interval(3, 6)] == [12, 88]
    assert exact_interval(0, 101) == pytest.approx((0.0, 1 - 0.025 ** (1 / 101)))
    assert exact_interval(9, 9)[1] == 1.0


@pytest.mark.parametrize(("events", "total"), [(3, 2), (-1, 2), (0, 0)])
def test_impossible_counts(events: int, total: int) -> None:
    with pytest.raises(ValueError, match="of"):
        exact_interval(events, total)
