"""Weight bands, vials and pumps: never off by more than half a step, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import pkpd
from pkpd.errors import SimulationError, UnitError
from pkpd.practice.rounding import Pump, Vial, WeightBands, steps, whole_steps

laws = settings(derandomize=True, deadline=None, max_examples=60)
amounts = st.floats(0.01, 1e4)
sizes = st.floats(0.01, 500.0)


@laws
@given(amounts, sizes)
def test_rounding_is_off_by_half_a_step_at_most_and_never_negative(amount, size):
    near, up, down = (float(whole_steps(np.array([amount]), size, how)[0]) for how in ("nearest", "up", "down"))
    slack = 1e-8 * (amount + size)
    assert abs(near - amount) <= size / 2 + slack
    assert -slack <= up - amount <= size + slack and -slack <= amount - down <= size + slack
    assert near in (up, down) and min(near, up, down) >= 0.0
    for found in (near, up, down):
        assert abs(found / size - round(found / size)) <= 1e-8 * max(1.0, found / size)


@laws
@given(st.integers(1, 4000), sizes, st.sampled_from(["nearest", "up", "down"]))
def test_what_is_whole_already_stays_to_the_bit(count, size, how):
    amount = np.array([count * size])
    assert whole_steps(amount, size, how)[0] == amount[0]
    once = whole_steps(amount * 1.37, size, how)
    assert whole_steps(once, size, how)[0] == once[0]


def test_a_half_goes_up():
    assert whole_steps(np.array([2.5, 7.5, 12.4]), 5.0, "nearest").tolist() == [5.0, 10.0, 10.0]


def last(text, weight, **ways):
    """(kind, quantity) of the only dose of a prescription at one weight."""
    named = {"bands": None, "vial": None, "pump": None, **ways}
    found = list(steps(pkpd.parse(text).doses[0], np.array([float(weight)]), **named))[-1]
    return found.kind, float(found.quantity[0])


def test_a_rate_by_weight_is_set_on_the_pump_and_keeps_its_duration():
    assert last("0.35 mg/kg/h iv over 4 h", 71, pump=Pump("1 mg/h")) == ("rate", 25.0)
    assert last("0.35 mg/kg/h iv over 4 h", 71, pump=Pump("1 mg/h", rounding="down")) == ("rate", 24.0)
    kind, rate = last("0.5 mg/kg iv over 40 min", 71, pump=Pump("0.1 mL/h", concentration="2 mg/mL"))
    assert kind == "rate" and rate == pytest.approx(53.2, rel=1e-14)  # 53.25 mg/h is 266.25 steps of 0.2
    people = pkpd.Population.typical("71 kg")
    regimen = pkpd.Practice(pump="1 mg/h").regimens("0.35 mg/kg/h iv over 4 h every 24 h for 10 doses", people)[0]
    assert str(regimen) == "ketamine 25 mg/h iv over 4 h every 24 h for 10 doses"


def test_a_pump_lets_a_dose_at_once_pass():
    assert last("0.5 mg/kg iv", 71, pump=Pump("1 mg/h", most="2 mg/h")) == ("amount", 35.5)


def test_what_should_run_faster_runs_at_the_highest_rate_that_can_be_set():
    assert last("60 mg/h iv over 1 h", 70, pump=Pump(most="25.5 mg/h")) == ("rate", 25.5)
    assert last("60 mg/h iv over 1 h", 70, pump=Pump("2 mg/h", most="25.5 mg/h")) == ("rate", 24.0)
    assert last("20 mg/h iv over 1 h", 70, pump=Pump("2 mg/h", most="25.5 mg/h")) == ("rate", 20.0)


@laws
@given(st.floats(0.05, 2.0), st.floats(40.0, 150.0), st.sampled_from([0.5, 1.0, 10.0, 25.0]))
def test_volumes_and_masses_of_a_pump_agree(rate, weight, strength):
    text = f"{rate!r} mg/kg/h iv over 90 min"
    assume(rate * weight > strength * 0.05 + 1e-6)
    by_volume = last(text, weight, pump=Pump("0.1 mL/h", concentration=f"{strength} mg/mL"))
    by_mass = last(text, weight, pump=Pump(f"{0.1 * strength!r} mg/h"))
    assert by_volume[1] == pytest.approx(by_mass[1], rel=1e-12)
    assert abs(by_mass[1] - rate * weight) <= 0.05 * strength * (1 + 1e-9)


def test_vials_hold_the_form_as_written_and_caps_come_first():
    assert last("1 mg/kg oral", 71, vial=Vial("25 mg")) == ("amount", 75.0)
    assert last("1 mg/kg oral", 71, vial=Vial("25 mg", "down")) == ("amount", 50.0)
    assert last("ketamine hcl 1 mg/kg oral, at most 60 mg", 71, vial=Vial("25 mg")) == ("amount", 50.0)
    assert last("20 mg/h iv over 3 h", 71, vial=Vial("50 mg")) == ("amount", 50.0)
    got = pkpd.Practice(vial="25 mg").regimens("ketamine hcl 1 mg/kg oral", pkpd.Population.typical("71 kg"))
    assert got.cumulative_amount(np.array([71.0]))[0] == pytest.approx(75 * 0.867, rel=1e-15)


def test_bands_dose_everybody_in_them_alike_up_to_the_limit():
    bands = WeightBands((("60 kg", "50 kg"), ("80 kg", "70 kg"), (None, "90 kg")))
    assert bands.of(np.array([30.0, 60.0, 60.01, 80.0, 200.0])).tolist() == [50, 50, 70, 70, 90]
    assert last("0.5 mg/kg iv over 40 min", 79, bands=bands) == ("amount", 35.0)
    assert last("5 mg/h/70kg iv over 6 h", 100, bands=bands)[1] == pytest.approx(5 * 90 / 70, rel=1e-15)
    assert last("20 mg iv over 40 min", 100, bands=bands) == ("amount", 20.0)


def test_band_then_vial_then_pump():
    text, bands = "0.5 mg/kg iv over 30 min", WeightBands(((None, "78 kg"),))
    found = list(
        steps(pkpd.parse(text).doses[0], np.array([120.0]), bands, Vial("5 mg"), Pump("3 mg/h", most="80 mg/h"))
    )
    assert [(step.kind, float(step.quantity[0])) for step in found] == [
        ("amount", 60.0),
        ("amount", 39.0),
        ("amount", 40.0),
        ("rate", 81.0),
        ("rate", 78.0),
    ]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Vial("50"), UnitError, ["vial: size", "no unit"]),
        (lambda: Vial("50 mL"), UnitError, ["vial: size", "mass"]),
        (lambda: Vial("0 mg"), SimulationError, ["vial: size is '0 mg'"]),
        (lambda: Vial("50 mg", "upp"), SimulationError, ["rounding", 'Did you mean "up"', "down, nearest, up"]),
        (lambda: Pump(), SimulationError, ["give a step", "most"]),
        (lambda: Pump("0.1 mL/h"), SimulationError, ["step is '0.1 mL/h', a volume", "concentration"]),
        (lambda: Pump("1 mg/h", concentration="10 mg/mL"), SimulationError, ["concentration", "Leave it out"]),
        (lambda: Pump("1 mg"), SimulationError, ['step is "1 mg"', "mg/h", "mL/h"]),
        (lambda: Pump(1.0), SimulationError, ["step is 1.0", "text with its unit"]),
        (lambda: Pump("5 mg/h", most="2 mg/h"), SimulationError, ["step of 5 mg/h is above the most, 2 mg/h"]),
        (lambda: WeightBands((("60 kg", "50 kg"),)), SimulationError, ["last band"]),
        (lambda: WeightBands(()), SimulationError, ["last band"]),
        (lambda: WeightBands(("60 kg",)), SimulationError, ["Give pairs"]),
        (
            lambda: WeightBands((("80 kg", "70 kg"), ("60 kg", "50 kg"), (None, "90 kg"))),
            SimulationError,
            ["not ascending"],
        ),
        (lambda: WeightBands((("60 mg", "50 kg"), (None, "90 kg"))), UnitError, ["weight_bands"]),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, error, words):
    with pytest.raises(error) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_a_dose_that_rounds_to_nothing_is_refused_before_anything_runs():
    model = pkpd.load("kamp2020-ketamine")
    with pytest.raises(SimulationError, match=r"10 mg iv is 10 mg at .* rounds to nothing in vials of 50 mg.*smaller"):
        pkpd.simulate(model, "10 mg iv", 3, "1 h", practice=pkpd.Practice(vial="50 mg"))
    with pytest.raises(SimulationError, match=r"rounds to nothing in pump steps of 100 mg/h"):
        pkpd.compare(model, {"a": "20 mg/h iv over 1 h"}, 3, practice=pkpd.Practice(pump="100 mg/h"))
    assert math.isclose(last("10 mg iv", 70, vial=Vial("50 mg", "up"))[1], 50.0)
