"""Covariances that cannot hold together: which entry it is, how far off, and what it might be instead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spread_files import between, one_compartment

from pkpd.errors import ModelFileError
from pkpd.statistics.definite import allowed, breach


@given(st.integers(3, 6), st.integers(0, 2**32 - 1))
def test_range_of_a_correlation(size: int, seed: int) -> None:
    """Just inside the range the matrix is positive definite, just outside it is not."""
    numbers = np.random.default_rng(seed)
    factor = numbers.normal(size=(size, size + 2))
    matrix = factor @ factor.T
    scale = 1 / np.sqrt(np.diag(matrix))
    matrix = matrix * scale * scale[:, None]
    low, high = allowed(matrix, 0, 1, list(range(2, size)))
    assert low < matrix[0, 1] < high
    step = 1e-3 * (high - low)
    for rho, holds in ((low - step, False), (low + step, True), (high - step, True), (high + step, False)):
        matrix[0, 1] = matrix[1, 0] = rho
        assert bool(np.linalg.eigvalsh(matrix)[0] > 0) is holds


@given(st.integers(0, 2**32 - 1))
def test_the_change_that_is_told_mends_it(seed: int) -> None:
    """Whatever cannot go together: with the named entry inside its range the fewest that could not now can."""
    numbers = np.random.default_rng(seed)
    size = int(numbers.integers(3, 7))
    matrix = np.eye(size)
    pairs = [(i, j) for i in range(size) for j in range(i)]
    for pair in pairs:
        matrix[pair] = matrix[pair[::-1]] = numbers.uniform(-0.95, 0.95)
    found = breach(matrix, pairs)
    if found is None:
        assert np.linalg.eigvalsh(matrix)[0] > 0
        return
    assert found.smallest <= 1e-10
    assert not found.low < matrix[found.pair] < found.high
    matrix[found.pair] = matrix[found.pair[::-1]] = (found.low + found.high) / 2
    among = np.ix_(found.among, found.among)
    assert np.linalg.eigvalsh(matrix[among])[0] > 0


SPREAD = {name: between("lognormal", "sd = 0.2") for name in ("CL", "V1", "F")}


def entries(*given_ones: str) -> str:
    return "".join(f'[[covariances]]\n{one}\nsource = "made"\nmark = "assumed"\n' for one in given_ones)


def test_each_pair_holds_only_with_the_last() -> None:
    """0.9, 0.9 and 0.9 go together though the first two without the third would not."""
    model = one_compartment(
        **SPREAD,
        more=entries(*(f'of = ["{a}", "{b}"]\nrho = 0.9' for a, b in (("CL", "V1"), ("V1", "F"), ("CL", "F")))),
    )
    assert len(model.covariances) == 3


def test_the_entry_that_breaks_it() -> None:
    """0.6 and 0.6 with -0.8: with 0.6 and 0.6 the third must be at least -0.28, with 0.6 and -0.8 another at most 0."""
    with pytest.raises(ModelFileError) as told:
        one_compartment(
            **SPREAD,
            more=entries(
                'of = ["CL", "V1"]\nrho = 0.6', 'of = ["V1", "F"]\nrho = 0.6', 'of = ["CL", "F"]\nvalue = -0.032'
            ),
        )
    assert str(told.value).endswith(
        "[covariances.value]: the random effects of CL, F, V1 are not positive definite: the smallest eigenvalue of "
        "their correlations is -0.338. The correlation of CL and F is -0.8; with the others of V1 held it may lie "
        "between -0.28 and 1 (a covariance between -0.0112 and 0.04)."
    )


def test_pairs_that_are_not_given_count_as_0() -> None:
    with pytest.raises(ModelFileError, match=r"Pairs that are not given count as 0: CL and F\."):
        one_compartment(**SPREAD, more=entries('of = ["CL", "V1"]\nrho = 0.8', 'of = ["V1", "F"]\nrho = 0.8'))


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ('of = ["CL", "V1"]\nrho = 1.2', r"rho\]: the covariance of CL and V1 makes their correlation 1.2, outside"),
        (
            'of = ["CL", "V1"]\nvalue = 0.05',
            r"correlation 1.25, outside -1 to 1 \(a covariance between -0.04 and 0.04\)",
        ),
        ('of = ["CL", "V1"]\nvalue = 0.01\nrho = 0.2', r"give value \(a covariance\) or rho .*; here: value and rho"),
        ('of = ["CL", "V1"]', r"give value \(a covariance\) or rho \(a correlation\); here: none"),
        ('of = ["CL", "V1", "F"]\nrho = 0.4', r"of 3 parameters it is 2 rows: the second with the first"),
        ('of = ["CL", "V1", "F"]\nrho = [[0.4], [0.1]]', r"of 3 parameters it is 2 rows"),
        ('of = ["CL", "V1", "CL"]\nrho = [[0.4], [0.1, 0.2]]', r"name two different parameters"),
    ],
)
def test_refused(entry: str, what: str) -> None:
    with pytest.raises(ModelFileError, match=what):
        one_compartment(**SPREAD, more=entries(entry))


def test_a_pair_twice() -> None:
    with pytest.raises(ModelFileError, match="the covariance of V1 and CL is given twice"):
        one_compartment(
            **SPREAD,
            more=entries('of = ["CL", "V1", "F"]\nrho = [[0.4], [0.1, 0.2]]', 'of = ["V1", "CL"]\nrho = 0.4'),
        )
