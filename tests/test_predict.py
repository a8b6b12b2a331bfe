"""Data sets through a model: each rule of `docs/events.md` against closed forms, superposed by hand."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from event_models import depot_and_central, written_model
from naive import Given, amounts, bateman, decay, filling, mammillary
from numpy.typing import NDArray

import pkpd
from pkpd.errors import PkpdError

Floats = NDArray[np.float64]

CL, V, KA = 3.0, 10.0, 1.25
K = CL / V
PARAMETERS = {"CL": CL, "V": V, "KA": KA}
HOURS = (0.0, 1.0, 2.5, 5.0, 8.0, 12.0, 13.0, 24.0, 30.0, 47.0)
MODES = ("default", "nonmem")

Dose = tuple[float, float, float]  # start, duration, amount


def table(records: Sequence[str], hours: Sequence[float] = HOURS, columns: str = "EVID,AMT,CMT,RATE,II,ADDL,SS") -> str:
    """Records, then those of the doses' times and later that only read; a record begins with its time."""
    width = columns.count(",") + 1
    lines = [(float(record.split(",")[0]), record) for record in records]
    lines += [(hour, f"{hour:g}" + ",0" * width) for hour in hours]
    ordered = sorted(lines, key=lambda line: line[0])  # of one time, doses before readings
    return f"ID,TIME,{columns}\n" + "".join(f"1,{line}\n" for _, line in ordered)


def read(text: str, mode: Any = "default", timed: bool = False, **parameters: Any) -> Floats:
    """Amount in the central compartment at every record that only reads, mg."""
    dataset = pkpd.read_dataset(text, mode=mode)
    found = pkpd.predict(depot_and_central(timed), dataset, PARAMETERS | parameters)["drug (ng/mL)"].to_numpy()
    return found[[record.kind == "observation" for record in dataset.records]] * V / 1000


def central(doses: Sequence[Dose], hours: Sequence[float] = HOURS) -> Floats:
    """Amount in the central compartment from doses into it."""
    at = np.asarray(hours, float)
    total = np.zeros(len(at))
    for start, duration, amount in doses:
        since = np.where(at >= start, at - start, 0.0)
        one = filling(amount, duration, K, since) if duration else decay(amount, K, since)
        total += np.where(at >= start, one, 0.0)
    return total


def test_the_oracles_agree() -> None:
    doses = [(0.0, 0.0, 100.0), (2.0, 4.0, 60.0)]
    given = [Given("central", start, duration, amount) for start, duration, amount in doses]
    assert central(doses) == pytest.approx(amounts(mammillary(0), {"k10": K}, given, HOURS)[0], rel=1e-12)


# Infusions and bioavailability


@pytest.mark.parametrize(("mode", "duration", "fraction"), [("default", 10.0, 0.4), ("nonmem", 4.0, 1.0)])
def test_a_given_rate_under_bioavailability(mode: str, duration: float, fraction: float) -> None:
    """NONMEM keeps the rate and stops earlier; by default the pump runs as told and a fraction arrives of each drop."""
    found = read(table(["0,1,100,2,10,0,0,0"]), mode, share=0.4)
    assert found == pytest.approx(central([(0, duration, 40.0)]), rel=1e-12)
    assert 40.0 / duration == pytest.approx(10.0 * fraction)


@pytest.mark.parametrize("mode", MODES)
def test_a_given_duration_stays_under_bioavailability(mode: str) -> None:
    text = table(["0,1,100,2,5"], columns="EVID,AMT,CMT,DUR")
    assert read(text, mode, share=0.4) == pytest.approx(central([(0, 5, 40.0)]), rel=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_modelled_duration(mode: str) -> None:
    """RATE -2: the duration is the model's whatever the bioavailability, for additional doses as well."""
    found = read(table(["0,1,100,2,-2,12,2,0"]), mode, timed=True, share=0.4, length=3.0, lag=0.5)
    expected = central([(0.5 + 12 * n, 3, 40.0) for n in range(3)])
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("mode", MODES)
def test_modelled_rate(mode: str) -> None:
    """RATE -1: drug arrives at the model's rate, so what arrives decides how long: F x AMT / R."""
    model = written_model(
        "modelled-rate",
        {"iv": {"into": "central", "bioavailability": "share", "lag": "lag", "rate": "speed"}},
        {"CL": "L/h", "V": "L", "speed": "mg/h", "share": "1", "lag": "h"},
        {}, {}, {},
        {"central": "-CL / V * central"},
        {"amount": ("central", "mg")},
    )  # fmt: skip
    dataset = pkpd.read_dataset(table(["0,1,100,1,-1,24,1,0"]), mode=mode)  # type: ignore[arg-type]
    given = {"CL": CL, "V": V, "speed": 8.0, "share": 0.4, "lag": 0.25}
    found = pkpd.predict(model, dataset, given)["amount (mg)"].to_numpy()[1:]
    assert found == pytest.approx(central([(0.25, 5, 40.0), (24.25, 5, 40.0)]), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize(("mode", "duration"), [("default", 3.0), ("nonmem", 0.0)])
def test_a_plain_dose_by_a_route_with_its_own_duration(mode: str, duration: float) -> None:
    """By default the route's own duration counts for every dose; NONMEM asks for RATE -2 to use it."""
    found = read(table(["0,1,100,2,0,0,0,0"]), mode, timed=True, length=3.0)
    assert found == pytest.approx(central([(0, duration, 100.0)]), rel=1e-12)


def test_a_rate_against_the_route_s_own_duration_is_refused_by_default() -> None:
    text = table(["0,1,100,2,10,0,0,0"])
    with pytest.raises(PkpdError, match=r"row 2, RATE: the model itself says how long"):
        pkpd.predict(depot_and_central(timed=True), pkpd.read_dataset(text), PARAMETERS)


def test_a_modelled_duration_of_0_is_a_bolus_and_says_so() -> None:
    with pytest.warns(UserWarning, match="row 2: a modelled duration of 0"):
        found = read(table(["0,1,100,2,-2,0,0,0"]), "nonmem", timed=True, length=0.0)
    assert found == pytest.approx(central([(0, 0, 100.0)]), rel=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dose", ["0,1,100,2,0,6,2,0", "0,1,100,2,10,6,2,0", "0,1,100,2,-2,6,2,1"])
def test_without_bioavailability_there_is_no_dose(mode: str, dose: str) -> None:
    assert not read(table([dose]), mode, timed="-2" in dose, share=0.0).any()


# Steady state


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("evid", "steady", "lag", "additional", "duration"),
    list(itertools.product((1, 4), (0, 1, 2), (0.0, 3.0, 8.0, 20.0), (0, 3), (0.0, 5.0, 8.0, 20.0))),
)
def test_steady_state_equals_400_doses(
    evid: int, steady: int, lag: float, additional: int, duration: float, mode: str
) -> None:
    """Kind of dose, steady state, lag (below, at and above the interval of 8 h), additional doses and length at once.

    A dose of 50 mg stands at 0. The record at 12 h resets it away, replaces it (SS 1) or adds to it (SS 0 and 2).
    The doses it stands for were given at 12 h - 8 h, - 16 h ... and arrive `lag` later, some of them after the record.
    """
    rate = 40.0 / duration if duration else 0.0
    dose = f"12,{evid},40,2,{rate!r},{8 if additional or steady else 0},{additional},{steady}"
    hours = [12.0, 13.0, 14.75, 20.0, 23.5, 28.0, 40.0, 47.0]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = read(table(["0,1,50,1,0,0,0,0", dose], hours), mode, lag=lag)
    earlier = range(-400, 0) if steady else range(0)
    expected = central([(12 + 8 * n + lag, duration, 40.0) for n in (*earlier, *range(additional + 1))], hours)
    if evid == 1 and steady != 1:
        expected += bateman(50.0, KA, K, hours)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert any("lag" in str(one.message) for one in told) == (steady > 0 and lag >= 8)


@pytest.mark.parametrize("mode", MODES)
def test_steady_state_on_top_of_a_running_infusion(mode: str) -> None:
    """SS 2 adds to what would have been there anyway; the infusion of 20 h goes on."""
    found = read(table(["0,1,200,2,10,0,0,0", "5,1,30,2,0,6,1,2"]), mode)
    train = [(5.0 + 6 * n, 0.0, 30.0) for n in range(-400, 2)]
    expected = central([(0, 20, 200.0)]) + np.where(np.array(HOURS) >= 5, central(train), 0)
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_a_steady_state_that_replaces_cancels_what_runs_and_what_is_to_come(mode: str) -> None:
    found = read(table(["0,1,200,2,10,0,0,0", "0,1,50,1,0,4,20,0", "5,1,30,2,0,6,1,1"], HOURS[4:]), mode)
    assert found == pytest.approx(central([(5.0 + 6 * n, 0.0, 30.0) for n in range(-400, 2)], HOURS[4:]), rel=1e-9)


@pytest.mark.parametrize(("mode", "level"), [("default", 0.4), ("nonmem", 1.0)])
def test_plateau_of_a_constant_infusion_stops_at_its_record(mode: str, level: float) -> None:
    """AMT 0: the amount is rate / K, then it falls. NONMEM's bioavailability changes durations; here is none."""
    found = read(table(["0,1,0,2,6,0,0,1"]), mode, share=0.4)
    assert found[0] == pytest.approx(level * 6 / K, rel=1e-12)
    assert found == pytest.approx(decay(level * 6 / K, K, HOURS), rel=1e-12)


def test_plateau_on_top_of_what_is_there() -> None:
    found = read(table(["0,1,50,2,0,0,0,0", "5,1,0,2,6,0,0,2"], HOURS[3:]))
    since = np.array(HOURS[3:]) - 5
    assert found == pytest.approx(decay(50, K, HOURS[3:]) + decay(6 / K, K, since), rel=1e-12)


def test_a_lag_shows_the_end_of_the_cycle_before() -> None:
    """C(t, lag) = C(t - lag + interval, no lag) while t < lag."""
    hours = [0.0, 1.0, 2.0, 2.99]
    delayed = read(table(["0,1,30,2,0,8,0,1"], hours), lag=3.0)
    plain = read(table(["0,1,30,2,0,8,0,1"], [hour + 5 for hour in hours]))
    assert delayed == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_without_a_loss_there_is_no_steady_state(mode: str) -> None:
    dataset = pkpd.read_dataset(table(["0,1,30,2,0,8,0,1"]), mode=mode)  # type: ignore[arg-type]
    with pytest.raises(PkpdError, match="ID 1, from row 2: the doses have no steady state, because drug gathers"):
        pkpd.predict(depot_and_central(), dataset, PARAMETERS | {"CL": 0.0})


# Resets


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("lag", [0.0, 30.0])
def test_a_reset_cancels_doses_to_come_and_stops_infusions(mode: str, lag: float) -> None:
    """Not decided by any reference: what was ordered before a reset belongs to the occasion that ended with it."""
    doses = ["0,1,50,2,0,6,20,0", "0,1,200,2,5,0,0,0", "4,3,0,0,0,0,0,0"]
    found = read(table(doses), mode, lag=lag)
    assert (found[:3] > 0).all() == (lag == 0)
    assert not found[3:].any()


@pytest.mark.parametrize("mode", MODES)
def test_a_reset_with_a_dose_leaves_that_dose_alone(mode: str) -> None:
    found = read(table(["0,1,50,2,0,6,20,0", "0,1,200,2,5,0,0,0", "4,4,70,2,0,3,1,0"], HOURS[3:]), mode)
    assert found == pytest.approx(central([(4, 0, 70.0), (7, 0, 70.0)], HOURS[3:]), rel=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", ["reset", "column"])
def test_an_occasion_s_clock_may_start_anew(mode: Any, way: str) -> None:
    """Each occasion is as if it were alone; sorting by time would mix the two."""
    lines = ["0,1,50,2,0,1", "3,0,0,0,0,1", "9,0,0,0,0,1", "0,{},80,2,20,2", "3,0,0,0,0,2", "9,0,0,0,0,2"]
    text = "ID,TIME,EVID,AMT,CMT,RATE,OCC\n" + "".join(f"1,{line}\n" for line in lines)
    occasion = "OCC" if way == "column" else ""
    dataset = pkpd.read_dataset(text.format(1 if occasion else 4), mode=mode, occasion=occasion)
    found = pkpd.predict(depot_and_central(), dataset, PARAMETERS)["drug (ng/mL)"].to_numpy() * V / 1000
    expected = [*central([(0, 0, 50.0)], [0, 3, 9]), *central([(0, 4, 80.0)], [0, 3, 9])]
    assert found == pytest.approx(expected, rel=1e-12)


# Order at one time


def test_an_observation_before_a_dose_of_its_time() -> None:
    """NONMEM reads in the order of the file; by default every record of a time is read after what happens at it."""
    text = "ID,TIME,EVID,AMT,CMT\n1,0,0,0,0\n1,0,1,50,2\n1,5,0,0,0\n1,5,1,50,2\n1,5,0,0,0\n"
    after = [50.0, decay(50, K, 5) + 50, decay(50, K, 5) + 50]
    assert read(text) == pytest.approx(after, rel=1e-12)
    assert read(text, "nonmem") == pytest.approx([0.0, decay(50, K, 5), after[2]], rel=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_an_additional_dose_comes_before_a_record_of_its_time(mode: str) -> None:
    text = "ID,TIME,EVID,AMT,CMT,II,ADDL\n1,0,1,50,2,5,1\n1,5,0,0,0,0,0\n"
    assert read(text, mode) == pytest.approx([decay(50, K, 5) + 50], rel=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_an_infusion_ends_before_the_next_begins(mode: str) -> None:
    found = read(table(["0,1,10,2,2,5,3,0"]), mode)
    assert found == pytest.approx(central([(0, 20, 40.0)]), rel=1e-12)


# Parameters that change


def lagged(lags: Sequence[float]) -> str:
    """One dose at 0 and three more; a record at each time of a dose carries a lag."""
    lines = [f"0,1,50,2,8,3,{lags[0]}", *(f"{8 * n},0,0,0,0,0,{lag}" for n, lag in enumerate(lags))]
    lines += [f"{hour:g},0,0,0,0,0,{lags[3]}" for hour in (26, 29, 40)]
    return "ID,TIME,EVID,AMT,CMT,II,ADDL,lag\n" + "".join(f"1,{line}\n" for line in lines)


def test_lags_that_differ_between_additional_doses() -> None:
    """By default each dose has the lag of its own time of administration; NONMEM mode freezes that of the record.

    No reference pins this. With parameters as functions of time, additional doses must equal the same doses written
    out, which is what the second dataset does.
    """
    lags = [1.0, 4.0, 0.5, 2.0]
    hours = [0, 8, 16, 24, 26, 29, 40]
    assert read(lagged(lags)) == pytest.approx(
        central([(8 * n + lag, 0, 50.0) for n, lag in enumerate(lags)], hours), rel=1e-12, abs=1e-12
    )
    written = [f"{8 * n},1,50,2,0,0,{lag}" for n, lag in enumerate(lags)]
    text = "\n".join(line for line in lagged(lags).splitlines() if ",1,50," not in line)
    head, *rest = text.splitlines()
    rest = sorted([*rest, *(f"1,{line}" for line in written)], key=lambda line: float(line.split(",")[1]))
    assert np.array_equal(read("\n".join([head, *rest, ""])), read(lagged(lags)))
    assert read(lagged(lags), "nonmem") == pytest.approx(
        central([(8 * n + 1, 0, 50.0) for n in range(4)], hours), rel=1e-12, abs=1e-12
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_changing_clearance(mode: str) -> None:
    """In one compartment the log of the amount falls by the integral of the rate: by hand for both rules."""
    hours, clearances = [0, 2, 5, 6, 10], [3.0, 1.0, 8.0, 2.0, 5.0]
    lines = [f"{hour},{int(hour == 0)},{50 * (hour == 0)},2,{cl}" for hour, cl in zip(hours, clearances, strict=True)]
    text = "ID,TIME,EVID,AMT,CMT,CL\n" + "".join(f"1,{line}\n" for line in lines)
    given = {name: value for name, value in PARAMETERS.items() if name != "CL"}
    dataset = pkpd.read_dataset(text, mode=mode)  # type: ignore[arg-type]
    found = pkpd.predict(depot_and_central(), dataset, given)["drug (ng/mL)"].to_numpy() * V / 1000
    holding = clearances[:-1] if mode == "default" else clearances[1:]
    expected = 50 * np.exp(-np.cumsum([0, *(cl / V * dt for cl, dt in zip(holding, np.diff(hours), strict=True))]))
    assert found == pytest.approx(expected, rel=1e-13)


def test_a_record_more_with_the_same_covariate_changes_nothing_in_nonmem_mode() -> None:
    """The value of a record holds back to the record before; one in between with the same value moves nothing."""
    head = "ID,TIME,EVID,AMT,CMT,CL\n1,0,1,50,2,3\n1,0.5,0,0,0,3\n"
    few, more = head + "1,6,0,0,0,9\n", head + "1,2,0,0,0,9\n1,6,0,0,0,9\n"
    given = {name: value for name, value in PARAMETERS.items() if name != "CL"}
    last = [
        pkpd.predict(depot_and_central(), pkpd.read_dataset(text, mode="nonmem"), given)["drug (ng/mL)"].iloc[-1]
        for text in (few, more)
    ]
    assert last[0] == pytest.approx(last[1], rel=1e-13)


def test_two_values_at_one_time_are_no_function_of_time() -> None:
    text = "ID,TIME,EVID,AMT,CMT,CL\n1,0,1,50,2,3\n1,0,0,0,0,4\n"
    given = {name: value for name, value in PARAMETERS.items() if name != "CL"}
    with pytest.raises(PkpdError, match=r'row 3, CL: another value than row 2 .* mode="nonmem"'):
        pkpd.predict(depot_and_central(), pkpd.read_dataset(text), given)
    assert len(pkpd.predict(depot_and_central(), pkpd.read_dataset(text, mode="nonmem"), given)) == 2
