"""Reads interactions for operators: by id, of one user, and the latest to arrive. Each answer is bounded in size."""

from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from chalicelib.ledger.connection import read_row

STATEMENT_MILLISECONDS = 10_000
_READ: LiteralString = """
SELECT i.id, i.user_id, i.event_id, i.kind, i.artifact_id, left(i.metadata::text, %(characters)s) AS metadata,
       coalesce(octet_length(i.metadata::text), 0) AS metadata_bytes, i.timestamp, i.received_at, i.stored_at,
       o.interaction_id IS NULL AS in_graph, coalesce(o.attempts, 0) AS attempts, o.last_error,
       coalesce(o.next_attempt_at = 'infinity', false) AS parked
FROM {found} AS i LEFT JOIN graph_outbox o ON o.interaction_id = i.id ORDER BY {order}
"""
_BY_ID: LiteralString = "(SELECT * FROM interaction WHERE id = %(id)s)"
_OF_EVENT: LiteralString = """(
    SELECT * FROM interaction WHERE event_id = %(id)s AND user_id = coalesce(%(user_id)s, user_id)
    ORDER BY id DESC LIMIT %(rows)s
)"""
_OF_USER: LiteralString = """(
    SELECT * FROM interaction WHERE user_id = %(user_id)s AND timestamp < %(before)s
    ORDER BY timestamp DESC, id DESC LIMIT %(rows)s
)"""
_ARRIVED: LiteralString = """(
    SELECT * FROM interaction WHERE stored_at > now() - %(age)s ORDER BY stored_at DESC, id DESC LIMIT %(rows)s
)"""
_TOTALS = "SELECT count(*), min(timestamp), max(timestamp) FROM interaction WHERE user_id = %s"

Found = list[dict[str, Any]]
"""Interactions as the ledger has them, with the first characters of their metadata, and how far each has come."""


def by_id(connection: psycopg.Connection, id_: UUID, *, max_characters: int) -> Found:
    """Return the interaction with this id, in a list of one or none."""
    return _read(connection, _BY_ID, "i.id", {"id": id_, "characters": max_characters})


def of_event(
    connection: psycopg.Connection, event_id: UUID, user_id: str | None, *, max_rows: int, max_characters: int
) -> Found:
    """Return the latest interactions of an event, oldest first; without a user, of every user's event with that id.

    Raises psycopg.errors.QueryCanceled when the search takes over ten seconds: with a user it is a look-up.
    """
    values = {"id": event_id, "user_id": user_id, "rows": max_rows, "characters": max_characters}
    return _read(connection, _OF_EVENT, "i.id", values)


def of_user(
    connection: psycopg.Connection, user_id: str, before: datetime, *, max_rows: int, max_characters: int
) -> Found:
    """Return the user's latest interactions that happened before that time, the latest first."""
    values = {"user_id": user_id, "before": before, "rows": max_rows, "characters": max_characters}
    return _read(connection, _OF_USER, "i.timestamp DESC, i.id DESC", values)


def totals(connection: psycopg.Connection, user_id: str) -> tuple[int, datetime | None, datetime | None]:
    """Return how many interactions the user has, and the times of the first and the last."""
    count, first, last = read_row(connection, _TOTALS, [user_id])
    return count, first, last


def arrived(connection: psycopg.Connection, age: timedelta, *, max_rows: int, max_characters: int) -> Found:
    """Return what was stored within that time, the latest first."""
    values = {"age": age, "rows": max_rows, "characters": max_characters}
    return _read(connection, _ARRIVED, "i.stored_at DESC, i.id DESC", values)


def _read(connection: psycopg.Connection, found: LiteralString, order: LiteralString, values: dict[str, Any]) -> Found:
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(STATEMENT_MILLISECONDS)])
        return cursor.execute(_READ.format(found=found, order=order), values).fetchall()
