"""The patients a file describes: covariates, what goes together, and who has which modifier, each with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from pkpd.errors import PkpdError
from pkpd.guidance.screening import conditions_by_word
from pkpd.model import library
from pkpd.model.effect import Effect
from pkpd.model.model import MARKS, Model, Source
from pkpd.model.modifier import Modifier
from pkpd.model.tomltext import Table
from pkpd.population.covariates import UNITS, WORDS, Choice, Given, Share, Spread, almost, plain, unit_of
from pkpd.population.criteria import read_criterion
from pkpd.population.people import Population
from pkpd.units import analyse

T = TypeVar("T")

_ORIGIN = ("source", "mark", "note")
_SPREAD_KEYS = ("mean", "sd", "unit", "kind", "least", "most", *_ORIGIN)
_SHARE_KEYS = ("share", "among", *_ORIGIN)
_CHOICE_KEYS = ("choices", *_ORIGIN)
_SAME_KEYS = ("value", "unit", *_ORIGIN)
_CORRELATION_KEYS = ("of", "rank", *_ORIGIN)
_MODIFIER_KEYS = ("modifier", "share", "who", "values", *_ORIGIN)


def read_population(
    top: Table,
    sources: Mapping[str, Source],
    model: Model,
    effects: Sequence[Effect],
    load: Callable[[str], Population],
) -> Population:
    """The patients a study describes; what it does not name is not known of them, the weight that of the default.

    load : a population of the library by name, from which the study's may start
    """
    subjects, seed = top.data.get("subjects", 1000), top.data.get("seed", 1)
    for key, number, least in (("subjects", subjects, 1), ("seed", seed, 0)):
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number < 2**64:
            top.fail(f"{number!r} is not a whole number from {least} to 2^64 - 1.", key)
    if isinstance(top.data.get("population"), str):
        base = placed(top, "population", lambda: load(top.text("population")))
        return replace(base, size=int(subjects), seed=int(seed))
    table = top.table("population")
    base = placed(table, "base", lambda: load(table.text("base"))) if "base" in table else Population()
    base = replace(base, size=int(subjects), seed=int(seed))
    units = {name: covariate.unit for owner in [*effects, *model.files] for name, covariate in owner.covariates.items()}
    names = covariate_keys(table)
    known = {*units, *UNITS, *(_key(name) for name in (*UNITS, *WORDS)), *(_key(word) for word in conditions_by_word())}
    for name in names:
        if name not in known and _key(plain(name)) not in known and "choices" not in table.table(name):
            table.fail_unknown("covariate", name, sorted({"weight", "age", *units, *map(_key, UNITS)}), name)
    return read_people(table, names, units, sources, base)


def covariate_keys(table: Table) -> list[str]:
    """The keys of a population's table that are covariates."""
    return [name for name in table if name not in ("base", "correlations", "modifiers")]


def read_people(
    table: Table,
    names: Sequence[str],
    units: Mapping[str, str],
    sources: Mapping[str, Source],
    base: Population,
) -> Population:
    """A population with what a table says in place of what it had.

    names : the covariates among the table's keys; "correlations" and "modifiers" stand beside them
    units : of covariates whose unit is known, beside the usual ones
    base  : what is not named stays as it is there
    """
    covariates = dict(base.covariates)
    weight: Spread | str = base.weight
    usual = {*UNITS, *WORDS, *units, *covariates}
    for name in names:
        if meant := almost(name, usual):
            table.fail(f'nothing is called {name}, which is almost "{meant}". Write that, or another name.', name)
        given = read_covariate(table.table(name), name, units.get(name, unit_of(name)), sources)
        if name != "weight":
            covariates.pop(next((old for old in covariates if plain(old) == plain(name)), name), None)
            covariates[name] = given
        elif isinstance(given, (Spread, str)):
            weight = given
        else:
            table.fail("body weight is given by mean and sd, or by value.", name)
    correlations, modifiers = _correlations(table, sources, base, weight, covariates), _modifiers(table, sources, base)
    try:
        return replace(base, weight=weight, covariates=covariates, correlations=correlations, modifiers=modifiers)
    except PkpdError as cause:
        table.fail(str(cause))


def _correlations(
    table: Table, sources: Mapping[str, Source], base: Population, weight: Spread | str, covariates: Mapping[str, Given]
) -> dict[tuple[str, str], float]:
    """The correlations a table gives, and those of the base between covariates that still vary."""
    own = read_correlations(table, sources)
    given = {"weight": weight, **covariates}
    varying = {name for name, one in given.items() if isinstance(one, (Spread, Share, Choice))}
    kept = {
        pair: rho
        for pair, rho in base.correlations.items()
        if varying.issuperset(pair) and pair not in own and pair[::-1] not in own
    }
    return {**kept, **own}


def _modifiers(table: Table, sources: Mapping[str, Source], base: Population) -> dict[Any, Share | float | str]:
    """The modifiers a table gives, and those of the base that it does not name."""
    own = read_modifiers(table, sources)
    named = {modifier.id for modifier in own}
    kept = {key: who for key, who in base.modifiers.items() if getattr(key, "id", key) not in named}
    return {**kept, **own}


def read_covariate(table: Table, name: str, unit_needed: str | None, sources: Mapping[str, Source]) -> Given:
    """One covariate: a share of people who have it, words with their shares, a value of everybody, or a spread.

    unit_needed : what its unit must fit; None for any
    """
    origin = read_citation(table, sources)
    if "choices" in table:
        table.only(_CHOICE_KEYS)
        if unit_needed is not None:
            table.fail(f"{name} is in {unit_needed or 'no unit'}, and not one of several words.", "choices")
        shares = table.table("choices")
        return placed(table, "choices", lambda: Choice({word: shares.number(word) for word in shares}, *origin))
    if "share" in table:
        table.only(_SHARE_KEYS)
        if unit_needed is not None and analyse(unit_needed)[1]:
            table.fail(
                f"{name} is in {unit_needed}; only a trait, a plain number, is had by a share of people.", "share"
            )
        among = placed(table, "among", lambda: read_criterion(table.text("among")).text) if "among" in table else ""
        return placed(table, "share", lambda: Share(table.number("share"), *origin, among))
    unit = table.text("unit", why='A plain number has the unit "1".')
    if placed(table, "unit", lambda: analyse(unit))[1] != analyse(unit_needed if unit_needed is not None else unit)[1]:
        table.fail(f'unit "{unit}" does not fit; {name} is in {unit_needed or "no unit"}.', "unit")
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


def read_correlations(table: Table, sources: Mapping[str, Source]) -> dict[tuple[str, str], float]:
    """[[correlations]]: rank correlations of pairs of covariates."""
    found: dict[tuple[str, str], float] = {}
    for one in table.tables("correlations"):
        one.only(_CORRELATION_KEYS)
        read_citation(one, sources)
        pair = one.texts("of")
        if len(pair) != 2:
            one.fail('a correlation is of two covariates; write of = ["weight", "height"].', "of")
        if pair in found:
            one.fail(f"the correlation of {pair[0]} with {pair[1]} is given twice.", "of")
        found[pair[0], pair[1]] = one.number("rank")
    return found


def read_modifiers(table: Table, sources: Mapping[str, Source]) -> dict[Modifier, Share | str]:
    """[modifiers.NAME]: who has each modifier, by a share or a criterion, and values of its own.

    The name is that of the modifier, unless `modifier` says which it is.
    """
    found: dict[Modifier, Share | str] = {}
    for name, one in table.each("modifiers").items():
        one.only(_MODIFIER_KEYS)
        wanted = one.text("modifier", name)
        if wanted not in library.names("modifier"):
            one.fail_unknown(
                "modifier", wanted, library.names("modifier"), *(["modifier"] if "modifier" in one else [])
            )
        origin = read_citation(one, sources)
        if ("share" in one) == ("who" in one):
            one.fail('give one of "share" (of people who have it) and "who" (a criterion, such as "sex is female").')
        values = one.table("values")
        modifier = placed(one, "values", partial(_valued, library.load_modifier(wanted), values))
        if "who" in one:
            found[modifier] = placed(one, "who", partial(read_criterion, one.text("who"))).text
        else:
            found[modifier] = placed(one, "share", partial(Share, one.number("share"), *origin))
    return found


def _valued(modifier: Modifier, values: Table) -> Modifier:
    return modifier.with_values(**{key: values.number(key) for key in values})


def read_citation(table: Table, sources: Mapping[str, Source]) -> tuple[str, str]:
    """The citation a number's source stands for, and its mark."""
    key = table.choice("source", sources, why="It names one of [sources].")
    return sources[key].citation, table.choice("mark", MARKS)


def _key(name: str) -> str:
    """A name as a key of a file."""
    return plain(name).replace(" ", "_")


def placed(table: Table, key: str | None, read: Callable[[], T]) -> T:
    """What `read` gives; what it refuses is said with file, line and key, or of the table as a whole."""
    try:
        return read()
    except PkpdError as cause:
        if str(cause).startswith(f"{table.document.name} line "):  # it says where already
            raise
        table.fail(str(cause), *([] if key is None else [key]))
