"""Model files: TOML text -> Model, Effect or Modifier; every refusal names file, line, key and what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar, cast

from pkpd.errors import ModelFileError
from pkpd.model.checks import OF_MODELS, check_states, read_checks
from pkpd.model.divisors import Placed, refuse_zero_divisors
from pkpd.model.effect import Effect
from pkpd.model.effectfile import effect_from
from pkpd.model.equations import Equations, read_equations, written_out
from pkpd.model.estimation import read_estimate_covariances, refuse_estimates
from pkpd.model.expressions import Expression, describe, named, product
from pkpd.model.model import (
    AMOUNT,
    DOSE,
    FORM_NAMES,
    SAMPLING_SITES,
    Form,
    Model,
    Output,
    Route,
    Source,
    State,
)
from pkpd.model.modifier import Modifier
from pkpd.model.modifierfile import modifier_from
from pkpd.model.parts import read_otherwise
from pkpd.model.readings import read_readings
from pkpd.model.residualfile import read_residual
from pkpd.model.sections import (
    need,
    new_name,
    parameter_name,
    read_covariates,
    read_derived,
    read_expression,
    read_id,
    read_named,
    read_origin,
    read_parameters,
    read_roles,
    read_sources,
    read_unit,
    read_validity,
)
from pkpd.model.spreads import read_covariances
from pkpd.model.tomltext import Document, Table
from pkpd.routes import ROUTES
from pkpd.units import Dimension

T = TypeVar("T", Model, Effect, Modifier)

# What a file's value is called.
KIND_WORDS: Mapping[type, str] = {Model: "a kinetic model", Effect: "an effect", Modifier: "a modifier"}

_MODEL_KEYS = (
    "id",
    "kind",
    "title",
    "drug",
    "use_for",
    "not_for",
    "sampling_site",
    "notes",
    "sources",
    "forms",
    "routes",
    "roles",
    "covariates",
    "parameters",
    "covariances",
    "estimate_covariances",
    "derived",
    "of_dose",
    "readings",
    "structures",
    "odes",
    "states",
    "formulas",
    "outputs",
    "residual",
    "validity",
    "check",
)

# Keys of a route that name a parameter -> its dimension (a name of units.NAMED).
_OF_ROUTES = {"bioavailability": "fraction", "lag": "time", "rate": "dose rate", "duration": "time"}


def read(source: str | Path, where: str = "") -> Model | Effect | Modifier:
    """A model, an effect or a modifier, by the file's `kind`.

    source : path, or TOML text
    where  : the name in errors; default: the path
    Raises ModelFileError for the first thing that is wrong.
    """
    document = Document.open(source, where)
    readers: Mapping[str, Callable[[Document], Model | Effect | Modifier]]
    readers = {"pk": _model, "effect": effect_from, "modifier": modifier_from}
    return readers[document.top.choice("kind", readers)](document)


def read_model(source: str | Path, where: str = "") -> Model:
    """A kinetic model (kind = "pk"). Arguments and errors as `read`."""
    return _of_kind(source, where, Model)


def read_effect(source: str | Path, where: str = "") -> Effect:
    """An effect (kind = "effect"). Arguments and errors as `read`."""
    return _of_kind(source, where, Effect)


def read_modifier(source: str | Path, where: str = "") -> Modifier:
    """A modifier (kind = "modifier"). Arguments and errors as `read`."""
    return _of_kind(source, where, Modifier)


def _of_kind(source: str | Path, where: str, kind: type[T]) -> T:
    found = read(source, where)
    if isinstance(found, kind):
        return found
    raise ModelFileError(
        f'{found.path or where or "model text"}: "{found.id}" is {KIND_WORDS[type(found)]}, not {KIND_WORDS[kind]}.'
    )


def _model(document: Document) -> Model:
    top = document.top
    top.only(_MODEL_KEYS)
    name = read_id(top)
    sources = read_sources(top)
    covariates, dimensions = read_covariates(top)
    parameters = read_parameters(top, sources, covariates)
    if not sources and not all(parameter.required for parameter in parameters.values()):
        top.fail("there is no [sources.KEY] with a citation; at least one is needed.")
    dimensions |= {key: parameter.dimension for key, parameter in parameters.items()}
    derived, dimensions = read_derived(top, dimensions)
    equations = read_equations(top, dimensions, parameters)
    states = equations.states
    of_dose, of_dose_dimensions = _of_dose(top, dimensions, equations)
    outputs, shown = _outputs(top, equations)
    placed = [Placed(top.table("derived"), name, expression) for name, expression in derived.items()]
    placed += equations.placed + shown
    placed += [Placed(top.table("of_dose"), name, expression) for name, expression in of_dose.items()]
    named_parts = {**derived, **equations.formulas, **of_dose}
    refuse_zero_divisors(top, parameters, covariates, named_parts, placed)
    readings = read_readings(top, parameters, sources)
    for reading in readings.values():
        refuse_zero_divisors(top, read_otherwise(parameters, reading), covariates, named_parts, placed)
    forms = _forms(top, sources)
    routes = _routes(top, forms, states, dimensions, of_dose_dimensions)

    def of_check(table: Table, quantity: str) -> Dimension:
        return _dimension_of_check(table, quantity, dimensions, outputs, states, of_dose_dimensions)

    made = Model(
        name,
        top.text("title"),
        top.text("drug"),
        top.text("use_for"),
        top.text("not_for"),
        top.choice("sampling_site", SAMPLING_SITES),
        top.texts("notes"),
        sources,
        forms,
        routes,
        covariates,
        parameters,
        read_covariances(top, parameters, sources),
        derived,
        states,
        outputs,
        read_residual(top, outputs, sources),
        read_validity(top, covariates, outputs, routes),
        read_checks(top, OF_MODELS, sources, covariates, of_check),
        document.path,
        formulas=equations.formulas,
        of_dose=of_dose,
        readings=readings,
        roles=read_roles(top, parameters),
        estimate_correlations=read_estimate_covariances(top, parameters, sources),
    )
    refuse_estimates(top, made)
    return made


def _of_dose(
    top: Table, known: Mapping[str, Dimension], equations: Equations
) -> tuple[dict[str, Expression], dict[str, Dimension]]:
    """[of_dose] in the order of evaluation, and the dimensions of its names; they may read `dose` as well."""
    table = top.table("of_dose")
    if not len(table.data):
        return {}, {}
    if DOSE in equations.dimensions:
        table.fail(
            f'"{DOSE}" is the mass of one administration here; the parameter, covariate, state or formula of that '
            "name needs another one."
        )
    for name in table:
        new_name(table, name, (*equations.dimensions, DOSE))
    found, dimensions = read_named(table, {**known, DOSE: named("dose")}, "dose-dependent values")
    return found, {name: dimensions[name] for name in found}


def _forms(top: Table, sources: Mapping[str, Source]) -> dict[str, Form]:
    forms = {}
    top.table("forms").only(FORM_NAMES)
    for name, table in top.each("forms").items():
        parts = {key: table.number(key) for key in table if key not in ("source", "mark")}
        for key, fraction in parts.items():
            if not 0 < fraction <= 1:
                table.fail(f"{fraction:g} is not a fraction above 0 and up to 1.", key)
        if not parts or sum(parts.values()) > 1 + 1e-9:
            table.fail(f"the parts are fractions of the mass and add up to at most 1; here: {sum(parts.values()):g}.")
        form = cast(Literal["racemate", "S", "R"], name)
        forms[name] = Form(form, parts, *read_origin(table, sources))
    return forms


def _routes(
    top: Table,
    forms: Mapping[str, Form],
    states: Mapping[str, State],
    dimensions: Mapping[str, Dimension],
    of_dose: Mapping[str, Dimension],
) -> dict[str, Route]:
    moieties = {part for form in forms.values() for part in form.parts}
    routes = {}
    for name, table in top.each("routes").items():
        if name not in ROUTES:
            top.table("routes").fail_unknown("route", name, ROUTES, name)
        table.only(("into", *_OF_ROUTES, "also", "unit_dose"))
        also = []
        for further in table.tables("also"):
            further.only(("into", *_OF_ROUTES))
            also.append(_way(further, name, moieties, states, dimensions, of_dose))
        unit = table.text("unit_dose") if "unit_dose" in table else None
        if unit is not None:
            parameter_name(table, "unit_dose", unit, dimensions, "dose")
        way = _way(table, name, moieties, states, dimensions, of_dose)
        routes[name] = replace(way, also=tuple(also), unit_dose=unit)
    if not routes:
        top.fail("there is no route; write [routes.iv] with into = the name of a state.")
    return routes


def _way(
    table: Table,
    name: str,
    moieties: set[str],
    states: Mapping[str, State],
    dimensions: Mapping[str, Dimension],
    of_dose: Mapping[str, Dimension],
) -> Route:
    """One way of a route: where it leads, and the names of its parameters."""
    if isinstance(table.data.get("into"), dict):
        inner = table.table("into")
        for moiety in inner:
            if moiety not in moieties:
                inner.fail_unknown("moiety", moiety, moieties, moiety)
        into = {moiety: inner.text(moiety) for moiety in inner}
        if missing := sorted(moieties - set(into)):
            table.fail(f"no compartment for {', '.join(missing)}, which [forms] says is given.", "into")
    else:
        into = {"*": table.text("into")}
    for state in into.values():
        if state not in states:
            table.fail_unknown("state", state, states, "into")
        if states[state].dimension != AMOUNT:
            amounts = [other for other in states if states[other].dimension == AMOUNT]
            table.fail(
                f'a dose is mg (mass), but the state "{state}" is {describe(states[state].dimension)}. States that '
                f"are amounts of drug: {', '.join(amounts) or 'none'}.",
                "into",
            )
    names = {
        key: parameter_name(
            table, key, table.text(key), {**dimensions, **of_dose} if key == "bioavailability" else dimensions, wanted
        )
        for key, wanted in _OF_ROUTES.items()
        if key in table
    }
    if "rate" in names and "duration" in names:
        table.fail("a route has a rate or a duration, not both; the other follows from the dose.", "duration")
    return Route(name, into, names.get("bioavailability"), names.get("lag"), names.get("rate"), names.get("duration"))


def _outputs(top: Table, equations: Equations) -> tuple[dict[str, Output], list[Placed]]:
    """[outputs], formulas written out, and their expressions as written."""
    known, outputs, placed = equations.dimensions, {}, []
    for name, table in top.each("outputs").items():
        table.only(("expression", "unit", "about"))
        expression = read_expression(table, "expression", known)
        unit, _, dimension = read_unit(table)
        need(table, "expression", expression, known, dimension, f'its unit "{unit}"')
        placed.append(Placed(table, "expression", expression))
        expression = written_out(table, "expression", expression, equations.formulas)
        outputs[name] = Output(name, expression, unit, dimension, table.text("about", ""))
    if not outputs:
        top.fail('there is no output; write [outputs."NAME"] with an expression and its unit.')
    return outputs, placed


def _dimension_of_check(
    table: Table,
    quantity: str,
    dimensions: Mapping[str, Dimension],
    outputs: Mapping[str, Output],
    states: Mapping[str, State],
    of_dose: Mapping[str, Dimension],
) -> Dimension:
    """The dimension of a check's quantity, once the outputs, states and names it gives are known to exist."""
    if quantity == "parameter":
        known = {**dimensions, **of_dose, DOSE: named("dose")} if "dose" in table else dimensions
        return read_expression(table, "expression", known).dimension(known, table.where("expression"))
    if quantity == "half-life":
        check_states(table, states)
        return named("time")
    asked = table.texts("of") if quantity == "ratio" else (table.text("of"),)
    for name in asked:
        if name not in outputs:
            table.fail_unknown("output", name, outputs, "of")
    if quantity == "context-sensitive half-time":
        return named("time")
    if quantity != "ratio":
        return product((outputs[asked[0]].dimension, 1.0), (named("time"), 1.0 if quantity == "area" else 0.0))
    if len(asked) != 2:
        table.fail("a ratio is of two outputs.", "of")
    return product((outputs[asked[0]].dimension, 1.0), (outputs[asked[1]].dimension, -1.0))
