"""One user's graph held against their ledger rows while their projection stands still; and mended, if wanted."""

import json
from collections.abc import Iterable
from uuid import UUID

import neo4j
import psycopg
from psycopg.rows import class_row

from chalicelib.graph.client import Graph, GraphUnavailableError, RowsBusyError, RowsRefusedError
from chalicelib.ledger import pages as history
from chalicelib.ledger.ledger import CLAIM_BYTES, CLAIM_ROWS, Ledger, Row
from chalicelib.projection.projector import KINDS, changes
from chalicelib.projection.rebuild import project_whole_user
from chalicelib.verification import actual as elements
from chalicelib.verification import expected as oracle
from chalicelib.verification.actual import Element
from chalicelib.verification.diff import Look, differences

HELD_SECONDS = 120  # a user of 250,000 rows took less; a drain that meets them puts the rows back meanwhile
MENDED_AT_ONCE = 5_000  # elements that one transaction deletes
TRIES = 20

# The projection writes a user's node before all else of theirs: with that locked it waits.
_HOLD = "MERGE (u:User {id: $id}) SET u.id = $id"
_WEIGHT = """
SELECT count(*), coalesce(sum(bytes), 0)
FROM graph_outbox JOIN interaction ON id = interaction_id WHERE user_id = %s AND next_attempt_at < 'infinity'
"""
_WAITING = f"""
SELECT {history.ROW.replace("metadata", "metadata::text AS metadata")}
FROM (SELECT interaction.*, 0 AS attempts FROM interaction JOIN graph_outbox ON id = interaction_id
      WHERE user_id = %s AND next_attempt_at < 'infinity') AS waiting
"""  # noqa: S608  a constant
_ERASING = "SELECT 1 FROM erasure WHERE user_id = %s AND finished_at IS NULL"
_DELETE_EDGES = "UNWIND $handles AS handle MATCH ()-[r]->() WHERE elementId(r) = handle DELETE r"
_DELETE_NODES = "UNWIND $handles AS handle MATCH (n) WHERE elementId(n) = handle DETACH DELETE n"


class UndecidedError(Exception):
    """It cannot be told now whether this user's graph is right; the text says why."""


def look(ledger: Ledger, graph: Graph, user_id: str, *, mend: int = 0, heed_erasure: bool = True) -> Look:
    """Compare exactly: rows that still wait are projected first, in a transaction that is rolled back at the end.

    With `mend` it deletes instead up to so many that do not belong; the rest is for the projection. Raises
    UndecidedError, and GraphUnavailableError or RowsRefusedError when the graph does not take the rows that wait.
    """
    with graph.transaction(HELD_SECONDS) as transaction:
        made = transaction.run(_HOLD, id=user_id).consume().counters.nodes_created
        implied, ids = _implied(ledger.connection, user_id)
        # After the rows: who erases them said so before.
        if heed_erasure and ledger.connection.execute(_ERASING, [user_id]).fetchone():
            raise UndecidedError("the user is being erased")
        waiting = [row for row in _waiting(ledger.connection, user_id) if row.id in ids]
        _apply(transaction, waiting)
        found = [element for _, element in elements.held(transaction, [user_id])]
        ours = [e for e in found if made and not waiting and not e.is_edge and json.loads(e.key)[0] == "User"]
        seen = differences(implied, (element for element in found if element not in ours))
        if mend and not seen.clean:
            delete(transaction, [*ours, *seen.wrong][:mend])
        else:
            transaction.rollback()
    return seen


def mend(ledger: Ledger, graph: Graph, user_id: str, *, heed_erasure: bool = True) -> Look:
    """Delete what does not belong, project the user again, and return a last look. Raises as `look` does."""
    at_once, before = MENDED_AT_ONCE, None
    for _ in range(TRIES):
        try:
            seen = look(ledger, graph, user_id, mend=at_once, heed_erasure=heed_erasure)
        except RowsRefusedError as error:
            if isinstance(error, RowsBusyError):
                raise
            # Large ones can be too much for one transaction.
            at_once = max(1, at_once // 8)
            continue
        if seen.clean or seen.counts() == before:
            return seen
        before = seen.counts()
        try:
            project_whole_user(ledger, graph, user_id)
        except GraphUnavailableError:  # without a constraint, which what was deleted now may have been in the way of
            graph.prepare()
            project_whole_user(ledger, graph, user_id)
    return look(ledger, graph, user_id, heed_erasure=heed_erasure)


def delete(transaction: neo4j.Transaction, wrong: Iterable[Element]) -> None:
    """Delete these elements, read in the same transaction."""
    handles: dict[bool, list[str]] = {True: [], False: []}
    for element in wrong:
        handles[element.is_edge].append(element.handle)
    transaction.run(_DELETE_EDGES, handles=handles[True]).consume()
    transaction.run(_DELETE_NODES, handles=handles[False]).consume()


def _implied(connection: psycopg.Connection, user_id: str) -> tuple[dict[str, str], set[UUID]]:
    ids: set[UUID] = set()

    def rows() -> Iterable[Row]:
        for row in history.of_users(connection, [user_id]):
            ids.add(row.id)
            yield row

    implied = {element.key: element.content for element in map(elements.of, oracle.implied(rows()))}
    return implied, ids


def _waiting(connection: psycopg.Connection, user_id: str) -> list[Row]:
    """Return the rows not yet projected. Read after all rows: those of them not there have been projected."""
    [rows, weight] = connection.execute(_WEIGHT, [user_id]).fetchone() or (0, 0)
    if rows > CLAIM_ROWS or weight > CLAIM_BYTES:
        raise UndecidedError(f"{rows} rows wait to be projected")
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        waiting = cursor.execute(_WAITING, [user_id]).fetchall()
    if any(row.kind not in KINDS for row in waiting):
        raise UndecidedError("rows of a kind unknown here wait for newer code")
    return waiting


def _apply(transaction: neo4j.Transaction, rows: list[Row]) -> None:
    for text, parameters in changes(rows).statements():
        transaction.run(text, parameters).consume()
