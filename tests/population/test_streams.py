"""Addressable random numbers: known answers, moments, and independence of who else is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pkpd.population import streams

MILLION = np.arange(10**6)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_known_answers(counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]) -> None:
    """The vectors of ten rounds that the authors of the generator publish."""
    a, b, c, d = (np.array([word], np.uint64) for word in counter)
    assert tuple(int(word[0]) for word in streams.philox((a, b, c, d), key)) == expected


def test_uniform_is_made_of_the_first_two_words() -> None:
    words = streams.philox(tuple(np.array([w], np.uint64) for w in (7, 0, streams.address("x"), 2)), (5, 1))  # type: ignore[arg-type]
    expected = ((int(words[0][0]) >> 5) * 2**26 + (int(words[1][0]) >> 6) + 0.5) / 2**53
    assert streams.uniform(2**32 + 5, np.array([7]), "x", 2)[0] == expected


def test_uniform_moments_and_shape() -> None:
    u = streams.uniform(1, MILLION, "u")
    assert 0 < u.min() < 1e-5
    assert 1 - 1e-5 < u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=4 * 12**-0.5 / 1e3)
    assert u.var() == pytest.approx(1 / 12, abs=4 * 180**-0.5 / 1e3)
    assert stats.kstest(u, "uniform").pvalue > 1e-3


def test_normal_moments_and_shape() -> None:
    z = streams.normal(1, MILLION, "z")
    assert z.mean() == pytest.approx(0, abs=4e-3)
    assert z.var() == pytest.approx(1, abs=4 * 2**0.5 / 1e3)
    assert (z**3).mean() == pytest.approx(0, abs=4 * 15**0.5 / 1e3)
    assert (z**4).mean() == pytest.approx(3, abs=4 * 96**0.5 / 1e3)
    assert stats.kstest(z, "norm").pvalue > 1e-3


@pytest.mark.parametrize("draw", [streams.uniform, streams.normal])
def test_subject_seven_is_the_same_alone_and_in_a_crowd(draw: object) -> None:
    assert callable(draw)
    alone = draw(3, np.array([7]), "CL")[0]
    assert alone == draw(3, np.arange(1000), "CL")[7]
    assert alone == draw(3, np.arange(10_000), "CL")[7]
    assert alone == draw(3, np.arange(10_000)[::-1], "CL")[-8]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((1, "CL", 0), (1, "V1", 0)),
        ((1, "CL", 0), (2, "CL", 0)),
        ((1, "CL", 0), (1, "CL", 1)),
        ((1, "CL", 0), (1 + 2**32, "CL", 0)),
        ((1, "a.CL", 0), (1, "b.CL", 0)),
    ],
    ids=["variable", "seed", "index", "high half of the seed", "file"],
)
def test_streams_are_independent(first: tuple[int, str, int], second: tuple[int, str, int]) -> None:
    a, b = (streams.normal(seed, MILLION, name, index) for seed, name, index in (first, second))
    assert not np.any(a == b)
    assert abs(np.corrcoef(a, b)[0, 1]) < 4e-3
    assert abs(np.corrcoef(a**2, b**2)[0, 1]) < 4e-3


def test_neighbouring_subjects_are_independent() -> None:
    z = streams.normal(1, MILLION, "CL")
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 4e-3


def test_subjects_beyond_32_bits_are_other_subjects() -> None:
    near, far = streams.uniform(1, np.array([5, 5 + 2**32]), "x")
    assert near != far


def test_addresses_of_the_default_configuration_are_all_different() -> None:
    import pkpd

    names = []
    for owner in (pkpd.load("kamp2020-ketamine"), *pkpd.default_effects()):
        names += [f"{owner.id}.{name}" for name in (*owner.parameters, "responder", "event")]
    names += ["covariate weight", "covariate age"]
    assert len({streams.address(name) for name in names}) == len(set(names))
