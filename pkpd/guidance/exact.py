"""Exact interval of a proportion, from its counts."""

from __future__ import annotations


def exact_interval(events: int, patients: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a proportion.

    events   : how many had it, 0 to patients
    patients : of how many, at least 1
    level    : coverage, above 0 and below 1
    returns  : (low, high), fractions
    Equation: quantiles of beta(events, patients - events + 1) and beta(events + 1, patients - events).
    Source: Clopper, Pearson, Biometrika 1934;26:404-413.
    """
    from scipy.special import betaincinv

    tail = (1.0 - level) / 2.0
    low = 0.0 if events == 0 else float(betaincinv(events, patients - events + 1, tail))
    high = 1.0 if events == patients else float(betaincinv(events + 1, patients - events, 1.0 - tail))
    return low, high
