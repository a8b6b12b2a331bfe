"""Modifier files: TOML document -> Modifier."""

from __future__ import annotations

from collections.abc import Mapping

from pkpd.model.model import FORM_NAMES
from pkpd.model.modifier import (
    GROUPS,
    KINETIC_ROLES,
    LOG_ODDS,
    NONE,
    POINTS,
    UNKNOWN,
    WHOLE_EFFECT,
    EffectChange,
    KineticChange,
    Modifier,
)
from pkpd.model.parts import Source
from pkpd.model.sections import ID, NAME, read_id, read_origin, read_sources
from pkpd.model.tomltext import Document, Table
from pkpd.routes import ROUTES

_KEYS = ("id", "kind", "title", "group", "use_for", "not_for", "notes", "sources", "kinetics", "effects")
_KINETIC_KEYS = ("role", "factor", "range", "source", "mark", "alternative", "optional", "routes", "name", "note")
_EFFECT_KEYS = ("of", "what", "amount", "range", "source", "mark", "form", "name", "note")


def modifier_from(document: Document) -> Modifier:
    """The modifier a document describes.

    Raises ModelFileError for the first thing that is wrong.
    """
    top = document.top
    top.only(_KEYS)
    name = read_id(top)
    sources = read_sources(top)
    kinetics = _kinetics(top, sources)
    effects = _effects(top, sources)
    if not kinetics and not effects:
        top.fail('there is neither [[kinetics]] nor [[effects]]; what was not studied is what = "unknown".')
    return Modifier(
        name,
        top.text("title"),
        top.choice("group", GROUPS),
        top.text("use_for"),
        top.text("not_for"),
        top.texts("notes"),
        sources,
        kinetics,
        effects,
        document.path,
    )


def _kinetics(top: Table, sources: Mapping[str, Source]) -> tuple[KineticChange, ...]:
    found: list[KineticChange] = []
    for table in top.tables("kinetics"):
        table.only(_KINETIC_KEYS)
        routes = table.texts("routes")
        for route in routes:
            if route not in ROUTES:
                table.fail_unknown("route", route, ROUTES, "routes")
        factor = table.number("factor")
        change = KineticChange(
            table.choice("role", KINETIC_ROLES),
            _factor(table, "factor", factor),
            _range(table, factor),
            *read_origin(table, sources),
            alternative=table.text("alternative", ""),
            optional=table.flag("optional"),
            routes=routes,
            name=_name(table),
            note=table.text("note", ""),
        )
        if any((other.role, other.alternative) == (change.role, change.alternative) for other in found):
            table.fail(f'"{change.role}" is changed twice; another way to do it needs an alternative = "..."', "role")
        found.append(change)
    for name in {change.alternative for change in found}:
        if all(change.optional for change in found if change.alternative == name):
            top.tables("kinetics")[0].fail(f'all changes of the alternative "{name}" are optional; one must not be.')
    return tuple(found)


def _effects(top: Table, sources: Mapping[str, Source]) -> tuple[EffectChange, ...]:
    found: list[EffectChange] = []
    for table in top.tables("effects"):
        table.only(_EFFECT_KEYS)
        of, what = table.text("of"), table.text("what")
        if not ID.fullmatch(of):
            table.fail(f'"{of}" is not the id of an effect, like "fast-relief".', "of")
        if what not in WHOLE_EFFECT and not NAME.fullmatch(what):
            table.fail(f'"{what}" is neither a parameter nor one of {", ".join(WHOLE_EFFECT)}.', "what")
        amount = 0.0
        if what in (NONE, UNKNOWN):
            for key in ("amount", "range", "name"):
                if key in table:
                    table.fail(f'"{what}" changes nothing; leave {key} out.', key)
        else:
            amount = table.number("amount")
            if what not in (LOG_ODDS, POINTS):
                _factor(table, "amount", amount)
            if what not in WHOLE_EFFECT and amount == 0:
                table.fail("a parameter is multiplied with a factor above 0.", "amount")
        change = EffectChange(
            of,
            what,
            amount,
            _range(table, amount),
            *read_origin(table, sources),
            form=table.choice("form", FORM_NAMES, ""),
            name=_name(table),
            note=table.text("note", ""),
        )
        if any((o.of, o.what, o.form) == (change.of, change.what, change.form) for o in found):
            table.fail(f'"{what}" of "{of}" is changed twice.', "what")
        found.append(change)
    return tuple(found)


def _factor(table: Table, key: str, value: float) -> float:
    if value < 0:
        table.fail(f"{value:g} is no factor; it is 0 or more.", key)
    return value


def _range(table: Table, value: float) -> tuple[float, float] | None:
    if "range" not in table:
        return None
    low, high = table.pair("range")
    if not low <= value <= high:
        table.fail(f"the range {low:g} to {high:g} does not hold the number itself, {value:g}.", "range")
    return low, high


def _name(table: Table) -> str:
    name = table.text("name", "")
    if name and not NAME.fullmatch(name):
        table.fail(f'"{name}" cannot be a name; it is a word that a script can write, like "factor".', "name")
    return name
