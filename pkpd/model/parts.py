"""The parts a model or an effect is made of: numbers with source and mark, spreads, limits, checks. Plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pkpd import units
from pkpd.errors import ModelFileError, UnitError, unknown
from pkpd.model.expressions import describe
from pkpd.units import Dimension

MARKS = ("primary", "secondary", "derived", "assumed")

ADULT = 18.0  # years: who is younger is a child

# Where a number comes from that a script put in place of the file's.
USER = "user"


@dataclass(frozen=True, slots=True)
class Source:
    """A publication numbers come from; `sampling_site` and the texts are "" where the file does not say."""

    key: str
    citation: str
    doi: str = ""
    population: str = ""
    sampling_site: str = ""


USER_SOURCE = Source(USER, "Set in the script, in place of the model file's number.")


@dataclass(frozen=True, slots=True)
class Scale:
    """Change of a parameter with a covariate: value x (covariate / reference) ** exponent; reference canonical."""

    covariate: str
    reference: float
    exponent: float
    source: str
    mark: str


Kind = Literal["lognormal", "normal", "logit", "box-cox", "t"]
KINDS: Mapping[str, Kind] = {
    "lognormal": "lognormal",
    "normal": "normal",
    "logit": "logit",
    "box-cox": "box-cox",
    "t": "t",
}


@dataclass(frozen=True, slots=True)
class Between:
    """Spread between subjects, or between occasions of one, by the variance of the random effect eta.

    kind      : "lognormal" value x exp(eta); "normal" value + eta; "logit" logit(value) + eta between `low` and `high`;
                "box-cox" value x exp((exp(eta)^shape - 1) / shape); "t" value x exp(eta) with eta of Student's t
    variance  : of eta; canonical unit squared for normal, else dimensionless
    at_least  : canonical; values below do not occur (the distribution is truncated); None for no limit
    at_most   : canonical; values above are set to it; None for no limit
    low, high : canonical, of a logit spread, which stays between them
    shape     : of a Box-Cox spread; above 0 the tail of high values is longer than that of a log-normal one
    df        : degrees of freedom of a t spread, above 2
    """

    kind: Kind
    variance: float
    at_least: float | None
    at_most: float | None
    source: str
    mark: str
    note: str = ""
    low: float | None = None
    high: float | None = None
    shape: float | None = None
    df: float | None = None

    def misfit(self, value: float, factor: float = 1.0) -> str:
        """Why a parameter of this value cannot vary so; "" where it can.

        value  : canonical
        factor : of the unit in which the reason is told
        """
        if self.kind == "normal":
            return ""
        if self.kind != "logit":
            word = {"lognormal": "log-normal", "box-cox": "Box-Cox", "t": "t"}[self.kind]
            return "" if value > 0 else f"a {word} spread needs a value above 0; this one is {value / factor:g}"
        assert self.low is not None and self.high is not None
        if self.low < value < self.high:
            return ""
        return (
            f"a logit spread needs a value between {self.low / factor:g} and {self.high / factor:g}; this one is "
            f"{value / factor:g}"
        )


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number with its unit, source and mark, and what is known of its spread and uncertainty.

    value       : canonical units; None where the user must give it (`required`)
    written     : the number as written, in `unit`
    uncertainty : {"se": canonical}, {"rse": fraction} or {"ci95": (low, high), canonical}; of the estimate, not
                  between people
    scan        : range worth trying, canonical
    occasion    : spread between occasions of one person, on top of that between people
    """

    name: str
    value: float | None
    written: float | None
    unit: str
    dimension: Dimension
    source: str
    where: str
    mark: str
    about: str
    scale: Scale | None = None
    between: Between | None = None
    uncertainty: Mapping[str, float | tuple[float, float]] | None = None
    scan: tuple[float, float] | None = None
    required: bool = False
    occasion: Between | None = None

    @property
    def spreads(self) -> tuple[Between, ...]:
        """How it varies: between people, then between occasions, as far as it does."""
        return tuple(spread for spread in (self.between, self.occasion) if spread is not None)


@dataclass(frozen=True, slots=True)
class Covariance:
    """Covariance of two parameters' random effects, each on its own scale, canonical."""

    first: str
    second: str
    value: float
    source: str
    mark: str


@dataclass(frozen=True, slots=True)
class Correlation:
    """Correlation of the random effect of `of` with that of another file's parameter, `other` = "file-id.parameter"."""

    of: str
    other: str
    rho: float
    source: str
    mark: str
    scan: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Covariate:
    """A property of a subject that a model reads; `typical` is canonical."""

    name: str
    unit: str
    typical: float


@dataclass(frozen=True, slots=True)
class Limit:
    """A validity limit, canonical.

    name             : a covariate, "duration" (of treatment) or "concentration"
    minimum, maximum : None for an open end
    unit             : as the file names it
    of               : the output whose concentration is meant; "" for another limit
    route            : the route under which it holds; "" for every one
    hard             : whether passing it is refused rather than flagged
    """

    name: str
    minimum: float | None
    maximum: float | None
    unit: str
    of: str = ""
    route: str = ""
    hard: bool = False

    @property
    def for_children(self) -> bool:
        """Whether it keeps adults out."""
        return self.name == "age" and self.maximum is not None and self.maximum <= ADULT

    def __str__(self) -> str:
        factor = units.analyse(self.unit)[0]
        low, high = (None if end is None else f"{end / factor:g}" for end in (self.minimum, self.maximum))
        if low is not None and high is not None:
            bounds = f"{low} to {high}"
        else:
            bounds = f"from {low}" if low is not None else f"to {high}"
        unit = "years" if self.unit == "year" else self.unit
        of = f" of {self.of}" if self.of else ""
        route = f" by the route {self.route}" if self.route else ""
        return f"{self.name}{of} {bounds} {unit}".rstrip() + route


@dataclass(frozen=True, slots=True)
class Check:
    """A value that must come out.

    quantity        : what is computed, such as "half-life" or "concentration"
    value           : canonical; `written` is the number as written, in `unit`
    within          : relative tolerance, or None
    within_absolute : tolerance in canonical units, or None; exactly one of the two is given
    kind            : "arithmetic" (follows from the parameters) or "observation"
    weight          : kg, of the person it is computed for
    covariates      : further ones of that person, canonical; typical where not given
    options         : the keys that belong to the quantity, as written (of, dose, at, until, states, which, ...)
    line            : of the file
    """

    quantity: str
    value: float
    written: float
    unit: str
    within: float | None
    within_absolute: float | None
    source: str
    mark: str
    kind: str
    weight: float = 70.0
    options: Mapping[str, object] = field(default_factory=dict)
    line: int = 0
    covariates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """Another published reading of the evidence behind some numbers of a file.

    about     : what it reads differently, and what follows
    values    : parameter -> its number there, in the parameter's own unit
    exponents : parameter -> exponent of its change with the covariate it follows
    """

    name: str
    about: str
    values: Mapping[str, float]
    exponents: Mapping[str, float]
    source: str
    mark: str


def read_otherwise(parameters: Mapping[str, Parameter], reading: Reading) -> dict[str, Parameter]:
    """Parameters with the numbers, sources and marks of a reading.

    returns : all parameters; the uncertainty and range of an estimate go where the reading gives another value
    """
    changed = dict(parameters)
    where = f'reading "{reading.name}"'
    for name, written in reading.values.items():
        old = changed[name]
        changed[name] = replace(
            old,
            value=written * units.analyse(old.unit)[0],
            written=written,
            source=reading.source,
            where=where,
            mark=reading.mark,
            uncertainty=None,
            scan=None,
        )
    for name, exponent in reading.exponents.items():
        scale = changed[name].scale
        assert scale is not None
        other = replace(scale, exponent=exponent, source=reading.source, mark=reading.mark)
        changed[name] = replace(changed[name], scale=other)
    return changed


def with_values(parameters: Mapping[str, Parameter], values: Mapping[str, Any], where: str) -> dict[str, Parameter]:
    """Parameters with some values replaced; a replaced one is marked "assumed" with the source "user".

    parameters : name -> parameter
    values     : name -> text with unit ("25 L"), pair (25, "L"), or plain number for a dimensionless parameter
    where      : whose parameters they are, for the error
    returns    : all parameters; scale and spread stay, the uncertainty and range of the old estimate go
    Raises UnknownName for a name that is not a parameter, UnitError for a missing, unknown or unfitting unit.
    """
    changed = dict(parameters)
    for name, value in values.items():
        if name not in parameters:
            raise unknown(where, "parameter", name, parameters)
        old = parameters[name]
        written, unit = _split(old, value, f"{where}, {name}")
        canonical = written * units.analyse(unit)[0]
        for spread in old.spreads:
            if spread.kind == "logit" and (why := spread.misfit(canonical, units.analyse(unit)[0])):
                raise ModelFileError(f"{where}, {name}: {why} {unit}".rstrip() + ".")
        changed[name] = replace(
            old,
            value=canonical,
            written=written,
            unit=unit,
            source=USER,
            where="",
            mark="assumed",
            uncertainty=None,
            scan=None,
            required=False,
        )
    return changed


def estimated(
    parameters: Mapping[str, Parameter], estimates: Mapping[str, float] | None, prefix: str = ""
) -> Mapping[str, Parameter]:
    """Parameters with some typical values replaced, all else as it is.

    estimates : prefix + name -> value, canonical; None for none
    """
    if not estimates:
        return parameters
    given = {name: estimates[prefix + name] for name in parameters if prefix + name in estimates}
    return {**parameters, **{name: replace(parameters[name], value=value) for name, value in given.items()}}


def refuse_impossible(parameters: Iterable[Parameter], where: str = "") -> None:
    """Refuse a volume of kinetics that is not above 0, and anything else with a dimension that is below 0.

    where : begins the message
    """
    volume = units.analyse("L")[1]
    for one in parameters:
        if one.value is None or not one.dimension:
            continue
        above = one.dimension == volume
        if one.value < 0 or (above and one.value == 0):
            allowed = "above 0" if above else "0 or more"
            raise ModelFileError(f"{where}{one.name} is {one.written:g} {one.unit}; it is {allowed}.")


def softened(limits: tuple[Limit, ...], names: Iterable[str]) -> tuple[Limit, ...]:
    """Limits of which those named are no longer hard."""
    chosen = set(names)
    return tuple(replace(limit, hard=False) if limit.name in chosen else limit for limit in limits)


def _split(old: Parameter, value: Any, where: str) -> tuple[float, str]:
    if isinstance(value, str):
        written, unit = units.split(value, where)
    elif isinstance(value, tuple) and len(value) == 2:
        written, unit = float(value[0]), str(value[1])
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        written, unit = float(value), ""
    else:
        raise UnitError(f'{where}: {value!r} is not a quantity. Write it like "{old.written or 1:g} {old.unit}".')
    dimension = units.analyse(unit, where)[1]
    if dimension != old.dimension:
        given = f'unit "{unit}" is {describe(dimension)}' if unit else f"{value} has no unit"
        raise UnitError(
            f'{where}: {given}; it needs {describe(old.dimension)}, like "{old.written or 1:g} {old.unit}".'
        )
    if not abs(written) < float("inf"):
        raise UnitError(f"{where}: {value} is not a finite number.")
    return written, unit


def marks_of(parameters: Iterable[Parameter]) -> Counter[str]:
    """How often each mark stands on a parameter's value, scale and spread."""
    counts: Counter[str] = Counter()
    for parameter in parameters:
        numbers = (parameter if parameter.value is not None else None, parameter.scale, *parameter.spreads)
        counts.update(number.mark for number in numbers if number is not None)
    return counts
