"""The ledger in Postgres, and the SQL of the path from the queue to the graph."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from chalicelib.interaction import Interaction, to_datetime
from chalicelib.ledger import erasures, locks
from chalicelib.ledger.connection import Database, read_row
from chalicelib.ledger.outbox import CLAIM, REQUEUE, WAITING

CLAIM_ROWS = 1000
CLAIM_BYTES = 4_000_000  # 1,000 large rows in one transaction exhaust the graph's heap
ROW_BYTES = 500  # of a row without its metadata
RETRY_PAUSE = timedelta(minutes=1)
MAX_ATTEMPTS = 3  # refusals of a row by itself before it is parked

STORE = """
WITH incoming AS (
    SELECT DISTINCT ON (id) *
    FROM unnest(%(id)s::uuid[], %(user_id)s::text[], %(event_id)s::uuid[], %(kind)s::text[], %(artifact_id)s::text[],
                %(metadata)s::jsonb[], %(timestamp)s::timestamptz[], %(received_at)s::timestamptz[],
                %(signed_in_at)s::timestamptz[])
         AS i (id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at, signed_in_at)
    ORDER BY id
), wanted AS (
    SELECT * FROM incoming i
    WHERE NOT EXISTS (SELECT FROM erasure e
                      WHERE e.user_id = i.user_id
                        AND (least(i.received_at, i.timestamp) <= e.erased_at
                             OR e.with_account AND coalesce(i.signed_in_at, '-infinity') <= e.erased_at))
), stored AS (
    INSERT INTO interaction (id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at)
    SELECT id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at FROM wanted ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING id, user_id, %(row_bytes)s + coalesce(octet_length(metadata::text), 0) AS bytes
), queued AS (
    INSERT INTO graph_outbox (interaction_id, bytes, partition)
    SELECT id, bytes, user_partition(user_id) FROM stored
)
SELECT (SELECT count(*) FROM stored), (SELECT count(*) FROM incoming) - (SELECT count(*) FROM wanted)
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
    """How many interactions of one `store` were stored, were repeated, and were not stored because of an erasure."""

    stored: int
    repeated: int
    erased: int


class Waiting(NamedTuple):
    """Rows not yet in the graph: due or later, and parked; and for how long the oldest one has been due."""

    rows: int
    parked: int
    age_seconds: float


class Ledger(Database):
    """The ledger, over one connection."""

    def __init__(
        self, conninfo: Callable[[], str], *, claim_rows: int = CLAIM_ROWS, claim_bytes: int = CLAIM_BYTES
    ) -> None:
        """Take the function that returns the connection string, and the size of one claim."""
        super().__init__(conninfo)
        self.claim_rows, self.claim_bytes = claim_rows, claim_bytes

    def store(self, interactions: Sequence[Interaction]) -> Stored:
        """Store the new interactions and queue them for the graph, all or nothing; count repeated and erased ones.

        Raises psycopg.Error when Postgres is unavailable or refuses any of them.
        """
        values = columns(interactions)

        def store(connection: psycopg.Connection) -> tuple[int, int]:
            # All in one round trip: across zones that is most of a small batch's time. A pipeline is one transaction
            # by itself; BEGIN and COMMIT of psycopg's `transaction` would each wait for an answer.
            with connection.pipeline():
                locks.share(connection, locks.WRITERS)
                # The statement's snapshot is later than the lock: it sees every erasure that did not wait for us.
                counts = connection.execute(STORE, values)
            [row] = counts.fetchall()
            return row

        stored, erased = self.repeatable(store)
        return Stored(stored=stored, repeated=len(interactions) - stored - erased, erased=erased)

    def erased(self, users: Sequence[str]) -> dict[str, erasures.Erased]:
        """Return the last erasures of those of these users who have one; asks nothing about nobody."""
        if not users:
            return {}
        return erasures.of_users(self.connection, users)

    @contextmanager
    def claim(self) -> Iterator[list[Row]]:
        """Take one claim's rows out of the outbox; if the block raises, they are in it again.

        Until the block ends, no other claim gets any row of these users, and no erasure or rebuild of them begins.
        Within a partition the oldest rows come first, so no user waits for ever. A single row may be larger than
        `claim_bytes`.
        """
        values = {
            "rows": self.claim_rows,
            "bytes": self.claim_bytes,
            "partitions": locks.PARTITIONS,
            "lock": locks.PROJECTING,
        }
        with self.begun_with(CLAIM, values, class_row(Row)) as rows:
            yield rows

    def waiting(self) -> Waiting:
        """Count the outbox; rows that a running claim has taken out still count."""
        return Waiting(*read_row(self.connection, WAITING))

    def requeue(self, row: Row, error: str, *, strike: bool = True, pause: timedelta = RETRY_PAUSE) -> bool:
        """Return a row to the outbox, to be tried after the pause; return whether it is parked instead.

        Each further strike makes the wait one pause longer; the last one parks the row.
        """
        attempts = row.attempts + strike
        limits = {"max_attempts": MAX_ATTEMPTS, "pause": pause, "row_bytes": ROW_BYTES}
        self.connection.execute(REQUEUE, {"id": row.id, "attempts": attempts, "error": error, **limits})
        return attempts >= MAX_ATTEMPTS

    def unpark(self, rows: Sequence[Row]) -> None:
        """Take the parked ones of these rows out of the outbox; the caller requeues what the graph refuses now."""
        parked = "DELETE FROM graph_outbox WHERE interaction_id = ANY(%s) AND next_attempt_at = 'infinity'"
        self.connection.execute(parked, [[row.id for row in rows]])

    def unpark_all(self) -> None:
        """Make every parked row due: the graph is another one now."""
        self.connection.execute(
            "UPDATE graph_outbox SET next_attempt_at = now(), attempts = 0 WHERE next_attempt_at = 'infinity'"
        )


def columns(interactions: Sequence[Interaction]) -> dict[str, Any]:
    """Return the values of STORE."""
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
        "signed_in_at": [None if i.signed_in_at is None else to_datetime(i.signed_in_at) for i in interactions],
    }
