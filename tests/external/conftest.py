"""Cases of other programs lie beside the project, not in it; without them these tests skip and say so.

A test hands its largest error to `worst`, which the conformance report (`python -m benchmarks.conformance`) collects.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT.parent / "shared" / "external_cases"


@pytest.fixture
def case_path(request: pytest.FixtureRequest) -> Callable[[str, str], Path]:
    """Finds one file of a family of cases, and records for the conformance report that it was read."""

    def find(family: str, name: str) -> Path:
        path = FOLDER / family / name
        if not path.is_file():
            reason = f"external cases are not there: {path}"
            if os.environ.get("PKPD_REQUIRE_EXTERNAL") == "1":
                pytest.fail(reason)
            pytest.skip(reason)
        request.node.user_properties.append(("read", str(path)))
        return path

    return find


@pytest.fixture
def case_json(case_path: Callable[[str, str], Path]) -> Callable[[str, str], Any]:
    """Reads one JSON file of a family of cases."""
    return lambda family, name: json.loads(case_path(family, name).read_text(encoding="utf-8"))


@pytest.fixture
def case_table(case_path: Callable[[str, str], Path]) -> Callable[[str, str], list[dict[str, str]]]:
    """Reads one table of a family of cases, a dict a row."""

    def read(family: str, name: str) -> list[dict[str, str]]:
        with case_path(family, name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture
def worst(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Records a case's largest error for the conformance report; fails where it exceeds the tolerance or is no number.

    worst(error, tolerance, case=""): both in the same unit or both relative; case names it, by default the test.
    """

    def check(error: float, tolerance: float, case: str = "") -> None:
        family = request.node.path.stem.removeprefix("test_")
        case = case or request.node.name
        found = {"family": family, "case": case, "error": float(error), "tolerance": float(tolerance)}
        request.node.user_properties.append(("worst", found))
        assert error <= tolerance, f"{family}, {case}: worst error {error:.3g}, at most {tolerance:.3g} is allowed"

    return check
