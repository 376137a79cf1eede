"""Permanently deletes one user's data up to a given time from both stores.

1. Record the erasure. From then on nothing older of this user is stored.
2. Wait for writers that began before; delete the user's rows and their places in the outbox.
3. Wait for the projector that has leased the user's partition, if one has: it may hold such rows. Begin a new epoch of
   the graph: a projector that was paused and has lost its lease does not write then. Delete the user's part of the
   graph, and project the rows that are left.
4. When a transaction that a killed projector left on the graph's server must have ended, compare the user's graph with
   the rows that are left, and repair it; if that is too much to compare, do step 3 again.

What the user did later stays in the ledger, and is at once in the graph again.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.graph import deletions, elements
from chalicelib.graph.client import TRANSACTION_SECONDS, Graph
from chalicelib.ledger import erasures, locks, users
from chalicelib.ledger.ledger import Ledger
from chalicelib.ledger.pages import START, Cursor
from chalicelib.operations import json_values
from chalicelib.projection import watermark
from chalicelib.projection.rebuild import project_user
from chalicelib.telemetry import log
from chalicelib.verification.user import TooLargeError, UndecidedError, repair

SETTLE_SECONDS = TRANSACTION_SECONDS + 5.0  # the graph's server checks every 2 s for transactions that timed out
BATCH = 5_000  # rows or nodes


def count_user_data(ledger: Ledger, graph: Graph, user_id: str) -> dict[str, Any]:
    """Return how many rows, rows not in the graph, and nodes of the graph the user has, and the last erasure's time."""
    counts = users.count_user_data(ledger.connection, user_id)
    with graph.transaction() as transaction:
        return {**counts, "nodes": elements.count_user_nodes(transaction, user_id)}


class Erasure:
    """One user's erasure, in calls that each do a share: call `run` until it returns no cursor."""

    def __init__(
        self, ledger: Ledger, graph: Graph, user_id: str, *, settle_seconds: float = SETTLE_SECONDS, batch: int = BATCH
    ) -> None:
        self._ledger, self._graph, self.user_id = ledger, graph, user_id
        self._settle_seconds, self._batch = settle_seconds, batch
        self.counts = {"interactions": 0, "nodes": 0}

    def record(self, erased_at: datetime | None, *, with_account: bool = False) -> datetime:
        """Record the erasure up to that time, or now, and return the time; if repeated, the later one counts."""
        moment = erasures.record(self._ledger.connection, self.user_id, erased_at, with_account=with_account)
        # An id, not an address. If Postgres is restored to an earlier time, the log still has it.
        log.warning("erasing", user_id=self.user_id, erased_at=moment.isoformat(), with_account=with_account)
        return moment

    def run(self, cursor: Mapping[str, Any], in_time: Callable[[], bool]) -> dict[str, Any] | None:
        """Do a share of the erasure from the cursor, `{"phase": "rows", "erased_at": …}` at first; return the next.

        The phase "sweep" waits until the cursor's `settled_at`: other erasures can continue meanwhile.
        """
        erased_at = datetime.fromisoformat(cursor["erased_at"])
        match cursor["phase"]:
            case "rows":
                return {**cursor, "phase": "graph" if self._delete_rows(erased_at, in_time) else "rows"}
            case "graph":
                return {**cursor, "phase": "project" if self._delete_nodes(in_time) else "graph"}
            case "project":
                if reached := self._project(json_values.page_cursor(cursor.get("reached")), in_time):
                    return {**cursor, "reached": [str(reached[0]), str(reached[1])]}
                settled_at = datetime.now(UTC) + timedelta(seconds=self._settle_seconds)
                return {**cursor, "phase": "sweep", "reached": None, "settled_at": settled_at.isoformat()}
            case _:
                left = datetime.fromisoformat(cursor["settled_at"]) - datetime.now(UTC)
                time.sleep(max(0.0, left.total_seconds()))
                if not (cursor.get("repeated") or self._is_right()):
                    return {**cursor, "phase": "graph", "repeated": True}
                erasures.finish(self._ledger.connection, self.user_id, erased_at)
                return None

    def repeat_in_graph(self) -> None:
        """Delete the user's part of a graph that was made from older rows, and project the rows that are left."""
        self._delete_nodes(lambda: True)
        self._project(START, lambda: True)

    def _delete_rows(self, erased_at: datetime, in_time: Callable[[], bool]) -> bool:
        """Delete the user's rows up to that time; return whether all are deleted."""
        locks.wait_for_holders(self._ledger.connection, locks.WRITERS)
        while deleted := erasures.delete_rows(self._ledger.connection, self.user_id, erased_at, self._batch):
            self.counts["interactions"] += deleted
            if not in_time():
                return False
        return True

    def _delete_nodes(self, in_time: Callable[[], bool]) -> bool:
        """Delete the user's part of the graph; return whether all is deleted."""
        locks.wait_for_holders(self._ledger.connection, locks.PROJECTING, self.user_id)
        watermark.begin_epoch(self._ledger, self._graph)
        more = True
        while more:
            deleted, more = deletions.delete_user_nodes(self._graph, self.user_id, self._batch)
            self.counts["nodes"] += deleted
            if more and not in_time():
                return False
        return True

    def _project(self, cursor: Cursor, in_time: Callable[[], bool]) -> Cursor | None:
        """Project the rows that are left, after the cursor; return the next cursor, None at the end."""
        if users.without_rows(self._ledger.connection, [self.user_id]):
            return None
        reached = project_user(self._ledger, self._graph, self.user_id, cursor)
        while reached and in_time():
            reached = project_user(self._ledger, self._graph, self.user_id, reached)
        return reached

    def _is_right(self) -> bool:
        """Repair the user's graph; return whether it is right then, False if there is too much of it to compare."""
        try:
            left = repair(self._ledger, self._graph, self.user_id, check_erasure=False)
        except TooLargeError:  # of what the user did later
            return False
        if not left.none:
            raise UndecidedError("the graph still differs from what is left in the ledger: erase again")
        return True
