"""The workloads W1 to W5: plausible round numbers, not medicine, in h, mg, L and mg/L.

The draw needs no random numbers: subject i = 1 ... N has in column j the value typical exp(omega z) with z the normal
quantile of frac(i sqrt(p_j)), p_j the j-th prime, so that every program gets the same table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67)

# Column -> (typical value, omega).
LINEAR = {
    "CL": (80.0, 0.30),
    "V1": (20.0, 0.30),
    "Q2": (120.0, 0.25),
    "V2": (40.0, 0.25),
    "Q3": (60.0, 0.25),
    "V3": (150.0, 0.30),
    "KE0": (12.0, 0.30),
}
NONLINEAR = {
    "KA": (1.0, 0.30),
    "VMAX": (40.0, 0.30),
    "KM": (0.5, 0.30),
    "V1": (20.0, 0.30),
    "Q2": (120.0, 0.25),
    "V2": (40.0, 0.25),
    "Q3": (60.0, 0.25),
    "V3": (150.0, 0.30),
    "CLM": (60.0, 0.30),
    "VM1": (40.0, 0.25),
    "QM": (50.0, 0.25),
    "VM2": (80.0, 0.25),
    "KE0": (12.0, 0.30),
    "KE0N": (4.0, 0.30),
    "EMAX": (4.0, 0.20),
    "EC50": (0.15, 0.40),
    "KTOL": (0.05, 0.30),
    "TC50": (0.2, 0.30),
    "KOUT": (0.5, 0.30),
}
# The same for every subject of W3 and W4, and the rate of the two fast states of W4, 1/h.
FIXED = {"F": 0.20, "FFP": 0.60, "FMET": 0.80, "MR": 0.941, "POT": 0.15}
FAST = 500.0

DAYS = (0.0, 24.0, 48.0, 72.0, 96.0)
HOURS: Floats = 3.0 * np.arange(241.0) / 5.0
RTOL, ATOL = 1e-6, 1e-8  # of every program that takes tolerances


class Infusion(NamedTuple):
    """A constant rate into A1: hours, hours, mg/h."""

    start: float
    duration: float
    rate: float


class Bolus(NamedTuple):
    """An amount into DEP: hours, mg."""

    time: float
    amount: float


class Segments(NamedTuple):
    """Between two changes of input: from, to (h), rate (mg/h), bolus at the start (mg), outputs first:last within."""

    begin: Floats
    end: Floats
    rate: Floats
    bolus: Floats
    first: Integers
    last: Integers


@dataclass(frozen=True)
class Workload:
    """One workload; `outputs` are (state, parameter it is divided by or ""), `start` what every state starts with."""

    name: str
    title: str
    columns: dict[str, tuple[float, float]]
    subjects: int
    states: tuple[str, ...]
    outputs: tuple[tuple[str, str], ...]
    infusions: tuple[Infusion, ...]
    boluses: tuple[Bolus, ...] = ()
    hours: Floats = field(default_factory=lambda: HOURS)

    @property
    def start(self) -> Floats:
        """What every state holds at time 0."""
        return np.array([float(state == "RSP") for state in self.states], dtype=np.float64)

    def table(self, subjects: int) -> Floats:
        """Parameters of the first subjects of the draw, (subjects, columns); W1 has the typical one."""
        typical, omega = np.array(list(self.columns.values())).T
        if self.name == "W1":
            return np.array([typical])
        from scipy.special import ndtri

        number = np.arange(1, subjects + 1, dtype=float)[:, None]
        drawn: Floats = typical * np.exp(omega * ndtri(np.mod(number * np.sqrt(PRIMES[: len(typical)]), 1.0)))
        return drawn


def segments(hours: Floats, infusions: tuple[Infusion, ...], boluses: tuple[Bolus, ...] = ()) -> Segments:
    """The course cut at every change of input."""
    end = float(hours[-1])
    changes = {0.0, end, *(time for one in infusions for time in (one.start, one.start + one.duration))}
    stops = sorted(time for time in changes | {one.time for one in boluses} if time <= end)
    begins, ends = np.array(stops[:-1]), np.array(stops[1:])
    middle = (begins + ends) / 2
    rate = np.zeros(len(begins))
    bolus = np.zeros(len(begins))
    for infusion in infusions:
        rate[(infusion.start <= middle) & (middle < infusion.start + infusion.duration)] += infusion.rate
    for one in boluses:
        bolus[begins == one.time] += one.amount
    first, last = (np.searchsorted(hours, stop, side="right").astype(np.int64) for stop in (begins, ends))
    return Segments(begins, ends, rate, bolus, first, last)


_PLASMA = ("A1", "A2", "A3")
_LINEAR = (*_PLASMA, "CE")
_NONLINEAR = ("DEP", *_PLASMA, "M1", "M2", "CE", "CEN", "TOL", "RSP")
_FOUR = (("A1", "V1"), ("M1", "VM1"), ("CE", ""), ("RSP", ""))
_FIVE_INFUSIONS = tuple(Infusion(day, 4.0, 25.0) for day in DAYS)
_FIVE_DOSES = tuple(Bolus(10.0 + day, 50.0) for day in DAYS)

WORKLOADS = {
    one.name: one
    for one in (
        Workload(
            "W1",
            "one subject, one call, 241 times",
            {name: LINEAR[name] for name in list(LINEAR)[:6]},
            1,
            _PLASMA,
            (("A1", "V1"),),
            (Infusion(0.0, 2.0 / 3.0, 52.5),),
            hours=np.arange(241) / 10.0,
        ),
        Workload(
            "W2",
            "10,000 subjects, linear, 4 states",
            LINEAR,
            10_000,
            _LINEAR,
            (("A1", "V1"), ("CE", "")),
            _FIVE_INFUSIONS,
        ),
        Workload(
            "W3",
            "10,000 subjects, nonlinear, 10 states",
            NONLINEAR,
            10_000,
            _NONLINEAR,
            _FOUR,
            _FIVE_INFUSIONS,
            _FIVE_DOSES,
        ),
        Workload(
            "W4",
            "10,000 subjects, stiff, 12 states",
            NONLINEAR,
            10_000,
            (*_NONLINEAR, "ART", "RO"),
            _FOUR,
            _FIVE_INFUSIONS,
            _FIVE_DOSES,
        ),
        Workload(
            "W5",
            "200 regimens x 500 subjects, percentiles",
            LINEAR,
            500,
            _LINEAR,
            (("CE", ""),),
            (),
        ),
    )
}

REGIMENS = 200
PERCENTILES = (5.0, 50.0, 95.0)


def sweep_dose(regimen: int) -> tuple[float, float]:
    """Dose (mg) and duration (h) of each of the five infusions of a regimen of W5."""
    return 20.0 + 10.0 * (regimen % 20), 0.5 + 0.5 * (regimen // 20)


def sweep_infusions(regimen: int) -> tuple[Infusion, ...]:
    """The infusions of a regimen of W5."""
    dose, duration = sweep_dose(regimen)
    return tuple(Infusion(day, duration, dose / duration) for day in DAYS)
