"""create-user and get-bearer-token: what they make of each state of an account, and where passwords come from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import click
import pytest
from click.testing import CliRunner, Result

from scripts import create_user, get_bearer_token
from tests.stubbed import Stubbed

EMAIL, POOL = "alice@example.com", "us-east-1_pool"
CREATED = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Dev(Stubbed):
    @cached_property
    def outputs(self) -> Mapping[str, str]:
        return {"UserPoolId": POOL, "UserPoolClientId": "client"}

    def expect_existing(self, status: str, verified: str = "true", address: str = EMAIL) -> None:
        self.refuse("cognito-idp", "admin_create_user", "UsernameExistsException", "exists")
        user = {"UserPoolId": POOL, "Username": EMAIL}
        attributes = [{"Name": "sub", "Value": "id"}, {"Name": "email", "Value": address}]
        attributes.append({"Name": "email_verified", "Value": verified})
        found = {"Username": EMAIL, "UserStatus": status, "UserAttributes": attributes, "UserCreateDate": CREATED}
        self.expect("cognito-idp", "admin_get_user", found, user)

    def expect_password(self, password: str | None = None) -> None:
        self.client("cognito-idp")
        request = {"UserPoolId": POOL, "Username": EMAIL, "Password": password, "Permanent": True}
        self.clients["cognito-idp"][1].add_response("admin_set_user_password", {}, request if password else None)
        self.expect("cognito-idp", "admin_user_global_sign_out", {}, {"UserPoolId": POOL, "Username": EMAIL})


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dev]:
    target = Dev("dev", "us-east-1", endpoint=None)
    for command in (create_user, get_bearer_token):
        monkeypatch.setattr(command, "find_target", lambda _: target)
    yield target
    target.assert_asked()


def create(*words: str, text: str | None = None) -> Result:
    return CliRunner().invoke(create_user.create_user, ["-e", "dev", EMAIL, *words], input=text)


def test_an_account_without_a_password_gets_one(dev: Dev) -> None:
    dev.expect_existing("FORCE_CHANGE_PASSWORD")
    dev.expect_password()
    result = create()
    assert (result.exit_code, result.stdout.startswith(f"created {EMAIL} with the password ")) == (0, True)


def test_an_existing_password_is_kept_and_the_way_to_a_new_one_is_named(dev: Dev) -> None:
    dev.expect_existing("CONFIRMED")
    result = create()
    assert result.stdout.endswith("nothing was changed: --replace-password sets a new password\n")


def test_a_given_password_does_not_replace_another_one_by_itself(dev: Dev) -> None:
    dev.expect_existing("CONFIRMED")
    result = create("--password", "Another-password-1")
    assert (result.exit_code, "--replace-password" in result.stderr) == (2, True)


@pytest.mark.parametrize("state", [{"verified": "false"}, {"address": "mallory@example.com"}], ids=str)
def test_an_account_whose_address_is_not_verified_or_another_is_not_changed(dev: Dev, state: dict[str, str]) -> None:
    """In a pool of others a user name may look like the address of another person."""
    dev.expect_existing("CONFIRMED", **state)
    result = create("--password", "Another-password-1", "--replace-password")
    assert (result.exit_code, "has not verified the address" in result.stderr) == (2, True)


def test_a_password_comes_from_standard_input(dev: Dev) -> None:
    dev.expect_existing("CONFIRMED")
    dev.expect_password("-from stdin")
    result = create("--password-file", "-", "--replace-password", text="-from stdin\n")
    assert result.stdout == f"{EMAIL} exists already; the password is set, and all sessions are signed out\n"


def sign_in(*words: str, text: str | None = None) -> Result:
    return CliRunner().invoke(get_bearer_token.get_bearer_token, ["-e", "dev", EMAIL, *words], input=text)


@pytest.mark.parametrize(
    ("words", "text"),
    [([], "-secret\n"), (["--", "-secret"], None), (["--password-file", "-"], "-secret")],
)
def test_a_password_may_begin_with_a_dash(dev: Dev, words: list[str], text: str | None) -> None:
    request = {
        "ClientId": "client",
        "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": EMAIL, "PASSWORD": "-secret"},
    }
    dev.expect("cognito-idp", "initiate_auth", {"AuthenticationResult": {"IdToken": "token"}}, request)
    result = sign_in(*words, text=text)
    assert (result.exit_code, result.stdout) == (0, "token\n")


def test_without_a_password_standard_input_is_wrong_use(dev: Dev) -> None:
    result = sign_in(text="")
    assert (result.exit_code, result.stderr) == (2, "Error: no password in standard input\n")


@pytest.mark.parametrize(
    ("code", "message", "says"),
    [
        ("NotAuthorizedException", "Incorrect username or password.", f"dev knows no user {EMAIL} with this password"),
        ("UserNotFoundException", "User does not exist.", f"dev knows no user {EMAIL} with this password"),
        ("NotAuthorizedException", "User is disabled.", f"dev does not sign in {EMAIL}: User is disabled."),
        ("NotAuthorizedException", "Password attempts exceeded", "Password attempts exceeded"),
        ("PasswordResetRequiredException", "Password reset required", "Password reset required"),
    ],
)
def test_a_refusal_names_its_reason(dev: Dev, code: str, message: str, says: str) -> None:
    dev.refuse("cognito-idp", "initiate_auth", code, message)
    with pytest.raises(click.ClickException, match=says) as refused:
        get_bearer_token.sign_in(dev, EMAIL, "password")
    assert refused.value.exit_code == 1
