"""Doses that come in units of a fixed content, such as spray devices: whether an amount is a whole number of them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

# What rounding may make of a whole number where a label gives the mass of the hydrochloride.
_ROUNDING: Final = 1e-3


def whole_units(amount: ArrayLike, unit: ArrayLike) -> NDArray[np.bool_]:
    """Whether amounts are whole numbers of units, at least one.

    amount : mg of base, any shape
    unit   : mg of base in one unit, of a shape that fits
    returns : one answer an amount
    """
    with np.errstate(all="ignore"):
        count = np.asarray(amount, float) / np.asarray(unit, float)
        nearest = np.rint(count)
        return np.asarray((nearest >= 1) & (np.abs(count - nearest) <= _ROUNDING * nearest))


def parts_of_units(amount: float, unit: float, route: str, name: str) -> str:
    """The words of an error for an amount that is no whole number of units.

    amount : mg of base
    unit   : mg of base in one unit, the parameter `name`
    route  : by which it is given
    """
    below = int(amount // unit) if unit > 0 else 0
    allowed = [f"{count * unit:g}" for count in (below, below + 1) if count]
    return (
        f"{amount:g} mg {route} is no whole number of units of {unit:g} mg ({name}), in which this route comes. The "
        f'nearest: {" and ".join(allowed)} mg. Write it like "2 devices of {unit:g} mg {route}".'
    )
