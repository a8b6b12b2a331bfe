"""`between` and `occasion` of a parameter: how it varies between people, and between occasions of one person."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pkpd.model.origin import read_origin
from pkpd.model.parts import KINDS, Between, Source
from pkpd.model.tomltext import Table

_SIZES = ("var", "sd", "cv")
# Kind -> the keys that it alone has.
_OWN = {"normal": ("at_least", "at_most"), "logit": ("low", "high"), "box-cox": ("shape",), "t": ("df",)}
_SIZED = (
    "var and sd are the variance and standard deviation of the random effect, cv the coefficient of variation of the "
    'parameter. Write it like { kind = "lognormal", sd = 0.3, source = "...", mark = "..." }'
)
FARTHEST = 8.3  # standard deviations: no addressed random number lies farther out


def read_between(
    outer: Table, key: str, value: float | None, factor: float, sources: Mapping[str, Source]
) -> Between | None:
    """A spread, None where there is none.

    outer, key : the parameter's table, and "between" or "occasion"
    value      : of the parameter, canonical; None where the user gives it
    factor     : of the parameter's unit
    """
    if key not in outer:
        return None
    if not isinstance(outer.data[key], dict):
        outer.fail(f"{outer.data[key]!r} is a spread without a scale: {_SIZED}.", key)
    table = outer.table(key)
    table.only(("kind", *_SIZES, *(name for own in _OWN.values() for name in own), "source", "mark", "note"))
    kind = KINDS[table.choice("kind", KINDS)]
    for other, keys in _OWN.items():
        for name in keys:
            if name in table and other != kind:
                table.fail(f'only a spread of kind "{other}" has {" and ".join(keys)}.', name)
    given = [name for name in _SIZES if name in table]
    if len(given) != 1:
        table.fail(
            f"a spread is given by one of var, sd, cv; here: {', '.join(given) or 'none'}. {_SIZED}.", *given[:1]
        )
    size = table.number(given[0])
    if size <= 0:
        table.fail(f"{size:g} is no spread; it must be above 0. Leave `{key}` out for none.", given[0])
    scale = factor if kind == "normal" else 1.0
    if given[0] == "cv":
        variance = _of_cv(table, kind, size, value)
    else:
        variance = size * scale**2 if given[0] == "var" else (size * scale) ** 2
    least, most = table.maybe("at_least"), table.maybe("at_most")
    if least is not None and most is not None and least >= most:
        table.fail(f"at_least {least:g} is not below at_most {most:g}.", "at_least")
    made = Between(
        kind,
        variance,
        None if least is None else least * factor,
        None if most is None else most * factor,
        *read_origin(table, sources),
        table.text("note", ""),
        *_limits(table, kind, factor),
        _shape(table, kind, math.sqrt(variance)),
        _df(table, kind),
    )
    if value is not None and (why := made.misfit(value, factor)):
        table.fail(f"{why}.", "kind")
    return made


def _of_cv(table: Table, kind: str, cv: float, value: float | None) -> float:
    """The variance that a coefficient of variation comes to."""
    if kind == "lognormal":
        return math.log1p(cv**2)
    if kind != "normal":
        table.fail(
            f'a spread of kind "{kind}" has no cv: '
            + ("its mean does not exist" if kind == "t" else "its standard deviation is no multiple of its mean")
            + "; give the sd or var of the random effect.",
            "cv",
        )
    if not value:
        table.fail("a cv needs a value other than 0; give sd instead.", "cv")
    return (cv * value) ** 2


def _limits(table: Table, kind: str, factor: float) -> tuple[float | None, float | None]:
    if kind != "logit":
        return None, None
    low = table.number("low") if "low" in table else 0.0
    high = table.number("high") if "high" in table else 1.0
    if low >= high:
        table.fail(f"low {low:g} is not below high {high:g}.", "low" if "low" in table else "high")
    return low * factor, high * factor


def _shape(table: Table, kind: str, sd: float) -> float | None:
    if kind != "box-cox":
        return None
    shape = table.number("shape", why="It is the exponent of the transformation.")
    if shape == 0:
        table.fail('a shape of 0 is the log-normal spread; write kind = "lognormal".', "shape")
    if shape * FARTHEST * sd > 700 or math.expm1(shape * FARTHEST * sd) / shape > 700:
        table.fail(
            f"with a shape of {shape:g} and an sd of {sd:g} some people's values are beyond all numbers.", "shape"
        )
    return shape


def _df(table: Table, kind: str) -> float | None:
    if kind != "t":
        return None
    df = table.number("df", why="It is the number of degrees of freedom.")
    if df <= 2:
        table.fail(f"with {df:g} degrees of freedom a t distribution has no variance; df must be above 2.", "df")
    return df
