"""A literature of simulated trials: some are published and some are not, and what a meta-analysis makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.prescription import time_text
from pkpd.errors import StudyError
from pkpd.population import streams
from pkpd.statistics.funnel import egger
from pkpd.statistics.literature import Publication
from pkpd.statistics.pooling import METHODS, Pooled, pool
from pkpd.trials.asking import check_count, check_trial, check_trials
from pkpd.trials.running import run_trials
from pkpd.trials.values import Endpoint, Trial

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

APART = 2**32  # numbers between the trials of one study and those of the next
MOST = 10_000_000  # trials of all literatures
METHOD_NAMES = {"fixed": "one effect", "dersimonian-laird": "DerSimonian-Laird", "reml": "REML"}
METHOD_NAMES["paule-mandel"] = "Paule-Mandel"
ALIKE = 1e-5  # of their mean: standard errors nearer to each other than that are one
LEAST = 3  # studies that a meta-analysis and its test of asymmetry need


@dataclass(frozen=True)
class Literature:
    """Many literatures of the same trials.

    trials     : the designs, one for each study
    unpublished, unfavourable : share of trials that stay in the drawer where they are not significant, and where they
                 are significant against the drug
    method     : of pooling
    true       : (studies) true difference behind each study
    estimates, errors, p : (literatures, studies) what each found, its standard error and p-value
    published  : (literatures, studies)

    Where no literature has enough published to be pooled, what would be read off the published ones is nan.
    """

    trials: tuple[Trial, ...]
    unpublished: float
    unfavourable: float
    method: str
    true: Floats
    estimates: Floats
    errors: Floats
    p: Floats
    published: Booleans
    seed: int

    @property
    def count(self) -> int:
        """How many literatures."""
        return len(self.estimates)

    @cached_property
    def readable(self) -> Booleans:
        """(literatures) in which enough was published to be pooled."""
        return np.asarray(self.published.sum(axis=1) >= LEAST)

    @cached_property
    def of_all(self) -> Pooled:
        """Every trial pooled, published or not; one value a literature."""
        there = np.isfinite(self.estimates)
        return pool(self.estimates, self.errors, there, method=self.method, interval="hartung-knapp")

    @cached_property
    def of_published(self) -> Pooled:
        """The published trials pooled, in the literatures that are `readable`."""
        kept = self.readable
        return pool(
            self.estimates[kept], self.errors[kept], self.published[kept], method=self.method, interval="hartung-knapp"
        )

    @cached_property
    def truth(self) -> float:
        """Mean true difference of the studies."""
        return float(self.true.mean())

    @property
    def expected(self) -> float:
        """Mean difference that all trials together would show, weighted by their precision."""
        there = np.isfinite(self.estimates)
        return float(np.average(self.estimates[there], weights=1.0 / self.errors[there] ** 2))

    @property
    def bias(self) -> float:
        """Mean pooled difference of the published trials less that of all; nan where none is `readable`."""
        if not self.readable.any():
            return math.nan
        return float(self.of_published.estimate.mean() - self.of_all.estimate[self.readable].mean())

    def coverage(self) -> tuple[float, float]:
        """Share of 95 % intervals that hold the mean estimate of all trials: of all trials pooled, of the published."""
        expected = self.expected
        held = [
            _mean((pooled.low <= expected) & (expected <= pooled.high)) for pooled in (self.of_all, self.of_published)
        ]
        return held[0], held[1]

    @cached_property
    def seen_asymmetric(self) -> float:
        """Share of published literatures that Egger's test calls lopsided at P < 0.1.

        Where all trials published have one standard error it finds nothing; nan where no literature is `readable`.
        """
        if not self.readable.any():
            return math.nan
        errors = np.where(self.published, self.errors, np.nan)[self.readable]
        apart = np.nanmax(errors, axis=1) - np.nanmin(errors, axis=1) > ALIKE * np.nanmean(errors, axis=1)
        kept = np.flatnonzero(self.readable)[apart]
        found = egger(self.estimates[kept], self.errors[kept], self.published[kept]).p < 0.1
        return float(found.sum() / len(errors))

    @property
    def of_published_estimate(self) -> float:
        """Mean pooled difference of the published trials; nan where none is `readable`."""
        return _mean(self.of_published.estimate)

    @property
    def method_name(self) -> str:
        """The method of pooling as it is written."""
        return METHOD_NAMES[self.method]

    @property
    def unread(self) -> str:
        """In words, how many literatures have too little published to be pooled; "" where all have enough."""
        if self.readable.all():
            return ""
        if not self.published.any():
            return "Nothing was published in any of the literatures, so that there is nothing to pool."
        few = f"fewer than {LEAST} trials were published"
        if not self.readable.any():
            return f"In every literature {few}, too few to be pooled."
        return f"In {100 * (1 - self.readable.mean()):.1f} % of the literatures {few}, too few to be pooled."

    @property
    def conducted(self) -> str:
        """In words, what of the trials' conduct and analysis sets the mean of all trials apart from the truth."""
        found: list[str] = []
        for trial in self.trials:
            endpoint, conduct = trial.endpoints[0], trial.conduct
            if conduct.unblinding > 0 and not endpoint.of:
                found.append(f"those who notice effects on perception score {conduct.unblinding:g} points lower")
            if (conduct.drop_out > 0 or conduct.drop_out_control > 0) and not endpoint.of:
                left = "are left out" if conduct.missing == "left out" else f"are scored as {conduct.missing}"
                found.append(f"those who leave {left}")
            if trial.design == "crossover":
                found.append("what is left of the first treatment acts on in the second period")
        if not found:
            return ""
        how = "; ".join(dict.fromkeys(found))
        return f"All trials may differ from the true difference by how they are conducted: {how}."

    def __repr__(self) -> str:
        return (
            f"Literature({self.count:,} of {len(self.trials)} trials: {self.trials[0].endpoints[0].name}; "
            f"{100 * self.published.mean():.0f} % published, {self.method_name})"
        )

    def plot(self, which: int = 0) -> Any:
        """A matplotlib figure: one literature as a funnel, and the pooled differences of all literatures.

        which : of the literatures, the one drawn as a funnel
        """
        from importlib import import_module

        return import_module("pkpd.plot.literature").draw(self, which)


def run_literature(
    trials: Sequence[Trial],
    count: int = 1000,
    *,
    unpublished: float = 0.5,
    unfavourable: float = 0.5,
    method: str = "dersimonian-laird",
    seed: int | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Literature:
    """Simulate a literature many times: every trial once in each, then what is published, then the meta-analysis.

    trials       : designs whose first endpoint is of one kind at one time; see `sized` for one design in several sizes
    count        : how many literatures
    unpublished  : share that stays in the drawer of the trials that are not significant
    unfavourable : the same of those significant against the drug
    method       : of pooling: "fixed", "dersimonian-laird", "reml" or "paule-mandel"
    seed         : of all that is drawn; that of the first trial's population unless given
    threads      : how many; all cores unless given. The numbers do not depend on it
    progress     : called with the share done, 0 to 1
    returns      : Literature
    Raises StudyError for fewer than three trials, endpoints of several kinds or times, and single arms.
    """
    _check(trials, unpublished, unfavourable, method)
    check_count(count, "literatures", MOST // len(trials))
    drawn = trials[0].population.seed if seed is None else seed
    rule = Publication(
        favourable=(1.0, 1.0 - unpublished),
        otherwise=(1.0 - unfavourable, 1.0 - unpublished),
        favoured="lower" if trials[0].endpoints[0].kind in ("pain score", "side effect") else "higher",
    )
    columns: dict[str, list[Floats]] = {"estimate": [], "se": [], "p": []}
    true, published = [], []
    arms: list[tuple[Floats, Floats, Floats, Floats]] = []
    patients = np.cumsum([0, *(trial.enrolled for trial in trials)])
    for number, trial in enumerate(trials):
        own = replace(trial, endpoints=trial.endpoints[:1], follow_up=trial.followed)
        told = None if progress is None else _part(progress, *(patients[[number, number + 1]] / patients[-1]))
        result = run_trials(own, count, first=number * APART, seed=drawn, threads=threads, progress=told).endpoints[0]
        found = result.found
        estimate, error = found.estimate, found.se
        if trial.endpoints[0].counted:
            arms.append((found.drug, found.patients, found.control, found.controls))
        keep = rule.chance(found.estimate, found.p)
        lots = streams.uniform(drawn, np.arange(count), f"publication of study {number}")
        published.append((lots < keep) & np.isfinite(estimate))
        for name, column in (("estimate", estimate), ("se", error), ("p", found.p)):
            columns[name].append(column)
        true.append(result.true_difference)
    stacked = {name: np.stack(rows, axis=1) for name, rows in columns.items()}
    if arms:
        stacked["se"] = _errors_of_shares(*(np.stack(rows, axis=1) for rows in zip(*arms, strict=True)))
    return Literature(
        tuple(trials),
        unpublished,
        unfavourable,
        method,
        np.array(true),
        stacked["estimate"],
        stacked["se"],
        stacked["p"],
        np.stack(published, axis=1),
        drawn,
    )


def _mean(values: Booleans | Floats) -> float:
    """Mean over literatures; nan where there is none."""
    return float(np.mean(values)) if len(values) else math.nan


def sized(trial: Trial, sizes: Sequence[int]) -> list[Trial]:
    """One design in several sizes.

    sizes : patients in each arm, or in all of a cross-over
    """
    check_trial(trial, "literature")
    if isinstance(sizes, str) or not isinstance(sizes, Sequence):
        raise StudyError(f"literature: sizes are {sizes!r}. Give a list of whole numbers, such as [10, 20, 40].")
    arms = 2 if trial.design == "parallel" else 1
    return [replace(trial, patients=(size,) * arms) for size in sizes]


def _part(progress: Callable[[float], None], start: float, end: float) -> Callable[[float], None]:
    """The progress of one study as a part of that of all."""
    return lambda share: progress(start + share * (end - start))


def _errors_of_shares(drug: Floats, patients: Floats, control: Floats, controls: Floats) -> Floats:
    """Standard errors of differences of shares, (literatures, studies), by the shares of all trials of a literature.

    drug, control      : (literatures, studies) shares; nan of a trial that could not be analysed
    patients, controls : in the arms
    A trial's own share near 0 or 1 has a small error: weighed by it, such trials count for more, and a test of
    asymmetry finds that. Of 23 trials of 8 to 94 patients an arm in which 80 and 20 % respond all pooled show 0.62 by
    the errors of their own (one success and one failure added to each arm), and 0.60 by those of all. One success and
    one failure are added to all trials together, so that an error never is 0.
    """
    errors = np.zeros(drug.shape)
    for share, number in ((drug, patients), (control, controls)):
        events = np.where(np.isfinite(share), share * number, 0.0).sum(axis=1, keepdims=True)
        p = (events + 1.0) / (np.where(np.isfinite(share), number, 0.0).sum(axis=1, keepdims=True) + 2.0)
        with np.errstate(divide="ignore"):
            errors += p * (1.0 - p) / number
    return np.sqrt(errors)


def lower(title: str) -> str:
    """A title as it stands within a sentence."""
    return title[:1].lower() + title[1:]


def _measured(endpoint: Endpoint) -> str:
    """What is measured and when, in words; equal for endpoints that can be pooled."""
    if endpoint.of:
        return endpoint.name
    when = time_text(endpoint.when) + ("" if endpoint.until is None else f" to {time_text(endpoint.until)}")
    return f"{endpoint.name} {when} after treatment"


def _check(trials: Sequence[Trial], unpublished: float, unfavourable: float, method: str) -> None:
    check_trials(trials, "literature")
    if len(trials) < LEAST:
        raise StudyError(f"literature: {len(trials)} trials are too few; a meta-analysis here needs at least {LEAST}.")
    measured = {_measured(trial.endpoints[0]) for trial in trials}
    if len(measured) > 1:
        raise StudyError(
            f"literature: the trials' first endpoints are {'; '.join(sorted(measured))}. Only differences of one kind, "
            "measured at one time, can be pooled; give trials with the same first endpoint."
        )
    for trial in trials:
        if trial.design == "single arm":
            raise StudyError(f'literature: "{trial.title or trial.drug.name}" is a single arm and has no difference.')
        if trial.design == "crossover" and trial.endpoints[0].counted:
            raise StudyError(
                "literature: shares of a cross-over are not pooled here, since their standard error needs the pairs. "
                "Take an endpoint that is averaged as the first; pkpd literature has --endpoint NAME."
            )
    for name, share in (("unpublished", unpublished), ("unfavourable", unfavourable)):
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise StudyError(f"literature: {name} is {share!r}; it is a share from 0 to 1.")
    if method not in METHODS:
        from pkpd.errors import unknown

        raise unknown("literature", "method", method, METHODS)
