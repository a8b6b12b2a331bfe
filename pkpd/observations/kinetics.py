"""Measured concentrations and kinetic parameters, a value each, with the source and what was made from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pkpd.dosing.regimen import Regimen
from pkpd.model.model import FORM_NAMES
from pkpd.model.parts import MARKS
from pkpd.observations.cells import Cells, folder, rows
from pkpd.routes import ROUTES
from pkpd.times import TICKS_PER_HOUR, read_time
from pkpd.units import analyse

GROUPS = ("healthy adults", "adult patients", "intensive care", "children")
SITES = ("arterial", "venous", "plasma")
METRICS = ("level", "peak", "area")
KINDS = ("data", "model-predicted", "range", "doubtful")
ANALYTES = (
    "S-ketamine",
    "R-ketamine",
    "ketamine",
    "S-norketamine",
    "R-norketamine",
    "norketamine",
    "S-hydroxynorketamine",
    "hydroxynorketamine",
    "S-dehydronorketamine",
)
SPREADS = (
    "SD",
    "geometric SD",
    "SE",
    "SE, %",
    "between people, %",
    "95 % interval of the mean",
    "90 % interval of the mean",
    "interquartile range",
    "range",
    "as printed",
)
UNITS = {"level": "ng/mL", "peak": "ng/mL", "area": "ng/mL h"}
WHO = ("id", "study", "citation", "doi", "n", "population", "group", "form", "route", "regimen")
WHOM = ("weight_kg", "age_y", "site", "analyte")
WHENCE = ("spread", "spread_kind", "kind", "with", "used_by", "used_why", "mark", "seen_at", "note")
CONCENTRATION_COLUMNS = (*WHO, *WHOM, "metric", "at", "until", "value", "unit", *WHENCE)
PARAMETER_COLUMNS = (*WHO, *WHOM, "quantity", "value", "unit", *WHENCE)
Z90 = 1.6448536269514722  # half the width of a central 90 % interval, in standard deviations


@dataclass(frozen=True, slots=True)
class _Observation:
    """What every observation has.

    n           : people, or None where not stated
    form        : what was given: "racemate", "S", "R"; "" where several or none
    weight_kg   : mean of the people; 70 where not stated, which `note` then says
    site        : "plasma" where the source does not say arterial or venous
    spread      : nothing, one number (SD, SE ...) or the two ends of an interval, in the unit of the value
    spread_kind : what the spread is, one of SPREADS; "" for none
    kind        : "data"; "model-predicted" (the authors' simulation), "range" (the value is the middle of a range) or
                  "doubtful" (`note` says why)
    modifiers   : what was given beside it, such as "ticlopidine"
    used_by     : models and modifiers whose building used this observation; `used_why` says how
    mark        : how well the number is known, as in model files
    seen_at     : where the number was read
    """

    id: str
    study: str
    citation: str
    doi: str
    n: int | None
    population: str
    group: str
    form: str
    route: str
    weight_kg: float
    age_y: float | None
    site: str
    analyte: str
    value: float
    unit: str
    spread: tuple[float, ...]
    spread_kind: str
    kind: str
    modifiers: tuple[str, ...]
    used_by: tuple[str, ...]
    used_why: str
    mark: str
    seen_at: str
    note: str


@dataclass(frozen=True, slots=True)
class Concentration(_Observation):
    """A measured concentration or area under the curve.

    regimen : what was given, the dose observed first at 0
    metric  : "level" at a time, "peak", or "area" from 0 on
    at      : of a level its time, of a peak the time at which it was seen, as text; "" where not stated
    until   : of an area its end ("" for one extrapolated to infinity), of a peak the end of sampling, as text
    value   : ng/mL, or ng/mL h
    """

    regimen: Regimen
    metric: str
    at: str
    until: str

    @property
    def at_h(self) -> float | None:
        """`at` in h."""
        return read_time(self.at) / TICKS_PER_HOUR if self.at else None

    @property
    def until_h(self) -> float | None:
        """`until` in h."""
        return read_time(self.until) / TICKS_PER_HOUR if self.until else None

    @property
    def people(self) -> tuple[float, float] | None:
        """Central 90 % interval of people, ng/mL or ng/mL h, where a spread between people is given.

        Log-normal: from a mean m and a standard deviation s, log variance ln(1 + (s/m)^2); from a geometric standard
        deviation g, value / g^1.645 to value x g^1.645. None for standard errors and intervals of a mean.
        """
        if self.spread_kind == "SD":
            variance = math.log1p((self.spread[0] / self.value) ** 2)
            middle, width = math.log(self.value) - variance / 2, Z90 * math.sqrt(variance)
        elif self.spread_kind == "geometric SD":
            middle, width = math.log(self.value), Z90 * math.log(self.spread[0])
        else:
            return None
        return math.exp(middle - width), math.exp(middle + width)


@dataclass(frozen=True, slots=True)
class Parameter(_Observation):
    """A reported parameter or ratio of kinetics.

    regimen  : what was given, or None where it is not one regimen
    quantity : what it is: "clearance", "bioavailability", "time of peak", "area, fold" ...
    analyte  : of a ratio of two, such as "norketamine/ketamine"
    unit     : as printed; the value and its spread are in it
    """

    regimen: Regimen | None
    quantity: str


@lru_cache(maxsize=1)
def concentrations() -> tuple[Concentration, ...]:
    """The measured concentrations and areas of the library.

    Raises ObservationError with file, row and column for a cell that does not fit.
    """
    return read_concentrations(folder() / "concentrations.csv")


@lru_cache(maxsize=1)
def parameters() -> tuple[Parameter, ...]:
    """The reported parameters and ratios of the library. Errors as `concentrations`."""
    return read_parameters(folder() / "parameters.csv")


def read_concentrations(path: Path) -> tuple[Concentration, ...]:
    """Concentrations out of a file of the same columns. Errors as `concentrations`."""
    return tuple(_concentration(cells) for cells in rows(path, CONCENTRATION_COLUMNS))


def read_parameters(path: Path) -> tuple[Parameter, ...]:
    """Parameters out of a file of the same columns. Errors as `concentrations`."""
    return tuple(_parameter(cells) for cells in rows(path, PARAMETER_COLUMNS))


def _concentration(cells: Cells) -> Concentration:
    metric = cells.word("metric", METRICS)
    if cells.text("unit") != UNITS[metric]:
        raise cells.error("unit", f'"{cells.text("unit")}"; a {metric} is in {UNITS[metric]}.')
    at, until = _time(cells, "at"), _time(cells, "until")
    if metric == "level" and not at:
        raise cells.error("at", "nothing stands there; a level needs its time.")
    cells.word("analyte", ANALYTES)
    cells.word("form", FORM_NAMES)
    regimen = cells.regimen("regimen")
    if regimen is None:
        raise cells.error("regimen", "nothing stands there; a concentration needs what was given.")
    route = cells.text("route")
    if set(regimen.routes) != {route}:
        raise cells.error("route", f'"{route}", but the regimen is given {", ".join(regimen.routes)}.')
    if cells.text("kind") == "data" and cells.text("spread_kind") == "range":
        raise cells.error("kind", '"data", but the spread is a range. A middle of a range is of the kind "range".')
    return Concentration(**_common(cells), regimen=regimen, metric=metric, at=at, until=until)


def _parameter(cells: Cells) -> Parameter:
    unit = cells.needed("unit")
    cells.read("unit", lambda: analyse(unit))
    cells.word("form", (*FORM_NAMES, ""))
    return Parameter(**_common(cells), regimen=cells.regimen("regimen"), quantity=cells.needed("quantity"))


def _common(cells: Cells) -> dict[str, Any]:
    """The fields of every observation."""
    used_by, used_why = cells.used()
    spread, kind = cells.span("spread"), cells.word("spread_kind", (*SPREADS, ""))
    if bool(spread) != bool(kind):
        raise cells.error("spread_kind", "a spread and what it is stand together.")
    if len(spread) != (2 if kind.endswith(("range", "interval of the mean")) else 1) and spread and kind != SPREADS[-1]:
        raise cells.error("spread", f'"{cells.text("spread")}" is not a {kind}.')
    return {
        "id": cells.text("id"),
        "study": cells.needed("study"),
        "citation": cells.needed("citation"),
        "doi": cells.text("doi"),
        "n": cells.whole("n"),
        "population": cells.needed("population"),
        "group": cells.word("group", GROUPS),
        "form": cells.text("form"),
        "route": cells.word("route", (*ROUTES, "")),
        "weight_kg": cells.positive("weight_kg"),
        "age_y": cells.perhaps("age_y"),
        "site": cells.word("site", SITES),
        "analyte": cells.needed("analyte"),
        "value": cells.positive("value"),
        "unit": cells.text("unit"),
        "spread": spread,
        "spread_kind": kind,
        "kind": cells.word("kind", KINDS),
        "modifiers": cells.words("with"),
        "used_by": used_by,
        "used_why": used_why,
        "mark": cells.word("mark", MARKS),
        "seen_at": cells.needed("seen_at"),
        "note": cells.text("note"),
    }


def _time(cells: Cells, column: str) -> str:
    """The text of a time above 0, or nothing."""
    found = cells.ticks(column)
    if found is not None and found <= 0:
        raise cells.error(column, f'"{cells.text(column)}" is not a time above 0.')
    return cells.text(column)
