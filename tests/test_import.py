"""Importing the package is cheap, and every public name is there, whatever was asked for first."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pkpd

HEAVY = ("numba", "matplotlib", "pandas", "xarray", "pint", "scipy", "rich", "numpy")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_loads_nothing_heavy() -> None:
    assert run(f"import sys, pkpd; print([name for name in {HEAVY} if name in sys.modules])") == "[]"


def test_reading_a_regimen_compiles_and_plots_nothing() -> None:
    code = f"import sys, pkpd; pkpd.parse('5 mg iv'); print([n for n in {HEAVY[:4]} if n in sys.modules])"
    assert run(code) == "[]"


@pytest.mark.parametrize("name", pkpd.__all__)
def test_public_names_resolve(name: str) -> None:
    value = getattr(pkpd, name)
    assert name == "__version__" or callable(value)
    assert name in dir(pkpd)


@pytest.mark.parametrize("first", [name for name in pkpd.__all__ if name != "__version__"])
def test_names_do_not_depend_on_what_was_asked_for_first(first: str) -> None:
    """No module of the package takes the place of a public name when it is loaded on the way."""
    code = (
        f"import pkpd, types; pkpd.{first}; "
        "print([n for n in pkpd.__all__ if isinstance(getattr(pkpd, n), types.ModuleType)])"
    )
    assert run(code) == "[]"


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'simulation_of'"):
        pkpd.simulation_of  # noqa: B018
