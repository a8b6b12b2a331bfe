"""What known regimens are flagged with: the reference, the side, the trap, and harms with their intervals."""

import pytest

import pkpd
from pkpd import guidance

SIGTERMANS = (
    "s-ketamine 5 mg/h/70kg iv over 6 h then 10 mg/h/70kg over 6 h then 15 mg/h/70kg over 6 h "
    "then 20 mg/h/70kg over 82 h"
)
SCHWARTZMAN = "ketamine 0.35 mg/kg/h iv over 4 h every 24 h for 10 doses, at most 25 mg/h"
NOPPERS = "s-ketamine 15 mg/h iv over 100 h every 484 h for 2 doses"  # the second begins 16 d after the first ended


def texts(regimen, kind, **options):
    return [str(flag) for flag in guidance.flags(regimen, **options) if flag.kind == kind]


def one(found, *words):
    (match,) = [text for text in found if all(word in text for word in words)]
    return match


def test_a_single_infusion_is_within_the_rates_and_below_the_dose():
    found = texts("0.5 mg/kg iv over 40 min", "guideline")
    assert one(found, "35 mg of ketamine at 70 kg, is below", "at least 80 mg", "10.1097/AAP.0000000000000808")
    assert one(found, "40 min", "is below", "more than 2 h")
    assert len(found) == 1  # one flag for the limits of a source; the trap is about rates below, which this is not
    assert "multi-day" not in found[0]
    assert not [text for text in texts("0.5 mg/kg iv over 40 min", "harm") if "liver" in text]


def test_a_large_bolus_is_above():
    found = texts("0.6 mg/kg iv bolus", "guideline")
    assert one(found, "0.6 mg/kg of ketamine", "is above", "at most 0.35 mg/kg", "grade C")
    assert not texts("0.35 mg/kg iv bolus then 0.5 mg/kg/h over 4 h", "guideline")


@pytest.mark.parametrize("regimen", [SIGTERMANS, SCHWARTZMAN, "80 mg iv over 5 h every 24 h for 7 doses"])
def test_trials_with_lasting_relief_are_below_the_range_and_the_trap_is_told(regimen):
    found = texts(regimen, "guideline")
    assert one(found, "infusion rate", "is below", "0.5 to 2 mg/kg/h")
    assert one(found, "lies above the rates of every multi-day randomised trial", "Schwartzman 2009 (at most 0.35)")


def test_rates_above_the_range_are_told_apart_from_those_below():
    assert one(texts("2.1 mg/kg/h iv over 3 h", "guideline"), "infusion rate", "is above")
    assert not texts("2 mg/kg/h iv over 3 h", "guideline")


def test_a_limit_that_must_be_exceeded_is_not_met_at_it():
    assert one(texts("1 mg/kg/h iv over 2 h", "guideline"), "is below", "more than 2 h")
    assert not texts("1 mg/kg/h iv over 121 min", "guideline")


def test_limits_per_weight_are_compared_at_the_weight():
    assert one(texts("40 mg/h iv over 4 h", "guideline", weight_kg=100), "0.4 mg/kg/h", "at 100 kg", "is below")
    assert not texts("40 mg/h iv over 4 h", "guideline", weight_kg=60)


def test_two_long_courses_close_together_are_a_liver_hazard_with_the_interval():
    told = one(texts(NOPPERS, "harm"), "liver")
    for words in ("hazard", "3 of 6", "12 to 88 %", "0 of 101", "0 to 3.6 %", "not a prediction", "j.pain.2011.03.026"):
        assert words in told


def test_one_long_course_shows_its_own_count_and_intermittent_treatment_is_grey():
    assert "0 of 101" in one(texts(SIGTERMANS, "harm"), "liver", "known")
    assert one(texts(SCHWARTZMAN, "harm"), "liver and bile ducts, grey", "without a course of 72 h", "Cotter")
    far = "s-ketamine 15 mg/h iv over 100 h every 2000 h for 2 doses"
    assert one(texts(far, "harm"), "liver", "grey", "more than 30 d apart")


@pytest.mark.parametrize(
    ("hours", "pause", "courses", "level", "words"),
    [
        (72, 14, 2, "hazard", "2 courses"),
        (72, 29, 2, "hazard", "2 courses"),
        (72, 30, 2, "hazard", "2 courses"),
        (72, 31, 2, "grey", "more than 30 d apart"),
        (72, 14, 3, "hazard", "3 courses"),
        (72, 31, 3, "grey", "more than 30 d apart"),
        (71.9, 14, 2, "grey", "without a course of 72 h"),
        (71.9, 0, 1, "grey", "without a course of 72 h"),
        (72, 0, 1, "known", "one course of at least 72 h"),
    ],
)
def test_the_edges_of_the_liver_hazard(hours, pause, courses, level, words):
    """The pause is from the end of a course to the start of the next, days."""
    every = f" every {hours + 24 * pause:g} h for {courses} doses" if courses > 1 else ""
    assert one(texts(f"s-ketamine 15 mg/h iv over {hours} h{every}", "harm"), f"liver and bile ducts, {level}", words)


def test_harms_are_told_from_the_most_alarming_on_and_those_without_numbers_together():
    levels = ("hazard", "signal", "known", "Without numbers")
    for regimen in (NOPPERS, SIGTERMANS, SCHWARTZMAN):
        found = texts(regimen, "harm")
        ranks = [next(rank for rank, level in enumerate(levels) if level in text) for text in found]
        assert ranks == sorted(ranks)
        assert sum("Without numbers" in text for text in found) == 1
    assert "hazard" in texts(NOPPERS, "harm")[0]
    dark = texts(SCHWARTZMAN, "harm")[-1]
    for words in ("cognition and mind, grey", "liver and bile ducts, grey", "dependence and misuse, unknown"):
        assert words in dark
    for source in ("Niesters", "Cotter", "Winstock"):
        assert source in dark


def test_the_limits_of_a_source_that_are_left_stand_in_one_flag():
    (found,) = texts("0.45 mg/kg iv over 5 min", "guideline")
    for words in ("The largest bolus", "is above", "; the largest session, 31.5 mg", "; the longest session, 5 min"):
        assert words in found


@pytest.mark.parametrize(("days", "ratio"), [(6, "1.10"), (30, "1.61"), (60, "2.59")])
def test_urinary_signal_is_the_published_odds_ratio_by_days(days, ratio):
    told = one(texts(f"50 mg iv over 1 h every 24 h for {days} doses", "harm"), "urinary")
    assert f"{days} treatment days in 180: odds ratio {ratio}" in told
    assert "not a prediction of a patient's risk" in told


def test_urinary_signal_is_not_carried_beyond_the_data():
    told = one(texts("50 mg iv over 1 h every 24 h for 180 doses", "harm"), "urinary")
    assert "180 treatment days" in told
    assert "2.59" in told
    assert f"{1.016**180:.2f}" not in told


def test_dependence_is_unknown_and_not_zero():
    assert one(texts(SCHWARTZMAN, "harm"), "dependence", "unknown is not zero")


def test_the_indication_chooses_the_guideline():
    bolus = "0.35 mg/kg iv bolus and 1 mg/kg/h iv over 2 h"
    assert not texts(bolus, "guideline", indication="perioperative")
    above = texts("0.4 mg/kg iv bolus", "guideline", indication="perioperative")
    assert [text for text in above if "AAP.0000000000000806" in text] == above
    assert "assumed" in above[0]
    fibromyalgia = texts("1 mg/kg iv over 30 min", "guideline", indication="fibromyalgia")
    assert one(fibromyalgia, "is above the range, 0.3 to 0.5 mg/kg", "trials in this indication")
    with pytest.raises(pkpd.PkpdError, match='Did you mean "fibromyalgia"'):
        guidance.flags(bolus, indication="fibromialgia")


def test_limits_are_of_the_intravenous_route():
    assert not texts("s-ketamine 10 mg oral every 8 h for 84 doses", "guideline")


def test_no_treatment_has_no_flags():
    assert guidance.flags("no treatment") == []
    assert guidance.monitoring("no treatment") == ()


def test_flags_name_the_arm():
    assert {flag.of for flag in guidance.flags(NOPPERS, of="two courses")} == {"two courses"}


def test_monitoring_grows_with_the_regimen():
    once = " ".join(watch.text for watch in guidance.monitoring("0.5 mg/kg iv over 40 min"))
    assert "oxygen saturation" in once
    assert "Liver" not in once
    course = " ".join(watch.text for watch in guidance.monitoring(SIGTERMANS))
    assert "Liver function at baseline and every 1 to 2 d" in course
    assert "Urinary symptoms" in course
