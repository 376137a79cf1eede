"""What the graph holds, element by element, in a form in which the two sides can be compared and summed."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import neo4j
from neo4j.time import DateTime

from chalicelib.graph.client import Graph
from chalicelib.verification.expected import Edge, Node

EDGES_AT_ONCE = 10_000
LONG = 64  # characters; of a longer text only its digest is kept, so that a comparison needs little memory

# Every node belongs to one user by one of these, the first that holds, or is a stray.
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
_STRAY = f"MATCH (n) WHERE NOT {_WATERMARK} AND NOT {_USER} AND NOT {_EVENT} AND NOT {_ARTIFACT}"
_STRAYS = f"{_STRAY} AND elementId(n) > $after WITH n ORDER BY elementId(n) LIMIT $limit"
# There is one, and the latest counts; no edge begins at it.
_SURPLUS = (
    f"MATCH (n:Watermark) WHERE {_WATERMARK}"
    " WITH n ORDER BY coalesce(n.reached_at, datetime({epochSeconds: 0})) DESC, elementId(n) SKIP 1"
)
_OF_WATERMARK = f"MATCH (n:Watermark) WHERE {_WATERMARK} WITH n, null AS user"
_NODE = " RETURN {user} AS user, elementId(n) AS handle, labels(n) AS labels, properties(n) AS properties"
# An edge belongs to the user of its start, so that one between two users is nobody's.
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
LISTS = len(_USERS)


class Element(NamedTuple):
    """A node or an edge."""

    key: str
    """What it is: a JSON list."""
    content: str
    """All that the graph knows of it: a JSON object."""
    handle: str = ""
    """Where it is in the graph, within one transaction."""
    is_edge: bool = False

    @property
    def digest(self) -> int:
        """A number of 128 bits. The sum of many is that of a set, whatever its order; a doubled one counts twice."""
        return int.from_bytes(hashlib.sha256(f"{self.key}\n{self.content}".encode()).digest()[:16])


def of(implied: Node | Edge) -> Element:
    """Return what the oracle implies as an element."""
    if isinstance(implied, Node):
        return _node(implied.labels, implied.properties)
    start, end = (
        _name(node.labels, node.properties.get("user_id"), node.properties["id"])
        for node in (implied.start, implied.end)
    )
    return _edge(implied.type, implied.properties, start, end)


def held(transaction: neo4j.Transaction, users: Sequence[str]) -> Iterator[tuple[str, Element]]:
    """Yield all that the graph holds of these users: their nodes and every edge that begins at one."""
    for owned in _OWNED:
        for record in transaction.run(owned + _NODE.format(user="user"), users=users):
            yield record["user"], _node(record["labels"], record["properties"], record["handle"])
        for record in transaction.run(owned + _EDGE, users=users):
            yield record["user"], _read_edge(record)


def strays(transaction: neo4j.Transaction, after: str, limit: int) -> tuple[list[Element], str | None]:
    """Return the next of what is no user's, and where to go on: nodes (edges at them go with them), and edges."""
    nodes = list(transaction.run(_STRAYS + _NODE.format(user="null"), after=after, limit=limit))
    reached = nodes[-1]["handle"] if nodes else None
    edges = []
    if not after:
        nodes += transaction.run(_SURPLUS + _NODE.format(user="null"))
        edges = list(transaction.run(_OF_WATERMARK + _EDGE))
    found = [_node(record["labels"], record["properties"], record["handle"]) for record in nodes]
    return [*found, *map(_read_edge, edges)], reached


def delete_stray(graph: Graph, handle: str) -> None:
    """Delete a node that is no user's, its edges first, in as many transactions as that takes."""
    for what in ("MATCH (n)-[r]-() WITH DISTINCT r LIMIT $limit DELETE r", "WITH n LIMIT $limit DELETE n"):
        text = f"{_STRAY} AND elementId(n) = $handle {what} RETURN count(*) AS deleted"
        more = True
        while more:
            _, more = graph.delete_batch(text, EDGES_AT_ONCE, handle=handle)


def users_after(transaction: neo4j.Transaction, which: int, after: str, limit: int) -> tuple[list[str], str | None]:
    """Return the next users of one of the LISTS, without those of the lists before it, and where to go on."""
    records = list(transaction.run(_USERS[which], after=after, limit=limit))
    return [record["id"] for record in records if not record["seen"]], records[-1]["id"] if records else None


def _node(labels: Sequence[str], properties: dict[str, Any], handle: str = "") -> Element:
    key = _name(labels, properties.get("user_id"), properties.get("id"))
    return Element(json.dumps(key), _text(properties, labels=sorted(labels)), handle)


def _read_edge(record: neo4j.Record) -> Element:
    start, end = (_name(*(record[f"{end}_{part}"] for part in ("labels", "user", "id"))) for end in ("start", "end"))
    return _edge(record["type"], record["properties"], start, end, record["handle"])


def _edge(type_: str, properties: dict[str, Any], start: list[Any], end: list[Any], handle: str = "") -> Element:
    key = [type_, *end[1:]] if type_ == "INITIATED" else [type_, _plain(properties.get("id"))]
    return Element(json.dumps(key), _text(properties, start=start, end=end), handle, is_edge=True)


def _name(labels: Sequence[str], user_id: object, id_: object) -> list[Any]:
    for label in ("User", "Event", "Artifact"):
        if label in labels:
            return [label, *([] if label == "User" else [_plain(user_id)]), _plain(id_)]
    return [*sorted(labels), _plain(user_id), _plain(id_)]


def _text(properties: dict[str, Any], **place: list[Any]) -> str:
    return json.dumps({**place, "properties": {n: _plain(v) for n, v in properties.items()}}, sort_keys=True)


def _plain(value: object) -> object:
    """Return a JSON value that no other value shares."""
    match value:
        case str() if len(value) > LONG:
            return {"sha256": hashlib.sha256(value.encode()).hexdigest()}
        case None | bool() | int() | str():
            return value
        case list():
            return [_plain(item) for item in value]
        case DateTime():
            return {"time": value.iso_format()}
        case datetime():
            return {"time": value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000+00:00")}
        case _:
            return {type(value).__name__: str(value)}
