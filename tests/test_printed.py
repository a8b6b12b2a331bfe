"""What is given back is printed in one line, and not as all the numbers in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from trial_designs import designed

import pkpd
from pkpd.population import streams
from pkpd.statistics.dosefinding.shapes import Shape
from pkpd.statistics.literature import simulate_literatures

REGIMEN = "ketamine 0.5 mg/kg iv over 40 min"
MODEL = pkpd.load("kamp2020-ketamine")


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    found = pkpd.find_dose(
        *(MODEL, "ketamine {dose} mg/kg iv over 40 min", [0, 0.1, 0.25], 5, ("pain score", "0 h")),
        *([Shape("linear")], -2.0),
        count=3,
    )
    result = pkpd.simulate(MODEL, REGIMEN, times="0 to 2 h by 10 min", population=20)
    doubt = pkpd.uncertainty(MODEL, {"a": REGIMEN}, 5, "1 d", replicates=40)
    population = pkpd.Population(500, covariates={"pregnancy": pkpd.Share(0.1)})

    def draw(variable: str, trial: int) -> Any:
        return streams.uniform(1, np.arange(20), variable, trial)

    return {
        "DoseFinding(3 trials of 3 doses, ketamine {dose} mg/kg": found,
        "McpMod(linear; a dose-response in ": found.found,
        "Trials(5 of 15 + 15 patients, drug: pain score": pkpd.run_trials(designed(), 5),
        "Arm(a: ketamine 0.5 mg/kg": pkpd.compare(MODEL, {"a": REGIMEN}, 20).arms[0],
        "Individuals(kamp2020-ketamine: 20 patients": result.individuals,
        "Observed(kamp2020-ketamine: S-ketamine": result.observed(pkpd.Residual(proportional=0.1)),
        "View(kamp2020-ketamine: a; ": doubt.views[0],
        "Curve(": pkpd.disagree(REGIMEN).curves[0],
        "Enrolled(": pkpd.enrol(population, ["no pregnancy"]),
        "Study(noppers2011-fibromyalgia: ": pkpd.load_study("noppers2011-fibromyalgia"),
        "Model(kamp2020-ketamine: S-ketamine, R-ketamine": MODEL,
        "Effect(": pkpd.default_effects()[0],
        "Literatures(20 of ": simulate_literatures(0.3, 1.0, [20], draw, published=3),
    }


def test_everything_is_printed_in_a_line(made: dict[str, Any]) -> None:
    for begin, value in made.items():
        text = repr(value)
        assert text.startswith(begin) and text.endswith(")") and "\n" not in text and len(text) < 300, text
