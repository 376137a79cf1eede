"""Reading a dead-letter queue that is longer than what SQS keeps in flight, and batches for its calls."""

import json
from datetime import UTC, datetime

import pytest

from chalicelib.ledger.erasures import Erased
from scripts.common.errors import OperationError
from scripts.dlq.queue import DeadLetterQueue, batches
from scripts.dlq.user_messages import delete_messages_of
from tests.samples import ALICE, BOB
from tests.unit.scripts.fake_sqs import FakeSqs, FakeTarget, message_of


def opened(sqs: FakeSqs) -> DeadLetterQueue:
    return DeadLetterQueue(FakeTarget("dev", "us-east-1", None, sqs), settle_seconds=0)


def test_a_long_queue_is_read_to_its_end_and_released() -> None:
    sqs = FakeSqs(*map(str, range(100)), max_in_flight=30)
    with opened(sqs) as queue:
        assert sorted(int(message.body) for message in queue.read()) == list(range(100))
    assert (queue.unread, len(sqs.visible)) == (0, 100)
    queue.check_all_read()


def test_an_erasure_deletes_all_messages_of_a_long_queue() -> None:
    sqs = FakeSqs(*[message_of(ALICE), message_of(BOB)] * 50, max_in_flight=30)
    with opened(sqs) as queue:
        assert delete_messages_of(queue, {ALICE: Erased(datetime.now(UTC))}) == {ALICE: 50}
    assert {message["Body"] for message in sqs.visible} == {message_of(BOB)}
    assert (queue.unread, len(sqs.visible)) == (0, 50)


def test_an_erasure_leaves_the_rest_of_a_message_with_its_reason() -> None:
    parts = [{"user_id": ALICE, "timestamp": 1}, {"user_id": BOB}, {"user_id": ALICE, "timestamp": 10**17}]
    sqs = FakeSqs(json.dumps({"version": 1, "interactions": parts}), "of " + ALICE)
    with opened(sqs) as queue:
        assert delete_messages_of(queue, {ALICE: Erased(datetime.now(UTC))}) == {ALICE: 2}
    with opened(sqs) as queue:
        [left] = queue.read()
    assert (left.parts, left.reason) == (parts[1:], "gave_up")


def test_unread_messages_are_counted_and_are_an_error() -> None:
    sqs = FakeSqs(*map(str, range(100)), max_in_flight=30, to_front=True)
    with opened(sqs) as queue:
        assert len(list(queue.read())) == 30
    assert (queue.unread, len(sqs.visible)) == (70, 100)
    with pytest.raises(OperationError, match="70 dead-lettered messages were not read"):
        queue.check_all_read()


def test_messages_held_by_others_are_unread() -> None:
    sqs = FakeSqs("a", "b")
    sqs.receive_message()
    with opened(sqs) as queue:
        assert (list(queue.read()), queue.unread) == ([], 2)


@pytest.mark.parametrize(("number", "unread"), [(25, 10), (5, 5)])
def test_messages_whose_answer_was_lost_are_unread(number: int, unread: int) -> None:
    """SQS has sent them, so it hides them, and a client that calls again gets the next ones."""
    sqs = FakeSqs(*map(str, range(number)))
    with opened(sqs) as queue:
        sqs.receive_message()
        assert len(list(queue.read())) == number - unread
    assert queue.unread == unread


def test_messages_that_somebody_else_removed_meanwhile_are_not_missed() -> None:
    sqs = FakeSqs(*map(str, range(15)))
    with opened(sqs) as queue:
        del sqs.visible[:5]
        assert (len(list(queue.read())), queue.unread) == (10, 0)


def test_counts_get_time_to_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    sqs, outdated = FakeSqs("a"), iter([("1", "0"), ("1", "0"), ("0", "1")])
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    answers = ({"Attributes": dict(zip(names, counts, strict=True))} for counts in outdated)
    monkeypatch.setattr(sqs, "get_queue_attributes", lambda **_: next(answers))
    with DeadLetterQueue(FakeTarget("dev", "us-east-1", None, sqs), settle_seconds=0.1) as queue:
        assert (len(list(queue.read())), queue.unread) == (1, 0)


def test_a_message_that_sqs_does_not_take_back_stays_dead_lettered(monkeypatch: pytest.MonkeyPatch) -> None:
    sqs = FakeSqs("a", "b")
    monkeypatch.setattr(sqs, "send_message_batch", lambda **_: {"Successful": [{"Id": "1"}]})
    with opened(sqs) as queue:
        assert [message.body for message in queue.redrive(list(queue.read(keep=True)))] == ["b"]
    assert [message["Body"] for message in sqs.visible] == ["a"]


def test_a_redrive_that_is_killed_between_its_two_calls_has_deleted_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sqs = FakeSqs("a")

    def die(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sqs, "send_message_batch", die)
    with opened(sqs) as queue, pytest.raises(KeyboardInterrupt):
        queue.redrive(list(queue.read(keep=True)))
    assert [message["Body"] for message in sqs.visible] == ["a"]


def test_a_batch_fits_into_one_call() -> None:
    assert [len(batch) for batch in batches(range(23))] == [10, 10, 3]
    assert list(batches([5, 4, 9, 1], size_bytes=lambda number: number * 100_000)) == [[5, 4], [9], [1]]
    assert list(batches([])) == []
