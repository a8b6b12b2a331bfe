"""Dose-response shapes: mean = E0 + E1 f(dose; theta), by name, with gradients and the ranges they are fitted in.

Doses may be any measure of exposure of one unit, 0 being none. Source of forms and ranges: Bornkamp, Pinheiro and
Bretz, J Stat Softw 2009;29(7):1, and the R package DoseFinding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError
from pkpd.statistics.checking import choice, finite

Floats = NDArray[np.float64]
Theta = Sequence[Floats | float]


@dataclass(frozen=True)
class Form:
    """One form: names of theta, f, its gradient in theta, the fitted range as multiples, and what the constant is.

    value    : f(dose, theta, constant), any shapes that fit
    gradient : one array for each theta
    low, high: of each theta; times the highest dose where `scaled` says so
    constant : name of a number that is set and not estimated; "" where there is none
    """

    names: tuple[str, ...]
    value: Callable[[Floats, Theta, float], Floats]
    gradient: Callable[[Floats, Theta, float], tuple[Floats, ...]]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    scaled: tuple[bool, ...] = ()
    constant: str = ""


def _log(x: Floats) -> Floats:
    """Natural logarithm, 0 at 0, where it is only ever multiplied by 0."""
    return np.log(np.where(x > 0.0, x, 1.0))


def _emax(d: Floats, t: Theta, _: float) -> Floats:
    return np.asarray(d / (t[0] + d))


def _sigmoid(d: Floats, t: Theta, _: float) -> Floats:
    risen = np.where(d > 0.0, np.exp(np.minimum(t[1] * (_log(d) - np.log(t[0])), 700.0)), 0.0)
    return np.asarray(risen / (1.0 + risen))


def _sigmoid_gradient(d: Floats, t: Theta, c: float) -> tuple[Floats, ...]:
    f = _sigmoid(d, t, c)
    bend = f * (1.0 - f)
    return -t[1] / t[0] * bend, (_log(d) - np.log(t[0])) * bend


def _logistic(d: Floats, t: Theta, _: float) -> Floats:
    from scipy.special import expit

    return np.asarray(expit((d - t[0]) / t[1]))


def _logistic_gradient(d: Floats, t: Theta, c: float) -> tuple[Floats, ...]:
    f = _logistic(d, t, c)
    return -f * (1.0 - f) / t[1], -f * (1.0 - f) * (d - t[0]) / np.square(t[1])


def _beta(d: Floats, t: Theta, scale: float) -> Floats:
    a, b = np.asarray(t[0]), np.asarray(t[1])
    x = d / scale
    log_top = a * np.log(a) + b * np.log(b) - (a + b) * np.log(a + b)
    inside = (x > 0.0) & (x < 1.0)
    return np.where(inside, np.exp(a * _log(x) + b * _log(1.0 - np.minimum(x, 1.0)) - log_top), 0.0)


def _beta_gradient(d: Floats, t: Theta, scale: float) -> tuple[Floats, ...]:
    f, x = _beta(d, t, scale), d / scale
    both = np.log(np.add(t[0], t[1]))
    return f * (_log(x) + both - np.log(t[0])), f * (_log(1.0 - np.minimum(x, 1.0)) + both - np.log(t[1]))


FORMS = {
    "linear": Form((), lambda d, t, c: d, lambda d, t, c: ()),
    "log-linear": Form((), lambda d, t, c: np.log(d + c), lambda d, t, c: (), constant="offset"),
    "emax": Form(("ED50",), _emax, lambda d, t, c: (np.asarray(-d / np.square(t[0] + d)),), (0.001,), (1.5,), (True,)),
    "sigmoid-emax": Form(("ED50", "Hill"), _sigmoid, _sigmoid_gradient, (0.001, 0.5), (1.5, 10.0), (True, False)),
    "exponential": Form(
        ("delta",),
        lambda d, t, c: np.expm1(d / t[0]),
        lambda d, t, c: (np.asarray(-d / np.square(t[0]) * np.exp(d / t[0])),),
        (0.1,),
        (2.0,),
        (True,),
    ),
    "quadratic": Form(("delta",), lambda d, t, c: d + t[0] * d * d, lambda d, t, c: (d * d,)),
    "logistic": Form(("ED50", "delta"), _logistic, _logistic_gradient, (0.001, 0.01), (1.5, 0.5), (True, True)),
    "beta": Form(
        ("delta1", "delta2"), _beta, _beta_gradient, (0.05, 0.05), (4.0, 4.0), (False, False), constant="scale"
    ),
}


@dataclass(frozen=True)
class Shape:
    """A candidate: a form with its guesses.

    kind     : "linear", "log-linear", "emax", "sigmoid-emax", "exponential", "quadratic", "logistic" or "beta"
    theta    : guesses: ED50; ED50 and Hill; delta (dose) of exponential; delta = b2 / |b1| (1/dose, below 0 for a curve
               that turns down) of quadratic; ED50 and delta (doses) of logistic; delta1 and delta2 of beta
    constant : set, not estimated: the offset added to the dose of log-linear, 1 if left out; the scale of beta, above
               every dose
    """

    kind: str
    theta: tuple[float, ...] = ()
    constant: float = 0.0

    def __post_init__(self) -> None:
        choice("shape", self.kind, FORMS)
        form = FORMS[self.kind]
        given = tuple(float(finite(f"{self.kind} guess", t)) for t in np.atleast_1d(np.asarray(self.theta, np.float64)))
        if len(given) != len(form.names):
            wanted = " and ".join(form.names) or "none"
            raise StatisticsError(
                f'shape "{self.kind}" has guesses {list(given)}; it takes {len(form.names)}: {wanted}.'
            )
        if self.kind != "quadratic" and any(t <= 0.0 for t in given):
            raise StatisticsError(f'shape "{self.kind}" has guesses {list(given)}; all must be above 0.')
        object.__setattr__(self, "theta", given)
        if self.kind == "log-linear" and self.constant == 0.0:
            object.__setattr__(self, "constant", 1.0)
        if form.constant and self.constant <= 0.0:
            raise StatisticsError(f'shape "{self.kind}" needs its {form.constant} above 0, as constant.')

    def curve(self, doses: ArrayLike) -> Floats:
        """f at these doses."""
        d = np.asarray(doses, np.float64)
        self.check(d)
        return FORMS[self.kind].value(d, self.theta, self.constant)

    def check(self, doses: Floats) -> None:
        """Refuse doses below 0, and doses that the scale of a beta shape does not hold."""
        if np.any(finite("dose", doses) < 0.0):
            raise StatisticsError(f"a dose is {doses.min():g}; doses are 0 or above.")
        if self.kind == "beta" and doses.max() >= self.constant:
            raise StatisticsError(
                f"beta shape: scale {self.constant:g} must be above the highest dose, {doses.max():g}."
            )

    def means(self, doses: ArrayLike, placebo: float = 0.0, most: float = 1.0, top: float | None = None) -> Floats:
        """Mean responses of this shape.

        doses   : any shape
        placebo : mean at dose 0
        most    : largest effect over placebo from dose 0 to `top`, below 0 for a decrease
        top     : highest dose; of `doses` if left out
        """
        e0, e1 = self.scaled(placebo, most, float(np.max(doses)) if top is None else top)
        return e0 + e1 * self.curve(doses)

    def scaled(self, placebo: float, most: float, top: float) -> tuple[float, float]:
        """E0 and E1 that give this mean at dose 0 and this largest effect up to the highest dose."""
        start = float(self.curve(0.0))
        rise = float(self.curve(self.peak(top))) - start
        if rise == 0.0:
            raise StatisticsError(f'shape "{self.kind}" {list(self.theta)} is flat up to dose {top:g}.')
        return placebo - most / rise * start, most / rise

    def peak(self, top: float) -> float:
        """The dose from 0 to the highest at which the effect is largest."""
        if self.kind == "quadratic" and self.theta[0] < 0.0:
            return min(top, -0.5 / self.theta[0])
        if self.kind == "beta":
            return min(top, self.constant * self.theta[0] / (self.theta[0] + self.theta[1]))
        return top


def guess_shape(
    kind: str, doses: ArrayLike, shares: ArrayLike, *, top: float | None = None, peak: float | None = None,
    constant: float = 0.0,
) -> Shape:  # fmt: skip
    """A candidate from what share of its largest effect is expected at a dose.

    kind     : of the shape, one with guesses
    doses    : one dose, or two for sigmoid-emax and logistic
    shares   : of the largest effect, between 0 and 1, one a dose (1 allowed for quadratic)
    top      : highest dose, for exponential
    peak     : dose of the largest effect, for beta
    constant : scale of beta
    Emax, sigmoid Emax and logistic take the share of the plateau. Quadratic takes the branch before its peak.
    Source: Pinheiro, Bornkamp and Bretz, J Biopharm Stat 2006;16:639.
    """
    from scipy.optimize import brentq

    choice("shape with guesses", kind, [name for name, form in FORMS.items() if form.names])
    d, p = np.atleast_1d(np.asarray(doses, np.float64)), np.atleast_1d(np.asarray(shares, np.float64))
    needed = 2 if kind in ("sigmoid-emax", "logistic") else 1
    if len(d) != needed or len(p) != needed:
        raise StatisticsError(
            f'shape "{kind}" is guessed from {needed} dose(s) with a share each; given were {len(d)}.'
        )
    if np.any(d <= 0.0) or np.any(p <= 0.0) or np.any(p > 1.0) or (kind != "quadratic" and np.any(p == 1.0)):
        raise StatisticsError(f"doses {d} and shares {p}: doses must be above 0, shares between 0 and 1.")
    odds = np.log(p / (1.0 - p)) if kind != "quadratic" else p
    if kind == "emax":
        return Shape(kind, (d[0] * (1.0 - p[0]) / p[0],))
    if kind == "sigmoid-emax":
        hill = (odds[1] - odds[0]) / math.log(d[1] / d[0])
        return Shape(kind, (d[0] * math.exp(-odds[0] / hill), hill))
    if kind == "logistic":
        delta = (d[1] - d[0]) / (odds[1] - odds[0])
        return Shape(kind, (d[0] - delta * odds[0], delta))
    if kind == "quadratic":
        return Shape(kind, (-(1.0 - math.sqrt(1.0 - p[0])) / (2.0 * d[0]),))
    if kind == "exponential":
        if top is None or not 0.0 < p[0] < d[0] / top:
            raise StatisticsError(
                f"exponential: give top, the highest dose, and a share below dose / top, for the curve to bend up; "
                f"given were dose {d[0]:g}, share {p[0]:g}, top {top}."
            )
        least, most = top / 700.0, 1e4 * top
        excess: Callable[[float], float] = lambda delta: math.expm1(d[0] / delta) / math.expm1(top / delta) - p[0]  # noqa: E731
        return Shape(kind, (float(brentq(excess, least, most, xtol=1e-12 * top)),))
    if peak is None or not 0.0 < peak < constant or d[0] == peak:
        raise StatisticsError(
            "beta: give peak, the dose of the largest effect, below the scale and not the dose guessed at."
        )
    ratio = peak / (constant - peak)
    log_relative = ratio * math.log(d[0] / peak) + math.log((constant - d[0]) / (constant - peak))
    delta2 = math.log(p[0]) / log_relative
    return replace(Shape("beta", (ratio * delta2, delta2), constant))
