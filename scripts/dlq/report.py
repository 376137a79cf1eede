"""What redrive-dlq shows of dead letters."""

import json
from collections import Counter
from datetime import UTC, datetime

from scripts.common.console import console, show_table
from scripts.dlq.message import DeadLetter

EXAMPLES = 5


class Report:
    """Counts of dead letters, and a few of them as examples."""

    def __init__(self) -> None:
        self.count = 0
        self._reasons: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._oldest: datetime | None = None
        self._examples: list[DeadLetter] = []

    def add(self, letter: DeadLetter) -> None:
        """Count it in."""
        self.count += 1
        self._reasons[letter.reason] += 1
        self._kinds[_kind(letter)] += 1
        self._oldest = min(self._oldest or letter.sent_at, letter.sent_at)
        if len(self._examples) < EXAMPLES:
            self._examples.append(letter)

    def show(self, title: str, *, metadata: bool) -> None:
        """Print the counts and the examples; what people wrote only when asked for."""
        age = f", the oldest {_since(self._oldest)} old ({_moment(self._oldest)})" if self._oldest else ""
        console.print(f"{title}: {self.count}{age}", highlight=False, markup=False, soft_wrap=True)
        if not self.count:
            return
        show_table("by reason", ["reason", "messages"], self._reasons.most_common())
        show_table("by kind", ["kind", "messages"], self._kinds.most_common())
        columns = ["message", "reason", "kind", "sent", "interactions", *(["metadata"] if metadata else [])]
        rows = [_example(letter)[: len(columns)] for letter in self._examples]
        show_table("some of them", columns, rows)


def _example(letter: DeadLetter) -> list[str]:
    written = [json.dumps(one.get("metadata"), ensure_ascii=False) for one in letter.interactions]
    return [
        letter.message_id,
        letter.reason,
        _kind(letter),
        _moment(letter.sent_at),
        " ".join(letter.texts("id")),
        " ".join(written) or letter.body,
    ]


def _kind(letter: DeadLetter) -> str:
    return " ".join(letter.texts("kind")) or "unreadable"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _since(moment: datetime) -> str:
    return age(int((datetime.now(UTC) - moment).total_seconds()))


def age(seconds: int) -> str:
    """Return it in its two largest units."""
    parts = []
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, length)
        parts += [f"{number} {unit}"] if number else []
    return " ".join(parts[:2]) or "0 s"
