"""The code of the pages runs, and their tables of models are the library's."""

import re
from pathlib import Path

import matplotlib as mpl
import pytest

from pkpd.model.library import names
from pkpd.observations import scoreboard
from pkpd.terminal.standing import off

ROOT = Path(__file__).resolve().parents[2]
README, LIBRARY, SCRIPTS, STRUCTURE = (
    (ROOT / page).read_text(encoding="utf-8")
    for page in ("README.md", "docs/library.md", "docs/scripts.md", "docs/structure.md")
)


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


def test_every_script_runs_by_itself(tmp_path, monkeypatch, capsys):
    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    assert (len(blocks(README)), len(blocks(SCRIPTS))) == (9, 1)
    for block in blocks(README) + blocks(SCRIPTS):
        exec(compile(block, "README.md", "exec"), {})
    for picture in ("regimens.png", "disagreement.png"):
        assert (tmp_path / picture).stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert "psychotomimetic-asked" in printed
    assert "excluded\n" in printed and printed.endswith("\n{}\n")
    assert re.search(r"true -\d\.\d\d, found in \d+%, then \d+\.\d-fold", printed)
    assert re.search(r"peak: \d\.\d-fold, \S+ to simons2022-s-ketamine", printed)


def test_first_script_is_short():
    assert len([line for line in blocks(README)[0].splitlines() if line.strip()]) <= 12


def test_every_kinetic_model_is_in_the_table_and_every_name_is_one():
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", LIBRARY, re.MULTILINE)
    assert sorted(listed) == sorted(names("pk"))
    told = set(re.findall(r"`([a-z0-9-]+)`", LIBRARY))
    unknown = {name for name in told if re.search(r"[a-z]\d{4}-|-", name)} - set(names("pk") + names("effect"))
    assert unknown == {"three-compartment", "two-compartment-oral"}


def test_which_model_to_trust_says_what_the_scoreboard_says():
    lines = re.findall(r"^\| [^|]+ \| `([a-z0-9-]+)`[^|]* \| ([^|]+) \| ([^|]+) \|$", README, re.MULTILINE)
    assert len(lines) == 7
    for model, place, told in lines:
        route, _, group = place.partition(", ")
        shown = re.split(r", | / ", off(scoreboard(), model, route, group or "adults"))
        assert told in shown, (model, place)


def test_every_prescription_shown_can_be_read():
    import pkpd

    line = README[README.index("## Prescriptions") : README.index('"ketamine" alone')]
    texts = re.findall(r"`([^`]+)`", line)
    assert len(texts) == 7
    for text in texts:
        regimen = pkpd.parse(text)
        assert pkpd.parse(str(regimen)) == regimen


def test_every_place_named_exists():
    section = STRUCTURE[STRUCTURE.index("## Where things are") :]
    for place in re.findall(r"`((?:pkpd|models|tests|benchmarks|docs)/[^`]*)`", section + README + LIBRARY + SCRIPTS):
        assert (ROOT / place).exists(), place


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_every_picture_and_page_named_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
        assert ((ROOT / page).parent / picture).exists(), picture
    for other in re.findall(r"`((?:docs|models)/[\w-]+\.md)`", text):
        assert (ROOT / other).exists(), other
