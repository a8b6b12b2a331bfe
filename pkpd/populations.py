"""Populations of the library: files of virtual patients, each number with source and mark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from pkpd.errors import ModelFileError, unknown
from pkpd.model import library
from pkpd.model.parts import Source
from pkpd.model.sections import read_id, read_sources
from pkpd.model.tomltext import Document
from pkpd.population.people import Population
from pkpd.populationfile import covariate_keys, placed, read_people

_KEYS = (
    "id",
    "kind",
    "title",
    "about",
    "use_for",
    "not_for",
    "notes",
    "sources",
    "population",
)


@dataclass(frozen=True, slots=True, eq=False)
class Patients:
    """One population file.

    base          : the population it starts from; "" for none
    sources       : by key, those of the base among them
    population    : the patients, of any size and seed
    notes_of      : covariate, "FIRST with SECOND" or modifier -> its remark
    known_from    : the same names -> source key and mark
    """

    id: str
    title: str
    about: str
    use_for: str
    not_for: str
    notes: tuple[str, ...]
    base: str
    sources: Mapping[str, Source]
    population: Population
    notes_of: Mapping[str, str]
    known_from: Mapping[str, tuple[str, str]]


def load_population(name: str | Path, size: int = 1000, seed: int = 1) -> Population:
    """Virtual patients of the library, or of a file of your own.

    name : such as "crps", or a path ending in .toml
    size : how many
    seed : 0 to 2^64 - 1
    Raises UnknownName for a name that is no population, ModelFileError for a file that does not load.
    """
    return replace(load_patients(name).population, size=size, seed=seed)


def load_patients(name: str | Path) -> Patients:
    """A population file with its sources and remarks. Arguments and errors as `load_population`."""
    if isinstance(name, Path) or name.endswith(".toml"):
        path = Path(name)
    else:
        paths = library.paths("population")
        if name not in paths:
            raise unknown("model library", "population", name, paths, "pkpd models population")
        path = paths[name]
    try:
        changed = path.stat().st_mtime_ns
    except OSError as cause:
        raise ModelFileError(f"{path}: the file cannot be read ({cause.strerror}).") from cause
    return _read(path, changed)


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> Patients:
    """A file, read once for each time it was changed."""
    return read_patients(path)


def read_patients(source: str | Path, where: str = "") -> Patients:
    """A population from a file or a text.

    source : path, or TOML text
    where  : name in errors
    Raises ModelFileError naming file, line, key, what is allowed and the nearest word.
    """
    top = Document.open(source, where).top
    top.only(_KEYS)
    top.choice("kind", ["population"], why='A population has kind = "population".')
    name = read_id(top)
    table = top.table("population")
    base = None
    if "base" in table:
        if table.text("base") == name:
            table.fail("a population does not start from itself.", "base")
        base = placed(table, "base", lambda: load_patients(table.text("base")))
    sources = {**(base.sources if base else {}), **read_sources(top)}
    names = covariate_keys(table)
    people = read_people(table, names, {}, sources, base.population if base else Population())
    notes, origins = dict(base.notes_of if base else {}), dict(base.known_from if base else {})
    for key, one in [
        *((key, table.table(key)) for key in names),
        *((" with ".join(one.texts("of")), one) for one in table.tables("correlations")),
        *((one.text("modifier", key), one) for key, one in table.each("modifiers").items()),
    ]:
        notes[key], origins[key] = one.text("note", ""), (one.text("source"), one.text("mark"))
    return Patients(
        name,
        top.text("title"),
        top.text("about"),
        top.text("use_for"),
        top.text("not_for"),
        top.texts("notes"),
        base.id if base else "",
        sources,
        people,
        notes,
        origins,
    )
