"""Doses and regimens as immutable values, with the verbs that make new ones from old ones.

Times are kept as whole nanoseconds ("ticks"), so that shifting, repeating and sequencing are exact. A mass is in mg of
the form as written (base or hydrochloride); what is called base is converted.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd import units
from pkpd.errors import RegimenError, nearest
from pkpd.routes import ROUTES
from pkpd.times import LONGEST, Quantity, read_time, to_hours

Kind = Literal["amount", "rate"]

_PREFIX: Final = {"racemate": "", "S": "s-", "R": "r-"}
_SUFFIX: Final = {"base": "", "hydrochloride": " hcl"}
_UNITS: Final = {
    "amount": {0.0: "mg", 1.0: "mg/kg", 70.0: "mg/70kg"},
    "rate": {0.0: "mg/h", 1.0: "mg/kg/h", 70.0: "mg/h/70kg"},
}


def read_limit(value: Quantity, where: str = "") -> tuple[float, Kind]:
    """A written cap: an absolute mass or rate.

    value   : text ("25 mg/h", "100 mg") or pair (25, "mg/h")
    where   : the place, for the error
    returns : (mg, "amount") or (mg/h, "rate")
    Raises RegimenError for another dimension or a limit that is not > 0, UnitError for an unknown unit.
    """
    number, unit = units.split(value, where) if isinstance(value, str) else value
    factor, dimension = units.analyse(unit, where)
    kinds: dict[units.Dimension, Kind] = {units.analyse("mg")[1]: "amount", units.analyse("mg/h")[1]: "rate"}
    at = f"{where}: " if where else ""
    if dimension not in kinds:
        raise RegimenError(
            f'{at}the limit "{number:g} {unit}" must be an absolute mass or rate. '
            "Units that fit: mg, ug, g, mg/h, mg/min."
        )
    if not 0.0 < number * factor < math.inf:
        raise RegimenError(f'{at}the limit "{number:g} {unit}" must be finite and above 0.')
    return number * factor, kinds[dimension]


@dataclass(frozen=True, slots=True)
class DrugForm:
    """What is in the syringe: the drug, which enantiomer, which salt."""

    drug: str = "ketamine"
    enantiomer: str = "racemate"
    salt: str = "base"

    def __post_init__(self) -> None:
        for what, given, allowed in (
            ("drug", self.drug, ("ketamine",)),
            ("enantiomer", self.enantiomer, _PREFIX),
            ("salt", self.salt, _SUFFIX),
        ):
            if given not in allowed:
                raise RegimenError(f'drug form: {what} "{given}" is not known. {nearest(str(given), allowed)}')

    @property
    def base_fraction(self) -> float:
        """Mass of base in one unit of mass of this form, dimensionless."""
        return units.HYDROCHLORIDE_TO_BASE if self.salt == "hydrochloride" else 1.0

    def __str__(self) -> str:
        return f"{_PREFIX[self.enantiomer]}{self.drug}{_SUFFIX[self.salt]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """A course: one administration, or the same one again at equal intervals.

    quantity : mg, or mg/h where kind is "rate"; of the form as written; for each `per` kg of body weight; > 0
    kind     : "amount" or "rate"
    per      : kg; 0 not scaled by weight, 1 for "/kg", 70 for "/70kg"
    start    : ticks, >= 0, of the first administration
    duration : ticks, >= 0; 0 is a bolus; a rate needs > 0
    every    : ticks between starts, > 0 where count > 1; dropped (0) where count is 1
    count    : number of administrations, >= 1; they may overlap
    route    : one of ROUTES
    form     : what is given
    cap      : mg or mg/h, as kind says, absolute, of the form as written; None for no cap

    Raises RegimenError for a dose that cannot be given.
    """

    quantity: float
    kind: Kind = "amount"
    per: float = 0.0
    start: int = 0
    duration: int = 0
    every: int = 0
    count: int = 1
    route: str
    form: DrugForm = field(default_factory=DrugForm)
    cap: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("amount", "rate"):
            raise RegimenError(f'dose: kind "{self.kind}" is not known. {nearest(str(self.kind), ("amount", "rate"))}')
        if self.route not in ROUTES:
            raise RegimenError(f'dose: route "{self.route}" is not known. {nearest(str(self.route), ROUTES)}')
        for name in ("start", "duration", "every", "count"):
            try:
                object.__setattr__(self, name, operator.index(getattr(self, name)))
            except TypeError as cause:
                raise RegimenError(
                    f"dose: {name} is {getattr(self, name)!r}; it must be a whole number"
                    + ("." if name == "count" else " of ticks, as read_time gives it.")
                ) from cause
        if self.count == 1:
            object.__setattr__(self, "every", 0)
        for name in ("quantity", "per") if self.cap is None else ("quantity", "per", "cap"):
            try:
                object.__setattr__(self, name, float(getattr(self, name)))
            except (TypeError, ValueError) as cause:
                raise RegimenError(f"dose: {name} is {getattr(self, name)!r}; it must be a number.") from cause
        unit = "mg" if self.kind == "amount" else "mg/h"
        for wrong, problem in (
            (self.quantity == 0.0, 'quantity is 0. Leave the dose out; a regimen of none is "no treatment".'),
            (not 0.0 < self.quantity < math.inf, f"quantity is {self.quantity} {unit}; it must be finite and above 0."),
            (self.per not in (0.0, 1.0, 70.0), f"per is {self.per} kg. Allowed: 0 (no weight), 1 (/kg), 70 (/70kg)."),
            (self.start < 0, f"start is {to_hours(self.start):g} h; it must be at or after time 0."),
            (self.duration < 0, f"duration is {to_hours(self.duration):g} h; it must be 0 (a bolus) or longer."),
            (
                self.kind == "rate" and self.duration == 0,
                f"an infusion of zero length: {self.quantity:g} {unit} is a rate and needs a duration above 0.",
            ),
            (self.count < 1, f"count is {self.count}; there must be at least 1 dose."),
            (
                self.count > 1 and self.every <= 0,
                f"every is {to_hours(self.every):g} h; {self.count} doses need an interval above 0.",
            ),
            (
                self.cap is not None and not 0.0 < self.cap < math.inf,
                f"cap is {self.cap} {unit}; it must be finite and above 0, or None.",
            ),
        ):
            if wrong:
                raise RegimenError(f"dose: {problem}")
        if self.span > LONGEST:
            raise RegimenError(f"dose: the course is over at {to_hours(self.span):g} h; it must be within 292 years.")

    @property
    def starts(self) -> tuple[int, ...]:
        """The start of each administration, ticks, ascending."""
        return tuple(self.start + index * self.every for index in range(self.count))

    @property
    def end(self) -> int:
        """The last moment of administration, ticks."""
        return self.start + (self.count - 1) * self.every + self.duration

    @property
    def span(self) -> int:
        """When the course is over, ticks; the interval after the last repeated dose belongs to it (as in Regimen)."""
        return max(self.end, self.start + self.count * self.every)

    @property
    def unit(self) -> str:
        """The unit of the quantity, such as "mg/kg/h" or "mg/h/70kg"."""
        return _UNITS[self.kind][self.per]

    def amount(self, weight: ArrayLike) -> NDArray[np.float64]:
        """Mass of one administration, of the form as written, the cap applied.

        weight  : body weight, kg, > 0, any shape
        returns : mg, the shape of weight
        Raises RegimenError where the dose is by weight and a weight is not above 0.
        """
        kilograms = np.asarray(weight, dtype=np.float64)
        if self.per and not np.all(kilograms > 0.0):
            wrong = kilograms[~(kilograms > 0.0)][0]
            raise RegimenError(f"dose of {self.quantity:g} {self.unit}: weight is {wrong:g} kg; it must be above 0.")
        given = self.quantity * (kilograms / self.per if self.per else np.ones_like(kilograms))
        if self.cap is not None:
            given = np.minimum(given, self.cap)
        return np.asarray(given * to_hours(self.duration) if self.kind == "rate" else given)

    def base_amount(self, weight: ArrayLike) -> NDArray[np.float64]:
        """Mass of base of one administration, the cap applied.

        weight  : body weight, kg, > 0, any shape
        returns : mg base, the shape of weight
        Raises RegimenError where the dose is by weight and a weight is not above 0.
        """
        return self.amount(weight) * self.form.base_fraction

    def capped(self, limit: float, kind: Kind) -> Dose:
        """This dose with a cap, or with the one it has where that is lower.

        limit   : mg or mg/h, as kind says, > 0; converted by the duration where the dose is of the other kind
        kind    : "amount" or "rate"
        returns : a new dose
        Raises RegimenError for a rate limit on a bolus.
        """
        if kind != self.kind:
            if self.duration == 0:
                raise RegimenError(
                    f"dose of {self.quantity:g} {self.unit} {self.route}: a limit of {limit:g} mg/h has "
                    'no meaning for a bolus. Give the limit as a mass, such as "25 mg".'
                )
            hours = to_hours(self.duration)
            limit = limit * hours if kind == "rate" else limit / hours
        return replace(self, cap=limit if self.cap is None else min(self.cap, limit))


@dataclass(frozen=True, slots=True)
class Regimen:
    """Everything a person is given, as a sorted collection of courses; without any it is no treatment.

    doses : the courses; kept sorted, so that two regimens of the same courses are equal
    """

    doses: tuple[Dose, ...] = ()

    def __post_init__(self) -> None:
        for dose in self.doses:
            if not isinstance(dose, Dose):
                raise RegimenError(f"regimen: {dose!r} is not a Dose. Read a text with pkpd.dosing.prescription.parse.")
        object.__setattr__(self, "doses", tuple(sorted(self.doses, key=_order)))

    def __str__(self) -> str:
        from pkpd.dosing import prescription

        return prescription.write(self)

    def __add__(self, other: Regimen) -> Regimen:
        return self.together(other) if isinstance(other, Regimen) else NotImplemented

    @property
    def is_empty(self) -> bool:
        """Whether there is no treatment."""
        return not self.doses

    @property
    def end(self) -> int:
        """End of treatment, ticks: the last moment at which drug is given; 0 for no treatment."""
        return max((dose.end for dose in self.doses), default=0)

    @property
    def end_hours(self) -> float:
        """End of treatment, h."""
        return to_hours(self.end)

    @property
    def span(self) -> int:
        """When the last course is over, ticks: an unrepeated one at its end, a repeated one after its last interval.

        So that "25 mg/h over 4 h every 24 h for 10 doses", followed by something else, keeps its rhythm: ten days are
        over at 240 h and the next begins on day 11, not at 220 h when the last infusion stops.
        """
        return max((dose.span for dose in self.doses), default=0)

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes in use, sorted, each once."""
        return tuple(sorted({dose.route for dose in self.doses}))

    @property
    def forms(self) -> tuple[DrugForm, ...]:
        """The drug forms in use, sorted by their text, each once."""
        return tuple(sorted({dose.form for dose in self.doses}, key=str))

    def cumulative_amount(self, weight: ArrayLike) -> NDArray[np.float64]:
        """Mass of base given in all.

        weight  : body weight, kg, > 0, any shape
        returns : mg base, the shape of weight
        Raises RegimenError where a dose is by weight and a weight is not above 0.
        """
        total = np.zeros(np.shape(weight))
        for dose in self.doses:
            total = total + dose.count * dose.base_amount(weight)
        return np.asarray(total)

    def together(self, other: Regimen) -> Regimen:
        """Both regimens on one clock; also written `+`.

        other   : another regimen
        returns : a new regimen
        """
        return Regimen(self.doses + _regimen(other, "together").doses)

    def then(self, other: Regimen, after: Quantity = "0 h") -> Regimen:
        """This regimen, and the other once the span of this one is over.

        other   : the regimen to follow
        after   : time between, such as "20 min", >= 0
        returns : a new regimen
        Raises RegimenError for a negative time, UnitError for one without a unit.
        """
        pause = read_time(after, "then, after")
        if pause < 0:
            raise RegimenError(f"then: after is {after}; it must not be negative.")
        return self.together(_shifted(_regimen(other, "then"), self.span + pause))

    def repeat(self, times: int, every: Quantity) -> Regimen:
        """The whole regimen again at equal intervals; single doses become repeated ones, repeated ones are copied.

        times   : how often it is given in all, >= 1
        every   : time from start to start, such as "24 h", > 0
        returns : a new regimen
        Raises RegimenError for times below 1 or an interval not above 0, UnitError for an interval without a unit.
        """
        interval = read_time(every, "repeat, every")
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise RegimenError(f"repeat: times is {times!r}; it must be a whole number, at least 1.")
        if interval <= 0:
            raise RegimenError(f"repeat: every is {every}; it must be above 0.")
        single = tuple(replace(dose, every=interval, count=times) for dose in self.doses if dose.count == 1)
        copied = tuple(
            replace(dose, start=dose.start + index * interval)
            for dose in self.doses
            if dose.count > 1
            for index in range(times)
        )
        return Regimen(single + copied)

    def shift(self, by: Quantity) -> Regimen:
        """The same regimen later, or earlier where nothing then starts before time 0.

        by      : time, such as "12 h"
        returns : a new regimen
        Raises RegimenError where a dose would start before time 0, UnitError for a time without a unit.
        """
        return _shifted(self, read_time(by, "shift"))

    def scale(self, factor: float) -> Regimen:
        """Every quantity and every cap times a factor.

        factor  : dimensionless, > 0
        returns : a new regimen
        Raises RegimenError for a factor that is not finite and above 0.
        """
        if not 0.0 < factor < math.inf:
            raise RegimenError(f"scale: factor is {factor}; it must be finite and above 0.")
        return Regimen(
            tuple(
                replace(dose, quantity=dose.quantity * factor, cap=None if dose.cap is None else dose.cap * factor)
                for dose in self.doses
            )
        )

    def s_half(self) -> Regimen:
        """The S-ketamine that a regimen gives, as a new one: of the racemate half the mass, of the same salt.

        Raises RegimenError for R-ketamine, which holds none.
        """
        if any(dose.form.enantiomer == "R" for dose in self.doses):
            raise RegimenError("s_half: a dose of r-ketamine holds no S-ketamine. Leave it out first.")
        halves = self.scale(0.5).doses
        made = [one if one.form.enantiomer == "S" else half for one, half in zip(self.doses, halves, strict=True)]
        return Regimen(tuple(replace(dose, form=replace(dose.form, enantiomer="S")) for dose in made))

    def cap(self, limit: Quantity) -> Regimen:
        """At most this much at each administration, or this fast; a lower cap that a dose already has stays.

        limit   : absolute, such as "25 mg/h" or "100 mg", of the form as written
        returns : a new regimen
        Raises RegimenError for a limit by weight, not above 0, or a rate for a bolus; UnitError for an unknown unit.
        """
        value, kind = read_limit(limit, "cap")
        return Regimen(tuple(dose.capped(value, kind) for dose in self.doses))


def _order(dose: Dose) -> tuple[object, ...]:
    given = (dose.start, dose.duration, str(dose.form), dose.route, dose.kind, dose.per, dose.quantity)
    return (*given, dose.every, dose.count, dose.cap is not None, dose.cap or 0.0)


def _shifted(regimen: Regimen, ticks: int) -> Regimen:
    return Regimen(tuple(replace(dose, start=dose.start + ticks) for dose in regimen.doses))


def _regimen(other: Regimen, verb: str) -> Regimen:
    if not isinstance(other, Regimen):
        raise RegimenError(f"{verb}: {other!r} is not a Regimen. Read a text with pkpd.dosing.prescription.parse.")
    return other
