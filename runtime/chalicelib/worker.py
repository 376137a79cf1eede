"""A batch from the queue: stored in the ledger, its poison dead-lettered, then one claim of the outbox projected."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import psycopg

from chalicelib.graph.client import Graph, GraphUnavailableError
from chalicelib.interaction import Interaction, to_datetime
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection.projector import drain_within
from chalicelib.queue import NewerMessageError, PoisonError, QueueUnavailableError, decode
from chalicelib.telemetry import log, measure, measure_seconds, seconds_since

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


@dataclass
class BatchResult:
    """The messages that were not stored: `poison` goes to the dead-letter queue, `failed` is redelivered by SQS."""

    poison: list[tuple[SqsMessage, str]] = field(default_factory=list)
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
        self._store(list(_decoded(messages, result)), result)
        # Only now: if storing raises, the whole batch is redelivered, its poison too.
        self._send_to_dlq(result)
        self._drain()
        return {"batchItemFailures": [{"itemIdentifier": message.message_id} for message in result.failed]}

    def close(self) -> None:
        """Close the connections."""
        self._ledger.close()
        self._graph.close()

    def _store(self, batch: Sequence[tuple[SqsMessage, list[Interaction]]], result: BatchResult) -> None:
        """Store the batch in one statement; if Postgres refuses it, store each half, down to a single message."""
        if not batch:
            return
        interactions = [interaction for _, decoded in batch for interaction in decoded]
        try:
            stored = self._ledger.store(interactions)
        except STORE_ERRORS as error:
            if _is_outage(error):
                raise
            if len(batch) == 1:
                _sort_refused(batch[0][0], error, result)
                return
            middle = len(batch) // 2
            self._store(batch[:middle], result)
            self._store(batch[middle:], result)
        else:
            measure(Stored=stored.stored, Repeated=stored.repeated, Erased=stored.erased)
            # Of the oldest interaction: an average would hide the slowest.
            measure_seconds(TimeToStored=seconds_since(to_datetime(min(one.received_at for one in interactions))))

    def _send_to_dlq(self, result: BatchResult) -> None:
        for message, reason in result.poison:
            log.error("poison", message_id=message.message_id, reason=reason)
            try:
                self._dead_letter_queue.send(message.body, reason=reason)
                measure(Poison=1, reason=reason)
            except QueueUnavailableError:
                result.failed.append(message)

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


def _sort_refused(message: SqsMessage, error: Exception, result: BatchResult) -> None:
    """Add a message that Postgres refused by itself to the poison if its data is wrong, else to the failed."""
    sqlstate = getattr(error, "sqlstate", None)
    log.error("the ledger refused", message_id=message.message_id, kind=type(error).__name__, sqlstate=sqlstate)
    if _is_data_error(error):
        result.poison.append((message, "data_error"))
    else:
        result.failed.append(message)


def _is_outage(error: Exception) -> bool:
    """Return whether Postgres is unavailable; other errors concern a row or the statement."""
    return isinstance(error, psycopg.OperationalError) and not _is_data_error(error)


def _is_data_error(error: Exception) -> bool:
    """Return whether the row can never be stored; psycopg's own DataError has no SQLSTATE."""
    if isinstance(error, psycopg.Error) and not isinstance(error, psycopg.DataError):
        return (error.sqlstate or "").startswith(DATA_ERROR_CLASSES)
    return True


def _decoded(messages: Sequence[SqsMessage], result: BatchResult) -> Iterator[tuple[SqsMessage, list[Interaction]]]:
    """Yield the messages that decode, with their interactions; add the others to the result."""
    for message in messages:
        try:
            yield message, decode(message.body)
        except PoisonError as poison:
            result.poison.append((message, str(poison)))
        except NewerMessageError as newer:
            log.warning("of newer code", message_id=message.message_id, unknown=str(newer))
            result.failed.append(message)
