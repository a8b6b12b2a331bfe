"""Three compartments and an effect site under 400 changes of rate: STANPUMP's trace of a target-controlled infusion."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from naive import Network, bisect, expm, mammillary

import pkpd

# Fentanyl, McClain and Hug; L and 1/min.
V1 = 26.91
RATES = {"k10": 0.041, "k12": 0.185, "k13": 0.141, "k21": 0.103, "k31": 0.020}
PEAK_MIN = 3.694
SYRINGE = 50.0  # mcg/mL
HOUR = 3600 * 10**9


def equilibration() -> float:
    """The rate (1/min) with which a bolus peaks in the effect site at 3.694 min."""
    plasma = mammillary(2)
    network = Network((*plasma.states, "site"), {**plasma.flows, ("site", ""): "ke0"}, {("central", "site"): "ke0"})

    def slope(ke0: float) -> float:
        matrix = network.matrix(RATES | {"ke0": ke0})
        return float((matrix @ np.asarray(expm(matrix * PEAK_MIN)[:, 0], float))[3])

    return bisect(slope, 0.05, 1.0)


def test_plasma_and_effect_site(
    case_table: Callable[[str, str], list[dict[str, str]]], worst: Callable[..., None]
) -> None:
    """The rates follow from the cumulative volumes; micrograms there are milligrams here, ng/mL are mg/L."""
    rows = case_table("stanpump_tci", "expected.csv")
    assert len(rows) == 412
    seconds, volume, cp, ce = (
        np.array([float(row[name]) for row in rows]) for name in ("time_s", "cumulative_volume_ml", "cp", "ce")
    )
    ticks = np.rint(seconds * 1e9).astype(int)
    doses = tuple(
        pkpd.Dose(
            quantity=float(more * SYRINGE / 1000),
            kind="amount",
            start=int(begin),
            duration=int(end - begin),
            route="iv",
        )
        for begin, end, more in zip(ticks, ticks[1:], np.diff(volume), strict=False)
        if more > 0
    )
    ke0 = equilibration()
    assert ke0 == pytest.approx(0.24929, abs=5e-5)
    table = {
        "V1": V1,
        "V2": V1 * RATES["k12"] / RATES["k21"],
        "V3": V1 * RATES["k13"] / RATES["k31"],
        "CL": V1 * RATES["k10"] * 60,
        "Q2": V1 * RATES["k12"] * 60,
        "Q3": V1 * RATES["k13"] * 60,
        "KE0": ke0 * 60,
    }
    result = pkpd.simulate(
        pkpd.load("three-compartment-effect-site"),
        pkpd.Regimen(doses),
        {name: [value] for name, value in table.items()},
        (seconds, "s"),
    )
    rounding = 0.5e-4
    worst(np.abs(result["drug"][:, 0] - cp).max(), 5e-5 + rounding, "plasma")
    worst(np.abs(result["effect site"][:, 0] - ce).max(), 5e-5 + rounding, "effect site")
