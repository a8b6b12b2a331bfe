"""One program, resident: `python -m benchmarks.worker ROOM` answers questions line by line until its input ends.

build VARIANT WORKLOAD SIZE THREADS   make a call ready, size in subjects (W5: regimens)
save FILE SUBJECTS                    make the call last built, and write the first subjects' result as raw doubles
time VARIANT WORKLOAD SIZE THREADS    seconds of one call (W1: the median of many), and cores it had
Every answer is one line that begins with ANSWER: "ok", numbers, or "refused" and the reason.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workloads import WORKLOADS, Floats

W1_CALLS, W1_SECONDS = 200, 0.5  # at most so many calls, or so long


def main(room: str) -> None:
    """Serve until the input ends."""
    program: Any
    try:
        program = importlib.import_module(f"benchmarks.peers.{room}")
    except ImportError as missing:
        program = missing
    built: dict[tuple[str, ...], Callable[[], Floats]] = {}
    last: tuple[str, ...] = ()
    for line in sys.stdin:
        word, *words = line.split()
        try:
            if isinstance(program, ImportError):
                raise program
            if word == "build":
                variant, name, size, threads = last = tuple(words)
                built[last] = program.build(variant, WORKLOADS[name], int(size), int(threads))
                answer = "ok"
            elif word == "save":
                found = built[last]()
                if hasattr(program, "arrange"):
                    found = program.arrange(WORKLOADS[last[1]], found)
                np.ascontiguousarray(found[: int(words[1])]).tofile(words[0])
                answer = "ok"
            else:
                seconds, cores = timed(built[tuple(words)], words[1])
                answer = f"{seconds!r} {cores!r}"
        except Exception as problem:
            answer = f"refused {type(problem).__name__}: {' '.join(str(problem).split())[:300]}"
        print(f"ANSWER {answer}", flush=True)


def timed(call: Callable[[], Any], name: str) -> tuple[float, float]:
    """Seconds of a call, for W1 the median of many, and processor time over time."""
    seconds: list[float] = []
    busy = time.process_time()
    while not seconds or (name == "W1" and len(seconds) < W1_CALLS and sum(seconds) < W1_SECONDS):
        begin = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - begin)
        del result
    return statistics.median(seconds), (time.process_time() - busy) / sum(seconds)


if __name__ == "__main__":
    main(sys.argv[1])
