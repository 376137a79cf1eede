"""A batch: each interaction has its own answer, in order, and the valid ones are one message."""

import json
import uuid
from datetime import datetime
from typing import Any

import pytest

from chalicelib.api.accept import accept_batch
from chalicelib.api.quota import QuotaExceededError
from chalicelib.api.reply import BatchResponse, PostResponse, Reply
from chalicelib.api.request import MAX_BODY_BYTES
from chalicelib.queue import decode
from tests.fakes import FakeQueue
from tests.metrics import metrics, values
from tests.samples import ALICE, ARTIFACT, EVENT, NOW, interaction, payload
from tests.unit.api.test_accept import request


def batch(*interactions: Any) -> bytes:
    return json.dumps({"interactions": interactions}).encode()


def send(raw: bytes, queue: FakeQueue, **claims: str) -> Reply[BatchResponse] | Reply[PostResponse]:
    return accept_batch(request(raw, **claims), queue=queue, now=NOW)


def answers(reply: Reply[BatchResponse] | Reply[PostResponse]) -> list[tuple[str, str | None]]:
    assert isinstance(reply.body, BatchResponse)
    return [(one.status, one.event_id) for one in reply.body.results]


def peel(number: int) -> dict[str, Any]:
    return payload("peel", artifact_id=f"{ARTIFACT}-{number}", event_id=EVENT)


def test_a_batch_is_one_message_and_is_answered_in_order(queue: FakeQueue) -> None:
    events = [str(uuid.UUID(int=number)) for number in range(5)]
    reply = send(batch(*(payload(event_id=event) for event in events)), queue)
    assert (reply.http_status, reply.body.status) == (200, "ok")
    assert answers(reply) == [("ok", event) for event in events]
    [message] = queue.bodies
    assert decode(message).interactions == [interaction(event_id=event) for event in events]


def test_a_wrong_interaction_holds_back_no_other(queue: FakeQueue, capsys: pytest.CaptureFixture[str]) -> None:
    raw = batch(peel(1), payload("peel"), 7, peel(2), peel(3) | {"x": 1})
    reply = send(raw.replace(b'"x": 1', b'"kind": "peel"'), queue)
    assert isinstance(reply.body, BatchResponse)
    assert (reply.http_status, reply.body.status) == (200, "error")
    assert [one.status for one in reply.body.results] == ["ok", "error", "error", "ok", "error"]
    assert [one.message for one in reply.body.results] == [
        None,
        "artifact_id: required for kind 'peel'",
        "an interaction must be a JSON object",
        None,
        "kind: given twice",
    ]
    assert [one.artifact_id for one in decode(queue.bodies[0]).interactions] == [f"{ARTIFACT}-1", f"{ARTIFACT}-2"]
    found = metrics(capsys)
    assert (values(found, "Accepted"), values(found, "Refused")) == ([2], [3])


@pytest.mark.parametrize("flaw", [b"NaN", b"1e999", b'{"a": 1, "a": 2}', b'"\\u0000"', b'"\\ud800"'])
def test_what_json_forbids_concerns_its_interaction_only(flaw: bytes, queue: FakeQueue) -> None:
    raw = batch(peel(1), payload(metadata={"a": "flaw"})).replace(b'"flaw"', flaw)
    assert [status for status, _ in answers(send(raw, queue))] == ["ok", "error"]
    assert len(decode(queue.bodies[0]).interactions) == 1


def test_if_all_are_wrong_nothing_is_queued_and_sending_again_does_not_help(queue: FakeQueue) -> None:
    reply = send(batch({}, {}), queue)
    assert (reply.http_status, reply.body.status, queue.bodies) == (200, "error", [])
    assert answers(reply) == [("error", None)] * 2


def test_with_the_queue_unavailable_each_valid_one_is_retry_with_its_event(capsys: pytest.CaptureFixture[str]) -> None:
    reply = send(batch(peel(1), {}, payload()), FakeQueue(available=False))
    assert (reply.http_status, reply.body.status) == (503, "retry")
    assert answers(reply) == [("retry", EVENT), ("error", None), ("retry", interaction().event_id)]
    assert int(reply.headers["Retry-After"]) > 0
    assert values(metrics(capsys), "Retried") == [2]


def test_a_later_one_may_refer_to_the_event_that_an_earlier_one_starts(queue: FakeQueue) -> None:
    event = str(uuid.uuid4())
    send(batch(payload(event_id=event), payload("peel", artifact_id=ARTIFACT, event_id=event)), queue)
    assert {one.event_id for one in decode(queue.bodies[0]).interactions} == {event}


def test_an_interaction_has_the_same_ids_alone_and_in_a_batch(queue: FakeQueue) -> None:
    assert answers(send(batch(payload()), queue)) == [("ok", interaction().event_id)]
    assert decode(queue.bodies[0]).interactions == [interaction()]


def test_all_carry_when_their_user_signed_in(queue: FakeQueue) -> None:
    send(batch(peel(1), peel(2)), queue, auth_time="1777636800")
    assert {one.signed_in_at for one in decode(queue.bodies[0]).interactions} == {1777636800 * 10**6}


def test_a_batch_may_have_100_interactions(queue: FakeQueue) -> None:
    assert answers(send(batch(*map(peel, range(100))), queue)) == [("ok", EVENT)] * 100
    assert len(decode(queue.bodies[0]).interactions) == 100


TOO_LARGE = "the body has 262145 bytes; at most 262144 are allowed, unpacked"
LIST = "interactions: must be a list of 1 to 100 interactions"


@pytest.mark.parametrize(
    ("raw", "status", "message"),
    [
        (batch(*map(peel, range(101))), 400, LIST),
        (batch(), 400, LIST),
        (b'{"interactions": {}}', 400, LIST),
        (b'{"interactions": NaN}', 400, LIST),
        (b"{}", 400, "interactions: required"),
        (b"[]", 400, "the body must be a JSON object"),
        (json.dumps(payload()).encode(), 400, "interactions: required; kind: unknown field; timestamp: unknown field"),
        (b'{"interactions": [1], "more": 1}', 400, "more: unknown field"),
        (b'{"interactions": [1], "interactions": [2]}', 400, "interactions: given twice"),
        (b"{", 400, "the body is not JSON: see line 1, column 2"),
        (
            batch(peel(1)).ljust(MAX_BODY_BYTES + 1),
            413,
            TOO_LARGE,
        ),
    ],
)
def test_what_is_wrong_around_the_interactions_refuses_the_request(
    raw: bytes, status: int, message: str, queue: FakeQueue
) -> None:
    reply = send(raw, queue)
    assert (reply.http_status, queue.bodies) == (status, [])
    assert reply.body == PostResponse(status="error", message=message)


def test_a_batch_may_have_256_kib(queue: FakeQueue) -> None:
    assert answers(send(batch(peel(1)).ljust(MAX_BODY_BYTES), queue)) == [("ok", EVENT)]


def test_an_access_token_is_refused(queue: FakeQueue) -> None:
    reply = send(batch(peel(1)), queue, token_use="access")  # noqa: S106  the kind of a token, not one
    assert (reply.http_status, reply.body.status, queue.bodies) == (401, "error", [])


def test_a_message_that_its_ids_make_too_long_is_too_large(queue: FakeQueue) -> None:
    """The numbers become four times as long; only a user id far longer than Cognito's fills the rest."""
    numbers = ",".join(["1e15"] * 505)
    raw = batch(*(payload(metadata={"a": [number, "x"]}) for number in range(100))).replace(b'"x"', numbers.encode())
    assert len(raw) <= MAX_BODY_BYTES
    assert send(raw, FakeQueue()).http_status == 200
    reply = send(raw, queue, sub="\U0001f600" * 256)
    assert (reply.http_status, reply.body.status, queue.bodies) == (413, "error", [])


def test_above_the_quota_each_valid_one_is_retry_tomorrow(
    queue: FakeQueue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = batch(peel(1), payload("peel"), peel(2))

    def spend(user_id: str, *, interactions: int, size_bytes: int, now: datetime) -> None:
        assert (user_id, interactions, size_bytes, now) == (ALICE, 2, len(raw), NOW)
        raise QuotaExceededError(retry_after_seconds=60)

    monkeypatch.setattr("chalicelib.api.accept.spend", spend)
    reply = send(raw, queue)
    assert (reply.http_status, reply.body.status, reply.headers) == (429, "retry", {"Retry-After": "60"})
    assert answers(reply) == [("retry", EVENT), ("error", None), ("retry", EVENT)]
    assert queue.bodies == []
    assert [metric["Refused"] for metric in metrics(capsys) if metric["reason"] == "quota"] == [[2]]
