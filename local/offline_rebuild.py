"""Rebuilds the laptop's graph with Neo4j's importer: `rebuild-graph -e local --from-scratch --offline --yes`."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from chalicelib.graph import client, importing
from chalicelib.graph.client import Graph
from chalicelib.ledger import bulk, rebuilds
from chalicelib.ledger import connection as postgres
from chalicelib.ledger.ledger import Ledger
from chalicelib.operations import offline
from local.cloud import Cloud

Show = Callable[[str, int, int], object]
"""Is told what is being done, how many rows were exported so far, and of about how many."""


def rebuild_offline(cloud: Cloud, show: Show, *, chunk_rows: int = bulk.CHUNK_ROWS) -> int:
    """Rebuild the graph from scratch and return the number of rows.

    Raises OfflineError if another rebuild replaces it, and CloudError if the importer fails; the old graph is then
    still there and takes no row, until it is rebuilt.
    """
    secrets: Mapping[str, Any] = cloud.secrets()
    with (
        closing(Ledger(lambda: postgres.conninfo(secrets["postgres-operator"]))) as ledger,
        closing(Graph(lambda: client.connect(**secrets["neo4j"]))) as graph,
    ):
        of = rebuilds.estimate_rows(ledger.connection)
        show("waiting for projections to end", 0, of)
        id_ = offline.begin(ledger, graph)
        try:
            with _private_folder(cloud.folder / "import") as folder:
                rows = 0
                for rows in _export(ledger, id_, folder, chunk_rows):
                    show("exporting", rows, max(rows, of))
                offline.begin_import(ledger, id_)
                show("importing", rows, rows)
                cloud.make_graph(folder)
            graph.close()  # the server that it is connected to will be gone
            offline.end_import(ledger, id_)
            cloud.take_graph()
            show("creating constraints and indexes", rows, rows)
            offline.finish(ledger, graph, id_)
        except BaseException:
            offline.give_up(ledger, id_)
            raise
    return rows


def remove_leftovers(folder: Path) -> None:
    """Remove what a rebuild that was killed has left in the cloud's folder; none may be at work."""
    for name in ("import", "neo4j/other", "neo4j/data.old"):  # the rows as files, half a graph, and the one before
        shutil.rmtree(folder / name, ignore_errors=True)


def _export(ledger: Ledger, rebuild_id: int, folder: Path, chunk_rows: int) -> Iterator[int]:
    """Write all files; yield the number of rows that they hold so far."""
    for name, header in importing.headers():
        (folder / name).write_text(header, encoding="utf-8")
    cursor: bulk.Cursor | None = bulk.START
    number = rows = 0
    while cursor:
        chunk = offline.export(ledger, rebuild_id, cursor, partial(_open, folder, number), rows=chunk_rows)
        cursor, number, rows = chunk.cursor, number + 1, rows + chunk.rows
        yield rows


def _open(folder: Path, number: int, name: str) -> IO[bytes]:
    return (folder / f"{name}-{number:06}.csv").open("wb")


@contextmanager
def _private_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that only this user can read; it is removed afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
