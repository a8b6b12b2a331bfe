"""The integrators alone, on problems whose solutions are known to many digits.

Four are stiff. None is pharmacology: states have no unit, and the time counts in hours, or in shorter units where that
would be too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pkpd

PROBLEMS = ("van_der_pol", "robertson", "hires", "oregonator", "arenstorf")
NUMBER = re.compile(r"(?<![A-Za-z_0-9])(\d+\.?\d*(?:[eE][-+]?\d+)?)")


def model_of(problem: dict[str, Any]) -> tuple[pkpd.Model, dict[str, list[float]]]:
    """The problem as a model file, every number but small exponents a parameter, and the parameters' values."""
    values: dict[str, list[float]] = {"unit": [1.0 if problem["t"][1] < 1e6 else 1e-5]}  # h

    def parameter(match: re.Match[str]) -> str:
        name = f"c{len(values)}"
        values[name] = [float(match[1])]
        return name

    equations = []
    for text in problem["odes"]:
        whole = re.sub(r"\*\*(\d)(?![.\d])", lambda found: f"**<{'#' * int(found[1])}>", text)
        named = NUMBER.sub(parameter, whole)
        equations.append(re.sub(r"<(#+)>", lambda found: str(len(found[1])), named))
    initial = []
    for start in problem["y0"]:
        name = f"c{len(values)}"
        values[name] = [float(start)]
        initial.append(name)
    lines = [
        'id = "problem"',
        'kind = "pk"',
        'title = "A test problem"',
        'drug = "any"',
        'use_for = "Tests."',
        'not_for = "Anything else."',
        'sampling_site = "not stated"',
        "[sources.definition]",
        'citation = "Bari test set of initial value problem solvers."',
        "[forms]",
        'racemate = { drug = 1, source = "definition", mark = "assumed" }',
        "[routes.iv]",
        'into = "nowhere"',
    ]
    for name in values:
        lines += [f"[parameters.{name}]", "required = true", f'unit = "{"h" if name == "unit" else "1"}"']
    lines += ["[odes]", 'nowhere = "-nowhere / unit"']
    lines += [f'y{i} = "({equation}) / unit"' for i, equation in enumerate(equations)]
    for i, name in enumerate(initial):
        lines += [f"[states.y{i}]", 'unit = "1"', f'initial = "{name}"']
    for i in range(len(equations)):
        lines += [f'[outputs."y{i}"]', f'expression = "y{i}"', 'unit = "1"']
    return pkpd.read_model("\n".join(lines) + "\n"), values


@pytest.mark.parametrize("name", PROBLEMS)
def test_problem(name: str, case_json: Callable[[str, str], Any], worst: Callable[..., None]) -> None:
    (problem,) = [one for one in case_json("ivp_test_set", "problems.json")["problems"] if one["name"] == name]
    model, values = model_of(problem)
    expected = np.array(problem["reference"])
    # Errors are held to a hundredth of the peak, and the first state of Robertson falls to 2e-8 of its own.
    exact = {"relative": 1e-12, "absolute": 1e-20} if name == "robertson" else {"relative": 1e-10, "absolute": 1e-14}
    tolerance = pkpd.Tolerance(**exact)
    result = pkpd.simulate(
        model, "no treatment", values, ([problem["t"][1] * values["unit"][0]], "h"), tolerance=tolerance
    )
    found = np.array([result[f"y{i}"][0, 0] for i in range(len(expected))])
    # The orbit comes back to where it began, at places that are 0.
    scale = np.maximum(np.abs(expected), 1.0 if name == "arenstorf" else 0.0)
    worst(float((np.abs(found - expected) / scale).max()), 1e-6, name)


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name != "arenstorf"])
def test_the_explicit_method_refuses_what_is_stiff(name: str, case_json: Callable[[str, str], Any]) -> None:
    (problem,) = [one for one in case_json("ivp_test_set", "problems.json")["problems"] if one["name"] == name]
    model, values = model_of(problem)
    tolerance = pkpd.Tolerance(relative=1e-7, absolute=1e-12, method="explicit", steps=20_000)
    result = pkpd.simulate(
        model, "no treatment", values, ([problem["t"][1] * values["unit"][0]], "h"), tolerance=tolerance
    )
    expected = np.array(problem["reference"])
    if result.failures:
        assert "steps were not enough" in result.failures[0]
        with pytest.raises(pkpd.PkpdError, match="could not be integrated"):
            result["y0"]
    else:
        found = np.array([result[f"y{i}"][0, 0] for i in range(len(expected))])
        np.testing.assert_allclose(found, expected, rtol=1e-3)
