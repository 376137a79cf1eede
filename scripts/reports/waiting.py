"""What waits on the main queue and, when the oldest is old, why: as the stores and the worker's log tell it."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from scripts.common.errors import OperationError
from scripts.common.target import Target
from scripts.reports.queue_state import read_oldest_seconds, read_queue

OLD_SECONDS: Final = 60
LOG_MINUTES: Final = 15
MAX_PAGES: Final = 10
# The worker's lines that tell why a message stays on the queue, and which of their fields say more.
LINES: Final = {"the ledger refused": ("kind", "sqlstate"), "of newer code": ("unknown",)}


def read_waiting(target: Target) -> list[list[Any]]:
    """Return rows (name, value, meaning) about both queues; a reason for each cause that is known."""
    queue, dead = read_queue(target, "QueueUrl"), read_queue(target, "DeadLetterQueueUrl")
    oldest = read_oldest_seconds(target) if queue.messages else 0
    rows: list[list[Any]] = [
        ["waiting_messages", queue.visible + queue.delayed, "on the queue; no worker has them"],
        ["in_flight_messages", queue.in_flight, "a worker has them, or they wait to be tried again"],
        [
            "oldest_seconds",
            None if oldest is None else round(oldest),
            "how long the oldest waits; a local cloud does not say",
        ],
        ["dead_messages", dead.messages, "in the dead-letter queue: see `redrive-dlq`"],
    ]
    if queue.messages and (oldest is None or oldest > OLD_SECONDS):
        rows += [["reason", times, reason] for reason, times in _reasons(target)]
    return rows


def _reasons(target: Target) -> list[tuple[str, int | None]]:
    """Return why messages wait, with how often the worker's log said so in the last minutes."""
    try:
        ledger = target.operate("health")["ledger"]
    except OperationError as error:
        return [(f"unknown: the operations function does not answer ({error.format_message()})", None)]
    if "error" in ledger:
        return [(f"Postgres does not answer: {ledger['error']}", None)]
    counted = _count_lines(target).most_common()
    return [*counted] or [("no error: the worker has not come to them yet, or tries them again later", None)]


def _count_lines(target: Target) -> Counter[str]:
    since = datetime.now(UTC) - timedelta(minutes=LOG_MINUTES)
    pages = target.client("logs").get_paginator("filter_log_events")
    pattern = " ".join(f'?"{text}"' for text in LINES)
    name, start = target.outputs["WorkerLog"], int(since.timestamp() * 1000)
    found = pages.paginate(logGroupName=name, filterPattern=pattern, startTime=start)
    lines = (_parse(event["message"]) for page in islice(found, MAX_PAGES) for event in page["events"])
    return Counter(_told(line) for line in lines if line.get("message") in LINES)


def _told(line: dict[str, Any]) -> str:
    more = [str(line[name]) for name in LINES[line["message"]] if line.get(name)]
    return ": ".join([line["message"], ", ".join(more)])


def _parse(message: str) -> dict[str, Any]:
    try:
        line = json.loads(message)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
