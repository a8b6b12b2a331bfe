"""A population screened: everybody is counted, in one of three groups, and every rule tells what it removes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd.errors import PkpdError
from pkpd.guidance import guideline, screen, screen_population
from pkpd.population.covariates import Choice
from pkpd.population.people import Population, Share

NAMES = [condition.name for condition in guideline("patient-screening").conditions]


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.floats(0, 1), max_size=6), st.integers(0, 2**32))
def test_everybody_is_in_one_group(shares: dict[str, float], seed: int) -> None:
    people = Population(500, seed, covariates={name: Share(share) for name, share in shares.items()})
    made = screen_population(people)
    assert sum(made.counts.values()) == made.size == 500
    assert not (made.excluded & made.caution).any()
    assert sum(made.shares.values()) == pytest.approx(1)
    assert sum(rule.in_order for rule in made.rules) == 500 - made.counts["eligible"]
    assert {rule.condition.name for rule in made.rules} == set(shares)
    assert {*shares, *made.not_known} == set(NAMES)
    for rule in made.rules:
        assert rule.alone == int(people.covariate(rule.named, 0.0).sum()) == int(rule.mask.sum())
        assert rule.in_order <= rule.alone


def test_each_patient_as_he_is_screened_alone() -> None:
    shares = {"pregnancy": 0.3, "sleep apnea": 0.3, "heart failure": 0.2, "bipolar": 0.3}
    people = Population(300, 6, covariates={name: Share(share) for name, share in shares.items()})
    made = screen_population(people)
    columns = {name: people.covariate(name, 0.0) for name in shares}
    for number in range(300):
        alone = screen([name for name in shares if columns[name][number]]).verdict
        found = "excluded" if made.excluded[number] else "caution" if made.caution[number] else "eligible"
        assert found == alone


def test_words_of_a_choice_and_columns_of_a_table_are_conditions() -> None:
    liver = Choice({"no": 0.5, "moderate": 0.3, "severe": 0.2}, "a survey", "secondary")
    people = Population(4000, covariates={"hepatic_disease": liver, "asian": Share(0.1)})
    made = screen_population(people)
    assert made.shares["excluded"] == pytest.approx(0.2, abs=0.03)
    assert made.shares["caution"] == pytest.approx(0.3, abs=0.03)
    assert [(rule.source, rule.how_known) for rule in made.rules] == [("a survey", "secondary")] * 2
    assert set(made.not_screened) == {"no hepatic_disease", "asian"}
    own = Population.from_table({"weight": [70.0, 80.0], "pregnant": [0, 1]}, 1000)
    assert np.array_equal(screen_population(own).excluded, own.covariate("weight", 0.0) == 80.0)


def test_only_some_rules() -> None:
    people = Population(1000, covariates={"pregnancy": Share(0.5), "sleep apnoea": Share(0.5)})
    made = screen_population(people, ["sleep apnoea"])
    assert made.counts["excluded"] == 0
    assert [rule.condition.name for rule in made.rules] == ["sleep apnoea"]
    assert "sleep apnoea (caution)" in str(made)
    assert "eligible" in str(made)


def test_what_excludes_comes_before_what_needs_caution() -> None:
    both = {"sleep apnoea": Share(1), "pregnancy": Share(1), "heart failure": Share(1)}
    made = screen_population(Population(50, covariates=both))
    assert made.counts == {"excluded": 50, "caution": 0, "eligible": 0}
    found = {rule.condition.name: (rule.alone, rule.in_order) for rule in made.rules}
    assert found == {"heart failure": (50, 50), "pregnancy": (50, 0), "sleep apnoea": (50, 0)}


@pytest.mark.parametrize(
    ("covariates", "conditions", "words"),
    [
        ({"pregnanci": Share(0.1)}, None, 'Did you mean "pregnancy"?'),
        ({"pregnant": Share(0.1), "pregnancy": Share(0.1)}, None, "under two names, pregnant and pregnancy"),
        ({}, ["pregnanci"], 'condition "pregnanci" is not known. Did you mean "pregnancy"?'),
        ({}, "pregnancy", 'give a list of conditions, such as ["pregnancy"]'),
    ],
)
def test_refused(covariates: Any, conditions: Any, words: str) -> None:
    with pytest.raises(PkpdError) as refused:
        screen_population(Population(5, covariates=covariates), conditions)
    assert words in str(refused.value)
