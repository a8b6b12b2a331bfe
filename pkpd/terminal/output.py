"""Where a command's files go and how they are written, and the bar that shows how far it is."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pkpd.errors import StudyError

LONGEST_NAME = 80  # characters


def output_folder(path: Path, files: Sequence[str]) -> Path:
    """The output folder, made where it is missing; checked before anything runs."""
    if path.exists() and not path.is_dir():
        raise StudyError(f"--out {path}: it is a file. Name a folder.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as cause:
        raise StudyError(f"--out {path}: nothing can be written there ({cause.strerror}).") from cause
    for name in files:
        if (path / name).is_dir():
            raise StudyError(f"--out {path}: {name} is a folder there. Move it, or name another folder.")
    return path


def write_text(path: Path, text: str) -> None:
    """Write a file all at once: what was there stays until the new one is complete."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[float], None]]:
    """A bar on standard error for work of more than a second; nothing where that is not a terminal.

    yields : to be called with the share done, 0 to 1
    """
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task(label, total=1.0)
    start = threading.Timer(1.0, bar.start)
    start.daemon = True
    start.start()
    try:
        yield lambda share: bar.update(task, completed=share)
    finally:
        start.cancel()
        start.join()
        bar.stop()


def safe_name(text: str) -> str:
    """A safe name of files, without suffix.

    returns : letters, digits, points and hyphens; a long text is cut and told apart by a digest
    """
    name = re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 9].rstrip('-.')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
