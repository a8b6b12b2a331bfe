"""Every published trial of the library, conducted many times: what it found, what it could find.

    python -m benchmarks.truth.designs [--count N] [--study NAME] [--json FILE] [--figure FILE] [--keep]

Prints a line for every endpoint as a table of Markdown, then what the lines come to.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pkpd.dosing.prescription import time_text
from pkpd.model.library import study_names
from pkpd.study import Study, load_study
from pkpd.trials.results import SIGNIFICANT, EndpointResult
from pkpd.trials.running import run_trials
from pkpd.trials.values import Counts, Mean, Trial

COUNT, SEED = 2000, 1
PAGE = Path(__file__).resolve().parents[2] / "docs" / "trials.md"
_TABLE = re.compile(r"^\| study \| endpoint .*\n(?:\|.*\n)+", re.MULTILINE)
_SUMS = re.compile(r"^Inside the central .*\nSignificant: .*\nPower of .*\n", re.MULTILINE)
INSIDE = 0.05  # a published value is inside where at least this share of simulated trials is as extreme
HEAD = (
    *("study", "endpoint", "patients", "drug, control: true", "difference: true", "as estimated", "observed"),
    *("difference", "as extreme", "power", "significant", "exaggerates", "for 80 %", "made from"),
)


@dataclass(frozen=True)
class Line:
    """One endpoint of one trial of the library.

    trial  : as the study file describes it
    result : what simulated trials found
    first  : whether it is of the study's first contrast, of which others of the same patients are not independent
    """

    trial: Trial
    result: EndpointResult
    first: bool

    @property
    def used(self) -> bool:
        """Whether a model was made from what was observed; where there are only words, from the trial's numbers."""
        return self.trial.is_made_from(self.result.endpoint)

    @property
    def when(self) -> str:
        """After the end of treatment."""
        endpoint = self.result.endpoint
        return time_text(endpoint.when) + ("" if endpoint.until is None else f" to {time_text(endpoint.until)}")

    @property
    def has_difference(self) -> bool:
        """Whether a difference was published as numbers."""
        return self.result.observed is not None

    @property
    def inside(self) -> bool | None:
        """Whether what was published lies inside the central 95 % of simulated trials; None without a number."""
        return None if math.isnan(self.result.as_extreme) else self.result.as_extreme >= INSIDE

    @property
    def found(self) -> bool | None:
        """Whether the trial found P < 0.05: as it says, else by the exact test of its counts; None where neither is."""
        if self.result.endpoint.significant is not None:
            return self.result.endpoint.significant
        if self.result.observed is None or not _counted(self.result) or math.isnan(self.result.observed.p):
            return None
        return self.result.observed.p < SIGNIFICANT


def _counted(result: EndpointResult) -> bool:
    return result.endpoint.observed is not None and isinstance(result.endpoint.observed.drug, Counts)


def is_published(study: Study) -> bool:
    """Whether a study's trial was conducted by somebody: one of its endpoints has numbers or words of it."""
    return study.trial is not None and any(end.observed or end.words for end in study.trial.endpoints)


def published() -> list[str]:
    """Studies of the library that are published trials or series."""
    return [name for name in study_names() if is_published(load_study(name))]


def conduct(count: int = COUNT, seed: int = SEED, studies: Iterable[str] | None = None) -> list[Line]:
    """Simulate trials of the library.

    count   : how many of each
    studies : their names; all published ones unless given
    """
    lines = []
    for name in published() if studies is None else studies:
        study = load_study(name)
        trials = () if study.trial is None else (study.trial, *study.further)
        for number, trial in enumerate(trials):
            lines += [Line(trial, result, number == 0) for result in run_trials(trial, count, seed=seed).endpoints]
    return lines


def table(lines: Sequence[Line]) -> str:
    """A line for every endpoint, as a table of Markdown."""
    rows = [HEAD, ("---",) * len(HEAD), *(_cells(line) for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(line: Line) -> tuple[str, ...]:
    result, endpoint = line.result, line.result.endpoint
    seen, found = endpoint.observed, result.found
    single, needed = result.design == "single arm", result.settling()
    true = [float(np.mean(found.true_drug))] + ([] if single else [float(np.mean(found.true_control))])
    arms = "-"
    if seen is not None:
        arms = ", ".join(_arm(one, endpoint.unit) for one in (seen.drug, seen.control) if one is not None)
    observed = "-" if result.observed is None else _value(result.observed.estimate, endpoint.unit, signed=True)
    what = f"{endpoint.name}, {line.when}" + ("" if line.first else f", {line.trial.drug.name}")
    patients = {"parallel": "{} + {}", "crossover": "{}, crossover", "single arm": "{}, single arm"}[result.design]
    extreme = "-" if line.inside is None else f"{result.as_extreme:.2f}{'' if line.inside else ', outside'}"
    return (
        line.trial.id,
        what,
        patients.format(*result.patients),
        ", ".join(_value(value, endpoint.unit) for value in true),
        "-" if single else _value(result.true_difference, endpoint.unit, signed=True),
        "-" if single else _value(result.expected, endpoint.unit, signed=True),
        arms,
        observed,
        extreme,
        "-" if single else f"{result.power:.2f}",
        {True: "yes", False: "no", None: "-"}[line.found],
        "-" if single or not math.isfinite(result.type_m) else f"{result.type_m:.1f}",
        "-" if needed is None else f"{needed:,}",
        "yes" if line.used else "-",
    )


def _arm(arm: Counts | Mean, unit: str) -> str:
    return f"{arm.events} of {arm.total}" if isinstance(arm, Counts) else _value(arm.value, unit)


def _value(value: float, unit: str, *, signed: bool = False) -> str:
    """Points to a tenth, a share in whole percent; nothing is -0."""
    digits, factor = (1, 1.0) if unit == "points" else (0, 100.0)
    rounded = round(factor * value, digits) + 0.0
    sign = "+" if signed and rounded > 0 else ""
    return f"{sign}{rounded:.{digits}f}{'' if unit == 'points' else ' %'}"


@dataclass(frozen=True)
class Totals:
    """What the lines come to.

    differences, inside         : published differences that nothing was made from, one a trial; inside the central 95 %
    used, used_inside           : the same of those that something was made from
    alone, alone_inside         : values on the drug without one on a control, one a trial that nothing was made from
    called, significant, expected : comparisons said to be significant or not, or counted, one a trial that nothing was
                                made from; how many were significant; the sum of the powers
    chance                      : of at least so many significant ones, each with its power
    powered                     : of all trials with two arms, first endpoints with a power of at least 0.8
    trials                      : those trials
    exaggeration                : median type M of first endpoints whose power is below 0.5
    weak                        : how many those are
    """

    differences: int
    inside: int
    used: int
    used_inside: int
    alone: int
    alone_inside: int
    called: int
    significant: int
    expected: float
    chance: float
    powered: int
    trials: int
    exaggeration: float
    weak: int


def totals(lines: Sequence[Line]) -> Totals:
    """Add up; of each trial one line counts, the first that fits, since others are of the same patients."""
    free = _one_each(line for line in lines if line.first and line.has_difference and not line.used)
    made = _one_each(line for line in lines if line.first and line.has_difference and line.used)
    alone = _one_each(
        line for line in lines if line.first and not line.has_difference and line.inside is not None and not line.used
    )
    called = _one_each(line for line in lines if line.first and line.found is not None and not line.used)
    primary = _one_each(line for line in lines if line.first and line.result.design != "single arm")
    weak = [line.result.type_m for line in primary if line.result.power < 0.5 and math.isfinite(line.result.type_m)]
    return Totals(
        len(free),
        sum(bool(line.inside) for line in free),
        len(made),
        sum(bool(line.inside) for line in made),
        len(alone),
        sum(bool(line.inside) for line in alone),
        len(called),
        sum(bool(line.found) for line in called),
        sum(line.result.power for line in called),
        at_least(sum(bool(line.found) for line in called), [line.result.power for line in called]),
        sum(line.result.power >= 0.8 for line in primary),
        len(primary),
        float(np.median(weak)) if weak else math.nan,
        len(weak),
    )


def at_least(successes: int, chances: Sequence[float]) -> float:
    """Probability of at least so many successes of independent tries, each with its own chance."""
    shares = np.ones(1)
    for chance in chances:
        shares = np.convolve(shares, [1.0 - chance, chance])
    return float(shares[successes:].sum())


def _one_each(lines: Iterable[Line]) -> list[Line]:
    kept: dict[str, Line] = {}
    for line in lines:
        kept.setdefault(line.trial.id, line)
    return list(kept.values())


def summary(all_in: Totals) -> str:
    """The totals in sentences."""
    return "\n".join(
        (
            f"Inside the central 95 % of simulated trials: {all_in.inside} of {all_in.differences} published "
            f"differences that nothing was made from, one a trial; {all_in.used_inside} of {all_in.used} that "
            f"something was made from; {all_in.alone_inside} of {all_in.alone} values on the drug alone.",
            f"Significant: {all_in.significant} of {all_in.called} trials that say so or counted, and that nothing was "
            f"made from; the powers add up to {all_in.expected:.1f}, and at least so many have a chance of "
            f"{all_in.chance:.2f}.",
            f"Power of at least 0.8 for the first endpoint: {all_in.powered} of {all_in.trials} trials with two arms. "
            f"{_weak(all_in)}",
        )
    )


def _weak(all_in: Totals) -> str:
    """By how much trials of little power exaggerate, in a sentence."""
    if not all_in.weak:
        return "None is below 0.5 with a true difference that can be told from 0, so no exaggeration can be given."
    return (
        f"Where it is below 0.5 ({all_in.weak} trials), a significant difference is {all_in.exaggeration:.1f} times "
        "the true one, median."
    )


def on_page(page: str, lines: Sequence[Line]) -> str:
    """The page with its table and its sums made anew; its other words stay."""
    for old, new in ((_TABLE, table(lines)), (_SUMS, summary(totals(lines)))):
        found = list(old.finditer(page))
        if len(found) != 1:
            raise ValueError(f"{PAGE}: the pattern {old.pattern} fits {len(found)} places of the page, not one.")
        page = f"{page[: found[0].start()]}{new}\n{page[found[0].end() :]}"
    return page


def as_json(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Every line with its numbers, for other programs to read."""
    written = []
    for line in lines:
        result, seen = line.result, line.result.endpoint.observed
        numbers = {
            "true_drug": float(np.mean(result.found.true_drug)),
            "true_control": float(np.mean(result.found.true_control)),
            "true_difference": result.true_difference,
            "expected_drug": float(np.nanmean(result.found.drug)),
            "observed_difference": math.nan if result.observed is None else result.observed.estimate,
            "as_extreme": result.as_extreme,
            "power": math.nan if result.design == "single arm" else result.power,
            "type_m": math.nan if result.design == "single arm" else result.type_m,
            "patients_for_80": result.settling() or math.nan,
        }
        written.append(
            {
                "study": line.trial.id,
                "drug": line.trial.drug.name,
                "endpoint": result.endpoint.name,
                "after_end": line.when,
                "patients": list(result.patients),
                "design": result.design,
                "analysis": result.analysis,
                "source": None if seen is None else seen.source,
                "words": result.endpoint.words,
                "significant": line.found,
                "made_from": line.used,
                **{key: None if math.isnan(value) else value for key, value in numbers.items()},
            }
        )
    return written


def main() -> int:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth.designs", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, metavar="N", help="trials of each design")
    parser.add_argument("--study", action="append", choices=published(), metavar="NAME", help="this study alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every line here")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw differences and power (.png, .svg, .pdf)")
    parser.add_argument("--keep", action="store_true", help="write table and sums into docs/trials.md")
    chosen = parser.parse_args()
    lines = conduct(chosen.count, studies=chosen.study)
    print(table(lines))
    print(f"\n{summary(totals(lines))}")
    if chosen.keep:
        PAGE.write_text(on_page(PAGE.read_text(encoding="utf-8"), lines), encoding="utf-8")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(as_json(lines), indent=1) + "\n", encoding="utf-8")
    if chosen.figure is not None:
        from benchmarks.truth.designs_figure import draw

        draw(lines, chosen.figure)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
