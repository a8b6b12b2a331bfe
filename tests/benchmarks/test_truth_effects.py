"""Observed side effects and trial outcomes against predictions: what is predicted, what is counted, what is refused."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from figures import clashes, words

import pkpd
from benchmarks.truth import effects, effects_figure, measures, push, side_effects, trials
from benchmarks.truth import settings as st
from benchmarks.truth.settings import DEFAULT, Setting
from pkpd.errors import PkpdError
from pkpd.observations import effect_scores
from pkpd.observations.incidences import Incidence
from pkpd.observations.incidences import side_effects as incidences
from pkpd.observations.measures import measures as sizes
from pkpd.observations.trials import trials as outcomes

ROWS = {row.id: row for row in incidences()}
TRIALS = {row.id: row for row in outcomes()}
PLAIN = (Setting(DEFAULT),)
MOTOV = [ROWS[push.PUSH], ROWS[push.INFUSION]]


@pytest.fixture(scope="module")
def events() -> list[side_effects.Score]:
    return side_effects.score(settings=PLAIN, subjects=400)


@pytest.fixture(scope="module")
def results() -> list[trials.Score]:
    return trials.score(settings=PLAIN, subjects=2000)


def test_every_row_that_is_not_ruled_out_is_predicted_or_says_why(events: list[side_effects.Score]) -> None:
    assert {one.incidence.id for one in events} == {row.id for row in incidences() if row.scored != "no"}
    for one in events:
        assert (one.predicted is None) == bool(one.refused)
        if one.incidence.endpoint not in pkpd.names("effect"):
            assert f'no effect "{one.incidence.endpoint}"' in one.refused


def test_the_kept_scoreboard_of_effects_is_what_comes_out() -> None:
    """Otherwise: python -m benchmarks.truth --keep."""
    default = [Setting(DEFAULT)]
    made = effects.Predicted(side_effects.score(settings=default), measures.score(settings=default), [], [])
    kept = {one.row: one for one in effect_scores()}
    expected = {one["row"]: one for one in made.kept()}
    assert kept.keys() == expected.keys()
    for row, one in expected.items():
        assert kept[row].predicted == pytest.approx(one["predicted"], abs=2e-3, rel=2e-3), row
        assert kept[row].model == one["model"], row


def test_what_made_an_effect_is_never_counted(events: list[side_effects.Score]) -> None:
    counted = [one for one in events if one.counts]
    assert counted
    assert not any(one.incidence.endpoint in one.incidence.used_by for one in counted)
    assert all(one.incidence.interval is not None for one in counted)
    assert not any(one.counts for one in events if one.incidence.id == push.PUSH)


def test_probabilities_are_those_of_compare() -> None:
    """The same number by the public verb; and of pooled regimens half of the patients each."""
    [made] = side_effects.score([ROWS[push.PUSH]], PLAIN, subjects=500, seed=3)
    people = pkpd.Population(500, 3, "70 kg")
    run = pkpd.compare(pkpd.load("kamp2020-ketamine"), {"a": "0.3 mg/kg iv over 4 min"}, people, "1 d")
    assert made.predicted == run.summary("a", "psychotomimetic-asked").value
    assert made.error == pytest.approx(math.sqrt(made.predicted * (1 - made.predicted) / 500))
    [pooled] = side_effects.score([ROWS["ahern2015-reported"]], PLAIN, subjects=500)
    assert len(pooled.by_regimen) == 2
    assert pooled.predicted == pytest.approx(sum(pooled.by_regimen) / 2)


def test_inside_goes_by_the_exact_interval() -> None:
    row = ROWS["ahern2015-reported"]  # 18 of 530: 2.0 to 5.3 %
    for predicted, inside in ((0.019, False), (0.021, True), (0.053, True), (0.054, False)):
        assert side_effects.Score(row, DEFAULT, predicted=predicted).inside is inside
    assert side_effects.Score(row, DEFAULT, refused="why").inside is None


def test_the_background_of_the_study_takes_the_place_of_the_effects_own() -> None:
    """Sigtermans: 18 % on placebo, 12 % by default; without drug the one comes out, not the other."""
    row = ROWS["sigtermans2009-psychotomimetic"]
    untreated = replace(row, regimen=pkpd.parse("no treatment"))
    background = next(one for one in st.OPEN if one.background)
    made = side_effects.score([untreated], [Setting(DEFAULT), background], subjects=4000)
    assert [one.predicted for one in made] == pytest.approx([0.12, 0.18], abs=0.02)
    assert side_effects.score([ROWS[push.PUSH]], [background], subjects=10) == []  # no arm without drug


def test_a_setting_that_says_nothing_of_a_row_leaves_it_out() -> None:
    share = next(one for one in st.OPEN if one.name == "reported share 0.06")
    assert side_effects.score([ROWS[push.PUSH]], [share], subjects=10) == []
    [made] = side_effects.score([ROWS["ahern2015-reported"]], [share], subjects=4000)
    [default] = side_effects.score([ROWS["ahern2015-reported"]], PLAIN, subjects=4000)
    assert made.predicted == pytest.approx(default.predicted * 0.06 / 0.24, rel=0.25)


@pytest.mark.parametrize("model", ["kamp2020-pooled", "otto2021-s-ketamine"])
def test_conversions_are_said(model: str) -> None:
    """A model without racemate is given half as S; one that knows only the total is read as the total."""
    [made] = side_effects.score([ROWS[push.PUSH]], [Setting("other", model=model)], subjects=50)
    assert made.model == model
    assert made.conversion
    [default] = side_effects.score([ROWS[push.PUSH]], PLAIN, subjects=50)
    assert default.conversion == ""


def test_pooled_kinetics_say_what_the_default_ones_say_of_racemic_equivalents() -> None:
    """The pooled set has the default's typical kinetics of S-ketamine: total level = twice that of S."""
    pooled = Setting("pooled", model="kamp2020-pooled")
    peaks = [one.push_peak for one in push.score([Setting(DEFAULT), pooled], subjects=50)]
    assert peaks[0] == pytest.approx(peaks[1], rel=1e-6)


def test_relief_cannot_be_read_off_a_total() -> None:
    with pytest.raises(PkpdError, match="fast-relief follows S-ketamine"):
        st.on_total(pkpd.load_effect("fast-relief"), {"racemate"})


def test_the_push_is_reproduced_by_default_and_not_by_slow_sites_or_wide_volumes() -> None:
    """Peaks of the default configuration: 187 and 132 ng/mL of S, twice that in racemic equivalents."""
    chosen = {one.name: one for one in push.settings()}
    names = (DEFAULT, "half-life 8.3 min", "kinetics otto2021-s-ketamine", "shared potency")
    default, *others = push.score([chosen[name] for name in names], subjects=4000)
    assert (default.push_peak, default.infusion_peak) == pytest.approx((374, 264), rel=0.01)
    assert default.inside and default.ordered
    assert default.reason == "reproduces both arms"
    assert (default.push, default.infusion) == pytest.approx((0.79, 0.71), abs=0.03)
    assert not default.apart  # 8 points, the trial's own interval begins at 9.3: said, not hidden
    for one in others:
        assert not one.inside
        assert one.push_peak / one.infusion_peak < 1.12
        assert one.slope > 20
        assert "push too rare" in one.reason
    text = push.table([default, *others])
    assert "22 of 24 (exact 73-99 %) and 13 of 24 (33-74 %)" in text
    assert all(f"{one.setting}: {one.reason}" in text for one in others)


def test_kinetics_of_children_are_used_past_their_limits_and_that_is_said() -> None:
    """Herd 2007 at 70 kg, integrated apart: 297 and 236 ng/mL at the site."""
    chosen = {one.name: one for one in push.settings()}
    assert {one.name for one in chosen.values() if not one.limits} == {
        f"kinetics {name}"
        for name in ("elkomy2015-ketamine", "flint2017-s-ketamine", "herd2007-ketamine", "sherwin2015-ketamine")
    }
    herd, plain = push.score([chosen["kinetics herd2007-ketamine"], Setting(DEFAULT)], subjects=200)
    assert (herd.push_peak, herd.infusion_peak) == pytest.approx((297, 236), abs=1)
    assert herd.beyond and not plain.beyond
    assert "kinetics herd2007-ketamine *" in push.table([herd, plain])
    limited = replace(chosen["kinetics herd2007-ketamine"], limits=True)
    [refused] = push.score([limited], subjects=10)
    assert "kg" in refused.reason and math.isnan(refused.push)


def test_sizes_are_those_of_simulate_in_the_unit_of_the_row() -> None:
    """0.045 % for each ng/mL, 0.75 beats a minute for each %; half of the treatments by vein, half by nose."""
    row = next(row for row in sizes() if row.id == "vankawala2021-heart-rate")
    [made] = measures.score([row], PLAIN, subjects=50, seed=3)
    people = pkpd.Population(50, 3, "70 kg")
    run = pkpd.simulate(pkpd.load("kamp2020-ketamine"), "0.5 mg/kg iv over 40 min", people, "0 to 60 min by 1 min")
    highest = run["S-ketamine"].max(axis=0).mean()
    assert made.by_regimen[0] == pytest.approx(0.75 * 0.045 * highest, rel=0.01)
    assert made.predicted == pytest.approx(sum(made.by_regimen) / 2)
    assert made.inside and made.counts


def test_a_dose_for_half_is_found_and_holds_against_its_interval() -> None:
    """Half of the people are unresponsive 2 min after the dose found, by the public verb; the higher level fails."""
    rows = {row.id: row for row in sizes()}
    made = measures.score([rows["hui1995-command"], rows["hui1995-command-loss"]], PLAIN, subjects=400)
    lower, higher = made
    assert lower.inside and not higher.inside
    people = pkpd.Population(400, measures.SEED, "70 kg")
    model = pkpd.load("kamp2020-ketamine").with_effects(pkpd.load_effect("unresponsive"))
    run = pkpd.simulate(model, f"{lower.predicted} mg/kg iv bolus", people, ([2.0], "min"))
    assert run["unresponsive"].mean() == pytest.approx(0.5, abs=0.005)
    text = measures.table(made)
    assert "OUTSIDE" in text and "1 of 1" in text and "0 of 1" in text
    assert json.loads(json.dumps(measures.as_json(made), allow_nan=False))[1]["inside"] is False
    [unknown] = measures.score([rows["hui1995-command"]], [Setting("x", model="no-such-model")], subjects=5)
    assert unknown.refused and unknown.inside is None and "not predicted" in measures.verdict(unknown)


def test_what_sizes_were_made_from_is_not_counted() -> None:
    row = next(row for row in sizes() if row.id == "vankawala2021-systolic")
    [made] = measures.score([row], PLAIN, subjects=20)
    assert made.inside is not None and not made.counts
    assert measures.score([row], [Setting("x", model="otto2021-s-ketamine")], subjects=5) == []  # pools two routes


@pytest.mark.parametrize(
    ("peaks", "slope"),
    [((530, 319), 4.3), ((490, 319), 5.1), ((435, 299), 5.8), ((410, 299), 6.7), ((590, 337), 3.8), ((670, 337), 3.1)],
)
def test_the_slope_that_a_ratio_of_peaks_needs(peaks: tuple[float, float], slope: float) -> None:
    """Worked values of the evidence on side effects, by Jeffreys' posteriors, 3 % lower; their peaks are rounded."""
    found = push.slope_needed(peaks[0] / peaks[1], (22, 24), (13, 24))
    assert found * 2.17 / 2.231 == pytest.approx(slope, rel=0.03)


def test_equal_peaks_need_a_step() -> None:
    assert push.slope_needed(1.0, (22, 24), (13, 24)) == math.inf


def test_the_trial_of_the_default_configuration(results: list[trials.Score]) -> None:
    """One week after the Sigtermans arm 3.5, after placebo 6.1, inside the intervals; calibrated, so not counted."""
    found = {one.arm: one for one in results if one.trial.id == "sigtermans2009-week1"}
    assert found[trials.DRUG].predicted == pytest.approx(3.5, abs=0.15)
    assert found[trials.COMPARATOR].predicted == pytest.approx(6.1, abs=0.15)
    assert found[trials.BETWEEN].predicted == pytest.approx(
        found[trials.DRUG].predicted - found[trials.COMPARATOR].predicted
    )
    assert all(one.inside and one.calibrated and not one.counts for one in found.values())


def test_responders_of_the_default_configuration(results: list[trials.Score]) -> None:
    """At least 50 % relief at the end of 0.4 mg/kg over 40 min: 44 % of patients; the placebo arm is not calibrated."""
    found = {one.arm: one for one in results if one.trial.id == "kvarnstrom2004-responders"}
    assert found[trials.DRUG].predicted == pytest.approx(0.44, abs=0.03)
    assert found[trials.COMPARATOR].predicted == pytest.approx(0.0, abs=0.01)
    assert found[trials.DRUG].calibrated and found[trials.COMPARATOR].counts


def test_a_comparator_that_is_no_placebo_is_not_simulated() -> None:
    assert set(trials.observations(TRIALS["kim2015-half"])) == {trials.DRUG}
    assert set(trials.observations(TRIALS["pickering2020-course"])) == {trials.BETWEEN}


def test_placebo_at_once_raises_the_placebo_arm() -> None:
    setting = next(one for one in st.OPEN if one.name == "placebo at once")
    made = trials.score([TRIALS["lemming2005-responders"]], [setting], subjects=2000)
    [arm] = [one for one in made if one.arm == trials.COMPARATOR]
    assert arm.predicted == pytest.approx(0.15, abs=0.03)  # 0.6 x (1 - 2^-6) is above half of the pain


def test_slow_responders_are_as_many_as_ever_in_complex_regional_pain_syndrome() -> None:
    setting = next(one for one in st.OPEN if one.name == "slow responders 0.3")
    assert trials.score([TRIALS["sigtermans2009-week1"]], [setting], subjects=10) == []
    assert trials.score([TRIALS["kim2015-half"]], [setting], subjects=10) != []


def test_tables_and_json(events: list[side_effects.Score], results: list[trials.Score]) -> None:
    text = side_effects.table(events)
    assert "motov2017-push" in text and "calibrated, inside" in text
    assert all(one.refused in text for one in events if one.refused)
    assert "sigtermans2009-week1" in trials.table(results)
    written = json.loads(json.dumps(side_effects.as_json(events), allow_nan=False))
    assert {one["observation"] for one in written} == {one.incidence.id for one in events}
    assert len(json.loads(json.dumps(trials.as_json(results), allow_nan=False))) == len(results)
    refused = push.score([Setting("nobody", model="no-such-model")], subjects=10)
    assert "nobody: " in push.table(refused)
    assert json.loads(json.dumps(push.as_json(refused), allow_nan=False))[0]["push"] is None


def test_summary_counts_by_hand() -> None:
    """Two rows counted, one inside, off by 2 and by 6 points; one calibrated, inside."""
    base = ROWS["ahern2015-reported"]

    def row(name: str, scored: str) -> Incidence:
        return replace(base, id=name, endpoint="x", events=50, total=100, incidence=None, scored=scored)

    made = [
        side_effects.Score(row("a", "yes"), DEFAULT, predicted=0.52),
        side_effects.Score(row("b", "yes"), DEFAULT, predicted=0.62),
        side_effects.Score(row("c", "calibrated"), DEFAULT, predicted=0.5),
        side_effects.Score(row("d", "yes"), DEFAULT, refused="why"),
    ]
    line = next(text for text in side_effects.table(made).splitlines() if text.startswith("x  ") and "-" not in text)
    assert line.split() == ["x", "2", "1", "7", "1", "1"]


def test_the_figure(tmp_path: Path, events: list[side_effects.Score], results: list[trials.Score]) -> None:
    file = tmp_path / "effects.png"
    figure = effects_figure.page(events, results)
    assert clashes(figure) == []
    assert "benchmarks.truth --json FILE" in words(figure)
    assert "Not for dosing patients." in words(figure)
    effects_figure.draw(events, results, file)
    assert 10_000 < file.stat().st_size < 300_000
    with pytest.raises(ValueError, match="nothing was predicted"):
        effects_figure.draw([], results, file)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(st, "settings", lambda: PLAIN)
    monkeypatch.setattr(st, "kinetics", lambda children: ())
    monkeypatch.setattr(push, "settings", lambda: PLAIN)
    file, picture = tmp_path / "numbers.json", tmp_path / "effects.svg"
    monkeypatch.setattr(sys, "argv", ["x", "--subjects", "60", "--json", str(file), "--figure", str(picture)])
    assert effects.main() == 0
    shown = capsys.readouterr().out
    titles = ("Side effects, default configuration", "Sizes of effects", "as a push over 4 min", "Trial outcomes")
    assert all(title in shown for title in titles)
    written = json.loads(file.read_text())
    assert set(written) == {"side_effects", "sizes", "push_against_infusion", "trials"}
    assert all(written.values())
    assert picture.stat().st_size > 10_000
