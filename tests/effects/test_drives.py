"""Drives of several analytes: what they are, exact on both paths, and switched off by a 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pkpd
from pkpd.effects.curves import hill
from pkpd.errors import SimulationError, UnknownName
from pkpd.model.program import compiled

PUSH = "0.3 mg/kg iv over 4 min"
KAMP = pkpd.load("kamp2020-ketamine")
OPPOSED = pkpd.load_effect("fast-relief").with_values(norketamine_potency=-0.8, R_potency=0.25)
HOURS = (np.linspace(0.0, 12.0, 241), "h")


def run(effect: pkpd.Effect, **options: Any) -> pkpd.Result:
    return pkpd.simulate(KAMP.with_effects(effect), PUSH, pkpd.Population(20, seed=3), HOURS, **options)


def test_a_drive_is_the_sum_of_its_sites_times_their_potencies() -> None:
    result = run(OPPOSED)
    parts = [result[f"site of fast-relief{name}"] for name in ("", ", S-norketamine", ", R-ketamine")]
    drive = result["drive of fast-relief"]
    assert drive == pytest.approx(parts[0] - 0.8 * parts[1] + 0.25 * parts[2], rel=1e-12, abs=1e-9)
    assert (drive < 0).any()
    c50 = np.asarray(result.individuals.effects["fast-relief"]["C50"])
    assert result["fast-relief"] == pytest.approx(hill(np.maximum(drive, 0) / 1000, c50, 1.0), rel=1e-12, abs=1e-12)


def test_sites_of_further_analytes_follow_them() -> None:
    """The site of an analyte is the same whether the analyte drives alone or is added."""
    text = pkpd.load_effect("fast-relief")
    alone = pkpd.simulate(KAMP.with_effects(text), PUSH, None, HOURS)
    both = pkpd.simulate(KAMP.with_effects(OPPOSED), PUSH, None, HOURS)
    assert both["site of fast-relief"] == pytest.approx(alone["site of fast-relief"], rel=1e-12, abs=1e-12)
    slow = pkpd.simulate(KAMP.with_effects(OPPOSED.with_values(equilibration="0 min")), PUSH, None, HOURS)
    assert not any(name.startswith("site of") for name in slow.quantities)
    assert slow["drive of fast-relief"] == pytest.approx(
        slow["S-ketamine"] - 0.8 * slow["S-norketamine"] + 0.25 * slow["R-ketamine"], rel=1e-12, abs=1e-9
    )


@pytest.mark.parametrize("method", ["explicit", "stiff"])
def test_steps_and_exact_solution_agree(method: Any) -> None:
    exact = run(OPPOSED)["drive of fast-relief"]
    stepped = run(OPPOSED, tolerance=pkpd.Tolerance(relative=1e-9, method=method))["drive of fast-relief"]
    assert stepped == pytest.approx(exact, abs=2e-9 * exact.max())
    assert compiled(KAMP.with_effects(OPPOSED)).is_linear


def test_a_potency_of_0_leaves_the_analyte_out() -> None:
    off = pkpd.load_effect("fast-relief")
    assert off.analytes == ("S-ketamine",)
    program = compiled(KAMP.with_effects(off))
    assert [site.name for site in program.sites] == ["site of fast-relief"]
    assert program.drives == ()
    without = pkpd.load("otto2021-s-ketamine")  # it has no R-ketamine
    assert without.with_effects(off.with_values(norketamine_potency=-0.8)).effects
    with pytest.raises(UnknownName, match='follows the analyte "R-ketamine"'):
        without.with_effects(off.with_values(R_potency=0.25))


def test_switching_off_again_gives_the_same_bits() -> None:
    off = OPPOSED.with_values(norketamine_potency=0, R_potency=0)
    assert np.array_equal(run(off)["fast-relief"], run(pkpd.load_effect("fast-relief"))["fast-relief"])


def test_an_opposing_norketamine_lowers_late_relief_most() -> None:
    """Ketamine falls faster than norketamine."""
    on, off = run(OPPOSED.with_values(R_potency=0)), run(pkpd.load_effect("fast-relief"))
    lost = 1 - on["fast-relief"][1:].mean(axis=1) / off["fast-relief"][1:].mean(axis=1)
    assert (lost > 0).all()
    assert lost[-1] > 0.9 > 0.2 > lost[0]


def test_a_column_of_a_switched_off_parameter_is_refused() -> None:
    model = KAMP.with_effects(pkpd.load_effect("fast-relief"))
    table = {"CL": [80.0, 90.0], "fast-relief.norketamine_potency": [0.0, -0.8]}
    with pytest.raises(SimulationError, match=r"S-norketamine is not followed.*with_values\(norketamine_potency=...\)"):
        pkpd.simulate(model, PUSH, table, ["1 h"])
    on = KAMP.with_effects(pkpd.load_effect("fast-relief").with_values(norketamine_potency=-0.5))
    relief = pkpd.simulate(on, PUSH, table | {"CL": [84.0, 84.0]}, ["1 h"])["fast-relief"][0]
    assert relief[0] > relief[1]


def test_a_half_life_of_0_lets_plasma_drive() -> None:
    effect = pkpd.load_effect("mean-arterial-pressure")
    assert effect.half_life is None
    direct = pkpd.simulate(KAMP.with_effects(effect), PUSH, None, HOURS)
    assert direct["mean-arterial-pressure"] == pytest.approx(
        30 * hill(direct["S-ketamine"], 200.0, 1.0), rel=1e-12, abs=1e-12
    )
    late = pkpd.simulate(KAMP.with_effects(effect.with_values(equilibration="8.3 min")), PUSH, None, HOURS)
    assert "site of mean-arterial-pressure" in late.quantities
    assert late["mean-arterial-pressure"].max() < direct["mean-arterial-pressure"].max()


def test_the_peak_of_a_drive_is_the_peak_of_the_sum() -> None:
    """Not the sum of peaks, which lie at different times: held against a fine grid."""
    text = """
id = "opposed-event"
kind = "effect"
title = "t"
endpoint = "e"
role = "side effect"
use_for = "u"
not_for = "n"
[sources.x]
citation = "c"
[driver]
analyte = "S-ketamine"
half_life = "equilibration"
[[driver.also]]
analyte = "S-norketamine"
potency = "potency"
half_life = "late"
[curve]
form = "probability"
"""
    for name, value, unit in [
        ("equilibration", 2, "min"),
        ("late", 30, "min"),
        ("potency", -0.7, "1"),
        ("floor", 0, "1"),
        ("ceiling", 1, "1"),
        ("C50", 40, "ng/mL"),
        ("Hill", 3, "1"),
    ]:
        text += f'[parameters.{name}]\nvalue = {value}\nunit = "{unit}"\nsource = "x"\nmark = "assumed"\n'
    effect = pkpd.read_effect(text)
    model = KAMP.with_effects(effect)
    regimen = "10 mg iv over 1 h every 3 h for 3 doses"
    people = pkpd.Population(4000, seed=2, weight="70 kg")
    arm = pkpd.compare(model, {"a": regimen}, people, until="12 h", effects=[effect]).arm("a")
    course = pkpd.simulate(model, regimen, people, (np.linspace(0, 12, 721), "h"))["opposed-event"]
    share = arm.outcome("opposed-event").values
    assert share.mean() == pytest.approx(course.max(axis=0).mean(), abs=0.02)
    draws = arm.individuals.draws["opposed-event"]
    assert (share[draws < course.max(axis=0)] == 1).all()
    assert (share[draws > course.max(axis=0) + 1e-3] == 0).all()
