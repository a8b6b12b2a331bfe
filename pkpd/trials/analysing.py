"""What a trial makes of its scores: every patient's value at an endpoint, and the analysis it would print."""

from __future__ import annotations

from dataclasses import fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.statistics.comparing_groups import Analysis, ancova, crossover_t, paired_t, pooled_t, risk_difference, welch_t
from pkpd.statistics.mixed import mixed_model
from pkpd.statistics.paired_shares import mcnemar
from pkpd.trials.conducting import ArmScores, Conducted
from pkpd.trials.values import Endpoint, Trial

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


class Values(NamedTuple):
    """An endpoint in one arm.

    values    : (trials, patients) as the trial counts or averages them
    blinded   : (trials, patients) the same if nobody noticed what he was given
    evaluated : (trials, patients) whether the patient is in the analysis
    true      : (trials, patients) free of noise, of drop-out and of what noticing adds
    """

    values: Floats
    blinded: Floats
    evaluated: Booleans
    true: Floats


class Found(NamedTuple):
    """What trials found at an endpoint, one number a trial; nan where a trial could not be analysed.

    drug, control           : mean or share of the arm, as analysed; control is nan in a single arm
    estimate, se            : the difference and its standard error
    low, high, p            : its 95 % interval and two-sided p-value
    true_drug, true_control : mean or share of the drug arm's patients, on the drug and as they had been on the control,
                              free of noise, drop-out and unblinding
    blinded                 : the plain difference of the arms if nobody had noticed what he was given
    patients, controls      : who is in the analysis of either arm; of a cross-over who has both periods
    spread                  : SD of the values within an arm; of a cross-over of the differences between periods
    """

    drug: Floats
    control: Floats
    estimate: Floats
    se: Floats
    low: Floats
    high: Floats
    p: Floats
    true_drug: Floats
    true_control: Floats
    blinded: Floats
    patients: Floats
    controls: Floats
    spread: Floats


def values_of(endpoint: Endpoint, arm: ArmScores, visits: tuple[int, ...], missing: str) -> Values:
    """Every patient's value at an endpoint; a side effect counts in those who leave as well.

    missing : how those who left are scored: "non-response" as before treatment, "last score", or "left out"
    """
    if endpoint.of:
        had = arm.events[endpoint.of].astype(float)
        return Values(had, had, np.ones(had.shape, bool), had)
    rows = [visits.index(visit) for visit in endpoint.visits]
    last = rows[-1]

    def kept(scores: Floats) -> Floats:
        if missing == "last score":
            return _carried(arm, scores, rows)
        return np.where(arm.stayed[rows], scores[rows], arm.before)

    evaluated = arm.stayed[last] if missing == "left out" else np.ones(arm.before.shape, bool)
    return Values(
        _value(endpoint, kept(arm.scores).mean(axis=0), arm.before),
        _value(endpoint, kept(arm.blinded).mean(axis=0), arm.before),
        evaluated,
        _value(endpoint, arm.true[rows].mean(axis=0), arm.level),
    )


def _carried(arm: ArmScores, scores: Floats, rows: list[int]) -> Floats:
    """(visits, trials, patients) the last score a patient gave."""
    latest, kept = arm.before, []
    for row in range(max(rows) + 1):
        latest = np.where(arm.stayed[row], scores[row], latest)
        kept.append(latest)
    return np.stack([kept[row] for row in rows])


def _value(endpoint: Endpoint, score: Floats, before: Floats) -> Floats:
    """A patient's value, from the pain score and that before.

    Who had no pain before has no relief; pain that has more than doubled counts as doubled, a relief of -1, or one
    patient who began a period almost without pain would outweigh all others.
    """
    if endpoint.kind == "pain score":
        return score
    if endpoint.kind == "fall":
        return (before - score >= np.float64(endpoint.threshold)).astype(float)
    relief = np.where(before > 0, np.maximum(1.0 - score / np.where(before > 0, before, 1.0), -1.0), 0.0)
    return relief if endpoint.kind == "pain relief" else (relief >= np.float64(endpoint.threshold)).astype(float)


def analyse(trial: Trial, endpoint: Endpoint, made: Conducted) -> Found:
    """Analyse every trial at an endpoint, as the trial would."""
    missing = trial.conduct.missing
    drug = values_of(endpoint, made.drug, made.visits, missing)
    true_drug = drug.true.mean(axis=1)
    if made.control is None:
        nothing = np.full(len(true_drug), np.nan)
        own = _mean(drug.values, drug.evaluated)
        spread = _sd(drug.values, drug.evaluated)
        seen = drug.evaluated.sum(axis=1).astype(float)
        return Found(
            own,
            *(nothing,) * 6,
            true_drug=true_drug,
            true_control=nothing,
            blinded=nothing,
            patients=seen,
            controls=nothing,
            spread=spread,
        )
    control = values_of(endpoint, made.control, made.visits, missing)
    assert made.instead is not None
    true_control = values_of(endpoint, made.instead, made.visits, missing).true.mean(axis=1)
    each = drug.evaluated, control.evaluated
    if trial.design == "crossover":
        seen = drug.evaluated & control.evaluated
        drug, control = drug._replace(evaluated=seen), control._replace(evaluated=seen)
        spread = _sd(drug.values - control.values, seen)
    else:
        spread = np.sqrt((_sd(drug.values, drug.evaluated) ** 2 + _sd(control.values, control.evaluated) ** 2) / 2.0)
    enough = (drug.evaluated.sum(axis=1) >= 2) & (control.evaluated.sum(axis=1) >= 2)
    if trial.analysis_of(endpoint) == "ANCOVA":  # which cannot adjust for what is alike in all
        enough &= (_sd(made.drug.before, each[0]) > 0) | (_sd(made.control.before, each[1]) > 0)
    if trial.design == "crossover":
        enough &= ((seen & made.first).sum(axis=1) >= 2) & ((seen & ~made.first).sum(axis=1) >= 2)
    estimate, se, low, high, p = columns = np.full((5, len(enough)), np.nan)
    if enough.any():
        part = [arm._replace(**{f: getattr(arm, f)[enough] for f in Values._fields}) for arm in (drug, control)]
        before = [arm.before[enough] for arm in (made.drug, made.control)]
        if trial.analysis_of(endpoint) == "mixed model":
            part = [arm._replace(evaluated=mask[enough]) for arm, mask in zip(part, each, strict=True)]
        found = _analysis(trial, endpoint, part[0], part[1], before, made.first[enough])
        columns[:, enough] = found.estimate, found.se, found.low, found.high, found.p
    return Found(
        _mean(drug.values, drug.evaluated),
        _mean(control.values, control.evaluated),
        estimate,
        se,
        low,
        high,
        p,
        true_drug,
        true_control,
        _mean(drug.blinded, drug.evaluated) - _mean(control.blinded, control.evaluated),
        drug.evaluated.sum(axis=1).astype(float),
        control.evaluated.sum(axis=1).astype(float),
        spread,
    )


def _analysis(
    trial: Trial, endpoint: Endpoint, drug: Values, control: Values, before: list[Floats], first: Booleans
) -> Analysis:
    a, b, masks = drug.values, control.values, (drug.evaluated, control.evaluated)
    how = trial.analysis_of(endpoint)
    if how in ("Fisher", "chi-square"):
        return risk_difference(a > 0, b > 0, masks, test=how.lower())
    if how == "McNemar":
        return mcnemar(a > 0, b > 0, drug.evaluated)
    if how == "periods":
        return crossover_t(a, b, first, drug.evaluated)
    if how == "paired t":
        return paired_t(a, b, drug.evaluated)
    if how == "mixed model":
        return _mixed(drug, control, first)
    if how == "ANCOVA":
        return ancova(a, b, before[0], before[1], masks)
    return (welch_t if how == "Welch" else pooled_t)(a, b, masks)


def _mixed(drug: Values, control: Values, first: Booleans) -> Analysis:
    """Cross-over trials one by one, by a mixed model that keeps patients of whom one period is missing."""
    found = []
    patients = np.tile(np.arange(first.shape[1]), 2)
    active = np.repeat([True, False], first.shape[1])
    for k in range(len(first)):
        seen = np.concatenate([drug.evaluated[k], control.evaluated[k]])
        outcome = np.concatenate([drug.values[k], control.values[k]])
        period = np.concatenate([~first[k], first[k]])
        found.append(mixed_model(outcome[seen], patients[seen], active[seen], period[seen]))
    return Analysis(*(np.array([float(getattr(one, f.name)) for one in found]) for f in fields(Analysis)))


def _mean(values: Floats, seen: Booleans) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = np.where(seen, values, 0.0).sum(axis=1) / seen.sum(axis=1)
    return mean


def _sd(values: Floats, seen: Booleans) -> Floats:
    centred = np.where(seen, values - np.nan_to_num(_mean(values, seen))[:, None], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        sd: Floats = np.sqrt((centred**2).sum(axis=1) / (seen.sum(axis=1) - 1))
    return sd
