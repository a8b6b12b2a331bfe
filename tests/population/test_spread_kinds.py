"""Every kind of spread at a million draws: moments and percentiles against closed forms and numerical integrals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, stats
from spread_files import between, one_compartment

import pkpd
from pkpd.errors import ModelFileError, SimulationError
from pkpd.simulation import individuals

Floats = NDArray[np.float64]

MILLION = 1_000_000
PEOPLE = pkpd.Population(MILLION, seed=20, weight="70 kg")


def drawn(spread: str) -> Floats:
    """Bioavailability of a million people, typically 0.4."""
    return np.asarray(individuals(one_compartment(F=spread), PEOPLE).parameters["F"])


def held(sample: Floats, mean: float | None, sd: float | None, quantile: dict[float, float]) -> None:
    """Moments and percentiles within four standard errors."""
    n = len(sample)
    if mean is not None:
        assert sample.mean() == pytest.approx(mean, abs=4 * sample.std() / n**0.5)
    if sd is not None:
        error = np.sqrt(stats.moment(sample, 4) - sample.var() ** 2) / (2 * sample.std() * n**0.5)
        assert sample.std() == pytest.approx(sd, abs=4 * error)
    for share, value in quantile.items():
        below = np.mean(sample < value)
        assert below == pytest.approx(share, abs=4 * (share * (1 - share) / n) ** 0.5), share


@pytest.mark.parametrize(("size", "variance"), [("cv = 0.3", math.log(1.09)), ("sd = 0.3", 0.09), ("var = 0.09", 0.09)])
def test_log_normal(size: str, variance: float) -> None:
    """Mean m exp(v / 2), cv sqrt(exp(v) - 1), skewness (exp(v) + 2) sqrt(exp(v) - 1)."""
    sample = drawn(between("lognormal", size))
    mean = 0.4 * math.exp(variance / 2)
    law = stats.lognorm(math.sqrt(variance), scale=0.4)
    held(sample, mean, mean * math.sqrt(math.expm1(variance)), {q: float(law.ppf(q)) for q in (0.01, 0.5, 0.95)})
    skew = (math.exp(variance) + 2) * math.sqrt(math.expm1(variance))
    assert stats.skew(sample) == pytest.approx(skew, abs=0.02)
    assert np.std(np.log(sample)) == pytest.approx(math.sqrt(variance), rel=4 / (2 * MILLION) ** 0.5)


@pytest.mark.parametrize(("size", "sd"), [("cv = 0.1", 0.04), ("sd = 4", 0.04), ("var = 16", 0.04)])
def test_normal(size: str, sd: float) -> None:
    """In the unit of the parameter, here percent."""
    held(drawn(between("normal", size)), 0.4, sd, {q: float(stats.norm.ppf(q, 0.4, sd)) for q in (0.01, 0.5, 0.95)})


@pytest.mark.parametrize("limits", [(0.0, 100.0), (20.0, 90.0)])
@pytest.mark.parametrize("size", ["sd = 0.8", "var = 0.64"])
def test_logit(size: str, limits: tuple[float, float]) -> None:
    """Moments by quadrature of the logit-normal density; percentiles in closed form; nobody outside."""
    low, high = (end / 100 for end in limits)
    sample = drawn(between("logit", f"{size}, low = {limits[0]}, high = {limits[1]}"))
    middle = math.log((0.4 - low) / (high - 0.4))

    def at(z: float) -> float:
        return low + (high - low) / (1 + math.exp(-(middle + 0.8 * z)))

    mean, square = (
        integrate.quad(lambda z, k=k: at(z) ** k * stats.norm.pdf(z), -9, 9, epsabs=1e-12)[0] for k in (1, 2)
    )
    held(sample, mean, math.sqrt(square - mean**2), {q: at(float(stats.norm.ppf(q))) for q in (0.01, 0.5, 0.95)})
    assert low < sample.min() and sample.max() < high


@pytest.mark.parametrize("shape", [0.5, -0.7])
def test_box_cox(shape: float) -> None:
    """ln(value / typical) = (exp(eta)^shape - 1) / shape: moments and skewness of a shifted log-normal."""
    sample = np.log(drawn(between("box-cox", f"sd = 0.3, shape = {shape}")) / 0.4)
    s = shape * 0.3
    held(
        sample,
        math.expm1(s**2 / 2) / shape,
        math.exp(s**2 / 2) * math.sqrt(math.expm1(s**2)) / abs(shape),
        {q: math.expm1(shape * 0.3 * float(stats.norm.ppf(q))) / shape for q in (0.01, 0.5, 0.95)},
    )
    skew = math.copysign((math.exp(s**2) + 2) * math.sqrt(math.expm1(s**2)), shape)
    assert stats.skew(sample) == pytest.approx(skew, abs=0.02)


def test_box_cox_of_nearly_0_is_log_normal() -> None:
    near = drawn(between("box-cox", "sd = 0.3, shape = 1e-9"))
    assert np.allclose(near, drawn(between("lognormal", "sd = 0.3")), rtol=1e-8)


@pytest.mark.parametrize("df", [3.0, 5.0])
def test_t(df: float) -> None:
    """ln(value / typical) is Student's t, scaled so that the sd in the file is its sd; percentiles of scipy's t."""
    sample = np.log(drawn(between("t", f"sd = 0.3, df = {df}")) / 0.4)
    law = stats.t(df, scale=0.3 * math.sqrt((df - 2) / df))
    assert law.std() == pytest.approx(0.3)
    held(sample, 0.0, None, {q: float(law.ppf(q)) for q in (0.001, 0.05, 0.5, 0.95, 0.999)})
    if df > 4:
        held(sample, None, 0.3, {})
    assert stats.kstest(sample[:200_000], law.cdf).pvalue > 1e-3


def test_t_of_many_degrees_of_freedom_is_log_normal() -> None:
    far = drawn(between("t", "sd = 0.3, df = 1e7"))
    assert np.allclose(far, drawn(between("lognormal", "sd = 0.3")), rtol=1e-4)


@pytest.mark.parametrize(
    "spread", [("logit", "sd = 0.5"), ("box-cox", "sd = 0.3, shape = 0.5"), ("t", "sd = 0.3, df = 4")]
)
def test_rank_of_a_person_is_the_same_under_every_kind(spread: tuple[str, str]) -> None:
    """All of them read the same addressed number, so that another kind makes nobody another person."""
    crowd = pkpd.Population(500, seed=3)
    kind, size = spread
    size += ", high = 100" if kind == "logit" else ""
    one, other = (
        np.asarray(individuals(one_compartment(F=text), crowd).parameters["F"])
        for text in (between(kind, size), between("lognormal", "sd = 0.3"))
    )
    assert np.array_equal(np.argsort(one), np.argsort(other))
    alone = individuals(one_compartment(F=between(kind, size)), crowd.only([7]))
    assert alone.parameters["F"] == one[7]


BLOCK = '[[covariances]]\nof = ["CL", "V1", "F"]\nrho = [[0.6], [-0.3, 0.2]]\nsource = "made"\nmark = "assumed"\n'


def test_a_block_of_correlations_of_three_kinds() -> None:
    """On the scale of the random effects: log, Box-Cox before the transformation, logit."""
    model = one_compartment(
        CL=between("lognormal", "cv = 0.3"),
        V1=between("box-cox", "sd = 0.3, shape = 0.5"),
        F=between("logit", "sd = 0.7, high = 100"),
        more=BLOCK,
    )
    people = individuals(model, PEOPLE)
    clearance, volume, fraction = (np.asarray(people.parameters[name]) for name in ("CL", "V1", "F"))
    etas = [
        np.log(clearance / 10),
        np.log1p(0.5 * np.log(volume / 20)) / 0.5,
        np.log(fraction / (1 - fraction)) - math.log(0.4 / 0.6),
    ]
    wanted = np.array([[1, 0.6, -0.3], [0.6, 1, 0.2], [-0.3, 0.2, 1]])
    assert np.corrcoef(etas) == pytest.approx(wanted, abs=4 / MILLION**0.5)
    assert np.std(etas, axis=1) == pytest.approx([math.sqrt(math.log(1.09)), 0.3, 0.7], rel=4 / (2 * MILLION) ** 0.5)


def test_a_t_spread_in_a_block_is_a_gaussian_copula() -> None:
    """rho is that of the normal numbers behind: Kendall's tau 2 / pi asin(rho), which no transformation changes."""
    rho = '[[covariances]]\nof = ["CL", "V1"]\nrho = 0.6\nsource = "made"\nmark = "assumed"\n'
    model = one_compartment(CL=between("t", "sd = 0.3, df = 3"), V1=between("lognormal", "sd = 0.3"), more=rho)
    people = individuals(model, pkpd.Population(100_000, seed=1))
    tau = stats.kendalltau(people.parameters["CL"], people.parameters["V1"]).statistic
    assert tau == pytest.approx(2 / math.pi * math.asin(0.6), abs=4 * 2 / 3 / 100_000**0.5)
    with pytest.raises(ModelFileError, match="CL varies by a t distribution.*Give rho"):
        one_compartment(
            CL=between("t", "sd = 0.3, df = 3"),
            V1=between("lognormal", "sd = 0.3"),
            more=rho.replace("rho = 0.6", "value = 0.05"),
        )


def test_covariance_and_correlation_say_the_same() -> None:
    text = '[[covariances]]\nof = ["CL", "F"]\n{}\nsource = "made"\nmark = "assumed"\n'
    made = [
        one_compartment(CL=between("lognormal", "sd = 0.3"), F=between("normal", "sd = 5"), more=text.format(entry))
        for entry in ("rho = 0.4", "value = 0.6")
    ]
    assert (
        made[0].covariances[0].value == pytest.approx(made[1].covariances[0].value) == pytest.approx(0.4 * 0.3 * 0.05)
    )


@pytest.mark.parametrize(
    ("spread", "what"),
    [
        ("between = 0.3\n", r"\[parameters.F.between\]: 0.3 is a spread without a scale: var and sd are"),
        (between("logit", "cv = 0.3"), r'cv\]: a spread of kind "logit" has no cv: .* give the sd or var'),
        (between("t", "cv = 0.3, df = 5"), r'cv\]: a spread of kind "t" has no cv: its mean does not exist'),
        (between("t", "sd = 0.3"), r'"df" is missing'),
        (between("t", "sd = 0.3, df = 2"), r"df\]: with 2 degrees of freedom .* no variance; df must be above 2"),
        (between("box-cox", "sd = 0.3"), r'"shape" is missing'),
        (between("box-cox", "sd = 0.3, shape = 0"), r"shape\]: a shape of 0 is the log-normal spread"),
        (between("box-cox", "sd = 2, shape = 1"), r"shape\]: with a shape of 1 and an sd of 2 .* beyond all numbers"),
        (between("logit", "sd = 1"), r"kind\]: a logit spread needs a value between 0 and 1; this one is 40"),
        (between("logit", "sd = 1, low = 50, high = 90"), r"needs a value between 50 and 90; this one is 40"),
        (between("logit", "sd = 1, low = 2"), r"low\]: low 2 is not below high 1"),
        (between("lognormal", "sd = 1, high = 90"), r'high\]: only a spread of kind "logit" has low and high'),
        (between("log-normal", "sd = 1"), r'kind\]: "log-normal" is not known.* Did you mean "lognormal"'),
    ],
)
def test_refused(spread: str, what: str) -> None:
    with pytest.raises(ModelFileError, match=what):
        one_compartment(F=spread)


def test_a_value_that_a_logit_spread_cannot_hold() -> None:
    model = one_compartment(F=between("logit", "sd = 1, high = 100"))
    with pytest.raises(ModelFileError, match="F: a logit spread needs a value between 0 and 100; this one is 120 %"):
        model.with_values(F="120 %")
    scale = 'scale = { covariate = "weight", reference = 70, exponent = 2, source = "made", mark = "assumed" }\n'
    heavy = one_compartment(F=between("logit", "sd = 1, high = 100") + scale)
    with pytest.raises(SimulationError, match=r"F comes to 1.6 for some subjects, which a logit spread from 0 to 1"):
        individuals(heavy, pkpd.Population(3, weight="140 kg"))
