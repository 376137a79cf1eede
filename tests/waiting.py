"""Waits for a condition."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

Found = TypeVar("Found")


def within(seconds: float, check: Callable[[], Found]) -> Found:
    """Call `check` until it raises no AssertionError and return its result; after these seconds raise its last one."""
    failed = retry_if_exception_type(AssertionError)
    return Retrying(retry=failed, wait=wait_fixed(0.2), stop=stop_after_delay(seconds), reraise=True)(check)
