"""Fills the ledger in one statement: rows in about the mix of `bench/rows.py`, spread over half a year."""

from collections.abc import Iterator

import psycopg

DAYS = 180
ROWS_PER_EVENT = 5
ROWS_PER_USER = 100

# Every fifth row opens an event; the next four touch artifacts of it. Keys are made as the product makes them: 48 bits
# of the time in milliseconds, version 8, and the rest from a digest.
_FILL = """
INSERT INTO interaction (id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at)
SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '8' || substr(digest, 1, 3) || 'a'
        || substr(digest, 4, 15))::uuid,
       user_id, md5('event' || n / %(rows_per_event)s)::uuid,
       CASE WHEN place = 0 THEN CASE WHEN n %% 50 = 0 THEN 'workspace' ELSE 'recall' END
            ELSE (ARRAY['peel', 'peel', 'peel', 'keep', 'peel', 'mark_good', 'peel', 'keep', 'peel', 'mark_bad'])
                 [1 + n %% 10] END,
       CASE WHEN place > 0 THEN user_id || '/artifact-' || ('x' || substr(digest, 20, 4))::bit(16)::int %% 50 END,
       CASE WHEN place = 0 THEN jsonb_build_object('query', 'made-up query ' || substr(digest, 1, 4))
            WHEN n %% 2 = 0 THEN jsonb_build_object('position', 1 + n %% 10) END,
       at, at + interval '100 milliseconds'
FROM (SELECT n, n %% %(rows_per_event)s AS place, md5(n::text) AS digest,
             'filled-' || (n / %(rows_per_event)s) %% %(users)s || '@example.com' AS user_id,
             %(begin)s::timestamptz + n * (%(days)s * interval '1 day' / %(rows)s) AS at
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n) AS made
"""
_STATEMENT_ROWS = 250_000  # a few seconds each, so that progress can be shown


def fill(owner: psycopg.Connection, rows: int, begin: str) -> Iterator[int]:
    """Insert so many rows from that day on, a part at a time, and yield how many each part had."""
    for first in range(0, rows, _STATEMENT_ROWS):
        last = min(first + _STATEMENT_ROWS, rows) - 1
        values = {
            "rows": rows,
            "first": first,
            "last": last,
            "users": max(1, rows // ROWS_PER_USER),
            "rows_per_event": ROWS_PER_EVENT,
            "days": DAYS,
            "begin": begin,
        }
        yield owner.execute(_FILL, values).rowcount
    owner.execute("ANALYZE")
