"""Reads the part of one user's graph that certain events span."""

from collections.abc import Sequence
from typing import Any

from chalicelib.graph.client import Graph

_EVENTS = """
UNWIND $events AS id MATCH (e:Event {user_id: $user_id, id: id})
RETURN e.id AS id, labels(e) AS labels, e.timestamp AS timestamp, left(e.metadata, $characters) AS metadata,
       e.query AS query
"""
_EDGES = """
UNWIND $events AS id MATCH (e:Event {user_id: $user_id, id: id})-[r]->(a:Artifact)
RETURN e.id AS event_id, type(r) AS type, a.id AS artifact_id, r.id AS id, r.timestamp AS timestamp
ORDER BY timestamp DESC LIMIT $edges
"""


def read(
    graph: Graph, user_id: str, events: Sequence[str], *, max_edges: int, max_characters: int, seconds: float
) -> dict[str, list[dict[str, Any]]]:
    """Return these events of the user and the latest edges that begin at them. Raises as `Graph.write` does."""
    values = {"user_id": user_id, "events": list(events), "edges": max_edges, "characters": max_characters}
    with graph.transaction(seconds) as transaction:
        return {
            "events": [_native(one.data()) for one in transaction.run(_EVENTS, values)],
            "edges": [_native(one.data()) for one in transaction.run(_EDGES, values)],
        }


def _native(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "timestamp": values["timestamp"].to_native() if values["timestamp"] else None}
