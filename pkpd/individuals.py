"""Patients in numbers: every parameter, trait and draw of every patient of a population, for one model.

Made once and used for every arm, so that the same patients go through all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.regimen import Regimen
from pkpd.dosing.sessions import administrations
from pkpd.errors import SimulationError
from pkpd.known import covariates_of
from pkpd.model.correlating import mixing
from pkpd.model.effect import Effect, root_of
from pkpd.model.model import DOSE, Covariate, Model
from pkpd.model.parts import estimated
from pkpd.model.program import Program, compiled
from pkpd.population.occasions import Occasions, read_occasions
from pkpd.population.people import Population
from pkpd.population.variability import individual
from pkpd.units import analyse

Floats = NDArray[np.float64]
Column = Floats | float


@dataclass(frozen=True)
class Origin:
    """What the parameters of some patients are drawn from.

    model      : with the modifiers they have
    population : whose patients they are, by their numbers
    estimates  : parameter -> typical value in place of the model's, canonical; None for none
    """

    model: Model
    population: Population
    estimates: Mapping[str, float] | None = None

    @property
    def changes(self) -> bool:
        """Whether parameters change from one occasion to the next."""
        return self.population.varied and any(own.occasion is not None for own in self.model.parameters.values())

    def parameters(
        self, numbers: NDArray[np.int64], covariates: Mapping[str, Floats], occasion: int = 0
    ) -> dict[str, Column]:
        """Parameters and derived parameters of some patients in an occasion, and the covariates the model reads.

        numbers    : of the patients
        covariates : theirs
        occasion   : its number, from 0 on
        """
        model, people = self.model, replace(self.population, subjects=numbers, size=len(numbers))
        typical = estimated(model.parameters, self.estimates)
        own = individual(model.id, typical, model.covariances, {}, covariates, people, occasion)
        return with_derived(model, {**own, **of_model(model, covariates)})


@dataclass(frozen=True)
class Individuals:
    """The patients of one simulation.

    model      : the model and its effects
    program    : its linear system
    numbers    : (subjects) the patients' numbers
    covariates : covariate -> (subjects), canonical units; those the population names, and those the model or one of
                 its effects reads
    known      : covariates whose values were given; the others have the typical one of the file that reads them
    variants   : modifier that some patients have of their own -> the model with it alone
    beside     : modifier -> (subjects) who has it of his own
    whole      : effect id -> "log_odds", "factor" or "points" -> (subjects), where modifiers of their own change them
    parameters : model parameter, derived parameter or covariate -> (subjects) or one, canonical units
    effects    : effect id -> parameter -> (subjects) or one
    responders : effect id -> (subjects) whether the patient can respond; absent where everybody can
    draws      : effect id -> (subjects) the uniform number that decides whether a side effect happens
    seed       : of the random numbers
    made_of    : what their parameters are drawn from, again in every occasion; nothing where a table gives them.
                 `parameters` are those of the first occasion
    which      : (subjects) by which of these each is made
    """

    model: Model
    program: Program
    numbers: NDArray[np.int64]
    covariates: Mapping[str, Floats]
    parameters: Mapping[str, Column]
    effects: Mapping[str, Mapping[str, Column]]
    responders: Mapping[str, NDArray[np.bool_]]
    draws: Mapping[str, Floats]
    seed: int
    known: frozenset[str] = frozenset()
    variants: Mapping[str, Model] = field(default_factory=dict)
    beside: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    whole: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    made_of: tuple[Origin, ...] = ()
    which: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    _occasions: dict[int, Individuals] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __repr__(self) -> str:
        return f"Individuals({self.model.id}: {self.size:,} patients, {len(self.parameters)} parameters)"

    @property
    def occasions(self) -> Occasions | None:
        """When an occasion begins; None where nobody changes from one to the next."""
        return next((read_occasions(own.population.occasions) for own in self.made_of if own.changes), None)

    def starts(self, regimen: Regimen) -> tuple[int, ...]:
        """When the occasions of a regimen begin, ticks; one, at 0, where nobody changes between them."""
        rule = self.occasions
        return (0,) if rule is None else rule.starts([(start, end) for start, end, *_ in administrations(regimen)])

    def in_occasion(self, number: int) -> Individuals:
        """The same patients as they are in an occasion.

        number : of the occasion, from 0 on
        """
        if number not in self._occasions:
            if number == 0 or self.occasions is None:
                return self
            parts = [(own, np.flatnonzero(self.which == place)) for place, own in enumerate(self.made_of)]
            parts = [(own, who) for own, who in parts if who.size]
            tables = [
                own.parameters(self.numbers[who], {name: given[who] for name, given in self.covariates.items()}, number)
                for own, who in parts
            ]
            columns = {name: [table[name] for table in tables] for name in tables[0]}
            parameters = {name: gathered([who for _, who in parts], column) for name, column in columns.items()}
            self._occasions[number] = replace(self, parameters=parameters)
        return self._occasions[number]

    def only(self, kept: NDArray[np.int64]) -> Individuals:
        """Some of the subjects.

        kept : their positions
        """

        def part(column: Any) -> Any:
            return column if np.ndim(column) == 0 else np.asarray(column)[kept]

        return replace(
            self,
            numbers=self.numbers[kept],
            covariates={name: part(column) for name, column in self.covariates.items()},
            parameters={name: part(column) for name, column in self.parameters.items()},
            effects={
                effect: {name: part(column) for name, column in own.items()} for effect, own in self.effects.items()
            },
            responders={name: part(column) for name, column in self.responders.items()},
            draws={name: part(column) for name, column in self.draws.items()},
            beside={name: part(mask) for name, mask in self.beside.items()},
            whole={effect: {name: part(column) for name, column in own.items()} for effect, own in self.whole.items()},
            which=part(self.which) if self.made_of else self.which,
        )

    @property
    def size(self) -> int:
        """How many subjects."""
        return len(self.numbers)

    @property
    def weight(self) -> Floats:
        """(subjects) body weight, kg; 70 where the model has no use for it and nobody said otherwise."""
        return self.covariates["weight"]

    def named(self, name: str) -> Column:
        """A parameter, derived parameter, covariate, "half-life of SITE" or "potency of OUTPUT in DRIVE".

        returns : (subjects) or one, canonical units
        """
        for site in self.program.sites:
            if name == f"half-life of {site.name}":
                return self.effects[site.owner][site.half_life]
        for drive in self.program.drives:
            for term in drive.terms:
                if term.potency is not None and name == f"potency of {term.output} in {drive.name}":
                    return self.effects[drive.owner][term.potency]
        return self.parameters[name]

    def of_dose(self, name: str, given: Floats, who: NDArray[np.int64]) -> Floats:
        """A dose-dependent value of some subjects.

        name  : of the model's `of_dose`
        given : (some) mg of base of one administration
        who   : (some) positions of the subjects
        """
        needed = self.model.of_dose
        values: dict[str, Any] = {DOSE: given}
        for other, expression in needed.items():
            for read in expression.names - values.keys():
                column = np.asarray(self.parameters[read])
                values[read] = column if column.ndim == 0 else column[who]
            values[other] = expression.evaluate(values)
            if other == name:
                break
        return np.broadcast_to(np.asarray(values[name], float), len(who))

    def system_values(self) -> Floats:
        """Entries of the model's matrices, (values, subjects)."""
        with np.errstate(all="ignore"):
            values = self.program.values(self.parameters, self.effects, self.size)
        if not np.isfinite(values).all():
            worst = int(np.flatnonzero(~np.isfinite(values).all(axis=0))[0])
            raise SimulationError(
                f"model {self.model.id}: the parameters of subject {worst} make a rate that is no number; a volume, a "
                "time or another divisor is 0. Give it a number above 0."
            )
        return values


def of_population(model: Model, population: Population, estimates: Mapping[str, float] | None = None) -> Individuals:
    """The patients of a population under a model.

    model      : with the effects that are to be computed
    population : virtual patients
    estimates  : parameter, or "effect.parameter" -> typical value in place of the model's, canonical; not 0. The
                 program of the model stays, so that a replicate of its estimates costs no more than its patients
    Raises SimulationError where the model needs parameters that only a table can give.
    """
    for parameter in model.parameters.values():
        if parameter.value is None:
            raise SimulationError(
                f"model {model.id}: parameter {parameter.name} has no number. Give a table with "
                f"a column {parameter.name} ({parameter.unit or 'no unit'}) instead of a population."
            )
    read = read_covariates(model)
    covariates, known = covariates_of(model, population, read)
    made_of = Origin(model, population, estimates)
    values = made_of.parameters(population.numbers, covariates)
    made = with_effects(model, population, covariates, values, known=known, estimates=estimates)
    return replace(made, made_of=(made_of,), which=np.zeros(population.size, np.int64))


@lru_cache(maxsize=64)
def read_covariates(model: Model) -> Mapping[str, Covariate]:
    """The covariates a model or one of its effects reads; the model's typical value goes before an effect's."""
    found: dict[str, Covariate] = {}
    for owner in model.files:
        for name, covariate in owner.covariates.items():
            known = found.setdefault(name, covariate)
            if analyse(known.unit)[1] != analyse(covariate.unit)[1]:
                raise SimulationError(
                    f"{owner.id}: its covariate {name} is in {covariate.unit or 'no unit'}, that of {model.id} in "
                    f"{known.unit or 'no unit'}. Rename one of them."
                )
    return found


def of_model(model: Model, covariates: Mapping[str, Floats]) -> dict[str, Floats]:
    """The covariates that the model's own expressions may read, and weight."""
    return {name: column for name, column in covariates.items() if name in model.covariates or name == "weight"}


def with_effects(
    model: Model,
    people: Population,
    covariates: Mapping[str, Floats],
    parameters: Mapping[str, Column],
    columns: Mapping[str, Floats] | None = None,
    drawn: bool = False,
    known: Iterable[str] = (),
    estimates: Mapping[str, float] | None = None,
) -> Individuals:
    """Subjects with the parameters, traits and draws of every effect.

    columns   : of a table, "effect.parameter" among them: what it gives outright is left as given
    drawn     : whether traits are drawn though nothing else varies
    known     : covariates whose values were given
    estimates : "effect.parameter" -> typical value in place of the effect's
    """
    effects: dict[str, Mapping[str, Column]] = {}
    responders, draws = {}, {}
    weights = mixing(model) if people.varied else {}
    for effect in model.effects:
        own = _effect_parameters(effect, weights.get(effect.id, {}), covariates, people, columns or {}, estimates)
        effects[effect.id] = own
        if effect.responder is not None:
            responders[effect.id] = _responders(effect, own[effect.responder], people, drawn)
        if effect.role == "side effect":
            root = root_of(effect, model.effects)
            draws[effect.id] = people.uniform(f"{root.id}.event")
    return Individuals(
        model,
        compiled(model),
        people.numbers,
        covariates,
        parameters,
        effects,
        responders,
        draws,
        people.seed,
        frozenset(known),
    )


def gathered(who: Sequence[NDArray[np.int64]], columns: Sequence[Any]) -> Any:
    """One column out of those of some groups of subjects; one number where all have the same.

    who     : the positions of each group; together everybody, each in one
    columns : of each group, (its subjects) or one number
    """
    if all(np.ndim(column) == 0 and column == columns[0] for column in columns):
        return columns[0]
    made = np.empty(sum(map(len, who)), np.asarray(columns[0]).dtype)
    for one, column in zip(who, columns, strict=True):
        made[one] = column
    return made


def _effect_parameters(
    effect: Effect,
    weights: Mapping[str, Mapping[str, float]],
    covariates: Mapping[str, Floats],
    people: Population,
    columns: Mapping[str, Floats],
    estimates: Mapping[str, float] | None,
) -> dict[str, Column]:
    typical = estimated(effect.parameters, estimates, f"{effect.id}.")
    table = individual(effect.id, typical, (), weights, covariates, people)
    table |= {name: columns[f"{effect.id}.{name}"] for name in effect.parameters if f"{effect.id}.{name}" in columns}
    for name, expression in effect.derived.items():
        table[name] = np.asarray(expression.evaluate({**covariates, **table}))
    return table


def _responders(effect: Effect, chance: Column, population: Population, drawn: bool) -> NDArray[np.bool_]:
    """Who can respond. Without spreads: to a drug everybody, to placebo nobody."""
    if not (population.varied or drawn):
        return np.full(population.size, effect.role != "placebo")
    who: NDArray[np.bool_] = population.uniform(f"{effect.id}.responder") < chance
    return who


def with_derived(
    model: Model, values: dict[str, Column], given: Mapping[str, Column] | None = None
) -> dict[str, Column]:
    """Derived parameters on top of the others; what a table gives outright is left as given."""
    for name, expression in model.derived.items():
        if given is None or name not in given:
            values[name] = expression.evaluate(values)
    return values
