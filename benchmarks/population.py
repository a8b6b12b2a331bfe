"""A million patients: `python -m benchmarks.population [--patients N] [--threads N] [--rounds N] [--json FILE]`.

Percentiles of S-ketamine and of relief on 241 times under two regimens, each round in a process of its own: time on the
clock without the first compilation, and the most memory that process took, imports included. Beside it, how far
percentiles counted in bins lie from those of sorted values in the first 20,000 patients, and what is allowed. The exit
status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

REGIMENS = {
    "ten infusions": "ketamine 0.35 mg/kg/h iv over 4 h every 24 h for 10 doses",
    "single infusion": "ketamine 0.5 mg/kg iv over 40 min",
}
TIMES = "0 to 240 h by 1 h"
QUANTITIES = ("S-ketamine", "relief")
SUBSET = 20_000
SECONDS, GIGABYTES = 10.0, 1.0  # of a million patients on two cores


def once(patients: int, threads: int | None) -> dict[str, Any]:
    """One run in this process, after a short one that loads what is compiled."""
    import resource

    import pkpd

    model = pkpd.load("kamp2020-ketamine")
    pkpd.percentiles(model, REGIMENS, 600, TIMES, quantities=QUANTITIES, exact=False, threads=threads)
    begin, spent = time.perf_counter(), time.process_time()
    made = pkpd.percentiles(model, REGIMENS, patients, TIMES, quantities=QUANTITIES, exact=False, threads=threads)
    took, used = time.perf_counter() - begin, time.process_time() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"patients": made.subjects, "seconds": took, "core_seconds": used, "gigabytes": peak / 1e9}


def errors(threads: int | None) -> dict[str, Any]:
    """How far counted percentiles lie from sorted ones, and how far they may, in a part of the patients."""
    import numpy as np

    import pkpd

    model = pkpd.load("kamp2020-ketamine")
    counted, kept = (
        pkpd.percentiles(model, REGIMENS, SUBSET, TIMES, quantities=QUANTITIES, exact=exact, threads=threads)
        for exact in (False, True)
    )
    found: dict[str, Any] = {}
    for number, quantity in enumerate(QUANTITIES):
        exact, off = kept.values[:, number], np.abs(counted.values - kept.values)[:, number]
        scale = np.maximum(exact, 1e-3 * exact.max()) if quantity == "S-ketamine" else np.ones_like(exact)
        found[quantity] = {
            "largest": float((off / scale).max()),
            "median": float(np.median(off / scale)),
            "stated": float((counted.binning[:, number] / scale).max()),
            "within": bool((off <= counted.binning[:, number] + 1e-9 * np.abs(exact) + 1e-13).all()),
        }
    return found


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.population", description=__doc__)
    parser.add_argument("--patients", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=3, help="processes, of which the fastest counts")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.once:
        print(json.dumps(once(chosen.patients, chosen.threads)))
        return 0
    words = [sys.executable, "-m", "benchmarks.population", "--once", "--patients", str(chosen.patients)]
    words += [] if chosen.threads is None else ["--threads", str(chosen.threads)]
    runs = []
    for _ in range(chosen.rounds):
        ended = subprocess.run(words, check=True, capture_output=True, text=True)
        runs.append(json.loads(ended.stdout))
        one = runs[-1]
        print(
            f"{one['patients']:,} patients: {one['seconds']:.1f} s, {one['core_seconds']:.1f} s of all cores together, "
            f"{one['gigabytes']:.2f} GB",
            flush=True,
        )
    found = errors(chosen.threads)
    for quantity, off in found.items():
        of = "of the value" if quantity == "S-ketamine" else "of baseline pain"
        print(
            f"{quantity}: counted percentiles off by {off['largest']:.2g} {of} at most, {off['median']:.2g} in the "
            f"median; stated {off['stated']:.2g}"
        )
    seconds, memory = (min(run[what] for run in runs) for what in ("seconds", "gigabytes"))
    share = chosen.patients / 1_000_000
    met = seconds <= SECONDS * share and memory < GIGABYTES and all(off["within"] for off in found.values())
    print(
        f"target: {SECONDS * share:.3g} s and less than {GIGABYTES:g} GB: {'met' if met else 'missed'} "
        f"({seconds:.1f} s, {memory:.2f} GB)"
    )
    if chosen.json is not None:
        chosen.json.write_text(json.dumps({"runs": runs, "errors": found, "met": met}, indent=1) + "\n")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
