"""What the ledger holds of each user."""

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg.rows import class_row

from chalicelib.ledger import day_answers
from chalicelib.ledger.connection import read_row
from chalicelib.ledger.ledger import Row

# From user to user by the index, however many rows each has.
_LIST = """
WITH RECURSIVE known (user_id) AS (
    (SELECT user_id FROM interaction WHERE user_id > %(after)s ORDER BY user_id LIMIT 1)
    UNION ALL
    SELECT (SELECT user_id FROM interaction WHERE user_id > known.user_id ORDER BY user_id LIMIT 1)
    FROM known WHERE known.user_id IS NOT NULL
)
SELECT user_id FROM known WHERE user_id IS NOT NULL LIMIT %(max_users)s
"""
_ROWS_BY_USER = """
SELECT user_id, count(*) FROM interaction WHERE user_id > %s GROUP BY user_id ORDER BY user_id LIMIT %s
"""
_WITHOUT_ROWS = "SELECT u FROM unnest(%s::text[]) AS u WHERE NOT EXISTS (SELECT FROM interaction WHERE user_id = u)"
_WAITING_SIZE = """
SELECT count(*), coalesce(sum(bytes), 0)
FROM graph_outbox JOIN interaction ON id = interaction_id WHERE user_id = %s AND next_attempt_at < 'infinity'
"""
_WAITING = """
SELECT id, user_id, event_id, kind, artifact_id, metadata::text, timestamp, 0 AS attempts, received_at
FROM interaction JOIN graph_outbox ON id = interaction_id WHERE user_id = %s AND next_attempt_at < 'infinity'
"""
_HELD = """
SELECT (SELECT count(*) FROM interaction WHERE user_id = %(user_id)s),
       (SELECT count(*) FROM interaction JOIN graph_outbox ON interaction_id = id WHERE user_id = %(user_id)s),
       (SELECT erased_at FROM erasure WHERE user_id = %(user_id)s)
"""
_EXCLUDE = "INSERT INTO excluded_user (user_id) VALUES (%s) ON CONFLICT DO NOTHING"
_INCLUDE = "DELETE FROM excluded_user WHERE user_id = %s"
_EXCLUDED = "SELECT user_id FROM excluded_user WHERE user_id > %s ORDER BY user_id LIMIT %s"


def list_after(connection: psycopg.Connection, user_id: str, max_users: int) -> list[str]:
    """Return the next users who have rows, after that user."""
    return [found for (found,) in connection.execute(_LIST, {"after": user_id, "max_users": max_users})]


def rows_by_user(connection: psycopg.Connection, after: str, max_users: int) -> Iterator[tuple[str, int]]:
    """Yield the next users after that one, with the number of their rows."""
    yield from connection.execute(_ROWS_BY_USER, [after, max_users])


def without_rows(connection: psycopg.Connection, users: Sequence[str]) -> list[str]:
    """Return those of the users who have no row."""
    return [user_id for (user_id,) in connection.execute(_WITHOUT_ROWS, [list(users)])]


def waiting_size(connection: psycopg.Connection, user_id: str) -> tuple[int, int]:
    """Return how many of the user's rows wait for the graph, and their bytes; parked ones do not count."""
    [rows, size] = read_row(connection, _WAITING_SIZE, [user_id])
    return rows, size


def waiting_rows(connection: psycopg.Connection, user_id: str) -> list[Row]:
    """Return the user's rows that wait for the graph, in no order; parked ones do not count."""
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(_WAITING, [user_id]).fetchall()


def count_user_data(connection: psycopg.Connection, user_id: str) -> dict[str, Any]:
    """Return the user's number of rows, how many of these are not in the graph, and the time of the last erasure."""
    counts = read_row(connection, _HELD, {"user_id": user_id})
    return dict(zip(("interactions", "waiting", "erased_at"), counts, strict=True))


def exclude(connection: psycopg.Connection, user_id: str) -> None:
    """Leave the user out of what the views count, from now on and for all time before."""
    with connection.transaction():
        day_answers.forget_all(connection)
        connection.execute(_EXCLUDE, [user_id])


def include(connection: psycopg.Connection, user_id: str) -> None:
    """Count the user again."""
    with connection.transaction():
        day_answers.forget_all(connection)
        connection.execute(_INCLUDE, [user_id])


def list_excluded(connection: psycopg.Connection, after: str, max_users: int) -> list[str]:
    """Return the next users who are excluded, after that user."""
    return [found for (found,) in connection.execute(_EXCLUDED, [after, max_users])]
