"""The operational sums: of all that was accepted, where it is."""

from dataclasses import dataclass
from datetime import datetime

from scripts.common.target import Target
from scripts.reports.metrics import sums

COUNTED = {
    "Accepted": 'the API answered "ok"',
    "Stored": "new in the ledger",
    "Repeated": "arrived again and was in the ledger already",
    "Erased": "not stored, because its user was erased",
    "Discarded": "removed from the dead-letter queue into a file",
}
LYING = {
    "QueueUrl": ("waiting", "on the queue now"),
    "DeadLetterQueueUrl": ("dead", "in the dead-letter queue now"),
}
NUMBERS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


@dataclass(frozen=True)
class Sum:
    """One of the sums; without a value where nobody knows it."""

    name: str
    value: int | None
    meaning: str


def balance(target: Target, *, since: datetime, until: datetime) -> list[Sum]:
    """Return the sums of that time, and what they leave open.

    Unaccounted is what was accepted and is neither stored, repeated, erased, discarded, waiting nor dead: 0 when all is
    well and nothing moves. It is approximate while traffic flows, since metrics come a minute late; below 0 where SQS
    delivered twice, or where messages from before the time are stored or dead now.
    """
    counted = sums(target, COUNTED, since=since, until=until)
    found = [Sum(name.lower(), counted[name], meaning) for name, meaning in COUNTED.items()]
    found += [Sum(name, _messages(target, url), meaning) for url, (name, meaning) in LYING.items()]
    accepted, *places = [one.value for one in found]
    known = [value for value in places if value is not None]
    unaccounted = accepted - sum(known) if accepted is not None and len(known) == len(places) else None
    return [*found, Sum("unaccounted", unaccounted, "accepted, less all of the above")]


def _messages(target: Target, url: str) -> int:
    answer = target.client("sqs").get_queue_attributes(QueueUrl=target.outputs[url], AttributeNames=NUMBERS)
    return sum(int(answer["Attributes"][name]) for name in NUMBERS)
