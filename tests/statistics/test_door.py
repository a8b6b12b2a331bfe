"""The package's one door: every name is there, and opening it costs nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pkpd import statistics

PAGE = Path(__file__).resolve().parents[2] / "docs" / "statistics.md"


@pytest.mark.parametrize("name", statistics.__all__)
def test_every_name_is_there(name: str) -> None:
    assert callable(getattr(statistics, name)) and name in dir(statistics)


def test_the_door_opens_without_weight() -> None:
    code = (
        "import sys; from pkpd import statistics; print([n for n in ('numpy', 'scipy', 'pandas') if n in sys.modules])"
    )
    code += "; statistics.parallel(2.0, 15); statistics.Publication, statistics.Shape, statistics.pool"
    code += "; statistics.AssumedCurve"
    code += "; print([n for n in ('scipy', 'pandas', 'statsmodels', 'matplotlib') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'anova'"):
        statistics.anova  # noqa: B018


def test_scripts_of_the_page_print_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    scripts = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", page, re.DOTALL)
    assert len(scripts) == 4
    for script, printed in scripts:
        exec(compile(script, str(PAGE), "exec"), {})
        assert capsys.readouterr().out == printed
