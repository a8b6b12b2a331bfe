"""What patients really get: by hand, against a slow twin, and as each one's own regimen to the bit."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from bare_models import bare_model
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd
from pkpd import DropOut, Late, Missed, Population, Practice, Pump, Vial, WeightBands
from pkpd.dosing.regimen import Dose, Regimen
from pkpd.errors import SimulationError
from pkpd.practice.adherence import NEVER
from pkpd.times import TICKS_PER_HOUR, read_time, to_hours

laws = settings(derandomize=True, deadline=None, max_examples=25)
WEEKLY = "0.5 mg/kg iv over 40 min every 7 d for 10 doses"
STEPS = "s-ketamine 5 mg/h/70kg iv over 6 h then 10 mg/h/70kg over 6 h then after 7 d 20 mg/h/70kg over 3 h"
MIXED = (
    "0.2 mg/kg iv and ketamine hcl 20 mg/h iv over 30 h every 3 d for 4 doses, at most 15 mg/h "
    "and 30 mg iv starting at 2 d"
)
BANDS = WeightBands((("70 kg", "60 kg"), (None, "90 kg")))
EVERYTHING = Practice(
    missed=Missed(0.2, 0.5),
    late=Late("3 h", "2 d", sd=1.5, share=0.7, early=0.3),
    drop_out=DropOut(share=0.4, by="40 d"),
    weight_bands=BANDS,
    vial=Vial("7 mg"),
    pump=Pump("0.9 mg/h", most="60 mg/h"),
)
PRACTICES = {
    "missed": Practice(missed=0.3),
    "late": Practice(late=Late("30 min", "6 h", "exponential")),
    "left in time": Practice(drop_out=DropOut(hazard="0.2 1/week")),
    "left by session": Practice(drop_out=DropOut(per_session=0.2), late=Late("30 h", "9 d", sd=1.0)),
    "rounded": Practice(vial="5 mg", pump="1 mg/h", weight_bands=BANDS),
    "missed and very late": Practice(missed=0.4, late=Late("5 d", "30 d", sd=1.0, early=0.2)),
    "vials and left": Practice(vial="5 mg", drop_out=DropOut(hazard="0.3 1/d")),
    "everything": EVERYTHING,
}
PEOPLE = Population(60, seed=5)


@pytest.fixture(scope="module")
def model():
    return pkpd.load("kamp2020-ketamine")


def administrations(regimen: Regimen, weight: float) -> list[tuple[int, int, float]]:
    """Start and end (ticks), and mg of base, of everything given, in order."""
    return sorted(
        (start, start + dose.duration, float(dose.base_amount(weight)))
        for dose in regimen.doses
        for start in dose.starts
    )


def rounded(amount: float, step: float) -> float:
    return math.floor(amount / step + 0.5) * step


def twin(practice: Practice, text: str, people: Population, place: int) -> list[tuple[int, int, float]]:
    """The same, worked out for one patient by loops, from his drawn numbers."""
    regimen, number = pkpd.parse(text), np.array([people.numbers[place]])
    weight = people.covariate("weight", 70.0)[place]
    planned = sorted(
        (start, start + dose.duration, which) for which, dose in enumerate(regimen.doses) for start in dose.starts
    )
    sessions: list[list[tuple[int, int, int]]] = []
    for one in planned:
        if sessions and one[0] - max(end for _, end, _ in sessions[-1]) <= TICKS_PER_HOUR:
            sessions[-1].append(one)
        else:
            sessions.append([one])
    count = len(sessions)
    missed = practice.missed.draw(people.seed, number, count)[:, 0] if practice.missed else [False] * count
    late = practice.late.draw(people.seed, number, count)[:, 0] if practice.late else [0] * count
    out, kept = NEVER, NEVER
    if practice.drop_out:
        times, sessions_kept = (read(people.seed, number) for read in (practice.drop_out.times, practice.drop_out.kept))
        out = NEVER if times is None or times[0] == NEVER else sessions[0][0][0] + int(times[0])
        kept = NEVER if sessions_kept is None else int(sessions_kept[0])
    given, before = [], None
    for k, session in enumerate(sessions):
        if missed[k]:
            continue
        first, final = session[0][0], max(end for _, end, _ in session)
        shift = int(late[k])
        if practice.late:
            earliest = 0 if before is None else before + practice.late.whole_step
            shift = max(shift, earliest - first)
            before = final + shift
        if k >= kept or first + shift >= out:
            continue
        for start, end, which in session:
            if start + shift < out:
                dose = regimen.doses[which]
                share = 1.0 if end == start else (min(end + shift, out) - start - shift) / (end - start)
                mass = share * by_hand(practice, dose, weight)
                given.append((start + shift, min(end + shift, out), mass * dose.form.base_fraction))
    return sorted(given)


def by_hand(practice: Practice, dose: Dose, weight: float) -> float:
    """mg of one administration to one patient, of the form as written."""
    if practice.weight_bands is not None:
        weight = float(practice.weight_bands.of(np.array([weight]))[0])
    amount = float(dose.amount(weight))
    if practice.vial is not None:
        amount = rounded(amount, float(practice.vial.size.split()[0]))
    if practice.pump is not None and dose.duration:
        hours = to_hours(dose.duration)
        step, most = practice.pump.mg_per_h("step"), practice.pump.mg_per_h("most") or math.inf
        rate = rounded(amount / hours, step)
        amount = (rate if rate <= most else math.floor(most / step + 1e-9) * step) * hours
    return amount


@pytest.mark.parametrize("text", [WEEKLY, STEPS, MIXED])
@pytest.mark.parametrize("name", PRACTICES)
def test_everybody_gets_what_a_slow_twin_works_out(name, text):
    practice = PRACTICES[name]
    got = practice.regimens(text, PEOPLE)
    weights = PEOPLE.covariate("weight", 70.0)
    for place in range(PEOPLE.size):
        found, expected = administrations(got[place], weights[place]), twin(practice, text, PEOPLE, place)
        assert [one[:2] for one in found] == [one[:2] for one in expected]
        assert [one[2] for one in found] == pytest.approx([one[2] for one in expected], rel=1e-12)
        assert all(mass > 0 for _, _, mass in found)


@pytest.mark.parametrize("text", [WEEKLY, STEPS, MIXED])
@pytest.mark.parametrize("name", PRACTICES)
def test_it_is_each_patients_own_regimen_to_the_bit(model, name, text):
    practice = PRACTICES[name]
    times = "0 to 80 d by 11 h"
    found = pkpd.simulate(model, text, PEOPLE, times, practice=practice).array
    own = list(practice.regimens(text, PEOPLE))
    assert np.array_equal(found, pkpd.simulate(model, own, PEOPLE, times).array)
    for place in (3, 41):
        alone = pkpd.simulate(model, own[place], PEOPLE.only([place]), times).array
        assert np.array_equal(found[:, :, place], alone[:, :, 0])
        again = pkpd.simulate(model, text, PEOPLE.only([place]), times, practice=practice, threads=1).array
        assert np.array_equal(again, alone)


@pytest.mark.parametrize(
    "practice",
    [
        Practice(),
        Practice(missed=0.0),
        Practice(missed=Missed(0.0, 1.0, 0.0), drop_out=DropOut(share=0.0, by="1 d")),
        Practice(late=Late("1 h", "2 h", sd=1.0, share=0.0), drop_out=DropOut(per_session=0.0)),
        Practice(pump=Pump(most="1000 mg/h")),
    ],
)
def test_a_practice_that_changes_nothing_changes_no_bit(model, practice):
    plain = pkpd.simulate(model, WEEKLY, PEOPLE, "0 to 80 d by 11 h").array
    assert np.array_equal(plain, pkpd.simulate(model, WEEKLY, PEOPLE, "0 to 80 d by 11 h", practice=practice).array)


def test_sessions_are_missed_as_a_whole_and_others_keep_their_rhythm():
    people = Population(400, seed=2)
    parts = Practice(missed=0.5).regimens(STEPS, people).parts
    assert sorted(len(part.regimen.doses) for part in parts) == [0, 1, 2, 3]
    course = Practice(missed=Missed(0.3, first=0.0)).regimens(WEEKLY, people)
    planned = set(pkpd.parse(WEEKLY).doses[0].starts)
    for regimen in course:
        starts = [start for dose in regimen.doses for start in dose.starts]
        assert 0 in starts and set(starts) <= planned and len(set(starts)) == len(starts)
    assert str(Practice(missed=Missed(1.0, first=0.0)).regimens(WEEKLY, 1)[0]) == "ketamine 0.5 mg/kg iv over 40 min"
    assert str(Practice(missed=1.0).regimens(WEEKLY, 1)[0]) == "no treatment"


def test_lateness_without_spread_is_a_shift():
    got = Practice(late=Late("90 min", "6 h", sd=0.0)).regimens(WEEKLY, 3)
    assert all(regimen == pkpd.parse(WEEKLY).shift("90 min") for regimen in got)


def test_a_session_begins_after_the_one_before_and_not_before_time_0():
    text = "10 mg iv over 30 min every 2 h for 8 doses"
    practice = Practice(late=Late("2 h", "20 h", sd=1.5, early=0.4))
    for regimen in practice.regimens(text, 300):
        found = administrations(regimen, 70.0)
        assert len(found) == 8 and found[0][0] >= 0
        assert all(later[0] - before[1] >= read_time("1 min") for before, later in pairwise(found))
    early = practice.regimens("10 mg iv over 30 min starting at 5 h", 300)
    assert any(regimen.doses[0].start < read_time("5 h") for regimen in early)


def test_who_drops_out_in_an_infusion_gets_what_had_run_in():
    text, people = "0.3 mg/kg iv over 100 h", Population(200, seed=9)
    practice = Practice(drop_out=DropOut(share=0.5, by="100 h"))
    until = practice.dropped_at(text, people)
    weights = people.covariate("weight", 70.0)
    hours = np.minimum(until / TICKS_PER_HOUR, 100.0)
    found = practice.regimens(text, people).cumulative_amount(weights)
    assert found == pytest.approx(0.3 * weights * hours / 100.0, rel=1e-12)
    assert 60 < (hours < 100).sum() < 140
    rate = practice.regimens("8 mg/h iv over 100 h", people).cumulative_amount(weights)
    assert rate == pytest.approx(8.0 * hours, rel=1e-12)
    capped = practice.regimens("8 mg/kg iv over 100 h, at most 5 mg/h", people).cumulative_amount(weights)
    assert capped == pytest.approx(np.minimum(8.0 * weights, 500.0) * hours / 100.0, rel=1e-12)


def test_dropping_out_is_told_for_every_patient():
    people = Population(300, seed=4)
    by_session = Practice(drop_out=DropOut(per_session=0.3))
    until, kept = by_session.dropped_at(WEEKLY, people), DropOut(per_session=0.3).kept(4, people.numbers)
    weeks = np.where(kept < 10, kept, NEVER // read_time("7 d")) * read_time("7 d")
    assert np.array_equal(until == NEVER, kept >= 10)
    assert np.array_equal(until[kept < 10], weeks[kept < 10])
    for place in range(20):
        starts = [start for dose in by_session.regimens(WEEKLY, people)[place].doses for start in dose.starts]
        assert len(starts) == min(10, kept[place]) and all(start < until[place] for start in starts)
    assert (Practice().dropped_at(WEEKLY, people) == NEVER).all()
    untreated = Practice(drop_out=DropOut(share=0.5, by="7 d")).dropped_at("no treatment", people)
    assert 100 < (untreated <= read_time("7 d")).sum() < 200


@laws
@given(st.integers(1, 9), st.integers(1, 6), st.sampled_from(sorted(PRACTICES)))
def test_more_sessions_at_the_end_change_none_before(count, more, name):
    practice = replace(PRACTICES[name], weight_bands=None)
    short, long = (f"10 mg iv over 2 h every 3 d for {number} doses" for number in (count, count + more))
    people = Population(40, seed=8)
    for before, after in zip(practice.regimens(short, people), practice.regimens(long, people), strict=True):
        first, whole = administrations(before, 70.0), administrations(after, 70.0)
        assert whole[: len(first)] == first


@laws
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 0.9), st.integers(0, 2**32))
def test_only_missing_never_gives_more_and_never_a_part(after_taken, after_missed, per_session, seed):
    people = Population(50, seed=seed)
    practice = Practice(missed=Missed(after_taken, after_missed), drop_out=DropOut(per_session=per_session))
    weights = people.covariate("weight", 70.0)
    found = practice.regimens(WEEKLY, people).cumulative_amount(weights) / (0.5 * weights)
    assert (found >= 0).all() and (found <= 10 + 1e-12).all()
    assert found == pytest.approx(np.rint(found), abs=1e-9)
    assert np.rint(found) == pytest.approx(10 * practice.attended(WEEKLY, people).given.mean(axis=0))


def test_twice_the_dose_gives_twice_the_level_to_the_bit(model):
    practice = Practice(missed=0.3, late=Late("3 h", "2 d", sd=1.0), drop_out=DropOut(hazard="0.1 1/week"))
    one, two = (
        pkpd.simulate(model, regimen, PEOPLE, "0 to 80 d by 11 h", practice=practice).array
        for regimen in (pkpd.parse(WEEKLY), pkpd.parse(WEEKLY).scale(2.0))
    )
    assert np.array_equal(2.0 * one, two) and one.max() > 0


def balanced(loss: str):
    odes = {"central": f"-{loss}", "eliminated": loss}
    units = {"k": "1/h", "most": "mg/h", "half": "mg"}
    return bare_model(odes, units, {name: (name, "mg") for name in odes}, {"iv": "central"})


@pytest.mark.parametrize("loss", ["k * central", "most * central / (half + central)"])
@pytest.mark.parametrize("name", ["left in time", "everything"])
def test_what_was_given_is_all_there_exact_and_in_steps(loss, name):
    size = 30
    table = {"k": np.full(size, 0.02), "most": np.full(size, 4.0), "half": np.full(size, 10.0)}
    table["weight"] = np.linspace(45.0, 120.0, size)
    practice = PRACTICES[name]
    found = pkpd.simulate(balanced(loss), MIXED, table, ["60 d"], practice=practice)
    given = practice.regimens(MIXED, found.individuals).cumulative_amount(table["weight"])
    assert found.array[:, 0].sum(axis=0) == pytest.approx(given, rel=1e-6, abs=1e-9)
    assert np.ptp(given / table["weight"]) > 0.1


def test_a_list_of_regimens_is_practised_one_by_one(model):
    texts = [WEEKLY, STEPS, WEEKLY, MIXED, STEPS]
    people = Population(5, seed=3)
    got = EVERYTHING.regimens(texts, people)
    for place, text in enumerate(texts):
        assert got[place] == EVERYTHING.regimens(text, people)[place]
    found = pkpd.simulate(model, texts, people, "0 to 40 d by 7 h", practice=EVERYTHING).array
    assert np.array_equal(found, pkpd.simulate(model, got, people, "0 to 40 d by 7 h").array)
    with pytest.raises(SimulationError, match="5 regimens for 4 subjects"):
        EVERYTHING.regimens(texts, 4)


@pytest.mark.parametrize("text", [WEEKLY, STEPS, MIXED])
def test_the_explanation_adds_up_to_what_was_given(text):
    got, weights = EVERYTHING.regimens(text, PEOPLE), PEOPLE.covariate("weight", 70.0)
    for number in range(PEOPLE.size):
        told = EVERYTHING.explain(text, PEOPLE, number)
        found = administrations(got[number], weights[number])
        forms = [0.867 if "hcl" in line.dose else 1.0 for line in told.lines]
        given = [
            (line, line.given_mg * form) for line, form in zip(told.lines, forms, strict=True) if line.given is not None
        ]
        assert sorted(line.given for line, _ in given) == [one[0] for one in found]
        assert sum(mass for _, mass in given) == pytest.approx(sum(one[2] for one in found), rel=1e-12)
        for line in told.lines:
            assert (line.given is None) == (line.why == "missed" or line.why.startswith("dropped out"))


def test_an_explanation_names_every_reason():
    every = "\n".join(str(EVERYTHING.explain(WEEKLY, PEOPLE, number)) for number in range(PEOPLE.size))
    for word in (
        "missed",
        "late 2 h",
        "early",
        "dropped out at",
        "rounded to vials of 7 mg",
        "weight band",
    ):
        assert word in every
    assert "rounded to pump steps of 0.9 mg/h" in every and "pump runs at 60 mg/h at most" in every
    plain = str(Practice().explain("10 mg iv every 7 d for 2 doses", Population.typical(), 0))
    assert plain.splitlines() == [
        "ketamine 10 mg iv every 7 d for 2 doses: patient 0, 70 kg, given 20 of 20 mg",
        "session  dose         planned at  given at  planned mg  given mg  why",
        "1        ketamine iv  0 h         0 h       10          10        as planned",
        "2        ketamine iv  7 d         7 d       10          10        as planned",
    ]
    with pytest.raises(SimulationError, match="patient 60 is not among the 60. Their numbers are 0 to 59"):
        EVERYTHING.explain(WEEKLY, PEOPLE, 60)


def test_short_forms_and_what_is_no_practice(model):
    assert Practice(missed=0.1, vial="50 mg", pump="1 mg/h") == Practice(
        Missed(0.1), vial=Vial("50 mg"), pump=Pump("1 mg/h")
    )
    for wrong in ({"late": 3}, {"drop_out": 0.1}, {"vial": 50}, {"missed": Vial("5 mg")}, {"missed": True}):
        with pytest.raises(SimulationError, match=f"practice: {next(iter(wrong))} is .* Give a pkpd"):
            Practice(**wrong)
    for name, short in (("missed", "0.1"), ("vial", '"50 mg"'), ("pump", '"1 mg/h"')):
        with pytest.raises(SimulationError, match=f"or .* such as {short}"):
            Practice(**{name: True})
    for name in ("late", "drop_out", "weight_bands"):  # the way that is told is one
        with pytest.raises(SimulationError) as told:
            Practice(**{name: True})
        made = re.search(r"such as (pkpd\..*?\))(?: or pkpd|, its|; or)", str(told.value))
        assert made and Practice(**{name: eval(made[1], {"pkpd": pkpd})}).parts
    with pytest.raises(SimulationError, match="Practice"):
        pkpd.simulate(model, WEEKLY, 2, "1 h", practice=0.1)
    with pytest.raises(SimulationError, match="no patients"):
        Practice().regimens(WEEKLY, "everybody")
    assert str(Practice()) == "everything as prescribed"
    assert (
        "in practice: 0.1 of sessions missed" in pkpd.simulate(model, WEEKLY, 2, "1 h", practice=Practice(0.1)).regimen
    )
