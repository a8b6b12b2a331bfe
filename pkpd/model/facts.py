"""What the library knows beyond its models: bioavailability by route, and the models that could not be completed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median

from pkpd.errors import nearest
from pkpd.model import library
from pkpd.model.model import FORM_NAMES, MARKS, Model, Source
from pkpd.model.sections import read_origin, read_sources
from pkpd.model.tomltext import Document, Table
from pkpd.routes import ROUTES

POPULATIONS = ("adults", "children")
AREAS = ("kinetics", "effect")


@dataclass(frozen=True, slots=True)
class Bioavailability:
    """One published bioavailability.

    routes     : for which it was found
    form       : "racemate", "S" or "R"
    product    : such as "syrup"
    population : "adults" or "children"
    percent    : of the dose, that reaches the circulation
    spread     : as the source says it; "" for none
    """

    routes: tuple[str, ...]
    form: str
    product: str
    population: str
    percent: float
    spread: str
    source: Source
    mark: str
    note: str

    def __str__(self) -> str:
        spread = f", {self.spread}" if self.spread else ""
        return f"{self.percent:g} % in {self.population} ({self.product}{spread}; {self.source.key}, {self.mark})"


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """What is known of the ways into the body.

    rows       : every bioavailability; sources that disagree stand side by side
    absorption : route -> what was found of its absorption rate
    """

    rows: tuple[Bioavailability, ...]
    absorption: Mapping[str, str]

    def of(self, route: str, population: str = "") -> tuple[Bioavailability, ...]:
        """The rows of a route, and of a population where one is named."""
        return tuple(row for row in self.rows if route in row.routes and population in ("", row.population))


@dataclass(frozen=True, slots=True)
class Typical:
    """One bioavailability out of those of several sources: the median of the sources, each taken at its own median.

    percent   : of the dose
    low, high : the lowest and highest of all rows, %
    note      : of the only row, where there is one alone
    """

    percent: float
    low: float
    high: float
    sources: tuple[Source, ...]
    mark: str
    note: str


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A published model that cannot be run as it was seen.

    area    : "kinetics" or "effect"
    seen    : what could be read
    missing : what could not
    use     : what it serves for all the same; "" for nothing
    """

    name: str
    area: str
    citation: str
    doi: str
    seen: str
    missing: str
    use: str


@lru_cache(maxsize=1)
def route_facts() -> RouteFacts:
    """The library's facts on routes."""
    return read_routes(library.folder() / "ketamine" / "routes.toml")


@lru_cache(maxsize=1)
def incomplete_models() -> tuple[Incomplete, ...]:
    """The library's list of models that could not be completed."""
    return read_incomplete(library.folder() / "ketamine" / "incomplete.toml")


def read_routes(source: str | Path) -> RouteFacts:
    """A file of facts on routes (kind = "routes").

    source : path, or TOML text
    Raises ModelFileError naming file, line and key.
    """
    top = Document.open(source).top
    top.only(("kind", "drug", "title", "sources", "absorption", "bioavailability"))
    top.choice("kind", ["routes"])
    sources = read_sources(top)
    absorption = top.table("absorption")
    absorption.only(ROUTES)
    rows = tuple(_bioavailability(table, sources) for table in top.tables("bioavailability"))
    return RouteFacts(rows, {route: absorption.text(route) for route in absorption})


def _bioavailability(table: Table, sources: dict[str, Source]) -> Bioavailability:
    table.only(("routes", "form", "product", "population", "percent", "spread", "source", "mark", "note"))
    routes = table.texts("routes")
    for route in routes:
        if route not in ROUTES:
            table.fail_unknown("route", route, ROUTES, "routes")
    if not routes:
        table.fail("name at least one route.", "routes")
    percent = table.number("percent")
    if not 0 < percent <= 100:
        table.fail(f"{percent:g} is no percentage above 0 and up to 100.", "percent")
    source, mark = read_origin(table, sources)
    return Bioavailability(
        routes,
        table.choice("form", FORM_NAMES),
        table.text("product"),
        table.choice("population", POPULATIONS),
        percent,
        table.text("spread", ""),
        sources[source],
        mark,
        table.text("note", ""),
    )


def read_incomplete(source: str | Path) -> tuple[Incomplete, ...]:
    """A list of models that could not be completed (kind = "incomplete"). Arguments and errors as `read_routes`."""
    top = Document.open(source).top
    top.only(("kind", "title", "model"))
    top.choice("kind", ["incomplete"])
    found = []
    for table in top.tables("model"):
        table.only(("name", "area", "citation", "doi", "seen", "missing", "use"))
        found.append(
            Incomplete(
                table.text("name"),
                table.choice("area", AREAS),
                table.text("citation"),
                table.text("doi", ""),
                table.text("seen"),
                table.text("missing"),
                table.text("use", ""),
            )
        )
    return tuple(found)


def typical(rows: tuple[Bioavailability, ...]) -> Typical:
    """The bioavailability to take where several are known, with their range.

    rows : at least one
    """
    by_source: dict[str, list[Bioavailability]] = {}
    for row in rows:
        by_source.setdefault(row.source.key, []).append(row)
    middle = median(median(row.percent for row in same) for same in by_source.values())
    percents = [row.percent for row in rows]
    weakest = max((row.mark for row in rows), key=MARKS.index)
    mark = weakest if len(rows) == 1 else max(weakest, "derived", key=MARKS.index)
    sources = tuple(same[0].source for same in by_source.values())
    return Typical(middle, min(percents), max(percents), sources, mark, rows[0].note if len(rows) == 1 else "")


def _told(rows: tuple[Bioavailability, ...]) -> str:
    """What is known of one route in one population."""
    if len(rows) == 1:
        return str(rows[0])
    found = typical(rows)
    listed = ", ".join(f"{row.source.key} {row.percent:g}" for row in rows)
    return f"{found.low:g} to {found.high:g} % in {rows[0].population} ({listed})"


def advice(model: Model, route: str) -> str:
    """Why a model cannot take a dose by a route, which models of the library can, what is known and what is missing."""
    if route not in ROUTES:
        return f'route "{route}" is not known. {nearest(route, model.routes)}'
    share = "" if route_facts().of(route) else ', bioavailability="... %"'
    return (
        f'route "{route}" is not known. Allowed: {", ".join(sorted(model.routes))}. {known_of(route)} '
        f'With numbers of your own: model.with_route("{route}", ka="... 1/h"{share}).'
    )


def known_of(route: str) -> str:
    """What is known of a route: the models that have it, bioavailability and absorption rate as far as found."""
    complete = [name for name in library.names("pk") if route in library.load(name).routes]
    facts = route_facts()
    known = [_told(rows) for people in POPULATIONS if (rows := facts.of(route, people))]
    return (
        f"Complete by this route: {', '.join(complete) or 'no model of the library'}. "
        f"Known bioavailability: {'; '.join(known) or 'none that was verified'}. "
        f"Absorption rate: {facts.absorption.get(route, 'none was found')}."
    )
