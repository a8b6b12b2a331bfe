"""What `pkpd.percentiles` gives back: curves of percentiles and of the mean, with every error they carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.regimen import Regimen
from pkpd.errors import unknown
from pkpd.flags import Flag
from pkpd.model.model import Model

if TYPE_CHECKING:
    import pandas
    import xarray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Percentiles:
    """Percentiles over patients of some quantities, at every time and under every regimen.

    regimens   : name -> regimen
    quantities : names
    units      : (quantities) of all values
    at         : fractions
    hours      : (times)
    values     : (regimens, quantities, fractions, times) percentiles, linear between order statistics
    error      : of that shape, Monte-Carlo standard error of each: half the distance between the percentiles one
                 standard error of a proportion, sqrt(p (1 - p) / n), to both sides; nan where there are too few
                 patients for that. Of low-discrepancy draws the true error is usually smaller
    binning    : of that shape, the most by which counting in bins can put each off; 0 where all values were kept
    mean       : (regimens, quantities, times) over patients
    mean_error : of that shape, its Monte-Carlo standard error
    subjects   : how many patients
    seed       : of the patients
    exact      : whether all values were kept and sorted
    notes      : what a reader must know: effects left out, whose thresholds they are
    flags      : limits of the model and its effects that were passed, each `of` a regimen by name

    `curves["name of a regimen", "relief"]` is (fractions, times).
    """

    model: Model
    regimens: Mapping[str, Regimen]
    quantities: tuple[str, ...]
    units: tuple[str, ...]
    at: tuple[float, ...]
    hours: Floats
    values: Floats
    error: Floats
    binning: Floats
    mean: Floats
    mean_error: Floats
    subjects: int
    seed: int
    exact: bool
    notes: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()

    def __repr__(self) -> str:
        flags = f"; flags: {len(self.flags)}" if self.flags else ""
        how = "sorted" if self.exact else "counted in bins"
        return (
            f"Percentiles({self.model.id}: {', '.join(self.quantities)} under {len(self.regimens)} regimens; "
            f"{len(self.at)} percentiles of {self.subjects:,} patients at {len(self.hours)} times, {how}{flags})"
        )

    def __getitem__(self, which: tuple[str, str]) -> Floats:
        """Percentiles of one quantity under one regimen, (fractions, times).

        which : names of a regimen and a quantity
        Raises UnknownName for one that is not there.
        """
        values: Floats = self.values[self._place(*which)]
        return values

    def _place(self, regimen: str, quantity: str) -> tuple[int, int]:
        if regimen not in self.regimens:
            raise unknown("percentiles", "regimen", regimen, self.regimens)
        if quantity not in self.quantities:
            raise unknown("percentiles", "quantity", quantity, self.quantities)
        return list(self.regimens).index(regimen), self.quantities.index(quantity)

    def unit(self, quantity: str) -> str:
        """The unit of a quantity; "" for none."""
        return self.units[self._place(next(iter(self.regimens)), quantity)[1]]

    def table(self) -> pandas.DataFrame:
        """A pandas frame, one row per regimen, quantity, time and percentile; the row whose percentile is "mean" has
        the mean. Flags stand in `attrs["flags"]`.
        """
        import pandas

        arms, quantities, shares, times = self.values.shape
        rows = shares + 1
        each = [np.concatenate([part, mean[:, :, None]], axis=2) for part, mean in self._pairs()]
        value, error, binning = (np.moveaxis(part, 2, 3).ravel() for part in each)
        frame = pandas.DataFrame(
            {
                "regimen": np.repeat(np.array(list(self.regimens), object), quantities * times * rows),
                "quantity": np.tile(np.repeat(np.array(self.quantities, object), times * rows), arms),
                "time_h": np.tile(np.repeat(self.hours, rows), arms * quantities),
                "percentile": np.tile(np.array([*self.at, "mean"], object), arms * quantities * times),
                "value": value,
                "monte_carlo_error": error,
                "binning_error": binning,
                "unit": np.tile(np.repeat(np.array(self.units, object), times * rows), arms),
                "patients": self.subjects,
            }
        )
        if self.flags:
            frame.attrs["flags"] = [str(flag) for flag in self.flags]
        return frame

    def to_frame(self) -> pandas.DataFrame:
        """A pandas frame, one row per regimen and time, a column for each percentile and mean of a quantity, with its
        unit; flags stand in `attrs["flags"]`. The errors are in `table`.
        """
        import pandas

        times = len(self.hours)
        columns: dict[str, Any] = {
            "regimen": np.repeat(np.array(list(self.regimens), object), times),
            "time (h)": np.tile(self.hours, len(self.regimens)),
        }
        for number, (name, unit) in enumerate(zip(self.quantities, self.units, strict=True)):
            behind = f" ({unit})" if unit not in ("", "1") else ""
            for place, share in enumerate(self.at):
                columns[f"{name} {100 * share:g} %{behind}"] = self.values[:, number, place].reshape(-1)
            columns[f"{name} mean{behind}"] = self.mean[:, number].reshape(-1)
        frame = pandas.DataFrame(columns)
        if self.flags:
            frame.attrs["flags"] = [str(flag) for flag in self.flags]
        return frame

    def _pairs(self) -> tuple[tuple[Floats, Floats], ...]:
        """Of percentiles and mean: the value, its Monte-Carlo error, and that of binning, which a mean has none of."""
        return (self.values, self.mean), (self.error, self.mean_error), (self.binning, np.zeros_like(self.mean))

    def to_xarray(self) -> xarray.Dataset:
        """An xarray Dataset: every quantity, and " error" and " binning" beside it, over regimen, percentile and time;
        " mean" and " mean error" over regimen and time.
        """
        import xarray

        full, flat = ("regimen", "percentile", "time"), ("regimen", "time")
        variables: dict[str, Any] = {}
        for k, (name, unit) in enumerate(zip(self.quantities, self.units, strict=True)):
            units = {"units": unit or "1"}
            variables[name] = full, self.values[:, k], units
            variables[f"{name} error"] = full, self.error[:, k], units
            variables[f"{name} binning"] = full, self.binning[:, k], units
            variables[f"{name} mean"] = flat, self.mean[:, k], units
            variables[f"{name} mean error"] = flat, self.mean_error[:, k], units
        coordinates = {
            "regimen": list(self.regimens),
            "percentile": list(self.at),
            "time": ("time", self.hours, {"units": "h"}),
        }
        about = {"model": self.model.id, "patients": self.subjects, "seed": self.seed}
        noted = {"flags": [str(flag) for flag in self.flags]} if self.flags else {}
        return xarray.Dataset(variables, coordinates, {**about, "not_for": "Not for dosing patients.", **noted})
