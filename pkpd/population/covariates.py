"""What a covariate can be: a spread, a trait that a share of people have, one of several words, or the same in all."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError
from pkpd.units import Dimension, analyse, parse, split

Floats = NDArray[np.float64]

# Covariates whose unit is known whatever model is used; canonical are those of pkpd.units.
UNITS: Mapping[str, str] = {
    "weight": "kg",
    "age": "year",
    "height": "cm",
    "pain duration": "year",
    "kidney function": "mL/min",
}

# What a person may have, in the canonical units. Assumed, and wide: only a wrong unit or a slip lies beyond.
OF_PEOPLE: Mapping[str, tuple[float, float]] = {"weight": (0.3, 650.0), "height": (25.0, 275.0), "age": (0.0, 125.0)}

# Covariates that are one of several words, and what the words are called where they are not free.
WORDS: Mapping[str, tuple[str, ...]] = {"sex": ("female", "male"), "diagnosis": ()}


def impossible(name: str, value: float) -> str:
    """Why nobody has this value, canonical, of a usual covariate; "" where somebody may."""
    least, most = OF_PEOPLE.get(plain(name), (-math.inf, math.inf))
    if least <= value <= most:
        return ""
    return f"{value:g} {unit_of(name)}; it is from {least:g} to {most:g} {unit_of(name)}"


def almost(name: str, known: Iterable[str]) -> str:
    """The known name that a name is a slip of, by its letters; "" where it is one of them, or of none."""
    wanted = {plain(one): one for one in known}
    if (given := plain(name)) in wanted:
        return ""
    turned = [one for one in wanted if sorted(one) == sorted(given)]
    near = turned or difflib.get_close_matches(given, wanted, n=1, cutoff=0.8)
    return wanted[near[0]] if near else ""


def plain(words: str) -> str:
    """Words without what does not tell names apart: capitals, hyphens, underscores, further blanks."""
    return " ".join(words.lower().replace("-", " ").replace("_", " ").split())


def canonical(name: str) -> str:
    """A usual name of one word in small letters, so that Age is age; other names as they are."""
    usual = plain(name)
    return usual if " " not in usual and usual in (*UNITS, *WORDS) else name


def unit_of(name: str) -> str | None:
    """The unit of a usual covariate as text; None for another."""
    return UNITS.get(plain(name))


def dimension_of(name: str) -> Dimension | None:
    """The dimension of a usual covariate; None for another."""
    unit = unit_of(name)
    return None if unit is None else analyse(unit)[1]


@dataclass(frozen=True, slots=True)
class Spread:
    """How a covariate varies between people, in its canonical unit (kg, years).

    mean, sd      : of the whole, untruncated distribution
    kind          : "log-normal" or "normal"
    least, most   : people outside are not in the population
    source, mark  : where the numbers are from
    """

    mean: float
    sd: float
    kind: str = "log-normal"
    least: float = -math.inf
    most: float = math.inf
    source: str = "user"
    mark: str = "assumed"

    def __post_init__(self) -> None:
        for name in ("mean", "sd", "least", "most"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, (int, float, np.number)):
                raise SimulationError(
                    f"population: {name} of a Spread is {number!r}. Give a plain number in the covariate's own unit "
                    "(kg, year, cm): Spread(46, 12)."
                )
        if self.kind not in ("log-normal", "normal"):
            raise SimulationError(f'population: kind "{self.kind}" is not known. Allowed: log-normal, normal.')
        if not (self.sd >= 0 and math.isfinite(self.mean) and self.least <= self.mean <= self.most):
            raise SimulationError(
                f"population: mean {self.mean:g}, sd {self.sd:g} and {self.least:g} to {self.most:g} "
                "do not fit together. The mean lies within the limits and the sd is not negative."
            )
        if self.kind == "log-normal" and self.mean <= 0:
            raise SimulationError(f"population: a log-normal covariate needs a mean above 0, not {self.mean:g}.")

    def at(self, u: Floats) -> Floats:
        """Values of the covariate at uniform numbers, (n): the distribution cut to its limits, by inversion.

        Log-normal: log variance ln(1 + (sd/mean)^2), log mean ln(mean) - half of it.
        """
        from scipy.special import ndtr, ndtri

        if self.sd == 0:
            return np.full(len(u), self.mean)
        if self.kind == "normal":
            location, scale = self.mean, self.sd
            low, high = self.least, self.most
        else:
            variance = math.log1p((self.sd / self.mean) ** 2)
            location, scale = math.log(self.mean) - variance / 2, math.sqrt(variance)
            low = math.log(self.least) if self.least > 0 else -math.inf
            high = math.log(self.most) if self.most > 0 else math.inf
        first, last = ndtr((low - location) / scale), ndtr((high - location) / scale)
        drawn = location + scale * ndtri(first + u * (last - first))
        values: Floats = np.exp(drawn) if self.kind == "log-normal" else drawn
        return np.clip(values, self.least, self.most)


@dataclass(frozen=True, slots=True)
class Share:
    """A trait that some people have: 1 in them, 0 in the others.

    share        : probability that a person has it, 0 to 1
    source, mark : where the number is from
    among        : a criterion on another covariate, such as "sex is female": of those who meet it the share has the
                   trait, and nobody else
    """

    share: float
    source: str = "user"
    mark: str = "assumed"
    among: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.share, bool) or not isinstance(self.share, (int, float)) or not 0 <= self.share <= 1:
            raise SimulationError(f"population: a share of {self.share!r} is not a number from 0 to 1.")
        if not isinstance(self.among, str):
            raise SimulationError(
                f'population: among is {self.among!r}. Give a criterion on another covariate, such as "sex is female".'
            )

    def at(self, u: Floats) -> Floats:
        """1 or 0 at uniform numbers, (n): 1 where the number is below the share."""
        return (u < self.share).astype(float)


@dataclass(frozen=True, slots=True)
class Choice:
    """A covariate that is one of several words, such as sex or diagnosis.

    shares       : word -> share of people, 0 to 1; together 1. The order is that of a correlation: later is higher
    source, mark : where the numbers are from
    """

    shares: Mapping[str, float]
    source: str = "user"
    mark: str = "assumed"

    def __post_init__(self) -> None:
        if not isinstance(self.shares, Mapping) or not self.shares:
            raise SimulationError(
                'population: a Choice is given as word -> share, such as {"female": 0.7, "male": 0.3}.'
            )
        for word, share in self.shares.items():
            if not isinstance(word, str) or not word.strip():
                raise SimulationError(f"population: a Choice is between words, and {word!r} is none.")
            if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
                raise SimulationError(f'population: the share of "{word}", {share!r}, is not a number from 0 to 1.')
        if len({plain(word) for word in self.shares}) < len(self.shares):
            raise SimulationError(f"population: two of the words {', '.join(self.shares)} are the same.")
        total = math.fsum(self.shares.values())
        if abs(total - 1) > 1e-9:
            raise SimulationError(
                f"population: the shares of {', '.join(self.shares)} sum to {total:g}, not to 1. "
                "Name everybody; a word such as other takes the rest."
            )
        object.__setattr__(self, "shares", dict(self.shares))

    @property
    def words(self) -> tuple[str, ...]:
        """The words, in order."""
        return tuple(self.shares)

    def at(self, u: Floats) -> Floats:
        """The position of each person's word in `words`, at uniform numbers, (n)."""
        bounds = np.cumsum(list(self.shares.values()))[:-1]
        return np.searchsorted(bounds, u, side="right").astype(float)


Given = Spread | Share | Choice | str | float


def constant(name: str, given: str | float) -> tuple[float, Dimension]:
    """A value that everybody has: the number in its canonical unit, and its dimension."""
    where = f"population: {name}"
    usual = dimension_of(name)
    if name == "age":
        value, dimension = parse(given, "age", where), analyse("year")[1]
    elif isinstance(given, str):
        number, unit = split(given, where)
        factor, dimension = analyse(unit, where)
        value = number * factor
    else:
        value, dimension = float(given), ()
    if not math.isfinite(value):
        raise SimulationError(f"{where} is {given!r}, which is not a finite number.")
    if usual is not None and dimension != usual:
        raise SimulationError(f"{where} is {given!r}; it is in {unit_of(name)}.")
    if name == "age" and value < 0:
        raise SimulationError(f"{where} is {given!r}; nobody is younger than 0.")
    if usual is not None and value < 0:
        raise SimulationError(f"{where} is {given!r}; it is 0 or more.")
    return value, dimension
