"""The explicit method: its coefficients, order conditions, estimates, and its steps in lanes against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray
from order_conditions import defects, trees
from scipy.integrate import solve_ivp
from scipy.integrate._ivp import dop853_coefficients as published

from pkpd.kernels import blocks, dormandprince, seats
from pkpd.kernels.blocks import NAMES, Equations
from pkpd.kernels.dormandprince import DEGREE, FIFTH, HIGHER, STAGE_COUNT, THIRD, TIMES, A
from pkpd.kernels.lanes import WIDE, load_wide, store
from pkpd.kernels.tape import Tape

Floats = NDArray[np.float64]

B = np.append(A[12, :12], np.zeros(4))


def dense(u: float) -> Floats:
    """Weights of the slopes in the dense output."""
    first, last = np.eye(16)[0], np.eye(16)[12]
    parts = [B, first - B, 2 * B - last - first, *HIGHER]
    total = np.zeros(16)
    for place in range(DEGREE - 1, -1, -1):
        total = total * (u if place % 2 == 1 else 1 - u) + parts[place]
    return u * total


def test_coefficients_are_the_published_ones() -> None:
    assert np.array_equal(A, published.A)
    assert np.array_equal(TIMES, published.C)
    assert np.array_equal(A[12, :12], published.B)
    assert np.array_equal(FIFTH, published.E5)
    assert np.array_equal(THIRD, published.E3)
    assert np.array_equal(HIGHER, published.D)


def test_stages_know_their_times() -> None:
    assert A.sum(axis=1) == pytest.approx(TIMES, abs=1e-14)


@pytest.mark.parametrize("order", range(1, 9))
def test_order_conditions(order: int) -> None:
    assert len(trees(order)) == [1, 1, 2, 4, 9, 20, 48, 115][order - 1]
    assert defects(order, B, A, A) == pytest.approx(0, abs=1e-11)


def test_the_order_is_eight_and_not_more() -> None:
    assert np.abs(defects(9, B, A, A)).max() > 1e-4


@pytest.mark.parametrize("u", [0.0, 0.15, 0.5, 0.8, 1.0])
def test_order_conditions_of_the_dense_output(u: float) -> None:
    for order in range(1, 8):
        assert defects(order, dense(u), A, A, u) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize(("estimate", "order"), [(FIFTH, 5), (THIRD, 3)])
def test_estimates_see_what_their_order_does_not(estimate: Floats, order: int) -> None:
    b = np.append(estimate, np.zeros(3))
    for lower in range(1, order + 1):
        assert defects(lower, b, A, A, 0.0) == pytest.approx(0, abs=1e-11)
    assert np.abs(defects(order + 1, b, A, A, 0.0)).max() > 1e-4


# A nonlinear system in which the time stands


def slope(t: float, y: Floats) -> Floats:
    return np.array([-y[0] * y[1] + t**3, y[0] ** 2 - 0.5 * y[1] * t])


def system() -> Equations:
    tape = Tape()
    x, y, t = tape.state(0), tape.state(1), tape.time()
    slopes = (
        tape.subtract(tape.power(t, tape.number(3)), tape.multiply(x, y)),
        tape.subtract(tape.multiply(x, x), tape.multiply(tape.number(0.5), tape.multiply(y, t))),
    )
    return Equations(tape, slopes, (x, y), (), ())


START = np.array([1.0, 0.4])
BEGIN = 0.25


def exactly(t: float) -> Floats:
    return np.asarray(solve_ivp(slope, (BEGIN, t), START, "DOP853", rtol=3e-14, atol=1e-15).y[:, -1])


def slopes_of(t: float, y: Floats, h: float) -> Floats:
    """(16, states) slopes of one step in numpy."""
    k = np.zeros((16, len(y)))
    for s in range(16):
        k[s] = slope(t + TIMES[s] * h, y + h * (A[s] @ k))
    return k


def test_observed_order() -> None:
    errors = []
    for count in (6, 12):
        y, h = START, 2.0 / count
        for n in range(count):
            y = y + h * (B @ slopes_of(BEGIN + n * h, y, h))
        errors.append(float(np.abs(y - exactly(BEGIN + 2.0)).max()))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(8, abs=1)
    assert errors[1] < 1e-7


def test_observed_order_within_a_step() -> None:
    """An error of order 8 after one step."""
    errors = []
    for h in (0.8, 0.4):
        k = slopes_of(BEGIN, START, h)
        shares = (0.3, 0.6, 0.85)
        errors.append(max(np.abs(START + h * (dense(u) @ k) - exactly(BEGIN + u * h)).max() for u in shares))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(8, abs=1)


def test_a_step_is_scipys() -> None:
    """With the dense output: scipy's solver, made to take one step of the length it is told."""
    h = 0.125
    made = solve_ivp(slope, (BEGIN, BEGIN + h), START, "DOP853", first_step=h, rtol=1, atol=1, dense_output=True)
    assert len(made.t) == 2
    k = slopes_of(BEGIN, START, h)
    for u in (0.25, 0.5, 1.0):
        assert START + h * (dense(u) @ k) == pytest.approx(made.sol(BEGIN + u * h), rel=1e-14)


@njit
def _lanes_step(code, states, at, rows, out):  # type: ignore[no-untyped-def]
    time, h = load_wide(rows, at[seats.TIME]), load_wide(rows, at[seats.STEP])
    dormandprince.try_step(code, states, at, rows, time, h)
    dormandprince.make_dense(states, np.arange(states), at, rows, h)
    for i in range(states):
        fifth, third, last = dormandprince.estimates(states, at, rows, i)
        store(out, (3 * i) * WIDE, fifth)
        store(out, (3 * i + 1) * WIDE, third)
        store(out, (3 * i + 2) * WIDE, last)


def test_steps_in_lanes_are_those_of_numpy() -> None:
    """Every lane its own state, time and length of step."""
    made = blocks.build(system())
    room = seats.room_of(2, made.factors, len(made.fixed), 0, 2, 2)
    rng = np.random.default_rng(5)
    y, t, h = rng.uniform(-1, 1, (2, WIDE)), rng.uniform(0, 1.5, WIDE), 10 ** rng.uniform(-3, 0, WIDE)

    def rows(block: int, count: int) -> Floats:
        return room.rows[room.at[block] : room.at[block] + count * WIDE].reshape(count, WIDE)

    rows(seats.STATE, 3)[:] = [*y, t]
    rows(seats.TIME, 1)[:], rows(seats.STEP, 1)[:] = t, h
    rows(seats.STAGES, 2)[:] = np.transpose([slope(t[lane], y[:, lane]) for lane in range(WIDE)])
    out = np.empty(6 * WIDE)
    _lanes_step(np.array([made.address(name) for name in NAMES]), 2, room.at, room.rows, out)
    for lane in range(WIDE):
        k = slopes_of(t[lane], y[:, lane], h[lane])
        assert rows(seats.STAGES, 32).reshape(16, 2, WIDE)[:, :, lane] == pytest.approx(k, rel=1e-11, abs=1e-12)
        assert rows(seats.END, 2)[:, lane] == pytest.approx(y[:, lane] + h[lane] * (B @ k), rel=1e-13, abs=1e-14)
        parts = rows(seats.DENSE, 14).reshape(7, 2, WIDE)[:, :, lane]
        for u in (0.2, 0.5, 0.9):
            total = np.zeros(2)
            for place in range(DEGREE - 1, -1, -1):
                total = total * (u if place % 2 == 1 else 1 - u) + parts[place]
            assert y[:, lane] + u * total == pytest.approx(y[:, lane] + h[lane] * (dense(u) @ k), rel=1e-12, abs=1e-13)
        fifth, third, last = out.reshape(2, 3, WIDE)[:, :, lane].T
        assert fifth == pytest.approx(FIFTH[:12] @ k[:12], rel=1e-6, abs=1e-13)
        assert third == pytest.approx(THIRD[:12] @ k[:12], rel=1e-6, abs=1e-13)
        highest = dormandprince.LAST_TERM * HIGHER[3] @ k
        assert last == pytest.approx(highest, rel=1e-6, abs=1e-12)


def test_the_last_term_is_the_largest_its_polynomial_can_be() -> None:
    """u^4 (1 - u)^3, which the last of the seven coefficients stands before."""
    u = np.linspace(0, 1, 100_001)
    assert pytest.approx((u**4 * (1 - u) ** 3).max(), rel=1e-9) == dormandprince.LAST_TERM
    assert STAGE_COUNT == 12


def test_stages_have_names_of_their_own() -> None:
    """Machine code that is kept goes by its function's name and a number that begins anew in every process."""
    stages = [getattr(dormandprince, f"stage_{s}") for s in range(1, 16)]
    assert len({stage.py_func.__qualname__ for stage in stages}) == len(stages)
