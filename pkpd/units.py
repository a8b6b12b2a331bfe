"""Text <-> canonical numbers: the only place with conversion factors.

Inside, everything is h, mg, L, kg (body weight), mg/L. A quantity at the edge is a text ("0.5 mg/kg", "40 min"),
a pair (0.5, "mg/kg") or a pint quantity; a bare number where the unit is open is an error.

Drug mass and body weight are different dimensions here, so that "mg/kg" cannot be mistaken for a fraction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from pkpd.errors import UnitError, nearest

if TYPE_CHECKING:
    import pint

Dimension = tuple[tuple[str, float], ...]

# Base units come first: they are the canonical ones.
_DEFINITIONS = """
hour = [time] = h = hr
minute = hour / 60 = min
second = hour / 3600 = s = sec
day = 24 * hour = d
week = 168 * hour = wk
milligram = [drug] = mg
gram = 1000 * milligram = g
microgram = milligram / 1000 = ug = mcg = µg = μg
nanogram = milligram / 1000000 = ng
liter = [volume] = L = l
deciliter = liter / 10 = dL = dl
milliliter = liter / 1000 = mL = ml
kilogram = [weight] = kg
seventy_kilogram = 70 * kilogram = per70kg
nanomole = [substance] = nmol
micromole = 1000 * nanomole = umol
year = [age] = y = yr
month = year / 12 = mo
centimeter = [length] = cm
meter = 100 * centimeter = m
point = [score] = points
mmHg = [pressure]
hertz = [frequency] = Hz
percent = 0.01
"""

NAMED: dict[str, str] = {
    "time": "h",
    "mass": "mg",
    "dose": "mg",
    "dose per weight": "mg/kg",
    "dose rate": "mg/h",
    "dose rate per weight": "mg/h/kg",
    "volume": "L",
    "clearance": "L/h",
    "rate constant": "1/h",
    "concentration": "mg/L",
    "area": "mg/L*h",
    "weight": "kg",
    "age": "year",
    "fraction": "",
}

# Usual words for each dimension, offered when a unit is missing or wrong.
_FITTING: dict[str, str] = {
    "time": "s, min, h, d, week",
    "mass": "mg, ug, g",
    "dose": "mg, ug, g, mg/kg",
    "dose per weight": "mg/kg, ug/kg",
    "dose rate": "mg/h, mg/min, mg/kg/h, ug/kg/min",
    "dose rate per weight": "mg/kg/h, ug/kg/min, mg/h/70kg",
    "volume": "L, mL",
    "clearance": "L/h, L/min, mL/min",
    "rate constant": "1/h, 1/min, 1/d",
    "concentration": "ng/mL, ug/mL, mg/L",
    "area": "ng/mL*h, mg/L*h",
    "weight": "kg",
    "age": "year",
    "fraction": "none, %",
}

# Mass of base in one unit of mass of ketamine hydrochloride: 57.7 mg S-ketamine HCl hold 50 mg of base
# (printed on the reprint of Simons 2022, thesis); the default configuration rounds it to 0.867.
HYDROCHLORIDE_TO_BASE = 0.867

_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")


@cache
def registry() -> pint.UnitRegistry[Any]:
    """The pint registry with the units a pharmacologist writes, and no others."""
    import pint

    made: pint.UnitRegistry[Any] = pint.UnitRegistry(None, cache_folder=None)
    for line in _DEFINITIONS.strip().splitlines():
        made.define(line)
    return made


def known_units() -> list[str]:
    """The unit words that can be written, base and derived."""
    return [
        word.strip()
        for line in _DEFINITIONS.strip().splitlines()
        for word in line.split("=")
        if re.fullmatch(r"[A-Za-zµμ_]+", word.strip()) and "_" not in word
    ]


@cache
def words_of(dimension: str) -> tuple[str, ...]:
    """The unit words of which a unit of a named dimension is made, base and derived.

    dimension : a name of NAMED, such as "time"
    """
    bases = _bases(NAMED[dimension])
    return tuple(word for word in known_units() if _bases(word) and _bases(word) <= bases)


def _bases(unit: str) -> set[str]:
    """The base dimensions a unit has."""
    return {base for base, _ in analyse(unit)[1]}


def _offered(dimension: str) -> Sequence[str]:
    """The unit words an error lists; all where a dimension has none."""
    return (words_of(dimension) if dimension else ()) or known_units()


@lru_cache(maxsize=1024)
def analyse(unit: str, where: str = "", dimension: str = "") -> tuple[float, Dimension]:
    """Factor to the canonical unit, and dimension, of a unit text.

    unit      : such as "mL/min/kg"; "" and "1" are dimensionless
    where     : the place, for the error
    dimension : a name of NAMED whose words the error lists; "" for all there are
    returns : (factor, dimension); quantity in canonical units = number x factor
    Raises UnitError for a word that is not a unit.
    """
    text = unit.strip()
    if text in ("", "1"):
        return 1.0, ()
    text = re.sub(r"/\s*70\s*kg\b", "/per70kg", text).replace("%", "percent").replace("^", "**").replace("·", "*")
    for word in re.findall(r"[A-Za-zµμ_]\w*", text):
        if word not in registry():
            raise UnitError(f'{_at(where)}unit "{unit}": "{word}" is not a unit. {nearest(word, _offered(dimension))}')
    try:
        if "//" in text:
            raise ValueError(text)
        quantity: Any = registry().Quantity(1.0, registry().parse_units(text)).to_root_units()
    except Exception as cause:
        raise UnitError(f'{_at(where)}unit "{unit}" cannot be read. Write it like "mg/kg/h" or "L/h".') from cause
    made_of = tuple(sorted((name.strip("[]"), float(power)) for name, power in quantity.dimensionality.items()))
    return float(quantity.magnitude), made_of


def factor(unit: str, dimension: str, where: str = "") -> float:
    """Factor from a unit to the canonical one of a named dimension.

    unit      : unit text
    dimension : a name of NAMED, such as "concentration"
    Raises UnitError where the unit is of another dimension.
    """
    scale, found = analyse(unit, where, dimension)
    if found != analyse(NAMED[dimension])[1]:
        raise UnitError(
            f'{_at(where)}unit "{unit or "none"}" is not one of {dimension}. Units that fit: {_FITTING[dimension]}.'
        )
    return scale


def split(text: str, where: str = "") -> tuple[float, str]:
    """Number and unit of a quantity text.

    text    : such as "0.5 mg/kg"
    returns : (0.5, "mg/kg")
    Raises UnitError where the text does not begin with a number.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UnitError(f'{_at(where)}"{text}" is not a quantity. Write a number and a unit, like "40 min".')
    return float(match[1]), match[2]


def parse(value: Any, dimension: str, where: str = "") -> float:
    """A quantity as a canonical number.

    value     : text ("40 min"), pair (40, "min") or pint quantity
    dimension : a name of NAMED
    where     : the place, for the error
    returns   : the number in h, mg, L, kg
    Raises UnitError for a bare number (unless the dimension is a fraction), an unknown unit or another dimension.
    """
    if isinstance(value, str):
        number, unit = split(value, where)
    elif isinstance(value, tuple) and len(value) == 2:
        number, unit = float(value[0]), str(value[1])
    elif hasattr(value, "magnitude") and hasattr(value, "units"):
        number, unit = float(value.magnitude), f"{value.units:~}"
    elif isinstance(value, (int, float)) and dimension == "fraction":
        return float(value)
    else:
        raise UnitError(f"{_at(where)}{value!r} has no unit. Units that fit: {_FITTING[dimension]}.")
    if unit == "" and dimension != "fraction":
        raise UnitError(f'{_at(where)}"{value}" has no unit. Units that fit: {_FITTING[dimension]}.')
    return number * factor(unit, dimension, where)


def _at(where: str) -> str:
    return f"{where}: " if where else ""
