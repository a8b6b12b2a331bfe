"""The practice a study file describes: a table for each thing that departs from the prescription."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pkpd.errors import PkpdError
from pkpd.model.model import Source
from pkpd.model.sections import read_origin
from pkpd.model.tomltext import Table
from pkpd.practice.adherence import DropOut, Late, Missed
from pkpd.practice.practice import Practice
from pkpd.practice.rounding import Pump, Vial, WeightBands

_ORIGIN: Final = ("source", "mark")
_NUMBERS: Final = ("after_taken", "after_missed", "first", "share", "early", "sd", "shape", "per_session")
# Table -> what it makes, the keys it may have, and those it must have.
_TABLES: Final[dict[str, tuple[Callable[..., Any], tuple[str, ...], tuple[str, ...]]]] = {
    "missed": (Missed, ("after_taken", "after_missed", "first"), ("after_taken",)),
    "late": (Late, ("median", "most", "kind", "sd", "share", "early", "step"), ("median", "most")),
    "drop_out": (DropOut, ("hazard", "share", "by", "shape", "per_session"), ()),
    "weight_bands": (WeightBands, ("bands",), ("bands",)),
    "vial": (Vial, ("size", "rounding"), ("size",)),
    "pump": (Pump, ("step", "most", "concentration", "rounding"), ()),
}


def read_practice(top: Table, sources: Mapping[str, Source]) -> Practice | None:
    """The [practice] of a study; None where it has none.

    sources : of the study; every table of [practice] names one of them, and a mark
    Raises ModelFileError naming file, line, key, what is allowed and the nearest word.
    """
    if "practice" not in top:
        return None
    made: dict[str, Any] = {}
    for name, table in top.each("practice").items():
        if name not in _TABLES:
            top.table("practice").fail_unknown("table", name, _TABLES, name)
        made[name] = _part(name, table, sources)
    if not made:
        listed = ", ".join(f"[practice.{name}]" for name in _TABLES)
        top.table("practice").fail(f"there is nothing in it. Give one of {listed}.")
    return Practice(**made)


def _part(name: str, table: Table, sources: Mapping[str, Source]) -> Any:
    make, keys, needed = _TABLES[name]
    table.only((*keys, *_ORIGIN))
    source, mark = read_origin(table, sources)
    for key in needed:
        if key not in table:
            table.fail(f'"{key}" is missing.')
    given: dict[str, Any] = {}
    for key in keys:
        if key == "bands" and key in table:
            given[key] = _bands(table)
        elif key in table:
            given[key] = table.number(key) if key in _NUMBERS else table.text(key)
    try:
        return make(**given, source=sources[source].citation, mark=mark)
    except PkpdError as cause:
        named = (key for key in given if f": {key}" in str(cause))
        table.fail(str(cause), next(named, next(iter(given), "source")))


def _bands(table: Table) -> tuple[tuple[str | None, str], ...]:
    """Pairs of texts; the last one is the weight alone, for all above."""
    given = table.data["bands"]
    rows = given if isinstance(given, list) else []
    texts = all(isinstance(row, list) and row and all(isinstance(item, str) for item in row) for row in rows)
    if not rows or not texts or any(len(row) != 2 for row in rows[:-1]) or len(rows[-1]) != 1:
        table.fail('write [["60 kg", "50 kg"], ["80 kg"]]: up to a weight, dosed as; and what all above are.', "bands")
    return (*((up_to, dosed_as) for up_to, dosed_as in rows[:-1]), (None, rows[-1][0]))
