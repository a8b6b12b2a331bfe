"""What a run needs and what there is: memory and time by the patient, measured on the first few thousand of them."""

from __future__ import annotations

import math
import os
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pkpd.errors import SimulationError
from pkpd.population.people import Population

PILOT = (1024, 4096)  # patients of a pilot: two numbers tell what each further one needs
SPARE = 0.8  # share of the free memory that a run may take
MEMINFO = Path("/proc/meminfo")
CONTROL_GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


class Need(NamedTuple):
    """What a run needs: at once, and for every patient."""

    fixed_bytes: float
    bytes_each: float
    fixed_seconds: float
    seconds_each: float

    def bytes_for(self, patients: int) -> int:
        """Memory at its peak, beside what the program takes up already."""
        return math.ceil(self.fixed_bytes + self.bytes_each * patients)

    def seconds_for(self, patients: int) -> float:
        """Time on the clock."""
        return self.fixed_seconds + self.seconds_each * patients

    def most_in(self, free: int) -> int | None:
        """How many patients fit into some bytes; None where their number does not matter."""
        if self.bytes_each <= 0:
            return None
        return max(0, int((SPARE * free - self.fixed_bytes) // self.bytes_each))


def available() -> int | None:
    """Bytes of memory that a new array can have; None where the system does not say.

    The least of what the machine has left and what the process's control group may still take.
    """
    found = [*_of_machine(), *_of_control_group()]
    return min(found) if found else None


def _of_machine() -> list[int]:
    try:
        for line in MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return [int(line.split()[1]) * 1024]
    except (OSError, ValueError, IndexError):
        pass
    for pages in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"):
        if pages in getattr(os, "sysconf_names", {}):
            return [os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")]
    return []


def _of_control_group() -> list[int]:
    for limit, used in CONTROL_GROUPS:
        try:
            return [max(0, int(limit.read_text()) - int(used.read_text()))]
        except (OSError, ValueError):  # no such group, or one without a limit
            continue
    return []


def first_of(subjects: Any, size: int) -> Any:
    """The first patients of a population, number or table.

    size : how many, or as many as there are
    """
    if isinstance(subjects, Population):
        own = None if subjects.subjects is None else subjects.subjects[:size]
        return replace(subjects, size=min(size, subjects.size), subjects=own)
    if isinstance(subjects, Mapping) or hasattr(subjects, "keys"):
        columns = {str(name): np.asarray(subjects[name]) for name in subjects.keys()}  # noqa: SIM118 - a frame's too
        return {name: column[:size] if column.ndim else column for name, column in columns.items()}
    return min(int(subjects), size)


def count_of(subjects: Any) -> int:
    """How many patients a population, number or table stands for; 0 for anything else."""
    if isinstance(subjects, Population):
        return subjects.size
    if hasattr(subjects, "keys"):
        return max((np.size(subjects[name]) for name in subjects.keys()), default=0)  # noqa: SIM118 - a frame's too
    return int(subjects) if isinstance(subjects, (int, np.integer)) else 0


def memory_of(run: Callable[[int], object], patients: int, sizes: tuple[int, int] = PILOT) -> Need:
    """The memory a run needs, from runs of two numbers of patients.

    run      : does the work for so many patients; what it returns counts as kept
    patients : of the run that is planned; pilots are no larger
    """
    return Need(*_line(lambda size: _peak(run, size), run, patients, sizes), 0.0, 0.0)


def time_of(run: Callable[[int], object], patients: int, sizes: tuple[int, int] = PILOT) -> Need:
    """The time a run takes; arguments as for `memory_of`."""
    return Need(0.0, 0.0, *_line(lambda size: min(_seconds(run, size) for _ in range(2)), run, patients, sizes))


def _line(
    measure: Callable[[int], float], run: Callable[[int], object], patients: int, sizes: tuple[int, int]
) -> tuple[float, float]:
    """What a run takes at once, and for every patient."""
    few, more = (min(size, patients) for size in sizes)
    run(few)  # compiles, and fills what is remembered
    low = measure(few)
    if more == few:
        return low, 0.0
    high = measure(more)
    each = max(0.0, (high - low) / (more - few))
    return max(0.0, low - each * few), each


def _seconds(run: Callable[[int], object], size: int) -> float:
    begin = time.perf_counter()
    run(size)
    return time.perf_counter() - begin


def _peak(run: Callable[[int], object], size: int) -> float:
    """Bytes of arrays and objects at the most."""
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        kept = run(size)
        peak = tracemalloc.get_traced_memory()[1] - before
        del kept
    finally:
        if not tracing:
            tracemalloc.stop()
    return float(peak)


def amount_text(size: float) -> str:
    """Bytes as text."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:,.2g} {unit}" if size < 100 * factor else f"{size / factor:,.0f} {unit}"
    return "less than 1 MB"


def refuse(where: str, need: Need, patients: int, regimens: int, way_out: str) -> None:
    """Refuse a run that does not fit into the memory there is.

    where   : the verb
    way_out : what to do instead, whole sentences
    Raises SimulationError, which names the memory needed and free, and how many patients would fit.
    """
    free = available()
    if free is None or need.bytes_for(patients) <= SPARE * free:
        return
    most = need.most_in(free)
    fitting = "" if most is None else f" About {rounded(most):,} patients would fit."
    raise SimulationError(
        f"{where}: {patients:,} patients under {regimens} regimens need about {amount_text(need.bytes_for(patients))} "
        f"of memory; {amount_text(free)} are free.{fitting} {way_out}"
    )


def rounded(count: int) -> int:
    """A number cut to two digits, so that it promises no more than it knows."""
    digits = max(0, len(str(count)) - 2)
    return count - count % int(10**digits)
