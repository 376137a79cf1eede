"""get-bearer-token: sign in as a user and print the bearer token."""

from typing import TextIO

import click

from scripts.common.cli import command, environment_option
from scripts.common.errors import WrongUseError
from scripts.common.passwords import check_given, password_file_option, read_password
from scripts.common.target import Target, find_target

WRONG_PASSWORD = "Incorrect username or password."  # noqa: S105  Cognito's message


@command()
@environment_option
@click.argument("email")
@click.argument("password", required=False)
@password_file_option
def get_bearer_token(environment: str, email: str, password: str | None, password_file: TextIO | None) -> None:
    """Print the bearer token of the user with this EMAIL, and nothing else.

    It is an ID token of the user pool and is valid for one hour. Send it as `Authorization: Bearer TOKEN`. Without a
    PASSWORD the command asks for it, or reads standard input: then it does not come into your shell's history. A
    PASSWORD that begins with a dash goes after --.
    """
    check_given(password)
    if password and password_file:
        raise WrongUseError("choose one of PASSWORD and --password-file")
    target = find_target(environment)
    click.echo(sign_in(target, email, password or read_password(password_file)))


def sign_in(target: Target, email: str, password: str) -> str:
    """Return the user's ID token; raises ClickException, with the reason, if the pool refuses it."""
    users = target.client("cognito-idp")
    refusals = users.exceptions
    try:
        answer = users.initiate_auth(
            ClientId=target.outputs["UserPoolClientId"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
    except (
        refusals.NotAuthorizedException,  # also a disabled account, a lock-out and an expired password
        refusals.PasswordResetRequiredException,
        refusals.TooManyRequestsException,
        refusals.UserNotConfirmedException,
        refusals.UserNotFoundException,
    ) as error:
        reason = error.response["Error"]["Message"]
        if isinstance(error, refusals.UserNotFoundException) or reason == WRONG_PASSWORD:
            raise click.ClickException(f"{target.name} knows no user {email} with this password") from None
        raise click.ClickException(f"{target.name} does not sign in {email}: {reason}") from None
    if "AuthenticationResult" not in answer:
        raise click.ClickException(f"{email} has to answer {answer['ChallengeName']} first: sign in with the web app")
    return str(answer["AuthenticationResult"]["IdToken"])
