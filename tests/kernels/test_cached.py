"""Compiled kernels are kept, found again, and rebuilt where the files are no good."""

import shutil
from pathlib import Path

import pytest

from pkpd.kernels import cached


def twice(x):
    return 2.0 * x


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Folders to try; the list can be changed before the first kernel is made."""
    tried = [tmp_path / "kept"]
    monkeypatch.setattr(cached, "candidates", lambda: tried)
    cached.folder.cache_clear()
    yield tried
    cached.folder.cache_clear()


def hits(kernel):
    return sum(kernel.stats.cache_hits.values())


def test_a_second_process_would_find_it(places):
    first = cached.kernel(twice)
    assert first(3.0) == 6.0
    assert hits(first) == 0
    again = cached.kernel(twice)
    assert again(3.0) == 6.0
    assert hits(again) == 1
    assert any(places[0].rglob("*.nbc"))


def test_files_that_are_no_good_are_rebuilt_in_silence(places, capsys):
    cached.kernel(twice)(3.0)
    for file in places[0].rglob("*.nbc"):
        file.write_bytes(b"no machine code")
    assert cached.kernel(twice)(3.0) == 6.0
    after = cached.kernel(twice)
    assert after(4.0) == 8.0
    assert hits(after) == 1
    assert capsys.readouterr() == ("", "")


def times(factor):
    def product(x):
        return factor * x

    return product


def test_functions_of_one_text_are_kept_apart(places):
    assert [cached.kernel(times(factor))(3.0) for factor in (2.0, 5.0)] == [6.0, 15.0]
    again = [cached.kernel(times(factor)) for factor in (5.0, 2.0)]
    assert [kernel(3.0) for kernel in again] == [15.0, 6.0]
    assert [hits(kernel) for kernel in again] == [1, 1]


def test_two_processes_that_compile_at_once_do_not_mix_their_code(places):
    """Both begin with an empty folder; what the second writes must not stand under the first one's name."""
    first, second = cached.kernel(times(2.0)), cached.kernel(times(5.0))
    files = []
    for kernel in (first, second):
        kernel(3.0)
        files.append({file.name for file in places[0].rglob("*.nbc")})
    assert len(files[0]) == 1
    assert len(files[1]) == 2


def test_a_place_that_cannot_be_written_is_passed_over(places, tmp_path):
    (tmp_path / "file").write_text("")
    places.insert(0, tmp_path / "file")
    cached.kernel(twice)(3.0)
    assert cached.folder().parent == tmp_path / "kept"


def test_without_any_place_it_still_works(places, tmp_path):
    (tmp_path / "file").write_text("")
    places[:] = [tmp_path / "file"]
    assert cached.folder() is None
    assert cached.kernel(twice)(3.0) == 6.0


def test_any_kernel_source_that_changes_makes_another_cache(tmp_path, monkeypatch):
    copy = tmp_path / "kernels"
    shutil.copytree(Path(cached.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cached, "__file__", str(copy / "cached.py"))
    cached.fingerprint.cache_clear()
    before = cached.fingerprint()
    with (copy / "lanes.py").open("a") as file:
        file.write("# another word\n")
    cached.fingerprint.cache_clear()
    assert cached.fingerprint() != before
    monkeypatch.undo()
    cached.fingerprint.cache_clear()
