"""Guidance files: all of the library load, and a mistake names its line."""

import re
from pathlib import Path

import pytest

import pkpd
from pkpd.guidance import guidelines, harm, harms
from pkpd.guidance.reading import read_guidance
from pkpd.model.library import paths

ASRA = Path(paths("guidance")["asra2018-chronic-pain"]).read_text(encoding="utf-8")
LIVER = Path(paths("guidance")["liver-injury"]).read_text(encoding="utf-8")


def test_every_file_of_the_folder_is_a_guideline_or_a_harm():
    assert sorted(one.id for one in (*guidelines(), *harms())) == list(paths("guidance"))
    assert {one.id for one in harms()} == {
        "cardiovascular-strain",
        "cognition-and-psychiatry",
        "dependence",
        "liver-injury",
        "urinary-symptoms",
    }


def test_recalled_numbers_of_the_acute_guideline_are_assumed():
    (acute,) = [one for one in guidelines() if one.id == "schwenk2018-acute-pain"]
    assert {limit.mark for limit in acute.limits} == {"assumed"}
    assert {(limit.of, limit.most) for limit in acute.limits} == {("bolus", 0.35), ("infusion rate", 1.0)}


def test_every_harm_says_that_it_predicts_no_risk_or_knows_none():
    for one in harms():
        assert re.search("predict.* risk|risk can be predicted|not an incidence of zero", one.about), one.id


def test_the_files_of_the_models_page_load():
    page = (Path(__file__).resolve().parents[2] / "models" / "README.md").read_text(encoding="utf-8")
    blocks = page[page.index("## Guidance") :].split("```toml\n")[1:3]
    example, organ = (read_guidance(block.split("```")[0]) for block in blocks)
    assert [limit.written for limit in example.limits] == ["0.5 to 2 mg/kg/h"]
    assert [rule.level for rule in organ.rules] == ["hazard"]


def test_counts_give_their_exact_interval():
    assert [round(100 * end) for end in harm("liver-injury").counts["repeated"].interval] == [12, 88]


@pytest.mark.parametrize(
    ("text", "old", "new", "words"),
    [
        (ASRA, 'of     = "bolus"', 'of = "bolos"', ['Did you mean "bolus"', "line 19"]),
        (ASRA, 'unit   = "mg/kg"\n', 'unit = "mg/h"\n', ["bolus needs", "line 21"]),
        (ASRA, "max    = 0.35\n", "", ["give"]),
        (ASRA, "min    = 0.5\n", "min = 5\n", ["not below max"]),
        (ASRA, '"crps", ', '"crsp", ', ['Did you mean "crps"']),
        (ASRA, 'mark   = "secondary"', 'mark = "second"', ['Did you mean "secondary"']),
        (ASRA, 'side   = "below"', 'side = "belov"', ['Did you mean "below"']),
        (ASRA, 'of     = "infusion rate"\nside', 'of = "infusion rat"\nside', ['Did you mean "infusion rate"']),
        (ASRA, "[[limits]]", "[[limit]]", ['Did you mean "limits"']),
        (LIVER, "{repeated}", "{repeeted}", ['Did you mean "repeated"']),
        (LIVER, "{repeated}", "{repeated", ["braces"]),
        (LIVER, "events   = 3", "events = 7", ["more than all"]),
        (LIVER, "events   = 3", "events = 2.5", ["whole number"]),
        (LIVER, 'lasting = "72 h"\n', "", ["go together"]),
        (LIVER, '"72 h"', '"72 mg"', ["mg"]),
        (LIVER, 'level   = "hazard"', 'level = "hazzard"', ['Did you mean "hazard"']),
        (LIVER, 'kind  = "harm"', 'kind = "hram"', ['Did you mean "harm"']),
        (LIVER, 'source   = "noppers2011"', 'source = "noppers"', ['Did you mean "noppers2011"']),
    ],
)
def test_mistakes_name_their_line(text, old, new, words):
    assert old in text
    with pytest.raises(pkpd.PkpdError) as caught:
        read_guidance(text.replace(old, new, 1), "guidance.toml")
    for word in ["guidance.toml line", *words]:
        assert word in str(caught.value)
