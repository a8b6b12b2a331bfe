"""Virtual patients: their weights, their numbers, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import pkpd
from pkpd.errors import PkpdError, SimulationError, UnitError
from pkpd.population import streams
from pkpd.population.people import CRPS_WEIGHT, Population, Share, Spread


def truncated_lognormal(spread: Spread) -> tuple[float, float]:
    """Mean and standard deviation of a log-normal cut to its limits, by numerical integration of its density."""
    variance = math.log(1 + (spread.sd / spread.mean) ** 2)
    law = stats.lognorm(s=math.sqrt(variance), scale=spread.mean * math.exp(-variance / 2))
    assert law.mean() == pytest.approx(spread.mean)
    assert law.std() == pytest.approx(spread.sd)
    x = np.linspace(spread.least, spread.most, 200_001)
    density = law.pdf(x)
    mean = np.trapezoid(x * density, x) / np.trapezoid(density, x)
    return float(mean), float(np.sqrt(np.trapezoid((x - mean) ** 2 * density, x) / np.trapezoid(density, x)))


def test_weights_of_the_trial() -> None:
    weight = Population(400_000).covariate("weight", 70.0)
    mean, sd = truncated_lognormal(CRPS_WEIGHT)
    assert (CRPS_WEIGHT.mean, CRPS_WEIGHT.sd, CRPS_WEIGHT.least, CRPS_WEIGHT.most) == (79, 19, 40, 150)
    assert weight.mean() == pytest.approx(mean, abs=4 * sd / 400_000**0.5)
    assert weight.std() == pytest.approx(sd, rel=0.01)
    assert weight.min() >= 40
    assert weight.max() <= 150
    assert weight.min() < 40.5
    assert weight.max() > 145


def test_limits_cut_and_do_not_collect() -> None:
    spread = Spread(70.0, 20.0, "normal", 60.0, 90.0)
    drawn = spread.at(streams.uniform(1, np.arange(200_000), "x"))
    law = stats.truncnorm(-0.5, 1.0, 70.0, 20.0)
    assert np.mean(drawn == 60.0) == 0
    assert drawn.min() >= 60.0
    assert drawn.max() <= 90.0
    assert stats.kstest(drawn, law.cdf).pvalue > 1e-3


def test_normal_without_limits() -> None:
    drawn = Spread(46.0, 12.0, "normal").at(streams.uniform(1, np.arange(200_000), "age"))
    assert drawn.mean() == pytest.approx(46, abs=0.11)
    assert drawn.std() == pytest.approx(12, abs=0.08)


def test_one_weight_for_all() -> None:
    assert np.array_equal(Population(5, weight="154 kg").covariate("weight", 70.0), np.full(5, 154.0))
    assert Population.typical("55 kg").covariate("weight", 70.0).tolist() == [55.0]


def test_other_covariates() -> None:
    people = Population(1000, covariates={"age": Spread(46.0, 12.0, "normal", 18.0, 90.0)})
    age = people.covariate("age", 30.0)
    assert age.min() >= 18.0
    assert abs(np.corrcoef(age, people.covariate("weight", 70.0))[0, 1]) < 0.13
    assert np.array_equal(people.covariate("albumin", 40.0), np.full(1000, 40.0))


def test_a_patient_is_the_same_in_every_population_of_a_seed() -> None:
    crowd = Population(10_000, seed=9).covariate("weight", 70.0)
    assert np.array_equal(crowd[:1000], Population(1000, seed=9).covariate("weight", 70.0))
    cut = Population(10_000, seed=9).only([7, 9_999, 3])
    assert cut.size == 3
    assert np.array_equal(cut.numbers, [7, 9_999, 3])
    assert np.array_equal(cut.covariate("weight", 70.0), crowd[[7, 9_999, 3]])
    assert not np.array_equal(crowd, Population(10_000, seed=10).covariate("weight", 70.0))


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"size": 0}, "size 0 is not a whole number from 1 on"),
        ({"size": -3}, "size -3 is not a whole number"),
        ({"size": 2.5}, "size 2.5 is not a whole number"),
        ({"size": True}, "size True is not a whole number"),
        ({"seed": -1}, "seed -1 is not a whole number"),
        ({"seed": 2**64}, "is not a whole number from 0 to 2^64 - 1"),
        ({"size": 3, "subjects": (1, 2)}, "2 subject numbers for 3 subjects"),
    ],
)
def test_refused_populations(arguments: dict[str, object], what: str) -> None:
    with pytest.raises(SimulationError) as raised:
        Population(**arguments)  # type: ignore[arg-type]
    assert what in str(raised.value)


@pytest.mark.parametrize(
    ("weight", "what"), [("70", "has no unit"), ("70 L", "Units that fit: kg"), ("heavy", "is not a quantity")]
)
def test_refused_weights(weight: str, what: str) -> None:
    with pytest.raises(UnitError) as raised:
        Population(3, weight=weight)
    assert what in str(raised.value)
    assert "weight" in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((70.0, 10.0, "gamma"), 'kind "gamma" is not known. Allowed: log-normal, normal'),
        ((70.0, -1.0), "do not fit together"),
        ((70.0, 10.0, "normal", 80.0, 90.0), "The mean lies within the limits"),
        ((math.nan, 10.0), "do not fit together"),
        ((-5.0, 1.0), "a log-normal covariate needs a mean above 0, not -5"),
    ],
)
def test_refused_spreads(arguments: tuple[object, ...], what: str) -> None:
    with pytest.raises(SimulationError) as raised:
        Spread(*arguments)  # type: ignore[arg-type]
    assert what in str(raised.value)


# Covariates that everybody has, or some


def test_a_covariate_that_everybody_has() -> None:
    people = Population(5, covariates={"age": "70 year", "asian": 1, "dose_given": "2 g"})
    assert people.covariate("age", 45).tolist() == [70] * 5
    assert people.covariate("asian", 0).tolist() == [1] * 5
    assert people.covariate("dose_given", 0).tolist() == [2000] * 5  # mg
    assert people.covariate("height", 170).tolist() == [170] * 5


def test_a_share_of_people_have_a_trait() -> None:
    people = Population(20_000, seed=4, covariates={"asian": Share(0.137)})
    has = people.covariate("asian", 0)
    assert set(has) == {0.0, 1.0}
    assert abs(has.mean() - 0.137) < 4 * np.sqrt(0.137 * 0.863 / 20_000)
    assert np.array_equal(people.only([7, 19]).covariate("asian", 0), has[[7, 19]])
    more = Population(20_000, seed=4, covariates={"asian": Share(0.5)}).covariate("asian", 0)
    assert (more >= has).all()  # who has it at a small share has it at a larger one
    assert Population(9, covariates={"asian": Share(0)}).covariate("asian", 1).sum() == 0
    assert Population(9, covariates={"asian": Share(1)}).covariate("asian", 0).sum() == 9


def test_a_population_keeps_its_covariates() -> None:
    given = {"age": "70 year"}
    people = Population(3, covariates=given)  # type: ignore[arg-type]
    given["age"] = "10 year"
    assert people.covariate("age", 0).tolist() == [70] * 3


@pytest.mark.parametrize(
    ("covariates", "words"),
    [
        ({"age": 70}, "age: 70 has no unit. Units that fit: year"),
        ({"age": "70 kg"}, 'unit "kg" is not one of age'),
        ({"age": "-1 year"}, "nobody is younger than 0"),
        ({"age": Share(0.5)}, "age is not a trait"),
        ({"weight": "70 kg"}, "body weight has a place of its own"),
        ({"asian": True}, "asian is True. Give a text with its unit"),
        ({"asian": float("nan")}, "not a finite number"),
        ({"x": "3 parsec"}, '"parsec" is not a unit'),
    ],
)
def test_covariates_that_cannot_be(covariates: dict[str, Any], words: str) -> None:
    with pytest.raises(PkpdError) as refused:
        Population(3, covariates=covariates)
    assert words in str(refused.value)


@pytest.mark.parametrize("share", [-0.1, 1.1, True, "half", float("nan")])
def test_a_share_is_a_fraction(share: Any) -> None:
    with pytest.raises(SimulationError, match="is not a number from 0 to 1"):
        Share(share)


def test_ages_below_0_are_refused() -> None:
    people = Population(200, covariates={"age": Spread(5.0, 10.0, "normal")})
    with pytest.raises(SimulationError, match="some ages come out below 0"):
        people.covariate("age", 0)


def test_a_weight_that_is_none_and_a_covariate_spelt_wrong_are_refused() -> None:
    with pytest.raises(SimulationError, match=r"weight is '0 kg'; it is above 0"):
        Population(3, weight="0 kg")
    people = Population(3, covariates={"agge": "9 year"})
    with pytest.raises(SimulationError, match=r'reads no covariate agge. Allowed: age, weight. Did you mean "age"\?'):
        pkpd.simulate(pkpd.load("kamp2020-ketamine"), "20 mg iv", people, ["1 h"])
    other = Population(3, covariates={"asian": 1})  # of another model, and like nothing this one reads
    assert len(pkpd.simulate(pkpd.load("kamp2020-ketamine"), "20 mg iv", other, ["1 h"])["S-ketamine"][0]) == 3


def test_two_traits_are_had_by_different_people() -> None:
    both = Population(400, seed=4, covariates={"a": Share(0.5), "b": Share(0.5)})
    a, b = both.covariate("a", 0.0), both.covariate("b", 0.0)
    assert 60 < (a * b).sum() < 140
    assert np.array_equal(a, Population(400, seed=4, covariates={"a": Share(0.5)}).covariate("a", 0.0))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: pkpd.Population(modifiers=["rifampicin"]), "modifier -> who has it"),
        (lambda: pkpd.Population(subjects=5), r"range\(500, 1000\)"),
        (lambda: pkpd.Population(draws=5), 'Write "plain"'),
        (lambda: pkpd.Spread("46 year", 12), "mean of a Spread is '46 year'"),
        (lambda: pkpd.Spread(46, "12 year"), "sd of a Spread is '12 year'"),
        (lambda: pkpd.Spread(46, 12, least=None), "least of a Spread is None"),
        (lambda: pkpd.Share(0.1, among=5), 'such as "sex is female"'),
        (lambda: pkpd.enrol(500, ["no pregnancy"]), r"Give pkpd\.Population\(500, covariates"),
        (lambda: pkpd.enrol("crps", ["no pregnancy"]), r'pkpd\.load_population\("crps"\)'),
        (lambda: pkpd.enrol(pkpd.Population(), 5), "Give a list"),
    ],
)
def test_what_is_given_in_another_form_is_refused(make, told):
    with pytest.raises(PkpdError, match=told):
        make()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"among": "sex is femal"}, r'pregnancy: .*word of sex "femal" is not known.*Did you mean "female"\?'),
        ({"among": "gender is female"}, r'pregnancy: .*"gender" is not known\. Allowed: sex'),
        ({"among": "height above 150 cm"}, '"height" is not known'),
        ({"among": "age above 18"}, "the number has no unit"),
        ({"among": "asthma"}, r'trait "asthma" is not known\. Allowed: female sex, male sex, pregnancy'),
        ({"modifiers": {"rifampicin": "sex is femal"}}, r'modifier rifampicin: .*Did you mean "female"\?'),
        ({"modifiers": {"rifampicin": Share(0.2, among="no smoking")}}, 'trait "smoking" is not known'),
    ],
)
def test_a_criterion_that_nobody_can_be_held_against_is_refused_when_the_population_is_made(asked, told):
    covariates = {
        "sex": pkpd.Choice({"female": 0.5, "male": 0.5}),
        "age": pkpd.Spread(46, 12),
        "pregnancy": Share(0.02, among=asked.pop("among", "sex is female")),
    }
    with pytest.raises(PkpdError, match=told):
        Population(10, covariates=covariates, **asked)
