"""How far each effect was off on what was observed of it, as the last kept benchmark run wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pkpd.errors import ObservationError
from pkpd.observations.cells import folder
from pkpd.observations.incidences import side_effects
from pkpd.observations.measures import measures

NAME = "effects-scoreboard.json"


@dataclass(frozen=True, slots=True)
class EffectScore:
    """One observation of an effect beside the prediction of the default configuration.

    effect    : its id
    row       : id of the observation
    study, n  : where it was observed, and in how many; None where that is not given
    model     : the kinetics that fed the effect
    predicted : share of patients, or size in `unit`
    observed  : the same; `low` and `high` are its 95 % interval, None where none can be had
    unit      : of a size; "" for a share of patients
    counted   : whether the effect was made without it
    """

    effect: str
    row: str
    study: str
    n: int | None
    model: str
    predicted: float
    observed: float
    low: float | None
    high: float | None
    unit: str
    counted: bool

    @property
    def inside(self) -> bool | None:
        """Whether the prediction lies in the observed interval; None where there is none."""
        return None if self.low is None or self.high is None else self.low <= self.predicted <= self.high


@lru_cache(maxsize=1)
def effect_scores() -> tuple[EffectScore, ...]:
    """The scoreboard of effects of the library, by effect; empty where no run has been kept.

    Raises ObservationError for a file that cannot be read as one.
    """
    return read_effect_scores(folder() / NAME)


def read_effect_scores(path: Path) -> tuple[EffectScore, ...]:
    """Scores out of a file that names observations of the library. Errors as `effect_scores`."""
    if not path.exists():
        return ()
    try:
        found = [_score(one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise ObservationError(
            f"{path.name}: not a scoreboard ({cause}). Make it again: python -m benchmarks.truth --keep."
        ) from cause
    return tuple(sorted(found, key=lambda one: one.effect))


def _score(kept: dict[str, Any]) -> EffectScore:
    """A kept prediction beside the observation it names."""
    made = (kept["model"], float(kept["predicted"]))
    for share in side_effects():
        if share.id == kept["row"] and share.observed is not None:
            low, high = share.interval or (None, None)
            of = (share.endpoint, share.id, share.study, share.total or share.n)
            return EffectScore(*of, *made, share.observed, low, high, "", share.scored == "yes")
    for size in measures():
        if size.id == kept["row"]:
            of = (size.effect, size.id, size.study, size.n)
            return EffectScore(*of, *made, size.value, size.low, size.high, size.unit, size.scored == "yes")
    raise ValueError(f'there is no observation "{kept["row"]}"')
