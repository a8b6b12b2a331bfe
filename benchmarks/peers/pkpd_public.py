"""This package through its public functions: simulate, prepare, sweep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pkpd
from benchmarks.workloads import PERCENTILES, Floats, Workload, sweep_dose

MODELS = Path(__file__).resolve().parent.parent / "models"
NONLINEAR = {"W3": "w3-nonlinear", "W4": "w4-stiff"}
FIVE_INFUSIONS = "100 mg iv over 4 h every 24 h for 5 doses"
REGIMENS = {
    "W1": "35 mg iv over 40 min",
    "W2": FIVE_INFUSIONS,
    "W3": f"{FIVE_INFUSIONS} and 50 mg oral bolus every 24 h for 5 doses starting at 10 h",
}
REGIMENS["W4"] = REGIMENS["W3"]
PER_MG_PER_L = {"ng/mL": 1000.0, "mg/L": 1.0}
OUTPUTS = {"W1": ["drug"], "W2": ["drug", "effect site"]}


def model(workload: str) -> pkpd.Model:
    """The model of a workload: of the library, or a file of the benchmarks."""
    if workload in NONLINEAR:
        return pkpd.read_model(MODELS / f"{NONLINEAR[workload]}.toml")
    return pkpd.load("three-compartment" if workload == "W1" else "three-compartment-effect-site")


def build(variant: str, workload: Workload, size: int, threads: int) -> Callable[[], Any]:
    """What is to be timed: () -> (outputs, times, subjects); for W5 a Sweep."""
    used = model(workload.name)
    table = workload.table(workload.subjects if workload.name == "W5" else size)
    parameters = dict(zip(workload.columns, np.ascontiguousarray(table.T), strict=True))
    times = (workload.hours, "h")
    if workload.name == "W5":
        regimens = [
            f"{dose} mg iv over {duration} h every 24 h for 5 doses" for dose, duration in map(sweep_dose, range(size))
        ]
        quantiles = tuple(percentile / 100 for percentile in PERCENTILES)
        return lambda: pkpd.sweep(
            used, regimens, parameters, times, of="effect site", quantiles=quantiles, threads=threads
        )
    regimen = REGIMENS[workload.name]
    if variant == "prepared":
        ready = pkpd.prepare(used, regimen, times, outputs=OUTPUTS[workload.name])
        return lambda: ready(parameters, threads=threads)
    return lambda: pkpd.simulate(used, regimen, parameters, times, threads=threads).array


def arrange(workload: Workload, found: Any) -> Floats:
    """The result in the order of the others: (subjects, times, outputs), or (regimens, times, percentiles)."""
    if workload.name == "W5":
        return np.asarray(found.values.transpose(0, 2, 1)) / PER_MG_PER_L[found.unit]
    names = list(model(workload.name).outputs)
    wanted = OUTPUTS.get(workload.name, names)
    chosen: Floats = found if len(found) == len(wanted) else found[[names.index(name) for name in wanted]]
    return chosen.transpose(2, 1, 0)
