"""Observed concentrations that belong to a regimen: those under it, or under one that differs by dose alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pkpd.dosing.regimen import Regimen
from pkpd.model.parts import ADULT
from pkpd.observations import Concentration

Shape = tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One observed number.

    id         : of its row in the library
    study      : whose
    citation   : where
    n          : people; 0 where it was not said
    population : who they were
    site       : "arterial", "venous" or "plasma"
    analyte    : what was measured
    metric     : "level", "peak" or "area"
    hours      : when, h from the start; nan of a peak without a time; of an area its end, nan for ever
    value      : ng/mL or ng/mL h, scaled to the dose of the regimen
    regimen    : what was given
    factor     : what the value was multiplied with; 1 where the dose is the same
    used_by    : models that were made from it
    doubtful   : whether the library has doubts about it
    """

    id: str
    study: str
    citation: str
    n: int
    population: str
    site: str
    analyte: str
    metric: str
    hours: float
    value: float
    regimen: str
    factor: float
    used_by: tuple[str, ...]
    doubtful: bool

    @property
    def remark(self) -> str:
        """What a reader must know of it, as text; "" where nothing."""
        parts = []
        if self.factor != 1:
            parts.append(f"scaled by {self.factor:.3g} from {self.regimen}")
        if self.used_by:
            parts.append(f"used to build {', '.join(self.used_by)}")
        if self.doubtful:
            parts.append("doubtful")
        return "; ".join(parts)


def points(
    rows: Iterable[Concentration], regimen: Regimen, analyte: str, weight: float, age: float | None, proportional: bool
) -> tuple[Point, ...]:
    """The observed numbers that belong to a regimen, by study and time.

    rows         : as `pkpd.observations.concentrations` gives them
    regimen      : what is given
    analyte      : what is followed
    weight, age  : of the person, kg and years; children are shown to children, and adults to everybody else
    proportional : whether every model gives levels in proportion to the dose, so that rows under another dose of the
                   same kind may be scaled to this one
    """
    found = []
    for row in rows:
        if row.kind not in ("data", "doubtful") or row.analyte not in _same(analyte, regimen) or row.modifiers:
            continue
        if (row.group == "children") != (age is not None and age < ADULT):
            continue
        factor = _factor(row.regimen, regimen, row.weight_kg, weight)
        if factor is None or (factor != 1 and not proportional):
            continue
        found.append(
            Point(
                row.id,
                row.study,
                row.citation,
                row.n or 0,
                row.population,
                row.site,
                row.analyte,
                row.metric,
                _hours(row),
                row.value * factor,
                str(row.regimen),
                factor,
                row.used_by,
                row.kind == "doubtful",
            )
        )
    return tuple(sorted(found, key=lambda point: (point.study, point.site, point.metric, point.hours)))


def _same(analyte: str, regimen: Regimen) -> tuple[str, ...]:
    """Names of what is the same molecules under a regimen: where S-ketamine alone is given all ketamine is that."""
    forms = {form.enantiomer for form in regimen.forms}
    for form in ("S", "R"):
        if forms == {form} and analyte in ("ketamine", f"{form}-ketamine"):
            return ("ketamine", f"{form}-ketamine")
        if forms == {form} and analyte in ("norketamine", f"{form}-norketamine"):
            return ("norketamine", f"{form}-norketamine")
    return (analyte,)


def _hours(row: Concentration) -> float:
    hours = row.until_h if row.metric == "area" else row.at_h
    return math.nan if hours is None else hours


def _factor(given: Regimen, wanted: Regimen, weight: float, own: float) -> float | None:
    """What levels under a regimen are multiplied with to stand for another; None where more than the dose differs.

    weight, own : kg, of those observed and of the person; they count where one dose is by body weight and one is not
    """
    if given == wanted:
        return 1.0
    if {dose.per for dose in given.doses} == {dose.per for dose in wanted.doses}:
        own = weight  # both by body weight, or both not: the same people under another dose
    if given.is_empty or wanted.is_empty or _shape(given, weight) != _shape(wanted, own):
        return None
    factor = _dose(wanted, own) / _dose(given, weight)
    return 1.0 if math.isclose(factor, 1.0, rel_tol=1e-6) else factor


def _dose(regimen: Regimen, weight: float) -> float:
    """mg of base for each kg of body weight in all."""
    return float(regimen.cumulative_amount(weight)) / weight


def _shape(regimen: Regimen, weight: float) -> Shape:
    """Everything about a regimen but its size: ways, forms, times, and the share each course has of the dose."""
    total = float(regimen.cumulative_amount(weight))
    return tuple(
        sorted(
            (
                dose.start,
                dose.duration,
                dose.every,
                dose.count,
                dose.route,
                dose.form.enantiomer,
                round(dose.count * float(dose.base_amount(weight)) / total, 6),
            )
            for dose in regimen.doses
        )
    )
