"""Machine code made from LLVM's assembly language, kept on disk beside the compiled kernels.

What is kept begins with a digest of itself; what does not fit its digest is made anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from pkpd.kernels import cached

_DIGEST = 32


@lru_cache(maxsize=1)
def _ready() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@lru_cache(maxsize=1)
def _target() -> Any:
    """The machine this runs on."""
    features = llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=2, reloc="pic", codemodel="default"
    )


def _place(text: str) -> Path | None:
    """The file that holds the code made from a text for this machine; None where nothing can be kept."""
    found = cached.folder()
    if found is None:
        return None
    whole = f"{llvmlite.__version__} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}\n{text}"
    return found / f"{hashlib.blake2s(whole.encode(), digest_size=16).hexdigest()}.code"


def _kept(place: Path | None) -> bytes | None:
    if place is None:
        return None
    try:
        read = place.read_bytes()
    except OSError:
        return None
    code = read[_DIGEST:]
    return code if hashlib.sha256(code).digest() == read[:_DIGEST] else None


def _keep(place: Path | None, code: bytes) -> None:
    if place is None:
        return
    try:
        handle, name = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(code).digest() + code)
        os.replace(name, place)
    except OSError:
        return


def _translated(text: str) -> bytes:
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(_target(), options)
    builder.getModulePassManager().run(module, builder)
    return bytes(_target().emit_object(module))


class Machine:
    """Loaded machine code: the address of each function. The code lives as long as this object."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        _ready()
        place = _place(text)
        code = _kept(place)
        if code is None:
            code = _translated(text)
            _keep(place, code)
        empty = llvm.parse_assembly("")
        self._engine = llvm.create_mcjit_compiler(empty, _target_of_engine())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self.address = {name: self._engine.get_function_address(name) for name in names}


def _target_of_engine() -> Any:
    """A target of its own for each engine, which takes it over."""
    return llvm.Target.from_default_triple().create_target_machine(codemodel="jitdefault")
