"""The [[check]] entries of a file: which quantities there are, what each needs, and whether its unit fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pkpd import units
from pkpd.errors import UnitError
from pkpd.model.expressions import describe
from pkpd.model.model import Check, Covariate, Source
from pkpd.model.sections import WHY, read_origin, read_unit
from pkpd.model.tomltext import Table
from pkpd.units import Dimension

# Quantity -> the keys it needs, the keys it may have.
OF_MODELS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "parameter": (("expression",), ("dose",)),
    "half-life": (("states", "which"), ()),
    "concentration": (("of", "dose", "at"), ()),
    "peak": (("of", "dose"), ("until",)),
    "area": (("of", "dose", "until"), ()),
    "steady level": (("of", "dose"), ()),
    "ratio": (("of", "dose"), ()),
    "context-sensitive half-time": (("of", "dose"), ()),
}
OF_EFFECTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "parameter": (("expression",), ()),
    "site": (("model", "dose", "at"), ()),
    "site peak": (("model", "dose"), ("until",)),
    "effect": (("model", "dose", "at"), ()),
    "curve": (("concentration",), ("also",)),
}

_COMMON = ("quantity", "value", "unit", "within", "within_absolute", "source", "mark", "kind", "weight", "covariates")
_REMARKS = ("where", "about", "note")
_QUANTITIES = {"at": "time", "until": "time", "concentration": "concentration"}
_LISTS = ("states", "also")


def read_checks(
    top: Table,
    quantities: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
    sources: Mapping[str, Source],
    covariates: Mapping[str, Covariate],
    dimension: Callable[[Table, str], Dimension],
) -> tuple[Check, ...]:
    """[[check]]

    quantities : OF_MODELS or OF_EFFECTS
    covariates : of the file, which the person of a check may have values of
    dimension  : refuses the keys of one entry that do not fit the file, and gives the dimension of its quantity
    """
    return tuple(_check(table, quantities, sources, covariates, dimension) for table in top.tables("check"))


def _check(
    table: Table,
    quantities: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
    sources: Mapping[str, Source],
    covariates: Mapping[str, Covariate],
    dimension: Callable[[Table, str], Dimension],
) -> Check:
    quantity = table.choice("quantity", quantities)
    needed, optional = quantities[quantity]
    table.only((*_COMMON, *needed, *optional, *_REMARKS))
    for key in needed:
        if key not in table:
            table.fail(f'"{key}" is missing; the quantity "{quantity}" needs {", ".join(needed)}.')
    options = {key: _option(table, key, quantity) for key in (*needed, *optional, *_REMARKS) if key in table}
    written = table.number("value", WHY)
    unit, factor, found = read_unit(table)
    wanted = dimension(table, quantity)
    if found != wanted:
        table.fail(f'unit "{unit}" is {describe(found)}; this {quantity} is {describe(wanted)}.', "unit")
    within, absolute = table.maybe("within"), table.maybe("within_absolute")
    if (within is None) == (absolute is None):
        table.fail("give one of within (relative) and within_absolute (in the unit).")
    for key, size in (("within", within), ("within_absolute", absolute)):
        if size is not None and size <= 0:
            table.fail(f"{size:g} is no tolerance; it must be above 0.", key)
    weight = table.maybe("weight")
    if weight is not None and weight <= 0:
        table.fail(f"{weight:g} kg is no weight.", "weight")
    source, mark = read_origin(table, sources)
    return Check(
        quantity,
        written * factor,
        written,
        unit,
        within,
        None if absolute is None else absolute * factor,
        source,
        mark,
        table.choice("kind", ("arithmetic", "observation")),
        70.0 if weight is None else weight,
        options,
        table.document.line(table.place),
        _person(table.table("covariates"), covariates),
    )


def _person(table: Table, covariates: Mapping[str, Covariate]) -> dict[str, float]:
    """Values of the covariates of a check's person, canonical: "70 year", or a number of one without a unit."""
    person = {}
    for name in table:
        if name == "weight":
            table.fail('the weight of a check has a key of its own: weight = 80, in kg, without "covariates".', name)
        if name not in covariates:
            table.fail_unknown("covariate", name, [other for other in covariates if other != "weight"], name)
        wanted = units.analyse(covariates[name].unit)[1]
        if not wanted:
            person[name] = table.number(name)
            continue
        try:
            number, unit = units.split(table.text(name), name)
            factor, found = units.analyse(unit)
        except UnitError as cause:
            table.fail(str(cause), name)
        if found != wanted:
            table.fail(f'unit "{unit}" is {describe(found)}; {name} is {describe(wanted)}.', name)
        person[name] = number * factor
    return person


def _option(table: Table, key: str, quantity: str) -> object:
    """The value of a quantity's own key, checked as far as the key alone allows, as written."""
    if key in _LISTS or (key == "of" and quantity == "ratio"):
        texts = table.texts(key)
        for text in texts if key == "also" else ():
            _checked(table, key, text, "concentration")
        return texts
    if key == "which":
        return table.data[key]
    text = table.text(key)
    if key in _QUANTITIES:
        _checked(table, key, text, _QUANTITIES[key])
    return text


def _checked(table: Table, key: str, text: str, dimension: str) -> None:
    try:
        units.parse(text, dimension)
    except UnitError as cause:
        table.fail(str(cause), key)


def check_states(table: Table, states: Iterable[str]) -> None:
    """Refuse a half-life of states the model does not have, or one beyond their number."""
    named = table.texts("states")
    if not named:
        table.fail("name at least one state.", "states")
    for name in named:
        if name not in states:
            table.fail_unknown("state", name, states, "states")
    which = table.data["which"]
    if which != "terminal" and not (type(which) is int and 1 <= which <= len(named)):
        table.fail(
            f'{which!r} is none of them; write "terminal" or a whole number from 1 (shortest) to {len(named)}.', "which"
        )
