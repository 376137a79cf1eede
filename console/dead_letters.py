"""The dead-letter queue as the pages show it: read once and kept for a while, grouped, and changed as asked."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from console.source import Source
from scripts.common.errors import WrongUseError
from scripts.common.target import Target
from scripts.dlq.actions import Action, make_action
from scripts.dlq.discard_file import DiscardFile
from scripts.dlq.mend import mend
from scripts.dlq.message import GAVE_UP, DlqMessage, Selection
from scripts.dlq.queue import DeadLetterQueue

MAX_MESSAGES: Final = 1000  # read at once
KEEP_SECONDS: Final = 60  # reading hides messages from commands for some seconds
SETTLE_SECONDS: Final = 5  # a busy queue can answer empty although it is not
REDRIVE_PER_SECOND: Final = 50


@dataclass(frozen=True)
class Contents:
    """What was found in the queue."""

    messages: Sequence[DlqMessage]
    unread: int
    """Messages that could not be read, because another command holds them or there are too many."""
    read_at: datetime


class DeadLetters:
    """The queue's messages, read again when they are too old or something was changed."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._found: Contents | None = None
        self._expires_at = 0.0

    def read(self, *, fresh: bool = False) -> Contents:
        """Return the messages, as they were up to a minute ago unless they must be fresh; raises UnavailableError."""
        with self._lock:
            if fresh or self._found is None or time.monotonic() > self._expires_at:
                self._found = self._source.ask(_read)
                self._expires_at = time.monotonic() + KEEP_SECONDS
            return self._found

    def find(self, message_id: str) -> DlqMessage | None:
        """Return the message with this id; what is not among those read last is looked for once more."""
        for fresh in (False, True):
            for one in self.read(fresh=fresh).messages:
                if one.message_id == message_id:
                    return one
        return None

    def move(self, name: str, selection: Selection, expected: int) -> tuple[Action, Path | None]:
        """Redrive or discard what is selected, as the command does; return what was done, and the discard file.

        Raises WrongUseError if there are now more or fewer messages than the person was shown.
        """
        file = self._discard_file() if name == "discard" else None
        try:
            return self._source.change(
                partial(_move, name=name, selection=selection, expected=expected, file=file)
            ), file
        finally:
            self._forget()

    def mend(self, message_id: str, body: str) -> tuple[list[str], Path]:
        """Send the body in place of the message, which is kept in a file; return the interactions' ids and the file."""
        file = self._discard_file()
        try:
            return self._source.change(lambda target: mend(target, message_id, body, DiscardFile(file))), file
        finally:
            self._forget()

    def _forget(self) -> None:
        self._expires_at = 0.0

    def _discard_file(self) -> Path:
        return (
            self._source.discard_folder / f"dead-letters-{self._source.name}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.jsonl"
        )


def redriven(selection: Selection) -> Selection:
    """Return what a redrive moves of a selection: as with the command, no poison unless a reason asks for it."""
    return selection if selection.reasons else Selection(**{**vars(selection), "reasons": (GAVE_UP,)})


def group(messages: Sequence[DlqMessage]) -> list[tuple[str, str, int]]:
    """Return the interactions by reason and kind, the most first."""
    counts = Counter((message.reason, kind) for message in messages for kind in message.kinds)
    return [(reason, kind, count) for (reason, kind), count in counts.most_common()]


def select(query: dict[str, str]) -> Selection:
    """Return the selection that a page's filter names; raises WrongUseError for a wrong number of hours."""
    try:
        hours = float(query.get("hours") or 0)
        since = datetime.now(UTC) - timedelta(hours=hours) if query.get("hours") else None
    except (ValueError, OverflowError):
        raise WrongUseError(f"not a number of hours: {query['hours']}") from None
    if hours < 0:
        raise WrongUseError(f"give a number of hours above 0, not {query['hours']}")
    return Selection(
        reasons=(query["reason"],) if query.get("reason") else (),
        kinds=(query["kind"],) if query.get("kind") else (),
        since=since,
        user_id=query.get("user", "").strip(),
        text=query.get("text", "").strip(),
        message_id=query.get("message", ""),
    )


def _read(target: Target) -> Contents:
    with DeadLetterQueue(target, settle_seconds=SETTLE_SECONDS) as queue:
        messages = sorted(islice(queue.read(), MAX_MESSAGES), key=lambda one: one.sent_at, reverse=True)
        return Contents(messages, max(queue.unread, queue.count - len(messages)), datetime.now(UTC))


def _move(target: Target, *, name: str, selection: Selection, expected: int, file: Path | None) -> Action:
    with DeadLetterQueue(target, settle_seconds=SETTLE_SECONDS) as queue:
        options = {"rate": REDRIVE_PER_SECOND, "file": file, "dry_run": False}
        action = make_action(name, target, queue, options)
        messages = list(islice(queue.read(selection.matches, keep=True), MAX_MESSAGES))
        if len(messages) != expected:
            raise WrongUseError(f"there are {len(messages)} such messages now, not {expected}: nothing was changed")
        action.apply(messages)
    return action
