"""What a simulation gives back: values with named dimensions and units, for every subject, time and quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd.effects.response import effect_values, pain, remaining
from pkpd.errors import SimulationError, unknown
from pkpd.flags import Flag
from pkpd.individuals import Individuals
from pkpd.measuring import Observed, limits_of, measure, wanted
from pkpd.model.effect import root_of
from pkpd.model.residual import Residual
from pkpd.units import analyse

if TYPE_CHECKING:
    import pandas
    import xarray

Floats = NDArray[np.float64]

CONCENTRATION_UNIT = "ng/mL"


@dataclass(frozen=True)
class Result:
    """Values of every quantity of a simulation.

    individuals : the subjects with all their parameters
    regimen     : what was given, as text
    hours       : (times), or (subjects, times) where each subject has its own
    quantities  : names: analytes, then effect sites ("site of ...")
    array       : (quantities, times, subjects) in canonical units, concentrations in mg/L; all else converts it. Not a
                  number from where a subject could not be integrated
    failures    : subject -> why it could not be integrated, and what to do
    flags       : limits of the model and its effects that were passed, and what else a reader must know

    `result["S-ketamine"]` is (times, subjects) in ng/mL; an effect's name gives its value, "pain" the pain score and
    "relief" its fraction of baseline removed.
    """

    individuals: Individuals
    regimen: str
    hours: Floats
    quantities: tuple[str, ...]
    array: Floats
    failures: Mapping[int, str] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()

    def __repr__(self) -> str:
        flags = f"; flags: {len(self.flags)}" if self.flags else ""
        return (
            f"Result({self.individuals.model.id}: {self.regimen}; {len(self.quantities)} quantities x "
            f"{self.array.shape[1]} times x {self.array.shape[2]} subjects{flags})"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that can be asked for by name."""
        effects = tuple(effect.id for effect in self.individuals.model.effects)
        return self.quantities + effects + (("pain", "relief") if self._has_pain else ())

    @property
    def _has_pain(self) -> bool:
        return any(effect.role == "baseline" for effect in self.individuals.model.effects)

    def unit(self, name: str) -> str:
        """The unit in which `result[name]` is given: ng/mL for a concentration, else that of the file; "" for none."""
        output = self.individuals.model.outputs.get(name)
        if output is not None and output.dimension != analyse(CONCENTRATION_UNIT)[1]:
            return output.unit
        if name in self.quantities:
            return CONCENTRATION_UNIT
        effects = self.individuals.model.effects
        effect = next((effect for effect in effects if effect.id == name), None)
        if name == "pain" or (effect is not None and effect.role == "baseline"):
            return "points"
        return root_of(effect, effects).unit if effect is not None and effect.role == "measure" else ""

    def __getitem__(self, name: str) -> Floats:
        """Values of one quantity, (times, subjects), in `unit(name)`.

        Raises UnknownName for a name this result has not, SimulationError where values are missing because a subject
        could not be integrated: see `without_failures` and `with_failures`.
        """
        values = self._values(name)
        if self.failures and np.isnan(values).any():
            refuse_failures(self.individuals.model.id, self.failures, self.individuals.numbers)
        return values

    def _values(self, name: str) -> Floats:
        if name in self.quantities:
            return np.asarray(self._drive(name) / analyse(self.unit(name))[0])
        hours = self.hours[:, None] if self.hours.ndim == 1 else self.hours.T
        if name == "pain" and self._has_pain:
            return pain(self.individuals, self._drive, hours)
        if name == "relief" and self._has_pain:
            return np.asarray(1.0 - remaining(self.individuals, self._drive, hours))
        for effect in self.individuals.model.effects:
            if effect.id == name:
                return effect_values(self.individuals, effect, self._drive, hours) / analyse(self.unit(name))[0]
        raise unknown("result", "quantity", name, self.names)

    def with_failures(self) -> Result:
        """The same result, which gives what it has of subjects that could not be integrated, and nan from there on."""
        return replace(self, failures={})

    def without_failures(self) -> Result:
        """The result of the subjects that could be integrated."""
        kept = np.setdiff1d(np.arange(self.array.shape[2]), list(self.failures))
        hours = self.hours[kept] if self.hours.ndim == 2 else self.hours
        return replace(
            self, individuals=self.individuals.only(kept), hours=hours, array=self.array[:, :, kept], failures={}
        )

    def _drive(self, quantity: str) -> Floats:
        values: Floats = self.array[self.quantities.index(quantity)]
        return values

    def quantiles(self, name: str, shares: Sequence[float] = (0.05, 0.5, 0.95)) -> Floats:
        """Percentiles over subjects, (shares, times), in `unit(name)`; linear between order statistics."""
        return np.asarray(np.quantile(self[name], shares, axis=1))

    def observed(
        self,
        residual: Residual | Mapping[str, Residual] | None = None,
        *,
        of: Sequence[str] | None = None,
        lloq: str | Mapping[str, str] | None = None,
        seed: int | None = None,
    ) -> Observed:
        """What would be measured at every time: the values with a residual error.

        residual : of every quantity, or quantity -> Residual; those that the model's file states unless given
        of       : the quantities measured, of `names`; unless given those with an error, or every output of the model
        lloq     : limit of quantification, text with its unit, or quantity -> text; what is below is marked
        seed     : of the noise, 0 to 2^64 - 1; that of the patients unless given; another one measures again. What a
                   patient's noise is at a time is the same under every regimen and whatever other times there are
        returns  : Observed
        Raises UnknownName for a quantity this result has not, SimulationError where an error is not known or does not
        fit, and for subjects that could not be integrated.
        """
        errors = wanted(self.individuals, self.names, residual, of)
        units = {name: self.unit(name) for name in errors}
        limits = limits_of(lloq, units)
        own = self.individuals.seed if seed is None else seed
        if isinstance(own, bool) or not isinstance(own, (int, np.integer)) or not 0 <= own < 2**64:
            raise SimulationError(f"observed: seed {seed!r} is not a whole number from 0 to 2^64 - 1.")
        measured = {
            name: measure(self.individuals, name, units[name], self[name], self.hours, error, int(own))
            for name, error in errors.items()
        }
        below = {name: values < limits.get(name, -np.inf) for name, values in measured.items()}
        return Observed(self.individuals, self.hours, measured, below, limits, units, errors)

    def to_xarray(self, names: Sequence[str] | None = None) -> xarray.Dataset:
        """An xarray Dataset with dimensions time (h) and subject and units in the attributes.

        names : which quantities; all unless given
        Raises SimulationError where every subject has times of its own: use `to_frame`.
        """
        import xarray

        if self.hours.ndim == 2:
            raise SimulationError("result: subjects have different times, so no common time axis. Use to_frame().")
        variables = {
            name: (("time", "subject"), self[name], {"units": self.unit(name) or "1"}) for name in (names or self.names)
        }
        coordinates = {"time": ("time", self.hours, {"units": "h"}), "subject": self.individuals.numbers}
        return xarray.Dataset(
            variables,
            coordinates,
            {
                "model": self.individuals.model.id,
                "regimen": self.regimen,
                "not_for": "Not for dosing patients.",
                **({"flags": [str(flag) for flag in self.flags]} if self.flags else {}),
            },
        )

    def to_frame(self, names: Sequence[str] | None = None) -> pandas.DataFrame:
        """A pandas frame, one row per subject and time; units stand in the column names, flags in `attrs["flags"]`.

        names : which quantities; all unless given
        """
        import pandas

        subjects, times = self.array.shape[2], self.array.shape[1]
        hours = np.tile(self.hours, subjects) if self.hours.ndim == 1 else self.hours.reshape(-1)
        columns: dict[str, Any] = {"subject": np.repeat(self.individuals.numbers, times), "time (h)": hours}
        for name in names or self.names:
            unit = self.unit(name)
            columns[f"{name} ({unit})" if unit not in ("", "1") else name] = self[name].T.reshape(-1)
        frame = pandas.DataFrame(columns)
        if self.flags:
            frame.attrs["flags"] = [str(flag) for flag in self.flags]
        return frame


WAY_OUT = "A result's without_failures() leaves such subjects out, with_failures() gives what there is."


def refuse_failures(
    model: str, failures: Mapping[int, str], numbers: NDArray[np.int64], way_out: str = WAY_OUT
) -> None:
    """Raise the error that says who could not be integrated, and why.

    failures : subject, by position -> why
    numbers  : (subjects) the subjects' own numbers
    way_out  : what can be done
    Raises SimulationError.
    """
    first = min(failures)
    others = f" So with {len(failures) - 1} more." if len(failures) > 1 else ""
    raise SimulationError(
        f"model {model}: subject {numbers[first]} could not be integrated, {failures[first]}{others} {way_out}"
    )
