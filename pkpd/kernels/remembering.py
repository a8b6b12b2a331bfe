"""What was worked out from some arrays, found again when arrays of the same content come back."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import numpy as np

Made = TypeVar("Made")

LARGEST_KEY = 64 << 10  # bytes of content above which nothing is remembered


class Remembered(Generic[Made]):
    """The last few things made, by the content they were made from; of use to any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[Hashable, Made] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, make: Callable[[], Made], *content: Any) -> Made:
        """What `make` gives, made anew only where it is not remembered.

        make    : called without arguments; depends on nothing but the content
        content : arrays and hashable values
        """
        key: list[Hashable] = []
        size = 0
        for part in content:
            if isinstance(part, np.ndarray):
                size += part.nbytes
                if size > LARGEST_KEY:
                    return make()
                key += [part.dtype.char, part.shape, part.tobytes()]
            else:
                key.append(part)
        return self._find(tuple(key), make)

    def _find(self, key: Hashable, make: Callable[[], Made]) -> Made:
        with self._lock:
            found = self._made.get(key)
            if found is not None:
                self._made.move_to_end(key)
                return found
        found = make()
        with self._lock:
            self._made[key] = found
            if len(self._made) > self._most:
                self._made.popitem(last=False)
        return found
