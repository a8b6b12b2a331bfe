"""How an observation and a model meet: what is given, which output is read, and what the reader must know of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pkpd.dosing.regimen import Regimen
from pkpd.errors import PkpdError
from pkpd.model import library
from pkpd.model.model import Model
from pkpd.observations import Concentration, Parameter
from pkpd.units import analyse

# How the drug forms fit.
AS_GIVEN = "as given"
S_HALF = "S half"  # the S half of a racemic dose into a model of S-ketamine; the S analyte is read
TWICE = "2 x S half"  # the same, and twice the S analyte stands for the total
POOLED = "pooled"  # a model that does not tell the forms apart stands for one of them
FORMS = (AS_GIVEN, S_HALF, TWICE, POOLED)

OTHER_AGE = "models of adults are not held against children, nor the reverse"


class NotApplicable(Exception):
    """A model cannot say anything of an observation; the text says why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model under one reading of its evidence."""

    model: Model
    reading: str = ""

    @property
    def label(self) -> str:
        """Id, and the reading where it is not the file's own."""
        return f"{self.model.id} ({self.reading})" if self.reading else self.model.id


@dataclass(frozen=True, slots=True)
class Meeting:
    """What to predict for one observation.

    model   : with the modifiers of the observation acting on it
    regimen : what is given to it
    output  : what is read, multiplied by `factor`
    form    : one of FORMS
    outside : why the observation lies outside what the model is for; empty where it does not
    """

    model: Model
    regimen: Regimen
    output: str
    factor: float
    form: str
    outside: tuple[str, ...]


def subjects() -> Iterator[Subject]:
    """Every kinetic model of the library, and each of its other published readings."""
    for name in library.names("pk"):
        model = library.load(name)
        yield Subject(model)
        for reading in model.readings:
            yield Subject(model.reading(reading), reading)


def made_for(model: Model) -> str:
    """Whom a model is for: "children", "intensive care" or "adults"."""
    if any(limit.for_children for limit in model.validity):
        return "children"
    return "intensive care" if "intensive" in model.use_for.lower() else "adults"


def whose(row: Concentration | Parameter) -> str:
    """Whose observation it is, in the same words."""
    return row.group if row.group in ("children", "intensive care") else "adults"


def made_from(subject: Subject, row: Concentration | Parameter) -> bool:
    """Whether the model, or a modifier that acts on it for this observation, was made from the observation."""
    return subject.model.id in row.used_by or any(name in row.used_by for name in row.modifiers)


def meeting(subject: Subject, row: Concentration | Parameter, regimen: Regimen, analyte: str) -> Meeting:
    """How a model meets an observation.

    regimen : what was given, or what is given to learn a parameter
    analyte : what was measured
    Raises NotApplicable where the model has no such route, form or analyte, is for another age, or lacks a modifier.
    """
    model = subject.model
    if (whose(row) == "children") != (made_for(model) == "children"):
        raise NotApplicable(OTHER_AGE)
    for route in regimen.routes:
        if route not in model.routes:
            raise NotApplicable(f"no {route} route")
    given, form = _given(model, regimen)
    output, factor, form = _read(model, analyte, regimen, form)
    return Meeting(_modified(model, row.modifiers), given, output, factor, form, _outside(model, row, given))


def _given(model: Model, regimen: Regimen) -> tuple[Regimen, str]:
    """The regimen in a form the model takes."""
    forms = {dose.form.enantiomer for dose in regimen.doses}
    if forms <= set(model.forms):
        return regimen, AS_GIVEN
    if forms == {"racemate"} and "S" in model.forms:
        return regimen.s_half(), S_HALF
    if forms == {"S"} and set(model.forms) == {"racemate"}:
        doses = tuple(replace(dose, form=replace(dose.form, enantiomer="racemate")) for dose in regimen.doses)
        return Regimen(doses), POOLED
    raise NotApplicable(f"does not take {', '.join(sorted(forms))}")


def _read(model: Model, analyte: str, regimen: Regimen, form: str) -> tuple[str, float, str]:
    """Output, factor and how the forms fit."""
    forms = {dose.form.enantiomer for dose in regimen.doses}
    side, drug = (analyte[0], analyte[2:]) if analyte.startswith(("S-", "R-")) else ("", analyte)
    if not side and forms in ({"S"}, {"R"}):  # where one form is given, all that is measured is that form
        (side,) = forms
    if not side:
        if drug in model.outputs and form == AS_GIVEN:
            return drug, 1.0, AS_GIVEN
        if f"S-{drug}" in model.outputs:
            return f"S-{drug}", 2.0, TWICE
    elif f"{side}-{drug}" in model.outputs:
        return f"{side}-{drug}", 1.0, form
    elif drug in model.outputs and form != S_HALF:  # a model that does not tell the forms apart
        return drug, 0.5 if "racemate" in forms else 1.0, POOLED
    raise NotApplicable(f"no {analyte}")


def _modified(model: Model, modifiers: tuple[str, ...]) -> Model:
    """The model with what was given beside the drug."""
    if not modifiers:
        return model
    try:
        return model.with_modifiers(*modifiers)
    except PkpdError as cause:
        raise NotApplicable(f"no {', '.join(modifiers)}") from cause


def _outside(model: Model, row: Concentration | Parameter, regimen: Regimen) -> tuple[str, ...]:
    """What lies outside the model's stated population and limits."""
    found = []
    if whose(row) != made_for(model):
        found.append(f"made for {made_for(model)}, measured in {whose(row)}")
    known = {"weight": row.weight_kg, "age": row.age_y, "duration": regimen.end_hours}
    for limit in model.validity:
        value = known.get(limit.name)
        if value is None or (limit.route not in ("", *regimen.routes)):
            continue
        low = limit.minimum is not None and value < limit.minimum
        high = limit.maximum is not None and value > limit.maximum
        if low or high:
            found.append(f"{limit.name} {value / analyse(limit.unit)[0]:g} {limit.unit}")
    return tuple(found)
