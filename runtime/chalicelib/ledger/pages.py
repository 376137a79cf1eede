"""The ledger read back in pages, each a statement of its own: of bounded size, and no snapshot outlives one."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row

from chalicelib.ledger.ledger import CLAIM_BYTES, CLAIM_ROWS, ROW_BYTES, Row

# Between these, the order is the index's, so that a page costs what it returns.
_BY_KEY = ("id > %(reached)s AND id <= %(last)s", "id")
_BY_USER = (
    "user_id = ANY(%(users)s) AND (user_id, event_id, id) > (%(user_id)s, %(event_id)s, %(id)s)",
    "user_id, event_id, id",
)
_PAGE = """
SELECT {columns}
FROM (
    SELECT *, sum(bytes) OVER (ORDER BY {order}) - bytes AS before
    FROM (
        SELECT id, user_id, event_id, kind, artifact_id, metadata::text AS metadata, timestamp, received_at, stored_at,
               0 AS attempts, %(row_bytes)s + coalesce(octet_length(metadata::text), 0) AS bytes
        FROM interaction WHERE {where} ORDER BY {order} LIMIT %(rows)s
    ) AS page
) AS weighed
WHERE before = 0 OR before + bytes <= %(bytes)s
ORDER BY {order}
"""
ROW = ", ".join(Row._fields)
_BY_KEY_PAGE = _PAGE.format(columns=ROW, where=_BY_KEY[0], order=_BY_KEY[1])
_BY_USER_PAGE = _PAGE.format(columns=ROW, where=_BY_USER[0], order=_BY_USER[1])
_EXPORT_PAGE = _PAGE.format(
    columns="id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at, stored_at",
    where=_BY_USER[0],
    order=_BY_USER[1],
)
PAGE = {"rows": CLAIM_ROWS, "bytes": CLAIM_BYTES, "row_bytes": ROW_BYTES}
_EXPORT_BYTES = 1_000_000  # escaped as JSON, within the 6 MB that a function may answer
_NIL = UUID(int=0)

Place = tuple[UUID, UUID]
"""Where a page of one user's rows ended: event and interaction."""


def after(connection: psycopg.Connection, reached: UUID, last: UUID) -> list[Row]:
    """Return the next rows in the order of their ids, after `reached` and up to `last`: all of them if below a page."""
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(_BY_KEY_PAGE, {**PAGE, "reached": reached, "last": last}).fetchall()


def of_user(connection: psycopg.Connection, user_id: str, place: Place | None) -> list[Row]:
    """Return one user's next rows in the order of events, after the place where the last page ended."""
    return _of_users(connection, [user_id], user_id, place or (_NIL, _NIL))


def of_users(connection: psycopg.Connection, users: Sequence[str]) -> Iterator[Row]:
    """Yield all rows of these users, each user's together and in the order of events; a page at a time is in memory."""
    user_id, place = "", (_NIL, _NIL)
    while page := _of_users(connection, users, user_id, place):
        yield from page
        user_id, place = page[-1].user_id, (page[-1].event_id, page[-1].id)


def exported(connection: psycopg.Connection, user_id: str, place: Place | None) -> list[dict[str, object]]:
    """Return one user's next rows in full, as `of_user` does."""
    event_id, id_ = place or (_NIL, _NIL)
    parameters = {**PAGE, "users": [user_id], "user_id": user_id, "event_id": event_id, "id": id_}
    parameters["bytes"] = _EXPORT_BYTES
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_EXPORT_PAGE, parameters).fetchall()


def _of_users(connection: psycopg.Connection, users: Sequence[str], user_id: str, place: Place) -> list[Row]:
    parameters = {**PAGE, "users": list(users), "user_id": user_id, "event_id": place[0], "id": place[1]}
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(_BY_USER_PAGE, parameters).fetchall()
