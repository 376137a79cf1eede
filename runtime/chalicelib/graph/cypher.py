"""The projection's Cypher: one fixed text per shape, and the changes that fill them."""

from dataclasses import dataclass, field
from typing import Any

from chalicelib.interaction import Kind

Parameters = list[dict[str, Any]]

# Of the graph's shape. To raise it rebuilds every graph from scratch: do so when the same rows mean another graph.
VERSION = 1

EDGE_KINDS = [kind for kind in Kind if not kind.opens]
SCHEMA = {
    "user_key": "CREATE CONSTRAINT user_key IF NOT EXISTS FOR (n:User) REQUIRE n.id IS UNIQUE",
    "event_key": "CREATE CONSTRAINT event_key IF NOT EXISTS FOR (n:Event) REQUIRE (n.user_id, n.id) IS UNIQUE",
    "artifact_key": "CREATE CONSTRAINT artifact_key IF NOT EXISTS FOR (n:Artifact) REQUIRE (n.user_id, n.id) IS UNIQUE",
    # Between one event and one artifact there can be thousands of edges: each is found by its id.
    **{
        f"{kind}_id": f"CREATE INDEX {kind}_id IF NOT EXISTS FOR ()-[r:{kind.upper()}]-() ON (r.id)"
        for kind in EDGE_KINDS
    },
}
ONLINE = "SHOW INDEXES YIELD name, state WHERE name IN $names AND state = 'ONLINE' RETURN count(*) AS online"
MADE_BY = "MATCH (w:Watermark) RETURN max(w.version) AS version"

# Users come first and sorted, and writing to a user locks it: all else hangs on users, so of two drains that touch the
# same user one waits, none reads what the other is about to change, and none deadlocks.
USERS = "UNWIND $users AS id MERGE (u:User {id: id}) SET u.id = id"
EVENTS = """
UNWIND $events AS row
MATCH (u:User {id: row.user_id})
MERGE (e:Event {user_id: row.user_id, id: row.event_id})
MERGE (u)-[:INITIATED]->(e)
"""
# One candidate per event at most: in one statement every row reads before any row writes.
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
# Not MERGE, which looks through all edges between the two nodes: a person can peel the same thing in the same event
# thousands of times (tried: 20,000 took minutes). But as MERGE does it holds both nodes before it looks: without that
# it deadlocked with deletions (tried).
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
LABELS = {
    Kind.RECALL: LABEL.format(label="RecallEvent"),
    Kind.WORKSPACE: LABEL.format(label="WorkspaceEvent"),
}
EDGES = {kind: EDGE.format(type=kind.upper()) for kind in EDGE_KINDS}


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a set of interactions means for the graph: parameters, each list sorted by key."""

    users: list[str]
    events: Parameters
    openings: Parameters
    labels: dict[Kind, Parameters] = field(default_factory=dict)
    artifacts: Parameters = field(default_factory=list)
    edges: dict[Kind, Parameters] = field(default_factory=dict)

    def statements(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the fixed texts that these changes need, in an order that lets each find its nodes."""
        return [
            (USERS, {"users": self.users}),
            (EVENTS, {"events": self.events}),
            *((LABELS[kind], {"rows": rows}) for kind, rows in self.labels.items()),
            (OPENINGS, {"openings": self.openings}),
            (ARTIFACTS, {"artifacts": self.artifacts}),
            *((EDGES[kind], {"rows": rows}) for kind, rows in self.edges.items()),
        ]


NOTHING = Changes(
    users=[],
    events=[],
    openings=[],
    labels={kind: [] for kind in LABELS},
    artifacts=[],
    edges={kind: [] for kind in EDGES},
)
