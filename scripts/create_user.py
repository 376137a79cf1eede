"""create-user: make somebody who can sign in."""

import secrets
import string

import click

from scripts.common.cli import command, environment_option, run
from scripts.common.target import Target, WrongUseError, find


@command()
@environment_option
@click.argument("email")
@click.option("--password", help="Without it one is made up and shown once.")
def create_user(environment: str, email: str, password: str | None) -> None:
    """Create a user with that EMAIL who can sign in at once.

    Safe to repeat: a user who exists keeps the password, unless --password gives another.
    """
    if not email.strip():
        raise WrongUseError("an empty EMAIL: nobody can sign in with that")
    chosen = password or generated_password()
    if ensure_user(find(environment), email, chosen, change=bool(password)):
        click.echo(f"created {email}" + ("" if password else f" with the password {chosen}"))
    else:
        click.echo(f"{email} exists already" + ("; the password is set" if password else "; nothing was changed"))


def ensure_user(target: Target, email: str, password: str, *, change: bool) -> bool:
    """Create the user and tell whether there was none; an existing one gets the password only if it is to change.

    Raises WrongUseError when the pool refuses the address or the password.
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
    if created or change:
        try:
            users.admin_set_user_password(UserPoolId=pool, Username=email, Password=password, Permanent=True)
        except users.exceptions.InvalidPasswordException as error:
            if created:  # nobody would know the password
                users.admin_delete_user(UserPoolId=pool, Username=email)
            raise WrongUseError(str(error.response["Error"]["Message"])) from None
    return created


def generated_password() -> str:
    """Return a password that any policy takes: 24 characters with a letter of each case, a digit and a symbol."""
    of_each = [string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.!"]
    return "".join(secrets.choice(alphabet) for alphabet in [*of_each, *[string.ascii_letters + string.digits] * 20])


def main() -> None:
    """Run the command."""
    run(create_user)
