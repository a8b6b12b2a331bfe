"""Dose-response curves by name, as the effect files call them. Concentrations in mg/L, times in h."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Number = Floats | float


def hill(concentration: Number, c50: Number, slope: Number) -> Floats:
    """C^slope / (C50^slope + C^slope), from 0 to 1.

    concentration : mg/L, any shape; below 0 (rounding) counts as 0
    c50           : mg/L, > 0
    slope         : Hill coefficient, dimensionless
    Source: Hill, J Physiol 1910;40:iv.
    """
    relative = np.maximum(concentration, 0.0) / c50
    with np.errstate(over="ignore", invalid="ignore"):
        powered = relative if np.ndim(slope) == 0 and slope == 1 else np.power(relative, slope)
        value: Floats = np.asarray(powered / (1.0 + powered))
    return np.where(np.isinf(powered), 1.0, value)


def sigmoid_emax(concentration: Number, hours: Number, of: Mapping[str, Number]) -> Floats:
    """Emax C^Hill / (C50^Hill + C^Hill)."""
    return np.asarray(of["Emax"] * hill(concentration, of["C50"], of["Hill"]))


def linear(concentration: Number, hours: Number, of: Mapping[str, Number]) -> Floats:
    """slope x C."""
    return np.asarray(of["slope"] * np.maximum(concentration, 0.0))


def limited_linear(concentration: Number, hours: Number, of: Mapping[str, Number]) -> Floats:
    """slope x C, not below least nor above most; C may be negative where one analyte opposes another."""
    return np.asarray(np.clip(of["slope"] * np.asarray(concentration), of["least"], of["most"]))


def falling_score(concentration: Number, hours: Number, of: Mapping[str, Number]) -> Floats:
    """E0 (1 - Emax C^Hill / (C50^Hill + C^Hill)); Emax is a fraction of E0."""
    return np.asarray(of["E0"] * (1.0 - of["Emax"] * hill(concentration, of["C50"], of["Hill"])))


def potency_shift(concentration: Number, hours: Number, of: Mapping[str, Number]) -> Floats:
    """1 + C / C100: the factor by which another drug's C50 is raised."""
    return np.asarray(1.0 + np.maximum(concentration, 0.0) / of["C100"])


def opposed_inhibition(concentration: Number, hours: Number, of: Mapping[str, Number]) -> Floats:
    """What another drug, at `level` times its own C50, leaves where C raises that C50 by 1 + C / C100.

    1 - level^Hill / ((1 + C / C100)^Hill + level^Hill)
    """
    return np.asarray(1.0 - hill(of["level"], potency_shift(concentration, hours, of), of["Hill"]))


def probability(concentration: Number, hours: Number, of: Mapping[str, Number]) -> Floats:
    """floor + (ceiling - floor) C^Hill / (C50^Hill + C^Hill)."""
    return np.asarray(of["floor"] + (of["ceiling"] - of["floor"]) * hill(concentration, of["C50"], of["Hill"]))


def exceedance(concentration: Number, hours: Number, of: Mapping[str, Number]) -> Floats:
    """Probability that a normal change is at least the threshold: Phi((mean - threshold) / sd).

    mean = Emax C^Hill / (C50^Hill + C^Hill) + shift
    """
    from scipy.special import ndtr

    mean = of["Emax"] * hill(concentration, of["C50"], of["Hill"]) + of["shift"]
    return np.asarray(ndtr((mean - of["threshold"]) / of["sd"]))


def onset(concentration: Number, hours: Number, of: Mapping[str, Number]) -> Floats:
    """size (1 - 2^(-t / half_time)), t from the start of treatment; 0 before."""
    return np.asarray(of["size"] * (1.0 - np.exp2(-np.maximum(hours, 0.0) / of["half_time"])))


def constant(concentration: Number, hours: Number, of: Mapping[str, Number]) -> Floats:
    """level."""
    return np.asarray(of["level"] + 0.0 * np.asarray(hours))


def share(value: Number, hours: Number, of: Mapping[str, Number]) -> Floats:
    """share x the other effect's value, which stands in the place of the concentration."""
    return np.asarray(of["share"] * np.asarray(value))


CURVES: Mapping[str, Callable[[Number, Number, Mapping[str, Number]], Floats]] = {
    "sigmoid-emax": sigmoid_emax,
    "linear": linear,
    "limited-linear": limited_linear,
    "falling-score": falling_score,
    "potency-shift": potency_shift,
    "opposed-inhibition": opposed_inhibition,
    "probability": probability,
    "exceedance": exceedance,
    "onset": onset,
    "constant": constant,
    "share": share,
}
