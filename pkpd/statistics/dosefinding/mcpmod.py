"""MCP-Mod: test the candidate shapes, fit those found, choose or average, and read off a dose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pkpd.errors import StatisticsError
from pkpd.statistics.checking import choice, share
from pkpd.statistics.dosefinding.contrasts import (
    DIRECTIONS,
    Contrasts,
    ContrastTest,
    contrast_test,
    optimal_contrasts,
)
from pkpd.statistics.dosefinding.fitting import DoseMeans, Fit, fit_curve
from pkpd.statistics.dosefinding.shapes import Shape

Floats = NDArray[np.float64]

POINTS, HALVINGS = 401, 50  # of a curve looked along for a target, and of the interval it lies in


@dataclass(frozen=True)
class McpMod:
    """What MCP-Mod found in one trial or in many.

    contrasts : of the candidates
    test      : of the candidates
    fits      : of every form among the candidates, by its name
    weights   : (..., fits) of the forms in the average, 0 for a form not found; all 0 where nothing was found
    means     : what was analysed
    """

    contrasts: Contrasts
    test: ContrastTest
    fits: dict[str, Fit]
    weights: Floats
    means: DoseMeans

    def __repr__(self) -> str:
        return f"McpMod({', '.join(self.fits)}; a dose-response in {int(self.found.sum())} of {self.found.size})"

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether there is a dose-response, each trial."""
        return np.asarray(self.test.significant.any(axis=-1))

    @property
    def selected(self) -> NDArray[np.str_]:
        """The form with the greatest weight, each trial; "" where nothing was found."""
        names = np.array([*self.fits, ""])
        return names[np.where(self.found, np.argmax(self.weights, axis=-1), len(self.fits))]

    def predict(self, doses: ArrayLike) -> Floats:
        """Means of the averaged curve, (..., doses); NaN where nothing was found."""
        each = np.stack([one.predict(doses) for one in self.fits.values()], axis=-1)
        mean = np.sum(each * self.weights[..., None, :], axis=-1)
        return np.where(self.found[..., None], mean, np.nan)

    def target_dose(self, effect: float) -> Floats:
        """The smallest dose of the averaged curve with this effect over placebo, as the function `target_dose`."""
        return target_dose(self.predict, float(self.means.doses.max()), effect)


def mcp_mod(
    means: DoseMeans,
    shapes: Sequence[Shape],
    *,
    alpha: float = 0.025,
    two_sided: bool = False,
    direction: str = "increasing",
    selection: str = "aic",
) -> McpMod:
    """Multiple comparisons and modelling of one trial or of many.

    means     : estimates at the doses
    shapes    : candidates
    alpha     : of the test
    two_sided : whether a response against the direction counts too
    direction : "increasing", or "decreasing" for an outcome that falls with the dose, such as pain
    selection : "aic" (least AIC or gAIC of the forms found), "average" (weights exp(-AIC / 2)) or "max-t" (the form of
                the largest statistic)
    Sources: Bretz, Pinheiro and Branson, Biometrics 2005;61:738; Pinheiro, Bornkamp, Glimm and Bretz, Stat Med
    2014;33:1646; Buckland, Burnham and Augustin, Biometrics 1997;53:603 (weights).
    """
    choice("selection", selection, ("aic", "average", "max-t"))
    contrasts = optimal_contrasts(shapes, means.doses, means.covariance, direction=direction)
    test = contrast_test(
        means.estimates, contrasts, scale=means.scale, freedom=means.freedom, alpha=alpha, two_sided=two_sided
    )
    constants: dict[str, float] = {}
    for shape in shapes:
        if constants.setdefault(shape.kind, shape.constant) != shape.constant:
            raise StatisticsError(
                f'candidates of shape "{shape.kind}" have different constants; one curve is fitted to both.'
            )
    fits = {kind: fit_curve(kind, means, constant=constant) for kind, constant in constants.items()}
    kinds = [shape.kind for shape in shapes]
    size = np.where(test.significant, np.abs(test.statistics), -np.inf)
    best = np.stack([size[..., [k == kind for k in kinds]].max(axis=-1) for kind in fits], axis=-1)
    if selection == "max-t":
        merit = best
    else:
        merit = np.where(np.isfinite(best), -np.stack([f.criterion for f in fits.values()], axis=-1) / 2.0, -np.inf)
    highest = merit.max(axis=-1, keepdims=True)
    if selection == "average":
        weights = np.where(np.isfinite(highest), np.exp(merit - np.where(np.isfinite(highest), highest, 0.0)), 0.0)
    else:
        weights = (np.arange(len(fits)) == np.argmax(merit, axis=-1)[..., None]) & np.isfinite(highest)
    total = weights.sum(axis=-1, keepdims=True)
    return McpMod(contrasts, test, fits, weights / np.where(total > 0.0, total, 1.0), means)


def target_dose(curve: Callable[[ArrayLike], Floats], top: float, effect: float) -> Floats:
    """The smallest dose with this effect over dose 0.

    curve   : means at doses (doses), or (..., doses) for each trial its own, as (..., doses): a fit's or an average's
              `predict`
    top     : highest dose looked at
    effect  : over dose 0, in the unit of the means; below 0 for a fall
    returns : (...); infinite where no dose up to `top` reaches it, NaN where there is no curve
    """
    if effect == 0.0:
        raise StatisticsError("effect is 0; dose 0 has it. Give the effect that is wanted over placebo.")
    sign = np.sign(effect)
    return _first(lambda doses: sign * (curve(doses) - curve([0.0])), top, np.asarray(abs(effect)))


def effective_dose(
    curve: Callable[[ArrayLike], Floats], top: float, fraction: float, *, direction: str = "increasing"
) -> Floats:
    """The smallest dose with this fraction of the largest effect that any dose has.

    curve, top : as for `target_dose`
    fraction   : between 0 and 1, such as 0.5 for the ED50 within the doses looked at
    direction  : "increasing", or "decreasing" for an outcome that falls with the dose
    returns    : (...); infinite where no dose has an effect in that direction
    """
    sign = 1.0 if choice("direction", direction, DIRECTIONS) == "increasing" else -1.0

    def effect(doses: ArrayLike) -> Floats:
        return np.asarray(sign * (curve(doses) - curve([0.0])))

    most = effect(np.linspace(0.0, top, 10 * POINTS)).max(axis=-1)
    return _first(effect, top, np.where(most > 0.0, share("fraction", fraction) * most, np.inf))


def _first(effect: Callable[[ArrayLike], Floats], top: float, wanted: Floats) -> Floats:
    """The first dose at which an effect reaches what is wanted, each trial's."""
    doses = np.linspace(0.0, top, POINTS)
    along = effect(doses)
    reached = along >= wanted[..., None]
    at = np.argmax(reached, axis=-1)
    low, high = doses[np.maximum(at - 1, 0)], doses[at]
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        enough = effect(middle[..., None])[..., 0] >= wanted
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    found = np.where(reached.any(axis=-1), high, np.inf)
    return np.where(np.isnan(along).any(axis=-1), np.nan, found)
