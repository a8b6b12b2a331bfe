"""MCP-Mod against the printed output of the R package DoseFinding, against simulation, and against other ways.

Printed numbers: the package's vignettes on continuous data (glycobrom), binary data, sample size and several regimens,
and the example of its function MCPMod on the data set biom (Bretz, Pinheiro and Branson, Biometrics 2005;61:738).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from pkpd.errors import StatisticsError, UnknownName
from pkpd.statistics import (
    DoseMeans,
    Shape,
    contrast_power,
    contrast_test,
    covariance_of_means,
    critical_value,
    effective_dose,
    fit_curve,
    guess_shape,
    mcp_mod,
    optimal_contrasts,
    target_dose,
)
from pkpd.statistics.dosefinding.shapes import FORMS

COPD = np.array([0.0, 12.5, 25.0, 50.0, 100.0])
FEV1 = np.array([1.243, 1.317, 1.333, 1.374, 1.385])
COPD_SHAPES = [
    Shape("emax", (2.6,)),
    Shape("emax", (12.5,)),
    Shape("sigmoid-emax", (30.5, 3.5)),
    Shape("quadratic", (-0.00776,)),
]
BIOM = np.array([0.0, 0.05, 0.2, 0.6, 1.0])
MEANS = np.array([0.3449054, 0.457, 0.8103158, 0.934, 0.9487114])  # two of them printed to three decimals
VARIANCE = 20 * 0.1592893**2
EVERY = [
    Shape("linear"),
    Shape("log-linear", (), 0.7),
    Shape("emax", (0.21,)),
    Shape("sigmoid-emax", (0.3, 2.5)),
    Shape("exponential", (0.6,)),
    Shape("quadratic", (-0.7,)),
    Shape("logistic", (0.4, 0.11)),
    Shape("beta", (0.8, 0.6), 1.3),
]


def biom() -> DoseMeans:
    return DoseMeans.from_means(BIOM, MEANS, VARIANCE, [20] * 5)


def test_contrasts_of_the_copd_trial() -> None:
    found = optimal_contrasts(COPD_SHAPES, COPD, covariance_of_means(1.0, [60] * 5))
    expected = [
        (-0.886, -0.813, -0.486, -0.723),
        (0.116, -0.101, -0.439, -0.240),
        (0.211, 0.136, -0.120, 0.140),
        (0.265, 0.326, 0.448, 0.587),
        (0.294, 0.452, 0.597, 0.236),
    ]
    assert found.matrix == pytest.approx(np.array(expected), abs=6e-4)
    correlation = [
        (1, 0.957, 0.648, 0.867),
        (0.957, 1, 0.839, 0.929),
        (0.648, 0.839, 1, 0.844),
        (0.867, 0.929, 0.844, 1),
    ]
    assert found.correlation == pytest.approx(np.array(correlation), abs=6e-4)


def test_statistics_of_the_copd_trial() -> None:
    means = DoseMeans.from_means(COPD, FEV1, 60 * 0.015**2, [60] * 5)
    test = mcp_mod(means, COPD_SHAPES).test
    assert test.statistics == pytest.approx([6.937000, 7.442849, 6.675739, 7.016303], abs=6e-7)
    alone = stats.t.sf(test.statistics, 295)  # the printed p-values, 1e-12 to 1e-11, are below what drawing resolves
    assert np.all(test.adjusted_p() > alone) and np.all(test.adjusted_p() < 4 * alone)


def test_contrasts_of_the_binary_example() -> None:
    shapes = [
        Shape("emax", (0.25,)),
        Shape("emax", (1.0,)),
        Shape("sigmoid-emax", (1.0, 3.0)),
        Shape("sigmoid-emax", (2.5, 4.0)),
        Shape("beta", (1.1, 1.1), 4.8),
    ]
    expected = [
        (-0.861, -0.753, -0.597, -0.391, -0.679),
        (-0.010, -0.240, -0.479, -0.389, -0.255),
        (0.233, 0.170, 0.223, -0.240, 0.383),
        (0.299, 0.346, 0.402, 0.268, 0.573),
        (0.340, 0.477, 0.450, 0.752, -0.022),
    ]
    found = optimal_contrasts(shapes, [0.0, 0.5, 1.5, 2.5, 4.0], np.ones(5))
    assert found.matrix == pytest.approx(np.array(expected), abs=6e-4)


def test_falling_outcome_with_unequal_errors() -> None:
    """Weight under licogliflozin once daily: means and intervals from a figure, an outcome that falls with the dose."""
    mean = np.array([-0.55, -1.78, -1.95, -3.29, -4.43])
    low, high = np.array([-1.56, -3.15, -3.36, -4.85, -5.40]), np.array([0.40, -0.30, -0.54, -1.76, -3.48])
    variances = ((high - low) / (2 * stats.norm.ppf(0.975))) ** 2
    shapes = [
        Shape("emax", (5.0,)),
        Shape("emax", (50.0,)),
        Shape("sigmoid-emax", (75.0, 3.5)),
        Shape("sigmoid-emax", (25.0, 0.7)),
    ]
    means = DoseMeans.from_estimates([0, 2.5, 10, 50, 150], mean, variances)
    found = mcp_mod(means, shapes, direction="decreasing")
    expected = [
        (0.75, 0.14, -0.08, -0.20, -0.61),
        (0.56, 0.22, 0.13, -0.13, -0.78),
        (0.41, 0.19, 0.20, 0.06, -0.87),
        (0.66, 0.18, 0.03, -0.16, -0.71),
    ]
    assert pytest.approx(np.array(expected), abs=6e-3) == found.contrasts.matrix.T
    assert found.test.statistics == pytest.approx([5.504042, 5.640589, 5.200171, 5.710927], abs=6e-7)
    assert float(found.target_dose(-1.0)) < 30.0 and float(found.target_dose(5.0)) == np.inf


def test_mcp_part_of_biom() -> None:
    """With a step as a shape of one's own. The p-values printed for another set are those of two drawn integrations."""
    shapes = [Shape("linear"), Shape("emax", (0.05,)), Shape("emax", (0.2,)), np.array([0, 1, 1, 1, 1.0])]
    contrasts = optimal_contrasts(shapes, BIOM, covariance_of_means(1.0, [20] * 5))
    expected = [(-0.437, -0.378, -0.201, 0.271, 0.743), (-0.799, -0.170, 0.207, 0.362, 0.399)]
    assert contrasts.matrix.T[:2] == pytest.approx(np.array(expected), abs=6e-4)
    assert contrasts.correlation[0] == pytest.approx([1.0, 0.766, 0.912, 0.488], abs=6e-4)
    test = contrast_test(MEANS, contrasts, scale=VARIANCE, freedom=95)
    assert test.statistics == pytest.approx([2.972, 3.339, 3.464, 2.486], abs=2e-3)
    assert test.adjusted_p() == pytest.approx([0.00402, 0.00150, 0.00095, 0.01632], abs=7e-4)

    others = [Shape("emax", (0.05,)), Shape("linear"), Shape("logistic", (0.5, 0.1)), np.array([0, 0, 1, 1, 1.0])]
    contrasts = optimal_contrasts(others, BIOM, covariance_of_means(1.0, [20] * 5))
    p = contrast_test(MEANS, contrasts, scale=VARIANCE, freedom=95).adjusted_p()
    assert p == pytest.approx([0.00157, 0.00455, 0.00753, 0.00124], abs=4e-4)


def test_mod_part_of_biom() -> None:
    means = biom()
    found = mcp_mod(means, [Shape("linear"), Shape("emax", (0.05,)), Shape("emax", (0.2,))])
    linear, emax = found.fits["linear"], found.fits["emax"]
    assert linear.linear == pytest.approx([0.492, 0.559], abs=1e-3)
    assert [*emax.linear, *emax.theta] == pytest.approx([0.322, 0.746, 0.142], abs=6e-4)
    assert linear.standard_errors(means) == pytest.approx([0.0998, 0.1885], abs=6e-5)
    assert emax.standard_errors(means) == pytest.approx([0.152, 0.236, 0.180], abs=6e-4)
    assert [float(linear.criterion), float(emax.criterion)] == pytest.approx([220.4986, 219.1383], abs=6e-3)
    assert emax.predict([0, 0.2, 0.4, 0.9, 1]) == pytest.approx(
        [0.3216107, 0.7578039, 0.8721944, 0.9660905, 0.9750049], abs=3e-4
    )
    doses = [float(target_dose(one.predict, 1.0, 0.5)) for one in (linear, emax)]
    assert doses == pytest.approx([0.8951, 0.2886], abs=5e-4)
    assert found.selected == "emax" and float(found.target_dose(0.5)) == pytest.approx(doses[1])


def test_power_as_printed() -> None:
    """Least power over the shapes, 5 groups, sd 0.34, one-sided 0.05: 93 a group, 0.9014 (drawn), is the first."""
    contrasts = optimal_contrasts(COPD_SHAPES, COPD, np.ones(5))

    def least(n: int) -> float:
        critical = critical_value(contrasts.correlation, freedom=5 * n - 5, alpha=0.05)
        return min(
            contrast_power(
                contrasts, shape.means(COPD, 1.25, 0.15), critical=critical,
                covariance=covariance_of_means(0.34, [n] * 5), freedom=5 * n - 5,
            )
            for shape in COPD_SHAPES[1::2]  # the least is that of the quadratic
        )  # fmt: skip

    assert least(93) == pytest.approx(0.9014, abs=2e-3)
    assert least(92) < 0.9 < least(93)


def test_power_is_what_simulation_finds() -> None:
    contrasts = optimal_contrasts(EVERY[2:5], BIOM, covariance_of_means(1.0, [8] * 5))
    critical, rng, trials = critical_value(contrasts.correlation, freedom=35), np.random.default_rng(3), 40_000
    mean = EVERY[4].means(BIOM, 0.0, 1.2)
    drawn = mean + rng.standard_normal((trials, 5)) / np.sqrt(8)
    test = contrast_test(drawn, contrasts, scale=rng.chisquare(35, trials) / 35, freedom=35)
    power = contrast_power(contrasts, mean, critical=critical, freedom=35)
    assert test.significant.any(axis=1).mean() == pytest.approx(power, abs=4 * np.sqrt(power * (1 - power) / trials))


@pytest.mark.parametrize("two_sided", [False, True])
def test_nothing_is_found_where_there_is_nothing_but_for_alpha(two_sided: bool) -> None:
    """100,000 trials without a dose-response, 4 x 6 patients; 4 standard errors are 0.002."""
    doses, rng, trials = [0.0, 1.0, 2.0, 4.0], np.random.default_rng(8), 100_000
    shapes = [Shape("emax", (0.5,)), Shape("linear"), Shape("sigmoid-emax", (2.0, 4.0)), Shape("exponential", (1.0,))]
    contrasts = optimal_contrasts(shapes, doses, covariance_of_means(1.0, [6] * 4))
    drawn, variance = rng.standard_normal((trials, 4)) / np.sqrt(6), rng.chisquare(20, trials) / 20
    test = contrast_test(drawn, contrasts, scale=variance, freedom=20, two_sided=two_sided)
    assert test.significant.any(axis=1).mean() == pytest.approx(0.025, abs=0.002)
    assert contrast_test(drawn, contrasts, alpha=0.1).significant.any(axis=1).mean() == pytest.approx(0.1, abs=0.004)


def test_critical_values_that_are_known() -> None:
    assert critical_value([[1.0]], freedom=10) == pytest.approx(stats.t.ppf(0.975, 10), abs=1e-8)
    assert critical_value([[1.0, 1.0], [1.0, 1.0]]) == pytest.approx(stats.norm.ppf(0.975), abs=1e-8)
    for size in (2, 4, 6):
        one, both = critical_value(np.eye(size)), critical_value(np.eye(size), alpha=0.05, two_sided=True)
        assert 1 - stats.norm.cdf(one) ** size == pytest.approx(0.025, abs=1e-5)
        assert 1 - (2 * stats.norm.cdf(both) - 1) ** size == pytest.approx(0.05, abs=2e-5)
    assert critical_value([[1.0]], alpha=0.7) == pytest.approx(stats.norm.ppf(0.3), abs=1e-8)


def test_critical_value_is_scipys() -> None:
    contrasts = optimal_contrasts(COPD_SHAPES, COPD, np.ones(5))
    bound = critical_value(contrasts.correlation, freedom=12)
    inside = stats.multivariate_t.cdf(
        np.full(4, bound), shape=contrasts.correlation, df=12, maxpts=400_000, random_state=1
    )
    assert 1 - inside == pytest.approx(0.025, abs=2e-5)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_optimal_contrasts_are_optimal(seed: int) -> None:
    """No contrast has a greater mean over its standard error, and constants are not seen."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(3, 8))
    a = rng.standard_normal((k, k))
    s, mu = a @ a.T + 0.1 * np.eye(k), rng.standard_normal(k)
    found = optimal_contrasts([mu, 3.0 * mu + 7.0], np.arange(k), s)
    c = found.matrix[:, 0]
    assert c.sum() == pytest.approx(0.0, abs=1e-10) and c @ c == pytest.approx(1.0)
    assert found.matrix[:, 1] == pytest.approx(c, abs=1e-9)
    best = c @ mu / np.sqrt(c @ s @ c)
    others = rng.standard_normal((200, k))
    others -= others.mean(axis=1, keepdims=True)
    assert np.all(others @ mu / np.sqrt(np.einsum("tk,kl,tl->t", others, s, others)) <= best + 1e-9)
    near = c + 1e-3 * others
    assert np.all(near @ mu / np.sqrt(np.einsum("tk,kl,tl->t", near, s, near)) <= best + 1e-12)


@pytest.mark.parametrize("shape", EVERY, ids=lambda shape: shape.kind)
def test_gradients(shape: Shape) -> None:
    doses, form = np.array([0.0, 0.01, 0.3, 0.7, 1.0]), FORMS[shape.kind]
    for i, slope in enumerate(form.gradient(doses, shape.theta, shape.constant)):
        step = 1e-6 * abs(shape.theta[i])
        up, down = (
            form.value(doses, [t + sign * step * (j == i) for j, t in enumerate(shape.theta)], shape.constant)
            for sign in (1, -1)
        )
        assert slope == pytest.approx((up - down) / (2 * step), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("shape", EVERY, ids=lambda shape: shape.kind)
def test_means_begin_at_placebo_and_reach_the_most(shape: Shape) -> None:
    means = shape.means(np.linspace(0, 1, 20_001), 3.0, -2.0)
    assert means[0] == pytest.approx(3.0) and means.min() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("shape", EVERY, ids=lambda shape: shape.kind)
def test_a_curve_is_found_again(shape: Shape) -> None:
    """Fitted to its own means, a shape gives its own parameters, dose of a target and dose of half the effect."""
    doses = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
    means = DoseMeans.from_estimates(doses, shape.means(doses, 3.0, -2.0), np.full(6, 0.01))
    found = fit_curve(shape.kind, means, constant=shape.constant)
    assert float(found.objective) == pytest.approx(0.0, abs=1e-9)
    if shape.kind == "quadratic":
        assert found.linear[2] / found.linear[1] == pytest.approx(shape.theta[0], rel=1e-6)
    else:
        assert found.theta == pytest.approx(np.array(shape.theta), rel=1e-3)
    dose = float(target_dose(found.predict, 1.0, -0.7))
    assert float(shape.means([dose], 3.0, -2.0, top=1.0)[0]) == pytest.approx(2.3, abs=1e-5)
    half = float(effective_dose(found.predict, 1.0, 0.5, direction="decreasing"))
    assert float(shape.means([half], 3.0, -2.0, top=1.0)[0]) == pytest.approx(2.0, abs=1e-5)


@pytest.mark.parametrize("kind", ["emax", "sigmoid-emax", "exponential", "logistic", "beta"])
def test_no_other_search_fits_better(kind: str) -> None:
    """Noisy trials with correlated estimates, against bounded quasi-Newton from many starts."""
    rng = np.random.default_rng(4)
    a = 0.1 * rng.standard_normal((5, 5))
    s = a @ a.T + 0.02 * np.eye(5)
    y = rng.multivariate_normal(EVERY[2].means(BIOM, 0.0, 1.0), s, 3)
    found = fit_curve(kind, DoseMeans.from_estimates(BIOM, y, s))
    form, inverse = FORMS[kind], np.linalg.inv(s)
    low, high = np.log(form.low), np.log(form.high)  # the highest dose is 1

    def left(log_theta: np.ndarray, one: np.ndarray) -> float:
        x = np.stack([np.ones(5), form.value(BIOM, np.exp(log_theta), 1.2)], axis=1)
        r = (
            one
            - x @ np.linalg.lstsq(np.linalg.cholesky(inverse).T @ x, np.linalg.cholesky(inverse).T @ one, rcond=None)[0]
        )
        return float(r @ inverse @ r)

    for trial in range(3):
        starts = low + (high - low) * rng.random((4, len(low)))
        best = min(
            optimize.minimize(left, x, (y[trial],), "L-BFGS-B", bounds=list(zip(low, high, strict=True))).fun
            for x in starts
        )
        assert found.objective[trial] <= best + 1e-6


def test_many_trials_are_each_alone() -> None:
    rng = np.random.default_rng(12)
    y, v = EVERY[2].means(BIOM, 0.0, 0.45) + 0.2 * rng.standard_normal((30, 5)), rng.uniform(0.3, 0.8, 30)
    shapes = [
        Shape("linear"),
        Shape("emax", (0.1,)),
        Shape("emax", (0.4,)),
        Shape("quadratic", (-0.6,)),
        Shape("sigmoid-emax", (0.4, 3.0)),
    ]
    together = mcp_mod(DoseMeans.from_means(BIOM, y, v, [20] * 5), shapes, selection="average")
    dose = together.target_dose(0.4)
    assert together.weights.sum(axis=1) == pytest.approx(together.found.astype(float))
    assert 0 < together.found.sum() < 30
    for trial in range(0, 30, 10):
        alone = mcp_mod(DoseMeans.from_means(BIOM, y[trial], v[trial], [20] * 5), shapes, selection="average")
        assert alone.weights == pytest.approx(together.weights[trial], abs=1e-7)
        assert bool(alone.found) == together.found[trial] == (together.selected[trial] != "")
        assert float(alone.target_dose(0.4)) == pytest.approx(dose[trial], abs=1e-6, nan_ok=True)
    assert np.isnan(dose[~together.found]).all() and not np.isnan(dose[together.found]).any()


def test_selection() -> None:
    shapes = [Shape("linear"), Shape("emax", (0.05,)), Shape("emax", (0.2,))]
    aic, average, largest = (mcp_mod(biom(), shapes, selection=s) for s in ("aic", "average", "max-t"))
    difference = float(aic.fits["linear"].criterion - aic.fits["emax"].criterion)
    assert average.weights == pytest.approx(
        [np.exp(-difference / 2) / (1 + np.exp(-difference / 2)), 1 / (1 + np.exp(-difference / 2))]
    )
    assert list(aic.weights) == list(largest.weights) == [0.0, 1.0]
    curve = average.weights @ [average.fits[k].predict([0.3])[0] for k in ("linear", "emax")]
    assert average.predict([0.3]) == pytest.approx([curve])


def test_target_dose_as_printed() -> None:
    """Sigmoid Emax 30.5 and 3.5, largest effect 0.15 up to 100: an effect of 0.12 takes 44.4."""
    shape = COPD_SHAPES[2]
    dose = target_dose(lambda d: shape.means(d, 1.25, 0.15, top=100.0), 100.0, 0.12)
    assert round(float(dose), 1) == 44.4


def test_guesses_as_in_the_tests_of_dosefinding() -> None:
    assert guess_shape("emax", 0.3, 0.8).curve(0.3) == pytest.approx(0.8)
    beta = guess_shape("beta", 0.4, 0.8, peak=0.8, constant=1.2)
    assert beta.curve([0.4, 0.8]) == pytest.approx([0.8, 1.0])
    exponential = guess_shape("exponential", 0.8, 0.5, top=1.0)
    assert float(exponential.curve(0.8) / exponential.curve(1.0)) == pytest.approx(0.5)
    assert guess_shape("quadratic", 0.7, 1.0).means([0, 0.7, 1.0])[1] == pytest.approx(1.0)
    for kind in ("logistic", "sigmoid-emax"):
        assert guess_shape(kind, (0.2, 0.6), (0.2, 0.95)).curve([0.2, 0.6]) == pytest.approx([0.2, 0.95])


def test_refusals() -> None:
    with pytest.raises(UnknownName, match='shape "emaks" is not known.*Did you mean "emax"'):
        Shape("emaks", (1.0,))
    with pytest.raises(StatisticsError, match='"sigmoid-emax" has guesses .2.0.; it takes 2: ED50 and Hill'):
        Shape("sigmoid-emax", (2.0,))
    with pytest.raises(StatisticsError, match='"emax" has guesses .-1.0.; all must be above 0'):
        Shape("emax", (-1.0,))
    with pytest.raises(StatisticsError, match='"beta" needs its scale above 0'):
        Shape("beta", (1.0, 1.0))
    with pytest.raises(StatisticsError, match="scale 1 must be above the highest dose, 2"):
        Shape("beta", (1.0, 1.0), 1.0).curve([0.0, 2.0])
    with pytest.raises(StatisticsError, match="shape 2 of 2 is flat over the doses"):
        optimal_contrasts([Shape("linear"), np.ones(5)], BIOM, np.ones(5))
    with pytest.raises(StatisticsError, match="covariance is not positive definite: its smallest eigenvalue is -1"):
        optimal_contrasts([Shape("linear")], [0.0, 1.0], [[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(StatisticsError, match=r"entry \[0, 1\] is 0.5, \[1, 0\] is 0.4"):
        optimal_contrasts([Shape("linear")], [0.0, 1.0], [[1.0, 0.5], [0.4, 1.0]])
    with pytest.raises(StatisticsError, match=r"covariance has shape \(2, 2\); 5 doses need \(5, 5\)"):
        DoseMeans.from_estimates(BIOM, MEANS, np.eye(2))
    with pytest.raises(StatisticsError, match="give each once"):
        DoseMeans.from_estimates([0.0, 1.0, 1.0], [1.0, 2.0, 3.0], np.ones(3))
    with pytest.raises(StatisticsError, match="more parameters than the 3 doses can tell"):
        fit_curve("sigmoid-emax", DoseMeans.from_estimates([0.0, 1.0, 2.0], [1.0, 2.0, 3.0], np.ones(3)))
    with pytest.raises(StatisticsError, match="different constants"):
        mcp_mod(biom(), [Shape("log-linear", (), 1.0), Shape("log-linear", (), 2.0)])
    with pytest.raises(StatisticsError, match="effect is 0"):
        target_dose(lambda d: np.asarray(d), 1.0, 0.0)
    with pytest.raises(StatisticsError, match="share below dose / top"):
        guess_shape("exponential", 0.5, 0.6, top=1.0)
    with pytest.raises(StatisticsError, match="there is no candidate shape"):
        mcp_mod(biom(), [])
