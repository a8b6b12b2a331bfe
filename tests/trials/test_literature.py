"""Simulated literatures: what the drawer does to a meta-analysis, and that pooling is that of the library."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from figures import clashes, words
from statsmodels.stats.meta_analysis import combine_effects
from trial_designs import designed

import pkpd
from pkpd.cli import main
from pkpd.errors import PkpdError, StudyError
from pkpd.published import sizes_note, trial_sizes
from pkpd.statistics.pooling import METHODS
from pkpd.terminal.trial import print_literature
from pkpd.trials.literature import APART, run_literature, sized

WEAK = {"drug": "s-ketamine 3 mg/h iv over 48 h"}
SIZES = [8, 10, 12, 15, 20, 30]


@pytest.fixture(scope="module")
def made():
    return run_literature(sized(designed(**WEAK), SIZES), 300, unpublished=0.8)


def test_a_study_is_a_run_of_trials(made):
    third = pkpd.run_trials(sized(designed(**WEAK), SIZES)[2], 300, first=2 * APART).endpoints[0]
    assert np.array_equal(made.estimates[:, 2], third.found.estimate)
    assert np.array_equal(made.errors[:, 2], third.found.se) and made.true[2] == third.true_difference


def test_what_is_significant_for_the_drug_is_published_and_of_the_rest_a_share(made):
    found = made.p < 0.05
    assert made.published[found & (made.estimates < 0)].all()
    assert made.published[~found].mean() == pytest.approx(0.2, abs=0.04)


def test_the_drawer_makes_a_weak_drug_look_stronger(made):
    assert made.of_published.estimate.mean() < made.of_all.estimate.mean() - 0.15
    assert made.bias == pytest.approx(made.of_published.estimate.mean() - made.of_all.estimate[made.readable].mean())
    everything, published = made.coverage()
    assert everything > 0.9 and published < everything - 0.03


def test_an_empty_drawer_hides_nothing():
    open_one = run_literature(sized(designed(**WEAK), SIZES), 100, unpublished=0.0, unfavourable=0.0)
    assert open_one.published.all() and open_one.bias == 0.0 and open_one.readable.all()
    assert np.array_equal(open_one.of_all.estimate, open_one.of_published.estimate)


def test_pooling_is_that_of_statsmodels(made):
    ours = made.of_all
    for k in np.flatnonzero(ours.tau2 > 0.01)[:5]:  # statsmodels lets the variance between studies fall below 0
        theirs = combine_effects(made.estimates[k], made.errors[k] ** 2, method_re="dl").summary_frame()
        assert ours.estimate[k] == pytest.approx(theirs.loc["random effect", "eff"], rel=1e-6)


def test_shares_of_small_trials_always_have_a_standard_error():
    trial = designed(endpoints=[("relief", "84 d", 0.5)], drug="s-ketamine 0.0001 mg iv bolus", patients=(5, 5))
    rare = run_literature(sized(trial, [5, 6, 7]), 50)
    assert np.isfinite(rare.estimates).all() and rare.errors.min() > 0.05


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trials": 2}, "at least 3"),
        ({"unpublished": 1.5}, "share from 0 to 1"),
        ({"method": "remel"}, 'Did you mean "reml"'),
        ({"mixed": ("relief", "7 d", 0.5)}, "pain score 7 d after treatment; relief of at least 50% 7 d after"),
        ({"mixed": ("pain score", "30 d")}, "pain score 30 d after treatment; pain score 7 d after treatment"),
        ({"design": {"control": None, "patients": (9,)}}, "single arm"),
        ({"design": {"design": "crossover", "patients": (9,), "endpoints": [("relief", "1 d", 0.5)]}}, "averaged"),
    ],
)
def test_what_cannot_be_pooled_is_refused(change, words):
    trials = sized(designed(**change.pop("design", {})), [5, 6, 7][: change.pop("trials", 3)])
    if endpoint := change.pop("mixed", None):
        trials[1] = designed(endpoints=[endpoint])
    with pytest.raises(PkpdError, match=words):
        run_literature(trials, 5, **change)


def test_the_figure_can_be_read_and_says_the_numbers(made):
    figure = made.plot(3)
    assert clashes(figure) == []
    assert f"{made.of_published.estimate.mean():.2f}" in words(figure) and "assumed" in words(figure)
    with pytest.raises(StudyError, match="0 to 299"):
        made.plot(300)


def test_the_command_writes_table_and_figures(tmp_path, capsys):
    study = "kvarnstrom2004-spinal-cord-injury"
    words = ["literature", study, "--sizes", "6", "8", "10", "--count", "20", "--out", str(tmp_path)]
    assert main(words) == 2  # shares of a cross-over
    assert "averaged" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_shares_of_those_who_stayed_have_the_standard_error_of_their_number():
    trial = designed(endpoints=[("relief", "7 d", 0.5)], drop_out=0.5, drop_out_control=0.5, missing="left out")
    made = run_literature(sized(trial, [40, 40, 40]), 300)
    assert made.errors.mean() == pytest.approx(np.nanstd(made.estimates), rel=0.12)


def test_a_study_of_which_too_few_stayed_is_left_out_of_the_pool():
    trial = designed(**WEAK, drop_out=0.7, drop_out_control=0.7, missing="left out")
    made = run_literature(sized(trial, [4, 20, 25, 30]), 100)
    assert (
        np.isnan(made.estimates[:, 0]).any() and np.isfinite(made.of_all.estimate).all() and np.isfinite(made.expected)
    )
    assert not made.published[np.isnan(made.estimates)].any()


def test_literatures_of_neighbouring_seeds_share_no_study():
    one, two = (run_literature(sized(designed(**WEAK), [8, 8, 8]), 5, seed=seed) for seed in (1, 2))
    assert not np.isin(one.estimates, two.estimates).any()


@pytest.mark.parametrize("method", ["fixed", "dersimonian-laird", "reml", "paule-mandel"])
def test_where_nothing_is_published_it_says_so_in_value_figure_and_table(method, capsys):
    none = run_literature(sized(designed(**WEAK), [8, 8, 8]), 20, unpublished=1, unfavourable=1, method=method)
    none = replace(none, published=np.zeros_like(none.published))
    few = replace(none, published=none.published | (np.arange(3) == 0))
    some = replace(none, published=none.published | (np.arange(20) < 1)[:, None])
    for made, told in ((none, "Nothing was published"), (few, "In every literature"), (some, "In 95.0 % of")):
        unread = made is some
        assert (
            np.isnan([made.bias, made.coverage()[1], made.seen_asymmetric, made.of_published_estimate]).tolist()
            == [not unread] * 4
        )
        assert told in made.unread and len(made.of_published.estimate) == unread
        figure = made.plot()
        assert clashes(figure) == [] and told in words(figure) and "nan" not in words(figure)
        print_literature(made, "here")
        printed = capsys.readouterr().out
        assert told in printed and "nan" not in printed and ("too few to be pooled" in printed)
    assert method in METHODS


def test_trials_of_one_standard_error_are_not_called_lopsided(made):
    alike = replace(made, errors=np.full_like(made.errors, 0.5), published=np.ones_like(made.published))
    assert alike.seen_asymmetric == 0.0


def test_studies_that_found_nothing_leave_no_hole_in_the_figure():
    trial = designed(**WEAK, drop_out=0.7, drop_out_control=0.7, missing="left out")
    lost = run_literature(sized(trial, [4, 20, 25, 30]), 40)
    which = int(np.flatnonzero(np.isnan(lost.estimates[:, 0]))[0])
    assert clashes(lost.plot(which)) == []


def test_it_says_what_sets_all_trials_apart_from_the_truth(made, capsys):
    assert "notice effects on perception score 0.5 points lower" in made.conducted
    assert "those who leave are scored as non-response" in made.conducted
    quiet = sized(designed(**WEAK, unblinding=0.0, drop_out=0.0, drop_out_control=0.0), SIZES)
    assert replace(made, trials=tuple(quiet)).conducted == ""
    left = sized(designed(**WEAK, missing="left out"), SIZES)
    assert "those who leave are left out" in replace(made, trials=tuple(left)).conducted
    print_literature(made, "here", "Sizes are here.")
    printed = " ".join(capsys.readouterr().out.split())
    assert made.conducted in printed and "Sizes are here." in printed
    assert "DerSimonian-Laird" in printed and "6 trials: pain score" in printed
    assert "DerSimonian-Laird" in words(made.plot()) and "6 trials, pain score" in words(made.plot())


def test_sizes_of_the_library_say_what_they_are_taken_for():
    assert re.search(r"cross-over trials all their patients \([\d, ]+94\)", sizes_note("parallel"))
    assert "the smaller arm" in sizes_note("crossover")
    told = re.search(r"the (\d+) published trials", sizes_note("parallel"))
    assert told and int(told[1]) == len(trial_sizes())


def test_progress_goes_on_within_a_study_and_ends_at_one():
    seen: list[float] = []
    run_literature(sized(designed(**WEAK), [8, 30, 30]), 600, progress=seen.append)
    assert seen[-1] == pytest.approx(1.0) and seen == sorted(seen) and len(seen) > 6


def test_it_is_printed_in_one_line(made):
    assert repr(made).startswith("Literature(300 of 6 trials: pain score; ") and len(repr(made)) < 120


def test_patients_leave_as_in_the_whole_trial_though_one_endpoint_is_pooled():
    late = {"endpoints": [("pain score", "1 d"), ("pain score", "80 d")], "drop_out": 0.5}
    designs = sized(designed(**WEAK, **late), [10, 12, 14])
    found = pkpd.run_literature(designs, 20, unpublished=0.0, unfavourable=0.0)
    alone = pkpd.run_trials(designs[0], 20).endpoints[0].found
    assert np.array_equal(found.estimates[:, 0], alone.estimate)


def test_shares_are_pooled_as_found_and_their_errors_are_never_none():
    """Every trial's difference is the plain one; its error goes with its size, and not with its own shares."""
    strong = {"drug": "ketamine 0.5 mg/kg iv over 40 min", "endpoints": [("relief", "0 h", 0.5)]}
    designs = sized(designed(**strong, noise=0.0), [8, 10, 12])
    found = pkpd.run_literature(designs, 40, unpublished=0.0, unfavourable=0.0)
    alone = pkpd.run_trials(designs[1], 40, first=2**32).endpoints[0].found
    assert (alone.control == 0).any()
    assert np.array_equal(found.estimates[:, 1], alone.drug - alone.control) and (found.errors > 0).all()
    assert np.allclose(found.errors[:, 0] * 8**0.5, found.errors[:, 2] * 12**0.5)
    assert found.errors[:, 1].mean() == pytest.approx(alone.estimate.std(), rel=0.3)
    assert found.seen_asymmetric < 0.3 and found.of_all.estimate.mean() == pytest.approx(found.expected, abs=0.01)
