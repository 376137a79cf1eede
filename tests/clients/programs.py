"""Programs that use the Python client and end in different ways: `python -m … NAME URL USER TOKEN QUEUE`."""

import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path

from interaction_client import Tracker

COUNT = 10


def track_and_wait(tracker: Tracker) -> None:
    """Track, and wait to be killed."""
    for number in range(COUNT):
        tracker.peel(None, f"a{number}")
    print("tracked", flush=True)  # noqa: T201
    time.sleep(60)


def track_and_end(tracker: Tracker) -> None:
    """Track, and end without closing."""
    for number in range(COUNT):
        tracker.peel(None, f"a{number}")


def track_in_forks(tracker: Tracker) -> None:
    """Track in this process and in children that are forked while its thread sends, as gunicorn and celery do it."""
    threads = [threading.Thread(target=_track, args=[tracker, first]) for first in (0, 100)]
    for thread in threads:
        thread.start()
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=_track, args=[tracker, first]) for first in (200, 300, 400)]
    for child in children:
        child.start()
    for thread in threads:
        thread.join()
    for child in children:
        child.join()
    if any(child.exitcode for child in children):
        sys.exit(1)
    tracker.close(20)


def track_in_a_forked_child_alone(tracker: Tracker) -> None:
    """Track in a child whose parent has the tracker and never uses it again."""
    tracker.peel(None, "a0")
    tracker.flush()
    if (child := os.fork()) == 0:
        tracker.peel(None, "a1")
        os._exit(tracker.flush(20).waiting)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _track(tracker: Tracker, first: int) -> None:
    for number in range(first, first + 20):
        tracker.peel(None, f"a{number}")
        time.sleep(0.005)
    tracker.flush(20)


def main() -> None:
    """Run the program of this name."""
    name, url, user, token, path = sys.argv[1:]
    exit_seconds = 1.0
    tracker = Tracker(url, token, user=user, path=Path(path), batch_seconds=0.01, exit_seconds=exit_seconds)
    globals()[name](tracker)


if __name__ == "__main__":
    main()
