"""The graph's elements in a form in which they can be compared with the expected ones, and summed."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import neo4j
from neo4j.time import DateTime

from chalicelib.graph import deletions, elements
from chalicelib.verification import DIGEST_BYTES
from chalicelib.verification.expected import Edge, Node

LONG_TEXT_CHARACTERS = 64  # of a longer text only its digest is kept, so that a comparison needs little memory


class Element(NamedTuple):
    """A node or an edge."""

    key: str
    """What identifies it: a JSON list."""
    content: str
    """All else that the graph holds of it: a JSON object."""
    handle: str = ""
    """Its id in the graph, valid within one transaction."""
    is_edge: bool = False

    @property
    def digest(self) -> int:
        """A number of 128 bits. A sum of them identifies a set, in any order; a doubled element counts twice."""
        return int.from_bytes(hashlib.sha256(f"{self.key}\n{self.content}".encode()).digest()[:DIGEST_BYTES])


def of(expected: Node | Edge) -> Element:
    """Return an expected node or edge as an element."""
    if isinstance(expected, Node):
        return _node(expected.labels, expected.properties)
    start, end = (
        _name(node.labels, node.properties.get("user_id"), node.properties["id"])
        for node in (expected.start, expected.end)
    )
    return _edge(expected.type, expected.properties, start, end)


def of_users(transaction: neo4j.Transaction, users: Sequence[str]) -> Iterator[tuple[str, Element]]:
    """Yield every element of these users, with its user: their nodes and every edge that begins at one."""
    for record in elements.of_users(transaction, users):
        yield record["user"], _read(record)


def orphans(transaction: neo4j.Transaction, after: str, limit: int) -> tuple[list[Element], str | None]:
    """Return the next elements that belong to no user, and the cursor: None at the end.

    An edge is among them only if it begins at a watermark: the other edges are deleted with their nodes.
    """
    records = elements.orphans(transaction, after, limit)
    cursor = records[-1]["handle"] if records else None
    if not after:
        records += elements.surplus_watermarks(transaction)
    return [_read(record) for record in records], cursor


def delete(transaction: neo4j.Transaction, unexpected: Iterable[Element]) -> None:
    """Delete these elements, read in the same transaction."""
    handles: dict[bool, list[str]] = {True: [], False: []}
    for element in unexpected:
        handles[element.is_edge].append(element.handle)
    deletions.delete_elements(transaction, edges=handles[True], nodes=handles[False])


def _read(record: neo4j.Record) -> Element:
    if "type" not in record.keys():  # noqa: SIM118  a record is a tuple: `in` would look through its values
        return _node(record["labels"], record["properties"], record["handle"])
    start, end = (_name(*(record[f"{end}_{part}"] for part in ("labels", "user", "id"))) for end in ("start", "end"))
    return _edge(record["type"], record["properties"], start, end, record["handle"])


def _node(labels: Sequence[str], properties: dict[str, Any], handle: str = "") -> Element:
    key = _name(labels, properties.get("user_id"), properties.get("id"))
    return Element(json.dumps(key), _text(properties, labels=sorted(labels)), handle)


def _edge(type_: str, properties: dict[str, Any], start: list[Any], end: list[Any], handle: str = "") -> Element:
    key = [type_, *end[1:]] if type_ == "INITIATED" else [type_, _plain(properties.get("id"))]
    return Element(json.dumps(key), _text(properties, start=start, end=end), handle, is_edge=True)


def _name(labels: Sequence[str], user_id: object, id_: object) -> list[Any]:
    for label in ("User", "Event", "Artifact"):
        if label in labels:
            return [label, *([] if label == "User" else [_plain(user_id)]), _plain(id_)]
    return [*sorted(labels), _plain(user_id), _plain(id_)]


def _text(properties: dict[str, Any], **place: list[Any]) -> str:
    plain = {name: _plain(_json(value) if name == "metadata" else value) for name, value in properties.items()}
    return json.dumps({**place, "properties": plain}, sort_keys=True)


def _json(value: object) -> object:
    """Return JSON text in one form: two texts of the same content are equal."""
    try:
        return json.dumps(json.loads(str(value)), sort_keys=True)
    except (ValueError, RecursionError):
        return value


def _plain(value: object) -> object:
    """Return a JSON value that stands for this value only."""
    match value:
        case str() if len(value) > LONG_TEXT_CHARACTERS:
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
