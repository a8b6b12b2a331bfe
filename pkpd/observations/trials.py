"""What trials found, responders and pain scores: a value for each row of trials.csv."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

from pkpd.dosing.regimen import Regimen
from pkpd.model.parts import MARKS
from pkpd.observations import findings
from pkpd.observations.cells import Cells, folder, rows
from pkpd.observations.counting import Share
from pkpd.routes import ROUTES
from pkpd.statistics.normal import Z95

Estimate = tuple[float, tuple[float, float]]

OUTCOMES = ("responders", "mean pain", "mean relief", "mean remaining", "mean difference", "none")
# at: at one time; best: the most relief between two; average: the mean between two.
READINGS = ("at", "best", "average", "")
SCALES = ("0-10", "fraction", "Hedges g", "")
SPREADS = ("SE", "SD", "as printed", "")
COMPARATORS = ("no treatment", "")


@dataclass(frozen=True, slots=True)
class Trial:
    """One outcome of one trial at one time, on the scale 0-10, as fractions, or in a scale that is named.

    row                   : the row of the collection it came from; several may come from one
    n, n_comparator       : patients in the arms as printed; None where the source has words or nothing
    regimen               : None where none can be written down
    weight_kg             : mean of the patients; None where not given
    comparator            : as the source has it
    comparator_as         : "no treatment" where the library can stand for it, else ""
    when                  : as the source has it
    reading               : one of READINGS
    after_end, until      : the time or times, ticks after the end of treatment; None where not given
    outcome               : one of OUTCOMES
    threshold             : of relief, fraction of the pain before; None where the outcome has none
    scale                 : one of SCALES, to which printed values were converted
    printed               : the values as printed
    value, spread         : of the drug arm, in `scale`
    spread_kind           : one of SPREADS; "as printed" counts as a standard error, which is the wider
    events, total, incidence : responders
    comparator_...        : the same of the comparator
    difference, low, high : drug less comparator with its 95 % interval where printed; of responders low and high are
                            of the share
    doubtful              : what is doubtful about the numbers
    used_by, used_why     : effects that were calibrated to the row
    scored, why_not       : as for side effects
    """

    id: str
    row: int
    study: str
    citation: str
    doi: str
    year: int
    indication: str
    design: str
    n: int | None
    n_comparator: int | None
    form: str
    route: str
    regimen: Regimen | None
    weight_kg: float | None
    comparator: str
    comparator_as: str
    when: str
    reading: str
    after_end: int | None
    until: int | None
    outcome: str
    threshold: float | None
    scale: str
    printed: str
    value: float | None
    spread: float | None
    spread_kind: str
    comparator_value: float | None
    comparator_spread: float | None
    events: int | None
    total: int | None
    incidence: Share | None
    comparator_events: int | None
    comparator_total: int | None
    comparator_incidence: Share | None
    difference: float | None
    low: float | None
    high: float | None
    doubtful: str
    used_by: tuple[str, ...]
    used_why: str
    mark: str
    seen_at: str
    scored: str
    why_not: str
    note: str

    @property
    def responders(self) -> Estimate | None:
        """Observed share of responders in the drug arm with its exact 95 % interval."""
        return _share(self.events, self.total, self.incidence)

    @property
    def comparator_responders(self) -> Estimate | None:
        """Observed share of responders in the comparator arm with its exact 95 % interval."""
        return _share(self.comparator_events, self.comparator_total, self.comparator_incidence)

    @property
    def mean(self) -> Estimate | None:
        """Observed mean of the drug arm with its 95 % interval, in `scale`."""
        return _normal(self.value, self._error(self.spread, self.n))

    @property
    def comparator_mean(self) -> Estimate | None:
        """Observed mean of the comparator arm with its 95 % interval, in `scale`."""
        return _normal(self.comparator_value, self._error(self.comparator_spread, self.n_comparator))

    @property
    def mean_difference(self) -> Estimate | None:
        """Observed mean difference with its 95 % interval: as printed, else of independent arms."""
        if self.difference is not None and self.low is not None and self.high is not None:
            return self.difference, (self.low, self.high)
        errors = self._error(self.spread, self.n), self._error(self.comparator_spread, self.n_comparator)
        if errors[0] is None or errors[1] is None:
            return None
        return _normal(self.difference, math.hypot(errors[0], errors[1]))

    def _error(self, spread: float | None, patients: int | None) -> float | None:
        """Standard error behind a spread."""
        if spread is None or self.spread_kind != "SD":
            return spread
        return None if not patients else spread / math.sqrt(patients)


COLUMNS = tuple(field.name for field in fields(Trial))


def _share(events: int | None, total: int | None, printed: Share | None) -> Estimate | None:
    found, interval = findings.observed(events, total, printed), findings.interval(events, total, printed)
    return None if found is None or interval is None else (found, interval)


def _normal(value: float | None, error: float | None) -> Estimate | None:
    if value is None or error is None:
        return None
    return value, (value - Z95 * error, value + Z95 * error)


@lru_cache(maxsize=1)
def trials() -> tuple[Trial, ...]:
    """The trial outcomes of the library.

    Raises ObservationError with file, row and column for a cell that does not fit.
    """
    return read_trials(folder() / "trials.csv")


def read_trials(path: Path) -> tuple[Trial, ...]:
    """Trial outcomes out of a file of the same columns. Errors as `trials`."""
    return tuple(_trial(cells) for cells in rows(path, COLUMNS))


def _trial(cells: Cells) -> Trial:
    events, total, incidence = findings.counted(cells)
    comparator_events, comparator_total, comparator_incidence = findings.counted(cells, "comparator_")
    scored, why_not, used_by, used_why = findings.verdict(cells)
    made = Trial(
        id=cells.text("id"),
        row=cells.needed_whole("row"),
        study=cells.needed("study"),
        citation=cells.needed("citation"),
        doi=cells.text("doi"),
        year=cells.needed_whole("year"),
        indication=cells.needed("indication"),
        design=cells.needed("design"),
        n=findings.count(cells, "n"),
        n_comparator=findings.count(cells, "n_comparator"),
        form=cells.word("form", findings.FORMS),
        route=cells.word("route", (*ROUTES, "")),
        regimen=cells.regimen("regimen"),
        weight_kg=cells.perhaps("weight_kg"),
        comparator=cells.text("comparator"),
        comparator_as=cells.word("comparator_as", COMPARATORS),
        when=cells.text("when"),
        reading=cells.word("reading", READINGS),
        after_end=cells.ticks("after_end"),
        until=cells.ticks("until"),
        outcome=cells.word("outcome", OUTCOMES),
        threshold=findings.number(cells, "threshold"),
        scale=cells.word("scale", SCALES),
        printed=cells.text("printed"),
        value=findings.number(cells, "value"),
        spread=findings.number(cells, "spread"),
        spread_kind=cells.word("spread_kind", SPREADS),
        comparator_value=findings.number(cells, "comparator_value"),
        comparator_spread=findings.number(cells, "comparator_spread"),
        events=events,
        total=total,
        incidence=incidence,
        comparator_events=comparator_events,
        comparator_total=comparator_total,
        comparator_incidence=comparator_incidence,
        difference=findings.number(cells, "difference"),
        low=findings.number(cells, "low"),
        high=findings.number(cells, "high"),
        doubtful=cells.text("doubtful"),
        used_by=used_by,
        used_why=used_why,
        mark=cells.word("mark", MARKS),
        seen_at=cells.needed("seen_at"),
        scored=scored,
        why_not=why_not,
        note=cells.text("note"),
    )
    _fits(cells, made)
    return made


def _fits(cells: Cells, made: Trial) -> None:
    """Refuse a row that is to be scored and lacks what that takes."""
    if made.outcome == "responders" and made.threshold is None:
        raise cells.error("threshold", "responders need the relief that makes one, such as 0.5.")
    if made.scored == "no":
        return
    if made.regimen is None or not made.reading or made.after_end is None or made.outcome == "none":
        raise cells.error("scored", f'"{made.scored}" needs a regimen, a reading, a time and an outcome.')
    if (made.until is None) != (made.reading == "at"):
        raise cells.error("until", f'the reading "{made.reading}" goes with {"one time" if made.until else "two"}.')
    if made.outcome == "responders" and made.responders is None:
        raise cells.error("total", "responders need how many of how many.")
    if made.outcome.startswith("mean") and made.mean is None:
        raise cells.error("spread", "a mean needs its spread, without which there is no interval.")
