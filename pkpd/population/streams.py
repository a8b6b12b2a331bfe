"""Addressable random numbers: each has an address (seed, subject, variable, index) and needs no other to be drawn.

Subject 7 is the same alone, in a thousand or in ten thousand, and one variable more changes none of the others.
Generator: Philox4x32-10, Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> tuple[Words, Words, Words, Words]:
    """Ten rounds of Philox4x32: four 32-bit words out of a counter of four and a key of two.

    counter : four arrays of one shape, values below 2^32
    key     : two integers below 2^32
    returns : four arrays of that shape, values below 2^32
    """
    a, b, c, d = counter
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    for _ in range(10):
        first, second = _MULTIPLIERS[0] * a, _MULTIPLIERS[1] * c
        a, b, c, d = (second >> _HALF) ^ b ^ k0, second & _LOW, (first >> _HALF) ^ d ^ k1, first & _LOW
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return a, b, c, d


@lru_cache(maxsize=1024)
def address(variable: str) -> int:
    """A fixed 32-bit number for the name of a variable."""
    return int.from_bytes(hashlib.blake2s(variable.encode(), digest_size=4).digest(), "big")


def uniform(seed: int, subjects: NDArray[np.int64], variable: str, index: int = 0) -> Floats:
    """Uniform numbers strictly between 0 and 1, with 53 random bits.

    seed     : integer from 0 to 2^64 - 1
    subjects : (n) subject numbers, from 0 on
    variable : name of what is drawn
    index    : draw number of this variable within a subject
    returns  : (n)
    """
    who = np.asarray(subjects, np.uint64)
    same = np.full_like(who, address(variable))
    counter = (who & _LOW, who >> _HALF, same, np.full_like(who, index))
    high, low, _, _ = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    bits = ((high >> np.uint64(5)) << np.uint64(26)) | (low >> np.uint64(6))
    numbers: Floats = (bits.astype(np.float64) + 0.5) * 2.0**-53
    return numbers


def normal(seed: int, subjects: NDArray[np.int64], variable: str, index: int = 0) -> Floats:
    """Standard normal numbers, one a subject; arguments as for `uniform`."""
    from scipy.special import ndtri

    numbers: Floats = ndtri(uniform(seed, subjects, variable, index))
    return numbers
