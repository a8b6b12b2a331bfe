"""Analyses of many simulated trials at once: arrays of (trials, patients), and who of them was evaluated.

Every analysis takes each arm's outcomes as (trials, patients), or (patients) for one trial, and a mask of that shape,
true where a patient was evaluated; without a mask everybody was. What stands elsewhere is not looked at. The estimate
is always the first arm less the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError
from pkpd.statistics.checking import choice, share
from pkpd.statistics.two_by_two import chi_square_p, fisher_p, newcombe

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NAMES = ("first arm", "second arm")


@dataclass(frozen=True)
class Analysis:
    """What an analysis found, one number a trial.

    estimate  : difference, in the unit of the outcome
    se        : its standard error
    low, high : its confidence interval
    p         : two-sided p-value of no difference
    freedom   : degrees of freedom of the t distribution behind interval and p; infinite where it is the normal one
    """

    estimate: Floats
    se: Floats
    low: Floats
    high: Floats
    p: Floats
    freedom: Floats

    def significant(self, alpha: float = 0.05) -> Bools:
        """Which trials find a difference at this two-sided level."""
        return self.p <= share("alpha", alpha)


@dataclass(frozen=True)
class _Arm:
    """One arm's outcomes with who is not evaluated at 0, and its moments, each (trials)."""

    values: Floats
    evaluated: Bools
    patients: Floats
    mean: Floats

    def deviations(self) -> Floats:
        return np.where(self.evaluated, self.values - self.mean[..., None], 0.0)


def pooled_t(
    first: ArrayLike,
    second: ArrayLike,
    evaluated: Sequence[ArrayLike | None] = (None, None),
    *,
    names: Sequence[str] = NAMES,
    level: float = 0.95,
) -> Analysis:
    """Student's t test of two arms' means, one spread for both.

    first, second : (trials, patients) outcomes of the arms, numbers of patients may differ
    evaluated     : a mask for each arm, or None for everybody
    names         : of the arms, for the message that one is too small
    level         : of the interval
    """
    a, b = _arms(first, second, evaluated, names)
    freedom = a.patients + b.patients - 2.0
    squares = _sum_of_squares(a) + _sum_of_squares(b)
    se = np.sqrt(squares / freedom * (1.0 / a.patients + 1.0 / b.patients))
    return by_t(a.mean - b.mean, se, freedom, level)


def welch_t(
    first: ArrayLike,
    second: ArrayLike,
    evaluated: Sequence[ArrayLike | None] = (None, None),
    *,
    names: Sequence[str] = NAMES,
    level: float = 0.95,
) -> Analysis:
    """Welch's t test of two arms' means, each arm with its own spread; arguments as for `pooled_t`.

    Source: Welch, Biometrika 1947;34:28; degrees of freedom after Satterthwaite.
    """
    a, b = _arms(first, second, evaluated, names)
    of_a, of_b = (_sum_of_squares(arm) / (arm.patients - 1.0) / arm.patients for arm in (a, b))
    variance = of_a + of_b
    weight = of_a**2 / (a.patients - 1.0) + of_b**2 / (b.patients - 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = np.where(weight > 0.0, variance**2 / weight, a.patients + b.patients - 2.0)
    return by_t(a.mean - b.mean, np.sqrt(variance), freedom, level)


def ancova(
    first: ArrayLike,
    second: ArrayLike,
    baseline_first: ArrayLike,
    baseline_second: ArrayLike,
    evaluated: Sequence[ArrayLike | None] = (None, None),
    *,
    names: Sequence[str] = NAMES,
    level: float = 0.95,
) -> Analysis:
    """Difference of two arms adjusted for one baseline covariate, with one slope for both arms.

    baseline_first, baseline_second : (trials, patients) what is adjusted for, such as pain at entry
    other arguments                 : as for `pooled_t`
    Least squares of outcome on arm and baseline: with sums of squares S within the arms, slope = Sxy / Sxx,
    estimate = dy - slope dx, se^2 = (Syy - Sxy^2 / Sxx) / (n + m - 3) (1/n + 1/m + dx^2 / Sxx).
    """
    a, b = _arms(first, second, evaluated, names)
    x, z = _arms(baseline_first, baseline_second, (a.evaluated, b.evaluated), [f"baseline of {name}" for name in names])
    sxx = _sum_of_squares(x) + _sum_of_squares(z)
    _refuse(sxx == 0.0, "the baseline is the same for every patient evaluated; nothing can be adjusted for")
    sxy = np.sum(a.deviations() * x.deviations(), axis=-1) + np.sum(b.deviations() * z.deviations(), axis=-1)
    syy = _sum_of_squares(a) + _sum_of_squares(b)
    slope, apart = sxy / sxx, x.mean - z.mean
    freedom = a.patients + b.patients - 3.0
    residual = np.maximum(syy - slope * sxy, 0.0) / freedom
    se = np.sqrt(residual * (1.0 / a.patients + 1.0 / b.patients + apart**2 / sxx))
    return by_t(a.mean - b.mean - slope * apart, se, freedom, level)


def risk_difference(
    first: ArrayLike,
    second: ArrayLike,
    evaluated: Sequence[ArrayLike | None] = (None, None),
    *,
    test: str = "fisher",
    names: Sequence[str] = NAMES,
    level: float = 0.95,
) -> Analysis:
    """Difference of two proportions of responders with Newcombe's interval.

    first, second : (trials, patients) whether a patient responded, true or false
    test          : where p is from: "fisher" (exact) or "chi-square" (Pearson, uncorrected)
    other arguments as for `pooled_t`; who dropped out counts as a non-responder where he is evaluated as false
    returns       : se is Wald's, sqrt(p (1-p) / n + q (1-q) / m)
    """
    choice("test", test, ("fisher", "chi-square"))
    a, b = _arms(first, second, evaluated, names)
    x, y = np.rint(a.mean * a.patients), np.rint(b.mean * b.patients)
    p = fisher_p(x, a.patients, y, b.patients) if test == "fisher" else chi_square_p(x, a.patients, y, b.patients)
    low, high = newcombe(x, a.patients, y, b.patients, level)
    se = np.sqrt(a.mean * (1.0 - a.mean) / a.patients + b.mean * (1.0 - b.mean) / b.patients)
    return Analysis(a.mean - b.mean, se, low, high, p, np.full_like(se, np.inf))


def paired_t(
    first: ArrayLike,
    second: ArrayLike,
    evaluated: ArrayLike | None = None,
    *,
    name: str = "the group",
    level: float = 0.95,
) -> Analysis:
    """Student's t test of two measurements of the same patients.

    first, second : (trials, patients), the same patient in the same place
    evaluated     : mask of who has both
    name          : of the group, for the message that it is too small
    """
    group = _arm(np.asarray(first, np.float64) - np.asarray(second, np.float64), evaluated, name)
    freedom = group.patients - 1.0
    return by_t(group.mean, np.sqrt(_sum_of_squares(group) / freedom / group.patients), freedom, level)


def crossover_t(
    first: ArrayLike,
    second: ArrayLike,
    first_comes_first: ArrayLike,
    evaluated: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> Analysis:
    """Treatment effect of a cross-over of two treatments and two periods, adjusted for the period.

    first, second     : (trials, patients) outcome under either treatment, the same patient in the same place
    first_comes_first : (patients) or (trials, patients), true for the sequence that begins with the first treatment
    evaluated         : mask of who has both periods
    With d a patient's difference: the mean of the two sequences' means of d, se = sqrt(s^2 (1/n + 1/m)) / 2, n + m - 2
    degrees of freedom. Carry-over is taken to be none.
    Source: Hills and Armitage, Br J Clin Pharmacol 1979;8:7.
    """
    d = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    sequence = np.broadcast_to(np.asarray(first_comes_first, np.bool_), d.shape)
    seen = np.broadcast_to(np.True_ if evaluated is None else np.asarray(evaluated, np.bool_), d.shape)
    names = ("sequence that begins with the first treatment", "sequence that begins with the second treatment")
    a, b = _arms(d, d, (seen & sequence, seen & ~sequence), names)
    freedom = a.patients + b.patients - 2.0
    variance = (_sum_of_squares(a) + _sum_of_squares(b)) / freedom
    return by_t(
        (a.mean + b.mean) / 2.0, np.sqrt(variance * (1.0 / a.patients + 1.0 / b.patients)) / 2.0, freedom, level
    )


def by_t(estimate: ArrayLike, se: ArrayLike, freedom: ArrayLike, level: float = 0.95) -> Analysis:
    """An analysis from an estimate, its standard error and its degrees of freedom.

    A standard error of 0, where no patient differs from the next, gives p 0, or 1 where the estimate is 0 as well.
    """
    from scipy.special import stdtr, stdtrit

    value, error, f = np.broadcast_arrays(*(np.asarray(a, np.float64) for a in (estimate, se, freedom)))
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(error > 0.0, np.abs(value) / error, np.where(value == 0.0, 0.0, np.inf))
    p = 2.0 * stdtr(f, -t)
    half = error * -stdtrit(f, (1.0 - share("level", level)) / 2.0)
    return Analysis(value, error, value - half, value + half, p, f)


def _arms(
    first: ArrayLike, second: ArrayLike, evaluated: Sequence[ArrayLike | None], names: Sequence[str]
) -> tuple[_Arm, _Arm]:
    return _arm(first, evaluated[0], names[0]), _arm(second, evaluated[1], names[1])


def _arm(given: ArrayLike, evaluated: ArrayLike | None, name: str) -> _Arm:
    """One arm, if in every trial at least two patients of it were evaluated, with finite outcomes."""
    outcomes = np.asarray(given, np.float64)
    mask = np.True_ if evaluated is None else np.asarray(evaluated, np.bool_)
    seen = np.broadcast_to(mask, outcomes.shape)
    patients = np.count_nonzero(seen, axis=-1).astype(np.float64)
    _refuse(patients == 0, f"{name} is empty: no patient of it was evaluated; an analysis needs at least 2 an arm")
    _refuse(
        patients == 1, f"{name} has one patient evaluated, who shows no spread; an analysis needs at least 2 an arm"
    )
    values = np.where(seen, outcomes, 0.0)
    _refuse(~np.isfinite(values).all(axis=-1), f"{name} has an outcome that is no finite number; mask who has none")
    return _Arm(values, seen, patients, values.sum(axis=-1) / patients)


def _refuse(wrong: ArrayLike, why: str) -> None:
    """Raise where anything is wrong, with the first trial and how many there are."""
    where = np.asarray(wrong)
    if where.any():
        place = (
            "" if where.ndim == 0 else f" (trial {int(np.argmax(where))}, {int(where.sum())} of {where.size} trials)"
        )
        raise StatisticsError(f"{why}{place}.")


def _sum_of_squares(arm: _Arm) -> Floats:
    """Sum of squared deviations from the arm's mean, each trial's."""
    deviations = arm.deviations()
    squares: Floats = np.einsum("...i,...i->...", deviations, deviations)
    return squares
