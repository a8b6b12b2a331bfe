"""The benchmarks time the models they say they time, and judge fairly."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from statistics import NormalDist
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import conformance, figure, references, report, rounds, targets
from benchmarks.peers import equations, numpy_eigen, pkpd_public
from benchmarks.programs import ANCHOR, BY_HAND, OURS, PROGRAMS, Program
from benchmarks.rounds import Row
from benchmarks.workloads import FAST, FIXED, WORKLOADS, segments, sweep_dose, sweep_infusions

ROOT = Path(__file__).resolve().parents[2]
NAMED = {program.name: program for program in PROGRAMS}


def row(program: str, workload: str = "W2", threads: int = 1, seconds: float = 1.0, error: float = 1e-13) -> Row:
    return Row(
        NAMED[program], WORKLOADS[workload], threads, 1000, [seconds] * 3, [0.95 * threads] * 3, error, 10 * error, 1000
    )


def test_the_draw() -> None:
    """Subject 1 has in the first column the normal quantile of frac(sqrt 2)."""
    table = WORKLOADS["W2"].table(3)
    assert table.shape == (3, 7)
    assert table[0, 0] == pytest.approx(80 * math.exp(0.30 * NormalDist().inv_cdf(math.sqrt(2) - 1)))
    assert WORKLOADS["W1"].table(1).tolist() == [[80, 20, 120, 40, 60, 150]]


def test_the_course_is_cut_at_every_change() -> None:
    workload = WORKLOADS["W3"]
    parts = segments(workload.hours, workload.infusions, workload.boluses)
    assert len(parts.begin) == 15
    assert (parts.end[:-1] == parts.begin[1:]).all()
    assert float((parts.rate * (parts.end - parts.begin)).sum()) == 500.0
    assert parts.bolus.sum() == 250.0
    assert parts.first[0] == 1 and parts.last[-1] == 241 and (parts.first[1:] == parts.last[:-1]).all()


def test_the_regimens_of_the_sweep() -> None:
    assert sweep_dose(0) == (20.0, 0.5)
    assert sweep_dose(199) == (210.0, 5.0)
    assert all(one.rate * one.duration == pytest.approx(210.0) for one in sweep_infusions(199))


@pytest.mark.parametrize("name", ["W3", "W4"])
def test_the_model_file_says_what_the_other_programs_are_given(name: str) -> None:
    """Rates of change of all states at many points, no infusion: our expressions against the compiled equations."""
    workload = WORKLOADS[name]
    model = pkpd_public.model(name)
    assert set(model.states) == set(workload.states)
    draw = np.random.default_rng(1)
    fixed = FIXED | ({"KMIX": FAST, "KOFF": FAST} if name == "W4" else {})
    assert {key: model.parameters[key].value for key in fixed} == fixed
    for parameters in workload.table(5):
        state = draw.uniform(0.01, 2.0, len(workload.states))
        expected = np.empty(len(state))
        equations.RIGHT_HAND_SIDES[name](0.0, state, expected, np.append(parameters, 0.0))
        given = (
            dict(zip(workload.columns, parameters.tolist(), strict=True))
            | dict(zip(workload.states, state.tolist(), strict=True))
            | fixed
        )
        found = [float(model.states[one].equation.evaluate(given)) for one in workload.states]
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", ["W1", "W2"])
def test_linear_workloads_against_the_reference(name: str) -> None:
    """Two ways to the reference, and ours in the order of the others."""
    workload = WORKLOADS[name]
    expected = references.linear(workload, workload.table(5), workload.infusions)[:, :, : len(workload.outputs)]
    by_hand = numpy_eigen.build("eig", workload, 5, 1)()
    ours = pkpd_public.arrange(workload, pkpd_public.build("simulate", workload, 5, 1)())
    assert references.errors(by_hand, expected)[0] < 1e-11
    assert references.errors(ours, expected)[0] < 1e-11


def test_a_reference_that_two_methods_do_not_share_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(references, "folder", lambda: tmp_path)
    monkeypatch.setattr(references, "CROSS_CHECKED", {"W3": ("DOP853", 1)})
    made = references.reference("W3", 1)
    assert made.shape == (1, 241, 4)
    assert made[0, 0].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert np.array_equal(references.reference("W3", 1), made)
    monkeypatch.setattr(references, "AGREEMENT", 1e-16)
    (tmp_path / "W3-1.npy").unlink()
    with pytest.raises(ArithmeticError, match="W3: LSODA and DOP853 differ"):
        references.reference("W3", 1)
    assert list(tmp_path.iterdir()) == []


def test_errors() -> None:
    expected = np.array([[[1.0], [10.0], [0.001]]])
    found = expected + np.array([[[0.1], [0.1], [0.001]]])
    peak, relative = references.errors(found, expected)
    assert peak == pytest.approx(0.01)
    assert relative == pytest.approx(0.1)


def test_targets_are_judged_from_the_rows_and_only_from_them() -> None:
    rows = [row(OURS, seconds=0.001), row(ANCHOR, seconds=0.299), row(BY_HAND, seconds=0.0201)]
    judged = {one.target: one.met for one in targets.judge(rows)}
    assert judged == {
        "300 times numbalsoda": False,
        "20 times numpy by hand": True,
        "error at most 1e-10 of the peak": True,
        "two threads 1.4 times one": None,
    }


def test_the_gain_of_a_second_thread_stands_beside_that_of_numbalsoda() -> None:
    rows = [row(OURS), row(OURS, threads=2, seconds=0.5), row(ANCHOR), row(ANCHOR, threads=2, seconds=0.8)]
    (one,) = [one for one in targets.judge(rows) if one.target == "two threads 1.4 times one"]
    assert one.found == "2.00 times on 1.9 cores (numbalsoda 1.2)"
    assert one.met is True


def test_without_the_other_program_a_ratio_is_not_judged() -> None:
    refused = row(ANCHOR)
    refused.refused, refused.seconds = "its process has ended", []
    judged = {one.target: one.met for one in targets.judge([row(OURS), row(OURS, threads=2), refused])}
    assert judged["300 times numbalsoda"] is None
    assert judged["two threads 1.4 times one"] is False


@pytest.mark.parametrize("error", [1e-6, math.nan])
def test_a_fast_row_that_is_wrong_meets_nothing(error: float) -> None:
    rows = [row(OURS, seconds=1e-6, error=error), row(ANCHOR), row(BY_HAND)]
    judged = {one.target: one for one in targets.judge(rows)}
    assert judged["300 times numbalsoda"].met is False
    assert "too large for its time to count" in judged["300 times numbalsoda"].found
    assert judged["error at most 1e-10 of the peak"].met is False


def test_a_row_of_ours_that_was_refused_misses_its_targets_and_is_named() -> None:
    ours = row(OURS, "W3")
    ours.refused, ours.seconds = "SimulationError: no", []
    rows = [ours, row(ANCHOR, "W3")]
    assert [(one.target, one.met) for one in targets.judge(rows)] == [
        ("13 times numbalsoda", False),
        ("two threads 1.8 times one", None),
    ]
    text = report.table(rows)
    assert "left out: pkpd, 1 thread(s): SimulationError: no" in text
    made = report.as_json(rows, targets.judge(rows), {"mrgsolve": "not there"}, {})
    assert json.loads(json.dumps(made))["left_out"][0] == {"program": "mrgsolve", "reason": "not there"}
    assert [one["program"] for one in made["rows"]] == [ANCHOR]


def test_the_order_turns_from_round_to_round() -> None:
    rows = [row(OURS), row(ANCHOR), row(BY_HAND)]
    firsts = {rounds._turn(rows, number)[0].program.name for number in range(6)}
    assert firsts == {OURS, ANCHOR, BY_HAND}


def test_a_program_that_is_absent_says_so() -> None:
    assert "no_such_package" in Program("x", "x", "x", "no_such_package", {}).absence()
    assert NAMED[OURS].absence() == ""


def test_a_process_that_dies_or_refuses_is_a_reason(tmp_path: Path) -> None:
    resident = rounds.Resident(NAMED[BY_HAND], tmp_path)
    try:
        with pytest.raises(rounds.Refused, match="KeyError"):
            resident.ask("build eig W9 1 1")
        assert resident.ask("build eig W1 1 1") == "ok"
        seconds, cores = map(float, resident.ask("time eig W1 1 1").split())
        assert 0 < seconds < 0.1 and 0 < cores < 2
        resident._process.kill()
        with pytest.raises(rounds.Refused, match="its process has ended: and said nothing"):
            resident.ask("time eig W1 1 1")
    finally:
        resident.close()


def test_a_whole_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs on the smallest workload, one of which is not there."""
    missing = Program("missing", "missing", "x", "no_such_package", {"W1": (1, 1)})
    monkeypatch.setattr(rounds, "PROGRAMS", (NAMED[BY_HAND], missing))
    said: list[str] = []
    (one,), absent = rounds.measure(["W1"], 2, True, said.append)
    assert absent == {"missing": "the package no_such_package is not installed"}
    assert (one.refused, len(one.seconds), len(one.cores), one.checked) == ("", 2, 2, 1)
    assert one.peak_error < 1e-12
    assert said[-1] == "W1: round 2 of 2"


def test_figure(tmp_path: Path) -> None:
    file = tmp_path / "made.png"
    figure.draw([row(OURS), row(ANCHOR, seconds=0.3), row(ANCHOR, "W3")], file)
    assert file.stat().st_size > 10_000


def test_command_refuses_an_unknown_workload() -> None:
    words = [sys.executable, "-m", "benchmarks", "--only", "W7"]
    made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 2
    assert "'W7' is not there. Allowed: W1, W2, W3, W4, W5, start" in made.stderr


def case(error: float, tolerance: float = 1e-6) -> conformance.Case:
    return conformance.Case("some_family", f"error {error}", error, tolerance)


def test_conformance_shows_the_case_nearest_to_its_tolerance() -> None:
    (one,) = conformance.outcomes([case(1e-7), case(1e-3, 1.0), case(2e-7)], {"some_family": ["passed"]})
    assert one.nearest == case(2e-7)
    assert one.cases == 3 and one.is_clean


@pytest.mark.parametrize("results", [["failed"], ["passed", "skipped"]])
def test_conformance_is_not_clean_where_a_test_failed_or_did_not_run(results: list[str]) -> None:
    text, clean = conformance.report(conformance.outcomes([case(1e-7)], {"some_family": results}), [])
    assert not clean
    assert ("1 failed" in text) or ("1 did not run" in text)


def test_conformance_counts_no_number_as_the_worst() -> None:
    (one,) = conformance.outcomes([case(1e-7), case(math.nan)], {"some_family": ["failed"]})
    assert one.nearest is not None and math.isnan(one.nearest.error)


def test_conformance_names_a_family_that_no_test_reads(tmp_path: Path) -> None:
    for family in ("read", "not_read", *conformance.LEFT_OUT):
        (tmp_path / family).mkdir()
    missing = conformance.unread([tmp_path / "read" / "cases.json"])
    assert missing == sorted(["not_read", *conformance.LEFT_OUT])
    _, clean = conformance.report([], ["not_read"])
    assert not clean
    _, clean = conformance.report([], list(conformance.LEFT_OUT))
    assert clean


def test_conformance_collects_what_tests_recorded() -> None:
    collector = conformance.Collector()
    recorded = [("read", "/cases/some_family/cases.json"), ("worst", case(1e-7)._asdict())]
    collector.pytest_runtest_logreport(
        SimpleNamespace(
            location=("tests/external/test_some_family.py", 1, "test"),
            when="call",
            outcome="passed",
            user_properties=recorded,
        )
    )
    assert collector.cases == [case(1e-7)]
    assert collector.tests == {"some_family": ["passed"]}
    assert collector.read == {Path("/cases/some_family/cases.json")}
