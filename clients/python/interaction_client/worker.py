"""The thread that sends, and its waiting between two attempts."""

import fcntl
import os
import random
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

from interaction_client.sender import Next, Sender, new_client

FIRST_BACKOFF_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 60.0
PAUSE_SECONDS = 300.0
POLL_SECONDS = 1.0  # other processes' interactions, and the lock of one that has ended


class Worker:
    """Sends while it holds the queue's lock: one process at a time, and the kernel tells when that has ended.

    Started when it is first needed in a process, so again after a fork. `state` is that of the last attempt.
    """

    def __init__(self, sender: Sender, lock_file: Path, batch_seconds: float) -> None:
        self._sender = sender
        self._lock_file = lock_file
        self._batch_seconds = batch_seconds
        self._reset()
        _WORKERS.add(self)

    def notice(self) -> None:
        """Something new waits: an idle worker sends it when others had time to join it."""
        self._set("has_new")

    def hurry(self) -> None:
        """Try now: only a server's Retry-After is still waited for."""
        self._set("is_urgent")

    def stop(self) -> None:
        """End the thread after the attempt that it is in."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(POLL_SECONDS)

    @property
    def is_sender(self) -> bool:
        """Whether this process is the one that sends."""
        return self._lock is not None

    def forget(self) -> None:
        """After a fork, in the child: its parent's thread is not here, and the lock is its parent's."""
        if self._lock is not None:
            os.close(self._lock)
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._lock: int | None = None
        self._is_stopped = self.has_new = self.is_urgent = False
        self.next: Next | None = None
        self.attempts = 0

    def _set(self, flag: str) -> None:
        with self._changed:
            setattr(self, flag, True)
            self._changed.notify_all()
            if not self._thread and not self._is_stopped:
                self._thread = threading.Thread(target=self._run, name="interactions", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        next_, failures = Next("empty"), 0
        with new_client(self._sender.url) as client:
            while not self._is_stopped:
                self._wait(next_, failures)
                if self._is_stopped or not self._lock_queue():
                    continue
                self.has_new = self.is_urgent = False
                self.next = next_ = self._sender.attempt(client)
                self.attempts += 1
                failures = failures + 1 if next_.kind == "later" else 0
        self._release()

    def _wait(self, next_: Next, failures: int) -> None:
        if next_.kind == "empty":
            self._sleep(POLL_SECONDS, lambda: self.has_new or self.is_urgent)
            if self.has_new:
                self._sleep(self._batch_seconds, lambda: self.is_urgent)
        elif next_.kind == "later":
            most = min(FIRST_BACKOFF_SECONDS * 2 ** min(failures - 1, 10), MAX_BACKOFF_SECONDS)
            jittered = most * random.uniform(0.5, 1)  # noqa: S311  no secret
            self._sleep(next_.floor_seconds, lambda: False)
            self._sleep(jittered - next_.floor_seconds, lambda: self.is_urgent)
        elif next_.kind == "paused":
            self._sleep(PAUSE_SECONDS, lambda: self.is_urgent)

    def _sleep(self, seconds: float, condition: Callable[[], bool]) -> None:
        """Sleep so long, or until the condition holds or the worker is stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopped or condition(), max(seconds, 0))

    def _lock_queue(self) -> bool:
        if self._lock is None:
            lock = os.open(self._lock_file, os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return False
            self._lock = lock
        return True

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None


_WORKERS: weakref.WeakSet[Worker] = weakref.WeakSet()


def _after_fork() -> None:
    for worker in list(_WORKERS):
        worker.forget()


os.register_at_fork(after_in_child=_after_fork)
