"""Dose-response curves fitted to estimates at doses by generalised least squares, for many trials at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError
from pkpd.statistics.checking import choice, finite, positive
from pkpd.statistics.dosefinding.contrasts import covariance_matrix, covariance_of_means
from pkpd.statistics.dosefinding.shapes import FORMS

Floats = NDArray[np.float64]

FIRST = {1: 40, 2: 30}  # points of the first grid along each of theta, by how many there are
ROUNDS, SMALL, POLISHING = 100, 1e-4, 40  # of closing in, its last step in logarithms, and steps from there
TRIALS_AT_ONCE = 2000


@dataclass(frozen=True)
class DoseMeans:
    """What is known of the mean response at every dose, of one trial or of many.

    doses      : (doses), all different, from 0 on
    estimates  : (doses) or (trials, doses)
    covariance : (doses, doses) of the estimates, times `scale`
    scale      : () or (trials), such as a trial's estimated variance
    freedom    : degrees of freedom of the scale; infinite where the covariance is taken as known
    patients   : in all; 0 where the estimates are not means of patients with one spread
    """

    doses: Floats
    estimates: Floats
    covariance: Floats
    scale: Floats
    freedom: float = math.inf
    patients: int = 0

    @classmethod
    def from_estimates(cls, doses: ArrayLike, estimates: ArrayLike, covariance: ArrayLike) -> DoseMeans:
        """From any estimates and their covariance, taken as known: logits of proportions, adjusted means."""
        d, y = _doses(doses), finite("estimate", estimates)
        if y.shape[-1:] != d.shape:
            raise StatisticsError(f"estimates have shape {y.shape}; there are {len(d)} doses.")
        return cls(d, y, covariance_matrix(covariance, len(d)), np.ones(y.shape[:-1]))

    @classmethod
    def from_means(cls, doses: ArrayLike, means: ArrayLike, variance: ArrayLike, patients: ArrayLike) -> DoseMeans:
        """From groups with one spread.

        means    : (doses) or (trials, doses)
        variance : within the groups, pooled, () or (trials)
        patients : (doses)
        """
        d, y, n = _doses(doses), finite("mean", means), np.asarray(patients, np.float64)
        v = finite("variance", variance)
        if y.shape[-1:] != d.shape or n.shape != d.shape or v.shape != y.shape[:-1] or np.any(v <= 0.0):
            raise StatisticsError(
                f"{len(d)} doses, means {y.shape}, patients {n.shape}, variances {v.shape}: give a mean and a number "
                "of patients for every dose, and one variance above 0 for every trial."
            )
        freedom = float(n.sum()) - len(d)
        positive("degrees of freedom", freedom)
        return cls(d, y, covariance_of_means(1.0, n), v, freedom, int(n.sum()))


@dataclass(frozen=True)
class Fit:
    """A curve fitted: mean = E0 + E1 f(dose; theta); a quadratic is E0 + b1 dose + b2 dose^2.

    kind       : of the shape
    constant   : of the shape
    top        : highest dose
    linear     : (..., 2) E0 and E1, or (..., 3) E0, b1, b2
    theta      : (..., number of theta)
    objective  : (...) weighted sum of squares left
    criterion  : (...) AIC, or gAIC = objective + 2 parameters where the covariance is taken as known; less is better
    at_bound   : (...) whether a theta ends at the end of its range, so that the data do not tell it
    """

    kind: str
    constant: float
    top: float
    linear: Floats
    theta: Floats
    objective: Floats
    criterion: Floats
    at_bound: NDArray[np.bool_]

    @property
    def parameters(self) -> int:
        return int(self.linear.shape[-1] + self.theta.shape[-1])

    def predict(self, doses: ArrayLike) -> Floats:
        """Fitted means, (..., doses), at doses common to all trials or, (..., doses), each trial's own."""
        columns = _columns(self.kind, self.constant, np.asarray(doses, np.float64), self.theta[..., None, :])
        return np.asarray(np.einsum("...dc,...c->...d", columns, self.linear))

    def standard_errors(self, means: DoseMeans) -> Floats:
        """Approximate standard errors of the parameters, (parameters), E0 first, of the fit of one trial.

        From the gradient at the fit; where the covariance was estimated, with the variance left by this curve.
        Raises StatisticsError where the doses do not tell the parameters apart.
        """
        if self.objective.ndim:
            raise StatisticsError("standard errors are those of one trial; take one of the fits.")
        theta = tuple(float(t) for t in self.theta)
        gradient = _columns(self.kind, self.constant, means.doses, self.theta)
        if theta:
            slopes = FORMS[self.kind].gradient(means.doses, theta, self.constant)
            gradient = np.concatenate([gradient, np.stack(slopes, axis=1) * self.linear[1]], axis=1)
        information = gradient.T @ np.linalg.solve(means.covariance * means.scale, gradient)
        if np.linalg.cond(information) > 1e14:
            raise StatisticsError(f"the doses do not tell the parameters of the {self.kind} curve apart.")
        excess = 1.0
        if means.patients:
            excess = (means.freedom + float(self.objective)) / (means.patients - self.parameters)
        return np.sqrt(np.diag(np.linalg.inv(information)) * excess)


def fit_curve(kind: str, means: DoseMeans, *, constant: float = 0.0) -> Fit:
    """The curve of a form that fits best, one a trial.

    kind     : of the shape
    means    : estimates at the doses
    constant : offset of log-linear, 1 if left out; scale of beta, 1.2 times the highest dose if left out
    For any theta the rest is linear and solved; theta is looked for on a grid over its range, closer and closer around
    the best point, and from there by Levenberg and Marquardt's steps, every trial on its own. Ranges, times the highest
    dose: ED50 0.001 to 1.5, delta of exponential 0.1 to 2, delta of logistic 0.01 to 0.5; Hill 0.5 to 10, delta1 and
    delta2 0.05 to 4.
    """
    choice("shape", kind, FORMS)
    form, top = FORMS[kind], float(means.doses.max())
    fixed = constant or {"log-linear": 1.0, "beta": 1.2 * top}.get(kind, 0.0)
    if form.constant and fixed <= (top if kind == "beta" else 0.0):
        raise StatisticsError(
            f"{kind}: {form.constant} is {fixed:g}; it must be above {top if kind == 'beta' else 0:g}."
        )
    count = 0 if kind == "quadratic" else len(form.names)
    if len(means.doses) < (3 if kind == "quadratic" else 2) + count:
        raise StatisticsError(f"{kind} has more parameters than the {len(means.doses)} doses can tell.")
    y = means.estimates.reshape(-1, len(means.doses))
    problem = _Problem(kind, fixed, means.doses, np.linalg.inv(np.linalg.cholesky(means.covariance)))
    parts = [problem.solve(y[i : i + TRIALS_AT_ONCE]) for i in range(0, len(y), TRIALS_AT_ONCE)]
    theta, linear, left = (np.concatenate([part[i] for part in parts]) for i in range(3))
    outer = means.estimates.shape[:-1]
    theta, linear = theta.reshape(*outer, theta.shape[-1]), linear.reshape(*outer, linear.shape[-1])
    objective = left.reshape(outer) / means.scale
    parameters = theta.shape[-1] + linear.shape[-1]
    if means.patients:
        total = means.patients
        variance = means.scale * (means.freedom + objective) / total
        criterion = total * (np.log(2.0 * np.pi * variance) + 1.0) + 2.0 * (parameters + 1)
    else:
        criterion = objective + 2.0 * parameters
    low, high = problem.range
    at_bound = np.any((np.log(theta) < low + 1e-6) | (np.log(theta) > high - 1e-6), axis=-1)
    return Fit(kind, fixed, top, linear, theta, objective, criterion, at_bound)


@dataclass(frozen=True)
class _Problem:
    """One form at these doses, and what makes the estimates independent with variance 1."""

    kind: str
    constant: float
    doses: Floats
    whiten: Floats

    @property
    def range(self) -> tuple[Floats, Floats]:
        """Logarithms of the lowest and highest theta."""
        form = FORMS[self.kind]
        factor = np.where(form.scaled, self.doses.max(), 1.0) if form.scaled else np.ones(len(form.low))
        return np.log(np.asarray(form.low) * factor), np.log(np.asarray(form.high) * factor)

    def solve(self, y: Floats) -> tuple[Floats, Floats, Floats]:
        """Best theta (trials, theta), linear parameters (trials, 2 or 3), and the squares left (trials)."""
        white = y @ self.whiten.T
        low, high = self.range
        if not len(low):
            theta = np.empty((len(y), 0))
            return theta, *self._linear(white, theta)
        axes = [np.linspace(a, b, FIRST[len(low)]) for a, b in zip(low, high, strict=True)]
        grid = np.array(list(product(*axes)))
        best = grid[np.argmin(self._left(white, grid[None]), axis=1)]
        step = np.array([axis[1] - axis[0] for axis in axes]) * np.ones((len(y), 1))
        around = np.array(list(product((-1.0, -0.5, 0.0, 0.5, 1.0), repeat=len(low))))
        open_ = np.arange(len(y))
        for _ in range(ROUNDS):
            points = np.clip(best[open_, None] + around * step[open_, None], low, high)
            chosen = np.argmin(self._left(white[open_], points), axis=1)
            following = points[np.arange(len(open_)), chosen]
            moved = np.any(np.abs(following - best[open_]) > 0.75 * step[open_], axis=1)
            best[open_] = following
            step[open_] *= np.where(moved, 1.0, 0.5)[:, None]
            open_ = open_[step[open_].max(axis=1) > SMALL]
            if not len(open_):
                break
        theta = np.exp(self._polished(white, best, low, high))
        return theta, *self._linear(white, theta)

    def _polished(self, white: Floats, start: Floats, low: Floats, high: Floats) -> Floats:
        """Levenberg and Marquardt's steps in log theta, along the valleys that closing in on a grid crawls through."""
        best, damping = start.copy(), np.full(len(start), 1e-3)
        left = self._left(white, best[:, None])[:, 0]
        for _ in range(POLISHING):
            slope, curvature = self._normal_equations(white, best)
            held = ((best <= low) & (slope < 0.0)) | ((best >= high) & (slope > 0.0))
            free = np.where(held, 0.0, 1.0)
            matrix = curvature * free[:, :, None] * free[:, None, :]
            diagonal = np.einsum("tii->ti", matrix) * damping[:, None] + np.where(held, 1.0, 1e-12)
            step = np.linalg.solve(matrix + diagonal[:, :, None] * np.eye(len(low)), (slope * free)[..., None])[..., 0]
            tried = np.clip(best + step, low, high)
            value = self._left(white, tried[:, None])[:, 0]
            better = value < left
            best, left = np.where(better[:, None], tried, best), np.where(better, value, left)
            damping = np.clip(np.where(better, damping / 5.0, damping * 5.0), 1e-9, 1e9)
        return best

    def _normal_equations(self, white: Floats, log_theta: Floats) -> tuple[Floats, Floats]:
        """Of half the squares left: downhill in log theta (trials, theta), and curvature (trials, theta, theta)."""
        theta = np.exp(log_theta)
        columns = _columns(self.kind, self.constant, self.doses, theta[:, None, :])
        q, r = np.linalg.qr(np.einsum("ed,tdc->tec", self.whiten, columns))
        along = np.einsum("tec,te->tc", q, white)
        e1 = along[:, 1] / r[:, 1, 1]
        parts = [theta[:, i, None] for i in range(theta.shape[1])]
        slopes = np.stack(FORMS[self.kind].gradient(self.doses, parts, self.constant), axis=-1) * theta[:, None, :]
        jacobian = np.einsum("ed,tdm->tem", self.whiten, slopes) * e1[:, None, None]
        jacobian -= np.einsum("tec,tfc,tfm->tem", q, q, jacobian, optimize=True)
        residual = white - np.einsum("tec,tc->te", q, along)
        return np.einsum("tem,te->tm", jacobian, residual), np.einsum("tem,ten->tmn", jacobian, jacobian)

    def _left(self, white: Floats, log_theta: Floats) -> Floats:
        """Squares left, (trials, points), for theta (trials or 1, points, theta)."""
        f = self._values(np.exp(log_theta)) @ self.whiten.T
        ones = self.whiten.sum(axis=1)
        ones = ones / math.sqrt(ones @ ones)
        f = f - (f @ ones)[..., None] * ones
        rest = white - (white @ ones)[:, None] * ones
        square = np.sum(f * f, axis=-1)
        along = np.einsum("tpd,td->tp", np.broadcast_to(f, (len(white), *f.shape[1:])), rest)
        with np.errstate(invalid="ignore", divide="ignore"):
            explained = np.where(square > 1e-20, along**2 / square, 0.0)
        return np.asarray(np.sum(rest * rest, axis=-1)[:, None] - explained)

    def _values(self, theta: Floats) -> Floats:
        """f, (..., doses)."""
        parts = [theta[..., i, None] for i in range(theta.shape[-1])]
        return FORMS[self.kind].value(self.doses, parts, self.constant)

    def _linear(self, white: Floats, theta: Floats) -> tuple[Floats, Floats]:
        columns = _columns(self.kind, self.constant, self.doses, theta[:, None, :])
        design = np.einsum("ed,tdc->tec", self.whiten, np.broadcast_to(columns, (len(white), *columns.shape[-2:])))
        q, r = np.linalg.qr(design)
        solved = np.linalg.solve(r, np.einsum("tec,te->tc", q, white)[..., None])[..., 0]
        left = white - np.einsum("tec,tc->te", design, solved)
        return solved, np.sum(left * left, axis=-1)


def _columns(kind: str, constant: float, doses: Floats, theta: Floats) -> Floats:
    """What the linear parameters multiply, (..., doses, 2 or 3); theta is (..., 1, theta) or (theta)."""
    if kind == "quadratic":
        return np.stack([np.ones_like(doses), doses, doses * doses], axis=-1)
    parts = [theta[..., i] for i in range(theta.shape[-1])]
    f = FORMS[kind].value(doses, parts, constant)
    return np.stack([np.ones_like(f), f], axis=-1)


def _doses(given: ArrayLike) -> Floats:
    d = finite("dose", given)
    if d.ndim != 1 or len(np.unique(d)) != len(d) or np.any(d < 0.0) or d.max() == 0.0:
        raise StatisticsError(f"doses are {d}; give each once, from 0 on.")
    return d
