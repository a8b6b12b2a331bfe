"""Arms under draws of the estimates: what is an arm's own is held, what a modifier multiplies is multiplied."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pkpd
from pkpd.errors import SimulationError
from pkpd.estimates.drawing import changes_of, draw_estimates

KAMP = pkpd.load("kamp2020-ketamine").with_effects(*pkpd.default_effects())
CHANCE = "placebo-response.P_placebo"
REGIMEN = "0.5 mg/kg iv over 40 min"
RELIEF = ("pain relief of at least 30%", "1 week")
MODIFIER = """
id = "suggestible"
kind = "modifier"
title = "t"
group = "adjuvant"
use_for = "u"
not_for = "n"
[sources.mine]
citation = "Mine 2020"
[[effects]]
of = "placebo-response"
what = "P_placebo"
amount = {amount}
source = "mine"
mark = "assumed"
"""


def suggestible(amount: float) -> Any:
    return pkpd.read_modifier(MODIFIER.format(amount=amount))


def test_a_study_has_the_same_arms_compared_and_drawn() -> None:
    study = pkpd.load_study("favourable-indication").with_patients(60)
    compared = study.run()
    drawn = study.uncertainty(replicates=40, times=["1 h"], models=["otto2021-s-ketamine"])
    for arm in study.regimens:
        asked = compared.summary(arm, *RELIEF).value
        assert drawn.main.comparison.summary(arm, *RELIEF).value == asked
        assert drawn.line(arm, *RELIEF).models["otto2021-s-ketamine"] == pytest.approx(asked, abs=0.05)
    usual, own = (drawn.main.outcome(arm, *RELIEF) for arm in ("CRPS, placebo", "spinal cord injury, placebo"))
    assert usual is not None and own is not None
    assert np.ptp(usual.means) > 0.1
    assert np.ptp(own.means) == 0  # nothing that is drawn acts without drug, but what this arm has of its own
    assert any(f"the arm's own {CHANCE} is held, not drawn" in note for note in drawn.notes)


def own_arm(value: float) -> pkpd.Model:
    effects = [one.with_values(P_placebo=value) if one.id == "placebo-response" else one for one in KAMP.effects]
    return replace(KAMP, effects=()).with_effects(*effects)


def test_what_is_an_arms_own_is_held_whatever_it_is() -> None:
    drawn = draw_estimates(KAMP, 5)
    default = next(one for one in KAMP.effects if one.id == "placebo-response").parameters["P_placebo"].value
    assert default is not None
    for value in (0.6, default, 0.0):
        changes = changes_of(KAMP, own_arm(value).with_modifiers(suggestible(0.5)))
        assert (changes.own, dict(changes.factors)) == ({CHANCE}, {})
        made = drawn.of(3, changes)
        assert made == {name: number for name, number in drawn.of(3).items() if name != CHANCE}


def test_a_modifier_multiplies_what_is_drawn_of_0_too() -> None:
    off = own_arm(0.0)
    drawn = draw_estimates(off, 5, draws={CHANCE: np.linspace(0.1, 0.3, 5)})
    for model in (off.with_modifiers(suggestible(0.5)), off.with_modifiers(suggestible(0.5), "rifampicin")):
        made = drawn.of(2, changes_of(off, model))
        assert made[CHANCE] == pytest.approx(0.1)


def test_draws_that_an_arm_makes_no_probability_are_refused() -> None:
    drawn = draw_estimates(KAMP, 5, draws={CHANCE: np.full(5, 0.3)})
    assert drawn.of(1, changes_of(KAMP, KAMP.with_modifiers(suggestible(3.0))))[CHANCE] == pytest.approx(0.9)
    changes = changes_of(KAMP, KAMP.with_modifiers(suggestible(4.0)))
    with pytest.raises(SimulationError, match=r"replicate 1: the draws of placebo-response make P_placebo 1\.2, no"):
        drawn.of(1, changes)
