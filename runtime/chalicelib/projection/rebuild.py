"""Rebuilds the graph from the ledger with the projection that live rows take, while live rows continue.

Why it is complete: a wipe ends before the ranges of the walk are fixed. A row that was written to the graph before
that, and that the wipe may have deleted, was committed before, so the walk meets it. A later row is drained later.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg

from chalicelib.graph import watermark as graph_watermark
from chalicelib.graph.client import Graph
from chalicelib.graph.deletions import WIPE_BATCH, wipe_batch
from chalicelib.ledger import locks, pages, rebuilds
from chalicelib.ledger.ledger import Ledger, Row
from chalicelib.ledger.pages import START, Cursor
from chalicelib.projection import watermark
from chalicelib.projection.projector import project_or_requeue
from chalicelib.telemetry import log


def begin(
    ledger: Ledger,
    *,
    cause: str,
    since: datetime | None = None,
    from_scratch: bool = False,
    restart: bool = False,
    offline_for: timedelta | None = None,
) -> int:
    """Begin a rebuild and return its id; unless `restart`, one under way that does as much continues instead.

    `since` limits it to interactions that happened from then on. One from scratch wipes the graph first. `offline_for`
    leaves it to the importer: for so long, no step does anything. Raises ValueError for `since` with `from_scratch`:
    what happened earlier would be wiped and not come back.
    """
    if since and from_scratch:
        raise ValueError("a rebuild from scratch has no `since`: what happened earlier would be lost")
    id_, is_new = rebuilds.begin(
        ledger.connection,
        cause=cause,
        since=since,
        from_scratch=from_scratch,
        restart=restart,
        offline_for=offline_for,
    )
    if is_new:
        log.warning("rebuilding the graph", rebuild=id_, cause=cause, from_scratch=from_scratch)
    return id_


def step(ledger: Ledger, graph: Graph, *, wipe_size: int = WIPE_BATCH) -> int:
    """Do a part of the rebuild under way: at most one claim's worth. Return its size, 0 if nothing is left for us.

    Any number of callers can work in parallel, each on its own range. A part is done entirely or not at all. Raises
    GraphUnavailableError if the graph takes no writes.
    """
    connection = ledger.connection
    with connection.transaction():
        rebuild = rebuilds.under_way(connection)
        if rebuild is None or rebuild["offline"]:
            return 0
        if rebuild["walking_at"] is None:
            return _prepare(ledger, connection, graph, rebuild, wipe_size)
        return _walk(ledger, connection, graph, rebuild["id"])


def _prepare(
    ledger: Ledger, connection: psycopg.Connection, graph: Graph, rebuild: Mapping[str, Any], wipe_size: int
) -> int:
    """Wipe a batch; when nothing is left from before, write the version and fix the ranges of the walk."""
    if not rebuilds.lock_wipe(connection, rebuild["id"]):
        return 0
    if rebuild["from_scratch"]:
        graph_watermark.begin_wipe(graph)
        if wiped := wipe_batch(graph, wipe_size, before_each=ledger.keep_transaction):
            return wiped
        if not watermark.finish_wipe(ledger, graph):
            return 1  # not the graph that was wiped: wipe this one
    rebuilds.begin_walk(connection, rebuild["id"], rebuild["since"])
    return 1


def _walk(ledger: Ledger, connection: psycopg.Connection, graph: Graph, rebuild_id: int) -> int:
    keys = rebuilds.lock_range(connection, rebuild_id)
    if keys is None:
        if rebuilds.finish(connection, rebuild_id):
            log.info("rebuilt the graph", rebuild=rebuild_id)
        return 0
    # Read under the lease, as in a drain: an erasure waits for us, and we see no row that it deleted before.
    rows, reached = pages.of_range(connection, keys, ledger.claim_rows)
    _project_again(ledger, graph, rows)
    rebuilds.shorten_range(connection, rebuild_id, keys.last, start=reached)
    rebuilds.count_projected(connection, rebuild_id, len(rows))
    return len(rows) or 1


def project_user(ledger: Ledger, graph: Graph, user_id: str, cursor: Cursor = START) -> Cursor | None:
    """Project the user's next rows again, after the cursor; return the next cursor, None at the end."""
    connection = ledger.connection
    with connection.transaction():
        locks.hold(connection, locks.PROJECTING, user_id)
        rows = pages.of_user(connection, user_id, cursor)
        _project_again(ledger, graph, rows)
    return (rows[-1].event_id, rows[-1].id) if rows else None


def project_whole_user(ledger: Ledger, graph: Graph, user_id: str) -> None:
    """Project all of the user's rows again."""
    cursor: Cursor | None = START
    while cursor:
        cursor = project_user(ledger, graph, user_id, cursor)


def _project_again(ledger: Ledger, graph: Graph, rows: Sequence[Row]) -> None:
    ledger.unpark(rows)
    project_or_requeue(ledger, graph, rows)
