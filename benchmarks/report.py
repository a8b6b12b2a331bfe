"""The measured rows as text and as JSON."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from benchmarks.rounds import Row, anchor
from benchmarks.targets import Verdict
from benchmarks.workloads import REGIMENS, WORKLOADS

HEADER = ("program", "threads", "timed", "us/subject", "min to max", "whole", "cores", "E_pk", "E_rel", "x numbalsoda")
PACKAGES = ("numpy", "scipy", "numba", "numbalsoda", "pydiffsol")


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines; the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]


def table(rows: Sequence[Row]) -> str:
    """One block for each workload, the fastest program first, and what was refused below it."""
    blocks = []
    for name in dict.fromkeys(row.workload.name for row in rows):
        here = [row for row in rows if row.workload.name == name]
        timed = sorted(
            (row for row in here if not row.refused), key=lambda row: (row.threads, statistics.median(row.each))
        )
        lines = [f"{name}  {WORKLOADS[name].title}"]
        lines += aligned([HEADER, *(_cells(row, rows) for row in timed)]) if timed else []
        for row in here:
            if row.refused:
                lines.append(f"left out: {row.program.name}, {row.threads} thread(s): {row.refused[:160]}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _whole(row: Row) -> int:
    """Subjects of the whole workload."""
    return row.workload.subjects * (REGIMENS if row.workload.name == "W5" else 1)


def _cells(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    median = statistics.median(row.each)
    seconds = 1e-6 * median * _whole(row)
    against = anchor(row, rows)
    about = "~" if row.solved < _whole(row) else ""
    return (
        row.program.name,
        str(row.threads),
        f"{row.solved:,}",
        figures(median),
        f"{figures(min(row.each))} to {figures(max(row.each))}",
        about + (f"{figures(seconds * 1e3)} ms" if seconds < 1 else f"{figures(seconds)} s"),
        "-" if row.workload.name == "W1" else f"{statistics.median(row.cores):.1f}",
        f"{row.peak_error:.1e}",
        f"{row.relative_error:.1e}",
        "-" if against is None else figures(row.times(against)),
    )


def figures(value: float) -> str:
    """About three figures, without an exponent."""
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


LEGEND = """\
us/subject: microseconds for one subject, median of the rounds (W1: for one call). whole: the whole workload; ~ where
fewer subjects were timed and the rest is proportion. E_pk: worst error, of the subject's peak; E_rel: worst relative
error, floor a thousandth of the peak. cores: processor time over time; a busy machine gives two threads fewer than 2.
x numbalsoda: times faster than its LSODA with as many threads, median of the rounds."""


def verdicts(made: Sequence[Verdict]) -> str:
    """The targets, one a line."""
    words = {True: "met", False: "MISSED", None: "not judged"}
    widest = max((len(one.target) for one in made), default=0)
    return "\n".join(f"{one.workload}  {one.target:{widest}}  {words[one.met]:10}  {one.found}" for one in made)


def waiting(found: Mapping[str, Mapping[str, Any]]) -> tuple[str, bool]:
    """Start times and memory as text, and whether any is above what is allowed."""
    rows = [("what", "found", "at most", "")]
    late = False
    for name, one in found.items():
        over = one["most"] is not None and one["found"] > one["most"]
        late = late or over
        allowed = "-" if one["most"] is None else f"{one['most']:.4g} {one['unit']}"
        verdict = "" if one["most"] is None else "MISSED" if over else "met"
        rows.append((name, f"{one['found']:.3g} {one['unit']}", allowed, verdict))
    return "\n".join(aligned(rows)), late


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        "packages": versions,
    }


def as_json(
    rows: Sequence[Row], made: Sequence[Verdict], absent: Mapping[str, str], others: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything, for other programs to read."""
    return {
        **machine(),
        "rows": [
            {
                "workload": row.workload.name,
                "program": row.program.name,
                "threads": row.threads,
                "subjects_timed": row.solved,
                "subjects_of_the_workload": _whole(row),
                "seconds": row.seconds,
                "cores": row.cores,
                "microseconds_per_subject": statistics.median(row.each),
                "error_of_peak": row.peak_error,
                "relative_error": row.relative_error,
                "checked": row.checked,
                "times_numbalsoda": None if (against := anchor(row, rows)) is None else row.times(against),
            }
            for row in rows
            if not row.refused
        ],
        "left_out": [
            *({"program": name, "reason": reason} for name, reason in absent.items()),
            *(
                {
                    "program": row.program.name,
                    "workload": row.workload.name,
                    "threads": row.threads,
                    "reason": row.refused,
                }
                for row in rows
                if row.refused
            ),
        ],
        "targets": [
            {"workload": one.workload, "target": one.target, "found": one.found, "met": one.met} for one in made
        ],
        **others,
    }
