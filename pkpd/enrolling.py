"""The patients a study file describes: weight, age, and the traits that its model and effects read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from pkpd.errors import PkpdError
from pkpd.model.effect import Effect
from pkpd.model.model import MARKS, Covariate, Model, Source
from pkpd.model.tomltext import Table
from pkpd.population.people import Given, Population, Share, Spread
from pkpd.units import analyse

T = TypeVar("T")

_SPREAD_KEYS = ("mean", "sd", "unit", "kind", "least", "most", "source", "mark")
_SHARE_KEYS = ("share", "source", "mark")
_SAME_KEYS = ("value", "unit", "source", "mark")


def read_population(top: Table, sources: Mapping[str, Source], model: Model, effects: Sequence[Effect]) -> Population:
    """The patients a study describes; what it does not name is not known of them, the weight that of the default."""
    subjects, seed = top.data.get("subjects", 1000), top.data.get("seed", 1)
    for key, number, least in (("subjects", subjects, 1), ("seed", seed, 0)):
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number < 2**64:
            top.fail(f"{number!r} is not a whole number from {least} to 2^64 - 1.", key)
    read = {name: covariate for owner in [*effects, *model.files] for name, covariate in owner.covariates.items()}
    allowed = dict.fromkeys(["weight", "age", *read])
    covariates: dict[str, Given] = {}
    for name, table in top.each("population").items():
        if name not in allowed:
            top.table("population").fail_unknown("covariate", name, allowed, name)
        table.choice("source", sources, why="It names one of [sources].")
        table.choice("mark", MARKS)
        covariates[name] = _covariate(table, name, read.get(name), sources)
    weight = covariates.pop("weight", None)
    people = placed(top, "population", lambda: Population(int(subjects), int(seed), covariates=covariates))
    if weight is None:
        return people
    if not isinstance(weight, (Spread, str)):
        top.table("population").fail("body weight is given by mean and sd, or by value.", "weight")
    return replace(people, weight=weight)


def _covariate(table: Table, name: str, read: Covariate | None, sources: Mapping[str, Source]) -> Given:
    """One of [population]: a share of people who have it, a value of everybody, or a spread.

    read : the covariate as the model or an effect declares it
    """
    unit_of = read.unit if read is not None else {"weight": "kg", "age": "year"}[name]
    origin = (sources[table.text("source")].citation, table.text("mark"))
    if "share" in table:
        table.only(_SHARE_KEYS)
        if analyse(unit_of)[1]:
            table.fail(f"{name} is in {unit_of}; only a trait, a plain number, is had by a share of people.", "share")
        return placed(table, "share", lambda: Share(table.number("share"), *origin))
    unit = table.text("unit", why='A plain number has the unit "1".')
    if placed(table, "unit", lambda: analyse(unit))[1] != analyse(unit_of)[1]:
        table.fail(f'unit "{unit}" does not fit; {name} is in {unit_of or "no unit"}.', "unit")
    if "value" in table:
        table.only(_SAME_KEYS)
        return f"{table.number('value')!r} {'' if unit == '1' else unit}".strip()
    table.only(_SPREAD_KEYS)
    for key in ("mean", "sd"):
        if key not in table:
            table.fail(f'"{key}" is missing.')
    factor = analyse(unit)[0]
    values = {key: factor * table.number(key) for key in ("mean", "sd", "least", "most") if key in table}
    kind = table.choice("kind", ("log-normal", "normal"), "log-normal")
    return placed(table, "mean", lambda: Spread(**values, kind=kind, source=origin[0], mark=origin[1]))


def placed(table: Table, key: str, read: Callable[[], T]) -> T:
    """What `read` gives; what it refuses is said with file, line and key."""
    try:
        return read()
    except PkpdError as cause:
        table.fail(str(cause), key)
