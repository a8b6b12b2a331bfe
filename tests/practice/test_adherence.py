"""Who misses, is late or leaves: shares, means and curves against closed forms, and addresses of the draws."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from pkpd.errors import SimulationError, UnitError
from pkpd.population import streams
from pkpd.practice.adherence import NEVER, DropOut, Late, Missed
from pkpd.times import TICKS_PER_HOUR, read_time

MANY = np.arange(200_000)
SEED = 11


def within(found, expected, sd, n):
    """Within four and a half standard errors."""
    assert abs(found - expected) <= 4.5 * sd / math.sqrt(n)


def share(found, expected, n=None):
    within(found, expected, math.sqrt(max(expected * (1 - expected), 1e-12)), len(MANY) if n is None else n)


def test_each_session_is_missed_with_the_probability_given_whatever_went_before():
    missed = Missed(0.2).draw(SEED, MANY, 5)
    for session in missed:
        share(session.mean(), 0.2)
    share(missed[1][missed[0]].mean(), 0.2, missed[0].sum())
    share(missed[4][missed[3] & missed[2]].mean(), 0.2, (missed[3] & missed[2]).sum())


@pytest.mark.parametrize("first", [None, 0.0, 1.0])
def test_a_chain_misses_as_its_closed_form_says(first):
    law = Missed(0.1, 0.6, first)
    assert law.share == pytest.approx(0.1 / (1 - 0.6 + 0.1), rel=1e-15)
    missed = law.draw(SEED, MANY, 7)
    start = law.share if first is None else first
    for k, session in enumerate(missed):
        share(session.mean(), law.share + (start - law.share) * (0.6 - 0.1) ** k)
        if k:
            for before, chance in ((missed[k - 1], 0.6), (~missed[k - 1], 0.1)):
                if before.any():
                    share(session[before].mean(), chance, before.sum())


def test_who_never_misses_has_no_long_run_share():
    assert Missed(0.0, 1.0).share == 0.0
    assert not Missed(0.0, 1.0).draw(SEED, MANY, 3).any()


@pytest.mark.parametrize(("median", "sd", "most"), [(30, 1.0, 360), (60, 0.4, 1e6), (45, 0.8, 60)])
def test_log_normal_lateness_has_the_mean_of_a_capped_log_normal(median, sd, most):
    minutes = Late(f"{median} min", f"{most} min", sd=sd).draw(SEED, MANY, 2) * 60 / TICKS_PER_HOUR
    mu, top = math.log(median), math.log(most)
    expected = math.exp(mu + sd**2 / 2) * norm.cdf((top - mu - sd**2) / sd) + most * norm.sf((top - mu) / sd)
    for session in minutes:
        within(session.mean(), expected, session.std(), len(MANY))
        assert np.median(session) == pytest.approx(median, rel=0.02)
        assert session.max() <= most and (session == np.rint(session)).all()
    assert abs(np.corrcoef(minutes)[0, 1]) < 0.01


def test_exponential_lateness_has_the_mean_of_a_capped_exponential():
    minutes = Late("40 min", "3 h", "exponential").draw(SEED, MANY, 1)[0] * 60 / TICKS_PER_HOUR
    scale = 40 / math.log(2)
    within(minutes.mean(), scale * (1 - math.exp(-180 / scale)), minutes.std(), len(MANY))
    share((minutes == 180).mean(), math.exp(-(179.5) / scale))  # half a step below the cap goes up to it


def test_only_the_share_that_is_asked_for_is_late_and_of_it_early():
    late = Late("2 h", "12 h", sd=0.5, share=0.4, early=0.25)
    hours = late.draw(SEED, MANY, 1)[0] / TICKS_PER_HOUR
    share((hours != 0).mean(), 0.4)
    share((hours < 0).mean(), 0.1)
    for side in (hours[hours > 0], -hours[hours < 0]):
        assert np.median(side) == pytest.approx(2.0, rel=0.03)
        assert np.log(side).std() == pytest.approx(0.5, rel=0.03)
    assert not (Late("2 h", "12 h", sd=0.5).draw(SEED, MANY, 1) < 0).any()
    assert (Late("2 h", "12 h", sd=0.5, early=1.0).draw(SEED, MANY, 1) < 0).all()


WEEK = 168


@pytest.mark.parametrize(
    ("law", "left"),
    [
        (DropOut(hazard="0.05 1/week"), lambda t: math.exp(-0.05 * t / WEEK)),
        (DropOut(share=0.3, by="10 week"), lambda t: 0.7 ** (t / (10 * WEEK))),
        (DropOut(share=0.3, by="10 week", shape=2.5), lambda t: 0.7 ** ((t / (10 * WEEK)) ** 2.5)),
        (DropOut(share=0.3, by="10 week", shape=0.5), lambda t: 0.7 ** ((t / (10 * WEEK)) ** 0.5)),
    ],
)
def test_the_curve_of_those_still_there_is_the_one_asked_for(law, left):
    hours = law.times(SEED, MANY) / TICKS_PER_HOUR
    for t in (1.0, 24.0, WEEK, 5 * WEEK, 10 * WEEK, 40 * WEEK):
        share((hours > t).mean(), left(t))


def test_after_each_session_the_same_share_stays_away():
    kept = DropOut(per_session=0.15).kept(SEED, MANY)
    assert kept.min() == 1
    for k in (1, 2, 5, 12):
        share((kept > k).mean(), 0.85**k)


def test_nobody_leaves_without_a_chance_to():
    assert (DropOut(share=0.0, by="1 d").times(SEED, MANY[:9]) == NEVER).all()
    assert (DropOut(per_session=0.0).kept(SEED, MANY[:9]) == NEVER).all()
    assert (DropOut(hazard="1e-30 1/week").times(SEED, MANY[:9]) == NEVER).all()


def test_a_draw_belongs_to_a_patient_and_a_session():
    some = np.array([17, 3, 40_000])
    for law in (Missed(0.3, 0.5), Late("1 h", "1 d", sd=1.0, share=0.7, early=0.2)):
        whole = law.draw(SEED, MANY, 9)
        assert np.array_equal(law.draw(SEED, some, 9), whole[:, some])
        assert np.array_equal(law.draw(SEED, MANY, 4), whole[:4])
        assert not np.array_equal(law.draw(SEED + 1, MANY, 9), whole)
    for read in (DropOut(share=0.3, by="1 week").times, DropOut(per_session=0.2).kept):
        assert np.array_equal(read(SEED, some), read(SEED, MANY)[some])


def test_one_patient_by_hand():
    """The chain and the lateness of one patient, step by step from his numbers."""
    who = np.array([5])
    missed, chance = [], 0.25
    for k in range(6):
        missed.append(streams.uniform(SEED, who, "practice missed", k)[0] < chance)
        chance = 0.7 if missed[-1] else 0.2
    assert Missed(0.2, 0.7, 0.25).draw(SEED, who, 6)[:, 0].tolist() == missed
    for k in range(3):
        u = streams.uniform(SEED, who, "practice late", k)[0]
        minutes = round(min(30 * math.exp(0.8 * norm.ppf(u)), 300))
        assert Late("30 min", "5 h", sd=0.8).draw(SEED, who, 3)[k, 0] == read_time(f"{minutes} min")
    u = streams.uniform(SEED, who, "practice drop-out")[0]
    hours = DropOut(hazard="0.1 1/d").times(SEED, who)[0] / TICKS_PER_HOUR
    assert 0 <= hours - -math.log(u) * 240 <= 1 / 60


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Missed(1.2), SimulationError, ["missed: after_taken is 1.2", "from 0 up to 1"]),
        (lambda: Missed(-0.1), SimulationError, ["-0.1"]),
        (lambda: Missed(True), SimulationError, ["True"]),
        (lambda: Missed(0.1, 2.0), SimulationError, ["after_missed is 2.0"]),
        (lambda: Missed(0.1, first=float("nan")), SimulationError, ["first is nan"]),
        (lambda: Late("30 min", "6 h"), SimulationError, ["log-normal spread needs sd"]),
        (lambda: Late("30 min", "6 h", "exponential", sd=1.0), SimulationError, ["no sd of its own"]),
        (lambda: Late("30 min", "6 h", "lognormal", sd=1.0), SimulationError, ["kind", 'Did you mean "log-normal"']),
        (lambda: Late("30", "6 h", sd=1.0), UnitError, ["late: median", "no unit", "min"]),
        (lambda: Late("30 mg", "6 h", sd=1.0), UnitError, ["late: median", "not one of time"]),
        (lambda: Late("-5 min", "6 h", sd=1.0), SimulationError, ["median is '-5 min'", "above 0"]),
        (lambda: Late("30 min", "6 h", sd=-1.0), SimulationError, ["sd is -1.0"]),
        (lambda: Late("30 min", "6 h", sd=1.0, early=1.5), SimulationError, ["early is 1.5"]),
        (lambda: Late("30 min", "30 s", sd=1.0), SimulationError, ["step of 1 min", "30 s"]),
        (lambda: DropOut(), SimulationError, ["given nothing", "hazard", "share and by", "per_session"]),
        (lambda: DropOut(hazard="0.1 1/week", per_session=0.1), SimulationError, ["hazard and per_session"]),
        (lambda: DropOut(share=0.1), SimulationError, ["given share"]),
        (lambda: DropOut(share=1.0, by="1 week"), SimulationError, ["share is 1.0", "below 1"]),
        (lambda: DropOut(share=0.1, by="0 h"), SimulationError, ["by is '0 h'"]),
        (lambda: DropOut(share=0.1, by="1 week", shape=0.0), SimulationError, ["shape is 0.0"]),
        (lambda: DropOut(per_session=0.1, shape=2.0), SimulationError, ["shape of 2 belongs to share and by"]),
        (lambda: DropOut(hazard="0.1"), UnitError, ["hazard", "no unit"]),
        (lambda: DropOut(hazard="0.1 mg/week"), UnitError, ["hazard", "rate constant"]),
        (lambda: DropOut(hazard="-0.1 1/week"), SimulationError, ["hazard is '-0.1 1/week'"]),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, error, words):
    with pytest.raises(error) as caught:
        make()
    for word in words:
        assert word in str(caught.value)
