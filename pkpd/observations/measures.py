"""Sizes of effects that were observed, and doses at which half respond: a value for each row of measures.csv."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

from pkpd.dosing.regimen import Regimen
from pkpd.model.parts import MARKS
from pkpd.observations import findings
from pkpd.observations.cells import Cells, folder, rows
from pkpd.routes import ROUTES

# highest: mean over people of the highest size; dose for half: the dose after which half of the people have it at `at`.
READINGS = ("highest", "dose for half")


@dataclass(frozen=True, slots=True)
class Measure:
    """One observed size with its 95 % interval.

    row                   : the row of the collection of side effects it came from; several may come from one
    regimen               : what was given; of a dose for half, the dose observed
    or_regimen            : another regimen pooled in the same value, each for half of the patients; None without one
    effect                : id of the effect that predicts it
    reading               : one of READINGS
    at                    : of a dose for half, ticks after the start; None else
    factor                : what the effect's value is multiplied by to be in `unit`; None for nothing
    factor_mark           : how well that is known; "" without one
    factor_why            : where it comes from; "" without one
    value, low, high      : observed, with its 95 % interval, in `unit`
    used_by, used_why     : effects that were calibrated to the row
    scored                : "yes", "calibrated" (predicted, but left out of the score) or "no"
    """

    id: str
    row: int
    study: str
    n: int | None
    form: str
    route: str
    regimen: Regimen
    or_regimen: Regimen | None
    effect: str
    definition: str
    reading: str
    at: int | None
    factor: float | None
    factor_mark: str
    factor_why: str
    value: float
    low: float
    high: float
    unit: str
    used_by: tuple[str, ...]
    used_why: str
    mark: str
    seen_at: str
    scored: str
    why_not: str
    note: str

    @property
    def regimens(self) -> tuple[Regimen, ...]:
        """The regimens pooled in the row, each for an equal part of the patients."""
        return tuple(regimen for regimen in (self.regimen, self.or_regimen) if regimen is not None)


COLUMNS = tuple(field.name for field in fields(Measure))


@lru_cache(maxsize=1)
def measures() -> tuple[Measure, ...]:
    """The observed sizes of the library.

    Raises ObservationError with file, row and column for a cell that does not fit.
    """
    return read_measures(folder() / "measures.csv")


def read_measures(path: Path) -> tuple[Measure, ...]:
    """Sizes out of a file of the same columns. Errors as `measures`."""
    return tuple(_measure(cells) for cells in rows(path, COLUMNS))


def _measure(cells: Cells) -> Measure:
    regimen = cells.regimen("regimen")
    if regimen is None:
        raise cells.error("regimen", "nothing stands there; it must be given.")
    scored, why_not, used_by, used_why = findings.verdict(cells)
    factor = cells.perhaps("factor")
    made = Measure(
        id=cells.text("id"),
        row=cells.needed_whole("row"),
        study=cells.needed("study"),
        n=findings.count(cells, "n"),
        form=cells.word("form", findings.FORMS),
        route=cells.word("route", (*ROUTES, "")),
        regimen=regimen,
        or_regimen=cells.regimen("or_regimen"),
        effect=cells.needed("effect"),
        definition=cells.needed("definition"),
        reading=cells.word("reading", READINGS),
        at=cells.ticks("at"),
        factor=factor,
        factor_mark="" if factor is None else cells.word("factor_mark", MARKS),
        factor_why="" if factor is None else cells.needed("factor_why"),
        value=cells.number("value"),
        low=cells.number("low"),
        high=cells.number("high"),
        unit=cells.needed("unit"),
        used_by=used_by,
        used_why=used_why,
        mark=cells.word("mark", MARKS),
        seen_at=cells.needed("seen_at"),
        scored=scored,
        why_not=why_not,
        note=cells.text("note"),
    )
    if not made.low <= made.value <= made.high:
        raise cells.error("value", f"{made.value:g} lies outside its own interval, {made.low:g} to {made.high:g}.")
    if (made.reading == "dose for half") != (made.at is not None):
        raise cells.error("at", f'a time goes with "dose for half", and only with it; the reading is "{made.reading}".')
    return made
