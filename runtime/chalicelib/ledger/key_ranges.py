"""The ledger's keys cut into ranges of about equal size, so that several callers find work side by side."""

from datetime import datetime
from uuid import UUID

import psycopg

from chalicelib.interaction import microseconds

RANGES = 16
SAMPLE_ROWS = 50_000

_NEWEST = "SELECT id FROM interaction ORDER BY id DESC LIMIT 1"
_ABOUT = "SELECT reltuples FROM pg_class WHERE oid = 'interaction'::regclass"
_SAMPLE = """
WITH sampled AS (SELECT id FROM interaction TABLESAMPLE SYSTEM (%(percent)s) WHERE id > %(reached)s)
SELECT count(*), percentile_disc(%(shares)s::float8[]) WITHIN GROUP (ORDER BY id) FROM sampled
"""


def split(connection: psycopg.Connection, rebuild_id: int, since: datetime | None) -> int:
    """Write the ranges of a rebuild, by a sample, up to the newest key of now; return about how many rows they hold."""
    newest = connection.execute(_NEWEST).fetchone()
    reached = _just_before(since)
    if newest is None or newest[0] <= reached:
        return 0
    [known] = connection.execute(_ABOUT).fetchone() or (0,)
    percent = min(100.0, 100.0 * SAMPLE_ROWS / max(known, 1))
    shares = [number / RANGES for number in range(1, RANGES)]
    sample = {"percent": percent, "reached": reached, "shares": shares}
    [sampled, splits] = connection.execute(_SAMPLE, sample).fetchone() or (0, None)
    for last in sorted({*(splits or ()), newest[0]}):
        connection.execute("INSERT INTO rebuild_range VALUES (%s, %s, %s)", [rebuild_id, reached, last])
        reached = last
    return int(sampled * 100 / percent)


def _just_before(since: datetime | None) -> UUID:
    """Return the key before all that happened since then: keys begin with the time in milliseconds."""
    return UUID(int=max(0, (microseconds(since) // 1000 << 80) - 1)) if since else UUID(int=0)
