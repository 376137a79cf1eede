"""erase-user: forget a person."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scripts.command import command, environment_option, run
from scripts.dead_letters import remove_of
from scripts.people import find_person
from scripts.target import OperationError, Target, WrongUseError, find


@command()
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

    Dead letters that another command holds at the moment are not seen: it then exits with 3, and is to be run again.
    """
    if [bool(user), list_all, again].count(True) != 1 or (file and not again):
        raise WrongUseError("name a USER, or give --list, or --again (which takes a --file)")
    listed = read_list(file) if file else {}
    target = find(environment)
    if list_all:
        for one in _erasures(target):
            click.echo(json.dumps(one))
    elif again:
        _again(target, listed, yes=yes)
    elif user:
        _erase_person(target, user, yes=yes)


def read_list(path: Path) -> dict[str, datetime]:
    """Read what --list printed: each user's latest moment. Raises WrongUseError, naming the line, for anything else."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise WrongUseError(f"{path}: not what --list printed, nor any text") from None
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found += [_erasure(json.loads(line))] if line.strip() else []
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
            raise WrongUseError(f"{path}, line {number}: not an erasure that --list printed") from None
        if found and found[-1][1] > datetime.now(UTC):
            raise WrongUseError(f"{path}, line {number}: it is of a moment that has not come yet")
    return _latest(found)


def _erasure(one: Any) -> tuple[str, datetime]:
    """Return whom and up to when; raises an error of Python's own where it is not said."""
    user_id, moment = one["user_id"], datetime.fromisoformat(one["erased_at"])
    if not isinstance(user_id, str) or not user_id or not moment.tzinfo:
        raise ValueError
    return user_id, moment.astimezone(UTC)


def _latest(erasures: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    latest: dict[str, datetime] = {}
    for user_id, moment in erasures:
        latest[user_id] = max(moment, latest.get(user_id, moment))
    return latest


def _erase_person(target: Target, user: str, *, yes: bool) -> None:
    person = find_person(target, user)
    held = target.operate("holdings", user_id=person.user_id)
    if not (person.account or any(held.values())):
        _erase_stranger(target, person.user_id, yes=yes)
        return
    waiting, nodes = held["waiting"], held["nodes"]
    click.echo(f"{person.user_id}: {held['interactions']} interactions ({waiting} not yet in the graph), {nodes} nodes")
    if yes:
        _tell_hidden(_erase(target, person.user_id, erased_at=None))
    else:
        click.echo("nothing was erased: --yes erases it, and this user's dead letters")


def _erase_stranger(target: Target, user_id: str, *, yes: bool) -> None:
    """Erase somebody of whom there are dead letters at most; raises WrongUseError where there is none."""
    removed, hidden = remove_of(target, user_id) if yes else (0, 0)
    if removed:
        click.echo(f"{user_id}: removed {removed} dead letters")
        # The erasure is noted, too: of what is on its way to the ledger nothing is to be stored.
        hidden = max(hidden, _erase(target, user_id, erased_at=None))
    _tell_hidden(hidden)
    if not removed:
        hint = "" if yes else "; with --yes it looks into the dead letters, too"
        raise WrongUseError(f"{target.name} knows no user {user_id}{hint}")


def _again(target: Target, listed: dict[str, datetime], *, yes: bool) -> None:
    latest = _latest([*map(_erasure, _erasures(target)), *listed.items()])
    click.echo(f"{len(latest)} erasures" + ("" if yes else ": --yes applies them again"))
    hidden = [_erase(target, user_id, erased_at=moment) for user_id, moment in latest.items()] if yes else []
    _tell_hidden(max(hidden, default=0))


def _erase(target: Target, user_id: str, *, erased_at: datetime | None) -> int:
    """Erase a user's data up to that moment, or now; return how many dead letters, anybody's, were not seen."""
    answer = target.operate("erase", user_id=user_id, erased_at=erased_at and erased_at.isoformat())
    counts = {name: answer[name] for name in ("interactions", "nodes")}
    while answer["cursor"]:
        answer = target.operate("erase", user_id=user_id, cursor=answer["cursor"])
        counts = {name: counts[name] + answer[name] for name in counts}
    letters, hidden = remove_of(target, user_id)
    click.echo(
        f"{user_id}: erased {counts['interactions']} interactions, {counts['nodes']} nodes and {letters} dead letters"
        f" from up to {answer['erased_at']}"
    )
    return hidden


def _tell_hidden(hidden: int) -> None:
    if hidden:
        raise OperationError(f"{hidden} dead letters were in other hands and not looked at: run it again later")


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
