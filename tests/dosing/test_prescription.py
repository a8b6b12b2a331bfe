"""Prescriptions read as meant, print as they read, and say what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pkpd.dosing.prescription import as_regimen, number_text, parse, time_text, write
from pkpd.dosing.regimen import Dose, DrugForm, Regimen
from pkpd.errors import PrescriptionError
from pkpd.routes import ROUTES
from pkpd.times import TICKS_PER_HOUR, read_time

HOUR = TICKS_PER_HOUR
MINUTE = HOUR // 60
S = DrugForm(enantiomer="S")
R = DrugForm(enantiomer="R")
HCL = DrugForm(salt="hydrochloride")
POSITIVE = st.floats(min_value=0.0, exclude_min=True, allow_infinity=False)
ROUND = st.sampled_from([MINUTE, 40 * MINUTE, HOUR, 4 * HOUR, 24 * HOUR, 82 * HOUR, 240 * HOUR])
TIMES = ROUND | st.integers(1, 10**17)


@st.composite
def doses(draw: st.DrawFn) -> Dose:
    kind = draw(st.sampled_from(["amount", "rate"]))
    return Dose(
        quantity=draw(POSITIVE),
        kind=kind,
        per=draw(st.sampled_from([0.0, 1.0, 70.0])),
        start=draw(st.just(0) | ROUND | st.integers(0, 10**18)),
        duration=draw(TIMES if kind == "rate" else st.just(0) | TIMES),
        every=draw(TIMES),
        count=draw(st.integers(1, 12)),
        route=draw(st.sampled_from(ROUTES)),
        cap=draw(st.none() | POSITIVE),
        form=draw(
            st.builds(
                DrugForm,
                enantiomer=st.sampled_from(["racemate", "S", "R"]),
                salt=st.sampled_from(["base", "hydrochloride"]),
            )
        ),
    )


@st.composite
def regimens(draw: st.DrawFn) -> Regimen:
    """Doses at any time, some of them in sequence, so that "then" is printed."""
    made = Regimen()
    for dose in draw(st.lists(doses(), max_size=4)):
        one = Regimen((dose,))
        made = made.then(one) if draw(st.booleans()) else made.together(one)
    return made


def infusion(rate: float, hours: float, **more: object) -> Regimen:
    settings = {"quantity": rate, "kind": "rate", "duration": round(hours * HOUR), "route": "iv", **more}
    return Regimen((Dose(**settings),))  # type: ignore[arg-type]


def bolus(quantity: float, route: str = "iv", **more: object) -> Regimen:
    return Regimen((Dose(quantity=quantity, route=route, **more),))  # type: ignore[arg-type]


def steps(first: Regimen, *later: Regimen) -> Regimen:
    for step in later:
        first = first.then(step)
    return first


SINGLE = bolus(0.5, per=1.0, duration=40 * MINUTE)
SCHWARTZMAN = infusion(0.35, 4, per=1.0, every=24 * HOUR, count=10, cap=25.0)
SIGTERMANS = steps(*(infusion(rate, hours, per=70.0, form=S) for rate, hours in ((5, 6), (10, 6), (15, 6), (20, 82))))
GOLDBERG = steps(*(infusion(rate, hours) for rate, hours in ((10, 1), (20, 1), (30, 1), (40, 117))))
TEN_DAYS = infusion(25, 4, every=24 * HOUR, count=10)

STEPS = (
    "s-ketamine 5 mg/h/70kg iv over 6 h then 10 mg/h/70kg over 6 h then 15 mg/h/70kg over 6 h "
    "then 20 mg/h/70kg over 82 h"
)

# text as written, its meaning, text as printed
READ = [
    ("0.5 mg/kg iv over 40 min", SINGLE, "ketamine 0.5 mg/kg iv over 40 min"),
    ("25 mg/h iv over 4 h every 24 h for 10 doses", TEN_DAYS, "ketamine 25 mg/h iv over 4 h every 24 h for 10 doses"),
    (
        "5 mg/h iv over 6 h then 10 mg/h over 6 h then 15 mg/h over 6 h then 20 mg/h over 82 h",
        steps(infusion(5, 6), infusion(10, 6), infusion(15, 6), infusion(20, 82)),
        "ketamine 5 mg/h iv over 6 h then 10 mg/h over 6 h then 15 mg/h over 6 h then 20 mg/h over 82 h",
    ),
    (
        "0.35 mg/kg/h, at most 25 mg/h, iv over 4 h every 24 h for 10 doses",
        SCHWARTZMAN,
        "ketamine 0.35 mg/kg/h iv over 4 h every 24 h for 10 doses, at most 25 mg/h",
    ),
    (
        "ketamine 0.35 mg/kg/h iv over 4 h every 24 h for 10 doses, at most 25 mg/h",
        SCHWARTZMAN,
        "ketamine 0.35 mg/kg/h iv over 4 h every 24 h for 10 doses, at most 25 mg/h",
    ),
    (STEPS, SIGTERMANS, STEPS),
    (
        "ketamine hcl 0.5 mg/kg iv over 40 min",
        bolus(0.5, per=1.0, duration=40 * MINUTE, form=HCL),
        "ketamine hcl 0.5 mg/kg iv over 40 min",
    ),
    (
        "ketamine 10 mg/h iv over 1 h then 20 mg/h over 1 h then 30 mg/h over 1 h then 40 mg/h over 117 h",
        GOLDBERG,
        "ketamine 10 mg/h iv over 1 h then 20 mg/h over 1 h then 30 mg/h over 1 h then 40 mg/h over 117 h",
    ),
    ("0.3 mg/kg iv", bolus(0.3, per=1.0), "ketamine 0.3 mg/kg iv"),
    ("no treatment", Regimen(), "no treatment"),
    (
        "10 mg iv then after 20 min 10 mg",
        bolus(10) + bolus(10, start=20 * MINUTE),
        "ketamine 10 mg iv and ketamine 10 mg iv starting at 20 min",
    ),
    (
        "25 mg/h iv over 4 h q24h for 10 doses then 10 mg oral",
        TEN_DAYS + bolus(10, "oral", start=240 * HOUR),
        "ketamine 25 mg/h iv over 4 h every 24 h for 10 doses then ketamine 10 mg oral",
    ),
    (
        "s-ketamine 10 mg iv over 1 h and 20 mg oral starting at 2.5 h",
        bolus(10, form=S, duration=HOUR) + bolus(20, "oral", form=S, start=150 * MINUTE),
        "s-ketamine 10 mg iv over 1 h and s-ketamine 20 mg oral starting at 2.5 h",
    ),
    ("10 mg iv and 20 mg iv", bolus(10) + bolus(20), "ketamine 10 mg iv and ketamine 20 mg iv"),
    (
        "84 mg nasal every 84 h for 4 weeks",
        bolus(84, "nasal", every=84 * HOUR, count=8),
        "ketamine 84 mg nasal every 84 h for 8 doses",
    ),
]


@pytest.mark.parametrize(("text", "meaning", "printed"), READ, ids=[row[0] for row in READ])
def test_a_prescription_is_read_and_printed(text: str, meaning: Regimen, printed: str) -> None:
    assert parse(text) == meaning
    assert write(meaning) == printed == str(meaning)


@pytest.mark.parametrize(
    "text",
    [
        "0.5 MG/KG IV OVER 40 MIN",
        "  0.5mg/kg   iv,over 40min. ",
        "iv over 40 min 0.5 mg/kg ketamine",
        "over 40 minutes intravenously, 500 µg / kg",
        "racemic ketamine base 0.5 mg per kg i.v. over 2400 s starting at 0 h",
        "0.0005 g/kg intravenous over 40 min",
    ],
)
def test_other_ways_to_write_the_same(text: str) -> None:
    assert parse(text) == SINGLE


@pytest.mark.parametrize(
    "repeats",
    [
        "every 24 h for 10 doses",
        "for 10 doses every 24 h",
        "q24h x 10",
        "q 24 h \u00d7 10",
        "q24h for 10 doses",
        "daily for 10 doses",
        "once daily x 10 doses",
        "every day for 10 days",
        "every 1 d for 239 h",
        "each 24 h, 10 times",
    ],
)
def test_ways_to_repeat(repeats: str) -> None:
    assert parse(f"25 mg/h iv {repeats} over 4 h") == TEN_DAYS


@pytest.mark.parametrize(("rhythm", "hours"), [("hourly", 1), ("twice daily", 12), ("daily", 24), ("weekly", 168)])
def test_rhythms(rhythm: str, hours: int) -> None:
    assert parse(f"10 mg iv {rhythm} x 3") == bolus(10, every=hours * HOUR, count=3)


def test_as_many_as_begin_within_a_time() -> None:
    for time, count in (("1 min", 1), ("24 h", 1), ("24.1 h", 2), ("48 h", 2), ("10 d", 10)):
        assert parse(f"10 mg iv every 24 h for {time}").doses[0].count == count


@pytest.mark.parametrize(
    ("text", "quantity", "per"),
    [
        ("mg/h", 6.0, 0.0),
        ("mg/min", 360.0, 0.0),
        ("mg/kg/h", 6.0, 1.0),
        ("mg/h/kg", 6.0, 1.0),
        ("ug/kg/min", 0.36, 1.0),
        ("mcg/min/kg", 0.36, 1.0),
        ("mg/h/70kg", 6.0, 70.0),
        ("mg/70kg/h", 6.0, 70.0),
        ("mg/h/70 kg", 6.0, 70.0),
        ("mg/h per 70 kg", 6.0, 70.0),
        ("mg per kg per h", 6.0, 1.0),
    ],
)
def test_units_of_a_rate(text: str, quantity: float, per: float) -> None:
    dose = parse(f"6 {text} iv over 1 h").doses[0]
    assert (dose.quantity, dose.per, dose.kind) == (pytest.approx(quantity, rel=1e-15), per, "rate")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("ketamine", DrugForm()),
        ("racemic ketamine", DrugForm()),
        ("ketamine base", DrugForm()),
        ("s-ketamine", S),
        ("S(+)-ketamine", S),
        ("(S)-ketamine", S),
        ("esketamine base", S),
        ("r-ketamine", R),
        ("R(-)-ketamine", R),
        ("R(\u2212)-ketamine", R),
        ("arketamine", R),
        ("ketamine HCl", HCL),
        ("ketamine hydrochloride", HCL),
        ("esketamine hcl", DrugForm(enantiomer="S", salt="hydrochloride")),
    ],
)
def test_drug_forms(text: str, form: DrugForm) -> None:
    assert parse(f"{text} 10 mg iv") == bolus(10, form=form) == parse(f"10 mg {text}, iv")


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("intravenous", "iv"),
        ("i.v.", "iv"),
        ("i.m.", "im"),
        ("intramuscularly", "im"),
        ("subcutaneous", "sc"),
        ("po", "oral"),
        ("p.o.", "oral"),
        ("by mouth", "oral"),
        ("per os", "oral"),
        ("intranasal", "nasal"),
        ("sl", "sublingual"),
        ("pr", "rectal"),
        ("per rectum", "rectal"),
        *((route, route) for route in ROUTES),
    ],
)
def test_routes(text: str, route: str) -> None:
    assert parse(f"10 mg {text}") == bolus(10, route) == parse(f"{text}, 10 mg")


def test_a_step_inherits_and_replaces_drug_and_route() -> None:
    read = parse("s-ketamine hcl 10 mg im then after 1 h 20 mg then after 1 h ketamine 30 mg then after 1 h 40 mg oral")
    salt = DrugForm(enantiomer="S", salt="hydrochloride")
    assert read == (
        bolus(10, "im", form=salt)
        + bolus(20, "im", form=salt, start=HOUR)
        + bolus(30, "im", start=2 * HOUR)
        + bolus(40, "oral", start=3 * HOUR)
    )


def test_each_sequence_has_its_own_clock() -> None:
    read = parse("10 mg iv over 1 h then 20 mg and 30 mg starting at 3 h then 40 mg")
    assert read == (
        bolus(10, duration=HOUR) + bolus(20, start=HOUR) + bolus(30, start=3 * HOUR) + bolus(40, start=3 * HOUR)
    )


def test_a_cap_takes_the_unit_of_the_dose() -> None:
    assert parse("10 mg/h iv over 4 h at most 20 mg").doses[0].cap == 5.0
    assert parse("10 mg iv over 4 h max 2 mg/h").doses[0].cap == 8.0
    assert parse("1 mg/kg iv bolus, maximum 0.1 g").doses[0].cap == 100.0


@given(regimens())
@example(bolus(10, start=5 * HOUR) + infusion(20, 1, start=5 * HOUR))
@example(bolus(10) + bolus(10))
def test_what_is_printed_reads_back_exactly(regimen: Regimen) -> None:
    assert parse(write(regimen)) == regimen
    assert write(parse(write(regimen))) == write(regimen)


@given(st.integers(0, 2**63 - 1))
def test_a_printed_time_reads_back_exactly(ticks: int) -> None:
    assert read_time(time_text(ticks)) == ticks


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_printed_number_reads_back_exactly(number: float) -> None:
    assert float(number_text(number)) == number


@pytest.mark.parametrize(
    ("ticks", "text"),
    [
        (0, "0 h"),
        (MINUTE // 2, "30 s"),
        (MINUTE, "1 min"),
        (40 * MINUTE, "40 min"),
        (90 * MINUTE, "90 min"),
        (HOUR, "1 h"),
        (150 * MINUTE, "2.5 h"),
        (130 * MINUTE, "130 min"),
        (96 * HOUR, "96 h"),
        (117 * HOUR, "117 h"),
        (120 * HOUR, "5 d"),
        (240 * HOUR, "10 d"),
        (1, "0.000000001 s"),
        (HOUR + 1, "3600.000000001 s"),
    ],
)
def test_times_are_printed_as_a_reader_expects(ticks: int, text: str) -> None:
    assert time_text(ticks) == text


def test_as_regimen_takes_a_regimen_or_its_text() -> None:
    assert as_regimen(SINGLE) is SINGLE
    assert as_regimen("0.5 mg/kg iv over 40 min") == SINGLE
    assert parse("Placebo") == Regimen() == parse("  No   treatment ")
    with pytest.raises(PrescriptionError, match=r"^arm 2: 0\.5 is neither a regimen nor a prescription text"):
        as_regimen(0.5, "arm 2")  # type: ignore[arg-type]


WRONG = [
    ("  ", 'there is nothing in it. For an arm without drug write "no treatment"'),
    ("0.5 mg/kg", "the first step has no route, and none is assumed. Allowed: iv, im, sc"),
    ("no treatmnt", 'not understood. Did you mean "no treatment"'),
    ("0.5 mg/kg iv ovr 40 min", '"ovr" is not understood. Allowed: .* Did you mean "over"?'),
    ("0.5 mg/kg intraveneous", 'Did you mean "intravenous"?'),
    ("midazolam 2 mg iv", '"midazolam" is not understood'),
    ("10 iv", 'the number in "10" has no unit'),
    ("10 mg iv over 40", 'the number in "over 40" has no unit'),
    ("10 mg iv over 40 every 24 h for 2 doses", 'the number in "over 40" has no unit'),
    ("10 s-ketamine iv", 'the number in "10" has no unit'),
    ("-5 mg iv", 'the dose "-5 mg" is negative'),
    ("0 mg iv", 'the dose "0 mg" is zero. Leave it out'),
    ("1e999 mg iv", "quantity is inf mg; it must be finite"),
    ("10 mg iv over 0 min", '"over 0 min" is an infusion of zero length'),
    ("10 mg iv over -3 min", '"over -3 min" is a negative time'),
    ("10 mg iv over 1e999 h", "a time of inf h is not finite"),
    ("10 mg iv over an hour", '"over" needs a number and a unit after it'),
    ("10 mg iv over 3 kg", 'unit "kg" is not one of time'),
    ("10 mg iv bolus over 4 h", '"bolus" and "over" contradict each other'),
    ("25 mg/h iv", '"25 mg/h" is a rate and needs a length'),
    ("25 mg/h iv for 4 h", '"for 4 h" is unclear without "every"'),
    ("10 mg iv 10 doses", '"10 doses" does not say how far apart'),
    ("10 mg iv every 24 h", '"every 24 h" does not say how often'),
    ("10 mg iv every 24 h for 10", '"for 10" may mean doses or a time'),
    ("10 mg iv every 24 h for 0 doses", '"for 0 doses" gives no dose at all'),
    ("10 mg iv every 24 h for 2.5 doses", '"for 2.5 doses" is not a number of doses'),
    ("10 mg iv every 24 h x 3 for 3 d", '"x 3" and "for 3 d" both say how often'),
    ("10 mg iv every 0 h for 2 doses", '"every 0 h" is an interval of zero length'),
    ("10 mg iv every 24 h for 200000 doses", "within 292 years"),
    ("10 mgg iv", '"mgg" in "10 mgg" is not a unit. Allowed: .* Did you mean "mg"?'),
    ("10 mg/kg? iv", 'the unit "mg/kg[?]" in "10 mg/kg[?]" cannot be read'),
    ("10 h iv", '"10 h" is not a dose. Units that fit: mg, ug, g'),
    ("10 mg/h/min iv over 1 h", '"10 mg/h/min" is not a dose'),
    ("1,5 mg iv", '"1,5" has a comma inside a number'),
    ("10 mg iv 20 mg", '"20 mg" is a second amount in one step'),
    ("10 mg iv oral", '"oral" is a second route in one step'),
    ("iv over 4 h", "a step has no amount"),
    ("10 mg iv then", 'there is no dose after "then"'),
    ("and 10 mg iv", 'there is no dose before "and"'),
    ("10 mg iv then 10 mg starting at 3 h", '"starting at 3 h" stands after "then"'),
    ("10 mg iv after 3 h", '"after 3 h" has no step before it'),
    ("10 mg iv at most 5 mg/h", "a limit of 5 mg/h has no meaning for a bolus"),
    ("10 mg iv at most 5 mg/kg", 'the limit "5 mg/kg" must be an absolute mass or rate'),
    ("10 mg iv at most 5", 'the number in "at most 5" has no unit'),
    ("racemic s-ketamine 10 mg iv", '"racemic" is not understood'),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[row[0] for row in WRONG])
def test_what_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(PrescriptionError, match=message) as caught:
        parse(text, "arm 2")
    assert str(caught.value).startswith(f'arm 2: prescription "{text}": ')


def test_a_decimal_may_begin_with_its_point() -> None:
    assert parse(".5 mg iv") == bolus(0.5)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("3 devices of 28 mg nasal", "84 mg nasal"),
        ("1 device of 28 mg nasal", "28 mg nasal"),
        ("s-ketamine, 6 sprays of 14 mg, nasal, daily for 2 doses", "s-ketamine 84 mg nasal daily for 2 doses"),
        ("2 films of 50 mg sublingual then after 1 h 1 film of 50 mg", "100 mg sublingual then after 1 h 50 mg"),
        ("2 devices of 0.2 mg/kg nasal, at most 25 mg", "0.4 mg/kg nasal, at most 25 mg"),
    ],
)  # fmt: skip
def test_pieces_of_one_time_are_one_dose(text: str, plain: str) -> None:
    assert parse(text) == parse(plain)
    assert parse(write(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("3 devices nasal", '"3 devices" does not say what is in one. Write it like "3 devices of 28 mg"'),
        ("2.5 devices of 28 mg nasal", "2.5 is not a number of pieces. It must be a whole number, at least 1"),
        ("0 sprays of 14 mg nasal", "0 is not a number of pieces"),
        ("3 devices of 28 mg/h nasal over 1 h", 'holds an amount, such as "28 mg", and no rate'),
        ("3 devices of 28 nasal", "has no unit"),
    ],
)
def test_pieces_refused(text: str, what: str) -> None:
    with pytest.raises(PrescriptionError, match=what):
        parse(text)
