"""Waits for work on a store no longer than a number of seconds."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


class DeadlineError(Exception):
    """The work has not ended; its thread goes on until what it waits for is cut off."""


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Return the work's result, or raise what it raises; raise DeadlineError when the time is up.

    A frozen server blocks its client far longer than every time-out of a driver; only another thread can give up.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001  the caller gets it, whatever it is
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        if outcome.done():
            raise
        raise DeadlineError(f"no answer within {seconds} s") from None
