"""How one estimate is distributed: on which scale, about which median, how wide to either side.

With z standard normal and a width s, s_low where z < 0 and s_high elsewhere (equal but for a skewed interval):

    log     value x exp(s z)                  what is above 0: volumes, clearances, half-lives, C50, Hill
    logit   1 / (1 + exp(-(logit value + s z)))   fractions and probabilities
    plain   value + s z                       what may be of either sign: relative potencies, thresholds of a change

The published value is the median. A standard error is the standard deviation of the draws, exactly: on the log scale
s^2 = ln((1 + sqrt(1 + 4 rse^2)) / 2), on the logit scale by quadrature. A 95 % interval is met at both ends, exactly:
s_low and s_high are the distances of its ends from the value on the scale, over 1.96. A range without a distribution
is uniform between its ends, on the log scale where both ends are above 0 and it is no fraction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pkpd.statistics.normal import Z95

Floats = NDArray[np.float64]
Kind = Literal["log", "logit", "plain"]

WIDEST_RSE = 1.0  # a positive quantity with a larger relative standard error is not known to be above 0
WIDEST_LOGIT = math.sqrt(2.0)  # above, a logit-normal may have two heaps (Johnson, Biometrika 1949;36:149-176)
NODES = 64  # of the quadrature


@dataclass(frozen=True, slots=True)
class Distribution:
    """The distribution of one estimate, in canonical units.

    kind      : "log", "logit" or "plain"
    value     : the published estimate, and the median
    low, high : width below and above the median, on the scale
    range     : ends of a uniform distribution; None where it is a normal one on the scale
    """

    kind: Kind
    value: float
    low: float = 0.0
    high: float = 0.0
    range: tuple[float, float] | None = None

    def at(self, z: Floats) -> Floats:
        """Values at standard normal numbers, of any shape; they rise with z."""
        if self.range is not None:
            from scipy.special import ndtr

            first, last = self.range
            share = ndtr(z)
            if self.kind == "log":
                return np.asarray(np.exp(math.log(first) + share * (math.log(last) - math.log(first))))
            return np.asarray(first + share * (last - first))
        shift = np.where(z < 0, self.low, self.high) * z
        if self.kind == "log":
            return np.asarray(self.value * np.exp(shift))
        if self.kind == "logit":
            return np.asarray(1.0 / (1.0 + (1.0 - self.value) / self.value * np.exp(-shift)))
        return np.asarray(self.value + shift)

    @property
    def text(self) -> str:
        """What it is, in words."""
        if self.range is not None:
            return "uniform on the log scale" if self.kind == "log" else "uniform"
        name = {"log": "log-normal", "logit": "logit-normal", "plain": "normal"}[self.kind]
        return name if math.isclose(self.low, self.high, rel_tol=1e-9) else f"split {name}"


def of_error(kind: Kind, value: float, se: float) -> Distribution:
    """The distribution whose median is an estimate and whose standard deviation its standard error.

    value, se : canonical units
    Raises ValueError with the reason where there is none.
    """
    refuse_error(kind, value, se)
    if kind == "plain":
        return Distribution(kind, value, se, se)
    if kind == "log":
        width = math.sqrt(math.log((1.0 + math.sqrt(1.0 + 4.0 * (se / value) ** 2)) / 2.0))
        return Distribution(kind, value, width, width)
    width = _logit_width(value, se)
    return Distribution(kind, value, width, width)


def refuse_error(kind: Kind, value: float, se: float) -> None:
    """Refuse a standard error that the estimate does not allow; arguments and errors as `of_error`."""
    if not (math.isfinite(se) and se >= 0):
        raise ValueError(f"a standard error of {se:g} is not a number from 0 on")
    _refuse_outside(kind, value)
    if kind == "log" and se / value > WIDEST_RSE:
        raise ValueError(
            f"its standard error is {se / value:.0%} of the estimate; of a quantity that is above 0, one beyond "
            f"{WIDEST_RSE:.0%} does not say where it lies. Give a 95 % interval or a table of draws instead"
        )
    if kind == "logit" and se > (widest := _spread(value, WIDEST_LOGIT)):
        raise ValueError(
            f"its standard error {se:.3g} is more than a fraction of {value:.3g} can have; beyond {widest:.3g} the "
            "draws would gather at 0 and 1. Give a 95 % interval or a table of draws instead"
        )


def of_interval(kind: Kind, value: float, low: float, high: float) -> Distribution:
    """The distribution whose median is an estimate and whose 2.5 and 97.5 % points are the ends of its interval.

    value, low, high : canonical units
    Raises ValueError with the reason where there is none.
    """
    _refuse_outside(kind, value)
    if not low <= value <= high:
        raise ValueError("its 95 % interval does not hold the estimate")
    if kind == "log" and low <= 0:
        raise ValueError("its 95 % interval begins at or below 0, and it is a quantity above 0")
    if kind == "logit" and not (low > 0 and high < 1):
        raise ValueError("its 95 % interval reaches an end of 0 to 1, and it is a fraction between them")
    below, centre, above = (_onto(kind, number) for number in (low, value, high))
    return Distribution(kind, value, (centre - below) / Z95, (above - centre) / Z95)


def of_range(kind: Kind, value: float, low: float, high: float) -> Distribution:
    """The uniform distribution between the ends of a range worth trying.

    value, low, high : canonical units; the value need not lie in the middle
    Raises ValueError where the ends are in the wrong order, or a fraction's lie outside 0 to 1.
    """
    if not low < high:
        raise ValueError("the range has no extent")
    if kind == "logit" and not (low >= 0 and high <= 1):
        raise ValueError("its range passes an end of 0 to 1, and it is a fraction")
    scale: Kind = "log" if kind == "log" and low > 0 else "plain"
    return Distribution(scale, value, range=(low, high))


def _refuse_outside(kind: Kind, value: float) -> None:
    if kind == "log" and value <= 0:
        raise ValueError("its estimate is not above 0")
    if kind == "logit" and not 0 < value < 1:
        raise ValueError("its estimate lies at an end of 0 to 1, where a fraction has no logit. Give a table of draws")


def _onto(kind: Kind, number: float) -> float:
    if kind == "log":
        return math.log(number)
    return math.log(number / (1.0 - number)) if kind == "logit" else number


def _logit_width(value: float, se: float) -> float:
    """Width on the logit scale at which the draws have a standard deviation."""
    from scipy.optimize import brentq

    if se == 0:
        return 0.0
    return float(brentq(lambda width: _spread(value, width) - se, 0.0, WIDEST_LOGIT, xtol=1e-13))


def _spread(value: float, width: float) -> float:
    """Standard deviation of a fraction with a width on the logit scale."""
    return moments(Distribution("logit", value, width, width))[1]


@lru_cache(maxsize=1)
def nodes() -> tuple[Floats, Floats]:
    """Gauss-Hermite nodes and weights of the standard normal distribution."""
    from numpy.polynomial.hermite_e import hermegauss

    at, weights = hermegauss(NODES)
    return at, weights / weights.sum()


def moments(one: Distribution) -> tuple[float, float]:
    """Mean and standard deviation of a distribution with one width, by quadrature."""
    at, weights = nodes()
    values = one.at(at)
    mean = float(weights @ values)
    return mean, math.sqrt(max(0.0, float(weights @ (values - mean) ** 2)))
