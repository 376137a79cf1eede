"""export-user: all that is held on a person."""

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
from scripts.common.target import Target, WrongUseError, find
from scripts.common.users import find_person
from scripts.dlq.message import DeadLetter
from scripts.dlq.queue import letters_of, tell_hidden


@command()
@environment_option
@click.argument("user")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new file instead of the terminal.")
def export_user(environment: str, user: str, output: Path | None) -> None:
    """Write everything held on USER, an e-mail address or an id, as JSON Lines.

    First the account in the user pool, then the last erasure if there was one, then each interaction, then what of them
    lies in the dead-letter queue. The graph holds nothing that is not made from these.

    Nobody but you may read the file. Dead letters that another command holds at the moment are not seen: it then exits
    with 3, and is to be run again.
    """
    path = None if output == Path("-") else output
    if path:
        check_new_output(path)
    target = find(environment)
    person = find_person(target, user)
    held = target.operate("holdings", user_id=person.user_id)
    letters, hidden = letters_of(target, {person.user_id})
    if not (person.account or any(held.values()) or letters):
        tell_hidden(hidden)
        raise WrongUseError(f"{target.name} knows no user {user}")
    with _opened(path) as file:
        if person.account:
            _write(file, "account", person.account)
        if held["erased_at"]:
            _write(file, "erasure", {"user_id": person.user_id, "erased_at": held["erased_at"]})
        _write_interactions(target, person.user_id, file)
        for letter in letters:
            _write(file, "dead_letter", _content(letter, person.user_id))
        file.flush()  # here, not at the end of all, where nobody tells that it went wrong
    tell_hidden(hidden)


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIO]:
    """Give the new file, or standard output."""
    if not path:
        yield sys.stdout
        return
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        yield file


def _write_interactions(target: Target, user_id: str, file: TextIO) -> None:
    cursor = None
    while (page := target.operate("export", user_id=user_id, cursor=cursor))["interactions"]:
        for one in page["interactions"]:
            metadata = None if one["metadata"] is None else json.loads(one["metadata"])
            _write(file, "interaction", {**one, "metadata": metadata})
        cursor = page["cursor"]


def _content(letter: DeadLetter, user_id: str) -> dict[str, object]:
    """Return what it holds of this user: of a message that names others, too, only what is theirs."""
    mine = [one for one in letter.interactions if one.get("user_id") == user_id]
    content = {"interactions": mine} if mine else {"body": letter.body}
    return {"reason": letter.reason, "sent_at": letter.sent_at.isoformat(), **content}


def _write(file: TextIO, type_: str, content: dict[str, object]) -> None:
    file.write(json.dumps({"type": type_, **content}, ensure_ascii=False) + "\n")


def main() -> None:
    """Run the command."""
    run(export_user)
