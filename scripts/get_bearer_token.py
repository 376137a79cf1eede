"""get-bearer-token: sign a user in."""

from typing import Annotated

import typer
from click import ClickException

from scripts.target import EnvironmentOption, find, run

app = typer.Typer(add_completion=False)


@app.command()
def get_bearer_token(
    email: Annotated[str, typer.Argument(help="The user's e-mail address.")],
    password: Annotated[str, typer.Argument(help="Asked for when left out.", show_default=False)] = "",
    *,
    environment: EnvironmentOption,
) -> None:
    """Print the user's bearer token and nothing else.

    It is an ID token of the user pool and lives one hour. Send it as `Authorization: Bearer TOKEN`.
    """
    target = find(environment)
    users = target.client("cognito-idp")
    password = password or typer.prompt("Password", hide_input=True, err=True)
    try:
        answer = users.initiate_auth(
            ClientId=target.outputs["UserPoolClientId"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
    except (users.exceptions.NotAuthorizedException, users.exceptions.UserNotFoundException):
        raise ClickException(f"{environment} knows no user {email} with this password") from None
    if "AuthenticationResult" not in answer:
        raise ClickException(f"{email} has to answer {answer['ChallengeName']} first: sign in with the web app once")
    typer.echo(answer["AuthenticationResult"]["IdToken"])


def main() -> None:
    """Run the command."""
    run(app)
