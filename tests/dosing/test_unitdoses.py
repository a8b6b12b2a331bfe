"""Whole numbers of devices, and what is said of parts of one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.dosing.unitdoses import parts_of_units, whole_units


@given(count=st.integers(1, 40), unit=st.floats(0.1, 500), off=st.floats(-9e-4, 9e-4))
def test_whole_numbers_but_for_the_rounding_of_a_label(count: int, unit: float, off: float) -> None:
    assert whole_units(count * unit * (1 + off), unit)
    for part in (-0.5, -0.1, 0.1):
        assert not whole_units((count + part) * unit, unit)


def test_nothing_is_no_whole_number_of_units() -> None:
    assert whole_units([0.0, -28.0, 27.0, 28.0, 56.0], 28.0).tolist() == [False, False, False, True, True]
    assert not whole_units(np.array([28.0]), 0.0).any()


@pytest.mark.parametrize(("amount", "told"), [(30, "28 and 56 mg"), (10, "The nearest: 28 mg"), (70, "56 and 84 mg")])
def test_the_nearest_whole_numbers_are_told(amount: float, told: str) -> None:
    assert told in parts_of_units(amount, 28.0, "nasal", "device_content")
