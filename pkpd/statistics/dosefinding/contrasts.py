"""Optimal contrasts of candidate shapes, and the test that takes the largest of them without losing its level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError
from pkpd.statistics.checking import choice, finite, positive, share
from pkpd.statistics.dosefinding.shapes import Shape
from pkpd.statistics.power import spread_nodes

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DIRECTIONS = ("increasing", "decreasing")
FINE = 14  # binary logarithm of half the points averaged over
SPREADS = 64  # nodes of the estimated spread, for t


@dataclass(frozen=True)
class Contrasts:
    """Weights of the doses, one column a shape, and how the statistics they give are correlated.

    matrix      : (doses, shapes), each column of sum 0 and length 1
    covariance  : (doses, doses) of the estimates, for which they are the best
    correlation : (shapes, shapes) of the test statistics under that covariance
    """

    matrix: Floats
    covariance: Floats
    correlation: Floats


@dataclass(frozen=True)
class ContrastTest:
    """A multiple contrast test.

    statistics  : (shapes) or (trials, shapes)
    critical    : what the largest must exceed
    alpha       : level for which that is
    significant : which do, same shape as statistics
    correlation : (shapes, shapes) of the statistics
    freedom     : degrees of freedom of their spread, infinite for normal
    two_sided   : whether size without sign counts
    """

    statistics: Floats
    critical: float
    alpha: float
    significant: Bools
    correlation: Floats
    freedom: float
    two_sided: bool

    def adjusted_p(self) -> Floats:
        """P-values adjusted for taking the largest of all shapes, in the shape of the statistics."""
        size = np.abs(self.statistics) if self.two_sided else self.statistics
        largest = _Largest.of(self.correlation, self.two_sided, self.freedom)
        return np.array([largest.exceeds(float(t)) for t in size.ravel()]).reshape(size.shape)


def covariance_of_means(sd: float, patients: ArrayLike) -> Floats:
    """Covariance of independent means: sd^2 / patients on the diagonal.

    sd       : standard deviation of a patient, > 0
    patients : (doses) at least 1 each
    """
    n = np.asarray(patients, np.float64)
    if n.ndim != 1 or np.any(n < 1.0):
        raise StatisticsError(f"patients a dose are {n}; give at least 1 for every dose.")
    return np.diag(positive("sd", sd) ** 2 / n)


def optimal_contrasts(
    shapes: Sequence[Shape | ArrayLike], doses: ArrayLike, covariance: ArrayLike, *, direction: str = "increasing"
) -> Contrasts:
    """For each shape the contrast that finds it with the greatest power.

    shapes     : candidates; or means at the doses, (doses), for a shape of your own
    doses      : (doses), placebo among them as 0
    covariance : (doses, doses) of the estimates at the doses
    direction  : "increasing", or "decreasing" for an outcome that falls with the dose; means of your own keep
                 their sign
    c proportional to S^-1 (mu - 1 mu' S^-1 1 / (1' S^-1 1)).
    Source: Pinheiro, Bornkamp, Glimm and Bretz, Stat Med 2014;33:1646.
    """
    choice("direction", direction, DIRECTIONS)
    d, s = finite("dose", doses), covariance_matrix(covariance, len(np.atleast_1d(np.asarray(doses))))
    sign = 1.0 if direction == "increasing" else -1.0
    if not shapes:
        raise StatisticsError("there is no candidate shape.")
    rows = [sign * shape.curve(d) if isinstance(shape, Shape) else finite("mean", shape) for shape in shapes]
    if any(row.shape != d.shape for row in rows):
        raise StatisticsError(f"means of a shape of your own must be {len(d)}, one a dose.")
    means = np.stack(rows, axis=1)
    inverse = np.linalg.inv(s)
    ones = inverse.sum(axis=0)
    raw = inverse @ (means - (ones @ means) / ones.sum())
    length = np.sqrt(np.sum(raw**2, axis=0))
    flat = np.ptp(means, axis=0) <= 1e-12 * np.abs(means).max(axis=0)
    if np.any(flat):
        raise StatisticsError(
            f"shape {int(np.argmax(flat)) + 1} of {len(rows)} is flat over the doses: no contrast finds it."
        )
    return _with_correlation(raw / length, s)


def covariance_matrix(given: ArrayLike, size: int) -> Floats:
    """A covariance matrix of this size, if it is one; a positive number a dose stands for independent estimates."""
    s = finite("covariance", given)
    s = np.diag(s) if s.ndim == 1 else s
    if s.shape != (size, size):
        raise StatisticsError(f"covariance has shape {s.shape}; {size} doses need ({size}, {size}).")
    if not np.allclose(s, s.T, rtol=1e-9, atol=0.0):
        i, j = (int(k) for k in np.argwhere(~np.isclose(s, s.T, rtol=1e-9, atol=0.0))[0])
        raise StatisticsError(
            f"covariance is not symmetric: entry [{i}, {j}] is {s[i, j]:g}, [{j}, {i}] is {s[j, i]:g}."
        )
    least = float(np.linalg.eigvalsh(s)[0])
    if least <= 0.0:
        raise StatisticsError(f"covariance is not positive definite: its smallest eigenvalue is {least:g}.")
    return s


def _with_correlation(matrix: Floats, covariance: Floats) -> Contrasts:
    between = matrix.T @ covariance @ matrix
    spread = np.sqrt(np.diag(between))
    return Contrasts(matrix, covariance, between / np.outer(spread, spread))


def contrast_test(
    estimates: ArrayLike,
    contrasts: Contrasts,
    *,
    scale: ArrayLike = 1.0,
    freedom: float = math.inf,
    alpha: float = 0.025,
    two_sided: bool = False,
) -> ContrastTest:
    """Test of every shape against none, with one critical value for all.

    estimates : (doses) or (trials, doses)
    contrasts : the shapes' contrasts
    scale     : (trials) or a number: the estimates' covariance over that of the contrasts, such as a trial's estimated
                variance where the contrasts were made for sd 1
    freedom   : degrees of freedom with which that was estimated; infinite where it is known
    alpha     : probability of any significant shape where there is no dose-response
    """
    y = finite("estimate", estimates)
    if y.shape[-1:] != contrasts.matrix.shape[:1]:
        raise StatisticsError(f"estimates have shape {y.shape}; the contrasts are of {len(contrasts.matrix)} doses.")
    spread = np.sqrt(np.einsum("ds,de,es->s", contrasts.matrix, contrasts.covariance, contrasts.matrix))
    wide = np.sqrt(np.asarray(scale, np.float64))[..., None] * spread
    statistics = y @ contrasts.matrix / wide
    critical = critical_value(contrasts.correlation, freedom=freedom, alpha=alpha, two_sided=two_sided)
    size = np.abs(statistics) if two_sided else statistics
    return ContrastTest(statistics, critical, alpha, size > critical, contrasts.correlation, freedom, two_sided)


def critical_value(
    correlation: ArrayLike, *, freedom: float = math.inf, alpha: float = 0.025, two_sided: bool = False
) -> float:
    """What the largest of correlated statistics exceeds with probability alpha where there is nothing to find.

    correlation : (shapes, shapes), possibly singular
    freedom     : degrees of freedom of their common spread; infinite for normal
    Exceeding is split by which statistic is the largest. Given what the others hold that is independent of it, it is
    the largest from some value on, with the probability of a normal tail; averaged over 2^15 fixed points of low
    discrepancy and, for t, over the estimated spread. Alpha is met within 1e-5 (eight independent statistics).
    """
    from scipy.optimize import brentq

    share("alpha", alpha)
    largest = _Largest.of(np.asarray(correlation, np.float64), two_sided, freedom)
    return float(brentq(lambda c: largest.exceeds(c) - alpha, -50.0, 1e4, xtol=1e-10))


def contrast_power(
    contrasts: Contrasts,
    means: ArrayLike,
    *,
    critical: float,
    covariance: ArrayLike | None = None,
    freedom: float = math.inf,
    two_sided: bool = False,
) -> float:
    """Probability that the largest statistic exceeds the critical value, for true means.

    means      : (doses) true mean at every dose
    critical   : from `critical_value`
    covariance : true covariance of the estimates; that of the contrasts if left out
    freedom    : degrees of freedom with which the spread is estimated
    Integrated as `critical_value` is.
    """
    size = len(contrasts.matrix)
    used = contrasts if covariance is None else _with_correlation(contrasts.matrix, covariance_matrix(covariance, size))
    spread = np.sqrt(np.diag(used.matrix.T @ used.covariance @ used.matrix))
    shift = finite("mean", means) @ used.matrix / spread
    return _Largest.of(used.correlation, two_sided, freedom, shift).exceeds(critical)


@dataclass(frozen=True)
class _Largest:
    """The largest of correlated statistics (a'z + shift) / w: z normal, w an estimated over its true spread.

    shift          : (statistics)
    floors         : (statistics, points) the value of a'z from which a statistic is the largest, ascending
    tails          : (statistics, points + 1) the normal tails beyond the floors from each on, added up, over the points
    nodes, weights : of w
    """

    shift: Floats
    floors: Floats
    tails: Floats
    nodes: Floats
    weights: Floats

    @classmethod
    def of(cls, correlation: Floats, two_sided: bool, freedom: float, shift: Floats | None = None) -> _Largest:
        from scipy.special import ndtr

        values, vectors = np.linalg.eigh(correlation)
        kept = values > 1e-9 * values[-1]
        a, moved = vectors[:, kept] * np.sqrt(values[kept]), np.zeros(len(correlation)) if shift is None else shift
        if two_sided:
            a, moved = np.concatenate([a, -a]), np.concatenate([moved, -moved])
        points, floors, shifts = _points(a.shape[1]), [], []
        for m, one in enumerate(a):
            rho = a @ one
            same = rho > 1.0 - 1e-12  # one statistic twice counts once
            if same[:m].any():
                continue
            apart = 1.0 - rho[~same, None]
            rest = (a[~same] - rho[~same, None] * one) / apart @ points + (moved[~same, None] - moved[m]) / apart
            floors.append(rest.max(axis=0, initial=-np.inf))
            shifts.append(moved[m])
        nodes, weights = (np.ones(1), np.ones(1)) if math.isinf(freedom) else spread_nodes(freedom, SPREADS)
        ascending = np.sort(np.array(floors), axis=1)
        tails = np.zeros((len(ascending), ascending.shape[1] + 1))
        tails[:, :-1] = np.cumsum(ndtr(-ascending[:, ::-1]), axis=1)[:, ::-1] / ascending.shape[1]
        return cls(np.array(shifts), ascending, tails, nodes, weights)

    def exceeds(self, bound: float) -> float:
        """Probability that the largest exceeds a bound."""
        from scipy.special import ndtr

        beyond = 0.0
        for shift, floors, tails in zip(self.shift, self.floors, self.tails, strict=True):
            least = bound * self.nodes - shift
            below = np.searchsorted(floors, least)
            beyond += float(self.weights @ (ndtr(-least) * below / len(floors) + tails[below]))
        return beyond


@lru_cache(maxsize=16)
def _points(rank: int) -> Floats:
    """(rank, 2^(FINE + 1)) normal numbers, evenly spread, each with its opposite."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    points = ndtri(qmc.Sobol(rank, scramble=False).random_base2(FINE) + 0.5 ** (FINE + 1))
    return np.ascontiguousarray(np.concatenate([points, -points]).T)
