"""The graph made again from the ledger, by the projection that live rows take, while these go on as usual.

What makes it complete: a wipe ends before the walk's ranges are fixed. A row that a drain wrote into the graph before,
and that the wipe may have taken, was committed before, so the walk meets it. A row committed later is drained later.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from chalicelib.graph.client import Graph
from chalicelib.ledger import key_ranges as ranges
from chalicelib.ledger import pages as history
from chalicelib.ledger.ledger import PROJECTORS, Ledger
from chalicelib.ledger.pages import Place
from chalicelib.projection import watermark
from chalicelib.projection.projector import project_or_put_back
from chalicelib.telemetry import log

REBUILDING = 7_316_004  # the advisory lock under which one rebuild takes another's place
WIPE_BATCH = 10_000  # nodes or edges: what a small heap takes in one transaction

# One that took another's place began in the transaction that ended that.
_SUPERSEDED = """
EXISTS (
    SELECT FROM rebuild AS other WHERE other.id > rebuild.id AND other.started_at = rebuild.finished_at
) AS superseded
"""
_COLUMNS = "id, since, from_scratch, cause, estimated, projected, started_at, walking_at, finished_at"
_UNDER_WAY = f"SELECT {_COLUMNS} FROM rebuild WHERE finished_at IS NULL"  # noqa: S608  a constant
_PROGRESS = f"SELECT {_COLUMNS}, {_SUPERSEDED} FROM rebuild WHERE id = %s"  # noqa: S608  a constant
_ALONE = "SELECT 1 FROM rebuild WHERE id = %s AND walking_at IS NULL FOR UPDATE SKIP LOCKED"
_RANGE = """
SELECT reached, last FROM rebuild_range WHERE rebuild_id = %s ORDER BY last LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_FINISH = """
UPDATE rebuild SET finished_at = now()
WHERE id = %s AND finished_at IS NULL AND NOT EXISTS (SELECT FROM rebuild_range WHERE rebuild_id = id)
"""
_WIPES = (
    "MATCH ()-[r]->() WITH r LIMIT $limit DELETE r RETURN count(*) AS deleted",
    "MATCH (n) WHERE NOT n:Watermark WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS deleted",
)


def begin(
    ledger: Ledger, *, cause: str, since: datetime | None = None, from_scratch: bool = False, anew: bool = False
) -> int:
    """Put a rebuild under way and return its id; one under way that does as much is gone on with, unless `anew`.

    `since` is by when the interactions happened. One from scratch wipes the graph first.
    """
    connection = ledger.connection
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [REBUILDING])
        other = under_way(connection)
        if other and not anew and _does_as_much(other, since, from_scratch=from_scratch):
            return int(other["id"])
        if other:
            connection.execute("DELETE FROM rebuild_range WHERE rebuild_id = %s", [other["id"]])
            connection.execute("UPDATE rebuild SET finished_at = now() WHERE id = %s", [other["id"]])
        [id_] = connection.execute(
            "INSERT INTO rebuild (cause, since, from_scratch) VALUES (%s, %s, %s) RETURNING id",
            [cause, since, from_scratch],
        ).fetchone() or (0,)
    log.warning("rebuilding the graph", rebuild=id_, cause=cause, from_scratch=from_scratch)
    return int(id_)


def _does_as_much(other: Mapping[str, Any], since: datetime | None, *, from_scratch: bool) -> bool:
    covers = other["since"] is None or (since is not None and other["since"] <= since)
    return covers and other["from_scratch"] >= from_scratch


def under_way(connection: psycopg.Connection) -> dict[str, Any] | None:
    """Return the rebuild that is under way."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_UNDER_WAY).fetchone()


def latest_wipe(connection: psycopg.Connection) -> int:
    """Return the id of the latest rebuild from scratch, 0 when there was none."""
    [id_] = connection.execute("SELECT coalesce(max(id), 0) FROM rebuild WHERE from_scratch").fetchone() or (0,)
    return int(id_)


def progress(ledger: Ledger, rebuild_id: int) -> dict[str, Any]:
    """Return how far the rebuild is, and whether another took its place."""
    with ledger.connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_PROGRESS, [rebuild_id]).fetchone()
    if found is None:
        raise ValueError(f"there is no rebuild {rebuild_id}")
    return found


def step(ledger: Ledger, graph: Graph) -> int:
    """Do a piece of the rebuild under way: at most one claim's worth. Return its size, 0 with nothing left for us.

    Any number of callers work side by side, each on a range of its own. Killed, the piece is as if never begun.
    Raises GraphUnavailableError when the graph takes no writes.
    """
    connection = ledger.connection
    with connection.transaction():
        rebuild = under_way(connection)
        if rebuild is None:
            return 0
        if rebuild["walking_at"] is None:
            return _prepare(ledger, connection, graph, rebuild)
        return _walk(ledger, connection, graph, rebuild["id"])


def _prepare(ledger: Ledger, connection: psycopg.Connection, graph: Graph, rebuild: Mapping[str, Any]) -> int:
    """Wipe a batch; once nothing is left from before, mark the graph and fix the ranges of the walk."""
    if not connection.execute(_ALONE, [rebuild["id"]]).fetchone():
        return 0
    if rebuild["from_scratch"]:
        watermark.claim(graph)
        if wiped := _wipe(ledger, graph):
            return wiped
        watermark.advance(ledger, graph)
    estimated = ranges.split(connection, rebuild["id"], rebuild["since"])
    connection.execute(
        "UPDATE rebuild SET walking_at = now(), estimated = %s WHERE id = %s", [estimated, rebuild["id"]]
    )
    return 1


def _wipe(ledger: Ledger, graph: Graph) -> int:
    """Delete a batch of the graph, edges first; return 0 once all that was there at this call's beginning is gone."""
    for text in _WIPES:
        ledger.keep_transaction()
        deleted, more = graph.delete_batch(text, WIPE_BATCH)
        # A batch that is not full has seen everything: more can only be what drains wrote meanwhile.
        if more:
            return deleted
    return 0


def _walk(ledger: Ledger, connection: psycopg.Connection, graph: Graph, rebuild_id: int) -> int:
    # As a drain does: an erasure waits for us, and we see no row that it deleted before we began.
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [PROJECTORS])
    part = connection.execute(_RANGE, [rebuild_id]).fetchone()
    if part is None:
        if connection.execute(_FINISH, [rebuild_id]).rowcount:
            log.info("rebuilt the graph", rebuild=rebuild_id)
        return 0
    reached, last = part
    rows = history.after(connection, reached, last)
    ledger.give_another_chance(rows)
    project_or_put_back(ledger, graph, rows)
    if rows and rows[-1].id < last:
        moved = "UPDATE rebuild_range SET reached = %s WHERE rebuild_id = %s AND last = %s"
        connection.execute(moved, [rows[-1].id, rebuild_id, last])
    else:
        connection.execute("DELETE FROM rebuild_range WHERE rebuild_id = %s AND last = %s", [rebuild_id, last])
    connection.execute("UPDATE rebuild SET projected = projected + %s WHERE id = %s", [len(rows), rebuild_id])
    return len(rows) or 1


def project_user(ledger: Ledger, graph: Graph, user_id: str, place: Place | None = None) -> Place | None:
    """Project the user's next rows again, after that place; return the place reached, or None at the end."""
    connection = ledger.connection
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [PROJECTORS])
        rows = history.of_user(connection, user_id, place)
        ledger.give_another_chance(rows)
        project_or_put_back(ledger, graph, rows)
    return (rows[-1].event_id, rows[-1].id) if rows else None


def project_whole_user(ledger: Ledger, graph: Graph, user_id: str) -> None:
    """Project all of the user's rows again."""
    place = project_user(ledger, graph, user_id)
    while place:
        place = project_user(ledger, graph, user_id, place)
