"""One, two and three compartments by every route, and areas under dosing intervals, against PKPDsim's closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bare_models import bare_model

import pkpd

COMPARTMENTS = {"1cmt": "one", "2cmt": "two", "3cmt": "three"}
# Names there -> names here.
NAMES = {"CL": "CL", "V": "V1", "Q": "Q2", "V2": "V2", "Q2": "Q3", "V3": "V3", "KA": "ka"}
CASES = [f"{size}_{route}" for size in COMPARTMENTS for route in ("iv_bolus", "iv_infusion", "oral")]


@pytest.mark.parametrize("case", CASES)
def test_level_before_the_last_doses(
    case: str, case_json: Callable[[str, str], Any], worst: Callable[..., None]
) -> None:
    given = case_json("pkpdsim_closed_forms", "cases.json")
    size, route = case.split("_", 1)
    model = pkpd.load(f"{COMPARTMENTS[size]}-compartment{'-oral' if route == 'oral' else ''}")
    regimen = given["regimen"]
    table = {
        NAMES[name]: [value]
        for name, value in given["parameters"].items()
        if name in NAMES and NAMES[name] in model.parameters
    }
    way = {"iv_bolus": "iv bolus", "iv_infusion": f"iv over {regimen['infusion_h']} h", "oral": "oral"}[route]
    assert regimen["dose_times_h"] == "0,12,...,120"
    text = f"{regimen['amt']} mg {way} every {regimen['interval_h']} h for 11 doses"
    found = pkpd.simulate(model, text, table, ["23 h"])["drug"][0, 0] / 1000
    worst(abs(found - given["concentration_at_23h_3_decimals"][case]), 0.0005001, case)


def test_area_in_each_interval(case_json: Callable[[str, str], Any], worst: Callable[..., None]) -> None:
    """A state that collects the amount in the centre gives the area, read at the end of each interval."""
    given = case_json("pkpdsim_closed_forms", "cases.json")["interval_auc"]
    assert given["model"] == "2cmt_iv_infusion"
    model = bare_model(
        {
            "central": "-(CL + Q) / V * central + Q / V2 * peripheral",
            "peripheral": "Q / V * central - Q / V2 * peripheral",
            "area": "once * central",
        },
        {"CL": "L/h", "V": "L", "Q": "L/h", "V2": "L", "once": "1/h"},
        {"area": ("area / (once * V)", "mg*h/L")},
        {"iv": "central"},
    )
    regimen = given["regimen"]
    once = f"{regimen['amt']} mg iv over {regimen['infusion_h']} h"
    text = f"{once} every {regimen['interval_h']} h for {regimen['n']} doses"
    table = {name: [value] for name, value in given["parameters"].items()} | {"once": [1.0]}
    collected = pkpd.simulate(model, text, table, (given["interval_end_h"], "h")).array[0, :, 0]
    found = np.diff(collected, prepend=0.0)
    worst(np.abs(found - given["auc_in_interval_3_decimals"]).max(), 0.0005001, "area in each interval")
