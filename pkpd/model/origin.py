"""Where a number of a file comes from: its source and its mark."""

from __future__ import annotations

from collections.abc import Mapping

from pkpd.model.parts import MARKS, Source
from pkpd.model.tomltext import Table

WHY = "Every number needs a unit, a source and a mark."


def read_origin(table: Table, sources: Mapping[str, Source]) -> tuple[str, str]:
    """Source and mark of a number."""
    source = table.choice("source", sources, why=WHY)
    return source, table.choice("mark", MARKS, why=WHY)
