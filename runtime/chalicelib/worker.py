"""A batch from the queue: stored in the ledger, its poison dead-lettered, then one claim of the outbox projected.

Each interaction has its own fate, whatever message it came in.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import psycopg

from chalicelib.batch import BatchResult, Part, Poison, SqsMessage, take_apart
from chalicelib.graph.client import Graph, GraphUnavailableError
from chalicelib.interaction import to_datetime
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection.projector import drain_within
from chalicelib.queue import QueueUnavailableError
from chalicelib.telemetry import age, log, measure

DRAIN_SECONDS = 7  # two attempts at a user whom another drain holds take 4
PAUSE_SECONDS = 30  # without draining after a failed drain: meanwhile batches are answered at once

DATA_ERROR_CLASSES = ("22", "54")  # of SQLSTATEs: the row's data is wrong, or too large
STORE_ERRORS = (psycopg.Error, OverflowError, UnicodeError, RecursionError)


class DeadLetterQueue(Protocol):
    """Where poison goes."""

    def send(self, body: str, *, reason: str) -> None:
        """Queue the body with its reason code; raises QueueUnavailableError."""


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
        self._store(list(take_apart(messages, result)), result)
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
        erased = self._ledger.erased([poison.user_id for poison in result.poison if poison.user_id])
        for poison in result.poison:
            if poison.message in result.failed:
                continue  # it comes again with its message
            if (user_id := poison.user_id) in erased and erased[user_id].covers(**poison.times):
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
