"""Modifier files and [roles]: what is wrong is refused with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

import pkpd
from pkpd.errors import ModelFileError
from pkpd.model import library

GOOD = """id = "example"
kind = "modifier"
title = "t"
group = "interaction"
use_for = "u"
not_for = "n"
notes = ["one"]
[sources.a]
citation = "c"
[[kinetics]]
role = "clearance"
factor = 0.5
range = [0.4, 0.6]
source = "a"
mark = "derived"
name = "factor"
[[effects]]
of = "fast-relief"
what = "C50"
amount = 2
source = "a"
mark = "assumed"
[[effects]]
of = "slow-relief"
what = "none"
source = "a"
mark = "primary"
"""


def test_a_good_file() -> None:
    found = pkpd.read_modifier(GOOD)
    assert found.acts_on == ("clearance", "fast-relief", "slow-relief")
    assert found.kinetics[0].range == (0.4, 0.6)
    assert [change.changes for change in found.effects] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ('role = "clearance"', 'role = "clearence"', "line 11, [kinetics.role]", 'Did you mean "clearance"'),
        ("factor = 0.5", "factor = -1", "line 12, [kinetics.factor]", "0 or more"),
        ("factor = 0.5", "factor = 0.7", "line 13, [kinetics.range]", "does not hold the number itself"),
        ('mark = "derived"', 'mark = "derivd"', "line 15, [kinetics.mark]", 'Did you mean "derived"'),
        ('name = "factor"', 'name = "my factor"', "line 16, [kinetics.name]", "cannot be a name"),
        ('name = "factor"', 'routes = ["vein"]', "line 16, [kinetics.routes]", "iv"),
        ('name = "factor"', "optional = true", "line 10, [kinetics]", "optional"),
        ('group = "interaction"', 'group = "drug"', "line 4, [group]", "interaction"),
        ('of = "fast-relief"', 'of = "Fast relief"', "line 18, [effects.of]", "not the id"),
        ('what = "C50"', 'what = "the C50"', "line 19, [effects.what]", "log odds"),
        ("amount = 2", "amount = -2", "line 20, [effects.amount]", "0 or more"),
        ("amount = 2", "", "line 17, [effects]", '"amount" is missing'),
        ('what = "none"', 'what = "none"\namount = 1', "line 26, [effects.amount]", "leave amount out"),
        ('of = "slow-relief"\nwhat = "none"', 'of = "fast-relief"\nwhat = "C50"\namount = 1', "line 25", "twice"),
        ('what = "C50"', 'what = "C50"\nform = "X"', "line 20, [effects.form]", "racemate"),
        ('title = "t"', 'title = "t"\nkinetic = 1', "line 4, [kinetic]", 'Did you mean "kinetics"'),
        ('source = "a"\nmark = "derived"', 'source = "b"\nmark = "derived"', "line 14, [kinetics.source]", "a"),
    ],
)
def test_refused_with_line_and_key(old: str, new: str, where: str, what: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ModelFileError) as caught:
        pkpd.read_modifier(GOOD.replace(old, new), "example.toml")
    assert where in str(caught.value)
    assert what in str(caught.value)


def test_a_factor_of_zero_is_for_kinetics_alone() -> None:
    pkpd.read_modifier(GOOD.replace("factor = 0.5\nrange = [0.4, 0.6]", "factor = 0"))
    with pytest.raises(ModelFileError, match=r"line 20, \[effects.amount\].*above 0"):
        pkpd.read_modifier(GOOD.replace("amount = 2", "amount = 0"), "example.toml")


def test_an_empty_file_and_one_of_another_kind() -> None:
    with pytest.raises(ModelFileError, match="neither"):
        pkpd.read_modifier(GOOD[: GOOD.index("[[kinetics]]")])
    with pytest.raises(ModelFileError, match='"example" is a modifier, not a kinetic model'):
        pkpd.read_model(GOOD)


ROLES = Path(library.paths("pk")["kamp2020-ketamine"]).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("new", "what"),
    [
        ('clearanc = "CL"', 'Did you mean "clearance"'),
        ('clearance = "CLx"', 'Did you mean "CL"'),
        ('clearance = ["CL", "CL"]', "several different"),
        ("clearance = []", "name one parameter"),
        ('clearance = "V1"', "neither a clearance"),
        ("clearance = 3", "list of texts"),
    ],
)
def test_roles_refused(new: str, what: str) -> None:
    old = 'clearance             = "CL"\n'
    assert ROLES.count(old) == 1
    with pytest.raises(ModelFileError) as caught:
        pkpd.read_model(ROLES.replace(old, new + "\n"), "kamp2020-ketamine.toml")
    assert "[roles." in str(caught.value)
    assert what in str(caught.value)


def test_roles_read() -> None:
    model = pkpd.load("kamp2020-ketamine")
    assert model.roles == {"clearance": ("CL",), "norketamine_clearance": ("CLn",)}
