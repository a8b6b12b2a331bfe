"""Sessions: what is given without a pause of more than an hour, as guidelines count them too."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd.dosing.prescription import parse
from pkpd.dosing.regimen import Regimen
from pkpd.dosing.sessions import sessions
from pkpd.guidance import describe
from pkpd.times import read_time, to_hours

STEP = st.builds(
    lambda amount, length, every, count, at: (
        f"{amount} mg iv {f'over {length} min' if length else 'bolus'} every {every} min for {count} doses "
        f"starting at {at} min"
    ),
    st.integers(1, 50),
    st.sampled_from([0, 0, 10, 45, 300]),
    st.sampled_from([15, 61, 90, 240, 1440]),
    st.integers(1, 5),
    st.integers(0, 2000),
)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.lists(STEP, min_size=1, max_size=4))
def test_they_are_the_sessions_that_guidelines_count(steps: list[str]) -> None:
    regimen = parse(" and ".join(steps))
    found = sessions(regimen)
    assert [(one.start, one.end) for one in found] == [(one.start, one.end) for one in describe(regimen).sessions]
    given = [one for session in found for one in session.given]
    assert len(given) == len(set(given)) == sum(dose.count for dose in regimen.doses)
    for one in given:
        assert one.start == regimen.doses[one.dose].starts[one.which]


def test_a_dose_within_an_infusion_does_not_end_its_session() -> None:
    regimen = parse("10 mg/h iv over 10 h and 5 mg iv starting at 2 h and 5 mg iv starting at 11 h")
    assert [(to_hours(one.start), to_hours(one.end)) for one in sessions(regimen)] == [(0, 11)]
    assert [one.start for one in sessions(parse("5 mg iv every 61 min for 2 doses"))] == [0, read_time("61 min")]
    assert sessions(Regimen()) == ()
