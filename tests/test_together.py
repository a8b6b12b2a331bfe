"""Occasions together with what patients really get, modifiers of their own, replicates, even draws and streams."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spread_files import ORIGIN, between, effect, one_compartment

import pkpd
from pkpd.dosing.prescription import as_regimen
from pkpd.dosing.received import Received
from pkpd.estimates.drawing import draw_estimates
from pkpd.individuals import of_population
from pkpd.population.company import bearers, sets
from pkpd.replicates.nested import joined
from pkpd.simulation import extremes, individuals
from pkpd.times import TICKS_PER_HOUR as HOUR
from pkpd.trials.conduct import Conduct
from pkpd.trials.measuring import Draw, scores_after

MILLION = 1_000_000
MODEL = one_compartment(
    CL=between("lognormal", "sd = 0.2")
    + between("lognormal", "sd = 0.3", "occasion")
    + "uncertainty = { rse = 0.2 }\n",
    V1=between("lognormal", "sd = 0.2", "occasion"),
    F=between("logit", "sd = 0.7, high = 100") + between("logit", "sd = 0.5, high = 100", "occasion"),
    more='[roles]\nclearance = "CL"\n',
)
STEPS = pkpd.Tolerance(1e-9, method="explicit")
DAILY = "100 mg iv every 24 h for 6 doses"
ORAL = "100 mg oral every 24 h for 6 doses"
LATE = pkpd.Late("40 min", "5 h", "exponential")
ABSENT = pkpd.Practice(missed=pkpd.Missed(0.4, 0.5), late=LATE, drop_out=pkpd.DropOut(per_session=0.1))


def column(people: pkpd.individuals.Individuals, name: str) -> np.ndarray:
    """(subjects) a parameter."""
    return np.broadcast_to(np.asarray(people.parameters[name], float), people.size)


# What patients really get


@pytest.mark.parametrize("regimen", [ORAL, "20 mg/h/70kg iv over 3 h every 24 h for 4 doses"])
@pytest.mark.parametrize(
    "practice", [pkpd.Practice(vial="15 mg"), pkpd.Practice(late=LATE), pkpd.Practice(late=LATE, vial="15 mg")]
)
def test_late_and_rounded_doses_are_each_patient_s_own_regimen(regimen: str, practice: pkpd.Practice) -> None:
    """Nobody misses a session, so what each got says the same occasions as what was prescribed."""
    crowd = pkpd.Population(12, seed=3)
    received = practice.regimens(regimen, crowd)
    times = "0 to 140 h by 7 h"
    found = pkpd.simulate(MODEL, regimen, crowd, times, practice=practice)["drug"]
    listed = pkpd.simulate(MODEL, list(received), crowd, times)["drug"]
    assert found == pytest.approx(listed, rel=1e-12)
    for n in range(12):
        alone = pkpd.simulate(MODEL, received[n], crowd.only([n]), times)["drug"][:, 0]
        assert found[:, n] == pytest.approx(alone, rel=1e-9, abs=1e-9 * alone.max())


def test_a_session_has_the_same_kinetics_whatever_was_missed_before() -> None:
    """Boluses in closed form: an occasion has its number in the prescription, and begins when its dose is given."""
    crowd = pkpd.Population(60, seed=5)
    attended = ABSENT.attended(DAILY, crowd)
    hours = np.arange(0.5, 150, 3.7)
    found = pkpd.simulate(MODEL, DAILY, crowd, (hours, "h"), practice=ABSENT)["drug"]
    people = individuals(MODEL, crowd)
    rate, volume = (np.array([column(people.in_occasion(k), name) for k in range(6)]) for name in ("CL", "V1"))
    rate = rate / volume
    wanted = np.zeros_like(found)
    for n in range(60):
        at = [
            (k, (session.start + attended.shift[k, n]) / HOUR)
            for k, session in enumerate(attended.sessions)
            if attended.given[k, n]
        ]
        for row, hour in enumerate(hours):
            amount, before, now = 0.0, 0.0, 0
            for k, start in at:
                if start > hour:
                    break
                amount = amount * np.exp(-(start - before) * rate[now, n]) + 100
                before, now = start, k
            wanted[row, n] = 1000 * amount * np.exp(-(hour - before) * rate[now, n]) / volume[now, n]
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    missed = attended.missed[:-1] & attended.given[1:]
    assert missed.any() and attended.missed[0].any() and attended.dropped.any() and (attended.shift > 0).any()


def test_missed_sessions_exactly_as_in_steps() -> None:
    crowd = pkpd.Population(12, seed=5)
    for regimen in (ORAL, "10 mg/h iv over 4 h every 24 h for 5 doses"):
        one, other = (
            pkpd.simulate(MODEL, regimen, crowd, "0 to 140 h by 5 h", practice=ABSENT, tolerance=how)["drug"]
            for how in (None, STEPS)
        )
        assert one == pytest.approx(other, rel=1e-7, abs=1e-7 * one.max())
        people = individuals(MODEL, crowd)
        received = ABSENT.regimens(regimen, people)
        exact, stepped = (
            extremes(people, received, 140 * HOUR, {"drug": 0.5}, tolerance=how)["drug"] for how in (None, STEPS)
        )
        assert exact[[0, 2, 3]] == pytest.approx(stepped[[0, 2, 3]], rel=1e-6, abs=1e-9)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 29), min_size=1, max_size=4, unique=True), st.integers(1, 2))
def test_in_practice_alone_as_in_a_crowd(take: list[int], threads: int) -> None:
    crowd = pkpd.Population(30, seed=6)
    practice = replace(ABSENT, vial=pkpd.Vial("15 mg"))
    times = "0 to 140 h by 12 h"
    whole = pkpd.simulate(MODEL, ORAL, crowd, times, practice=practice)["drug"]
    some = pkpd.simulate(MODEL, ORAL, crowd.only(take), "0 to 140 h by 12 h", practice=practice, threads=threads)[
        "drug"
    ]
    assert np.array_equal(some, whole[:, take])


def test_what_was_prescribed_goes_along() -> None:
    """Through parts and their subsets; of regimens given one by one, each is its own prescription."""
    crowd = pkpd.Population(30, seed=5)
    received = ABSENT.regimens([ORAL] * 15 + [DAILY] * 15, crowd)
    kept = received.only(np.array([20, 3, 7]))
    assert kept[0] == received[20] and kept[1] == received[3]
    for part in (*received.parts, *kept.parts):
        assert part.regimen in (as_regimen(ORAL), as_regimen(DAILY)) or part.prescribed is not None
        assert part.prescribed is None or part.prescribed.regimen.doses[0].count == 6
    assert all(part.prescribed is None for part in Received.of(list(received)).parts)


def test_occasions_by_the_clock_stay_where_they_are() -> None:
    """The second occasion begins at 36 h, whatever is missed or late."""
    crowd = pkpd.Population(20, seed=5, occasions=["0 h", "36 h"])
    found = pkpd.simulate(MODEL, DAILY, crowd, (np.array([35.0, 37.0, 47.0]), "h"), practice=ABSENT)["drug"]
    none = ~ABSENT.attended(DAILY, crowd).given[0] & ABSENT.attended(DAILY, crowd).given[1]
    people = individuals(MODEL, crowd)
    first, second = (column(people.in_occasion(k), "CL") / column(people.in_occasion(k), "V1") for k in (0, 1))
    start = (24 + ABSENT.attended(DAILY, crowd).shift[1] / HOUR)[none]
    amount = 100 * np.exp(-(36 - start) * first[none] - 11 * second[none])
    assert none.any()
    volume = column(people.in_occasion(1), "V1")[none]
    assert found[2, none] == pytest.approx(1000 * amount / volume, rel=1e-9)


def test_a_comparison_in_practice_shares_its_occasions() -> None:
    """Twice the dose under the same practice is twice the level, in every patient."""
    made = pkpd.compare(
        MODEL,
        {"a": ORAL, "b": ORAL.replace("100 mg", "200 mg")},
        subjects=pkpd.Population(40, seed=2),
        until="8 d",
        practice=ABSENT,
    )
    peak = [{o.name: o.values for o in arm.outcomes}["peak drug in plasma"] for arm in made.arms]
    assert peak[1] == pytest.approx(2 * peak[0], rel=1e-9)


# Modifiers of one's own


def slower(name: str, factor: float) -> pkpd.Modifier:
    return pkpd.read_modifier(
        f"""
id = "{name}"
kind = "modifier"
title = "t"
group = "interaction"
use_for = "tests"
not_for = "patients"
[sources.made]
citation = "made up"
[[kinetics]]
role = "clearance"
factor = {factor}
{ORIGIN}
"""
    )


@pytest.mark.parametrize("practice", [None, ABSENT])
def test_patients_with_modifiers_of_their_own_in_every_occasion(practice: pkpd.Practice | None) -> None:
    had = {slower("slower", 0.5): 0.4, slower("slowest", 0.3): pkpd.Share(0.5)}
    crowd, plain = pkpd.Population(16, seed=4, modifiers=had), pkpd.Population(16, seed=4)
    masks = bearers(crowd)
    assert len(sets(list(masks.values()), 16)) == 4
    people = individuals(MODEL, crowd)
    run: dict[str, Any] = {"times": "0 to 140 h by 20 h", "practice": practice}
    together = pkpd.simulate(MODEL, ORAL, crowd, **run)["drug"]
    for n in range(16):
        own = [modifier for modifier, mask in masks.items() if mask[n]]
        model = MODEL.with_modifiers(*own) if own else MODEL
        alone = individuals(model, plain.only([n]))
        for k in range(4):
            for name in MODEL.parameters:
                assert column(people.in_occasion(k), name)[n] == column(alone.in_occasion(k), name)[0], (n, k, name)
        assert np.array_equal(together[:, n], pkpd.simulate(model, ORAL, plain.only([n]), **run)["drug"][:, 0])


def test_some_of_them_are_who_they_were() -> None:
    """In any order, and more than once."""
    crowd = pkpd.Population(16, seed=4, modifiers={slower("slower", 0.5): 0.4})
    people = individuals(MODEL, crowd)
    kept = np.array([9, 2, 2, 15])
    some = people.only(kept)
    for k in (0, 2):
        for name in MODEL.parameters:
            assert np.array_equal(column(some.in_occasion(k), name), column(people.in_occasion(k), name)[kept])
    assert np.array_equal(people.only(kept).in_occasion(1).covariates["weight"], people.weight[kept])


def test_film_of_the_library_with_company() -> None:
    model, had = pkpd.load("simons2022-s-ketamine"), slower("slower", 0.5)
    regimen, times = "s-ketamine 50 mg sublingual every 7 d for 2 doses", ["1 h", "170 h", "8 d"]
    crowd, plain = (pkpd.Population(8, seed=2, modifiers=given_to) for given_to in ({had: 0.5}, {}))
    has = bearers(crowd)[had]
    found = pkpd.simulate(model, regimen, crowd, times)["S-ketamine"]
    for own, mask in ((model.with_modifiers(had), has), (model, ~has)):
        assert mask.any()
        assert np.array_equal(found[:, mask], pkpd.simulate(own, regimen, plain, times)["S-ketamine"][:, mask])


# Replicates


def test_occasions_act_on_the_values_of_a_replicate() -> None:
    crowd = pkpd.Population(9, seed=4)
    values = [{"CL": 6.0, "F": 0.7}, {"CL": 15.0}, {}]
    made = [of_population(MODEL, crowd, drawn) for drawn in values]
    block = joined(made)
    texts = [{"CL": "6 L/h", "F": "70 %"}, {"CL": "15 L/h"}, {}]
    for number, text in enumerate(texts):
        model = MODEL.with_values(**text) if text else MODEL
        own = individuals(model, crowd)
        here = slice(9 * number, 9 * number + 9)
        for k in range(3):
            for name in MODEL.parameters:
                wanted = column(own.in_occasion(k), name)
                assert column(made[number].in_occasion(k), name) == pytest.approx(wanted, rel=1e-12)
                assert column(block.in_occasion(k), name)[here] == pytest.approx(wanted, rel=1e-12)


def test_a_replicate_is_a_comparison_under_the_model_with_its_numbers() -> None:
    crowd, regimens = pkpd.Population(15, seed=3), {"oral": ORAL, "none": "no treatment"}
    model = MODEL.with_effects(effect("a"))
    found = pkpd.uncertainty(model, regimens, crowd, replicates=41, until="8 d", times=["30 h", "100 h"])
    drawn = found.main.estimates["CL"]
    assert np.array_equal(drawn, draw_estimates(model, 41, seed=3)["CL"])
    levels = []
    for number in range(41):
        own = model.with_values(CL=f"{drawn[number]:.17g} L/h")
        levels.append(pkpd.simulate(own, ORAL, crowd, ["30 h", "100 h"])["drug"])
    one = pkpd.compare(model.with_values(CL=f"{drawn[7]:.17g} L/h"), regimens, crowd, "8 d")
    for outcome in one.arms[0].outcomes:
        same = found.main.outcome("oral", outcome.name, outcome.when)
        assert same is not None and same.means[7] == pytest.approx(outcome.values.mean(), rel=1e-9, abs=1e-12), outcome
    band = np.quantile(np.median(np.array(levels), axis=2), (0.025, 0.975), axis=0)
    assert found.curve("oral", "drug").band == pytest.approx(band, rel=1e-9)


# Even draws


def test_even_draws_have_the_stated_correlations() -> None:
    """A chain over three files and a block of the kinetics: at 16,384 even patients as near as a million plain ones."""
    block = '[[covariances]]\nof = ["CL", "V1"]\nrho = 0.7\nsource = "made"\nmark = "assumed"\n'
    kinetics = one_compartment(CL=between("lognormal", "sd = 0.3"), V1=between("lognormal", "sd = 0.2"), more=block)
    model = kinetics.with_effects(
        effect("a", {"example-one.V1": 0.5}), effect("b", {"a.C50": -0.6, "c.C50": 0.4}), effect("c")
    )
    names = ("example-one.CL", "example-one.V1", "a.C50", "b.C50", "c.C50")
    crowd = pkpd.Population(16_384, seed=5, weight="70 kg", draws=names)
    people = individuals(model, crowd)
    columns = [column(people, "CL"), column(people, "V1"), *(people.effects[name]["C50"] for name in "abc")]
    wanted = np.array(
        [
            [1, 0.7, 0.35, -0.21, 0],
            [0.7, 1, 0.5, -0.3, 0],
            [0.35, 0.5, 1, -0.6, 0],
            [-0.21, -0.3, -0.6, 1, 0.4],
            [0, 0, 0, 0.4, 1],
        ]
    )
    assert np.corrcoef(np.log([np.asarray(one) for one in columns])) == pytest.approx(wanted, abs=4 / MILLION**0.5)
    library = pkpd.Population(4096, seed=5, draws="low-discrepancy")
    default = individuals(pkpd.load("kamp2020-ketamine").with_effects(*pkpd.default_effects()), library)
    benefit, harm = (np.log(np.asarray(default.effects[e]["C50"])) for e in ("fast-relief", "psychotomimetic-asked"))
    assert np.corrcoef(benefit, harm)[0, 1] == pytest.approx(0.5, abs=0.01)


def test_even_draws_of_every_occasion() -> None:
    """Each occasion's own number is spread evenly, and mixed with those of the others."""
    crowd = pkpd.Population(4096, seed=5, draws="low-discrepancy", weight="70 kg")
    people = individuals(MODEL, crowd)
    own = np.log([column(people.in_occasion(k), "V1") / 20 / 1.0 for k in range(4)]) / 0.2
    assert np.abs(own.mean(axis=1)).max() < 0.002
    assert own.std(axis=1) == pytest.approx(np.ones(4), abs=0.005)
    assert np.corrcoef(own) == pytest.approx(np.eye(4), abs=4 / 4096**0.5)
    film = individuals(pkpd.load("simons2022-s-ketamine"), crowd)
    first = film.in_occasion(1)
    assert not np.array_equal(column(first, "F1"), column(film, "F1"))


# Streams


@pytest.mark.parametrize("exact", [True, False])
def test_percentiles_of_occasions_and_own_modifiers(exact: bool) -> None:
    crowd = pkpd.Population(1300, seed=3, modifiers={slower("slower", 0.5): 0.4})
    times, at = "0 to 150 h by 6 h", (0.05, 0.5, 0.95)
    curves = pkpd.percentiles(MODEL, {"oral": ORAL}, crowd, times, quantities=["drug"], at=at, exact=exact)
    plain = pkpd.simulate(MODEL, ORAL, crowd, times).quantiles("drug", at)
    off = np.abs(curves["oral", "drug"] - plain)
    assert (off <= curves.binning[0, 0] + 1e-9 * plain + 1e-12).all()
    assert curves.binning.any() != exact


GENTLER = """
id = "gentler"
kind = "modifier"
title = "t"
group = "adjuvant"
use_for = "u"
not_for = "n"
[sources.mine]
citation = "Mine 2020"
[[effects]]
of = "fast-relief"
what = "value"
amount = 0.5
source = "mine"
mark = "assumed"
"""


@pytest.mark.parametrize("exact", [True, False])
def test_percentiles_where_own_modifiers_act_on_effects_and_hold_for_one_form(exact: bool) -> None:
    model = pkpd.load("kamp2020-ketamine").with_effects(*pkpd.default_effects())
    one = pkpd.read_modifier(GENTLER)
    other = pkpd.read_modifier(GENTLER.replace("[[effects]]", '[[effects]]\nform = "racemate"'))
    for own, quantity in ((one, "relief"), (one, "pain"), (other, "relief")):
        crowd = pkpd.Population(1100, seed=3, modifiers={own: 0.5})
        regimen, times = "0.5 mg/kg iv over 40 min", ["40 min", "3 h", "1 d"]
        curves = pkpd.percentiles(model, {"a": regimen}, crowd, times, quantities=[quantity], exact=exact)
        plain = pkpd.simulate(model, regimen, crowd, times)
        with_none = pkpd.simulate(model, regimen, replace(crowd, modifiers={}), times)
        assert not np.allclose(plain[quantity], with_none[quantity])
        wanted = plain.quantiles(quantity)
        assert (np.abs(curves["a", quantity] - wanted) <= curves.binning[0, 0] + 1e-9 * wanted + 1e-12).all()
        assert curves.mean[0, 0] == pytest.approx(plain[quantity].mean(axis=1), rel=1e-9)


# Trials


def test_the_second_period_of_a_cross_over_has_its_own_occasion() -> None:
    """What a patient feels of the second treatment alone is of the occasion it has in the sequence."""
    relief = effect("a")
    baseline = pkpd.load_effect("baseline-pain")
    model = MODEL.with_effects(relief, baseline)
    crowd = pkpd.Population(20, seed=4, subjects=np.arange(100, 120))
    second = as_regimen("100 mg iv")
    gap = 20 * 24 * HOUR
    both = second.together(as_regimen("100 mg iv starting at 20 d"))
    at = np.array([gap + 2 * HOUR])
    conduct = Conduct(entry=0, noise=0, unblinding=0, drop_out=0, drop_out_control=0, washout=480)
    found = scores_after(model, crowd, both, at, conduct, "2", Draw(4), start=gap)
    people = individuals(model, crowd).in_occasion(1)
    level = 1000 * 100 / column(people, "V1") * np.exp(-2 * column(people, "CL") / column(people, "V1"))
    threshold = 1000 * np.asarray(people.effects["a"]["C50"])
    assert found.true[0] == pytest.approx(found.level * (1 - level / (level + threshold)), rel=1e-9)
    assert found.scores[0] == pytest.approx(np.clip(found.true[0], 0, 10), rel=1e-6)
