"""What the API refused and what the worker dead-lettered, from their logs: ids and codes, never metadata."""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from scripts.common.target import Target

MAX_LINES: Final = 200
MAX_PAGES: Final = 10
# The output with the name of a log, the text of the lines that count, and what they mean.
LOGS: Final = (("ApiLog", "refused", "refused by the API"), ("WorkerLog", "poison", "dead-lettered"))


@dataclass(frozen=True)
class Refusal:
    """A request or an interaction that was not taken."""

    at: datetime
    what: str
    code: str
    """The HTTP status, or the worker's reason code."""
    message_id: str | None
    """Of a dead-lettered message, before it was: in the dead-letter queue it has another."""


def read_refusals(target: Target, since: datetime) -> list[Refusal]:
    """Return the refusals since then, the latest first; at most 200 of each log."""
    found = [one for output, text, what in LOGS for one in _read(target, output, text, what, since)]
    return sorted(found, key=lambda one: one.at, reverse=True)


def _read(target: Target, output: str, text: str, what: str, since: datetime) -> Iterator[Refusal]:
    pages = target.client("logs").get_paginator("filter_log_events")
    since_milliseconds = int(since.timestamp() * 1000)
    found = pages.paginate(logGroupName=target.outputs[output], filterPattern=f'"{text}"', startTime=since_milliseconds)
    # The oldest come first, and a page can be empty although more follow.
    latest = deque((event for page in islice(found, MAX_PAGES) for event in page["events"]), maxlen=MAX_LINES)
    for event in latest:
        line = _parse(event["message"])
        if line.get("message") == text:
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            yield Refusal(at, what, str(line.get("http_status") or line.get("reason")), line.get("message_id"))


def _parse(message: str) -> dict[str, Any]:
    try:
        line = json.loads(message)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
