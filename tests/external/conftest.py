"""Cases of other programs lie beside the project, not in it; without them these tests skip and say so."""

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


def _path(family: str, name: str) -> Path:
    path = FOLDER / family / name
    if not path.is_file():
        reason = f"external cases are not there: {path}"
        if os.environ.get("PKPD_REQUIRE_EXTERNAL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture
def case_json() -> Callable[[str, str], Any]:
    """Reads one JSON file of a family of cases."""
    return lambda family, name: json.loads(_path(family, name).read_text(encoding="utf-8"))


@pytest.fixture
def case_table() -> Callable[[str, str], list[dict[str, str]]]:
    """Reads one table of a family of cases, a dict a row."""

    def read(family: str, name: str) -> list[dict[str, str]]:
        with _path(family, name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    return read
