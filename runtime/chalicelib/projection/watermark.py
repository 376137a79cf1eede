"""The mark that catch-up leaves in both stores, by which a graph that was lost, or is an older one, is noticed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import neo4j

from chalicelib.graph.client import Graph
from chalicelib.graph.cypher import VERSION
from chalicelib.ledger.ledger import Ledger

_IN_LEDGER = "SELECT reached_at FROM watermark"
_IN_GRAPH = "MATCH (w:Watermark) RETURN max(w.reached_at) AS reached_at, max(w.version) AS version"
# Never back, whatever a clock or another catch-up does; and writing the version locks the node before its mark is read.
_NOW = "SELECT greatest(clock_timestamp(), (SELECT reached_at FROM watermark))"
_TO_GRAPH = """
MERGE (w:Watermark) SET w.version = $version
WITH w WHERE w.reached_at IS NULL OR w.reached_at < $reached_at
SET w.reached_at = $reached_at
"""
_TO_LEDGER = """
INSERT INTO watermark (reached_at, version) VALUES (%(reached_at)s, %(version)s)
ON CONFLICT (single) DO UPDATE
SET reached_at = greatest(watermark.reached_at, excluded.reached_at), version = excluded.version
"""


def what_is_amiss(ledger: Ledger, graph: Graph) -> str | None:
    """Say in a few words why the graph cannot be the one that this ledger was projected into, or None.

    A system that never wrote a mark has nothing amiss. Neither has a graph of newer code: that code looks after it.
    """
    marked = in_ledger(ledger)
    if marked is None:
        return None
    # Read after the ledger's, and written before it: so it is never the older of two that belong together.
    with graph.transaction() as transaction:
        found = transaction.run(_IN_GRAPH).single(strict=True)
    if found["reached_at"] is None:
        return "the graph is another one: it has no watermark"
    if found["reached_at"].to_native() < marked:
        return "the graph is an older one: its watermark is behind the ledger's"
    if found["version"] < VERSION:
        return "the graph was made by an older projection"
    return None


def in_ledger(ledger: Ledger) -> datetime | None:
    """Return when catch-up last came to its end with both stores there; None if it never did."""
    marked: datetime | None
    [marked] = ledger.connection.execute(_IN_LEDGER).fetchone() or (None,)
    return marked


def advance(ledger: Ledger, graph: Graph) -> datetime:
    """Write a new mark, with the projection's version, to the graph and then to the ledger, and return it."""
    reached_at: datetime
    [reached_at] = ledger.connection.execute(_NOW).fetchone() or (None,)
    mark = {"reached_at": reached_at, "version": VERSION}
    with graph.transaction() as transaction:
        transaction.run(_TO_GRAPH, mark).consume()
    ledger.connection.execute(_TO_LEDGER, mark)
    return reached_at


def claim(graph: Graph) -> None:
    """Make the graph this code's: drains of other versions write nothing into it from now on."""
    with graph.transaction() as transaction:
        transaction.run("MERGE (w:Watermark) SET w.version = $version", version=VERSION).consume()


@contextmanager
def kept(transaction: neo4j.Transaction) -> Iterator[None]:
    """Have the graph's mark afterwards, though the node that bore it has gone: without one the graph counts as lost."""
    values = transaction.run(_IN_GRAPH).single(strict=True).data()
    yield
    if values["reached_at"]:
        transaction.run("MERGE (w:Watermark) ON CREATE SET w = $values", values=values).consume()


def of_newer_code(graph: Graph) -> bool:
    """Tell whether the graph bears a version above this code's."""
    with graph.transaction() as transaction:
        return (transaction.run(_IN_GRAPH).single(strict=True)["version"] or 0) > VERSION
