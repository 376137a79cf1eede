"""The steps of an offline rebuild as operations: the ledger goes into a bucket, and the command has the graph made."""

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from chalicelib.graph.client import Graph
from chalicelib.ledger import bulk, rebuilds
from chalicelib.ledger.ledger import Ledger
from chalicelib.operations import offline
from chalicelib.operations.import_files import ImportFiles

SHARE_SECONDS = 15  # of one call; what it has begun by then is completed
PART_ROWS = 50_000  # a file of so many rows, the longest possible, fits into a function's temporary folder
CONSTRAINT_SECONDS = 500  # for each; the command waits 600 s for an answer


def operations(ledger: Ledger, graph: Graph) -> dict[str, Callable[..., Any]]:
    """Return the operations by name, each on these stores; arguments and results are JSON."""
    calls = OfflineCalls(ledger, graph)
    return {
        "export_for_import": calls.export,
        "begin_import": calls.begin_import,
        "finish_import": calls.finish,
        "give_up_import": calls.give_up,
    }


class OfflineCalls:
    """The operations, for one call. Each raises OfflineError if another rebuild replaced this one."""

    def __init__(self, ledger: Ledger, graph: Graph, *, part_rows: int = PART_ROWS) -> None:
        self._ledger, self._graph, self._part_rows = ledger, graph, part_rows
        self._until = time.monotonic() + SHARE_SECONDS

    def export(self, *, cursor: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Begin an offline rebuild, or write the next parts of the ledger into the bucket; return how far it is."""
        if cursor is None:
            rows = rebuilds.estimate_rows(self._ledger.connection)
            begun = {"rebuild": offline.begin(self._ledger, self._graph), "parts": 0, "rows": 0, "of": rows}
            return {**begun, "cursor": {**begun, "after": [bulk.START[0], str(bulk.START[1])]}}
        state, after = dict(cursor), cursor["after"]
        while after and self._in_time():
            files = ImportFiles(state["rebuild"], state["parts"])
            chunk = offline.export(
                self._ledger, files.rebuild_id, (after[0], UUID(after[1])), files.open, rows=self._part_rows
            )
            after = chunk.cursor and [chunk.cursor[0], str(chunk.cursor[1])]
            state |= {"parts": state["parts"] + 1, "rows": state["rows"] + chunk.rows}
        done = {name: state[name] for name in ("rebuild", "parts", "rows", "of")}
        return {**done, "cursor": {**done, "after": after} if after else None}

    def begin_import(self, *, rebuild: int, parts: int) -> dict[str, str]:
        """Reserve the time that the import may take; return the address of the list of files."""
        offline.begin_import(self._ledger, rebuild)
        return {"manifest": ImportFiles(rebuild, parts).write_manifest()}

    def finish(self, *, rebuild: int, parts: int, cursor: bool | None = None) -> dict[str, bool | None]:  # noqa: ARG002  each call looks for itself
        """Create what the new graph lacks of constraints and indexes; after the last, open it and delete the files."""
        if not offline.create_schema(self._ledger, self._graph, rebuild, CONSTRAINT_SECONDS, self._in_time):
            return {"cursor": True}
        offline.finish(self._ledger, self._graph, rebuild)
        ImportFiles(rebuild, parts).delete()
        return {"cursor": None}

    def give_up(self, *, rebuild: int, parts: int) -> None:
        """Leave the rebuild to catch-up, and delete the files."""
        offline.give_up(self._ledger, rebuild)
        ImportFiles(rebuild, parts).delete()

    def _in_time(self) -> bool:
        return time.monotonic() < self._until
