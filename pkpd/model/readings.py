"""[readings.NAME]: other published readings of the same evidence, as a file states them."""

from __future__ import annotations

from collections.abc import Mapping

from pkpd import units
from pkpd.model.origin import read_origin
from pkpd.model.parts import Parameter, Reading, Source
from pkpd.model.tomltext import Table


def read_readings(top: Table, parameters: Mapping[str, Parameter], sources: Mapping[str, Source]) -> dict[str, Reading]:
    """The readings of a file, by name; each changes numbers or exponents of parameters that the file has."""
    readings = {}
    for name, table in top.each("readings").items():
        table.only(("about", "values", "exponents", "source", "mark"))
        if not name.strip():
            table.fail("a reading needs a name to be chosen by.")
        values, exponents = _numbers(table, "values", parameters), _numbers(table, "exponents", parameters)
        if not values and not exponents:
            table.fail("a reading gives values, exponents or both.")
        for parameter, value in values.items():
            own = parameters[parameter]
            factor = units.analyse(own.unit)[0]
            for spread in own.spreads:
                if why := spread.misfit(value * factor, factor):
                    table.table("values").fail(f"{why}.", parameter)
        for parameter in exponents:
            if parameters[parameter].scale is None:
                followed = [other for other, own in parameters.items() if own.scale is not None]
                table.table("exponents").fail(
                    f'"{parameter}" follows no covariate, so it has no exponent. Those that do: '
                    f"{', '.join(followed) or 'none'}.",
                    parameter,
                )
        readings[name] = Reading(name, table.text("about"), values, exponents, *read_origin(table, sources))
    return readings


def _numbers(table: Table, key: str, parameters: Mapping[str, Parameter]) -> dict[str, float]:
    inner = table.table(key)
    for name in inner:
        if name not in parameters:
            inner.fail_unknown("parameter", name, parameters, name)
        if parameters[name].value is None:
            inner.fail(f'"{name}" is given by the user; a reading cannot change it.', name)
    return {name: inner.number(name) for name in inner}
