"""Effects of simulated subjects: from the concentration that drives each effect to its value, and the pain score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pkpd.effects.curves import CURVES
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.model.program import Program

Floats = NDArray[np.float64]
Drive = Callable[[str], Floats]


class Subjects(Protocol):
    """What this room needs to know of the subjects."""

    @property
    def model(self) -> Model: ...
    @property
    def program(self) -> Program: ...
    @property
    def size(self) -> int: ...
    @property
    def effects(self) -> Mapping[str, Mapping[str, Floats | float]]: ...
    @property
    def responders(self) -> Mapping[str, NDArray[np.bool_]]: ...
    @property
    def whole(self) -> Mapping[str, Mapping[str, Floats]]: ...


def curve_value(subjects: Subjects, effect: Effect, concentration: Floats | float, hours: Floats | float) -> Floats:
    """Value of an effect's curve in every subject, whether or not the subject can respond.

    concentration : mg/L at the site, (..., subjects); or for a share the other effect's value
    hours         : from the start of treatment, broadcast against it
    """
    own = subjects.effects[effect.id]
    drive = concentration
    if effect.driver is not None and effect.driver.multiply is not None:
        drive = concentration * own[effect.driver.multiply]
    of = {role: own[name] for role, name in effect.curve.parameters.items()}
    return _modified(effect, subjects.whole.get(effect.id, {}), CURVES[effect.curve.form](drive, hours, of))


def _modified(effect: Effect, own: Mapping[str, Floats], value: Floats) -> Floats:
    """A curve's value after what modifiers do to the whole effect: log-odds shifted, then multiplied, then added to.

    own : "log_odds", "factor" or "points" -> (subjects), where subjects differ; who has 0, 1 or 0 is left as he is
    """
    log_odds = own.get("log_odds", effect.log_odds)
    if np.any(log_odds):
        odds = np.exp(np.clip(log_odds, -700.0, 700.0))  # no probability shows more, and exp would overflow
        value = value * odds / (1.0 - value + value * odds)
    factor, points = own.get("factor", effect.factor), own.get("points", effect.points)
    if np.any(factor != 1.0):
        value = value * factor
    if np.any(points):
        value = value + points
    return value


def effect_values(subjects: Subjects, effect: Effect, drive: Drive, hours: Floats | float) -> Floats:
    """Value of an effect over time, (times, subjects); 0 in those who cannot respond.

    drive : quantity -> its concentration, mg/L, (times, subjects)
    hours : from the start of treatment, (times, 1) or (times, subjects)
    """
    if effect.curve.of is not None:
        parent = next(e for e in subjects.model.effects if e.id == effect.curve.of)
        value = curve_value(subjects, effect, effect_values(subjects, parent, drive, hours), hours)
    elif effect.driver is not None:
        value = curve_value(subjects, effect, drive(subjects.program.site_of(effect)), hours)
    else:
        value = curve_value(subjects, effect, 0.0, hours)
    if effect.id in subjects.responders:
        value = value * subjects.responders[effect.id]
    return value


def pain(subjects: Subjects, drive: Drive, hours: Floats | float) -> Floats:
    """Pain score free of noise, (times, subjects): baseline x (1 - placebo) x product of (1 - relief).

    drive, hours : as for `effect_values`
    """
    baseline = next(effect for effect in subjects.model.effects if effect.role == "baseline")
    return np.asarray(effect_values(subjects, baseline, drive, hours) * remaining(subjects, drive, hours))


def remaining(subjects: Subjects, drive: Drive, hours: Floats | float) -> Floats:
    """Fraction of baseline pain that is left, (times, subjects); relief is what is missing from 1.

    drive, hours : as for `effect_values`
    """
    left: Floats | float = 1.0
    for effect in subjects.model.effects:
        if effect.role in ("relief", "placebo"):
            left = left * (1.0 - effect_values(subjects, effect, drive, hours))
    shape = np.broadcast_shapes(np.shape(hours), (1, subjects.size))
    return np.broadcast_to(np.asarray(left), shape)
