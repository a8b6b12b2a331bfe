"""Who the virtual patients are: how many, under which seed, and their covariates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError
from pkpd.population import streams
from pkpd.population.occasions import read_occasions
from pkpd.units import Dimension, analyse, parse, split

Floats = NDArray[np.float64]


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
    """

    share: float
    source: str = "user"
    mark: str = "assumed"

    def __post_init__(self) -> None:
        if isinstance(self.share, bool) or not isinstance(self.share, (int, float)) or not 0 <= self.share <= 1:
            raise SimulationError(f"population: a share of {self.share!r} is not a number from 0 to 1.")

    def at(self, u: Floats) -> Floats:
        """1 or 0 at uniform numbers, (n): 1 where the number is below the share."""
        return (u < self.share).astype(float)


# The patients of the CRPS trial: weight 79 kg, SD 19, age 46 years, SD 12 (Otto 2021 table 2, on Sigtermans 2009).
CRPS_WEIGHT = Spread(
    79.0,
    19.0,
    "log-normal",
    40.0,
    150.0,
    "Otto 2021, Eur J Clin Pharmacol 77:1181, table 2 (CRPS trial population)",
    "secondary",
)


Given = Spread | Share | str | float


def _constant(name: str, given: str | float) -> tuple[float, Dimension]:
    """A value that everybody has: the number in its canonical unit, and its dimension."""
    where = f"population: {name}"
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
    if name == "age" and value < 0:
        raise SimulationError(f"{where} is {given!r}; nobody is younger than 0.")
    return value, dimension


def _whole(number: object, least: int) -> bool:
    """Whether it is a whole number of at least so much, and not True or False."""
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool) and int(number) >= least


@dataclass(frozen=True, slots=True)
class Population:
    """Virtual patients, by number. Patient 7 of one population is patient 7 of every other of the same seed.

    size       : how many
    seed       : 0 to 2^64 - 1
    weight     : Spread of body weight, kg; or one weight for all, as text ("70 kg")
    covariates : further covariates, name -> text with its unit ("70 year") or number, the same for everybody; Share(p)
                 of those who have a trait; or Spread. What it does not name is not known of anybody
    subjects   : the patients' numbers; 0 ... size - 1 unless given
    varied     : False switches off every spread but that of the covariates: typical people
    occasions  : when an occasion begins, between which kinetics change where the model says so: "12 h" without drug
                 before a dose, "every dose", "one" for everything that is given, or their starts (["0 h", "7 d"])
    """

    size: int = 1000
    seed: int = 1
    weight: Spread | str = CRPS_WEIGHT
    covariates: Mapping[str, Given] = field(default_factory=dict)
    subjects: Sequence[int] | None = None
    varied: bool = True
    occasions: str | Sequence[str] = "12 h"

    def __post_init__(self) -> None:
        if not _whole(self.size, 1):
            raise SimulationError(f"population: size {self.size} is not a whole number from 1 on.")
        if not _whole(self.seed, 0) or self.seed >= 2**64:
            raise SimulationError(f"population: seed {self.seed} is not a whole number from 0 to 2^64 - 1.")
        if self.subjects is not None and len(self.subjects) != self.size:
            raise SimulationError(f"population: {len(self.subjects)} subject numbers for {self.size} subjects.")
        if self.subjects is not None and not all(_whole(number, 0) for number in self.subjects):
            raise SimulationError("population: subject numbers are whole numbers from 0 on.")
        if not isinstance(self.covariates, Mapping):
            raise SimulationError(f"population: covariates are given by name, not as {str(self.covariates)[:40]}.")
        object.__setattr__(self, "covariates", dict(self.covariates))
        for name, given in self.covariates.items():
            self._check(name, given)
        self.spread()
        read_occasions(self.occasions)

    @staticmethod
    def _check(name: str, given: object) -> None:
        if name == "weight":
            raise SimulationError('population: body weight has a place of its own; write weight="70 kg" or a Spread.')
        if isinstance(given, bool) or not isinstance(given, (Spread, Share, str, int, float)):
            raise SimulationError(
                f'population: {name} is {given!r}. Give a text with its unit ("70 year"), a number, Share(0.1) or '
                "Spread(mean, sd)."
            )
        if name == "age" and isinstance(given, Share):
            raise SimulationError("population: age is not a trait that some have. Give a text or a Spread.")
        if not isinstance(given, (Spread, Share)):
            _constant(name, given)

    @classmethod
    def typical(cls, weight: str = "70 kg", covariates: Mapping[str, Given] | None = None) -> Population:
        """One typical person: every spread switched off.

        weight     : body weight with its unit
        covariates : as of a Population, such as {"age": "8 year"}
        """
        return cls(size=1, weight=weight, covariates=covariates or {}, varied=False)

    def only(self, subjects: Sequence[int]) -> Population:
        """The same population cut down to some of its patients, by number."""
        return replace(self, subjects=tuple(int(s) for s in subjects), size=len(subjects))

    def spread(self) -> Spread:
        """The spread of body weight."""
        if isinstance(self.weight, Spread):
            return self.weight
        weight = parse(self.weight, "weight", "population weight")
        if not weight > 0:
            raise SimulationError(f"population: weight is {self.weight!r}; it is above 0.")
        return Spread(weight, 0.0)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(size) the patients' numbers."""
        return np.arange(self.size) if self.subjects is None else np.asarray(self.subjects, np.int64)

    def uniform(self, variable: str, index: int = 0) -> Floats:
        """Each patient's own uniform number of a variable, (size), strictly between 0 and 1.

        variable, index : name of what is drawn, and which draw of it
        """
        return streams.uniform(self.seed, self.numbers, variable, index)

    def normal(self, variable: str, index: int = 0) -> Floats:
        """Each patient's own standard normal number of a variable, (size); arguments as for `uniform`."""
        from scipy.special import ndtri

        numbers: Floats = ndtri(self.uniform(variable, index))
        return numbers

    def covariate(self, name: str, typical: float) -> Floats:
        """A covariate of every patient, canonical unit; `typical` where the population does not say.

        returns : (size)
        """
        if name == "weight":
            return self.spread().at(self.uniform(f"covariate {name}"))
        if name not in self.covariates:
            return np.full(self.size, float(typical))
        given = self.covariates[name]
        if not isinstance(given, (Spread, Share)):
            return np.full(self.size, _constant(name, given)[0])
        drawn = given.at(self.uniform(f"covariate {name}"))
        if name == "age" and (drawn < 0).any():
            raise SimulationError(
                "population: some ages come out below 0. Give the Spread of age its least, such as 18."
            )
        return drawn

    def dimension(self, name: str) -> Dimension | None:
        """The dimension in which a covariate was given; None where it does not say (a Spread is canonical)."""
        given = self.covariates.get(name)
        if given is None or isinstance(given, Spread):
            return None
        return () if isinstance(given, Share) else _constant(name, given)[1]
