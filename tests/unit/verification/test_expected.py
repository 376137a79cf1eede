"""The graph that a user's ledger rows imply."""

from uuid import UUID

import pytest

from chalicelib.interaction import (
    GRAPH_METADATA_BYTES,
    GRAPH_QUERY_BYTES,
    MAX_POSITION,
    Interaction,
    Kind,
    to_datetime,
)
from chalicelib.ledger.pages import GraphRow
from chalicelib.verification.expected import Edge, Node, graph_of
from tests.samples import ALICE, ARTIFACT, EVENT, NOW, interaction


def row(one: Interaction, id_: str | None = None, *, metadata: str | None = None) -> GraphRow:
    return GraphRow(
        id=UUID(id_ or one.id),
        user_id=one.user_id,
        event_id=UUID(one.event_id),
        kind=one.kind,
        artifact_id=one.artifact_id,
        metadata=metadata,
        metadata_bytes=None if metadata is None else len(metadata.encode()),
        timestamp=to_datetime(one.timestamp),
    )


def event_of(*rows: GraphRow) -> Node:
    [event] = [element for element in graph_of(rows) if isinstance(element, Node) and "Event" in element.labels]
    return event


def test_the_earliest_recall_or_workspace_opens_the_event_whatever_its_id() -> None:
    early = row(interaction(event_id=EVENT, timestamp=NOW.timestamp() - 5), "f" * 8 + EVENT[8:])
    late = row(interaction("workspace", event_id=EVENT), "0" * 8 + EVENT[8:])
    for rows in ((early, late), (late, early)):
        event = event_of(*rows)
        assert event.labels == ["Event", "RecallEvent", "WorkspaceEvent"]
        assert (event.properties["interaction_id"], event.properties["timestamp"]) == (str(early.id), early.timestamp)


def test_of_two_openings_at_the_same_time_the_smaller_id_counts() -> None:
    large, small = (row(interaction(event_id=EVENT), digit * 8 + EVENT[8:]) for digit in "f0")
    assert event_of(large, small).properties["interaction_id"] == str(small.id)


@pytest.mark.parametrize("kind", [kind for kind in Kind if not kind.opens])
def test_any_other_kind_is_an_edge_to_the_users_artifact(kind: Kind) -> None:
    one = row(interaction(kind, event_id=EVENT, artifact_id=ARTIFACT))
    user, artifact, edge, event, initiated = graph_of([one])
    assert user == Node(["User"], {"id": ALICE})
    assert event == Node(["Event"], {"user_id": ALICE, "id": EVENT})
    assert initiated == Edge("INITIATED", user, event, {})
    assert artifact == Node(["Artifact"], {"user_id": ALICE, "id": ARTIFACT})
    assert edge == Edge(kind.upper(), event, artifact, {"id": str(one.id), "timestamp": one.timestamp})


def test_an_artifact_that_is_touched_twice_is_one_node() -> None:
    rows = [row(interaction(kind, event_id=EVENT, artifact_id=ARTIFACT)) for kind in ("peel", "keep")]
    assert [element.labels for element in graph_of(rows) if isinstance(element, Node)].count(["Artifact"]) == 1


def test_an_event_has_the_metadata_and_time_of_its_opening_beside_its_own_key() -> None:
    opening = row(interaction(event_id=EVENT), metadata='{"a": "e"}')
    assert event_of(opening).properties == {
        "user_id": ALICE,
        "id": EVENT,
        "interaction_id": str(opening.id),
        "timestamp": opening.timestamp,
        "metadata": '{"a": "e"}',
    }


def test_metadata_that_is_too_long_for_the_graph_is_its_size_in_bytes() -> None:
    fits = f'{{"a": "{"e" * (GRAPH_METADATA_BYTES - 9)}"}}'
    too_long = fits.replace("e", "ee", 1)
    for metadata, expected in ((fits, fits), (too_long, f'{{"only_in_ledger_bytes": {GRAPH_METADATA_BYTES + 1}}}')):
        assert event_of(row(interaction(event_id=EVENT), metadata=metadata)).properties["metadata"] == expected


def test_a_recall_with_an_artifact_is_no_edge() -> None:
    rows = [row(interaction(event_id=EVENT, artifact_id=ARTIFACT))]
    assert [element.type for element in graph_of(rows) if isinstance(element, Edge)] == ["INITIATED"]


LONG = "e" * GRAPH_METADATA_BYTES
OPENING_CONTENT = [
    ("{}", {"metadata": "{}"}),
    ('{"query": "t"}', {"query": "t"}),
    ('{"query": "tea", "n": 1}', {"query": "tea", "metadata": '{"n": 1}'}),
    ('{"query": ""}', {"metadata": '{"query": ""}'}),
    ('{"query": 1}', {"metadata": '{"query": 1}'}),
    (f'{{"query": "{LONG[:GRAPH_QUERY_BYTES]}"}}', {"query": LONG[:GRAPH_QUERY_BYTES]}),
    (
        f'{{"query": "{LONG[: GRAPH_QUERY_BYTES + 1]}"}}',
        {"metadata": f'{{"query": "{LONG[: GRAPH_QUERY_BYTES + 1]}"}}'},
    ),
    ('{"position": 1}', {"metadata": '{"position": 1}'}),
    (
        f'{{"query": "tea", "n": "{LONG}"}}',
        {"query": "tea", "metadata": f'{{"only_in_ledger_bytes": {len(LONG) + 25}}}'},
    ),
]
TOUCHING_CONTENT = [
    ('{"position": 1}', {"position": 1}),
    ('{"position": 3.0, "n": 1}', {"position": 3, "metadata": '{"n": 1}'}),
    ('{"position": 3.5}', {"metadata": '{"position": 3.5}'}),
    ('{"position": 0}', {"metadata": '{"position": 0}'}),
    ('{"position": true}', {"metadata": '{"position": true}'}),
    ('{"position": "1"}', {"metadata": '{"position": "1"}'}),
    (f'{{"position": {MAX_POSITION}}}', {"position": MAX_POSITION}),
    (f'{{"position": {MAX_POSITION + 1}}}', {"metadata": f'{{"position": {MAX_POSITION + 1}}}'}),
    ('{"query": "tea"}', {"metadata": '{"query": "tea"}'}),
]


@pytest.mark.parametrize(("metadata", "expected"), OPENING_CONTENT)
def test_the_query_of_an_opening_is_a_property_if_it_fits(metadata: str, expected: dict[str, object]) -> None:
    properties = event_of(row(interaction(event_id=EVENT), metadata=metadata)).properties
    assert {name: properties[name] for name in properties if name in {"query", "position", "metadata"}} == expected


@pytest.mark.parametrize(("metadata", "expected"), TOUCHING_CONTENT)
def test_the_position_of_what_touches_an_artifact_is_a_property_if_it_fits(
    metadata: str, expected: dict[str, object]
) -> None:
    rows = [row(interaction("peel", event_id=EVENT, artifact_id=ARTIFACT), metadata=metadata)]
    [edge] = [element for element in graph_of(rows) if isinstance(element, Edge) and element.type == "PEEL"]
    shown = {name: value for name, value in edge.properties.items() if name in {"query", "position", "metadata"}}
    assert shown == expected
    assert [type(value) for value in shown.values()] == [type(value) for value in expected.values()]
