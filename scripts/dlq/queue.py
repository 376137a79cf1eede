"""The dead-letter queue: read its messages, then send them back, delete them or release them."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from scripts.common.errors import OperationError
from scripts.common.target import Target
from scripts.dlq.message import DlqMessage

BATCH_MESSAGES = 10  # SQS's limit for one call
BATCH_BYTES = 900_000  # of bodies in one call; SQS allows 1 MiB including attributes
MAX_HOLD_SECONDS = 12 * 60 * 60  # SQS's longest visibility time-out
READS_PER_SECOND = 50  # over a slow line; used only to choose how long messages are held
SETTLE_SECONDS = 60  # after which SQS's counts are right: an empty answer may contradict them until then


Item = TypeVar("Item")


class DeadLetterQueue:
    """The dead-letter queue of an environment. As a context manager it releases, at its end, all messages it holds.

    Receiving a message hides it from other readers for `hold_seconds` and raises its receive count. The queue has no
    redrive policy, so a high count has no effect. Messages of a reader that is killed become visible after that time.
    """

    def __init__(
        self,
        target: Target,
        *,
        hold_seconds: int | None = None,
        messages_per_second: float = READS_PER_SECOND,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        """Choose how long a message is held; the default is one minute plus the time to read all at this rate."""
        self._sqs = target.client("sqs")
        self._source, self._url = target.outputs["QueueUrl"], target.outputs["DeadLetterQueueUrl"]
        self._receipts: dict[str, str] = {}
        self._releasable: set[str] = set()
        self._settle_seconds = settle_seconds
        self.count, self.unread = self._counts()
        """How many messages can be read, and how many cannot: those that others hold, and those left by `read`."""
        self.unselected = 0
        """How many messages `read` has found that were not selected."""
        seconds_to_read = self.count / min(messages_per_second, READS_PER_SECOND)
        self._hold_seconds = hold_seconds or min(MAX_HOLD_SECONDS, 60 + int(seconds_to_read))

    def __enter__(self) -> Self:
        """Begin to hold messages."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Make the held messages visible to others again."""
        self._release(list(self._receipts))

    def check_all_read(self) -> None:
        """Raise OperationError if messages could not be read, most often because another command holds them."""
        if self.unread:
            raise OperationError(f"{self.unread} dead-lettered messages were not read: another command holds them?")

    def read(
        self, selects: Callable[[DlqMessage], object] = lambda _: True, *, keep: bool = False
    ) -> Iterator[DlqMessage]:
        """Yield each selected message once that was there when reading began, not what a redrive brings back.

        With `keep` the yielded messages stay held until they are deleted. SQS limits how many messages are held at once
        and then answers as if the queue were empty: the others are released, and reading goes on. Afterwards `unread`
        includes those that could not be received.
        """
        seen: set[str] = set()
        began, read, rounds_without_new, empty_since = None, 0, 0, None
        while rounds_without_new <= len(seen) / BATCH_MESSAGES:  # a message comes again when its hold has expired
            now, messages = self._receive()
            if not messages:
                visible, in_flight = self._counts()
                if not visible:
                    # Somebody else has taken them meanwhile, or an answer was lost on its way here.
                    self.unread = max(self.unread, min(self.count - read, in_flight - len(self._receipts)))
                    return
                empty_since = empty_since or time.monotonic()
                if time.monotonic() - empty_since < self._settle_seconds:
                    continue
                if not self._release([id_ for id_ in self._receipts if id_ in self._releasable]):
                    break
                continue
            empty_since = None
            began = began or now
            new = [message for message in messages if message["MessageId"] not in seen]
            seen |= {message["MessageId"] for message in new}
            old = [message for message in map(DlqMessage.from_sqs, new) if message.sent_at <= began]
            rounds_without_new = 0 if old else rounds_without_new + 1
            read += len(old)
            selected = [message for message in old if selects(message)]
            self.unselected += len(old) - len(selected)
            kept = {message.message_id for message in selected} if keep else set()
            self._releasable |= {message["MessageId"] for message in new} - kept
            yield from selected
        self.unread += max(0, self.count - read)

    def _release(self, ids: list[str]) -> list[str]:
        """Make these messages visible to others again, and return them."""
        for batch in batches(ids):
            entries = [
                {"Id": str(number), "ReceiptHandle": self._receipts.pop(id_), "VisibilityTimeout": 0}
                for number, id_ in enumerate(batch)
            ]
            # SQS refuses a message whose hold has expired: it is visible already.
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        return ids

    def _receive(self) -> tuple[datetime, list[Mapping[str, Any]]]:
        """Receive up to ten messages; also return the time by the queue's clock, rounded up to a second."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH_MESSAGES,
            VisibilityTimeout=self._hold_seconds,
            WaitTimeSeconds=1,  # asks all of SQS's servers; 0 asks only some
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
        messages = answer.get("Messages", [])
        self._receipts |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]) + timedelta(seconds=1), messages

    def redrive(self, messages: Iterable[DlqMessage]) -> list[DlqMessage]:
        """Send these to the source queue, then delete them; return those that moved. The others stay."""
        return self.delete(self.send(messages))

    def send(self, messages: Iterable[DlqMessage]) -> list[DlqMessage]:
        """Send these to the source queue, without their reason, and return those that SQS accepted."""
        sent = []
        for batch in batches(messages, size_bytes=lambda message: len(message.body.encode())):
            entries = [
                {"Id": str(number), "MessageBody": message.body, "MessageAttributes": message.message_attributes}
                for number, message in enumerate(batch)
            ]
            answer = self._sqs.send_message_batch(QueueUrl=self._source, Entries=entries)
            sent += [batch[int(entry["Id"])] for entry in answer.get("Successful", [])]
        return sent

    def put(self, body: str, *, like: DlqMessage) -> None:
        """Send a body to the dead-letter queue itself, with the attributes of a message from there."""
        self._sqs.send_message(QueueUrl=self._url, MessageBody=body, MessageAttributes=like.dead_letter_attributes)

    def delete(self, messages: Iterable[DlqMessage]) -> list[DlqMessage]:
        """Delete these from the dead-letter queue and return those that SQS confirmed."""
        deleted = []
        for batch in batches(messages):
            entries = [
                {"Id": str(number), "ReceiptHandle": self._receipts[message.message_id]}
                for number, message in enumerate(batch)
            ]
            answer = self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
            deleted += [batch[int(entry["Id"])] for entry in answer.get("Successful", [])]
        for message in deleted:
            del self._receipts[message.message_id]
        return deleted

    def _counts(self) -> tuple[int, int]:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])


def batches(
    items: Iterable[Item], *, max_items: int = BATCH_MESSAGES, size_bytes: Callable[[Item], int] = lambda _: 0
) -> Iterator[list[Item]]:
    """Yield the items in lists that fit into one call."""
    batch: list[Item] = []
    for item in items:
        if batch and (len(batch) == max_items or sum(map(size_bytes, batch)) + size_bytes(item) > BATCH_BYTES):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
