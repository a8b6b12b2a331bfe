"""Sections that kinetic and effect files share: sources, covariates, parameters, derived parameters, limits."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pkpd import units
from pkpd.errors import UnitError, nearest
from pkpd.model.between import read_between
from pkpd.model.expressions import FUNCTIONS, TIME, Expression, describe, named
from pkpd.model.model import (
    MARKS,
    SAMPLING_SITES,
    Covariate,
    Limit,
    Parameter,
    Scale,
    Source,
)
from pkpd.model.modifier import KINETIC_ROLES
from pkpd.model.origin import WHY as WHY
from pkpd.model.origin import read_origin as read_origin
from pkpd.model.tomltext import Table
from pkpd.routes import ROUTES
from pkpd.units import Dimension

ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

# Covariates whose unit is known without being declared.
_USUAL = {"weight": "weight", "age": "age"}

_PARAMETER_KEYS = (
    "value",
    "unit",
    "source",
    "where",
    "mark",
    "about",
    "scale",
    "between",
    "occasion",
    "uncertainty",
    "scan",
    "required",
)


def read_id(top: Table) -> str:
    """The file's id: lower-case words joined by hyphens, and the file's own name."""
    name = top.text("id")
    if not ID.fullmatch(name):
        top.fail(f'"{name}" is not lower-case words, digits and hyphens, like "kamp2020-ketamine".', "id")
    stem = Path(top.document.path).stem
    if stem and name != stem:
        top.fail(f'"{name}" is not the file\'s name, "{stem}". Rename one of them.', "id")
    return name


def new_name(table: Table, name: str, taken: Iterable[str], key: str = "") -> str:
    """A name that expressions may use, once it is known to be free.

    table, key : where it stands; default: the name is the key
    """
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or name in FUNCTIONS:
        table.fail(
            f'"{name}" cannot be a name. Names are letters, digits and underscores, begin with a letter, no word of '
            f"the language ({', '.join(FUNCTIONS)}, lambda, in, ...).",
            key or name,
        )
    if name == TIME:
        table.fail(
            f'"{TIME}" is the time since the start of the occasion in every model; take another name.', key or name
        )
    if name in taken:
        table.fail(
            f'"{name}" is the name of a parameter, covariate, derived parameter, state or formula already.', key or name
        )
    return name


def read_unit(table: Table, key: str = "unit") -> tuple[str, float, Dimension]:
    """A unit as written, its factor to the canonical one, and its dimension."""
    unit = table.text(key, why=WHY + ' A plain number has the unit "".')
    try:
        return (unit, *units.analyse(unit))
    except UnitError as cause:
        table.fail(str(cause), key)


def read_sources(top: Table) -> dict[str, Source]:
    """[sources]"""
    sources = {}
    for key, table in top.each("sources").items():
        table.only(("citation", "doi", "population", "sampling_site"))
        sources[key] = Source(
            key,
            table.text("citation"),
            table.text("doi", ""),
            table.text("population", ""),
            table.choice("sampling_site", SAMPLING_SITES, ""),
        )
    return sources


def read_covariates(top: Table) -> tuple[dict[str, Covariate], dict[str, Dimension]]:
    """[covariates], and their dimensions."""
    covariates, dimensions = {}, {}
    for name, table in top.each("covariates").items():
        table.only(("unit", "typical"))
        unit, factor, dimension = read_unit(table)
        if name in _USUAL and dimension != named(_USUAL[name]):
            table.fail(f'unit "{unit}" is {describe(dimension)}; {name} needs {describe(named(_USUAL[name]))}.', "unit")
        covariates[new_name(top.table("covariates"), name, ())] = Covariate(
            name, unit, table.number("typical") * factor
        )
        dimensions[name] = dimension
    return covariates, dimensions


def read_parameters(
    top: Table, sources: Mapping[str, Source], covariates: Mapping[str, Covariate]
) -> dict[str, Parameter]:
    """[parameters]"""
    parameters = {}
    for name, table in top.each("parameters").items():
        new_name(top.table("parameters"), name, covariates)
        parameters[name] = _parameter(name, table, sources, covariates)
    return parameters


def _parameter(
    name: str, table: Table, sources: Mapping[str, Source], covariates: Mapping[str, Covariate]
) -> Parameter:
    table.only(_PARAMETER_KEYS)
    unit, factor, dimension = read_unit(table)
    required = table.flag("required")
    if required:
        if "value" in table:
            table.fail("a required parameter is given by the user; leave its value out.", "value")
        written, source, mark = None, table.choice("source", sources, ""), table.choice("mark", MARKS, "")
    else:
        written = table.number("value", why=WHY + " One that the user must give has required = true.")
        source, mark = read_origin(table, sources)
    value = None if written is None else written * factor
    scan = table.pair("scan") if "scan" in table else None
    return Parameter(
        name,
        value,
        written,
        unit,
        dimension,
        source,
        table.text("where", ""),
        mark,
        table.text("about", ""),
        scale=_scale(table.table("scale"), sources, covariates) if "scale" in table else None,
        between=read_between(table, "between", value, factor, sources),
        uncertainty=_uncertainty(table.table("uncertainty"), factor) if "uncertainty" in table else None,
        scan=None if scan is None else (scan[0] * factor, scan[1] * factor),
        required=required,
        occasion=read_between(table, "occasion", value, factor, sources),
    )


def _scale(table: Table, sources: Mapping[str, Source], covariates: Mapping[str, Covariate]) -> Scale:
    table.only(("covariate", "reference", "exponent", "source", "mark"))
    name = table.text("covariate")
    if name not in covariates:
        table.fail(f'"{name}" is not declared under [covariates]. {nearest(name, covariates)}', "covariate")
    reference = table.number("reference") * units.analyse(covariates[name].unit)[0]
    if reference <= 0:
        table.fail("the reference is divided by and must be above 0.", "reference")
    return Scale(name, reference, table.number("exponent"), *read_origin(table, sources))


def _uncertainty(table: Table, factor: float) -> dict[str, float | tuple[float, float]]:
    table.only(("se", "rse", "ci95"))
    given = list(table)
    if len(given) != 1:
        table.fail(f"an uncertainty is given by one of se, rse, ci95; here: {', '.join(given) or 'none'}.", *given[:1])
    if given[0] == "ci95":
        low, high = table.pair("ci95")
        return {"ci95": (low * factor, high * factor)}
    size = table.number(given[0])
    if size < 0:
        table.fail(f"{size:g} is below 0.", given[0])
    return {given[0]: size * factor if given[0] == "se" else size}


def read_expression(table: Table, key: str, known: Mapping[str, Dimension]) -> Expression:
    """An expression whose names are all known.

    table, key : where it stands
    known      : name -> dimension
    """
    expression = Expression.read(table.text(key), table.where(key))
    know(table, key, expression, known)
    return expression


def know(table: Table, key: str, expression: Expression, known: Iterable[str]) -> None:
    """Refuse an expression that reads a name which is not among those known."""
    names = list(known)
    for name in sorted(expression.names):
        if name not in names:
            table.fail(f'expression "{expression.text}": "{name}" is not known here. {nearest(name, names)}', key)


def parameter_name(table: Table, key: str, name: str, known: Mapping[str, Dimension], dimension: str) -> str:
    """The name of a parameter or derived parameter, once it is known to exist and to have the dimension.

    known     : name -> dimension
    dimension : a name of units.NAMED, or "" for any
    """
    if name not in known:
        table.fail_unknown("parameter", name, known, key)
    if dimension and known[name] != named(dimension):
        table.fail(f'"{name}" is {describe(known[name])}; {key} needs {describe(named(dimension))}.', key)
    return name


def read_derived(top: Table, known: Mapping[str, Dimension]) -> tuple[dict[str, Expression], dict[str, Dimension]]:
    """[derived] in the order of evaluation, and all dimensions known so far.

    known : dimensions of parameters and covariates
    """
    return read_named(top.table("derived"), known, "derived parameters")


def read_named(
    table: Table,
    known: Mapping[str, Dimension],
    what: str,
    others: Mapping[str, tuple[Table, str, Expression]] | None = None,
) -> tuple[dict[str, Expression], dict[str, Dimension]]:
    """Expressions by name that may read each other, in the order of evaluation, and all dimensions known so far.

    known  : dimensions of the other names they may read
    what   : they are, for the error
    others : further expressions among them that stand elsewhere: name -> (table, key, expression)
    """
    places = {name: (where, key) for name, (where, key, _) in (others or {}).items()}
    waiting = {name: expression for name, (_, _, expression) in (others or {}).items()}
    for name in table:
        new_name(table, name, (*known, *waiting))
    reading = {**known, **dict.fromkeys((*waiting, *table), ())}
    waiting |= {name: read_expression(table, name, reading) for name in table}
    dimensions = dict(known)
    ordered: dict[str, Expression] = {}
    while waiting:
        ready = [name for name, expression in waiting.items() if not expression.depends_on(waiting)]
        if not ready:
            _refuse_circle(table, waiting, what)
        for name in ready:
            place, key = places.get(name, (table, name))
            ordered[name] = waiting.pop(name)
            know(place, key, ordered[name], reading)
            dimensions[name] = ordered[name].dimension(dimensions, place.where(key))
    return ordered, dimensions


def _refuse_circle(table: Table, waiting: Mapping[str, Expression], what: str) -> None:
    path = [next(iter(waiting))]
    while path[-1] not in path[:-1]:
        path.append(next(name for name in sorted(waiting[path[-1]].names) if name in waiting))
    circle = path[path.index(path[-1]) :]
    table.fail(f"{what} go in a circle: {' -> '.join(circle)}.", circle[0])


def need(
    table: Table, key: str, expression: Expression, known: Mapping[str, Dimension], wanted: Dimension, who: str
) -> None:
    """Refuse an expression that is not of the wanted dimension; `who` needs it, such as "CL"; 0 is of any."""
    found = expression.dimension(known, table.where(key))
    if found != wanted and not expression.is_zero:
        table.fail(f'"{expression.text}" is {describe(found)}; {who} needs {describe(wanted)}.', key)


def read_validity(
    top: Table, covariates: Mapping[str, Covariate], analytes: Iterable[str], routes: Iterable[str] = ROUTES
) -> tuple[Limit, ...]:
    """[validity]: each name has one limit, or a list of them.

    analytes : names that a limit of the concentration may be `of`
    routes   : names that a limit may be of
    """
    wanted = {name: units.analyse(covariate.unit)[1] for name, covariate in covariates.items()}
    wanted |= {
        name: named(dimension)
        for name, dimension in (*_USUAL.items(), ("duration", "time"), ("concentration", "concentration"))
    }
    outer = top.table("validity")
    outer.only(wanted)
    return tuple(
        _limit(table, name, wanted[name], analytes, routes)
        for name in outer
        for table in (outer.tables(name) if isinstance(outer.data[name], list) else [outer.table(name)])
    )


def _limit(table: Table, name: str, wanted: Dimension, analytes: Iterable[str], routes: Iterable[str]) -> Limit:
    table.only(("min", "max", "unit", "route", "hard", *(["of"] if name == "concentration" else [])))
    unit, factor, dimension = read_unit(table)
    if dimension != wanted:
        table.fail(f'unit "{unit}" is {describe(dimension)}; {name} needs {describe(wanted)}.', "unit")
    low, high = table.maybe("min"), table.maybe("max")
    if low is None and high is None:
        table.fail("give min, max or both.")
    if low is not None and high is not None and low >= high:
        table.fail(f"min {low:g} is not below max {high:g}.", "min")
    return Limit(
        name,
        None if low is None else low * factor,
        None if high is None else high * factor,
        unit,
        table.choice("of", analytes) if name == "concentration" else "",
        table.choice("route", routes) if "route" in table else "",
        table.flag("hard"),
    )


def read_roles(top: Table, parameters: Mapping[str, Parameter]) -> dict[str, tuple[str, ...]]:
    """[roles]: part of the kinetics, as modifiers name it -> its parameters, clearances, flows or rate constants."""
    roles = {}
    table = top.table("roles")
    allowed = (units.analyse("L/h")[1], units.analyse("1/h")[1])
    for role in table:
        if role not in KINETIC_ROLES:
            table.fail_unknown("role", role, KINETIC_ROLES, role)
        names = (table.text(role),) if isinstance(table.data[role], str) else table.texts(role)
        if not names or len(set(names)) < len(names):
            table.fail("name one parameter, or several different ones.", role)
        for name in names:
            if name not in parameters:
                table.fail_unknown("parameter", name, parameters, role)
            if parameters[name].dimension not in allowed:
                table.fail(f'"{name}" is neither a clearance or flow (L/h) nor a rate constant (1/h).', role)
        roles[role] = names
    return roles
