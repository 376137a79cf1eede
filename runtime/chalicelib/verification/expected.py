"""What graph a user's ledger rows imply, in plain Python: the second opinion that the projection is held against.

It shares no code with the projection, so that a fault there is not repeated here. The rules are those of the design:

- the user is a node, and each of their events is one, joined by INITIATED;
- a recall or workspace interaction labels its event; the earliest of them, smallest (timestamp, id), gives it its
  timestamp, metadata and interaction_id;
- any other interaction with an artifact is an edge from its event to that artifact, which is a node of this user.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple, Protocol
from uuid import UUID

OPENING = {"recall": "RecallEvent", "workspace": "WorkspaceEvent"}
TOUCHING = {"peel": "PEEL", "keep": "KEEP", "mark_good": "MARK_GOOD", "mark_bad": "MARK_BAD"}


class Fact(Protocol):
    """A ledger row."""

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
    def metadata(self) -> str | None: ...  # noqa: D102
    @property
    def timestamp(self) -> datetime: ...  # noqa: D102


class Node(NamedTuple):
    """A node that the graph should have."""

    labels: list[str]
    properties: dict[str, Any]


class Edge(NamedTuple):
    """An edge that the graph should have, between nodes that are implied too."""

    type: str
    start: Node
    end: Node
    properties: dict[str, Any]


def implied(facts: Iterable[Fact]) -> Iterator[Node | Edge]:
    """Yield every node and edge that one user's rows imply, each once; the rows of an event come together."""
    user: Node | None = None
    artifacts: set[str] = set()
    for event_id, group in groupby(facts, key=lambda fact: fact.event_id):
        of_event = list(group)
        user_id = of_event[0].user_id
        if user is None:
            user = Node(["User"], {"id": user_id})
            yield user
        event = _event(user_id, str(event_id), of_event)
        yield event
        yield Edge("INITIATED", user, event, {})
        for fact in of_event:
            if fact.kind in TOUCHING and fact.artifact_id is not None:
                artifact = Node(["Artifact"], {"user_id": user_id, "id": fact.artifact_id})
                if fact.artifact_id not in artifacts:
                    artifacts.add(fact.artifact_id)
                    yield artifact
                yield Edge(TOUCHING[fact.kind], event, artifact, _given(id=str(fact.id), **_said(fact)))


def _event(user_id: str, event_id: str, facts: list[Fact]) -> Node:
    openings = sorted((fact for fact in facts if fact.kind in OPENING), key=lambda fact: (fact.timestamp, str(fact.id)))
    labels = {"Event", *(OPENING[fact.kind] for fact in openings)}
    properties = {"user_id": user_id, "id": event_id}
    if openings:
        properties |= _given(interaction_id=str(openings[0].id), **_said(openings[0]))
    return Node(sorted(labels), properties)


def _said(fact: Fact) -> dict[str, Any]:
    return {"timestamp": fact.timestamp, "metadata": fact.metadata}


def _given(**properties: Any) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}
