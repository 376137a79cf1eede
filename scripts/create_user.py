"""create-user: create a user who can sign in."""

import secrets
import string
from typing import TextIO

import click

from scripts.common.cli import command, environment_option
from scripts.common.console import printable
from scripts.common.errors import WrongUseError
from scripts.common.passwords import check_given, password_file_option, read_password
from scripts.common.target import Target, find_target
from scripts.common.users import find_user, set_password

NEVER_SIGNED_IN = "FORCE_CHANGE_PASSWORD"  # status of an account whose permanent password was never set


@command()
@environment_option
@click.argument("email")
@click.option("--password", help="By default one is generated and printed once. Others can see it in `ps`.")
@password_file_option
@click.option(
    "--replace-password", is_flag=True, help="Give an existing user this password, and sign out all their sessions."
)
def create_user(
    environment: str, email: str, password: str | None, password_file: TextIO | None, *, replace_password: bool
) -> None:
    """Create a user with this EMAIL who can sign in at once.

    Safe to repeat: an existing user is never changed without --replace-password; with another option for the password
    that is an error. An account without a password, as an interrupted create-user leaves it, gets one.
    """
    if not email.strip():
        raise WrongUseError("EMAIL is empty: nobody can sign in with that")
    check_given(password)
    if password and password_file:
        raise WrongUseError("choose one of --password and --password-file")
    given = read_password(password_file) if password_file else password
    if replace_password and not given:
        raise WrongUseError("--replace-password needs a password: --password-file -")
    chosen, shown = given or generate_password(), printable(email)
    if ensure_user(find_target(environment), email, chosen, change=replace_password):
        click.echo(f"created {shown}" + ("" if given else f" with the password {chosen}"))
    elif replace_password:
        click.echo(f"{shown} exists already; the password is set, and all sessions are signed out")
    elif given:
        raise WrongUseError(f"{email} exists already: --replace-password sets the password")
    else:
        click.echo(f"{shown} exists already; nothing was changed: --replace-password sets a new password")


def ensure_user(target: Target, email: str, password: str, *, change: bool) -> bool:
    """Give the user an account with this password and return True; return False if they have a password already.

    An existing password is replaced only to `change` it. Raises WrongUseError if the pool refuses the address or the
    password, or if the address of the existing user is not verified.
    """
    users, pool = target.client("cognito-idp"), target.outputs["UserPoolId"]
    created = True
    try:
        users.admin_create_user(
            UserPoolId=pool,
            Username=email,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
        )
    except users.exceptions.UsernameExistsException:
        created = False
    except users.exceptions.InvalidParameterException as error:
        raise WrongUseError(f"{email}: {error.response['Error']['Message']}") from None
    account = find_user(target, email).account if not created else None
    never_signed_in = account is not None and account["status"] == NEVER_SIGNED_IN
    if created or change or never_signed_in:
        try:
            set_password(target, account["username"] if account else email, password)
        except users.exceptions.InvalidPasswordException as error:
            if created:  # an account without a known password is of no use
                users.admin_delete_user(UserPoolId=pool, Username=email)
            raise WrongUseError(str(error.response["Error"]["Message"])) from None
    return created or never_signed_in


def generate_password() -> str:
    """Return a password that any policy accepts: 24 characters with a lower- and upper-case letter, digit, symbol."""
    of_each = [string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.!"]
    return "".join(secrets.choice(alphabet) for alphabet in [*of_each, *[string.ascii_letters + string.digits] * 20])
