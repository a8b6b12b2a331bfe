"""What `uncertainty` gives back: for every model the typical curve with its band, and the band of new patients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd.comparison import Comparison, Summary
from pkpd.errors import unknown
from pkpd.estimates.drawing import ASSUMED, GIVEN, JOINTLY, NONE_KNOWN, PUBLISHED, RANGE, Estimates
from pkpd.replicates.summaries import NO_ENDS, Ends, Parts, shares

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

TYPICAL_BAND = "95 % of the typical value (the estimates' uncertainty)"
NEW_BAND = "90 % of new patients (the estimates' uncertainty and the differences between patients)"
PATIENTS_BAND = "90 % of patients at the published estimates"

OF_THE_REGIMEN = "cumulative "  # begins outcomes that are of what is given, and of no model

COLUMNS = (
    "regimen",
    "quantity",
    "when",
    "against",
    "value",
    "monte_carlo_error",
    "patients_low",
    "patients_high",
    "patients_interval",
    "mean_over_draws",
    "estimates_low",
    "estimates_high",
    "estimates_low_error",
    "estimates_high_error",
    "new_patient_low",
    "new_patient_high",
    "new_patient_low_error",
    "new_patient_high_error",
    "models_low",
    "models_high",
    "share_patients",
    "share_estimates",
    "share_models",
    "unit",
)


@dataclass(frozen=True)
class Curve:
    """One quantity of one arm over time, under one model.

    centre         : what of patients is typical: their "median", or their "mean" for pain, relief and probabilities
    hours          : (times) from the start of treatment
    typical, error : (times) at the published estimates, and its Monte-Carlo standard error
    band           : (2, times) 2.5 and 97.5 % of the typical value over replicates; nan where nothing that is drawn
                     acts on it, which says that no uncertainty is known and not that there is none
    patients       : (2, times) 5 and 95 % of patients at the published estimates
    new            : (2, times) 5 and 95 % of replicates x patients
    band_error, new_error : (2, times) Monte-Carlo standard errors
    parts          : (times) mean and variance parts
    """

    arm: str
    quantity: str
    unit: str
    centre: str
    hours: Floats
    typical: Floats
    error: Floats
    band: Floats
    band_error: Floats
    patients: Floats
    new: Floats
    new_error: Floats
    parts: tuple[Parts, ...]

    @property
    def is_drawn(self) -> bool:
        """Whether any drawn estimate acts on it."""
        return not bool(np.isnan(self.band).all())


@dataclass(frozen=True)
class Outcome:
    """One outcome of one arm over replicates x patients, under one model.

    name, when : as in the comparison
    means      : (replicates) mean over patients, or probability
    interval   : of the means, 95 % of the estimates' uncertainty; nan as for a curve's band
    new        : 90 % of new patients; nan for an event
    parts      : mean and variance parts
    apart      : as `interval`, of the difference from the reference in the same patients; nan in the reference itself
    """

    name: str
    when: str
    means: Floats
    interval: Ends
    new: Ends
    parts: Parts
    apart: Ends = NO_ENDS


@dataclass(frozen=True)
class View:
    """Everything under one model, with its effects.

    name       : the model's id, or as the caller names it
    comparison : at the published estimates
    estimates  : what was drawn
    curves     : of every arm and quantity
    outcomes   : arm -> outcomes
    """

    name: str
    comparison: Comparison
    estimates: Estimates
    curves: tuple[Curve, ...]
    outcomes: Mapping[str, tuple[Outcome, ...]]

    def __repr__(self) -> str:
        return f"View({self.name}: {', '.join(self.outcomes)}; {len(self.curves)} curves, {self.estimates!r})"

    def curve(self, arm: str, quantity: str) -> Curve:
        """One curve.

        Raises UnknownName listing what there is.
        """
        for one in self.curves:
            if (one.arm, one.quantity) == (arm, quantity):
                return one
        raise unknown(self.name, "curve", f"{arm}: {quantity}", {f"{one.arm}: {one.quantity}" for one in self.curves})

    def outcome(self, arm: str, name: str, when: str) -> Outcome | None:
        """One outcome; None where the model does not give it."""
        for one in self.outcomes.get(arm, ()):
            if (one.name, one.when) == (name, when):
                return one
        return None

    def summary(self, arm: str, name: str, when: str) -> float:
        """The mean or probability of an outcome at the published estimates."""
        return float(self.comparison.arm(arm).outcome(name, when).values.mean())


@dataclass(frozen=True)
class Line:
    """One line of the table: an outcome of an arm, or its difference from the reference.

    summary    : at the published estimates: value, Monte-Carlo error and interval of patients, as in the comparison
    over_draws : mean of the value over replicates; of an event its probability in a new patient
    interval   : 95 % of the estimates' uncertainty
    new        : 90 % of new patients; nan for an event or a difference
    models     : view -> value under it
    shares     : of patients, estimates and models in the variance; nan for a difference, and for models if there is one
    """

    summary: Summary
    over_draws: float
    interval: Ends
    new: Ends
    models: Mapping[str, float]
    shares: tuple[float, float, float]


@dataclass(frozen=True)
class Uncertainty:
    """Regimens under what is not known: differences between patients, errors of estimates, the choice of a model.

    views : the model asked for first, then every other one; each drawn apart, never merged
    notes : what a reader must know
    title : of tables and figures
    """

    views: tuple[View, ...]
    notes: tuple[str, ...]
    title: str = ""

    def __repr__(self) -> str:
        others = f"; beside it {len(self.views) - 1} other models" if len(self.views) > 1 else ""
        return (
            f"Uncertainty({self.main.name}: {', '.join(self.arms)}; {self.replicates} replicates x "
            f"{self.main.comparison.subjects} patients{others})"
        )

    @property
    def main(self) -> View:
        """Everything under the model asked for."""
        return self.views[0]

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the regimens."""
        return tuple(arm.name for arm in self.main.comparison.arms)

    @property
    def replicates(self) -> int:
        """How often the estimates were drawn."""
        return self.main.estimates.replicates

    @property
    def seed(self) -> int:
        """Of the patients and of the draws of estimates."""
        return self.main.comparison.seed

    def view(self, name: str) -> View:
        """Everything under one model, by name."""
        for one in self.views:
            if one.name == name:
                return one
        raise unknown("uncertainty", "model", name, [one.name for one in self.views])

    def curve(self, arm: str, quantity: str, model: str = "") -> Curve:
        """One curve, of the model asked for unless another is named."""
        return (self.view(model) if model else self.main).curve(arm, quantity)

    def lines(self) -> list[Line]:
        """Every outcome of every arm, then the differences from the reference."""
        comparison = self.main.comparison
        return [self._line(one) for one in (*comparison.summaries(), *comparison.differences())]

    def line(self, regimen: str, quantity: str, when: str = "") -> Line:
        """One outcome of one arm."""
        return self._line(self.main.comparison.summary(regimen, quantity, when))

    def _line(self, summary: Summary) -> Line:
        arm, name, when, against = summary.regimen, summary.quantity, summary.when, summary.against
        models = {}
        found: list[Parts] = []
        for view in self.views:
            own = view.outcome(arm, name, when)
            if own is None or (view is not self.main and name.startswith(OF_THE_REGIMEN)):
                continue
            value = view.summary(arm, name, when)
            models[view.name] = value - view.summary(against, name, when) if against else value
            found.append(own.parts)
        one = self.main.outcome(arm, name, when)
        assert one is not None
        if against:
            other = self.main.outcome(against, name, when)
            assert other is not None
            apart = one.means - other.means
            return Line(summary, float(apart.mean()), one.apart, NO_ENDS, models, (math.nan,) * 3)
        split = shares(found)
        whole = one.parts.mean
        return Line(summary, whole, one.interval, one.new, models, split if len(found) > 1 else (*split[:2], math.nan))

    def rows(self) -> list[tuple[str | float, ...]]:
        """The lines of the table in the order of COLUMNS."""
        return [
            (
                *(line.summary.regimen, line.summary.quantity, line.summary.when, line.summary.against),
                *(line.summary.value, line.summary.error, line.summary.low, line.summary.high, line.summary.kind),
                line.over_draws,
                *line.interval,
                *line.new,
                *((min(line.models.values()), max(line.models.values())) if len(line.models) > 1 else (math.nan,) * 2),
                *line.shares,
                line.summary.unit,
            )
            for line in self.lines()
        ]

    def table(self) -> pandas.DataFrame:
        """The whole table as a pandas frame."""
        import pandas

        return pandas.DataFrame(self.rows(), columns=list(COLUMNS))

    def to_frame(self) -> pandas.DataFrame:
        """Every curve of every model as a pandas frame: one row per model, arm, quantity and time."""
        import pandas

        frames = []
        for view in self.views:
            for one in view.curves:
                split = np.array([shares([part])[:2] for part in one.parts])
                columns = {
                    "model": view.name,
                    "regimen": one.arm,
                    "quantity": one.quantity,
                    "time (h)": one.hours,
                    "typical": one.typical,
                    "typical is": one.centre,
                    "monte_carlo_error": one.error,
                    "estimates_low": one.band[0],
                    "estimates_high": one.band[1],
                    "patients_low": one.patients[0],
                    "patients_high": one.patients[1],
                    "new_patient_low": one.new[0],
                    "new_patient_high": one.new[1],
                    "share_patients": split[:, 0],
                    "share_estimates": split[:, 1],
                    "unit": one.unit,
                }
                frames.append(pandas.DataFrame(columns))
        return pandas.concat(frames, ignore_index=True)

    def estimates(self) -> pandas.DataFrame:
        """What was drawn under the model asked for, on what basis, and what was not: see `Estimates.table`."""
        return self.main.estimates.table()

    def statements(self) -> list[str]:
        """What is drawn and what is not, in sentences, under the model asked for; then the notes."""
        return [*spoken(self.main.estimates), *self.notes]

    def plot(self, *quantities: str) -> Any:
        """A matplotlib figure: a row for every quantity, or those named, and a column for every regimen."""
        from importlib import import_module

        return import_module("pkpd.plot.uncertainty").draw(self, *quantities)


def spoken(estimates: Estimates) -> list[str]:
    """What is drawn of a model's estimates and what is not, in sentences."""
    said = []
    for basis, words in (
        (PUBLISHED, "Drawn by their published standard error or interval"),
        (GIVEN, "Drawn as given by the user"),
        (ASSUMED, "Drawn evenly from an assumed range (no distribution is published)"),
    ):
        names = [one.name for one in estimates.sampled if one.basis == basis]
        if names:
            said.append(f"{words}: {', '.join(names)}.")
    alone = [one.name for one in estimates.sampled if one.basis == PUBLISHED and JOINTLY not in one.how]
    if len(alone) > 1:
        said.append("They are drawn each by itself where their covariances are not published.")
    ranged = [one.text for one in estimates.left if one.why == RANGE]
    if ranged:
        said.append(f"Not sampled, of which only a range worth trying is known: {', '.join(ranged)}.")
    silent = [one for one in estimates.left if one.why == NONE_KNOWN]
    kinetic = [one.name for one in silent if one.owner == estimates.model.id]
    drawn = {one.owner for one in estimates.sampled}
    if kinetic:
        rest = (
            "bands of levels leave them out" if estimates.model.id in drawn else "levels have no band of the estimates"
        )
        said.append(f"No uncertainty is published for {', '.join(kinetic)} of {estimates.model.id}: {rest}.")
    others = sorted({one.owner for one in silent} - {estimates.model.id})
    if others:
        said.append(f"Nor for some or all parameters of {', '.join(others)}.")
    return said
