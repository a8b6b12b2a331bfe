"""The algebra of regimens, and the doses that are refused."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd.dosing.regimen import Dose, DrugForm, Regimen, read_limit
from pkpd.errors import RegimenError, UnitError
from pkpd.routes import ROUTES
from pkpd.times import TICKS_PER_HOUR, read_time, to_hours, to_ticks

HOUR = TICKS_PER_HOUR
SALINE = Regimen()
FORMS = st.builds(
    DrugForm, enantiomer=st.sampled_from(["racemate", "S", "R"]), salt=st.sampled_from(["base", "hydrochloride"])
)
TICKS = st.integers(0, 1000 * HOUR)
SIZES = st.floats(1e-3, 1e3)


@st.composite
def doses(draw: st.DrawFn) -> Dose:
    kind = draw(st.sampled_from(["amount", "rate"]))
    count = draw(st.integers(1, 5))
    return Dose(
        quantity=draw(SIZES),
        kind=kind,
        per=draw(st.sampled_from([0.0, 1.0, 70.0])),
        start=draw(TICKS),
        duration=draw(st.integers(1, 10 * HOUR)) if kind == "rate" else draw(st.integers(0, 10 * HOUR)),
        every=draw(st.integers(1, 48 * HOUR)),
        count=count,
        route=draw(st.sampled_from(ROUTES)),
        form=draw(FORMS),
        cap=draw(st.none() | SIZES),
    )


REGIMENS = st.lists(doses(), max_size=4).map(lambda made: Regimen(tuple(made)))
HOURS = st.integers(0, 10**6).map(lambda number: f"{number} min")
FACTORS = st.floats(0.01, 100.0)
WEIGHT = np.array([3.5, 50.0, 79.0, 150.0])
COURSE = Regimen((Dose(quantity=25, kind="rate", duration=4 * HOUR, every=24 * HOUR, count=10, route="iv"),))
BOLUS = Regimen((Dose(quantity=10, route="iv"),))


def starts(regimen: Regimen) -> Counter[tuple[int, float]]:
    return Counter((at, dose.quantity) for dose in regimen.doses for at in dose.starts)


@given(REGIMENS, REGIMENS, REGIMENS)
def test_together_is_commutative_and_associative(a: Regimen, b: Regimen, c: Regimen) -> None:
    assert a + b == b + a
    assert hash(a + b) == hash(b + a)
    assert (a + b) + c == a + (b + c)
    assert starts(a + b) == starts(a) + starts(b)


@given(REGIMENS)
def test_no_treatment_changes_nothing(a: Regimen) -> None:
    assert a + SALINE == a == SALINE + a
    assert a.then(SALINE) == a == SALINE.then(a)


@given(REGIMENS, REGIMENS, REGIMENS)
def test_then_is_associative(a: Regimen, b: Regimen, c: Regimen) -> None:
    assert a.then(b).then(c) == a.then(b.then(c))


@given(REGIMENS, REGIMENS.filter(lambda regimen: not regimen.is_empty), HOURS)
def test_then_begins_when_the_span_and_the_pause_are_over(a: Regimen, b: Regimen, pause: str) -> None:
    both = a.then(b, after=pause)
    assert both.span == a.span + read_time(pause) + b.span
    assert starts(both) == starts(a) + Counter(
        {(at + a.span + read_time(pause), size): number for (at, size), number in starts(b).items()}
    )


def test_a_repeated_course_keeps_its_last_interval() -> None:
    both = COURSE.then(BOLUS)
    assert COURSE.end == 220 * HOUR
    assert COURSE.end_hours == 220.0
    assert COURSE.span == 240 * HOUR
    assert both.doses[-1].start == 240 * HOUR


def test_an_unrepeated_course_is_over_at_its_end() -> None:
    once = Regimen((Dose(quantity=25, duration=4 * HOUR, start=HOUR, route="iv"),))
    assert once.span == once.end == 5 * HOUR
    assert once.then(BOLUS, after="20 min").doses[-1].start == read_time("320 min")


def test_overlapping_repeats_last_until_the_last_is_in() -> None:
    dose = Dose(quantity=25, duration=4 * HOUR, every=HOUR, count=3, route="iv")
    assert dose.starts == (0, HOUR, 2 * HOUR)
    assert dose.end == dose.span == 6 * HOUR


@given(REGIMENS, HOURS, HOURS)
def test_shift_is_additive_and_can_be_undone(a: Regimen, one: str, other: str) -> None:
    assert a.shift(one).shift(other) == a.shift(other).shift(one)
    assert a.shift(one).shift(other) == a.shift(f"{int(one[:-4]) + int(other[:-4])} min")
    assert a.shift(one).shift(f"-{one}") == a
    assert starts(a.shift(one)) == Counter(
        {(at + read_time(one), size): number for (at, size), number in starts(a).items()}
    )


@given(REGIMENS, st.integers(1, 5), HOURS.filter(lambda text: text != "0 min"))
def test_repeat_is_the_same_regimen_at_every_interval(a: Regimen, times: int, every: str) -> None:
    assert a.repeat(1, every) == a
    expected = sum(
        (
            starts(
                Regimen(
                    tuple(dataclasses.replace(dose, start=dose.start + index * read_time(every)) for dose in a.doses)
                )
            )
            for index in range(times)
        ),
        Counter(),
    )
    assert starts(a.repeat(times, every)) == expected


def test_repeat_of_a_single_dose_is_one_course() -> None:
    assert Regimen((Dose(quantity=25, kind="rate", duration=4 * HOUR, route="iv"),)).repeat(10, "1 d") == COURSE


@given(REGIMENS, FACTORS, FACTORS)
def test_scale_composes_and_scales_what_is_given(a: Regimen, one: float, other: float) -> None:
    assert a.scale(1.0) == a
    np.testing.assert_allclose(
        a.scale(one).scale(other).cumulative_amount(WEIGHT), a.scale(one * other).cumulative_amount(WEIGHT), rtol=1e-12
    )
    np.testing.assert_allclose(a.scale(one).cumulative_amount(WEIGHT), one * a.cumulative_amount(WEIGHT), rtol=1e-12)


@given(REGIMENS, REGIMENS)
def test_what_is_given_adds_up(a: Regimen, b: Regimen) -> None:
    np.testing.assert_allclose(
        (a + b).cumulative_amount(WEIGHT), a.cumulative_amount(WEIGHT) + b.cumulative_amount(WEIGHT), rtol=1e-12
    )
    total = sum(dose.base_amount(WEIGHT) for dose in a.doses for _ in dose.starts)
    np.testing.assert_allclose(a.cumulative_amount(WEIGHT), total, rtol=1e-12)


@given(doses(), st.floats(1.0, 200.0))
def test_a_dose_by_weight_is_the_explicit_one_at_that_weight(dose: Dose, weight: float) -> None:
    if dose.per:
        explicit = dataclasses.replace(dose, per=0.0, quantity=dose.quantity * weight / dose.per)
        np.testing.assert_allclose(dose.amount(weight), explicit.amount(weight), rtol=1e-12)
    else:
        assert dose.amount(weight) == dose.amount(2.0 * weight)


@given(doses(), st.floats(1e-3, 1e3))
def test_a_cap_is_never_exceeded(dose: Dose, limit: float) -> None:
    hours = to_hours(dose.duration)
    capped = Regimen((dose,)).cap((limit, "mg")).doses[0]
    assert np.all(capped.amount(WEIGHT) <= limit * (1 + 1e-12))
    assert np.all(capped.amount(WEIGHT) <= dose.amount(WEIGHT))
    np.testing.assert_allclose(capped.amount(WEIGHT), np.minimum(dose.amount(WEIGHT), limit), rtol=1e-12)
    if hours:
        slowed = Regimen((dose,)).cap((limit, "mg/h")).doses[0]
        np.testing.assert_allclose(slowed.amount(WEIGHT), np.minimum(dose.amount(WEIGHT), limit * hours), rtol=1e-12)


def test_the_lower_cap_stays() -> None:
    assert COURSE.cap("20 mg/h").cap("30 mg/h") == COURSE.cap("30 mg/h").cap("20 mg/h") == COURSE.cap("20 mg/h")
    assert COURSE.cap("20 mg/h").doses[0].cap == 20.0
    assert COURSE.cap("60 mg").doses[0].cap == 15.0


def test_amounts_by_hand() -> None:
    """0.35 mg/kg/h at most 25 mg/h over 4 h; 100 mg hydrochloride holds 86.7 mg base (Simons 2022)."""
    dose = Dose(
        quantity=0.35,
        kind="rate",
        per=1.0,
        duration=4 * HOUR,
        route="iv",
        cap=25.0,
        form=DrugForm(salt="hydrochloride"),
    )
    np.testing.assert_allclose(dose.amount([50.0, 70.0, 100.0]), [70.0, 98.0, 100.0])
    np.testing.assert_allclose(dose.base_amount(100.0), 86.7)
    np.testing.assert_allclose(dataclasses.replace(dose, per=70.0, quantity=5.0).amount(35.0), 10.0)
    assert dose.amount(np.full((2, 3), 70.0)).shape == (2, 3)
    assert dose.amount(70.0).shape == ()
    np.testing.assert_allclose(COURSE.cumulative_amount(WEIGHT), np.full(4, 1000.0))
    np.testing.assert_array_equal(SALINE.cumulative_amount(WEIGHT), np.zeros(4))


def test_a_regimen_is_a_value() -> None:
    other = Dose(quantity=5, route="oral", form=DrugForm(enantiomer="S"))
    assert Regimen((other, *BOLUS.doses)) == Regimen((*BOLUS.doses, other))
    assert Regimen((other, *BOLUS.doses)).routes == ("iv", "oral")
    assert Regimen((other, *BOLUS.doses)).forms == (DrugForm(), DrugForm(enantiomer="S"))
    assert SALINE.is_empty
    assert SALINE.end == SALINE.span == 0
    assert not BOLUS.is_empty
    assert Dose(quantity=5, route="iv", every=HOUR) == Dose(quantity=5, route="iv")
    with pytest.raises(dataclasses.FrozenInstanceError):
        BOLUS.doses = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("form", "text", "fraction"),
    [
        (DrugForm(), "ketamine", 1.0),
        (DrugForm(enantiomer="S"), "s-ketamine", 1.0),
        (DrugForm(enantiomer="R"), "r-ketamine", 1.0),
        (DrugForm(salt="hydrochloride"), "ketamine hcl", 0.867),
        (DrugForm(enantiomer="S", salt="hydrochloride"), "s-ketamine hcl", 0.867),
    ],
)
def test_forms_print_and_convert(form: DrugForm, text: str, fraction: float) -> None:
    assert (str(form), form.base_fraction) == (text, fraction)


@given(st.integers(0, 2**50))
def test_hours_and_ticks_agree(ticks: int) -> None:
    assert to_ticks(to_hours(ticks)) == ticks


@settings(max_examples=50)
@given(st.integers(0, 2**63 - 1))
def test_a_time_text_loses_no_digit(ticks: int) -> None:
    assert read_time(f"{ticks // 10**9}.{ticks % 10**9:09d} s") == ticks


def test_the_longest_time_is_held() -> None:
    assert Regimen((Dose(quantity=5, route="iv", start=2**63 - 1),)).end == 2**63 - 1


def test_times_and_limits_are_read() -> None:
    assert read_time("40 min") == 2_400_000_000_000 == read_time((40, "min"))
    assert read_time(" .5e1 h") == 5 * HOUR == -read_time("-5 h")
    assert read_limit("1 g") == (1000.0, "amount")
    assert read_limit((1.0, "mg/min")) == (pytest.approx(60.0), "rate")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantity": 0}, "quantity is 0. Leave the dose out"),
        ({"quantity": -5}, "quantity is -5.0 mg; it must be finite and above 0"),
        ({"quantity": float("nan")}, "quantity is nan mg"),
        ({"quantity": float("inf")}, "quantity is inf mg"),
        ({"quantity": "5 mg"}, "quantity is '5 mg'; it must be a number"),
        ({"kind": "bolus"}, 'kind "bolus" is not known. Allowed: amount, rate.'),
        ({"kind": "rate"}, "an infusion of zero length: 5 mg/h is a rate"),
        ({"per": 60.0}, "per is 60.0 kg. Allowed: 0"),
        ({"start": -HOUR}, "start is -1 h; it must be at or after time 0"),
        ({"start": 1.5}, "start is 1.5; it must be a whole number of ticks"),
        ({"duration": -HOUR}, "duration is -1 h"),
        ({"count": 0}, "count is 0; there must be at least 1 dose"),
        ({"count": 2.5}, r"count is 2.5; it must be a whole number\."),
        ({"count": 2}, "every is 0 h; 2 doses need an interval above 0"),
        ({"count": 10, "every": 2**61}, "within 292 years"),
        ({"route": "im "}, 'route "im " is not known. Allowed: buccal.*Did you mean "im"?'),
        ({"count": 2, "every": -HOUR}, "every is -1 h; 2 doses need an interval above 0"),
        ({"start": 2**63}, "within 292 years"),
        ({"cap": float("inf")}, "cap is inf mg"),
        ({"cap": 0.0}, "cap is 0.0 mg; it must be finite and above 0, or None"),
    ],
)
def test_a_dose_that_cannot_be_given_says_why(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RegimenError, match=message):
        Dose(**{"quantity": 5.0, "route": "iv", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda: DrugForm(enantiomer="s"), RegimenError, 'enantiomer "s" is not known.*Did you mean "S"'),
        (lambda: DrugForm(salt="acetate"), RegimenError, 'salt "acetate" is not known'),
        (lambda: DrugForm(drug="ketamin"), RegimenError, 'Did you mean "ketamine"'),
        (lambda: Regimen(("10 mg iv",)), RegimenError, "'10 mg iv' is not a Dose"),
        (lambda: BOLUS.together("10 mg iv"), RegimenError, "together: '10 mg iv' is not a Regimen"),
        (lambda: BOLUS.then("10 mg iv"), RegimenError, "then: '10 mg iv' is not a Regimen"),
        (lambda: BOLUS + "10 mg iv", TypeError, "unsupported operand"),
        (lambda: BOLUS.then(BOLUS, after="-1 h"), RegimenError, "after is -1 h; it must not be negative"),
        (lambda: BOLUS.then(BOLUS, after=20), UnitError, "then, after: 20 has no unit. Units that fit: s, min, h"),
        (lambda: BOLUS.shift("-1 h"), RegimenError, "start is -1 h"),
        (lambda: BOLUS.shift("1 kg"), UnitError, 'shift: unit "kg" is not one of time'),
        (lambda: BOLUS.shift("1e999 h"), RegimenError, "not finite"),
        (lambda: BOLUS.shift((1e300, "h")), RegimenError, "not finite"),
        (lambda: BOLUS.repeat(True, "1 h"), RegimenError, "times is True"),
        (lambda: BOLUS.repeat(0, "1 h"), RegimenError, "times is 0"),
        (lambda: BOLUS.repeat(2, "0 h"), RegimenError, "every is 0 h; it must be above 0"),
        (lambda: BOLUS.scale(0.0), RegimenError, "factor is 0.0"),
        (lambda: BOLUS.scale(float("inf")), RegimenError, "factor is inf"),
        (lambda: BOLUS.cap("1e999 mg"), RegimenError, "must be finite and above 0"),
        (lambda: BOLUS.cap("5 mg/h"), RegimenError, "dose of 10 mg iv: a limit of 5 mg/h has no meaning for a bolus"),
        (lambda: BOLUS.cap("5 mg/kg"), RegimenError, 'cap: the limit "5 mg/kg" must be an absolute mass or rate'),
        (lambda: BOLUS.cap("0 mg"), RegimenError, 'cap: the limit "0 mg" must be finite and above 0'),
        (lambda: Dose(quantity=1, per=1, route="iv").amount([70.0, -1.0]), RegimenError, "weight is -1 kg"),
        (lambda: Dose(quantity=1, per=1, route="iv").amount(0.0), RegimenError, "weight is 0 kg"),
        (lambda: Dose(quantity=1, per=1, route="iv").amount(float("nan")), RegimenError, "weight is nan kg"),
    ],
)
def test_a_verb_that_cannot_be_done_says_why(wrong: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        wrong()  # type: ignore[operator]


# The S half of a racemate


@given(made=REGIMENS)
def test_the_s_half_of_a_regimen(made: Regimen) -> None:
    """Half the base of the racemate and all of the S-ketamine, at the same times by the same routes."""
    if any(form.enantiomer == "R" for form in made.forms):
        with pytest.raises(RegimenError, match="holds no S-ketamine"):
            made.s_half()
        return
    half = made.s_half()
    assert {form.enantiomer for form in half.forms} <= {"S"}
    share = {"racemate": 0.5, "S": 1.0}
    expected = sum(
        (share[dose.form.enantiomer] * dose.count * dose.base_amount(WEIGHT) for dose in made.doses), np.zeros(4)
    )
    np.testing.assert_allclose(half.cumulative_amount(WEIGHT), expected, rtol=1e-12)
    assert Counter((d.start, d.end, d.route, d.form.salt) for d in half.doses) == Counter(
        (d.start, d.end, d.route, d.form.salt) for d in made.doses
    )
    assert half.s_half() == half
