"""export-user: write all data of a user."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from scripts.common.cli import command, environment_option, run
from scripts.common.output_files import check_new_output
from scripts.common.target import Target, find_target
from scripts.common.users import find_user, unknown_user
from scripts.dlq.message import DlqMessage
from scripts.dlq.queue import check_all_seen, find_messages_of


@command()
@environment_option
@click.argument("user")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a new file instead of standard output.")
def export_user(environment: str, user: str, output: Path | None) -> None:
    """Write all data of USER, an e-mail address or an id, as JSON Lines.

    The lines are: the account in the user pool, the last erasure if there is one, each interaction, and the user's
    messages in the dead-letter queue. The graph is made from these and holds nothing else.

    Only you may read the file. The command cannot read dead-lettered messages that another command holds: it then exits
    with 3; run it again.
    """
    path = None if output == Path("-") else output
    if path:
        check_new_output(path)
    target = find_target(environment)
    found = find_user(target, user)
    counts = target.operate("holdings", user_id=found.user_id)
    messages, in_flight = find_messages_of(target, {found.user_id})
    if not (found.account or any(counts.values()) or messages):
        check_all_seen(in_flight)
        raise unknown_user(target, user)
    with _open(path) as file:
        if found.account:
            _write(file, "account", found.account)
        if counts["erased_at"]:
            _write(file, "erasure", {"user_id": found.user_id, "erased_at": counts["erased_at"]})
        _write_interactions(target, found.user_id, file)
        for message in messages:
            _write(file, "dead_letter", _content(message, found.user_id))
        file.flush()  # here its failure is reported; at the end of the process it is not
    check_all_seen(in_flight)


@contextmanager
def _open(path: Path | None) -> Iterator[TextIO]:
    """Open the new file, or standard output."""
    if not path:
        yield sys.stdout
        return
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        yield file


def _write_interactions(target: Target, user_id: str, file: TextIO) -> None:
    for page in target.operate_in_calls("export", user_id=user_id):
        for one in page["interactions"]:
            metadata = None if one["metadata"] is None else json.loads(one["metadata"])
            _write(file, "interaction", {**one, "metadata": metadata})


def _content(message: DlqMessage, user_id: str) -> dict[str, object]:
    """Return the user's part of the message; the whole body if it cannot be divided."""
    own = [one for one in message.interactions if one.get("user_id") == user_id]
    content = {"interactions": own} if own else {"body": message.body}
    return {"reason": message.reason, "sent_at": message.sent_at.isoformat(), **content}


def _write(file: TextIO, type_: str, content: dict[str, object]) -> None:
    file.write(json.dumps({"type": type_, **content}, ensure_ascii=False) + "\n")


def main() -> None:
    """Run the command."""
    run(export_user)
