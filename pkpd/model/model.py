"""A kinetic model as a value: everything its file says, checked and in canonical units. A verb makes a new one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pkpd.errors import ModelFileError, SimulationError, UnknownName, nearest, unknown
from pkpd.model.effect import DRIVEN_FORMS, FORMS, ROLES, UNDRIVEN_ROLES, Curve, Driver, Effect, root_of
from pkpd.model.expressions import Expression, named
from pkpd.model.modifier import Modifier
from pkpd.model.modifying import Acting, modified, modified_effect, overridden, sentences
from pkpd.model.parts import (
    MARKS,
    USER,
    USER_SOURCE,
    Between,
    Check,
    Correlation,
    Covariance,
    Covariate,
    Limit,
    Parameter,
    Reading,
    Scale,
    Source,
    marks_of,
    read_otherwise,
    refuse_impossible,
    softened,
    with_values,
)
from pkpd.model.residual import Residual
from pkpd.units import Dimension

__all__ = [
    "AMOUNT",
    "DOSE",
    "DRIVEN_FORMS",
    "FORMS",
    "FORM_NAMES",
    "MARKS",
    "ROLES",
    "SAMPLING_SITES",
    "UNDRIVEN_ROLES",
    "Between",
    "Check",
    "Correlation",
    "Covariance",
    "Covariate",
    "Curve",
    "Driver",
    "Effect",
    "Form",
    "Limit",
    "Model",
    "Output",
    "Parameter",
    "Reading",
    "Route",
    "Scale",
    "Source",
    "State",
]

SAMPLING_SITES = ("arterial", "venous", "pooled", "not stated")
FORM_NAMES = ("racemate", "S", "R")

AMOUNT: Dimension = (("drug", 1.0),)
DOSE = "dose"  # mg of base of one administration, in values that depend on it


@dataclass(frozen=True, slots=True)
class Form:
    """A form of the drug that may be given, and the fraction of its mass that is each moiety."""

    name: Literal["racemate", "S", "R"]
    parts: Mapping[str, float]
    source: str
    mark: str


@dataclass(frozen=True, slots=True)
class Route:
    """A way in; what is None does not exist.

    into            : moiety -> state ("*" for every moiety)
    bioavailability : name of the parameter, or dose-dependent value, a dose is multiplied with
    lag             : name of a time; the dose enters that much later
    rate            : name of the constant rate at which every dose enters; the regimen then gives amounts, as boluses
    duration        : name of the time over which every dose enters at a constant rate, in the same way
    also            : further ways of the same dose: it goes each of them whole, times that way's bioavailability
    added           : whether a script added it
    unit_dose       : name of the mass of one unit, such as a spray device; doses are whole multiples of it
    """

    name: str
    into: Mapping[str, str]
    bioavailability: str | None = None
    lag: str | None = None
    rate: str | None = None
    duration: str | None = None
    also: tuple[Route, ...] = ()
    added: bool = False
    unit_dose: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """A quantity that changes with time.

    equation  : its rate of change, canonical unit per h, without the doses
    initial   : its value at time 0 and after a reset, from parameters and covariates; None for 0
    unit      : as the file names it; the number is in the canonical unit of its dimension
    dimension : an amount of drug unless the file says otherwise
    once      : takes one dose in an occasion, since its equation counts the time from that dose
    """

    name: str
    equation: Expression
    initial: Expression | None = None
    unit: str = "mg"
    dimension: Dimension = AMOUNT
    once: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """A quantity the model reports; the expression gives it in canonical units, `unit` is the one the file names."""

    name: str
    expression: Expression
    unit: str
    dimension: Dimension
    about: str = ""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Model:
    """One kinetic model file, with the effects attached to it; compared and hashed by identity.

    derived        : in the order of evaluation
    states         : in the order of the file; equations and outputs read states, parameters, derived parameters,
                     covariates and `t`, the time since the start of the occasion, h
    formulas       : named parts of equations, already written out in those where they are used
    of_dose        : values that depend on the size of one administration, `dose` (mg of base), in order of evaluation
    readings       : other published readings of the same evidence, by name
    chosen_reading : name of the one whose numbers the model has; "" for the file's own
    roles          : part of the kinetics -> the parameters behind it, which modifiers multiply
    modifiers      : those that act
    estimate_correlations : of the errors of its parameters' estimates, `other` a parameter of this file
    """

    id: str
    title: str
    drug: str
    use_for: str
    not_for: str
    sampling_site: str
    notes: tuple[str, ...]
    sources: Mapping[str, Source]
    forms: Mapping[str, Form]
    routes: Mapping[str, Route]
    covariates: Mapping[str, Covariate]
    parameters: Mapping[str, Parameter]
    covariances: tuple[Covariance, ...]
    derived: Mapping[str, Expression]
    states: Mapping[str, State]
    outputs: Mapping[str, Output]
    residual: Mapping[str, Residual] = field(default_factory=dict)
    validity: tuple[Limit, ...] = ()
    checks: tuple[Check, ...] = ()
    path: str = ""
    effects: tuple[Effect, ...] = ()
    formulas: Mapping[str, Expression] = field(default_factory=dict)
    of_dose: Mapping[str, Expression] = field(default_factory=dict)
    readings: Mapping[str, Reading] = field(default_factory=dict)
    chosen_reading: str = ""
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    modifiers: tuple[Acting, ...] = ()
    estimate_correlations: tuple[Correlation, ...] = ()

    def __repr__(self) -> str:
        effects = f"; effects: {', '.join(effect.id for effect in self.effects)}" if self.effects else ""
        return f"Model({self.id}: {', '.join(self.outputs)}; {len(self.parameters)} parameters{self.company}{effects})"

    @property
    def files(self) -> tuple[Model | Effect, ...]:
        """The model and its effects: whatever has limits, covariates and sources of its own."""
        return (self, *self.effects)

    def with_effects(self, *effects: Effect) -> Model:
        """The model with effects added after those it has.

        effects : as library.load_effect gives them
        Raises UnknownName for an effect whose analyte is not a concentration the model reports, or that takes a share
        of an effect which is not there; ModelFileError for an effect that is there twice, or a side effect that is a
        share of something else.
        """
        together = self.effects + effects
        counts = Counter(effect.id for effect in together)
        for name, count in counts.items():
            if count > 1:
                raise ModelFileError(f'model "{self.id}": effect "{name}" is attached twice.')
        concentration = named("concentration")
        analytes = [name for name, output in self.outputs.items() if output.dimension == concentration]
        for effect in effects:
            for given in effect.analytes:
                if given not in analytes:
                    raise UnknownName(
                        f'effect "{effect.id}" follows the analyte "{given}", which is no concentration of the model '
                        f'"{self.id}". {nearest(given, analytes)}'
                    )
            whole = root_of(effect, together)
            if effect.role == "side effect" and whole.role != "side effect":
                raise ModelFileError(
                    f'effect "{effect.id}" is a side effect and takes a share of "{whole.id}", which is of the role '
                    f'"{whole.role}". A probability is a share of another side effect.'
                )
        for acting in self.modifiers:
            together = tuple(modified_effect(effect, acting) for effect in together)
        return replace(self, effects=together)

    def with_modifiers(self, *modifiers: Modifier | str, form: str = "") -> Model:
        """The model with modifiers acting on its parameters and effects; the same patients stay the same.

        modifiers : from pkpd.load_modifier, or names of the library
        form      : drug form that is given ("racemate", "S", "R"), for a modifier that holds for one form
        Raises UnknownName for an unknown name; ModelFileError for a modifier that finds nothing to act on or acts
        already, a value set that is not in use, and a change of what an effect has not.
        """
        from pkpd.model.library import load_modifier

        return modified(self, [load_modifier(m) if isinstance(m, str) else m for m in modifiers], form)

    @property
    def modifier_notes(self) -> tuple[str, ...]:
        """What each modifier that acts changes, in words."""
        return tuple(sentences(self))

    @property
    def company(self) -> str:
        """The modifiers that act, to be put behind a prescription: " with clarithromycin", or nothing."""
        ids = ", ".join(acting.modifier.id for acting in self.modifiers)
        return f" with {ids}" if ids else ""

    def with_values(self, **values: Any) -> Model:
        """The model with some parameter values replaced; each is then marked "assumed", with the source "user".

        values : parameter name = text with unit (V1="25 L"), pair (25, "L"), or a plain number for a
                 dimensionless parameter
        Raises UnknownName for a name that is not a parameter, UnitError for a missing, unknown or unfitting unit,
        ModelFileError for one that a modifier changes, or that would be a volume not above 0 or anything else with a
        unit below 0.
        """
        if moved := overridden(self, values):
            raise ModelFileError(
                f'model "{self.id}": {", ".join(moved)} is what {self.company.strip()} changes. '
                "Set values first, then add the modifiers."
            )
        changed = with_values(self.parameters, values, f'model "{self.id}"')
        refuse_impossible([changed[name] for name in values], f'model "{self.id}": ')
        return replace(self, parameters=changed, sources={**self.sources, USER: USER_SOURCE})

    def beyond(self, *names: str) -> Model:
        """The model with hard limits of these names, its own and its effects', flagged where passed and not refused.

        names : of limits, such as "age"
        Raises UnknownName for a name that no limit of the model or of its effects has.
        """
        limits = {limit.name for owner in self.files for limit in owner.validity}
        for name in names:
            if name not in limits:
                raise unknown(f'model "{self.id}"', "limit", name, limits)
        effects = tuple(replace(effect, validity=softened(effect.validity, names)) for effect in self.effects)
        return replace(self, validity=softened(self.validity, names), effects=effects)

    def with_route(self, name: str, ka: Any = None, bioavailability: Any = None, population: str = "") -> Model:
        """The model with a further route: a depot that empties with first order to where its intravenous doses enter.

        name            : of the route, such as "im"
        ka              : absorption rate, text with its unit ("1.76 1/h"); always given, for none is known that belongs
                          to no complete model
        bioavailability : fraction or text ("93 %"); where it is left out, what the library knows of the route
        population      : "adults" or "children", whose bioavailability the library is asked for; that of the model
                          unless given
        returns         : a new Model. Its parameters are ka_NAME and F_NAME; where sources disagree, F_NAME has their
                          range as `scan`. Every number given here is marked assumed, with the source "user", and a
                          result by the route carries a Flag. What does not reach the circulation forms no metabolite
        Raises UnknownName for a route that is none, SimulationError for one the model has already or where a number is
        missing, UnitError for a unit that does not fit.
        """
        from pkpd.model.adding import with_route

        return with_route(self, name, ka, bioavailability, population)

    def reading(self, name: str) -> Model:
        """The model by another published reading of the same evidence; its id, and so its people, stay the same.

        name    : one of `readings`
        returns : the model with that reading's numbers, sources and marks, and the name as `chosen_reading`
        Raises UnknownName for a reading the file has not, SimulationError where another one is chosen already or
        modifiers act.
        """
        if name not in self.readings:
            raise unknown(f'model "{self.id}"', "reading", name, self.readings)
        if self.modifiers:
            raise SimulationError(f'model "{self.id}": modifiers act already. Choose the reading first, then add them.')
        if self.chosen_reading not in ("", name):
            raise SimulationError(
                f'model "{self.id}": the reading "{self.chosen_reading}" is chosen already, and "{name}" changes the '
                "numbers of the file, not of another reading. Begin with the model as it is loaded."
            )
        return replace(self, parameters=read_otherwise(self.parameters, self.readings[name]), chosen_reading=name)

    @property
    def population(self) -> str:
        """Whom the model was made from: the people of the source that most parameters name; "" where it states none."""
        named = Counter(parameter.source for parameter in self.parameters.values() if parameter.value is not None)
        return self.sources[named.most_common(1)[0][0]].population if named else ""

    def marks(self) -> dict[str, int]:
        """How many of the numbers of the model and its effects carry each mark, checks not counted."""
        counts = marks_of(self.parameters.values())
        counts.update(form.mark for form in self.forms.values())
        counts.update(covariance.mark for covariance in self.covariances)
        for residual in self.residual.values():
            counts.update(part.mark for part in residual.numbers)
        for effect in self.effects:
            counts.update(effect.marks())
        return {mark: counts[mark] for mark in MARKS}
