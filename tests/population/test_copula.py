"""Covariates that go together: each keeps its own distribution, rank correlations come out, a misfit is named."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pkpd.errors import PkpdError, SimulationError
from pkpd.population.copula import copula
from pkpd.population.covariates import Choice
from pkpd.population.people import Population, Share, Spread

HEIGHT = Spread(166.0, 9.0, "normal")
AGE = Spread(46.0, 12.0, "normal", 18.0, 90.0)


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.95, 0.95), st.floats(-0.95, 0.95), st.integers(0, 2**32))
def test_marginals_stay_and_rank_correlations_come_out(first: float, second: float, seed: int) -> None:
    pairs = {("height", "weight"): first, ("age", "height"): second}
    if first**2 + second**2 > 0.9:
        pairs.pop(("age", "height"))
    people = Population(20_000, seed, covariates={"height": HEIGHT, "age": AGE}, correlations=pairs)
    drawn = {name: people.covariate(name, 0.0) for name in ("weight", "height", "age")}
    assert stats.kstest(drawn["height"], stats.norm(166, 9).cdf).pvalue > 1e-7
    cut = stats.truncnorm((18 - 46) / 12, (90 - 46) / 12, 46, 12)
    assert stats.kstest(drawn["age"], cut.cdf).pvalue > 1e-7
    for pair, rho in pairs.items():
        found = stats.spearmanr(drawn[pair[0]], drawn[pair[1]]).statistic
        assert found == pytest.approx(rho, abs=5 / 20_000**0.5)


def test_the_moments_of_correlated_covariates_at_a_million() -> None:
    people = Population(1_000_000, covariates={"height": HEIGHT}, correlations={("height", "weight"): 0.45})
    height = people.covariate("height", 0.0)
    assert height.mean() == pytest.approx(166, abs=4 * 9 / 1000)
    assert height.std() == pytest.approx(9, rel=0.003)
    assert stats.spearmanr(height, people.covariate("weight", 0.0)).statistic == pytest.approx(0.45, abs=0.004)


def test_another_way_to_the_same_scores() -> None:
    """The normal scores under it have the covariance that was asked, by numpy's own factor."""
    asked = {("weight", "age"): 0.3, ("age", "height"): -0.4, ("height", "weight"): 0.2}
    made = copula(asked)
    lower = np.array([[*row, *[0.0] * (3 - len(row))] for row in made.factor])
    expected = np.eye(3)
    for (a, b), rho in asked.items():
        i, j = made.names.index(a), made.names.index(b)
        expected[i, j] = expected[j, i] = 2 * np.sin(np.pi * rho / 6)
    assert made.names == ("weight", "age", "height")
    assert np.allclose(lower, np.linalg.cholesky(expected), atol=1e-14)


def test_weight_stays_and_uncorrelated_ones_change_nothing() -> None:
    alone = Population(200, 3).covariate("weight", 0.0)
    with_height = Population(200, 3, covariates={"height": HEIGHT}, correlations={("height", "weight"): 0.6})
    assert np.array_equal(with_height.covariate("weight", 0.0), alone)
    more = Population(
        200, 3, covariates={"height": HEIGHT, "age": AGE, "x": Share(0.2)}, correlations={("height", "weight"): 0.6}
    )
    assert np.array_equal(more.covariate("height", 0.0), with_height.covariate("height", 0.0))
    plain = Population(200, 3, covariates={"age": AGE, "x": Share(0.2)})
    for name in ("age", "x"):
        assert np.array_equal(more.covariate(name, 0.0), plain.covariate(name, 0.0))


def test_a_patient_alone_equals_himself_in_a_crowd() -> None:
    people = Population(3000, 8, covariates={"height": HEIGHT, "age": AGE}, correlations={("height", "weight"): 0.5})
    crowd = people.covariate("height", 0.0)
    for number in (0, 7, 2999):
        assert people.only([number]).covariate("height", 0.0)[0] == crowd[number]


def test_traits_and_words_rise_with_what_they_are_correlated_with() -> None:
    people = Population(
        50_000,
        covariates={"obese": Share(0.3), "sex": Choice({"female": 0.6, "male": 0.4}), "height": HEIGHT},
        correlations={("obese", "weight"): 0.7, ("sex", "height"): 0.8},
    )
    obese, weight = people.covariate("obese", 0.0), people.covariate("weight", 0.0)
    assert obese.mean() == pytest.approx(0.3, abs=0.01)
    assert weight[obese == 1].mean() > weight[obese == 0].mean() + 10
    male, height = people.covariate("sex", 0.0), people.covariate("height", 0.0)
    assert male.mean() == pytest.approx(0.4, abs=0.01)
    assert height[male == 1].mean() > height[male == 0].mean() + 8


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-0.99, 0.99), min_size=6, max_size=6))
def test_refused_exactly_where_no_distribution_has_such_correlations(numbers: list[float]) -> None:
    names = ["a", "b", "c", "d"]
    pairs = dict(zip(itertools.combinations(names, 2), numbers, strict=True))
    matrix = np.eye(4)
    for (a, b), rho in pairs.items():
        matrix[names.index(a), names.index(b)] = matrix[names.index(b), names.index(a)] = 2 * np.sin(np.pi * rho / 6)
    least = np.linalg.eigvalsh(matrix).min()
    if least > 1e-6:
        copula(pairs)
    elif least < -1e-6:
        with pytest.raises(SimulationError, match="not positive definite"):
            copula(pairs)


def test_the_entry_that_breaks_the_matrix_is_named_with_its_range() -> None:
    with pytest.raises(SimulationError) as refused:
        copula({("weight", "age"): 0.85, ("weight", "height"): 0.9, ("age", "height"): 0.5})
    words = str(refused.value)
    assert "0.9 between weight and height" in words
    low, high = (float(words.split(f"{side} ")[-1].split()[0].rstrip(".")) for side in ("above", "below"))
    for rho, fits in ((low + 0.01, True), (high - 0.01, True), (low - 0.01, False), (high + 0.01, False)):
        pairs = {("weight", "age"): 0.85, ("weight", "height"): rho, ("age", "height"): 0.5}
        if fits:
            copula(pairs)
        else:
            with pytest.raises(SimulationError):
                copula(pairs)


@pytest.mark.parametrize(
    ("correlations", "words"),
    [
        ({("height", "weight"): 1.0}, "correlation of height with weight is 1.0; a correlation lies above -1"),
        ({("height", "weight"): "high"}, "a correlation lies above -1"),
        ({("height", "height"): 0.1}, "not with itself"),
        ({("height", "weight"): 0.1, ("weight", "height"): 0.2}, "it is given twice"),
        (
            {("heigth", "weight"): 0.1},
            'covariate "heigth" is not known. Allowed: height, weight. Did',
        ),
        ({("height", "age"): 0.1}, "age is the same in everybody and cannot be correlated"),
        ({"height": 0.1}, "no such pair"),
    ],
)
def test_refused_correlations(correlations: Any, words: str) -> None:
    with pytest.raises(PkpdError) as refused:
        Population(3, covariates={"height": HEIGHT, "age": "40 year"}, correlations=correlations)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"a": 0.5, "b": 0.4}, "sum to 0.9, not to 1"),
        ({"a": 1.2, "b": -0.2}, 'the share of "a", 1.2, is not a number from 0 to 1'),
        ({}, "a Choice is given as word -> share"),
        ({"male": 0.5, "Male": 0.5}, "are the same"),
        ({"": 1.0}, "is none"),
    ],
)
def test_choices_that_are_none(shares: dict[str, float], words: str) -> None:
    with pytest.raises(SimulationError) as refused:
        Choice(shares)
    assert words in str(refused.value)


def test_words_are_had_in_their_shares() -> None:
    people = Population(100_000, covariates={"diagnosis": Choice({"crps": 0.4, "neuropathic": 0.35, "other": 0.25})})
    counts = np.bincount(people.covariate("diagnosis", 0.0).astype(int)) / 100_000
    assert people.words("diagnosis") == ("crps", "neuropathic", "other")
    assert counts == pytest.approx([0.4, 0.35, 0.25], abs=0.007)


def test_a_share_among_others() -> None:
    people = Population(
        50_000,
        covariates={"sex": Choice({"female": 0.5, "male": 0.5}), "pregnancy": Share(0.1, among="sex is female")},
    )
    pregnant, male = people.covariate("pregnancy", 0.0), people.covariate("sex", 0.0)
    assert pregnant[male == 1].sum() == 0
    assert pregnant[male == 0].mean() == pytest.approx(0.1, abs=0.01)
    with pytest.raises(SimulationError, match="is itself such a share"):
        Population(3, covariates={"x": Share(0.1, among="x")})
