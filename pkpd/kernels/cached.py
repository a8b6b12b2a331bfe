"""Compiled kernels kept on disk: found again by the content of every kernel source, wherever a folder can be written.

numba's own cache looks at one file's time and size, so a change in a room that a kernel is built from, or an upgrade
that keeps both, would leave old machine code in use. Here the folder's name is a digest of all kernel sources and of
the versions that compiled them. A cache that cannot be read is compiled anew; one that cannot be written is not kept.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba import njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """A digest of the kernel sources and of the compiler's and the interpreter's versions."""
    digest = hashlib.blake2s(digest_size=10)
    kernels = Path(__file__).parent
    for source in (*sorted(kernels.glob("*.py")), *kernels.parent.glob("actions.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    digest.update(f"{numba.__version__} {llvmlite.__version__} {sys.version_info[:3]}".encode())
    return digest.hexdigest()


def candidates() -> list[Path]:
    """Folders to try, best first: the one asked for, beside the sources, the user's cache, the temporary one."""
    asked = [Path(os.environ["NUMBA_CACHE_DIR"])] if os.environ.get("NUMBA_CACHE_DIR") else []
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    return [*asked, Path(__file__).parent / "__pycache__", home / "pkpd", Path(tempfile.gettempdir()) / f"pkpd-{user}"]


@lru_cache(maxsize=1)
def folder() -> Path | None:
    """The first candidate in which files can be made; None where there is none."""
    for candidate in candidates():
        path = candidate / f"kernels-{fingerprint()}"
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
                continue  # somebody else's: code from there is not to be run
            with tempfile.TemporaryFile(dir=path):
                return path
        except OSError:
            continue
    return None


def is_kept() -> bool:
    """Whether compiled kernels of these sources lie on disk."""
    found = folder()
    return found is not None and any(found.glob("*.nbc"))


class _Locator(_CacheLocator):
    """Where numba keeps one kernel; the folder's name already says what it was made from."""

    def __init__(self, function: Any, path: Path) -> None:
        self._line = function.__code__.co_firstlineno
        self._path = path

    @classmethod
    def from_function(cls, function: Any, file: str) -> _Locator | None:
        found = folder()
        return None if found is None else cls(function, found)

    def get_cache_path(self) -> str:
        return str(self._path)

    def get_source_stamp(self) -> str:
        return fingerprint()

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Implementation(CompileResultCacheImpl):
    _locator_classes = (_Locator,)


class _Files(IndexDataCacheFile):
    """A file for each version of a function, named by what tells it from every other.

    numba numbers the files and keeps an index of them. Two processes that compile at the same time can then each write
    file number 1, one after the other, and the index keeps the name of one for the code of the other.
    """

    def _name_of(self, key: Any) -> str:
        return self._data_name_pattern.format(number=int.from_bytes(hashlib.blake2s(repr(key).encode()).digest()[:8]))

    def save(self, key: Any, data: Any) -> None:
        self._save_data(self._name_of(key), (repr(key), data))

    def load(self, key: Any) -> Any:
        try:
            known, data = self._load_data(self._name_of(key))
        except FileNotFoundError:
            return None
        except Exception:  # cut short, or no cache file at all
            Path(self._data_path(self._name_of(key))).unlink(missing_ok=True)
            return None
        return data if known == repr(key) else None

    def flush(self) -> None:
        for path in Path(self._cache_path).glob(self._data_name_pattern.format(number=0).replace(".0.", ".*.")):
            path.unlink(missing_ok=True)


class _Cache(FunctionCache):
    """numba's cache of one function, in which nothing that goes wrong with a file stops the work."""

    _impl_class = _Implementation

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp())

    def load_overload(self, signature: Any, target: Any) -> Any:
        try:
            return super().load_overload(signature, target)
        except Exception:
            self._forget()
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        try:
            super().save_overload(signature, data)
        except Exception:
            self._forget()

    def _forget(self) -> None:
        try:
            self.flush()
        except OSError:
            return


# Without reference counts: kernels allocate nothing, and counting inside loops costs more than the arithmetic.
_OPTIONS: dict[str, Any] = {"nogil": True, "_nrt": False, "no_cfunc_wrapper": True}


def _named(function: Any) -> Any:
    """A function made by another one, with a name of its own: it tells machine code of two processes apart."""
    if function.__closure__:
        function.__qualname__ += "_".join(["", *(str(cell.cell_contents) for cell in function.__closure__)])
    return function


def kernel(function: Any) -> Any:
    """Compile a function to machine code when Python first calls it, and keep that on disk."""
    return _kept(njit(**_OPTIONS)(_named(function)), function)


def part(function: Any) -> Any:
    """A kernel that only kernels call: without a way in from Python, which takes longer to compile than its body."""
    return _kept(njit(no_cpython_wrapper=True, **_OPTIONS)(_named(function)), function)


def _kept(compiled: Any, function: Any) -> Any:
    if folder() is not None:
        compiled._cache = _Cache(function)
    return compiled
