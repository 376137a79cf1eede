"""The ledger in Postgres, and the SQL of the path from the queue to the graph."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from chalicelib.interaction import Interaction, to_datetime
from chalicelib.ledger.connection import Database

# What a writer and a projector hold shared, and an erasure takes exclusively: a barrier, not a queue.
WRITERS, PROJECTORS = 7_316_001, 7_316_002

CLAIM_ROWS = 1000
CLAIM_BYTES = 4_000_000  # 1,000 large rows in one transaction exhaust the graph's heap
ROW_BYTES = 500  # what a row weighs beside its metadata
A_MINUTE = timedelta(minutes=1)
PATIENCE = 3  # failures of a row alone before it is set aside

STORE = """
WITH incoming AS (
    SELECT DISTINCT ON (id) *
    FROM unnest(%(id)s::uuid[], %(user_id)s::text[], %(event_id)s::uuid[], %(kind)s::text[], %(artifact_id)s::text[],
                %(metadata)s::jsonb[], %(timestamp)s::timestamptz[], %(received_at)s::timestamptz[])
         AS i (id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at)
    ORDER BY id
), wanted AS (
    SELECT * FROM incoming i
    WHERE NOT EXISTS (SELECT FROM erasure e
                      WHERE e.user_id = i.user_id AND least(i.received_at, i.timestamp) <= e.erased_at)
), stored AS (
    INSERT INTO interaction (id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at)
    SELECT * FROM wanted ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING id, %(row_bytes)s + coalesce(octet_length(metadata::text), 0) AS bytes
), queued AS (
    INSERT INTO graph_outbox (interaction_id, bytes) SELECT id, bytes FROM stored
)
SELECT (SELECT count(*) FROM stored), (SELECT count(*) FROM incoming) - (SELECT count(*) FROM wanted)
"""

CLAIM = """
WITH waiting AS (
    SELECT interaction_id, bytes FROM graph_outbox
    WHERE next_attempt_at <= now()
    ORDER BY interaction_id LIMIT %(rows)s
    FOR UPDATE SKIP LOCKED
), summed AS (
    SELECT interaction_id, sum(bytes) OVER (ORDER BY interaction_id) - bytes AS before, bytes FROM waiting
), claimed AS (
    DELETE FROM graph_outbox USING summed
    WHERE graph_outbox.interaction_id = summed.interaction_id AND (before = 0 OR before + summed.bytes <= %(bytes)s)
    RETURNING graph_outbox.interaction_id, attempts
)
SELECT id, user_id, event_id, kind, artifact_id, metadata::text, timestamp, attempts, received_at
FROM interaction JOIN claimed ON id = interaction_id
ORDER BY id
"""

WAITING = """
SELECT count(*) FILTER (WHERE next_attempt_at < 'infinity'), count(*) FILTER (WHERE next_attempt_at = 'infinity'),
       coalesce(extract(epoch FROM now() - min(next_attempt_at) FILTER (WHERE next_attempt_at <= now())), 0)::float8
FROM graph_outbox
"""

PUT_BACK = """
INSERT INTO graph_outbox (interaction_id, bytes, attempts, last_error, next_attempt_at)
SELECT id, %(row_bytes)s + coalesce(octet_length(metadata::text), 0), %(attempts)s, %(error)s,
       CASE WHEN %(attempts)s >= %(patience)s THEN 'infinity'
            ELSE clock_timestamp() + greatest(1, %(attempts)s) * %(pause)s END
FROM interaction WHERE id = %(id)s
ON CONFLICT DO NOTHING
"""


class Row(NamedTuple):
    """A ledger row as the graph needs it: metadata as JSON text, timestamp in UTC."""

    id: UUID
    user_id: str
    event_id: UUID
    kind: str
    artifact_id: str | None
    metadata: str | None
    timestamp: datetime
    attempts: int
    received_at: datetime


class Stored(NamedTuple):
    """What became of the interactions of one `store`."""

    stored: int
    repeated: int
    erased: int


class Waiting(NamedTuple):
    """What is not in the graph yet; `age` is the seconds that the oldest row has been due."""

    rows: int
    set_aside: int
    age: float


class Ledger(Database):
    """The ledger, over one connection."""

    def store(self, interactions: Sequence[Interaction]) -> Stored:
        """Save what is new, and queue it for the graph, all or nothing; repeated and erased ones are only counted.

        Raises psycopg.Error when Postgres is away or refuses any of them.
        """
        connection = self.connection
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [WRITERS])
            # The statement's snapshot is later than the lock: it sees every erasure that the barrier let through.
            stored, erased = connection.execute(STORE, _columns(interactions)).fetchone() or (0, 0)
        return Stored(stored=stored, repeated=len(interactions) - stored - erased, erased=erased)

    @contextmanager
    def claim(self) -> Iterator[list[Row]]:
        """Take up to one claim's rows out of the outbox, oldest first; they are back there if the block raises.

        No other claim sees them meanwhile. At most 1,000 rows or 4 MB, but always one where there is one.
        """
        connection = self.connection
        with connection.transaction(), connection.cursor(row_factory=class_row(Row)) as cursor:
            connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [PROJECTORS])
            yield cursor.execute(CLAIM, {"rows": CLAIM_ROWS, "bytes": CLAIM_BYTES, "row_bytes": ROW_BYTES}).fetchall()

    def waiting(self) -> Waiting:
        """Look into the outbox; what a claim under way has taken out still counts."""
        return Waiting(*self.connection.execute(WAITING).fetchone() or (0, 0, 0.0))

    def put_back(self, row: Row, error: str, *, strike: bool = True, pause: timedelta = A_MINUTE) -> bool:
        """Return a row to the outbox, to be tried later; tell whether its last strike sets it aside instead.

        Later is after the pause, and each further strike makes it a pause longer.
        """
        attempts = row.attempts + strike
        limits = {"patience": PATIENCE, "pause": pause, "row_bytes": ROW_BYTES}
        self.connection.execute(PUT_BACK, {"id": row.id, "attempts": attempts, "error": error, **limits})
        return attempts >= PATIENCE

    def give_another_chance(self, rows: Sequence[Row]) -> None:
        """Take those of the rows that were set aside out of the outbox; what the graph refuses now is put back."""
        aside = "DELETE FROM graph_outbox WHERE interaction_id = ANY(%s) AND next_attempt_at = 'infinity'"
        self.connection.execute(aside, [[row.id for row in rows]])


def _columns(interactions: Sequence[Interaction]) -> dict[str, Any]:
    return {
        "row_bytes": ROW_BYTES,
        "id": [i.id for i in interactions],
        "user_id": [i.user_id for i in interactions],
        "event_id": [i.event_id for i in interactions],
        "kind": [i.kind.value for i in interactions],
        "artifact_id": [i.artifact_id for i in interactions],
        "metadata": [None if i.metadata is None else json.dumps(i.metadata) for i in interactions],
        "timestamp": [to_datetime(i.timestamp) for i in interactions],
        "received_at": [to_datetime(i.received_at) for i in interactions],
    }
