"""Amounts in every compartment under Torsten's dosing records, to a millionth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bare_models import bare_model
from numpy.typing import NDArray

import pkpd

Floats = NDArray[np.float64]

CASES = {
    "1cpt": (
        "bolus_depot",
        "bolus_central",
        "bolus_depot_lag5",
        "steady_state_bolus",
        "steady_state_infusion_into_depot",
        "stepwise_clearance",
        "infusion_into_depot",
        "infusion_into_central",
    ),
    "2cpt": (
        "bolus_depot",
        "steady_state_bolus",
        "steady_state_infusion_into_depot",
        "stepwise_clearance",
        "infusion_into_depot",
        "infusion_into_central",
    ),
}
# A route into every compartment; into the depot also with the lag.
ROUTES: dict[str, str | tuple[str, str, str]] = {
    "oral": ("depot", "", "lag"),
    "buccal": "depot",
    "iv": "central",
    "sc": "peripheral",
}
INTO = {"depot": "buccal", "central": "iv", "peripheral": "sc"}
MODELS = {
    "1cpt": bare_model(
        {"depot": "-KA * depot", "central": "KA * depot - CL / V * central"},
        {"CL": "L/h", "V": "L", "KA": "1/h", "lag": "h"},
        {name: (name, "mg") for name in ("depot", "central")},
        {route: into for route, into in ROUTES.items() if route != "sc"},
    ),
    "2cpt": bare_model(
        {
            "depot": "-KA * depot",
            "central": "KA * depot - (CL + Q) / V * central + Q / V2 * peripheral",
            "peripheral": "Q / V * central - Q / V2 * peripheral",
        },
        {"CL": "L/h", "V": "L", "Q": "L/h", "V2": "L", "KA": "1/h", "lag": "h"},
        {name: (name, "mg") for name in ("depot", "central", "peripheral")},
        ROUTES,
    ),
}


def by_records(case: dict[str, Any]) -> Floats:
    """Amounts, (times, compartments): the dose as a record of its own, the steady state and the steps as they are."""
    dose, route = case["dose"], INTO[case["compartments"][case["dose"]["cmt"] - 1]]
    clearances = case.get("CL_by_record", [case["parameters"]["CL"]] * len(case["times"]))
    given = [dose[name] for name in ("time", "amt", "rate", "cmt", "ii", "addl", "ss")]
    lines = [f"1,1,{','.join(map(repr, given))},{route},{clearances[0]!r}"]
    lines += [f"1,0,{time!r},0,0,0,0,0,0,.,{own!r}" for time, own in zip(case["times"], clearances, strict=True)]
    text = "\n".join(["ID,EVID,TIME,AMT,RATE,CMT,II,ADDL,SS,ROUTE,CL", *lines, ""])
    parameters = {name: value for name, value in case["parameters"].items() if name != "CL"} | {"lag": 0.0}
    found = pkpd.predict(MODELS[case["model"]], pkpd.read_dataset(text, mode="nonmem"), parameters)
    return found[[f"{name} (mg)" for name in case["compartments"]]].to_numpy()[1:]


def delayed(case: dict[str, Any]) -> Floats:
    """The same of a dose with a lag: here a record is read before what arrives at its time."""
    dose = case["dose"]
    assert (dose["ss"], dose["rate"]) == (0, 0)
    doses = f"every {dose['ii']} h for {dose['addl'] + 1} doses starting at {dose['time']} h"
    regimen = f"{dose['amt']} mg oral bolus {doses}"
    table = {name: [value] for name, value in (case["parameters"] | {"lag": dose["lag"]}).items()}
    times = (np.array(case["times"]), "h")
    return pkpd.simulate(MODELS[case["model"]], regimen, table, times, before_dose=True).array[:, :, 0].T


@pytest.mark.parametrize(("model", "name"), [(model, name) for model, names in CASES.items() for name in names])
def test_case(model: str, name: str, case_json: Callable[[str, str], Any], worst: Callable[..., None]) -> None:
    cases = case_json("torsten_events", "cases.json")["cases"]
    (case,) = [one for one in cases if (one["model"], one["name"]) == (model, name)]
    found = delayed(case) if "lag" in case["dose"] else by_records(case)
    expected = np.array(case["expected_amounts"])
    assert found.shape == expected.shape
    error = np.abs(found - expected) / np.maximum(np.abs(expected), 100.0)  # the smallest amounts have few digits
    worst(float(error.max()), case["relative_tolerance"], f"{model}, {name}")


def test_every_case_is_named_here(case_json: Callable[[str, str], Any]) -> None:
    cases = case_json("torsten_events", "cases.json")["cases"]
    assert sorted((c["model"], c["name"]) for c in cases) == sorted((m, n) for m, names in CASES.items() for n in names)
