"""The verb: many regimens in the same virtual patients -> percentiles over time, and nothing else kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd import montecarlo, validity
from pkpd.dosing.prescription import as_regimen
from pkpd.dosing.regimen import Regimen
from pkpd.errors import SimulationError, unknown
from pkpd.flags import Flag
from pkpd.individuals import Individuals
from pkpd.model.model import Model
from pkpd.population.people import Population
from pkpd.result import Result
from pkpd.simulation import check_subjects, concentrations, form_of, individuals, raised, thread_count
from pkpd.solving import Tolerance
from pkpd.statistics.normal import Z95
from pkpd.times import TICKS_PER_HOUR, read_times
from pkpd.units import analyse

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CONFIDENCE = 0.95


def sweep(
    model: Model,
    regimens: Mapping[str, Regimen | str] | Sequence[Regimen | str],
    population: Population | int | Mapping[str, Any] | None,
    times: Any,
    *,
    of: str,
    quantiles: Sequence[float] = (0.05, 0.5, 0.95),
    tolerance: Tolerance | None = None,
    threads: int | None = None,
) -> Sweep:
    """Percentiles over subjects of one quantity under every one of many regimens.

    model      : from `pkpd.load` or `pkpd.read_model`, with effects if one is asked for
    regimens   : name -> Regimen or prescription text; or a list of them, named by their texts
    population : the subjects, the same under every regimen, as for `pkpd.simulate`
    times      : as for `pkpd.simulate`, the same for all subjects
    of         : what `Result` has by name: an analyte, "site of ...", an effect, "pain", "relief"
    quantiles  : fractions from 0 to 1
    tolerance  : how exactly equations are solved that have no exact solution
    threads    : how many; all cores unless given. The numbers do not depend on it
    returns    : Sweep; the values of single subjects are dropped, so memory does not grow with the regimens
    Raises a PkpdError for anything that does not fit, before anything runs, and for a subject who cannot be integrated.
    """
    plans = _named(regimens)
    subjects = individuals(model, population, form_of(list(plans.values())))
    for name, regimen in plans.items():
        check_subjects(subjects, regimen, f'regimen "{name}"')
        validity.refuse(subjects, regimen, f'regimen "{name}"')
    ticks = read_times(times)
    if ticks.ndim == 2:
        raise SimulationError("sweep: percentiles over subjects need times that are the same for all of them.")
    read = _reader(subjects, ticks, of, tolerance)
    summary = _Summary(montecarlo.fractions(quantiles, "quantiles"), subjects.size)
    flags: list[tuple[Flag, ...]] = [()] * len(plans)
    made = np.empty((3, len(plans), len(summary.fractions), len(ticks)))
    workers = min(thread_count(threads), len(plans))
    inner = thread_count(threads) if workers == 1 else 1

    def work(number: int) -> None:
        name, regimen = names[number]
        found = np.sort(read.values(regimen, inner), axis=1)
        if np.isnan(found[:, -1]).any():
            raise SimulationError(f'sweep: regimen "{name}" leaves some subjects without a value of {of}.')
        made[:, number] = summary(found, read.divisor)
        flags[number] = raised(subjects, regimen, ticks, {}, of=name, tolerance=tolerance, threads=inner)

    names = list(plans.items())
    if workers == 1:
        for number in range(len(names)):
            work(number)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(len(names))))
    shares, hours = tuple(summary.fractions.tolist()), ticks / TICKS_PER_HOUR
    return Sweep(model, plans, of, read.unit, shares, hours, made[0], made[1], made[2], subjects.size, _joined(flags))


def _joined(flags: Sequence[tuple[Flag, ...]]) -> tuple[Flag, ...]:
    return tuple(flag for of_one in flags for flag in of_one)


@dataclass(frozen=True)
class Sweep:
    """Percentiles of one quantity over subjects, under many regimens.

    regimens  : name -> regimen
    of, unit  : the quantity and the unit of all values
    quantiles : fractions
    hours     : (times)
    values    : (regimens, quantiles, times) percentiles, linear between order statistics
    low, high : (regimens, quantiles, times) 95 % interval of each percentile, were as many subjects drawn at random:
                order statistics; nan where there are too few subjects for a bound
    subjects  : how many
    flags     : limits of the model and its effects that were passed, each `of` a regimen by name

    `sweep["name of a regimen"]` is (quantiles, times).
    """

    model: Model
    regimens: Mapping[str, Regimen]
    of: str
    unit: str
    quantiles: tuple[float, ...]
    hours: Floats
    values: Floats
    low: Floats
    high: Floats
    subjects: int
    flags: tuple[Flag, ...] = ()

    def __repr__(self) -> str:
        flags = f"; flags: {len(self.flags)}" if self.flags else ""
        return (
            f"Sweep({self.model.id}: {self.of} under {len(self.regimens)} regimens; {len(self.quantiles)} percentiles "
            f"of {self.subjects} subjects at {len(self.hours)} times{flags})"
        )

    def __getitem__(self, regimen: str) -> Floats:
        """Percentiles under one regimen, (quantiles, times), in `unit`.

        Raises UnknownName for a regimen that is not in the sweep.
        """
        if regimen not in self.regimens:
            raise unknown("sweep", "regimen", regimen, self.regimens)
        values: Floats = self.values[list(self.regimens).index(regimen)]
        return values

    @property
    def error(self) -> Floats:
        """Monte-Carlo standard error of each percentile: its interval's width over that of a normal one."""
        return (self.high - self.low) / (2 * Z95)

    def _flags_of(self, regimen: str) -> str:
        return " | ".join(f"{flag.text} [{flag.source}]" for flag in self.flags if flag.of == regimen)

    def to_frame(self) -> pandas.DataFrame:
        """A pandas frame, one row per regimen, percentile and time; units in column names, flags in a last column."""
        import pandas

        count, shares, times = self.values.shape
        unit = f" ({self.unit})" if self.unit else ""
        frame = pandas.DataFrame(
            {
                "regimen": np.repeat(np.array(list(self.regimens), object), shares * times),
                "quantile": np.tile(np.repeat(self.quantiles, times), count),
                "time (h)": np.tile(self.hours, count * shares),
                f"{self.of}{unit}": self.values.ravel(),
                f"low{unit}": self.low.ravel(),
                f"high{unit}": self.high.ravel(),
            }
        )
        if self.flags:
            texts = np.array([self._flags_of(name) for name in self.regimens], object)
            frame["flags"] = np.repeat(texts, shares * times)
        return frame


@dataclass(frozen=True)
class _Reader:
    """How the quantity is had of one regimen.

    values  : regimen, threads -> (times, subjects)
    divisor : what these are divided by to be in the unit
    """

    values: Callable[[Regimen, int], Floats]
    divisor: float
    unit: str


def _reader(subjects: Individuals, ticks: Integers, of: str, tolerance: Tolerance | None) -> _Reader:
    """Only the quantity itself where the model gives it; all that it may depend on where it is an effect."""
    outputs, hours = subjects.program.outputs, ticks / TICKS_PER_HOUR

    def result(array: Floats) -> Result:
        return Result(subjects, "", hours, outputs, array)

    nothing = result(np.empty((len(outputs), 0, 0)))
    if of not in nothing.names:
        raise unknown("sweep", "quantity", of, nothing.names)
    unit = nothing.unit(of)

    def level(regimen: Regimen, threads: int) -> Floats:
        array = concentrations(subjects, regimen, ticks, outputs=(of,), tolerance=tolerance, threads=threads)
        return np.asarray(array[0])

    def effect(regimen: Regimen, threads: int) -> Floats:
        return result(concentrations(subjects, regimen, ticks, tolerance=tolerance, threads=threads))[of]

    return _Reader(level, analyse(unit)[0], unit) if of in outputs else _Reader(effect, 1.0, unit)


class _Summary:
    """Percentiles of sorted rows, and the order statistics that bound them.

    Type 7 of Hyndman and Fan, Am Stat 1996;50:361-365. Bounds of ranks l and u hold the percentile of the population
    between them with the probability that l to u - 1 of the subjects lie below it, which is binomial (David and
    Nagaraja, Order Statistics, 7.1).
    """

    def __init__(self, fractions: Floats, subjects: int) -> None:
        from scipy.special import bdtr

        self.fractions = fractions
        place = fractions * (subjects - 1)
        self._below = np.floor(place).astype(np.int64)
        self._above = np.minimum(self._below + 1, subjects - 1)
        self._share = place - self._below
        count = np.arange(subjects + 1)
        chance = np.array([bdtr(count.astype(float), subjects, share) for share in fractions])
        tail = (1 - CONFIDENCE) / 2
        # Rank r is position r - 1; position -1 or `subjects` is none.
        self._low = (chance <= tail).sum(axis=1) - 1
        self._high = (chance < 1 - tail).sum(axis=1)
        self._no_low, self._no_high = self._low < 0, self._high >= subjects

    def __call__(self, rows: Floats, divisor: float) -> tuple[Floats, Floats, Floats]:
        """Percentile, lower and upper bound, each (fractions, rows).

        rows    : (rows, subjects), sorted
        divisor : what every value is divided by
        """
        a, b = rows[:, self._below].T / divisor, rows[:, self._above].T / divisor
        share = self._share[:, None]
        between = np.where(share < 0.5, a + (b - a) * share, b - (b - a) * (1 - share))
        low = rows[:, np.maximum(self._low, 0)].T / divisor
        high = rows[:, np.minimum(self._high, rows.shape[1] - 1)].T / divisor
        low[self._no_low], high[self._no_high] = math.nan, math.nan
        return between, low, high


def _named(regimens: Mapping[str, Regimen | str] | Sequence[Regimen | str]) -> dict[str, Regimen]:
    """Regimens by name; those of a list by their text."""
    if isinstance(regimens, Mapping):
        plans = {str(name): as_regimen(regimen, f'regimen "{name}"') for name, regimen in regimens.items()}
    elif isinstance(regimens, Sequence) and not isinstance(regimens, str):
        plans = {}
        for number, regimen in enumerate(regimens):
            read = as_regimen(regimen, f"regimen {number}")
            name = regimen if isinstance(regimen, str) else str(read)
            if name in plans:
                raise SimulationError(f'sweep: regimen {number}, "{name}", is there twice. Give them names.')
            plans[name] = read
    else:
        raise SimulationError(f"sweep: regimens are given by name or as a list, not as {str(regimens)[:40]}.")
    if not plans:
        raise SimulationError("sweep: no regimens. Give at least one, name -> prescription.")
    return plans
