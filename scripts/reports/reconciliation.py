"""Reconcile accepted interactions with where they are now."""

from dataclasses import dataclass
from datetime import datetime

from scripts.common.target import Target
from scripts.reports.metrics import sum_metrics

METRICS = {
    "Accepted": 'the API answered "ok"',
    "Stored": "new in the ledger",
    "Repeated": "arrived again and was in the ledger already",
    "Erased": "not stored, because its user was erased",
    "Discarded": "removed from the dead-letter queue into a file",
}
QUEUES = {
    "QueueUrl": ("waiting", "on the queue now"),
    "DeadLetterQueueUrl": ("dead", "in the dead-letter queue now"),
}
MESSAGE_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True)
class Total:
    """One of the totals; its value is None if it is unknown."""

    name: str
    value: int | None
    meaning: str


def reconcile(target: Target, *, since: datetime, until: datetime) -> list[Total]:
    """Return the totals of that time; the last is what they leave unaccounted.

    Unaccounted is what was accepted and is neither stored, repeated, erased, discarded, waiting nor dead: 0 when all is
    well and nothing moves. It is approximate while traffic flows, since metrics come a minute late; below 0 if SQS
    delivered twice, or if messages from before that time are stored or dead now.
    """
    counted = sum_metrics(target, METRICS, since=since, until=until)
    totals = [Total(name.lower(), counted[name], meaning) for name, meaning in METRICS.items()]
    totals += [Total(name, _count_messages(target, url), meaning) for url, (name, meaning) in QUEUES.items()]
    accepted, *others = [total.value for total in totals]
    known = [value for value in others if value is not None]
    unaccounted = accepted - sum(known) if accepted is not None and len(known) == len(others) else None
    return [*totals, Total("unaccounted", unaccounted, "accepted, less all of the above")]


def _count_messages(target: Target, url: str) -> int:
    names = list(MESSAGE_COUNTS)
    answer = target.client("sqs").get_queue_attributes(QueueUrl=target.outputs[url], AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)
