"""The watermark that catch-up writes to both stores: by it, a lost or an older graph is noticed.

It is created only where the graph is known to be complete: with an empty ledger, or at the end of a wipe. From then on
it only moves from the value that was checked: a graph that was lost or set back in between does not get a new one.
"""

from datetime import datetime
from typing import NamedTuple

from chalicelib.graph import watermark as in_graph
from chalicelib.graph.client import Graph
from chalicelib.graph.cypher import VERSION
from chalicelib.ledger import locks
from chalicelib.ledger import watermark as in_ledger
from chalicelib.ledger.ledger import Ledger


class Check(NamedTuple):
    """What a comparison of the two watermarks found."""

    loss_reason: str | None
    """In a few words why the graph cannot be the one that this ledger was projected into; None if it can."""
    reached_at: datetime | None
    """The graph's watermark, from which `advance` may move it; None if it must not move."""


def start(ledger: Ledger, graph: Graph) -> None:
    """Write the first watermark of a new system. Does nothing once an interaction or a watermark is in the ledger."""
    connection = ledger.connection
    if not in_ledger.is_new(connection):
        return
    in_graph.read(graph)  # no writer is to wait while the graph is unavailable
    with connection.transaction():
        # Nothing is stored meanwhile, and nobody else starts: neither gets the mark of a graph that lacks it.
        locks.hold(connection, locks.WRITERS)
        if in_ledger.is_new(connection):
            reached_at = in_ledger.next_(connection)
            in_graph.create(graph, reached_at)
            in_ledger.write(connection, reached_at, VERSION)


def check(ledger: Ledger, graph: Graph) -> Check:
    """Compare the two watermarks; of a new system, write the first one before.

    A graph of newer code is not lost: that code looks after it.
    """
    start(ledger, graph)
    return _compare(ledger, graph)


def _compare(ledger: Ledger, graph: Graph) -> Check:
    reached_at = in_ledger.read(ledger.connection)
    if reached_at is None:
        return Check("interactions were stored before the first watermark", None)
    # Read after the ledger's, and written before it: so of two that belong together it is never the older one.
    found = in_graph.read(graph)
    if found.reached_at is None:
        return Check("the graph is another one: it has no watermark", None)
    if found.reached_at < reached_at:
        return Check("the graph is an older one: its watermark is behind the ledger's", None)
    if found.version is None or found.version < VERSION:
        return Check("the graph was made by an older projection", None)
    return Check(None, found.reached_at if found.version == VERSION else None)


def advance(ledger: Ledger, graph: Graph, checked: datetime) -> bool:
    """Move the watermark from the checked one to now, in the graph and then in the ledger.

    Return False, with nothing changed, if the graph no longer has the checked one: it was lost or set back since, or
    another catch-up moved it.
    """
    connection = ledger.connection
    reached_at = in_ledger.next_(connection)
    if not in_graph.advance(graph, expected=checked, reached_at=reached_at):
        return False
    in_ledger.write(connection, reached_at, VERSION)
    return True


def begin_epoch(ledger: Ledger, graph: Graph) -> None:
    """Move the watermark: who lost a lease before this, and does not know it, writes nothing more to the graph.

    A graph that is lost or being wiped has no epoch to begin; what is written to it is wiped.
    """
    if checked := _compare(ledger, graph).reached_at:
        advance(ledger, graph, checked)  # False: somebody else has just moved it


def finish_wipe(ledger: Ledger, graph: Graph) -> bool:
    """Write the watermark of a wiped graph to both; return False if the graph was lost or set back during the wipe."""
    connection = ledger.connection
    reached_at = in_ledger.next_(connection)
    if not in_graph.finish_wipe(graph, reached_at):
        return False
    in_ledger.write(connection, reached_at, VERSION)
    return True
