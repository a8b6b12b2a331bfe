"""Trials of the evidence that are no studies of the library, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pkpd.guidance.values import INDICATIONS
from pkpd.model import library
from pkpd.model.sections import read_origin, read_sources
from pkpd.model.tomltext import Document, Table

_KEYS = ("trial", "indication", "given", "why", "source", "mark")


@dataclass(frozen=True, slots=True)
class Unsimulated:
    """A trial that cannot be simulated.

    given    : what its patients had, in words
    why      : what is missing
    citation : of the trial
    mark     : how well the regimen is known
    """

    trial: str
    indication: str
    given: str
    why: str
    citation: str
    mark: str


def unsimulated() -> tuple[Unsimulated, ...]:
    """The trials of the library's lists that are no studies, in the order of the lists."""
    lists = sorted(library.folder().glob("*/trials-not-simulated.toml"))
    return tuple(trial for path in lists for trial in read_unsimulated(path))


def read_unsimulated(source: str | Path, where: str = "") -> tuple[Unsimulated, ...]:
    """Such a list from a file or a text.

    source : path, or TOML text
    where  : name in errors
    Raises ModelFileError naming file, line, key, what is allowed and the nearest word.
    """
    top = Document.open(source, where).top
    top.only(("kind", "sources", "trials"))
    top.choice("kind", ("trials not simulated",))
    sources = read_sources(top)

    def trial(table: Table) -> Unsimulated:
        table.only(_KEYS)
        key, mark = read_origin(table, sources)
        indication = table.choice("indication", INDICATIONS)
        citation = sources[key].citation
        return Unsimulated(table.text("trial"), indication, table.text("given"), table.text("why"), citation, mark)

    return tuple(trial(table) for table in top.tables("trials"))
