"""What redrive-dlq does with messages: show them, send them back, or write them to a file and remove them."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scripts.common.target import Target
from scripts.dlq.discard_file import DiscardFile
from scripts.dlq.message import DlqMessage
from scripts.dlq.queue import BATCH_MESSAGES, DeadLetterQueue, batches
from scripts.dlq.report import Report

WRITE_MESSAGES = 100  # messages in one write to the disk


@dataclass(kw_only=True)
class Action:
    """What is done with the selected messages, and its result."""

    title: str
    moves: bool = False
    """Whether it takes messages out of the queue."""
    act: Callable[[list[DlqMessage]], list[DlqMessage]] = list
    """Processes some messages and returns those that succeeded; the default changes nothing."""
    count: Callable[[list[DlqMessage]], object] = len
    """Called with those that succeeded, once the report has them: if it fails, the report is right all the same."""
    messages_per_second: float = math.inf
    report: Report = field(default_factory=Report)
    failed: int = 0

    def apply(self, messages: Iterable[DlqMessage]) -> None:
        """Process the messages, no faster than the rate."""
        rate = self.messages_per_second
        due = time.monotonic()
        for batch in batches(
            messages, max_items=WRITE_MESSAGES if math.isinf(rate) else max(1, min(BATCH_MESSAGES, int(rate)))
        ):
            time.sleep(max(0.0, due - time.monotonic()))
            due = time.monotonic() + len(batch) / rate
            done = self.act(batch)
            self.failed += len(batch) - len(done)
            for message in done:
                self.report.add(message)
            self.count(done)


def make_action(name: str, target: Target, queue: DeadLetterQueue, options: dict[str, Any]) -> Action:
    """Return the action of this name: redrive, discard, from_file or view; with --dry-run it changes nothing."""
    rate = options["rate"]
    match name:
        case "redrive":
            action = Action(title="sent back", moves=True, act=queue.redrive, messages_per_second=rate)
        case "discard":
            path = options["file"]
            title = f"written to {path} and removed" if queue.count else "removed"
            act = partial(_discard, queue, DiscardFile(path))
            action = Action(title=title, moves=True, act=act, count=partial(_count_discarded, target, 1))
        case "from_file":
            title, count = f"sent from {options['from_file']}", partial(_count_discarded, target, -1)
            action = Action(title=title, act=queue.send, count=count, messages_per_second=rate)
        case _:
            return Action(title=f"dead-lettered messages of {target.name}")
    return Action(title=f"would be {action.title}") if options["dry_run"] else action


def _discard(queue: DeadLetterQueue, file: DiscardFile, messages: list[DlqMessage]) -> list[DlqMessage]:
    file.append(messages)
    return queue.delete(messages)


def _count_discarded(target: Target, sign: int, messages: list[DlqMessage]) -> None:
    """Add these messages' interactions to the count of discarded ones, or with -1 take them from it."""
    target.operate("count_discarded", interactions=sign * sum(len(message.parts) for message in messages))
