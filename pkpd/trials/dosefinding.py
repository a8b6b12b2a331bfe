"""Dose finding: trials of several doses against placebo, and the dose that MCP-Mod reads off each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.arms import Plan, modified_for
from pkpd.dosing.prescription import parse
from pkpd.dosing.regimen import Regimen
from pkpd.errors import StudyError
from pkpd.flags import Flag
from pkpd.model.model import Model
from pkpd.simulation import form_of, thread_count
from pkpd.statistics.dosefinding.fitting import DoseMeans
from pkpd.statistics.dosefinding.mcpmod import McpMod, mcp_mod
from pkpd.statistics.dosefinding.shapes import Shape
from pkpd.trials.analysing import values_of
from pkpd.trials.asking import check_count, check_finding, check_wanted
from pkpd.trials.conducting import one_arm, quietly
from pkpd.trials.designing import design_trial
from pkpd.trials.entry import enrol, open_to_all
from pkpd.trials.measuring import Draw, what_counts
from pkpd.trials.running import PATIENTS, limits_passed
from pkpd.trials.values import Endpoint, Treatment, Trial

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PLACE = "{dose}"
GRID = 33  # doses at which the true response is worked out
LARGE = 4000  # patients behind the true response


@dataclass(frozen=True)
class DoseFinding:
    """Many dose-finding trials of one design.

    trial       : the highest dose against placebo, with all patients; it holds endpoint, patients and conduct
    regimen     : text with {dose} in it
    doses       : (doses), 0 for placebo
    patients    : of each dose
    effect      : wanted over placebo, in the unit of the endpoint
    means       : (trials, doses) as measured
    found       : what MCP-Mod made of each trial
    flags       : limits that the highest dose passes
    grid, true  : (grid) doses, and mean effect over placebo, free of noise, drop-out and unblinding
    """

    trial: Trial
    regimen: str
    doses: Floats
    patients: tuple[int, ...]
    effect: float
    means: Floats
    found: McpMod
    grid: Floats
    true: Floats
    seed: int
    flags: tuple[Flag, ...] = ()

    def __repr__(self) -> str:
        flags = f"; flags: {len(self.flags)}" if self.flags else ""
        return (
            f"DoseFinding({len(self.means):,} trials of {len(self.doses)} doses, {self.regimen}: "
            f"{self.trial.endpoints[0].name}{flags})"
        )

    @property
    def power(self) -> float:
        """Share of trials that find a dose-response."""
        return float(self.found.found.mean())

    @cached_property
    def target(self) -> Floats:
        """(trials) the dose read off as the smallest with the effect wanted.

        Infinite where no dose reaches it, nan where no dose-response was found.
        """
        return self.found.target_dose(self.effect)

    @cached_property
    def true_target(self) -> float:
        """The smallest dose that truly has the effect wanted; infinite where none of those looked at has."""
        sign = np.sign(self.effect)
        reached = np.flatnonzero(sign * self.true >= abs(self.effect))
        if not len(reached):
            return float("inf")
        at = int(reached[0])
        low, high = sign * self.true[at - 1], sign * self.true[at]
        between = (abs(self.effect) - low) / (high - low)
        return float(self.grid[at - 1] + between * (self.grid[at] - self.grid[at - 1]))

    @property
    def shapes(self) -> dict[str, float]:
        """Shape -> share of trials in which it has the greatest weight; "" for no dose-response found."""
        names, counts = np.unique(self.found.selected, return_counts=True)
        return {str(name): float(count) / len(self.means) for name, count in zip(names, counts, strict=True)}

    def plot(self) -> Any:
        """A matplotlib figure: the true curve, curves that trials find, and the doses that are read off them."""
        from importlib import import_module

        return import_module("pkpd.plot.dosefinding").draw(self)


def find_dose(
    model: Model,
    regimen: str,
    doses: Sequence[float],
    patients: int | Sequence[int],
    endpoint: Endpoint | tuple[Any, ...],
    shapes: Sequence[Shape],
    effect: float,
    *,
    count: int = 500,
    alpha: float = 0.025,
    selection: str = "average",
    seed: int | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
    **design: Any,
) -> DoseFinding:
    """Simulate trials of several doses, and let MCP-Mod find the dose-response and the dose in each.

    model     : kinetic model
    regimen   : text with {dose} in the place of the dose: "ketamine {dose} mg/kg iv over 40 min"
    doses     : from 0, which is placebo, to the highest
    patients  : of each dose, or of all alike
    endpoint  : averaged, as for `pkpd.design_trial`: ("pain score", "0 h")
    shapes    : candidates, pkpd.statistics.Shape
    effect    : wanted over placebo, in the endpoint's unit, a benefit: -2 for two points less pain, 0.3 for a pain
                relief that is greater by 0.3
    count     : how many trials
    alpha     : one-sided, of finding a dose-response where there is none
    selection : "average" over the shapes found, "aic" or "max-t"
    design    : population, effects, title, and how the trial is conducted, as for `pkpd.design_trial`
    returns   : DoseFinding
    Raises a PkpdError that says what does not fit.
    Source: Bretz, Pinheiro and Branson, Biometrics 2005;61:738.
    """
    for name in ("design", "names"):
        if name in design:
            raise StudyError(
                f"dose finding: {name} is {design[name]!r}, and is not asked; doses are compared in parallel, each an "
                "arm of its own. Leave it out."
            )
    check_count(count)
    check_finding(shapes, alpha, selection)
    levels, sizes = _levels(doses, patients)
    arms = [Treatment(f"{level:g}", _given(regimen, level)) for level in levels]
    trial = design_trial(
        model, arms[-1].regimen, "no treatment", (sum(sizes[1:]), sizes[0]), [endpoint], design="parallel", **design
    )
    one = trial.endpoints[0]
    if one.counted:
        raise StudyError(f'dose finding: "{one.name}" is counted. Take an endpoint that is averaged.')
    if trial.conduct.missing == "left out":
        raise StudyError(
            "dose finding: patients who leave are to be scored, or the doses have other numbers than planned. Give "
            'missing="non-response" or "last score".'
        )
    check_wanted(one, effect)
    drawn = Draw(trial.population.seed if seed is None else seed, form_of(arms[-1].regimen))
    equipped = open_to_all(trial.model)
    if not trial.population.modifiers:
        equipped = what_counts(equipped, trial.conduct)
    models = [modified_for(equipped, Plan(arm.regimen), f"dose {arm.name}") for arm in arms]
    each = max(1, PATIENTS // trial.enrolled)
    blocks = [np.arange(first, min(first + each, count)) for first in range(0, count, each)]
    done = 0
    parts: list[tuple[Floats, Floats]] = []
    with ThreadPoolExecutor(thread_count(threads)) as workers:
        for block, part in zip(
            blocks, workers.map(lambda block: _measured(trial, arms, models, sizes, block, drawn), blocks), strict=True
        ):
            parts.append(part)
            done += len(block)
            if progress is not None:
                progress(done / count)
    means, variances = (np.concatenate(column) for column in zip(*parts, strict=True))
    direction = "decreasing" if effect < 0 else "increasing"
    given = DoseMeans.from_means(levels, means, variances, sizes)
    found = mcp_mod(given, shapes, alpha=alpha, direction=direction, selection=selection)
    flags = limits_passed(trial, [(arms[-1], models[-1])], drawn)
    grid = np.linspace(0.0, levels[-1], GRID)
    true = _true(trial, regimen, grid, equipped, drawn)
    return DoseFinding(trial, regimen, levels, sizes, effect, means, found, grid, true, drawn.seed, flags)


def _levels(doses: Sequence[float], patients: int | Sequence[int]) -> tuple[Floats, tuple[int, ...]]:
    try:
        levels = np.empty(0) if isinstance(doses, str) else np.asarray(doses, float)
    except (TypeError, ValueError):
        levels = np.empty(0)
    if levels.ndim != 1 or len(levels) < 3 or levels[0] != 0 or not (np.diff(levels) > 0).all() or levels[-1] == np.inf:
        raise StudyError(
            f"dose finding: doses are {doses!r}. Give a list of at least three numbers, rising, the first 0 for "
            "placebo, such as [0, 0.1, 0.25, 0.5]; their unit stands in the regimen."
        )
    sizes = tuple(patients) if isinstance(patients, Sequence) else (patients,) * len(levels)
    if len(sizes) != len(levels) or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 2 for n in sizes):
        raise StudyError(
            f"dose finding: patients are {patients!r}. Give one whole number from 2 on, or one for each of "
            f"{len(levels)} doses."
        )
    return levels, sizes


def _given(regimen: str, dose: float) -> Regimen:
    if not isinstance(regimen, str):
        raise StudyError(
            f"dose finding: the regimen is {str(regimen)[:60]} and no text. Give one with {PLACE} in the place of the "
            f'dose, such as "ketamine {PLACE} mg/kg iv over 40 min".'
        )
    if PLACE not in regimen:
        raise StudyError(f'dose finding: the regimen "{regimen}" has no {PLACE} in the place of the dose.')
    return Regimen(()) if dose == 0 else parse(regimen.replace(PLACE, f"{dose:.12g}"))


def _measured(
    trial: Trial,
    arms: Sequence[Treatment],
    models: Sequence[Model],
    sizes: tuple[int, ...],
    trials: Integers,
    draw: Draw,
) -> tuple[Floats, Floats]:
    """(trials, doses) means and (trials) pooled variances of some trials."""
    entered = enrol(trial, models[-1], trials, draw)
    endpoint, conduct = trial.endpoints[0], trial.conduct
    end, first = arms[-1].regimen.end, 0
    means, squares, kept = [], np.zeros(len(trials)), np.zeros(len(trials))
    for arm, model, size in zip(arms, models, sizes, strict=True):
        own = (entered.place >= first) & (entered.place < first + size)
        first += size
        scores = one_arm(trial, model, arm, end, entered, own, endpoint.visits, draw)
        found = values_of(endpoint, scores, endpoint.visits, conduct.missing)
        seen = found.evaluated.sum(axis=1)
        mean = np.where(found.evaluated, found.values, 0.0).sum(axis=1) / np.maximum(seen, 1)
        means.append(mean)
        squares += (np.where(found.evaluated, found.values - mean[:, None], 0.0) ** 2).sum(axis=1)
        kept += seen - 1
    return np.stack(means, axis=1), squares / kept


def _true(trial: Trial, regimen: str, grid: Floats, model: Model, draw: Draw) -> Floats:
    """(grid) mean effect over placebo in the same patients, free of noise, drop-out and unblinding."""
    large = replace(trial, patients=(LARGE // 2, LARGE // 2), conduct=quietly(trial.conduct))
    entered = enrol(replace(large, conduct=trial.conduct), model, np.array([0]), draw)
    endpoint, everybody = trial.endpoints[0], np.ones(entered.place.shape, bool)
    end = _given(regimen, float(grid[-1])).end
    responses = []
    for dose in grid:
        arm = Treatment(f"{dose:g}", _given(regimen, float(dose)))
        scores = one_arm(large, model, arm, end, entered, everybody, endpoint.visits, draw)
        responses.append(float(values_of(endpoint, scores, endpoint.visits, "non-response").true.mean()))
    return np.array(responses) - responses[0]
