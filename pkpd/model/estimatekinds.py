"""On which scale an estimate varies: what it is in its model or effect says whether it is above 0, a fraction, or free.

A fraction is what a route's dose is multiplied with (up to 1), a probability of an effect, a share, and the greatest
part of pain that can be removed. Free are relative potencies and the changes that are added or compared. All else with
an estimate above 0 is above 0; with an estimate below 0 it is free.
"""

from __future__ import annotations

from functools import lru_cache

from pkpd.model.effect import PROBABILITIES, Effect
from pkpd.model.estimatescales import Kind
from pkpd.model.model import Model
from pkpd.model.parts import Parameter

FREE = ("shift", "threshold", "least", "most")  # parameters of curves that may be of either sign
PARTS = {"sigmoid-emax": "Emax", "falling-score": "Emax", "share": "share", "onset": "size", "constant": "level"}
OF_PARTS = ("relief", "placebo", "side effect")  # roles whose value is a fraction


def kind_of(owner: Model | Effect, parameter: Parameter) -> Kind:
    """The scale on which the estimate of a parameter varies.

    owner : whose parameter it is
    """
    value = parameter.value or 0.0
    fractions, free = _roles(owner)
    spread = "" if parameter.between is None else str(parameter.between.kind)
    if not parameter.dimension and (spread == "logit" or parameter.name in fractions) and 0 <= value <= 1:
        return "logit"
    return "plain" if parameter.name in free or value <= 0 else "log"


@lru_cache(maxsize=256)
def _roles(owner: Model | Effect) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the parameters that are fractions, and of those that may be of either sign."""
    if isinstance(owner, Model):
        ways = [way for route in owner.routes.values() for way in (route, *route.also)]
        return frozenset(way.bioavailability for way in ways if way.bioavailability is not None), frozenset()
    curve = owner.curve
    keys = [*PROBABILITIES]
    if curve.form in PARTS and (owner.role in OF_PARTS or curve.form in ("falling-score", "share")):
        keys.append(PARTS[curve.form])
    fractions = {curve.parameters[key] for key in keys if key in curve.parameters}
    if owner.responder is not None:
        fractions.add(owner.responder)
    free = {curve.parameters[key] for key in FREE if key in curve.parameters}
    if owner.driver is not None:
        free.update(one.potency for one in owner.driver.also)
    return frozenset(fractions), frozenset(free)
