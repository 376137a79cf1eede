"""What operators look at: the stores' health, an interaction's story, one person, and what arrives.

Each call reads a bounded number of rows and bytes, and writes nothing.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from chalicelib.deadline import DeadlineError, within
from chalicelib.graph import user_graph
from chalicelib.graph import watermark as graph_watermark
from chalicelib.graph.client import Graph, GraphUnavailableError, RowsRefusedError
from chalicelib.ledger import interactions
from chalicelib.ledger import watermark as ledger_watermark
from chalicelib.ledger.ledger import Ledger
from chalicelib.operations import json_values
from chalicelib.queue import MAX_AHEAD

STORY_ROWS: Final = 100
STORY_CHARACTERS: Final = 4000  # of each interaction's metadata
PERSON_ROWS: Final = 1000
PERSON_CHARACTERS: Final = 300
PERSON_EVENTS: Final = 60  # of the graph, with at most so many edges
PERSON_EDGES: Final = 600
ARRIVAL_ROWS: Final = 200
ARRIVAL_CHARACTERS: Final = 300
MAX_ARRIVAL_SECONDS: Final = 3600
GRAPH_SECONDS: Final = 3
GRAPH_ERRORS: Final = (DeadlineError, GraphUnavailableError, RowsRefusedError)


class SearchTooSlowError(Exception):
    """An event could not be found in time without its user."""


def operations(ledger: Ledger, graph: Graph) -> dict[str, Callable[..., Any]]:
    """Return the operations by name; arguments and results are JSON."""
    reads = Reads(ledger, graph)
    return {"health": reads.health, "story": reads.story, "person": reads.person, "arrivals": reads.arrivals}


class Reads:
    """The operations, on both stores. A store that is unavailable is part of the answer where it can be."""

    def __init__(self, ledger: Ledger, graph: Graph) -> None:
        self._ledger, self._graph = ledger, graph

    def health(self) -> dict[str, Any]:
        """Return the state of both stores, of the outbox and of the watermark.

        {"ledger": {"error": …} or {"seconds": …, "outbox": {"rows", "parked", "age_seconds"}, "watermark": …},
        "graph": {"error": …} or {"seconds": …, "watermark": …}}
        """
        return {"ledger": self._ledger_health(), "graph": self._graph_health()}

    def story(self, *, id: str, user_id: str | None = None) -> dict[str, Any]:  # noqa: A002  the argument's name in JSON
        """Return the interactions of the event with this id or, if there is none, the interaction with this id.

        Raises SearchTooSlowError if an event cannot be found in time: with its user it can.
        """
        found = interactions.by_id(self._ledger.connection, UUID(id), max_characters=STORY_CHARACTERS)
        if found:
            by = "interaction"
        else:
            by, found = "event", self._event(UUID(id), user_id)
        return {
            "by": by,
            "interactions": [json_values.as_json(one) for one in found[-STORY_ROWS:]],
            "more": len(found) > STORY_ROWS,
            "projected_until": self._watermark(),
        }

    def person(self, *, user_id: str, before: str | None = None) -> dict[str, Any]:
        """Return the user's latest interactions before that time, and the part of the graph that they span.

        The graph is None if it is unavailable.
        """
        until = json_values.parse_time(before, max_ahead=MAX_AHEAD) if before else datetime.now(UTC) + MAX_AHEAD
        connection = self._ledger.connection
        count, first, last = interactions.totals(connection, user_id)
        size = {"max_rows": PERSON_ROWS + 1, "max_characters": PERSON_CHARACTERS}
        found = interactions.of_user(connection, user_id, until, **size)
        rows = found[:PERSON_ROWS]
        events = list(dict.fromkeys(str(one["event_id"]) for one in rows))
        return {
            "total": json_values.as_json({"interactions": count, "first": first, "last": last}),
            "interactions": [json_values.as_json(one) for one in rows],
            "more": len(found) > PERSON_ROWS,
            "events": len(events),
            "graph": self._user_graph(user_id, events[:PERSON_EVENTS]),
        }

    def arrivals(self, *, seconds: float) -> dict[str, Any]:
        """Return what was stored in the last seconds, an hour at most, the latest first."""
        age = timedelta(seconds=min(float(seconds), MAX_ARRIVAL_SECONDS))
        size = {"max_rows": ARRIVAL_ROWS, "max_characters": ARRIVAL_CHARACTERS}
        found = interactions.arrived(self._ledger.connection, age, **size)
        return {"interactions": [json_values.as_json(one) for one in found], "more": len(found) == ARRIVAL_ROWS}

    def _event(self, event_id: UUID, user_id: str | None) -> interactions.Found:
        size = {"max_rows": STORY_ROWS + 1, "max_characters": STORY_CHARACTERS}
        try:
            return interactions.of_event(self._ledger.connection, event_id, user_id, **size)
        except psycopg.errors.QueryCanceled:
            raise SearchTooSlowError("the ledger is too long to search by event alone: give the user too") from None

    def _watermark(self) -> str | None:
        reached_at = ledger_watermark.read(self._ledger.connection)
        return reached_at.isoformat() if reached_at else None

    def _ledger_health(self) -> dict[str, Any]:
        began = time.monotonic()
        try:
            waiting = self._ledger.waiting()
            return {
                "seconds": time.monotonic() - began,
                "outbox": waiting._asdict(),
                "watermark": self._watermark(),
            }
        except psycopg.Error as error:
            return {"error": type(error).__name__}

    def _graph_health(self) -> dict[str, Any]:
        began = time.monotonic()
        try:
            reached_at = within(GRAPH_SECONDS, lambda: graph_watermark.read(self._graph)).reached_at
        except GRAPH_ERRORS as error:
            self._give_up(error)
            return {"error": str(error)}
        return {"seconds": time.monotonic() - began, "watermark": reached_at and reached_at.isoformat()}

    def _user_graph(self, user_id: str, events: list[str]) -> dict[str, Any] | None:
        size = {"max_edges": PERSON_EDGES, "max_characters": PERSON_CHARACTERS, "seconds": GRAPH_SECONDS}
        try:
            found = within(2 * GRAPH_SECONDS, lambda: user_graph.read(self._graph, user_id, events, **size))
        except GRAPH_ERRORS as error:
            self._give_up(error)
            return None
        return {name: [json_values.as_json(one) for one in some] for name, some in found.items()}

    def _give_up(self, error: Exception) -> None:
        if isinstance(error, DeadlineError):  # its thread is stuck; closing would be, too
            self._graph.abandon()
