"""Which programs are timed on which workload, and how much of it in the short and in the full mode."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

R_SCRIPT = Path(__file__).resolve().parent / "peers" / "r_packages.R"


@dataclass(frozen=True)
class Program:
    """A way to compute workloads.

    room    : module in benchmarks/peers, or the name of an R package
    needs   : what must be installed
    sizes   : workload -> subjects (W5: regimens) timed, in the short and in the full mode
    threads : numbers of threads it can use
    """

    name: str
    room: str
    variant: str
    needs: str
    sizes: Mapping[str, tuple[int, int]]
    threads: tuple[int, ...] = (1,)

    @property
    def in_r(self) -> bool:
        """Whether it runs through Rscript."""
        return self.needs == "Rscript"

    def absence(self) -> str:
        """Why it cannot run here; empty where it can."""
        if self.in_r:
            return "" if shutil.which("Rscript") else "Rscript is not on the path"
        return "" if importlib.util.find_spec(self.needs) else f"the package {self.needs} is not installed"


OURS, OURS_PREPARED, ANCHOR, BY_HAND = "pkpd", "pkpd, prepared", "numbalsoda LSODA", "numpy eigen, by hand"

PROGRAMS = (
    Program(
        OURS,
        "pkpd_public",
        "simulate",
        "pkpd",
        {
            "W1": (1, 1),
            "W2": (10_000, 10_000),
            "W3": (4_000, 10_000),
            "W4": (1_000, 10_000),
            "W5": (200, 200),
        },
        (1, 2),
    ),
    Program(OURS_PREPARED, "pkpd_public", "prepared", "pkpd", {"W1": (1, 1)}),
    Program(
        ANCHOR,
        "numbalsoda_lsoda",
        "lsoda",
        "numbalsoda",
        {"W1": (1, 1), "W2": (1_000, 10_000), "W3": (1_000, 10_000), "W4": (300, 2_000), "W5": (4, 40)},
        (1, 2),
    ),
    Program(
        BY_HAND,
        "numpy_eigen",
        "eig",
        "numpy",
        {"W1": (1, 1), "W2": (10_000, 10_000), "W5": (20, 200)},
    ),
    Program(
        "pydiffsol tsit45",
        "pydiffsol_llvm",
        "tsit45",
        "pydiffsol",
        {"W1": (1, 1), "W2": (300, 2_000), "W3": (300, 2_000)},
    ),
    Program(
        "pydiffsol bdf",
        "pydiffsol_llvm",
        "bdf",
        "pydiffsol",
        {"W1": (1, 1), "W4": (100, 500)},
    ),
    Program(
        "scipy LSODA",
        "scipy_lsoda",
        "lsoda",
        "scipy",
        {"W1": (1, 1), "W2": (20, 100), "W3": (20, 60), "W4": (10, 40)},
    ),
    Program(
        "mrgsolve",
        "mrgsolve",
        "lsoda",
        "Rscript",
        {"W1": (1, 1), "W2": (1_000, 10_000), "W3": (1_000, 10_000), "W4": (300, 2_000)},
    ),
    Program(
        "rxode2 liblsoda",
        "rxode2",
        "liblsoda",
        "Rscript",
        {"W1": (1, 1), "W2": (1_000, 10_000), "W3": (1_000, 4_000), "W4": (300, 2_000)},
        (1, 2),
    ),
    Program(
        "rxode2 dop853",
        "rxode2",
        "dop853",
        "Rscript",
        {"W1": (1, 1), "W2": (1_000, 10_000), "W3": (1_000, 10_000)},
    ),
)
