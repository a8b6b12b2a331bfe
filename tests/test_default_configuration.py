"""The default configuration: what it must say of a typical person of 70 kg, and of people of 70 kg."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pkpd

MODEL = pkpd.load("kamp2020-ketamine").with_effects(*pkpd.default_effects())

SINGLE = "0.5 mg/kg iv over 40 min"
SIGTERMANS = (
    "s-ketamine 5 mg/h/70kg iv over 6 h then 10 mg/h/70kg over 6 h then 15 mg/h/70kg over 6 h "
    "then 20 mg/h/70kg over 82 h"
)
SCHWARTZMAN = "0.35 mg/kg/h iv at most 25 mg/h over 4 h every 24 h for 10 doses"
GOLDBERG = "10 mg/h iv over 1 h then 20 mg/h over 1 h then 30 mg/h over 1 h then 40 mg/h over 117 h"
PUSH, SLOW_PUSH = "0.3 mg/kg iv over 4 min", "0.3 mg/kg iv over 15 min"

# After the end of treatment: 1, 2 and 4 weeks, 50 days, 12 weeks; h.
AFTER = np.array([0.0, 7.0, 14.0, 28.0, 50.0, 84.0]) * 24


def typical(regimen: str, quantity: str, times: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return pkpd.simulate(MODEL, regimen, None, times)[quantity][:, 0]


def test_plasma_after_a_single_infusion() -> None:
    """At the end of 0.5 mg/kg of the racemate over 40 min, 1 h and 3 h later."""
    found = typical(SINGLE, "S-ketamine", ["40 min", "100 min", "220 min"])
    assert found == pytest.approx([126.5, 29.8, 14.0], rel=0.01)


def test_fast_site_and_relief_after_a_single_infusion() -> None:
    times = ["40 min", "220 min"]
    assert typical(SINGLE, "site of fast-relief", times) == pytest.approx([107.3, 14.8], rel=0.01)
    assert typical(SINGLE, "fast-relief", times) == pytest.approx([0.52, 0.13], rel=0.01)


def test_slow_relief_after_a_single_infusion() -> None:
    """Given to three decimals: at the end, at the maximum (18 h), after a week."""
    found = typical(SINGLE, "slow-relief", ["40 min", "18 h", "7 d"])
    assert found == pytest.approx([0.015, 0.048, 0.033], abs=0.0005)
    hours = np.arange(0.0, 72.0, 0.05)
    course = typical(SINGLE, "slow-relief", (hours, "h"))
    assert course.max() == pytest.approx(0.048, abs=0.0005)
    assert hours[np.argmax(course)] == pytest.approx(18.0, abs=0.5)


def test_slow_site_after_the_sigtermans_arm() -> None:
    found = typical(SIGTERMANS, "site of slow-relief", (100 + AFTER, "h"))
    assert found == pytest.approx([49.6, 32.9, 21.1, 8.7, 2.1, 0.2], rel=0.01, abs=0.05)


@pytest.mark.parametrize(
    ("regimen", "end", "expected", "within"),
    [
        (SIGTERMANS, 100.0, [0.83, 0.76, 0.67, 0.45, 0.17, 0.02], 0.005),
        (SCHWARTZMAN, 220.0, [0.51, 0.42, 0.32, 0.16, 0.04, 0.01], 0.006),
        (GOLDBERG, 120.0, [0.86, 0.80, 0.72, 0.51, 0.20, 0.03], 0.005),
    ],
    ids=["Sigtermans", "Schwartzman", "Goldberg"],
)
def test_slow_relief_after_the_courses(regimen: str, end: float, expected: list[float], within: float) -> None:
    assert pkpd.parse(regimen).end_hours == pytest.approx(end)
    assert typical(regimen, "slow-relief", (end + AFTER, "h")) == pytest.approx(expected, abs=within)


def test_doses_of_the_arms() -> None:
    """1,820 mg of S-ketamine at 70 kg; 24.5 mg/h of the racemate at 70 kg, 25 from 71.4 kg on."""
    assert pkpd.parse(SIGTERMANS).cumulative_amount(70.0) == pytest.approx(1820.0)
    assert pkpd.parse(SCHWARTZMAN).cumulative_amount(np.array([70.0, 100.0])) == pytest.approx([980.0, 1000.0])


@pytest.mark.parametrize(("regimen", "plasma", "site"), [(PUSH, 285, 187), (SLOW_PUSH, 144, 132)])
def test_peaks_after_a_push(regimen: str, plasma: float, site: float) -> None:
    times = (np.arange(0.0, 60.0, 0.05), "min")
    assert typical(regimen, "S-ketamine", times).max() == pytest.approx(plasma, rel=0.01)
    assert typical(regimen, "site of psychotomimetic-asked", times).max() == pytest.approx(site, rel=0.01)


def test_steady_level() -> None:
    assert typical("s-ketamine 20 mg/h iv over 100 d", "S-ketamine", ["99 d"]) == pytest.approx([238.0], rel=0.01)


@pytest.mark.parametrize(
    ("regimen", "expected", "observed"), [(PUSH, 0.79, (0.73, 0.99)), (SLOW_PUSH, 0.71, (0.33, 0.74))]
)
def test_psychotomimetic_effects_in_people_of_70_kg(
    regimen: str, expected: float, observed: tuple[float, float]
) -> None:
    """Mean probability when asked, at each person's own peak, and inside the trial's exact 95 % interval."""
    times = (np.arange(1.0, 30.0, 0.5), "min")
    people = pkpd.simulate(MODEL, regimen, pkpd.Population(20_000, seed=6, weight="70 kg"), times)
    found = people["psychotomimetic-asked"].max(axis=0).mean()
    assert found == pytest.approx(expected, abs=0.02)
    assert observed[0] <= found <= observed[1]


@pytest.mark.parametrize(("level", "expected"), [(187, 0.79), (132, 0.71)])
def test_psychotomimetic_effects_at_the_typical_peaks(level: float, expected: float) -> None:
    """The same, where only the potency differs between people and all reach the typical person's peak."""
    c50 = pkpd.simulate(MODEL, "no treatment", pkpd.Population(100_000, seed=6), ["0 h"]).individuals.effects[
        "psychotomimetic-asked"
    ]["C50"]
    relative = (2 * level / 1000 / np.asarray(c50)) ** 3.5
    assert np.mean(0.12 + 0.88 * relative / (1 + relative)) == pytest.approx(expected, abs=0.02)


def test_it_is_the_configuration_that_is_meant() -> None:
    """The effects that are on by default, and the numbers of the typical person behind everything above."""
    assert [effect.id for effect in MODEL.effects] == [
        "fast-relief",
        "slow-relief",
        "placebo-response",
        "baseline-pain",
        "mild-sedation",
        "psychotomimetic-asked",
        "psychotomimetic-reported",
        "unresponsive",
    ]
    values = {name: parameter.value for name, parameter in MODEL.parameters.items()}
    assert {name: values[name] for name in ("V1", "V2", "V3", "CL", "Q2", "Q3", "CL_ratio_R")} == pytest.approx(
        {"V1": 25, "V2": 56, "V3": 157, "CL": 84, "Q2": 161, "Q3": 79, "CL_ratio_R": 0.86}
    )
