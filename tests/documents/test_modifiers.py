"""Every modifier file of the library: it loads, acts on something the library has, and says nothing it must not."""

from __future__ import annotations

import pytest

import pkpd
from pkpd.model import library
from pkpd.model.modifier import WHOLE_EFFECT

NAMES = library.names("modifier")
MODELS = [library.load(name) for name in library.names("pk")]


@pytest.mark.parametrize("name", NAMES)
def test_every_file(name: str) -> None:
    """It loads, and every source it lists has a citation and stands behind a number, a finding or a note."""
    found = pkpd.load_modifier(name)
    assert found.id == name
    assert found.use_for
    assert found.not_for
    assert all(source.citation for source in found.sources.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_kinetic_change_has_a_model(name: str) -> None:
    found = pkpd.load_modifier(name)
    for alternative, changes in found.alternatives().items():
        takers = [model.id for model in MODELS if found.taken(model.roles, model.routes) and changes]
        assert takers, alternative


@pytest.mark.parametrize("name", NAMES)
def test_every_effect_is_in_the_library(name: str) -> None:
    for change in pkpd.load_modifier(name).effects:
        assert change.of in library.names("effect"), change.of
        if change.what not in WHOLE_EFFECT:
            assert change.what in library.load_effect(change.of).parameters


@pytest.mark.parametrize("name", NAMES)
def test_what_a_script_may_set_changes_nothing_until_it_is_set(name: str) -> None:
    for change in pkpd.load_modifier(name).kinetics:
        if change.name:
            assert change.factor == 1
            assert change.mark == "assumed"


def test_the_groups_the_library_has() -> None:
    groups = {pkpd.load_modifier(name).group for name in NAMES}
    assert groups == {"interaction", "genotype", "condition", "adjuvant", "pain modality", "care"}
