"""The matrix exponential of a stack of matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from pkpd.kernels.dense import _root, _time_above, _with_turns, exponential


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("norm", [0.0, 1e-12, 1e-3, 1.0, 5.0, 6.0, 40.0])
def test_general_matrices(size: int, norm: float) -> None:
    stack = np.random.default_rng(size).standard_normal((7, size, size)) * norm
    for found, matrix in zip(exponential(stack), stack, strict=True):
        expected = expm(matrix)
        assert np.abs(found - expected).max() <= 1e-12 * max(1.0, norm) * np.abs(expected).max()


def test_compartment_matrices_of_every_speed_at_once() -> None:
    """Losses from 1e-3 to 1e3 an hour over times from a second to a month; each matrix has its own squarings."""
    rng = np.random.default_rng(4)
    flow = 10.0 ** rng.uniform(-3, 3, (5, 5))
    np.fill_diagonal(flow, 0.0)
    system = flow - np.diag(flow.sum(axis=0) + 1e-3)
    hours = 10.0 ** np.linspace(-3.5, 2.9, 40)
    found = exponential(system * hours[:, None, None])
    expected = np.array([expm(system * t) for t in hours])
    assert found == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_rotation_and_nilpotent_matrices() -> None:
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert exponential(turn * np.pi / 3) == pytest.approx(np.array([[0.5, -(0.75**0.5)], [0.75**0.5, 0.5]]), abs=1e-15)
    steps = np.diag([1.0, 1.0, 1.0], -1)
    assert exponential(steps * 2)[3, 0] == pytest.approx(8 / 6, rel=1e-14)


def test_a_matrix_does_not_depend_on_its_neighbours_in_the_stack() -> None:
    stack = np.random.default_rng(8).standard_normal((20, 4, 4)) * np.logspace(-3, 2, 20)[:, None, None]
    together = exponential(stack)
    for number, matrix in enumerate(stack):
        assert np.array_equal(together[number], exponential(matrix))


def test_a_plateau_whose_slope_is_rounding_has_turns_all_the_same() -> None:
    """A steady infusion: slopes there are rounding, and change their sign between two ways to the same number."""
    rate, volume, infusion = 0.3, 20.0, 6.0
    matrix = np.array([[-rate, infusion], [0.0, 0.0]])
    state = np.array([infusion / rate, 1.0])
    c = np.array([1 / volume, 0.0])
    at = np.array([0.0, 1.0, 2.0, 5.0, 9.0])
    passed = np.stack([state * (1 + sign * 1e-15) for sign in (1, -1, 1, -1, 1)])
    passed[:, 1] = 1.0
    slopes = passed @ (c @ matrix)
    assert (slopes[1:] * slopes[:-1] < 0).any()
    places, levels = _with_turns(c, matrix, state, at, passed)
    assert set(places) >= set(at)
    assert levels == pytest.approx(1.0, rel=1e-12)
    above = _time_above(c, matrix, state, places, levels - 1.0)
    assert 0 <= above <= 9
    assert _root(lambda t: t - 3.0, 1.0, 5.0) == pytest.approx(3.0)
