"""Predicted concentrations held against measured ones, and what they come to for a model, route and analyte."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from benchmarks.truth.meeting import NotApplicable, Subject, made_from, meeting, whose
from benchmarks.truth.predicting import predict
from pkpd.errors import SimulationError
from pkpd.observations import Concentration, Score

SCORED = ("data", "doubtful")
PARENT = "parent drug"  # the scores over S-, R- and racemic ketamine together
PARENTS = ("S-ketamine", "R-ketamine", "ketamine")
DATA, WITH_DOUBTFUL = "data", "with doubtful"


@dataclass(frozen=True, slots=True)
class Entry:
    """One observation under one model.

    row       : the observation
    subject   : the model and its reading
    form      : how the drug forms fit, one of meeting.FORMS
    outside   : why it lies outside what the model is for; empty where it does not
    own       : whether the model was made from it, so that it is not scored
    predicted : ng/mL or ng/mL h, of a typical person
    low, high : 5th and 95th percentile of people, or None
    """

    row: Concentration
    subject: Subject
    form: str
    outside: tuple[str, ...]
    own: bool
    predicted: float
    low: float | None
    high: float | None

    @property
    def ratio(self) -> float:
        """Predicted over observed."""
        return self.predicted / self.row.value

    @property
    def fold(self) -> float:
        """The same the larger way round, 1 for no error."""
        return max(self.ratio, 1 / self.ratio)

    @property
    def in_band(self) -> bool | None:
        """Whether what was observed lies within the model's middle 90 % of people; None where it has no spread."""
        return None if self.low is None or self.high is None else self.low <= self.row.value <= self.high

    @property
    def covered(self) -> float | None:
        """Share, on the log scale, of the observed middle 90 % of people that lies within the model's; None without."""
        people = self.row.people
        if people is None or self.low is None or self.high is None:
            return None
        low, high = map(math.log, people)
        shared = min(high, math.log(self.high)) - max(low, math.log(self.low))
        return max(0.0, shared) / (high - low)


@dataclass(frozen=True, slots=True)
class Missing:
    """An observation that a model says nothing of, and why."""

    row: str
    subject: Subject
    why: str


def score(rows: Iterable[Concentration], subjects: Sequence[Subject]) -> tuple[list[Entry], list[Missing]]:
    """Every row of the kinds "data" and "doubtful" under every model.

    returns : predictions, by model in the given order, and what no prediction could be made of; a reading that leaves
              every prediction of a route as it is has none there
    """
    wanted = [row for row in rows if row.kind in SCORED]
    entries: list[Entry] = []
    missing: list[Missing] = []
    for subject in subjects:
        for row in wanted:
            try:
                met = meeting(subject, row, row.regimen, row.analyte)
                said = predict(met, row)
            except (NotApplicable, SimulationError) as cause:  # the model lacks what is asked, or refuses it
                missing.append(Missing(row.id, subject, str(cause)))
                continue
            own = made_from(subject, row)
            entries.append(Entry(row, subject, met.form, met.outside, own, said.typical, said.low, said.high))
    return changed(entries), missing


def summaries(entries: Sequence[Entry]) -> list[Score]:
    """What the predictions come to, for every model, route, group, analyte (and the parent drug as one) and form.

    Where some of the rows are doubtful there are two scores: without them, and with them.
    """
    made: list[Score] = []
    for entry_key, group in _grouped(entries):
        model, reading, route, whom, analyte, form = entry_key
        for rows in (DATA, WITH_DOUBTFUL):
            chosen = [e for e in group if rows == WITH_DOUBTFUL or e.row.kind == "data"]
            if chosen and not (rows == WITH_DOUBTFUL and len(chosen) == sum(e.row.kind == "data" for e in group)):
                made.append(Score(model, reading, route, analyte, whom, form, rows, **_numbers(chosen)))
    return made


def changed(entries: Sequence[Any]) -> list[Any]:
    """Entries without those of a reading on a route of which it leaves every prediction as it is."""
    own = {(e.subject.model.id, e.row.id): e.predicted for e in entries if not e.subject.reading}

    def differs(e: Entry) -> bool:
        return not math.isclose(e.predicted, own[e.subject.model.id, e.row.id], rel_tol=1e-6)

    changing = {(e.subject.label, e.row.route) for e in entries if e.subject.reading and differs(e)}
    return [e for e in entries if not e.subject.reading or (e.subject.label, e.row.route) in changing]


def _grouped(entries: Sequence[Entry]) -> list[tuple[tuple[str, ...], list[Entry]]]:
    def key(pair: tuple[str, Entry]) -> tuple[str, ...]:
        analyte, e = pair
        return (e.subject.model.id, e.subject.reading, e.row.route, whose(e.row), analyte, e.form)

    pairs = [(analyte, e) for e in entries for analyte in _analytes(e.row)]
    return [(k, [e for _, e in group]) for k, group in groupby(sorted(pairs, key=key), key=key)]


def _analytes(row: Concentration) -> tuple[str, ...]:
    return (PARENT, row.analyte) if row.analyte in PARENTS else (row.analyte,)


def _numbers(entries: Sequence[Entry]) -> dict[str, Any]:
    scored = [e for e in entries if not e.own]
    own = [e for e in entries if e.own]
    in_band = [e.in_band for e in scored if e.in_band is not None]
    covered = [e.covered for e in scored if e.covered is not None]
    return {
        "n": len(scored),
        "studies": len({e.row.study for e in scored}),
        "gmfe": geometric_fold(scored),
        "gmr": math.exp(_mean([math.log(e.ratio) for e in scored])) if scored else None,
        "within125": share_within(scored, 1.25),
        "within150": share_within(scored, 1.5),
        "within200": share_within(scored, 2.0),
        "in_band": _mean(in_band) if in_band else None,
        "covered": _mean(covered) if covered else None,
        "covered_n": len(covered),
        "outside": sum(bool(e.outside) for e in scored),
        "own": len(own),
        "own_gmfe": geometric_fold(own),
    }


def geometric_fold(entries: Sequence[Entry]) -> float | None:
    """Geometric mean fold error, exp(mean |ln(predicted / observed)|); None of nothing."""
    return math.exp(_mean([math.log(e.fold) for e in entries])) if entries else None


def share_within(entries: Sequence[Entry], fold: float) -> float | None:
    """Share off by no more than so many fold; None of nothing."""
    return _mean([e.fold <= fold for e in entries]) if entries else None


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
