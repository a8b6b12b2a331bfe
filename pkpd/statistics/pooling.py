"""Meta-analysis of one literature or of many at once: what trials say together, and how much they disagree.

Effects and standard errors are (studies), or (literatures, studies); a mask of the same shape tells which studies are
there. Every number that comes back has one value a literature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError
from pkpd.statistics.checking import choice, share

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

METHODS = ("fixed", "dersimonian-laird", "reml", "paule-mandel")
INTERVALS = ("normal", "hartung-knapp")
STEPS, CLOSE = 200, 1e-12
GRID = np.geomspace(1e-5, 1.0, 40)  # of the largest variance between studies


@dataclass(frozen=True)
class Pooled:
    """A pooled effect.

    estimate                       : mean effect, in the unit of the effects
    se                             : its standard error
    low, high                      : its confidence interval
    p                              : two-sided p-value of no effect
    tau2                           : variance of the true effects between studies; 0 for a fixed effect
    predicted_low, predicted_high  : where the true effect of a new study is expected; infinite for two studies
    studies                        : how many
    """

    estimate: Floats
    se: Floats
    low: Floats
    high: Floats
    p: Floats
    tau2: Floats
    predicted_low: Floats
    predicted_high: Floats
    studies: Floats


@dataclass(frozen=True)
class Heterogeneity:
    """How much studies disagree beyond chance.

    q, p              : Cochran's Q, and its p-value of no disagreement
    tau2, low, high   : variance of the true effects between studies, with its interval
    i2, i2_low, i2_high : share of the variance that is not chance, from 0 to 1, with its interval
    """

    q: Floats
    p: Floats
    tau2: Floats
    tau2_low: Floats
    tau2_high: Floats
    i2: Floats
    i2_low: Floats
    i2_high: Floats


@dataclass(frozen=True)
class Studies:
    """Effects, their variances and who is there, of one shape; what is not there has effect 0 and variance 1."""

    effects: Floats
    variances: Floats
    there: Bools

    @property
    def count(self) -> Floats:
        return np.asarray(np.count_nonzero(self.there, axis=-1), np.float64)

    def weights(self, tau2: Floats) -> Floats:
        return np.where(self.there, 1.0 / (self.variances + tau2[..., None]), 0.0)

    def mean(self, weights: Floats) -> Floats:
        return np.asarray(np.sum(weights * self.effects, axis=-1) / np.sum(weights, axis=-1))

    def q(self, tau2: Floats) -> tuple[Floats, Floats]:
        """Weighted sum of squares about the mean, and its slope in tau2."""
        w = self.weights(tau2)
        squares = (self.effects - self.mean(w)[..., None]) ** 2
        return np.sum(w * squares, axis=-1), -np.sum(w * w * squares, axis=-1)


def gather(effects: ArrayLike, se: ArrayLike, there: ArrayLike | None = None, *, least: int = 2) -> Studies:
    """Studies from effects and standard errors, if every literature has at least `least` of them."""
    y, s = np.broadcast_arrays(np.asarray(effects, np.float64), np.asarray(se, np.float64))
    if y.ndim == 0:
        raise StatisticsError("one study is no literature; give effects and standard errors as arrays of studies.")
    mask = np.broadcast_to(np.True_ if there is None else np.asarray(there, np.bool_), y.shape)
    wrong = mask & ~(np.isfinite(y) & np.isfinite(s) & (s > 0.0))
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise StatisticsError(
            f"study {list(at)} has effect {y[at]:g} and standard error {s[at]:g}; both must be finite, the latter > 0."
        )
    few = np.count_nonzero(mask, axis=-1) < least
    if few.any():
        where = "" if few.ndim == 0 else f" (literature {int(np.argmax(few))}, {int(few.sum())} of {few.size})"
        raise StatisticsError(f"a literature has too few studies{where}; this needs at least {least}.")
    return Studies(np.where(mask, y, 0.0), np.where(mask, s * s, 1.0), mask)


def pool(
    effects: ArrayLike,
    se: ArrayLike,
    there: ArrayLike | None = None,
    *,
    method: str = "reml",
    interval: str = "normal",
    level: float = 0.95,
) -> Pooled:
    """The mean effect of a literature.

    effects  : (studies) or (literatures, studies)
    se       : standard errors, same shape
    there    : mask of the studies that are there; without it all
    method   : "fixed" (one true effect), or of random effects with the variance between studies by "dersimonian-laird",
               "reml" (restricted maximum likelihood) or "paule-mandel" (Q equal to its degrees of freedom)
    interval : "normal", or "hartung-knapp" (t distribution, standard error from the weighted residuals)
    level    : of the intervals
    The prediction interval is estimate -+ t(studies - 2) sqrt(tau2 + se^2); of few studies it holds fewer than it says,
    because tau2 is taken as known.
    Sources: DerSimonian and Laird, Control Clin Trials 1986;7:177; Viechtbauer, J Educ Behav Stat 2005;30:261; Paule
    and Mandel, J Res Natl Bur Stand 1982;87:377; Hartung and Knapp, Stat Med 2001;20:3875; Higgins, Thompson and
    Spiegelhalter, J R Stat Soc A 2009;172:137 (prediction).
    """
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    choice("method", method, METHODS)
    choice("interval", interval, INTERVALS)
    tail = (1.0 - share("level", level)) / 2.0
    studies = gather(effects, se, there)
    tau2 = between(studies, method)
    w = studies.weights(tau2)
    mean, total, freedom = studies.mean(w), np.sum(w, axis=-1), studies.count - 1.0
    error = np.sqrt(1.0 / total)
    if interval == "normal":
        p, half = 2.0 * ndtr(-np.abs(mean) / error), -float(ndtri(tail)) * error
    else:
        error = np.sqrt(studies.q(tau2)[0] / freedom / total)
        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.where(error > 0.0, np.abs(mean) / error, np.where(mean == 0.0, 0.0, np.inf))
        p, half = 2.0 * stdtr(freedom, -t), -stdtrit(freedom, tail) * error
    wide = np.where(freedom > 1.0, -stdtrit(np.maximum(freedom - 1.0, 1.0), tail), np.inf)
    reach = wide * np.sqrt(tau2 + error**2)
    return Pooled(mean, error, mean - half, mean + half, p, tau2, mean - reach, mean + reach, studies.count)


def heterogeneity(
    effects: ArrayLike, se: ArrayLike, there: ArrayLike | None = None, *, method: str = "reml", level: float = 0.95
) -> Heterogeneity:
    """How much the studies of a literature disagree; arguments as for `pool`.

    The interval of tau2 holds the values whose Q is no surprise (Q-profile); I^2 = tau2 / (tau2 + s^2) with s^2 the
    typical variance of a study, (k - 1) / (sum w - sum w^2 / sum w), and its interval from that of tau2.
    Sources: Viechtbauer, Stat Med 2007;26:37; Higgins and Thompson, Stat Med 2002;21:1539.
    """
    from scipy.special import chdtrc, chdtri

    choice("method", method, METHODS)
    tail = (1.0 - share("level", level)) / 2.0
    studies = gather(effects, se, there)
    nothing, freedom = np.zeros(studies.count.shape), studies.count - 1.0
    q = studies.q(nothing)[0]
    tau2 = between(studies, method)
    low, high = (_q_equals(studies, chdtri(freedom, upper)) for upper in (tail, 1.0 - tail))
    w = studies.weights(nothing)
    typical = freedom / (w.sum(axis=-1) - (w * w).sum(axis=-1) / w.sum(axis=-1))
    shares = (t / (t + typical) for t in (tau2, low, high))
    return Heterogeneity(q, chdtrc(freedom, q), tau2, low, high, *shares)


def between(studies: Studies, method: str) -> Floats:
    """Variance of the true effects between studies by a method's name, one a literature, never below 0."""
    nothing = np.zeros(studies.count.shape)
    if method == "fixed":
        return nothing
    if method == "paule-mandel":
        return _q_equals(studies, studies.count - 1.0)
    if method == "reml":
        return _most_likely(studies)
    w = studies.weights(nothing)
    total, squares = w.sum(axis=-1), (w * w).sum(axis=-1)
    return np.asarray(np.maximum((studies.q(nothing)[0] - (studies.count - 1.0)) / (total - squares / total), 0.0))


def _most_likely(studies: Studies) -> Floats:
    """Where the restricted likelihood is highest: the best of a grid, for there may be two tops, and its top."""
    grid = _largest(studies) * np.concatenate([[0.0], GRID]).reshape((-1,) + (1,) * studies.count.ndim)
    best = np.argmax([_restricted_likelihood(studies, tau2) for tau2 in grid], axis=0)
    at = np.take_along_axis(grid, best[None], axis=0)[0]
    rises = _restricted_score(studies, at)[0] > 0.0
    below, beyond = (np.take_along_axis(grid, np.clip(best + step, 0, len(GRID))[None], axis=0)[0] for step in (-1, 1))
    return _root(lambda tau2: _restricted_score(studies, tau2), np.where(rises, at, below), np.where(rises, beyond, at))


def _restricted_likelihood(studies: Studies, tau2: Floats) -> Floats:
    """Twice the logarithm of the restricted likelihood, less a constant."""
    w = studies.weights(tau2)
    logs = np.sum(np.log(np.where(studies.there, w, 1.0)), axis=-1)
    return np.asarray(logs - np.log(np.sum(w, axis=-1)) - studies.q(tau2)[0])


def _restricted_score(studies: Studies, tau2: Floats) -> tuple[Floats, Floats]:
    """Twice the slope of the restricted log-likelihood in tau2, and the slope it is expected to have."""
    w = studies.weights(tau2)
    one, two, three = (np.sum(w**power, axis=-1) for power in (1, 2, 3))
    residual = np.sum(w * w * (studies.effects - studies.mean(w)[..., None]) ** 2, axis=-1)
    return residual - (one - two / one), -(two - 2.0 * three / one + (two / one) ** 2)


def _q_equals(studies: Studies, value: Floats) -> Floats:
    """The variance between studies at which Q has this value; 0 where Q is smaller already."""

    def excess(tau2: Floats) -> tuple[Floats, Floats]:
        q, slope = studies.q(tau2)
        return q - value, slope

    return _root(excess, np.zeros(studies.count.shape), _largest(studies))


def _largest(studies: Studies) -> Floats:
    """A first guess of a variance between studies that is too large."""
    spread = np.where(studies.there, studies.effects, np.nan)
    size = np.nanmax(spread, axis=-1) - np.nanmin(spread, axis=-1)
    return np.asarray(size**2 + np.max(np.where(studies.there, studies.variances, 0.0), axis=-1))


def _root(function: Callable[[Floats], tuple[Floats, Floats]], low: Floats, high: Floats) -> Floats:
    """Where a function falls through 0 at or above `low`; `low` where it is not above 0 there.

    Newton's steps, and halving where one leaves the interval or is not half the last; every element on its own, so that
    none depends on others.
    """
    value, slope = function(low)
    rises = value > 0.0
    for _ in range(STEPS):
        above = rises & (function(high)[0] > 0.0)
        if not above.any():
            break
        high = np.where(above, 4.0 * high, high)
    x, least, most, moved = low, low, high, 2.0 * (high - low)
    close, done = CLOSE * (high - low), ~rises
    for _ in range(STEPS):
        with np.errstate(invalid="ignore", divide="ignore"):
            step = x - value / slope
        good = (step >= least) & (step <= most) & (2.0 * np.abs(step - x) <= moved)
        following = np.where(done, x, np.where(good, step, (least + most) / 2.0))
        moved = np.abs(following - x)
        done, x = done | (moved <= close), following
        if done.all():
            return x
        value, slope = function(x)
        least, most = np.where(value > 0.0, x, least), np.where(value > 0.0, most, x)
    raise StatisticsError("the variance between studies could not be found; look at the effects and standard errors.")
