"""The graph's side of the watermark: a node with the time of the ledger's watermark and the projection's version."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import neo4j

from chalicelib.graph.client import Graph
from chalicelib.graph.cypher import SEALED, VERSION

_READ = "MATCH (w:Watermark) RETURN max(w.reached_at) AS reached_at, max(w.version) AS version"
_CREATE = "MERGE (w:Watermark) SET w = {version: $version, reached_at: $reached_at}"
# Writing locks the node, before its time is compared.
_ADVANCE = """
MATCH (w:Watermark) SET w.locked = true REMOVE w.locked
WITH w WHERE w.version = $version AND w.reached_at = $expected
SET w.reached_at = $reached_at RETURN count(w) AS advanced
"""
# Two who merge at the same moment, this and the first watermark, make one each: a constraint would prevent that, but
# could not be created once there are two.
_KEEP_ONE = "FOREACH (other IN tail(marks) | DETACH DELETE other) WITH head(marks) AS w"
_BEGIN_WIPE = f"MERGE (w:Watermark) WITH collect(w) AS marks {_KEEP_ONE} SET w = {{version: $version}}"
_FINISH_WIPE = f"""
MATCH (w:Watermark) SET w.locked = true REMOVE w.locked
WITH collect(w) AS marks WHERE all(w IN marks WHERE w.version = $version AND w.reached_at IS NULL) {_KEEP_ONE}
SET w.reached_at = $reached_at RETURN count(w) AS finished
"""
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


def create(graph: Graph, reached_at: datetime) -> None:
    """Write the first watermark: only for a graph that is known to be complete."""
    with graph.transaction() as transaction:
        transaction.run(_CREATE, reached_at=_utc(reached_at), version=VERSION).consume()


def advance(graph: Graph, *, expected: datetime, reached_at: datetime) -> bool:
    """Move the watermark if it is still the expected one, of this code's version; return whether it moved."""
    with graph.transaction() as transaction:
        values = {"expected": _utc(expected), "reached_at": _utc(reached_at), "version": VERSION}
        return bool(transaction.run(_ADVANCE, values).single(strict=True)["advanced"])


def begin_wipe(graph: Graph) -> None:
    """Remove the watermark's time and set this code's version: code of other versions then writes nothing."""
    with graph.transaction() as transaction:
        transaction.run(_BEGIN_WIPE, version=VERSION).consume()


def seal(graph: Graph) -> None:
    """Remove the watermark's time, and let no projection of any version write into this graph: it will be replaced."""
    with graph.transaction() as transaction:
        transaction.run(_BEGIN_WIPE, version=SEALED).consume()


def finish_wipe(graph: Graph, reached_at: datetime) -> bool:
    """Write the watermark of a wiped graph; return False if this is not the graph in which the wipe began."""
    with graph.transaction() as transaction:
        values = {"reached_at": _utc(reached_at), "version": VERSION}
        return bool(transaction.run(_FINISH_WIPE, values).single(strict=True)["finished"])


def _utc(time: datetime) -> datetime:
    """Return the same time with one fixed offset: in Neo4j, times of two zones are never equal."""
    return time.astimezone(UTC)


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
