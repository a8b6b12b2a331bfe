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


def probability(concentration: Number, hours: Number, of: Mapping[str, Number]) -> Floats:
    """floor + (ceiling - floor) C^Hill / (C50^Hill + C^Hill)."""
    return np.asarray(of["floor"] + (of["ceiling"] - of["floor"]) * hill(concentration, of["C50"], of["Hill"]))


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
    "probability": probability,
    "onset": onset,
    "constant": constant,
    "share": share,
}
