"""The equations of a kinetic model's file: [[structures]], [odes], [states] and [formulas], checked and written out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from pkpd import units
from pkpd.errors import ModelFileError, PkpdError, UnitError
from pkpd.model.divisors import Placed
from pkpd.model.expressions import TIME, Expression, canonical_unit, describe, named, product
from pkpd.model.model import AMOUNT, Parameter, State
from pkpd.model.sections import know, need, new_name, read_expression, read_named, read_unit
from pkpd.model.standard import STRUCTURES
from pkpd.model.structures import Expanded, dimension_of, expand, plus
from pkpd.model.tomltext import Table
from pkpd.units import Dimension


class Equations(NamedTuple):
    """What the equations of a file come to.

    states     : equations and starting values, without names of formulas
    formulas   : without names of other formulas
    dimensions : of everything an output may read
    placed     : every expression where it stands, as written
    """

    states: dict[str, State]
    formulas: dict[str, Expression]
    dimensions: dict[str, Dimension]
    placed: list[Placed]


def read_equations(top: Table, known: Mapping[str, Dimension], parameters: Mapping[str, Parameter]) -> Equations:
    """Standard structures, then free equations, each checked to be its state's unit per time.

    known      : dimensions of parameters, derived parameters and covariates
    parameters : of the file
    """
    places: dict[str, tuple[Table, str]] = {}
    states: dict[str, State] = {}
    feeds: list[tuple[Table, str, str, Expression]] = []
    parts: dict[str, tuple[Table, str, Expression]] = {}
    for table in top.tables("structures"):
        made = _structure(table, {*known, *top.table("formulas")})
        at = "prefix" if "prefix" in table else "use"
        for state in made.states:
            new_name(table, state.name, (*known, *states, *parts), at)
            states[state.name], places[state.name] = state, (table, "use")
        for name, formula in made.formulas.items():
            new_name(table, name, (*known, *states, *parts), at)
            parts[name] = table, "use", formula
        feeds += [(table, *feed) for feed in made.feeds]
    odes = top.table("odes")
    for name in odes:
        new_name(odes, name, (*known, *states, *parts))
        states[name], places[name] = State(name, Expression.read(odes.text(name), odes.where(name))), (odes, name)
    if not states:
        top.fail("there is no state; name a standard structure under [[structures]] or write equations under [odes].")
    states = _quantities(top, states, known)
    everything = {**known, TIME: named("time"), **{name: state.dimension for name, state in states.items()}}
    formula_table = top.table("formulas")
    for table in top.tables("structures"):
        _check_structure(table, everything, parameters, states, {*formula_table, *parts})
    formulas, everything = read_named(formula_table, everything, "formulas", parts)
    for table in top.tables("structures"):
        _check_structure(table, everything, parameters, states)
    for table, option, target, flow in feeds:
        if target not in states:
            table.fail_unknown("state", target, states, option)
        states[target] = replace(states[target], equation=plus(states[target].equation, flow))
    for name, state in states.items():
        _check_initial(top, places[name][0], state, known, everything)
    for name, state in states.items():
        table, key = places[name]
        know(table, key, state.equation, everything)
        wanted = product((state.dimension, 1.0), (named("time"), -1.0))
        need(table, key, state.equation, everything, wanted, f'the equation of the state "{name}"')
    placed = [Placed(*places[name], state.equation, at_start=True) for name, state in states.items()]
    placed += [
        Placed(*_initial_place(top, places[state.name][0], state), state.initial)
        for state in states.values()
        if state.initial is not None
    ]
    whole: dict[str, Expression] = {}
    for name, formula in formulas.items():
        table, key, _ = parts.get(name, (formula_table, name, formula))
        placed.append(Placed(table, key, formula, at_start=True))
        whole[name] = written_out(table, key, formula, whole)
    for name, state in states.items():
        states[name] = replace(state, equation=written_out(*places[name], state.equation, whole))
    return Equations(states, whole, everything, placed)


def written_out(table: Table, key: str, expression: Expression, formulas: Mapping[str, Expression]) -> Expression:
    """An expression with formulas in place of their names.

    table, key : where it stands
    """
    if not expression.depends_on(formulas):
        return expression
    try:
        return expression.substitute(formulas)
    except ModelFileError as cause:
        table.fail(str(cause), key)


def _quantities(top: Table, states: Mapping[str, State], known: Mapping[str, Dimension]) -> dict[str, State]:
    """The states with what [states] says of them; a structure's own starting value else gives the dimension."""
    given = top.each("states")
    for name in given:
        if name not in states:
            top.table("states").fail_unknown("state", name, states, name)
    found = {}
    for name, state in states.items():
        table = given.get(name)
        initial, unit, dimension = state.initial, state.unit, state.dimension
        if table is not None:
            table.only(("unit", "initial"))
            if "initial" in table:
                initial = Expression.read(table.text("initial"), table.where("initial"))
        if table is not None and "unit" in table:
            unit, _, dimension = read_unit(table)
        elif state.initial is not None and initial is not None and initial.names <= known.keys():
            dimension = _dimension_or_amount(initial, known)
            unit = canonical_unit(dimension)
        found[name] = replace(state, initial=initial, unit=unit, dimension=dimension)
    return found


def _dimension_or_amount(initial: Expression, known: Mapping[str, Dimension]) -> Dimension:
    """That of a structure's starting value; where it has none, the check of the structure's parameters says why."""
    try:
        return initial.dimension(known)
    except ModelFileError:
        return AMOUNT


def _check_initial(
    top: Table, place: Table, state: State, known: Mapping[str, Dimension], everything: Mapping[str, Dimension]
) -> None:
    """Refuse a starting value that is of another dimension than its state, or reads what changes with time."""
    if state.initial is None:
        return
    table, key = _initial_place(top, place, state)
    for name in sorted(state.initial.names):
        if name in everything and name not in known:
            table.fail(
                f'the starting value "{state.initial.text}" of the state "{state.name}" reads "{name}", which changes '
                "with time; only parameters, derived parameters and covariates may stand in it. "
                f"Write [states.{state.name}] with initial = ...",
                key,
            )
    know(table, key, state.initial, known)
    found = state.initial.dimension(known, table.where(key))
    if found != state.dimension and not state.initial.is_zero:
        table.fail(
            f'the starting value "{state.initial.text}" is {describe(found)}; the state "{state.name}" is '
            f"{describe(state.dimension)}. A state in another unit than mg needs [states.{state.name}] with unit = ...",
            key,
        )


def _initial_place(top: Table, place: Table, state: State) -> tuple[Table, str]:
    """Where a starting value stands: under [states], or with the structure it comes from."""
    own = top.table("states").table(state.name)
    return (own, "initial") if "initial" in own else (place, "use")


def _structure(table: Table, names: Iterable[str]) -> Expanded:
    """names : that a parameter with a default may be given by, where the file has them"""
    use, prefix = table.text("use"), table.text("prefix", "")
    if use not in STRUCTURES:
        table.fail_unknown("structure", use, STRUCTURES, "use")
    outlets = STRUCTURES[use].outlets
    table.only(("use", "prefix", "with", "input", "to", "length", *outlets))
    extra: dict[str, object] = {key: table.data[key] for key in ("length",) if key in table}
    extra |= {key: table.text(key) for key in ("to", *outlets) if key in table}
    inner = table.table("with")
    given = {key: Expression.read(inner.text(key), inner.where(key)) for key in inner}
    for role in STRUCTURES[use].defaults:
        if role not in given and role in names:
            given[role] = Expression.read(role)
    inflow = Expression.read(table.text("input"), table.where("input")) if "input" in table else None
    if prefix:
        new_name(table, prefix, (), "prefix")
    try:
        return expand(use, prefix, given, inflow, extra)
    except PkpdError as cause:
        table.fail(str(cause))


def _check_structure(
    table: Table,
    known: Mapping[str, Dimension],
    parameters: Mapping[str, Parameter],
    states: Mapping[str, State],
    later: Collection[str] = (),
) -> None:
    """Refuse parameters of a structure, and an input, that are missing, unknown, or of the wrong dimension.

    later : names whose dimension is not known yet; what reads one is left for a second time
    """
    use, inner = table.text("use"), table.table("with")
    structure = STRUCTURES[use]
    for role, word in structure.parameters.items():
        who, dimension = f'{role} of "{use}"', dimension_of(structure, role)
        if Expression.read(inner.text(role, role), inner.where(role)).depends_on(later):
            continue
        if role not in inner and role not in known:
            if role in structure.defaults:
                continue
            table.fail(
                f"{who} is missing. Add [parameters.{role}], or say what stands for it: with = {{ {role} = ... }}."
            )
        place, key = (inner, role) if role in inner else (table, "use")
        expression = Expression.read(role) if role not in inner else read_expression(inner, role, known)
        if dimension is None:
            expression.dimension(known, place.where(key))
            continue
        if expression.text in parameters:
            place, key = table.document.top.table("parameters").table(expression.text), "unit"
            if word in units.NAMED:
                try:
                    units.factor(parameters[expression.text].unit, word)
                except UnitError as cause:
                    place.fail(f"{who}: {cause}", key)
        need(place, key, expression, known, dimension, who)
    if "input" in table and not Expression.read(table.text("input")).depends_on(later):
        inlet = states[table.text("prefix", "") + STRUCTURES[use].inlet]
        wanted = product((inlet.dimension, 1.0), (named("time"), -1.0))
        need(table, "input", read_expression(table, "input", known), known, wanted, "an input")
