"""A batch from the queue: into the ledger, poison to the dead letters, and then a little of the outbox to the graph."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import psycopg

from chalicelib.graph.client import Graph, GraphUnavailableError
from chalicelib.interaction import Interaction, moment
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection.projector import drain_within
from chalicelib.queue import PoisonError, QueueUnavailableError, UnknownYetError, decode
from chalicelib.telemetry import log, measure, measure_seconds, seconds_since

DRAIN_SECONDS = 7  # a user whom somebody else holds takes 4: two goes, or one among others and one alone
PAUSE_SECONDS = 30  # without draining, after the graph was away: SQS is answered at once meanwhile

BLAME = ("22", "54")  # the classes of SQLSTATEs that blame the row itself: its data, or their size
REFUSALS = (psycopg.Error, OverflowError, UnicodeError, RecursionError)


class DeadLetters(Protocol):
    """Where poison goes."""

    def send(self, body: str, *, reason: str) -> None:
        """Keep the body and its reason code, or raise QueueUnavailableError."""


class Delivery(NamedTuple):
    """One message of a batch."""

    message_id: str
    body: str


@dataclass
class Fates:
    """What becomes of a batch's messages; those in neither list are in the ledger."""

    poison: list[tuple[Delivery, str]] = field(default_factory=list)
    failed: list[Delivery] = field(default_factory=list)


class Worker:
    """What one process keeps between batches."""

    def __init__(
        self, *, open_ledger: Callable[[], Ledger], open_graph: Callable[[], Graph], dead_letters: DeadLetters
    ) -> None:
        """Take the makers of the connections; one that had to be abandoned is made again."""
        self._open_ledger, self._open_graph = open_ledger, open_graph
        self._ledger, self._graph = open_ledger(), open_graph()
        self._dead_letters = dead_letters
        self._drain_from = 0.0

    def handle(self, event: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
        """Store a batch and return, in the form SQS wants, the messages to bring again.

        Raises psycopg.OperationalError when Postgres is away: then SQS brings the whole batch again.
        """
        fates = Fates()
        deliveries = [Delivery(record["messageId"], record["body"]) for record in event["Records"]]
        self._store(list(_readable(deliveries, fates)), fates)
        self._bury(fates)
        self._drain()
        return {"batchItemFailures": [{"itemIdentifier": delivery.message_id} for delivery in fates.failed]}

    def close(self) -> None:
        """Close its connections."""
        self._ledger.close()
        self._graph.close()

    def _store(self, batch: Sequence[tuple[Delivery, list[Interaction]]], fates: Fates) -> None:
        """Save the batch in one statement, or halve it until the message that Postgres refuses stands alone."""
        if not batch:
            return
        try:
            interactions = [interaction for _, several in batch for interaction in several]
            stored = self._ledger.store(interactions)
        except REFUSALS as error:
            if _is_outage(error):
                raise
            if len(batch) > 1:
                middle = len(batch) // 2
                self._store(batch[:middle], fates)
                self._store(batch[middle:], fates)
                return
            delivery, _ = batch[0]
            sqlstate = getattr(error, "sqlstate", None)
            log.error(
                "the ledger refused", message_id=delivery.message_id, kind=type(error).__name__, sqlstate=sqlstate
            )
            if _blames_the_row(error):
                fates.poison.append((delivery, "data_error"))
            else:
                fates.failed.append(delivery)
        else:
            measure(Stored=stored.stored, Repeated=stored.repeated, Erased=stored.erased)
            # Of each batch its slowest: an average would hide who waits.
            measure_seconds(TimeToStored=seconds_since(moment(min(one.received_at for one in interactions))))

    def _bury(self, fates: Fates) -> None:
        """Move poison to the dead letters; after the storing, since a batch that raises comes again as a whole."""
        for delivery, reason in fates.poison:
            log.error("poison", message_id=delivery.message_id, reason=reason)
            try:
                self._dead_letters.send(delivery.body, reason=reason)
                measure(Poison=1, reason=reason)
            except QueueUnavailableError:
                fates.failed.append(delivery)

    def _drain(self) -> None:
        """Project one claim if the graph is there; what fails stays in the outbox, where catch-up finds it."""
        if time.monotonic() < self._drain_from:
            return
        try:
            drain_within(DRAIN_SECONDS, self._ledger, self._graph)
        except Exception as error:  # noqa: BLE001  the batch is stored: whatever ails the graph, SQS must hear that
            # Of an error that is not ours only the kind is told: its text can quote what people wrote.
            reason = str(error) if isinstance(error, GraphUnavailableError) else ""
            log.warning("not drained", error=type(error).__name__, reason=reason)
            measure(NotDrained=1)
            self._drain_from = time.monotonic() + PAUSE_SECONDS
            self._reopen()

    def _reopen(self) -> None:
        if self._ledger.abandoned:
            self._ledger, self._graph = self._open_ledger(), self._open_graph()


def _is_outage(error: Exception) -> bool:
    """Tell whether Postgres is away, rather than in disagreement with some row."""
    return isinstance(error, psycopg.OperationalError) and not _blames_the_row(error)


def _blames_the_row(error: Exception) -> bool:
    """Tell whether the row itself can never be stored: psycopg itself says so without an SQLSTATE."""
    if isinstance(error, psycopg.Error) and not isinstance(error, psycopg.DataError):
        return (error.sqlstate or "").startswith(BLAME)
    return True


def _readable(deliveries: Sequence[Delivery], fates: Fates) -> Iterator[tuple[Delivery, list[Interaction]]]:
    """Yield the messages that decode, with their interactions; sort the others into their fates."""
    for delivery in deliveries:
        try:
            yield delivery, decode(delivery.body)
        except PoisonError as poison:
            fates.poison.append((delivery, str(poison)))
        except UnknownYetError as unknown:
            log.warning("of newer code", message_id=delivery.message_id, unknown=str(unknown))
            fates.failed.append(delivery)
