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
# Doses given before time 0, for what has been going on for ever.
TRAIN = 400

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


def amounts(case: dict[str, Any], regimen: pkpd.Regimen | str, hours: Any, **changed: float) -> Floats:
    """Amounts, (times, compartments); a dose comes before a record at its time, unless a lag brought it there."""
    given = {**case["parameters"], "lag": case["dose"].get("lag", 0.0), **changed}
    table = {name: [value] for name, value in given.items()}
    return (
        pkpd.simulate(
            MODELS[case["model"]], regimen, table, (np.asarray(hours, float), "h"), before_dose="lag" in case["dose"]
        )
        .array[:, :, 0]
        .T
    )


def regimen_of(dose: dict[str, Any], route: str, doses: int, start: float = 0.0) -> str:
    way = f"over {dose['amt'] / dose['rate']!r} h" if dose["rate"] else "bolus"
    return f"{dose['amt']} mg {route} {way} every {dose['ii']} h for {doses} doses starting at {start} h"


def by_steps(case: dict[str, Any]) -> Floats:
    """Clearance that changes from record to record: each interval continues from the amounts at its start."""
    dose, compartments = case["dose"], case["compartments"]
    given = {n * dose["ii"] for n in range(dose["addl"] + 1)}
    assert dose["rate"] == 0
    assert compartments[dose["cmt"] - 1] == "depot"
    state = np.zeros(len(compartments))
    rows = []
    before = 0.0
    for time, clearance in zip(case["times"], case["CL_by_record"], strict=True):
        arriving = [
            f"{amount!r} mg {INTO[name]} bolus"
            for name, amount in zip(compartments, state.tolist(), strict=True)
            if amount > 0
        ]
        arriving += [
            f"{dose['amt']} mg buccal bolus starting at {at - before} h"
            for at in sorted(given)
            if before < at <= time or at == time == 0
        ]
        state = amounts(case, " and ".join(arriving), [time - before], CL=clearance)[0]
        rows.append(state)
        before = time
    return np.array(rows)


@pytest.mark.parametrize(("model", "name"), [(model, name) for model, names in CASES.items() for name in names])
def test_case(model: str, name: str, case_json: Callable[[str, str], Any]) -> None:
    cases = case_json("torsten_events", "cases.json")["cases"]
    (case,) = [one for one in cases if (one["model"], one["name"]) == (model, name)]
    dose, times = case["dose"], np.array(case["times"])
    route = "oral" if dose.get("lag") else INTO[case["compartments"][dose["cmt"] - 1]]
    if "CL_by_record" in case:
        found = by_steps(case)
    elif dose["ss"]:
        earlier = TRAIN * dose["ii"]
        found = amounts(case, regimen_of(dose, route, TRAIN + dose["addl"] + 1), times + earlier)
    else:
        found = amounts(case, regimen_of(dose, route, dose["addl"] + 1, dose["time"]), times)
    expected = np.array(case["expected_amounts"])
    assert found.shape == expected.shape
    assert found == pytest.approx(expected, rel=case["relative_tolerance"], abs=1e-4)


def test_every_case_is_named_here(case_json: Callable[[str, str], Any]) -> None:
    cases = case_json("torsten_events", "cases.json")["cases"]
    assert sorted((c["model"], c["name"]) for c in cases) == sorted((m, n) for m, names in CASES.items() for n in names)
