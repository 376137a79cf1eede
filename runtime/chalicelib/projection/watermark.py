"""The watermark that catch-up writes to both stores: by it, a lost or an older graph is noticed."""

from chalicelib.graph import watermark as in_graph
from chalicelib.graph.client import Graph
from chalicelib.graph.cypher import VERSION
from chalicelib.ledger import watermark as in_ledger
from chalicelib.ledger.ledger import Ledger


def graph_loss_reason(ledger: Ledger, graph: Graph) -> str | None:
    """Return in a few words why the graph cannot be the one that this ledger was projected into, or None.

    It is None too before the first watermark, and for a graph of newer code: that code looks after it.
    """
    reached_at = in_ledger.read(ledger.connection)
    if reached_at is None:
        return None
    # Read after the ledger's, and written before it: so of two that belong together it is never the older one.
    found = in_graph.read(graph)
    if found.reached_at is None:
        return "the graph is another one: it has no watermark"
    if found.reached_at < reached_at:
        return "the graph is an older one: its watermark is behind the ledger's"
    if found.version is None or found.version < VERSION:
        return "the graph was made by an older projection"
    return None


def advance(ledger: Ledger, graph: Graph) -> None:
    """Write a new watermark, with the projection's version, to the graph and then to the ledger."""
    connection = ledger.connection
    reached_at = in_ledger.next_(connection)
    in_graph.write(graph, reached_at)
    in_ledger.write(connection, reached_at, VERSION)
