"""The verb: what a large run would take, in memory and time, before it is begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pkpd import capacity
from pkpd.arms import Given
from pkpd.comparing import compare
from pkpd.errors import SimulationError
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.population.people import Population
from pkpd.streaming.verb import needed


@dataclass(frozen=True)
class Forecast:
    """What a run would take.

    of        : the verb, "compare" or "percentiles"
    patients  : how many
    regimens  : how many
    bytes     : of memory at its peak, beside what the program takes up already
    available : bytes that are free now; None where the system does not say
    seconds   : on the clock, measured by a short run before
    most      : patients who would fit; None where memory does not depend on them, or the system does not say
    """

    of: str
    patients: int
    regimens: int
    bytes: int
    available: int | None
    seconds: float
    most: int | None

    @property
    def fits(self) -> bool:
        """Whether the memory is enough, with a fifth of it to spare."""
        return self.available is None or self.bytes <= capacity.SPARE * self.available

    def __str__(self) -> str:
        free = "" if self.available is None else f" of {capacity.amount_text(self.available)} that are free"
        verdict = "" if self.fits else " It does not fit."
        most = ""
        if self.most is not None:
            most = f" About {capacity.rounded(self.most):,} patients would fit."
        elif self.of == "percentiles" and self.fits:
            most = " Memory does not grow with the patients."
        return (
            f"{self.of}: {self.patients:,} patients under {self.regimens} regimens take about "
            f"{capacity.amount_text(self.bytes)}{free} and {time_text(self.seconds)}.{verdict}{most}"
        )


def time_text(seconds: float) -> str:
    """A time as text, to the digits that a forecast has."""
    if seconds < 1:
        return "less than 1 s"
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def forecast(
    model: Model,
    regimens: Mapping[str, Given],
    subjects: Population | int | Mapping[str, Any],
    times: Any = None,
    *,
    until: Any = None,
    quantities: Sequence[str] = ("S-ketamine", "relief"),
    effects: Sequence[Effect] | None = None,
    exact: bool | None = None,
    threads: int | None = None,
) -> Forecast:
    """What a comparison, or percentile curves, of so many patients would take in memory and time.

    model, regimens, subjects, effects, threads : as for `pkpd.compare` and `pkpd.percentiles`
    times      : of percentile curves; without them the forecast is of `pkpd.compare`
    until      : end of a comparison's course
    quantities : of percentile curves
    exact      : as for `pkpd.percentiles`
    returns    : Forecast; print it
    Raises a PkpdError for anything that does not fit. Takes about a second: the first few thousand patients are run.
    """
    if isinstance(subjects, (bool, str)):
        raise SimulationError(f"forecast: {subjects!r} is no population. Give a number, a Population or a table.")
    size = capacity.count_of(subjects)
    if times is not None:
        verb, need = "percentiles", needed(model, regimens, subjects, times, quantities, effects, exact, threads)
    else:

        def run(patients: int) -> object:
            some = capacity.first_of(subjects, patients)
            return compare(model, regimens, some, until, effects=effects, threads=threads)

        verb, need = "compare", capacity.memory_of(run, size)
        taken = capacity.time_of(run, size)
        need = need._replace(fixed_seconds=taken.fixed_seconds, seconds_each=taken.seconds_each)
    free = capacity.available()
    most = None if free is None else need.most_in(free)
    return Forecast(verb, size, len(regimens), need.bytes_for(size), free, need.seconds_for(size), most)
