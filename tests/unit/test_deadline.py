"""Work that does not end is given up at its deadline."""

import threading

import pytest

from chalicelib.deadline import DeadlineError, within


def test_work_that_ends_gives_its_result_or_its_error() -> None:
    assert within(5, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)


def test_a_time_out_of_the_works_own_is_not_the_deadline() -> None:
    def work() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        within(5, work)


def test_work_that_does_not_end_is_given_up() -> None:
    release = threading.Event()
    with pytest.raises(DeadlineError, match=r"no answer within 0\.1 s"):
        within(0.1, lambda: release.wait(60))
    # Its thread keeps no process from ending.
    assert [thread for thread in threading.enumerate() if not thread.daemon] == [threading.main_thread()]
    release.set()
