"""Doses as NONMEM gives them: additional ones, lags, bioavailability, infusions, steady states and resets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from event_models import depot_and_central

import pkpd

SCENARIOS = range(1, 30)
Rows = list[dict[str, str]]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(
    scenario: int,
    case_table: Callable[[str, str], Rows],
    case_json: Callable[[str, str], Any],
    worst: Callable[..., None],
) -> None:
    def own(rows: Rows) -> Rows:
        return [row for row in rows if row["scenario"] == str(scenario)]

    doses = own(case_table("nonmem_dosing", "events.csv"))
    observed = own(case_table("nonmem_dosing", "expected.csv"))
    given = case_json("nonmem_dosing", "model.json")["parameters"]
    central = next((dose for dose in doses if dose["cmt"] == "2" and dose["evid"] != "3"), doses[0])
    parameters = given | {
        "lag": float(central["lag"]),
        "share": float(central["bioavailability"]),
        "length": float(central["modeled_duration"]),
    }
    records = [(int(dose["record"]), dose) for dose in doses] + [(int(row["record"]), row) for row in observed]
    names = ("evid", "amt", "cmt", "rate", "ii", "addl", "ss")
    lines = [
        [record["time"], *(record.get(name, "0") for name in names)]
        for _, record in sorted(records, key=lambda r: r[0])
    ]
    text = "ID,TIME,EVID,AMT,CMT,RATE,II,ADDL,SS\n" + "".join("1," + ",".join(line) + "\n" for line in lines)
    dataset = pkpd.read_dataset(text, mode="nonmem")
    assert pkpd.write_dataset(dataset) == text
    found = pkpd.predict(depot_and_central(timed=True), dataset, parameters)["drug (ng/mL)"].to_numpy()
    read = np.array([record.kind == "observation" for record in dataset.records])
    expected = np.array([float(row["nonmem_cp"]) for row in observed])
    assert len(expected) == read.sum()
    error = np.abs(found[read] - expected) / np.where(expected == 0, 1.0, expected)
    worst(float(error.max()), 1e-4, f"scenario {scenario}")


def test_every_scenario_is_named_here(case_table: Callable[[str, str], Rows]) -> None:
    assert {int(row["scenario"]) for row in case_table("nonmem_dosing", "scenarios.csv")} == set(SCENARIOS)
