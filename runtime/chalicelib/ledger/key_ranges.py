"""Splits the ledger's keys into ranges of about equal size, so that several callers can rebuild in parallel."""

from datetime import datetime
from uuid import UUID

import psycopg

from chalicelib.interaction import microseconds
from chalicelib.ledger.connection import read_row

RANGES = 16
SAMPLE_ROWS = 50_000

_NEWEST = "SELECT id FROM interaction ORDER BY id DESC LIMIT 1"
_ESTIMATED_ROWS = "SELECT reltuples FROM pg_class WHERE oid = 'interaction'::regclass"
_SAMPLE = """
WITH sampled AS (SELECT id FROM interaction TABLESAMPLE SYSTEM (%(percent)s) WHERE id > %(start)s)
SELECT count(*), percentile_disc(%(shares)s::float8[]) WITHIN GROUP (ORDER BY id) FROM sampled
"""


def split(connection: psycopg.Connection, rebuild_id: int, since: datetime | None) -> int:
    """Write a rebuild's ranges, from a sample, up to the newest key; return the estimated number of rows in them."""
    newest = connection.execute(_NEWEST).fetchone()
    start = _just_before(since)
    if newest is None or newest[0] <= start:
        return 0
    [estimated] = read_row(connection, _ESTIMATED_ROWS)
    percent = min(100.0, 100.0 * SAMPLE_ROWS / max(estimated, 1))
    shares = [number / RANGES for number in range(1, RANGES)]
    sample = {"percent": percent, "start": start, "shares": shares}
    [sampled, splits] = read_row(connection, _SAMPLE, sample)
    for last in sorted({*(splits or ()), newest[0]}):
        connection.execute("INSERT INTO rebuild_range VALUES (%s, %s, %s)", [rebuild_id, start, last])
        start = last
    return int(sampled * 100 / percent)


def _just_before(since: datetime | None) -> UUID:
    """Return the key before every interaction since then: keys begin with the time in milliseconds."""
    return UUID(int=max(0, (microseconds(since) // 1000 << 80) - 1)) if since else UUID(int=0)
