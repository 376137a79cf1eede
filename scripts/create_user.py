"""create-user: create a user who can sign in."""

import secrets
import string

import click

from scripts.common.cli import command, environment_option, run
from scripts.common.errors import WrongUseError
from scripts.common.target import Target, find_target


@command()
@environment_option
@click.argument("email")
@click.option("--password", help="By default one is generated and printed once.")
def create_user(environment: str, email: str, password: str | None) -> None:
    """Create a user with this EMAIL who can sign in at once.

    Safe to repeat: an existing user keeps the password, unless --password sets another.
    """
    if not email.strip():
        raise WrongUseError("EMAIL is empty: nobody can sign in with that")
    chosen = password or generate_password()
    if ensure_user(find_target(environment), email, chosen, change=bool(password)):
        click.echo(f"created {email}" + ("" if password else f" with the password {chosen}"))
    else:
        click.echo(f"{email} exists already" + ("; the password is set" if password else "; nothing was changed"))


def ensure_user(target: Target, email: str, password: str, *, change: bool) -> bool:
    """Create the user and return True, or return False if there is one, whose password is set only to `change` it.

    Raises WrongUseError if the pool refuses the address or the password.
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
            if created:  # an account without a known password is of no use
                users.admin_delete_user(UserPoolId=pool, Username=email)
            raise WrongUseError(str(error.response["Error"]["Message"])) from None
    return created


def generate_password() -> str:
    """Return a password that any policy accepts: 24 characters with a lower- and upper-case letter, digit, symbol."""
    of_each = [string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.!"]
    return "".join(secrets.choice(alphabet) for alphabet in [*of_each, *[string.ascii_letters + string.digits] * 20])


def main() -> None:
    """Run the command."""
    run(create_user)
