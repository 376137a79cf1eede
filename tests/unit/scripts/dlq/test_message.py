"""Dead-lettered messages: what can be read of any body, the filters, and the file."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.interaction import Interaction, microseconds
from chalicelib.ledger.erasures import Erased
from chalicelib.queue import encode
from scripts.dlq.message import GAVE_UP, DlqMessage, Selection
from tests.samples import ALICE, ARTIFACT, BOB, NOW, interaction

DAY = 86_400_000_000  # in microseconds


def message(body: str = "{", reason: str = "not_json", sent_at: datetime = NOW) -> DlqMessage:
    return DlqMessage(message_id="m", reason=reason, sent_at=sent_at, attributes={}, body=body)


def invalid(**fields: Any) -> DlqMessage:
    return message(json.dumps({"version": 1, "interactions": [fields]}), "refused")


def test_a_message_without_a_reason_gave_up() -> None:
    received = {"MessageId": "m", "Body": "b", "Attributes": {"SentTimestamp": "1777636800000"}}
    assert DlqMessage.from_sqs(received) == message("b", GAVE_UP)


def test_the_reason_is_read_and_other_attributes_are_kept() -> None:
    text = {"DataType": "String", "StringValue": "refused"}
    received = {
        "MessageId": "m",
        "Body": "b",
        "Attributes": {"SentTimestamp": "0"},
        "MessageAttributes": {"reason": text, "other": text},
    }
    found = DlqMessage.from_sqs(received)
    assert (found.reason, found.attributes) == ("refused", {"other": text})


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "7", '{"interactions": 7}', '{"interactions": [7]}', "[" * 9999]
)
def test_any_other_body_has_no_interactions(body: str) -> None:
    assert message(body).interactions == []
    assert len(message(body).parts) == 1


def test_the_texts_of_an_invalid_interaction_can_be_read() -> None:
    assert invalid(kind="keep", id=7).texts("kind") == ["keep"]
    assert invalid(kind="keep", id=7).texts("id") == []


@pytest.mark.parametrize(
    ("found", "is_alices"),
    [
        (message(encode(interaction())), True),
        (message(encode(interaction(user_id=BOB, metadata={"seen": ALICE}))), False),
        (message(encode(interaction(user_id=BOB), interaction())), True),
        (invalid(user_id=ALICE), True),
        (invalid(user_id=7, metadata=ALICE), True),
        (message(f"{{{ALICE}"), True),
        (message("{"), False),
    ],
)
def test_a_message_belongs_to_the_users_it_names_or_else_mentions(found: DlqMessage, *, is_alices: bool) -> None:
    assert found.owners({ALICE, "somebody-else"}) == ({ALICE} if is_alices else set())


def test_each_part_belongs_to_those_whom_it_names_or_else_mentions() -> None:
    parts = [{"user_id": ALICE}, {"user_id": BOB, "metadata": ALICE}, {"user_id": 7, "metadata": ALICE}, "of " + BOB]
    found = message(json.dumps({"version": 1, "interactions": parts}))
    assert (found.count_of(ALICE), found.count_of(BOB)) == (2, 2)
    assert found.owners({ALICE, BOB}) == {ALICE, BOB}


def sent(user_id: str, days: int) -> Interaction:
    when = NOW + timedelta(days=days)
    return interaction(user_id=user_id, now=when, timestamp=when.timestamp(), metadata={"a": "日本\ufffe"})


def test_an_erasure_takes_the_users_part_up_to_its_time_and_leaves_the_rest() -> None:
    before, at, after, bobs = sent(ALICE, -1), sent(ALICE, 0), sent(ALICE, 1), sent(BOB, -1)
    found = message(encode(before, bobs, at, after))
    assert found.erase({ALICE: Erased(NOW)}) == ({ALICE: 2}, encode(bobs, after))
    assert found.erase({ALICE: Erased(NOW + timedelta(days=1)), BOB: Erased(NOW)}) == ({ALICE: 3, BOB: 1}, None)
    assert found.erase({ALICE: Erased(NOW - timedelta(days=2))}) == ({}, None)
    assert message(encode(after)).erase({ALICE: Erased(NOW)}) == ({}, None)


def test_an_erasure_with_the_account_takes_what_was_posted_later_with_a_token_from_before() -> None:
    [void, valid] = (
        sent(ALICE, 1).model_copy(update={"signed_in_at": microseconds(NOW) + days * DAY}) for days in (0, 1)
    )
    unknown = sent(ALICE, 2)
    found = message(encode(void, valid, unknown))
    assert found.erase({ALICE: Erased(NOW)}) == ({}, None)
    assert found.erase({ALICE: Erased(NOW, with_account=True)}) == ({ALICE: 2}, encode(valid))


@pytest.mark.parametrize("body", [f"{{{ALICE}", json.dumps({"version": 1, "interactions": [{"user_id": ALICE}]})])
def test_what_says_no_time_has_that_of_its_message(body: str) -> None:
    assert message(body).erase({ALICE: Erased(NOW)}) == ({ALICE: 1}, None)
    assert message(body).erase({ALICE: Erased(NOW - timedelta(seconds=1))}) == ({}, None)


def test_a_short_id_must_be_named() -> None:
    assert not message("{what a mess").owners({"a"})
    assert invalid(user_id="a").owners({"a"})


def test_a_message_must_pass_all_filters() -> None:
    keep = message(encode(interaction("keep", artifact_id=ARTIFACT)), GAVE_UP, NOW - timedelta(hours=1))
    recall = message(encode(interaction()), "data_error")

    def selected(**filters: Any) -> list[DlqMessage]:
        return list(filter(Selection(**filters).matches, [keep, recall, message()]))

    assert selected() == [keep, recall, message()]
    assert selected(reasons=(GAVE_UP, "data_error")) == [keep, recall]
    assert selected(kinds=("keep",)) == [keep]
    assert selected(since=NOW) == [recall, message()]
    assert selected(reasons=("data_error",), kinds=("keep",)) == []
