"""What many simulated trials of one design found, beside the truth behind them and what the published one found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import unknown
from pkpd.flags import Flag
from pkpd.population.criteria import Screened
from pkpd.trials.analysing import Found
from pkpd.trials.observed import FEWEST, Level, ObservedDifference, level_of, of_counts, of_means, of_pairs, value_of
from pkpd.trials.settling import patients_for
from pkpd.trials.values import Counts, Endpoint, Mean, Trial

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

SIGNIFICANT = 0.05
CLEAR = 2.0  # Monte-Carlo standard errors a true difference is away from 0 before ratios to it are given
NONE = 0.02  # standard errors of a trial below which a true difference is as good as none

COLUMNS = (
    *("endpoint", "when", "analysis", "patients", "true_drug", "true_control", "true_difference", "expected_drug"),
    *(
        "expected_control",
        "expected_difference",
        "expected_blinded",
        "power",
        "power_error",
        "mean_significant",
        "type_m",
        "type_s",
    ),
    *("patients_for_80", "observed_drug", "observed_control", "observed_difference", "observed_low", "observed_high"),
    *("observed_p", "as_extreme", "unit", "made_from", "drug", "control", "trials", "draws", "seed"),
)


@dataclass(frozen=True)
class EndpointResult:
    """One endpoint of many simulated trials.

    endpoint : what was measured
    analysis : how it was analysed; "" in a single arm
    design   : of the trial
    patients : of the design
    found    : one number a trial
    replicates : draws of the estimates; trial t has draw t modulo their number, and errors are those between draws
    """

    endpoint: Endpoint
    analysis: str
    design: str
    patients: tuple[int, ...]
    found: Found
    replicates: int = 0

    @cached_property
    def true_difference(self) -> float:
        """Drug less control in the same simulated patients, free of noise, drop-out and unblinding."""
        return float(np.mean(self.found.true_drug - self.found.true_control))

    @property
    def true_error(self) -> float:
        """Monte-Carlo standard error of the true difference."""
        return self._error(self.found.true_drug - self.found.true_control)

    def _error(self, values: Floats) -> float:
        """Monte-Carlo standard error of a mean over trials; where estimates are drawn, over the draws."""
        if self.replicates < 2:
            return _error(values)
        draw = np.arange(len(values)) % self.replicates
        kept = np.isfinite(values)
        return _error(np.array([values[kept & (draw == k)].mean() for k in np.unique(draw[kept])]))

    @property
    def expected(self) -> float:
        """Mean estimate of all trials: the truth, and what conduct and analysis make of it."""
        return _mean(self.found.estimate)

    @property
    def expected_blinded(self) -> float:
        """Mean plain difference of the arms if nobody had noticed what he was given."""
        return _mean(self.found.blinded)

    @property
    def analysed(self) -> float:
        """Share of the trials in which enough patients were left to compare; 0 of a single arm."""
        return float(np.isfinite(self.found.p).mean())

    @cached_property
    def significant(self) -> NDArray[np.bool_]:
        """(trials) which found a difference at P < 0.05, in either direction; one with too few left finds none."""
        return np.asarray(self.found.p < SIGNIFICANT)

    @property
    def power(self) -> float:
        """Share of trials that are significant; nan where none could be analysed, as in a single arm."""
        return float(self.significant.mean()) if self.analysed else math.nan

    @property
    def power_error(self) -> float:
        """Monte-Carlo standard error of the power; nan as that."""
        if not self.analysed:
            return math.nan
        if self.replicates < 2:
            return math.sqrt(self.power * (1 - self.power) / len(self.significant))
        return self._error(self.significant.astype(float))

    @property
    def published(self) -> Floats:
        """Estimates of the significant trials."""
        return self.found.estimate[self.significant]

    @property
    def is_clear(self) -> bool:
        """Whether the true difference is told from 0 and not as good as none, so that ratios to it mean something."""
        return self._is_told(self.true_difference, self.true_error)

    def _is_told(self, value: float, error: float) -> bool:
        """Whether a difference is told from 0 by its Monte-Carlo error, and is not as good as none for a trial."""
        least = NONE * _mean(self.found.se)
        return abs(value) > max(CLEAR * error if error > 0 else 0.0, least if least > 0 else 0.0)

    @property
    def mean_significant(self) -> float:
        """Mean size of the significant estimates, sign left out; nan where none is significant."""
        return float(np.abs(self.published).mean()) if len(self.published) else math.nan

    @property
    def type_m(self) -> float:
        """By how much significant trials exaggerate: mean size of their estimates over the true one.

        nan where none is significant or the true difference cannot be told from 0.
        Source: Gelman and Carlin, Perspect Psychol Sci 2014;9:641.
        """
        return self.mean_significant / abs(self.true_difference) if self.is_clear else math.nan

    @property
    def selected(self) -> float:
        """The part of the exaggeration that selection makes: mean size of significant estimates over that of all.

        0 where trials do not estimate the difference.
        """
        return self.mean_significant / abs(self.expected) if self.is_estimated else 0.0

    @property
    def is_estimated(self) -> bool:
        """Whether the mean estimate of all trials has the sign of the truth, and is told from 0 as that is."""
        return (
            self._is_told(self.expected, self._error(self.found.estimate)) and self.expected * self.true_difference > 0
        )

    @cached_property
    def signs(self) -> Floats:
        """(trials) 1 where the estimate has the sign of the true difference, -1 where it has the other, else 0.

        The truth is that of all trials, where estimates are drawn that of the trial's own draw; a sign is neither right
        nor wrong where there is no true difference, or none that can be told from 0.
        """
        true = np.full(len(self.found.estimate), self.true_difference if self.is_clear else 0.0)
        if self.is_clear and self.replicates > 1:
            draw = np.arange(len(true)) % self.replicates
            apart = self.found.true_drug - self.found.true_control
            true = np.array([apart[draw == k].mean() for k in range(self.replicates)])[draw]
        return np.asarray(np.nan_to_num(np.sign(self.found.estimate) * np.sign(true)))

    @property
    def type_s(self) -> float:
        """Share of the significant trials with a sign that have the wrong one; nan where none has a sign."""
        signs = self.signs[self.significant]
        return float(np.mean(signs[signs != 0] < 0)) if signs.any() else math.nan

    @property
    def noticing(self) -> float:
        """What noticing the drug adds to the mean difference of the arms: 0 without unblinding."""
        return _mean(self.found.drug - self.found.control) - self.expected_blinded

    @property
    def is_noticing(self) -> bool:
        """Whether trials have a difference with the sign of the truth only because patients notice the drug."""
        as_true = math.copysign(1.0, self.true_difference)
        return self.is_estimated and (self.expected - self.noticing) * as_true <= 0

    def settling(self, power: float = 0.8) -> int | None:
        """Patients in each arm, or in all of a cross-over, who would find what trials estimate with this power.

        returns : None where the true difference cannot be told from 0, where trials do not estimate it with its sign,
                  or would not if nobody noticed what he was given, and where none could be analysed
        Of the trial as it is conducted, drop-out and unblinding included; by `pkpd.trials.settling.patients_for`.
        """
        if not self.is_clear or not self.is_estimated or self.is_noticing:
            return None
        return patients_for(self.found, self.patients, self.design, self.analysis, self.endpoint.counted, power)

    @cached_property
    def observed(self) -> ObservedDifference | None:
        """What the published trial found; None where it gives no number for both arms.

        Of a cross-over the estimate: how far the periods of a patient go together is in no table of arms, but where
        nobody or everybody had the event in one period.
        """
        seen = self.endpoint.observed
        if seen is None or seen.control is None:
            return None
        if isinstance(seen.drug, Counts) and isinstance(seen.control, Counts):
            return (of_pairs if self.design == "crossover" else of_counts)(seen.drug, seen.control)
        assert isinstance(seen.drug, Mean) and isinstance(seen.control, Mean)
        found = of_means(seen.drug, seen.control)
        return ObservedDifference(found.estimate, *(math.nan,) * 3) if self.design == "crossover" else found

    @property
    def levels(self) -> tuple[Level | None, Level | None]:
        """The published drug arm and control beside simulated ones; None where there is no number."""
        seen = self.endpoint.observed
        if seen is None:
            return None, None
        simulated = (self.found.drug, self.found.control)
        drug, control = (level_of(arm, own) for arm, own in zip((seen.drug, seen.control), simulated, strict=True))
        return drug, control

    @property
    def as_extreme(self) -> float:
        """Twice the share of simulated trials at or beyond the published difference, on the side where they are fewer.

        The same of the value on the drug where it stands alone; at most 1. nan where nothing was published as a number,
        or where fewer than 20 trials were simulated.
        """
        seen = self.endpoint.observed
        if seen is not None and seen.control is None:
            value = seen.drug.events / seen.drug.total if isinstance(seen.drug, Counts) else seen.drug.value
            simulated = self.found.drug
        elif self.observed is None:
            return math.nan
        else:
            value, simulated = self.observed.estimate, self.found.estimate
        simulated = simulated[np.isfinite(simulated)]
        if len(simulated) < FEWEST:
            return math.nan
        above, below = float(np.mean(simulated >= value - 1e-12)), float(np.mean(simulated <= value + 1e-12))
        return min(1.0, 2.0 * min(above, below))


@dataclass(frozen=True)
class Trials:
    """Many simulated trials of one design.

    trial     : the design
    count     : how many trials
    seed      : of all that is drawn
    endpoints : the results, the primary one first
    screened  : candidates looked at in all trials, and how many each entry criterion removed
    replicates : draws of the estimates that the trials are spread over; 0 where every trial has the models' own
    flags     : limits of the models that the drug arm passes
    """

    trial: Trial
    count: int
    seed: int
    endpoints: tuple[EndpointResult, ...]
    screened: Screened
    replicates: int = 0
    flags: tuple[Flag, ...] = ()

    def __repr__(self) -> str:
        named = ", ".join(dict.fromkeys(result.endpoint.name for result in self.endpoints))
        flags = f"; flags: {len(self.flags)}" if self.flags else ""
        return (
            f"Trials({self.count:,} of {' + '.join(map(str, self.trial.patients))} patients, {self.trial.drug.name}: "
            f"{named}{flags})"
        )

    def endpoint(self, name: str, when: str = "") -> EndpointResult:
        """One endpoint by name, and by time where several have it.

        Raises UnknownName listing what there is.
        """
        from pkpd.dosing.prescription import time_text

        for result in self.endpoints:
            if result.endpoint.name == name and when in ("", time_text(result.endpoint.when)):
                return result
        known = {f"{r.endpoint.name} {time_text(r.endpoint.when)}" for r in self.endpoints}
        raise unknown("trials", "endpoint", f"{name} {when}".strip(), known)

    def rows(self) -> list[tuple[Any, ...]]:
        """The lines of the table, in the order of COLUMNS."""
        control = "" if self.trial.control is None else self.trial.control.name
        own = (self.trial.drug.name, control, self.count, self.replicates, self.seed)
        return [(*_row(result), self.trial.is_made_from(result.endpoint), *own) for result in self.endpoints]

    def table(self) -> pandas.DataFrame:
        """The table as a pandas frame, one line an endpoint."""
        import pandas

        return pandas.DataFrame([dict(zip(COLUMNS, row, strict=True)) for row in self.rows()])

    def plot(self) -> Any:
        """A matplotlib figure: what trials of this size find at every endpoint, the truth, and the published one."""
        from importlib import import_module

        return import_module("pkpd.plot.trial").draw(self)


def _row(result: EndpointResult) -> tuple[Any, ...]:
    from pkpd.dosing.prescription import time_text

    found, endpoint, seen = result.found, result.endpoint, result.endpoint.observed
    observed = result.observed
    until = "" if endpoint.until is None else f" to {time_text(endpoint.until)}"
    when = "ever" if endpoint.of else time_text(endpoint.when) + until

    return (
        endpoint.name,
        when,
        result.analysis,
        " + ".join(map(str, result.patients)),
        _mean(found.true_drug),
        _mean(found.true_control),
        result.true_difference,
        _mean(found.drug),
        _mean(found.control),
        result.expected,
        result.expected_blinded,
        result.power,
        result.power_error,
        result.mean_significant,
        result.type_m,
        result.type_s,
        result.settling(),
        math.nan if seen is None else value_of(seen.drug),
        math.nan if seen is None or seen.control is None else value_of(seen.control),
        *((observed.estimate, observed.low, observed.high, observed.p) if observed else (math.nan,) * 4),
        result.as_extreme,
        endpoint.unit or "fraction",
    )


def _mean(values: Floats) -> float:
    """Mean over trials; nan where none has a value."""
    return math.nan if np.isnan(values).all() else float(np.nanmean(values))


def _error(values: Floats) -> float:
    """Monte-Carlo standard error of a mean over trials."""
    kept = values[np.isfinite(values)]
    return float(kept.std(ddof=1) / math.sqrt(len(kept))) if len(kept) > 1 else math.nan
