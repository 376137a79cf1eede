"""What an operation does while the graph is busy: it waits, and tries again."""

import time
from collections.abc import Callable
from typing import TypeVar

from chalicelib.graph.client import GraphUnavailableError, RowsBusyError

MAX_ATTEMPTS = 4

T = TypeVar("T")


def retry(work: Callable[[], T]) -> T:
    """Repeat the work while the graph is busy: a wipe or an erasure and a drain can deadlock, and Neo4j ends one."""
    for failures in range(1, MAX_ATTEMPTS):
        try:
            return work()
        except (GraphUnavailableError, RowsBusyError):
            time.sleep(failures)
    return work()
