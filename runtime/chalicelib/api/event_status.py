"""The answer of GET /event/{event_id}, and where it is read: the ledger, and the graph if that is available."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal

import psycopg
from chalice.app import Response
from pydantic import BaseModel, Field

from chalicelib.api import reply
from chalicelib.api.accept import refused
from chalicelib.api.fields import UUID_FORM
from chalicelib.api.http import read_request, respond
from chalicelib.api.reply import ANSWER, PostResponse, Reply, TryAgainError, try_again
from chalicelib.api.request import Request
from chalicelib.api.strict_json import RefusedError
from chalicelib.api.token import read_token
from chalicelib.deadline import DeadlineError, within
from chalicelib.graph import events as graph_events
from chalicelib.graph.client import Graph, GraphUnavailableError, RowsRefusedError
from chalicelib.ledger import events as ledger_events
from chalicelib.ledger.ledger import Ledger
from chalicelib.telemetry import log

MAX_INTERACTIONS = 1000
GRAPH_SECONDS = 2
PAUSE_SECONDS = 30  # without asking a graph that did not answer: meanwhile the answers come at once
NOT_KNOWN = "you have no such event; an interaction that was answered 'ok' a moment ago may still wait in the queue"
AGAIN = "could not be read; ask again"


class InteractionStatus(BaseModel):
    """An interaction of the event, and how far it has come."""

    model_config = ANSWER

    id: str
    kind: str
    artifact_id: str | None
    timestamp: datetime = Field(description="When it happened, by the client's clock")
    received_at: datetime = Field(description="When the API accepted it")
    stored_at: datetime = Field(description="When it was stored in the ledger")
    state: Literal["stored", "in_graph"] = Field(description="stored: in the ledger, and waiting for the graph")


class GraphPlace(BaseModel):
    """The event's node in the graph: its labels, and how many edges of each type begin at it."""

    model_config = ANSWER

    state: Literal["there", "not_there", "unavailable"] = Field(
        description="unavailable: the graph could not be read just now"
    )
    labels: list[str] = Field(default=[], description="Event, and RecallEvent or WorkspaceEvent or both")
    edges: dict[str, int] = Field(default={}, description="By type: PEEL, KEEP, MARK_GOOD, MARK_BAD, UNKEEP, UNMARK")


class EventStatus(BaseModel):
    """What of an event has arrived. What still waits in the queue is not in it."""

    model_config = ANSWER

    event_id: str
    time: datetime = Field(description="The service's clock when it read this: a client can measure its own by it")
    interactions: list[InteractionStatus] = Field(
        description=f"In order of their timestamps; the latest {MAX_INTERACTIONS} at most"
    )
    more: bool = Field(description="Whether there are earlier ones")
    graph: GraphPlace


class EventReader:
    """Reads events; keeps its connections between requests."""

    def __init__(self, *, open_ledger: Callable[[], Ledger], open_graph: Callable[[], Graph]) -> None:
        """Take the functions that open connections: a graph that was abandoned is opened again."""
        self._ledger, self._graph = open_ledger(), open_graph()
        self._open_graph = open_graph
        self._paused_until = 0.0

    def read(self, user_id: str, event_id: str, now: datetime) -> EventStatus | None:
        """Return the status of the user's event; None if the ledger has nothing of it. Raises psycopg.Error."""
        rows = ledger_events.latest(
            self._ledger.connection, user_id=user_id, event_id=event_id, max_rows=MAX_INTERACTIONS + 1
        )
        if not rows:
            return None
        return EventStatus(
            event_id=event_id,
            time=now,
            interactions=[_status(row) for row in rows[-MAX_INTERACTIONS:]],
            more=len(rows) > MAX_INTERACTIONS,
            graph=self._place(user_id, event_id),
        )

    def close(self) -> None:
        """Close the connections."""
        self._ledger.close()
        self._graph.close()

    def _place(self, user_id: str, event_id: str) -> GraphPlace:
        if time.monotonic() < self._paused_until:
            return GraphPlace(state="unavailable")
        keys = {"user_id": user_id, "event_id": event_id}
        try:
            place = within(GRAPH_SECONDS, lambda: graph_events.find(self._graph, **keys, seconds=GRAPH_SECONDS))
        except (DeadlineError, GraphUnavailableError, RowsRefusedError) as error:
            log.warning("the graph was not read", error=type(error).__name__, reason=str(error))
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            if isinstance(error, DeadlineError):
                self._graph.abandon()
                self._graph = self._open_graph()
            return GraphPlace(state="unavailable")
        return GraphPlace(state="there", **place._asdict()) if place else GraphPlace(state="not_there")


def get_event(chalice_request: Any, event_id: str, reader: EventReader) -> Response:
    """Answer GET /event/{event_id}."""
    return respond(
        lambda: event_status(read_request(chalice_request), event_id, reader=reader, now=datetime.now(UTC)), again=AGAIN
    )


def event_status(
    request: Request, event_id: str, *, reader: EventReader, now: datetime
) -> Reply[EventStatus] | Reply[PostResponse]:
    """Return what of the event of the token's user has arrived.

    404: the user has no such event. The answer is the same whether nobody has it or another user has.
    """
    try:
        token = read_token(request.claims, request.client_ids)
        found = reader.read(token.user_id, event_id.lower(), now) if UUID_FORM.fullmatch(event_id) else None
    except RefusedError as refusal:
        return refused(refusal)
    except psycopg.Error as error:
        log.warning("the ledger was not read", error=type(error).__name__, sqlstate=error.sqlstate)
        return try_again(TryAgainError(AGAIN), reply.retry(AGAIN))
    if found is None:
        return Reply(http_status=HTTPStatus.NOT_FOUND, body=reply.error(NOT_KNOWN))
    return Reply(http_status=HTTPStatus.OK, body=found)


def _status(row: ledger_events.Arrived) -> InteractionStatus:
    return InteractionStatus(
        id=str(row.id),
        kind=row.kind,
        artifact_id=row.artifact_id,
        timestamp=row.timestamp,
        received_at=row.received_at,
        stored_at=row.stored_at,
        state="in_graph" if row.in_graph else "stored",
    )
