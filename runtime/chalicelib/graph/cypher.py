"""The projection's Cypher: one fixed statement for a claim, and the parameter that fills it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from chalicelib.interaction import Kind

Parameters = list[dict[str, Any]]

# Raising it rebuilds every graph from scratch: do so when the same rows give another graph.
VERSION = 3
SEALED = 2**31 - 1  # above every version: code of any release writes nothing into such a graph

EDGE_KINDS = [kind for kind in Kind if not kind.opens]
SELDOM = [Kind.UNKEEP, Kind.UNMARK]  # one question for each row, not one for each of them
OFTEN = [kind for kind in EDGE_KINDS if kind not in SELDOM]
CONSTRAINTS = {
    "user_key": "CREATE CONSTRAINT user_key IF NOT EXISTS FOR (n:User) REQUIRE n.id IS UNIQUE",
    "event_key": "CREATE CONSTRAINT event_key IF NOT EXISTS FOR (n:Event) REQUIRE (n.user_id, n.id) IS UNIQUE",
    "artifact_key": "CREATE CONSTRAINT artifact_key IF NOT EXISTS FOR (n:Artifact) REQUIRE (n.user_id, n.id) IS UNIQUE",
}
INDEXES = {
    # A composite key does not serve its first property alone; without these a reader who asks for the events of a user
    # reads those of everybody.
    "event_user": "CREATE INDEX event_user IF NOT EXISTS FOR (n:Event) ON (n.user_id)",
    "artifact_user": "CREATE INDEX artifact_user IF NOT EXISTS FOR (n:Artifact) ON (n.user_id)",
    # There can be thousands of edges between one event and one artifact: each is found by its id.
    **{
        f"{kind}_id": f"CREATE INDEX {kind}_id IF NOT EXISTS FOR ()-[r:{kind.graph_name}]-() ON (r.id)"
        for kind in EDGE_KINDS
    },
}
SCHEMA = (*CONSTRAINTS, *INDEXES)
ONLINE = "SHOW INDEXES YIELD name, state WHERE name IN $names AND state = 'ONLINE' RETURN count(*) AS online"
# Neo4j's own index of edges by their type, an entry for each new edge. Nothing asks for a type's edges of everybody.
NEEDLESS = "SHOW LOOKUP INDEXES YIELD name, entityType WHERE entityType = 'RELATIONSHIP' RETURN name"
# The watermark's time is the graph's epoch: catch-up moves it each minute, and a graph that is lost or being wiped has
# none. For as long as it is the same, nothing that was checked of the graph has changed.
READ_STATE = "MATCH (w:Watermark) RETURN max(w.version) AS version, toString(max(w.reached_at)) AS epoch"


def _for_each(kinds: Iterable[Kind], text: str) -> str:
    return "\n".join(text.format(kind=kind, name=kind.graph_name) for kind in kinds)


def _create(kinds: Iterable[Kind]) -> str:
    return _for_each(
        kinds,
        "FOREACH (_ IN CASE row.kind WHEN '{kind}' THEN [1] ELSE [] END | CREATE (e)-[:{name} {{id: row.id,"
        " timestamp: datetime.fromEpoch(row.seconds, row.nanoseconds), metadata: row.metadata,"
        " position: row.position}}]->(a))",
    )


# All of a claim, one statement. It writes nothing into a graph whose epoch is another than the one that was checked.
#
# Users are written first, all of them, in order; writing to a user locks it. So where a killed drain's transaction
# still runs, or a verification holds a user, one of the two waits: neither reads what the other is about to change, and
# they do not deadlock. Each event comes once: within a statement every row reads before any row writes.
#
# Edges are created, not merged: MERGE reads all edges between the two nodes, and a user can peel one artifact thousands
# of times in one event (measured: 20,000 took minutes). An edge is known by its id; an event that has no edges yet,
# `fresh`, has none to look for.
#
# Planned once, by `Graph.prepare`: planning takes far longer than running, and no statistics would change the plan.
# In a map, since Neo4j plans a list of another size again.
PROJECT = f"""CYPHER replan=skip
OPTIONAL MATCH (w:Watermark)
WITH coalesce(toString(max(w.reached_at)), '') AS epoch WHERE epoch = $claim.epoch
UNWIND $claim.users AS user
MERGE (u:User {{id: user.id}}) SET u.id = user.id
WITH u, user
UNWIND user.events AS event
MERGE (e:Event {{user_id: u.id, id: event.id}})
MERGE (u)-[:INITIATED]->(e)
{
    _for_each(
        [kind for kind in Kind if kind.opens],
        "FOREACH (_ IN CASE WHEN '{kind}' IN event.kinds THEN [1] ELSE [] END | SET e:{name})",
    )
}
FOREACH (o IN [o IN event.opening WHERE e.interaction_id IS NULL
               OR datetime.fromEpoch(o.seconds, o.nanoseconds) < e.timestamp
               OR datetime.fromEpoch(o.seconds, o.nanoseconds) = e.timestamp AND o.id < e.interaction_id] |
    SET e.timestamp = datetime.fromEpoch(o.seconds, o.nanoseconds), e.metadata = o.metadata, e.query = o.query,
        e.interaction_id = o.id)
WITH u, e, event, COUNT {{ (e)-->() }} = 0 AS fresh
CALL (u, e, event, fresh) {{
    UNWIND event.edges AS row
    MERGE (a:Artifact {{user_id: u.id, id: row.artifact_id}})
    WITH e, a, row, fresh
    WHERE fresh OR NOT CASE row.kind
    {
    _for_each(
        EDGE_KINDS,
        "WHEN '{kind}' THEN EXISTS {{ MATCH (start)-[known:{name} {{id: row.id}}]->(end)"
        " USING INDEX known:{name}(id) WHERE start = e AND end = a }}",
    )
}
    END
    {_create(OFTEN)}
    FOREACH (_ IN CASE WHEN row.kind IN {[str(kind) for kind in SELDOM]} THEN [1] ELSE [] END |
    {_create(SELDOM)})
}}
RETURN count(*) AS events
"""


class Changes(NamedTuple):
    """What a set of interactions writes into the graph: the parameter of PROJECT."""

    users: Parameters
    """By id, each with its events by id; of an event its kinds, its earliest opening if any, and its edges."""

    @property
    def artifacts(self) -> Parameters:
        """The artifacts that the edges touch."""
        return [
            {"user_id": user["id"], "artifact_id": edge["artifact_id"]}
            for user in self.users
            for event in user["events"]
            for edge in event["edges"]
        ]
