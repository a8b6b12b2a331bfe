"""Work shared by threads that stay: done once each, errors raised, and usable in a forked process."""

import os
import threading
import time

import pytest

from pkpd.kernels import crew


def test_everything_is_done_once_and_the_caller_works_too():
    done, names = [], set()
    begun = threading.Barrier(3)

    def work(number):
        begun.wait(5)  # all three at the same time
        done.append(number)
        names.add(threading.current_thread().name)

    crew.share(work, 3)
    assert sorted(done) == [0, 1, 2]
    assert threading.current_thread().name in names
    assert len(names) == 3


def test_threads_stay():
    seen = []
    for _ in range(3):
        crew.share(lambda number: seen.append(threading.get_ident()) if number else time.sleep(0.01), 2)
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    assert all(names[ident].startswith("pkpd") for ident in seen)


@pytest.mark.parametrize("fails", [0, 1])
def test_an_error_is_raised_once_all_have_ended(fails):
    ended = []

    def work(number):
        if number == fails:
            raise ValueError("as planned")
        time.sleep(0.02)
        ended.append(number)

    with pytest.raises(ValueError, match="as planned"):
        crew.share(work, 2)
    assert ended == [1 - fails]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes by fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_starts_threads_of_its_own():
    crew.share(lambda number: None, 2)
    child = os.fork()
    if child == 0:
        done = []
        try:
            crew.share(done.append, 2)
        finally:
            os._exit(0 if sorted(done) == [0, 1] else 1)
    for _ in range(500):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.01)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the forked process waits for threads it has not")
    assert os.waitstatus_to_exitcode(status) == 0
