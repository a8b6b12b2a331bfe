"""How often side effects were observed: a value for each row of side-effects.csv."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

from pkpd.dosing.regimen import Regimen
from pkpd.model.parts import MARKS
from pkpd.observations import findings
from pkpd.observations.cells import Cells, folder, rows
from pkpd.observations.counting import Share
from pkpd.observations.kinetics import GROUPS
from pkpd.routes import ROUTES

# count: events printed; percentage: a share printed; reading: one value taken out of a printed range; range: no value.
KINDS = ("count", "percentage", "reading", "range", "no incidence")


@dataclass(frozen=True, slots=True)
class Incidence:
    """One row: what was counted, in whom, under which regimen, and whether it can be held against a prediction.

    row               : the row of the collection it came from; several may come from one
    doi               : "" where none was seen
    n                 : patients of the study or arm as printed; None where not given
    form, route       : "" where several were pooled or none is given
    regimen           : None where none is given
    or_regimen        : another regimen pooled in the same count, each for half of the patients; None without one
    weight_kg, age_y  : mean of the patients; None where not given
    endpoint          : id of the effect that predicts it; "" where there is none
    definition        : of the endpoint, as the source has it
    printed           : the value as printed
    events, total     : the count; None where not printed
    incidence         : the share, with the digits printed; None where only a count is printed or nothing
    control_...       : the same without drug
    sessions          : over which it was counted; None where not given
    used_by, used_why : effects that were calibrated to the row
    kind              : one of KINDS
    mark, seen_at     : how well it is known, and where it was read
    scored            : "yes", "calibrated" (predicted, but left out of the score) or "no"
    why_not           : the reason of "no"
    """

    id: str
    row: int
    study: str
    citation: str
    doi: str
    n: int | None
    population: str
    group: str
    form: str
    route: str
    regimen: Regimen | None
    or_regimen: Regimen | None
    weight_kg: float | None
    age_y: float | None
    endpoint: str
    definition: str
    printed: str
    events: int | None
    total: int | None
    incidence: Share | None
    control_events: int | None
    control_total: int | None
    control_incidence: Share | None
    sessions: int | None
    used_by: tuple[str, ...]
    used_why: str
    kind: str
    mark: str
    seen_at: str
    scored: str
    why_not: str
    note: str

    @property
    def observed(self) -> float | None:
        """The observed share, from the count where there is one; None where nothing is given."""
        return findings.observed(self.events, self.total, self.incidence)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Exact 95 % interval of the observed share; None where the number of people is not given."""
        return findings.interval(self.events, self.total, self.incidence)

    @property
    def control(self) -> float | None:
        """The observed share without drug; None where nothing is given."""
        return findings.observed(self.control_events, self.control_total, self.control_incidence)

    @property
    def regimens(self) -> tuple[Regimen, ...]:
        """The regimens pooled in the row, each for an equal part of the patients."""
        return tuple(regimen for regimen in (self.regimen, self.or_regimen) if regimen is not None)


COLUMNS = tuple(field.name for field in fields(Incidence))


@lru_cache(maxsize=1)
def side_effects() -> tuple[Incidence, ...]:
    """The observed side effects of the library.

    Raises ObservationError with file, row and column for a cell that does not fit.
    """
    return read_side_effects(folder() / "side-effects.csv")


def read_side_effects(path: Path) -> tuple[Incidence, ...]:
    """Side effects out of a file of the same columns. Errors as `side_effects`."""
    return tuple(_incidence(cells) for cells in rows(path, COLUMNS))


def _incidence(cells: Cells) -> Incidence:
    events, total, incidence = findings.counted(cells)
    control_events, control_total, control_incidence = findings.counted(cells, "control_")
    scored, why_not, used_by, used_why = findings.verdict(cells)
    made = Incidence(
        id=cells.text("id"),
        row=cells.needed_whole("row"),
        study=cells.needed("study"),
        citation=cells.needed("citation"),
        doi=cells.text("doi"),
        n=findings.count(cells, "n"),
        population=cells.needed("population"),
        group=cells.word("group", GROUPS),
        form=cells.word("form", findings.FORMS),
        route=cells.word("route", (*ROUTES, "")),
        regimen=cells.regimen("regimen"),
        or_regimen=cells.regimen("or_regimen"),
        weight_kg=cells.perhaps("weight_kg"),
        age_y=cells.perhaps("age_y"),
        endpoint=cells.text("endpoint"),
        definition=cells.needed("definition"),
        printed=cells.needed("printed"),
        events=events,
        total=total,
        incidence=incidence,
        control_events=control_events,
        control_total=control_total,
        control_incidence=control_incidence,
        sessions=cells.whole("sessions"),
        used_by=used_by,
        used_why=used_why,
        kind=cells.word("kind", KINDS),
        mark=cells.word("mark", MARKS),
        seen_at=cells.needed("seen_at"),
        scored=scored,
        why_not=why_not,
        note=cells.text("note"),
    )
    if scored != "no" and (made.regimen is None or not made.endpoint or made.observed is None):
        raise cells.error("scored", f'"{scored}" needs an endpoint, a regimen and an observed share.')
    if scored == "yes" and made.interval is None:
        raise cells.error("scored", '"yes" needs the number of people, without which there is no interval.')
    return made
