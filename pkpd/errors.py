"""What can go wrong, as a user meets it: where, what was given, what is allowed, the nearest word, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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


class ObservationError(PkpdError):
    """A table of observations or a scoreboard that does not load; the message names file, row and column."""


def nearest(given: str, allowed: Iterable[str]) -> str:
    """The closing words of an error: what is allowed and, where one is close, the nearest.

    given   : the word that was given
    allowed : the words that would have been right
    returns : text such as 'It has: im, iv, oral. Did you mean "im"?'
    """
    names = sorted(allowed)
    listed = "Allowed: " + (", ".join(names) if names else "nothing") + "."
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(given.lower(), list(lowered), n=1, cutoff=0.5)
    return f'{listed} Did you mean "{lowered[close[0]]}"?' if close else listed


def unknown(where: str, kind: str, given: str, allowed: Iterable[str]) -> UnknownName:
    """An UnknownName error for a word looked up in a list.

    where   : the place, such as 'regimen dose 2'
    kind    : what the word should name, such as 'route'
    given   : the word
    allowed : the words that would have been right
    """
    return UnknownName(f'{where}: {kind} "{given}" is not known. {nearest(given, allowed)}')
