"""Meta-analysis: published worked examples, statsmodels as second way, and what must hold for any literature."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from pkpd.errors import StatisticsError, UnknownName
from pkpd.statistics import egger, heterogeneity, pool, trim_and_fill

# BCG vaccine against tuberculosis, 13 trials: cases and others among vaccinated, cases and others among controls.
# Colditz 1994 (JAMA 271:698), data set dat.bcg of the R package metadat. Expected numbers: output and tests of metafor
# (test_misc_metan_vs_rma.uni_with_dat.bcg.r, test_misc_confint.r, test_misc_rma_uni.r), log risk ratios.
BCG = np.array(
    [
        (4, 119, 11, 128),
        (6, 300, 29, 274),
        (3, 228, 11, 209),
        (62, 13536, 248, 12619),
        (33, 5036, 47, 5761),
        (180, 1361, 372, 1079),
        (8, 2537, 10, 619),
        (505, 87886, 499, 87892),
        (29, 7470, 45, 7232),
        (17, 1699, 65, 1600),
        (186, 50448, 141, 27197),
        (5, 2493, 3, 2338),
        (27, 16886, 29, 17825),
    ],
    float,
)
A, B, C, D = BCG.T
EFFECTS = np.log(A / (A + B) / (C / (C + D)))
ERRORS = np.sqrt(1 / A - 1 / (A + B) + 1 / C - 1 / (C + D))

# Lung cancer and passive smoking, 37 studies: odds ratio and its 95 % interval. Hackshaw 1997 (BMJ 315:980), data set
# dat.hackshaw1998 of the R package metadat.
HACKSHAW = """1.18 0.90 1.54  1.45 1.02 2.08  2.02 0.48 8.56  1.20 0.80 1.60  0.75 0.43 1.30  2.07 0.81 5.25
2.13 1.19 3.83  0.80 0.34 1.90  0.79 0.25 2.45  2.01 1.09 3.72  1.23 0.81 1.87  1.20 0.50 3.30  1.52 0.87 2.63
1.03 0.41 2.55  1.55 0.90 2.67  1.03 0.61 1.74  2.34 0.81 6.75  1.65 1.16 2.35  1.19 0.82 1.73  1.52 0.39 5.96
2.16 1.08 4.29  1.08 0.64 1.82  2.55 0.74 8.78  1.62 0.90 2.91  1.06 0.74 1.52  0.79 0.62 1.02  0.74 0.32 1.69
2.27 0.75 6.82  0.97 0.78 1.21  1.60 0.80 3.00  1.19 0.66 2.13  1.66 0.73 3.78  1.26 1.04 1.54  1.10 0.62 1.96
1.66 1.12 2.45  1.16 0.80 1.69  1.11 0.67 1.84"""

literatures = st.integers(0, 10_000).map(lambda seed: literature(seed))


def literature(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    se = rng.uniform(0.1, 1.0, rng.integers(3, 25))
    return rng.normal(1.0, rng.uniform(0.0, 0.8), len(se)) + se * rng.standard_normal(len(se)), se


def close(found: object, *expected: float, within: float = 6e-5) -> None:
    """Printed to four decimals."""
    assert [float(np.asarray(v)) for v in np.atleast_1d(found)] == pytest.approx(expected, abs=within)


def test_bcg_with_one_true_effect() -> None:
    p = pool(EFFECTS, ERRORS, method="fixed")
    close([p.estimate, p.low, p.high], -0.4303, -0.5097, -0.3509)
    close(p.estimate / p.se, -10.6247)


def test_bcg_by_dersimonian_and_laird() -> None:
    p, h = pool(EFFECTS, ERRORS, method="dersimonian-laird"), heterogeneity(EFFECTS, ERRORS, method="dersimonian-laird")
    close([p.estimate, p.low, p.high, p.tau2], -0.7141, -1.0644, -0.3638, 0.3088)
    close([h.q, h.tau2_low, h.tau2_high], 152.2330, 0.1197, 1.1115)
    close([100 * h.i2, 100 * h.i2_low, 100 * h.i2_high], 92.1173, 81.9177, 97.6781, within=4e-3)


def test_bcg_by_restricted_likelihood() -> None:
    p, h = pool(EFFECTS, ERRORS), heterogeneity(EFFECTS, ERRORS)
    close([p.estimate, p.se, p.low, p.high, p.tau2], -0.7145, 0.1798, -1.0669, -0.3622, 0.3132)
    close([p.estimate / p.se, 100 * h.i2], -3.9744, 92.22, within=5e-3)


def test_bcg_by_paule_and_mandel() -> None:
    """0.3181 is also where repeating DerSimonian and Laird's step ends."""
    close(pool(EFFECTS, ERRORS, method="paule-mandel").tau2, 0.3181)


@pytest.mark.parametrize(
    ("method", "theirs"), [("fixed", "fixed"), ("dersimonian-laird", "dl"), ("paule-mandel", "iterated")]
)
@pytest.mark.parametrize("interval", ["normal", "hartung-knapp"])
def test_pooling_is_statsmodels(method: str, theirs: str, interval: str) -> None:
    from statsmodels.stats.meta_analysis import combine_effects

    for y, s in [(EFFECTS, ERRORS), literature(3), literature(8)]:
        other = combine_effects(
            y, s**2, method_re="dl" if theirs == "fixed" else theirs, use_t=interval == "hartung-knapp"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the intervals of single studies
            frame = other.summary_frame()
        p = pool(y, s, method=method, interval=interval)
        kind = "fixed" if method == "fixed" else "random"
        row = frame.loc[f"{kind} effect" + (" wls" if interval == "hartung-knapp" else "")]
        close([p.estimate, p.se, p.low, p.high], row.eff, row.sd_eff, row.ci_low, row.ci_upp, within=1e-6)


@settings(deadline=None, max_examples=40)
@given(literatures)
@example(literature(782))  # two tops, one of them at 0
@example(literature(2324))
def test_restricted_likelihood_is_at_its_highest(given_literature: tuple[np.ndarray, np.ndarray]) -> None:
    y, s = given_literature

    def minus_log_likelihood(tau2: float) -> float:
        w = 1 / (s**2 + tau2)
        m = np.sum(w * y) / np.sum(w)
        return float(np.sum(np.log(s**2 + tau2)) + np.log(np.sum(w)) + np.sum(w * (y - m) ** 2)) / 2

    grid = np.linspace(0, 4, 401)
    start = grid[np.argmin([minus_log_likelihood(t) for t in grid])]
    best = optimize.minimize_scalar(
        minus_log_likelihood, bounds=(max(0, start - 0.01), start + 0.01), method="bounded", options={"xatol": 1e-10}
    )
    assert minus_log_likelihood(float(pool(y, s).tau2)) <= best.fun + 1e-9


@settings(deadline=None, max_examples=40)
@given(
    literatures,
    st.floats(0.01, 100.0),
    st.floats(-50.0, 50.0),
    st.sampled_from(["dersimonian-laird", "reml", "paule-mandel"]),
)
def test_unit_and_origin_do_not_matter(
    given_literature: tuple[np.ndarray, np.ndarray], unit: float, origin: float, method: str
) -> None:
    y, s = given_literature
    one, other = pool(y, s, method=method), pool(unit * (y + origin), unit * s, method=method)
    assert float(other.estimate) == pytest.approx(unit * (float(one.estimate) + origin), rel=1e-6, abs=1e-6 * unit)
    assert float(other.tau2) == pytest.approx(unit**2 * float(one.tau2), rel=1e-5, abs=1e-6 * unit**2)


@settings(deadline=None, max_examples=30)
@given(literatures, st.randoms())
def test_order_and_company_do_not_matter(given_literature: tuple[np.ndarray, np.ndarray], random: object) -> None:
    """A literature shuffled, and beside another with a mask, is the same literature."""
    y, s = given_literature
    order = np.random.default_rng(len(y)).permutation(len(y))
    effects, errors, there = np.full((2, len(y) + 4), np.nan), np.ones((2, len(y) + 4)), np.zeros((2, len(y) + 4), bool)
    effects[0, 2:-2], errors[0, 2:-2], there[0, 2:-2] = y[order], s[order], True
    effects[1], there[1] = np.arange(len(y) + 4.0), True
    alone, among = pool(y, s), pool(effects, errors, there)
    assert float(among.tau2[0]) == pytest.approx(float(alone.tau2), rel=1e-6, abs=1e-9)
    assert float(among.high[0]) == pytest.approx(float(alone.high), rel=1e-6)


def test_q_at_its_interval_is_a_surprise_of_two_and_a_half_percent() -> None:
    h = heterogeneity(EFFECTS, ERRORS)
    for tau2, quantile in ((h.tau2_low, 0.975), (h.tau2_high, 0.025)):
        w = 1 / (ERRORS**2 + float(tau2))
        q = np.sum(w * (EFFECTS - np.sum(w * EFFECTS) / np.sum(w)) ** 2)
        assert q == pytest.approx(stats.chi2.ppf(quantile, 12), rel=1e-8)


def test_prediction_interval() -> None:
    p = pool(EFFECTS, ERRORS)
    half = stats.t.ppf(0.975, 11) * np.sqrt(p.tau2 + p.se**2)
    close([p.predicted_low, p.predicted_high], p.estimate - half, p.estimate + half, within=1e-12)
    assert np.isinf(pool([1.0, 2.0], [0.5, 0.5]).predicted_high)


def test_intervals_cover() -> None:
    """4,000 literatures of 8 studies, tau 0.4: Hartung and Knapp's interval holds 95 %, the normal one holds less."""
    rng = np.random.default_rng(6)
    se = rng.uniform(0.2, 0.8, (4000, 8))
    y = rng.normal(1.0, 0.4, se.shape) + se * rng.standard_normal(se.shape)
    covered = {}
    for interval in ("normal", "hartung-knapp"):
        p = pool(y, se, interval=interval)
        covered[interval] = ((p.low < 1) & (p.high > 1)).mean()
    assert covered["hartung-knapp"] == pytest.approx(0.95, abs=0.015) and covered["normal"] < 0.935
    se = rng.uniform(0.2, 0.8, (2000, 60))
    p = pool(rng.normal(1.0, 0.4, se.shape) + se * rng.standard_normal(se.shape), se)
    new = rng.normal(1.0, 0.4, 2000)
    assert ((p.predicted_low < new) & (p.predicted_high > new)).mean() == pytest.approx(0.95, abs=0.02)


def test_egger_is_least_squares() -> None:
    import statsmodels.api as sm

    for y, s in [(EFFECTS, ERRORS), literature(5)]:
        fit = sm.OLS(y / s, np.stack([np.ones_like(s), 1 / s], axis=1)).fit()
        found = egger(y, s)
        close([found.bias, found.limit, found.se, found.t, found.p],
              *fit.params, fit.bse[0], fit.tvalues[0], fit.pvalues[0], within=1e-9)  # fmt: skip
    effects, errors = np.stack([literature(5)[0], literature(5)[0][::-1]]), np.stack([literature(5)[1]] * 2)
    assert egger(effects, errors).t[0] == pytest.approx(float(egger(*literature(5)).t), rel=1e-12)


def test_egger_finds_five_percent_where_there_is_nothing() -> None:
    rng = np.random.default_rng(9)
    se = rng.uniform(0.1, 0.8, (8000, 12))
    assert (egger(se * rng.standard_normal(se.shape), se).p < 0.05).mean() == pytest.approx(0.05, abs=0.01)


def test_trim_and_fill_as_printed() -> None:
    """metafor on dat.hackshaw1998, REML, L0: 7 missing on the left, then 0.1745 (0.0484), tau2 0.0245, Q 60.5196.

    The data set holds log odds ratios and variances to four decimals; Q is the number that feels the last of them.
    """
    ratio, low, high = np.array(HACKSHAW.split(), float).reshape(37, 3).T
    variances = np.round((np.log(high / low) / (2 * stats.norm.ppf(0.975))) ** 2, 4)
    filled = trim_and_fill(np.round(np.log(ratio), 4), np.sqrt(variances))
    assert (filled.missing, filled.side) == (7, "left")
    close([filled.pooled.estimate, filled.pooled.se, filled.pooled.tau2], 0.1745, 0.0484, 0.0245)
    close(heterogeneity(filled.effects, filled.se).q, 60.5196, within=0.01)


def test_trim_and_fill_of_a_symmetric_funnel() -> None:
    """metafor on the odds ratios of dat.bcg: none missing, on the right."""
    filled = trim_and_fill(np.log(A * D / (B * C)), np.sqrt(1 / A + 1 / B + 1 / C + 1 / D))
    assert (filled.missing, filled.side) == (0, "right")
    close([filled.pooled.estimate, filled.pooled.se, filled.pooled.tau2], -0.7452, 0.1860, 0.3378)


def naive_missing(y: np.ndarray, s: np.ndarray) -> int:
    """Duval and Tweedie's L0 for studies missing on the left, word for word."""
    n, k = len(y), 0
    for _ in range(50):
        kept = sorted(range(n), key=lambda i: y[i])[: n - k]
        centre = float(pool(y[kept], s[kept], method="fixed").estimate)
        by_size = sorted(range(n), key=lambda i: abs(y[i] - centre))
        t = sum(rank for rank, i in enumerate(by_size, 1) if y[i] > centre)
        k = max(0, round((4 * t - n * (n + 1)) / (2 * n - 1)))
    return k


def test_trim_and_fill_word_for_word() -> None:
    found = []
    for seed in range(40):
        y, s = literature(seed)
        y = y + 1.5 * s
        found.append((trim_and_fill(y, s, side="left", method="fixed").missing, naive_missing(y, s)))
    assert all(one == other for one, other in found) and len({one for one, _ in found}) > 3


def test_trim_and_fill_mirrors() -> None:
    y, s = literature(12)
    left, right = trim_and_fill(y, s, side="left"), trim_and_fill(-y, s, side="right")
    assert left.missing == right.missing
    assert float(left.pooled.estimate) == pytest.approx(-float(right.pooled.estimate), rel=1e-9)


def test_refusals() -> None:
    with pytest.raises(StatisticsError, match=r"study \[1\] has effect nan and standard error 1"):
        pool([1.0, np.nan], [1.0, 1.0])
    with pytest.raises(StatisticsError, match=r"study \[0, 1\] has effect 2 and standard error 0"):
        pool([[1.0, 2.0]], [[1.0, 0.0]])
    with pytest.raises(StatisticsError, match=r"too few studies \(literature 1, 1 of 2\); this needs at least 2"):
        pool(np.ones((2, 3)), np.ones((2, 3)), [[True, True, False], [True, False, False]])
    with pytest.raises(StatisticsError, match="this needs at least 3"):
        egger([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(StatisticsError, match="one standard error"):
        egger([1.0, 2.0, 4.0], [0.3, 0.3, 0.3])
    with pytest.raises(StatisticsError, match="one study is no literature"):
        pool(1.0, 1.0)
    with pytest.raises(StatisticsError, match="takes one literature"):
        trim_and_fill(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(UnknownName, match='method "dl" is not known'):
        pool([1.0, 2.0], [1.0, 1.0], method="dl")
