"""Vectors of doubles: exponential, logarithm and what else the kernels are written with, eight and sixteen wide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from pkpd.kernels.lanes import (
    LANES,
    WIDE,
    absolute,
    any_at_least,
    any_greater,
    at_least,
    exp,
    fma,
    if_greater,
    if_less,
    load,
    load_wide,
    log,
    lowest,
    splat,
    splat_wide,
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


# Wide vectors, logarithms and masks


@njit
def _wide_functions(x, exponentials, logarithms):  # type: ignore[no-untyped-def]
    for i in range(0, x.size, WIDE):
        store(exponentials, i, exp(load_wide(x, i)))
        store(logarithms, i, log(load_wide(x, i)))


@njit
def _logarithms(x, out):  # type: ignore[no-untyped-def]
    for i in range(0, x.size, LANES):
        store(out, i, log(load(x, i)))


@njit
def _wide_arithmetic(a, b, out):  # type: ignore[no-untyped-def]
    x, y = load_wide(a, 0), load_wide(b, 0)
    store(out, 0, x + y)
    store(out, 16, x - y)
    store(out, 32, x * y)
    store(out, 48, x / y)
    store(out, 64, -x)
    store(out, 80, fma(x, y, 1.0))
    store(out, 96, sqrt(absolute(x)))
    store(out, 112, if_greater(x, y, x, y))
    store(out, 128, if_less(x, y, 1.0, splat_wide(2)))
    store(out, 144, 3 - x)
    store(out, 160, x * 2 + 1.0)
    store(out, 176, splat_wide(out[0]))
    return any_greater(x, y), any_greater(y, 1e9)


@njit
def _masks(a, b):  # type: ignore[no-untyped-def]
    x, y = load_wide(a, 0), load_wide(b, 0)
    return at_least(x, y), at_least(x, 0.5), at_least(0.5, x), any_at_least(x, y)


@njit
def _narrow_masks(a, b):  # type: ignore[no-untyped-def]
    x, y = load(a, 0), load(b, 0)
    return at_least(x, y), any_at_least(x, y)


@njit
def _lowest(bits):  # type: ignore[no-untyped-def]
    return lowest(bits)


def logarithms(x: Floats) -> Floats:
    padded = np.append(x, np.ones(-len(x) % LANES))
    out = np.empty_like(padded)
    _logarithms(padded, out)
    return out[: len(x)]


@pytest.mark.parametrize(("low", "high"), [(-307.0, 308.0), (-1.0, 1.0), (-1e-3, 1e-3), (-1e-9, 1e-9)])
def test_log_has_all_but_the_last_digit(low: float, high: float) -> None:
    x = 10 ** np.random.default_rng(3).uniform(low, high, 20_000)
    expected = np.array([math.log(value) for value in x])
    size = np.where(expected == 0, 1.0, np.abs(expected))
    assert np.max(np.abs(logarithms(x) - expected) / size) < LAST_DIGIT


def test_log_where_its_reduction_changes() -> None:
    """Next to sqrt(1/2) 2^k, and to 1, where the result loses its size but no digit."""
    centre = np.append(math.sqrt(0.5) * 2.0 ** np.arange(-1000, 1000, dtype=float), np.ones(1))
    x = np.concatenate([np.nextafter(centre, -np.inf), centre, np.nextafter(centre, np.inf)])
    expected = np.array([math.log(value) for value in x])
    size = np.where(expected == 0, 1.0, np.abs(expected))
    assert np.max(np.abs(logarithms(x) - expected) / size) < LAST_DIGIT


def test_log_at_its_ends() -> None:
    x = np.array([1.0, 0.0, -0.0, -5e-324, -1.0, -np.inf, np.inf, np.nan])
    expected = [0.0, -np.inf, -np.inf, np.nan, np.nan, np.nan, np.inf, np.nan]
    assert np.array_equal(logarithms(x), expected, equal_nan=True)
    tiny = np.array([5e-324, 1e-320, np.nextafter(2.2250738585072014e-308, 0), 2.2250738585072014e-308])
    assert logarithms(tiny) == pytest.approx([math.log(value) for value in tiny], rel=LAST_DIGIT)
    largest = np.array([np.finfo(float).max])
    assert logarithms(largest) == pytest.approx([math.log(largest[0])], rel=LAST_DIGIT)


def test_wide_functions_have_the_bits_of_narrow_ones() -> None:
    x = np.concatenate([10 ** np.random.default_rng(4).uniform(-300, 2.8, 4 * WIDE - 2), [0.0, np.inf]])
    exponents, logs = np.empty_like(x), np.empty_like(x)
    _wide_functions(x, exponents, logs)
    assert np.array_equal(exponents, exponentials(x))
    assert np.array_equal(logs, logarithms(x))


def test_wide_operations_are_those_of_single_numbers() -> None:
    a, b = np.concatenate([A, B + 0.25]), np.concatenate([B, A * 3 + 0.5])
    out = np.empty(12 * WIDE)
    some, none = _wide_arithmetic(a, b, out)
    with np.errstate(over="ignore"):
        expected = [
            a + b,
            a - b,
            a * b,
            a / b,
            -a,
            None,
            np.sqrt(np.abs(a)),
            np.where(a > b, a, b),
            np.where(a < b, 1.0, 2.0),
            3 - a,
            a * 2 + 1.0,
            np.full(WIDE, a[0] + b[0]),
        ]
    for row, (found, wanted) in enumerate(zip(out.reshape(12, WIDE), expected, strict=True)):
        if wanted is not None:
            assert np.array_equal(found, wanted), row
    assert out[80:96] == pytest.approx([float(x) * float(y) + 1 for x, y in zip(a, b, strict=True)], rel=1e-15)
    assert some
    assert none == (b > 1e9).any()


def bits_of(lanes: NDArray[np.bool_]) -> int:
    return sum(1 << place for place in np.flatnonzero(lanes).tolist())


@pytest.mark.parametrize("seed", range(5))
def test_masks_have_a_bit_for_every_lane(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 3, (2, WIDE)).astype(float)
    a[rng.integers(WIDE)] = np.nan
    found, half, below, some = _masks(a, b)
    assert found == bits_of(a >= b)
    assert half == bits_of(a >= 0.5)
    assert below == bits_of(a <= 0.5)
    assert some == (a >= b).any()
    assert _narrow_masks(a, b) == (bits_of(a[:8] >= b[:8]), (a[:8] >= b[:8]).any())


def test_no_lane_and_every_lane() -> None:
    zeros, ones = np.zeros(WIDE), np.ones(WIDE)
    assert _masks(zeros, ones)[0] == 0
    assert not _masks(zeros, ones)[3]
    assert _masks(ones, ones)[0] == 2**WIDE - 1
    assert _masks(np.full(WIDE, np.nan), zeros)[0] == 0


def test_the_lowest_bit() -> None:
    for bits in (1, 2, 12, 0b1010_0000, 1 << 15, (1 << 15) | 8):
        place = _lowest(bits)
        assert bits & (1 << place)
        assert bits % (1 << place) == 0
