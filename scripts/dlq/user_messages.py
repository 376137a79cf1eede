"""The dead-lettered messages of users: read for an export, deleted by an erasure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from scripts.common.console import progress
from scripts.dlq.message import DlqMessage
from scripts.dlq.queue import DeadLetterQueue, batches


def read_messages_of(queue: DeadLetterQueue, user_id: str) -> Iterator[DlqMessage]:
    """Yield the user's dead-lettered messages, with a progress bar."""
    return _with_progress(queue, queue.read(lambda message: message.owners({user_id})))


def delete_messages_of(queue: DeadLetterQueue, until: Mapping[str, datetime]) -> Counter[str]:
    """Delete each user's messages up to their time, and return each user's number of deleted messages.

    Messages that SQS did not delete are added to the queue's `unread`.
    """

    def is_erased(message: DlqMessage) -> bool:
        return any(message.is_before(user_id, until[user_id]) for user_id in message.owners(until.keys()))

    counts: Counter[str] = Counter()
    for batch in batches(_with_progress(queue, queue.read(is_erased, keep=True))):
        deleted = queue.delete(batch)
        queue.unread += len(batch) - len(deleted)
        counts.update(user_id for message in deleted for user_id in message.owners(until.keys()))
    return counts


def _with_progress(queue: DeadLetterQueue, messages: Iterable[DlqMessage]) -> Iterator[DlqMessage]:
    with progress() as bar:
        yield from bar.track(messages, total=queue.count, description="reading dead-lettered messages")
