"""Patients in numbers: every parameter, trait and draw of every patient of a population, for one model.

Made once and used for every arm, so that the same patients go through all of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.regimen import Regimen
from pkpd.errors import SimulationError, unknown
from pkpd.model.correlating import mixing
from pkpd.model.divisors import divided_by
from pkpd.model.effect import Effect, root_of
from pkpd.model.model import DOSE, Covariate, Model
from pkpd.model.modifying import overridden
from pkpd.model.program import Program, compiled
from pkpd.population.occasions import read_occasions
from pkpd.population.people import Population
from pkpd.population.variability import individual
from pkpd.units import analyse

Floats = NDArray[np.float64]
Column = Floats | float

USUAL = ("weight", "age")  # covariates that a table may hold whatever the model reads


@dataclass(frozen=True)
class Individuals:
    """The patients of one simulation.

    model      : the model and its effects
    program    : its linear system
    numbers    : (subjects) the patients' numbers
    covariates : covariate -> (subjects), canonical units; those the population names, and those the model or one of
                 its effects reads
    known      : covariates whose values were given; the others have the typical one of the file that reads them
    parameters : model parameter, derived parameter or covariate -> (subjects) or one, canonical units
    effects    : effect id -> parameter -> (subjects) or one
    responders : effect id -> (subjects) whether the patient can respond; absent where everybody can
    draws      : effect id -> (subjects) the uniform number that decides whether a side effect happens
    seed       : of the random numbers
    people     : whose parameters change from one occasion to the next; None where nobody's do. `parameters` are those
                 of the first occasion
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
    people: Population | None = None
    _occasions: dict[int, Individuals] = field(init=False, repr=False, compare=False, default_factory=dict)

    def starts(self, regimen: Regimen) -> tuple[int, ...]:
        """When the occasions of a regimen begin, ticks; one, at 0, where nobody changes between them."""
        if self.people is None:
            return (0,)
        given = [(start, start + dose.duration) for dose in regimen.doses for start in dose.starts]
        return read_occasions(self.people.occasions).starts(given)

    def in_occasion(self, number: int) -> Individuals:
        """The same patients as they are in an occasion.

        number : of the occasion, from 0 on
        """
        if self.people is None or number == 0:
            return self
        if number not in self._occasions:
            parameters = _parameters(self.model, self.people, self.covariates, number)
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
            people=None if self.people is None else self.people.only(self.numbers[kept].tolist()),
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


def of_population(model: Model, population: Population) -> Individuals:
    """The patients of a population under a model.

    model      : with the effects that are to be computed
    population : virtual patients
    Raises SimulationError where the model needs parameters that only a table can give.
    """
    for parameter in model.parameters.values():
        if parameter.value is None:
            raise SimulationError(
                f"model {model.id}: parameter {parameter.name} has no number. Give a table with "
                f"a column {parameter.name} ({parameter.unit or 'no unit'}) instead of a population."
            )
    read = _read(model)
    for name in population.covariates:
        known = {*read, *USUAL}
        if name not in known and (meant := difflib.get_close_matches(name, known, n=1, cutoff=0.8)):
            raise SimulationError(
                f"population: the model {model.id} reads no covariate {name}. Allowed: {', '.join(sorted(known))}. "
                f'Did you mean "{meant[0]}"?'
            )
        if name in model.parameters or name in model.derived:
            raise SimulationError(
                f"population: {name} is a parameter of the model {model.id}, not a covariate. Use model.with_values."
            )
        dimension = population.dimension(name)
        if name in read and dimension is not None and dimension != analyse(read[name].unit)[1]:
            raise SimulationError(
                f"population: {name} is given as {population.covariates[name]!r}; it is in "
                f"{read[name].unit or 'no unit'} under the model {model.id}."
            )
    covariates = {name: population.covariate(name, covariate.typical) for name, covariate in read.items()}
    covariates |= {name: population.covariate(name, 0.0) for name in population.covariates if name not in read}
    covariates["weight"] = population.covariate("weight", 70.0)
    values = _parameters(model, population, covariates, 0)
    made = _with_effects(model, population, covariates, values, known={"weight", *population.covariates})
    changing = population.varied and any(own.occasion is not None for own in model.parameters.values())
    return replace(made, people=population) if changing else made


def _parameters(
    model: Model, population: Population, covariates: Mapping[str, Floats], occasion: int
) -> dict[str, Column]:
    """Parameters and derived parameters of a population in an occasion, and the covariates the model reads."""
    own = individual(model.id, model.parameters, model.covariances, {}, covariates, population, occasion)
    return _with_derived(model, {**own, **_of_model(model, covariates)})


def of_table(model: Model, table: Mapping[str, Any], seed: int = 1) -> Individuals:
    """The subjects of a ready parameter table.

    model : with the effects that are to be computed
    table : parameter, derived parameter, covariate or "effect.parameter" -> (subjects) numbers in h, mg, L, kg; a
            pandas frame will do. What it does not name has its typical value.
    seed  : of the traits and draws of effects
    Raises UnknownName for a column that is no parameter, SimulationError for one not finite or of another length, or
    that a modifier of the model changes.
    """
    columns = {str(name): _column(str(name), table[name]) for name in table}
    lengths = {len(column) if column.ndim == 1 else -1 for column in columns.values() if column.ndim != 0}
    if not columns or len(lengths) > 1 or lengths & {-1, 0}:
        raise SimulationError(
            "parameter table: every column is one number, or one number a subject and all of one length; given "
            + (", ".join(f"{name} of shape {column.shape}" for name, column in columns.items()) or "nothing")
            + "."
        )
    size = lengths.pop() if lengths else 1
    columns = {name: column if column.ndim else np.full(size, column) for name, column in columns.items()}
    qualified, allowed, required = _columns(model)
    off = _switched_off(model)
    if model.modifiers and (moved := overridden(model, columns)):
        raise SimulationError(
            f"model {model.id}: the parameter table gives {', '.join(moved)}, which {model.company.strip()} would "
            "change. Change the table instead, or leave the modifier out."
        )
    for name in columns:
        if name not in allowed:
            raise unknown("parameter table", "column", name, allowed)
    for name in off:
        if name in columns and columns[name].any():
            raise SimulationError(
                f"parameter table: {name} is 0 in the effect, so {off[name]} is not followed and the column would "
                f"change nothing. Switch it on first: effect.with_values({name.rpartition('.')[2]}=...)."
            )
    _refuse_impossible(model, columns)
    for name in required:
        if name not in columns:
            unit = model.parameters[name].unit or "no unit"
            raise SimulationError(f"parameter table: model {model.id} needs a column {name} ({unit}).")
    people = _people(size, seed)
    read = _read(model)
    covariates = {name: columns.get(name, np.full(size, covariate.typical)) for name, covariate in read.items()}
    covariates |= {name: columns[name] for name in USUAL if name in columns}
    covariates.setdefault("weight", np.full(size, 70.0))
    parameters = individual(model.id, model.parameters, (), {}, covariates, people)
    own = _of_model(model, covariates)
    given = {
        name: column
        for name, column in columns.items()
        if name not in qualified and (name in own or name not in covariates)
    }
    values = _with_derived(model, {**parameters, **own, **given}, given)
    known = [name for name in covariates if name in columns]
    return _with_effects(model, people, covariates, values, columns, drawn=True, known=known)


@lru_cache(maxsize=64)
def _read(model: Model) -> Mapping[str, Covariate]:
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


def _of_model(model: Model, covariates: Mapping[str, Floats]) -> dict[str, Floats]:
    """The covariates that the model's own expressions may read, and weight."""
    return {name: column for name, column in covariates.items() if name in model.covariates or name == "weight"}


@lru_cache(maxsize=64)
def _switched_off(model: Model) -> dict[str, str]:
    """Potencies and half-lives of effects that are 0, as "effect.parameter", and what is left out because of it."""
    off = {}
    for effect in model.effects:
        if effect.driver is None:
            continue
        if effect.is_off(effect.driver.half_life):
            off[f"{effect.id}.{effect.driver.half_life}"] = "an effect site"
        for one in effect.driver.also:
            if effect.is_off(one.half_life):
                off[f"{effect.id}.{one.half_life}"] = "an effect site"
            if effect.is_off(one.potency):
                off[f"{effect.id}.{one.potency}"] = one.analyte
    return off


@lru_cache(maxsize=64)
def _columns(model: Model) -> tuple[frozenset[str], frozenset[str], tuple[str, ...]]:
    """Names "effect.parameter", all names a parameter table may hold, and those it must hold."""
    qualified = frozenset(f"{effect.id}.{name}" for effect in model.effects for name in effect.parameters)
    allowed = qualified.union(model.parameters, model.derived, _read(model), USUAL)
    return qualified, allowed, tuple(name for name, own in model.parameters.items() if own.value is None)


@lru_cache(maxsize=64)
def _people(size: int, seed: int) -> Population:
    """People without spreads, for a table to give their parameters."""
    return Population(size=size, seed=seed, weight="70 kg", varied=False)


def _with_effects(
    model: Model,
    people: Population,
    covariates: Mapping[str, Floats],
    parameters: Mapping[str, Column],
    columns: Mapping[str, Floats] | None = None,
    drawn: bool = False,
    known: Iterable[str] = (),
) -> Individuals:
    """Subjects with the parameters, traits and draws of every effect.

    columns : of a table, "effect.parameter" among them: what it gives outright is left as given
    drawn   : whether traits are drawn though nothing else varies
    known   : covariates whose values were given
    """
    effects: dict[str, Mapping[str, Column]] = {}
    responders, draws = {}, {}
    weights = mixing(model) if people.varied else {}
    for effect in model.effects:
        own = _effect_parameters(effect, weights.get(effect.id, {}), covariates, people, columns or {})
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


def _column(name: str, given: Any) -> Floats:
    try:
        return np.asarray(given, float)
    except (TypeError, ValueError) as cause:
        raise SimulationError(f"parameter table: {name} holds what is not a number: {str(given)[:40]}.") from cause


def _refuse_impossible(model: Model, columns: Mapping[str, Floats]) -> None:
    """Refuse what is no number, a volume or weight not above 0, and anything else with a dimension that is below 0."""
    table = np.array(list(columns.values()))
    least, most = table.min(axis=1), table.max(axis=1)
    if not (np.isfinite(least).all() and np.isfinite(most).all()):
        which, worst = np.argwhere(~np.isfinite(table))[0]
        name = list(columns)[which]
        raise SimulationError(f"parameter table: {name} of subject {worst} is {table[which, worst]}, not a number.")
    limits = _limits(model)
    for (name, column), lowest in zip(columns.items(), least, strict=True):
        above = limits.get(name)
        if above is None or lowest > 0 or (lowest == 0 and not above):
            continue
        worst = int(np.flatnonzero(column <= 0 if above else column < 0)[0])
        allowed = "above 0" if above else "0 or more"
        raise SimulationError(f"parameter table: {name} of subject {worst} is {column[worst]:g}; it is {allowed}.")


@lru_cache(maxsize=64)
def _limits(model: Model) -> dict[str, bool]:
    """Names that cannot be below 0, and whether they must be above it."""
    volume, divisors = analyse("L")[1], divided_by(model)
    limits = {
        name: parameter.dimension == volume or name in divisors
        for name, parameter in model.parameters.items()
        if parameter.dimension or name in divisors
    }
    return {**limits, "weight": True, "age": False}


def _effect_parameters(
    effect: Effect,
    weights: Mapping[str, Mapping[str, float]],
    covariates: Mapping[str, Floats],
    people: Population,
    columns: Mapping[str, Floats],
) -> dict[str, Column]:
    table = individual(effect.id, effect.parameters, (), weights, covariates, people)
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


def _with_derived(
    model: Model, values: dict[str, Column], given: Mapping[str, Column] | None = None
) -> dict[str, Column]:
    """Derived parameters on top of the others; what a table gives outright is left as given."""
    for name, expression in model.derived.items():
        if given is None or name not in given:
            values[name] = expression.evaluate(values)
    return values
