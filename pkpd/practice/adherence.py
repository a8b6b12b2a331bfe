"""Who misses a session, who comes late, and who stops coming: distributions, and each patient's own draws of them.

A draw has the address (seed, patient, what is drawn, number of the session): the same patient misses the same session
under every regimen, and further sessions at the end change none before them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError
from pkpd.population import streams
from pkpd.practice.numbers import number_above, one_of, probability, quantity_above, time_above
from pkpd.times import LONGEST, TICKS_PER_HOUR

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEVER: Final = LONGEST  # ticks
_MINUTE: Final = TICKS_PER_HOUR // 60
SPREADS: Final = ("log-normal", "exponential")


@dataclass(frozen=True, slots=True)
class Missed:
    """Sessions that are missed: each by itself, or more easily after one that was missed.

    after_taken  : probability of missing a session after one that was kept
    after_missed : the same after one that was missed; as after_taken unless given, so that sessions are independent
    first        : probability of missing the first session; `share` unless given, 0 where it is given under supervision
    source, mark : where the numbers are from

    A Markov chain of two states. With a = after_taken and b = after_missed the long-run share is a / (1 - b + a), and
    session k (from 0) is missed with probability share + (first - share) (b - a)^k.
    """

    after_taken: float
    after_missed: float | None = None
    first: float | None = None
    source: str = "user"
    mark: str = "assumed"

    def __post_init__(self) -> None:
        for name in ("after_taken", "after_missed", "first"):
            given = getattr(self, name)
            if given is not None or name == "after_taken":
                object.__setattr__(self, name, probability(given, f"practice, missed: {name}"))

    @property
    def again(self) -> float:
        """Probability of missing a session after one that was missed."""
        return self.after_taken if self.after_missed is None else self.after_missed

    @property
    def share(self) -> float:
        """The share of sessions missed in the long run."""
        return self.after_taken / (1.0 - self.again + self.after_taken) if self.after_taken else 0.0

    def __str__(self) -> str:
        if self.after_missed is None and self.first is None:
            return f"{self.after_taken:.3g} of sessions missed"
        start = "" if self.first is None else f", of the first {self.first:.3g}"
        return f"missed with probability {self.after_taken:.3g}, after a missed one {self.again:.3g}{start}"

    def draw(self, seed: int, patients: Integers, sessions: int) -> Flags:
        """Which sessions each patient misses, (sessions, patients).

        seed, patients : address of the draws; (patients) numbers
        """
        missed = np.empty((sessions, len(patients)), bool)
        chance: Floats | float = self.share if self.first is None else self.first
        for session in range(sessions):
            missed[session] = streams.uniform(seed, patients, "practice missed", session) < chance
            chance = np.where(missed[session], self.again, self.after_taken)
        return missed


@dataclass(frozen=True, slots=True)
class Late:
    """How late sessions begin.

    median : lateness of half of those that are late, text with its unit
    most   : nobody is later: what would be more is this
    kind   : "log-normal", or "exponential"
    sd     : standard deviation of the logarithm; of a log-normal spread alone
    share  : probability that a session does not begin on time
    early  : of those, the share that are early, by as much as the others are late; nobody is early unless asked for
    step   : lateness is a whole number of these
    source, mark : where the numbers are from

    Log-normal: median exp(sd z); exponential: -median log2(u). A session never begins before the end of the one
    before it, but at least a step later, nor before time 0.
    """

    median: str
    most: str
    kind: str = "log-normal"
    sd: float | None = None
    share: float = 1.0
    early: float = 0.0
    step: str = "1 min"
    source: str = "user"
    mark: str = "assumed"

    def __post_init__(self) -> None:
        where = "practice, late"
        one_of(self.kind, SPREADS, f"{where}: kind")
        for name in ("median", "most", "step"):
            time_above(getattr(self, name), f"{where}: {name}")
        for name in ("share", "early"):
            object.__setattr__(self, name, probability(getattr(self, name), f"{where}: {name}"))
        if self.kind == "exponential" and self.sd is not None:
            raise SimulationError(f"{where}: an exponential spread has no sd of its own; leave it out.")
        if self.kind == "log-normal" and self.sd is None:
            raise SimulationError(f"{where}: a log-normal spread needs sd, that of the logarithm, such as 1.0.")
        if self.sd is not None:
            object.__setattr__(self, "sd", number_above(self.sd, f"{where}: sd", equal=True))
        if self.whole_step > time_above(self.most, where):
            raise SimulationError(f"{where}: the step of {self.step} is longer than the most, {self.most}.")

    def __str__(self) -> str:
        who = "" if self.share == 1.0 else f"{self.share:.3g} of "
        spread = self.kind if self.sd is None else f"{self.kind}, sd {self.sd:g}"
        early = f", {self.early:.3g} of them early" if self.early else ""
        return f"{who}sessions late by a median of {self.median} ({spread}), at most {self.most}{early}"

    @property
    def whole_step(self) -> int:
        """The step, ticks."""
        return time_above(self.step, "practice, late: step")

    def draw(self, seed: int, patients: Integers, sessions: int) -> Integers:
        """By how much each session begins later than planned, (sessions, patients) ticks; below 0 where earlier."""
        from scipy.special import ndtri

        step, most = self.whole_step, time_above(self.most, "practice, late: most")
        most -= most % step
        median = time_above(self.median, "practice, late: median")
        shifts = np.zeros((sessions, len(patients)), np.int64)
        for session in range(sessions if self.share else 0):
            u = streams.uniform(seed, patients, "practice late", session)
            off = np.flatnonzero(u < self.share)
            # What is left of a number within its part is uniform again.
            left = u[off] / self.share
            before = left < self.early
            if 0.0 < self.early < 1.0:
                left = np.where(before, left / self.early, (left - self.early) / (1.0 - self.early))
            by = -median * np.log2(left) if self.sd is None else median * np.exp(self.sd * ndtri(left))
            whole = step * np.rint(np.minimum(by, most) / step).astype(np.int64)
            shifts[session, off] = np.where(before, -whole, whole)
        return shifts


@dataclass(frozen=True, slots=True)
class DropOut:
    """When patients stop coming for good, in one of three ways.

    hazard      : per time, such as "0.02 1/week", from the start of the first planned session on
    share, by   : the probability of being gone by a time, such as 0.2 by "12 week"
    shape       : of the Weibull distribution that share and by belong to; 1 is a constant hazard, above 1 it grows
    per_session : probability, after each session, of coming to no further one
    source, mark : where the numbers are from

    Who is gone is given nothing more: an infusion that runs at that moment stops. Still there after t:
    exp(-hazard t), or (1 - share)^((t / by)^shape); after k sessions: (1 - per_session)^k.
    """

    hazard: str | None = None
    share: float | None = None
    by: str | None = None
    shape: float = 1.0
    per_session: float | None = None
    source: str = "user"
    mark: str = "assumed"

    def __post_init__(self) -> None:
        where = "practice, drop_out"
        ways = [self.hazard is not None, self.share is not None or self.by is not None, self.per_session is not None]
        if sum(ways) != 1 or (self.share is None) != (self.by is None):
            given = [name for name in ("hazard", "share", "by", "per_session") if getattr(self, name) is not None]
            raise SimulationError(
                f'{where}: given {" and ".join(given) or "nothing"}. Give a hazard, such as "0.02 1/week"; or share '
                'and by, such as 0.2 by "12 week"; or per_session, such as 0.05.'
            )
        object.__setattr__(self, "shape", number_above(self.shape, f"{where}: shape"))
        if self.shape != 1.0 and self.share is None:
            raise SimulationError(
                f"{where}: a shape of {self.shape:g} belongs to share and by. Give those, or leave it."
            )
        if self.hazard is not None:
            quantity_above(self.hazard, "rate constant", f"{where}: hazard")
        if self.by is not None:
            time_above(self.by, f"{where}: by")
        for name in ("share", "per_session"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, probability(getattr(self, name), f"{where}: {name}", below=1.0))

    def __str__(self) -> str:
        if self.hazard is not None:
            return f"drop-out at {self.hazard}"
        if self.per_session is not None:
            return f"drop-out of {self.per_session:.3g} after each session"
        return f"drop-out of {self.share:.3g} by {self.by}" + ("" if self.shape == 1 else f" (shape {self.shape:g})")

    def _lasting(self, seed: int, patients: Integers) -> Floats:
        """-ln u of each patient: standard exponential numbers."""
        return np.asarray(-np.log(streams.uniform(seed, patients, "practice drop-out")))

    def times(self, seed: int, patients: Integers) -> Integers | None:
        """How long after the first session's start each patient is gone, (patients) ticks; None where sessions count.

        In whole minutes, rounded up; NEVER where that is not within 146 years.
        """
        if self.per_session is not None:
            return None
        lasting = self._lasting(seed, patients)
        if self.hazard is not None:
            hours = lasting / quantity_above(self.hazard, "rate constant", "practice, drop_out: hazard")
        else:
            assert self.share is not None and self.by is not None
            if self.share == 0.0:
                return np.full(len(patients), NEVER)
            by = time_above(self.by, "practice, drop_out: by") / TICKS_PER_HOUR
            hours = by * (lasting / -math.log1p(-self.share)) ** (1.0 / self.shape)
        ticks = hours * TICKS_PER_HOUR
        late = ticks >= NEVER // 2
        minutes = np.ceil(np.where(late, 0.0, ticks) / _MINUTE).astype(np.int64)
        return np.where(late, NEVER, minutes * _MINUTE)

    def kept(self, seed: int, patients: Integers) -> Integers | None:
        """How many sessions go by before each patient is gone, (patients), at least 1; None where time counts."""
        if self.per_session is None:
            return None
        if self.per_session == 0.0:
            return np.full(len(patients), NEVER)
        kept = 1.0 + np.floor(self._lasting(seed, patients) / -math.log1p(-self.per_session))
        many = kept >= NEVER // 2
        return np.where(many, NEVER, np.where(many, 0.0, kept).astype(np.int64))
