"""The sessions of a regimen: stretches of treatment for which a person comes, or doses himself, once."""

from __future__ import annotations

from typing import Final, NamedTuple

from pkpd.dosing.regimen import Regimen
from pkpd.times import TICKS_PER_HOUR

# A choice: a pause up to this long, such as for a new syringe, does not end a session.
PAUSE: Final = TICKS_PER_HOUR


class Administration(NamedTuple):
    """One administration of a course."""

    start: int  # ticks
    end: int  # ticks
    dose: int  # number of the course among the regimen's doses
    which: int  # administration of that course, from 0


class Session(NamedTuple):
    """Administrations without a pause of more than an hour between them."""

    start: int  # ticks
    end: int  # ticks
    given: tuple[Administration, ...]


def administrations(regimen: Regimen) -> list[Administration]:
    """Every administration of a regimen, in the order of time."""
    return sorted(
        Administration(start, start + dose.duration, number, which)
        for number, dose in enumerate(regimen.doses)
        for which, start in enumerate(dose.starts)
    )


def sessions(regimen: Regimen) -> tuple[Session, ...]:
    """The sessions of a regimen, in the order of time.

    regimen : what is planned
    returns : none for no treatment
    """
    made: list[Session] = []
    for one in administrations(regimen):
        if made and one.start - made[-1].end <= PAUSE:
            last = made[-1]
            made[-1] = Session(last.start, max(last.end, one.end), (*last.given, one))
        else:
            made.append(Session(one.start, one.end, (one,)))
    return tuple(made)
