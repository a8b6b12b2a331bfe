"""Hold this package against other programs' numbers: `python -m benchmarks.conformance`.

Runs the tests in tests/external and prints, for each family of cases, how many cases ran and the one nearest to its
tolerance. The exit status is 1 where a case fails, does not run, or a family of cases is read by no test; 2 where the
cases are not there.
"""

from __future__ import annotations

import contextlib
import io
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.report import aligned

ROOT = Path(__file__).resolve().parent.parent
# Families that no test reads, and why.
LEFT_OUT = {"winnonlin_nca_theophylline": "non-compartmental analysis, which this package does not do"}


class Case(NamedTuple):
    """One comparison: error and tolerance in the same unit, or both relative."""

    family: str
    case: str
    error: float
    tolerance: float

    @property
    def share(self) -> float:
        """The error as a share of the tolerance; infinite where it is no number."""
        return math.inf if math.isnan(self.error) else self.error / self.tolerance


@dataclass(frozen=True)
class Outcome:
    """What the tests of one family came to."""

    family: str
    cases: int
    nearest: Case | None
    failed: int
    skipped: int

    @property
    def is_clean(self) -> bool:
        """Whether every test ran and passed, and at least one case was compared."""
        return not self.failed and not self.skipped and self.cases > 0


class Collector:
    """A pytest plugin that keeps what the fixtures `worst` and `case_path` recorded."""

    def __init__(self) -> None:
        self.cases: list[Case] = []
        self.read: set[Path] = set()
        self.tests: dict[str, list[str]] = {}
        self.reasons: list[str] = []
        self.failures: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Called by pytest for the setup, the call and the end of every test."""
        family = Path(report.location[0]).stem.removeprefix("test_")
        if report.when == "call":
            for name, value in report.user_properties:
                if name == "worst":
                    self.cases.append(Case(**value))
                elif name == "read":
                    self.read.add(Path(value))
        if report.when == "call" or report.outcome != "passed":
            self.tests.setdefault(family, []).append(report.outcome)
        if report.outcome == "skipped":
            self.reasons.append(str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr))
        if report.outcome == "failed":
            self.failures.append(f"{report.nodeid}\n{report.longreprtext}")

    def pytest_collectreport(self, report: Any) -> None:
        """Called by pytest for every file it has read: one that cannot be read is a failure."""
        if report.failed:
            self.tests.setdefault(Path(report.nodeid).stem.removeprefix("test_"), []).append("failed")
            self.failures.append(f"{report.nodeid}\n{report.longreprtext}")


def outcomes(cases: Iterable[Case], tests: dict[str, list[str]]) -> list[Outcome]:
    """One for each family, by name."""
    by_family: dict[str, list[Case]] = {family: [] for family in tests}
    for case in cases:
        by_family.setdefault(case.family, []).append(case)
    made = []
    for family, here in sorted(by_family.items()):
        results = tests.get(family, [])
        nearest = max(here, key=lambda case: case.share, default=None)
        names = {case.case for case in here}
        made.append(Outcome(family, len(names), nearest, results.count("failed"), results.count("skipped")))
    return made


def unread(read: Iterable[Path]) -> list[str]:
    """Families that lie beside those read and that no test reads."""
    families = {path.parent for path in read}
    lying = {folder for parent in {path.parent for path in families} for folder in parent.iterdir() if folder.is_dir()}
    return sorted(folder.name for folder in lying - families)


def report(made: Iterable[Outcome], missing: Iterable[str]) -> tuple[str, bool]:
    """The table, and whether everything is as it should be."""
    rows = [("family", "cases", "worst error", "tolerance", "outcome")]
    clean = True
    for one in made:
        clean = clean and one.is_clean
        said = [f"{one.failed} failed"] * bool(one.failed) + [f"{one.skipped} did not run"] * bool(one.skipped)
        outcome = "passed" if one.is_clean else ", ".join(said) or "nothing was compared"
        error, tolerance = ("-", "-") if one.nearest is None else (f"{n:.1e}" for n in one.nearest[2:])
        rows.append((one.family, str(one.cases), error, tolerance, outcome))
    lines = aligned(rows)
    for family in missing:
        reason = LEFT_OUT.get(family)
        clean = clean and reason is not None
        lines.append(f"{family}: {reason or 'NO TEST READS IT'}")
    return "\n".join(lines), clean


def main() -> int:
    """Run, print."""
    import pytest

    collector = Collector()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = pytest.main(
            ["--rootdir", str(ROOT), "-p", "no:cacheprovider", str(ROOT / "tests/external")], [collector]
        )
    made = outcomes(collector.cases, collector.tests)
    if collector.tests and not collector.read and collector.reasons:
        print("Nothing was compared.", *sorted(set(collector.reasons)), sep="\n")
        return 2
    if not made:
        print(said.getvalue())
        return int(status) or 2
    text, clean = report(made, unread(collector.read))
    print(*collector.failures, sep="\n\n", end="\n\n" if collector.failures else "")
    print(text)
    return int(not clean or bool(collector.failures))


if __name__ == "__main__":
    sys.exit(main())
