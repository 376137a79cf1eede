"""The summary of dead-lettered messages that redrive-dlq prints."""

import json
from collections import Counter
from datetime import UTC, datetime

from scripts.common.console import console, show_table
from scripts.dlq.message import DlqMessage

MAX_EXAMPLES = 5


class Report:
    """Counts of messages, with a few as examples."""

    def __init__(self) -> None:
        self.count = 0
        self._reasons: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._oldest: datetime | None = None
        self._examples: list[DlqMessage] = []

    def add(self, message: DlqMessage) -> None:
        """Count the message."""
        self.count += 1
        self._reasons[message.reason] += 1
        self._kinds[_kind(message)] += 1
        self._oldest = min(self._oldest or message.sent_at, message.sent_at)
        if len(self._examples) < MAX_EXAMPLES:
            self._examples.append(message)

    def show(self, title: str, *, metadata: bool) -> None:
        """Print the counts and the examples; the users' metadata only on request."""
        age = f", the oldest {_age(self._oldest)} old ({_format_time(self._oldest)})" if self._oldest else ""
        console().print(f"{title}: {self.count}{age}", highlight=False, markup=False, soft_wrap=True)
        if not self.count:
            return
        show_table("by reason", ["reason", "messages"], self._reasons.most_common())
        show_table("by kind", ["kind", "messages"], self._kinds.most_common())
        columns = ["message", "reason", "kind", "sent", "interactions", *(["metadata"] if metadata else [])]
        rows = [_example(message)[: len(columns)] for message in self._examples]
        show_table("examples", columns, rows)


def _example(message: DlqMessage) -> list[str]:
    metadata = [json.dumps(one.get("metadata"), ensure_ascii=False) for one in message.interactions]
    return [
        message.message_id,
        message.reason,
        _kind(message),
        _format_time(message.sent_at),
        " ".join(message.texts("id")),
        " ".join(metadata) or message.body,
    ]


def _kind(message: DlqMessage) -> str:
    return " ".join(message.texts("kind")) or "unreadable"


def _format_time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _age(time: datetime) -> str:
    return format_seconds(int((datetime.now(UTC) - time).total_seconds()))


def format_seconds(seconds: int) -> str:
    """Return the duration in its two largest units."""
    parts = []
    for unit, unit_seconds in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, unit_seconds)
        parts += [f"{number} {unit}"] if number else []
    return " ".join(parts[:2]) or "0 s"
