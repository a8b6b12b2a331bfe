"""From rate constants to volumes and clearances, as stanpumpR does for Domino's ketamine set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bare_models import bare_model

import pkpd

TIMES = (np.array([1.0, 2.0, 5.0, 20.0, 60.0, 240.0, 1000.0]), "min")
DOSE = "50 mg iv over 3 min and 20 mg/h iv over 2 h"
RATES = ("k10", "k12", "k13", "k21", "k31")


@pytest.fixture
def given(case_json: Callable[[str, str], Any]) -> Any:
    return case_json("stanpumpr_ketamine", "cases.json")


def test_volumes_and_clearances(given: Any, worst: Callable[..., None]) -> None:
    """Derived parameters of a model that is given in rate constants."""
    model = bare_model(
        {},
        {"V1": "L", **dict.fromkeys(RATES, "1/h")},
        {"drug": ("central / V1", "mg/L")},
        {"iv": "central"},
        ["three-compartment-rates"],
        derived={
            "v2": "V1 * k12 / k21",
            "v3": "V1 * k13 / k31",
            "cl1": "V1 * k10",
            "cl2": "V1 * k12",
            "cl3": "V1 * k13",
        },
    )
    table = {name: [60 * given["rate_constants_per_min"][name]] for name in RATES}
    table["V1"] = [given["v1_l_per_kg"] * given["weight_kg"]]
    found = pkpd.simulate(model, "no treatment", table, ["0 h"]).individuals.parameters
    for name, value in given["expected"].items():
        column = np.asarray(found["V1" if name == "v1" else name])[0]
        worst(abs((column / 60 if name.startswith("cl") else column) / value - 1), 1e-6, name)


def test_rates_and_clearances_give_the_same_levels(given: Any, worst: Callable[..., None]) -> None:
    """The shipped Domino set, in rate constants, against the expected volumes and clearances in the bare structure."""
    expected = given["expected"]
    table = {
        "V1": expected["v1"],
        "V2": expected["v2"],
        "V3": expected["v3"],
        "CL": 60 * expected["cl1"],
        "Q2": 60 * expected["cl2"],
        "Q3": 60 * expected["cl3"],
    }
    by_clearance = pkpd.simulate(pkpd.load("three-compartment"), DOSE, {k: [v] for k, v in table.items()}, TIMES)[
        "drug"
    ]
    domino = pkpd.load("domino1984-ketamine")
    by_rates = pkpd.simulate(domino, DOSE, pkpd.Population.typical("70 kg"), TIMES)["ketamine"]
    worst(np.abs(by_rates / by_clearance - 1).max(), 1e-5, "levels")
