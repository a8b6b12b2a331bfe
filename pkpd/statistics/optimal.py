"""Where to put the patients: doses and shares of patients that tell a curve, or a target dose, best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError
from pkpd.statistics.checking import at_least, choice, finite
from pkpd.statistics.dosefinding.mcpmod import target_dose
from pkpd.statistics.dosefinding.shapes import FORMS, Shape

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CRITERIA = ("D", "TD", "D and TD")
OUTCOMES = ("normal", "logit")
TINY = 1e-9  # least share of a dose while shares are looked for, so that no information matrix is singular
ROUNDS, GAP, ENOUGH = 100, 1e-7, 1e-3  # sensitivity above 1 to go on for, and to accept


@dataclass(frozen=True)
class AssumedCurve:
    """An assumed true curve, E0 + E1 f(dose; theta).

    shape   : with its theta
    e0, e1  : E0 and E1, E1 not 0
    """

    shape: Shape
    e0: float
    e1: float

    @classmethod
    def through(cls, shape: Shape, placebo: float, most: float, top: float) -> AssumedCurve:
        """The curve with this mean at dose 0 and this largest effect up to the highest dose, `top`."""
        return cls(shape, *shape.scaled(placebo, most, top))

    def mean(self, doses: ArrayLike) -> Floats:
        return self.e0 + self.e1 * self.shape.curve(doses)

    def gradient(self, doses: ArrayLike) -> Floats:
        """(doses, parameters) slope of the mean in E0, E1 and theta; in E0, b1 and b2 for a quadratic."""
        d = np.atleast_1d(np.asarray(doses, np.float64))
        form, theta = FORMS[self.shape.kind], self.shape.theta
        if self.shape.kind == "quadratic":
            return np.stack([np.ones_like(d), d, d * d], axis=1)
        slopes = [self.e1 * s for s in form.gradient(d, theta, self.shape.constant)]
        return np.stack([np.ones_like(d), self.shape.curve(d), *slopes], axis=1)

    def aim(self, effect: float, top: float) -> Floats:
        """(parameters) direction in which the target dose of an effect depends on the parameters.

        g(dose) - g(0) at the target dose, which by the implicit function is its gradient but for a factor.
        """
        dose = float(target_dose(self.mean, top, effect))
        if not math.isfinite(dose):
            raise StatisticsError(
                f"the assumed {self.shape.kind} curve has no effect of {effect:g} up to dose {top:g}; take less."
            )
        at, none = self.gradient([dose, 0.0])
        return np.asarray(at - none)


@dataclass(frozen=True)
class Design:
    """Shares of patients.

    doses       : (doses) that were allowed
    weights     : (doses) shares of the patients, adding up to 1; 0 for a dose not taken
    criterion   : mean over curves of log det M / parameters (D), of -log var of the target dose (TD), or of their mean;
                  more is better; per patient, with variance 1
    sensitivity : (doses) what one patient more there adds, relative to the mean patient: for the optimum nowhere above
                  1, and 1 at the doses taken (equivalence theorem)
    """

    doses: Floats
    weights: Floats
    criterion: float
    sensitivity: Floats

    def patients(self, total: int) -> Integers:
        """Whole numbers of patients for every dose, as `apportion`."""
        return apportion(self.weights, total)


def optimal_design(
    curves: Sequence[AssumedCurve],
    doses: ArrayLike,
    *,
    criterion: str = "D",
    effect: float | None = None,
    prior: ArrayLike | None = None,
    outcome: str = "normal",
) -> Design:
    """The shares of patients that are best for assumed curves.

    curves    : assumed truths, averaged over
    doses     : (doses) that may be given, any number
    criterion : "D" (all parameters), "TD" (the dose of an effect) or "D and TD" (half each)
    effect    : over dose 0, whose dose is sought, for TD; below 0 for a fall
    prior     : weight of every curve; equal if left out
    outcome   : "normal" (one variance at every dose) or "logit" (the curve is the logit of a probability p, and a
                patient informs by p (1 - p))
    M = sum over doses of weight h g g'; D: max mean log det M / parameters; TD: min mean log b' M^-1 b, b the gradient
    of the target dose. Shares are found on a few doses, and the dose with the greatest sensitivity joins, until none is
    above 1.
    Sources: Dette, Bretz, Pepelyshev and Pinheiro, J Am Stat Assoc 2008;103:1225; Kiefer and Wolfowitz, Can J Math
    1960;12:363 (equivalence).
    """
    problem = _Problem.of(curves, doses, criterion, effect, prior, outcome)
    size = len(problem.doses)
    start = max(problem.parameters) + 2
    active = np.unique(np.linspace(0, size - 1, min(size, start)).round().astype(np.int64))
    weights = np.zeros(size)
    for _ in range(ROUNDS):
        weights = np.zeros(size)
        weights[active] = problem.best(active)
        sensitivity = problem.sensitivity(weights)
        worst = int(np.argmax(sensitivity))
        if sensitivity[worst] <= 1.0 + GAP:
            break
        if worst in active and np.all(weights[active] > TINY * 10):
            break
        active = np.unique(np.append(active[(weights[active] > 1e-6) | (sensitivity[active] > 1.0 - 1e-3)], worst))
    if sensitivity.max() > 1.0 + ENOUGH:
        raise StatisticsError(
            f"no optimal design was found: a patient more at dose {problem.doses[worst]:g} would add "
            f"{sensitivity[worst]:.4g} times what the mean patient does. Take doses further apart."
        )
    shares = np.where(weights > 1e-5, weights, 0.0)
    return Design(problem.doses, shares / shares.sum(), problem.value(weights), sensitivity)


def design_value(
    weights: ArrayLike,
    curves: Sequence[AssumedCurve],
    doses: ArrayLike,
    *,
    criterion: str = "D",
    effect: float | None = None,
    prior: ArrayLike | None = None,
    outcome: str = "normal",
) -> float:
    """The criterion of a design of one's own; arguments as for `optimal_design`.

    exp(design_value(one) - design_value(best)) is the efficiency of one: the share of its patients that the best design
    needs for the same precision. Minus infinity where a design cannot tell what is asked.
    """
    problem = _Problem.of(curves, doses, criterion, effect, prior, outcome)
    w = finite("weight", weights)
    if w.shape != problem.doses.shape or np.any(w < 0.0) or not math.isclose(w.sum(), 1.0, rel_tol=1e-6):
        raise StatisticsError(f"weights are {w}; give one for each of {len(problem.doses)} doses, adding up to 1.")
    return problem.value(w)


def apportion(weights: ArrayLike, total: int) -> Integers:
    """Whole numbers of patients nearest to shares in efficiency; every dose with a share keeps at least one.

    weights : shares, adding up to 1
    total   : patients, at least as many as there are shares above 0
    Source: Pukelsheim and Rieder, Biometrika 1992;79:763.
    """
    w = finite("weight", weights)
    taken = np.flatnonzero(w > 0.0)
    if np.any(w < 0.0) or not math.isclose(w.sum(), 1.0, rel_tol=1e-6):
        raise StatisticsError(f"weights are {w}; shares are 0 or above and add up to 1.")
    at_least("patients", total, len(taken))
    shares = w[taken]
    counts = np.ceil((total - len(taken) / 2.0) * shares).astype(np.int64)
    while counts.sum() > total:
        counts[np.argmax((counts - 1) / shares)] -= 1
    while counts.sum() < total:
        counts[np.argmin(counts / shares)] += 1
    patients = np.zeros(len(w), np.int64)
    patients[taken] = counts
    return patients


@dataclass(frozen=True)
class _Problem:
    """Gradients of every curve at the doses, scaled by the root of what a patient there informs; aims; importance."""

    doses: Floats
    gradients: tuple[Floats, ...]
    aims: tuple[Floats, ...]
    prior: Floats
    share_d: float

    @classmethod
    def of(
        cls,
        curves: Sequence[AssumedCurve],
        doses: ArrayLike,
        criterion: str,
        effect: float | None,
        prior: ArrayLike | None,
        outcome: str,
    ) -> _Problem:
        from scipy.special import expit

        choice("criterion", criterion, CRITERIA)
        choice("outcome", outcome, OUTCOMES)
        d = np.unique(finite("dose", doses))
        if not np.array_equal(d, np.asarray(doses)):
            raise StatisticsError("doses must be given in ascending order, each once.")
        if not curves:
            raise StatisticsError("there is no assumed curve.")
        if any(curve.e1 == 0.0 for curve in curves):
            raise StatisticsError("an assumed curve has E1 0: it is flat, and no design tells its parameters.")
        if criterion != "D" and effect is None:
            raise StatisticsError(f'criterion "{criterion}" needs the effect whose dose is sought.')
        given = np.ones(len(curves)) if prior is None else finite("prior", prior)
        if given.shape != (len(curves),) or np.any(given < 0.0) or given.sum() == 0.0:
            raise StatisticsError(f"prior is {given}; give a weight of 0 or above for each of {len(curves)} curves.")
        gradients = []
        for curve in curves:
            chance = expit(curve.mean(d)) if outcome == "logit" else np.full(d.shape, np.nan)
            informs = np.sqrt(chance * (1.0 - chance)) if outcome == "logit" else np.ones(d.shape)
            gradients.append(curve.gradient(d) * informs[:, None])
        aims = () if effect is None or criterion == "D" else tuple(c.aim(effect, float(d[-1])) for c in curves)
        shares = {"D": 1.0, "TD": 0.0, "D and TD": 0.5}
        problem = cls(d, tuple(gradients), aims, given / given.sum(), shares[criterion])
        for curve, g in zip(curves, gradients, strict=True):
            if len(d) < g.shape[1]:
                raise StatisticsError(
                    f"{curve.shape.kind} has {g.shape[1]} parameters; {len(d)} doses cannot tell them."
                )
        return problem

    @property
    def parameters(self) -> list[int]:
        return [g.shape[1] for g in self.gradients]

    def value(self, weights: Floats) -> float:
        total = 0.0
        for i, g in enumerate(self.gradients):
            information = (g * weights[:, None]).T @ g
            if self.share_d:
                sign, log_det = np.linalg.slogdet(information)
                total += self.prior[i] * self.share_d * (log_det / len(information) if sign > 0 else -math.inf)
            if self.share_d < 1.0:
                variance = _variance(information, self.aims[i])
                total -= self.prior[i] * (1.0 - self.share_d) * math.log(variance) if variance > 0 else math.inf
        return float(total)

    def sensitivity(self, weights: Floats) -> Floats:
        found = np.zeros(len(self.doses))
        used = np.maximum(weights, TINY)
        for i, g in enumerate(self.gradients):
            information = (g * used[:, None]).T @ g
            if self.share_d:
                solved = np.linalg.solve(information, g.T)
                found += self.prior[i] * self.share_d * np.einsum("dp,pd->d", g, solved) / len(information)
            if self.share_d < 1.0:
                b = self.aims[i]
                along = np.linalg.solve(information, b)
                found += self.prior[i] * (1.0 - self.share_d) * (g @ along) ** 2 / (b @ along)
        return found

    def best(self, active: Integers) -> Floats:
        """Best shares among some of the doses."""
        from scipy.optimize import minimize

        part = _Problem(
            self.doses[active], tuple(g[active] for g in self.gradients), self.aims, self.prior, self.share_d
        )
        count = len(active)
        w = np.full(count, 1.0 / count)
        for _ in range(200):
            w = w * np.sqrt(part.sensitivity(w))
            w = np.maximum(w / w.sum(), TINY)
        found = minimize(
            lambda x: -part.value(np.maximum(x, TINY)),
            w / w.sum(),
            jac=lambda x: -part.sensitivity(x),
            bounds=[(TINY, 1.0)] * count,
            constraints={"type": "eq", "fun": lambda x: x.sum() - 1.0, "jac": lambda x: np.ones(count)},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        better = found.x if part.value(np.maximum(found.x, TINY)) >= part.value(w) else w
        return np.asarray(better / better.sum())


def _variance(information: Floats, aim: Floats) -> float:
    """b' M^- b; infinite where the design cannot tell the target dose."""
    values, vectors = np.linalg.eigh(information)
    along = vectors.T @ aim
    kept = values > 1e-13 * values[-1]
    if np.any(np.abs(along[~kept]) > 1e-6 * np.linalg.norm(aim)):
        return math.inf
    return float(np.sum(along[kept] ** 2 / values[kept]))
