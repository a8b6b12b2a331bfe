"""Threads that stay: started when first needed and kept, with what each keeps for itself, for the next call."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_size = 0


def share(work: Callable[[int], None], workers: int) -> None:
    """Do work in several threads at once, this one among them.

    work    : called with 0 ... workers - 1, each once; must not call `share` itself
    workers : how many
    Raises what one of them raises, once all have ended.
    """
    others = [] if workers == 1 else [_hands(workers - 1).submit(work, number) for number in range(1, workers)]
    try:
        work(0)
    finally:
        for other in others:
            other.exception()
    for other in others:
        other.result()


def _hands(count: int) -> ThreadPoolExecutor:
    """A pool of at least so many threads."""
    global _pool, _size
    with _lock:
        if _pool is None or _size < count:
            _pool, _size = ThreadPoolExecutor(count, thread_name_prefix="pkpd"), count
        return _pool


def _forget() -> None:
    """A forked process has none of its parent's threads."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
