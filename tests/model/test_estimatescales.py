"""Distributions of estimates: medians, standard errors and intervals as published, on every scale; what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from pkpd.model.estimatescales import WIDEST_LOGIT, Distribution, Kind, moments, of_error, of_interval, of_range
from pkpd.statistics.normal import Z95

values = st.floats(1e-4, 1e4)


@given(values, st.floats(0.001, 1.0))
def test_the_standard_deviation_of_a_log_normal_is_the_standard_error(value: float, rse: float) -> None:
    one = of_error("log", value, rse * value)
    drawn = stats.lognorm(one.low, scale=value)
    assert float(drawn.median()) == pytest.approx(value)
    assert float(drawn.std()) == pytest.approx(rse * value, rel=1e-9)
    assert moments(one)[1] == pytest.approx(rse * value, rel=1e-6)


@pytest.mark.parametrize(("value", "se"), [(0.23, 0.09), (0.67, 0.10), (0.5, 0.01), (0.03, 0.02), (0.9, 0.08)])
def test_the_standard_deviation_of_a_logit_normal_is_the_standard_error(value: float, se: float) -> None:
    one = of_error("logit", value, se)
    centre = math.log(value / (1 - value))

    def moment(power: int) -> float:
        def density(z: float) -> float:
            return float(stats.norm.pdf(z)) / (1 + math.exp(-(centre + one.low * z))) ** power

        return float(integrate.quad(density, -12, 12, epsabs=1e-13)[0])

    assert math.sqrt(moment(2) - moment(1) ** 2) == pytest.approx(se, rel=1e-7)
    assert float(one.at(np.array([0.0]))[0]) == pytest.approx(value)


@given(st.sampled_from(["log", "logit", "plain"]), st.floats(0.05, 0.95), st.floats(0.01, 0.9), st.floats(0.01, 0.9))
def test_an_interval_is_met_at_both_ends(kind: Kind, value: float, below: float, above: float) -> None:
    low, high = value * (1 - below), value + (1 - value) * above
    one = of_interval(kind, value, low, high)
    z = np.linspace(-4, 4, 81)
    drawn = one.at(z)
    assert (np.diff(drawn) > 0).all()
    ends = one.at(np.array([-Z95, 0.0, Z95]))
    assert ends == pytest.approx([low, value, high], rel=1e-9)
    if kind == "logit":
        assert drawn.min() > 0
        assert drawn.max() < 1
    if kind == "log":
        assert drawn.min() > 0


def test_a_skewed_interval_is_split_and_an_even_one_is_not() -> None:
    assert of_interval("log", 10, 5, 20).text == "log-normal"
    assert of_interval("log", 8.3, 5.1, 13.0).text == "split log-normal"


@given(st.floats(-10, 10), st.floats(0, 5))
def test_a_free_parameter_is_normal(value: float, se: float) -> None:
    assert of_error("plain", value, se).at(np.array([-1.0, 0, 2])) == pytest.approx([value - se, value, value + 2 * se])


@pytest.mark.parametrize(
    ("kind", "low", "high", "quarter"),
    [("log", 1.0, 16.0, 2.0), ("log", 0.0, 8.0, 2.0), ("logit", 0.2, 0.6, 0.3), ("plain", -1.0, 3.0, 0.0)],
)
def test_a_range_is_even_on_its_scale(kind: Kind, low: float, high: float, quarter: float) -> None:
    one = of_range(kind, 0.5, low, high)
    assert one.at(stats.norm.ppf([1e-12, 0.25, 1 - 1e-12])) == pytest.approx([low, quarter, high], abs=1e-9)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: of_error("log", 2.0, 2.1), "105% of the estimate"),
        (lambda: of_error("log", 0.0, 1.0), "not above 0"),
        (lambda: of_error("log", 2.0, -1.0), "-1"),
        (lambda: of_error("logit", 0.5, 0.3), "gather at 0 and 1"),
        (lambda: of_error("logit", 1.0, 0.1), "an end of 0 to 1"),
        (lambda: of_interval("log", 5, 6, 9), "does not hold the estimate"),
        (lambda: of_interval("log", 5, -1, 9), "begins at or below 0"),
        (lambda: of_interval("logit", 0.5, 0.2, 1.0), "an end of 0 to 1"),
        (lambda: of_range("logit", 0.5, 0.2, 1.2), "an end of 0 to 1"),
        (lambda: of_range("log", 0.5, 0.2, 0.2), "no extent"),
    ],
)
def test_what_an_estimate_cannot_have_is_refused(made: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        made()  # type: ignore[operator]


def test_the_widest_logit_has_one_heap_and_a_wider_one_two() -> None:
    """Where the bound lies: the density of the widest has its one maximum in the middle."""
    share = np.linspace(0.001, 0.999, 999)
    logit = np.log(share / (1 - share))
    for width, maxima in ((WIDEST_LOGIT, 1), (1.2 * WIDEST_LOGIT, 2)):
        density = stats.norm.pdf(logit / width) / (share * (1 - share))
        inner = density[1:-1]
        assert int(((inner > density[:-2] + 1e-12) & (inner > density[2:] + 1e-12)).sum()) == maxima


def test_moments_of_a_log_normal_by_its_closed_form() -> None:
    mean, sd = moments(Distribution("log", 3.0, 0.6, 0.6))
    assert mean == pytest.approx(3 * math.exp(0.18))
    assert sd == pytest.approx(mean * math.sqrt(math.expm1(0.36)), rel=1e-9)
