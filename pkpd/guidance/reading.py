"""Guidance files: TOML -> Guideline or Harm, a refusal naming file, line and key."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pkpd.errors import PkpdError, unknown
from pkpd.guidance.values import (
    INDICATIONS,
    LEVELS,
    MEASURES,
    SIDES,
    VERDICTS,
    Condition,
    Count,
    Guideline,
    Harm,
    Limit,
    Odds,
    Reason,
    Remark,
    Rule,
    Statement,
    Watch,
    When,
)
from pkpd.model import library
from pkpd.model.expressions import describe, named
from pkpd.model.parts import Source
from pkpd.model.sections import read_id, read_origin, read_sources, read_unit
from pkpd.model.tomltext import Document, Table
from pkpd.routes import ROUTES
from pkpd.times import read_time

Kind = TypeVar("Kind", Guideline, Harm)

_GUIDELINE_KEYS = (
    "id",
    "kind",
    "title",
    "about",
    "indications",
    "default",
    "sources",
    "limits",
    "remarks",
    "statements",
    "conditions",
    "monitoring",
)
_HARM_KEYS = ("id", "kind", "title", "about", "sources", "counts", "odds", "findings", "rules")
_ORIGIN = ("source", "mark")
_WHEN = ("days", "window", "courses", "lasting", "within")
_PLAIN = "180 d"  # the window of days where none is named, that of the one study that counts them


def guidelines() -> tuple[Guideline, ...]:
    """The guidelines of the library, by name."""
    return tuple(found for found in _all() if isinstance(found, Guideline))


def harms() -> tuple[Harm, ...]:
    """The harms of the library, by name."""
    return tuple(found for found in _all() if isinstance(found, Harm))


def guideline(name: str) -> Guideline:
    """One guideline by name.

    Raises UnknownName, with the nearest name.
    """
    return _one(name, "guideline", guidelines())


def harm(name: str) -> Harm:
    """One harm by name.

    Raises UnknownName, with the nearest name.
    """
    return _one(name, "harm", harms())


def read_guidance(source: str | Path, where: str = "") -> Guideline | Harm:
    """A guideline or a harm from a file or a text.

    source : path, or TOML text
    where  : name in errors
    Raises ModelFileError naming file, line, key, what is allowed and the nearest word.
    """
    top = Document.open(source, where).top
    kind = top.choice("kind", ("guideline", "harm"))
    top.only(_GUIDELINE_KEYS if kind == "guideline" else _HARM_KEYS)
    sources = read_sources(top)
    if not sources:
        top.fail("there is no [sources.KEY] with a citation; at least one is needed.")
    return _guideline(top, sources) if kind == "guideline" else _harm(top, sources)


def _one(name: str, kind: str, there: Iterable[Kind]) -> Kind:
    found = {one.id: one for one in there}
    if name not in found:
        raise unknown("guidance", kind, name, found)
    return found[name]


def _all() -> list[Guideline | Harm]:
    return [_read(path, path.stat().st_mtime_ns) for path in library.paths("guidance").values()]


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> Guideline | Harm:
    """A file, read once for each time it was changed."""
    return read_guidance(path)


def _guideline(top: Table, sources: Mapping[str, Source]) -> Guideline:
    return Guideline(
        read_id(top),
        top.text("title"),
        top.text("about"),
        _indications(top, "indications"),
        top.flag("default"),
        sources,
        tuple(_limit(table, sources) for table in top.tables("limits")),
        tuple(_remark(table, sources) for table in top.tables("remarks")),
        _statements(top, "statements", sources),
        tuple(_condition(table, sources) for table in top.tables("conditions")),
        tuple(_watch(table, sources) for table in top.tables("monitoring")),
    )


def _harm(top: Table, sources: Mapping[str, Source]) -> Harm:
    counts = {name: _count(table, sources) for name, table in top.each("counts").items()}
    odds = {name: _odds(table, sources) for name, table in top.each("odds").items()}
    for name in odds:
        if name in counts:
            top.table("odds").fail(f'"{name}" is a name under [counts] already.', name)
    rules = tuple(_rule(table, sources, (*counts, *odds)) for table in top.tables("rules"))
    if not rules:
        top.fail("there are no [[rules]]; each says of which regimens something is told.")
    return Harm(
        read_id(top),
        top.text("title"),
        top.text("about"),
        sources,
        counts,
        odds,
        _statements(top, "findings", sources),
        rules,
    )


def _indications(table: Table, key: str) -> tuple[str, ...]:
    found = table.texts(key)
    for name in found:
        if name not in INDICATIONS:
            table.fail_unknown("indication", name, INDICATIONS, key)
    return found


def _limit(table: Table, sources: Mapping[str, Source]) -> Limit:
    table.only(("of", "min", "above", "max", "unit", "grade", "indications", "routes", "note", *_ORIGIN))
    of = table.choice("of", MEASURES)
    unit, factor, dimension = read_unit(table)
    if dimension != named(MEASURES[of][0]):
        table.fail(f'unit "{unit}" is {describe(dimension)}; {of} needs {describe(named(MEASURES[of][0]))}.', "unit")
    low, above, high = table.maybe("min"), table.maybe("above"), table.maybe("max")
    if low is not None and above is not None:
        table.fail('give "min" (at least) or "above" (more than), not both.', "above")
    least = low if above is None else above
    if least is None and high is None:
        table.fail('give "min" or "above", "max", or both.')
    if least is not None and high is not None and least >= high:
        table.fail(f"{least:g} is not below max {high:g}.", "max")
    routes = table.texts("routes") or ("iv",)
    for route in routes:
        if route not in ROUTES:
            table.fail_unknown("route", route, ROUTES, "routes")
    return Limit(
        of,
        None if least is None else least * factor,
        above is not None,
        None if high is None else high * factor,
        unit,
        _range(low, above, high, unit),
        table.text("grade", ""),
        _indications(table, "indications"),
        routes,
        *read_origin(table, sources),
        table.text("note", ""),
    )


def _range(low: float | None, above: float | None, high: float | None, unit: str) -> str:
    if high is None:
        return f"at least {low:g} {unit}" if low is not None else f"more than {above:g} {unit}"
    if low is None and above is None:
        return f"at most {high:g} {unit}"
    return f"{f'{low:g}' if low is not None else f'more than {above:g}'} to {high:g} {unit}"


def _statements(top: Table, key: str, sources: Mapping[str, Source]) -> tuple[Statement, ...]:
    found = []
    for table in top.tables(key):
        table.only(("of", "text", "grade", *_ORIGIN))
        found.append(
            Statement(table.text("of", ""), table.text("text"), table.text("grade", ""), *read_origin(table, sources))
        )
    return tuple(found)


def _remark(table: Table, sources: Mapping[str, Source]) -> Remark:
    table.only(("of", "side", "text", *_ORIGIN))
    of = table.choice("of", MEASURES) if "of" in table else ""
    side = table.choice("side", SIDES) if "side" in table else ""
    return Remark(of, table.text("text"), "", *read_origin(table, sources), side)


def _condition(table: Table, sources: Mapping[str, Source]) -> Condition:
    table.only(("name", "also", "verdict", "reasons"))
    reasons = []
    for reason in table.tables("reasons"):
        reason.only(("text", "grade", *_ORIGIN))
        key, mark = read_origin(reason, sources)
        reasons.append(Reason(reason.text("text"), reason.text("grade", ""), key, mark, cite(sources[key])))
    if not reasons:
        table.fail('there are no reasons; write reasons = [{ text = "...", source = "...", mark = "..." }].')
    return Condition(table.text("name"), table.texts("also"), table.choice("verdict", VERDICTS), tuple(reasons))


def _watch(table: Table, sources: Mapping[str, Source]) -> Watch:
    table.only(("text", "grade", *_WHEN, *_ORIGIN))
    return Watch(table.text("text"), _when(table), table.text("grade", ""), *read_origin(table, sources))


def _count(table: Table, sources: Mapping[str, Source]) -> Count:
    table.only(("what", "events", "patients", *_ORIGIN))
    events, patients = _whole(table, "events", 0), _whole(table, "patients", 1)
    if events > patients:
        table.fail(f"{events} of {patients} is more than all.", "events")
    return Count(table.text("what"), events, patients, *read_origin(table, sources))


def _odds(table: Table, sources: Mapping[str, Source]) -> Odds:
    table.only(("what", "per_day", "cap_days", *_ORIGIN))
    per_day = table.number("per_day")
    if per_day <= 0:
        table.fail(f"{per_day:g} is no odds ratio; it must be above 0.", "per_day")
    return Odds(table.text("what"), per_day, _whole(table, "cap_days", 1), *read_origin(table, sources))


def _rule(table: Table, sources: Mapping[str, Source], names: Iterable[str]) -> Rule:
    table.only(("level", "text", *_WHEN, *_ORIGIN))
    text, allowed = table.text("text"), ("days", "courses", *names)
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(text) if field is not None]
    except ValueError as cause:
        table.fail(f"the braces do not match ({cause}).", "text")
    for field in fields:
        if field not in allowed:
            table.fail_unknown("name in braces", field, allowed, "text")
    return Rule(table.choice("level", LEVELS), _when(table), text, *read_origin(table, sources))


def _when(table: Table) -> When:
    if ("courses" in table) != ("lasting" in table):
        table.fail('"courses" (how many) and "lasting" (how long each, at least) go together.')
    if "within" in table and "courses" not in table:
        table.fail('"within" is the time between courses; it needs "courses" and "lasting".', "within")
    return When(
        _whole(table, "days", 1) if "days" in table else 0,
        _time(table, "window") if "window" in table else read_time(_PLAIN),
        _whole(table, "courses", 1) if "courses" in table else 0,
        _time(table, "lasting") if "lasting" in table else 0,
        _time(table, "within") if "within" in table else None,
    )


def _time(table: Table, key: str) -> int:
    text = table.text(key)
    try:
        found = read_time(text)
    except PkpdError as cause:
        table.fail(str(cause), key)
    if found <= 0:
        table.fail(f'"{text}" is not a time above 0.', key)
    return found


def _whole(table: Table, key: str, least: int) -> int:
    number = table.number(key)
    if number != int(number) or number < least:
        table.fail(f"{number:g} is not a whole number from {least} on.", key)
    return int(number)


def cite(source: Source) -> str:
    """A source as a flag names it."""
    return f"{source.citation}, doi {source.doi}" if source.doi else source.citation


def check_indication(indication: str | None, where: str = "guidance") -> None:
    """Refuse an indication that is none.

    Raises UnknownName, with the nearest.
    """
    if indication is not None and indication not in INDICATIONS:
        raise unknown(where, "indication", indication, INDICATIONS)
