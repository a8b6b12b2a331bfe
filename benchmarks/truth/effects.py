"""Side effects, sizes, a push against an infusion, and trials: `python -m benchmarks.truth.effects [--json FILE]`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.truth import measures, push, side_effects, trials
from benchmarks.truth.settings import DEFAULT


class Predicted(NamedTuple):
    """Everything about effects that was observed, beside what is predicted."""

    events: list[side_effects.Score]
    sizes: list[measures.Score]
    tried: list[push.Tried]
    results: list[trials.Score]

    def text(self) -> str:
        """As tables."""
        tables = (side_effects.table(self.events), measures.table(self.sizes), push.table(self.tried))
        return "\n\n".join((*tables, trials.table(self.results)))

    def as_json(self) -> dict[str, Any]:
        """Every prediction with its source, for other programs to read."""
        return {
            "side_effects": side_effects.as_json(self.events),
            "sizes": measures.as_json(self.sizes),
            "push_against_infusion": push.as_json(self.tried),
            "trials": trials.as_json(self.results),
        }

    def kept(self) -> list[dict[str, Any]]:
        """What the package keeps: predictions of the default configuration to four digits, by observation."""
        shares = [(one.incidence.id, one) for one in self.events if one.setting == DEFAULT]
        sizes = [(one.measure.id, one) for one in self.sizes if one.setting == DEFAULT]
        return [
            {"row": row, "model": one.model, "predicted": float(f"{one.predicted:.4g}")}
            for row, one in (*shares, *sizes)
            if one.predicted is not None
        ]


def predict(subjects: int = side_effects.SUBJECTS) -> Predicted:
    """Predict everything.

    subjects : virtual patients for a side effect; a fifth for a size, twice as many for the push, half for an arm of a
               trial
    """
    return Predicted(
        side_effects.score(subjects=subjects),
        measures.score(subjects=max(subjects // 5, 1)),
        push.score(subjects=2 * subjects),
        trials.score(subjects=max(subjects // 2, 2)),
    )


def main() -> int:
    """Predict, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth.effects", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every prediction with its source here")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw side effects and trials (.png, .svg, .pdf)")
    parser.add_argument("--subjects", type=int, default=side_effects.SUBJECTS, metavar="N", help="virtual patients")
    chosen = parser.parse_args()
    made = predict(chosen.subjects)
    print(made.text())
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(made.as_json(), indent=1) + "\n", encoding="utf-8")
    if chosen.figure is not None:
        from benchmarks.truth.effects_figure import draw

        draw(made.events, made.results, chosen.figure)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
