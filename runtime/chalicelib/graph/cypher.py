"""The projection's Cypher: one fixed statement per node or edge type, and the parameters that fill them."""

from dataclasses import dataclass, field
from typing import Any

from chalicelib.interaction import Kind

Parameters = list[dict[str, Any]]

# Raising it rebuilds every graph from scratch: do so when the same rows give another graph.
VERSION = 2

EDGE_KINDS = [kind for kind in Kind if not kind.opens]
SCHEMA = {
    "user_key": "CREATE CONSTRAINT user_key IF NOT EXISTS FOR (n:User) REQUIRE n.id IS UNIQUE",
    "event_key": "CREATE CONSTRAINT event_key IF NOT EXISTS FOR (n:Event) REQUIRE (n.user_id, n.id) IS UNIQUE",
    "artifact_key": "CREATE CONSTRAINT artifact_key IF NOT EXISTS FOR (n:Artifact) REQUIRE (n.user_id, n.id) IS UNIQUE",
    # There can be thousands of edges between one event and one artifact: each is found by its id.
    **{
        f"{kind}_id": f"CREATE INDEX {kind}_id IF NOT EXISTS FOR ()-[r:{kind.graph_name}]-() ON (r.id)"
        for kind in EDGE_KINDS
    },
}
ONLINE = "SHOW INDEXES YIELD name, state WHERE name IN $names AND state = 'ONLINE' RETURN count(*) AS online"
READ_VERSION = "MATCH (w:Watermark) RETURN max(w.version) AS version"

# Users are written first, and sorted; writing to a user locks it. So of two projections of the same user one waits:
# neither reads what the other is about to change, and they do not deadlock.
USERS = "UNWIND $users AS id MERGE (u:User {id: id}) SET u.id = id"
EVENTS = """
UNWIND $events AS row
MATCH (u:User {id: row.user_id})
MERGE (e:Event {user_id: row.user_id, id: row.event_id})
MERGE (u)-[:INITIATED]->(e)
"""
# At most one row per event: within a statement every row reads before any row writes.
OPENINGS = """
UNWIND $openings AS row
MATCH (e:Event {user_id: row.user_id, id: row.event_id})
WHERE e.interaction_id IS NULL OR row.timestamp < e.timestamp
   OR row.timestamp = e.timestamp AND row.id < e.interaction_id
SET e.timestamp = row.timestamp, e.metadata = row.metadata, e.interaction_id = row.id
"""
ARTIFACTS = "UNWIND $artifacts AS row MERGE (:Artifact {user_id: row.user_id, id: row.artifact_id})"
LABEL = """
UNWIND $rows AS row
MATCH (e:Event {{user_id: row.user_id, id: row.event_id}})
SET e:{label}
"""
# Not MERGE, which reads all edges between the two nodes: a user can peel one artifact thousands of times in one event
# (measured: 20,000 took minutes). But like MERGE it locks both nodes first: without that it deadlocked with deletions.
EDGE = """
UNWIND $rows AS row
MATCH (e:Event {{user_id: row.user_id, id: row.event_id}})
MATCH (a:Artifact {{user_id: row.user_id, id: row.artifact_id}})
SET e.id = row.event_id, a.id = row.artifact_id
WITH row, e, a
OPTIONAL MATCH (start)-[known:{type} {{id: row.id}}]->(end) USING INDEX known:{type}(id) WHERE start = e AND end = a
WITH row, e, a WHERE known IS NULL
CREATE (e)-[r:{type} {{id: row.id}}]->(a)
SET r.timestamp = row.timestamp, r.metadata = row.metadata
"""
LABELS = {kind: LABEL.format(label=kind.graph_name) for kind in Kind if kind.opens}
EDGES = {kind: EDGE.format(type=kind.graph_name) for kind in EDGE_KINDS}


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a set of interactions writes into the graph: the statements' parameters, each list sorted by key."""

    users: list[str]
    events: Parameters
    openings: Parameters
    labels: dict[Kind, Parameters] = field(default_factory=dict)
    artifacts: Parameters = field(default_factory=list)
    edges: dict[Kind, Parameters] = field(default_factory=dict)

    def statements(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the statements and their parameters, in an order in which each finds its nodes."""
        return [
            (USERS, {"users": self.users}),
            (EVENTS, {"events": self.events}),
            *((LABELS[kind], {"rows": rows}) for kind, rows in self.labels.items()),
            (OPENINGS, {"openings": self.openings}),
            (ARTIFACTS, {"artifacts": self.artifacts}),
            *((EDGES[kind], {"rows": rows}) for kind, rows in self.edges.items()),
        ]


NO_CHANGES = Changes(
    users=[],
    events=[],
    openings=[],
    labels={kind: [] for kind in LABELS},
    artifacts=[],
    edges={kind: [] for kind in EDGES},
)
