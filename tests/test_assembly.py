"""Equations put together for the stepping kernels, against the model's own expressions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from structure_runs import bare

import pkpd
from pkpd.assembly import Assembled, assemble
from pkpd.model import library
from pkpd.model.model import Model
from pkpd.model.program import TIME, compiled

Floats = NDArray[np.float64]
SUBJECTS = 3


def values_of(model: Model, names: tuple[str, ...], seed: int) -> dict[str, Floats]:
    """A number for every parameter and derived parameter of a model, and the half-lives of its sites."""
    rng = np.random.default_rng(seed)
    found: dict[str, Any] = {name: rng.uniform(0.5, 2.0, SUBJECTS) for name in (*model.covariates, *model.parameters)}
    for name, expression in model.derived.items():
        found[name] = np.broadcast_to(expression.evaluate(found), SUBJECTS)
    return found | {name: rng.uniform(0.5, 2.0, SUBJECTS) for name in names if name not in found}


def evaluated(
    made: Assembled, nodes: tuple[int, ...], values: dict[str, Floats], states: Floats | None, time: float = 0.0
) -> Floats:
    table = np.array([values[name] for name in made.parameters]).reshape(-1, SUBJECTS)
    return made.equations.tape.evaluate(nodes, table, states, time)


@pytest.mark.parametrize("name", [*library.names("generic"), "kamp2020-ketamine", "simons2022-s-ketamine"])
def test_equations_are_the_models_own(name: str) -> None:
    model = pkpd.load(name)
    program = compiled(model)
    made = assemble(program, program.outputs, ())
    values = values_of(model, made.parameters, 1)
    states = np.random.default_rng(2).uniform(0.5, 3.0, (len(made.states), SUBJECTS))
    known = {**values, **dict(zip(made.states, states, strict=True)), TIME: 0.75}
    for row, state in enumerate(made.states):
        expected = model.states[state].equation.evaluate(known)
        found = evaluated(made, made.equations.slopes[row : row + 1], values, states, 0.75)[0]
        assert found == pytest.approx(np.broadcast_to(expected, SUBJECTS), rel=1e-12)
        start = model.states[state].initial
        begun = evaluated(made, made.equations.initial[row : row + 1], values, None)[0]
        assert begun == pytest.approx(np.broadcast_to(start.evaluate(values) if start else 0.0, SUBJECTS), rel=1e-13)
    read = evaluated(made, made.equations.outputs, values, states, 0.75)
    for row, output in zip(read, program.outputs, strict=True):
        expected = model.outputs[output].expression.evaluate(known)
        assert row == pytest.approx(np.broadcast_to(expected, SUBJECTS), rel=1e-12)


def test_effect_sites_follow_their_analyte() -> None:
    """Ce' = ln 2 / half-life (C - Ce)."""
    model = pkpd.load("kamp2020-ketamine").with_effects(pkpd.load_effect("fast-relief"))
    program = compiled(model)
    (site,) = program.sites
    made = assemble(program, (site.name, site.analyte), ())
    assert made.states[-1] == site.name
    values = values_of(model, made.parameters, 3)
    states = np.random.default_rng(4).uniform(0.5, 3.0, (len(made.states), SUBJECTS))
    level = evaluated(made, made.equations.outputs[1:], values, states)[0]
    rate = math.log(2) / values[f"half-life of {site.name}"]
    found = evaluated(made, made.equations.slopes[-1:], values, states)[0]
    assert found == pytest.approx(rate * (level - states[-1]), rel=1e-13)
    assert np.array_equal(evaluated(made, made.equations.outputs[:1], values, states)[0], states[-1])


UNITS = {"k": "1/h", "V": "L", "Vmax": "mg/h", "Km": "mg/L", "kin": "mg/h", "start": "mg", "unused": "L"}
CHAIN = bare(
    '[states.last]\ninitial = "start"\n[odes]\na = "-k * a"\nb = "k * a - Vmax * (b / V) / (Km + b / V)"\n'
    'aside = "k * b - k * aside"\nlast = "kin - k * last * b / (b + start)"\n',
    UNITS,
    {"b": ("b / V", "mg/L"), "aside": ("aside", "mg"), "last": ("last", "mg"), "a": ("a", "mg")},
    into="a",
)


@pytest.mark.parametrize(
    ("outputs", "inputs", "states"),
    [
        (("a",), (), ("a",)),
        (("b",), (), ("a", "b")),
        (("aside",), (), ("a", "b", "aside")),
        (("last",), (), ("a", "b", "last")),
        (("last", "aside"), (), ("a", "b", "aside", "last")),
        (("a",), ("aside",), ("a", "b", "aside")),
    ],
)
def test_states_that_nothing_asks_for_are_left_out(
    outputs: tuple[str, ...], inputs: tuple[str, ...], states: tuple[str, ...]
) -> None:
    """In the program's order; a dosed state stays, and so does what it reads."""
    made = assemble(compiled(CHAIN), outputs, inputs)
    assert made.states == states
    assert made.equations.inputs == tuple(states.index(name) for name in inputs)
    assert len(made.equations.slopes) == len(made.equations.initial) == len(states)
    assert "unused" not in made.parameters
    assert ("start" in made.parameters) == ("last" in states)
    assert len(set(made.parameters)) == len(made.parameters)


def test_parts_that_stand_in_several_equations_are_there_once() -> None:
    model = bare(
        '[formulas]\nC = "a / V"\ngone = "Vmax * C / (Km + C)"\n'
        '[odes]\na = "-gone"\nb = "gone - k * b"\nc = "gone - k * c"\n',
        UNITS,
        {"all": ("a + b + c + gone / k", "mg")},
        into="a",
    )
    equations = assemble(compiled(model), ("all",), ("a",)).equations
    tape = equations.tape
    needed = [tape.nodes[node] for node in tape.needed([*equations.slopes, *equations.outputs])]
    assert sum(node.kind == "reciprocal" and tape.moves(int(node.first)) for node in needed) == 1


def test_time_is_the_time() -> None:
    model = bare('[odes]\na = "-k * a * t * k"\n', UNITS, {"a": ("a + start * exp(-k * t)", "mg")}, into="a")
    made = assemble(compiled(model), ("a",), ("a",))
    assert TIME not in made.parameters
    values, states = dict.fromkeys(("k", "start"), np.full(SUBJECTS, 0.5)), np.full((1, SUBJECTS), 4.0)
    assert evaluated(made, made.equations.slopes, values, states, 3.0)[0] == pytest.approx(-3.0)
    assert evaluated(made, made.equations.outputs, values, states, 3.0)[0] == pytest.approx(4 + 0.5 * math.exp(-1.5))


def test_equations_are_put_together_once() -> None:
    program = compiled(CHAIN)
    assert assemble(program, ("a",), ("a",)) is assemble(program, ("a",), ("a",))


# Every kind of expression

_numbers = st.floats(0.3, 3.0)
_texts = st.recursive(
    st.sampled_from(["x", "y", "p", "q", "2", "3"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda part: f"(-{part})"),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]} / (1 + {parts[1]} ** 2))"),
        st.tuples(inner, st.sampled_from(["2", "3", "0", "1"])).map(lambda parts: f"({parts[0]} ** {parts[1]})"),
        inner.map(lambda part: f"((1 + {part} ** 2) ** p)"),
        st.tuples(st.sampled_from(["exp(-{} ** 2)", "log(1 + {} ** 2)", "sqrt(2 + {} ** 2)", "step({})"]), inner).map(
            lambda parts: parts[0].format(parts[1])
        ),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(
            lambda parts: f"{parts[0]}({parts[1]}, {parts[2]})"
        ),
        st.tuples(inner, inner, inner).map(lambda parts: f"max({', '.join(parts)})"),
    ),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(_texts, st.lists(_numbers, min_size=4, max_size=4))
def test_expressions_mean_what_python_means(text: str, numbers: list[float]) -> None:
    model = bare(
        '[states.x]\nunit = "1"\n[states.y]\nunit = "1"\n[odes]\n'
        f'x = "k * {text}"\ny = "k * y"\ndosed = "-k * dosed"\n',
        {"p": "1", "q": "1", "k": "1/h"},
        {"x": (text, "1")},
        into="dosed",
    )
    made = assemble(compiled(model), ("x",), ())
    x, y, p, q = numbers
    functions = {
        "exp": math.exp, "log": math.log, "sqrt": math.sqrt, "min": min, "max": max, "step": lambda a: float(a >= 0)
    }  # fmt: skip
    expected = float(eval(text, functions, {"x": x, "y": y, "p": p, "q": q}))
    values = {"p": np.full(SUBJECTS, p), "q": np.full(SUBJECTS, q), "k": np.full(SUBJECTS, 2.0)}
    rows = np.array([[{"x": x, "y": y, "dosed": 0.0}[name]] * SUBJECTS for name in made.states]).reshape(-1, SUBJECTS)
    found = evaluated(made, made.equations.outputs, values, rows)[0]
    assert found == pytest.approx(np.full(SUBJECTS, expected), rel=1e-10, abs=1e-10 * max(1.0, abs(expected)))
    if "x" in made.states:
        slope = evaluated(made, (made.equations.slopes[made.states.index("x")],), values, rows)[0]
        assert slope == pytest.approx(2 * found, rel=1e-10, abs=1e-10)
