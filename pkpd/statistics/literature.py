"""Simulated literatures: trials of given sizes, some of them published, and what pooling says beside the truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError
from pkpd.statistics.checking import at_least, choice, finite, positive
from pkpd.statistics.pooling import Pooled, pool

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]
Draw = Callable[[str, int], Floats]

MOST = 100  # trials a literature may take for every published one


@dataclass(frozen=True)
class Publication:
    """How likely a trial is published, by its p-value and by the side its result lies on.

    cuts       : p-values between the classes, ascending; (0.05,) makes two, significant and not
    favourable : probability in every class, one more than cuts, where the estimate lies on the favoured side
    otherwise  : the same where it lies on the other side; as `favourable` if left out
    favoured   : "higher", or "lower" for an outcome such as pain
    """

    cuts: tuple[float, ...] = (0.05,)
    favourable: tuple[float, ...] = (1.0, 1.0)
    otherwise: tuple[float, ...] | None = None
    favoured: str = "higher"

    def __post_init__(self) -> None:
        choice("favoured side", self.favoured, ("higher", "lower"))
        if any(not 0.0 < c < 1.0 for c in self.cuts) or list(self.cuts) != sorted(set(self.cuts)):
            raise StatisticsError(f"cuts are {self.cuts}; give p-values between 0 and 1, ascending.")
        for name, chances in (("favourable", self.favourable), ("otherwise", self.otherwise or self.favourable)):
            if len(chances) != len(self.cuts) + 1 or any(not 0.0 <= c <= 1.0 for c in chances):
                raise StatisticsError(
                    f"{name} is {chances}; {len(self.cuts)} cuts make {len(self.cuts) + 1} classes of p-values, each "
                    "with a probability from 0 to 1."
                )

    def chance(self, estimates: Floats, p: Floats) -> Floats:
        """Probability that trials with these estimates and p-values are published."""
        group = np.searchsorted(np.asarray(self.cuts), p)
        favoured = estimates > 0.0 if self.favoured == "higher" else estimates < 0.0
        good, other = np.asarray(self.favourable), np.asarray(self.otherwise or self.favourable)
        return np.where(favoured, good[group], other[group])


@dataclass(frozen=True)
class Verdict:
    """What pooling many literatures says of a truth that is known, each with the Monte-Carlo error of its mean.

    estimate    : mean of the pooled effects
    bias        : that less the true mean effect
    coverage    : share of intervals that hold the true mean effect
    significant : share of the pooled effects with p <= 0.05
    tau2        : mean variance found between studies
    published   : share of the trials that were published
    """

    estimate: float
    estimate_error: float
    bias: float
    coverage: float
    coverage_error: float
    significant: float
    significant_error: float
    tau2: float
    published: float


@dataclass(frozen=True)
class Literatures:
    """Simulated literatures, a row each; columns are trials in the order they were done.

    effect    : true mean effect
    tau       : standard deviation of the trials' true effects
    truths    : (literatures, trials) every trial's true effect
    effects   : (literatures, trials) estimates
    se        : (literatures, trials) their standard errors, as the trials report them
    p         : (literatures, trials) p-values of the t test
    patients  : (literatures, trials, 2) of the arms
    done      : (literatures, trials) false beyond the trial with which a literature was complete
    published : (literatures, trials)
    """

    effect: float
    tau: float
    truths: Floats
    effects: Floats
    se: Floats
    p: Floats
    patients: Integers
    done: Bools
    published: Bools

    def __repr__(self) -> str:
        return (
            f"Literatures({len(self.effects):,} of {self.done.sum(axis=1).min()} to {self.done.sum(axis=1).max()} "
            f"trials; effect {self.effect:g}, tau {self.tau:g})"
        )

    def pooled(
        self, *, everything: bool = False, method: str = "reml", interval: str = "hartung-knapp", level: float = 0.95
    ) -> Pooled:
        """Every literature pooled: its published trials, or everything that was done.

        method, interval, level : as for `pool`
        """
        there = self.done if everything else self.published
        return pool(self.effects, self.se, there, method=method, interval=interval, level=level)

    def verdict(
        self, *, everything: bool = False, method: str = "reml", interval: str = "hartung-knapp", level: float = 0.95
    ) -> Verdict:
        """What pooling says beside the truth; arguments as for `pooled`."""
        found = self.pooled(everything=everything, method=method, interval=interval, level=level)
        holds, hits = (found.low <= self.effect) & (self.effect <= found.high), found.p <= 0.05
        (mean, mean_error), (held, held_error), (hit, hit_error) = (_mean(x) for x in (found.estimate, holds, hits))
        return Verdict(
            mean,
            mean_error,
            mean - self.effect,
            held,
            held_error,
            hit,
            hit_error,
            float(found.tau2.mean()),
            float(self.published.sum() / self.done.sum()),
        )


def simulate_literatures(
    effect: float,
    sd: float,
    patients: ArrayLike,
    draw: Draw,
    *,
    published: int,
    tau: float = 0.0,
    publication: Publication = Publication(),
) -> Literatures:
    """Literatures that grow, trial by trial, until each has as many published trials as wanted.

    effect      : true mean difference of two arms
    sd          : standard deviation of a patient's outcome, > 0
    patients    : sizes a trial can have, equally likely: (sizes) patients in each arm, or (sizes, 2) in either arm
    draw        : draw(variable, trial) gives uniform numbers strictly between 0 and 1, one a literature, the same
                  whenever asked the same, such as `pkpd.population.streams.uniform(seed, numbers, variable, trial)`;
                  the variables are "literature-size", "-truth", "-estimate", "-spread" and "-publication", each with
                  "literature" before it. So a literature is the same alone and in a crowd
    published   : published trials a literature, at least 2
    tau         : standard deviation between trials of their true effects, 0 for one truth
    publication : how likely a trial is published; by default every one is
    A trial's estimate is normal about its true effect, its variance chi-square, as if the patients had been drawn.
    Raises StatisticsError where a literature is not complete after a hundred trials for every published one.
    """
    from scipy.special import chdtri, ndtri, stdtr

    finite("effect", effect)
    positive("sd", sd)
    if not 0.0 <= tau < math.inf:
        raise StatisticsError(f"tau is {tau:g}; it must be 0 or above.")
    wanted, sizes = at_least("published trials", published, 2), _sizes(patients)
    numbers: list[tuple[Floats, ...]] = []
    states: list[tuple[Bools, Bools]] = []
    arms: list[Integers] = []
    count = np.zeros(len(draw("literature-size", 0)), np.int64)
    while np.any(count < wanted):
        trial = len(arms)
        if trial == MOST * wanted:
            raise StatisticsError(
                f"after {trial} trials a literature has {int(count.min())} published of {wanted}; so few are published "
                "under these rules that no literature comes about."
            )
        arm = sizes[np.minimum((draw("literature-size", trial) * len(sizes)).astype(np.int64), len(sizes) - 1)]
        n, m = arm[:, 0], arm[:, 1]
        se, freedom = sd * np.sqrt(1.0 / n + 1.0 / m), n + m - 2.0
        truth = effect + (tau * ndtri(draw("literature-truth", trial)) if tau > 0.0 else np.zeros(len(arm)))
        estimate = truth + se * ndtri(draw("literature-estimate", trial))
        reported = se * np.sqrt(chdtri(freedom, draw("literature-spread", trial)) / freedom)
        p = 2.0 * stdtr(freedom, -np.abs(estimate) / reported)
        done = count < wanted
        out = done & (draw("literature-publication", trial) < publication.chance(estimate, p))
        count = count + out
        numbers.append((truth, estimate, reported, p))
        states.append((done, out))
        arms.append(arm)
    truths, estimates, errors, p_values = (np.stack(column, axis=1) for column in zip(*numbers, strict=True))
    was_done, was_out = (np.stack(column, axis=1) for column in zip(*states, strict=True))
    return Literatures(effect, tau, truths, estimates, errors, p_values, np.stack(arms, axis=1), was_done, was_out)


def _sizes(patients: ArrayLike) -> Integers:
    """(sizes, 2) patients of the arms."""
    given = np.atleast_1d(np.asarray(patients))
    arms = np.stack([given, given], axis=1) if given.ndim == 1 else given
    if arms.ndim != 2 or arms.shape[1] != 2 or not len(arms) or np.any(arms != np.rint(arms)) or np.any(arms < 2):
        raise StatisticsError(
            f"patients are {np.asarray(patients).tolist()}; give whole numbers of at least 2, one for both arms of a "
            "size or a pair for each."
        )
    return arms.astype(np.int64)


def _mean(values: ArrayLike) -> tuple[float, float]:
    """Mean over literatures and its Monte-Carlo standard error."""
    x = np.asarray(values, np.float64)
    return float(x.mean()), float(x.std(ddof=1) / math.sqrt(len(x))) if len(x) > 1 else math.inf
