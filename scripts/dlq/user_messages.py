"""The dead-lettered messages of users: read for an export, deleted by an erasure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from scripts.common.console import progress
from scripts.dlq.message import DlqMessage
from scripts.dlq.queue import DeadLetterQueue, batches

if TYPE_CHECKING:
    from chalicelib.ledger.erasures import Erased


def read_messages_of(queue: DeadLetterQueue, user_id: str) -> Iterator[DlqMessage]:
    """Yield the user's dead-lettered messages, with a progress bar."""
    return _with_progress(queue, queue.read(lambda message: message.owners({user_id})))


def delete_messages_of(queue: DeadLetterQueue, until: "Mapping[str, Erased]") -> Counter[str]:
    """Delete the dead-lettered interactions that each user's erasure covers; return how many of each user were deleted.

    What else is in their messages stays, in messages of its own. Messages that SQS did not delete are added to the
    queue's `unread`.
    """
    counts: Counter[str] = Counter()
    erasable = queue.read(lambda message: message.erase(until)[0], keep=True)
    for batch in batches(_with_progress(queue, erasable)):
        for message in batch:
            _, rest = message.erase(until)
            if rest:
                queue.put(rest, like=message)
        deleted = queue.delete(batch)
        queue.unread += len(batch) - len(deleted)
        for message in deleted:
            counts += message.erase(until)[0]
    return counts


def _with_progress(queue: DeadLetterQueue, messages: Iterable[DlqMessage]) -> Iterator[DlqMessage]:
    with progress() as bar:
        yield from bar.track(messages, total=queue.count, description="reading dead-lettered messages")
