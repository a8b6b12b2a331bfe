"""What can go wrong, as a user meets it: where, what was given, what is allowed, the nearest word, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence


class PkpdError(Exception):
    """Base of every error this package raises on purpose."""


class UnitError(PkpdError):
    """A quantity without a unit, with an unknown unit, or with one of the wrong dimension."""


class UnknownName(PkpdError):
    """A name that is not in the list it was looked up in."""


class PrescriptionError(PkpdError):
    """A prescription text that cannot be read."""


class RegimenError(PkpdError):
    """A dose or regimen that cannot be given as described."""


class ModelFileError(PkpdError):
    """A model file that does not load; the message names file, line and key."""


class SimulationError(PkpdError):
    """A simulation that cannot be run as asked."""


class StudyError(PkpdError):
    """A study file that does not load or cannot be run."""


class StatisticsError(PkpdError):
    """An analysis that cannot be done with the numbers it was given."""


class ObservationError(PkpdError):
    """A table of observations or a scoreboard that does not load; the message names file, row and column."""


MANY = 30  # names; of more that a command lists, those nearest are told alone
FEW = 5
LONG = 400  # characters; before a longer list the nearest word stands first


def nearest(given: str, allowed: Iterable[str], listing: str = "") -> str:
    """The closing words of an error: what is allowed and, where one is close, the nearest.

    given   : the word that was given
    allowed : the words that would have been right
    listing : what lists them all, such as "pkpd models effect"; then of very many only those nearest are told
    returns : text such as 'Allowed: im, iv, oral. Did you mean "im"?'
    """
    names = sorted(allowed)
    if listing and len(names) > MANY:
        return _few(str(given).lower(), names, listing)
    listed = "Allowed: " + (", ".join(names) if names else "nothing") + "."
    close = _close(str(given).lower(), {name.lower(): name for name in names})
    if close is None:
        return listed
    meant = f'Did you mean "{close}"?'
    return f"{listed} {meant}" if len(listed) <= LONG else f"{meant} {listed}"


def _few(given: str, names: Sequence[str], listing: str) -> str:
    """The words nearest to what was given, and what lists all of them."""
    lowered = {name.lower(): name for name in names}
    first = _close(given, lowered)
    alike = [lowered[name] for name in difflib.get_close_matches(given, list(lowered), n=FEW, cutoff=0.5)]
    held = [name for name in names if len(given) >= 3 and given in name.lower()]
    near = list(dict.fromkeys([*([first] if first else []), *held, *alike]))[:FEW]
    meant = f'Did you mean "{near[0]}"? ' if near else ""
    others = f"Others near it: {', '.join(near[1:])}. " if near[1:] else ""
    return f"{meant}{others}There are {len(names)}: {listing} lists them."


def _close(given: str, names: Mapping[str, str]) -> str | None:
    """The word that begins with what was given, else one spelt alike, else one that holds it; from three letters on."""
    long = len(given) >= 3
    begun = sorted(name for name in names if long and name.startswith(given))
    alike = difflib.get_close_matches(given, list(names), n=1, cutoff=0.5)
    held = sorted(name for name in names if long and given in name)
    return next((names[name] for name in (*begun, *alike, *held)), None)


def unknown(where: str, kind: str, given: str, allowed: Iterable[str], listing: str = "") -> UnknownName:
    """An UnknownName error for a word looked up in a list.

    where   : the place, such as 'regimen dose 2'
    kind    : what the word should name, such as 'route'
    given   : the word
    allowed : the words that would have been right
    listing : what lists them all; then of very many only those nearest are told
    """
    return UnknownName(f'{where}: {kind} "{given}" is not known. {nearest(given, allowed, listing)}')
