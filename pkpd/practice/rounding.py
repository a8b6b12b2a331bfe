"""What a dose comes to in the hand: weight bands, whole vials, the steps and the limit of a pump.

Masses are of the form as written, hydrochloride where the prescription says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.regimen import Dose, Kind
from pkpd.errors import SimulationError
from pkpd.practice.numbers import one_of, quantity_above
from pkpd.times import to_hours
from pkpd.units import analyse, split

Floats = NDArray[np.float64]

WAYS: Final = ("nearest", "up", "down")
# So near to a whole number of steps, of rounding in the last digits alone, an amount is one already.
_NEAR: Final = 1e-9


def whole_steps(amount: Floats, step: float, rounding: str) -> Floats:
    """Amounts as whole numbers of steps; what already is one stays as it is.

    amount, step : of one unit, > 0
    rounding     : one of WAYS; "nearest" takes a half up
    """
    count = amount / step
    near = np.rint(count)
    whole = {"nearest": np.floor(count + 0.5), "up": np.ceil(count), "down": np.floor(count)}[rounding]
    return np.where(np.abs(count - near) <= _NEAR * np.maximum(near, 1.0), amount, whole * step)


@dataclass(frozen=True, slots=True)
class Vial:
    """Every administration is a whole number of vials, ampoules or tablets.

    size         : what one holds, such as "50 mg", of the form as written
    rounding     : "nearest" (a half goes up), "up" or "down"
    source, mark : where the size is from
    """

    size: str
    rounding: str = "nearest"
    source: str = "user"
    mark: str = "assumed"

    def __post_init__(self) -> None:
        one_of(self.rounding, WAYS, "practice, vial: rounding")
        quantity_above(self.size, "mass", "practice, vial: size")

    def __str__(self) -> str:
        return f"whole vials of {self.size} ({self.rounding})"

    def given(self, amount: Floats) -> Floats:
        """Amounts in whole vials, mg."""
        return whole_steps(amount, quantity_above(self.size, "mass", "practice, vial: size"), self.rounding)


@dataclass(frozen=True, slots=True)
class Pump:
    """What a pump can be set to: every infusion keeps its duration and takes the nearest rate that can be set.

    step          : between rates, such as "0.1 mL/h" or "1 mg/h"
    most          : highest rate, in the same units; what should run faster runs at it, and less is given
    concentration : of the solution, such as "10 mg/mL"; where a rate is a volume
    rounding      : of the rate to the step: "nearest" (a half goes up), "up" or "down"
    source, mark  : where the numbers are from
    """

    step: str | None = None
    most: str | None = None
    concentration: str | None = None
    rounding: str = "nearest"
    source: str = "user"
    mark: str = "assumed"

    def __post_init__(self) -> None:
        where = "practice, pump"
        one_of(self.rounding, WAYS, f"{where}: rounding")
        if self.step is None and self.most is None:
            raise SimulationError(f'{where}: give a step, such as "0.1 mL/h", or a most, such as "100 mL/h", or both.')
        volumes = [name for name in ("step", "most") if self._is_volume(name)]
        if volumes and self.concentration is None:
            raise SimulationError(
                f"{where}: {volumes[0]} is {getattr(self, volumes[0])!r}, a volume. Give the concentration of the "
                'solution too, such as "10 mg/mL".'
            )
        if self.concentration is not None and not volumes:
            raise SimulationError(f"{where}: a concentration says nothing of rates in mg/h. Leave it out.")
        step, most = self.mg_per_h("step"), self.mg_per_h("most")
        if step is not None and most is not None and step > most:
            raise SimulationError(f"{where}: the step of {self.step} is above the most, {self.most}.")

    def __str__(self) -> str:
        said = [] if self.step is None else [f"pump steps of {self.step} ({self.rounding})"]
        said += [] if self.most is None else [f"{'at most' if said else 'pump rate at most'} {self.most}"]
        return ", ".join([*said, *([] if self.concentration is None else [f"at {self.concentration}"])])

    def _is_volume(self, name: str) -> bool:
        given = getattr(self, name)
        where = f"practice, pump: {name}"
        if given is None:
            return False
        if not isinstance(given, str):
            raise SimulationError(f'{where} is {given!r}; it is a text with its unit, such as "0.1 mL/h".')
        dimension = analyse(split(given, where)[1], where)[1]
        if dimension not in (analyse("mg/h")[1], analyse("L/h")[1]):
            raise SimulationError(f'{where} is "{given}". Units that fit: mg/h, mg/min, mL/h, mL/min.')
        return dimension == analyse("L/h")[1]

    def mg_per_h(self, name: str) -> float | None:
        """The step or the most in mg/h; None where there is none."""
        given, where = getattr(self, name), f"practice, pump: {name}"
        if given is None:
            return None
        if not self._is_volume(name):
            return quantity_above(given, "dose rate", where)
        strength = quantity_above(self.concentration, "concentration", "practice, pump: concentration")
        return quantity_above(given, "clearance", where) * strength

    def stepped(self, rate: Floats) -> Floats:
        """Rates in whole steps, mg/h."""
        step = self.mg_per_h("step")
        return rate if step is None else whole_steps(rate, step, self.rounding)

    def limited(self, rate: Floats) -> Floats:
        """Rates up to the highest that can be set, mg/h."""
        most, step = self.mg_per_h("most"), self.mg_per_h("step")
        if most is None:
            return rate
        settable = most if step is None else float(whole_steps(np.array([most]), step, "down")[0])
        return np.where(rate > most, settable, rate)


@dataclass(frozen=True, slots=True)
class WeightBands:
    """Doses by weight are worked out for the weight of a band, and not of the patient.

    bands        : (up to this weight, dosed as this weight) ascending, the last one (None, weight) for all above; such
                   as (("60 kg", "50 kg"), ("80 kg", "70 kg"), (None, "90 kg"))
    source, mark : where the bands are from
    """

    bands: tuple[tuple[str | None, str], ...]
    source: str = "user"
    mark: str = "assumed"

    def __post_init__(self) -> None:
        where = "practice, weight_bands"
        try:
            object.__setattr__(self, "bands", tuple((up_to, dosed_as) for up_to, dosed_as in self.bands))
        except (TypeError, ValueError) as cause:
            raise SimulationError(
                f'{where}: {self.bands!r}. Give pairs, such as (("60 kg", "50 kg"), (None, "80 kg")).'
            ) from cause
        if not self.bands or self.bands[-1][0] is not None or any(up_to is None for up_to, _ in self.bands[:-1]):
            raise SimulationError(
                f"{where}: the last band, and only that, is (None, weight), for all above the others."
            )
        limits = self._limits()
        for _, dosed_as in self.bands:
            quantity_above(dosed_as, "weight", where)
        if not (np.diff(limits) > 0).all():
            raise SimulationError(
                f"{where}: the bands are not ascending: {', '.join(str(b) for b, _ in self.bands[:-1])}."
            )

    def _limits(self) -> Floats:
        return np.array([quantity_above(up_to, "weight", "practice, weight_bands") for up_to, _ in self.bands[:-1]])

    def __str__(self) -> str:
        said = [f"up to {up_to} as {dosed_as}" for up_to, dosed_as in self.bands[:-1]]
        said.append(f"{'above' if said else 'all'} as {self.bands[-1][1]}")
        return f"dosed by weight band: {', '.join(said)}"

    def of(self, weight: Floats) -> Floats:
        """The weight somebody is dosed for, kg."""
        as_weight = np.array([quantity_above(own, "weight", "practice, weight_bands") for _, own in self.bands])
        return as_weight[np.searchsorted(self._limits(), weight, side="left")]


class Step(NamedTuple):
    """One step from what is prescribed to what is given."""

    why: str  # what this step does, in words; "" for what is prescribed
    kind: Kind
    quantity: Floats  # (patients) mg, or mg/h where the kind is "rate"


def steps(
    dose: Dose, weight: Floats, bands: WeightBands | None, vial: Vial | None, pump: Pump | None
) -> Iterator[Step]:
    """From a prescribed dose to what is given, one step after the other: weight band, vial, pump step, pump limit.

    weight  : (patients) kg
    Raises SimulationError where rounding leaves nothing.
    """
    hours, kind = to_hours(dose.duration), dose.kind
    quantity = _quantity(dose, weight)
    yield Step("", kind, quantity)
    if bands is not None and dose.per:
        quantity = _quantity(dose, bands.of(weight))
        yield Step("dosed by weight band", kind, quantity)
    if vial is not None:
        planned = quantity * hours if kind == "rate" else quantity
        kind, quantity = "amount", vial.given(planned)
        _refuse_nothing(dose, weight, planned, quantity, "mg", f"vials of {vial.size}")
        yield Step(f"rounded to vials of {vial.size}", kind, quantity)
    if pump is not None and dose.duration:
        planned = quantity / hours if kind == "amount" else quantity
        kind, quantity = "rate", pump.stepped(planned)
        _refuse_nothing(dose, weight, planned, quantity, "mg/h", f"pump steps of {pump.step}")
        yield Step(f"rounded to pump steps of {pump.step}", kind, quantity)
        yield Step(f"pump runs at {pump.most} at most", kind, pump.limited(quantity))


def _quantity(dose: Dose, weight: Floats) -> Floats:
    """The quantity of a dose without its weight, its cap applied, (patients)."""
    given = dose.quantity * (weight / dose.per if dose.per else np.ones_like(weight))
    return given if dose.cap is None else np.minimum(given, dose.cap)


def _refuse_nothing(dose: Dose, weight: Floats, planned: Floats, given: Floats, unit: str, what: str) -> None:
    if (given > 0.0).all():
        return
    worst = int(np.flatnonzero(~(given > 0.0))[0])
    raise SimulationError(
        f"practice: {dose.quantity:g} {dose.unit} {dose.route} is {planned[worst]:.4g} {unit} at {weight[worst]:.4g} "
        f'kg, and rounds to nothing in {what}. Take smaller ones, or rounding="up".'
    )
