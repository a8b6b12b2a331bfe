"""What is remembered is found by content, and by nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from pkpd.kernels.remembering import LARGEST_KEY, Remembered


class Counted:
    """Makes a new number at each call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        return self.calls


def test_equal_content_is_found_again() -> None:
    remembered, make = Remembered[int](most=4), Counted()
    first = remembered.get(make, np.array([1.0, 2.0]), "a")
    assert remembered.get(make, np.array([1.0, 2.0]), "a") == first
    assert make.calls == 1


@pytest.mark.parametrize(
    "other",
    [
        (np.array([1, 2]), "b"),
        (np.array([1, 3]), "a"),
        (np.array([[1, 2]]), "a"),
        (np.array([1, 2]).view(np.float64), "a"),
        (np.array([1, 2]), None),
        (np.array([1, 2]),),
    ],
)
def test_other_content_is_not(other: tuple[object, ...]) -> None:
    remembered, make = Remembered[int](most=4), Counted()
    first = remembered.get(make, np.array([1, 2]), "a")
    assert remembered.get(make, *other) != first
    assert remembered.get(make, np.array([1, 2]), "a") == first


def test_a_change_of_the_array_afterwards_is_seen() -> None:
    remembered, make = Remembered[int](most=4), Counted()
    content = np.zeros(3)
    first = remembered.get(make, content)
    content[1] = 1.0
    assert remembered.get(make, content) != first


def test_only_the_last_used_are_kept() -> None:
    remembered, make = Remembered[int](most=2), Counted()
    first, second = remembered.get(make, 1), remembered.get(make, 2)
    assert remembered.get(make, 1) == first
    remembered.get(make, 3)  # 2 was used longest ago
    assert remembered.get(make, 1) == first
    assert remembered.get(make, 2) != second


def test_large_content_is_not_kept() -> None:
    remembered, make = Remembered[int](most=2), Counted()
    large = np.zeros(LARGEST_KEY // 8 + 1)
    assert remembered.get(make, large) != remembered.get(make, large)
