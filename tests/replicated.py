"""Replicates for tests: one draw of the estimates as values, by the door that users have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pkpd
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.replicates.values import Uncertainty
from pkpd.units import analyse


def kamp() -> Model:
    """The default kinetics, without effects."""
    return pkpd.load("kamp2020-ketamine")


def put_in(owner: Any, values: dict[str, float]) -> Any:
    """A model or effect with other values, by the door that users have."""
    units = {name: owner.parameters[name].unit for name in values}
    texts: dict[str, Any] = {name: (value / analyse(units[name])[0], units[name]) for name, value in values.items()}
    return owner.with_values(**texts)


def replicate_of(uncertainty: Uncertainty, number: int) -> tuple[Model, list[Effect]]:
    """Model and effects of one replicate, with its draws as values."""
    drawn = uncertainty.main.estimates.of(number)
    model = uncertainty.main.estimates.model
    own = {name: value for name, value in drawn.items() if "." not in name}
    effects = []
    for effect in model.effects:
        values = {name.partition(".")[2]: value for name, value in drawn.items() if name.partition(".")[0] == effect.id}
        effects.append(put_in(effect, values))
    return put_in(replace(model, effects=()), own), effects
