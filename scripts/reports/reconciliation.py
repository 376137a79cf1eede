"""Reconcile accepted interactions with where they are now."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice

from scripts.common.target import Target
from scripts.dlq.queue import DeadLetterQueue
from scripts.reports.metrics import sum_metrics
from scripts.reports.queue_state import read_queue

METRICS = {
    "Accepted": 'the API answered "ok"',
    "Stored": "new in the ledger",
    "Repeated": "arrived again and was in the ledger already",
    "Erased": "not stored, because its user was erased",
    "Discarded": "removed from the dead-letter queue into a file",
}
MAX_READ = 1000  # dead-lettered messages: ten seconds


@dataclass(frozen=True)
class Total:
    """One of the totals; its value is None if it is unknown."""

    name: str
    value: int | None
    meaning: str


def reconcile(target: Target, *, since: datetime, until: datetime) -> list[Total]:
    """Return the totals of that time; the last is what they leave unaccounted. All are numbers of interactions.

    Unaccounted is what was accepted and is neither stored, repeated, erased, discarded, waiting nor dead: 0 when all is
    well and nothing moves. It is approximate while traffic flows, since metrics come a minute late and the queue says
    only how many messages wait; below 0 if SQS delivered twice, or if messages from before that time are stored or dead
    now.
    """
    counted = sum_metrics(target, METRICS, since=since, until=until)
    totals = [Total(name.lower(), counted[name], meaning) for name, meaning in METRICS.items()]
    totals += [
        Total("waiting", _count_waiting(target, since, until), "on the queue now"),
        Total("dead", _count_dead(target), "in the dead-letter queue now"),
    ]
    accepted, *others = [total.value for total in totals]
    known = [value for value in others if value is not None]
    unaccounted = accepted - sum(known) if accepted is not None and len(known) == len(others) else None
    return [*totals, Total("unaccounted", unaccounted, "accepted, less all of the above")]


def _count_waiting(target: Target, since: datetime, until: datetime) -> int:
    """Return how many interactions wait: the queue's messages, each with as many as an accepted request on average."""
    messages = read_queue(target, "QueueUrl").messages
    if not messages:
        return 0
    accepted = partial(sum_metrics, target, ["Accepted"], since=since, until=until)
    interactions, requests = accepted()["Accepted"], accepted(statistic="SampleCount")["Accepted"]
    return round(messages * interactions / requests) if interactions and requests else messages


def _count_dead(target: Target) -> int:
    """Return how many interactions are dead-lettered; of more than `MAX_READ` messages, by the mean of those."""
    messages = read_queue(target, "DeadLetterQueueUrl").messages
    if not messages:
        return 0
    with DeadLetterQueue(target) as queue:
        read = [len(message.parts) for message in islice(queue.read(), MAX_READ)]
    return round(messages * sum(read) / len(read)) if read else messages
