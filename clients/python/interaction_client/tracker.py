"""The tracker for threads and scripts."""

import atexit
import hashlib
import logging
import time
import uuid
from pathlib import Path
from typing import Any, Self

from interaction_client.address import api_address
from interaction_client.clock import Clock
from interaction_client.content import clean
from interaction_client.model import Interaction, OnRejected, QueueFullError, Rejected, Status, Token
from interaction_client.queue import DiskQueue
from interaction_client.sender import Next, Sender, user_of
from interaction_client.worker import Worker

LOG = logging.getLogger("interaction_client")
STATES: Any = {"later": "waiting", "paused": "paused"}
POLL_SECONDS = 0.05


def _log(rejected: Rejected) -> None:
    LOG.error("an interaction will not be sent: %s", rejected.reason)


class Tracker:
    """Keeps each interaction on the disk until the API has it. One for each user and API.

    `url` is https, or http of this machine: each request carries the token. Raises ValueError for another one.
    `token` is the user's ID token, or a function that returns it and is told whether the API refused the last one.
    `path` is the queue's file, which several trackers and processes may share; its folder must exist.
    `user` is the token's subject, by default that of the first token.
    The first interaction waits `batch_seconds` for others to share its request. A full queue, of `max_bytes`, blocks
    for `block_seconds` and then raises QueueFullError. At the program's end what waits has `exit_seconds` to be sent.
    `on_rejected` is called in the sending thread for each interaction that will not be sent; by default it is logged.
    Raises PermissionError if the file at `path` or its folder belongs to another user of the machine (the folder may be
    root's), or if others may use the file or write to the folder.
    """

    def __init__(
        self,
        url: str,
        token: str | Token,
        *,
        path: str | Path,
        user: str | None = None,
        batch_seconds: float = 1.0,
        max_bytes: int = 16 * 1024**2,
        block_seconds: float = 0.0,
        exit_seconds: float = 5.0,
        on_rejected: OnRejected = _log,
    ) -> None:
        self._url = api_address(url)
        get_token: Token = (lambda _refresh: token) if isinstance(token, str) else token
        user = user or user_of(get_token(False))  # noqa: FBT003  as the caller's function has it
        if not user:
            raise ValueError("token: names no user")
        owner = f"{user} at {self._url}"
        self._clock = Clock()
        self._queue = DiskQueue(Path(path), owner, max_bytes)
        sender = Sender(
            url=self._url, user=user, token=get_token, queue=self._queue, clock=self._clock, on_rejected=on_rejected
        )
        lock_file = Path(f"{path}-{hashlib.sha256(owner.encode()).hexdigest()[:16]}.lock")
        self._worker = Worker(sender, lock_file, batch_seconds)
        self._block_seconds = block_seconds
        self._exit_seconds = exit_seconds
        self._is_closed = False
        self._clock.restore(self._queue.read_clock())
        atexit.register(self._at_exit)

    def __enter__(self) -> Self:
        """Use it as a context: it is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def status(self) -> Status:
        """What waits, and why."""
        waiting, rejected = self._queue.counts()
        if self._is_closed:
            return Status(waiting, rejected, "closed")
        if not self._worker.is_sender:
            return Status(waiting, rejected, "other")
        next_ = self._worker.next or Next("more")
        return Status(waiting, rejected, STATES.get(next_.kind, "ready"), next_.reason)

    def track(self, interaction: Interaction) -> str:
        """Keep an interaction; return its `event_id` once it is on the disk. Raises QueueFullError if it cannot be."""
        if self._is_closed:
            raise RuntimeError("the tracker is closed")
        event_id = interaction.event_id or str(uuid.uuid4())
        timestamp, is_final = interaction.timestamp, True
        if timestamp is None:
            timestamp, is_final = self._clock.stamp(), self._clock.is_known
            timestamp = self._clock.correct(timestamp) if is_final else timestamp
        given = {"kind": interaction.kind, "artifact_id": interaction.artifact_id, "event_id": event_id}
        content = clean(given | {"metadata": interaction.metadata, "timestamp": timestamp})
        self._add({name: value for name, value in content.items() if value is not None}, is_final=is_final)
        self._worker.notice()
        return event_id

    def recall(self, metadata: Any = None) -> str:
        """Open an event by a recall, and return its `event_id`."""
        return self.track(Interaction(kind="recall", metadata=metadata))

    def workspace(self, metadata: Any = None) -> str:
        """Open an event by a workspace, and return its `event_id`."""
        return self.track(Interaction(kind="workspace", metadata=metadata))

    def peel(self, event_id: str | None, artifact_id: str, metadata: Any = None) -> str:
        """Track a peel; return the event's id, a new one if none is given."""
        return self.track(Interaction(kind="peel", event_id=event_id, artifact_id=artifact_id, metadata=metadata))

    def keep(self, event_id: str | None, artifact_id: str, metadata: Any = None) -> str:
        """Track a keep; return the event's id, a new one if none is given."""
        return self.track(Interaction(kind="keep", event_id=event_id, artifact_id=artifact_id, metadata=metadata))

    def mark_good(self, event_id: str | None, artifact_id: str, metadata: Any = None) -> str:
        """Track a good mark; return the event's id, a new one if none is given."""
        return self.track(Interaction(kind="mark_good", event_id=event_id, artifact_id=artifact_id, metadata=metadata))

    def mark_bad(self, event_id: str | None, artifact_id: str, metadata: Any = None) -> str:
        """Track a bad mark; return the event's id, a new one if none is given."""
        return self.track(Interaction(kind="mark_bad", event_id=event_id, artifact_id=artifact_id, metadata=metadata))

    def unkeep(self, event_id: str | None, artifact_id: str, metadata: Any = None) -> str:
        """Track that a keep is taken back; return the event's id, a new one if none is given."""
        return self.track(Interaction(kind="unkeep", event_id=event_id, artifact_id=artifact_id, metadata=metadata))

    def unmark(self, event_id: str | None, artifact_id: str, metadata: Any = None) -> str:
        """Track that a mark is taken back; return the event's id, a new one if none is given."""
        return self.track(Interaction(kind="unmark", event_id=event_id, artifact_id=artifact_id, metadata=metadata))

    def flush(self, seconds: float = 10.0) -> Status:
        """Send now; return when nothing waits, when the API refuses the requests, or after so many seconds."""
        until = time.monotonic() + seconds
        attempts = self.start_flush()
        while not self.is_flushed(attempts) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        return self.status

    def start_flush(self) -> int:
        """Have it sent now; return what `is_flushed` wants to know."""
        attempts = self._worker.attempts
        if self._queue.counts()[0]:
            self._worker.hurry()
        return attempts

    def is_flushed(self, attempts: int) -> bool:
        """Tell whether nothing waits, or the API has refused a request since."""
        status = self.status
        return not status.waiting or (status.state == "paused" and self._worker.attempts > attempts)

    def close(self, seconds: float = 10.0) -> Status:
        """Flush, then stop for good. What could not be sent stays for the same user's next tracker."""
        if not self._is_closed:
            self.flush(seconds)
            self._worker.stop()
            self._is_closed = True
            atexit.unregister(self._at_exit)
        status = self.status
        self._queue.close()
        return status

    def take_rejected(self) -> list[Rejected]:
        """Return the interactions that will not be sent, and forget them."""
        return self._queue.take_rejected()

    def _add(self, payload: dict[str, Any], *, is_final: bool) -> None:
        until = time.monotonic() + self._block_seconds
        while True:
            try:
                return self._queue.add(payload, is_final=is_final)
            except QueueFullError:
                if time.monotonic() >= until:
                    raise
            time.sleep(POLL_SECONDS)

    def _at_exit(self) -> None:
        try:
            self.close(self._exit_seconds)
        except RuntimeError as error:  # this interpreter starts no thread any more
            LOG.warning("not flushed: %s; what waits is on the disk", error)
