"""One `make` at a time changes this clone: what installs, starts, deploys, stops and removes. Standard library only."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.component import Narrate
from local.environment import ROOT


@contextmanager
def alone(narrate: Narrate, root: Path = ROOT) -> Iterator[None]:
    """Have the clone to oneself, once whoever else changes it has finished.

    Whoever waited finds the clone changed: look again at what is installed and what runs.
    """
    folder = os.open(root, os.O_RDONLY)  # a lock that needs no file, so none that `make clean` removes
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            narrate("waiting for the `make` that is at work here")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
