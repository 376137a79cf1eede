"""exclude-user: leave people who test out of what the views and `stats` count."""

import click

from scripts.common.cli import command, environment_option
from scripts.common.console import printable
from scripts.common.errors import WrongUseError
from scripts.common.target import find_target
from scripts.common.users import find_user, unknown_user


@command()
@environment_option
@click.argument("user", required=False)
@click.option("--undo", is_flag=True, help="Count the user again.")
@click.option("--list", "list_all", is_flag=True, help="List the ids of all excluded users.")
def exclude_user(environment: str, user: str | None, *, undo: bool, list_all: bool) -> None:
    """Leave USER, an e-mail address or an id, out of what the views and `stats` count: a person who tests.

    What the user does is stored and drawn as before, and the table `interaction` has it. Only the views leave it out,
    for all time. The balance of `stats` counts everybody.
    """
    if bool(user) == list_all or (undo and list_all):
        raise WrongUseError("give one of USER and --list; --undo is for a USER")
    target = find_target(environment)
    if user:
        found = find_user(target, user)
        # A mistyped id would exclude nobody, and say that it did.
        if not (undo or found.account or target.operate("holdings", user_id=found.user_id)["interactions"]):
            raise unknown_user(target, user)
        target.operate("exclude", user_id=found.user_id, excluded=not undo)
        click.echo(f"{printable(found.user_id)} {'counts again' if undo else 'no longer counts'}")
        return
    for page in target.operate_in_calls("excluded"):
        for user_id in page["users"]:
            click.echo(printable(user_id))
