"""What this package has set itself, and whether the rows just measured meet it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.programs import ANCHOR, BY_HAND, OURS, OURS_PREPARED
from benchmarks.rounds import Row

# Workload -> largest error our rows may have, of the peak; a time with a larger one does not count.
LARGEST_ERROR = {"W1": 1e-10, "W2": 1e-10, "W3": 4e-6, "W4": 3e-6, "W5": 1e-10}


class Target(NamedTuple):
    """A time: at most `limit` ms a call, or at least `limit` times faster a subject than another row.

    program, threads : the row it is about
    than             : program and threads of the other row
    """

    workload: str
    text: str
    limit: float
    program: str = OURS
    threads: int = 1
    than: tuple[str, int] | None = None


TARGETS = (
    Target("W1", "a plain call at most 0.4 ms", 0.4),
    Target("W1", "a prepared call at most 0.15 ms", 0.15, OURS_PREPARED),
    Target("W2", "300 times numbalsoda", 300, than=(ANCHOR, 1)),
    Target("W2", "20 times numpy by hand", 20, than=(BY_HAND, 1)),
    Target("W2", "two threads 1.4 times one", 1.4, threads=2, than=(OURS, 1)),
    Target("W3", "13 times numbalsoda", 13, than=(ANCHOR, 1)),
    Target("W3", "two threads 1.8 times one", 1.8, threads=2, than=(OURS, 1)),
    Target("W4", "10 times numbalsoda (the aim)", 10, than=(ANCHOR, 1)),
    Target("W4", "5 times numbalsoda (the floor)", 5, than=(ANCHOR, 1)),
    Target("W4", "two threads 1.8 times one", 1.8, threads=2, than=(OURS, 1)),
    Target("W5", "at most 0.5 s", 500),
)


@dataclass(frozen=True)
class Verdict:
    """One target: what was asked, what was found, and whether that is enough (None: it could not be judged)."""

    workload: str
    target: str
    found: str
    met: bool | None


def judge(rows: Iterable[Row]) -> list[Verdict]:
    """Every target of the workloads that were run."""
    given = list(rows)
    measured = {(row.workload.name, row.program.name, row.threads): row for row in given}
    made = []
    for workload in dict.fromkeys(row.workload.name for row in given):
        ours = measured.get((workload, OURS, 1))
        if ours is not None and not ours.refused:
            most = LARGEST_ERROR[workload]
            met = ours.peak_error <= most
            made.append(Verdict(workload, f"error at most {most:.0e} of the peak", f"{ours.peak_error:.1e}", met))
        for target in TARGETS:
            if target.workload == workload:
                found, met_or_not = _judged(target, measured)
                made.append(Verdict(workload, target.text, found, met_or_not))
    return made


def _judged(target: Target, measured: Mapping[tuple[str, str, int], Row]) -> tuple[str, bool | None]:
    """What was found for a target, and whether it is met."""
    row = measured.get((target.workload, target.program, target.threads))
    other = None if target.than is None else measured.get((target.workload, *target.than))
    if row is not None and row.refused:
        return "refused", False
    if row is None or (target.than is not None and (other is None or other.refused)):
        program, threads = target.than if row is not None and target.than else (target.program, target.threads)
        return f"{program}, threads: {threads}, was not timed", None
    if not row.peak_error <= LARGEST_ERROR[target.workload]:
        return f"its error of {row.peak_error:.0e} is too large for its time to count", False
    if other is None:
        milliseconds = 1e3 * statistics.median(row.seconds)
        return f"{milliseconds:.3f} ms", milliseconds <= target.limit
    times = row.times(other)
    beside = ""
    if other.program == row.program:
        # A busy machine has no second core to give; what it gave another program in the same rounds tells.
        anchors = [measured.get((target.workload, ANCHOR, threads)) for threads in (1, target.threads)]
        alone, together = (None if one is None or one.refused else one for one in anchors)
        beside = f" on {statistics.median(row.cores):.1f} cores"
        beside += f" (numbalsoda {together.times(alone):.1f})" if alone and together else ""
    return f"{times:.2f} times{beside}", times >= target.limit
