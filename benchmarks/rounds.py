"""Programs timed in turn: one resident process each, one call at a time, the order rotated from round to round."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.programs import ANCHOR, PROGRAMS, R_SCRIPT, Program
from benchmarks.references import errors, reference
from benchmarks.workloads import ATOL, RTOL, WORKLOADS, Workload

ROOT = Path(__file__).resolve().parent.parent
CHECKED = {"W3": (40, 200), "W4": (40, 200)}  # subjects whose error is known, short and full


@dataclass
class Row:
    """One program on one workload with one number of threads: what was found.

    size    : subjects timed (W5: regimens); refused: why there is nothing else
    seconds : of each round; cores: processor time over time, of each round
    checked : subjects (W5: regimens) the errors are taken over
    """

    program: Program
    workload: Workload
    threads: int
    size: int
    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    peak_error: float = float("nan")
    relative_error: float = float("nan")
    checked: int = 0
    refused: str = ""

    @property
    def solved(self) -> int:
        """Subjects that one call solves."""
        return self.size * (self.workload.subjects if self.workload.name == "W5" else 1)

    @property
    def each(self) -> list[float]:
        """Microseconds a subject, round by round."""
        return [1e6 * seconds / self.solved for seconds in self.seconds]

    @property
    def key(self) -> str:
        """How its process is asked for it."""
        return f"{self.program.variant} {self.workload.name} {self.size} {self.threads}"

    def times(self, other: Row) -> float:
        """How many times faster a subject is than the other's, median of the rounds."""
        return statistics.median(theirs / mine for theirs, mine in zip(other.each, self.each, strict=True))


class Refused(RuntimeError):
    """A program said that it cannot do what it was asked."""


class Resident:
    """The process of one program."""

    def __init__(self, program: Program, folder: Path) -> None:
        command = (
            ["Rscript", "--vanilla", str(R_SCRIPT), program.room, str(folder), repr(RTOL), repr(ATOL)]
            if program.in_r
            else [sys.executable, "-m", "benchmarks.worker", program.room]
        )
        # Linear algebra in one thread; programs with threads of their own are told how many to use.
        single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._log = (folder / f"{program.room}.log").open("w")
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | single,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def ask(self, question: str) -> str:
        """The answer to a line; raises Refused with the reason where there is none."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(question + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as ended:
            raise self._ended() from ended
        for line in self._process.stdout:
            if line.startswith("ANSWER "):
                answer = line.removeprefix("ANSWER ").strip()
                if answer.startswith("refused"):
                    raise Refused(answer.removeprefix("refused").strip())
                return answer
        raise self._ended()

    def _ended(self) -> Refused:
        lines = Path(self._log.name).read_text(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "and said nothing")
        return Refused(f"its process has ended: {last}")

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=30)
        self._log.close()


def measure(
    names: Iterable[str], rounds: int, short: bool, say: Callable[[str], None]
) -> tuple[list[Row], dict[str, str]]:
    """Time every program that is there on the workloads named.

    returns : rows, those refused included, and program -> why it was left out
    """
    available = os.cpu_count() or 1
    absent = {one.name: reason for one in PROGRAMS if (reason := one.absence())}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        residents: dict[str, Resident] = {}
        try:
            for name in names:
                workload = WORKLOADS[name]
                _write_table(workload, folder)
                chosen = [
                    Row(program, workload, threads, program.sizes[name][0 if short else 1])
                    for program in PROGRAMS
                    if name in program.sizes and program.name not in absent
                    for threads in program.threads
                    if threads <= available and not (name == "W1" and threads > 1)
                ]
                for row in chosen:
                    if row.program.room not in residents:
                        residents[row.program.room] = Resident(row.program, folder)
                    say(f"{name}: {row.program.name} makes itself ready")
                    _check(row, residents[row.program.room], folder, short)
                for number in range(rounds):
                    say(f"{name}: round {number + 1} of {rounds}")
                    for row in _turn([row for row in chosen if not row.refused], number):
                        try:
                            seconds, cores = residents[row.program.room].ask(f"time {row.key}").split()
                            row.seconds.append(float(seconds))
                            row.cores.append(float(cores))
                        except Refused as reason:
                            row.refused = str(reason)
                rows += chosen
        finally:
            for resident in residents.values():
                resident.close()
    return rows, absent


def _turn(rows: list[Row], number: int) -> list[Row]:
    """The order of a round: rotated, and every second time backwards."""
    if not rows:
        return rows
    start = number % len(rows)
    order = rows[start:] + rows[:start]
    return order[::-1] if number % 2 else order


def _check(row: Row, resident: Resident, folder: Path, short: bool) -> None:
    """Make a row's call ready, make it once, untimed, and hold its result against the reference."""
    name = row.workload.name
    most = CHECKED[name][0 if short else 1] if name in CHECKED else row.size
    row.checked = min(most, row.size)
    file = folder / "result.bin"
    try:
        resident.ask(f"build {row.key}")
        resident.ask(f"save {file} {row.checked}")
    except Refused as reason:
        row.refused = str(reason)
        return
    expected = reference(name, most)[: row.checked]
    found = np.fromfile(file)
    if found.size != expected.size:
        row.refused = f"gave {found.size} numbers, not {expected.size}"
        return
    row.peak_error, row.relative_error = errors(found.reshape(expected.shape), expected)


def _write_table(workload: Workload, folder: Path) -> None:
    """Parameters as a file, for programs that are not Python."""
    header = ",".join(workload.columns)
    table = workload.table(workload.subjects)
    np.savetxt(folder / f"{workload.name}.csv", table, "%.17g", ",", header=header, comments="")


def anchor(row: Row, rows: Iterable[Row]) -> Row | None:
    """numbalsoda on the same workload with the same number of threads, if it was timed."""
    wanted = (ANCHOR, row.workload.name, row.threads)
    for other in rows:
        if (other.program.name, other.workload.name, other.threads) == wanted and not other.refused:
            return other
    return None
