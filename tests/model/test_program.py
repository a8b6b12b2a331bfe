"""What is linear in a model and solved exactly, and the numbers of its matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bare_models import bare_model
from structure_runs import bare

import pkpd
from pkpd.errors import SimulationError
from pkpd.model import library
from pkpd.model.model import Model
from pkpd.model.program import Program, compiled

UNITS = {"k": "1/h", "k12": "1/h", "k21": "1/h", "V": "L", "Vmax": "mg/h", "Km": "mg/L", "kin": "mg/h", "when": "h"}


def program(odes: dict[str, str], outputs: dict[str, tuple[str, str]] | None = None, states: str = "") -> Program:
    body = states + "[odes]\n" + "".join(f'{name} = "{rate}"\n' for name, rate in odes.items())
    read = outputs or {name: (name, "mg") for name in odes}
    return compiled(bare(body, UNITS, read, into=next(iter(odes))))


LINEAR = {"central": "-(k + k12) * central + k21 * other", "other": "k12 * central - k21 * other"}


def linear_outputs(made: Program) -> set[str]:
    return {name for name, inside in zip(made.outputs, made.linear, strict=True) if inside}


def test_linear_equations_are_found_whatever_they_look_like() -> None:
    written = {
        "central": "k21 * (other - 0 * central) - central * k - k12 * (central + central) / 2",
        "other": "k12 * central * V / V - sqrt(k21 ** 2) * other",
    }
    for odes in (LINEAR, written):
        made = program(odes)
        assert made.is_linear
        assert sorted((row, column) for row, column, _ in made.entries) == [(0, 0), (0, 1), (1, 0), (1, 1)]
        values = made.values({name: 0.5 + number for number, name in enumerate(UNITS)}, {}, 2)
        matrix = np.zeros((2, 2, 2))
        for row, column, at in made.entries:
            matrix[row, column] += values[at]
        k, k12, k21 = 0.5, 1.5, 2.5
        assert matrix[..., 0] == pytest.approx(np.array([[-k - k12, k21], [k12, -k21]]), rel=1e-14)
        assert np.array_equal(matrix[..., 0], matrix[..., 1])


@pytest.mark.parametrize(
    "equation",
    [
        "-Vmax * (central / V) / (Km + central / V)",
        "-k * central * central / V / Km",
        "-k * central * t / when",
        "-k * central * step(t - when)",
        "kin - k * central",
        "-k * max(central, 0 * central) * exp(-central / V / Km)",
        "-k * central + kin * exp(-central / V / Km)",
    ],
    ids=["saturable", "square", "time", "step", "constant", "exponential", "at nothing"],
)
def test_what_is_not_linear_takes_steps(equation: str) -> None:
    made = program({"central": equation})
    assert made.linear == (False,)
    assert made.entries == ()
    assert made.keys == ("",)
    assert not made.is_linear


def test_a_starting_value_takes_steps() -> None:
    assert program(LINEAR).is_linear
    started = program(LINEAR, states='[states.other]\ninitial = "kin / k"\n')
    assert linear_outputs(started) == set()


def test_the_linear_part_is_the_largest_that_reads_nothing_else() -> None:
    """A chain a -> b -> c whose c feeds back to nothing; d reads what is not linear, e reads only a."""
    odes = {
        "a": "-k * a",
        "b": "k * a - k12 * b",
        "c": "k12 * b - Vmax * (c / V) / (Km + c / V)",
        "d": "k * c - k21 * d",
        "e": "k * d - k21 * e",
        "f": "k * a - k21 * f",
    }
    made = program(odes)
    assert linear_outputs(made) == {"a", "b", "f"}
    assert {row for row, _, _ in made.entries} == {0, 1, 5}
    assert [bool(key) for key in made.keys] == [True, True, False, False, False, True]


def test_feedback_makes_all_of_a_circle_nonlinear() -> None:
    odes = {
        "a": "-k * a + k21 * c",
        "b": "k * a - k12 * b",
        "c": "k12 * b - k21 * c * exp(-c / V / Km)",
        "d": "-k * d",
    }
    assert linear_outputs(program(odes)) == {"d"}


def test_an_output_is_linear_by_itself() -> None:
    """Of linear states: a weighted sum is, a product or a constant beside it is not."""
    outputs = {
        "sum": ("central / V + k * other / k12 / V", "mg/L"),
        "difference": ("central - other", "mg"),
        "product": ("central * other / V", "mg**2/L"),
        "shifted": ("central + Km * V", "mg"),
        "clock": ("central * t / when", "mg"),
        "cut": ("max(central, other)", "mg"),
        "nothing": ("0 * central", "mg"),
    }
    made = program(LINEAR, outputs)
    assert linear_outputs(made) == {"sum", "difference", "nothing"}
    values = made.values({name: 0.5 + number for number, name in enumerate(UNITS)}, {}, 1)[:, 0]
    weights = {state: values[at] for state, at in made.weights[0]}
    assert weights == pytest.approx({0: 1 / 3.5, 1: 0.5 / 1.5 / 3.5})
    assert made.weights[made.outputs.index("product")] == ()


def test_losses_written_alike_have_one_key() -> None:
    made = program({"a": "-k * a", "b": "k * a - k * b", "c": "k * b - k12 * c"})
    assert made.keys[0] == made.keys[1] != made.keys[2]


def test_a_model_is_compiled_once() -> None:
    model = pkpd.load("two-compartment-oral")
    assert compiled(model) is compiled(model)


@pytest.mark.parametrize("name", [*library.names("pk"), *library.names("generic")])
def test_models_of_the_library_are_what_they_seem(name: str) -> None:
    """Those with saturation, induction, binding, a response or time in them take steps, all others none."""
    nonlinear = ("michaelis", "induction", "target", "response", "gamma", "flint2017")
    assert compiled(pkpd.load(name)).is_linear != any(word in name for word in nonlinear)


# Effect sites


def with_relief(model: Model) -> Program:
    return compiled(model.with_effects(pkpd.load_effect("fast-relief")))


def test_a_site_of_a_linear_output_is_linear() -> None:
    made = with_relief(pkpd.load("kamp2020-ketamine"))
    (site,) = made.sites
    assert made.outputs[-1] == made.states[-1] == site.name
    assert made.is_linear
    number = len(made.states) - 1
    subjects = pkpd.simulate(made.model, "no treatment", times=["0 h"]).individuals
    values = subjects.system_values()[:, 0]
    row = {column: values[at] for line, column, at in made.entries if line == number}
    rate = math.log(2) / float(np.asarray(subjects.named(f"half-life of {site.name}")).reshape(-1)[0])
    assert row[number] == pytest.approx(-rate, rel=1e-14)
    driving = {state: values[at] for state, at in made.weights[made.outputs.index(site.analyte)]}
    assert {state: rate * weight for state, weight in driving.items()} == pytest.approx(
        {state: value for state, value in row.items() if state != number}, rel=1e-14
    )
    assert made.weights[-1][0][0] == number
    assert values[made.weights[-1][0][1]] == 1.0


def test_a_site_of_another_output_takes_steps() -> None:
    analyte = pkpd.load_effect("fast-relief").driver
    assert analyte is not None
    model = bare_model(
        {"central": "-Vmax * (central / V) / (Km + central / V)", "linear": "-k * linear"},
        UNITS,
        {analyte.analyte: ("central / V", "mg/L"), "other": ("linear / V", "mg/L")},
        {"iv": "central"},
    )
    made = with_relief(model)
    assert linear_outputs(made) == {"other"}
    assert made.states[-1].startswith("site of")
    assert made.weights[-1] == ()


def test_an_effect_is_driven_by_its_site_or_the_analyte_itself() -> None:
    made = with_relief(pkpd.load("kamp2020-ketamine"))
    effect = made.model.effects[0]
    assert made.site_of(effect) == "site of fast-relief"
    placebo = pkpd.load_effect("placebo-response")
    with pytest.raises(SimulationError, match="placebo-response has no concentration"):
        made.site_of(placebo)
