"""Reads the graph's nodes and edges: by user, and those that belong to no user."""

from collections.abc import Iterator, Sequence

import neo4j

# Every node belongs to one user by the first of these that holds, or is an orphan.
_NAMED = "{0} IS :: STRING NOT NULL AND {0} <> '' AND NOT {0} CONTAINS '\\u0000'"  # Postgres has no NUL in a text
_USER = f"(n:User AND {_NAMED.format('n.id')})"
_EVENT = f"(n:Event AND {_NAMED.format('n.user_id')} AND n.id IS NOT NULL)"
_ARTIFACT = f"(n:Artifact AND {_NAMED.format('n.user_id')} AND n.id IS NOT NULL)"
_WATERMARK = "(labels(n) = ['Watermark'] AND all(key IN keys(n) WHERE key IN ['reached_at', 'version']))"
# Each is found by its index.
_OWNED = (
    f"UNWIND $users AS user MATCH (n:User) WHERE n.id = user AND {_USER}",
    f"UNWIND $users AS user MATCH (n:Event) WHERE n.user_id = user AND {_EVENT} AND NOT {_USER}",
    f"UNWIND $users AS user MATCH (n:Artifact) WHERE n.user_id = user AND {_ARTIFACT} AND NOT {_USER} AND NOT {_EVENT}",
)
ORPHAN = f"MATCH (n) WHERE NOT {_WATERMARK} AND NOT {_USER} AND NOT {_EVENT} AND NOT {_ARTIFACT}"
_ORPHANS = f"{ORPHAN} AND elementId(n) > $after WITH n ORDER BY elementId(n) LIMIT $limit"
# Only the latest watermark belongs there, and no edge begins at it.
_SURPLUS_WATERMARKS = (
    f"MATCH (n:Watermark) WHERE {_WATERMARK}"
    " WITH n ORDER BY coalesce(n.reached_at, datetime({epochSeconds: 0})) DESC, elementId(n) SKIP 1"
)
_WATERMARKS = f"MATCH (n:Watermark) WHERE {_WATERMARK} WITH n, null AS user"
_NODE = " RETURN {user} AS user, elementId(n) AS handle, labels(n) AS labels, properties(n) AS properties"
# An edge belongs to the user of its start; so an edge between two users is never expected.
_EDGE = (
    " MATCH (n)-[r]->(m) RETURN user, elementId(r) AS handle, type(r) AS type, properties(r) AS properties,"
    " labels(n) AS start_labels, n.user_id AS start_user, n.id AS start_id,"
    " labels(m) AS end_labels, m.user_id AS end_user, m.id AS end_id"
)
_USERS = (
    f"MATCH (n:User) WHERE n.id > $after AND {_USER} RETURN n.id AS id, false AS seen ORDER BY id LIMIT $limit",
    f"""
    MATCH (n:Event) WHERE n.user_id > $after AND {_EVENT} WITH DISTINCT n.user_id AS id ORDER BY id LIMIT $limit
    RETURN id, EXISTS {{ (:User {{id: id}}) }} AS seen
    """,
    f"""
    MATCH (n:Artifact) WHERE n.user_id > $after AND {_ARTIFACT} WITH DISTINCT n.user_id AS id ORDER BY id
    LIMIT $limit
    RETURN id,
           EXISTS {{ (:User {{id: id}}) }} OR EXISTS {{ (e:Event) WHERE e.user_id = id AND e.id IS NOT NULL }} AS seen
    """,
)
USER_LISTS = len(_USERS)
# The projection writes a user's node before the user's other elements: while this lock is held, it waits.
_LOCK_USER = "MERGE (u:User {id: $id}) SET u.id = $id"
_COUNT_NODES = """
RETURN COUNT { (:User {id: $id}) }
     + COUNT { MATCH (e:Event) WHERE e.user_id = $id AND e.id IS NOT NULL }
     + COUNT { MATCH (a:Artifact) WHERE a.user_id = $id AND a.id IS NOT NULL } AS nodes
"""


def of_users(transaction: neo4j.Transaction, users: Sequence[str]) -> Iterator[neo4j.Record]:
    """Yield these users' nodes and every edge that begins at one; the records of edges have a `type`."""
    for owned in _OWNED:
        yield from transaction.run(owned + _NODE.format(user="user"), users=users)
        yield from transaction.run(owned + _EDGE, users=users)


def orphans(transaction: neo4j.Transaction, after: str, limit: int) -> list[neo4j.Record]:
    """Return the next nodes that belong to no user, by handle."""
    return list(transaction.run(_ORPHANS + _NODE.format(user="null"), after=after, limit=limit))


def surplus_watermarks(transaction: neo4j.Transaction) -> list[neo4j.Record]:
    """Return every watermark but the latest, and the edges that begin at a watermark."""
    nodes = list(transaction.run(_SURPLUS_WATERMARKS + _NODE.format(user="null")))
    return [*nodes, *transaction.run(_WATERMARKS + _EDGE)]


def users_after(transaction: neo4j.Transaction, which: int, after: str, limit: int) -> tuple[list[str], str | None]:
    """Return the next of one of the USER_LISTS, without those of earlier lists, and the cursor, None at the end."""
    records = list(transaction.run(_USERS[which], after=after, limit=limit))
    return [record["id"] for record in records if not record["seen"]], records[-1]["id"] if records else None


def lock_user(transaction: neo4j.Transaction, user_id: str) -> bool:
    """Stop the projection of the user until the transaction ends; return whether this created the user's node."""
    return transaction.run(_LOCK_USER, id=user_id).consume().counters.nodes_created > 0


def count_user_nodes(transaction: neo4j.Transaction, user_id: str) -> int:
    """Return the number of the user's nodes."""
    nodes: int = transaction.run(_COUNT_NODES, id=user_id).single(strict=True)["nodes"]
    return nodes
