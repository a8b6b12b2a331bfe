"""Data sets through nonlinear models: events against a plain integrator, steady states against long trains of doses."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from bare_models import HEAD as HEAD_OF_A_MODEL
from event_models import written_model
from naive import Action, Running, events
from numpy.typing import NDArray

import pkpd
from pkpd.errors import PkpdError

Floats = NDArray[np.float64]

VMAX, KM, V, KA = 8.0, 2.0, 10.0, 1.25
GIVEN = {"Vmax": VMAX, "Km": KM, "V": V, "KA": KA}
EXACT = pkpd.Tolerance(relative=1e-10)
HEAD = "ID,TIME,EVID,AMT,CMT,RATE,II,ADDL,SS"
MODES = ("default", "nonmem")


@cache
def saturable() -> pkpd.Model:
    return written_model(
        "saturable",
        {"oral": {"into": "depot"}, "iv": {"into": "central", "lag": "lag"}},
        {"Vmax": "mg/h", "Km": "mg/L", "V": "L", "KA": "1/h"},
        {"lag": (0, "h")}, {}, {},
        {"depot": "-KA * depot", "central": "KA * depot - Vmax * (central / V) / (Km + central / V)"},
        {"amount": ("central", "mg")},
    )  # fmt: skip


def slope(_: float, x: Floats) -> Floats:
    return np.array([-KA * x[0], KA * x[0] - VMAX * (x[1] / V) / (KM + x[1] / V)])


def predicted(lines: list[str], mode: Any = "default", **more: Any) -> Floats:
    text = "\n".join([HEAD, *(f"1,{line}" for line in lines), ""])
    dataset = pkpd.read_dataset(text, mode=mode)
    frame = pkpd.predict(saturable(), dataset, GIVEN | more, tolerance=EXACT)
    return frame["amount (mg)"].to_numpy()[[record.kind == "observation" for record in dataset.records]]


def readings(hours: list[float]) -> list[str]:
    return [f"{hour!r},0,0,0,0,0,0,0" for hour in hours]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("written", "action"),
    [
        ("5,8,2,0,0,0,0", Action(3.0, "replace", 1, 8.0)),
        ("6,0.25,2,0,0,0,0", Action(3.0, "multiply", 1, 0.25)),
        ("2,0,-2,0,0,0,0", Action(3.0, "off", 1)),
        ("1,20,1,0,0,0,0", Action(3.0, "add", 0, 20.0)),
    ],
    ids=["replace", "multiply", "off", "dose"],
)
def test_events_against_an_integrator(written: str, action: Action, mode: str) -> None:
    hours = [4.0, 5.5, 9.0]
    lines = ["0,1,40,1,0,0,0,0", *readings([0.5]), "1,1,60,2,10,0,0,0", *readings([2.0]), f"3,{written}"]
    lines += readings([3.0, *hours])
    actions = [Action(0.0, "add", 0, 40.0), action]
    running = [Running(1.0, 7.0, 1, 10.0)]
    expected = events(slope, np.zeros(2), actions, running, [0.5, 2.0, 3.0, *hours])[1]
    assert predicted(lines, mode) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_a_changing_parameter(mode: str) -> None:
    lines = [
        f"1,{hour},{int(hour == 0)},{50 * (hour == 0)},2,{most}" for hour, most in ((0, 8), (2, 3), (6, 12), (9, 1))
    ]
    dataset = pkpd.read_dataset("\n".join(["ID,TIME,EVID,AMT,CMT,Vmax", *lines, ""]), mode=mode)  # type: ignore[arg-type]
    given = {name: value for name, value in GIVEN.items() if name != "Vmax"}
    found = pkpd.predict(saturable(), dataset, given, tolerance=EXACT)["amount (mg)"].to_numpy()
    state, expected = 50.0, [50.0]
    for most, length in zip((8, 3, 12) if mode == "default" else (3, 12, 1), (2.0, 4.0, 3.0), strict=True):

        def loss(_: float, x: Floats, most: float = most) -> Floats:
            return -most * (x / V) / (KM + x / V)

        state = events(loss, [state], [], [], [0.0, length])[0, -1]
        expected.append(state)
    assert found == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("lag", [0.0, 3.0, 20.0])
@pytest.mark.parametrize(("amount", "rate", "into"), [(30, 0, 2), (30, 0, 1), (30, 15, 2), (30, 2.5, 2)])
@pytest.mark.filterwarnings("ignore:row 2. the lag:UserWarning")
def test_steady_state_equals_a_long_train(amount: float, rate: float, into: int, lag: float) -> None:
    """Doses of 5 mg/h against a loss of at most 8 mg/h settle within 200 intervals of 6 h; the longest lasts two."""
    hours = [0.0, 1.0, 2.5, 6.0, 8.0, 20.5]
    found = predicted([f"0,1,{amount},{into},{rate},6,9,1", *readings(hours)], lag=lag)
    late = lag if into == 2 else 0.0
    before = 6.0 * 200
    starts = [6.0 * n + late for n in range(200 + 5)]
    actions = [Action(start, "add", into - 1, amount) for start in starts if not rate]
    running = [Running(start, start + amount / rate, into - 1, rate) for start in starts if rate]
    expected = events(slope, np.zeros(2), actions, running, [before + hour for hour in hours])[1]
    assert found == pytest.approx(expected, rel=1e-7)


def test_plateau_of_a_constant_infusion() -> None:
    """Loss equals gain: Vmax C / (Km + C) = R, so C = Km R / (Vmax - R)."""
    (found,) = predicted(["0,1,0,2,6,0,0,1", *readings([0.0])])
    assert found == pytest.approx(V * KM * 6 / (VMAX - 6), rel=1e-8)


@pytest.mark.parametrize("dose", ["0,1,60,2,0,6,0,1", "0,1,0,2,9,0,0,1"])
def test_doses_beyond_the_greatest_loss_have_no_steady_state(dose: str) -> None:
    with pytest.raises(PkpdError, match="ID 1, from row 2: the doses have no steady state"):
        predicted([dose, *readings([0.0])])


def test_others_are_given_where_one_has_no_steady_state() -> None:
    lines = [f"{one},0,1,{amount},2,0,6,0,1" for one, amount in ((1, 30), (2, 60), (3, 30))]
    dataset = pkpd.read_dataset("\n".join([HEAD, *lines, ""]))
    found = pkpd.predict(saturable(), dataset, GIVEN, tolerance=EXACT, with_failures=True)["amount (mg)"].to_numpy()
    assert np.isnan(found).tolist() == [False, True, False]
    assert found[0] == found[2] == predicted(["0,1,30,2,0,6,0,1", "0,0,0,0,0,0,0,0"])[0]


def test_a_steady_state_does_not_add_up_where_nothing_does() -> None:
    with pytest.raises(PkpdError, match="row 3, SS: 2 adds up, which only amounts of a linear model may"):
        predicted(["0,1,30,2,0,0,0,0", "5,1,30,2,0,6,0,2"])


@cache
def turning_over() -> pkpd.Model:
    """Drug slows the loss of a response that is there without it."""
    return pkpd.read_model(
        "\n".join(
            [
                HEAD_OF_A_MODEL.format(name="turning-over"), "[routes.iv]", 'into = "central"',
                *(f'[parameters.{name}]\nrequired = true\nunit = "{unit}"' for name, unit in
                  (("k", "1/h"), ("V", "L"), ("kin", "mg/L/h"), ("kout", "1/h"), ("IC50", "mg/L"))),
                "[states.response]", 'unit = "mg/L"', 'initial = "kin / kout"',
                "[odes]", 'central = "-k * central"',
                'response = "kin - kout * (1 - central / V / (IC50 + central / V)) * response"',
                '[outputs.drug]', 'expression = "central / V"', 'unit = "mg/L"',
                '[outputs.response]', 'expression = "response"', 'unit = "mg/L"',
            ]
        )
    )  # fmt: skip


TURNING = {"k": 0.3, "V": 10.0, "kin": 4.0, "kout": 0.2, "IC50": 1.5}


def turned(_: float, x: Floats) -> Floats:
    level = x[0] / 10
    return np.array([-0.3 * x[0], 4 - 0.2 * (1 - level / (1.5 + level)) * x[1]])


def test_starting_values_come_back_with_a_reset_and_give_way_to_a_steady_state() -> None:
    lines = [
        "1,0,1,40,1,0,0,0,0", "1,2,0,0,0,0,0,0,0", "1,3,3,0,0,0,0,0,0", "1,5,1,40,1,0,0,0,0", "1,7,0,0,0,0,0,0,0",
        "1,8,1,25,1,0,12,0,1", "1,13,0,0,0,0,0,0,0",
    ]  # fmt: skip
    dataset = pkpd.read_dataset("\n".join([HEAD, *lines, ""]))
    frame = pkpd.predict(turning_over(), dataset, TURNING, tolerance=EXACT)
    found = frame[["drug (ng/mL)", "response (ng/mL)"]].to_numpy().T / 1000
    begun = events(turned, [0.0, 20.0], [Action(0.0, "add", 0, 40.0)], [], [0.0, 2.0])
    train = [Action(12.0 * n, "add", 0, 25.0) for n in range(61)]
    settled = events(turned, [0.0, 20.0], train, [], [720.0, 725.0])
    expected = np.column_stack([begun, [0, 20], begun, settled]) / [[10.0], [1.0]]
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_an_area_that_nothing_reports_does_not_stand_against_a_steady_state() -> None:
    """NONMEM's control streams often carry one; it grows for ever, and no output reads it."""
    equations = {"depot": "-KA * depot", "central": "KA * depot - Vmax * (central / V) / (Km + central / V)"}
    made = []
    for more in ({}, {"area": "central / hour"}):
        model = written_model(
            "saturable", {"oral": {"into": "depot"}}, {"Vmax": "mg/h", "Km": "mg/L", "V": "L", "KA": "1/h"},
            {"hour": (1, "h")}, {}, {}, {**equations, **more}, {"amount": ("central", "mg")},
        )  # fmt: skip
        text = "\n".join([HEAD, "1,0,1,30,1,0,12,0,1", "1,1,0,0,0,0,0,0,0", ""])
        made.append(pkpd.predict(model, pkpd.read_dataset(text), GIVEN, tolerance=EXACT)["amount (mg)"].to_numpy())
    assert made[0][1] > 15
    np.testing.assert_allclose(made[1], made[0], rtol=1e-8)


@pytest.mark.parametrize("lines", [["0,1,10,1,0,12,1,0"], ["0,1,10,1,0,0,0,0", "5,1,10,1,0,0,0,0"]])
def test_a_state_that_counts_from_its_dose_takes_one_in_an_occasion(lines: list[str]) -> None:
    model = pkpd.load("one-compartment-gamma-transit")
    state = next(name for name, own in model.states.items() if own.once)
    number = 1 + list(model.states).index(state)
    text = "\n".join([HEAD, *(f"1,{line}" for line in lines), ""]).replace(",10,1,", f",10,{number},")
    parameters = dict.fromkeys(model.parameters, 1.0)
    with pytest.raises(PkpdError, match="2 doses go into .*, which takes one in an occasion"):
        pkpd.predict(model, pkpd.read_dataset(text), parameters)
    again = text.replace("5,1,10", "5,4,10")
    if again != text:  # another occasion
        pkpd.predict(model, pkpd.read_dataset(again), parameters)
