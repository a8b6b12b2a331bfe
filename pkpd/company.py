"""Patients some of whom have modifiers of their own: each stands under the model that his own set of them makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import ModelFileError, SimulationError
from pkpd.individuals import Column, Individuals, gathered, of_population
from pkpd.model.library import load_modifier
from pkpd.model.model import Model
from pkpd.model.modifier import Modifier
from pkpd.model.program import compiled
from pkpd.population.company import bearers, sets
from pkpd.population.people import Population

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Part = tuple[NDArray[np.int64], Individuals]

WHOLE = ("log_odds", "factor", "points")  # what modifiers do to the value of an effect's curve


def of_patients(
    model: Model,
    population: Population,
    form: str = "",
    estimates: Callable[[Model], Mapping[str, float]] | None = None,
) -> Individuals:
    """The patients of a population under a model, each with the modifiers he has.

    model      : with the effects that are to be computed, and with the modifiers that act in everybody; who has one of
                 them as his own has it once
    population : its `modifiers` say who has which
    form       : drug form that is given ("racemate", "S", "R"), for modifiers that hold for one form
    estimates  : model, with some patients' own modifiers -> parameter, or "effect.parameter" -> typical value in place
                 of that model's; None for the models' own
    returns    : Individuals; every patient's numbers are those he has alone under model.with_modifiers(his own)
    Raises UnknownName for an unknown modifier, ModelFileError for one that finds nothing to act on, SimulationError
    for one that would give some patients other equations.
    """

    def under(one: Model, people: Population) -> Individuals:
        return of_population(one, people, None if estimates is None else estimates(one))

    if not population.modifiers:
        return under(model, population)
    everybody = {acting.modifier.id for acting in model.modifiers}
    had = {_loaded(key): mask for key, mask in bearers(population).items()}
    _refuse_twice(had)
    own = {modifier: mask for modifier, mask in had.items() if modifier.id not in everybody}
    names = _names(own, population)
    alone = {names[modifier]: _variant(model, (modifier,), form) for modifier in own}
    alike = replace(population, modifiers={})
    modifiers, parts = tuple(own), []
    for numbers, who in sets(list(own.values()), population.size):
        variant = _variant(model, tuple(modifiers[number] for number in numbers), form)
        parts.append((who, under(variant, alike.only(population.numbers[who].tolist()))))
    beside = {names[modifier]: mask for modifier, mask in own.items()}
    return replace(_merged(model, parts, population), variants=alone, beside=beside)


def _names(own: Mapping[Modifier, Mask], population: Population) -> dict[Modifier, str]:
    """The modifiers by name; of one that is there twice, with who has it."""
    ids = [modifier.id for modifier in own]
    who = {_loaded(key): given for key, given in population.modifiers.items()}
    return {one: one.id if ids.count(one.id) == 1 else f"{one.id} ({who[one]})" for one in own}


def _refuse_twice(had: Mapping[Modifier, Mask]) -> None:
    """Refuse a modifier that some patient has twice."""
    seen: dict[str, Mask] = {}
    for modifier, mask in had.items():
        before = seen.get(modifier.id)
        if before is not None and (before & mask).any():
            raise SimulationError(
                f"population: {int((before & mask).sum()):,} patients have the modifier {modifier.id} twice. Say of "
                'each who has it by a criterion that excludes the other, such as "genotype is *1/*6".'
            )
        seen[modifier.id] = mask if before is None else before | mask


def notes_of_patients(people: Sequence[Individuals]) -> list[str]:
    """What the patients' own modifiers change, and in how many: one note for each that differs between arms."""
    told = [
        note_of_some(int(mask.sum()), len(mask), subjects.variants[name])
        for subjects in people
        for name, mask in subjects.beside.items()
    ]
    return list(dict.fromkeys(told))


def note_of_some(have: int, size: int, variant: Model) -> str:
    """What a modifier changes, and in how many of the patients.

    variant : the model with it alone
    """
    return f"In {have:,} of {size:,} patients: {variant.modifier_notes[-1]}"


def _loaded(key: Any) -> Modifier:
    found = load_modifier(key) if isinstance(key, str) else key
    if not isinstance(found, Modifier):
        raise SimulationError(f"population: {key!r} is no modifier. Give its name, or pkpd.load_modifier(...).")
    return found


@lru_cache(maxsize=256)
def _variant(model: Model, modifiers: tuple[Modifier, ...], form: str) -> Model:
    """The model of those who have some modifiers; refused where they would need other equations."""
    if not modifiers:
        return model
    names = ", ".join(modifier.id for modifier in modifiers)
    try:
        made = model.with_modifiers(*modifiers, form=form)
    except ModelFileError as cause:
        raise ModelFileError(f"population: {cause}") from cause
    usual, own = compiled(model), compiled(made)
    if (usual.states, usual.outputs, usual.drives) != (own.states, own.outputs, own.drives):
        raise SimulationError(
            f"population: those with {names} need other equations than the rest under the model {model.id}, since a "
            "drive of an effect is switched on or off. Simulate them as a population of their own."
        )
    return made


def _merged(model: Model, parts: Sequence[Part], population: Population) -> Individuals:
    """Patients put together again, in their order."""
    first, who = parts[0][1], [own for own, _ in parts]

    def columns(of: str) -> dict[str, Any]:
        return {name: gathered(who, [getattr(own, of)[name] for _, own in parts]) for name in getattr(first, of)}

    effects: Mapping[str, Mapping[str, Column]] = {
        effect: {name: gathered(who, [own.effects[effect][name] for _, own in parts]) for name in names}
        for effect, names in first.effects.items()
    }
    return replace(
        first,
        model=model,
        program=compiled(model),
        numbers=population.numbers,
        covariates=columns("covariates"),
        parameters=columns("parameters"),
        effects=effects,
        responders=columns("responders"),
        draws=columns("draws"),
        whole=_whole(model, parts),
        made_of=tuple(one for _, own in parts for one in own.made_of),
        which=gathered(who, [np.full(own.size, number) for number, (_, own) in enumerate(parts)]),
    )


def _whole(model: Model, parts: Sequence[Part]) -> dict[str, dict[str, Floats]]:
    """Effect -> what modifiers do to its curve's value in every patient, where they differ."""
    found: dict[str, dict[str, Floats]] = {}
    who = [one for one, _ in parts]
    for number, effect in enumerate(model.effects):
        for what in WHOLE:
            column = gathered(who, [float(getattr(own.model.effects[number], what)) for _, own in parts])
            if np.ndim(column):
                found.setdefault(effect.id, {})[what] = column
            elif column != getattr(effect, what):
                found.setdefault(effect.id, {})[what] = np.full(sum(map(len, who)), column)
    return found
