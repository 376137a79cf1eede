"""A rebuild for which Neo4j's importer makes the graph, from files of the ledger: less work a row than projecting.

Why nothing is missing: until the new graph is there nothing is projected, so a row that is stored after its chunk was
written is still in the outbox then, and follows. Why nothing is too much: an erasure that ended meanwhile deleted from
the old graph, and is repeated in the new one before that counts as complete.

Whoever stops in between leaves a graph that takes no row. Catch-up at the end of the lease, and an operator at any
time, rebuilds it from scratch by projecting.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from chalicelib.graph import watermark as graph_watermark
from chalicelib.graph.client import Graph
from chalicelib.graph.cypher import CONSTRAINTS, INDEXES
from chalicelib.graph.importing import IMPORTED_AT
from chalicelib.ledger import bulk, erasures, locks, offline, rebuilds
from chalicelib.ledger.ledger import Ledger
from chalicelib.ledger.rebuilds import OfflineError
from chalicelib.operations.busy import retry
from chalicelib.operations.erasure import Erasure
from chalicelib.projection import rebuild, watermark

LEASE = timedelta(minutes=10)  # from one step to the next
IMPORT_LEASE = timedelta(hours=2)  # `rebuilds.IS_LEASED` believes no longer one
CONSTRAINT_SECONDS = 1800  # for each, in a graph that is full already
POLL_SECONDS = 1


def begin(ledger: Ledger, graph: Graph) -> int:
    """Begin one, in place of any rebuild under way, and return its id: nothing is projected from here on."""
    watermark.start(ledger, graph)  # later it would open the graph again
    id_ = rebuild.begin(ledger, cause="an operator, offline", from_scratch=True, restart=True, offline_for=LEASE)
    graph_watermark.seal(graph)
    locks.wait_for_projections(ledger.connection)
    return id_


def export(
    ledger: Ledger, rebuild_id: int, after: bulk.Cursor, sink: bulk.Sink, *, rows: int = bulk.CHUNK_ROWS
) -> bulk.Chunk:
    """Write the next chunk of the ledger to files. Raises OfflineError if another rebuild replaced this one."""
    offline.keep(ledger.connection, rebuild_id, LEASE)
    chunk = bulk.export(ledger.connection, after, sink, rows=rows)
    offline.keep(ledger.connection, rebuild_id, LEASE, rows=chunk.rows)
    return chunk


def begin_import(ledger: Ledger, rebuild_id: int) -> None:
    """Reserve the time that an import may take. Raises as `export` does."""
    offline.keep(ledger.connection, rebuild_id, IMPORT_LEASE)


def end_import(ledger: Ledger, rebuild_id: int) -> None:
    """Call it just before the new graph takes the old one's place. Raises as `export` does."""
    offline.keep(ledger.connection, rebuild_id, LEASE)


def give_up(ledger: Ledger, rebuild_id: int) -> None:
    """Leave it to catch-up, which rebuilds the graph from scratch by projecting."""
    offline.give_up(ledger.connection, rebuild_id)


def create_schema(ledger: Ledger, graph: Graph, rebuild_id: int, seconds: int, in_time: Callable[[], bool]) -> bool:
    """Create constraints and indexes of the new graph until the time is up; return whether all are there and online.

    Each constraint may take so many seconds. Raises as `export` does.
    """
    for text in CONSTRAINTS.values():
        offline.keep(ledger.connection, rebuild_id, IMPORT_LEASE)
        graph.run_schema([text], seconds)
        if not in_time():
            return False
    graph.run_schema(INDEXES.values(), seconds)
    while not graph.has_schema():
        if not in_time():
            return False
        time.sleep(POLL_SECONDS)
    return True


def finish(ledger: Ledger, graph: Graph, rebuild_id: int) -> None:
    """Open the graph that the importer made: with its constraints, and without what was erased since the beginning.

    Raises OfflineError if another rebuild replaced this one, or if the graph is not the importer's.
    """
    connection = ledger.connection
    offline.keep(connection, rebuild_id, IMPORT_LEASE)
    retry(partial(graph.prepare, CONSTRAINT_SECONDS))
    for user_id in erasures.users_since(connection, rebuilds.progress(connection, rebuild_id)["started_at"]):
        retry(Erasure(ledger, graph, user_id).repeat_in_graph)
    ledger.unpark_all()
    retry(partial(_open, ledger, graph, rebuild_id))


def _open(ledger: Ledger, graph: Graph, rebuild_id: int) -> None:
    with ledger.connection.transaction():
        offline.finish(ledger.connection, rebuild_id)
        if not watermark.advance(ledger, graph, IMPORTED_AT):
            raise OfflineError("the graph is not the one that was imported")
