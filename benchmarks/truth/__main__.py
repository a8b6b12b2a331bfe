"""Models against published observations: `python -m benchmarks.truth [--kinetics] [--json FILE] [--figure FILE]`.

Prints how far every kinetic model is off, for each route and analyte, and what is asked of the library beside what it
reaches; then side effects and trial outcomes. The exit status is 1 where the library misses what it must reach.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.truth import effects, parameters, report, scoring, targets
from benchmarks.truth.meeting import subjects
from pkpd import observations
from pkpd.observations.cells import folder
from pkpd.observations.effect_scores import NAME as EFFECTS


def main() -> int:
    """Predict, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--kinetics", action="store_true", help="concentrations and parameters alone, in seconds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every prediction with its source here")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw predicted against observed (.png, .svg)")
    parser.add_argument("--keep", action="store_true", help="write the scoreboards that `pkpd models` shows")
    chosen = parser.parse_args()
    models = list(subjects())
    entries, missing = scoring.score(observations.concentrations(), models)
    scores = scoring.summaries(entries)
    reported = parameters.score(observations.parameters(), models)
    judged = targets.judge(entries, reported)
    print("Measured concentrations and areas", end="\n\n")
    print(report.scores_table(scores), end="\n\n")
    print(report.LEGEND, end="\n\n")
    print(report.unpredicted(missing, entries), end="\n\n")
    print("Reported parameters and ratios", end="\n\n")
    print(report.parameters_table(reported), end="\n\n")
    print(report.targets_table(judged))
    written: dict[str, Any] = report.as_json(scores, entries, missing, reported, judged)
    if not chosen.kinetics:
        others = effects.predict()
        print("\n" + others.text())
        written |= others.as_json()
        if chosen.keep:
            _keep(EFFECTS, others.kept())
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    if chosen.figure is not None:
        from benchmarks.truth.figure import draw

        draw(entries, chosen.figure)
    if chosen.keep:
        _keep("scoreboard.json", report.kept(scores, entries))
    return int(any(one.required and one.met is False for one in judged))


def _keep(name: str, what: Any) -> None:
    """Write a scoreboard into the package's data, an entry a line."""
    lines = json.dumps(what, separators=(",", ":")).replace("},{", "},\n{")
    (folder() / name).write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
