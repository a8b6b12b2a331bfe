"""[residual.OUTPUT] of a kinetic model: the error of its measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pkpd.errors import SimulationError
from pkpd.model.expressions import describe
from pkpd.model.model import Output, Source
from pkpd.model.origin import WHY, read_origin
from pkpd.model.residual import COMBINED, Memory, Noise, Power, Residual, Tail
from pkpd.model.sections import read_unit
from pkpd.model.tomltext import Table
from pkpd.units import Dimension, analyse

_KEYS = ("additive", "proportional", "lognormal", "power", "combined", "correlation", "t")


def read_residual(top: Table, outputs: Mapping[str, Output], sources: Mapping[str, Source]) -> dict[str, Residual]:
    """The residual error of every output that has one."""
    found = {}
    for name, table in top.each("residual").items():
        if name not in outputs:
            top.table("residual").fail_unknown("output", name, outputs, name)
        found[name] = _residual(table, outputs[name], sources)
    return found


def _residual(table: Table, output: Output, sources: Mapping[str, Source]) -> Residual:
    table.only(_KEYS)
    given: dict[str, Any] = {}
    for name in ("proportional", "lognormal"):
        if name in table:
            part = table.table(name)
            part.only(("sd", "var", "cv", "source", "mark"))
            given[name] = Noise(_size(part, ("sd", "var", "cv"), 1.0, name), *read_origin(part, sources))
    if "additive" in table:
        part = table.table("additive")
        part.only(("sd", "var", "unit", "source", "mark"))
        factor, dimension = _unit(part, output)
        sd = _size(part, ("sd", "var"), factor, "additive")
        given["additive"] = Noise(sd, *read_origin(part, sources), dimension)
    if "power" in table:
        part = table.table("power")
        part.only(("sd", "at", "unit", "exponent", "source", "mark"))
        factor, dimension = _unit(part, output)
        sd, at, exponent = (_above_0(part, key) for key in ("sd", "at", "exponent"))
        given["power"] = Power(sd * factor, at * factor, exponent, *read_origin(part, sources), dimension)
    if "correlation" in table:
        part = table.table("correlation")
        part.only(("rho", "per", "unit", "source", "mark"))
        unit, factor, dimension = read_unit(part)
        if dimension != analyse("h")[1]:
            part.fail(f'unit "{unit}" is {describe(dimension)}; it is that of the time in `per`.', "unit")
        rho = _above_0(part, "rho")
        if rho >= 1:
            part.fail(f"{rho:g} does not fade; rho is above 0 and below 1.", "rho")
        given["correlation"] = Memory(rho, _above_0(part, "per") * factor, *read_origin(part, sources))
    if "t" in table:
        part = table.table("t")
        part.only(("df", "source", "mark"))
        df = part.number("df")
        if df <= 2:
            part.fail(f"with {df:g} degrees of freedom there is no variance; df is above 2.", "df")
        given["df"] = Tail(df, *read_origin(part, sources))
    try:
        return Residual(**given, combined=table.choice("combined", COMBINED, "variances"))
    except SimulationError as cause:
        table.fail(str(cause).removeprefix("residual: "))


def _unit(part: Table, output: Output) -> tuple[float, Dimension]:
    unit, factor, dimension = read_unit(part)
    if dimension != output.dimension:
        part.fail(f'unit "{unit}" is {describe(dimension)}; "{output.name}" is {describe(output.dimension)}.', "unit")
    return factor, dimension


def _size(part: Table, keys: tuple[str, ...], factor: float, what: str) -> float:
    """The standard deviation, by the one of the keys that is given; a log-normal cv is that of the measurement."""
    given = [key for key in keys if key in part]
    if len(given) != 1:
        part.fail(f"it is given by one of {', '.join(keys)}; here: {', '.join(given) or 'none'}. {WHY}", *given[:1])
    size = _above_0(part, given[0])
    if given[0] == "var":
        return math.sqrt(size) * factor
    if given[0] == "cv" and what == "lognormal":
        return math.sqrt(math.log1p(size**2))
    return size * factor


def _above_0(part: Table, key: str) -> float:
    size = part.number(key, WHY)
    if size <= 0:
        part.fail(f"{size:g} is no {'standard deviation' if key in ('sd', 'var', 'cv') else key}; it is above 0.", key)
    return size
