"""An arm as a script gives it: a regimen, alone or with modifiers beside it and effects of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from pkpd.dosing.prescription import as_regimen
from pkpd.dosing.regimen import Regimen
from pkpd.entering import check_regimen
from pkpd.errors import ModelFileError, SimulationError, unknown
from pkpd.model.effect import Effect
from pkpd.model.library import load_modifier
from pkpd.model.model import Model
from pkpd.model.modifier import Modifier

Given = Regimen | str | tuple[Any, ...]


class Plan(NamedTuple):
    """What is given in an arm, and what acts beside it.

    effects : that take the place of the model's of the same name, such as those of another indication
    """

    regimen: Regimen
    modifiers: tuple[Modifier, ...] = ()
    effects: tuple[Effect, ...] = ()


def planned(given: Given, where: str) -> Plan:
    """The regimen, modifiers and own effects of an arm.

    given : regimen or prescription text; or a tuple of it, modifiers or their names, and effects
    where : the place, for errors
    Raises PrescriptionError, UnknownName.
    """
    if not isinstance(given, tuple):
        return Plan(as_regimen(given, where))
    if not given:
        raise SimulationError(f"{where}: the tuple is empty. Give a regimen, then the modifiers beside it.")
    modifiers, effects = [], []
    for item in given[1:]:
        if isinstance(item, Effect):
            effects.append(item)
            continue
        if not isinstance(item, (Modifier, str)):
            raise SimulationError(f"{where}: {item!r} is no modifier. Give its name, or pkpd.load_modifier(...).")
        modifiers.append(load_modifier(item) if isinstance(item, str) else item)
    return Plan(as_regimen(given[0], where), tuple(modifiers), tuple(effects))


def modified_for(model: Model, plan: Plan, where: str) -> Model:
    """The model of an arm, with its own effects, on which its modifiers act for the drug form given.

    model : with the effects that are to be computed
    Raises a PkpdError for an effect that is not among them, a modifier that finds nothing to act on, and a regimen or
    doses that do not fit.
    """
    if plan.effects:
        own = {effect.id: effect for effect in plan.effects}
        had = [effect.id for effect in model.effects]
        for name in own:
            if name not in had:
                raise unknown(where, "effect to replace", name, had)
        model = replace(model, effects=()).with_effects(*(own.get(effect.id, effect) for effect in model.effects))
    if plan.modifiers:
        forms = {dose.form.enantiomer for dose in plan.regimen.doses}
        try:
            model = model.with_modifiers(*plan.modifiers, form=forms.pop() if len(forms) == 1 else "")
        except ModelFileError as cause:
            raise ModelFileError(f"{where}: {cause}") from cause
    check_regimen(model, plan.regimen, where)
    return model


def notes_of(models: Mapping[str, Model], plans: Mapping[str, Plan]) -> list[str]:
    """What the modifiers and own effects of each arm change, one note for each that differs.

    models : arm -> its model
    plans  : arm -> what it was made from
    """
    arms: dict[str, list[str]] = {}
    for name, model in models.items():
        of = [effect.id for effect in plans[name].effects]
        own = [f"this arm has its own {', '.join(of)}."] if of else []
        for said in (*own, *model.modifier_notes):
            arms.setdefault(said, []).append(f'"{name}"')
    return [f"In {', '.join(names)}: {said}" for said, names in arms.items()]
