"""The script of the page on trials runs, and says what its words say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs/trials.md").read_text(encoding="utf-8")


def test_the_script_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(script, "trials.md", "exec"), {})
    pooled, dose = capsys.readouterr().out.splitlines()
    everything, published = (float(text) for text in re.findall(r"-\d\.\d\d", pooled)[:2])
    assert published <= everything < -2
    assert "2 points less pain truly with 0." in dose
