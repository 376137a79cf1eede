"""Forgetting a person: what of them was received, or says it happened, up to a moment, in both stores and for good.

1. Note it. From then on nothing older of this user is stored.
2. Wait for the writers that began before (the barrier); delete the user's rows and what waits of them.
3. Wait for the projectors that began before, who may hold such rows; delete what the ledger no longer implies.
4. Do that again once a transaction that a killed projector left on the graph's server must have ended.

What the person did later stays, or comes back from the ledger at once.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import dict_row

from chalicelib.graph.client import TRANSACTION_TIMEOUT, Graph
from chalicelib.ledger.ledger import PROJECTORS, WRITERS, Ledger
from chalicelib.projection.rebuild import project_whole_user
from chalicelib.telemetry import log
from chalicelib.verification.user import UndecidedError
from chalicelib.verification.user import mend as mend_user

SETTLED_AFTER = TRANSACTION_TIMEOUT + 5.0  # seconds: the graph looks every 2 s for what is over its time
BATCH = 5_000

# Applied again, an erasure keeps its moment unless a later one is known.
_NOTE = """
INSERT INTO erasure (user_id, erased_at) VALUES (%(user_id)s, coalesce(%(erased_at)s, clock_timestamp()))
ON CONFLICT (user_id) DO UPDATE SET erased_at = greatest(erasure.erased_at, excluded.erased_at), finished_at = NULL
RETURNING erased_at
"""
_ROWS = """
WITH gone AS (
    DELETE FROM interaction WHERE id IN (
        SELECT id FROM interaction
        WHERE user_id = %(user_id)s AND least(received_at, timestamp) <= %(erased_at)s LIMIT %(batch)s
    ) RETURNING id
), waiting AS (
    DELETE FROM graph_outbox USING gone WHERE interaction_id = gone.id
)
SELECT count(*) FROM gone
"""
_FINISH = "UPDATE erasure SET finished_at = clock_timestamp() WHERE user_id = %s AND erased_at = %s"
# The projection locks a person before all else of theirs; a deletion that did not would meet it in a deadlock.
_NODES = tuple(
    "OPTIONAL MATCH (u:User {id: $id}) SET u.id = $id WITH count(*) AS held"
    f" MATCH (n:{label}) WHERE {owned} WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS deleted"
    for label, owned in {
        "Event": "n.user_id = $id AND n.id IS NOT NULL",
        "Artifact": "n.user_id = $id AND n.id IS NOT NULL",
        "User": "n.id = $id",
    }.items()
)
_HOLDINGS = """
SELECT (SELECT count(*) FROM interaction WHERE user_id = %(user_id)s),
       (SELECT count(*) FROM interaction JOIN graph_outbox ON interaction_id = id WHERE user_id = %(user_id)s),
       (SELECT erased_at FROM erasure WHERE user_id = %(user_id)s)
"""
_IN_GRAPH = """
RETURN COUNT { (:User {id: $id}) }
     + COUNT { MATCH (e:Event) WHERE e.user_id = $id AND e.id IS NOT NULL }
     + COUNT { MATCH (a:Artifact) WHERE a.user_id = $id AND a.id IS NOT NULL } AS nodes
"""


def holdings(ledger: Ledger, graph: Graph, user_id: str) -> dict[str, Any]:
    """Return how much is held on the user: rows in the ledger, rows that wait, nodes of the graph, the last erasure."""
    found = ledger.connection.execute(_HOLDINGS, {"user_id": user_id}).fetchone() or (0, 0, None)
    with graph.transaction() as transaction:
        nodes = transaction.run(_IN_GRAPH, id=user_id).single(strict=True)["nodes"]
    return dict(zip(("interactions", "waiting", "erased_at", "nodes"), (*found, nodes), strict=True))


def erasures(ledger: Ledger, after: str, most: int) -> list[dict[str, Any]]:
    """Return the next erasures in the order of users, after that one."""
    with ledger.connection.cursor(row_factory=dict_row) as cursor:
        text = "SELECT user_id, erased_at, finished_at FROM erasure WHERE user_id > %s ORDER BY user_id LIMIT %s"
        return cursor.execute(text, [after, most]).fetchall()


class Erasure:
    """One user's erasure, in calls that each do a share: `run` until it returns no place."""

    def __init__(self, ledger: Ledger, graph: Graph, user_id: str) -> None:
        self._ledger, self._graph, self.user_id = ledger, graph, user_id
        self.counts = {"interactions": 0, "nodes": 0}

    def note(self, erased_at: datetime | None) -> datetime:
        """Note the erasure up to that moment, or now, and return the moment. Again, the later of the two counts."""
        values = {"user_id": self.user_id, "erased_at": erased_at}
        moment: datetime
        [moment] = self._ledger.connection.execute(_NOTE, values).fetchone() or (None,)
        # An id, not a name. Should Postgres be restored to before this moment, the log still knows.
        log.warning("erasing", user_id=self.user_id, erased_at=moment.isoformat())
        return moment

    def run(self, place: Mapping[str, Any], in_time: Callable[[], bool]) -> dict[str, Any] | None:
        """Do a share of the erasure from that place, `{"phase": "rows", "erased_at": …}` at first; return the next.

        The phase "sweep" waits until the moment that its place names: others' erasures can go on meanwhile.
        """
        erased_at = datetime.fromisoformat(place["erased_at"])
        match place["phase"]:
            case "rows":
                return {**place, "phase": self._rows(erased_at, in_time)}
            case "graph":
                done = self._nodes(in_time)
                settled_at = datetime.now(UTC) + timedelta(seconds=SETTLED_AFTER)
                return {**place, "phase": "sweep", "settled_at": settled_at.isoformat()} if done else {**place}
            case _:
                left = datetime.fromisoformat(place["settled_at"]) - datetime.now(UTC)
                time.sleep(max(0.0, left.total_seconds()))
                self._sweep(erased_at)
                return None

    def _rows(self, erased_at: datetime, in_time: Callable[[], bool]) -> str:
        barrier(self._ledger, WRITERS)
        values = {"user_id": self.user_id, "erased_at": erased_at, "batch": BATCH}
        while True:
            [deleted] = self._ledger.connection.execute(_ROWS, values).fetchone() or (0,)
            self.counts["interactions"] += deleted
            if not deleted:
                return "graph"
            if not in_time():
                return "rows"

    def _nodes(self, in_time: Callable[[], bool]) -> bool:
        """Delete the user's part of the graph, and project what is left; tell whether all of it is done."""
        barrier(self._ledger, PROJECTORS)
        for text in _NODES:
            while True:
                deleted, more = self._graph.delete_batch(text, BATCH, id=self.user_id)
                self.counts["nodes"] += deleted
                if not more:
                    break
                if not in_time():
                    return False
        project_whole_user(self._ledger, self._graph, self.user_id)
        return True

    def _sweep(self, erased_at: datetime) -> None:
        seen = mend_user(self._ledger, self._graph, self.user_id, heed_erasure=False)
        if not seen.clean:
            raise UndecidedError("the graph still differs from what is left in the ledger: erase again")
        self._ledger.connection.execute(_FINISH, [self.user_id, erased_at])


def barrier(ledger: Ledger, lock: int) -> None:
    """Return once all who held this lock when it was called have let go of it: within 15 s, for they are bounded.

    Each lock by itself, so that nobody waits for writers and projectors both. Raises psycopg.OperationalError.
    """
    with ledger.connection.transaction():
        ledger.connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
