"""A batch from the queue: stored in the ledger, its poison dead-lettered, then one claim of the outbox projected.

Each interaction has its own fate, whatever message it came in.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import psycopg

from chalicelib.graph.client import Graph, GraphUnavailableError
from chalicelib.interaction import Interaction, microseconds, to_datetime
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection.projector import drain_within
from chalicelib.queue import NewerMessageError, PoisonError, QueueUnavailableError, decode, encode
from chalicelib.telemetry import age, log, measure

DRAIN_SECONDS = 7  # two attempts at a user whom another drain holds take 4
PAUSE_SECONDS = 30  # without draining after a failed drain: meanwhile batches are answered at once

DATA_ERROR_CLASSES = ("22", "54")  # of SQLSTATEs: the row's data is wrong, or too large
STORE_ERRORS = (psycopg.Error, OverflowError, UnicodeError, RecursionError)


class DeadLetterQueue(Protocol):
    """Where poison goes."""

    def send(self, body: str, *, reason: str) -> None:
        """Queue the body with its reason code; raises QueueUnavailableError."""


class SqsMessage(NamedTuple):
    """One message of a batch."""

    message_id: str
    body: str


class Part(NamedTuple):
    """One interaction, and the message that brought it."""

    message: SqsMessage
    interaction: Interaction
    alone: bool
    """Whether the message holds no other."""

    @property
    def body(self) -> str:
        """The body of a message with this interaction only."""
        return self.message.body if self.alone else encode(self.interaction)


class Poison(NamedTuple):
    """What can never be stored, as the body of a message of its own: one interaction, or what nobody can read."""

    message: SqsMessage
    body: str
    reason: str

    @property
    def user_id(self) -> str | None:
        """Whose it says it is; None if that cannot be read."""
        user_id = self._content.get("user_id")
        storable = isinstance(user_id, str) and "\0" not in user_id and user_id.isprintable()
        return user_id if storable else None

    @property
    def received_at(self) -> int:
        """When it says it was received, in microseconds since 1970; 0 if that cannot be read."""
        received_at = self._content.get("received_at")
        return received_at if isinstance(received_at, int) else 0

    @property
    def _content(self) -> Mapping[str, Any]:
        try:
            [one] = json.loads(self.body)["interactions"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return {}
        return one if isinstance(one, dict) else {}


@dataclass
class BatchResult:
    """What was not stored: `poison` goes to the dead-letter queue; SQS redelivers the `failed` messages."""

    poison: list[Poison] = field(default_factory=list)
    failed: list[SqsMessage] = field(default_factory=list)


class Worker:
    """Handles batches; keeps its connections between them."""

    def __init__(
        self, *, open_ledger: Callable[[], Ledger], open_graph: Callable[[], Graph], dead_letter_queue: DeadLetterQueue
    ) -> None:
        """Take the functions that open connections: an abandoned one is opened again."""
        self._open_ledger, self._open_graph = open_ledger, open_graph
        self._ledger, self._graph = open_ledger(), open_graph()
        self._dead_letter_queue = dead_letter_queue
        self._paused_until = 0.0

    def handle(self, event: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
        """Store a batch and return, in the form that SQS expects, the messages to redeliver.

        Raises psycopg.OperationalError when Postgres is unavailable: SQS then redelivers the whole batch.
        """
        result = BatchResult()
        messages = [SqsMessage(record["messageId"], record["body"]) for record in event["Records"]]
        self._store(list(_parts(messages, result)), result)
        # Only now: if storing raises, the whole batch is redelivered, its poison too.
        self._send_to_dlq(result)
        self._drain()
        failed = dict.fromkeys(message.message_id for message in result.failed)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    def close(self) -> None:
        """Close the connections."""
        self._ledger.close()
        self._graph.close()

    def _store(self, parts: Sequence[Part], result: BatchResult) -> None:
        """Store the parts in one statement; if Postgres refuses it, store each half, down to a single interaction."""
        if not parts:
            return
        try:
            stored = self._ledger.store([part.interaction for part in parts])
        except STORE_ERRORS as error:
            if _is_outage(error):
                raise
            if len(parts) == 1:
                _sort_refused(parts[0], error, result)
                return
            middle = len(parts) // 2
            self._store(parts[:middle], result)
            self._store(parts[middle:], result)
        else:
            # Of the oldest interaction: an average would hide the slowest.
            oldest = to_datetime(min(part.interaction.received_at for part in parts))
            measure(Stored=stored.stored, Repeated=stored.repeated, Erased=stored.erased, TimeToStored=age(oldest))

    def _send_to_dlq(self, result: BatchResult) -> None:
        erased = self._ledger.erased_at([poison.user_id for poison in result.poison if poison.user_id])
        for poison in result.poison:
            if poison.message in result.failed:
                continue  # it comes again with its message
            if (user_id := poison.user_id) in erased and poison.received_at <= microseconds(erased[user_id]):
                log.warning("poison of an erased user", message_id=poison.message.message_id)
                measure(Erased=1)
                continue
            log.error("poison", message_id=poison.message.message_id, reason=poison.reason)
            try:
                self._dead_letter_queue.send(poison.body, reason=poison.reason)
                measure(Poison=1, reason=poison.reason)
            except QueueUnavailableError:
                result.failed.append(poison.message)

    def _drain(self) -> None:
        """Project one claim if the graph is available; rows that fail stay in the outbox for catch-up."""
        if time.monotonic() < self._paused_until:
            return
        try:
            drain_within(DRAIN_SECONDS, self._ledger, self._graph)
        except Exception as error:  # noqa: BLE001  the batch is stored, and SQS must hear so whatever happened here
            # The text of other errors can quote metadata.
            reason = str(error) if isinstance(error, GraphUnavailableError) else ""
            log.warning("not drained", error=type(error).__name__, reason=reason)
            measure(NotDrained=1)
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            if self._ledger.abandoned:
                self._ledger, self._graph = self._open_ledger(), self._open_graph()


def _sort_refused(part: Part, error: Exception, result: BatchResult) -> None:
    """Add an interaction that Postgres refused by itself to the poison if its data is wrong; else its message fails."""
    sqlstate = getattr(error, "sqlstate", None)
    log.error("the ledger refused", interaction_id=part.interaction.id, kind=type(error).__name__, sqlstate=sqlstate)
    if _is_data_error(error):
        result.poison.append(Poison(part.message, part.body, "data_error"))
    else:
        result.failed.append(part.message)


def _is_outage(error: Exception) -> bool:
    """Return whether Postgres is unavailable; other errors concern a row or the statement."""
    return isinstance(error, psycopg.OperationalError) and not _is_data_error(error)


def _is_data_error(error: Exception) -> bool:
    """Return whether the row can never be stored; psycopg's own DataError has no SQLSTATE."""
    if isinstance(error, psycopg.Error) and not isinstance(error, psycopg.DataError):
        return (error.sqlstate or "").startswith(DATA_ERROR_CLASSES)
    return True


def _parts(messages: Sequence[SqsMessage], result: BatchResult) -> Iterator[Part]:
    """Yield the interactions that can be read; add the rest to the result."""
    for message in messages:
        try:
            decoded = decode(message.body)
        except PoisonError as poison:
            result.poison.append(Poison(message, message.body, str(poison)))
        except NewerMessageError as newer:
            log.warning("of newer code", message_id=message.message_id, unknown=str(newer))
            result.failed.append(message)
        else:
            result.poison += [Poison(message, body, "refused") for body in decoded.refused]
            alone = len(decoded.interactions) + len(decoded.refused) == 1
            yield from (Part(message, interaction, alone) for interaction in decoded.interactions)
