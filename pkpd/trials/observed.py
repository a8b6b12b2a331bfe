"""What a published trial found, as a difference with its interval and p-value, and where its arms lie among others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.statistics.normal import Z95
from pkpd.trials.values import Counts, Mean

Floats = NDArray[np.float64]

FEWEST = 20  # simulated trials that tell what is usual: 5 % of them is one


@dataclass(frozen=True)
class ObservedDifference:
    """The published difference with its 95 % interval and p-value, from the arms; nan where they do not tell."""

    estimate: float
    low: float
    high: float
    p: float


class Level(NamedTuple):
    """A published arm beside simulated ones.

    value     : published
    low, high : 5 and 95 % of simulated trials
    """

    value: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether it lies in the middle 90 % of simulated trials."""
        return self.low - 1e-12 <= self.value <= self.high + 1e-12


def level_of(arm: Counts | Mean | None, simulated: Floats) -> Level | None:
    """A published arm beside simulated ones; None where there is no number, or too few simulated ones to say."""
    known = simulated[np.isfinite(simulated)]
    if arm is None or len(known) < FEWEST:
        return None
    low, high = np.quantile(known, (0.05, 0.95))
    return Level(value_of(arm), float(low), float(high))


def value_of(arm: Counts | Mean) -> float:
    """A published share or mean."""
    return arm.events / arm.total if isinstance(arm, Counts) else arm.value


def of_counts(drug: Counts, control: Counts) -> ObservedDifference:
    """Of two shares, taken as independent: Newcombe's interval and Fisher's test."""
    from pkpd.statistics.two_by_two import fisher_p, newcombe

    given = (drug.events, drug.total, control.events, control.total)
    low, high = newcombe(*given)
    estimate = drug.events / drug.total - control.events / control.total
    return ObservedDifference(estimate, float(low), float(high), float(fisher_p(*given)))


def of_pairs(drug: Counts, control: Counts) -> ObservedDifference:
    """Of two shares of the same patients: McNemar's exact test where the table of arms tells who changed."""
    estimate = drug.events / drug.total - control.events / control.total
    extreme = {0, drug.total}
    told = drug.total == control.total and not extreme.isdisjoint((drug.events, control.events))
    p = min(1.0, 2.0 * 0.5 ** abs(drug.events - control.events)) if told else math.nan
    return ObservedDifference(estimate, math.nan, math.nan, p)


def of_means(drug: Mean, control: Mean) -> ObservedDifference:
    """Of two means, taken as independent, by the normal distribution."""
    from scipy.special import ndtr

    estimate, error = drug.value - control.value, math.hypot(drug.error, control.error)
    p = 2.0 * float(ndtr(-abs(estimate) / error)) if error > 0 else math.nan
    half = Z95 * error
    return ObservedDifference(estimate, estimate - half, estimate + half, p)
