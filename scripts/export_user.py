"""export-user: write all data of a user."""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import click

from scripts.common.cli import command, environment_option
from scripts.common.console import escaped_json
from scripts.common.output_files import check_new_output, write_new_file
from scripts.common.target import Target, find_target
from scripts.common.users import User, find_user, unknown_user
from scripts.dlq.message import DlqMessage
from scripts.dlq.queue import DeadLetterQueue
from scripts.dlq.user_messages import read_messages_of


@command()
@environment_option
@click.argument("user")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a new file instead of standard output.")
def export_user(environment: str, user: str, output: Path | None) -> None:
    """Write all data of USER, an e-mail address or an id, as JSON Lines.

    The lines are: the account in the user pool, the last erasure if there is one, each interaction, and the user's
    messages in the dead-letter queue. The graph is made from these and holds nothing else.

    Only you may read the file; it appears when it is complete. The command cannot read dead-lettered messages that
    another command holds: it then exits with 3, without a file; run it again.
    """
    path = None if output == Path("-") else output
    if path:
        check_new_output(path)
    target = find_target(environment)
    found = find_user(target, user)
    with write_new_file(path) if path else nullcontext(sys.stdout) as file:
        lines = 0
        for line in _lines(target, found):
            file.write(line + "\n")
            lines += 1
        file.flush()  # here its failure is reported; at the end of the process it is not
        if not lines:
            raise unknown_user(target, user)


def _lines(target: Target, user: User) -> Iterator[str]:
    """Yield the lines; raises OperationError after them if dead-lettered messages could not be read."""
    counts = target.operate("holdings", user_id=user.user_id)
    if user.account:
        yield _line("account", user.account)
    if counts["erased_at"]:
        yield _line("erasure", {"user_id": user.user_id, "erased_at": counts["erased_at"]})
    for page in target.operate_in_calls("export", user_id=user.user_id):
        for one in page["interactions"]:
            metadata = None if one["metadata"] is None else json.loads(one["metadata"])
            yield _line("interaction", {**one, "metadata": metadata})
    with DeadLetterQueue(target) as queue:
        for message in read_messages_of(queue, user.user_id):
            yield _line("dead_letter", _content(message, user.user_id))
    queue.check_all_read()


def _content(message: DlqMessage, user_id: str) -> dict[str, object]:
    """Return the user's part of the message; the whole body if it cannot be divided."""
    own = [one for one in message.interactions if one.get("user_id") == user_id]
    content = {"interactions": own} if own else {"body": message.body}
    return {"reason": message.reason, "sent_at": message.sent_at.isoformat(), **content}


def _line(type_: str, content: dict[str, object]) -> str:
    return escaped_json({"type": type_, **content})
