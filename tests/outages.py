"""Stops or freezes a part of the cloud for a while."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from local.cloud import Cloud


@contextmanager
def stopped(cloud: Cloud, part: str) -> Iterator[None]:
    """Stop the part's process and start it again."""
    cloud.stop(part)
    try:
        yield
    finally:
        cloud.start(part)


@contextmanager
def frozen(cloud: Cloud, part: str) -> Iterator[None]:
    """Freeze the part's process; its connections stay open."""
    pid = cloud.pid(part)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
