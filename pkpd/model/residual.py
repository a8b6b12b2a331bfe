"""Residual error: what a measurement adds to the true value, as a model file or a script states it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pkpd import units
from pkpd.errors import SimulationError, nearest
from pkpd.model.parts import USER
from pkpd.units import Dimension

Floats = NDArray[np.float64]

COMBINED = ("variances", "sds")
_PARTS = ("additive", "proportional", "lognormal", "power")


@dataclass(frozen=True, slots=True)
class Noise:
    """One part of a residual error, by its standard deviation.

    sd           : canonical where it is additive; a fraction where proportional; on the log scale where log-normal
    source, mark : where it is from
    dimension    : of an additive one; () for the others
    """

    sd: float
    source: str = USER
    mark: str = "assumed"
    dimension: Dimension = ()


@dataclass(frozen=True, slots=True)
class Power:
    """A residual error whose standard deviation is `sd` at the value `at`, both canonical, and a power of the value."""

    sd: float
    at: float
    exponent: float
    source: str = USER
    mark: str = "assumed"
    dimension: Dimension = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """Correlation in time, continuous AR(1): rho of two measurements `per` (h) apart, rho^(dt / per) of any two."""

    rho: float
    per: float
    source: str = USER
    mark: str = "assumed"


@dataclass(frozen=True, slots=True)
class Tail:
    """Student's t in place of the normal distribution, with the same standard deviation."""

    df: float
    source: str = USER
    mark: str = "assumed"


@dataclass(frozen=True, slots=True)
class Residual:
    """What a measurement adds to the true value f: y = f + sd(f) e, or f exp(sd e) where it is log-normal.

    additive     : sd, text with its unit ("5 ng/mL")
    proportional : sd as a fraction of f
    lognormal    : sd on the log scale, f being the median; alone ("exponential error")
    power        : (sd, at which f, exponent), such as ("5 ng/mL", "100 ng/mL", 0.75): sd (f / at)^exponent; alone
    combined     : of additive a and proportional b: "variances", sd^2 = a^2 + (b f)^2, or "sds", sd = a + b f
    correlation  : (rho, time), such as (0.5, "1 h"): e of one patient at two times is correlated rho^(dt / time)
    df           : degrees of freedom, above 2, of Student's t in place of the normal distribution, of the same sd; with
                   a correlation, that is of the normal numbers behind

    Raises UnitError for a missing unit, SimulationError for what does not go together.
    """

    additive: Noise | str | None = None
    proportional: Noise | float | None = None
    lognormal: Noise | float | None = None
    power: Power | tuple[str, str, float] | None = None
    combined: str = "variances"
    correlation: Memory | tuple[float, str] | None = None
    df: Tail | float | None = None

    def __post_init__(self) -> None:
        for name, read in (("additive", _additive), ("power", _power), ("correlation", _memory), ("df", _tail)):
            object.__setattr__(self, name, read(getattr(self, name)))
        for name in ("proportional", "lognormal"):
            object.__setattr__(self, name, _fraction(name, getattr(self, name)))
        given = [name for name in _PARTS if getattr(self, name) is not None]
        if not given:
            raise SimulationError("residual: there is no error. Give additive, proportional, lognormal or power.")
        if len(given) > 1 and given != ["additive", "proportional"]:
            raise SimulationError(
                f"residual: {' and '.join(given)} do not go together. Only additive and proportional do."
            )
        if self.combined not in COMBINED:
            raise SimulationError(
                f'residual: combined "{self.combined}" is not known. {nearest(self.combined, COMBINED)}'
            )

    @property
    def parts(self) -> dict[str, Noise | Power]:
        """What it consists of, by name: additive, proportional, lognormal, power."""
        found = {name: getattr(self, name) for name in _PARTS}
        return {name: part for name, part in found.items() if isinstance(part, (Noise, Power))}

    @property
    def numbers(self) -> tuple[Noise | Power | Memory | Tail, ...]:
        """Everything in it that has a source and a mark."""
        further = [part for part in (self.correlation, self.df) if isinstance(part, (Memory, Tail))]
        return (*self.parts.values(), *further)

    @property
    def memory(self) -> Memory | None:
        """Its correlation in time."""
        return self.correlation if isinstance(self.correlation, Memory) else None

    @property
    def tail(self) -> float | None:
        """Its degrees of freedom; None for a normal one."""
        return self.df.df if isinstance(self.df, Tail) else None

    def sd(self, value: Floats) -> Floats:
        """Standard deviation at true values, canonical; on the log scale where it is log-normal."""
        size = np.abs(value)
        parts = self.parts
        if "lognormal" in parts:
            return np.full(np.shape(value), parts["lognormal"].sd)
        if isinstance(power := parts.get("power"), Power):
            return np.asarray(power.sd * (size / power.at) ** power.exponent)
        constant, relative = (parts[name].sd if name in parts else 0.0 for name in ("additive", "proportional"))
        if self.combined == "sds":
            return np.asarray(constant + relative * size)
        return np.hypot(constant, relative * size)

    def measured(self, value: Floats, e: Floats) -> Floats:
        """What is measured.

        value : true values, canonical
        e     : of mean 0 and variance 1, same shape
        """
        if self.lognormal is not None:
            return np.asarray(value * np.exp(self.sd(value) * e))
        return np.asarray(value + self.sd(value) * e)


def _number(name: str, given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given < math.inf:
        raise SimulationError(f"residual: {name} is {given!r}; it is a number above 0.")
    return float(given)


def _quantity(name: str, given: object) -> tuple[float, Dimension]:
    where = f"residual, {name}"
    if not isinstance(given, str):
        raise SimulationError(f'{where}: {given!r} is not a text with its unit, like "5 ng/mL".')
    number, unit = units.split(given, where)
    factor, dimension = units.analyse(unit, where)
    return _number(name, number) * factor, dimension


def _fraction(name: str, given: object) -> Noise | None:
    if given is None or isinstance(given, Noise):
        return given
    return Noise(_number(name, given))


def _additive(given: object) -> Noise | None:
    if given is None or isinstance(given, Noise):
        return given
    sd, dimension = _quantity("additive", given)
    return Noise(sd, dimension=dimension)


def _power(given: object) -> Power | None:
    if given is None or isinstance(given, Power):
        return given
    if not (isinstance(given, tuple) and len(given) == 3):
        raise SimulationError('residual: power is (sd, at, exponent), like ("5 ng/mL", "100 ng/mL", 0.75).')
    (sd, dimension), (at, other) = _quantity("power", given[0]), _quantity("power", given[1])
    if dimension != other:
        raise SimulationError(f"residual: power has {given[0]} at {given[1]}; both are of one dimension.")
    return Power(sd, at, _number("exponent of power", given[2]), dimension=dimension)


def _memory(given: object) -> Memory | None:
    if given is None or isinstance(given, Memory):
        return given
    if not (isinstance(given, tuple) and len(given) == 2):
        raise SimulationError('residual: correlation is (rho, time), like (0.5, "1 h").')
    rho = _number("rho of correlation", given[0])
    if rho >= 1:
        raise SimulationError(f"residual: a correlation of {rho:g} does not fade; rho is above 0 and below 1.")
    return Memory(rho, _number("time of correlation", units.parse(given[1], "time", "residual, correlation")))


def _tail(given: object) -> Tail | None:
    if given is None or isinstance(given, Tail):
        return given
    df = _number("df", given)
    if df <= 2:
        raise SimulationError(f"residual: with {df:g} degrees of freedom there is no variance; df is above 2.")
    return Tail(df)
