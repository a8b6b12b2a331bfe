"""Side effects, a push against an infusion, and trials: `python -m benchmarks.truth.effects [--json FILE]`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.truth import push, side_effects, trials


def main() -> int:
    """Predict, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth.effects", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every prediction with its source here")
    parser.add_argument(
        "--figure", type=Path, metavar="FILE", help="draw predicted against observed (.png, .svg, .pdf)"
    )
    parser.add_argument(
        "--subjects",
        type=int,
        default=side_effects.SUBJECTS,
        metavar="N",
        help="virtual patients for a side effect; twice as many for the push, half for an arm of a trial",
    )
    chosen = parser.parse_args()
    events = side_effects.score(subjects=chosen.subjects)
    print(side_effects.table(events))
    tried = push.score(subjects=2 * chosen.subjects)
    print("\n" + push.table(tried))
    results = trials.score(subjects=max(2, chosen.subjects // 2))
    print("\n" + trials.table(results))
    if chosen.json is not None:
        found = {
            "side_effects": side_effects.as_json(events),
            "push_against_infusion": push.as_json(tried),
            "trials": trials.as_json(results),
        }
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if chosen.figure is not None:
        from benchmarks.truth.effects_figure import draw

        draw(events, results, chosen.figure)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
