"""The files that keep the local queues' messages, and how many there are in them. Standard library only."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from local.component import CloudError

HELD: Final = "queues.jsonl"
"""What the running endpoint's queues hold."""
EARLIER: Final = "queues-earlier.jsonl"
"""What earlier endpoints' queues held and nobody has sent again."""
WAITING, DEAD = "QueueUrl", "DeadLetterQueueUrl"
"""The two queues, by the stack's outputs that have their addresses."""


def read(folder: Path, *names: str) -> list[dict[str, Any]]:
    """Return the messages in these files of the folder; raises CloudError for a line that is none."""
    return [message for name in names for message in _read(folder / name)]


def count(messages: list[dict[str, Any]]) -> Counter[str]:
    """Return how many messages each queue has."""
    return Counter(message["queue"] for message in messages)


def describe(counts: Counter[str]) -> str:
    """Say in words how many messages there are."""
    parts = ((WAITING, "waiting interaction"), (DEAD, "dead-lettered message"))
    return " and ".join(f"{counts[queue]} {name}{'s' * (counts[queue] != 1)}" for queue, name in parts if counts[queue])


def _read(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text(encoding="utf-8").split("\n") if file.exists() else []
    try:
        return [json.loads(line) for line in lines if line]
    except ValueError as error:
        raise CloudError(f"{file} is damaged ({error}): move it away; it has messages that were not stored") from None
