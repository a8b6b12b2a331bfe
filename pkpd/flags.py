"""What a reader must be told of a result: a limit that was passed, a guideline that was left, a harm to mind."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("limit", "guideline", "harm", "conversion")


@dataclass(frozen=True, slots=True)
class Flag:
    """One remark on a result, with where it comes from.

    kind   : one of KINDS
    of     : what it is said of, such as an arm's name; "" for the whole
    text   : one sentence
    source : citation, or the name of the model file whose limit it is
    """

    kind: str
    of: str
    text: str
    source: str

    def __str__(self) -> str:
        of = f"{self.of}: " if self.of else ""
        return f"{of}{self.text} [{self.source}]"
