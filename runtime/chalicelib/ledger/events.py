"""Reads one event of a user, with what of it still waits for the graph."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import class_row

# The latest ones: an id begins with the interaction's time.
EVENT_ROWS = """
SELECT i.id, i.kind, i.artifact_id, i.timestamp, i.received_at, i.stored_at, o.interaction_id IS NULL AS in_graph
FROM interaction i LEFT JOIN graph_outbox o ON o.interaction_id = i.id
WHERE i.user_id = %(user_id)s AND i.event_id = %(event_id)s
ORDER BY i.id DESC LIMIT %(rows)s
"""


class Arrived(NamedTuple):
    """An interaction that the ledger has."""

    id: UUID
    kind: str
    artifact_id: str | None
    timestamp: datetime
    received_at: datetime
    stored_at: datetime
    in_graph: bool
    """Whether it has left the outbox; a lost graph that is being rebuilt may lack it all the same."""


def latest(connection: psycopg.Connection, *, user_id: str, event_id: str, max_rows: int) -> Sequence[Arrived]:
    """Return the latest interactions of the user's event in order of time; none for an event of another user."""
    values = {"user_id": user_id, "event_id": event_id, "rows": max_rows}
    with connection.cursor(row_factory=class_row(Arrived)) as cursor:
        return cursor.execute(EVENT_ROWS, values).fetchall()[::-1]
