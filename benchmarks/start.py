"""What a user waits for before the first number, and the memory that large runs take: each in processes of its own."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.rounds import ROOT

# Peak memory (MB) that a large call adds after a small one. Linux hands the peak that getrusage gives on from parent to
# child; that of /proc begins with the program.
_MEMORY = """
import pathlib, resource, sys
from benchmarks.peers.pkpd_public import build
from benchmarks.workloads import WORKLOADS
name, few, many = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
status = pathlib.Path("/proc/self/status")
def peak():
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
build("simulate", WORKLOADS[name], few, 1)()
before = peak()
build("simulate", WORKLOADS[name], many, 1)()
print(peak() - before)
"""


def _run(words: list[str], **environment: str) -> float:
    """Seconds a command takes in a process of its own, which may keep its byte code as an installed package would."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        _output(words, folder, {**kept, "PYTHONPATH": str(ROOT), **environment})
        return time.perf_counter() - begin


def _output(words: list[str], folder: str, environment: dict[str, str]) -> str:
    """What a command prints; raises RuntimeError with the last line of its complaint."""
    made = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, env=environment)
    if made.returncode:
        raise RuntimeError(f"{' '.join(words)[:60]}: {(made.stderr.strip() or 'no reason given').splitlines()[-1]}")
    return made.stdout


def _memory(name: str, few: int, many: int) -> float:
    return float(_output(["-c", _MEMORY, name, str(few), str(many)], str(ROOT), dict(os.environ)))


def measure(rounds: int) -> dict[str, dict[str, Any]]:
    """What was found and what is allowed, by name: seconds or MB; raises RuntimeError where a command fails."""
    bare = statistics.median(_run(["-c", "pass"]) for _ in range(rounds))
    imported = statistics.median(_run(["-c", "import pkpd"]) for _ in range(rounds)) - bare
    with tempfile.TemporaryDirectory() as cache:
        fresh = {"NUMBA_CACHE_DIR": cache, "MPLCONFIGDIR": cache, "XDG_CACHE_HOME": cache}
        command = ["-m", "pkpd.cli", "compare", "crps-infusions"]
        first = _run(command, **fresh)
        warm = statistics.median(_run(command, **fresh) for _ in range(3))
    output = 10_000 * 241 * 2 * 8 / 2**20
    twenty, two_hundred = _memory("W5", 2, 20), _memory("W5", 2, 200)
    return {
        "import pkpd": {"found": imported, "most": 0.15, "unit": "s"},
        "pkpd compare crps-infusions, first run": {"found": first, "most": 20.0, "unit": "s"},
        "pkpd compare crps-infusions, warm": {"found": warm, "most": 4.0, "unit": "s"},
        "memory of W2": {"found": _memory("W2", 64, 10_000), "most": output + 200, "unit": "MB"},
        "memory of W5 with 20 regimens": {"found": twenty, "most": None, "unit": "MB"},
        "memory of W5 with 200 regimens": {"found": two_hundred, "most": twenty + 20, "unit": "MB"},
    }
