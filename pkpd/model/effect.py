"""An effect as a value: what drives it, with what delay, along which curve, in whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pkpd.errors import ModelFileError, UnitError, UnknownName, unknown
from pkpd.model.expressions import Expression, named, product
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
    softened,
    with_values,
)
from pkpd.units import Dimension, analyse

ROLES = ("relief", "placebo", "baseline", "side effect", "measure")

# Roles that follow no concentration.
UNDRIVEN_ROLES = ("placebo", "baseline")

# Curve form -> the parameters it takes -> their dimension (a name of units.NAMED; "" for any).
FORMS: Mapping[str, Mapping[str, str]] = {
    "sigmoid-emax": {"Emax": "", "C50": "concentration", "Hill": "fraction"},
    "linear": {"slope": ""},
    "limited-linear": {"slope": "", "least": "", "most": ""},
    "falling-score": {"E0": "", "Emax": "fraction", "C50": "concentration", "Hill": "fraction"},
    "potency-shift": {"C100": "concentration"},
    "opposed-inhibition": {"level": "fraction", "C100": "concentration", "Hill": "fraction"},
    "probability": {"floor": "fraction", "ceiling": "fraction", "C50": "concentration", "Hill": "fraction"},
    "exceedance": {
        **{"Emax": "", "C50": "concentration", "Hill": "fraction"},
        **{"shift": "", "threshold": "", "sd": ""},
    },
    "share": {"share": "fraction"},
    "onset": {"size": "", "half_time": "time"},
    "constant": {"level": ""},
}

# Forms that read a concentration.
DRIVEN_FORMS = (
    *("sigmoid-emax", "linear", "limited-linear", "falling-score", "potency-shift", "opposed-inhibition"),
    *("probability", "exceedance"),
)

# Curve form -> the parameter whose unit is the value's; a slope's is multiplied with a concentration.
LEADING: Mapping[str, str] = {
    "sigmoid-emax": "Emax",
    "linear": "slope",
    "limited-linear": "least",
    "falling-score": "E0",
    "onset": "size",
    "constant": "level",
}

# Curve form -> parameters of one dimension, that of the value or of what is compared.
ALIKE: Mapping[str, tuple[str, ...]] = {
    "limited-linear": ("slope", "least", "most"),
    "exceedance": ("Emax", "shift", "threshold", "sd"),
}

# Parameters of a curve that are divided by, and those that are probabilities.
DIVISORS = ("C50", "C100", "sd", "half_time")
PROBABILITIES = ("floor", "ceiling", "probability")


@dataclass(frozen=True, slots=True)
class Added:
    """A further analyte of a drive: potency is the name of its relative potency, half_life of its delay's, or None."""

    analyte: str
    potency: str
    half_life: str | None = None


@dataclass(frozen=True, slots=True)
class Driver:
    """The concentration behind an effect: an analyte, with names of a delay's half-life and of a factor, or None.

    also : further analytes whose levels are added, each times its relative potency
    """

    analyte: str
    half_life: str | None = None
    multiply: str | None = None
    also: tuple[Added, ...] = ()


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
    multiplied               : parameters that they have multiplied
    estimate_correlations    : of the errors of its parameters' estimates, `other` a parameter of this file
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
    validity: tuple[Limit, ...] = ()
    path: str = ""
    log_odds: float = 0.0
    factor: float = 1.0
    points: float = 0.0
    modifiers: tuple[str, ...] = ()
    multiplied: frozenset[str] = frozenset()
    estimate_correlations: tuple[Correlation, ...] = ()

    def __repr__(self) -> str:
        return f"Effect({self.id}: {self.role}; {len(self.parameters)} parameters)"

    def with_values(self, **values: Any) -> Effect:
        """The effect with some parameter values replaced, as Model.with_values does.

        values  : parameter name = text with unit, or a plain number for a dimensionless parameter
        Raises UnknownName, UnitError, ModelFileError for a value that cannot be, such as a half-life below 0, and for
        one that a modifier changes.
        """
        if moved := sorted(self.multiplied.intersection(values)):
            raise ModelFileError(
                f'effect "{self.id}": {", ".join(moved)} is what {", ".join(self.modifiers)} changes. '
                "Set values first, then add the modifiers."
            )
        parameters = with_values(self.parameters, values, f'effect "{self.id}"')
        changed = replace(self, parameters=parameters, sources={**self.sources, USER: USER_SOURCE})
        refuse_impossible(changed, f'effect "{self.id}": ')
        return changed

    def beyond(self, *names: str) -> Effect:
        """The effect with hard limits of these names flagged where they are passed, no longer refused.

        names : of its limits, such as "age"
        Raises UnknownName for a name that none of its limits has.
        """
        for name in names:
            if name not in {limit.name for limit in self.validity}:
                raise unknown(f'effect "{self.id}"', "limit", name, {limit.name for limit in self.validity})
        return replace(self, validity=softened(self.validity, names))

    @property
    def half_life(self) -> str | None:
        """The parameter with the half-life of the effect site; None where plasma drives, as it does if that is 0."""
        return None if self.driver is None or self.is_off(self.driver.half_life) else self.driver.half_life

    @property
    def added(self) -> tuple[Added, ...]:
        """The further analytes that count: those whose relative potency is not switched off by a 0."""
        return tuple(
            replace(one, half_life=None if self.is_off(one.half_life) else one.half_life)
            for one in (self.driver.also if self.driver is not None else ())
            if not self.is_off(one.potency)
        )

    @property
    def analytes(self) -> tuple[str, ...]:
        """The analytes that the effect follows."""
        return () if self.driver is None else (self.driver.analyte, *(one.analyte for one in self.added))

    def is_off(self, name: str | None) -> bool:
        """Whether a parameter is 0 for everybody, so that what it belongs to is left out."""
        own = self.parameters.get(name) if name is not None else None
        return own is not None and own.value == 0 and own.between is None

    @property
    def unit(self) -> str:
        """The unit of a measure's value; "" for a plain number, and for a probability or a fraction of pain."""
        if self.role != "measure" or self.curve.form not in LEADING:
            return ""
        name = self.curve.parameters[LEADING[self.curve.form]]
        if name not in self.parameters:
            return ""
        unit = self.parameters[name].unit
        if self.curve.form == "linear":
            unit = unit_of_slope(unit, f'effect "{self.id}", {name}')
        return "" if unit == "1" else unit

    def marks(self) -> dict[str, int]:
        """How many of the effect's numbers carry each mark."""
        counts = marks_of(self.parameters.values()) + Counter(item.mark for item in self.correlations)
        return {mark: counts[mark] for mark in MARKS}


def unit_of_slope(unit: str, where: str) -> str:
    """The unit of slope x concentration: what stands before the first "/" of a slope written like "%/(ng/mL)".

    Raises UnitError for a slope written in another way.
    """
    top = unit.partition("/")[0].strip()
    if product((analyse(unit)[1], 1.0), (named("concentration"), 1.0)) != analyse(top)[1]:
        raise UnitError(f'{where}: write the unit of a slope like "%/(ng/mL)" or "mmHg/(ng/mL)", not "{unit}".')
    return top


def dimension_of(effect_form: str, parameters: Mapping[str, str], known: Mapping[str, Dimension]) -> Dimension:
    """The dimension of a curve's value.

    parameters : the form's parameter -> the name behind it
    known      : name -> dimension
    """
    if effect_form not in LEADING:
        return ()
    leading = known[parameters[LEADING[effect_form]]]
    return product((leading, 1.0), (named("concentration"), 1.0)) if effect_form == "linear" else leading


def root_of(effect: Effect, effects: Iterable[Effect]) -> Effect:
    """The effect that a share, or a share of a share, comes from in the end; any other effect itself.

    effects : those of the model
    Raises UnknownName where one on the way is not there, or where shares go in a circle.
    """
    by_id = {other.id: other for other in effects}
    seen = [effect.id]
    while effect.curve.of is not None:
        if effect.curve.of not in by_id:
            raise UnknownName(
                f'effect "{effect.id}" is a share of the effect "{effect.curve.of}"; attach that one as well.'
            )
        effect = by_id[effect.curve.of]
        if effect.id in seen:
            raise UnknownName(f"effects are shares of each other in a circle: {' -> '.join([*seen, effect.id])}.")
        seen.append(effect.id)
    return effect


def refuse_impossible(effect: Effect, where: str = "") -> None:
    """Refuse values no effect can have: a half-life below 0, a divisor that is not above it, no probability.

    where : begins the message
    """
    driver = effect.driver
    delays = [] if driver is None else [driver.half_life, *(one.half_life for one in driver.also)]
    named_by = [*effect.curve.parameters.items(), *(("half-life", name) for name in delays if name is not None)]
    if effect.responder is not None:
        named_by.append(("probability", effect.responder))
    for key, name in named_by:
        own = effect.parameters.get(name)
        if own is None or own.value is None:
            continue
        given = f"{where}{name}: {own.written:g}{'' if own.unit in ('', '1') else f' {own.unit}'}"
        if key == "half-life" and own.value < 0:
            raise ModelFileError(f"{given} is no half-life of equilibration; it is above 0, or 0 for no delay.")
        if key in DIVISORS and own.value <= 0:
            raise ModelFileError(f"{given} is not above 0, and the curve divides by it.")
        if key in PROBABILITIES and not 0 <= own.value <= 1:
            raise ModelFileError(f"{given} is no probability from 0 to 1.")
