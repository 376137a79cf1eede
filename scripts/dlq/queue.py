"""The dead-letter queue: what lies in it is read, and then sent back, removed, or left as it was."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from scripts.common.console import progress
from scripts.common.target import OperationError, Target
from scripts.dlq.message import DeadLetter

BATCH = 10  # messages in one call, as SQS allows
BATCH_BYTES = 900_000  # of bodies in one call; SQS allows 1 MiB with attributes and all
LONGEST_HOLD = 12 * 60 * 60  # the longest that SQS hides a message
READS_A_SECOND = 50  # a slow line's; only decides how long messages are held


Item = TypeVar("Item")


class DeadLetters:
    """The dead-letter queue of an environment. As a context manager it gives back, at once, all that it held.

    Reading a message hides it for `hold` seconds from every other reader, and raises its receive count. The queue has
    no redrive policy of its own, so a high count does nothing. A reader that is killed gives back by letting time pass.
    """

    def __init__(self, target: Target, *, hold: int | None = None, rate: float = READS_A_SECOND) -> None:
        """Take how long a message is held; by default long enough for all there is at this rate, and a minute."""
        self._sqs = target.client("sqs")
        self._source, self._url = target.outputs["QueueUrl"], target.outputs["DeadLetterQueueUrl"]
        self._held: dict[str, str] = {}
        self.count, self.hidden = self._counts()
        self._hold = hold or min(LONGEST_HOLD, 60 + int(self.count / min(rate, READS_A_SECOND)))

    def __enter__(self) -> Self:
        """Begin to hold."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Make what is still held visible to others again."""
        for batch in batches(self._held.values()):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(batch)
            ]
            # One whose hold has run out is refused: it is visible already.
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        self._held.clear()

    def __iter__(self) -> Iterator[DeadLetter]:
        """Yield each message once that was there when the reading began: not what comes back from a redrive."""
        seen: set[str] = set()
        began, rounds_in_vain = None, 0
        while rounds_in_vain <= len(seen) / BATCH:  # messages come again when their hold has run out
            now, messages = self._receive()
            if not messages:
                return
            began = began or now
            fresh = [message for message in messages if message["MessageId"] not in seen]
            seen |= {message["MessageId"] for message in fresh}
            rounds_in_vain = 0 if fresh else rounds_in_vain + 1
            yield from (letter for letter in map(DeadLetter.received, fresh) if letter.sent_at <= began)

    def _receive(self) -> tuple[datetime, list[Mapping[str, Any]]]:
        """Take up to ten messages in hand, and tell the time by the queue's own clock, rounded up to a second."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=self._hold,
            WaitTimeSeconds=1,  # asks all of SQS's servers, where 0 asks some
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        messages = answer.get("Messages", [])
        self._held |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]) + timedelta(seconds=1), messages

    def redrive(self, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
        """Send these to the source queue, then remove them; return those that moved. What is not sent stays."""
        return self.remove(self.send(letters))

    def send(self, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
        """Send these to the source queue, without their reason, and return those that SQS took."""
        sent = []
        for batch in batches(letters, weigh=lambda letter: len(letter.body.encode())):
            entries = [
                {"Id": str(number), "MessageBody": letter.body, "MessageAttributes": letter.message_attributes}
                for number, letter in enumerate(batch)
            ]
            answer = self._sqs.send_message_batch(QueueUrl=self._source, Entries=entries)
            sent += [batch[int(entry["Id"])] for entry in answer.get("Successful", [])]
        return sent

    def remove(self, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
        """Delete these from the dead-letter queue and return those of which it says that they are gone."""
        removed = []
        for batch in batches(letters):
            entries = [
                {"Id": str(number), "ReceiptHandle": self._held[letter.message_id]}
                for number, letter in enumerate(batch)
            ]
            answer = self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
            removed += [batch[int(entry["Id"])] for entry in answer.get("Successful", [])]
        for letter in removed:
            del self._held[letter.message_id]
        return removed

    def _counts(self) -> tuple[int, int]:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])


def letters_of(target: Target, users: AbstractSet[str]) -> tuple[list[DeadLetter], int]:
    """Return the dead letters of these users, and how many of anybody's were in another reader's hands and not seen.

    Where there are any, calling again finds them once that one is done.
    """
    with DeadLetters(target) as dead_letters:
        return [letter for letter in _told(dead_letters) if letter.owners(users)], dead_letters.hidden


def remove_of(target: Target, moments: Mapping[str, datetime]) -> tuple[list[DeadLetter], int]:
    """Remove what each of these users did up to their moment; return the messages that are gone, and how many hid."""

    def goes(letter: DeadLetter) -> bool:
        return any(letter.is_before(user_id, moments[user_id]) for user_id in letter.owners(moments.keys()))

    with DeadLetters(target) as dead_letters:
        return dead_letters.remove(list(filter(goes, _told(dead_letters)))), dead_letters.hidden


def _told(dead_letters: DeadLetters) -> Iterator[DeadLetter]:
    with progress() as bar:
        yield from bar.track(dead_letters, total=dead_letters.count, description="reading dead letters")


def tell_hidden(hidden: int) -> None:
    """Raise OperationError if dead letters were in other hands."""
    if hidden:
        raise OperationError(f"{hidden} dead letters were in other hands and not looked at: run it again later")


def batches(
    items: Iterable[Item], *, size: int = BATCH, weigh: Callable[[Item], int] = lambda _: 0
) -> Iterator[list[Item]]:
    """Yield the items by as many as one call takes."""
    batch: list[Item] = []
    for item in items:
        if batch and (len(batch) == size or sum(map(weigh, batch)) + weigh(item) > BATCH_BYTES):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
