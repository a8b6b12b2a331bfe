"""An arm as a script gives it: a regimen, alone or with the modifiers that act beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pkpd.dosing.prescription import as_regimen
from pkpd.dosing.regimen import Regimen
from pkpd.entering import check_regimen
from pkpd.errors import ModelFileError, SimulationError
from pkpd.model.library import load_modifier
from pkpd.model.model import Model
from pkpd.model.modifier import Modifier

Given = Regimen | str | tuple[Any, ...]


class Plan(NamedTuple):
    """What is given in an arm, and what acts beside it."""

    regimen: Regimen
    modifiers: tuple[Modifier, ...] = ()


def planned(given: Given, where: str) -> Plan:
    """The regimen and modifiers of an arm.

    given : regimen or prescription text; or a tuple of it and modifiers or their names
    where : the place, for errors
    Raises PrescriptionError, UnknownName.
    """
    if not isinstance(given, tuple):
        return Plan(as_regimen(given, where))
    if not given:
        raise SimulationError(f"{where}: the tuple is empty. Give a regimen, then the modifiers beside it.")
    modifiers = []
    for item in given[1:]:
        if not isinstance(item, (Modifier, str)):
            raise SimulationError(f"{where}: {item!r} is no modifier. Give its name, or pkpd.load_modifier(...).")
        modifiers.append(load_modifier(item) if isinstance(item, str) else item)
    return Plan(as_regimen(given[0], where), tuple(modifiers))


def modified_for(model: Model, plan: Plan, where: str) -> Model:
    """The model of an arm, on which the modifiers of its plan act for the drug form given; its regimen is checked.

    model : with the effects that are to be computed
    Raises a PkpdError for a modifier that finds nothing to act on and for doses it does not hold for.
    """
    if plan.modifiers:
        forms = {dose.form.enantiomer for dose in plan.regimen.doses}
        try:
            model = model.with_modifiers(*plan.modifiers, form=forms.pop() if len(forms) == 1 else "")
        except ModelFileError as cause:
            raise ModelFileError(f"{where}: {cause}") from cause
    check_regimen(model, plan.regimen, where)
    return model


def notes_of(models: Mapping[str, Model]) -> list[str]:
    """What the modifiers of each arm change, one note for each that differs.

    models : arm -> its model
    """
    arms: dict[str, list[str]] = {}
    for name, model in models.items():
        for said in model.modifier_notes:
            arms.setdefault(said, []).append(f'"{name}"')
    return [f"In {', '.join(names)}: {said}" for said, names in arms.items()]
