"""How far each kinetic model was off on the measured concentrations, as the last kept benchmark run wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pkpd.errors import ObservationError
from pkpd.observations.cells import folder


@dataclass(frozen=True, slots=True)
class Score:
    """One model on one route and analyte.

    model      : its id
    reading    : "" for the file's own numbers, else the name of the published reading of `Model.readings`
    group      : whose data: "adults", "intensive care", "children"
    form       : how the drug forms fit: "as given", or the conversion that was needed
    n          : rows
    gmfe       : geometric mean fold error, exp(mean |ln(predicted / observed)|), 1 for no error
    gmr        : geometric mean ratio predicted / observed
    within125, within150, within200 : share of rows off by no more than 1.25, 1.5 and 2 fold
    in_band    : share of rows inside the model's 5th to 95th percentile of people, None where it has no spread
    covered    : mean share of the observed central 90 % interval that this band covers, None where none is given
    outside    : rows outside the model's stated limits or use, which are counted in n
    """

    model: str
    reading: str
    route: str
    analyte: str
    group: str
    form: str
    n: int
    gmfe: float
    gmr: float
    within125: float
    within150: float
    within200: float
    in_band: float | None
    covered: float | None
    outside: int


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """The scores, and the predictions they are made of.

    scores      : of data rows
    predictions : as the file has them: row, model, reading, form, predicted, fold, why it is not counted
    """

    scores: tuple[Score, ...]
    predictions: tuple[dict[str, Any], ...]

    def of(self, model: str) -> tuple[Score, ...]:
        """The scores of one model, its own reading first."""
        return tuple(sorted((s for s in self.scores if s.model == model), key=lambda s: s.reading))


def scoreboard() -> Scoreboard:
    """The scoreboard of the library; without scores where no run has been kept.

    Raises ObservationError for a file that cannot be read as one.
    """
    return read_scoreboard(folder() / "scoreboard.json")


@lru_cache(maxsize=2)
def read_scoreboard(path: Path) -> Scoreboard:
    """A scoreboard out of a file. Errors as `scoreboard`."""
    if not path.exists():
        return Scoreboard((), ())
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Scoreboard(tuple(Score(**one) for one in found["scores"]), tuple(found["predictions"]))
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise ObservationError(
            f"{path.name}: not a scoreboard ({cause}). Make it again: python -m benchmarks.truth --keep."
        ) from cause
