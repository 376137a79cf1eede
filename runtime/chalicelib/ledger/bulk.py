"""The ledger as files for Neo4j's importer: the nodes and edges that its rows imply, in chunks of whole events.

A user or an artifact can be in several chunks: the importer takes it once. Keys of events and artifacts are digests, so
that the lines of edges are short.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import IO, Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg

from chalicelib.interaction import GRAPH_METADATA_BYTES, GRAPH_QUERY_BYTES, MAX_POSITION, Kind
from chalicelib.ledger import locks
from chalicelib.ledger.connection import read_row
from chalicelib.ledger.ledger import ROW_BYTES

CHUNK_ROWS = 100_000  # about two seconds

Cursor = tuple[str, UUID]
"""Where a chunk ended: user and event."""
START: Cursor = ("", UUID(int=0))
Sink = Callable[[str], AbstractContextManager[IO[bytes]]]
"""Opens a new file of that name, in place of an older one."""

_END: LiteralString = """
SELECT user_id, event_id FROM interaction WHERE (user_id, event_id) > (%s, %s)
ORDER BY user_id, event_id OFFSET %s LIMIT 1
"""
# Of kinds that this code does not know, rows stay in the outbox. The conditions on the user alone exclude nothing more:
# by them Postgres sees that a chunk is a small part. It does not see it by the pairs, and read all rows for each chunk.
_RANGE: LiteralString = """
(user_id, event_id) > (%(after_user)s, %(after_event)s::uuid) AND user_id >= %(after_user)s
AND (%(last_user)s::text IS NULL
     OR (user_id, event_id) <= (%(last_user)s::text, %(last_event)s::uuid) AND user_id <= %(last_user)s::text)
AND kind = ANY(%(kinds)s)
"""
# No line of a file holds a line break. The importer can be told of fields with some, but then it gives up on files of
# more than its buffer of 4 MB in which quotes stand as it does not expect (tried). These few rows take the outbox.
_IN_ONE_LINE: LiteralString = r"concat(user_id, artifact_id, metadata ->> 'query') !~ '[\n\r]'"
_CHUNK: LiteralString = f"{_RANGE} AND {_IN_ONE_LINE}"
_TOUCHES: LiteralString = "kind = ANY(%(touching)s) AND artifact_id IS NOT NULL"
# 128 bits. No user's id holds a NUL, so two pairs of user and id never give the same text.
_KEY: LiteralString = (
    "encode(substr(sha256(convert_to({user}, 'UTF8') || '\\x00' || convert_to({id}, 'UTF8')), 1, 16), 'hex')"
)
_EVENT_KEY: LiteralString = _KEY.format(user="{of}.user_id", id="{of}.event_id::text")
_ARTIFACT_KEY: LiteralString = _KEY.format(user="{of}.user_id", id="{of}.artifact_id")
# As `projection.properties` chooses them. A number can be too large for float8, so it is compared as it is first.
_QUERY: LiteralString = """
CASE WHEN jsonb_typeof({of}.metadata -> 'query') = 'string'
          AND octet_length({of}.metadata ->> 'query') BETWEEN 1 AND %(query_bytes)s
     THEN {of}.metadata ->> 'query' END
"""
_POSITION: LiteralString = """
CASE WHEN jsonb_typeof({of}.metadata -> 'position') = 'number' THEN
    CASE WHEN ({of}.metadata ->> 'position')::numeric BETWEEN 1 AND %(max_position)s + 1 THEN
        CASE WHEN ({of}.metadata ->> 'position')::float8 <= %(max_position)s
                  AND floor(({of}.metadata ->> 'position')::float8) = ({of}.metadata ->> 'position')::float8
             THEN ({of}.metadata ->> 'position')::float8::int END END END
"""
_CONTENT: LiteralString = """
{property}, to_char({of}.timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
CASE WHEN octet_length({of}.metadata::text) > %(metadata_bytes)s
          THEN '{{"only_in_ledger_bytes": ' || octet_length({of}.metadata::text) || '}}'
     WHEN {property} IS NULL THEN {of}.metadata::text
     ELSE nullif(({of}.metadata - '{key}')::text, '{{}}') END
"""
_OPENING: LiteralString = _CONTENT.format(of="opening", key="query", property=_QUERY.format(of="opening"))
_TOUCH: LiteralString = _CONTENT.format(of="interaction", key="position", property=_POSITION.format(of="interaction"))
_FILES: dict[str, LiteralString] = {
    "users": f"SELECT DISTINCT user_id FROM interaction WHERE {_CHUNK}",  # noqa: S608  constants, as below
    "events": f"""
        SELECT {_EVENT_KEY.format(of="event")}, event.user_id, event.event_id, labels, opening.id,
               {_OPENING}
        FROM (SELECT user_id, event_id, concat_ws(';', 'Event', string_agg(DISTINCT label, ';')) AS labels,
                     (array_agg(id ORDER BY timestamp, id) FILTER (WHERE label IS NOT NULL))[1] AS opening_id
              FROM interaction
              LEFT JOIN unnest(%(openings)s::text[], %(labels)s::text[]) AS named (opening, label) ON opening = kind
              WHERE {_CHUNK} GROUP BY user_id, event_id) AS event
        LEFT JOIN interaction AS opening ON opening.id = opening_id
    """,  # noqa: S608
    "artifacts": f"""
        SELECT {_ARTIFACT_KEY.format(of="touched")}, user_id, artifact_id
        FROM (SELECT DISTINCT user_id, artifact_id FROM interaction WHERE {_CHUNK} AND {_TOUCHES}) AS touched
    """,  # noqa: S608
    "edges": f"""
        SELECT {_EVENT_KEY.format(of="interaction")}, {_ARTIFACT_KEY.format(of="interaction")},
               (%(types)s::text[])[array_position(%(touching)s::text[], kind)], id,
               {_TOUCH}
        FROM interaction WHERE {_CHUNK} AND {_TOUCHES}
    """,  # noqa: S608
}
NAMES = tuple(_FILES)
COUNT: LiteralString = f"SELECT count(*) FROM interaction WHERE {_RANGE}"  # noqa: S608
_REQUEUE: LiteralString = f"""
INSERT INTO graph_outbox (interaction_id, bytes, partition)
SELECT id, %(row_bytes)s + coalesce(octet_length(metadata::text), 0), user_partition(user_id)
FROM interaction WHERE {_RANGE} AND NOT {_IN_ONE_LINE}
ON CONFLICT DO NOTHING
"""  # noqa: S608
_NAMES: dict[str, Any] = {
    "kinds": [kind.value for kind in Kind],
    "openings": [kind.value for kind in Kind if kind.opens],
    "labels": [kind.graph_name for kind in Kind if kind.opens],
    "touching": [kind.value for kind in Kind if not kind.opens],
    "types": [kind.graph_name for kind in Kind if not kind.opens],
    "metadata_bytes": GRAPH_METADATA_BYTES,
    "query_bytes": GRAPH_QUERY_BYTES,
    "max_position": MAX_POSITION,
}


class Chunk(NamedTuple):
    """A part of the ledger that was written to files."""

    cursor: Cursor | None
    """Where the next one begins; None after the last."""
    rows: int


def export(connection: psycopg.Connection, after: Cursor, sink: Sink, *, rows: int = CHUNK_ROWS) -> Chunk:
    """Write the next chunk to new files "users", "events", "artifacts" and "edges", as CSV without a header.

    Rows with a line break are in no file: they go into the outbox, and are projected when the graph takes rows again.
    A chunk that takes longer than the role's `statement_timeout` is tried with fewer rows. Raises psycopg.Error.
    """
    while True:
        try:
            return _export(connection, after, sink, rows)
        except psycopg.errors.QueryCanceled:
            if rows == 1:
                raise
            rows = max(1, rows // 8)


def _export(connection: psycopg.Connection, after: Cursor, sink: Sink, rows: int) -> Chunk:
    # One snapshot for all files: no edge without its nodes.
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        last = connection.execute(_END, [*after, rows - 1]).fetchone()
        values = values_of(after, last)
        for name, query in _FILES.items():
            with sink(name) as file, connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv)", values) as copy:
                for block in copy:
                    file.write(block)
        [counted] = read_row(connection, COUNT, values)
    with connection.transaction():
        locks.share(connection, locks.WRITERS)  # an erasure waits for us, or we see what it deleted
        connection.execute(_REQUEUE, values | {"row_bytes": ROW_BYTES})
    return Chunk(last, counted)


def values_of(after: Cursor, last: Cursor | None) -> dict[str, Any]:
    """Return the parameters of the queries for a chunk: after one cursor, up to another, or to the end."""
    limits = dict(zip(("last_user", "last_event"), last or (None, None), strict=True))
    return _NAMES | {"after_user": after[0], "after_event": after[1]} | limits
