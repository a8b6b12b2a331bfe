"""Power, type S and type M: printed tables, the literature's worked examples, and a second way to each number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from pkpd.errors import StatisticsError, UnknownName
from pkpd.statistics import (
    Precision,
    crossover,
    paired,
    parallel,
    patients_needed,
    patients_per_arm,
    prospect,
    responder_prospect,
    responders_per_arm,
    single,
)

# true difference, SD, patients an arm: power, type S, type M. Normal theory, two-sided alpha 0.05; the table of the
# project's evidence on small trials, whose type M of 1.04 (row 5) and 1.70 (row 8) are 1.0346 and 1.6947.
TABLE = [
    (1.0, 2.0, 10, 0.20, 0.005, 2.25),
    (1.0, 2.0, 15, 0.28, 0.002, 1.88),
    (1.0, 2.0, 20, 0.35, 0.001, 1.67),
    (1.0, 2.0, 30, 0.49, 0.000, 1.42),
    (1.0, 2.0, 100, 0.94, 0.000, 1.03),
    (1.0, 2.5, 10, 0.15, 0.015, 2.76),
    (1.0, 2.5, 20, 0.24, 0.003, 2.02),
    (1.0, 2.5, 30, 0.34, 0.001, 1.69),
    (0.5, 2.5, 10, 0.07, 0.110, 5.33),
    (0.5, 2.5, 20, 0.10, 0.049, 3.82),
    (1.5, 2.5, 20, 0.48, 0.000, 1.44),
]


@pytest.mark.parametrize(("effect", "sd", "patients", "power", "type_s", "type_m"), TABLE)
def test_table_of_small_trials(
    effect: float, sd: float, patients: int, power: float, type_s: float, type_m: float
) -> None:
    found = prospect(effect, parallel(sd, patients), test="normal")
    assert (round(found.power, 2), round(found.type_s, 3), round(found.type_m, 2)) == (power, type_s, type_m)


@pytest.mark.parametrize(("effect", "sizes"), [(0.5, (252, 393)), (1.0, (63, 99)), (1.5, (28, 44)), (2.0, (16, 25))])
def test_patients_for_80_percent(effect: float, sizes: tuple[int, int]) -> None:
    assert tuple(patients_per_arm(effect, sd, test="normal") for sd in (2.0, 2.5)) == sizes


def test_worked_examples_of_gelman_and_carlin() -> None:
    """Effect 0.1 with se 3.28, and 2 with 8.1: Perspect Psychol Sci 2014;9:641; exact, where they drew 10,000."""
    found = prospect([0.1, 2.0], [3.28, 8.1])
    assert found.power == pytest.approx([0.0501065, 0.0570130], abs=1e-7)
    assert found.type_s == pytest.approx([0.4644228, 0.2396177], abs=5e-8)
    assert found.type_m == pytest.approx([76.69, 9.54], abs=5e-3)


@pytest.mark.parametrize(("power", "type_m"), [(0.5, 1.41), (0.8, 1.12)])
def test_exaggeration_at_a_given_power(power: float, type_m: float) -> None:
    standing = stats.norm.ppf(0.975) + stats.norm.ppf(power)
    assert round(float(prospect(standing, 1.0).type_m), 2) == type_m


def test_anchors_by_the_t_test() -> None:
    found = prospect(1.0, parallel(2.0, 15))
    assert round(float(found.power), 3) == 0.262
    assert round(float(found.type_m), 3) == 1.876  # 1.870 is the mean of the significant with their signs


@settings(deadline=None, max_examples=50)
@given(st.floats(0.05, 6.0), st.sampled_from([1, 2, 5, 11, 28, 198, 5000]), st.sampled_from([0.001, 0.05, 0.2]))
def test_power_is_that_of_the_noncentral_t(standing: float, freedom: int, alpha: float) -> None:
    critical = stats.t.ppf(1 - alpha / 2, freedom)
    other = stats.nct.sf(critical, freedom, standing) + stats.nct.cdf(-critical, freedom, standing)
    assume(np.isfinite(other))  # scipy has none at some combinations
    assert float(prospect(standing, Precision(1.0, freedom), alpha=alpha).power) == pytest.approx(other, rel=1e-8)


def test_power_is_statsmodels() -> None:
    from statsmodels.stats.power import TTestIndPower

    other = TTestIndPower().power(0.5, 12, 0.05, ratio=2.0)
    assert float(prospect(1.0, parallel(2.0, 12, 24)).power) == pytest.approx(other, rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.02, 6.0), st.sampled_from([0.001, 0.05, 0.2]))
def test_the_closed_form_is_the_integral(standing: float, alpha: float) -> None:
    bound = stats.norm.ppf(1 - alpha / 2)
    power = stats.norm.sf(bound - standing) + stats.norm.cdf(-bound - standing)
    size, _ = integrate.quad(lambda x: x * stats.norm.pdf(x - standing), bound, standing + 10 + bound, epsabs=1e-14)
    size -= integrate.quad(lambda x: x * stats.norm.pdf(x - standing), -bound - 10, -bound, epsabs=1e-14)[0]
    found = prospect(3.0 * standing, 3.0, alpha=alpha)
    assert float(found.type_m) == pytest.approx(size / power / standing, rel=1e-7)
    assert float(found.significant) == pytest.approx(3.0 * size / power, rel=1e-7)


@pytest.mark.parametrize("test", ["t", "normal"])
def test_drawn_trials_agree(test: str) -> None:
    """400,000 trials of 2 x 8: each number within 4 standard errors of the drawn one."""
    rng, trials, n = np.random.default_rng(11), 400_000, 8
    se = 2.0 * math.sqrt(2.0 / n)
    estimate = 1.0 + se * rng.standard_normal(trials)
    error = se * np.sqrt(rng.chisquare(2 * n - 2, trials) / (2 * n - 2)) if test == "t" else se
    hit = np.abs(estimate / error) > (stats.t.ppf(0.975, 2 * n - 2) if test == "t" else stats.norm.ppf(0.975))
    found, drawn = prospect(1.0, parallel(2.0, n), test=test), np.abs(estimate[hit])
    assert abs(hit.mean() - found.power) < 4 * math.sqrt(found.power * (1 - found.power) / trials)
    wrong = (estimate[hit] < 0).mean()
    assert abs(wrong - found.type_s) < 4 * math.sqrt(found.type_s * (1 - found.type_s) / hit.sum())
    assert abs(drawn.mean() - found.type_m) < 4 * drawn.std() / math.sqrt(hit.sum())


@settings(deadline=None, max_examples=50)
@given(st.floats(0.1, 5.0), st.floats(0.1, 4.0), st.floats(0.1, 20.0), st.sampled_from([3.0, 40.0, math.inf]))
def test_sign_and_unit_do_not_matter(effect: float, se: float, unit: float, freedom: float) -> None:
    one, other = prospect(effect, Precision(se, freedom)), prospect(-unit * effect, Precision(unit * se, freedom))
    assert float(one.power) == pytest.approx(float(other.power), rel=1e-9)
    assert float(one.type_s) == pytest.approx(float(other.type_s), rel=1e-9, abs=1e-300)
    assert float(one.significant) * unit == pytest.approx(float(other.significant), rel=1e-9)
    assert float(one.type_m) >= 1.0 - 1e-12


def test_of_no_effect_five_percent_find_one() -> None:
    found = prospect(0.0, parallel(2.0, 15))
    assert float(found.power) == pytest.approx(0.05, rel=1e-9)
    assert (found.type_s, found.type_m) == (0.5, math.inf)


def test_other_designs() -> None:
    """A pair is a group of differences; a cross-over with equal sequences measures what independent pairs measure."""
    assert paired(2.0, 20, 0.5) == Precision(2.0 / math.sqrt(20), 19)
    assert paired(2.0, 20) == single(2.0 * math.sqrt(2.0), 20)
    assert crossover(2.0, 10).se == pytest.approx(paired(2.0, 20).se) and crossover(2.0, 10).freedom == 18
    assert parallel(2.0, 10, 30).se == pytest.approx(2.0 * math.sqrt(1 / 10 + 1 / 30))


def test_fewest_patients_are_the_fewest() -> None:
    for power in (0.5, 0.8, 0.95):
        n = patients_per_arm(1.0, 2.0, power=power)
        assert prospect(1.0, parallel(2.0, n)).power >= power > prospect(1.0, parallel(2.0, n - 1)).power
    assert patients_per_arm(50.0, 1.0) == 2
    n = patients_needed(1.0, lambda patients: crossover(2.0, patients))
    assert prospect(1.0, crossover(2.0, n)).power >= 0.8 > prospect(1.0, crossover(2.0, n - 1)).power
    assert n < patients_per_arm(1.0, 2.0) / 1.9


@pytest.mark.parametrize(
    ("patients", "power", "significant", "type_m"),
    [(10, 0.13, 0.616, 2.05), (20, 0.41, 0.434, 1.45), (30, 0.60, 0.376, 1.25)],
)
def test_responders_by_fisher(patients: int, power: float, significant: float, type_m: float) -> None:
    """50 against 20 %; the evidence prints 0.61, 0.43 and 0.38 for the mean significant difference."""
    found = responder_prospect(0.5, 0.2, patients)
    assert round(float(found.power), 2) == power
    assert round(float(found.significant), 3) == significant
    assert round(float(found.type_m), 2) == type_m


@pytest.mark.parametrize("test", ["fisher", "chi-square"])
def test_responders_table_by_table(test: str) -> None:
    n, m, p, q = 7, 5, 0.7, 0.3
    power = wrong = size = 0.0
    for x in range(n + 1):
        for y in range(m + 1):
            table = [[x, n - x], [y, m - y]]
            if test == "fisher":
                value = stats.fisher_exact(table).pvalue
            else:
                value = 1.0 if x + y in (0, n + m) else stats.chi2_contingency(table, correction=False).pvalue
            chance = stats.binom.pmf(x, n, p) * stats.binom.pmf(y, m, q) * (value <= 0.05)
            power, size = power + chance, size + chance * abs(x / n - y / m)
            wrong += chance * (x / n < y / m)
    found = responder_prospect(p, q, n, m, test=test)
    assert [float(found.power), float(found.type_s), float(found.significant)] == pytest.approx(
        [power, wrong / power, size / power], rel=1e-9
    )
    assert float(found.type_m) == pytest.approx(size / power / 0.4, rel=1e-9)


def test_patients_for_responders() -> None:
    """50 v 20, 40 v 20, 30 v 20 and 31 v 27 %."""
    pairs = [(0.5, 0.2), (0.4, 0.2), (0.3, 0.2), (0.31, 0.27)]
    assert [responders_per_arm(p, q) for p, q in pairs] == [39, 82, 294, 2019]


def test_refusals_name_what_was_given() -> None:
    with pytest.raises(StatisticsError, match="first arm has 1; it must be a whole number, at least 2"):
        parallel(2.0, 1)
    with pytest.raises(StatisticsError, match="sd is 0; it must be above 0"):
        parallel(0.0, 10)
    with pytest.raises(StatisticsError, match=r"standard error \[1\] is -1"):
        prospect(1.0, [1.0, -1.0])
    with pytest.raises(StatisticsError, match="effect is nan; it must be a finite number"):
        prospect(math.nan, 1.0)
    with pytest.raises(StatisticsError, match="alpha is 1; it must lie between 0 and 1"):
        prospect(1.0, 1.0, alpha=1.0)
    with pytest.raises(UnknownName, match='test "norm" is not known.*Did you mean "normal"'):
        prospect(1.0, 1.0, test="norm")
    with pytest.raises(StatisticsError, match="effect is 0; no number of patients"):
        patients_per_arm(0.0, 1.0)
    with pytest.raises(StatisticsError, match="no number of patients tells them apart"):
        responders_per_arm(0.3, 0.3)
    with pytest.raises(StatisticsError, match="first is 1.2; a probability lies from 0 to 1"):
        responder_prospect(1.2, 0.3, 10)
    with pytest.raises(StatisticsError, match="with 3 and 3 patients no outcome is significant"):
        responder_prospect(0.5, 0.2, 3)
