"""Models for the tests of event semantics, with every way a dose can be told to get in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from bare_models import HEAD

import pkpd

_NUMBER = 'source = "definition"\nmark = "assumed"\n'


def written_model(
    name: str,
    routes: Mapping[str, Mapping[str, str]],
    parameters: Mapping[str, str],
    typical: Mapping[str, tuple[float, str]],
    derived: Mapping[str, str],
    covariates: Mapping[str, tuple[str, float]],
    odes: Mapping[str, str],
    outputs: Mapping[str, tuple[str, str]],
) -> pkpd.Model:
    """A model put together from its parts.

    parameters : name -> unit, of what a table must give
    typical    : name -> value and unit, of what it may give
    covariates : name -> unit and typical value
    outputs    : name -> expression and unit
    """
    text = HEAD.format(name=name)
    for route, own in routes.items():
        text += f"[routes.{route}]\n" + "".join(f'{key} = "{value}"\n' for key, value in own.items())
    for covariate, (unit, value) in covariates.items():
        text += f'[covariates.{covariate}]\nunit = "{unit}"\ntypical = {value}\n'
    for parameter, unit in parameters.items():
        text += f'[parameters.{parameter}]\nrequired = true\nunit = "{unit}"\n'
    for parameter, (number, unit) in typical.items():
        text += f'[parameters.{parameter}]\nvalue = {number}\nunit = "{unit}"\n' + _NUMBER
    if derived:
        text += "[derived]\n" + "".join(f'{key} = "{value}"\n' for key, value in derived.items())
    text += "[odes]\n" + "".join(f'{state} = "{equation}"\n' for state, equation in odes.items())
    for output, (expression, unit) in outputs.items():
        text += f'[outputs."{output}"]\nexpression = "{expression}"\nunit = "{unit}"\n'
    return pkpd.read_model(text)


_ABSORBED = {"depot": "-KA * depot", "central": "KA * depot - CL / V * central"}
_CONCENTRATION = {"drug": ("central / V", "mg/L")}


@cache
def depot_and_central(timed: bool = False) -> pkpd.Model:
    """A depot (1) that feeds a central compartment (2); bioavailability and lag belong to the second.

    timed : whether the route into the second has a duration of its own as well
    """
    own = {"duration": "length"} if timed else {}
    return written_model(
        "depot-and-central",
        {"oral": {"into": "depot"}, "iv": {"into": "central", "bioavailability": "share", "lag": "lag"} | own},
        {"CL": "L/h", "V": "L", "KA": "1/h"},
        {"share": (1, "1"), "lag": (0, "h"), "length": (1, "h")},
        {},
        {},
        _ABSORBED,
        _CONCENTRATION,
    )


@cache
def clearance_by(covariate: str) -> pkpd.Model:
    """The same without those, with a clearance that follows weight or creatinine clearance."""
    relations = {
        "weight": ("CL_70 * (weight / w70) ** power", "kg", 70.0),
        "crcl": ("CL_70 * crcl / c100", "mL/min", 100.0),
    }
    relation, unit, typical = relations[covariate]
    return written_model(
        f"clearance-by-{covariate}",
        {"oral": {"into": "depot"}, "iv": {"into": "central"}},
        {"CL_70": "L/h", "V": "L", "KA": "1/h"},
        {"w70": (70, "kg"), "c100": (100, "mL/min"), "power": (0.75, "1")},
        {"CL": relation},
        {covariate: (unit, typical)},
        _ABSORBED,
        _CONCENTRATION,
    )
