"""The tape: values and derivatives of random expressions, shared nodes, folded numbers, what moves and what not."""

from __future__ import annotations

import cmath
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pkpd.kernels.tape import Tape

Floats = NDArray[np.float64]
Tree = tuple[Any, ...]

PARAMETERS, STATES, SUBJECTS = 3, 3, 2
STEP = 1e-30  # of the complex step
LARGEST = 1e3  # parts beyond it are left to other tests: their digits cancel

laws = settings(derandomize=True, deadline=None, max_examples=150)
leaves = st.one_of(
    st.sampled_from([-1.0, 0.0, 1.0, 2.0, 0.5, -3.0]).map(lambda value: ("number", value)),
    st.integers(0, PARAMETERS - 1).map(lambda row: ("parameter", row)),
    st.integers(0, STATES - 1).map(lambda place: ("state", place)),
    st.just(("time",)),
)


def _grown(parts: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    positive = parts.map(lambda part: ("add", ("number", 0.25), ("multiply", part, part)))
    return st.one_of(
        st.tuples(st.sampled_from(["add", "subtract", "multiply", "min", "max"]), parts, parts),
        st.tuples(st.sampled_from(["negative", "exp", "step"]), parts),
        st.tuples(st.sampled_from(["reciprocal", "log", "sqrt"]), positive),
        st.tuples(st.just("divide"), parts, positive),
        st.tuples(st.just("power"), positive, parts),
        st.tuples(st.just("power"), parts, st.integers(0, 5).map(lambda n: ("number", float(n)))),
    )


trees = st.recursive(leaves, _grown, max_leaves=10)
values = st.lists(st.floats(0.3, 2.0), min_size=10, max_size=10, unique=True)


class Setting(NamedTuple):
    """What leaves stand for, of one subject."""

    parameters: list[Any]
    states: list[Any]
    time: Any

    @classmethod
    def of(cls, numbers: list[float]) -> Setting:
        return cls(list(numbers[:3]), list(numbers[3:6]), numbers[6])


def put(tape: Tape, tree: Tree) -> int:
    kind, *parts = tree
    if kind in ("number", "parameter", "state"):
        return int(getattr(tape, kind)(parts[0]))
    if kind == "time":
        return tape.time()
    nodes = [put(tape, part) for part in parts]
    if kind in ("exp", "log", "sqrt", "step"):
        return tape.of_one(kind, *nodes)
    if kind in ("min", "max"):
        return tape.of_two(kind, *nodes)
    return int(getattr(tape, kind)(*nodes))


def plain(tree: Tree, setting: Setting, seen: list[float]) -> Any:
    """The value of an expression, complex or real, by Python's own arithmetic; notes the size of every part."""
    kind, *parts = tree
    if kind == "number":
        return parts[0]
    if kind in ("parameter", "state"):
        return (setting.parameters if kind == "parameter" else setting.states)[parts[0]]
    if kind == "time":
        return setting.time
    try:
        value = _operation(kind, [plain(part, setting, seen) for part in parts])
    except (OverflowError, ZeroDivisionError):
        value = float("inf")
    seen.append(abs(value))
    return value


def _operation(kind: str, parts: list[Any]) -> Any:
    a, b = parts[0], parts[-1]
    if kind in ("min", "max"):
        if complex(a).real == complex(b).real and a is not b:
            assume(complex(a).imag == complex(b).imag)  # a corner, where there is no derivative
        return (min if kind == "min" else max)(a, b, key=lambda value: complex(value).real)
    if kind == "step":
        assume(abs(a) > 1e-9 or complex(a).imag == 0)
        return 1.0 if complex(a).real >= 0 else 0.0
    simple = {"add": a + b, "subtract": a - b, "multiply": a * b, "negative": -a}
    if kind in simple:
        return simple[kind]
    if kind in ("exp", "log", "sqrt"):
        made = getattr(cmath, kind)(a)
        return made if isinstance(a, complex) else made.real
    if kind == "power":
        return a**b
    return 1 / a if kind == "reciprocal" else a / b


def evaluated(tape: Tape, nodes: list[int], setting: Setting) -> Floats:
    parameters, states = (np.array([column], float).T for column in (setting.parameters, setting.states))
    return tape.evaluate(nodes, parameters, states, setting.time)[:, 0]


@laws
@given(trees, values)
def test_values_are_those_of_plain_arithmetic(tree: Tree, numbers: list[float]) -> None:
    tape, setting, seen = Tape(), Setting.of(numbers), [1.0]
    expected = plain(tree, setting, seen)
    assume(max(seen) < LARGEST)
    assert evaluated(tape, [put(tape, tree)], setting)[0] == pytest.approx(expected, rel=1e-9, abs=1e-12 * max(seen))


@laws
@given(trees, values, st.integers(0, STATES))
def test_derivatives_are_those_of_a_complex_step(tree: Tree, numbers: list[float], by: int) -> None:
    tape, setting, seen = Tape(), Setting.of(numbers), [1.0]
    node = put(tape, tree)
    slope = tape.slope(node, tape.time() if by == STATES else tape.state(by))
    stepped = setting._replace(states=list(setting.states))
    if by == STATES:
        stepped = stepped._replace(time=setting.time + STEP * 1j)
    else:
        stepped.states[by] += STEP * 1j
    value = plain(tree, stepped, seen)
    assume(max(seen) < LARGEST)
    expected = complex(value).imag / STEP
    assume(abs(expected) < LARGEST)
    assert evaluated(tape, [slope], setting)[0] == pytest.approx(expected, rel=1e-7, abs=1e-9 * max(seen) ** 2)


@laws
@given(trees, values)
def test_numbers_folded_change_no_value(tree: Tree, numbers: list[float]) -> None:
    """The same expression with a parameter in place of every number but exponents."""
    known: list[float] = []

    def without_numbers(part: Tree, exponent: bool = False) -> Tree:
        kind, *parts = part
        if kind == "number" and not exponent:
            known.append(parts[0])
            return ("parameter", PARAMETERS + len(known) - 1)
        if kind in ("number", "parameter", "state", "time"):
            return part
        return (kind, *(without_numbers(one, kind == "power" and place == 1) for place, one in enumerate(parts)))

    tape, setting, seen = Tape(), Setting.of(numbers), [1.0]
    plain(tree, setting, seen)
    assume(max(seen) < LARGEST)
    open_tree = without_numbers(tree)
    nodes = [put(tape, tree), put(tape, open_tree)]
    folded, opened = evaluated(tape, nodes, setting._replace(parameters=setting.parameters + known))
    assert folded == pytest.approx(opened, rel=1e-9, abs=1e-12 * max(seen))


@laws
@given(trees)
def test_an_expression_written_twice_is_there_once(tree: Tree) -> None:
    tape = Tape()
    node = put(tape, tree)
    size = len(tape.nodes)
    assert put(tape, tree) == node
    assert len(tape.nodes) == size
    assert len(set(tape.nodes)) == size


def test_sums_and_products_do_not_know_their_order() -> None:
    tape = Tape()
    a, b = tape.state(0), tape.parameter(0)
    assert tape.add(a, b) == tape.add(b, a)
    assert tape.multiply(a, b) == tape.multiply(b, a)
    assert tape.subtract(a, tape.negative(b)) == tape.add(a, b)
    assert tape.divide(a, b) == tape.multiply(a, tape.reciprocal(b))
    assert tape.reciprocal(tape.reciprocal(a)) == a
    assert tape.negative(tape.negative(a)) == a


def test_what_adds_or_multiplies_nothing_is_left_out() -> None:
    tape = Tape()
    a, zero, one = tape.state(0), tape.number(0), tape.number(1)
    assert tape.add(a, zero) == tape.subtract(a, zero) == tape.multiply(one, a) == tape.divide(a, one) == a
    assert tape.value(tape.multiply(a, zero)) == tape.value(tape.subtract(a, a)) == 0
    assert tape.multiply(a, tape.number(-1)) == tape.subtract(zero, a) == tape.negative(a)
    assert tape.value(tape.add(tape.number(2), tape.number(3))) == 5
    assert tape.value(tape.power(a, zero)) == 1


def test_factors_that_do_not_move_meet() -> None:
    """k1 (k2 x) costs one multiplication in a step: k1 k2 is a fixed value."""
    tape = Tape()
    k1, k2, x = tape.parameter(0), tape.parameter(1), tape.state(0)
    node = tape.multiply(k1, tape.multiply(x, k2))
    assert node == tape.multiply(tape.multiply(k1, k2), x)
    assert tape.fixed([node]) == [tape.multiply(k1, k2)]


@laws
@given(trees)
def test_fixed_nodes_part_what_moves_from_what_does_not(tree: Tree) -> None:
    tape = Tape()
    node = put(tape, tree)
    fixed = tape.fixed([node])
    reached, waiting = set(), [node]
    while waiting:
        part = waiting.pop()
        reached.add(part)
        if part not in fixed:
            waiting += tape.parts(tape.nodes[part])
    assert set(fixed) <= reached  # none is there for nothing
    assert all(not tape.moves(part) for part in fixed)
    assert all(tape.moves(part) or part in fixed or tape.value(part) is not None for part in reached)
    ones = np.ones((PARAMETERS, SUBJECTS))
    one, other = (tape.evaluate(fixed, ones, np.full((STATES, SUBJECTS), size), size) for size in (0.5, 2.0))
    assert np.array_equal(one, other, equal_nan=True)
    assert np.array_equal(one, tape.evaluate(fixed, ones), equal_nan=True)  # no states needed


def test_every_subject_has_its_own_values() -> None:
    tape = Tape()
    node = tape.add(tape.multiply(tape.parameter(1), tape.state(0)), tape.time())
    parameters = np.array([[9.0, 9.0, 9.0], [1.0, 2.0, 3.0]])
    states, time = np.array([[10.0, 20.0, 30.0]]), np.array([0.1, 0.2, 0.3])
    found = tape.evaluate([node, tape.number(7), node], parameters, states, time)
    assert np.array_equal(found, [[10.1, 40.2, 90.3], [7, 7, 7], [10.1, 40.2, 90.3]])


# Powers, and functions with corners


@pytest.mark.parametrize("exponent", [*range(-5, 9), 15, 16, 31, 63, 64, -64])
@pytest.mark.parametrize("base", [-1.25, -1.0, 0.75, 1.0, 1.5])
def test_whole_powers_take_any_base(base: float, exponent: int) -> None:
    tape = Tape()
    node = tape.power(tape.state(0), tape.number(exponent))
    assert all(part.kind in ("number", "state", "multiply", "reciprocal") for part in tape.nodes)
    slope = tape.slope(node, tape.state(0))
    found = tape.evaluate([node, slope], np.empty((0, 1)), np.array([[base]]))[:, 0]
    assert found == pytest.approx([base**exponent, exponent * base ** (exponent - 1)], rel=1e-13)


@pytest.mark.parametrize(
    ("base", "exponent", "expected"),
    [
        (2.0, 65.0, 2.0**65), (2.0, 0.3, 2**0.3), (-2.0, 65.0, 0.0), (-2.0, 0.3, 0.0), (0.0, 0.3, 0.0),
        (0.0, 0.0, 1.0), (0.0, -0.3, np.inf), (-1.0, 0.0, 1.0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("of", ["number", "parameter"])
def test_other_powers_take_a_base_below_nothing_as_nothing(
    base: float, exponent: float, expected: float, of: str
) -> None:
    tape = Tape()
    node = tape.power(tape.state(0), tape.number(exponent) if of == "number" else tape.parameter(0))
    found = tape.evaluate([node], np.array([[exponent]]), np.array([[base]]))[0, 0]
    assert found == pytest.approx(expected, rel=1e-14)


def test_a_root_is_a_root() -> None:
    tape = Tape()
    node = tape.power(tape.state(0), tape.number(0.5))
    assert tape.nodes[node].kind == "sqrt"
    slope = tape.slope(node, tape.state(0))
    assert tape.evaluate([node, slope], np.empty((0, 1)), np.array([[6.25]]))[:, 0] == pytest.approx([2.5, 0.2])


@pytest.mark.parametrize("exponent", [0.3, 0.5, 1.7, 2.0])
def test_a_power_of_nothing_has_a_slope_that_is_a_number(exponent: float) -> None:
    """An infinite one would turn the Newton matrix to no numbers wherever a state is 0."""
    tape = Tape()
    for node in (
        tape.power(tape.state(0), tape.parameter(0)),
        tape.power(tape.state(0), tape.number(exponent)),
    ):
        slope = tape.slope(node, tape.state(0))
        assert tape.evaluate([slope], np.array([[exponent]]), np.zeros((1, 1)))[0, 0] == 0.0


@pytest.mark.parametrize("kind", ["min", "max"])
@pytest.mark.parametrize("x", [-1.0, 1.0, 3.0])
def test_min_and_max_follow_the_one_they_take(kind: str, x: float) -> None:
    tape = Tape()
    state = tape.state(0)
    square, one = tape.multiply(state, state), tape.number(1.0)
    node = tape.of_two(kind, square, tape.add(state, one))
    takes_square = (x * x < x + 1) == (kind == "min")
    found = tape.evaluate([node, tape.slope(node, state)], np.empty((0, 1)), np.array([[x]]))[:, 0]
    assert found.tolist() == ([x * x, 2 * x] if takes_square else [x + 1, 1.0])
    assert tape.of_two(kind, square, square) == square


@pytest.mark.parametrize(("x", "expected"), [(-1e-300, 0.0), (-0.0, 1.0), (0.0, 1.0), (2.0, 1.0)])
def test_a_step_begins_at_nothing_and_does_not_rise(x: float, expected: float) -> None:
    tape = Tape()
    node = tape.of_one("step", tape.time())
    assert tape.evaluate([node], np.empty((0, 1)), time=x)[0, 0] == expected
    assert tape.value(tape.slope(node, tape.time())) == 0
    assert tape.value(tape.of_one("step", tape.number(x))) == expected


def test_what_is_no_number_is_not_folded() -> None:
    tape = Tape()
    for node in (
        tape.reciprocal(tape.number(0)),
        tape.of_one("log", tape.number(0)),
        tape.of_one("sqrt", tape.number(-1)),
        tape.of_one("exp", tape.number(1000)),
    ):
        assert tape.value(node) is None
        assert not np.isfinite(tape.evaluate([node], np.empty((0, 1)))).any()


def test_long_sums_are_differentiated_without_recursion() -> None:
    tape = Tape()
    node = tape.state(0)
    for _ in range(20_000):
        node = tape.add(tape.multiply(tape.state(0), tape.parameter(0)), tape.of_one("sqrt", node))
    slope = tape.slope(node, tape.state(0))
    found = tape.evaluate([slope], np.array([[0.5]]), np.array([[2.0]]))[0, 0]
    level = (1 + np.sqrt(5)) / 2  # of y = 1 + sqrt(y), y = level ** 2
    assert found == pytest.approx(0.5 / (1 - 1 / (2 * level)), rel=1e-12)
