"""The README's code runs, and its table of models is the library's."""

import re
from pathlib import Path

import matplotlib as mpl

from pkpd.model.library import names

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_scripts_run_and_make_the_picture(tmp_path, monkeypatch, capsys):
    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    shared: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        exec(compile(block, "README.md", "exec"), shared)
    for picture in ("regimens.png", "disagreement.png"):
        assert (tmp_path / picture).stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert "psychotomimetic-asked" in printed
    assert "\n{}\n" in printed
    assert re.search(r"peak: \d\.\d-fold, \S+ to simons2022-s-ketamine", printed)
    assert printed.rstrip().endswith("excluded")


def test_first_script_is_short():
    first = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    assert len([line for line in first.splitlines() if line.strip()]) <= 12


def test_every_kinetic_model_is_in_the_table():
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", README, re.MULTILINE)
    assert sorted(listed) == sorted(names("pk"))


def test_every_prescription_shown_can_be_read():
    import pkpd

    line = README[README.index("## Prescriptions") : README.index('"ketamine" alone')]
    texts = re.findall(r"`([^`]+)`", line)
    assert len(texts) == 7
    for text in texts:
        regimen = pkpd.parse(text)
        assert pkpd.parse(str(regimen)) == regimen


def test_every_place_named_exists():
    section = README[README.index("## Where things are") :]
    for place in re.findall(r"`((?:pkpd|models|tests|benchmarks|docs)/[^`]*)`", section):
        assert (ROOT / place).exists(), place
