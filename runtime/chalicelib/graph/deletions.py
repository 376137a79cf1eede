"""Deletes from the graph: all of it, one user's part, single elements."""

from collections.abc import Callable, Sequence

import neo4j

from chalicelib.graph.client import Graph
from chalicelib.graph.elements import ORPHAN

WIPE_BATCH = 10_000  # nodes or edges that a small heap deletes in one transaction
EDGES_BATCH = 10_000

# Only of a graph that is being wiped: a caller that was paused, and whose wipe another one finished, deletes nothing.
# Writing locks the watermark, so that the wipe does not end while a batch runs.
_BEING_WIPED = (
    "MATCH (w:Watermark) SET w.locked = true REMOVE w.locked"
    " WITH count(w) AS marks, count(w.reached_at) AS times WHERE marks > 0 AND times = 0"
)
_WIPES = (
    f"{_BEING_WIPED} MATCH ()-[r]->() WITH r LIMIT $limit DELETE r RETURN count(*) AS deleted",
    f"{_BEING_WIPED} MATCH (n) WHERE NOT n:Watermark WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS deleted",
)
# The projection locks a user's node before the user's other elements; a deletion that did not would deadlock with it.
_USER_LOCKED = "OPTIONAL MATCH (u:User {id: $id}) SET u.id = $id WITH count(*) AS locked"
# First, since one event can have more edges than one transaction deletes.
_USER_EDGES = (
    f"{_USER_LOCKED} MATCH (n:Event)-[r]->() WHERE n.user_id = $id AND n.id IS NOT NULL"
    " WITH r LIMIT $limit DELETE r RETURN count(*) AS deleted"
)
_USER_NODES = tuple(
    f"{_USER_LOCKED} MATCH (n:{label}) WHERE {owned} WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS deleted"
    for label, owned in {
        "Event": "n.user_id = $id AND n.id IS NOT NULL",
        "Artifact": "n.user_id = $id AND n.id IS NOT NULL",
        "User": "n.id = $id",
    }.items()
)
_EDGES = "UNWIND $handles AS handle MATCH ()-[r]->() WHERE elementId(r) = handle DELETE r"
_NODES = "UNWIND $handles AS handle MATCH (n) WHERE elementId(n) = handle DETACH DELETE n"
_ORPHAN_EDGES = (
    f"{ORPHAN} AND elementId(n) = $handle"
    " MATCH (n)-[r]-() WITH DISTINCT r LIMIT $limit DELETE r RETURN count(*) AS deleted"
)
_ORPHAN_NODE = f"{ORPHAN} AND elementId(n) = $handle WITH n LIMIT $limit DELETE n RETURN count(*) AS deleted"


def wipe_batch(graph: Graph, max_elements: int, *, before_each: Callable[[], None]) -> int:
    """Delete a batch of a graph whose wipe has begun, edges first.

    Return 0 once all that this call found at its start is deleted, and where no wipe is under way any more.
    Raises as `Graph.write` does.
    """
    for text in _WIPES:
        before_each()
        deleted, more = graph.delete_batch(text, max_elements)
        # A batch that is not full has seen everything: only projections can have written more meanwhile.
        if more:
            return deleted
    return 0


def delete_user_nodes(graph: Graph, user_id: str, max_nodes: int) -> tuple[int, bool]:
    """Delete a batch of the user's nodes with their edges; return how many nodes, and whether there may be more."""
    _, more = graph.delete_batch(_USER_EDGES, EDGES_BATCH, id=user_id)
    if more:
        return 0, True
    total = 0
    for text in _USER_NODES:
        deleted, more = graph.delete_batch(text, max_nodes, id=user_id)
        total += deleted
        if more:
            return total, True
    return total, False


def delete_elements(transaction: neo4j.Transaction, *, edges: Sequence[str], nodes: Sequence[str]) -> None:
    """Delete edges, and nodes with their edges, by handles that the same transaction read."""
    transaction.run(_EDGES, handles=edges).consume()
    transaction.run(_NODES, handles=nodes).consume()


def delete_orphan(graph: Graph, handle: str) -> None:
    """Delete a node that belongs to no user, its edges first, in as many transactions as that takes."""
    for text in (_ORPHAN_EDGES, _ORPHAN_NODE):
        more = True
        while more:
            _, more = graph.delete_batch(text, EDGES_BATCH, handle=handle)
