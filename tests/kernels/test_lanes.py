"""Vectors of eight doubles: the exponential and the operations the kernels are written with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from pkpd.kernels.lanes import (
    LANES,
    absolute,
    any_greater,
    exp,
    fma,
    if_greater,
    if_less,
    load,
    splat,
    sqrt,
    store,
)

Floats = NDArray[np.float64]
A = np.array([1.0, -2.0, 3.5, 0.0, -0.0, 1e300, -1e-300, 7.0])
LAST_DIGIT = 4.5e-16  # two units in the last place
B = np.array([0.5, -2.0, -1.5, 4.0, 1.0, 1e-300, 2.0, 7.0])


@njit
def _exponentials(x, out):  # type: ignore[no-untyped-def]
    for i in range(0, x.size, LANES):
        store(out, i, exp(load(x, i)))


@njit
def _arithmetic(a, b, out):  # type: ignore[no-untyped-def]
    x, y = load(a, 0), load(b, 0)
    store(out, 0, x + y)
    store(out, 8, x - y)
    store(out, 16, x * y)
    store(out, 24, x / y)
    store(out, 32, -x)
    store(out, 40, fma(x, y, 1.0))
    store(out, 48, sqrt(absolute(x)))
    store(out, 56, if_greater(x, y, x, y))
    store(out, 64, if_less(x, y, 1.0, splat(2)))
    store(out, 72, 3 - x)
    store(out, 80, x * 2 + 1.0)
    return any_greater(x, y), any_greater(y, 1e9)


def exponentials(x: Floats) -> Floats:
    padded = np.append(x, np.zeros(-len(x) % LANES))
    out = np.empty_like(padded)
    _exponentials(padded, out)
    return out[: len(x)]


@pytest.mark.parametrize(("low", "high"), [(-708.0, -1.0), (-1.0, 1.0), (-1e-6, 1e-6), (1.0, 708.0)])
def test_exp_has_all_but_the_last_digit(low: float, high: float) -> None:
    x = np.random.default_rng(1).uniform(low, high, 20_000)
    expected = np.array([math.exp(value) for value in x])
    assert np.max(np.abs(exponentials(x) - expected) / expected) < LAST_DIGIT


def test_exp_at_the_halfway_points_of_its_reduction() -> None:
    """Arguments next to odd multiples of ln(2)/2, where the nearest power of two changes."""
    centre = (np.arange(-1000, 1000) + 0.5) * math.log(2)
    x = np.concatenate([np.nextafter(centre, -np.inf), centre, np.nextafter(centre, np.inf)])
    x = x[np.abs(x) < 708]
    expected = np.array([math.exp(value) for value in x])
    assert np.max(np.abs(exponentials(x) - expected) / expected) < LAST_DIGIT


def test_exp_at_its_ends() -> None:
    x = np.array([0.0, -0.0, -708.0, np.nextafter(-708.0, -np.inf), -745.0, -1e9, -np.inf, 708.0, 709.0, np.inf, 1e9])
    found = exponentials(x)
    assert np.array_equal(found[:2], [1.0, 1.0])
    assert found[2] == pytest.approx(math.exp(-708.0), rel=LAST_DIGIT)
    assert np.array_equal(found[3:7], np.zeros(4))
    assert found[7:] == pytest.approx(np.full(4, math.exp(708.0)), rel=LAST_DIGIT)


def test_operations_are_those_of_single_numbers() -> None:
    out = np.empty(11 * LANES)
    some, none = _arithmetic(A, B, out)
    with np.errstate(over="ignore"):
        expected = [
            A + B,
            A - B,
            A * B,
            A / B,
            -A,
            A * B + 1.0,
            np.sqrt(np.abs(A)),
            np.maximum(A, B),
            np.where(A < B, 1.0, 2.0),
            3 - A,
            A * 2 + 1.0,
        ]
    for row, (found, wanted) in enumerate(zip(out.reshape(11, LANES), expected, strict=True)):
        assert np.array_equal(found, wanted), row
    assert some
    assert not none


def test_fma_rounds_once() -> None:
    """(1 + e)(1 - e) - 1 is -e^2, which two roundings would lose."""
    e = 2.0**-30
    out = np.empty(11 * LANES)
    _arithmetic(np.full(LANES, 1 + e), np.full(LANES, -(1 - e)), out)
    assert np.array_equal(out[40:48], np.full(LANES, e * e))


def test_a_lane_does_not_depend_on_its_neighbours() -> None:
    x = np.random.default_rng(2).uniform(-700, 700, 4 * LANES)
    together = exponentials(x)
    assert np.array_equal(together, np.array([exponentials(np.array([value]))[0] for value in x]))
    assert np.array_equal(together[::-1], exponentials(x[::-1].copy()))
