"""The graph that a user's ledger rows imply, in plain Python: a second opinion on the projection.

It shares the list of kinds with the projection, but no logic: a fault there is not repeated here. The design's rules:

- the user is a node, and so is each of their events; INITIATED joins them;
- a recall or workspace interaction labels its event; the earliest of them, smallest (timestamp, id), gives it its
  timestamp, metadata and interaction_id;
- any other interaction with an artifact is an edge from its event to that artifact, which is a node of this user;
- `query` in the metadata of what opens an event, a text of 1 to GRAPH_QUERY_BYTES bytes, is a property of its own, and
  so is `position` in that of what touches an artifact, a whole number from 1 to MAX_POSITION; the metadata has it no
  more, and is absent if nothing else was in it;
- metadata of more than GRAPH_METADATA_BYTES is {"only_in_ledger_bytes": its size} there.

Of the rows it keeps one opening, and of each artifact a digest.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from chalicelib.interaction import GRAPH_METADATA_BYTES, GRAPH_QUERY_BYTES, MAX_POSITION, Kind
from chalicelib.verification import DIGEST_BYTES

OPENING = {kind.value: kind.graph_name for kind in Kind if kind.opens}
TOUCHING = {kind.value: kind.graph_name for kind in Kind if not kind.opens}


class LedgerRow(Protocol):
    """A row of the table `interaction`."""

    @property
    def id(self) -> UUID: ...  # noqa: D102
    @property
    def user_id(self) -> str: ...  # noqa: D102
    @property
    def event_id(self) -> UUID: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def artifact_id(self) -> str | None: ...  # noqa: D102
    @property
    def metadata(self) -> str | None:
        """JSON text; of more than GRAPH_METADATA_BYTES it may be only what the graph could have beside the size."""

    @property
    def metadata_bytes(self) -> int | None:
        """Size of all of it."""

    @property
    def timestamp(self) -> datetime: ...  # noqa: D102


class Node(NamedTuple):
    """An expected node."""

    labels: list[str]
    properties: dict[str, Any]


class Edge(NamedTuple):
    """An expected edge between two expected nodes."""

    type: str
    start: Node
    end: Node
    properties: dict[str, Any]


def graph_of(rows: Iterable[LedgerRow]) -> Iterator[Node | Edge]:
    """Yield every node and edge that one user's rows imply, each once; rows of one event must come together.

    Edges come before the event where they begin, and name it only: its content is known after its last row.
    """
    user: Node | None = None
    artifacts: set[bytes] = set()
    for (user_id, event_id), of_event in groupby(rows, key=lambda row: (row.user_id, row.event_id)):
        if user is None:
            user = Node(["User"], {"id": user_id})
            yield user
        event, labels, opening = Node(["Event"], {"user_id": user_id, "id": str(event_id)}), {"Event"}, None
        for row in of_event:
            if row.kind in OPENING:
                labels.add(OPENING[row.kind])
                opening = min(row, opening or row, key=lambda one: (one.timestamp, str(one.id)))
            elif row.kind in TOUCHING and row.artifact_id is not None:
                artifact = Node(["Artifact"], {"user_id": user_id, "id": row.artifact_id})
                if (digest := _digest(row.artifact_id)) not in artifacts:
                    artifacts.add(digest)
                    yield artifact
                yield Edge(TOUCHING[row.kind], event, artifact, _without_none(id=str(row.id), **_content(row)))
        opened = _without_none(interaction_id=str(opening.id), **_content(opening)) if opening else {}
        event = Node(sorted(labels), event.properties | opened)
        yield event
        yield Edge("INITIATED", user, event, {})


def _digest(text: str) -> bytes:
    """Return what stands for a text of up to 1,024 bytes in less memory."""
    return hashlib.sha256(text.encode()).digest()[:DIGEST_BYTES]


def _content(row: LedgerRow) -> dict[str, Any]:
    content: dict[str, Any] = {"timestamp": row.timestamp}
    if row.metadata is None:
        return content
    rest = dict(json.loads(row.metadata))
    match rest:
        case {"query": str(query)} if row.kind in OPENING and 1 <= len(query.encode()) <= GRAPH_QUERY_BYTES:
            content["query"] = rest.pop("query")
        case {"position": bool()}:
            pass
        case {"position": int() | float() as number} if row.kind in TOUCHING and 1 <= number <= MAX_POSITION:
            if number % 1 == 0:
                content["position"] = int(rest.pop("position"))
    if row.metadata_bytes is not None and row.metadata_bytes > GRAPH_METADATA_BYTES:
        content["metadata"] = json.dumps({"only_in_ledger_bytes": row.metadata_bytes})
    elif rest or len(content) == 1:
        content["metadata"] = json.dumps(rest)
    return content


def _without_none(**properties: Any) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}
