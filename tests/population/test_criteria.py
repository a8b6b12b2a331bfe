"""Entry criteria: read strictly, counted, and refused with the cause where nobody meets them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd
from pkpd.errors import PkpdError
from pkpd.population.covariates import Choice
from pkpd.population.criteria import Criterion, eligible, enrol, meets, read_criterion
from pkpd.population.people import Population, Share, Spread
from pkpd.recruiting import baseline_scores

PEOPLE = Population(
    4000,
    covariates={
        "age": Spread(46.0, 12.0, "normal", 18.0, 90.0),
        "sex": Choice({"female": 0.7, "male": 0.3}),
        "pregnancy": Share(0.05),
        "hepatic_disease": Choice({"no": 0.9, "moderate": 0.07, "severe": 0.03}),
        "kidney function": Spread(5.7, 1.5, "normal", 0.6, 12.0),  # L/h
        "score": 3,
    },
)
AGE, WEIGHT = PEOPLE.covariate("age", 0.0), PEOPLE.covariate("weight", 0.0)
SEX, LIVER = PEOPLE.covariate("sex", 0.0), PEOPLE.covariate("hepatic_disease", 0.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("age 18 to 60 year", (AGE >= 18) & (AGE <= 60)),
        ("Age at least 40 years".replace("years", "year"), AGE >= 40),
        ("age above 480 month", AGE > 40),
        ("weight at most 90000 kg", WEIGHT > 0),
        ("weight below 70 kg", WEIGHT < 70),
        ("sex is female", SEX == 0),
        ("sex is not female", SEX == 1),
        ("sex is Female or male", SEX >= 0),
        ("no pregnancy", PEOPLE.covariate("pregnancy", 0.0) == 0),
        ("pregnancy", PEOPLE.covariate("pregnancy", 0.0) == 1),
        ("no severe hepatic disease", LIVER != 2),
        ("hepatic disease is not moderate or severe", LIVER == 0),
        ("kidney-function at least 60 mL/min", PEOPLE.covariate("kidney function", 0.0) >= 3.6),
        ("score 3 to 3", np.ones(4000, bool)),
        ("baseline pain at least 4", np.arange(4000) % 11 >= 4),
        ("baseline-pain above 4", np.arange(4000) % 11 > 4),
    ],
)
def test_who_meets_a_criterion(text: str, expected: Any) -> None:
    assert np.array_equal(meets(PEOPLE, text, {"baseline_pain": np.arange(4000) % 11}), expected)


@settings(max_examples=30, deadline=None)
@given(
    st.permutations(
        [
            "age 30 to 60 year",
            "weight at most 85 kg",
            "sex is female",
            "no pregnancy",
            "x above 0",
            "no severe hepatic disease",
        ]
    ),
    st.integers(0, 6),
)
def test_everybody_is_counted(criteria: list[str], many: int) -> None:
    chosen = criteria[:many]
    columns = {"x": np.linspace(-1, 1, 4000)}
    mask, screened = eligible(PEOPLE, chosen, columns)
    assert screened.eligible + sum(screened.first) == screened.size == 4000
    each = [meets(PEOPLE, one, columns) for one in chosen]
    assert np.array_equal(mask, np.logical_and.reduce([np.ones(4000, bool), *each]))
    assert screened.failed == tuple(int((~one).sum()) for one in each)
    assert all(first <= failed for first, failed in zip(screened.first, screened.failed, strict=True))


def test_rounds_of_screening_add_up() -> None:
    criteria = ["age 30 to 60 year", "no pregnancy"]
    halves = [PEOPLE.only(range(0, 1500)), PEOPLE.only(range(1500, 4000))]
    first, second = (eligible(half, criteria)[1] for half in halves)
    assert first + second == eligible(PEOPLE, criteria)[1]
    with pytest.raises(PkpdError, match="different criteria"):
        first + eligible(PEOPLE, criteria[:1])[1]


def test_those_enrolled_are_themselves() -> None:
    made = enrol(PEOPLE, ["age at least 60 year", "sex is male"])
    assert made.population.size == made.screened.eligible == int(((AGE >= 60) & (SEX == 1)).sum())
    assert np.array_equal(made.population.covariate("weight", 0.0), WEIGHT[(AGE >= 60) & (SEX == 1)])
    assert "4,000 screened" in str(made.screened)
    assert "age at least 60 year: removes" in str(made.screened)


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        (["age at least 95 year"], '"age at least 95 year" removes everybody (the nearest has'),
        (["sex is female", "score above 5"], '"score above 5" removes everybody (the nearest has 3, 2 away)'),
        (
            ["age below 20 year", "age above 85 year"],
            "none of 4,000 patients meets them all, though",
        ),
        (["twin"], 'trait "twin" is not known'),
        (["age over 18 year"], 'cannot be read. Write "age 18 to 75 year"'),
        (["age 18 to 60"], "the number has no unit. age is in year"),
        (["age 18 to 60 kg"], 'unit "kg" does not fit; age is in year'),
        (["age 60 to 18 year"], "60 is above 18; nobody can meet it"),
        (["agee at least 18 year"], 'covariate "agee" is not known.'),
        (["agee at least 18 year"], 'Did you mean "age"?'),
        (["no pregnanci"], 'Did you mean "pregnancy"?'),
        (["sex is fenale"], 'word of sex "fenale" is not known. Allowed: female, male. Did you mean "female"?'),
        (["sex at least 1"], "sex is a word (female, male)"),
        (["age is old"], "age is a number and not a word"),
        (["baseline pain at least 4"], 'effect=pkpd.load_effect("baseline-pain")'),
        ([""], "is none. Write"),
        ([3], "is none. Write"),
        ("no pregnancy", 'give a list, such as ["no pregnancy"]'),
    ],
)
def test_refused_criteria(criteria: Any, words: str) -> None:
    with pytest.raises(PkpdError) as refused:
        enrol(PEOPLE, criteria)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("column", "words"),
    [(np.full(4000, np.nan), "of patient 0 there is no number"), (np.ones(3), "has the shape (3,) for 4000 patients")],
)
def test_refused_columns(column: Any, words: str) -> None:
    with pytest.raises(PkpdError) as refused:
        eligible(PEOPLE, ["pain at least 4"], {"pain": column})
    assert words in str(refused.value)


def test_a_criterion_is_read_once() -> None:
    read = read_criterion(" no   pregnancy ")
    assert read == Criterion("no pregnancy", "pregnancy", forbidden=True)
    assert read_criterion(read) is read


def test_baseline_pain_is_that_of_the_simulation() -> None:
    effect = pkpd.load_effect("baseline-pain")
    people = Population(300, 5)
    scores = baseline_scores(people, effect)
    model = pkpd.load("elkomy2015-ketamine").with_effects(effect)
    found = pkpd.simulate(model, "no treatment", people, ["0 h"])["pain"][0]
    assert np.array_equal(scores, found)
    made = pkpd.enrol(people, ["baseline pain at least 6"], effect=effect)
    assert np.array_equal(made.population.numbers, np.flatnonzero(scores >= 6))
    measured = pkpd.enrol(people, ["baseline pain at least 6"], {"baseline pain": scores - 1}, effect)
    assert np.array_equal(measured.population.numbers, np.flatnonzero(scores - 1 >= 6))
    with pytest.raises(PkpdError, match="no effect of the role baseline"):
        pkpd.enrol(people, ["baseline pain at least 6"], effect=pkpd.load_effect("fast-relief"))
