"""What would be measured: true values with a residual error, and which results lie below a limit of quantification."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError, nearest, unknown
from pkpd.individuals import Individuals
from pkpd.model.expressions import describe
from pkpd.model.residual import Noise, Power, Residual
from pkpd.population.noise import noise
from pkpd.population.variability import student
from pkpd.times import TICKS_PER_HOUR
from pkpd.units import analyse, split

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

KEEP, HALF, DROP = "keep", "half", "drop"
Given = Residual | Mapping[str, Residual] | None


@dataclass(frozen=True)
class Observed:
    """Measurements of some quantities, as `Result.observed` gives them.

    individuals : the subjects
    hours       : (times), or (subjects, times) where each subject has its own
    measured    : quantity -> (times, subjects), in `units`; a result below a limit stands as it was drawn
    below       : quantity -> (times, subjects) whether it is below the limit of quantification
    limits      : quantity -> the limit, in `units`; without one, nothing is below
    units       : quantity -> its unit
    residual    : quantity -> the error that was added
    """

    individuals: Individuals
    hours: Floats
    measured: Mapping[str, Floats]
    below: Mapping[str, NDArray[np.bool_]]
    limits: Mapping[str, float]
    units: Mapping[str, str]
    residual: Mapping[str, Residual]

    def __repr__(self) -> str:
        return (
            f"Observed({self.individuals.model.id}: {', '.join(self.measured)}; {self.hours.shape[-1]} times x "
            f"{self.individuals.size:,} subjects)"
        )

    def __getitem__(self, name: str) -> Floats:
        """Measurements of one quantity, (times, subjects), those below a limit as they were drawn.

        Raises UnknownName for a quantity that was not measured.
        """
        return self.values(name)

    def values(self, name: str, below: str = KEEP) -> Floats:
        """Measurements of one quantity, (times, subjects), in its unit.

        below : what stands for a result below the limit: "keep", what was drawn; "half", half the limit
        Raises UnknownName for a quantity that was not measured.
        """
        if name not in self.measured:
            raise unknown("observed", "quantity", name, self.measured)
        if below == DROP:
            raise SimulationError('observed: results that are dropped leave gaps. Use to_frame(below="drop").')
        if below not in (KEEP, HALF):
            raise SimulationError(f'observed: below = "{below}" is not known. {nearest(below, (KEEP, HALF, DROP))}')
        if below == KEEP or name not in self.limits:
            return self.measured[name]
        return np.where(self.below[name], self.limits[name] / 2, self.measured[name])

    def to_frame(self, below: str = KEEP) -> pandas.DataFrame:
        """A pandas frame, one row a measurement: subject, time (h), quantity, value, unit, below.

        below : "keep" and "half" as for `values`; "drop" leaves out what is below the limit
        """
        import pandas

        frames = []
        for name in self.measured:
            times, subjects = self.measured[name].shape
            hours = np.tile(self.hours, subjects) if self.hours.ndim == 1 else self.hours.reshape(-1)
            frames.append(
                pandas.DataFrame(
                    {
                        "subject": np.repeat(self.individuals.numbers, times),
                        "time (h)": hours,
                        "quantity": name,
                        "value": self.values(name, KEEP if below == DROP else below).T.reshape(-1),
                        "unit": self.units[name],
                        "below": self.below[name].T.reshape(-1),
                    }
                )
            )
        frame = pandas.concat(frames, ignore_index=True)
        return frame[~frame["below"]].reset_index(drop=True) if below == DROP else frame


def wanted(
    subjects: Individuals, names: Iterable[str], residual: Given, of: Iterable[str] | None
) -> dict[str, Residual]:
    """The quantities to measure, and the error of each.

    names    : everything the result has
    residual : of every quantity, or by name; those of the model's file unless given
    of       : the quantities; unless given those with an error, or all outputs of the model where one is for all
    Raises UnknownName for a quantity that is not there, SimulationError where one has no error.
    """
    model, known = subjects.model, tuple(names)
    if not isinstance(residual, (Residual, Mapping)) and residual is not None:
        raise SimulationError(f"observed: {residual!r} is no residual error. Give pkpd.Residual(proportional=0.2).")
    if isinstance(residual, Residual):
        own = dict.fromkeys(model.outputs if of is None else of, residual)
    else:
        own = dict(model.residual if residual is None else residual)
    if isinstance(of, str):
        raise SimulationError(f'observed: give a list of quantities, such as ["{of}"].')
    asked = tuple(own) if of is None else tuple(of)
    for name in asked:
        if name not in known:
            raise unknown("observed", "quantity", name, known)
        if not isinstance(own.get(name), Residual):
            raise SimulationError(
                f'observed: no residual error is known of "{name}" under the model {model.id}. Give one: '
                f'residual={{"{name}": pkpd.Residual(proportional=0.2)}}.'
            )
    if not asked:
        raise SimulationError(
            f"observed: the model {model.id} states no residual error. Give one, such as "
            "residual=pkpd.Residual(proportional=0.2)."
        )
    return {name: own[name] for name in asked}


def measure(
    subjects: Individuals, name: str, unit: str, values: Floats, hours: Floats, residual: Residual, seed: int
) -> Floats:
    """Measurements of one quantity, (times, subjects), in its unit.

    unit   : of the values
    values : (times, subjects) true ones
    hours  : (times) or (subjects, times)
    """
    factor, dimension = analyse(unit or "1", "observed")
    for part in residual.parts.values():
        additive = isinstance(part, Power) or (part is residual.additive and isinstance(part, Noise))
        if additive and part.dimension != dimension:
            raise SimulationError(
                f'observed: the residual error of "{name}" is given as {describe(part.dimension)}; it needs '
                f"{describe(dimension)}, like that of {unit or 'a plain number'}."
            )
    e = standard(subjects, name, hours, residual, seed)
    return residual.measured(values * factor, e) / factor


def standard(subjects: Individuals, name: str, hours: Floats, residual: Residual, seed: int) -> Floats:
    """Noise of mean 0 and variance 1 with the residual error's memory and tail, (times, subjects).

    Each number is addressed by seed, patient, model and quantity, and time: another time, patient, regimen or quantity
    more changes none.
    """
    ticks = np.rint(hours * TICKS_PER_HOUR).astype(np.int64)
    memory, variable = residual.memory, f"{subjects.model.id}.{name}.residual"
    decay = None if memory is None else -math.log(memory.rho) / (memory.per * TICKS_PER_HOUR)
    made = np.empty((ticks.shape[-1], subjects.size))
    for row, who in _alike(ticks, subjects.size):
        times, places = np.unique(row, return_inverse=True)
        for number, (_, drawn) in enumerate(noise(seed, subjects.numbers[who], variable, times, decay)):
            made[np.ix_(places == number, who)] = drawn
    return made if residual.tail is None else student(made, residual.tail)


def _alike(ticks: Integers, size: int) -> list[tuple[Integers, Integers]]:
    """The different rows of times, and the positions of the subjects who have each."""
    if ticks.ndim == 1:
        return [(ticks, np.arange(size))]
    rows, which = np.unique(ticks, axis=0, return_inverse=True)
    return [(row, np.flatnonzero(which == number)) for number, row in enumerate(rows)]


def limits_of(lloq: str | Mapping[str, str] | None, units: Mapping[str, str]) -> dict[str, float]:
    """The limit of quantification of every quantity that has one, in its unit.

    lloq  : text with its unit, of every quantity of that dimension; or quantity -> text
    units : quantity -> unit, of those that are measured
    """
    if lloq is None:
        return {}
    if isinstance(lloq, str):
        dimension = analyse(split(lloq, "lloq")[1], "lloq")[1]
        names = [name for name, unit in units.items() if analyse(unit or "1")[1] == dimension]
        if not names:
            raise SimulationError(
                f'observed: a limit of "{lloq}" fits no quantity that is measured: {", ".join(units)} in '
                f"{', '.join(unit or 'no unit' for unit in units.values())}."
            )
        given: Mapping[str, Any] = dict.fromkeys(names, lloq)
    else:
        given = lloq
    limits = {}
    for name, text in given.items():
        if name not in units:
            raise unknown("observed, lloq", "quantity", name, units)
        where = f"lloq of {name}"
        factor, dimension = analyse(units[name] or "1")
        number, unit = split(text, where) if isinstance(text, str) else (math.nan, "")
        if not 0 < number < math.inf or analyse(unit, where)[1] != dimension:
            raise SimulationError(f'{where}: {text!r} is no limit above 0, like "1 {units[name]}".')
        limits[name] = number * analyse(unit)[0] / factor
    return limits
