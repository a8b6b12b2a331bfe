"""From values of replicates x patients to bands, their Monte-Carlo errors, and the two parts of the variance.

Percentiles are linear between order statistics (type 7 of Hyndman and Fan, Am Stat 1996;50:361-365). The error of
one of values drawn one by one is by Maritz and Jarrett, J Am Stat Assoc 1978;73:194-196. A replicate is shared by all
patients and a patient by all replicates. So a percentile of the typical values, one a replicate, has the error of so
many replicates, and beside it that of the patients, with whom all typical values move together; it is taken as the
standard error of the typical value in the replicate nearest to the percentile. One of all replicates x patients has

    var = (var_i(p_i) / patients + var_r(p_r) / replicates) / density^2

p_i the share of a patient's replicates, and p_r that of a replicate's patients, that lie at or below it.
Source: the variance of a two-sample U-statistic, Lehmann, Ann Math Stat 1951;22:165-179.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TYPICAL = (0.025, 0.975)  # of the typical value over replicates: 95 % of the estimates' uncertainty
NEW = (0.05, 0.95)  # of patients: 90 % of new patients
NEAR = 0.01  # of probability: how far apart percentiles are taken for the density


class Ends(NamedTuple):
    """Both ends of an interval, and their Monte-Carlo standard errors."""

    low: float
    high: float
    low_error: float
    high_error: float


@lru_cache(maxsize=256)
def _weights(share: float, count: int) -> Floats:
    """How likely each order statistic is the percentile of another sample of this size."""
    from scipy.special import betainc

    rank = share * (count - 1) + 1
    return np.asarray(np.diff(betainc(rank, count - rank + 1, np.arange(count + 1) / count)))


def percentile(ordered: Floats, share: float) -> tuple[float, float]:
    """A percentile of independent draws and its Monte-Carlo standard error; nan of one draw.

    ordered : (n) ascending
    """
    weights = _weights(share, len(ordered))
    mean = float(weights @ ordered)
    error = math.sqrt(float(weights @ (ordered - mean) ** 2)) if len(ordered) > 1 else math.nan
    return float(np.quantile(ordered, share)), error


NO_ENDS = Ends(math.nan, math.nan, math.nan, math.nan)


def interval(values: Floats, typical: Floats, how: str) -> Ends:
    """The interval that holds the typical value of 95 % of the replicates.

    values  : (replicates, patients)
    typical : (replicates) their centres
    how     : "median" or "mean", which the centres are
    """
    ordered = np.sort(typical)
    ends, errors = [], []
    for share in TYPICAL:
        end, of_replicates = percentile(ordered, share)
        of_patients = centre_error(values[np.argmin(np.abs(typical - end))], how)
        ends.append(end)
        errors.append(math.hypot(of_replicates, of_patients))
    return Ends(ends[0], ends[1], errors[0], errors[1])


def interval_of_means(values: Floats) -> Ends:
    """The interval of the means over patients; nan where nothing that is drawn acts on them.

    values : (replicates, patients)
    """
    means = values.mean(axis=1)
    return NO_ENDS if bool((means == means[0]).all()) else interval(values, means, "mean")


def nested_interval(values: Floats) -> Ends:
    """The interval that holds 90 % of replicates x patients.

    values : (replicates, patients)
    """
    replicates, patients = values.shape
    shares = [share + step for share in NEW for step in (-NEAR, 0.0, NEAR)]
    found = np.quantile(values.ravel(), shares)
    errors = []
    for before, at, after in (found[:3], found[3:]):
        if replicates < 2 or patients < 2:
            errors.append(math.nan)
            continue
        below = values <= at
        of_patients = below.mean(axis=0).var(ddof=1) / patients
        of_replicates = below.mean(axis=1).var(ddof=1) / replicates
        errors.append(float(after - before) / (2 * NEAR) * math.sqrt(of_patients + of_replicates))
    return Ends(float(found[1]), float(found[4]), errors[0], errors[1])


class Parts(NamedTuple):
    """The variance of replicates x patients in two parts, which add up to that of all values.

    mean      : of all values
    patients  : mean over replicates of the variance between patients
    estimates : variance over replicates of the mean of patients
    """

    mean: float
    patients: float
    estimates: float


def parts(values: Floats) -> Parts:
    """The law of total variance, exactly, each replicate and each patient counted once.

    values : (replicates, patients)
    """
    means = values.mean(axis=1)
    return Parts(float(means.mean()), float(values.var(axis=1).mean()), float(means.var()))


def centre_of(values: Floats, how: str) -> Floats:
    """The centre over patients, the last axis: their "median" or "mean"."""
    return np.asarray(np.median(values, axis=-1) if how == "median" else values.mean(axis=-1))


def centre_error(values: Floats, how: str) -> float:
    """Monte-Carlo standard error of the centre of patients, (patients)."""
    if how == "median":
        return percentile(np.sort(values), 0.5)[1]
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def shares(found: list[Parts]) -> tuple[float, float, float]:
    """Shares of patients, estimates and models in the variance, were every model as likely as every other.

    found   : of each model
    returns : three fractions that add up to 1; nan where nothing varies
    Var = mean_m(patients) + mean_m(estimates) + var_m(mean)
    """
    patients = float(np.mean([one.patients for one in found]))
    estimates = float(np.mean([one.estimates for one in found]))
    models = float(np.var([one.mean for one in found]))
    total = patients + estimates + models
    if not total > 0:
        return math.nan, math.nan, math.nan
    return patients / total, estimates / total, models / total
