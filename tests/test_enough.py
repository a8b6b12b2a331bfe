"""As many patients as an error needs: the same as that number given at once, and an honest word where it is not met."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pkpd
from pkpd import enough
from pkpd.enough import Farthest
from pkpd.errors import SimulationError, UnknownName

KAMP = pkpd.load("kamp2020-ketamine")
ARMS = {"push": "ketamine 20 mg iv bolus", "none": "no treatment"}


def test_a_comparison_takes_what_it_needs_and_is_that_of_so_many_patients() -> None:
    found = pkpd.compare(KAMP, ARMS, "auto", "8 d", seed=4, error=0.02)
    errors = [one.error for one in (*found.summaries(), *found.differences()) if one.unit == ""]
    assert 2000 <= found.subjects <= 4000 and max(errors) <= 0.02
    assert "as many as a Monte-Carlo error of 0.02 needed" in found.notes[-1]
    at_once = pkpd.compare(KAMP, ARMS, found.subjects, "8 d", seed=4)
    assert repr(found.rows()) == repr(at_once.rows())


def test_a_population_is_enlarged_with_all_it_says() -> None:
    people = pkpd.Population(7, seed=3, weight="80 kg", draws="low-discrepancy")
    found = pkpd.percentiles(KAMP, ARMS, people, "0 to 8 h by 4 h", error=0.015)
    assert found.subjects > 1000 and found.seed == 3 and len(found.notes) == 2
    assert np.nanmax(found.error[:, 1]) <= 0.015
    at_once = pkpd.percentiles(
        KAMP, ARMS, pkpd.Population(found.subjects, 3, weight="80 kg", draws="low-discrepancy"), "0 to 8 h by 4 h"
    )
    np.testing.assert_array_equal(found.values, at_once.values)
    assert at_once.notes == found.notes[:1]


def test_the_cap_is_told_with_what_is_farthest() -> None:
    found = pkpd.compare(KAMP, ARMS, "auto", "8 d", error=0.005, at_most=1500)
    assert found.subjects == 1500
    assert "1,500 patients are the most allowed" in found.notes[-1] and "under push" in found.notes[-1]
    curves = pkpd.percentiles(KAMP, ARMS, "auto", "4 h", error=0.001, at_most=1200)
    assert curves.subjects == 1200 and "of S-ketamine at 4 h under push" in curves.notes[-1]


def test_the_number_follows_the_square_of_what_is_missing() -> None:
    asked: list[int] = []

    def run(size: int) -> int:
        asked.append(size)
        return size

    def farthest(size: int) -> Farthest:
        return Farthest(math.sqrt(9000 / size), "x")

    assert enough.until_enough(run, farthest, 0.01, 10**6) == (
        10_000,
        "10,000 patients: as many as a Monte-Carlo error of 0.01 needed.",
    )
    assert asked == [1000, 10_000]
    asked.clear()
    _, said = enough.until_enough(run, lambda size: Farthest(math.inf, "x"), 0.01, 5000)
    assert asked == [1000, 2000, 4000, 5000] and "that of x cannot be told of them" in said


def test_a_percentile_of_too_few_patients_is_not_met() -> None:
    found = pkpd.percentiles(KAMP, ARMS, "auto", "4 h", at=(0.0005,), quantities=["relief"], error=0.1)
    assert found.subjects == 2000 and np.isfinite(found.error).all()
    few = pkpd.percentiles(KAMP, ARMS, "auto", "4 h", at=(0.0005,), quantities=["relief"], error=0.1, at_most=1500)
    assert np.isnan(few.error).any() and "cannot be told of them" in few.notes[-1]
    with pytest.raises(SimulationError, match="the least and the largest of the patients"):
        pkpd.percentiles(KAMP, ARMS, "auto", "4 h", at=(0.5, 1))


def test_what_is_allowed() -> None:
    assert enough.allowed(0.01, "", 0.5, 0.2) == 0.01
    assert enough.allowed(0.01, "mg", -50.0, 10.0) == 0.5
    assert enough.allowed(0.01, "mg", 1.0, 10.0) == 0.1


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"subjects": "atuo"}, UnknownName, 'Did you mean "auto"'),
        ({"subjects": "auto", "error": 0}, SimulationError, "between 0 and 1"),
        ({"subjects": "auto", "error": True}, SimulationError, "between 0 and 1"),
        ({"subjects": 100, "error": 0.1}, SimulationError, 'Give subjects="auto"'),
        ({"subjects": pkpd.Population(2, subjects=(3, 4)), "error": 0.1}, SimulationError, "numbers of its own"),
        ({"subjects": "auto", "at_most": 1}, SimulationError, "from 2 on"),
    ],
)
@pytest.mark.parametrize("verb", ["compare", "percentiles"])
def test_what_cannot_be_enlarged(verb: str, given: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        options = {name: value for name, value in given.items() if name != "subjects"}
        getattr(pkpd, verb)(KAMP, ARMS, given["subjects"], "1 h", **options)
