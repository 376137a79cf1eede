"""redrive-dlq: interactions that could not be stored: look at them, send them back, or put them aside."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from scripts.common.cli import Moment, command, environment_option, run
from scripts.common.console import console, progress
from scripts.common.output_files import check_new_output
from scripts.common.target import OperationError, Target, WrongUseError, find
from scripts.dlq.message import GAVE_UP, POISON, DeadLetter, Selection, append_to_file, read_file
from scripts.dlq.queue import BATCH, DeadLetters, batches
from scripts.dlq.report import Report

AT_ONCE = 100  # letters between two looks at the clock, or in one write to the disk


class Rate(click.FloatRange):
    """How many a second: a number that one can wait for."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return a number in the range; `nan` and `inf` are floats, too."""
        rate = float(super().convert(value, param, ctx))
        if not math.isfinite(rate):
            self.fail(f"{value} is no number of messages a second", param, ctx)
        return rate


@command()
@environment_option
@click.option("--redrive", is_flag=True, help="Send them back to the queue; poison stays unless asked for.")
@click.option("--discard", is_flag=True, help="Write them to a file, then remove them; needs --yes.")
@click.option(
    "--from-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Send such a file back."
)
@click.option("--reason", multiple=True, type=click.Choice([GAVE_UP, *POISON]), help="Only these; may be repeated.")
@click.option("--kind", multiple=True, help="Only those with an interaction of this kind; may be repeated.")
@click.option("--since", type=Moment(), help="Only what was sent since then: 90m, 12h, 3d, or a time (UTC).")
@click.option("--limit", type=click.IntRange(1, 10**9), help="At most so many, in no order.")
@click.option("--poison", is_flag=True, help="With --redrive: poison too. Naming its --reason does the same.")
@click.option("--rate", type=Rate(min=0.1), default=50, show_default=True, help="Most sent a second.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and do nothing.")
@click.option("--metadata", is_flag=True, help="Show what people wrote, too.")
@click.option(
    "--file", type=click.Path(path_type=Path), help="Where --discard writes; by default a name with the time."
)
@click.option("--hold", type=click.IntRange(1, 43200), help="Seconds to hide a message in hand; by default enough.")
@click.option("--yes", is_flag=True, help="Really discard.")
def redrive_dlq(environment: str, **options: Any) -> None:
    """Look into the dead-letter queue, where interactions lie that could not be stored.

    Without more it counts them by reason and by kind, and changes nothing. What gave up (Postgres was away for too
    long) can be stored another day: --redrive sends it back. Poison (not_json, refused, data_error) never can as it
    is: it stays unless asked for.

    Killed at any point nothing is lost, and running it again is safe: a message is sent or written before it is
    removed, and no interaction is stored twice.
    """
    if options["discard"] and not options["file"]:
        options["file"] = Path(f"dead-letters-{environment}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl")
    _check(options)
    reasons = options["reason"] or ([GAVE_UP] if options["redrive"] and not options["poison"] else [])
    chosen = Selection(reasons=tuple(reasons), kinds=options["kind"], since=options["since"], limit=options["limit"])
    target = find(environment)
    with DeadLetters(target, hold=options["hold"], rate=options["rate"]) as queue, progress() as bar:
        letters = read_file(options["from_file"]) if options["from_file"] else queue
        total = len(letters) if isinstance(letters, list) else queue.count
        action = _action(target, queue, options)
        try:
            action.apply(chosen.of(bar.track(letters, total=total, description="reading")))
        finally:
            bar.stop()
            action.report.show(action.title, metadata=options["metadata"])
    if queue.hidden:
        console.print(f"{queue.hidden} more are in other hands, or were when a command was cut off: look again later")
    if action.failed:
        raise OperationError(f"{action.failed} were refused and are where they were")


def _check(options: dict[str, Any]) -> None:
    if sum(map(bool, (options["redrive"], options["discard"], options["from_file"]))) > 1:
        raise WrongUseError("choose one of --redrive, --discard and --from-file")
    if options["discard"] and not (options["yes"] or options["dry_run"]):
        raise WrongUseError("--discard removes messages: add --yes, or --dry-run to see which")
    if options["file"]:
        check_new_output(options["file"])


@dataclass(kw_only=True)
class Action:
    """What is done to the chosen letters, and what came of it."""

    title: str
    act: Callable[[list[DeadLetter]], list[DeadLetter]] = list
    """Does it to some letters and returns those to which it was done; by default nothing is done to all."""
    rate: float = math.inf
    """Letters a second."""
    report: Report = field(default_factory=Report)
    failed: int = 0

    def apply(self, letters: Iterable[DeadLetter]) -> None:
        """Do it, no faster than the rate."""
        due = time.monotonic()
        for batch in batches(letters, size=AT_ONCE if math.isinf(self.rate) else max(1, min(BATCH, int(self.rate)))):
            time.sleep(max(0.0, due - time.monotonic()))
            due = time.monotonic() + len(batch) / self.rate
            done = self.act(batch)
            self.failed += len(batch) - len(done)
            for letter in done:
                self.report.add(letter)


def _action(target: Target, queue: DeadLetters, options: dict[str, Any]) -> Action:
    if options["redrive"]:
        action = Action(title="sent back", act=queue.redrive, rate=options["rate"])
    elif options["discard"]:
        path = options["file"]
        title = f"written to {path} and removed" if queue.count else "removed"
        action = Action(title=title, act=partial(_discard, target, queue, path))
    elif options["from_file"]:
        act = partial(_send_back, target, queue)
        action = Action(title=f"sent from {options['from_file']}", act=act, rate=options["rate"])
    else:
        return Action(title=f"dead letters of {target.name}")
    return Action(title=f"would be {action.title}") if options["dry_run"] else action


def _discard(target: Target, queue: DeadLetters, path: Path, letters: list[DeadLetter]) -> list[DeadLetter]:
    append_to_file(path, letters)
    removed = queue.remove(letters)
    target.operate("count_discarded", interactions=_interactions(removed))
    return removed


def _send_back(target: Target, queue: DeadLetters, letters: list[DeadLetter]) -> list[DeadLetter]:
    sent = queue.send(letters)
    target.operate("count_discarded", interactions=-_interactions(sent))
    return sent


def _interactions(letters: list[DeadLetter]) -> int:
    return sum(max(1, len(letter.interactions)) for letter in letters)


def main() -> None:
    """Run the command."""
    run(redrive_dlq)
