"""How many patients would settle it: the size at which trials conducted and analysed alike find what they estimate."""

from __future__ import annotations

import math

import numpy as np

from pkpd.trials.analysing import Found


def patients_for(
    found: Found, patients: tuple[int, ...], design: str, analysis: str, counted: bool, power: float
) -> int:
    """Patients in each arm, or in all of a cross-over, who find the mean estimate of these trials with this power.

    found    : what trials of one size found, some of them analysed, with a mean estimate that is not 0
    patients : of that size
    counted  : whether patients with an event are counted
    The standard error falls with the root of the number. Means by the t test, in a cross-over of the differences
    between periods; counts by the chi-square test or Fisher's, in a cross-over by McNemar's exact test of those who
    respond in one period alone.
    """
    from pkpd.statistics import paired_shares, two_by_two
    from pkpd.statistics.power import parallel, patients_needed, single

    estimate = float(np.nanmean(found.estimate))
    if counted and design == "parallel":
        drug, control = float(np.nanmean(found.drug)), float(np.nanmean(found.control))
        needed = two_by_two.patients_by_fisher if analysis == "Fisher" else two_by_two.responders_per_arm
        return needed(drug, control, power=power)
    if counted:
        # From Wald's standard error: se^2 = (in one period alone / pairs - estimate^2) / pairs.
        alone = float(np.nanmean(found.se**2 * found.patients + found.estimate**2))
        either = (max(0.0, (alone + sign * estimate) / 2.0) for sign in (1.0, -1.0))
        pairs = paired_shares.pairs_needed(*either, power=power)
        return math.ceil(pairs * patients[0] / float(np.mean(found.patients)))
    error = math.sqrt(float(np.nanmean(found.se**2)))
    if error == 0.0:
        return 2
    if design == "crossover":
        spread = error * math.sqrt(patients[0])
        return patients_needed(estimate, lambda size: single(spread, size), power=power)
    spread = error / math.sqrt(1.0 / patients[0] + 1.0 / patients[1])
    return patients_needed(estimate, lambda size: parallel(spread, size), power=power)
