"""erase-user: permanently delete a user's data."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from scripts.common.cli import command, environment_option
from scripts.common.console import printable, progress
from scripts.common.erasures import Erasure, Until, latest, list_erasures, parse, read_list
from scripts.common.errors import OperationError, WrongUseError
from scripts.common.target import Target, find_target
from scripts.common.users import User, delete_account, find_user, list_account_ids, lock_account, unknown_user
from scripts.dlq.queue import DeadLetterQueue
from scripts.dlq.user_messages import delete_messages_of, read_messages_of


@command()
@environment_option
@click.argument("user", required=False)
@click.option("--with-account", is_flag=True, help="Delete the account in the user pool too, and reject its tokens.")
@click.option("--list", "list_all", is_flag=True, help="List all erasures, as JSON Lines.")
@click.option("--without-account", is_flag=True, help="List the ids that have interactions but no account.")
@click.option("--again", is_flag=True, help="Apply all erasures again after a restore, unfinished ones too.")
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="With --again: apply this list too."
)
@click.option("--yes", is_flag=True, help="Erase; without it the command only shows what it would erase.")
def erase_user(
    environment: str,
    user: str | None,
    *,
    with_account: bool,
    list_all: bool,
    without_account: bool,
    again: bool,
    file: Path | None,
    yes: bool,
) -> None:
    """Erase the data of USER, an e-mail address or an id, from the ledger, the graph and the dead-letter queue.

    Later interactions of the user are stored again, and the account in the user pool stays, unless it is erased
    --with-account: then nothing that is posted with a token from before is stored. An e-mail address means only the
    present account; --without-account finds the ids of deleted ones. If interrupted, run it again.

    A restore of Postgres to an earlier time loses the erasures since then: save a --list before it, and apply the list
    with --again --file.

    The time up to which data is erased --with-account is a minute ahead: clocks of other machines may differ.

    It takes 20 seconds or more: it waits once until running transactions have ended, then checks again. It cannot read
    dead-lettered messages that another command holds: it then exits with 3; run it again.
    """
    if [bool(user), list_all, without_account, again].count(True) != 1 or (file and not again):
        raise WrongUseError("give one of USER, --list, --without-account and --again (which may have a --file)")
    if with_account and not user:
        raise WrongUseError("--with-account is for a USER")
    if yes and (list_all or without_account):
        raise WrongUseError("--yes has no effect with a list")
    listed = read_list(file) if file else {}
    target = find_target(environment)
    if list_all:
        for one in list_erasures(target):
            click.echo(json.dumps(one))
    elif without_account:
        _list_without_account(target)
    elif again:
        _erase_again(target, listed, yes=yes)
    elif user:
        _erase_user(target, user, with_account=with_account, yes=yes)


def _list_without_account(target: Target) -> None:
    accounts = list_account_ids(target)
    for page in target.operate_in_calls("users"):
        for user_id in page["users"]:
            if user_id not in accounts:
                click.echo(printable(user_id))


def _erase_user(target: Target, user: str, *, with_account: bool, yes: bool) -> None:
    found = find_user(target, user)
    if "@" in user:
        click.echo(
            f"{printable(user)} means the account {printable(found.user_id)};"
            " --without-account lists ids without an account"
        )
    counts = target.operate("holdings", user_id=found.user_id)
    known = bool(found.account or any(counts.values()))
    if yes:
        if not known:  # its interactions may still be on the way, or in a file of dead letters
            click.echo(
                f"{printable(found.user_id)}: nothing is stored of this id; its erasure is recorded all the same"
            )
        _erase_found(target, found, with_account=with_account)
        return
    with DeadLetterQueue(target) as queue:
        dead = sum(message.count_of(found.user_id) for message in read_messages_of(queue, found.user_id))
    if not (known or dead):
        queue.check_all_read()
        raise unknown_user(target, user)
    click.echo(
        f"{printable(found.user_id)}: {counts['interactions']} interactions ({counts['waiting']} not yet in the graph),"
        f" {counts['nodes']} nodes and {dead} dead-lettered interactions"
        + (f"; the account is {'deleted too' if found.account else 'gone already'}" if with_account else "")
    )
    click.echo("nothing was erased: --yes erases it")
    queue.check_all_read()


def _erase_found(target: Target, user: User, *, with_account: bool) -> None:
    """Erase a user's data and, `with_account`, the account: last, so that an interrupted erasure still finds it."""
    account = user.account["username"] if user.account and with_account else None
    if account:
        lock_account(target, account)  # first: no token is newer than the erasure
    _erase(target, {user.user_id: Until(None, with_account)})
    if account:
        delete_account(target, account)
        click.echo(f"{printable(user.user_id)}: deleted the account")


def _erase_again(target: Target, listed: dict[str, Until], *, yes: bool) -> None:
    until = latest([*map(parse, list_erasures(target)), *listed.items()])
    click.echo(f"{len(until)} erasures" + ("" if yes else ": --yes applies them again"))
    if yes:
        _erase(target, until)


def _erase(target: Target, until: Mapping[str, Until]) -> None:
    """Erase each user's data up to their time, or now. One that fails stops no other.

    Raises OperationError for these, and if dead-lettered messages were held.
    """
    from chalicelib.ledger.erasures import Erased

    erasures = [Erasure(target, user_id, *one) for user_id, one in until.items()]
    with progress() as bar:
        for one in bar.track(erasures, description="erasing"):
            one.begin()
        # The first waits until running transactions have ended; then they have ended for the others too.
        for one in bar.track(erasures, description="waiting 15 s, then checking again"):
            one.finish()
    with DeadLetterQueue(target) as queue:
        gone = {
            one.user_id: Erased(one.erased_at, one.with_account)
            for one in erasures
            if one.rows_deleted and one.erased_at
        }
        deleted = delete_messages_of(queue, gone)
    for one in erasures:
        if one.failure:
            click.echo(f"{printable(one.user_id)}: not complete: {printable(one.failure)}", err=True)
            continue
        click.echo(
            f"{printable(one.user_id)}: erased {one.counts['interactions']} interactions, {one.counts['nodes']} nodes"
            f" and {deleted[one.user_id]} dead-lettered interactions, all from before"
            f" {one.erased_at and one.erased_at.isoformat()}"
            + (" or posted with a token of a sign-in before it" if one.with_account else "")
        )
    if failed := sum(1 for one in erasures if one.failure):
        raise OperationError(f"{failed} of {len(erasures)} erasures are not complete: run this again")
    queue.check_all_read()
