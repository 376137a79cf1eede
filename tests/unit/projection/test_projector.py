"""What rows write into the graph depends on their set only."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.interaction import GRAPH_METADATA_BYTES, Interaction, Kind, to_datetime
from chalicelib.ledger.ledger import Row
from chalicelib.projection.projector import changes
from tests.samples import ALICE, ARTIFACT, BOB, EVENT, NOW, interaction


def row(one: Interaction, metadata: str | None = "{}") -> Row:
    return Row(
        UUID(one.id),
        one.user_id,
        UUID(one.event_id),
        one.kind,
        one.artifact_id,
        metadata,
        to_datetime(one.timestamp),
        attempts=0,
        received_at=NOW,
    )


rows = st.builds(
    lambda kind, user, event, artifact, second: row(
        interaction(
            kind,
            user_id=user,
            event_id=EVENT.replace("d3", event),
            artifact_id=artifact,
            timestamp=NOW.timestamp() - second,
        )
    ),
    st.sampled_from(list(Kind)),
    st.sampled_from([ALICE, BOB]),
    st.sampled_from(["d3", "d4"]),
    st.sampled_from([ARTIFACT, "another"]),
    st.integers(0, 2),
)


@given(st.lists(rows, max_size=12), st.randoms())
def test_order_and_repetition_change_nothing(several: list[Row], random: st.DrawFn) -> None:
    shuffled = several + several[::2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert changes(shuffled) == changes(several)


def test_an_event_is_opened_by_its_earliest_recall_or_workspace() -> None:
    early = interaction(event_id=EVENT, timestamp=NOW.timestamp() - 5)
    late = interaction("workspace", event_id=EVENT)
    result = changes([row(late), row(early)])
    assert [opening["id"] for opening in result.openings] == [early.id]
    assert set(result.labels) == {Kind.RECALL, Kind.WORKSPACE}


def test_a_recall_with_an_artifact_draws_no_edge() -> None:
    result = changes([row(interaction(artifact_id=ARTIFACT))])
    assert (result.artifacts, result.edges) == ([], {})


def test_every_node_key_begins_with_its_user() -> None:
    result = changes([row(interaction("keep", artifact_id=ARTIFACT, user_id=user)) for user in (BOB, ALICE)])
    assert result.users == [ALICE, BOB]
    assert [node["user_id"] for node in result.artifacts + result.events] == [ALICE, BOB, ALICE, BOB]


def test_the_graph_holds_short_metadata_and_of_longer_one_the_size() -> None:
    longest, longer = (f'{{"a":"{"ü" * umlauts}"}}' for umlauts in (2044, 2045))
    assert len(longest.encode()) == GRAPH_METADATA_BYTES
    size = '{"only_in_ledger_bytes": 4098}'
    for metadata, held in ((None, None), ("{}", "{}"), (longest, longest), (longer, size)):
        result = changes([row(interaction(), metadata), row(interaction("keep", artifact_id=ARTIFACT), metadata)])
        assert [result.openings[0]["metadata"], result.edges[Kind.KEEP][0]["metadata"]] == [held, held]
