"""redrive-dlq: show dead-lettered messages, send them back, or write them to a file and remove them."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from scripts.common.cli import Time, command, environment_option, run
from scripts.common.console import console, progress
from scripts.common.errors import OperationError, WrongUseError
from scripts.common.output_files import check_new_output
from scripts.common.target import Target, find_target
from scripts.dlq.message import GAVE_UP, POISON, DlqMessage, Selection, append_to_file, read_file
from scripts.dlq.queue import BATCH_MESSAGES, MAX_HOLD_SECONDS, DeadLetterQueue, batches
from scripts.dlq.report import Report

WRITE_MESSAGES = 100  # messages in one write to the disk


class Rate(click.FloatRange):
    """A finite number of messages per second."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return a number in the range; `nan` and `inf` are refused although they are floats."""
        rate = float(super().convert(value, param, ctx))
        if not math.isfinite(rate):
            self.fail(f"{value} is not a number of messages per second", param, ctx)
        return rate


@command()
@environment_option
@click.option("--redrive", is_flag=True, help="Send messages back to the queue; poison only on request.")
@click.option("--discard", is_flag=True, help="Write messages to a file, then remove them; needs --yes.")
@click.option(
    "--from-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Send back a discarded file."
)
@click.option("--reason", multiple=True, type=click.Choice([GAVE_UP, *POISON]), help="Only this reason; repeatable.")
@click.option("--kind", multiple=True, help="Only messages with an interaction of this kind; repeatable.")
@click.option("--since", type=Time(), help="Only what was sent since then: 90m, 12h, 3d, or a time (UTC).")
@click.option("--limit", type=click.IntRange(1, 10**9), help="At most so many, in no particular order.")
@click.option("--poison", is_flag=True, help="With --redrive: poison too. Naming its --reason does the same.")
@click.option("--rate", type=Rate(min=0.1), default=50, show_default=True, help="Messages sent per second at most.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and do nothing.")
@click.option("--metadata", is_flag=True, help="Show the users' metadata too.")
@click.option(
    "--file", type=click.Path(path_type=Path), help="Where --discard writes; the default name has the time in it."
)
@click.option(
    "--hold", type=click.IntRange(1, MAX_HOLD_SECONDS), help="Seconds to hide a message; the default is long enough."
)
@click.option("--yes", is_flag=True, help="Confirm --discard.")
def redrive_dlq(environment: str, **options: Any) -> None:
    """Show the dead-letter queue: messages with interactions that could not be stored.

    By default the command counts them by reason and by kind, and changes nothing. Messages that gave up (Postgres was
    unavailable for too long) can be stored another time: --redrive sends them back. Poison (not_json, refused,
    data_error) can never be stored as it is: it stays unless requested.

    If killed at any time, nothing is lost and running it again is safe: a message is sent or written before it is
    removed, and no interaction is stored twice.
    """
    if options["discard"] and not options["file"]:
        options["file"] = Path(f"dead-letters-{environment}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl")
    _check(options)
    reasons = options["reason"] or ([GAVE_UP] if options["redrive"] and not options["poison"] else [])
    selection = Selection(reasons=tuple(reasons), kinds=options["kind"], since=options["since"], limit=options["limit"])
    target = find_target(environment)
    held = {"hold_seconds": options["hold"], "messages_per_second": options["rate"]}
    with DeadLetterQueue(target, **held) as queue, progress() as bar:
        messages = read_file(options["from_file"]) if options["from_file"] else queue
        total = len(messages) if isinstance(messages, list) else queue.count
        action = _action(target, queue, options)
        try:
            action.apply(selection.of(bar.track(messages, total=total, description="reading")))
        finally:
            bar.stop()
            action.report.show(action.title, metadata=options["metadata"])
    if queue.in_flight:
        console.print(f"{queue.in_flight} more are held by another command, or by one that was killed: try later")
    if action.failed:
        raise OperationError(f"{action.failed} were refused and stay where they are")


def _check(options: dict[str, Any]) -> None:
    if sum(map(bool, (options["redrive"], options["discard"], options["from_file"]))) > 1:
        raise WrongUseError("choose one of --redrive, --discard and --from-file")
    if options["discard"] and not (options["yes"] or options["dry_run"]):
        raise WrongUseError("--discard removes messages: add --yes, or --dry-run to see which")
    if options["file"]:
        check_new_output(options["file"])


@dataclass(kw_only=True)
class Action:
    """What is done with the selected messages, and its result."""

    title: str
    act: Callable[[list[DlqMessage]], list[DlqMessage]] = list
    """Processes some messages and returns those that succeeded; the default changes nothing."""
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


def _action(target: Target, queue: DeadLetterQueue, options: dict[str, Any]) -> Action:
    rate = options["rate"]
    if options["redrive"]:
        action = Action(title="sent back", act=queue.redrive, messages_per_second=rate)
    elif options["discard"]:
        path = options["file"]
        title = f"written to {path} and removed" if queue.count else "removed"
        action = Action(title=title, act=partial(_discard, target, queue, path))
    elif options["from_file"]:
        act = partial(_send_back, target, queue)
        action = Action(title=f"sent from {options['from_file']}", act=act, messages_per_second=rate)
    else:
        return Action(title=f"dead-lettered messages of {target.name}")
    return Action(title=f"would be {action.title}") if options["dry_run"] else action


def _discard(target: Target, queue: DeadLetterQueue, path: Path, messages: list[DlqMessage]) -> list[DlqMessage]:
    append_to_file(path, messages)
    deleted = queue.delete(messages)
    target.operate("count_discarded", interactions=_count_interactions(deleted))
    return deleted


def _send_back(target: Target, queue: DeadLetterQueue, messages: list[DlqMessage]) -> list[DlqMessage]:
    sent = queue.send(messages)
    target.operate("count_discarded", interactions=-_count_interactions(sent))
    return sent


def _count_interactions(messages: list[DlqMessage]) -> int:
    return sum(max(1, len(message.interactions)) for message in messages)


def main() -> None:
    """Run the command."""
    run(redrive_dlq)
