"""Effect files: TOML document -> Effect."""

from __future__ import annotations

from collections.abc import Mapping

from pkpd.errors import UnitError
from pkpd.model.checks import OF_EFFECTS, read_checks
from pkpd.model.divisors import Placed, refuse_zero_divisors
from pkpd.model.effect import (
    ALIKE,
    DIVISORS,
    DRIVEN_FORMS,
    FORMS,
    PROBABILITIES,
    ROLES,
    UNDRIVEN_ROLES,
    Added,
    Curve,
    Driver,
    Effect,
    dimension_of,
    unit_of_slope,
)
from pkpd.model.estimation import read_estimate_covariances, refuse_estimates
from pkpd.model.expressions import describe, named, product
from pkpd.model.parts import Parameter
from pkpd.model.sections import (
    parameter_name,
    read_covariates,
    read_derived,
    read_expression,
    read_id,
    read_parameters,
    read_sources,
    read_validity,
)
from pkpd.model.spreads import read_correlations
from pkpd.model.tomltext import Document, Table
from pkpd.units import Dimension

_EFFECT_KEYS = (
    "id",
    "kind",
    "title",
    "endpoint",
    "role",
    "default",
    "use_for",
    "not_for",
    "notes",
    "sources",
    "driver",
    "curve",
    "responder",
    "correlations",
    "estimate_covariances",
    "covariates",
    "parameters",
    "derived",
    "validity",
    "check",
)


def effect_from(document: Document) -> Effect:
    """The effect a document describes.

    Raises ModelFileError for the first thing that is wrong.
    """
    top = document.top
    top.only(_EFFECT_KEYS)
    name = read_id(top)
    role = top.choice("role", ROLES)
    sources = read_sources(top)
    if not sources:
        top.fail("there is no [sources.KEY] with a citation; at least one is needed.")
    covariates, dimensions = read_covariates(top)
    parameters = read_parameters(top, sources, covariates)
    for key, parameter in parameters.items():
        if parameter.occasion is not None:
            top.table("parameters").table(key).fail(
                "what a patient's effect is like does not change from one occasion to the next; only parameters of "
                "kinetic models do. Leave it out, or put it under `between`.",
                "occasion",
            )
    dimensions |= {key: parameter.dimension for key, parameter in parameters.items()}
    derived, dimensions = read_derived(top, dimensions)
    placed = [Placed(top.table("derived"), key, expression) for key, expression in derived.items()]
    refuse_zero_divisors(top, parameters, covariates, derived, placed)
    curve = _curve(top, name, dimensions, parameters)
    driver = _driver(top, role, curve.form, dimensions, parameters)
    if role == "measure":
        _check_slope(top, curve, parameters)

    def of_check(table: Table, quantity: str) -> Dimension:
        return _dimension_of_check(table, quantity, dimensions, curve, driver)

    made = Effect(
        name,
        top.text("title"),
        top.text("endpoint"),
        role,
        top.flag("default"),
        top.text("use_for"),
        top.text("not_for"),
        top.texts("notes"),
        sources,
        driver,
        curve,
        _responder(top, dimensions, parameters),
        read_correlations(top, parameters, sources),
        parameters,
        derived,
        read_checks(top, OF_EFFECTS, sources, covariates, of_check),
        covariates,
        read_validity(top, covariates, [driver.analyte] if driver else []),
        document.path,
        estimate_correlations=read_estimate_covariances(top, parameters, sources),
    )
    refuse_estimates(top, made)
    return made


def _curve(top: Table, effect: str, known: Mapping[str, Dimension], parameters: Mapping[str, Parameter]) -> Curve:
    if "curve" not in top:
        top.fail("[curve] is missing; it names a form and the form's parameters.")
    table = top.table("curve")
    form = table.choice("form", FORMS)
    table.only(("form", *FORMS[form], *(["of"] if form == "share" else [])))
    named_by = {}
    for key, dimension in FORMS[form].items():
        if key not in table and key not in known:
            table.fail(f'"{key}" is missing; the form "{form}" needs {", ".join(FORMS[form])}.')
        named_by[key] = parameter_name(table, key, table.text(key, key), known, dimension)
        _check_probability(table, key, named_by[key], parameters)
        _check_divisor(table, key, named_by[key], parameters)
    _check_alike(table, form, named_by, known)
    of = table.text("of") if form == "share" else None
    if of == effect:
        table.fail("an effect cannot be a share of itself.", "of")
    return Curve(form, named_by, of)


def _check_alike(table: Table, form: str, named_by: Mapping[str, str], known: Mapping[str, Dimension]) -> None:
    """Refuse parameters that are compared with each other and are of different dimensions."""
    wanted: Dimension | None = None
    for key in ALIKE.get(form, ()):
        found = known[named_by[key]]
        if key == "slope":
            found = product((found, 1.0), (named("concentration"), 1.0))
        if wanted is not None and found != wanted:
            first, name = ALIKE[form][0], named_by[key]
            table.fail(f'"{name}" is {describe(found)}; {first} of this curve makes it {describe(wanted)}.', key)
        wanted = found


def _check_slope(top: Table, curve: Curve, parameters: Mapping[str, Parameter]) -> None:
    """Refuse a measure whose slope does not say in which unit its value is."""
    name = curve.parameters.get("slope", "") if curve.form == "linear" else ""
    if name in parameters:
        try:
            unit_of_slope(parameters[name].unit, name)
        except UnitError as cause:
            top.table("parameters").table(name).fail(str(cause), "unit")


def _driver(
    top: Table, role: str, form: str, known: Mapping[str, Dimension], parameters: Mapping[str, Parameter]
) -> Driver | None:
    if "driver" not in top:
        if form in DRIVEN_FORMS:
            top.fail(f'[driver] is missing; the form "{form}" follows the concentration of an analyte.')
        return None
    table = top.table("driver")
    if role in UNDRIVEN_ROLES or form not in DRIVEN_FORMS:
        why = f'role "{role}"' if role in UNDRIVEN_ROLES else f'form "{form}"'
        table.fail(f"an effect of {why} follows no concentration; leave [driver] out.")
    table.only(("analyte", "half_life", "multiply", "also"))
    factor = (
        parameter_name(table, "multiply", table.text("multiply"), known, "fraction") if "multiply" in table else None
    )
    analyte = table.text("analyte")
    also: list[Added] = []
    for one in table.tables("also"):
        one.only(("analyte", "potency", "half_life"))
        name = one.text("analyte")
        if name in (analyte, *(other.analyte for other in also)):
            one.fail(f'"{name}" drives this effect already; name each analyte once.', "analyte")
        potency = parameter_name(one, "potency", one.text("potency"), known, "fraction")
        also.append(Added(name, potency, _half_life(one, known, parameters)))
    return Driver(analyte, _half_life(table, known, parameters), factor, tuple(also))


def _half_life(table: Table, known: Mapping[str, Dimension], parameters: Mapping[str, Parameter]) -> str | None:
    """The name of a delay's half-life, None without one; 0 is no delay."""
    if "half_life" not in table:
        return None
    name = parameter_name(table, "half_life", table.text("half_life"), known, "time")
    value = parameters[name].value if name in parameters else None
    if value is not None and (value < 0 or (value == 0 and parameters[name].between is not None)):
        table.fail(f'"{name}" is {value:g} h; a half-life is above 0, or 0 without a spread for no delay.', "half_life")
    return name


def _responder(top: Table, known: Mapping[str, Dimension], parameters: Mapping[str, Parameter]) -> str | None:
    if "responder" not in top:
        return None
    table = top.table("responder")
    table.only(("probability",))
    name = parameter_name(table, "probability", table.text("probability"), known, "fraction")
    _check_probability(table, "probability", name, parameters)
    return name


def _check_probability(table: Table, key: str, name: str, parameters: Mapping[str, Parameter]) -> None:
    value = parameters[name].value if name in parameters else None
    if key in PROBABILITIES and value is not None and not 0 <= value <= 1:
        table.fail(f'"{name}" is {value:g}; {key} is a probability, from 0 to 1.', key)


def _check_divisor(table: Table, key: str, name: str, parameters: Mapping[str, Parameter]) -> None:
    value = parameters[name].value if name in parameters else None
    if key in DIVISORS and value is not None and value <= 0:
        table.fail(f'"{name}" is {value:g}; {key} is divided by and must be above 0.', key)


def _dimension_of_check(
    table: Table, quantity: str, known: Mapping[str, Dimension], curve: Curve, driver: Driver | None
) -> Dimension:
    """The dimension of a check's quantity; of an effect, that of the curve's value."""
    if quantity == "parameter":
        return read_expression(table, "expression", known).dimension(known, table.where("expression"))
    if driver is None and quantity in ("site", "site peak", "curve"):
        table.fail(f'the effect has no driver, so the quantity "{quantity}" does not exist.', "quantity")
    added = len(driver.also) if driver is not None else 0
    if "also" in table and len(table.texts("also")) != added:
        table.fail(f"{len(table.texts('also'))} levels are given; [[driver.also]] names {added} analytes.", "also")
    if quantity in ("site", "site peak"):
        return named("concentration")
    return dimension_of(curve.form, curve.parameters, known)
