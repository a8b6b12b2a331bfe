"""Run the benchmarks: `python -m benchmarks [--rounds N] [--json FILE]`.

Prints each time beside the error achieved, the memory used, and the target it is held against.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def population(rounds: int, threads: int) -> dict[str, Any]:
    """W2 through the public `simulate`, in this process."""
    import resource

    import pkpd
    from benchmarks import workloads

    subjects = 10_000
    model = pkpd.load("three-compartment-effect-site")
    parameters = workloads.table(subjects)
    times = (workloads.HOURS, "h")
    pkpd.simulate(model, workloads.REGIMEN, {k: v[:64] for k, v in parameters.items()}, times, threads=threads)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        result = pkpd.simulate(model, workloads.REGIMEN, parameters, times, threads=threads)
        seconds.append(time.perf_counter() - begin)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    found = result.array[[result.quantities.index(name) for name in ("drug", "effect site")]]
    error = workloads.worst_error(found, workloads.reference(parameters))
    median = statistics.median(seconds)
    return {
        "threads": threads,
        "subjects": subjects,
        "seconds": median,
        "fastest": min(seconds),
        "slowest": max(seconds),
        "subjects_per_second": subjects / median,
        "error": error,
        "memory_mb": grown,
        "output_mb": result.array.nbytes / 2**20,
    }


def _run(words: list[str], **environment: str) -> float:
    """Seconds a command takes in a process of its own, which may keep its byte code as an installed package would."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, *words],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            env={**kept, "PYTHONPATH": str(ROOT), **environment},
        )
        return time.perf_counter() - begin


def _import_seconds(rounds: int) -> float:
    """What `import pkpd` adds to a bare interpreter, median."""
    bare = statistics.median(_run(["-c", "pass"]) for _ in range(rounds))
    return statistics.median(_run(["-c", "import pkpd"]) for _ in range(rounds)) - bare


def _measure_apart(rounds: int, threads: int) -> dict[str, Any]:
    """W2 in a process of its own, so that memory is its own."""
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only-population", str(threads), "--rounds", str(rounds)],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return dict(json.loads(made.stdout))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="how often each is timed; the median counts")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    parser.add_argument("--only-population", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.only_population:
        print(json.dumps(population(chosen.rounds, chosen.only_population)))
        return
    cores = os.cpu_count() or 1
    report: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "cores": cores,
        "python": platform.python_version(),
    }
    rows = [("what", "found", "target", "error (of peak)", "memory")]
    for threads in sorted({1, min(2, cores)}):
        w2 = _measure_apart(chosen.rounds, threads)
        report[f"W2, {threads} thread"] = w2
        rows.append(
            (
                f"W2, 10,000 subjects, {threads} thread{'s' if threads > 1 else ''}",
                f"{w2['subjects_per_second']:,.0f} subjects/s ({w2['seconds'] * 1e3:.1f} ms; "
                f"{w2['fastest'] * 1e3:.1f} to {w2['slowest'] * 1e3:.1f})",
                "500,000 subjects/s" if threads == 1 else "-",
                f"{w2['error']:.1e} (at most 1e-10)",
                f"{w2['memory_mb']:.0f} MB (at most {w2['output_mb'] + 200:.0f})",
            )
        )
    imported = _import_seconds(chosen.rounds)
    with tempfile.TemporaryDirectory() as cache:
        fresh = {"NUMBA_CACHE_DIR": cache, "MPLCONFIGDIR": cache, "XDG_CACHE_HOME": cache}
        command = ["-m", "pkpd.cli", "compare", "crps-infusions"]
        first = _run(command, **fresh)
        warm = statistics.median(_run(command, **fresh) for _ in range(3))
    report |= {"import_seconds": imported, "compare_first_seconds": first, "compare_warm_seconds": warm}
    rows += [
        ("import pkpd", f"{imported:.3f} s", "0.15 s", "-", "-"),
        ("pkpd compare crps-infusions, first run", f"{first:.1f} s", "20 s", "-", "-"),
        ("pkpd compare crps-infusions, warm", f"{warm:.1f} s", "4 s", "-", "-"),
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
