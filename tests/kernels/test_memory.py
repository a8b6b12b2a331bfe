"""Memory used again is never in two results at once."""

import gc
import multiprocessing
import time

import numpy as np
import pytest

from pkpd.kernels import memory

SHAPE = (2, 600, 512)  # 4.9 MB


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    monkeypatch.setattr(memory, "_kept", [])


def place(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("make", [memory.aligned, memory.recycled])
@pytest.mark.parametrize("shape", [(3,), (2, 5, 8), SHAPE])
def test_arrays_begin_on_a_cache_line(make, shape):
    made = make(*shape)
    assert made.shape == shape
    assert place(made) % memory.LINE == 0
    assert made.flags.c_contiguous


def test_what_a_dropped_result_leaves_is_used_again():
    first = memory.recycled(*SHAPE)
    where = place(first)
    del first
    gc.collect()
    assert place(memory.recycled(*SHAPE)) == where


def test_a_view_keeps_its_memory():
    first = memory.recycled(*SHAPE)
    view = first.reshape(-1)[5::7].T
    view[:] = 3.0
    where = place(first)
    del first
    gc.collect()
    second = memory.recycled(*SHAPE)
    second[:] = 1.0
    assert place(second) != where
    assert (view == 3.0).all()


def test_two_results_alive_are_apart():
    first, second = memory.recycled(*SHAPE), memory.recycled(*SHAPE)
    assert not np.shares_memory(first, second)


def test_much_smaller_results_do_not_take_large_memory():
    large = memory.recycled(4, *SHAPE)
    del large
    gc.collect()
    small = memory.recycled(*SHAPE)
    assert [len(kept) for kept in memory._kept] == [4 * small.nbytes]


def test_no_more_than_the_limit_is_kept(monkeypatch):
    monkeypatch.setattr(memory, "KEPT", 12 << 20)
    made = [memory.recycled(*SHAPE) for _ in range(5)]
    del made
    gc.collect()
    assert sum(len(kept) for kept in memory._kept) <= 12 << 20
    assert memory._kept


def fill(number):
    made = memory.recycled(*SHAPE)
    made[:] = number
    time.sleep(0.3)
    return float(made[0, 0, 0])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_forked_processes_do_not_share_memory():
    made = memory.recycled(*SHAPE)
    del made
    gc.collect()
    assert memory._kept
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(fill, (10.0, 100.0), chunksize=1) == [10.0, 100.0]
