"""Compiled equations against the tape they are made from, and their factors against numpy."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pkpd.kernels import blocks
from pkpd.kernels.blocks import Blocks, Equations, elimination, jacobian
from pkpd.kernels.lanes import WIDE
from pkpd.kernels.tape import Tape

Floats = NDArray[np.float64]
LAST_DIGIT = 2.3e-16
SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


def called(made: Blocks, name: str, *rows: Floats) -> None:
    """One of the functions on three arrays of rows of WIDE numbers, changed in place."""
    assert all(row.shape[1] == WIDE and row.flags.c_contiguous for row in rows)
    SIGNATURE(made.address(name))(*(row.ctypes.data for row in rows))


class Case:
    """Random sparse equations of some states, WIDE subjects, and room for the functions."""

    def __init__(self, states: int, rng: np.random.Generator) -> None:
        tape = Tape()
        self.parameters = rng.uniform(0.2, 2.0, (4, WIDE))
        p = [tape.parameter(row) for row in range(4)]
        x = [tape.state(place) for place in range(states)]
        t = tape.time()
        terms: list[Callable[[int, int], int]] = [
            lambda a, b: tape.multiply(x[a], x[b]),
            lambda a, b: tape.divide(tape.multiply(p[0], x[a]), tape.add(p[1], x[b])),
            lambda a, b: tape.of_one("exp", tape.negative(tape.multiply(x[a], x[b]))),
            lambda a, b: tape.power(x[a], p[2]),
            lambda a, b: tape.multiply(tape.of_one("log", x[a]), tape.of_one("sqrt", x[b])),
            lambda a, b: tape.of_two("max", x[a], tape.multiply(t, x[b])),
            lambda a, b: tape.multiply(tape.power(t, tape.number(3)), x[b]),
        ]
        slopes = []
        for i in range(states):
            node = tape.negative(tape.multiply(p[3], x[i]))
            for _ in range(rng.integers(0, 3)):
                term = terms[rng.integers(len(terms))](*rng.integers(states, size=2).tolist())
                node = (tape.add if rng.random() < 0.5 else tape.subtract)(node, term)
            slopes.append(node)
        outputs = (tape.add(x[0], t), tape.divide(x[-1], p[1]))
        self.inputs = tuple(sorted(set(rng.integers(states, size=2).tolist())))
        self.equations = Equations(tape, tuple(slopes), outputs, (), self.inputs)
        self.made = blocks.build(self.equations)
        self.x = rng.uniform(0.3, 3.0, (states + 1, WIDE))  # the last row is the time
        self.rates = rng.uniform(0.0, 5.0, (len(self.inputs), WIDE))
        self.p = np.concatenate([tape.evaluate(self.made.fixed, self.parameters), self.rates])

    def expected(self, nodes: Sequence[int]) -> Floats:
        return self.equations.tape.evaluate(nodes, self.parameters, self.x[:-1], self.x[-1])

    def matrices(self) -> Floats:
        """(WIDE, states, states) J."""
        states = self.made.states
        found = np.zeros((WIDE, states, states))
        for (row, column), node in jacobian(self.equations.tape, self.equations.slopes).items():
            found[:, row, column] = self.expected([node])[0]
        return found


@pytest.fixture(scope="module", params=[1, 2, 3, 5, 8, 11, 15])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param, np.random.default_rng(request.param))


def test_slopes_with_what_is_put_in(case: Case) -> None:
    out = np.empty((case.made.states, WIDE))
    called(case.made, "slope", case.x, case.p, out)
    expected = case.expected(case.equations.slopes)
    for state, rate in zip(case.inputs, case.rates, strict=True):
        expected[state] += rate
    assert out == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_drift_is_the_slope_by_time(case: Case) -> None:
    tape = case.equations.tape
    out = np.empty((case.made.states, WIDE))
    called(case.made, "drift", case.x, case.p, out)
    assert out == pytest.approx(case.expected([tape.slope(node, tape.time()) for node in case.equations.slopes]))
    assert case.made.drifts == bool(out.any())


def test_outputs_read_only_the_states_that_are_watched(case: Case) -> None:
    out, again = np.empty((2, WIDE)), np.empty((2, WIDE))
    called(case.made, "read", case.x, case.p, out)
    assert out == pytest.approx(case.expected(case.equations.outputs), rel=1e-15)
    assert set(case.made.watched) == {0, case.made.states - 1}
    others = case.x.copy()
    others[1 : case.made.states - 1] = np.nan
    called(case.made, "read", others, case.p, again)
    assert np.array_equal(out, again)


@pytest.mark.parametrize("scale", [1e-3, 3.0, 1e6])
def test_factors_solve_the_newton_system(case: Case, scale: float) -> None:
    """Of s I - J with s from a thousandth (hardly ever met in a step) to a million times the rates."""
    states = case.made.states
    rng = np.random.default_rng(7)
    matrix = case.matrices()
    s = scale * np.abs(matrix).sum(axis=2).max(axis=1)
    f, b = rng.standard_normal((2, states, WIDE))
    w, solved = np.empty((case.made.factors, WIDE)), b.copy()
    w[0] = s
    called(case.made, "factorise", case.x, case.p, w)
    called(case.made, "solve", w, f, solved)
    newton = s[:, None, None] * np.eye(states) - matrix
    expected = np.linalg.solve(newton, (f + b).T[:, :, None])[:, :, 0].T
    if scale >= 3.0:
        assert solved == pytest.approx(expected, rel=1e-10, abs=1e-12 * np.abs(expected).max())
    # Without exchanging rows the residual grows by what the pivots are too small; here never far.
    residual = np.einsum("nij,jn->in", newton, solved) - (f + b)
    size = np.einsum("nij,jn->in", np.abs(newton), np.abs(solved)) + np.abs(f + b)
    assert np.all(np.abs(residual) <= 1e-9 * size.max(axis=0))


def test_lanes_do_not_see_each_other(case: Case) -> None:
    """Other subjects, even ones that are no numbers, change no bit of a subject."""
    out, again = np.empty((2, case.made.states, WIDE))
    called(case.made, "slope", case.x, case.p, out)
    x, p = case.x.copy(), case.p.copy()
    x[:, 1:], p[:, 1:] = np.nan, np.inf
    called(case.made, "slope", x, p, again)
    assert np.array_equal(out[:, 0], again[:, 0])


# The order of elimination


def _mammillary(peripherals: int) -> list[tuple[int, int]]:
    around = range(1, peripherals + 1)
    return [(0, n) for n in around] + [(n, 0) for n in around]


def _cascade(states: int) -> list[tuple[int, int]]:
    return [(n + 1, n) for n in range(states - 1)]


def _row_of_neighbours(states: int) -> list[tuple[int, int]]:
    return _cascade(states) + [(column, row) for row, column in _cascade(states)]


def _with_response(peripherals: int) -> list[tuple[int, int]]:
    """A mammillary model that drives a metabolite, an effect site and two responses."""
    n = peripherals + 1
    return [*_mammillary(peripherals), (n, 0), (n + 1, 0), (n + 2, n + 1), (n + 3, n), (n + 3, n + 1), (n + 2, n + 3)]


@pytest.mark.parametrize(
    ("states", "entries"),
    [(6, _mammillary(5)), (10, _cascade(10)), (9, _row_of_neighbours(9)), (7, _with_response(2)), (4, [])],
    ids=["mammillary", "cascade", "neighbours", "response", "nothing"],
)
def test_sparse_patterns_stay_as_they_are(states: int, entries: list[tuple[int, int]]) -> None:
    plan = elimination(states, entries)
    assert sorted(plan.order) == list(range(states))
    assert set(plan.place) == {*entries, *((n, n) for n in range(states))}
    assert sorted(plan.place.values()) == list(range(len(plan.place)))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(1, 12), st.data())
def test_every_entry_that_elimination_brings_in_has_its_place(states: int, data: st.DataObject) -> None:
    pairs = st.tuples(st.integers(0, states - 1), st.integers(0, states - 1))
    entries = data.draw(st.lists(pairs, max_size=3 * states))
    plan = elimination(states, entries)
    pattern = {*entries, *((n, n) for n in range(states))}
    left = list(plan.order)
    while left:
        pivot = left.pop(0)
        pattern |= {(p, q) for p in left for q in left if (p, pivot) in pattern and (pivot, q) in pattern}
    assert set(plan.place) == pattern


def test_a_system_without_entries_can_still_take_its_scale() -> None:
    tape = Tape()
    made = blocks.build(Equations(tape, (tape.parameter(0),), (tape.state(0),), (), ()))
    w, b = np.full((made.factors, WIDE), 4.0), np.full((1, WIDE), 3.0)
    x, p = np.zeros((2, WIDE)), np.ones((1, WIDE))
    called(made, "factorise", x, p, w)
    called(made, "solve", w, np.ones((1, WIDE)), b)
    assert np.array_equal(b, np.ones((1, WIDE)))
    assert not made.drifts


# Functions


@pytest.fixture(scope="module")
def functions() -> Callable[[str, Floats, Floats], Floats]:
    """A function of the tape, compiled, of two arrays of numbers."""
    tape = Tape()
    a, b = tape.state(0), tape.state(1)
    names = ("exp", "log", "sqrt", "step", "power", "min", "max")
    nodes = [tape.of_one(name, a) for name in names[:4]]
    nodes += [tape.power(a, b), tape.of_two("min", a, b), tape.of_two("max", a, b)]
    still = tape.number(0.0)
    made = blocks.build(Equations(tape, (still, still), tuple(nodes), (), ()))

    def function(name: str, x: Floats, y: Floats) -> Floats:
        size = -(-len(x) // WIDE) * WIDE
        rows = np.ones((2, size))
        rows[0, : len(x)], rows[1, : len(x)] = x, y
        found = np.empty(size)
        for at in range(0, size, WIDE):
            out = np.empty((len(nodes), WIDE))
            block = np.ascontiguousarray(np.vstack([rows[:, at : at + WIDE], np.zeros(WIDE)]))
            called(made, "read", block, np.empty((0, WIDE)), out)
            found[at : at + WIDE] = out[names.index(name)]
        return found[: len(x)]

    return function


def relative(found: Floats, expected: Sequence[float]) -> Floats:
    wanted = np.array(expected)
    size = np.where(wanted == 0, 1.0, np.abs(wanted))
    return np.asarray(np.abs(found - wanted) / size)


def test_exponentials(functions: Callable[[str, Floats, Floats], Floats]) -> None:
    x = np.random.default_rng(1).uniform(-700, 700, 4000)
    assert relative(functions("exp", x, x), [math.exp(v) for v in x]).max() < 2 * LAST_DIGIT


def test_logarithms(functions: Callable[[str, Floats, Floats], Floats]) -> None:
    rng = np.random.default_rng(2)
    x = np.concatenate([10 ** rng.uniform(-300, 300, 2000), rng.uniform(0.4, 2.5, 2000), [1.0, 5e-324, 1e-310, 1e308]])
    assert relative(functions("log", x, x), [math.log(v) for v in x]).max() < 2 * LAST_DIGIT
    ends = functions("log", np.array([0.0, -0.0, -1.0, np.inf, np.nan]), np.ones(5))
    assert np.array_equal(ends, [-np.inf, -np.inf, np.nan, np.inf, np.nan], equal_nan=True)


def test_powers(functions: Callable[[str, Floats, Floats], Floats]) -> None:
    """exp(y log x): an error of one digit in y log x is one of y log x digits in the power."""
    rng = np.random.default_rng(3)
    x, y = 10 ** rng.uniform(-12, 12, 4000), rng.uniform(-8, 8, 4000)
    allowed = LAST_DIGIT * (3 + np.abs(y * np.log(x)))
    assert np.all(relative(functions("power", x, y), [a**b for a, b in zip(x, y, strict=True)]) < allowed)
    near = rng.uniform(0.5, 2.0, 2000)
    assert relative(functions("power", near, y[:2000]), near ** y[:2000]).max() < 8 * LAST_DIGIT


def test_powers_at_their_ends(functions: Callable[[str, Floats, Floats], Floats]) -> None:
    cases = [
        (0, 2, 0), (0, 0, 1), (0, -1, np.inf), (-2, 0.5, 0), (-2, 2, 0), (-2, 0, 1), (1, 1e300, 1), (np.inf, -1, 0),
        (np.nan, 0.7, np.nan), (5e-324, 0.5, math.sqrt(5e-324)),
    ]  # fmt: skip
    x, y, expected = np.array(cases, float).T
    assert functions("power", x, y) == pytest.approx(expected, rel=1e-13, nan_ok=True)


@pytest.mark.parametrize("name", ["min", "max", "sqrt", "step"])
def test_simple_functions_are_those_of_numpy(name: str, functions: Callable[[str, Floats, Floats], Floats]) -> None:
    x = np.array([-1.0, 0.0, -0.0, 2.0, 3.0, np.inf, -np.inf, 1e-310])
    y = np.array([1.0, 2.0, 0.0, 2.0, -3.0, 1.0, 1.0, 0.0])
    with np.errstate(invalid="ignore"):
        expected = {
            "min": np.minimum(x, y), "max": np.maximum(x, y), "sqrt": np.sqrt(x), "step": (x >= 0).astype(float)
        }[name]  # fmt: skip
    assert np.array_equal(functions(name, x, y), expected, equal_nan=True)


@pytest.mark.parametrize("name", ["min", "max", "sqrt", "power", "exp", "log"])
def test_what_is_no_number_stays_none(name: str, functions: Callable[[str, Floats, Floats], Floats]) -> None:
    """So that a subject whose equations give none is seen to fail."""
    x, y = np.array([np.nan, 1.0]), np.array([0.7, np.nan])
    pairs = 2 if name in ("min", "max", "power") else 1
    assert np.isnan(functions(name, x, y)[:pairs]).all()
