"""Machine code is kept and found again; files that are no good are made anew; without a place it still works."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from pkpd.kernels import cached, machine
from pkpd.kernels.machine import Machine

TEXT = "define double @scaled(double %x) {{\n  %y = fmul double %x, {factor:.1f}\n  ret double %y\n}}\n"


class Kept:
    """A folder for machine code, and how often some was made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir())


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    found = Kept(tmp_path)
    translate = machine._translated

    def counted(text: str) -> bytes:
        found.made += 1
        return translate(text)

    monkeypatch.setattr(cached, "folder", lambda: found.folder)
    monkeypatch.setattr(machine, "_translated", counted)
    return found


def scaled(factor: float, x: float = 2.0) -> float:
    made = Machine(TEXT.format(factor=factor), ["scaled"])
    return float(ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(made.address["scaled"])(x))


def test_code_is_made_once_and_found_again(kept: Kept) -> None:
    assert [scaled(3.0), scaled(3.0, 5.0)] == [6.0, 15.0]
    assert kept.made == 1
    assert len(kept.files) == 1


def test_other_text_is_other_code(kept: Kept) -> None:
    assert [scaled(3.0), scaled(4.0), scaled(3.0)] == [6.0, 8.0, 6.0]
    assert kept.made == len(kept.files) == 2


@pytest.mark.parametrize("damage", ["empty", "cut short", "garbage", "one bit"])
def test_a_file_that_is_no_good_is_made_anew_in_silence(
    kept: Kept, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert scaled(3.0) == 6.0
    (file,) = kept.files
    whole = file.read_bytes()
    file.write_bytes(
        {
            "empty": b"",
            "cut short": whole[: len(whole) // 2],
            "garbage": b"no machine code" * 100,
            "one bit": whole[:-1] + bytes([whole[-1] ^ 1]),
        }[damage]
    )
    assert scaled(3.0) == 6.0
    assert kept.made == 2
    assert file.read_bytes() == whole
    assert scaled(3.0) == 6.0
    assert kept.made == 2
    assert capfd.readouterr() == ("", "")


def test_code_of_another_machine_is_not_taken(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scaled(3.0) == 6.0
    monkeypatch.setattr(machine.llvmlite, "__version__", "another")
    assert scaled(3.0) == 6.0
    assert kept.made == len(kept.files) == 2


def test_without_a_place_it_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "folder", lambda: None)
    assert scaled(7.0) == 14.0


@pytest.mark.parametrize("what", ["a file", "gone"])
def test_a_place_that_cannot_be_written_or_read_is_passed_over(kept: Kept, what: str) -> None:
    kept.folder = kept.folder / "inner"
    if what == "a file":
        kept.folder.write_text("")
    assert [scaled(3.0), scaled(3.0)] == [6.0, 6.0]
    assert kept.made == 2


def test_nothing_unfinished_is_left_behind(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file gets its name when it is whole, so that two processes at once do not read halves."""
    seen: list[list[bytes]] = []
    replace = machine.os.replace

    def watched(source: str, target: Path) -> None:
        seen.append([file.suffix.encode() for file in kept.files])
        replace(source, target)

    monkeypatch.setattr(machine.os, "replace", watched)
    assert scaled(3.0) == 6.0
    assert seen == [[b""]]
    assert [file.suffix for file in kept.files] == [".code"]


def test_text_that_is_no_code_is_an_error() -> None:
    with pytest.raises(RuntimeError):
        Machine("define double @wrong(", ["wrong"])
