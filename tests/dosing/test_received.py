"""One regimen for each subject: sorted into parts and given back as it was."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd.dosing.prescription import parse
from pkpd.dosing.received import Received
from pkpd.dosing.regimen import Regimen

laws = settings(derandomize=True, deadline=None, max_examples=40)
TEXTS = (
    "20 mg iv over 40 min",
    "25 mg iv over 40 min",
    "0.3 mg/kg iv over 40 min",
    "0.4 mg/kg iv over 40 min, at most 25 mg",
    "0.6 mg/kg iv over 40 min, at most 25 mg",
    "10 mg/h iv over 2 h every 24 h for 3 doses",
    "15 mg/h/70kg iv over 2 h every 24 h for 3 doses",
    "s-ketamine hcl 14 mg oral every 8 h for 5 doses and 5 mg iv",
    "s-ketamine hcl 28 mg oral every 8 h for 5 doses and 7 mg iv",
    "no treatment",
)
regimens = st.lists(st.sampled_from([parse(text) for text in TEXTS]), min_size=1, max_size=25)


@laws
@given(regimens)
def test_every_subject_gets_back_his_own(own):
    received = Received.of(own)
    assert list(received) == own == received[:]
    assert [received[number] for number in range(len(own))] == own
    assert received[-1] == own[-1]
    assert sorted(np.concatenate([part.who for part in received.parts]).tolist()) == list(range(len(own)))
    assert Received.of(received) is received


@laws
@given(regimens, st.randoms(use_true_random=False))
def test_some_of_them_in_any_order(own, random):
    kept = random.sample(range(len(own)), random.randint(1, len(own)))
    some = Received.of(own).only(np.array(kept))
    assert list(some) == [some[place] for place in range(len(kept))] == [own[number] for number in kept]


@laws
@given(regimens, st.floats(40, 150))
def test_masses_are_those_of_each_regimen_to_the_bit(own, weight):
    weights = weight + np.arange(len(own))
    found = Received.of(own).cumulative_amount(weights)
    for number, regimen in enumerate(own):
        alone = regimen.cumulative_amount(weights[number])
        assert found[number] == pytest.approx(float(alone), rel=1e-14)
    for part in Received.of(own).parts:
        for dose in range(len(part.regimen.doses)):
            alone = [own[who].doses[dose].base_amount(weights[who]) for who in part.who]
            assert part.mass(dose, weights[part.who]).tolist() == alone


def test_regimens_that_differ_in_amounts_alone_share_a_part():
    own = [parse(f"{amount} mg iv over 40 min every 7 d for 10 doses") for amount in (20, 31, 20, 47.5)]
    received = Received.of([*own, parse("20 mg iv over 41 min every 7 d for 10 doses")])
    assert [part.who.tolist() for part in received.parts] == [[0, 1, 2, 3], [4]]
    assert received.parts[0].quantities.tolist() == [[20, 31, 20, 47.5]]


def test_doses_that_differ_in_times_alone_are_known_as_the_same():
    dose = parse("20 mg iv over 40 min").doses[0]
    later = Regimen((dose, replace(dose, start=10**15), replace(dose, start=2 * 10**15, quantity=30.0)))
    assert Received.all(later, 3).parts[0].same() == [[0, 1], [2]]
    alike, unlike = (
        Regimen((dose, replace(dose, start=10**15))),
        Regimen((dose, replace(dose, start=10**15, quantity=9))),
    )
    received = Received.of([alike, unlike])
    assert [part.same() for part in received.parts] == [[[0], [1]]]
    assert received.cumulative_amount(np.full(2, 70.0)).tolist() == [40.0, 29.0]


def test_a_position_outside_is_none():
    with pytest.raises(IndexError):
        Received.of([Regimen()])[1]
