"""redrive-dlq: show dead-lettered messages, send them back, or write them to a file and remove them."""

import math
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from scripts.common.cli import Time, command, environment_option
from scripts.common.console import progress
from scripts.common.errors import OperationError, WrongUseError
from scripts.common.output_files import check_new_output
from scripts.common.target import find_target
from scripts.dlq.actions import make_action
from scripts.dlq.discard_file import check_file, read_file
from scripts.dlq.message import GAVE_UP, POISON, Selection
from scripts.dlq.queue import MAX_HOLD_SECONDS, DeadLetterQueue

# Each option that only some actions use; without one of them the command only shows messages.
ACTIONS_OF_OPTIONS = {
    "file": ("discard",),
    "yes": ("discard",),
    "rate": ("redrive", "from_file"),
    "dry_run": ("redrive", "discard", "from_file"),
    "hold": ("redrive", "discard", "view"),
}
POISON_IS_LEFT = "; poison stays unless --poison or --reason selects it"


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
@click.option("--limit", type=click.IntRange(1, 10**9), help="At most so many messages, in no particular order.")
@click.option("--poison", is_flag=True, help="Only poison: short for its three --reason values.")
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
    """Show the dead-letter queue: interactions that could not be stored.

    By default the command counts them by reason and by kind, and changes nothing. A batch that gave up is one message,
    and moves as one; so --kind, --limit and --rate select messages. Messages that gave up (Postgres was
    unavailable for too long) can be stored another time: --redrive sends them back. Poison (not_json, refused,
    data_error) can never be stored as it is: it stays unless requested.

    If killed at any time, nothing is lost and running it again is safe: a message is sent or written before it is
    removed, and no interaction is stored twice.
    """
    action_name = next((name for name in ("redrive", "discard", "from_file") if options[name]), "view")
    _check(action_name, options)
    if action_name == "discard" and not options["file"]:
        options["file"] = Path(f"dead-letters-{environment}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl")
        check_new_output(options["file"])
    selection = _selection(action_name, options)
    path = options["from_file"]
    in_file, incomplete_line = check_file(path) if path else (0, None)
    target = find_target(environment)
    with (
        DeadLetterQueue(target, hold_seconds=options["hold"], messages_per_second=options["rate"]) as queue,
        progress() as bar,
    ):
        action = make_action(action_name, target, queue, options)
        messages = (
            filter(selection.matches, read_file(path)) if path else queue.read(selection.matches, keep=action.moves)
        )
        total = in_file if path else queue.count
        try:
            action.apply(islice(bar.track(messages, total=total, description="reading"), options["limit"]))
        finally:
            bar.stop()
            action.report.show(action.title, metadata=options["metadata"])
            if queue.unselected:
                click.echo(f"not selected: {queue.unselected}" + (POISON_IS_LEFT if action_name == "redrive" else ""))
    if action.failed:
        raise OperationError(f"{action.failed} messages were refused and stay where they are")
    if incomplete_line:
        raise OperationError(f"{path}, line {incomplete_line}: it is incomplete and was not sent")
    if not path:
        queue.check_all_read()


def _selection(action: str, options: dict[str, Any]) -> Selection:
    reasons = {*options["reason"], *(POISON if options["poison"] else ())}
    if action == "redrive" and not reasons:
        reasons = {GAVE_UP}
    return Selection(reasons=tuple(reasons), kinds=options["kind"], since=options["since"])


def _check(action: str, options: dict[str, Any]) -> None:
    if sum(map(bool, (options["redrive"], options["discard"], options["from_file"]))) > 1:
        raise WrongUseError("choose one of --redrive, --discard and --from-file")
    context = click.get_current_context()
    for option, actions in ACTIONS_OF_OPTIONS.items():
        if action not in actions and context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            names = " or ".join(f"--{name.replace('_', '-')}" for name in actions if name != "view")
            raise WrongUseError(f"--{option.replace('_', '-')} goes only with {names}")
    if options["discard"] and options["yes"] == options["dry_run"]:
        raise WrongUseError("--discard removes messages: add either --yes, or --dry-run to see which")
    if options["file"]:
        check_new_output(options["file"])
