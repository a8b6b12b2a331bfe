"""Spread between people: variances, covariances, correlations across files, cut-offs, and who stays who."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import pkpd
from pkpd.individuals import Individuals
from pkpd.simulation import individuals

LARGE = 200_000
SEVENTY = pkpd.Population(LARGE, seed=4, weight="70 kg")
KAMP = pkpd.load("kamp2020-ketamine")
MODEL = KAMP.with_effects(*pkpd.default_effects())


@pytest.fixture(scope="module")
def people() -> Individuals:
    return individuals(MODEL, SEVENTY)


def log_effect(people: Individuals, name: str) -> NDArray[np.float64]:
    effect, parameter = name.split(".")
    return np.log(np.asarray(people.effects[effect][parameter]))


def test_kinetics(people: Individuals) -> None:
    """Log variances of clearance and volume, their covariance, and medians; standard errors allow 4."""
    etas = np.log([np.asarray(people.parameters[name]) / KAMP.parameters[name].value for name in ("CL", "V1")])
    found = np.cov(etas)
    assert etas.mean(axis=1) == pytest.approx([0, 0], abs=4 * 0.29 / LARGE**0.5)
    assert found[0, 0] == pytest.approx(0.026048, rel=4 * (2 / LARGE) ** 0.5)
    assert found[1, 1] == pytest.approx(0.084177, rel=4 * (2 / LARGE) ** 0.5)
    assert found[0, 1] == pytest.approx(0.02261, abs=4 * ((0.026048 * 0.084177 + 0.02261**2) / LARGE) ** 0.5)


def test_parameters_without_spread_are_one_number(people: Individuals) -> None:
    assert np.ptp(people.parameters["Q2"]) == 0
    assert np.asarray(people.parameters["CL_R"]) == pytest.approx(0.86 * np.asarray(people.parameters["CL"]), rel=1e-15)


@pytest.mark.parametrize(
    ("name", "median", "sd"),
    [
        ("fast-relief.C50", 0.100, 0.9),
        ("slow-relief.C50", 0.0105, 0.5),
        ("psychotomimetic-asked.C50", 0.150, 1.2),
        ("mild-sedation.C50", 0.175, 0.95),
        ("unresponsive.C50", 0.750, 0.32),
    ],
)
def test_effects(people: Individuals, name: str, median: float, sd: float) -> None:
    found = log_effect(people, name)
    assert found.mean() == pytest.approx(np.log(median), abs=4 * sd / LARGE**0.5)
    assert found.std() == pytest.approx(sd, rel=4 / (2 * LARGE) ** 0.5)
    assert stats.kstest((found - np.log(median)) / sd, "norm").pvalue > 1e-3


def test_correlation_across_files(people: Individuals) -> None:
    """C50 of fast relief with C50 of psychotomimetic effects 0.5; every other pair 0."""
    names = ["fast-relief.C50", "psychotomimetic-asked.C50", "slow-relief.C50", "mild-sedation.C50", "unresponsive.C50"]
    columns = [log_effect(people, name) for name in names] + [np.log(np.asarray(people.parameters["CL"]))]
    found = np.corrcoef(columns)
    expected = np.eye(len(columns))
    expected[0, 1] = expected[1, 0] = 0.5
    assert found == pytest.approx(expected, abs=4 / LARGE**0.5)


def test_responders_and_events(people: Individuals) -> None:
    drug, placebo = people.responders["slow-relief"], people.responders["placebo-response"]
    assert drug.mean() == pytest.approx(0.57, abs=4 * 0.5 / LARGE**0.5)
    assert placebo.mean() == pytest.approx(0.23, abs=4 * 0.5 / LARGE**0.5)
    assert (drug & placebo).mean() == pytest.approx(0.57 * 0.23, abs=4 * 0.34 / LARGE**0.5)
    assert np.array_equal(people.draws["psychotomimetic-asked"], people.draws["psychotomimetic-reported"])
    assert abs(np.corrcoef(people.draws["psychotomimetic-asked"], people.draws["unresponsive"])[0, 1]) < 4 / LARGE**0.5


def test_baseline_is_truncated_below_and_collected_above(people: Individuals) -> None:
    """Normal 6.8, SD 1.8: nobody below 4 is in the trial, nobody can say more than 10."""
    pain = np.asarray(people.effects["baseline-pain"]["B"])
    law = stats.truncnorm((4 - 6.8) / 1.8, np.inf, 6.8, 1.8)
    assert pain.min() >= 4.0
    assert np.mean(pain < 4.01) < 0.002
    assert pain.max() == 10.0
    assert np.mean(pain == 10.0) == pytest.approx(law.sf(10.0), abs=4 * 0.2 / LARGE**0.5)
    inner = pain[pain < 10]
    assert stats.kstest(inner, lambda x: law.cdf(x) / law.cdf(10.0)).pvalue > 1e-3


def test_weight_enters_by_its_power() -> None:
    people = individuals(KAMP, pkpd.Population(50, weight="35 kg", varied=False))
    assert np.asarray(people.parameters["CL"]) == pytest.approx(84 * 0.5**0.75)
    assert np.asarray(people.parameters["V1"]) == pytest.approx(12.5)
    assert np.asarray(people.parameters["Qn"]) == pytest.approx(42.778)


def same(one: Individuals, other: Individuals, take: list[int]) -> None:
    """Every number of `one` is that of `other`'s subjects `take`, to the last bit."""
    tables = [
        (one.parameters, other.parameters),
        (one.covariates, other.covariates),
        (one.draws, other.draws),
        (one.responders, other.responders),
        *((one.effects[e], other.effects[e]) for e in one.effects),
    ]
    for mine, theirs in tables:
        for name, column in mine.items():
            expected = np.broadcast_to(theirs[name], other.size)[take]
            assert np.array_equal(np.broadcast_to(column, one.size), expected), name


@pytest.mark.parametrize("take", [[7], [0], [999, 3, 500], list(range(8)), list(range(11, 28))], ids=str)
def test_alone_as_in_a_crowd(take: list[int]) -> None:
    crowd = pkpd.Population(1000, seed=11)
    same(individuals(MODEL, crowd.only(take)), individuals(MODEL, crowd), take)


def test_in_ten_thousand_as_in_a_thousand() -> None:
    same(
        individuals(MODEL, pkpd.Population(1000, seed=11)),
        individuals(MODEL, pkpd.Population(10_000, seed=11)),
        list(range(1000)),
    )


def test_an_effect_more_changes_nobody() -> None:
    """The correlated effect draws its partner's number whether or not the partner is there."""
    crowd = pkpd.Population(500, seed=2)
    whole = individuals(MODEL, crowd)
    for effects in ([], ["slow-relief"], ["psychotomimetic-asked"], ["unresponsive", "psychotomimetic-asked"]):
        few = individuals(KAMP.with_effects(*(pkpd.load_effect(name) for name in effects)), crowd)
        same(few, whole, list(range(500)))


def test_simulated_alone_as_in_a_crowd() -> None:
    """Concentrations and every effect, to the last bit, through powers of the weight and steep curves."""
    crowd = pkpd.Population(200, seed=3)
    times = "0 to 8 h by 20 min"
    everyone = pkpd.simulate(MODEL, "0.5 mg/kg iv over 40 min", crowd, times)
    for take in ([7], [199, 0, 60], list(range(100, 109))):
        some = pkpd.simulate(MODEL, "0.5 mg/kg iv over 40 min", crowd.only(take), times)
        for name in everyone.names:
            assert np.array_equal(some[name], everyone[name][:, take]), name


def test_typical_people_have_typical_values() -> None:
    typical = individuals(MODEL, pkpd.Population(3, weight="70 kg", varied=False))
    for name, parameter in KAMP.parameters.items():
        assert np.broadcast_to(typical.parameters[name], 3) == pytest.approx(np.full(3, parameter.value))
    for effect in MODEL.effects:
        for name, parameter in effect.parameters.items():
            assert np.broadcast_to(typical.effects[effect.id][name], 3) == pytest.approx(np.full(3, parameter.value))
    assert typical.responders["slow-relief"].all()
    assert not typical.responders["placebo-response"].any()
