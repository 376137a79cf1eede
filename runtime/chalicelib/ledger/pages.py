"""Reads the ledger in pages. Each page is one statement: its size is bounded, and no snapshot outlives it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import LiteralString, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row

from chalicelib.interaction import GRAPH_METADATA_BYTES, GRAPH_QUERY_BYTES
from chalicelib.ledger.ledger import CLAIM_BYTES, CLAIM_ROWS, ROW_BYTES, Row
from chalicelib.ledger.rebuilds import Range, key_before

_ROW: LiteralString = "id, user_id, event_id, kind, artifact_id, metadata, timestamp, attempts, received_at"
_EXPORTED: LiteralString = "id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at, stored_at"
# Each is in the order of an index.
_AFTER_KEY: LiteralString = """
id > %(id)s AND id <= %(last)s AND user_partition(user_id) %% %(lanes)s = %(lane)s ORDER BY id
"""
_AFTER_OF_USER: LiteralString = """
user_id = %(user_id)s AND (event_id, id) > (%(event_id)s, %(id)s) ORDER BY event_id, id
"""
# Keys begin with the interaction's own time, so a day is a range of them. Whoever is being erased is left out at once.
_AFTER_OF_DAY: LiteralString = """
id > %(id)s AND id < %(end)s AND NOT EXISTS (
    SELECT FROM erasure AS e WHERE e.user_id = interaction.user_id AND least(received_at, timestamp) <= e.erased_at
) ORDER BY id
"""
_WEIGHED: LiteralString = """
SELECT *, %(row_bytes)s + coalesce(octet_length(metadata), 0) AS bytes
FROM (
    SELECT id, user_id, event_id, kind, artifact_id, metadata::text AS metadata, timestamp, received_at, stored_at,
           0 AS attempts
    FROM interaction WHERE id = (SELECT ids FROM listed)[{number}] OFFSET 0
) AS one
"""


def _page(columns: LiteralString, where: LiteralString) -> LiteralString:
    """Return a statement that lists the page's ids, then weighs row by row and stops at the page's size.

    So it makes text of no more metadata than it returns, and of one row's.
    """
    return f"""
    WITH RECURSIVE listed AS MATERIALIZED (
        SELECT ARRAY(SELECT id FROM interaction WHERE {where} LIMIT %(rows)s) AS ids
    ), page AS (
        SELECT *, 1 AS number, bytes AS total FROM ({_WEIGHED.format(number="1")}) AS first
        UNION ALL
        SELECT following.*, number + 1, total + following.bytes
        FROM page CROSS JOIN LATERAL ({_WEIGHED.format(number="page.number + 1")}) AS following
        WHERE total + following.bytes <= %(bytes)s
    )
    SELECT {columns} FROM page ORDER BY number
    """  # noqa: S608  constants


_END_OF_SCAN = "SELECT id FROM interaction WHERE id > %s AND id <= %s ORDER BY id OFFSET %s LIMIT 1"
_KEY_PAGE = _page(_ROW, _AFTER_KEY)
_USER_PAGE = _page(_ROW, _AFTER_OF_USER)
_EXPORT_PAGE = _page(_EXPORTED, _AFTER_OF_USER)
_DAY_PAGE = _page(_EXPORTED, _AFTER_OF_DAY)
_GRAPH_PAGE = """
SELECT id, user_id, event_id, kind, artifact_id, timestamp, octet_length(text) AS metadata_bytes,
       CASE WHEN octet_length(text) > %(metadata_bytes)s THEN jsonb_build_object(
           'query', CASE WHEN octet_length(metadata ->> 'query') <= %(value_bytes)s THEN metadata -> 'query' END,
           'position',
           CASE WHEN octet_length(metadata ->> 'position') <= %(value_bytes)s THEN metadata -> 'position' END
       )::text ELSE text END AS metadata
FROM (
    SELECT *, metadata::text AS text FROM interaction
    WHERE user_id = ANY(%(users)s) AND (user_id, event_id, id) > (%(user_id)s, %(event_id)s, %(id)s)
    ORDER BY user_id, event_id, id LIMIT %(rows)s
) AS page
ORDER BY user_id, event_id, id
"""
_SIZE = {"rows": CLAIM_ROWS, "bytes": CLAIM_BYTES, "row_bytes": ROW_BYTES}
EXPORT_ROWS = 2_000
EXPORT_BYTES = 1_000_000  # escaped as JSON, below the 6 MB that a function may return

Cursor = tuple[UUID, UUID]
"""Where a page of one user's rows ended: event and interaction."""
START: Cursor = (UUID(int=0), UUID(int=0))


class GraphRow(NamedTuple):
    """A ledger row as the graph could have it."""

    id: UUID
    user_id: str
    event_id: UUID
    kind: str
    artifact_id: str | None
    metadata: str | None
    """JSON text; of more than GRAPH_METADATA_BYTES only `query` and `position`, and they only if they are short."""
    metadata_bytes: int | None
    """The size of all of it."""
    timestamp: datetime


def of_range(connection: psycopg.Connection, keys: Range, max_rows: int = CLAIM_ROWS) -> tuple[list[Row], UUID]:
    """Return a lane's next rows by id, and where to continue.

    Of other lanes' rows it passes so many as are beside a full page where users are spread evenly, so that a statement
    takes no longer where they are not: a page can be empty before the end of the range.
    """
    end = connection.execute(_END_OF_SCAN, [keys.start, keys.last, max_rows * keys.lanes - 1]).fetchone()
    last = end[0] if end else keys.last
    values = {**_SIZE, "rows": max_rows, "id": keys.start, "last": last, "lane": keys.lane, "lanes": keys.lanes}
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        rows = cursor.execute(_KEY_PAGE, values).fetchall()
    return rows, rows[-1].id if rows else last


def of_user(connection: psycopg.Connection, user_id: str, cursor: Cursor) -> list[Row]:
    """Return one user's next rows by event, after the cursor."""
    with connection.cursor(row_factory=class_row(Row)) as rows:
        return rows.execute(_USER_PAGE, _after(user_id, cursor)).fetchall()


def for_graph(connection: psycopg.Connection, users: Sequence[str]) -> Iterator[GraphRow]:
    """Yield all rows of these users, by user and then by event; only one page, of 10 MB at most, is in memory."""
    user_id, cursor = "", START
    lengths = {"metadata_bytes": GRAPH_METADATA_BYTES, "value_bytes": GRAPH_QUERY_BYTES}
    while True:
        with connection.cursor(row_factory=class_row(GraphRow)) as rows:
            page = rows.execute(_GRAPH_PAGE, {**_after(user_id, cursor), **lengths, "users": list(users)}).fetchall()
        if not page:
            return
        yield from page
        user_id, cursor = page[-1].user_id, (page[-1].event_id, page[-1].id)


def exported(
    connection: psycopg.Connection, user_id: str, cursor: Cursor, max_bytes: int = EXPORT_BYTES
) -> list[dict[str, object]]:
    """Return one user's next rows with all columns, as `of_user` does."""
    values = _after(user_id, cursor) | {"bytes": max_bytes}
    with connection.cursor(row_factory=dict_row) as rows:
        return rows.execute(_EXPORT_PAGE, values).fetchall()


def of_day(
    connection: psycopg.Connection, day: date, after: UUID | None, max_bytes: int = EXPORT_BYTES
) -> list[dict[str, object]]:
    """Return the next interactions of a day (UTC, by their own time) with all columns, by id, after that one."""
    start, end = (key_before(datetime.combine(day + timedelta(days=days), time(), UTC)) for days in (0, 1))
    values = {**_SIZE, "rows": EXPORT_ROWS, "bytes": max_bytes, "id": after or start, "end": end}
    with connection.cursor(row_factory=dict_row) as rows:
        return rows.execute(_DAY_PAGE, values).fetchall()


def _after(user_id: str, cursor: Cursor) -> dict[str, object]:
    return {**_SIZE, "user_id": user_id, "event_id": cursor[0], "id": cursor[1]}
