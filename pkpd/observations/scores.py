"""How far each kinetic model was off on the measured concentrations, as the last kept benchmark run wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pkpd.errors import ObservationError
from pkpd.observations.cells import folder


@dataclass(frozen=True, slots=True)
class Score:
    """One model on one route and analyte; None where nothing was scored.

    model      : its id
    reading    : "" for the file's own numbers, else the name of another published reading of its evidence
    route      : of what was given
    analyte    : what was measured; "parent drug" for S-, R- and racemic ketamine together
    group      : whose data: "adults", "intensive care", "children"
    form       : how the drug forms fit: "as given"; "S half" of a racemic dose; "2 x S half", for the total after one;
                 "pooled", where the model does not tell forms apart that were measured apart
    rows       : "data", or "with doubtful" where there are rows in doubt
    n, studies : rows scored, and how many studies they are from
    gmfe       : geometric mean fold error, exp(mean |ln(predicted / observed)|), 1 for no error
    gmr        : geometric mean of predicted over observed
    within125, within150, within200 : share of rows off by no more than 1.25, 1.5 and 2 fold
    in_band    : share of rows inside the model's 5th to 95th percentile of people; None where it has no spread
    covered    : mean share of the observed middle 90 % of people that this band covers, of `covered_n` rows
    outside    : rows outside the model's stated limits or population; they are among the n
    own        : rows the model was made from, which are not among the n; `own_gmfe` is how far off it is on them
    """

    model: str
    reading: str
    route: str
    analyte: str
    group: str
    form: str
    rows: str
    n: int
    studies: int
    gmfe: float | None
    gmr: float | None
    within125: float | None
    within150: float | None
    within200: float | None
    in_band: float | None
    covered: float | None
    covered_n: int
    outside: int
    own: int
    own_gmfe: float | None

    @property
    def label(self) -> str:
        """Id, and the reading where it is not the file's own."""
        return f"{self.model} ({self.reading})" if self.reading else self.model


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """The scores, and the predictions they are made of.

    scores      : of every model, reading, route, analyte, group and form
    predictions : as the file has them, one for each row and model: observed and predicted, ng/mL or ng/mL h
    """

    scores: tuple[Score, ...] = ()
    predictions: tuple[Mapping[str, Any], ...] = ()

    def of(self, model: str) -> tuple[Score, ...]:
        """The scores of one model, its own reading first."""
        return tuple(one for one in self.scores if one.model == model)


@lru_cache(maxsize=1)
def scoreboard() -> Scoreboard:
    """The scoreboard of the library; without scores where no run has been kept.

    Raises ObservationError for a file that cannot be read as one.
    """
    return read_scoreboard(folder() / "scoreboard.json")


def read_scoreboard(path: Path) -> Scoreboard:
    """A scoreboard out of a file. Errors as `scoreboard`."""
    if not path.exists():
        return Scoreboard()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Scoreboard(tuple(Score(**one) for one in found["scores"]), tuple(found["predictions"]))
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise ObservationError(
            f"{path.name}: not a scoreboard ({cause}). Make it again: python -m benchmarks.truth --keep."
        ) from cause
