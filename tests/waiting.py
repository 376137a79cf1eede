"""Waiting for what arrives by itself."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

Found = TypeVar("Found")


def within(seconds: float, look: Callable[[], Found]) -> Found:
    """Return what `look` returns once it raises no AssertionError; raise its last one after these seconds."""
    failed = retry_if_exception_type(AssertionError)
    return Retrying(retry=failed, wait=wait_fixed(0.2), stop=stop_after_delay(seconds), reraise=True)(look)
