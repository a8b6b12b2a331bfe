"""Low-discrepancy draws lie evenly, are addressed, uniform over seeds, and worth more than four times as many plain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest, qmc

import pkpd
from pkpd.errors import SimulationError, UnknownName
from pkpd.individuals import of_population
from pkpd.model import library
from pkpd.population import lowdiscrepancy
from pkpd.population.dimensions import dimensions
from pkpd.population.people import Population
from pkpd.population.sobol import DIMENSIONS, directions

LISTED = list(dimensions())
FREE = "my-model.CL"  # a variable without a dimension


def even(**given: Any) -> Population:
    """A population of low-discrepancy draws."""
    return Population(**{"draws": "low-discrepancy", **given})


def test_directions_are_those_of_another_program() -> None:
    theirs = qmc.Sobol(DIMENSIONS, scramble=False, bits=30).random(256)
    number = np.arange(256)
    order = number ^ (number >> 1)  # theirs come in the order of Gray's code
    for dimension in range(DIMENSIONS):
        ours = np.zeros(256, np.int64)
        for bit, direction in enumerate(directions(dimension, 8, 30)):
            ours ^= ((order >> bit) & 1) * direction
        np.testing.assert_array_equal(ours * 2.0**-30, theirs[:, dimension])


@pytest.mark.parametrize("variable", [LISTED[0], LISTED[9], LISTED[-1], FREE])
@pytest.mark.parametrize("first", [0, 64, 3 * 1024])
def test_every_run_of_patients_is_spread_evenly(variable: str, first: int) -> None:
    for power in (1, 3, 6):
        size = 2**power
        numbers = even(size=size, subjects=range(first, first + size), seed=5).uniform(variable)
        assert sorted((numbers * size).astype(int)) == list(range(size))


def test_two_variables_are_spread_evenly_together() -> None:
    people = even(size=1024, seed=9)
    names = [next(name for name, place in dimensions().items() if place == k) for k in range(8)]
    first, second = (people.uniform(name) for name in names[:2])
    for power in range(11):  # every way to cut the square into 1024 equal boxes has one patient in each
        boxes = (first * 2**power).astype(int) * 2 ** (10 - power) + (second * 2 ** (10 - power)).astype(int)
        assert len(np.unique(boxes)) == 1024
    together = qmc.discrepancy(np.stack([people.uniform(name) for name in names], axis=1))
    plain = Population(1024, seed=9)
    assert together < 0.3 * qmc.discrepancy(np.stack([plain.uniform(name) for name in names], axis=1))


@pytest.mark.parametrize("variable", [LISTED[0], LISTED[5], FREE])
@pytest.mark.parametrize("patient", [0, 1, 77, 2**31 + 5])
def test_a_number_is_uniform_over_seeds(variable: str, patient: int) -> None:
    numbers = [even(size=1, subjects=(patient,), seed=seed).uniform(variable)[0] for seed in range(1500)]
    assert kstest(numbers, "uniform").pvalue > 1e-3


def test_seeds_and_variables_are_independent() -> None:
    people = even(size=4096)
    columns = [people.uniform(FREE), people.uniform(FREE, 1), people.uniform("my-model.V1"), people.uniform(LISTED[0])]
    columns += [even(size=4096, seed=2).uniform(FREE), people.uniform(LISTED[1])]
    matrix = np.corrcoef(columns)
    assert np.abs(matrix - np.eye(len(columns))).max() < 5 / np.sqrt(4096)
    assert len(np.unique(columns)) == 6 * 4096


def test_a_patient_alone_is_the_same_in_a_crowd() -> None:
    crowd = even(size=1000, seed=2)
    for variable in (LISTED[0], LISTED[20], FREE):
        drawn = crowd.uniform(variable)
        some = crowd.only([7, 999, 3])
        np.testing.assert_array_equal(some.uniform(variable), drawn[[7, 999, 3]])
        np.testing.assert_array_equal(even(size=5, seed=2).uniform(variable), drawn[:5])
    assert ((drawn > 0) & (drawn < 1)).all()


def test_effects_change_no_other_number() -> None:
    model, effects = pkpd.load("kamp2020-ketamine"), pkpd.default_effects()
    few, all_of_them = (of_population(model.with_effects(*some), even(size=50)) for some in (effects[:2], effects))
    np.testing.assert_array_equal(few.parameters["CL"], all_of_them.parameters["CL"])
    np.testing.assert_array_equal(few.effects[effects[0].id]["C50"], all_of_them.effects[effects[0].id]["C50"])


def test_plain_draws_are_the_default() -> None:
    np.testing.assert_array_equal(Population(9).uniform(LISTED[0]), Population(9, draws="plain").uniform(LISTED[0]))
    assert not np.array_equal(Population(9).uniform(LISTED[0]), even(size=9).uniform(LISTED[0]))


def test_every_variable_of_the_library_has_a_dimension_of_its_own() -> None:
    asked: list[str] = []

    class Asking(Population):
        def uniform(self, variable: str, index: int = 0) -> Any:
            asked.append(variable)
            return super().uniform(variable, index)

    effects = [library.load_effect(name) for name in library.names("effect")]
    for name in library.names("pk"):
        model = library.load(name)
        fitting = [effect for effect in effects if set(effect.analytes) <= set(model.outputs)]
        roots = {effect.id for effect in fitting}
        fitting = [effect for effect in fitting if effect.curve.of is None or effect.curve.of in roots]
        asked.clear()
        people = Asking(2, covariates={"age": pkpd.Spread(46.0, 12.0, "normal", 18.0, 90.0)})
        of_population(model.with_effects(*fitting), people)
        places = [dimensions().get(variable) for variable in set(asked)]
        assert None not in places, f"add to pkpd/population/dimensions.py: {set(asked) - set(LISTED)}"
        assert len(set(places)) == len(places), f"{name}: two of {sorted(set(asked))} share a dimension"


def test_own_variables_can_be_spread_together() -> None:
    own = Population(1024, draws=["my-model.CL", "my-model.V1"])
    first, second = own.uniform("my-model.CL"), own.uniform("my-model.V1")
    assert len(np.unique((first * 32).astype(int) * 32 + (second * 32).astype(int))) == 1024
    apart = even(size=1024)
    first, second = apart.uniform("my-model.CL"), apart.uniform("my-model.V1")
    assert len(np.unique((first * 32).astype(int) * 32 + (second * 32).astype(int))) < 800


def test_a_thousand_are_no_worse_than_four_thousand_plain_for_the_median() -> None:
    model = pkpd.load("kamp2020-ketamine")
    arm = {"days": "ketamine 0.35 mg/kg/h iv over 4 h every 24 h for 10 doses"}

    def medians(size: int, draws: str) -> Any:
        return [
            pkpd.percentiles(
                model, arm, Population(size, seed=seed, draws=draws), ["4 h", "220 h", "384 h"],
                quantities=["S-ketamine", "pain", "relief"], at=[0.5],
            ).values[0, :, 0]
            for seed in range(40)
        ]  # fmt: skip

    fewer, more = np.array(medians(1000, "low-discrepancy")), np.array(medians(4000, "plain"))
    assert (fewer.std(axis=0) <= more.std(axis=0))[[0, 1, 1, 2, 2], [0, 1, 2, 1, 2]].all()
    away = np.abs(fewer.mean(axis=0) - more.mean(axis=0))
    assert (away <= 4 * np.hypot(fewer.std(axis=0), more.std(axis=0)) / np.sqrt(40) + 1e-12).all()


@pytest.mark.parametrize(
    ("draws", "error", "said"),
    [
        ("low discrepancy", UnknownName, 'Did you mean "low-discrepancy"'),
        ((), SimulationError, "different variables"),
        (("a", "a"), SimulationError, "different variables"),
        ((1,), SimulationError, "different variables"),
        (tuple(str(k) for k in range(DIMENSIONS + 1)), SimulationError, "dimensions"),
    ],
)
def test_draws_that_are_none(draws: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Population(10, draws=draws)


def test_patients_that_cannot_be_told_apart_are_refused() -> None:
    assert even(size=1, subjects=(lowdiscrepancy.PATIENTS - 1,)).uniform(FREE).size == 1
    with pytest.raises(SimulationError, match="numbered below"):
        even(size=1, subjects=(lowdiscrepancy.PATIENTS,))
