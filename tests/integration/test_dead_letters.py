"""The dead-letter queue over the real protocol."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.interaction import microseconds
from chalicelib.ledger.erasures import Erased
from chalicelib.queue import encode
from local.cloud import Cloud
from scripts.common.target import Target
from scripts.dlq.message import DlqMessage
from scripts.dlq.queue import DeadLetterQueue
from scripts.dlq.user_messages import delete_messages_of, read_messages_of
from tests.samples import ALICE, ARTIFACT, BOB, interaction

Send = Callable[..., None]


@dataclass(frozen=True)
class TwoQueues(Target):
    """A target with queues of its own, which no worker reads."""

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        queues = self.client("sqs")
        names = {"QueueUrl": "redrive-source", "DeadLetterQueueUrl": "redrive-dead"}
        return {output: queues.create_queue(QueueName=name)["QueueUrl"] for output, name in names.items()}


@pytest.fixture
def target(cloud: Cloud) -> TwoQueues:
    target = TwoQueues.local(cloud.environment())
    for url in target.outputs.values():
        target.client("sqs").purge_queue(QueueUrl=url)
    return target


@pytest.fixture
def send(target: TwoQueues) -> Send:
    """Return a function that sends a body to the dead-letter queue, as the worker or SQS does."""

    def send(body: str, reason: str | None = None) -> None:
        attributes: Any = {"reason": {"DataType": "String", "StringValue": reason}} if reason else {}
        url = target.outputs["DeadLetterQueueUrl"]
        target.client("sqs").send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)

    return send


def visible(target: TwoQueues) -> dict[str, str]:
    """Return the reason by body of each message that any reader can see in the dead-letter queue now."""
    with DeadLetterQueue(target) as queue:
        return {message.body: message.reason for message in queue.read()}


def arrived(target: TwoQueues) -> list[dict[str, Any]]:
    queues, url, found = target.client("sqs"), target.outputs["QueueUrl"], []
    while messages := queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
        "Messages"
    ):
        found += messages
    return found


def test_reading_changes_nothing(target: TwoQueues, send: Send) -> None:
    expected = {f"body {number}": "not_json" for number in range(25)}
    for body, reason in expected.items():
        send(body, reason)
    for _ in range(3):
        assert visible(target) == expected


def test_an_interrupted_reader_releases_its_messages(target: TwoQueues, send: Send) -> None:
    def read() -> None:
        with DeadLetterQueue(target) as queue:
            next(queue.read())
            raise KeyboardInterrupt

    send("one")
    with pytest.raises(KeyboardInterrupt):
        read()
    assert visible(target) == {"one": "gave_up"}


def test_a_redriven_message_moves_without_its_reason(target: TwoQueues, send: Send) -> None:
    send("stays", "refused")
    send("goes", "not_json")
    with DeadLetterQueue(target) as queue:
        moved = queue.redrive(message for message in queue.read(keep=True) if message.body == "goes")
    assert [message.body for message in moved] == ["goes"]
    assert [(message["Body"], message.get("MessageAttributes")) for message in arrived(target)] == [("goes", None)]
    assert visible(target) == {"stays": "refused"}


def test_a_message_that_was_sent_but_not_deleted_stays(target: TwoQueues, send: Send) -> None:
    send("killed in between")
    with DeadLetterQueue(target) as queue:
        queue.send(queue.read())
    assert len(arrived(target)) == 1
    assert visible(target) == {"killed in between": "gave_up"}


def test_a_message_that_the_queue_refuses_stays(target: TwoQueues, send: Send) -> None:
    send("one")
    missing_queue = replace(target)
    missing_queue.__dict__["outputs"] = {**target.outputs, "QueueUrl": target.outputs["QueueUrl"] + "-missing"}
    with pytest.raises(ClientError), DeadLetterQueue(missing_queue) as queue:
        queue.redrive(queue.read(keep=True))
    assert visible(target) == {"one": "gave_up"}


def test_poison_that_returns_while_reading_is_read_once(target: TwoQueues, send: Send) -> None:
    send("poison", "not_json")
    rounds = 0
    with DeadLetterQueue(target) as queue:
        for message in queue.read(keep=True):
            queue.delete([message])
            send(message.body, message.reason)
            rounds += 1
            assert rounds < 1000
    assert visible(target) == {"poison": "not_json"}


def test_large_messages_are_sent_in_several_calls(target: TwoQueues, send: Send) -> None:
    for number in range(4):
        send(f"{number}" * 500_000)
    with DeadLetterQueue(target) as queue:
        assert len(queue.redrive(queue.read(keep=True))) == 4
    assert sorted(len(message["Body"]) for message in arrived(target)) == [500_000] * 4
    assert visible(target) == {}


def test_an_expired_hold_yields_no_message_twice(target: TwoQueues, send: Send) -> None:
    for number in range(30):
        send(str(number))
    with DeadLetterQueue(target, hold_seconds=1) as queue:
        bodies = []
        for message in queue.read(keep=True):
            bodies.append(message.body)
            if len(bodies) == 15:
                await_expiry(target)
        assert sorted(bodies, key=int) == [str(number) for number in range(30)]


def await_expiry(target: TwoQueues) -> None:
    """Wait until no message is in flight."""
    queues, url = target.client("sqs"), target.outputs["DeadLetterQueueUrl"]
    names = ["ApproximateNumberOfMessagesNotVisible"]
    while queues.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]] != "0":
        pass


def test_only_one_users_messages_up_to_a_time_are_deleted(target: TwoQueues, send: Send) -> None:
    bobs = encode(interaction(user_id=BOB, metadata={"seen": ALICE}))
    invalid = json.dumps({"version": 1, "interactions": [{"user_id": ALICE}]})
    send(encode(interaction("keep", artifact_id=ARTIFACT)))
    send(invalid, "refused")
    send(f"not even JSON, of {ALICE}", "not_json")
    send(bobs)
    with DeadLetterQueue(target) as queue:
        own = {message.body for message in read_messages_of(queue, ALICE)}
    assert (len(own), queue.unread, len(visible(target))) == (3, 0, 4)
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    later = encode(interaction(now=in_an_hour, timestamp=in_an_hour.timestamp()))
    send(later)
    with DeadLetterQueue(target) as queue:
        deleted = delete_messages_of(queue, dict.fromkeys((ALICE, "somebody-else"), Erased(datetime.now(UTC))))
    assert (deleted, queue.unread) == ({ALICE: 3}, 0)
    assert visible(target) == {bobs: "gave_up", later: "gave_up"}


def test_a_message_is_the_same_after_writing_and_reading_its_file(target: TwoQueues, send: Send) -> None:
    send('{"a": "ü\\u2028"}\n', "refused")
    with DeadLetterQueue(target) as queue:
        [message] = queue.read()
    assert DlqMessage.model_validate_json(message.model_dump_json()) == message


def test_an_erasure_with_the_account_deletes_what_a_void_token_posted_later(target: TwoQueues, send: Send) -> None:
    now = datetime.now(UTC)
    in_an_hour = now + timedelta(hours=1)
    later = interaction(now=in_an_hour, timestamp=in_an_hour.timestamp())
    void, valid = (later.model_copy(update={"signed_in_at": microseconds(at)}) for at in (now, in_an_hour))
    send(encode(void), "refused")
    send(encode(valid), "refused")
    with DeadLetterQueue(target) as queue:
        assert delete_messages_of(queue, {ALICE: Erased(datetime.now(UTC), with_account=True)}) == {ALICE: 1}
    assert visible(target) == {encode(valid): "refused"}


def test_an_erasure_leaves_the_rest_of_a_batch_with_its_reason(target: TwoQueues, send: Send) -> None:
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    later = interaction(now=in_an_hour, timestamp=in_an_hour.timestamp(), metadata={"a": "日本\ufffe😀"})
    send(encode(interaction("keep", artifact_id=ARTIFACT), later, interaction()), "data_error")
    with DeadLetterQueue(target) as queue:
        assert delete_messages_of(queue, {ALICE: Erased(datetime.now(UTC))}) == {ALICE: 2}
    assert visible(target) == {encode(later): "data_error"}
