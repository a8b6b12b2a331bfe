"""Laws of kinetics, on exact and stepped paths: proportion, sums, clocks, split infusions, balance, amounts above 0."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from bare_models import bare_model
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import pkpd
from pkpd.times import TICKS_PER_HOUR

Floats = NDArray[np.float64]
laws = settings(derandomize=True, deadline=None, max_examples=15)

_UNITS = {"ka": "1/h", "k": "1/h", "k12": "1/h", "k21": "1/h", "most": "mg/h", "half": "mg"}
_ROUTES = {"oral": "depot", "iv": "central"}


def _balanced(loss: str) -> pkpd.Model:
    """Depot, central, peripheral, and all that has left; they hold together what was given."""
    odes = {
        "depot": "-ka * depot",
        "central": f"ka * depot - k12 * central + k21 * peripheral - {loss}",
        "peripheral": "k12 * central - k21 * peripheral",
        "eliminated": loss,
    }
    return bare_model(odes, _UNITS, {name: (name, "mg") for name in odes}, _ROUTES)


LINEAR = _balanced("k * central")
SATURABLE = _balanced("most * central / (half + central)")
TIGHT = 1e-9


class Way(NamedTuple):
    """A model, how it is solved, and how far laws may be missed, as a fraction of what was given."""

    model: pkpd.Model
    tolerance: pkpd.Tolerance | None
    missed: float


LINEAR_WAYS = {
    "exact": Way(LINEAR, None, 1e-11),
    "explicit": Way(LINEAR, pkpd.Tolerance(relative=TIGHT, method="explicit"), 1e-8),
    "stiff": Way(LINEAR, pkpd.Tolerance(relative=TIGHT, method="stiff"), 1e-8),
}
WAYS = LINEAR_WAYS | {
    "saturable": Way(SATURABLE, pkpd.Tolerance(relative=TIGHT), 1e-8),
    "saturable, explicit": Way(SATURABLE, pkpd.Tolerance(relative=TIGHT, method="explicit"), 1e-8),
    "saturable, stiff": Way(SATURABLE, pkpd.Tolerance(relative=TIGHT, method="stiff"), 1e-8),
    "saturable, usual": Way(SATURABLE, None, 1e-5),
}

linear_ways = pytest.mark.parametrize("way", LINEAR_WAYS.values(), ids=list(LINEAR_WAYS))
all_ways = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))

rates = st.fixed_dictionaries({name: st.floats(-1.0, 1.0).map(lambda power: [10**power]) for name in _UNITS})
HOURS = np.array([0.0, 0.25, 1.0, 2.0, 3.5, 6.0, 7.0, 12.0, 24.0])


@st.composite
def doses(draw: st.DrawFn) -> tuple[str, float]:
    """A prescription, and what it gives in all, mg."""
    amount, route = draw(st.integers(1, 60)), draw(st.sampled_from(["iv", "oral"]))
    minutes = draw(st.sampled_from([0, 0, 30, 90, 240])) if route == "iv" else 0
    how = f"over {minutes} min" if minutes else "bolus"
    count = draw(st.integers(1, 3))
    repeat = f" every {draw(st.integers(5, 8))} h for {count} doses" if count > 1 else ""
    return f"{amount} mg {route} {how}{repeat} starting at {draw(st.integers(0, 300))} min", float(amount * count)


several = st.lists(doses(), min_size=1, max_size=3)


def amounts(way: Way, regimen: str, values: Any, hours: Floats = HOURS, **options: Any) -> Floats:
    """(states, times) of one subject."""
    result = pkpd.simulate(way.model, regimen, values, (hours, "h"), tolerance=way.tolerance, **options)
    assert not result.failures
    return result.array[:, :, 0].copy()


def together(given_: list[tuple[str, float]]) -> tuple[str, float]:
    return " and ".join(text for text, _ in given_), sum(amount for _, amount in given_)


@linear_ways
@laws
@given(rates, several, st.sampled_from([1e-3, 0.5, 7.0, 1e4]))
def test_amounts_are_in_proportion_to_the_dose(way: Way, values: Any, given_: Any, factor: float) -> None:
    regimen, whole = together(given_)
    scaled = str(pkpd.parse(regimen).scale(factor))
    found, expected = amounts(way, scaled, values), factor * amounts(way, regimen, values)
    assert np.abs(found - expected).max() <= way.missed * factor * whole + (0 if way.tolerance is None else 1e-11)


@linear_ways
@laws
@given(rates, st.lists(doses(), min_size=2, max_size=4))
def test_doses_add_up(way: Way, values: Any, given_: Any) -> None:
    regimen, whole = together(given_)
    alone = np.sum([amounts(way, text, values) for text, _ in given_], axis=0)
    assert np.abs(amounts(way, regimen, values) - alone).max() <= way.missed * whole


@all_ways
@laws
@given(rates, several, st.integers(1, 5000))
def test_the_whole_regimen_later_is_the_course_later(way: Way, values: Any, given_: Any, minutes: int) -> None:
    regimen, whole = together(given_)
    later = str(pkpd.parse(regimen).shift(f"{minutes} min"))
    moved = amounts(way, later, values, np.round(HOURS * 60 + minutes) / 60)
    assert np.abs(moved - amounts(way, regimen, values)).max() <= way.missed * whole
    assert not amounts(way, later, values, np.array([0.0, minutes / 61])).any()


@all_ways
@laws
@given(rates, st.integers(1, 300), st.integers(1, 300), st.integers(0, 120))
def test_an_infusion_split_in_two_is_the_same(way: Way, values: Any, first: int, second: int, start: int) -> None:
    per_hour = 6.0
    parts = (
        f"{per_hour} mg/h iv over {first} min starting at {start} min and "
        f"{per_hour} mg/h iv over {second} min starting at {start + first} min"
    )
    whole = f"{per_hour} mg/h iv over {first + second} min starting at {start} min"
    allowed = way.missed * per_hour * (first + second) / 60
    assert np.abs(amounts(way, parts, values) - amounts(way, whole, values)).max() <= allowed


@all_ways
@laws
@given(rates, several)
def test_nothing_is_lost_and_nothing_made(way: Way, values: Any, given_: Any) -> None:
    """What is in the body and what has left are what was given, at every time after the last dose."""
    regimen, whole = together(given_)
    end = pkpd.parse(regimen).end_hours
    found = amounts(way, regimen, values, np.linspace(end, end + 30, 13))
    assert found.sum(axis=0) == pytest.approx(np.full(13, whole), rel=max(way.missed, 1e-11))


@all_ways
@laws
@given(rates, several)
def test_amounts_are_not_negative(way: Way, values: Any, given_: Any) -> None:
    """The exact path gives 0 at the least; steps may miss it by their tolerance."""
    regimen, whole = together(given_)
    lowest = amounts(way, regimen, values, np.linspace(0, 48, 97)).min()
    assert lowest >= (0.0 if way.tolerance is None and way.model is LINEAR else -way.missed * whole)


@all_ways
@laws
@given(rates, several)
def test_what_has_left_only_grows(way: Way, values: Any, given_: Any) -> None:
    regimen, whole = together(given_)
    gone = amounts(way, regimen, values, np.linspace(0, 48, 97))[3]
    assert np.diff(gone).min() >= -way.missed * whole


@all_ways
@laws
@given(rates, st.lists(doses(), min_size=2, max_size=4), st.randoms())
def test_the_order_in_which_doses_are_written_changes_no_bit(way: Way, values: Any, given_: Any, random: Any) -> None:
    """Of equal ones at equal times too."""
    written = [text for text, _ in [*given_, given_[0]]]
    shuffled = list(written)
    random.shuffle(shuffled)
    found = [amounts(way, " and ".join(texts), values) for texts in (written, shuffled)]
    assert np.array_equal(*found)


@all_ways
@laws
@given(rates, several, st.lists(st.integers(0, 4000), min_size=1, max_size=12))
def test_more_output_times_change_no_bit(way: Way, values: Any, given_: Any, minutes: list[int]) -> None:
    """Between the others, at doses, and after the last one."""
    regimen, _ = together(given_)
    starts = [start / TICKS_PER_HOUR for dose in pkpd.parse(regimen).doses for start in dose.starts]
    more = np.unique([*HOURS, *(minute / 60 for minute in minutes), *starts])
    found = amounts(way, regimen, values, more)
    assert np.array_equal(found[:, np.searchsorted(more, HOURS)], amounts(way, regimen, values))


@all_ways
@laws
@given(rates, several)
def test_before_and_after_a_dose_differ_by_the_dose(way: Way, values: Any, given_: Any) -> None:
    (text, _), *_ = given_
    dose = pkpd.parse(text).doses[0]
    start = dose.starts[0] / TICKS_PER_HOUR
    before, after = (amounts(way, text, values, np.array([start]), before_dose=flag)[:, 0] for flag in (True, False))
    place = 0 if "oral" in text else 1
    expected = before.copy()
    expected[place] += float(text.split()[0]) if "bolus" in text else 0.0
    assert after == pytest.approx(expected, abs=1e-12)


def test_what_is_asked_later_changes_nothing_before() -> None:
    """At 40 h next to nothing is left, and rates hold the explicit method's steps down: no reason for another 5 h."""
    model = pkpd.load("two-compartment-michaelis-menten")
    values = {"Vmax": [10.0], "Km": [0.5], "V1": [10.0], "Q2": [10.0], "V2": [10.0], "ka": [1.0]}
    few, more = (
        pkpd.simulate(model, "44 mg iv bolus", values, (hours, "h")).array[0, :, 0].copy()
        for hours in ([1.0, 5.0, 20.0], [1.0, 5.0, 20.0, 40.0])
    )
    assert np.array_equal(few, more[:3])
