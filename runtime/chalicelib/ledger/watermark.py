"""The ledger's side of the watermark: when catch-up last finished with both stores available."""

from datetime import datetime

import psycopg

from chalicelib.ledger.connection import read_row

_READ = "SELECT max(reached_at) FROM watermark"
# Always later than the last one, whatever a clock or another catch-up does: each is an epoch of its own.
_NEXT = "SELECT greatest(clock_timestamp(), (SELECT reached_at FROM watermark) + interval '1 microsecond')"
_IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM interaction)"
_WRITE = """
INSERT INTO watermark (reached_at, version) VALUES (%s, %s)
ON CONFLICT (single) DO UPDATE
SET reached_at = greatest(watermark.reached_at, excluded.reached_at), version = excluded.version
"""


def read(connection: psycopg.Connection) -> datetime | None:
    """Return the watermark; None before the first one."""
    reached_at: datetime | None
    [reached_at] = read_row(connection, _READ)
    return reached_at


def next_(connection: psycopg.Connection) -> datetime:
    """Return the time for the next watermark, by the clock of Postgres."""
    reached_at: datetime
    [reached_at] = read_row(connection, _NEXT)
    return reached_at


def is_new(connection: psycopg.Connection) -> bool:
    """Return whether the ledger has neither a watermark nor an interaction."""
    [is_empty] = read_row(connection, _IS_EMPTY)
    return bool(is_empty) and read(connection) is None


def write(connection: psycopg.Connection, reached_at: datetime, version: int) -> None:
    """Move the watermark to that time, unless it is later already."""
    connection.execute(_WRITE, [reached_at, version])
