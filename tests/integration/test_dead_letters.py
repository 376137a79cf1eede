"""The dead-letter queue, over the real protocol."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.queue import encode
from local.cloud import Cloud
from scripts.common.target import Target
from scripts.dlq.message import DeadLetter
from scripts.dlq.queue import DeadLetters, letters_of, remove_of
from tests.samples import ALICE, ARTIFACT, BOB, interaction

Bury = Callable[..., None]


@dataclass(frozen=True)
class TwoQueues(Target):
    """A target with queues of its own, that no worker reads."""

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        queues = self.client("sqs")
        names = {"QueueUrl": "redrive-source", "DeadLetterQueueUrl": "redrive-dead"}
        return {output: queues.create_queue(QueueName=name)["QueueUrl"] for output, name in names.items()}


@pytest.fixture
def target(cloud: Cloud) -> TwoQueues:
    environment = cloud.environment()
    target = TwoQueues("local", environment["AWS_REGION"], environment["AWS_ENDPOINT_URL"])
    for url in target.outputs.values():
        target.client("sqs").purge_queue(QueueUrl=url)
    return target


@pytest.fixture
def bury(target: TwoQueues) -> Bury:
    """Return what puts a body into the dead-letter queue, as the worker or SQS does."""

    def bury(body: str, reason: str | None = None) -> None:
        attributes: Any = {"reason": {"DataType": "String", "StringValue": reason}} if reason else {}
        url = target.outputs["DeadLetterQueueUrl"]
        target.client("sqs").send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)

    return bury


def lying(target: TwoQueues) -> dict[str, str]:
    """Return what anybody can read in the dead-letter queue at this moment: reasons by body."""
    with DeadLetters(target) as dead_letters:
        return {letter.body: letter.reason for letter in dead_letters}


def arrived(target: TwoQueues) -> list[dict[str, Any]]:
    queues, url, found = target.client("sqs"), target.outputs["QueueUrl"], []
    while messages := queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
        "Messages"
    ):
        found += messages
    return found


def test_looking_changes_nothing(target: TwoQueues, bury: Bury) -> None:
    expected = {f"body {number}": "not_json" for number in range(25)}
    for body, reason in expected.items():
        bury(body, reason)
    for _ in range(3):
        assert lying(target) == expected


def test_an_interrupted_look_gives_back_what_it_held(target: TwoQueues, bury: Bury) -> None:
    def look() -> None:
        with DeadLetters(target) as dead_letters:
            next(iter(dead_letters))
            raise KeyboardInterrupt

    bury("one")
    with pytest.raises(KeyboardInterrupt):
        look()
    assert lying(target) == {"one": "gave_up"}


def test_a_redriven_message_is_on_the_queue_without_its_reason_and_nowhere_else(target: TwoQueues, bury: Bury) -> None:
    bury("stays", "refused")
    bury("goes", "not_json")
    with DeadLetters(target) as dead_letters:
        moved = dead_letters.redrive(letter for letter in dead_letters if letter.body == "goes")
    assert [letter.body for letter in moved] == ["goes"]
    assert [(message["Body"], message.get("MessageAttributes")) for message in arrived(target)] == [("goes", None)]
    assert lying(target) == {"stays": "refused"}


def test_what_is_only_sent_is_still_there(target: TwoQueues, bury: Bury) -> None:
    bury("killed in between")
    with DeadLetters(target) as dead_letters:
        dead_letters.send(dead_letters)
    assert len(arrived(target)) == 1
    assert lying(target) == {"killed in between": "gave_up"}


def test_what_the_queue_does_not_take_stays(target: TwoQueues, bury: Bury) -> None:
    bury("one")
    nowhere = replace(target)
    nowhere.__dict__["outputs"] = {**target.outputs, "QueueUrl": target.outputs["QueueUrl"] + "-missing"}
    with pytest.raises(ClientError), DeadLetters(nowhere) as dead_letters:
        dead_letters.redrive(dead_letters)
    assert lying(target) == {"one": "gave_up"}


def test_poison_that_comes_back_while_reading_is_not_read_again(target: TwoQueues, bury: Bury) -> None:
    bury("poison", "not_json")
    rounds = 0
    with DeadLetters(target) as dead_letters:
        for letter in dead_letters:
            dead_letters.remove([letter])
            bury(letter.body, letter.reason)
            rounds += 1
            assert rounds < 1000
    assert lying(target) == {"poison": "not_json"}


def test_large_messages_are_sent_in_calls_that_sqs_takes(target: TwoQueues, bury: Bury) -> None:
    for number in range(4):
        bury(f"{number}" * 500_000)
    with DeadLetters(target) as dead_letters:
        assert len(dead_letters.redrive(dead_letters)) == 4
    assert sorted(len(message["Body"]) for message in arrived(target)) == [500_000] * 4
    assert lying(target) == {}


def test_a_hold_that_runs_out_shows_no_message_twice(target: TwoQueues, bury: Bury) -> None:
    for number in range(30):
        bury(str(number))
    with DeadLetters(target, hold=1) as dead_letters:
        bodies = []
        for letter in dead_letters:
            bodies.append(letter.body)
            if len(bodies) == 15:
                within_the_hold(target)
        assert sorted(bodies, key=int) == [str(number) for number in range(30)]


def within_the_hold(target: TwoQueues) -> None:
    """Wait until the first messages of a look with a hold of a second are visible again."""
    queues, url = target.client("sqs"), target.outputs["DeadLetterQueueUrl"]
    names = ["ApproximateNumberOfMessagesNotVisible"]
    while queues.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]] != "0":
        pass


def test_what_one_user_did_up_to_a_moment_can_be_removed_and_nothing_else(target: TwoQueues, bury: Bury) -> None:
    bobs = encode(interaction(user_id=BOB, metadata={"seen": ALICE}))
    spoilt = json.dumps({"version": 1, "interactions": [{"user_id": ALICE}]})
    bury(encode(interaction("keep", artifact_id=ARTIFACT)))
    bury(spoilt, "refused")
    bury(f"not even JSON, of {ALICE}", "not_json")
    bury(bobs)
    seen, hidden = letters_of(target, {ALICE, "somebody-else"})
    assert (len(seen), hidden, len(lying(target))) == (3, 0, 4)
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    later = encode(interaction(now=in_an_hour, timestamp=in_an_hour.timestamp()))
    bury(later)
    removed, hidden = remove_of(target, dict.fromkeys((ALICE, "somebody-else"), datetime.now(UTC)))
    assert ({letter.body for letter in removed}, hidden) == ({letter.body for letter in seen}, 0)
    assert lying(target) == {bobs: "gave_up", later: "gave_up"}


def test_a_letter_survives_its_file(target: TwoQueues, bury: Bury) -> None:
    bury('{"a": "ü\\u2028"}\n', "refused")
    with DeadLetters(target) as dead_letters:
        [letter] = dead_letters
    assert DeadLetter.model_validate_json(letter.model_dump_json()) == letter
