"""erase-user: forget a person."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scripts.common.cli import command, environment_option, run
from scripts.common.console import progress
from scripts.common.target import Target, WrongUseError, find
from scripts.common.users import find_person
from scripts.dlq.queue import letters_of, remove_of, tell_hidden


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

    It takes 20 seconds or more: it waits once until what was under way has ended, and looks again. Dead letters that
    another command holds at the moment are not seen: it then exits with 3, and is to be run again.
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
    known = bool(person.account or any(held.values()))
    letters, hidden = ([], 0) if known and yes else letters_of(target, {person.user_id})
    if not (known or letters):
        tell_hidden(hidden)
        raise WrongUseError(f"{target.name} knows no user {user}")
    if yes:
        _erase(target, {person.user_id: None})
        return
    click.echo(
        f"{person.user_id}: {held['interactions']} interactions ({held['waiting']} not yet in the graph),"
        f" {held['nodes']} nodes and {len(letters)} dead letters"
    )
    click.echo("nothing was erased: --yes erases it")
    tell_hidden(hidden)


def _again(target: Target, listed: dict[str, datetime], *, yes: bool) -> None:
    latest = _latest([*map(_erasure, _erasures(target)), *listed.items()])
    click.echo(f"{len(latest)} erasures" + ("" if yes else ": --yes applies them again"))
    if yes:
        _erase(target, latest)


def _erase(target: Target, moments: Mapping[str, datetime | None]) -> None:
    """Erase each user's data up to their moment, or now. Raises OperationError where dead letters were not seen."""
    erasures = [_Erasure(target, user_id, moment) for user_id, moment in moments.items()]
    with progress() as bar:
        for one in bar.track(erasures, description="erasing"):
            one.begin()
        # The first waits until what was under way elsewhere has ended, and by then it has for the others.
        for one in bar.track(erasures, description="waiting 15 s, then looking again"):
            one.finish()
    until = {one.user_id: one.erased_at for one in erasures if one.erased_at}
    letters, hidden = remove_of(target, until)
    owners = Counter(user_id for letter in letters for user_id in letter.owners(until.keys()))
    for one in erasures:
        click.echo(
            f"{one.user_id}: erased {one.counts['interactions']} interactions, {one.counts['nodes']} nodes and"
            f" {owners[one.user_id]} dead letters, all of it from before {one.erased_at and one.erased_at.isoformat()}"
        )
    tell_hidden(hidden)


@dataclass
class _Erasure:
    """One user's, call by call."""

    target: Target
    user_id: str
    erased_at: datetime | None
    counts: Counter[str] = field(default_factory=Counter)
    _place: dict[str, Any] | None = None

    def begin(self) -> None:
        """Do all but the sweep."""
        self._call(erased_at=self.erased_at.isoformat() if self.erased_at else None)
        while self._place and self._place["phase"] != "sweep":
            self._call(cursor=self._place)

    def finish(self) -> None:
        """Do the sweep."""
        while self._place:
            self._call(cursor=self._place)

    def _call(self, **words: Any) -> None:
        answer = self.target.operate("erase", user_id=self.user_id, **words)
        self.counts.update(interactions=answer["interactions"], nodes=answer["nodes"])
        self.erased_at, self._place = datetime.fromisoformat(answer["erased_at"]), answer["cursor"]


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
