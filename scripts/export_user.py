"""export-user: all that is held on a person."""

import json
from typing import TextIO

import click

from scripts.people import find_person
from scripts.target import Target, WrongUseError, environment_option, find, run


@click.command()
@environment_option
@click.argument("user")
@click.option("-o", "--output", type=click.File("w", lazy=True), default="-", help="A file instead of the terminal.")
def export_user(environment: str, user: str, output: TextIO) -> None:
    """Write everything held on USER, an e-mail address or an id, as JSON Lines.

    First the account in the user pool, then the last erasure if there was one, then each interaction. The graph holds
    nothing that is not made from these.
    """
    target = find(environment)
    person = find_person(target, user)
    held = target.operate("holdings", user_id=person.user_id)
    if not (person.account or any(held.values())):
        raise WrongUseError(f"{target.name} knows no user {user}")
    if person.account:
        _write(output, "account", person.account)
    if held["erased_at"]:
        _write(output, "erasure", {"user_id": person.user_id, "erased_at": held["erased_at"]})
    _write_interactions(target, person.user_id, output)


def _write_interactions(target: Target, user_id: str, output: TextIO) -> None:
    cursor = None
    while (page := target.operate("export", user_id=user_id, cursor=cursor))["interactions"]:
        for one in page["interactions"]:
            metadata = None if one["metadata"] is None else json.loads(one["metadata"])
            _write(output, "interaction", {**one, "metadata": metadata})
        cursor = page["cursor"]


def _write(output: TextIO, type_: str, content: dict[str, object]) -> None:
    output.write(json.dumps({"type": type_, **content}, ensure_ascii=False) + "\n")


def main() -> None:
    """Run the command."""
    run(export_user)
