"""The graph's side of the watermark: a node with the time of the ledger's watermark and the projection's version."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

import neo4j

from chalicelib.graph.client import Graph
from chalicelib.graph.cypher import VERSION

_READ = "MATCH (w:Watermark) RETURN max(w.reached_at) AS reached_at, max(w.version) AS version"
# Writing the version first locks the node, before its time is read.
_WRITE = """
MERGE (w:Watermark) SET w.version = $version
WITH w WHERE w.reached_at IS NULL OR w.reached_at < $reached_at
SET w.reached_at = $reached_at
"""
_CLAIM = "MERGE (w:Watermark) SET w.version = $version"
_RESTORE = "MERGE (w:Watermark) ON CREATE SET w = $values"


class Watermark(NamedTuple):
    """What the graph says of itself; None where it says nothing."""

    reached_at: datetime | None
    version: int | None


def read(graph: Graph) -> Watermark:
    """Return the graph's watermark. Raises as `Graph.write` does."""
    with graph.transaction() as transaction:
        reached_at, version = transaction.run(_READ).single(strict=True)
    return Watermark(reached_at and reached_at.to_native(), version)


def write(graph: Graph, reached_at: datetime) -> None:
    """Move the watermark to that time, unless it is later already, and set this code's version."""
    with graph.transaction() as transaction:
        transaction.run(_WRITE, reached_at=reached_at, version=VERSION).consume()


def claim(graph: Graph) -> None:
    """Set this code's version: from then on code of other versions writes nothing into the graph."""
    with graph.transaction() as transaction:
        transaction.run(_CLAIM, version=VERSION).consume()


@contextmanager
def kept(transaction: neo4j.Transaction) -> Iterator[None]:
    """Re-create the watermark if the block deleted it; a graph without one counts as lost."""
    values = transaction.run(_READ).single(strict=True).data()
    yield
    if values["reached_at"]:
        transaction.run(_RESTORE, values=values).consume()


def is_from_newer_code(graph: Graph) -> bool:
    """Return whether the graph's version is above this code's."""
    return (read(graph).version or 0) > VERSION
