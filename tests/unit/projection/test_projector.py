"""What rows write into the graph depends on their set only."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
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


def events(several: list[Row]) -> list[dict[str, Any]]:
    return [event for user in changes(several).users for event in user["events"]]


def test_an_event_is_opened_by_its_earliest_recall_or_workspace() -> None:
    early = interaction(event_id=EVENT, timestamp=NOW.timestamp() - 5)
    late = interaction("workspace", event_id=EVENT)
    [event] = events([row(late), row(early)])
    assert [opening["id"] for opening in event["opening"]] == [early.id]
    assert event["kinds"] == ["recall", "workspace"]


def test_a_recall_with_an_artifact_draws_no_edge() -> None:
    result = changes([row(interaction(artifact_id=ARTIFACT))])
    assert result.artifacts == []
    assert [event["edges"] for event in events([row(interaction(artifact_id=ARTIFACT))])] == [[]]


def test_users_and_their_events_come_in_order_and_each_once() -> None:
    several = [
        row(interaction("keep", artifact_id=artifact, user_id=user, event_id=EVENT.replace("d3", event)))
        for user in (BOB, ALICE)
        for event in ("d4", "d3")
        for artifact in "ab"
    ]
    assert [user["id"] for user in changes(several).users] == [ALICE, BOB]
    assert [event["id"] for event in events(several)] == [EVENT, EVENT.replace("d3", "d4")] * 2


@pytest.mark.parametrize("time", ["2026-05-01T12:00:00.123456+00:00", "1969-12-31T23:59:59.000001+00:00"])
def test_a_time_is_sent_to_the_microsecond(time: str) -> None:
    sent = datetime.fromisoformat(time)
    [event] = events([row(interaction())._replace(timestamp=sent)])
    [opening] = event["opening"]
    assert (
        datetime.fromtimestamp(opening["seconds"], UTC) + timedelta(microseconds=opening["nanoseconds"] // 1000) == sent
    )
    assert 0 <= opening["nanoseconds"] < 1_000_000_000


def test_the_graph_holds_short_metadata_and_of_longer_one_the_size() -> None:
    longest, longer = (f'{{"a":"{"ü" * umlauts}"}}' for umlauts in (2044, 2045))
    assert len(longest.encode()) == GRAPH_METADATA_BYTES
    size = '{"only_in_ledger_bytes": 4098}'
    for metadata, held in ((None, None), ("{}", "{}"), (longest, longest), (longer, size)):
        opened, kept = events([row(interaction(), metadata), row(interaction("keep", artifact_id=ARTIFACT), metadata)])
        contents = [*opened["opening"], *opened["edges"], *kept["opening"], *kept["edges"]]
        assert [content.get("metadata") for content in contents] == [held, held]
