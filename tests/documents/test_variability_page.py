"""The code of the page on variability runs, and what the library's page says of spreads is what files may say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pkpd.model.between import KINDS
from pkpd.model.residualfile import _KEYS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/variability.md").read_text(encoding="utf-8")
LIBRARY = (ROOT / "models/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_scripts_run(block: str) -> None:
    exec(compile(block, "variability.md", "exec"), {})


def test_every_kind_of_spread_and_part_of_an_error_is_told() -> None:
    spreads = LIBRARY[LIBRARY.index("## Spreads") : LIBRARY.index("## Residual error")]
    assert re.findall(r"^\| `([a-z-]+)` \|", spreads, re.MULTILINE) == list(KINDS)
    errors = LIBRARY[LIBRARY.index("## Residual error") : LIBRARY.index("## Limits")]
    for key in _KEYS:
        assert f"`{key}" in errors
