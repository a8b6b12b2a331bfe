"""One line of a data set as a value: what happens to a subject, by name and not by number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, get_args

from pkpd.errors import PkpdError, nearest
from pkpd.times import LONGEST

Kind = Literal["dose", "observation", "other", "reset", "reset and dose", "replace", "multiply", "phantom", "off", "on"]
Mode = Literal["default", "nonmem"]
Steady = Literal["reset", "superposed"]
Modelled = Literal["rate", "duration"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
MODES: Final[tuple[Mode, ...]] = get_args(Mode)


class DatasetError(PkpdError):
    """A data set, or a record of one, that cannot be read or given; the message names row and column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What happens to a subject at one time.

    kind        : what it is; "phantom" is a dose of which nothing arrives, "off" and "on" switch a compartment
    time        : ticks, in the clock of its occasion
    amount      : mg of a dose or a replacement; the factor of a multiplication; 0 with a rate is a constant infusion
    compartment : name of a state, or its number from 1 on in the order of the model file; None for the usual one
    rate        : mg/h; None unless given
    duration    : ticks; None unless given
    modelled    : which of the two the model gives; None where neither
    interval    : ticks between repeated doses; 0 for none
    additional  : how many more doses follow at that interval
    steady      : whether the dose has been repeated for ever, and replaces what was there or comes on top; None for no
    route       : name of a route of the model; None unless given
    form        : drug form, as the model names it; None unless given
    covariates  : column -> number, of everything else on the line
    row         : line of the file or of the frame, for errors

    Raises DatasetError for a record that cannot happen.
    """

    kind: Kind
    time: int
    amount: float = 0.0
    compartment: int | str | None = None
    rate: float | None = None
    duration: int | None = None
    modelled: Modelled | None = None
    interval: int = 0
    additional: int = 0
    steady: Steady | None = None
    route: str | None = None
    form: str | None = None
    covariates: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    row: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise self.error("EVID", f'kind "{self.kind}" is not known. {nearest(str(self.kind), KINDS)}')
        if abs(self.time) > LONGEST // 2:
            raise self.error("TIME", f"{self.time} ticks is not within 146 years of 0.")
        if not math.isfinite(self.amount):
            raise self.error("AMT", f"{self.amount} is not a finite number.")
        if self.gives:
            self._check_dose()
        else:
            self._check_no_dose()

    @property
    def gives(self) -> bool:
        """Whether it is a dose."""
        return self.kind in ("dose", "reset and dose", "phantom")

    @property
    def resets(self) -> bool:
        """Whether a new occasion begins with it."""
        return self.kind in ("reset", "reset and dose")

    @property
    def constant(self) -> bool:
        """Whether it is the steady state of an infusion without end."""
        return self.steady is not None and self.amount == 0.0 and self.interval == 0

    def error(self, column: str, text: str) -> DatasetError:
        """An error at this record.

        column : the column the trouble is in
        text   : what was given, what is allowed, what to do
        """
        return DatasetError(f"row {self.row}, {column}: {text}")

    def _check_dose(self) -> None:
        infused = self.rate is not None or self.modelled == "rate"
        if self.amount < 0.0:
            raise self.error("AMT", f"{self.amount:g} is below 0. Doses are 0 or more; EVID 5 sets an amount outright.")
        if self.rate is not None and not 0.0 < self.rate < math.inf:
            raise self.error("RATE", f"{self.rate:g} is not a rate. Allowed: above 0; 0 bolus; -1 or -2 by the model.")
        if self.duration is not None and not 0 < self.duration < LONGEST:
            raise self.error("DUR", "an infusion lasts some time. Leave it empty or 0 for a bolus.")
        if (self.rate is not None) + (self.duration is not None) + (self.modelled is not None) > 1:
            raise self.error("DUR", "the infusion has a duration and a rate. Give one of the two.")
        if self.interval < 0:
            raise self.error("II", "the interval is below 0. Give the time between two doses.")
        if self.additional < 0:
            raise self.error("ADDL", f"{self.additional} additional doses. Give a whole number from 0 on.")
        if self.additional > 0 and self.interval == 0:
            raise self.error("ADDL", f"{self.additional} additional doses without an interval. Give II above 0.")
        if self.amount == 0.0 and self.kind != "phantom":
            if not (infused and self.constant):
                raise self.error(
                    "AMT",
                    "a dose without an amount. Give AMT above 0; or, for the steady state of a constant infusion, AMT "
                    "0 with RATE above 0, SS 1 and II 0; or EVID 0 for an observation.",
                )
        elif self.steady is not None and self.interval == 0:
            raise self.error(
                "SS",
                "steady state without an interval. Give II above 0; or AMT 0 and RATE above 0 for a constant infusion.",
            )

    def _check_no_dose(self) -> None:
        if self.rate is not None or self.duration is not None or self.modelled is not None:
            raise self.error("RATE", "a rate or duration on a record that gives no dose. Use EVID 1, or leave it 0.")
        if self.steady is not None or self.additional:
            column = "SS" if self.steady is not None else "ADDL"
            raise self.error(column, "only a dose can be repeated. Use EVID 1 or 4, or leave it 0.")
        if self.kind in ("observation", "other", "reset", "off", "on") and self.amount != 0.0:
            raise self.error("AMT", f"an amount, but the record is no dose ({self.kind}). Use EVID 1, or AMT 0.")
        if self.kind in ("replace", "multiply") and self.amount < 0.0:
            raise self.error("AMT", f"{self.amount:g} is below 0; an amount is 0 or more.")
