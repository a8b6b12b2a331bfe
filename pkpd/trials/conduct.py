"""How a trial is conducted, all that is not the drug: who enters, noise, unblinding, drop-out; each with its source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from pkpd.errors import StudyError, nearest

DROP_OUTS = ("non-response", "last score", "left out")


@dataclass(frozen=True, slots=True)
class Assumption:
    """A number of a trial's conduct, with where it is from and how well it is known."""

    value: float
    unit: str
    source: str
    mark: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a trial is conducted, all that is not the drug.

    entry      : least pain score at screening, points; it is applied to the score as measured, so that regression to
                 the mean follows
    noise      : SD of a score from day to day in one patient, points
    unblinding : points by which those who notice effects on perception score lower afterwards, in every arm
    drop_out, drop_out_control : share of patients who leave, at a time evenly spread until the end of follow-up: of
                 those who are treated, in either arm, and of an untreated control
    washout    : h between the periods of a cross-over
    missing    : one of DROP_OUTS: how those who left are scored
    origins    : number -> source and mark, as the files give them
    """

    entry: float
    noise: float
    unblinding: float
    drop_out: float
    drop_out_control: float
    washout: float
    missing: str = "non-response"
    origins: Mapping[str, Assumption] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, low, high in (
            ("entry", 0.0, 10.0),
            ("noise", 0.0, 10.0),
            ("unblinding", 0.0, 10.0),
            ("drop_out", 0.0, 1.0),
            ("drop_out_control", 0.0, 1.0),
            ("washout", 0.0, math.inf),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
                bound = f"{low:g} to {high:g}" if math.isfinite(high) else f"from {low:g} on"
                raise StudyError(f"trial conduct: {name} is {value!r}; it is a number {bound}.")
        if self.missing not in DROP_OUTS:
            raise StudyError(
                f'trial conduct, missing: "{self.missing}" is not known. {nearest(self.missing, DROP_OUTS)}'
            )
