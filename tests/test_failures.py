"""Subjects that cannot be integrated: they are named with reason and way out, others are there, nothing hangs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from bare_models import bare_model
from numpy.typing import NDArray

import pkpd
from pkpd import simulation
from pkpd.errors import SimulationError
from pkpd.times import TICKS_PER_HOUR

Floats = NDArray[np.float64]

GROWING = bare_model(
    {"central": "-k * central", "size": "p * size * size / a"},
    {"k": "1/h", "p": "1/h", "a": "mg"},
    {"size": ("size", "mg"), "drug": ("central", "mg")},
    {"iv": "size", "im": "central"},
)
HOURS = [0.0, 0.5, 0.9, 1.1, 3.0]
# x' = p x^2 from 1 ends at 1 / p: at 1 h, never, at 1/2 h, never, at 1 h again.
RATES = [1.0, 0.01, 2.0, 0.02, 1.0]
TABLE = {"k": [0.5] * 5, "p": RATES, "a": [1.0] * 5}
GIVEN = "1 mg iv bolus"


@pytest.fixture(autouse=True)
def within_seconds() -> Iterator[None]:
    """Whatever is asked, an answer comes at once; the first call may have to compile."""
    pkpd.simulate(GROWING, GIVEN, {**TABLE, "p": [1e-3] * 5}, (HOURS, "h"))
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 10


def grown(**options: Any) -> pkpd.Result:
    return pkpd.simulate(GROWING, GIVEN, TABLE, (HOURS, "h"), **options)


def blow_up(rates: list[float], hours: list[float]) -> Floats:
    with np.errstate(divide="ignore"):
        return np.array([[1 / (1 - p * t) if p * t < 1 else np.nan for p in rates] for t in hours])


METHODS = [None, "explicit", "stiff"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("threads", [1, 2])
def test_those_who_blow_up_are_named_and_the_others_are_there(method: str | None, threads: int) -> None:
    result = grown(tolerance=pkpd.Tolerance(method=method), threads=threads)
    assert sorted(result.failures) == [0, 2, 4]
    for subject, hour in ((0, 1.0), (2, 0.5), (4, 1.0)):
        said = result.failures[subject]
        assert said.startswith("at ")
        assert float(said.split()[1]) == pytest.approx(hour, abs=1e-3)
        assert "size grows beyond all bounds" in said
        assert "Look at the equation of size" in said
    whole = result.without_failures()
    assert whole.failures == {}
    assert whole["size"].shape == (5, 2)
    assert whole["size"] == pytest.approx(blow_up([0.01, 0.02], HOURS), rel=1e-5)
    assert whole.individuals.parameters["p"].tolist() == [0.01, 0.02]
    assert whole.individuals.numbers.tolist() == [1, 3]


@pytest.mark.parametrize("method", METHODS)
def test_reading_a_failed_result_says_who_when_and_how_to_go_on(method: str | None) -> None:
    result = grown(tolerance=pkpd.Tolerance(method=method))
    for read in (
        lambda: result["size"],
        lambda: result.quantiles("size"),
        lambda: result.to_frame(),
        lambda: result.to_xarray(),
    ):
        with pytest.raises(SimulationError) as error:
            read()
        text = str(error.value)
        assert text.startswith("model bare: subject 0 could not be integrated, at ")
        assert "So with 2 more." in text
        assert "without_failures()" in text
        assert "with_failures()" in text
    if method is None:  # the drug's own equation has an exact solution for everybody
        assert np.isfinite(result["drug"]).all()
    else:
        with pytest.raises(SimulationError, match="could not be integrated"):
            result["drug"]


@pytest.mark.parametrize("method", METHODS)
def test_what_there_is_before_the_end_can_be_had(method: str | None) -> None:
    found = grown(tolerance=pkpd.Tolerance(method=method)).with_failures()
    values, expected = found["size"], blow_up(RATES, HOURS)
    assert np.isnan(values).tolist() == [
        [False] * 5,
        [False, False, values[1, 2] != values[1, 2], False, False],  # at its very end, whichever way it rounds
        [False, False, True, False, False],
        [True, False, True, False, True],
        [True, False, True, False, True],
    ]
    inside = ~np.isnan(expected) & (expected < 1e3)
    assert values[inside] == pytest.approx(expected[inside], rel=1e-4)
    frame = found.to_frame()
    assert frame["size (mg)"].isna().sum() in (7, 8)
    assert len(frame) == 25


def test_the_linear_part_of_a_failed_subject_is_there() -> None:
    result = pkpd.simulate(GROWING, "1 mg iv bolus and 8 mg im bolus", TABLE, (HOURS, "h"))
    assert sorted(result.failures)[0] == 0
    drug = result.with_failures()["drug"]
    assert drug == pytest.approx(np.repeat(8 * np.exp(-0.5 * np.array(HOURS))[:, None], 5, axis=1), rel=1e-12)


def test_subjects_keep_their_numbers() -> None:
    people = {**TABLE, "p": [0.01, 0.01, 0.01, 2.0, 0.01]}
    result = pkpd.simulate(GROWING, GIVEN, people, (HOURS, "h"))
    with pytest.raises(SimulationError, match=r"subject 3 could not be integrated, at 0\.5\d* h: size"):
        result["size"]
    assert "more." not in str(result.failures)


def test_each_subject_with_times_of_its_own() -> None:
    hours = np.array([HOURS, HOURS, [0.1, 0.2, 0.3, 0.4, 0.45], HOURS, HOURS])
    result = pkpd.simulate(GROWING, GIVEN, TABLE, (hours, "h"))
    assert sorted(result.failures) == [0, 4]  # nobody asks for what comes after the third one's last hour
    assert result.without_failures().hours.shape == (3, 5)


def test_nobody_left() -> None:
    result = pkpd.simulate(GROWING, GIVEN, {**TABLE, "p": [2.0] * 5}, (HOURS, "h"))
    assert result.without_failures()["size"].shape == (5, 0)


def test_who_fails_disturbs_nobody() -> None:
    """The same bits beside failed subjects as without them."""
    whole = grown().without_failures().array
    alone = pkpd.simulate(GROWING, GIVEN, {**TABLE, "p": RATES[1::2], "k": [0.5] * 2, "a": [1.0] * 2}, (HOURS, "h"))
    assert np.array_equal(whole, alone.array)


# A budget of steps


@pytest.mark.parametrize("method", METHODS)
def test_a_budget_of_steps_is_said_with_its_number_and_the_state(method: str | None) -> None:
    model = pkpd.load("one-compartment-michaelis-menten")
    values = {"Vmax": [8.0], "Km": [0.5], "V1": [10.0], "ka": [1.0]}
    regimen = "20 mg iv bolus every 6 h for 40 doses"
    tolerance = pkpd.Tolerance(steps=50, method=method)
    result = pkpd.simulate(model, regimen, values, "0 to 240 h by 1 h", tolerance=tolerance)
    said = result.failures[0]
    assert "50 steps were not enough. Allow more (Tolerance(steps=...)), ask for less exactness" in said
    assert "look at central, which changes most" in said
    reached = float(said.split()[1])
    assert 6 < reached < 200
    seen = result.with_failures()["drug"][:, 0]
    hours = np.arange(241)
    apart = hours != reached  # there a dose may be given or not
    assert np.array_equal(np.isnan(seen)[apart], (hours > reached)[apart])
    plenty = pkpd.simulate(model, regimen, values, "0 to 240 h by 1 h", tolerance=pkpd.Tolerance(method=method))
    assert np.array_equal(plenty["drug"][~np.isnan(seen), 0], seen[~np.isnan(seen)])


def test_hopeless_stiffness_by_name_ends_with_the_budget() -> None:
    """A rate of 1e9/h over a day by the explicit method: refused in time; left open it is solved."""
    model = bare_model(
        {"central": "-k * central", "fast": "f * (central * central / a - fast)"},
        {"k": "1/h", "f": "1/h", "a": "mg"},
        {"fast": ("fast", "mg")},
        {"iv": "central"},
    )
    values = {"k": [0.1], "f": [1e9], "a": [1.0]}
    tolerance = pkpd.Tolerance(method="explicit", steps=20_000)
    result = pkpd.simulate(model, "2 mg iv bolus", values, "0 to 24 h by 6 h", tolerance=tolerance)
    assert "20,000 steps were not enough" in result.failures[0]
    found = pkpd.simulate(model, "2 mg iv bolus", values, "0 to 24 h by 6 h")["fast"][1:, 0]
    assert found == pytest.approx(4 * np.exp(-0.2 * np.array([6.0, 12, 18, 24])), rel=2e-3)


# Equations that give no number


def failing(equation: str, start: str = "", **values: float) -> pkpd.Result:
    model = bare_model(
        {"central": "-k * central", "other": equation},
        {"k": "1/h", "a": "mg", "rate": "mg/h", "late": "h"},
        {"other": ("other", "mg")},
        {"iv": "central"},
    )
    table = {name: [value] for name, value in ({"k": 0.5, "a": 1.0, "rate": 1.0, "late": 2.0} | values).items()}
    return pkpd.simulate(model, start or "10 mg iv bolus", table, ([1.0, 3.0, 20.0], "h"))


@pytest.mark.parametrize(
    ("equation", "hour"),
    [
        ("rate * a / other", 0.0),
        ("rate * log(other / a)", 0.0),
        ("rate * sqrt((late - t) / late)", 2.0),
        ("rate * a / (central * central / a - central)", 4.6),
        ("rate * exp((t / late) ** 2 * central / a)", None),
    ],
    ids=["0 in the divisor", "logarithm of 0", "root below 0", "a pole on the way", "exponential"],
)
def test_no_number_is_said_with_state_and_hour(equation: str, hour: float | None) -> None:
    result = failing(equation)
    if hour is None:  # large, but a number
        assert result.failures == {}
        assert np.isfinite(result["other"]).all()
        return
    said = result.failures[0]
    assert float(said.split()[1]) == pytest.approx(hour, abs=0.02)
    assert (
        "other grows beyond all bounds, falls below 0 though it is an amount, or its equation gives no number" in said
    )
    values = result.with_failures()["other"][:, 0]
    assert np.isnan(values[-1])
    assert np.isnan(values).tolist() == [time > hour for time in (1.0, 3.0, 20.0)]


def test_numbers_that_are_none_go_in_and_are_named() -> None:
    """A parameter that is no number is the subject's own failure where the table lets it in."""
    values = {"k": [0.5, 0.5], "p": [0.01, 1e308], "a": [1.0, 1e-5]}
    result = pkpd.simulate(GROWING, GIVEN, values, (HOURS, "h"))
    assert list(result.failures) == [1]
    assert float(result.failures[1].split()[1]) == pytest.approx(0.0, abs=1e-6)


# Peaks and areas


def test_peaks_of_failed_subjects_are_refused_with_the_same_words() -> None:
    subjects = simulation.individuals(GROWING, TABLE)
    with pytest.raises(
        SimulationError, match="subject 0 could not be integrated, at .* h: size grows .*So with 2 more"
    ):
        simulation.extremes(subjects, pkpd.parse(GIVEN), 3 * TICKS_PER_HOUR, {"size": 2.0})
    early = simulation.extremes(subjects, pkpd.parse(GIVEN), TICKS_PER_HOUR // 4, {"size": 2.0})["size"]
    assert early[0] == pytest.approx(1 / (1 - np.array(RATES) / 4), rel=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("first", [True, False])
def test_a_state_that_is_no_number_stops_a_subject_wherever_it_stands(method: str | None, first: bool) -> None:
    """Among states that are numbers, before or behind them: never a value that is none without a failure."""
    broken = {"broken": "rate * sqrt((late - t) / late)"}
    sound = {"central": "-k * central", "bound": "rate * central / (a + central) - k * bound"}
    model = bare_model(
        broken | sound if first else sound | broken,
        {"k": "1/h", "a": "mg", "rate": "mg/h", "late": "h"},
        {name: (name, "mg") for name in ("broken", "bound")},
        {"iv": "central"},
        name=f"broken-{'first' if first else 'last'}",
    )
    table = {"k": 0.5, "a": 1.0, "rate": 1.0, "late": [2.0, 50.0]}
    tolerance = pkpd.Tolerance(method=method)
    result = pkpd.simulate(model, "10 mg iv bolus", table, ([1.0, 3.0, 20.0], "h"), tolerance=tolerance)
    assert list(result.failures) == [0]
    assert float(result.failures[0].split()[1]) == pytest.approx(2.0, abs=0.02)
    assert np.isfinite(result.without_failures()["broken"]).all()
