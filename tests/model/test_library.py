"""The model library: every file loads, names are found, and wrong ones are answered with the nearest."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pkpd.errors import ModelFileError, UnknownName
from pkpd.model import library
from pkpd.model.effect import ROLES

MODELS = library.names("pk") + library.names("generic")
EFFECTS = library.names("effect")

# A small library of its own, so that names and errors do not move with the shipped files.
PK = """id = "{id}"
kind = "pk"
title = "t"
drug = "ketamine"
use_for = "u"
not_for = "n"
sampling_site = "not stated"
[routes.iv]
into = "central"
[parameters.CL]
unit = "L/h"
required = true
[parameters.V1]
unit = "L"
required = true
[[structures]]
use = "one-compartment"
[outputs.plasma]
expression = "central / V1"
unit = "mg/L"
"""
PLACEBO = """id = "{id}"
kind = "effect"
title = "t"
endpoint = "e"
role = "{role}"
default = {default}
use_for = "u"
not_for = "n"
[sources.a]
citation = "c"
[curve]
form = "constant"
level = "level"
[parameters.level]
value = 5
unit = "point"
source = "a"
mark = "assumed"
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "ketamine/pk/first-model.toml": PK.format(id="first-model"),
        "generic/bare.toml": PK.format(id="bare"),
        "ketamine/effects/b-effect.toml": PLACEBO.format(id="b-effect", role="placebo", default="true"),
        "ketamine/effects/c-effect.toml": PLACEBO.format(id="c-effect", role="baseline", default="false"),
        "ketamine/effects/a-effect.toml": PLACEBO.format(id="a-effect", role="baseline", default="true"),
        "ketamine/studies/a-study.toml": "not TOML, and not read here",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(library, "folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", MODELS)
def test_every_model_loads(name: str) -> None:
    model = library.load(name)
    assert model.id == name
    assert model.states
    assert model.outputs


@pytest.mark.parametrize("name", EFFECTS)
def test_every_effect_loads(name: str) -> None:
    assert library.load_effect(name).id == name


def test_default_effects_are_those_marked() -> None:
    effects = library.default_effects()
    assert all(effect.default for effect in effects)
    assert [(ROLES.index(effect.role), effect.id) for effect in effects] == sorted(
        (ROLES.index(effect.role), effect.id) for effect in effects
    )


def test_names_by_kind(small: Path) -> None:
    assert library.names() == ["a-effect", "a-study", "b-effect", "bare", "c-effect", "first-model"]
    assert library.names("pk") == ["first-model"]
    assert library.names("generic") == ["bare"]
    assert library.names("effect") == ["a-effect", "b-effect", "c-effect"]
    assert library.study_names() == ["a-study"]
    assert library.study_path("a-study") == small / "ketamine/studies/a-study.toml"
    assert library.find("bare") == small / "generic/bare.toml"
    assert [effect.id for effect in library.default_effects()] == ["b-effect", "a-effect"]
    assert library.load("bare").parameters["CL"].required


def test_wrong_names(small: Path) -> None:
    with pytest.raises(
        UnknownName, match='kinetic model "frist-model" is not known. Allowed: bare, first-model. Did you mean "first'
    ):
        library.load("frist-model")
    with pytest.raises(UnknownName, match='"a-effect" is an effect .*, and not a kinetic model'):
        library.load("a-effect")
    with pytest.raises(UnknownName, match='"first-model" is a kinetic model .*, and not an effect'):
        library.load_effect("first-model")
    with pytest.raises(UnknownName, match='study "astudy" is not known.*Did you mean "a-study"'):
        library.study_path("astudy")
    with pytest.raises(UnknownName, match='name "zzz" is not known'):
        library.find("zzz")
    with pytest.raises(UnknownName, match='kind "models" is not known'):
        library.names("models")


def test_two_files_of_one_name(small: Path) -> None:
    (small / "generic/first-model.toml").write_text(PK.format(id="first-model"))
    with pytest.raises(ModelFileError, match='the name "first-model" is taken'):
        library.names()


def test_a_file_of_your_own(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(PK.format(id="mine"))
    assert library.load(path).id == library.load(str(path)).id == "mine"
    with pytest.raises(ModelFileError, match="cannot be read"):
        library.load(tmp_path / "nowhere.toml")
    effect = small / "ketamine/effects/a-effect.toml"
    with pytest.raises(UnknownName, match='"a-effect" is an effect, not a kinetic model'):
        library.load(effect)


def test_a_changed_file_is_read_again(small: Path) -> None:
    first = library.load("first-model")
    assert library.load("first-model") is first
    path = small / "ketamine/pk/first-model.toml"
    path.write_text(PK.format(id="first-model").replace('title = "t"', 'title = "another"'))
    assert library.load("first-model").title == "another"


def test_the_library_inside_the_package_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_folder = library.folder.__wrapped__
    monkeypatch.setattr(library, "__file__", str(tmp_path / "pkpd/model/library.py"))
    (tmp_path / "pkpd/model").mkdir(parents=True)
    with pytest.raises(ModelFileError, match="library was not found"):
        find_folder()
    (tmp_path / "models").mkdir()
    assert find_folder() == tmp_path / "models"
    (tmp_path / "pkpd/models").mkdir()
    assert find_folder() == tmp_path / "pkpd/models"


def test_loading_again_is_fast(small: Path) -> None:
    library.load("first-model")
    start = time.perf_counter()
    for _ in range(20):
        library.load("first-model")
    assert (time.perf_counter() - start) / 20 < 0.005


def test_reading_models_loads_nothing_heavy() -> None:
    heavy = "{'pint', 'numba', 'pandas', 'matplotlib', 'xarray'}"
    script = f"import sys, pkpd.model.library; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
