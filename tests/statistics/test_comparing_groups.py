"""Analyses of many trials at once, each held against a library's analysis of one trial."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pkpd.errors import StatisticsError
from pkpd.statistics import (
    Analysis,
    ancova,
    chi_square_p,
    crossover_t,
    fisher_p,
    mixed_model,
    newcombe,
    paired_t,
    pooled_t,
    risk_difference,
    welch_t,
)

RNG = np.random.default_rng(5)
TRIALS = 6
FIRST, SECOND = RNG.normal(5.0, 2.0, (TRIALS, 14)), RNG.normal(6.0, 3.0, (TRIALS, 11))
BEFORE_FIRST, BEFORE_SECOND = FIRST / 2 + RNG.normal(4, 1, FIRST.shape), SECOND / 3 + RNG.normal(4, 1, SECOND.shape)
SEEN = (RNG.random(FIRST.shape) > 0.2, RNG.random(SECOND.shape) > 0.2)


def one(analysis: Analysis, trial: int) -> list[float]:
    return [
        float(np.asarray(a)[trial]) for a in (analysis.estimate, analysis.se, analysis.low, analysis.high, analysis.p)
    ]


@pytest.mark.parametrize("equal_spreads", [True, False])
def test_t_tests_are_scipys(equal_spreads: bool) -> None:
    found = (pooled_t if equal_spreads else welch_t)(FIRST, SECOND, SEEN, level=0.9)
    for trial in range(TRIALS):
        a, b = FIRST[trial][SEEN[0][trial]], SECOND[trial][SEEN[1][trial]]
        other = stats.ttest_ind(a, b, equal_var=equal_spreads)
        interval, difference = other.confidence_interval(0.9), a.mean() - b.mean()
        expected = [difference, difference / other.statistic, interval.low, interval.high, other.pvalue]
        assert one(found, trial) == pytest.approx(expected, rel=1e-9)
        assert found.freedom[trial] == pytest.approx(other.df, rel=1e-9)


def test_what_is_not_evaluated_is_not_looked_at() -> None:
    hidden = np.where(SEEN[0], FIRST, np.nan)
    assert one(pooled_t(hidden, SECOND, SEEN), 2) == one(pooled_t(FIRST, SECOND, SEEN), 2)


def test_ancova_is_least_squares() -> None:
    import statsmodels.api as sm

    found = ancova(FIRST, SECOND, BEFORE_FIRST, BEFORE_SECOND, SEEN)
    for trial in range(TRIALS):
        keep = np.concatenate([SEEN[0][trial], SEEN[1][trial]])
        y = np.concatenate([FIRST[trial], SECOND[trial]])[keep]
        x = np.concatenate([BEFORE_FIRST[trial], BEFORE_SECOND[trial]])[keep]
        arm = np.repeat([1.0, 0.0], [FIRST.shape[1], SECOND.shape[1]])[keep]
        fit = sm.OLS(y, np.stack([np.ones_like(y), arm, x], axis=1)).fit()
        expected = [fit.params[1], fit.bse[1], *fit.conf_int()[1], fit.pvalues[1]]
        assert one(found, trial) == pytest.approx(expected, rel=1e-9)
        assert found.freedom[trial] == fit.df_resid


def test_risk_difference_is_scipys_and_statsmodels() -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    a, b = FIRST < 5.5, SECOND < 4.0
    exact, pearson = risk_difference(a, b, SEEN), risk_difference(a, b, SEEN, test="chi-square")
    for trial in range(TRIALS):
        n, m = SEEN[0][trial].sum(), SEEN[1][trial].sum()
        x, y = (a & SEEN[0])[trial].sum(), (b & SEEN[1])[trial].sum()
        table = [[x, n - x], [y, m - y]]
        assert exact.p[trial] == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-9)
        assert pearson.p[trial] == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-9)
        interval = confint_proportions_2indep(x, n, y, m, method="newcomb")
        assert (exact.low[trial], exact.high[trial]) == pytest.approx(interval, rel=1e-9)
        assert exact.estimate[trial] == pytest.approx(x / n - y / m)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_fisher_is_scipys(n: int, m: int, data: st.DataObject) -> None:
    x, y = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    assert float(fisher_p(x, n, y, m)) == pytest.approx(stats.fisher_exact([[x, n - x], [y, m - y]]).pvalue, rel=1e-7)


def test_newcombe_as_printed() -> None:
    """Newcombe 1998 (Stat Med 17:873), table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/20."""
    low, high = newcombe([56, 9, 10], [70, 10, 10], [48, 3, 0], [80, 10, 20])
    assert np.round(low, 4) == pytest.approx([0.0524, 0.1705, 0.6791])
    assert np.round(high, 4) == pytest.approx([0.3339, 0.8090, 1.0])


def test_tables_without_information() -> None:
    assert float(fisher_p(0, 8, 0, 9)) == 1.0 and float(chi_square_p(0, 8, 0, 9)) == 1.0
    assert float(fisher_p(8, 8, 9, 9)) == 1.0 and float(chi_square_p(8, 8, 9, 9)) == 1.0


def test_paired_t_is_scipys() -> None:
    second, seen = FIRST[:, ::-1] + 1.0, SEEN[0]
    found = paired_t(FIRST, second, seen)
    for trial in range(TRIALS):
        other = stats.ttest_rel(FIRST[trial][seen[trial]], second[trial][seen[trial]])
        interval = other.confidence_interval()
        assert one(found, trial)[2:] == pytest.approx([interval.low, interval.high, other.pvalue], rel=1e-9)


def crossed(patients: int, first_sequence: int, seed: int) -> dict[str, np.ndarray]:
    """A cross-over with a large effect of period, a patient each in every place."""
    rng = np.random.default_rng(seed)
    own, sequence = rng.normal(0, 2, patients), np.arange(patients) < first_sequence
    periods = np.array([0.0, 1.5])
    active = own + 1.0 + periods[np.where(sequence, 0, 1)] + rng.normal(0, 1, patients)
    control = own + periods[np.where(sequence, 1, 0)] + rng.normal(0, 1, patients)
    return {"active": active, "control": control, "sequence": sequence}


def long(d: dict[str, np.ndarray], keep: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """Outcome, patient, active and period of every measurement kept."""
    n = len(d["active"])
    columns = (
        np.concatenate([d["active"], d["control"]]),
        np.tile(np.arange(n), 2),
        np.repeat([True, False], n),
        np.concatenate([np.where(d["sequence"], 1, 2), np.where(d["sequence"], 2, 1)]),
    )
    return tuple(column if keep is None else column[keep] for column in columns)


@pytest.mark.parametrize("first_sequence", [12, 9])
def test_a_cross_over_is_a_mixed_model(first_sequence: int) -> None:
    """Both sequences complete, as many in each or not: the period-adjusted t test is REML with a random patient."""
    d = crossed(24, first_sequence, seed=3)
    closed = crossover_t(d["active"], d["control"], d["sequence"])
    mixed = mixed_model(*long(d))
    assert float(mixed.estimate) == pytest.approx(float(closed.estimate), rel=1e-6)
    assert float(mixed.se) == pytest.approx(float(closed.se), rel=1e-5)
    assert float(mixed.p) == pytest.approx(float(closed.p), rel=1e-4)
    assert mixed.freedom == closed.freedom == 22


def test_a_cross_over_is_least_squares_with_patients_as_effects() -> None:
    import statsmodels.api as sm

    d = crossed(15, 6, seed=8)
    y, who, active, period = long(d)
    design = np.column_stack([active, period == 2, who[:, None] == np.arange(15)]).astype(float)
    fit = sm.OLS(y, design).fit()
    found = crossover_t(d["active"], d["control"], d["sequence"])
    assert [float(found.estimate), float(found.se), float(found.p)] == pytest.approx(
        [fit.params[0], fit.bse[0], fit.pvalues[0]], rel=1e-9
    )


def test_missing_periods_still_inform_a_mixed_model() -> None:
    """Patients seen once add a little: the estimate moves, its error shrinks, the degrees of freedom do not grow."""
    d = crossed(40, 20, seed=4)
    keep = np.ones(80, bool)
    keep[[1, 5, 9, 42, 46, 70]] = False
    everything = mixed_model(*long(d, keep))
    complete = np.isin(long(d)[1], [1, 5, 9, 2, 6, 30], invert=True)
    only = mixed_model(*long(d, complete))
    assert everything.freedom == only.freedom == 32
    assert everything.estimate != only.estimate and everything.se < only.se
    whole = mixed_model(*long(d))
    assert abs(everything.estimate - whole.estimate) < whole.se


def test_under_no_difference_five_percent_are_significant() -> None:
    """20,000 trials of 2 x 12 with drop-outs; 4 standard errors are 0.006."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 1, (20_000, 12)), rng.normal(0, 1, (20_000, 12))
    x, y = a * 0.6 + rng.normal(0, 1, a.shape), b * 0.6 + rng.normal(0, 1, a.shape)
    seen = (rng.random(a.shape) > 0.1, rng.random(a.shape) > 0.1)
    for found in (pooled_t(a, b, seen), welch_t(a, b, seen), ancova(a, b, x, y, seen), paired_t(a, b, seen[0])):
        assert abs(found.significant().mean() - 0.05) < 0.006
        assert abs(((found.low < 0) & (found.high > 0)).mean() - 0.95) < 0.006
    assert risk_difference(a < 0, b < 0, seen).significant().mean() < 0.05


def test_trials_do_not_depend_on_each_other() -> None:
    alone = ancova(FIRST[3], SECOND[3], BEFORE_FIRST[3], BEFORE_SECOND[3], (SEEN[0][3], SEEN[1][3]))
    together = ancova(FIRST, SECOND, BEFORE_FIRST, BEFORE_SECOND, SEEN)
    assert float(alone.p) == together.p[3] and float(alone.estimate) == together.estimate[3]


def test_no_spread_at_all() -> None:
    same = pooled_t([[3.0, 3.0], [3.0, 3.0]], [[3.0, 3.0], [4.0, 4.0]])
    assert list(same.p) == [1.0, 0.0] and list(same.se) == [0.0, 0.0]
    assert list(welch_t([3.0, 3.0], [4.0, 4.0]).p.ravel()) == [0.0]


def test_arms_too_small_are_named() -> None:
    nobody, seen = np.zeros((3, 4), bool), np.ones((3, 4), bool)
    one_left = seen.copy()
    one_left[1, 1:] = False
    y = np.arange(12.0).reshape(3, 4)
    with pytest.raises(StatisticsError, match=r"ketamine is empty.*\(trial 0, 3 of 3 trials\)"):
        pooled_t(y, y, (nobody, seen), names=("ketamine", "saline"))
    with pytest.raises(StatisticsError, match=r"saline has one patient evaluated.*\(trial 1, 1 of 3 trials\)"):
        welch_t(y, y, (seen, one_left), names=("ketamine", "saline"))
    with pytest.raises(StatisticsError, match="second arm is empty"):
        risk_difference(y > 2, y > 3, (seen, nobody))
    with pytest.raises(StatisticsError, match="the baseline is the same for every patient"):
        ancova(y, y + 1, np.ones_like(y), np.ones_like(y))
    with pytest.raises(StatisticsError, match="second treatment is empty"):
        crossover_t(y, y, np.ones(4, bool))
    with pytest.raises(StatisticsError, match="first arm has an outcome that is no finite number"):
        pooled_t(np.where(y == 5, np.nan, y), y)


def test_mixed_models_that_cannot_be() -> None:
    y, who = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0, 0, 1, 1, 2, 2]
    with pytest.raises(StatisticsError, match="every measurement is active"):
        mixed_model(y, who, [True] * 6)
    with pytest.raises(StatisticsError, match="treatment and period always change together"):
        mixed_model(y, who, [True, False] * 3, [1, 2] * 3)
    with pytest.raises(StatisticsError, match="measured more than once"):
        mixed_model(y, range(6), [True, False] * 3)
