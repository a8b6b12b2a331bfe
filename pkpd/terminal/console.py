"""The terminal: where tables are printed, and how they look."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.table import Table


class _Output(Console):
    """A console that takes texts as they are and leaves a closed pipe to the caller."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Standard output, as wide as the terminal; 150 columns where it is none."""
    return _Output(
        width=max(80, shutil.get_terminal_size().columns) if sys.stdout.isatty() else 150,
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
