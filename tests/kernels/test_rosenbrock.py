"""The stiff method: order conditions, stability, its form without products, and its steps in lanes against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray
from order_conditions import defects, trees
from scipy.integrate import solve_ivp

from pkpd.kernels import blocks, rosenbrock, seats
from pkpd.kernels.blocks import NAMES, Equations
from pkpd.kernels.lanes import WIDE, load_wide
from pkpd.kernels.rosenbrock import DRIFTS, GAMMA, SHARED, STAGE_COUNT, TIMES, A, C, H
from pkpd.kernels.tape import Tape

Floats = NDArray[np.float64]

# In the classical form: k_i = h f(y + sum alpha_ij k_j) + h J sum gamma_ij k_j, y1 = y + sum b_i k_i.
GAMMAS = np.linalg.inv(np.eye(STAGE_COUNT) / GAMMA - C)
ALPHAS = A @ GAMMAS
LAST = np.eye(STAGE_COUNT)[-1]
B = (A[-1] + LAST) @ GAMMAS
EMBEDDED = A[-1] @ GAMMAS


def dense(u: float) -> Floats:
    """Weights of the stages in the dense output."""
    return np.asarray(u * (A[-1] + LAST + (1 - u) * (SHARED[0] + u * (SHARED[1] + (1 - u) * SHARED[2]))))


def test_stages_know_their_times_and_drifts() -> None:
    assert ALPHAS.sum(axis=1) == pytest.approx(TIMES, abs=1e-13)
    assert GAMMAS.sum(axis=1) == pytest.approx(DRIFTS, abs=1e-13)
    assert np.diag(GAMMAS) == pytest.approx(GAMMA)


@pytest.mark.parametrize("order", range(1, 6))
def test_order_conditions(order: int) -> None:
    assert len(trees(order)) == [1, 1, 2, 4, 9][order - 1]
    assert defects(order, B, ALPHAS, ALPHAS + GAMMAS) == pytest.approx(0, abs=1e-11)


def test_the_estimate_is_of_order_four_and_not_five() -> None:
    for order in range(1, 5):
        assert defects(order, EMBEDDED, ALPHAS, ALPHAS + GAMMAS) == pytest.approx(0, abs=1e-11)
    assert np.abs(defects(5, EMBEDDED, ALPHAS, ALPHAS + GAMMAS)).max() > 1e-3


@pytest.mark.parametrize("u", [0.0, 0.1, 0.5, 0.77, 1.0])
def test_order_conditions_of_the_dense_output(u: float) -> None:
    b = dense(u) @ GAMMAS
    for order in range(1, 5):
        assert defects(order, b, ALPHAS, ALPHAS + GAMMAS, u) == pytest.approx(0, abs=1e-10)


def test_both_forms_of_the_dense_output_are_one() -> None:
    for u in (0.2, 0.6, 0.9):
        own = u * (A[-1] + LAST + (1 - u) * (H[0] + u * (H[1] + u * H[2])))
        assert dense(u) == pytest.approx(own, rel=1e-13)


def stability(z: complex) -> complex:
    identity = np.eye(STAGE_COUNT)
    return complex(1 + z * (B @ np.linalg.solve(identity - z * (ALPHAS + GAMMAS), np.ones(STAGE_COUNT))))


def test_fast_rates_die_at_once() -> None:
    """Stable on the imaginary axis, and the stability function, which has no pole left of it, goes to 0."""
    assert max(abs(stability(1j * y)) for y in np.logspace(-3, 6, 400)) <= 1 + 1e-10
    assert abs(stability(-1e6)) < 1e-4
    assert abs(stability(-1e9)) < 1e-7
    for z in (0.1, -0.3, 0.2j):
        assert abs(stability(z) - np.exp(z)) < abs(z) ** 6


# A nonlinear system in which the time stands, one step and many


def slope(t: float, y: Floats) -> Floats:
    return np.array([-y[0] * y[1] + np.cos(t), y[0] ** 2 - 0.5 * y[1] * t, -2.0 * y[2] + y[1] * y[0]])


def system() -> Equations:
    tape = Tape()
    x, y, z, t = tape.state(0), tape.state(1), tape.state(2), tape.time()
    # cos t as a series that is exact to 1e-17 up to t = 2
    square, cosine, factor = tape.multiply(t, t), tape.number(1.0), 1.0
    power = tape.number(1.0)
    for n in range(1, 14):
        factor /= -(2 * n) * (2 * n - 1)
        power = tape.multiply(power, square)
        cosine = tape.add(cosine, tape.multiply(tape.number(factor), power))
    slopes = (
        tape.add(tape.negative(tape.multiply(x, y)), cosine),
        tape.subtract(tape.multiply(x, x), tape.multiply(tape.number(0.5), tape.multiply(y, t))),
        tape.add(tape.multiply(tape.number(-2.0), z), tape.multiply(y, x)),
    )
    return Equations(tape, slopes, (x, y, z), (), ())


START = np.array([1.0, 0.4, -0.3])
BEGIN = 0.25


def exactly(t: float) -> Floats:
    return np.asarray(solve_ivp(slope, (BEGIN, t), START, "DOP853", rtol=3e-14, atol=1e-15).y[:, -1])


def jacobian(t: float, y: Floats) -> tuple[Floats, Floats]:
    by_state = np.array([[-y[1], -y[0], 0.0], [2 * y[0], -0.5 * t, 0.0], [y[1], y[0], -2.0]])
    return by_state, np.array([-np.sin(t), -0.5 * y[1], 0.0])


def step(t: float, y: Floats, h: float) -> tuple[Floats, Floats, Floats]:
    """End, estimate and (stages, states) of one step in numpy."""
    by_state, by_time = jacobian(t, y)
    matrix = np.eye(len(y)) / (h * GAMMA) - by_state
    stages = np.zeros((STAGE_COUNT, len(y)))
    for s in range(STAGE_COUNT):
        right = slope(t + TIMES[s] * h, y + A[s] @ stages) + C[s] @ stages / h + h * DRIFTS[s] * by_time
        stages[s] = np.linalg.solve(matrix, right)
    return y + (A[-1] + LAST) @ stages, stages[-1], stages


def observed_order(errors: list[float]) -> float:
    return float(np.log2(errors[0] / errors[1]))


def test_observed_order() -> None:
    errors = []
    for count in (20, 40):
        y, h = START, 1.5 / count
        for n in range(count):
            y, _, _ = step(BEGIN + n * h, y, h)
        errors.append(float(np.abs(y - exactly(BEGIN + 1.5)).max()))
    assert observed_order(errors) == pytest.approx(5, abs=0.35)
    assert errors[1] < 1e-8


def test_observed_orders_within_a_step() -> None:
    """An error of order p + 1 after one step: of the dense output 5, of the estimate 5."""
    between, estimated = [], []
    for h in (0.1, 0.05):
        _, estimate, stages = step(BEGIN, START, h)
        shares = (0.3, 0.6, 0.85)
        between.append(max(np.abs(START + dense(u) @ stages - exactly(BEGIN + u * h)).max() for u in shares))
        estimated.append(float(np.abs(estimate).max()))
    assert observed_order(between) == pytest.approx(5, abs=0.4)
    assert observed_order(estimated) == pytest.approx(5, abs=0.4)


@njit
def _lanes_step(code, states, at, rows):  # type: ignore[no-untyped-def]
    time, h = load_wide(rows, at[seats.TIME]), load_wide(rows, at[seats.STEP])
    rosenbrock.try_step(code, states, True, at, rows, time, h)
    rosenbrock.make_dense(states, np.arange(states), at, rows)


def test_steps_in_lanes_are_those_of_numpy() -> None:
    """Every lane its own state, time and length of step."""
    made = blocks.build(system())
    room = seats.room_of(3, made.factors, len(made.fixed), 0, 3, 3)
    rng = np.random.default_rng(5)
    y, t, h = rng.uniform(-1, 1, (3, WIDE)), rng.uniform(0, 1.5, WIDE), 10 ** rng.uniform(-4, -0.5, WIDE)

    def rows(block: int, count: int) -> Floats:
        return room.rows[room.at[block] : room.at[block] + count * WIDE].reshape(count, WIDE)

    rows(seats.STATE, 4)[:] = [*y, t]
    rows(seats.TIME, 1)[:], rows(seats.STEP, 1)[:] = t, h
    _lanes_step(np.array([made.address(name) for name in NAMES]), 3, room.at, room.rows)
    for lane in range(WIDE):
        end, estimate, stages = step(t[lane], y[:, lane], h[lane])
        assert rows(seats.END, 3)[:, lane] == pytest.approx(end, rel=1e-12, abs=1e-13)
        last = rows(seats.STAGES, 3 * STAGE_COUNT)[-3:, lane]
        assert last == pytest.approx(estimate, rel=1e-6, abs=1e-13)
        change, d1, d2, d3 = rows(seats.DENSE, 12).reshape(4, 3, WIDE)[:, :, lane]
        for u in (0.2, 0.9):
            found = y[:, lane] + u * (change + (1 - u) * (d1 + u * (d2 + (1 - u) * d3)))
            assert found == pytest.approx(y[:, lane] + dense(u) @ stages, rel=1e-12, abs=1e-13)


def test_stages_have_names_of_their_own() -> None:
    """Machine code that is kept goes by its function's name and a number that begins anew in every process."""
    stages = [getattr(rosenbrock, f"stage_{s}") for s in range(rosenbrock.STAGE_COUNT)]
    assert len({stage.py_func.__qualname__ for stage in stages}) == len(stages)
