"""The trials of the library: their numbers are those of the evidence, and what is not a number says so."""

from __future__ import annotations

import csv
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import pkpd
from pkpd.model.library import study_names
from pkpd.published import trial_of
from pkpd.study import Study, load_study
from pkpd.times import TICKS_PER_HOUR
from pkpd.trials.running import run_trials
from pkpd.trials.values import Counts, Endpoint, Mean, Trial

EVIDENCE = Path(__file__).resolve().parents[2] / "shared" / "evidence"
DAY = 24

# Study file -> study of the table, where the table has it.
ROWS = {
    "sigtermans2009-crps": "Sigtermans",
    "schwartzman2009-crps": "Schwartzman",
    "goldberg2010-crps": "Goldberg",
    "kiefer2008-crps": "Kiefer (S pilot)",
    "kvarnstrom2004-spinal-cord-injury": "Kvarnstrom SCI",
    "amr2010-spinal-cord-injury": "Amr SCI IV",
    "kvarnstrom2003-nerve-injury": "Kvarnstrom PNP",
    "max1995-nerve-injury": "Max",
    "gottrup2006-nerve-injury": "Gottrup",
    "pickering2020-neuropathic": "Pickering",
    "eide1994-postherpetic-neuralgia": "Eide PHN",
    "kim2015-postherpetic-neuralgia": "Kim PHN",
    "nikolajsen1996-phantom-limb": "Nikolajsen",
    "gravennielsen2000-fibromyalgia": "Graven-Nielsen part 1",
    "sorensen1995-fibromyalgia": "Sorensen",
    "cohen2006-fibromyalgia": "Cohen FM test",
    "lemming2005-whiplash": "Lemming WAD",
    "persson2012-whiplash": "Persson WAD",
    "persson1998-ischaemic": "Persson ischaemic",
    "mercadante2000-cancer": "Mercadante",
    "ishizuka2007-cancer": "Ishizuka",
    "inpatients2021-five-days": "Inpatient 5 d cohort",
    "rema2012-neuropathic": "Rema multiday",
}
# Study file -> line of the overview, where only that has it.
PROSE = {
    "bouwense2011-pancreatitis": "Bouwense 2011",
    "eichenberger2008-phantom-limb": "Eichenberger 2008",
    "lumanauw2019-chronic-flare": "Lumanauw 2019",
    "mitchell2002-ischaemic": "Mitchell 2002",
    "noppers2011-fibromyalgia": "Noppers 2011",
}
QUESTIONS = {"dose-finding", "adjuvants", "favourable-indication"}
NO_TRIAL = {
    "mangnus-crps": "no number of patients was seen",
    "perioperative-chronic-pain": "it is no trial",
    **{name: "it holds the regimens of several trials" for name in study_names() if name.endswith("-infusions")},
}
# Studies whose numbers of patients are not those printed -> what the file must say of it.
DOUBTFUL = {
    "schwartzman2009-crps": "memory",
    "eichenberger2008-phantom-limb": "10 to 20",
    "ishizuka2007-cancer": "halved",
    "lumanauw2019-chronic-flare": "97",
}
COUNTED_NEAR = {  # printed as percentages: (study, arm) -> drug and control
    ("lumanauw2019-chronic-flare", "0.50 mg/kg over 20 min"): (83, 41),
    ("lumanauw2019-chronic-flare", "0.25 mg/kg over 20 min"): (80, 41),
}


@cache
def study(name: str) -> Study:
    return load_study(name)


def text_of(name: str) -> str:
    return Path(pkpd.model.library.study_path(name)).read_text(encoding="utf-8")


def trials(name: str) -> tuple[Trial, ...]:
    return (trial_of(study(name)), *study(name).further)


def endpoint(name: str, hours: float, number: int = 0) -> Endpoint:
    return [end for end in trial_of(study(name)).endpoints if end.when == hours * TICKS_PER_HOUR][number]


def evidence(name: str) -> str:
    if not (EVIDENCE / name).exists():
        pytest.skip(f"the evidence, {name}, does not lie beside the project")
    return (EVIDENCE / name).read_text(encoding="utf-8")


def rows(of: str) -> list[dict[str, Any]]:
    return [r for r in csv.DictReader(evidence("chronic_pain_trials.csv").splitlines()) if r["study"] == of]


def line(of: str) -> list[str]:
    """The cells of a trial's line in the overview."""
    text = next(x for x in evidence("chronic_pain_trials.md").splitlines() if x.startswith(f"| {of} |"))
    return [cell.strip() for cell in text.strip("|").split("|")]


class TestTheList:
    def test_every_study_is_a_trial_a_question_or_says_why_not(self):
        assert {*ROWS, *PROSE, *QUESTIONS, *NO_TRIAL} == set(study_names())
        for name in NO_TRIAL:
            assert study(name).trial is None
            with pytest.raises(pkpd.PkpdError, match="is no trial"):
                trial_of(study(name))

    @pytest.mark.parametrize("name", [*ROWS, *PROSE])
    def test_a_published_trial_says_what_was_found_and_a_mark_that_is_assumed_says_why(self, name):
        text = text_of(name)
        for trial in trials(name):
            assert all(end.observed or end.words for end in trial.endpoints)
            assert trial.id == name
        for head in ("[trial]", "[[further_trials]]"):
            for block in text.split(f"\n{head}\n")[1:]:
                first = block.split("\n\n")[0]
                assert 'mark     = "assumed"' not in first or 'note     = "' in first

    @pytest.mark.parametrize("name", sorted(QUESTIONS))
    def test_a_question_has_found_nothing(self, name):
        assert not any(end.observed or end.words for trial in trials(name) for end in trial.endpoints)

    def test_doubtful_numbers_of_patients_say_so(self):
        for name, word in DOUBTFUL.items():
            assert word in trial_of(study(name)).note
            text = text_of(name)
            assert 'mark     = "assumed"' in text.split("[trial]")[1].split("\n\n")[0]


class TestAgainstTheTable:
    @pytest.mark.parametrize("name", ROWS)
    def test_patients_and_design_are_those_of_the_table(self, name):
        row = rows(ROWS[name])[0]
        trial = trial_of(study(name))
        printed = [int(re.match(r"\d+", row[key])[0]) for key in ("n_ket", "n_comp") if re.match(r"\d+", row[key])]
        if trial.design == "single arm":
            assert printed[-1] == 0
            assert list(trial.patients) == printed[:1]
        elif trial.design == "crossover":
            assert "crossover" in row["design"] and set(printed) == set(trial.patients)
        else:
            assert "RCT" in row["design"] and "crossover" not in row["design"] and printed == list(trial.patients)

    @pytest.mark.parametrize("name", ROWS)
    def test_every_number_stands_in_the_table(self, name):
        printed = rows(ROWS[name])
        words = " ".join(f"{row['ket_value']} {row['comp_value']}" for row in printed)
        for trial in trials(name):
            for end in trial.endpoints:
                seen = end.observed
                if seen is None or (name, trial.drug.name) in COUNTED_NEAR:
                    continue
                if isinstance(seen.drug, Counts):
                    assert counts_stand(seen.drug, seen.control, printed)
                else:
                    values = [one.value for one in (seen.drug, seen.control) if one is not None]
                    assert all(stands(value, words, 35 if name.startswith("pickering") else 0) for value in values)

    @pytest.mark.parametrize("name", ROWS)
    def test_every_p_value_stands_in_the_table(self, name):
        words = " ".join(" ".join(row.values()) for row in rows(ROWS[name])).replace(" ", "")
        for trial in trials(name):
            for end in trial.endpoints:
                for p in re.findall(r"P ([<=] [0-9.]*[0-9])", end.words):
                    assert f"P{p.replace(' ', '')}" in words
                    assert end.significant in (None, "<" in p or float(p[2:]) < 0.05) or "three arms" in end.words

    def test_times_are_days_after_the_end_of_the_table(self):
        assert [end.when / TICKS_PER_HOUR for end in trial_of(study("amr2010-spinal-cord-injury")).endpoints] == [
            14 * DAY,
            21 * DAY,
            28 * DAY,
        ]
        late = [row["days_after_end"] for row in rows("Amr SCI IV")]
        assert late == ["0-14", "21 / 28"]
        ends = trial_of(study("sigtermans2009-crps")).endpoints
        assert [end.when / TICKS_PER_HOUR / DAY for end in ends[:3]] == [7, 80, 0]
        assert ends[2].until == 80 * DAY * TICKS_PER_HOUR
        assert [row["days_after_end"] for row in rows("Sigtermans")] == ["7", "0-80"]
        assert rows("Pickering")[0]["days_after_end"] == "0-35"
        assert endpoint("pickering2020-neuropathic", 0).until == 35 * DAY * TICKS_PER_HOUR


def counts_stand(drug: Counts, control: Counts | None, printed: list[dict[str, Any]]) -> bool:
    """Whether some row has these counts; "8 at 0.45" counts as 8, and a second threshold may stand in the note."""
    for row in printed:
        of = int(row["resp_ket_n"] or 0)
        same = row["resp_ket_x"].split(" ")[0] == str(drug.events) and of == drug.total
        against = control is None or (row["resp_comp_x"], row["resp_comp_n"]) == (
            str(control.events),
            str(control.total),
        )
        if (same and against) or f"{drug.events}/{drug.total}" in row["note"]:
            return True
    return False


def stands(value: float, words: str, days: int) -> bool:
    """Whether a mean stands in words as a number of its own: as it is, in percent, or as an area over so many days."""
    shown = [value, round(100 * value, 6), *([float(round(days * value))] if days else [])]
    return any(re.search(rf"(?<![\d.]){re.escape(f'{x:g}')}(?!\.?\d)", words) for x in shown)


class TestAgainstThePage:
    def test_noppers(self):
        cells = line("Noppers 2011")
        assert cells[2] == "12/12" and "S 0.5 mg/kg/30 min" in cells[3] and "15 min/3 h/1 wk/8 wk" in cells[5]
        found = re.findall(r"(\d+) v (\d+)", cells[6])
        ends = trial_of(study("noppers2011-fibromyalgia")).endpoints
        assert [(end.observed.drug.events, end.observed.control.events) for end in ends] == [
            (int(a), int(b)) for a, b in found
        ]
        assert [end.when / TICKS_PER_HOUR for end in ends] == [0.25, 3, 7 * DAY, 56 * DAY]
        assert [end.observed.used for end in ends] == [True] * 4

    def test_lumanauw(self):
        cells = line("Lumanauw 2019")
        assert cells[2] == "35/36/35" and cells[6].startswith("83, 80, 41%")
        high, low = trials("lumanauw2019-chronic-flare")
        assert (high.patients, low.patients) == ((35, 35), (36, 35))
        text = evidence("chronic_pain_trials.md")
        assert "91.9 +/- 8.9 mm (truncated by entry >= 70)" in text and "3/35 at 0.5 mg/kg" in text
        for trial in (high, low):
            assert (trial.conduct.entry, trial.conduct.origins["entry"].mark) == (7, "primary")
            baseline = next(effect for effect in trial.model.effects if effect.id == "baseline-pain")
            assert baseline.parameters["B"].value == 9.19
            assert "97" in trial.note
        assert "| Lumanauw 2019, n=97 |" in evidence("pd_analgesia_models.md")

    def test_others(self):
        assert line("Bouwense 2011")[2] == "9 x-over"
        assert line("Eichenberger 2008")[2] == "10-20 x-over"
        assert (line("Mitchell 2002")[2], line("Mitchell 2002")[6]) == ("18/17", "relief 50->65->69 v 58->56->50%")
        assert trial_of(study("mitchell2002-ischaemic")).patients == (18, 17)
        assert trial_of(study("bouwense2011-pancreatitis")).patients == (9,)

    @pytest.mark.parametrize(("name", "arm"), COUNTED_NEAR)
    def test_counts_made_of_percentages_are_the_nearest(self, name, arm):
        seen = trial_of(study(name), arm).endpoints[0].observed
        assert seen.mark == "assumed"
        for percent, one in zip(COUNTED_NEAR[name, arm], (seen.drug, seen.control), strict=True):
            assert one.events == round(percent * one.total / 100)

    def test_midazolam_and_saline_at_once(self):
        text = evidence("chronic_pain_trials.md")
        assert "11% vs ~25% acute >=50% responders" in text
        assert "0/10, 2/12, 3/12, 2/30" in text and "24/94" in text
        for name in ("noppers2011-fibromyalgia", "persson2012-whiplash"):
            effects = {effect.id: effect for effect in trial_of(study(name)).model.effects}
            share = effects["placebo-response"].parameters["P_placebo"]
            assert (share.value, share.mark) == (0.25, "assumed")
            assert round((24 + 3) / (94 + 12), 2) == share.value


class TestWhatIsNotSaid:
    def test_shares_of_different_patients_are_no_difference(self):
        """Persson 2012: 41 % of those who did not respond to midazolam, 26 % of all."""
        (only,) = trial_of(study("persson2012-whiplash")).endpoints
        assert only.observed is None and only.significant is None
        assert "41 %" in only.words and "26 %" in only.words
        (row,) = rows("Persson WAD")
        assert "of the placebo non-responders" in row["resp_ket_x"] and row["resp_comp_n"] == "94"

    def test_a_p_value_belongs_to_the_outcome_it_is_printed_with(self):
        counts, relief = trial_of(study("kvarnstrom2004-spinal-cord-injury")).endpoints
        assert counts.significant is None and relief.observed is None
        assert relief.significant is True and "not named" in relief.words
        (row,) = rows("Kvarnstrom SCI")
        assert (row["outcome"], row["effect"]) == ("", "P<0.01 vs placebo")
        week, late, course, _ = trial_of(study("sigtermans2009-crps")).endpoints
        assert (week.significant, late.significant, course.significant) == (None, False, True)
        assert "P<0.001" in rows("Sigtermans")[1]["effect"] and "P<" not in rows("Sigtermans")[0]["effect"]

    def test_midazolam_is_noticed_like_the_drug(self):
        found = {name for name in (*ROWS, *PROSE) if "unblinding" in text_of(name)}
        assert found == {
            "kim2015-postherpetic-neuralgia",
            "noppers2011-fibromyalgia",
            "persson2012-whiplash",
            "schwartzman2009-crps",
        }
        for name in found:
            conduct = trial_of(study(name)).conduct
            assert conduct.unblinding == 0 and conduct.origins["unblinding"].mark == "assumed"
            assert "idazolam" in conduct.origins["unblinding"].note

    def test_nobody_leaves_where_those_who_completed_it_are_counted(self):
        conduct = trial_of(study("schwartzman2009-crps")).conduct
        assert conduct.drop_out == 0 and "completed" in conduct.origins["drop_out"].note
        assert "19 completers" in rows("Schwartzman")[0]["note"]
        usual = trial_of(study("max1995-nerve-injury")).conduct.origins["drop_out"]
        assert (usual.value, usual.mark) == (round(3 / 35, 3), "assumed")

    def test_pain_before_is_that_printed(self):
        printed = {"inpatients2021-five-days": [6.5], "goldberg2010-crps": [8, 9]}
        for name, (first, *last) in printed.items():
            words = rows(ROWS[name])[0]["ket_value"].split(" -> ")[0]
            assert [float(x) for x in words.split("-")] == [first, *last]
            baseline = next(e for e in trial_of(study(name)).model.effects if e.id == "baseline-pain").parameters["B"]
            assert (baseline.value, baseline.mark) == ((first + (last or [first])[0]) / 2, "assumed")


class TestByHand:
    def test_kvarnstrom(self):
        """5 of 10 against 0 of the same 10: five changed one way, none the other."""
        result = run_trials(trial_of(study("kvarnstrom2004-spinal-cord-injury")), 2).endpoints[0]
        assert result.observed.estimate == 0.5
        assert result.observed.p == 2 / 2**5 and math.isnan(result.observed.low)

    def test_sigtermans(self):
        """2.68 (SE 0.51) less 5.45 (0.48): z = 2.77 / 0.7004 = 3.955, two-sided P = 0.000077."""
        result = run_trials(trial_of(study("sigtermans2009-crps")), 2).endpoint("pain score", "7 d")
        assert result.observed.estimate == pytest.approx(-2.77)
        assert result.observed.high - result.observed.low == pytest.approx(2 * 1.959964 * 0.70036, rel=1e-4)
        assert result.observed.p == pytest.approx(7.66e-5, rel=0.01)

    def test_pickering(self):
        """185 (SD 100) point-days in 20 patients: 5.29 a day, with an error of 100 / 35 / sqrt(20) = 0.639."""
        seen = endpoint("pickering2020-neuropathic", 0).observed
        assert isinstance(seen.drug, Mean) and seen.drug.value == pytest.approx(185 / 35, abs=0.005)
        assert seen.drug.error == pytest.approx(100 / 35 / math.sqrt(20), rel=0.002)
        assert trial_of(study("pickering2020-neuropathic")).conduct.washout == 35 * DAY

    def test_the_placebo_class_is_what_passes_half_without_noise(self):
        """45 min after the start: 0.6 (1 - 2^-4.5) = 0.57 is more than half, so exactly the class of 0.25 passes."""
        result = run_trials(trial_of(study("noppers2011-fibromyalgia")), 600, seed=3).endpoints[0]
        share = result.found.true_control.mean()
        assert share == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / (600 * 12)))

    def test_an_adjuvant_that_adds_nothing_is_found_by_chance(self):
        result = run_trials(trial_of(study("adjuvants")), 1500).endpoint("pain score", "7 d")
        assert result.true_difference == 0
        assert result.power == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 1500))

    def test_more_drug_relieves_more_at_the_end_and_none_a_week_later(self):
        ends = [run_trials(trial, 200).endpoints for trial in trials("dose-finding")]
        at_once = [one[0].true_difference for one in ends]
        assert at_once == sorted(at_once) and at_once[0] < -3 < -1.5 < at_once[-1] < -1
        assert all(abs(one[2].true_difference) < 0.3 for one in ends)


class TestSeveralContrasts:
    def test_an_arm_is_asked_for_by_name(self):
        low = trial_of(study("lumanauw2019-chronic-flare"), "0.25 mg/kg over 20 min")
        assert low.drug.name == "0.25 mg/kg over 20 min" and low.conduct.entry == 7
        with pytest.raises(pkpd.PkpdError, match="Did you mean"):
            trial_of(study("lumanauw2019-chronic-flare"), "0.2 mg/kg over 20 min")

    def test_the_command_takes_the_arm_and_names_the_others(self, tmp_path, capsys):
        from pkpd.cli import main

        asked = ["trial", "lumanauw2019-chronic-flare", "--trials", "50", "--out", str(tmp_path)]
        assert main([*asked, "--arm", "0.25 mg/kg over 20 min"]) == 0
        printed = " ".join(capsys.readouterr().out.split())
        assert "36 + 35 patients: 0.25 mg/kg" in printed and '--arm "0.50 mg/kg over 20 min"' in printed
        assert {path.stem for path in tmp_path.iterdir()} == {"trial-lumanauw2019-chronic-flare-0.25-mg-kg-over-20-min"}
        assert main([*asked, "--arm", "0.25 mg"]) == 2
        assert "0.50 mg/kg over 20 min" in capsys.readouterr().err
