"""The words behind a command, read as argparse reads them and refused as this package refuses."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from pkpd.errors import StudyError, nearest


class Parser(argparse.ArgumentParser):
    """argparse with this package's way of saying what is wrong."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise StudyError(f"{self.prog}: {message}. See {self.prog} --help.")

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As argparse does it; an option that there is not is refused with the nearest of those there are."""
        found, rest = super().parse_known_args(args, namespace)
        wrong = next((word for word in rest if word.startswith("--")), None)
        if wrong is not None:
            name, options = wrong.partition("=")[0], [o for o in self._option_string_actions if o.startswith("--")]
            raise StudyError(
                f'{self.prog}: option "{name}" is not known. {nearest(name, options)} See {self.prog} --help.'
            )
        return found, rest
