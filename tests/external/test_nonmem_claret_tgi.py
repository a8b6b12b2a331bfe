"""A tumour held down by a dose whose effect fades: an equation that reads `t`, and a covariate that steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pkpd

MODEL = """id = "claret"
kind = "pk"
title = "Tumour growth inhibition"
drug = "any"
use_for = "Tests."
not_for = "Anything else."
sampling_site = "not stated"
[sources.definition]
citation = "The external case."
[forms]
racemate = { drug = 1, source = "definition", mark = "assumed" }
[routes.iv]
into = "nowhere"
[covariates.DOSE]
unit = "1"
typical = 1
[parameters.KG]
required = true
unit = "1/h"
[parameters.KS0]
required = true
unit = "1/h"
[parameters.GAMMA]
required = true
unit = "1/h"
[parameters.start]
required = true
unit = "1"
[odes]
nowhere = "-KG * nowhere"
RESP = "KG * RESP - KS0 * exp(-GAMMA * t) * log(DOSE) * RESP"
[states.RESP]
unit = "1"
initial = "start"
[outputs."RESP"]
expression = "RESP"
unit = "1"
"""


@pytest.mark.parametrize("case", ["1", "2"])
def test_case(
    case: str,
    case_json: Callable[[str, str], Any],
    case_table: Callable[[str, str], list[dict[str, str]]],
    worst: Callable[..., None],
) -> None:
    given = case_json("nonmem_claret_tgi", "model.json")
    rows = [row for row in case_table("nonmem_claret_tgi", "expected.csv") if row["case"] == case]
    text = "ID,TIME,EVID,DOSE\n" + "".join(f"1,{row['time']},0,{row['dose']}\n" for row in rows)
    dataset = pkpd.read_dataset(text, mode="nonmem")
    parameters = {**given["parameters"], "start": given["initial"]["RESP"]}
    frame = pkpd.predict(pkpd.read_model(MODEL), dataset, parameters)
    expected = np.array([float(row["nonmem_ode"]) for row in rows])
    assert len(expected) == 11
    worst(float(np.abs(frame["RESP"] / expected - 1).max()), 1e-4, f"case {case}")
