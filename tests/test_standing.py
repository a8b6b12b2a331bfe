"""Which model to trust: the scoreboard as the command line shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pkpd.cli import main
from pkpd.errors import ObservationError
from pkpd.observations import Score, Scoreboard, effect_scores, scoreboard
from pkpd.observations.effect_scores import read_effect_scores
from pkpd.terminal.standing import off, score_lines

ONE = Score(
    "a",
    "",
    "iv",
    "parent drug",
    "adults",
    "as given",
    "data",
    4,
    2,
    1.5,
    0.7,
    0.25,
    0.5,
    0.75,
    None,
    None,
    0,
    0,
    0,
    None,
)
OWN = replace(ONE, n=0, studies=0, gmfe=None, gmr=None, within200=None, own=3, own_gmfe=1.1)


def test_cells() -> None:
    pooled = replace(ONE, form="pooled", n=9, gmfe=1.3)
    board = Scoreboard(
        (ONE, pooled, replace(pooled, form="S half", n=1), replace(ONE, analyte="S-norketamine", gmfe=2))
    )
    assert off(board, "a", "iv", "adults") == "1.50 (4), 1.30* (9) / 2.00 (4)"
    assert off(board, "a", "oral", "adults") == "-"
    assert off(board, "b", "iv", "adults") == "-"
    assert off(Scoreboard((replace(ONE, outside=4),)), "a", "iv", "adults") == "1.50! (4)"
    assert off(Scoreboard((OWN,)), "a", "iv", "adults") == "own 1.10 (3)"
    ignored = (replace(ONE, reading="other"), replace(ONE, rows="with doubtful"))
    assert off(Scoreboard(ignored), "a", "iv", "adults") == "-"


def test_lines() -> None:
    board = Scoreboard((replace(ONE, reading="other", form="S half", outside=1), OWN))
    first, second = score_lines(board, "a")
    assert first == (
        "iv, adults, parent drug, S half [other]: off by 1.50 fold on 4 rows of 2 studies "
        "(predicted/observed 0.70, 75% within 2 fold); 1 outside its population or limits"
    )
    assert second == "iv, adults, parent drug: 1.10 fold on 3 rows it was made from, not counted"


def test_the_list_of_models_says_how_far_off_they_were(capsys) -> None:
    assert main(["models", "pk"]) == 0
    printed = capsys.readouterr().out
    table = printed[printed.index("How far off") :]
    lines = table.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.strip().startswith("kamp2020-ketamine"))
    ketamine, norketamine = off(scoreboard(), "kamp2020-ketamine", "iv", "adults").split(" / ")
    assert f" {ketamine} " in lines[at]
    assert lines[at + 1].strip() == f"/ {norketamine}"
    assert "pkpd show MODEL" in table


def test_a_model_s_page_has_its_scores(capsys) -> None:
    assert main(["show", "kamp2020-ketamine"]) == 0
    printed = capsys.readouterr().out
    assert "Against measured concentrations" in printed
    assert "iv, adults, parent drug: off by 1." in " ".join(printed.split())
    assert main(["show", "fast-relief"]) == 0
    assert "Against measured" not in capsys.readouterr().out


def test_lines_that_say_the_same_twice_are_left_out() -> None:
    alone = replace(ONE, analyte="S-ketamine")
    other = replace(ONE, analyte="S-norketamine", gmfe=2)
    board = Scoreboard((ONE, alone, other, replace(alone, reading="r"), replace(other, reading="r", gmfe=3)))
    first, second, third, last = score_lines(board, "a")
    assert first.startswith("iv, adults, S-ketamine: off by 1.50")
    assert second.startswith("iv, adults, S-norketamine: off by 2.00")
    assert third.startswith("iv, adults, S-norketamine [r]: off by 3.00")
    assert last == 'reading "r": off as far on all other rows'


def test_a_route_nothing_was_measured_by_is_named(capsys) -> None:
    assert main(["models", "pk"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "No measured level by the route buccal, so that nothing says how far off: simons2022-s-ketamine." in printed
    assert "by the route oral," not in printed
    assert "by the route nasal," not in printed


def test_an_effect_says_how_far_off_it_was(capsys) -> None:
    assert main(["models", "effect"]) == 0
    printed = capsys.readouterr().out
    (line,) = (
        text for text in printed[printed.index("How far off") :].splitlines() if " loss-of-responsiveness " in text
    )
    assert line.split() == ["loss-of-responsiveness", "0", "of", "2", "-"]
    assert main(["show", "psychotomimetic-asked"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Motov 2017 (24), motov2017-push: " in shown
    assert "91.7 % (73 to 99) observed, inside; made from it; levels of kamp2020-ketamine" in shown


def test_an_observation_without_an_interval_is_neither_inside_nor_outside() -> None:
    (nasal,) = (one for one in effect_scores() if one.row == "cadss-nasal-56")
    assert nasal.inside is None
    assert not nasal.counted


@pytest.mark.parametrize(
    "text", ["{", '[{"row": "nobody", "model": "m", "predicted": 0.5}]', '[{"row": "motov2017-push"}]']
)
def test_what_is_no_scoreboard_of_effects_is_refused(tmp_path, text) -> None:
    file = tmp_path / "effects-scoreboard.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ObservationError, match="not a scoreboard"):
        read_effect_scores(file)
    assert read_effect_scores(tmp_path / "absent.json") == ()
