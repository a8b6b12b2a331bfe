"""How a mistake is answered: what is allowed, and the nearest word where a reader finds it."""

from __future__ import annotations

from pkpd.errors import MANY, nearest

SOME = ["goldberg2010-crps", "crps-infusions", "kim2015-postherpetic-neuralgia"]


def test_the_nearest_word_is_spelt_alike_or_holds_what_was_given() -> None:
    assert nearest("crps-infusion", SOME).endswith('Did you mean "crps-infusions"?')
    assert nearest("crps", SOME).endswith('Did you mean "crps-infusions"?')
    assert nearest("Kim", SOME).endswith('Did you mean "kim2015-postherpetic-neuralgia"?')
    assert nearest("ps", SOME) == "Allowed: crps-infusions, goldberg2010-crps, kim2015-postherpetic-neuralgia."
    assert nearest("x", []) == "Allowed: nothing."


def test_of_a_long_list_the_nearest_word_stands_first() -> None:
    many = [f"word{number}" for number in range(MANY + 1)]
    assert nearest("wrd7", many).startswith('Did you mean "word7"? Allowed: word0, ')
    assert nearest("wrd7", many[:MANY]).startswith("Allowed: word0, ")
