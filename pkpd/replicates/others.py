"""The models that stand beside the one asked for, and how each takes the regimens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pkpd.arms import Given, modified_for, planned
from pkpd.disagreement.applying import take
from pkpd.dosing.regimen import Regimen
from pkpd.errors import PkpdError, SimulationError, unknown
from pkpd.estimates.given import label_of
from pkpd.model.library import load, names
from pkpd.model.model import Model

LIBRARY = "library"


class Other(NamedTuple):
    """A model with its effects, what it is called, and what it is given in each arm."""

    name: str
    model: Model
    regimens: Mapping[str, Given]


def beside(
    main: Model,
    regimens: Mapping[str, Given],
    models: str | Sequence[Model | str] | Mapping[str, Model] | None,
    of: str,
) -> tuple[list[Other], list[str]]:
    """The models beside the main one, and what a reader must know of them.

    main   : with the effects that are computed
    models : as of `uncertainty`
    of     : the analyte that every model must give
    Raises a PkpdError for a model named that does not take a regimen; one of the library is left out, with a note.
    """
    chosen = _chosen(models)
    found: list[Other] = []
    notes: list[str] = []
    left: list[str] = []
    halved: dict[str, list[str]] = {}
    for name, model in chosen.items():
        if name == main.id and (models == LIBRARY or model is main):
            continue
        try:
            other, said = _other(name, model, main, regimens, of)
        except PkpdError as cause:
            if models != LIBRARY:
                raise SimulationError(f"model {name}, beside {main.id}: {cause}") from cause
            left.append(f"{name} ({str(cause).rstrip('.')})")
            continue
        found.append(other)
        if said:
            halved.setdefault(", ".join(f'"{arm}"' for arm in said), []).append(name)
    for arms, takers in halved.items():
        one = len(takers) == 1
        notes.append(
            f"{', '.join(takers)} {'takes' if one else 'take'} S-ketamine alone and {'was' if one else 'were'} given "
            f"the S half of the racemate in {arms}."
        )
    if models == LIBRARY and not found:
        notes.append(f"No other model of the library takes every regimen: {'; '.join(left)}.")
    return found, notes


def _chosen(models: str | Sequence[Model | str] | Mapping[str, Model] | None) -> dict[str, Model]:
    if models is None:
        return {}
    if isinstance(models, str):
        if models != LIBRARY:
            raise unknown("models", "choice", models, [LIBRARY, "a list of models"])
        return {name: load(name) for name in names("pk")}
    if isinstance(models, Mapping):
        given = dict(models)
    else:
        loaded = [load(one) if isinstance(one, str) else one for one in models]
        given = {one.id if isinstance(one, Model) else str(one): one for one in loaded}
        if len(given) < len(loaded):
            raise SimulationError("models: one is there twice. Give them names: name -> model.")
    for name, one in given.items():
        if not isinstance(one, Model):
            raise SimulationError(f"models: {name}: {one!r} is no model. Load it first, with pkpd.load.")
    return given


def _other(name: str, model: Model, main: Model, regimens: Mapping[str, Given], of: str) -> tuple[Other, list[str]]:
    """A model with its effects, or else those of the main one, the regimens as it takes them, and arms of an S half."""
    equipped = model if model.effects else replace(model, effects=()).with_effects(*_unmodified(main))
    given: dict[str, Given] = {}
    halved = []
    for arm, wanted in regimens.items():
        plan = planned(wanted, f'regimen "{arm}"')
        regimen: Regimen = plan.regimen
        if not regimen.is_empty:
            taken = take(equipped, regimen, of, None)
            if taken.output != of:
                raise SimulationError(f"it gives {of} under the name {taken.output}, which the effects do not follow.")
            regimen = taken.regimen
            if regimen != plan.regimen:
                halved.append(arm)
        given[arm] = (regimen, *plan.modifiers, *plan.effects)
        modified_for(equipped, planned(given[arm], f'regimen "{arm}"'), f'regimen "{arm}"')
    return Other(name, equipped, given), halved


def _unmodified(main: Model) -> Sequence[Any]:
    if main.modifiers:
        raise SimulationError(
            f"{main.company.strip()} acts on {main.id}; beside other models, give modifiers with the regimens."
        )
    return main.effects


def own_part(given: Any, model: Model, main: Model) -> Any:
    """The part of a covariance matrix, a table of draws or a list of names that is of another model's effects.

    given : by name; or None, or one word
    """
    if given is None or isinstance(given, str) or model is main:
        return given
    shared = {effect.id for effect in model.effects} & {effect.id for effect in main.effects}
    kept = [label for label in given if label_of(str(label)).rpartition(".")[0] in shared]
    if not kept:
        return None if hasattr(given, "keys") else ()
    if not hasattr(given, "keys"):
        return kept
    nested = all(hasattr(given[label], "keys") and not hasattr(given[label], "to_numpy") for label in kept)
    square = nested or (hasattr(given, "index") and set(given.index) == set(given.columns))
    if not square:
        return {label: given[label] for label in kept}
    return {label: {other: given[label][other] for other in kept if other in given[label]} for label in kept}
