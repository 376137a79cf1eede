"""The best known code for the same rows, without what makes it safe: the ceilings of the figures."""

from collections.abc import Sequence
from typing import Any

import neo4j
import psycopg

from chalicelib.graph.cypher import EDGE_KINDS

RAW = """
INSERT INTO interaction (id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at)
SELECT * FROM unnest(%(id)s::uuid[], %(user_id)s::text[], %(event_id)s::uuid[], %(kind)s::text[],
                     %(artifact_id)s::text[], %(metadata)s::jsonb[], %(timestamp)s::timestamptz[],
                     %(received_at)s::timestamptz[])
ON CONFLICT DO NOTHING
"""

_CREATES = "\n".join(
    f"FOREACH (_ IN CASE row.kind WHEN '{kind}' THEN [1] ELSE [] END | CREATE (e)-[:{kind.graph_name} {{id: row.id,"
    " timestamp: datetime.fromEpoch(row.seconds, row.nanoseconds), metadata: row.metadata}]->(a))"
    for kind in EDGE_KINDS
)
# Nodes must be found: a later claim has the same ones. Edges and openings are written without a look.
BLIND = f"""
UNWIND $users AS user
MERGE (u:User {{id: user.id}})
WITH u, user
UNWIND user.events AS event
MERGE (e:Event {{user_id: u.id, id: event.id}})
CREATE (u)-[:INITIATED]->(e)
FOREACH (_ IN CASE WHEN 'recall' IN event.kinds THEN [1] ELSE [] END | SET e:RecallEvent)
FOREACH (_ IN CASE WHEN 'workspace' IN event.kinds THEN [1] ELSE [] END | SET e:WorkspaceEvent)
FOREACH (o IN event.opening |
    SET e.timestamp = datetime.fromEpoch(o.seconds, o.nanoseconds), e.metadata = o.metadata, e.interaction_id = o.id)
WITH u, e, event
CALL (u, e, event) {{
    UNWIND event.edges AS row
    MERGE (a:Artifact {{user_id: u.id, id: row.artifact_id}})
    {_CREATES}
}}
"""


def insert_raw(connection: psycopg.Connection, batches: Sequence[dict[str, Any]]) -> None:
    """Insert batches of ready values, each in one round trip, with no outbox and no check of erasures."""
    for batch in batches:
        connection.execute(RAW, batch)


def create_blind(session: neo4j.Session, claims: Sequence[list[dict[str, Any]]]) -> None:
    """Write claims of ready parameters, each in one round trip, without looking whether they are there."""
    for users in claims:
        session.run(BLIND, users=users).consume()
