"""erase-user: forget a person."""

import json
from pathlib import Path
from typing import Any

import click

from scripts.dead_letters import remove_of
from scripts.people import find_person
from scripts.target import Target, WrongUseError, environment_option, find, run


@click.command()
@environment_option
@click.argument("user", required=False)
@click.option("--list", "list_all", is_flag=True, help="List all erasures, as JSON Lines.")
@click.option("--again", is_flag=True, help="Apply all erasures again, after a restore; the unfinished ones too.")
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="With --again: those of a list."
)
@click.option("--yes", is_flag=True, help="Really; without it you see what would go.")
def erase_user(
    environment: str, user: str | None, *, list_all: bool, again: bool, file: Path | None, yes: bool
) -> None:
    """Erase what is held on USER, an e-mail address or an id: from the ledger, the graph and the dead letters.

    What they do from now on is stored again; their account in the user pool stays. Interrupted, run it again.

    After Postgres was restored to an earlier moment, erasures since then are missing there: save a --list before, and
    apply it with --again --file.
    """
    if [bool(user), list_all, again].count(True) != 1 or (file and not again):
        raise WrongUseError("name a USER, or give --list, or --again (which takes a --file)")
    target = find(environment)
    if list_all:
        for one in _erasures(target):
            click.echo(json.dumps(one))
    elif again:
        _again(target, file, yes=yes)
    elif user:
        _erase_person(target, user, yes=yes)


def _erase_person(target: Target, user: str, *, yes: bool) -> None:
    person = find_person(target, user)
    held = target.operate("holdings", user_id=person.user_id)
    if not (person.account or any(held.values())):
        raise WrongUseError(f"{target.name} knows no user {user}")
    waiting, nodes = held["waiting"], held["nodes"]
    click.echo(f"{person.user_id}: {held['interactions']} interactions ({waiting} not yet in the graph), {nodes} nodes")
    if yes:
        _erase(target, person.user_id, erased_at=None)
    else:
        click.echo("nothing was erased: --yes erases it, and this user's dead letters")


def _again(target: Target, file: Path | None, *, yes: bool) -> None:
    latest: dict[str, str] = {}
    lines = [json.loads(line) for line in file.read_text().splitlines() if line.strip()] if file else []
    for one in [*_erasures(target), *lines]:
        latest[one["user_id"]] = max(one["erased_at"], latest.get(one["user_id"], ""))
    click.echo(f"{len(latest)} erasures" + ("" if yes else ": --yes applies them again"))
    for user_id, erased_at in latest.items() if yes else ():
        _erase(target, user_id, erased_at=erased_at)


def _erase(target: Target, user_id: str, *, erased_at: str | None) -> None:
    answer = target.operate("erase", user_id=user_id, erased_at=erased_at)
    counts = {name: answer[name] for name in ("interactions", "nodes")}
    while answer["cursor"]:
        answer = target.operate("erase", user_id=user_id, cursor=answer["cursor"])
        counts = {name: counts[name] + answer[name] for name in counts}
    letters = remove_of(target, user_id)
    click.echo(
        f"{user_id}: erased {counts['interactions']} interactions, {counts['nodes']} nodes and {letters} dead letters"
        f" from up to {answer['erased_at']}"
    )


def _erasures(target: Target) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while cursor or not found:
        page = target.operate("erasures", cursor=cursor)
        found += page["erasures"]
        if not (cursor := page["cursor"]):
            break
    return found


def main() -> None:
    """Run the command."""
    run(erase_user)
