"""Reads the ledger in pages. Each page is one statement: its size is bounded, and no snapshot outlives it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row

from chalicelib.ledger.ledger import CLAIM_BYTES, CLAIM_ROWS, ROW_BYTES, Row
from chalicelib.ledger.rebuilds import Range, key_before

_ROW: LiteralString = "id, user_id, event_id, kind, artifact_id, metadata, timestamp, attempts, received_at"
_EXPORTED: LiteralString = "id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at, stored_at"
# Both are the order of an index, so that a page costs no more than it returns.
_BY_KEY: LiteralString = "id"
_BY_USER: LiteralString = "user_id, event_id, id"
_AFTER_KEY: LiteralString = "id > %(start)s AND id <= %(last)s AND user_partition(user_id) %% %(lanes)s = %(lane)s"
_AFTER_USER: LiteralString = (
    "user_id = ANY(%(users)s) AND (user_id, event_id, id) > (%(user_id)s, %(event_id)s, %(id)s)"
)
# Keys begin with the interaction's own time, so a day is a range of them. Whoever is being erased is left out at once.
_OF_DAY: LiteralString = """
id > %(start)s AND id < %(end)s AND NOT EXISTS (
    SELECT FROM erasure AS e WHERE e.user_id = interaction.user_id AND least(received_at, timestamp) <= e.erased_at
)
"""


def _page(columns: LiteralString, where: LiteralString, order: LiteralString) -> LiteralString:
    return f"""
    SELECT {columns}
    FROM (
        SELECT *, sum(bytes) OVER (ORDER BY {order}) - bytes AS before
        FROM (
            SELECT id, user_id, event_id, kind, artifact_id, metadata::text AS metadata, timestamp, received_at,
                   stored_at, 0 AS attempts, %(row_bytes)s + coalesce(octet_length(metadata::text), 0) AS bytes
            FROM interaction WHERE {where} ORDER BY {order} LIMIT %(rows)s
        ) AS page
    ) AS weighed
    WHERE before = 0 OR before + bytes <= %(bytes)s
    ORDER BY {order}
    """  # noqa: S608  constants


_END_OF_SCAN = "SELECT id FROM interaction WHERE id > %s AND id <= %s ORDER BY id OFFSET %s LIMIT 1"
_KEY_PAGE = _page(_ROW, _AFTER_KEY, _BY_KEY)
_USER_PAGE = _page(_ROW, _AFTER_USER, _BY_USER)
_EXPORT_PAGE = _page(_EXPORTED, _AFTER_USER, _BY_USER)
_DAY_PAGE = _page(_EXPORTED, _OF_DAY, _BY_KEY)
_SIZE = {"rows": CLAIM_ROWS, "bytes": CLAIM_BYTES, "row_bytes": ROW_BYTES}
EXPORT_ROWS = 2_000
EXPORT_BYTES = 1_000_000  # escaped as JSON, below the 6 MB that a function may return

Cursor = tuple[UUID, UUID]
"""Where a page of one user's rows ended: event and interaction."""
START: Cursor = (UUID(int=0), UUID(int=0))


def of_range(connection: psycopg.Connection, keys: Range, max_rows: int = CLAIM_ROWS) -> tuple[list[Row], UUID]:
    """Return a lane's next rows by id, and where to continue.

    Of other lanes' rows it passes so many as are beside a full page where users are spread evenly, so that a statement
    takes no longer where they are not: a page can be empty before the end of the range.
    """
    end = connection.execute(_END_OF_SCAN, [keys.start, keys.last, max_rows * keys.lanes - 1]).fetchone()
    last = end[0] if end else keys.last
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        rows = cursor.execute(_KEY_PAGE, {**_SIZE, **keys._asdict(), "rows": max_rows, "last": last}).fetchall()
    return rows, rows[-1].id if rows else last


def of_user(connection: psycopg.Connection, user_id: str, cursor: Cursor) -> list[Row]:
    """Return one user's next rows by event, after the cursor."""
    return _of_users(connection, [user_id], user_id, cursor)


def of_users(connection: psycopg.Connection, users: Sequence[str]) -> Iterator[Row]:
    """Yield all rows of these users, by user and then by event; only one page is in memory at a time."""
    user_id, cursor = "", START
    while page := _of_users(connection, users, user_id, cursor):
        yield from page
        user_id, cursor = page[-1].user_id, (page[-1].event_id, page[-1].id)


def exported(
    connection: psycopg.Connection, user_id: str, cursor: Cursor, max_bytes: int = EXPORT_BYTES
) -> list[dict[str, object]]:
    """Return one user's next rows with all columns, as `of_user` does."""
    values = _after([user_id], user_id, cursor) | {"bytes": max_bytes}
    with connection.cursor(row_factory=dict_row) as rows:
        return rows.execute(_EXPORT_PAGE, values).fetchall()


def of_day(
    connection: psycopg.Connection, day: date, after: UUID | None, max_bytes: int = EXPORT_BYTES
) -> list[dict[str, object]]:
    """Return the next interactions of a day (UTC, by their own time) with all columns, by id, after that one."""
    start, end = (key_before(datetime.combine(day + timedelta(days=days), time(), UTC)) for days in (0, 1))
    values = {**_SIZE, "rows": EXPORT_ROWS, "bytes": max_bytes, "start": after or start, "end": end}
    with connection.cursor(row_factory=dict_row) as rows:
        return rows.execute(_DAY_PAGE, values).fetchall()


def _of_users(connection: psycopg.Connection, users: Sequence[str], user_id: str, cursor: Cursor) -> list[Row]:
    with connection.cursor(row_factory=class_row(Row)) as rows:
        return rows.execute(_USER_PAGE, _after(users, user_id, cursor)).fetchall()


def _after(users: Sequence[str], user_id: str, cursor: Cursor) -> dict[str, object]:
    return {**_SIZE, "users": list(users), "user_id": user_id, "event_id": cursor[0], "id": cursor[1]}
