"""The terminal: where tables are printed, how they look, and what becomes of those that are too wide for it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.table import Table

GAP = 3  # characters between two columns
SHORT = 28  # characters: cells up to this share a line where a row is written out
TALL = 1.5  # a table so many times as high as its rows written out gives way to them


class _Output(Console):
    """A console that takes texts as they are and leaves a closed pipe to the caller."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Standard output, as wide as the terminal or as COLUMNS says; 150 columns where there is neither."""
    known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return _Output(
        width=max(80, shutil.get_terminal_size().columns) if known else 150,
        highlight=False,
        markup=False,
        emoji=False,
    )


def table(title: str, *columns: str) -> Table:
    """An empty table; the first column is set to the left, the others to the right."""
    from rich import box
    from rich.table import Table

    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    return made


def left(made: Table) -> Table:
    """The same table with every column set to the left."""
    for column in made.columns:
        column.justify = "left"
    return made


def left_table(title: str, *columns: str) -> Table:
    """An empty table with every column set to the left."""
    return left(table(title, *columns))


def columns_width(widths: Sequence[int]) -> int:
    """How wide a table of such columns is."""
    return sum(widths) + GAP * (len(widths) - 1) + 2


def fitted(least: Sequence[int], whole: Sequence[int], width: int) -> list[int]:
    """Widths of columns that together fit: the widest give way first, none below its longest word.

    least, whole : length of the longest word and of the longest cell of each column
    """
    widths = list(whole)
    while columns_width(widths) > width and any(have > need for have, need in zip(widths, least, strict=True)):
        widest = max(have for have, need in zip(widths, least, strict=True) if have > need)
        widths = [max(need, min(have, widest - 1)) for have, need in zip(widths, least, strict=True)]
    return widths


def print_rows(out: Console, made: Table) -> None:
    """A table, no word broken; where it is too wide or far too high for that, its rows one below the other."""
    heads = [str(column.header) for column in made.columns]
    rows = list(zip(*([str(cell) for cell in column.cells] for column in made.columns), strict=True))
    every = [heads, *rows]
    least = [max(len(word) for row in every for word in [*row[k].split(), " "]) for k in range(len(heads))]
    least[0] = max(len(row[0]) for row in every) if max(len(row[0]) for row in every) <= out.width // 3 else least[0]
    widths = fitted(least, [max(len(row[k]) for row in every) for k in range(len(heads))], out.width)
    for column, width in zip(made.columns, widths, strict=True):
        column.width = width
    written = [line for row in rows for line in _written(heads, row)]
    if columns_width(widths) <= out.width:
        height = len(out.render_lines(made, pad=False))
        if height <= TALL * sum(-(-len(line) // out.width) for line in written):
            out.print(made)
            return
    out.print(made.title, style="bold")
    for row in rows:
        first, *others = _written(heads, row)
        out.print(first, style="bold")
        for line in others:
            out.print(_indented(line, out.width))


def _written(heads: Sequence[str], row: Sequence[str]) -> Iterator[str]:
    """A row as lines: its name, then each column with its head; short ones share a line."""
    yield row[0]
    short: list[str] = []
    for head, cell in zip(heads[1:], row[1:], strict=True):
        if cell in ("", "-"):
            continue
        if len(cell) <= SHORT:
            short.append(f"{head}: {cell}")
            continue
        if short:
            yield "; ".join(short)
            short = []
        yield f"{head}: {cell}"
    if short:
        yield "; ".join(short)


def _indented(line: str, width: int) -> str:
    """A line below a name, wrapped."""
    import textwrap

    return textwrap.fill(
        line, width, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
