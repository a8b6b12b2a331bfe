"""The arithmetic of model files: what is read, what is refused; values, derivatives and dimensions."""

from __future__ import annotations

import ast
import math
import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd import units
from pkpd.errors import ModelFileError, UnknownName
from pkpd.model.expressions import Expression, Number, describe, named

VALUES = {"a": 1.3, "b": 0.7, "c": 2.9, "x": 1.7}


def formulas(depth: int = 4) -> st.SearchStrategy[str]:
    """Texts of the allowed grammar whose values stay finite for positive names."""
    leaf = st.sampled_from(["a", "b", "c", "x", "1", "2", "3"])

    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        binary = st.builds(lambda p, op, q: f"({p} {op} {q})", inner, st.sampled_from(["+", "-", "*", "/"]), inner)
        power = st.builds(lambda p, n: f"({p}) ** {n}", inner, st.sampled_from(["2", "3", "-1", "(1 / 2)"]))
        call = st.builds(lambda f, p: f"{f}({p})", st.sampled_from(["exp", "log", "sqrt"]), inner)
        many = st.builds(lambda f, p, q: f"{f}({p}, {q})", st.sampled_from(["min", "max"]), inner, inner)
        minus = inner.map(lambda p: f"-({p})")
        return st.one_of(binary, binary, power, call, many, minus)

    return st.recursive(leaf, extend, max_leaves=2**depth)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a + b * c", 1.3 + 0.7 * 2.9),
        ("-a ** 2", -(1.3**2)),
        ("a ** b ** 2", 1.3 ** (0.7**2)),
        ("a - b - c", 1.3 - 0.7 - 2.9),
        ("a / b / c", 1.3 / 0.7 / 2.9),
        ("exp(log(a)) + sqrt(b ** 2)", 2.0),
        ("min(a, b, c) + max(a, b, c)", 3.6),
        ("  12 *\n a ", 15.6),
    ],
)
def test_value(text: str, value: float) -> None:
    result = Expression.read(text).evaluate(VALUES)
    assert type(result) is float
    assert result == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(("at", "value"), [(-1e-300, 0.0), (0.0, 1.0), (-0.0, 1.0), (3.0, 1.0)])
def test_a_step_is_one_from_zero_on(at: float, value: float) -> None:
    assert Expression.read("step(x)").evaluate({"x": at}) == value
    assert Expression.read("step(x)").derivative("x").is_zero


def test_value_of_arrays_broadcasts() -> None:
    result = Expression.read("a * x / (x + b)").evaluate(
        {"a": 2.0, "b": np.array([[1.0], [2.0]]), "x": np.array([1.0, 3.0])}
    )
    np.testing.assert_allclose(result, [[1.0, 1.5], [2 / 3, 1.2]])


def test_value_without_a_name() -> None:
    with pytest.raises(UnknownName, match='name "CL" is not known.*Did you mean "CL1"'):
        Expression.read("CL / V1").evaluate({"CL1": 1.0, "V1": 2.0})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a % b", 'column 3: "%" is not allowed. Allowed: \\+ - \\* / \\*\\* \\( \\)'),
        ("a // b", "// is not allowed"),
        ("a +", "cannot be read"),
        ("", "cannot be read"),
        ("a b", "cannot be read"),
        ("0.5 * a", "column 1: the number 0.5 stands in an expression; give it a name, a source and a mark"),
        ("a * 13", "column 5: the number 13"),
        ("1e3", "the number 1000.0"),
        ("2(a)", '"2" is not a function; a product needs \\*'),
        ("tan(a)", '"tan" is not a function'),
        ("a.real", "a dot after a name is not allowed"),
        ("a.__class__()", "is not a function"),
        ("exp(a, b)", "exp takes one argument"),
        ("min(a)", "min takes two or more arguments"),
        ("exp + a", '"exp" is a function and needs an argument'),
        ("a, b", "a comma outside a function"),
        ("a if b else c", "if is not allowed"),
        ("a and b", "and/or is not allowed"),
        ("not a", "not is not allowed"),
        ("+a", "a plus sign is not allowed"),
        ("lambda", "cannot be read"),
        ("exp(*a)", "a star is not allowed"),
        ("True", "the number True"),
        ("a[1]", 'column 2: "\\['),
        ("'a'", "is not allowed"),
        ("αβ", "is not allowed"),
        ("a = b", '"=" is not allowed'),
        ("(" * 90 + "a" + ")" * 90, ""),
    ],
)
def test_refused(text: str, what: str) -> None:
    if not what:  # parentheses alone are no depth
        assert Expression.read(text).names == {"a"}
        return
    with pytest.raises(ModelFileError, match=what):
        Expression.read(text, "here")


def test_place_and_column_after_a_line_break() -> None:
    with pytest.raises(ModelFileError, match=r"^m.toml line 3: .* column 8: "):
        Expression.read("  a +\n % b", "m.toml line 3")


@pytest.mark.parametrize(
    "text",
    [
        "a" * 3000,
        "-" * 1500 + "a",
        "(" * 900 + "a" + ")" * 900,
        "+".join(["a"] * 500),
        "exp(" * 300 + "a" + ")" * 300,
        "a**" * 400 + "a",
    ],
)
def test_nothing_hangs(text: str) -> None:
    with pytest.raises(ModelFileError):
        Expression.read(text)


@pytest.mark.parametrize(
    "text",
    [
        "+".join(["a"] * 58),
        "*".join(["a"] * 58),
        "exp(" * 50 + "a" + ")" * 50,
        "a**" * 50 + "a",
        "min(a,x*" * 15 + "a" + ")" * 15,
        "/".join(["a"] * 50),
        "12**12**12**12 + a",
    ],
)
def test_deep_expressions_go_all_the_way(text: str) -> None:
    expression = Expression.read(text)
    expression.evaluate(VALUES)
    assert isinstance(expression.derivative("a").key, str)


def test_substitution_has_a_limit() -> None:
    grown = Expression.read("a * a")
    with pytest.raises(ModelFileError, match="grows too large"):
        for _ in range(20):
            grown = grown.substitute({"a": grown})


@pytest.mark.parametrize(
    ("text", "derivative"),
    [
        ("-(CL/V1)*x - (Q2/V1)*x + (Q2/V2)*y", "-(CL / V1) - Q2 / V1"),
        ("CL / V1 * x", "CL / V1"),
        ("CL * x / V1", "CL / V1"),
        ("3 * x - 2 * x", "1"),
        ("k * (x - y)", "k"),
        ("x", "1"),
        ("x ** 1", "1"),
        ("x ** 2", "2 * x"),
        ("k", "0"),
        ("--x", "1"),
        ("-(-k * x)", "k"),
        ("0 * x + 1 * x", "1"),
    ],
)
def test_derivative(text: str, derivative: str) -> None:
    assert Expression.read(text).derivative("x").text == derivative


def test_derivative_of_a_saturable_term_depends_on_the_state() -> None:
    derivative = Expression.read("Vm * x / (Km + x)").derivative("x")
    assert derivative.depends_on({"x"})
    assert not derivative.depends_on({"y"})
    assert derivative.evaluate({"Vm": 3.0, "Km": 2.0, "x": 1.0}) == pytest.approx(3 * 2 / 9)


@pytest.mark.parametrize(("at", "slope"), [(-1.0, 0.0), (0.0, 3.0), (1e-6, 3.0), (2.0, 3.0), (5.0, 0.0)])
def test_derivative_of_min_and_max(at: float, slope: float) -> None:
    clipped = Expression.read("min(k * max(x, 0), 12)")
    assert clipped.derivative("x").evaluate({"x": at, "k": 3.0}) == slope


@settings(max_examples=300, deadline=None)
@given(formulas())
def test_derivative_agrees_with_differences(text: str) -> None:
    expression = Expression.read(text)
    values: dict[str, Number] = {**VALUES, "x": np.array([1.7, 1.7 + 1e-6, 1.7 - 1e-6, 1.7 + 2e-6, 1.7 - 2e-6])}
    here, up, down, up2, down2 = np.broadcast_to(expression.evaluate(values), (5,))
    with np.errstate(invalid="ignore"):
        slopes = np.array([(up - down) / 2e-6, (up2 - down2) / 4e-6, (up - here) / 1e-6])
    exact = float(expression.derivative("x").evaluate(VALUES))
    smooth = np.all(np.isfinite(slopes)) and np.ptp(slopes) < 1e-3 * (1 + abs(slopes[0]))
    if smooth and math.isfinite(exact) and abs(here) < 1e6:
        assert exact == pytest.approx(slopes[0], rel=1e-2, abs=1e-3 * (1 + abs(here)))


@settings(max_examples=200, deadline=None)
@given(formulas())
def test_key_keeps_the_value_and_is_stable(text: str) -> None:
    expression = Expression.read(text)
    again = Expression.of(ast.parse(expression.key, mode="eval").body)
    before, after = float(expression.evaluate(VALUES)), float(again.evaluate(VALUES))
    if math.isfinite(before) and math.isfinite(after) and abs(before) > 1e-9:
        assert after == pytest.approx(before, rel=1e-6, abs=1e-6)
    assert again.key == expression.key


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a + b", "b + a"),
        ("a - b", "-b + a"),
        ("a * b / c", "b / c * a"),
        ("a / b / c", "a / (c * b)"),
        ("a * (b / c)", "a * b / c"),
        ("-(a * b)", "b * -a"),
        ("min(a, b)", "min(b, a)"),
        ("(a + b) + c", "c + (b + a)"),
        ("1 * a + 0", "a"),
        ("a ** 1", "a"),
    ],
)
def test_equal_keys(first: str, second: str) -> None:
    assert Expression.read(first).key == Expression.read(second).key


@pytest.mark.parametrize(
    ("first", "second"), [("a - b", "b - a"), ("a / b", "b / a"), ("a ** b", "b ** a"), ("a", "-a")]
)
def test_different_keys(first: str, second: str) -> None:
    assert Expression.read(first).key != Expression.read(second).key


@pytest.mark.parametrize(("text", "zero"), [("0", True), ("a - a", True), ("0 * a", True), ("a", False), ("1", False)])
def test_is_zero(text: str, zero: bool) -> None:
    assert Expression.read(text).is_zero is zero


@settings(max_examples=200, deadline=None, derandomize=True)
@given(formulas(), formulas())
def test_a_formula_written_out_has_the_value_of_its_parts(outer: str, inner: str) -> None:
    part = Expression.read(inner).evaluate(VALUES)
    apart = Expression.read(outer).evaluate({**VALUES, "x": part})
    whole = Expression.read(outer).substitute({"x": Expression.read(inner)}).evaluate(VALUES)
    if math.isfinite(float(apart)) and math.isfinite(float(whole)) and abs(float(apart)) > 1e-9:
        assert whole == pytest.approx(apart, rel=1e-6, abs=1e-6)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(formulas(3), formulas(3))
def test_derivative_of_a_formula_written_out_follows_the_chain_rule(outer: str, inner: str) -> None:
    one, two = Expression.read(re.sub(r"\bx\b", "a", outer)), Expression.read(inner)
    slope = one.substitute({"a": two}).derivative("x").evaluate(VALUES)
    steps = one.derivative("a").evaluate({**VALUES, "a": two.evaluate(VALUES)}), two.derivative("x").evaluate(VALUES)
    if all(math.isfinite(float(value)) and abs(float(value)) < 1e8 for value in (slope, *steps)):
        assert slope == pytest.approx(steps[0] * steps[1], rel=1e-5, abs=1e-5)


def test_substitution_is_simultaneous() -> None:
    swapped = Expression.read("a - b").substitute({"a": Expression.read("b"), "b": Expression.read("a + 1")})
    assert swapped.evaluate({"a": 2.0, "b": 5.0}) == 5.0 - 3.0
    assert swapped.names == {"a", "b"}


DIMENSIONS = {
    name: units.analyse(unit)[1]
    for name, unit in {"CL": "L/h", "V": "L", "A": "mg", "W": "kg", "f": "", "k": "1/h", "C50": "ng/mL"}.items()
}


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("-(CL / V) * A", "mg/h"),
        ("A / V", "mg/L"),
        ("CL * (W / W) ** f", "L/h"),
        ("sqrt(A * A)", "mg"),
        ("V ** (1 / 2) * V ** (1 / 2)", "L"),
        ("exp(f) + 1", ""),
        ("max(A, 0)", "mg"),
        ("0 + A", "mg"),
        ("(A / V / C50) ** f", ""),
        ("k / k", ""),
        ("2 ** 3", ""),
        ("step(CL)", ""),
        ("k * step(A - 0)", "1/h"),
    ],
)
def test_dimension(text: str, unit: str) -> None:
    assert Expression.read(text).dimension(DIMENSIONS) == units.analyse(unit)[1]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("A + V", r'"A" is mg \(mass\) and "V" is L \(volume\); only like can be added'),
        ("1 - A", r'"1" is a plain number and "A" is mg \(mass\); only like can be subtracted'),
        ("max(CL, V)", "only like can be compared"),
        ("exp(A)", r'exp takes a plain number, but "A" is mg \(mass\)'),
        ("f ** A", 'an exponent is a plain number, but "A" is mg'),
        ("A ** f", 'may only have a constant exponent, not "f"'),
    ],
)
def test_dimension_refused(text: str, what: str) -> None:
    with pytest.raises(ModelFileError, match=f"^here: expression .*{what}"):
        Expression.read(text).dimension(DIMENSIONS, "here")


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("L/h", "L/h (clearance)"),
        ("", "a plain number"),
        ("L/kg", "L/kg"),
        ("1/h", "1/h (rate constant)"),
        ("ng/mL", "mg/L (concentration)"),
        ("mg^2", "mg^2"),
    ],
)
def test_describe(unit: str, words: str) -> None:
    assert describe(units.analyse(unit)[1]) == words
    assert named("time") == (("time", 1.0),)


def test_expressions_are_values() -> None:
    expression = Expression.read("a + b")
    assert expression == Expression.read("a + b")
    assert hash(expression) == hash(Expression.read(" a + b "))
    assert pickle.loads(pickle.dumps(expression)).evaluate(VALUES) == 2.0
