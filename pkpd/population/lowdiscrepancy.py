"""Low-discrepancy random numbers with addresses: patients spread evenly over all that varies, at random as a whole.

A variable that has a dimension takes that of Sobol's sequence, by the patient's own number, scrambled at random by
seed and variable; a thousand patients then lie evenly in any few of these variables together. A variable without a
dimension is spread evenly by itself and mixed at random with all others. Either way a number depends on seed, patient
and variable alone, is uniform over all seeds, and every run of 2^k patients that begins at a multiple of it has one
number in each 2^k-th of the range.

Sources: Sobol, USSR Comput Math Math Phys 1967;7(4):86-112; Owen, in Niederreiter and Shiue (eds), Monte Carlo and
Quasi-Monte Carlo Methods in Scientific Computing, 1995, 299-317 (scrambling); McKay, Beckman and Conover, Technometrics
1979;21:239-245 (a variable by itself).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pkpd.population import streams
from pkpd.population.sobol import directions

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]

LEVELS = 24  # leading bits of a number that are spread; those below are plain, and tell 17 million patients apart
PATIENTS = 2**32  # patient numbers lie below
_BELOW = 52 - LEVELS
_ONE = np.uint64(1)


def uniform(seed: int, subjects: NDArray[np.int64], variable: str, index: int, dimension: int | None) -> Floats:
    """Uniform numbers strictly between 0 and 1, (n).

    seed, subjects, variable, index : as for `streams.uniform`; subjects below PATIENTS
    dimension                       : of Sobol's sequence; None for a variable that has none
    """
    who, key = np.asarray(subjects, np.uint64), _key(seed, variable, index)
    spread = _apart(who, key) if dimension is None else _scrambled(_sobol(who, dimension), key)
    plain = (streams.uniform(seed, subjects, variable, index) * 2.0**_BELOW).astype(np.uint64)
    numbers: Floats = (((spread << np.uint64(_BELOW)) | plain).astype(np.float64) + 0.5) * 2.0**-52
    return numbers


@lru_cache(maxsize=1024)
def _key(seed: int, variable: str, index: int) -> np.uint64:
    """A fixed 64-bit number for a seed and a variable."""
    text = f"{seed} {index} {variable}".encode()
    return np.uint64(int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big"))


def _mixed(words: Words) -> Words:
    """The finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014): every bit depends on every bit."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Words = words ^ (words >> np.uint64(31))
    return mixed


def _coins(level: int, places: Words, key: np.uint64) -> Words:
    """A random 0 or 1 for every place of a level, the same wherever it is asked."""
    counted = (places | (_ONE << np.uint64(40 + level))) * np.uint64(0x9E3779B97F4A7C15)
    return _mixed(counted ^ key) >> np.uint64(63)


def _sobol(who: Words, dimension: int) -> Words:
    """The first LEVELS bits of Sobol's sequence at each patient's number."""
    found = np.zeros_like(who)
    for bit, direction in enumerate(directions(dimension, int(who.max()).bit_length(), LEVELS)):
        found ^= ((who >> np.uint64(bit)) & _ONE) * np.uint64(direction)
    return found


def _scrambled(words: Words, key: np.uint64) -> Words:
    """Every bit turned over at random, by all the bits before it."""
    found = np.zeros_like(words)
    for level in range(LEVELS):
        left = np.uint64(LEVELS - 1 - level)
        found |= (((words >> left) & _ONE) ^ _coins(level, words >> (left + _ONE), key)) << left
    return found


def _apart(who: Words, key: np.uint64) -> Words:
    """The bits of the patients' numbers in the reverse order, each turned over at random by all that come later."""
    found = np.zeros_like(who)
    for level in range(LEVELS):
        coins = _coins(level, who >> np.uint64(level + 1), key)
        found |= (((who >> np.uint64(level)) & _ONE) ^ coins) << np.uint64(LEVELS - 1 - level)
    return found
