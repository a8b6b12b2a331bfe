"""The scoreboard: how models and observations meet, what the scores are, and that what is kept is what comes out."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import replace
from functools import cache

import pytest
from figures import clashes, words

import pkpd
from benchmarks.truth import parameters, report, scoring, targets
from benchmarks.truth.meeting import (
    AS_GIVEN,
    POOLED,
    S_HALF,
    TWICE,
    NotApplicable,
    Subject,
    made_for,
    made_from,
    meeting,
    subjects,
)
from pkpd import observations
from pkpd.model import library
from pkpd.observations.cells import folder

ROWS = {row.id: row for row in observations.concentrations()}
REPORTED = {row.id: row for row in observations.parameters()}


@cache
def models() -> tuple[Subject, ...]:
    return tuple(subjects())


@cache
def scored() -> tuple[scoring.Entry, ...]:
    return tuple(scoring.score(ROWS.values(), models())[0])


def subject(name: str) -> Subject:
    return Subject(pkpd.load(name))


def met(model: str, row: str) -> tuple[str, str, float]:
    found = meeting(subject(model), ROWS[row], ROWS[row].regimen, ROWS[row].analyte)
    return found.form, found.output, found.factor


# Against a computation apart from this package: geometric mean ratio and median absolute error of S-ketamine, in
# percent, of the table of comparisons of the evidence. Kamp BJA: 9 rows of the arms given S; Otto: 8 rows.

KAMP_BJA = {
    "kamp2020-ketamine": (1.04, 8),
    "simons2022-s-ketamine": (1.00, 10),
    "noppers2011-s-ketamine": (1.01, 9),
    "otto2021-s-ketamine": (0.87, 28),
    "clements1981-ketamine": (0.98, 40),
    "domino1984-ketamine": (0.83, 18),
    "perezruixo2021-esketamine": (0.67, 36),
    "hijazi2003-ketamine": (0.62, 21),
}
OTTO = {
    "kamp2020-ketamine": (1.02, 9),
    "simons2022-s-ketamine": (0.87, 20),
    "noppers2011-s-ketamine": (0.81, 26),
    "otto2021-s-ketamine": (0.89, 13),
    "clements1981-ketamine": (1.22, 19),
    "domino1984-ketamine": (0.58, 45),
    "perezruixo2021-esketamine": (0.74, 27),
    "hijazi2003-ketamine": (0.33, 74),
}


def mean_ratio_and_median_error(model: str, rows: str) -> tuple[float, float]:
    """Predictions at 70 kg, as there, of the drug as stated: an S dose into a model of the racemate as it is."""
    found = []
    for id, row in ROWS.items():
        if id.startswith(rows):
            heavy = replace(row, weight_kg=70.0)
            (entry,), _ = scoring.score([heavy], [subject(model)])
            found.append(entry.ratio)
    assert len(found) == {"kamp2020bja-s-sk": 9, "otto2021-k": 8, "kamp2020bja-s-snk": 6}[rows]
    errors = [100 * abs(ratio - 1) for ratio in found]
    return math.exp(statistics.fmean(map(math.log, found))), statistics.median(errors)


@pytest.mark.parametrize("model", sorted(KAMP_BJA))
def test_arterial_levels_of_kamp(model: str) -> None:
    ratio, error = mean_ratio_and_median_error(model, "kamp2020bja-s-sk")
    assert ratio == pytest.approx(KAMP_BJA[model][0], abs=0.0051)
    assert error == pytest.approx(KAMP_BJA[model][1], abs=0.55)


@pytest.mark.parametrize("model", sorted(OTTO))
def test_venous_levels_of_otto(model: str) -> None:
    ratio, error = mean_ratio_and_median_error(model, "otto2021-k")
    assert ratio == pytest.approx(OTTO[model][0], abs=0.0051)
    assert error == pytest.approx(OTTO[model][1], abs=0.55)


@pytest.mark.parametrize(
    ("model", "ratio", "error"), [("otto2021-s-ketamine", 0.84, 11), ("simons2022-s-ketamine", 0.71, 27)]
)
def test_norketamine_of_kamp(model: str, ratio: float, error: float) -> None:
    found = mean_ratio_and_median_error(model, "kamp2020bja-s-snk")
    assert found == (pytest.approx(ratio, abs=0.0051), pytest.approx(error, abs=0.55))


@pytest.mark.parametrize(
    ("model", "row", "unit", "value"),
    [
        ("kamp2020-pooled", "icu-analgosedation-k", 1000, 1.00),
        ("clements1981-ketamine", "icu-analgosedation-k", 1000, 1.05),
        ("domino1984-ketamine", "icu-analgosedation-k", 1000, 0.72),
        ("hijazi2003-ketamine", "icu-analgosedation-k", 1000, 0.56),
        ("clements1981-ketamine", "idvall1979-steady", 237.73, 9.0),
        ("kamp2020-pooled", "idvall1979-steady", 237.73, 8.6),
        ("domino1984-ketamine", "idvall1979-steady", 237.73, 6.2),
        ("kamp2020-pooled", "singh2022-iv-2min", 1, 263),
        ("domino1984-ketamine", "singh2022-iv-2min", 1, 182),
        ("clements1981-ketamine", "singh2022-iv-2min", 1, 77),
        ("kamp2020-pooled", "zarate2006-peak", 1, 253),
        ("domino1984-ketamine", "zarate2006-peak", 1, 240),
        ("otto2021-s-ketamine", "zarate2006-peak", 1, 158),
        ("simons2022-s-ketamine", "zarate2006-peak", 1, 289),
    ],
)
def test_anchors(model: str, row: str, unit: float, value: float) -> None:
    """The evidence's own predictions of four anchors."""
    (entry,), _ = scoring.score([ROWS[row]], [subject(model)])
    assert entry.predicted / unit == pytest.approx(value, rel=0.012)


# How they meet


@pytest.mark.parametrize(
    ("model", "row", "expected"),
    [
        ("kamp2020-ketamine", "otto2021-k-1h", (AS_GIVEN, "S-ketamine", 1.0)),
        ("kamp2020-ketamine", "zarate2006-peak", (AS_GIVEN, "ketamine", 1.0)),
        ("kamp2020-ketamine", "icu-analgosedation-nk", (TWICE, "S-norketamine", 2.0)),
        ("kamp2020-ketamine", "kamp2020bja-rac-rk-2h", (AS_GIVEN, "R-ketamine", 1.0)),
        ("simons2022-s-ketamine", "kamp2020bja-rac-sk-2h", (S_HALF, "S-ketamine", 1.0)),
        ("simons2022-s-ketamine", "zarate2006-peak", (TWICE, "S-ketamine", 2.0)),
        ("kamp2020-pooled", "otto2021-k-1h", (POOLED, "ketamine", 1.0)),
        ("domino1984-ketamine", "otto2021-k-1h", (POOLED, "ketamine", 1.0)),
        ("domino1984-ketamine", "kamp2020bja-rac-rk-2h", (POOLED, "ketamine", 0.5)),
        ("domino1984-ketamine", "zarate2006-peak", (AS_GIVEN, "ketamine", 1.0)),
    ],
)
def test_forms(model: str, row: str, expected: tuple[str, str, float]) -> None:
    assert met(model, row) == expected


@pytest.mark.parametrize(
    ("model", "row", "why"),
    [
        ("simons2022-s-ketamine", "kamp2020bja-rac-rk-2h", "no R-ketamine"),
        ("kamp2020-ketamine", "grant1981-peak", "no oral route"),
        ("kamp2020-ketamine", "weber2004-iv-k-peak", "children"),
        ("otto2021-s-ketamine", "kamp2020bja-s-sdhnk-3h", "no S-dehydronorketamine"),
        ("fanta2015-oral-s-ketamine", "ashraf2018-oral-ticlopidine-k-area", "no ticlopidine"),
    ],
)
def test_what_does_not_meet(model: str, row: str, why: str) -> None:
    with pytest.raises(NotApplicable, match=why):
        met(model, row)


def test_half_of_a_racemic_dose() -> None:
    row = ROWS["kamp2020bja-rac-sk-2h"]
    given = meeting(subject("simons2022-s-ketamine"), row, row.regimen, row.analyte).regimen
    assert given == pkpd.parse(
        "s-ketamine 0.14 mg/kg/h iv over 1 h then 0.285 mg/kg/h over 1 h then 0.57 mg/kg/h over 1 h"
    )


def test_whom_a_model_is_for() -> None:
    for_whom = {name: made_for(pkpd.load(name)) for name in library.names("pk")}
    assert for_whom["hijazi2003-ketamine"] == "intensive care"
    assert for_whom["kamp2020-ketamine"] == "adults"
    children = {"flint2017-s-ketamine", "herd2007-ketamine", "elkomy2015-ketamine", "sherwin2015-ketamine"}
    assert {name for name, whom in for_whom.items() if whom == "children"} == children & set(for_whom)


def test_outside() -> None:
    row = ROWS["icu-analgosedation-k"]
    general = meeting(subject("kamp2020-ketamine"), row, row.regimen, row.analyte)
    assert general.outside == ("made for adults, measured in intensive care",)
    assert meeting(subject("hijazi2003-ketamine"), row, row.regimen, row.analyte).outside == ()
    heavy = replace(ROWS["otto2021-k-1h"], weight_kg=200.0)
    assert meeting(subject("kamp2020-ketamine"), heavy, heavy.regimen, heavy.analyte).outside == ("weight 200 kg",)


def test_rows_a_model_was_made_from_are_not_scored() -> None:
    assert made_from(subject("simons2022-s-ketamine"), ROWS["simons2022-iv-after-50"])
    assert made_from(subject("ashraf2018-s-ketamine"), ROWS["ashraf2018-oral-k-area"])
    assert not made_from(subject("kamp2020-ketamine"), ROWS["otto2021-k-1h"])
    assert made_from(subject("ashraf2018-s-ketamine"), REPORTED["hagelberg2010-clarithromycin-area"])
    film = [s for s in scoring.summaries(scored()) if s.route == "sublingual" and s.analyte == "S-norketamine"]
    assert film
    assert all(s.n == 0 and s.own == 4 and s.gmfe is None for s in film)


# Scores


def entry(ratio: float, row: str = "otto2021-k-1h", **others: object) -> scoring.Entry:
    of = ROWS[row]
    return replace(
        scoring.Entry(of, subject("kamp2020-ketamine"), AS_GIVEN, (), False, ratio * of.value, None, None), **others
    )


def test_scores_of_known_errors() -> None:
    entries = [entry(2.0), entry(0.5), entry(1.2), entry(1.0), entry(9.0, own=True)]
    (one,) = [s for s in scoring.summaries(entries) if s.analyte == "S-ketamine"]
    assert (one.n, one.studies, one.own, one.outside) == (4, 1, 1, 0)
    assert one.gmfe == pytest.approx(math.exp((2 * math.log(2) + math.log(1.2)) / 4))
    assert one.gmr == pytest.approx(math.exp(math.log(1.2) / 4))
    assert (one.within125, one.within150, one.within200) == (0.5, 0.5, 1.0)
    assert one.own_gmfe == pytest.approx(9.0)
    assert one.in_band is None


def test_doubtful_rows_are_scored_apart() -> None:
    entries = [entry(1.0), entry(2.0, "kamp2020bja-s-sk-1h")]
    found = {s.rows: s for s in scoring.summaries(entries) if s.analyte == "S-ketamine"}
    assert found["data"].gmfe == 1.0
    assert found["with doubtful"].n == 2
    assert found["with doubtful"].gmfe == pytest.approx(math.sqrt(2))


def test_bands_and_coverage() -> None:
    row = ROWS["singh2022-iv-2min"]
    low, high = row.people or (0, 0)
    assert entry(1.0, row.id, low=0.9 * row.value, high=2 * row.value).in_band
    assert not entry(1.0, row.id, low=1.1 * row.value, high=2 * row.value).in_band
    assert entry(1.0, row.id, low=low / 2, high=high * 2).covered == pytest.approx(1)
    assert entry(1.0, row.id, low=row.value, high=high).covered == pytest.approx(0.5)
    assert entry(1.0, row.id, low=high * 2, high=high * 3).covered == 0
    assert entry(1.0).covered is None


def test_the_band_is_that_of_people() -> None:
    """A steady level is rate over clearance, whose log SD is sqrt(0.026048): 5th and 95th percentile."""
    (found,), _ = scoring.score([ROWS["icu-analgosedation-k"]], [subject("otto2021-s-ketamine")])
    spread = math.exp(1.6449 * math.sqrt(0.026048))
    assert found.low == pytest.approx(found.predicted / spread, rel=0.04)
    assert found.high == pytest.approx(found.predicted * spread, rel=0.04)


def test_reported_parameters() -> None:
    """Clearance, volumes, half-life and availability of models whose evidence states them."""
    expected = {
        ("hijazi2003-ketamine", "hijazi2003-clearance"): 36.0,
        ("hijazi2003-ketamine", "hijazi2003-volume-beta"): 15.4,
        ("hijazi2003-ketamine", "hijazi2003-half-life"): 4.94,
        ("otto2021-s-ketamine", "fanta2015-clearance"): 95.2,
        ("perezruixo2021-esketamine", "perezruixo2021-clearance"): 109.0,
        ("perezruixo2021-esketamine", "perezruixo2021-volume"): 752.0,
        ("perezruixo2021-esketamine", "label-bioavailability"): 0.509,
        ("perezruixo2021-esketamine", "grant1981-bioavailability"): 0.178,
        ("ashraf2018-s-ketamine", "hagelberg2010-clarithromycin-area"): 2.6,
        ("ashraf2018-s-ketamine", "peltoniemi2012-grapefruit-juice-area"): 3.0,
        ("ashraf2018-s-ketamine", "peltoniemi2012-rifampicin-oral-area"): 0.14,
        ("ashraf2018-s-ketamine", "peltoniemi2012-rifampicin-iv-area"): 0.86,
    }
    for (model, row), value in expected.items():
        (found,) = parameters.score([REPORTED[row]], [subject(model)])
        assert found.predicted == pytest.approx(value, rel=0.02), (model, row)


def test_the_clearance_of_an_isomer_is_of_its_own_half_of_the_racemate() -> None:
    """84 L/h of S-ketamine in 70 kg are 20 mL/min/kg, and R-ketamine has 0.86 of it."""
    for isomer, expected in (("s", 20.0), ("r", 17.2)):
        (found,) = parameters.score(
            [REPORTED[f"wang2019-{isomer}-in-racemate-clearance"]], [subject("kamp2020-ketamine")]
        )
        assert found.predicted == pytest.approx(expected, rel=1e-6)


def test_volume_at_steady_state() -> None:
    """418.8 L at 70 kg, by the evidence."""
    row = replace(REPORTED["label-volume"], weight_kg=70.0)
    (found,) = parameters.score([row], [subject("otto2021-s-ketamine")])
    assert found.predicted == pytest.approx(418.8, rel=1e-4)


# What is asked, and what is kept


def test_the_default_on_intravenous_ketamine() -> None:
    judged = {one.asked: one for one in targets.judge(scored(), [])}
    default = [one for asked, one in judged.items() if asked.startswith("kamp2020-ketamine")]
    assert len(default) == 4
    assert all(one.met for one in default)
    met = {asked.split(":")[0]: one.met for asked, one in judged.items() if not asked.startswith("kamp")}
    assert met["intravenous, forms as given"]
    assert met["oral, forms as given"]
    assert met["nasal, forms as given"]
    assert met["sublingual and buccal, forms as given"] is None


def test_a_missed_target_names_the_rows() -> None:
    far = [entry(3.0, "grant1981-peak"), entry(1.0, "chong2006-oral-nk-peak")]
    (oral,) = [one for one in targets.judge(far, []) if one.asked.startswith("oral, forms as given")]
    assert oral.met is False
    assert any("grant1981-peak" in line for line in oral.rows)


def test_the_kept_scoreboard_is_what_comes_out() -> None:
    """Otherwise: python -m benchmarks.truth --keep."""
    made = report.kept(scoring.summaries(scored()), scored())
    kept = json.loads((folder() / "scoreboard.json").read_text(encoding="utf-8"))
    for part in ("scores", "predictions"):
        assert len(kept[part]) == len(made[part])
        for old, new in zip(kept[part], made[part], strict=True):
            assert old.keys() == new.keys()
            for name, value in new.items():
                expected = pytest.approx(value, rel=1e-3) if isinstance(value, float) else value
                assert old[name] == expected, (name, new)


def test_every_prediction_of_the_json_names_its_source() -> None:
    made = report.as_json([], scored(), [], [], [])
    for one in made["predictions"]:
        assert one["citation"] and one["seen_at"] and one["row"] in ROWS


def test_the_figure(tmp_path) -> None:
    from benchmarks.truth.figure import HIGH, draw, page

    assert clashes(page(scored())) == []
    said = words(page(scored()))
    for expected in ("off by at most 1.25 fold", "off by at most 1.5 fold", "off by at most 2 fold", "observed, ng/mL"):
        assert expected in said
    assert "benchmarks.truth --json FILE" in said
    assert "Not for dosing patients." in said
    for entry in scored():
        if entry.row.kind == "data" and entry.predicted > HIGH:
            assert f"{entry.predicted:,.0f}" in said
    draw(scored(), tmp_path / "truth.png")
    assert 20_000 < (tmp_path / "truth.png").stat().st_size < 300_000
    with pytest.raises(ValueError, match="nothing was predicted"):
        draw([], tmp_path / "none.png")
