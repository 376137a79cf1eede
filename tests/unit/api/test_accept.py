"""The answer says whether the interaction is queued; only "ok" promises it."""

import gzip
import json
from datetime import datetime

import pytest

from chalicelib.api.accept import accept
from chalicelib.api.quota import QuotaExceededError
from chalicelib.api.request import MAX_BODY_BYTES, Request
from chalicelib.queue import decode
from chalicelib.telemetry import log
from tests.fakes import FakeQueue
from tests.metrics import metrics, values
from tests.samples import ALICE, ARTIFACT, EVENT, NOW, body, interaction, payload

CLIENT = "frontends"
CLAIMS = {"sub": ALICE, "token_use": "id", "aud": CLIENT}


def request(
    raw: bytes, content_type: str | None = "application/json", content_encoding: str | None = None, **claims: str
) -> Request:
    return Request(
        body=raw,
        content_type=content_type,
        content_encoding=content_encoding,
        claims=CLAIMS | claims,
        client_ids=[CLIENT],
    )


def test_an_accepted_interaction_is_queued_and_its_event_returned(queue: FakeQueue) -> None:
    reply = accept(request(body("peel", artifact_id=ARTIFACT)), queue=queue, now=NOW)
    [[queued]] = [decode(message).interactions for message in queue.bodies]
    assert queued == interaction("peel", artifact_id=ARTIFACT)
    assert reply.http_status == 200
    assert reply.body.model_dump() == {"status": "ok", "message": None, "event_id": queued.event_id}


def test_the_message_carries_when_its_user_signed_in(queue: FakeQueue) -> None:
    accept(request(body(), auth_time="1777636800"), queue=queue, now=NOW)
    assert decode(queue.bodies[0]).interactions[0].signed_in_at == 1777636800 * 10**6


def test_a_given_event_is_kept(queue: FakeQueue) -> None:
    assert accept(request(body(event_id=EVENT)), queue=queue, now=NOW).body.event_id == EVENT


def test_the_same_body_gets_the_same_event(queue: FakeQueue) -> None:
    replies = {accept(request(body()), queue=queue, now=NOW).body.event_id for _ in range(2)}
    assert len(replies) == 1
    assert len({decode(message).interactions[0].id for message in queue.bodies}) == 1


def test_with_the_queue_unavailable_the_answer_is_retry_with_the_event(capsys: pytest.CaptureFixture[str]) -> None:
    reply = accept(request(body()), queue=FakeQueue(available=False), now=NOW)
    assert (reply.http_status, reply.body.status, reply.body.event_id) == (503, "retry", interaction().event_id)
    assert reply.body.message
    assert int(reply.headers["Retry-After"]) > 0
    assert values(metrics(capsys), "Retried") == [1]


def test_above_the_quota_the_answer_is_retry_tomorrow_and_nothing_is_queued(
    queue: FakeQueue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def spend(user_id: str, *, interactions: int, size_bytes: int, now: datetime) -> None:
        assert (user_id, interactions, size_bytes, now) == (ALICE, 1, len(body()), NOW)
        raise QuotaExceededError(retry_after_seconds=60)

    monkeypatch.setattr("chalicelib.api.accept.spend", spend)
    reply = accept(request(body()), queue=queue, now=NOW)
    assert (reply.http_status, reply.body.status, reply.body.event_id) == (429, "retry", interaction().event_id)
    assert reply.headers == {"Retry-After": "60"}
    assert queue.bodies == []
    [metric] = metrics(capsys)
    assert (metric["Refused"], metric["reason"]) == ([1], "quota")


def test_posting_again_with_the_event_of_a_retry_changes_no_id(queue: FakeQueue) -> None:
    retry = accept(request(body()), queue=FakeQueue(available=False), now=NOW)
    accept(request(body(event_id=retry.body.event_id)), queue=queue, now=NOW)
    assert decode(queue.bodies[0]).interactions[0].id == interaction().id


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (request(b"{}"), 400),
        (request(b"nonsense"), 400),
        (request(body().ljust(MAX_BODY_BYTES + 1)), 413),
        # numbers of 309 digits in Postgres
        (request(body().replace(b"}", b', "metadata": {"a": [' + b",".join([b"1e308"] * 40_000) + b"]}}")), 413),
        (request(body(), "text/plain"), 415),
        (request(gzip.compress(body())), 415),
        (request(body(), content_encoding="br"), 415),
        (request(body(), "application/x-www-form-urlencoded"), 415),
        (request(body(), token_use="access"), 401),  # noqa: S106  the kind of a token, not one
        (request(body(), aud="another-client-of-the-pool"), 401),
    ],
)
def test_a_wrong_request_is_an_error_and_is_not_queued(wrong: Request, status: int, queue: FakeQueue) -> None:
    reply = accept(wrong, queue=queue, now=NOW)
    assert (reply.http_status, reply.body.status, reply.body.event_id) == (status, "error", None)
    assert reply.body.message
    assert queue.bodies == []


def test_a_body_may_have_256_kib(queue: FakeQueue) -> None:
    assert MAX_BODY_BYTES == 256 * 1024
    assert accept(request(body().ljust(MAX_BODY_BYTES)), queue=queue, now=NOW).body.status == "ok"


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8", None])
def test_the_media_type_may_be_written_in_several_ways(media_type: str | None, queue: FakeQueue) -> None:
    assert accept(request(body(), media_type), queue=queue, now=NOW).body.status == "ok"


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "identity", ""])
def test_a_body_that_the_gateway_unpacked_is_read(encoding: str, queue: FakeQueue) -> None:
    assert accept(request(body(), content_encoding=encoding), queue=queue, now=NOW).body.status == "ok"


def test_text_that_is_not_ascii_does_not_make_the_message_longer(queue: FakeQueue) -> None:
    raw = json.dumps(payload(metadata={"query": "日本語 \x7f" * 20_000}), ensure_ascii=False).encode()
    accept(request(raw), queue=queue, now=NOW)
    assert len(queue.bodies[0].encode()) < len(raw) + 500


def test_logs_hold_the_id_and_no_content(
    queue: FakeQueue, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    accept(request(body(metadata={"query": "alice@example.com"}, secret_field=1)), queue=queue, now=NOW)
    accept(request(body(metadata={"query": "alice@example.com"})), queue=queue, now=NOW)
    output = capsys.readouterr().out + "".join(map(log.registered_formatter.format, caplog.records))
    assert decode(queue.bodies[0]).interactions[0].id in output
    assert "example.com" not in output
    assert "secret_field" not in output
    counted = [json.loads(line) for line in output.splitlines() if line.startswith('{"_aws"')]
    assert [{"Refused", "Accepted"} & set(metric) for metric in counted] == [{"Refused"}, {"Accepted"}]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (request(b"nonsense"), "body"),
        (request(b" " * (MAX_BODY_BYTES + 1)), "too_large"),
        (request(body(), "text/plain"), "media_type"),
        (request(body(), token_use="access"), "token"),  # noqa: S106  the kind of a token, not one
    ],
)
def test_refusals_are_counted_by_reason(
    wrong: Request, reason: str, queue: FakeQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    accept(wrong, queue=queue, now=NOW)
    [metric] = metrics(capsys)
    assert (metric["Refused"], metric["reason"]) == ([1], reason)
