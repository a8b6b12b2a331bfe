"""Reported parameters and ratios held against what models make of them; apart from the concentrations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from benchmarks.truth.meeting import Meeting, NotApplicable, Subject, made_from, meeting
from benchmarks.truth.predicting import FOR_EVER, Crowd, extreme, level
from benchmarks.truth.scoring import changed
from pkpd.dosing.prescription import parse
from pkpd.dosing.regimen import Regimen
from pkpd.errors import SimulationError
from pkpd.observations import Parameter
from pkpd.units import analyse

DRUG = {"racemate": "ketamine", "S": "s-ketamine", "R": "r-ketamine", "": "ketamine"}
LATE = (60.0, 72.0)  # h after the last dose between which a terminal half-life is read
LONG = 1000.0  # h of an infusion to the steady state


@dataclass(frozen=True, slots=True)
class ParameterEntry:
    """One reported parameter under one model; `predicted` is in the unit of the row."""

    row: Parameter
    subject: Subject
    form: str
    outside: tuple[str, ...]
    own: bool
    predicted: float

    @property
    def ratio(self) -> float:
        """Predicted over reported."""
        return self.predicted / self.row.value


@dataclass(frozen=True, slots=True)
class _Asked:
    """A reported parameter and the model that is asked for it."""

    subject: Subject
    row: Parameter

    def regimen(self, route: str = "") -> Regimen:
        """What was given; by another route the same dose at once; or 10 mg where it is not one regimen."""
        own = self.row.regimen
        if not route and own is not None:
            return own
        if own is None:
            return parse(f"{DRUG[self.row.form]} 10 mg {route or self.row.route}")
        return Regimen(tuple(replace(dose, route=route) for dose in own.doses))

    def met(self, regimen: Regimen, analyte: str = "", modifiers: bool = True) -> Meeting:
        """How the model meets it."""
        row = self.row if modifiers else replace(self.row, modifiers=())
        return meeting(self.subject, row, regimen, analyte or self.row.analyte)

    def crowd(self, met: Meeting) -> Crowd:
        return Crowd(met.model, self.row.weight_kg, self.row.age_y)

    def area(self, met: Meeting, until: float = math.inf) -> float:
        """mg/L h."""
        end = met.regimen.end_hours + FOR_EVER if math.isinf(until) else until
        return met.factor * float(extreme(self.crowd(met), met.regimen, end, met.output)[2, 0])

    def peak(self, met: Meeting) -> tuple[float, float]:
        """mg/L, and its time in h."""
        found = extreme(self.crowd(met), met.regimen, met.regimen.end_hours + 48.0, met.output)
        return met.factor * float(found[0, 0]), float(found[1, 0])

    def clearance(self, modifiers: bool = True) -> float:
        """L/h: the dose of what is measured over its area."""
        regimen = self.regimen("iv" if self.row.regimen is None else "")
        dose = float(regimen.cumulative_amount(self.row.weight_kg))
        if self.row.form == "racemate" and self.row.analyte[:2] in ("S-", "R-"):
            dose /= 2
        return dose / self.area(self.met(regimen, modifiers=modifiers))

    def half_life(self, modifiers: bool = True) -> float:
        """h, terminal."""
        met = self.met(self.regimen(), modifiers=modifiers)
        first, second = (
            float(level(self.crowd(met), met.regimen, met.regimen.end_hours + late, met.output)[0]) for late in LATE
        )
        if not first > second > 0:
            raise NotApplicable("nothing is left when a terminal half-life would be read")
        return math.log(2) * (LATE[1] - LATE[0]) / math.log(first / second)

    def volume(self) -> float:
        """L at steady state: clearance x (T - area to T / level at T) of an infusion over T."""
        met = self.met(parse(f"{DRUG[self.row.form]} 10 mg/h iv over {LONG:g} h"))
        last = met.factor * float(level(self.crowd(met), met.regimen, LONG, met.output)[0])
        return 10.0 / last * (LONG - self.area(met, LONG) / last)

    def with_and_without(self, what: Callable[[Meeting], float]) -> float:
        """A number with what was given beside the drug over the same without."""
        regimen = self.regimen()
        return what(self.met(regimen)) / what(self.met(regimen, modifiers=False))

    def ratio(self, until: float = math.inf, modifiers: bool = True) -> float:
        """Area of the first analyte named over that of the second."""
        first, second = self.row.analyte.split("/")
        areas = [self.area(self.met(self.regimen(), one, modifiers), until) for one in (first, second)]
        return areas[0] / areas[1]

    def time_of_peak(self) -> float:
        """h."""
        if self.row.regimen is None:
            raise NotApplicable("not one regimen")
        if any(dose.route == "iv" and not dose.duration for dose in self.row.regimen.doses):
            raise NotApplicable("the peak of an injection is at once")
        return self.peak(self.met(self.row.regimen))[1]

    def bioavailability(self) -> float:
        """Area over that of the same dose given intravenously."""
        return self.area(self.met(self.regimen())) / self.area(self.met(self.regimen("iv")))


QUANTITIES: dict[str, Callable[[_Asked], float]] = {
    "clearance": _Asked.clearance,
    "volume at steady state": _Asked.volume,
    "volume of the terminal phase": lambda a: a.clearance() * a.half_life() / math.log(2),
    "terminal half-life": _Asked.half_life,
    "bioavailability": _Asked.bioavailability,
    "time of peak": _Asked.time_of_peak,
    "area ratio to 8 h": lambda a: a.ratio(8.0),
    "area ratio": _Asked.ratio,
    "area, fold": lambda a: a.with_and_without(a.area),
    "peak, fold": lambda a: a.with_and_without(lambda met: a.peak(met)[0]),
    "clearance, fold": lambda a: a.clearance() / a.clearance(modifiers=False),
    "half-life, fold": lambda a: a.half_life() / a.half_life(modifiers=False),
    "area ratio, fold": lambda a: a.ratio() / a.ratio(modifiers=False),
}


def score(rows: Iterable[Parameter], subjects: Sequence[Subject]) -> list[ParameterEntry]:
    """Every reported parameter of QUANTITIES under every model that applies; the authors' own simulations left out."""
    made: list[ParameterEntry] = []
    for subject in subjects:
        for row in rows:
            if row.quantity not in QUANTITIES or row.kind == "model-predicted":
                continue
            asked = _Asked(subject, row)
            try:
                predicted = QUANTITIES[row.quantity](asked)
                met = asked.met(asked.regimen(), row.analyte.split("/")[0])
            except (NotApplicable, SimulationError):  # the model lacks what is asked, or refuses the dose
                continue
            own = made_from(subject, row)
            made.append(ParameterEntry(row, subject, met.form, met.outside, own, _in_unit(predicted, row)))
    return changed(made)


def _in_unit(value: float, row: Parameter) -> float:
    """A number in h, L and L/h as the row's unit has it."""
    factor, dimension = analyse(row.unit)
    if dict(dimension).get("weight") == -1.0:
        value /= row.weight_kg
    return value / factor
