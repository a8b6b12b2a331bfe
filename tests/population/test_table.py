"""A user's own table: whole rows are drawn, and what is wrong is named by row and column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.errors import PkpdError
from pkpd.population.people import Population, Spread

ROWS = {"weight": [61.0, 74.5, 99.0], "age": [30, 41, 77], "sex": ["f", "m", "f"], "smoker": [True, False, True]}


def test_whole_rows_are_drawn() -> None:
    people = Population.from_table(ROWS, 5000, seed=4)
    drawn = set(zip(*(people.covariate(name, 0.0).tolist() for name in ROWS), strict=True))
    assert drawn == {(61.0, 30.0, 0.0, 1.0), (74.5, 41.0, 1.0, 0.0), (99.0, 77.0, 0.0, 1.0)}
    counts = np.unique(people.covariate("weight", 0.0), return_counts=True)[1] / 5000
    assert counts == pytest.approx([1 / 3] * 3, abs=0.03)
    assert people.words("sex") == ("f", "m")
    assert people.only([17]).covariate("age", 0.0)[0] == people.covariate("age", 0.0)[17]
    frame = Population.from_table(pandas.DataFrame(ROWS), 5000, seed=4)
    assert np.array_equal(frame.covariate("age", 0.0), people.covariate("age", 0.0))


def test_units_and_further_covariates() -> None:
    people = Population.from_table(
        {"height": [1.6, 1.8], "pain duration": [6, 24]}, 50, units={"height": "m", "pain duration": "month"}
    )
    assert set(people.covariate("height", 0.0)) == {160.0, 180.0}
    assert set(people.covariate("pain duration", 0.0)) == {0.5, 2.0}
    more = Population.from_table(ROWS, 50, covariates={"height": Spread(170.0, 8.0, "normal")})
    assert more.known == ("weight", "height", "age", "sex", "smoker")
    assert len(set(more.covariate("height", 0.0))) == 50


def test_a_model_reads_the_table() -> None:
    people = Population.from_table(ROWS, 40, seed=2)
    made = pkpd.simulate(pkpd.load("kamp2020-ketamine"), "1 mg/kg iv", people, ["1 h"])
    assert np.array_equal(made.individuals.weight, people.covariate("weight", 0.0))
    assert "age" in made.individuals.known


@pytest.mark.parametrize(
    ("frame", "options", "words"),
    [
        ({"weight": [70, float("nan")]}, {}, "column weight, row 1: nothing is there"),
        ({"weight": [70, None]}, {}, "column weight, row 1: nothing is there"),
        ({"sex": ["f", pandas.NA]}, {}, "column sex, row 1: nothing is there"),
        ({"weight": [70, 80], "age": [40]}, {}, "column age has 1 rows, column weight has 2"),
        ({"weight": [70, -1]}, {}, "column weight, row 1: -1 kg; it is from 0.3 to 650 kg"),
        ({"age": [-2.0]}, {}, "column age, row 0: -2 year; it is from 0 to 125 year"),
        ({"height": [180, 1.7]}, {}, "column height, row 1: 1.7 cm; it is from 25 to 275 cm. Give the unit"),
        ({"pain duration": [1.0, -2.0]}, {}, "column pain duration, row 1: -2 year; it is 0 or more"),
        ({"age": ["forty"]}, {}, "column age, row 0: 'forty' is no number"),
        ({"x": [1.0, "two"]}, {}, "column x, row 0: 1.0 is no word, as others in it are"),
        ({"x": [1.0, float("inf")]}, {}, "column x, row 1: inf is not a finite number"),
        ({"x": [[1], [2]]}, {}, "is not"),
        ({"height": [170]}, {"units": {"height": "parsec"}}, '"parsec" is not a unit'),
        ({"height": [170]}, {"units": {"height": "kg"}}, 'unit "kg" does not fit; height is in cm'),
        ({"height": [170]}, {"units": {"hieght": "cm"}}, 'column "hieght" is not known. Allowed: height.'),
        ({}, {}, "give columns"),
        ({"Age": [1], "age": [2]}, {}, "have the same name"),
        ({"age": [40]}, {"covariates": {"age": "40 year"}}, "age is given, and the table has a column age"),
        ({"weight": [40]}, {"weight": "70 kg"}, "weight is given, and the table has a column weight"),
        (ROWS, {"covariates": {"x": Spread(1.0, 1.0)}, "correlations": {("x", "age"): 0.1}}, "drawn whole"),
    ],
)
def test_refused_tables(frame: Any, options: Any, words: str) -> None:
    with pytest.raises(PkpdError) as refused:
        Population.from_table(frame, 5, **options)
    assert words in str(refused.value)


def test_capitals_do_not_hide_a_weight() -> None:
    people = Population.from_table({"Weight": [55.0], "AGE": [33], "Sex": ["m"]}, 4, units={"Weight": "kg"})
    assert people.known == ("weight", "age", "sex")
    assert people.covariate("weight", 0.0).tolist() == [55.0] * 4
    assert Population(4, covariates={"Age": "33 year"}).covariate("age", 0.0).tolist() == [33.0] * 4
    for covariates in ({"Weight": "70 kg"}, {"Age": "33 year", "age": "34 year"}):
        with pytest.raises(PkpdError):
            Population(4, covariates=covariates)


def test_a_table_that_is_none() -> None:
    with pytest.raises(PkpdError, match="write Population.from_table"):
        Population(3, table={"weight": [70.0]})  # type: ignore[arg-type]
