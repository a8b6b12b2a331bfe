"""Models as text, put together from equations, for tests that need a structure the library does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pkpd

HEAD = """id = "{name}"
kind = "pk"
title = "A test's own model"
drug = "any"
use_for = "Tests."
not_for = "Anything else."
sampling_site = "not stated"

[sources.definition]
citation = "The test."

[forms]
racemate = {{ drug = 1, source = "definition", mark = "assumed" }}
"""


def bare_model(
    equations: Mapping[str, str],
    parameters: Mapping[str, str],
    outputs: Mapping[str, tuple[str, str]],
    routes: Mapping[str, str | tuple[str, str, str]],
    structures: Sequence[str] = (),
    name: str = "bare",
    derived: Mapping[str, str] | None = None,
) -> pkpd.Model:
    """A model whose parameters all come from a table.

    equations  : state -> rate of change
    parameters : name -> unit
    outputs    : name -> (expression, unit)
    routes     : route -> state, or (state, bioavailability or "", lag or "")
    structures : names of standard structures
    """
    text = HEAD.format(name=name)
    for route, into in routes.items():
        state, bioavailability, lag = (into, "", "") if isinstance(into, str) else into
        text += f'[routes.{route}]\ninto = "{state}"\n'
        text += f'bioavailability = "{bioavailability}"\n' if bioavailability else ""
        text += f'lag = "{lag}"\n' if lag else ""
    for parameter, unit in parameters.items():
        text += f'[parameters.{parameter}]\nrequired = true\nunit = "{unit}"\n'
    if derived:
        text += "[derived]\n" + "".join(f'{key} = "{value}"\n' for key, value in derived.items())
    for use in structures:
        text += f'[[structures]]\nuse = "{use}"\n'
    if equations:
        text += "[odes]\n" + "".join(f'{state} = "{equation}"\n' for state, equation in equations.items())
    for output, (expression, unit) in outputs.items():
        text += f'[outputs."{output}"]\nexpression = "{expression}"\nunit = "{unit}"\n'
    return pkpd.read_model(text)
