"""A mixed model of one trial in which patients are measured more than once, periods missing or not."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike

from pkpd.errors import StatisticsError
from pkpd.statistics.comparing_groups import Analysis, by_t


def mixed_model(
    outcome: ArrayLike, patient: ArrayLike, active: ArrayLike, period: ArrayLike | None = None, *, level: float = 0.95
) -> Analysis:
    """Effect of a treatment on patients measured in several periods, some perhaps missing: random patient, REML.

    outcome : (measurements)
    patient : (measurements) whose it is: numbers or words
    active  : (measurements) true under the treatment, false under the control
    period  : (measurements) in which period; left out, there is no effect of period
    level   : of the interval
    returns : numbers; degrees of freedom are measurements less patients less effects estimated within patients, which
              for a complete cross-over are those of `crossover_t`, and p and the interval are of that t distribution
    Where patients differ no more than their measurements do, the variance of patients is found as 0, and the standard
    error is smaller than that of `crossover_t`. Fitted by statsmodels' MixedLM.
    Raises StatisticsError where the model cannot be fitted.
    """
    import pandas as pd
    from statsmodels.regression.mixed_linear_model import MixedLM

    y = np.asarray(outcome, np.float64)
    who, treated = pd.factorize(np.asarray(patient))[0], np.asarray(active, np.bool_)
    columns = [np.ones(len(y)), treated.astype(np.float64)]
    if period is not None:
        when = pd.factorize(np.asarray(period), sort=True)[0]
        columns += [(when == k).astype(np.float64) for k in range(1, when.max() + 1)]
    design = np.stack(columns, axis=1)
    within = design[:, 1:] - np.stack([design[who == i, 1:].mean(axis=0) for i in range(who.max() + 1)])[who]
    estimable, fixed = np.linalg.matrix_rank(within), design.shape[1] - 1
    if treated.all() or not treated.any():
        raise StatisticsError(
            f"every measurement is {'active' if treated.all() else 'control'}; there is no comparison."
        )
    if np.linalg.matrix_rank(design) <= fixed:
        raise StatisticsError("treatment and period always change together; their effects cannot be told apart.")
    freedom = len(y) - (who.max() + 1) - estimable
    if freedom < 1:
        raise StatisticsError(
            f"{len(y)} measurements of {who.max() + 1} patients leave no degrees of freedom within patients; "
            "a mixed model needs patients measured more than once."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = MixedLM(y, design, groups=who).fit(reml=True, method=["bfgs", "lbfgs", "powell"], maxiter=1000)
        except np.linalg.LinAlgError as error:
            raise StatisticsError(f"the mixed model cannot be fitted: {error}.") from error
    if not fit.converged:
        raise StatisticsError("the mixed model did not converge; simplify it or look at the outcomes.")
    return by_t(fit.fe_params[1], fit.bse_fe[1], freedom, level)
