"""TOML text with its line numbers: typed access to tables, every refusal naming file, line and key."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pkpd.errors import ModelFileError, nearest

Place = tuple[str | int, ...]

_PART = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|[A-Za-z0-9_-]+"
_KEY = rf"(?:{_PART})(?:\s*\.\s*(?:{_PART}))*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY})\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_KEY})\s*=")
_TOKEN = re.compile(r"\"\"\"|'''|\"(?:[^\"\\]|\\.)*\"|'[^']*'|[#\[\]{}]")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Document:
    """A TOML text: the name it goes by in errors, its path ("" for a text), and the line of each table and key."""

    name: str
    path: str
    data: Mapping[str, Any]
    lines: Mapping[Place, int]

    @classmethod
    def open(cls, source: str | Path, where: str = "") -> Document:
        """Read a TOML file or text.

        source : path, or TOML text (a text with a line break or "=" is TOML)
        where  : the name in errors; default: the path, or "model text"
        Raises ModelFileError for a file that cannot be read or is not TOML.
        """
        path = None
        if isinstance(source, Path) or not ("\n" in source or "=" in source):
            path = Path(source)
            where = where or _shown(path)
            try:
                source = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as cause:
                why = getattr(cause, "strerror", None) or cause
                raise ModelFileError(f"{where}: the file cannot be read ({why}).") from cause
        name = where or "model text"
        try:
            data = tomllib.loads(source)
        except tomllib.TOMLDecodeError as cause:
            raise ModelFileError(f"{name} {_syntax_error(str(cause), source)}") from cause
        except RecursionError as cause:
            raise ModelFileError(f"{name}: not valid TOML: nested too deeply.") from cause
        return cls(name, str(path or ""), data, key_lines(source))

    @property
    def top(self) -> Table:
        """The document as a table."""
        return Table(self, (), self.data)

    def line(self, place: Place) -> int:
        """The line of a table or key; of a key within a line, the line it stands in."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a document."""

    document: Document
    place: Place
    data: Mapping[str, Any]

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def where(self, *keys: str) -> str:
        """The place of the table or of a key in it: "FILE line N, [table.key]"."""
        place = self.place + keys
        words = [part if _BARE.fullmatch(part) else f'"{part}"' for part in place if isinstance(part, str)]
        label = f", [{'.'.join(words)}]" if words else ""
        return f"{self.document.name} line {self.document.line(place)}{label}"

    def fail(self, message: str, *keys: str) -> NoReturn:
        """Refuse the table, or a key in it."""
        raise ModelFileError(f"{self.where(*keys)}: {message}")

    def fail_unknown(self, kind: str, given: str, allowed: Iterable[str], *keys: str) -> NoReturn:
        """Refuse a word that should name a `kind` and is not among those allowed."""
        self.fail(f'{kind} "{given}" is not known. {nearest(given, allowed)}', *keys)

    def only(self, allowed: Iterable[str]) -> None:
        """Refuse keys that are not among those allowed."""
        words = list(allowed)
        for key in self.data:
            if key not in words:
                kind = "table" if isinstance(self.data[key], (dict, list)) and not self.place else "key"
                self.fail_unknown(kind, key, words, key)

    def text(self, key: str, default: str | None = None, why: str = "") -> str:
        """A text; missing keys take the default or are refused, with the reason `why`."""
        if key not in self.data:
            if default is None:
                self.fail(f'"{key}" is missing.{" " + why if why else ""}')
            return default
        value = self.data[key]
        if not isinstance(value, str):
            self.fail(f"{_show(value)} is not a text; put it in quotes.", key)
        return value

    def choice(self, key: str, allowed: Iterable[str], default: str | None = None, why: str = "") -> str:
        """A text that is one of those allowed."""
        words = list(allowed)
        value = self.text(key, default, why)
        if value not in words and not (default is not None and value == default):
            self.fail(f'"{value}" is not known. {nearest(value, words)}', key)
        return value

    def flag(self, key: str) -> bool:
        """true or false; false where the key is missing."""
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            self.fail(f"{_show(value)} is neither true nor false.", key)
        return value

    def number(self, key: str, why: str = "") -> float:
        """A finite number."""
        if key not in self.data:
            self.fail(f'"{key}" is missing.{" " + why if why else ""}')
        return self.finite(self.data[key], key)

    def maybe(self, key: str) -> float | None:
        """A finite number, or None where the key is missing."""
        return self.number(key) if key in self.data else None

    def pair(self, key: str) -> tuple[float, float]:
        """A range [low, high], low < high."""
        value = self.data[key]
        if not isinstance(value, list) or len(value) != 2:
            self.fail(f"{_show(value)} is not a range; write [low, high].", key)
        low, high = (self.finite(end, key) for end in value)
        if not low < high:
            self.fail(f"{_show(value)}: the first number must be below the second.", key)
        return low, high

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty where the key is missing."""
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(f'{_show(value)} is not a list of texts; write ["...", "..."].', key)
        return tuple(value)

    def table(self, key: str) -> Table:
        """A table; empty where the key is missing."""
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            self.fail(f"{_show(value)} is not a table; write {{ key = value, ... }} or a header [{key}].", key)
        return Table(self.document, (*self.place, key), value)

    def tables(self, key: str) -> list[Table]:
        """The tables of a list written with [[key]]; empty where there are none."""
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fail(f"is a list of tables; write [[{key}]] before each.", key)
        return [Table(self.document, (*self.place, key, index), item) for index, item in enumerate(value)]

    def each(self, key: str) -> dict[str, Table]:
        """The tables within a table, by name."""
        outer = self.table(key)
        return {name: outer.table(name) for name in outer}

    def finite(self, value: Any, key: str) -> float:
        """A finite number that stands somewhere under a key."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(f"{_show(value)} is not a number.", key)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.fail(f"{_show(value)} is not a finite number.", key)
        return number


def key_lines(text: str) -> dict[Place, int]:
    """The line of every table header and of every key at the start of a line.

    text    : TOML that parses
    returns : place -> line; the tables of a list are numbered from 0 in their place
    """
    found: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    depth, closing = 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        start = 0
        if closing:
            end = line.find(closing)
            if end < 0:
                continue
            start, closing = end + 3, ""
        elif depth == 0:
            if header := _HEADER.match(line):
                table = _table_place(header, counts)
                found.setdefault(table, number)
                continue
            if assignment := _ASSIGNMENT.match(line):
                found[table + _parts(assignment[1])] = number
                start = assignment.end()
        depth, closing = _after(line, start, depth)
    return found


def _table_place(header: re.Match[str], counts: dict[Place, int]) -> Place:
    """Where a header leads; a list of tables on the way means its last one."""
    parts = _parts(header[2])
    place: Place = ()
    for index, part in enumerate(parts, 1):
        place = (*place, part)
        if index == len(parts) and header[1] == "[[":
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = (*place, counts[place])
    return place


def _parts(key: str) -> Place:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in re.findall(_PART, key))


def _after(line: str, start: int, depth: int) -> tuple[int, str]:
    """Open brackets, and the end mark of an open long string, after the rest of a line."""
    while token := _TOKEN.search(line, start):
        start = token.end()
        if token[0] == "#":
            break
        if token[0] in ('"""', "'''"):
            end = line.find(token[0], start)
            if end < 0:
                return depth, token[0]
            start = end + 3
        elif token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
    return depth, ""


def _syntax_error(message: str, text: str) -> str:
    """The words after the file's name for a text that is not TOML, beginning with the line."""
    found = re.search(r" \(at line (\d+), column (\d+)\)", message)
    line = int(found[1]) if found else text.count("\n") + 1
    column = f", column {found[2]}" if found else ""
    reason = re.sub(r" \(at .*\)", "", message)
    return f"line {line}{column}: not valid TOML: {reason[:1].lower() + reason[1:]}."


def _show(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _shown(path: Path) -> str:
    """A path as a reader knows it: from the current folder where it lies below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
