"""create-user: make somebody who can sign in."""

import secrets
import string
from typing import Annotated

import typer

from scripts.target import EnvironmentOption, Target, WrongUseError, find, run

app = typer.Typer(add_completion=False)


@app.command()
def create_user(
    email: Annotated[str, typer.Argument(help="The user's e-mail address.")],
    *,
    environment: EnvironmentOption,
    password: Annotated[str, typer.Option(help="Without it one is made up and shown once.", show_default=False)] = "",
) -> None:
    """Create a user who can sign in at once.

    Safe to repeat: a user who exists keeps the password, unless --password gives another.
    """
    created = ensure_user(find(environment), email, given := password or generated_password(), change=bool(password))
    if created and not password:
        typer.echo(f"created {email} with the password {given}", err=False)
    elif created:
        typer.echo(f"created {email}")
    else:
        typer.echo(f"{email} exists already" + ("; the password is set" if password else ""))


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
            raise WrongUseError(str(error.response["Error"]["Message"])) from None
    return created


def generated_password() -> str:
    """Return a password that any policy takes: 24 characters with a letter of each case, a digit and a symbol."""
    rest = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(20))
    return f"{rest}-{secrets.choice(string.ascii_lowercase)}{secrets.choice(string.ascii_uppercase)}{secrets.randbelow(10)}"


def main() -> None:
    """Run the command."""
    run(app)
