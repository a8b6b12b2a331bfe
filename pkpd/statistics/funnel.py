"""Is a literature lopsided? Egger's test, and what pooling gives once the other side is filled in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError
from pkpd.statistics.checking import choice
from pkpd.statistics.pooling import METHODS, Pooled, gather, pool

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ROUNDS = 100
SIDES = ("left", "right")


@dataclass(frozen=True)
class Asymmetry:
    """Egger's regression test, one value a literature.

    bias    : by how many standard errors small studies lie off; 0 in a funnel without asymmetry
    se      : of the bias
    t, p    : test of no bias, t distribution with studies - 2 degrees of freedom, two-sided
    limit   : effect towards which ever larger studies tend
    """

    bias: Floats
    se: Floats
    t: Floats
    p: Floats
    limit: Floats


@dataclass(frozen=True)
class Filled:
    """A literature after trim and fill.

    missing : how many studies were added
    side    : "left" or "right" of the funnel, where they were added
    effects, se : all studies, the added ones last
    pooled  : of all of them
    """

    missing: int
    side: str
    effects: Floats
    se: Floats
    pooled: Pooled


def egger(effects: ArrayLike, se: ArrayLike, there: ArrayLike | None = None) -> Asymmetry:
    """Regression of effect / se on 1 / se: its intercept is the bias, its slope the limit.

    effects : (studies) or (literatures, studies), at least three studies a literature
    se      : standard errors, same shape, not all equal
    there   : mask of the studies that are there; without it all
    Source: Egger, Davey Smith, Schneider and Minder, BMJ 1997;315:629.
    """
    from scipy.special import stdtr

    studies = gather(effects, se, there, least=3)
    w, x = studies.weights(np.zeros(studies.count.shape)), np.sqrt(studies.variances)
    centre = np.sum(w * x, axis=-1) / np.sum(w, axis=-1)
    off = np.where(studies.there, x - centre[..., None], 0.0)
    spread, mean = np.sum(w * off * off, axis=-1), studies.mean(w)
    if np.any(spread <= 1e-12 * np.sum(w, axis=-1) * centre**2):
        raise StatisticsError("all studies of a literature have one standard error; size and effect cannot be related.")
    bias = np.sum(w * off * studies.effects, axis=-1) / spread
    residual = studies.effects - mean[..., None] - bias[..., None] * off
    freedom = studies.count - 2.0
    error = np.sqrt(np.sum(w * residual**2, axis=-1) / freedom / spread)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(error > 0.0, bias / error, np.where(bias == 0.0, 0.0, np.copysign(np.inf, bias)))
    return Asymmetry(bias, error, t, 2.0 * stdtr(freedom, -np.abs(t)), mean - bias * centre)


def trim_and_fill(effects: ArrayLike, se: ArrayLike, *, side: str | None = None, method: str = "reml") -> Filled:
    """One literature with the studies added that would make its funnel symmetric.

    effects, se : (studies), at least three
    side        : of the funnel where studies may be missing, "left" or "right"; by default the one away from the
                  effects of small studies
    method      : of pooling, as for `pool`
    The number of missing studies is the estimator L0, (4 T - n (n + 1)) / (2 n - 1) with T the sum of the ranks of the
    effects beyond the pooled one; the pooled effect is that of the studies left when as many are trimmed. A way to see
    how much one kind of missing studies would matter, not a truer estimate.
    Source: Duval and Tweedie, Biometrics 2000;56:455.
    """
    choice("method", method, METHODS)
    y, s = np.asarray(effects, np.float64), np.asarray(se, np.float64)
    if y.ndim != 1:
        raise StatisticsError(f"trim and fill takes one literature, effects of shape (studies); given was {y.shape}.")
    gather(y, s, least=3)
    where = ("left" if float(egger(y, s).bias) > 0.0 else "right") if side is None else choice("side", side, SIDES)
    turned = y if where == "left" else -y
    order = np.argsort(turned, kind="stable")
    y_up, s_up, n, missing, centre = turned[order], s[order], len(y), 0, 0.0
    for _ in range(ROUNDS):
        kept = n - missing
        centre = float(pool(y_up[:kept], s_up[:kept], method=method).estimate)
        off = y_up - centre
        ranks = np.empty(n)
        ranks[np.argsort(np.abs(off), kind="stable")] = np.arange(1, n + 1)
        beyond = float(ranks[off > 0.0].sum())
        before, missing = missing, min(max(0, round((4.0 * beyond - n * (n + 1)) / (2.0 * n - 1.0))), n - 2)
        if missing == before:
            break
    else:
        raise StatisticsError(f"trim and fill does not settle in {ROUNDS} rounds; name the other side.")
    mirrored = 2.0 * centre - y_up[n - missing :]
    added = mirrored if where == "left" else -mirrored
    all_effects, all_se = np.concatenate([y, added]), np.concatenate([s, s_up[n - missing :]])
    return Filled(missing, where, all_effects, all_se, pool(all_effects, all_se, method=method))
