"""Ten thousand trials: `python -m benchmarks.trials [--count N] [--threads N] [--rounds N]`.

Trials of 2 x 30 patients with full kinetics and effects and twelve weekly visits, every visit analysed; then analyses
alone. Beside the times, how far the simulated power lies from that of the closed form for the same spread, and the
Monte-Carlo error of it. The exit status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import math
import sys
import time

import numpy as np

import pkpd
from pkpd.statistics import parallel, pooled_t, prospect, risk_difference

SECONDS = 60.0  # of ten thousand trials on two cores
ANALYSES = 1000.0  # trials a second
INFUSION = "s-ketamine 20 mg/h iv over 30 h"


def trials(count: int, threads: int | None) -> tuple[float, pkpd.Trials]:
    """Seconds for some trials, after a few that load what is compiled."""
    endpoints = [("pain score", f"{7 * week} d") for week in range(1, 13)]
    trial = pkpd.design_trial(pkpd.load("kamp2020-ketamine"), INFUSION, "no treatment", (30, 30), endpoints)
    pkpd.run_trials(trial, 10, threads=threads)
    begin = time.perf_counter()
    made = pkpd.run_trials(trial, count, threads=threads)
    return time.perf_counter() - begin, made


def analyses(count: int) -> dict[str, float]:
    """Trials a second of the analyses alone."""
    rng = np.random.default_rng(1)
    drug, control = rng.normal(4.5, 2.0, (count, 30)), rng.normal(5.5, 2.0, (count, 30))
    found = {}
    for name, run in (
        ("t test", lambda: pooled_t(drug, control)),
        ("Fisher", lambda: risk_difference(drug < 4.0, control < 4.0)),
    ):
        run()
        begin = time.perf_counter()
        run()
        found[name] = count / (time.perf_counter() - begin)
    return found


def main(words: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trials", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts")
    chosen = parser.parse_args(words)
    rounds = [trials(chosen.count, chosen.threads) for _ in range(chosen.rounds)]
    seconds, made = min(rounds, key=lambda one: one[0])
    first = made.endpoints[0]
    sd = math.sqrt(float(np.mean(first.found.spread**2)))
    closed = float(prospect(first.expected, parallel(sd, 30)).power)
    print(f"{chosen.count:,} trials of 30 + 30, {len(made.endpoints)} visits: {seconds:.2f} s")
    print(f"power at a week {first.power:.4f} (±{first.power_error:.4f}), by the closed form {closed:.4f}")
    rates = analyses(chosen.count)
    print("analyses alone: " + ", ".join(f"{name} {rate:,.0f} trials a second" for name, rate in rates.items()))
    wanted = SECONDS * chosen.count / 10_000
    met = seconds <= wanted and min(rates.values()) >= ANALYSES
    print(f"target: {wanted:.3g} s and {ANALYSES:,.0f} trials a second: {'met' if met else 'missed'}")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
