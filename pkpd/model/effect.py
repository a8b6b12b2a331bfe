"""An effect as a value: what drives it, with what delay, along which curve, in whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pkpd.model.expressions import Expression
from pkpd.model.parts import (
    MARKS,
    USER,
    USER_SOURCE,
    Check,
    Correlation,
    Covariate,
    Limit,
    Parameter,
    Source,
    marks_of,
    with_values,
)

ROLES = ("relief", "placebo", "baseline", "side effect", "measure")

# Roles that follow no concentration.
UNDRIVEN_ROLES = ("placebo", "baseline")

# Curve form -> the parameters it takes -> their dimension (a name of units.NAMED; "" for any).
FORMS: Mapping[str, Mapping[str, str]] = {
    "sigmoid-emax": {"Emax": "", "C50": "concentration", "Hill": "fraction"},
    "linear": {"slope": ""},
    "probability": {"floor": "fraction", "ceiling": "fraction", "C50": "concentration", "Hill": "fraction"},
    "share": {"share": "fraction"},
    "onset": {"size": "", "half_time": "time"},
    "constant": {"level": ""},
}

# Forms that read a concentration.
DRIVEN_FORMS = ("sigmoid-emax", "linear", "probability")


@dataclass(frozen=True, slots=True)
class Driver:
    """The concentration behind an effect: an analyte, with names of a delay's half-life and of a factor, or None."""

    analyte: str
    half_life: str | None = None
    multiply: str | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """From concentration (or time) to effect: the form, and the parameter name behind each of its parameters.

    of : the effect a form "share" takes its share of, else None
    """

    form: str
    parameters: Mapping[str, str]
    of: str | None = None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Effect:
    """One effect file; compared and hashed by identity.

    log_odds, factor, points : what modifiers do to the curve's value, in this order: a shift of a probability's
                               log-odds, a factor, points added
    modifiers                : ids of those that act on it
    """

    id: str
    title: str
    endpoint: str
    role: str
    default: bool
    use_for: str
    not_for: str
    notes: tuple[str, ...]
    sources: Mapping[str, Source]
    driver: Driver | None
    curve: Curve
    responder: str | None
    correlations: tuple[Correlation, ...]
    parameters: Mapping[str, Parameter]
    derived: Mapping[str, Expression] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    covariates: Mapping[str, Covariate] = field(default_factory=dict)
    validity: Mapping[str, Limit] = field(default_factory=dict)
    path: str = ""
    log_odds: float = 0.0
    factor: float = 1.0
    points: float = 0.0
    modifiers: tuple[str, ...] = ()

    def with_values(self, **values: Any) -> Effect:
        """The effect with some parameter values replaced, as Model.with_values does.

        values  : parameter name = text with unit, or a plain number for a dimensionless parameter
        Raises UnknownName, UnitError.
        """
        changed = with_values(self.parameters, values, f'effect "{self.id}"')
        return replace(self, parameters=changed, sources={**self.sources, USER: USER_SOURCE})

    def marks(self) -> dict[str, int]:
        """How many of the effect's numbers carry each mark."""
        counts = marks_of(self.parameters.values()) + Counter(item.mark for item in self.correlations)
        return {mark: counts[mark] for mark in MARKS}
