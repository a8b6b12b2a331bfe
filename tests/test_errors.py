"""How a mistake is answered: what is allowed, and the nearest word where a reader finds it."""

from __future__ import annotations

from pkpd.errors import LONG, nearest

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
