"""get-bearer-token: sign in as a user and print the bearer token."""

import click

from scripts.common.cli import command, environment_option, run
from scripts.common.target import Target, find_target


@command()
@environment_option
@click.argument("email")
@click.argument("password", required=False)
def get_bearer_token(environment: str, email: str, password: str | None) -> None:
    """Print the bearer token of the user with this EMAIL, and nothing else.

    It is an ID token of the user pool and is valid for one hour. Send it as `Authorization: Bearer TOKEN`. Without a
    PASSWORD the command asks for it, so that it does not come into your shell's history.
    """
    target = find_target(environment)
    click.echo(sign_in(target, email, password or click.prompt("Password", hide_input=True, err=True)))


def sign_in(target: Target, email: str, password: str) -> str:
    """Return the user's ID token; raises ClickException if the pool refuses it."""
    users = target.client("cognito-idp")
    try:
        answer = users.initiate_auth(
            ClientId=target.outputs["UserPoolClientId"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
    except (users.exceptions.NotAuthorizedException, users.exceptions.UserNotFoundException):
        raise click.ClickException(f"{target.name} knows no user {email} with this password") from None
    if "AuthenticationResult" not in answer:
        raise click.ClickException(f"{email} has to answer {answer['ChallengeName']} first: sign in with the web app")
    return str(answer["AuthenticationResult"]["IdToken"])


def main() -> None:
    """Run the command."""
    run(get_bearer_token)
