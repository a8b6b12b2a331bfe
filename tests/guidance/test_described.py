"""A regimen described: sessions, days, rates and totals against counting by hand and second by second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pkpd
from pkpd.guidance import describe
from pkpd.guidance.described import DAY, PAUSE
from pkpd.times import TICKS_PER_HOUR as HOUR

NOPPERS = "s-ketamine 15 mg/h iv over 100 h every 484 h for 2 doses"


def described(text, weight=70.0, routes=None):
    return describe(pkpd.parse(text), weight, routes)


def test_a_single_infusion():
    found = described("0.5 mg/kg iv over 40 min")
    assert [(session.hours, session.amount) for session in found.sessions] == [(pytest.approx(2 / 3), 35.0)]
    assert found.rate == pytest.approx(0.75)
    assert (found.bolus, found.days, found.forms) == (0.0, (0,), ("ketamine",))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_infusion_that_follows_another_at_once_does_not_run_beside_it(order):
    steps = ("20 mg iv over 1 h", "30 mg iv over 1 h starting at 1 h")
    assert described(" and ".join(steps[n] for n in order)).rate == pytest.approx(30 / 70)


def test_steps_of_one_infusion_are_one_session():
    found = described("s-ketamine 5 mg/h/70kg iv over 6 h then 10 mg/h/70kg over 6 h then 20 mg/h/70kg over 82 h")
    assert len(found.sessions) == 1
    assert found.longest == 94 * HOUR
    assert found.rate == pytest.approx(20 / 70)
    assert found.largest == pytest.approx(5 * 6 + 10 * 6 + 20 * 82)
    assert found.days == (0, 1, 2, 3)


def test_daily_infusions_are_sessions_of_their_own():
    found = described("0.35 mg/kg/h iv over 4 h every 24 h for 10 doses, at most 25 mg/h", 80.0)
    assert [session.amount for session in found.sessions] == [100.0] * 10
    assert found.rate == pytest.approx(25 / 80)
    assert found.days == tuple(range(10))


def test_bolus_and_infusion_are_told_apart():
    found = described("0.35 mg/kg iv bolus and 1 mg/kg/h iv over 2 h")
    assert (found.bolus, found.rate) == (pytest.approx(0.35), pytest.approx(1.0))
    assert [session.amount for session in found.sessions] == [pytest.approx(2.35 * 70)]
    assert described("0.3 mg/kg iv over 10 min").bolus == pytest.approx(0.3)
    assert described("0.3 mg/kg iv over 11 min").bolus == 0.0


def test_infusions_that_run_together_add_up():
    assert described("10 mg/h iv over 4 h and 20 mg/h iv over 1 h starting at 3 h").rate == pytest.approx(30 / 70)
    assert described("10 mg/h iv over 4 h and 20 mg/h iv over 1 h starting at 4 h").rate == pytest.approx(20 / 70)


def test_hydrochloride_counts_as_base_and_routes_can_be_chosen():
    assert described("ketamine hcl 100 mg iv over 1 h").largest == pytest.approx(86.7)
    both = "20 mg iv over 1 h and 50 mg oral starting at 30 h"
    assert described(both, routes=("iv",)).largest == 20.0
    assert len(described(both).sessions) == 2


def test_a_pause_of_an_hour_does_not_end_a_session():
    assert len(described("10 mg/h iv over 4 h every 5 h for 3 doses").sessions) == 1
    assert len(described("10 mg/h iv over 4 h every 301 min for 3 doses").sessions) == 3


def test_days_end_at_midnight():
    assert described("10 mg/h iv over 24 h").days == (0,)
    assert described("10 mg/h iv over 25 h").days == (0, 1)
    assert described("10 mg iv bolus starting at 24 h").days == (1,)


def test_the_fullest_180_days_count():
    weekly = described("20 mg iv over 1 h every 7 d for 52 doses")
    assert weekly.treatment_days(180 * DAY) == 26
    assert weekly.treatment_days(7 * DAY) == 1
    assert weekly.treatment_days(8 * DAY) == 2
    assert described("no treatment").treatment_days(180 * DAY) == 0


@pytest.mark.parametrize(("interval", "close"), [(484, 2), (820, 2), (821, 1)])
def test_courses_count_as_close_by_the_time_between_them(interval, close):
    found = described(f"s-ketamine 15 mg/h iv over 100 h every {interval} h for 2 doses")
    assert found.courses(72 * HOUR, 30 * DAY) == close
    assert found.courses(72 * HOUR) == 2
    assert found.courses(101 * HOUR, 30 * DAY) == 0


def test_a_weight_is_above_0():
    with pytest.raises(pkpd.PkpdError, match="weight_kg"):
        described("10 mg iv bolus", 0.0)


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 90), st.integers(1, 60), st.integers(1, 4), st.integers(1, 200)),
        min_size=1,
        max_size=5,
    )
)
def test_description_agrees_with_counting_hour_by_hour(courses):
    regimen = pkpd.Regimen()
    given_at = {}
    for start, length, mass, count, every in courses:
        dose = pkpd.Dose(
            quantity=mass, start=start * HOUR, duration=length * HOUR, every=every * HOUR, count=count, route="iv"
        )
        regimen = regimen + pkpd.Regimen((dose,))
        for number in range(count):
            for hour in range(start + number * every, start + number * every + length):
                given_at[hour] = given_at.get(hour, 0.0) + mass / length
            if length == 0:
                given_at.setdefault(start + number * every, 0.0)
    found = describe(regimen, 70.0)
    assert found.days == tuple(sorted({hour // 24 for hour in given_at}))
    assert found.rate * 70 == pytest.approx(max(given_at.values()))
    assert sum(session.amount for session in found.sessions) == pytest.approx(float(regimen.cumulative_amount(70.0)))
    for before, after in zip(found.sessions, found.sessions[1:], strict=False):
        assert after.start - before.end > PAUSE
    assert found.treatment_days(3 * DAY) == max(
        len([day for day in found.days if first <= day < first + 3]) for first in found.days
    )
