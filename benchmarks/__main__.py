"""Run the benchmarks: `python -m benchmarks [--short] [--rounds N] [--only W1,W3,start] [--json FILE] [--figure FILE]`.

Prints each time beside the error achieved, other programs' beside ours, and the targets. The exit status is 1 where a
target is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import report, rounds, start, targets
from benchmarks.workloads import WORKLOADS


def _names(text: str) -> list[str]:
    """Workloads asked for; raises where there is no such one."""
    allowed = [*WORKLOADS, "start"]
    given = [name.strip() for name in text.split(",")]
    for name in given:
        if name not in allowed:
            raise argparse.ArgumentTypeError(f"{name!r} is not there. Allowed: {', '.join(allowed)}")
    return [name for name in allowed if name in given]


def _rounds(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer subjects and rounds: under two minutes")
    parser.add_argument("--rounds", type=_rounds, help="how often each is timed (7; short 5); the median counts")
    parser.add_argument("--only", type=_names, help="these, with commas: W1 W2 W3 W4 W5 start (short: all but start)")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--figure", type=Path, help="draw the microseconds a subject here (.png, .svg, .pdf)")
    chosen = parser.parse_args()
    repeats = chosen.rounds or (5 if chosen.short else 7)
    names = chosen.only or [*WORKLOADS, *([] if chosen.short else ["start"])]

    def say(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    rows, absent = rounds.measure([name for name in names if name in WORKLOADS], repeats, chosen.short, say)
    verdicts = targets.judge(rows)
    say("")
    if rows:
        print(report.table(rows), end="\n\n")
        print(*(f"left out: {name}: {reason}" for name, reason in absent.items()), sep="\n")
        print(report.LEGEND, end="\n\n")
        print(report.verdicts(verdicts), flush=True)
    missed = any(verdict.met is False for verdict in verdicts)
    others: dict[str, Any] = {}
    if "start" in names:
        say("start and memory")
        try:
            others["start"] = start.measure(repeats)
            lines, late = report.waiting(others["start"])
        except RuntimeError as failure:
            lines, late = f"start: {failure}", True
        say("")
        print("\n" + lines)
        missed = missed or late
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(report.as_json(rows, verdicts, absent, others), indent=1) + "\n")
    if chosen.figure is not None:
        from benchmarks.figure import draw

        draw(rows, chosen.figure)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
