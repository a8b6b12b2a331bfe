"""Occasions: the treatment sessions between which a person's kinetics change, and the rule that tells them apart."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pkpd.errors import SimulationError, UnitError
from pkpd.times import read_times, ticks

EVERY_DOSE, ONE = "every dose", "one"


@dataclass(frozen=True, slots=True)
class Occasions:
    """When an occasion begins; the first one at time 0.

    gap   : ticks; a dose begins one when nothing was given for so long before it. None where `given` says
    given : ticks, ascending; the starts of all occasions after the first
    """

    gap: int | None
    given: tuple[int, ...] = ()

    def starts(self, administrations: Sequence[tuple[int, int]]) -> tuple[int, ...]:
        """The start of every occasion, ticks, ascending; the first is 0.

        administrations : start and end of each, ticks
        """
        if self.gap is None:
            return (0, *self.given)
        found = [0]
        free = None  # when what was given so far had ended
        for start, end in sorted(administrations):
            if free is not None and start - free >= self.gap and start > found[-1]:
                found.append(start)
            free = end if free is None else max(free, end)
        return tuple(found)

    def begun(self, planned: tuple[int, ...], given: Sequence[tuple[int, int]]) -> dict[int, int]:
        """Which occasions come about, and when they begin: number -> ticks, ascending.

        An occasion keeps the number it has in the plan, whatever is missed before it. It begins with the first of its
        doses that is given, and not at all where none is; the first one begins at 0. Times of the clock stay theirs.

        planned : the start of every occasion as planned, ticks
        given   : what is given of it, ascending: when it was planned and when it starts, ticks
        """
        found = {0: 0}
        if self.gap is None:
            return dict(enumerate(planned))
        for plan, start in given:
            found.setdefault(bisect_right(planned, plan) - 1, start)
        return found


def read_occasions(value: Any) -> Occasions:
    """The rule that a text or list of times says.

    value : "12 h", the time without drug after which a dose begins an occasion; "every dose"; "one", for all that is
            given; or the times at which occasions begin, like ["0 h", "7 d"]
    Raises SimulationError for anything else.
    """
    if value == EVERY_DOSE:
        return Occasions(_EVERY)
    if value == ONE:
        return Occasions(None)
    try:
        if isinstance(value, str):
            gap = ticks(value, "occasions")
            if gap > 0:
                return Occasions(gap)
        elif isinstance(value, Sequence) and value and all(isinstance(one, str) for one in value):
            given = [int(tick) for tick in read_times(list(value), "occasions")]
            if all(before < after for before, after in pairwise(given)):
                return Occasions(None, tuple(tick for tick in given if tick > 0))
    except (SimulationError, UnitError) as cause:
        raise SimulationError(f"{cause} {_ALLOWED}") from cause
    raise SimulationError(f"occasions: {value!r} is no rule. {_ALLOWED}")


# Every administration that starts later than another begins an occasion, running infusions or not.
_EVERY = -(2**62)
_ALLOWED = (
    'Give the time without drug after which a dose begins one ("12 h"), "every dose", "one", or when they begin, '
    'ascending (["0 h", "7 d"]).'
)
