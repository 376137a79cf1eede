"""Reads one event of a user."""

from typing import NamedTuple

from chalicelib.graph.client import Graph
from chalicelib.graph.cypher import EDGE_KINDS

_COUNTS = ", ".join(f"{kind.graph_name}: COUNT {{ (e)-[:{kind.graph_name}]->() }}" for kind in EDGE_KINDS)
_EVENT = f"""
MATCH (e:Event {{user_id: $user_id, id: $event_id}})
RETURN labels(e) AS labels, {{{_COUNTS}}} AS edges
"""


class Place(NamedTuple):
    """An event's labels, and how many edges of each type begin at it."""

    labels: list[str]
    edges: dict[str, int]


def find(graph: Graph, *, user_id: str, event_id: str, seconds: float) -> Place | None:
    """Return the place of the user's event, None if the graph does not have it. Raises as `Graph.write` does."""
    with graph.transaction(seconds) as transaction:
        record = transaction.run(_EVENT, user_id=user_id, event_id=event_id).single()
    if record is None:
        return None
    return Place(sorted(record["labels"]), {kind: count for kind, count in record["edges"].items() if count})
