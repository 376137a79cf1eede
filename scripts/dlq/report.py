"""The summary of dead-lettered messages that redrive-dlq prints."""

import json
from collections import Counter
from datetime import UTC, datetime

from scripts.common.console import console, printable, show_table
from scripts.dlq.message import DlqMessage

MAX_EXAMPLES = 5
MAX_PARTS = 3  # of a message that are shown in its example


class Report:
    """Counts of interactions, with a few messages as examples. A message that cannot be read counts as one."""

    def __init__(self) -> None:
        self.messages = 0
        self._reasons: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._oldest: datetime | None = None
        self._examples: list[DlqMessage] = []

    @property
    def interactions(self) -> int:
        """How many interactions the messages hold."""
        return self._kinds.total()

    def add(self, message: DlqMessage) -> None:
        """Count the message."""
        kinds = message.kinds
        self.messages += 1
        self._reasons[message.reason] += len(kinds)
        self._kinds.update(kinds)
        self._oldest = min(self._oldest or message.sent_at, message.sent_at)
        if len(self._examples) < MAX_EXAMPLES:
            self._examples.append(message)

    def show(self, title: str, *, metadata: bool) -> None:
        """Print the counts and the examples; the users' metadata only on request."""
        age = f", the oldest {_age(self._oldest)} old ({_format_time(self._oldest)})" if self._oldest else ""
        count = f"{self.interactions} interactions in {self.messages} messages"
        console().print(f"{printable(title)}: {count}{age}", highlight=False, markup=False, soft_wrap=True)
        if not self.messages:
            return
        show_table("by reason", ["reason", "interactions"], self._reasons.most_common())
        show_table("by kind", ["kind", "interactions"], self._kinds.most_common())
        columns = ["message", "reason", "kind", "sent", "interactions", *(["metadata"] if metadata else [])]
        rows = [_example(message)[: len(columns)] for message in self._examples]
        show_table("examples", columns, rows)


def _example(message: DlqMessage) -> list[str]:
    metadata = [json.dumps(one.get("metadata"), ensure_ascii=False) for one in message.interactions]
    return [
        message.message_id,
        message.reason,
        " ".join(sorted(set(message.kinds))),
        _format_time(message.sent_at),
        _first(message.texts("id")),
        _first(metadata) or message.body,
    ]


def _first(texts: list[str]) -> str:
    more = len(texts) - MAX_PARTS
    return " ".join(texts[:MAX_PARTS]) + (f" and {more} more" if more > 0 else "")


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
