"""What the ledger and the graph must hold, from what was posted: written from the design, with nothing of the product.

The design's rules, each once:

- one content (user, kind, event, artifact, timestamp, metadata) is stored once, however often it arrives;
- of an erased user nothing is kept that was received, or happened, until the erasure;
- the user is a node, and so is each of their events; INITIATED joins them;
- a recall or workspace labels its event; the earliest, smallest (timestamp, id), gives the event its timestamp,
  metadata and interaction_id;
- every other interaction with an artifact is one edge from its event to the artifact, which is a node of this user;
- `query` in the metadata of a recall or workspace, a text of 1 to 1,024 bytes, is a property of the event and no longer
  in the metadata; so is `position` of the other kinds, a whole number from 1 to 10,000, of the edge; metadata with
  nothing else in it is absent;
- metadata of more than 4,096 bytes is only in the ledger: the graph says how many bytes it has.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

LABELS = {"recall": "RecallEvent", "workspace": "WorkspaceEvent"}
LONGEST_IN_GRAPH, LONGEST_QUERY = 4096, 1024  # bytes
LAST_POSITION = 10_000


class Content(NamedTuple):
    """What identifies an interaction. The metadata is JSON with sorted keys, so that 1 and 1.0 differ."""

    user: str
    kind: str
    event: str
    artifact: str | None
    timestamp: int
    metadata: str | None


class Posted(NamedTuple):
    """An interaction that was accepted, and when, in microseconds since 1970."""

    content: Content
    received_at: int


class Row(NamedTuple):
    """A row of the ledger as it was found."""

    id: str
    content: Content
    received_at: int
    metadata_bytes: int


Graph = tuple["Counter[Any]", "Counter[Any]"]
"""Nodes and edges, each with how often it is there."""


def canonical(metadata: Any) -> str | None:
    """Return metadata as text that can be compared."""
    return None if metadata is None else json.dumps(metadata, sort_keys=True)


def stored(posted: Iterable[Posted], erased_at: Mapping[str, int]) -> set[Content]:
    """Return what the ledger must hold: what was posted, less what erasures removed."""
    return {
        one.content
        for one in posted
        if min(one.received_at, one.content.timestamp) > erased_at.get(one.content.user, -1)
    }


def graph(rows: Iterable[Row]) -> Graph:
    """Return the graph of these rows."""
    nodes: set[Any] = set()
    edges: Counter[Any] = Counter()
    openings: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        content = row.content
        event = ("Event", content.user, content.event)
        nodes.add(node(["User"], {"id": content.user}))
        edges[edge("INITIATED", ("User", None, content.user), event, {})] = 1
        of_event = openings.setdefault((content.user, content.event), [])
        if content.kind in LABELS:
            of_event.append(row)
        elif content.artifact is not None:
            artifact = ("Artifact", content.user, content.artifact)
            nodes.add(node(["Artifact"], {"user_id": content.user, "id": content.artifact}))
            edges[edge(content.kind.upper(), event, artifact, {"id": row.id, **_content(row)})] += 1
    for (user, event_id), rows_of_event in openings.items():
        first = min(rows_of_event, key=lambda row: (row.content.timestamp, row.id), default=None)
        opening = {"interaction_id": first.id, **_content(first)} if first else {}
        labels = {LABELS[row.content.kind] for row in rows_of_event}
        nodes.add(node(["Event", *labels], {"user_id": user, "id": event_id, **opening}))
    return Counter(nodes), edges


def node(labels: Iterable[str], properties: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a node in a form that can be compared."""
    return (tuple(sorted(labels)), _sorted(properties))


def edge(type_: str, start: tuple[Any, ...], end: tuple[Any, ...], properties: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return an edge in a form that can be compared."""
    return (type_, start, end, _sorted(properties))


def _content(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {"timestamp": row.content.timestamp}
    if row.content.metadata is None:
        return found
    rest = json.loads(row.content.metadata)
    found |= _own_property(rest, opens=row.content.kind in LABELS)
    if row.metadata_bytes > LONGEST_IN_GRAPH:
        rest = {"only_in_ledger_bytes": row.metadata_bytes}
    nothing_left = not rest and len(found) > 1
    return found if nothing_left else found | {"metadata": canonical(rest)}


def _own_property(metadata: dict[str, Any], *, opens: bool) -> dict[str, Any]:
    """Take the property out of the metadata, if it is one."""
    name = "query" if opens else "position"
    value: Any = metadata.get(name)
    if opens:
        fits = isinstance(value, str) and 1 <= len(value.encode()) <= LONGEST_QUERY
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = number and 1 <= value <= LAST_POSITION and value == int(value)
    return {name: int(metadata.pop(name)) if name == "position" else metadata.pop(name)} if fits else {}


def _sorted(properties: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(properties.items()))
