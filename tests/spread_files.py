"""Small files for tests of spreads: one compartment, and effects that are nothing but a C50."""

from __future__ import annotations

import pkpd
from pkpd.model.modelfile import read_effect, read_model

ORIGIN = 'source = "made"\nmark = "assumed"\n'


def parameter(name: str, value: float, unit: str, more: str = "") -> str:
    """One parameter; `more` is between, occasion, scale ..."""
    return f'[parameters.{name}]\nvalue = {value}\nunit = "{unit}"\n{ORIGIN}{more}\n'


def between(kind: str, size: str, key: str = "between") -> str:
    """A spread, such as kind "logit" and size "sd = 0.5"."""
    return f'{key} = {{ kind = "{kind}", {size}, source = "made", mark = "assumed" }}\n'


def one_compartment(name: str = "example-one", CL: str = "", V1: str = "", F: str = "", more: str = "") -> pkpd.Model:
    """A model of 10 L/h, 20 L and an oral bioavailability of 0.4, with spreads of your choice."""
    return read_model(
        f"""
id = "{name}"
kind = "pk"
title = "t"
drug = "ketamine"
use_for = "tests"
not_for = "patients"
sampling_site = "venous"
[sources.made]
citation = "made up"
[forms]
racemate = {{ drug = 1, {ORIGIN.strip().replace(chr(10), ", ")} }}
[routes.iv]
into = "central"
[routes.oral]
into = "depot"
bioavailability = "F"
[covariates.weight]
unit = "kg"
typical = 70
{parameter("CL", 10, "L/h", CL)}
{parameter("V1", 20, "L", V1)}
{parameter("F", 40, "%", F)}
{parameter("ka", 2, "1/h")}
[[structures]]
use = "first-order-absorption"
to = "central"
[[structures]]
use = "one-compartment"
[outputs.drug]
expression = "central / V1"
unit = "mg/L"
{more}
"""
    )


def effect(name: str, correlations: dict[str, float] | None = None, spread: str = "sd = 0.5") -> pkpd.Effect:
    """A relief with a C50 that is correlated with those of other files."""
    together = "".join(
        f'[[correlations]]\nof = "C50"\nwith = "{other}"\nrho = {rho}\n{ORIGIN}'
        for other, rho in (correlations or {}).items()
    )
    return read_effect(
        f"""
id = "{name}"
kind = "effect"
title = "t"
endpoint = "e"
role = "relief"
use_for = "tests"
not_for = "patients"
[sources.made]
citation = "made up"
[driver]
analyte = "drug"
[curve]
form = "sigmoid-emax"
Emax = "Emax"
C50 = "C50"
Hill = "Hill"
{parameter("C50", 100, "ng/mL", between("lognormal", spread))}
{parameter("Emax", 1, "1")}
{parameter("Hill", 1, "1")}
{together}
"""
    )
