"""How a mistake is answered: what is allowed, and the nearest word where a reader finds it."""

from __future__ import annotations

import pytest

import pkpd
from pkpd.errors import LONG, MANY, UnknownName, nearest

SOME = ["goldberg2010-crps", "crps-infusions", "kim2015-postherpetic-neuralgia"]


def test_the_nearest_word_is_spelt_alike_or_holds_what_was_given() -> None:
    assert nearest("crps-infusion", SOME).endswith('Did you mean "crps-infusions"?')
    assert nearest("crps", SOME).endswith('Did you mean "crps-infusions"?')
    assert nearest("Kim", SOME).endswith('Did you mean "kim2015-postherpetic-neuralgia"?')
    assert nearest("ps", SOME) == "Allowed: crps-infusions, goldberg2010-crps, kim2015-postherpetic-neuralgia."
    assert nearest("x", []) == "Allowed: nothing."


def test_before_a_long_list_stands_the_nearest_word() -> None:
    many = [f"word{number}" for number in range(LONG // 5)]
    assert nearest("wrd7", many).startswith('Did you mean "word7"? Allowed: word0, ')
    assert nearest("wrd7", many[:9]).endswith('Did you mean "word7"?')


def test_of_very_many_that_a_command_lists_only_the_nearest_are_told() -> None:
    many = [f"word{number}-{'odd' if number % 2 else 'even'}" for number in range(MANY + 1)]
    told = nearest("word7", many, "pkpd models word")
    assert told.startswith('Did you mean "word7-odd"? Others near it: ') and "Allowed" not in told
    assert told.endswith(f"There are {MANY + 1}: pkpd models word lists them.") and told.count("word") < 10
    assert nearest("zz", many, "pkpd models word") == f"There are {MANY + 1}: pkpd models word lists them."
    assert nearest("word7", many[:MANY], "pkpd models word").count("Allowed: ") == 1
    for load in (pkpd.load_study, pkpd.load_effect, pkpd.load_modifier):
        with pytest.raises(UnknownName) as found:
            load("nothing-like-it")
        assert len(str(found.value)) < 400 and "lists them" in str(found.value)


def test_a_name_of_another_kind_is_told_what_it_is() -> None:
    for load, name, told in (
        (pkpd.load_study, "kamp2020-ketamine", "is a kinetic model .*, and not a study. pkpd models study lists"),
        (pkpd.load_study, "slow-relief", "is an effect .*, and not a study"),
        (pkpd.load, "noppers2011-fibromyalgia", r"is a study .*, and not a kinetic model. pkpd models pk lists"),
    ):
        with pytest.raises(UnknownName, match=told) as found:
            load(name)
        assert "Did you mean" not in str(found.value)
