"""Compares one user's graph with their ledger rows, while their projection waits; and repairs it."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

import neo4j
import psycopg

from chalicelib.graph import elements
from chalicelib.graph.client import Graph, GraphUnavailableError, RowsBusyError, RowsRefusedError, write_within
from chalicelib.ledger import erasures, pages, users
from chalicelib.ledger.ledger import Ledger, Row
from chalicelib.ledger.pages import GraphRow
from chalicelib.projection.projector import KINDS, changes
from chalicelib.projection.rebuild import project_whole_user
from chalicelib.verification import actual, diff, expected
from chalicelib.verification.actual import Element
from chalicelib.verification.diff import Differences

LOCK_SECONDS = 120  # a user of 250,000 rows took less; a drain that meets the lock requeues the user's rows
REPAIR_BATCH = 5_000  # elements that one transaction deletes
MAX_ATTEMPTS = 20
MAX_ROWS = 250_000  # of one user: compared in about a minute by a whole core, exactly in two
LEDGER_SECONDS = 240  # to read the rows; with the graph's 300 less than the 600 for which a command waits
# The operations function has 1,769 MB and takes 150 without this. Both sides and their differences take 2.8 times this
# if every element differs (`tests/unit/verification/test_user.py`).
MAX_SIDE_BYTES = 400_000_000
ELEMENT_BYTES = 400  # of Python's objects, beside the text; measured: 210 to 380


class UndecidedError(Exception):
    """It cannot be decided now whether this user's graph is right; the text says why."""


class TooLargeError(UndecidedError):
    """The user has more than can be compared."""


def compare(ledger: Ledger, graph: Graph, user_id: str, *, check_erasure: bool = True) -> Differences:
    """Compare exactly, and change nothing: rows that still wait are projected in a transaction that is rolled back.

    Raises UndecidedError, and GraphUnavailableError or RowsRefusedError if the graph refuses the rows that wait.
    """
    with graph.transaction(LOCK_SECONDS) as transaction:
        found, _ = _compare_locked(transaction, ledger, user_id, check_erasure=check_erasure)
        transaction.rollback()
    return found


def repair(ledger: Ledger, graph: Graph, user_id: str, *, check_erasure: bool = True) -> Differences:
    """Delete unexpected elements, project the user again, and return what still differs. Raises as `compare` does."""
    batch, before = REPAIR_BATCH, None
    for _ in range(MAX_ATTEMPTS):
        try:
            found = _delete_unexpected(ledger, graph, user_id, batch, check_erasure=check_erasure)
        except RowsRefusedError as error:
            if isinstance(error, RowsBusyError):
                raise
            # Large elements can be too much for one transaction.
            batch = max(1, batch // 8)
            continue
        if found.none or found.counts() == before:
            return found
        before = found.counts()
        try:
            project_whole_user(ledger, graph, user_id)
        except GraphUnavailableError:  # a constraint is missing; what was deleted may have kept it from being created
            graph.prepare()
            project_whole_user(ledger, graph, user_id)
    return compare(ledger, graph, user_id, check_erasure=check_erasure)


def _delete_unexpected(
    ledger: Ledger, graph: Graph, user_id: str, max_elements: int, *, check_erasure: bool
) -> Differences:
    with graph.transaction(LOCK_SECONDS) as transaction:
        found, created = _compare_locked(transaction, ledger, user_id, check_erasure=check_erasure)
        if found.none:
            transaction.rollback()
        else:
            actual.delete(transaction, [*created, *found.unexpected][:max_elements])
    return found


def _compare_locked(
    transaction: neo4j.Transaction, ledger: Ledger, user_id: str, *, check_erasure: bool
) -> tuple[Differences, list[Element]]:
    """Return the differences, and the user's node if only the lock created it: it is not one of them."""
    created = elements.lock_user(transaction, user_id)
    wanted, ids = _expected(ledger.connection, user_id)
    # After the rows were read: an erasure is recorded before it deletes rows.
    if check_erasure and erasures.is_under_way(ledger.connection, user_id):
        raise UndecidedError("the user is being erased")
    waiting = [row for row in _waiting(ledger, user_id) if row.id in ids]
    write_within(transaction, changes(waiting))
    found = list(_fitting(element for _, element in actual.of_users(transaction, [user_id])))
    ours = [element for element in found if created and not waiting and _is_user(element)]
    return diff.compare(wanted, (element for element in found if element not in ours)), ours


def _is_user(element: Element) -> bool:
    return not element.is_edge and json.loads(element.key)[0] == "User"


def read_rows(connection: psycopg.Connection, user_ids: Sequence[str]) -> Iterator[GraphRow]:
    """Yield all rows of these users. Raises TooLargeError after `MAX_ROWS` of them, and after `LEDGER_SECONDS`."""
    until = time.monotonic() + LEDGER_SECONDS
    for number, row in enumerate(pages.for_graph(connection, user_ids), start=1):
        if number > MAX_ROWS:
            raise TooLargeError(f"too large to compare: more than {MAX_ROWS:,} interactions")
        if time.monotonic() > until:
            raise TooLargeError(f"too large to compare: interactions that take more than {LEDGER_SECONDS} s to read")
        yield row


def _expected(connection: psycopg.Connection, user_id: str) -> tuple[dict[str, str], set[UUID]]:
    """Return the expected elements, content by key, and the ids of the rows that imply them."""
    ids: set[UUID] = set()
    rows = _collecting(ids, read_rows(connection, [user_id]))
    elements = _fitting(map(actual.of, expected.graph_of(rows)))
    return {element.key: element.content for element in elements}, ids


def _collecting(ids: set[UUID], rows: Iterable[GraphRow]) -> Iterator[GraphRow]:
    for row in rows:
        ids.add(row.id)
        yield row


def _fitting(elements: Iterable[Element]) -> Iterator[Element]:
    """Yield the elements. Raises TooLargeError when they take more memory than one side may."""
    size_bytes = 0
    for element in elements:
        size_bytes += ELEMENT_BYTES + len(element.key) + len(element.content)
        if size_bytes > MAX_SIDE_BYTES:
            raise TooLargeError(f"too large to compare exactly: more than {MAX_SIDE_BYTES // 1_000_000:,} MB")
        yield element


def _waiting(ledger: Ledger, user_id: str) -> list[Row]:
    """Return the rows not yet projected. Call it after all rows were read: any of those not among them is projected."""
    connection = ledger.connection
    rows, size_bytes = users.waiting_size(connection, user_id)
    if rows > ledger.claim_rows or size_bytes > ledger.claim_bytes:
        raise UndecidedError(f"{rows} rows wait to be projected")
    waiting = users.waiting_rows(connection, user_id)
    if any(row.kind not in KINDS for row in waiting):
        raise UndecidedError("rows of a kind unknown here wait for newer code")
    return waiting
