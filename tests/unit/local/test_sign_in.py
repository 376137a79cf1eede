"""Which sign-ins the laptop's user pool may have unsigned."""

import json

import pytest

from local.sign_in import proven

SERVICE = "AWSCognitoIdentityProviderService."


def check(operation: str, body: object) -> bytes | None:
    return proven(SERVICE + operation, json.dumps(body).encode(), {"genuine"}.__contains__)


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("InitiateAuth", {"AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "é"}}),
        ("InitiateAuth", {"AuthFlow": "USER_SRP_AUTH"}),
        ("InitiateAuth", {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": "genuine"}}),
        ("InitiateAuth", {"AuthFlow": "REFRESH_TOKEN", "AuthParameters": {"REFRESH_TOKEN": "genuine"}}),
        ("RespondToAuthChallenge", {"ChallengeName": "PASSWORD_VERIFIER"}),
        ("RevokeToken", {"Token": "genuine"}),
        ("GetTokensFromRefreshToken", {"RefreshToken": "genuine", "ClientId": "x"}),
    ],
)
def test_what_proves_who_sends_it_goes_on_unchanged(operation: str, body: object) -> None:
    passed_on = check(operation, body)
    assert passed_on
    assert json.loads(passed_on) == body


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("InitiateAuth", {}),
        ("InitiateAuth", []),
        ("InitiateAuth", {"AuthFlow": ["USER_PASSWORD_AUTH"]}),
        ("InitiateAuth", {"AuthFlow": "CUSTOM_AUTH"}),
        ("InitiateAuth", {"AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}),
        ("InitiateAuth", {"AuthFlow": "REFRESH_TOKEN_AUTH"}),
        ("InitiateAuth", {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": "forged"}}),
        ("InitiateAuth", {"AuthFlow": "REFRESH_TOKEN", "AuthParameters": {"REFRESH_TOKEN": None}}),
        ("InitiateAuth", {"ChallengeName": "PASSWORD_VERIFIER"}),
        ("RespondToAuthChallenge", {"ChallengeName": "NEW_PASSWORD_REQUIRED"}),
        ("RespondToAuthChallenge", {"ChallengeName": "MFA_SETUP", "AuthFlow": "USER_PASSWORD_AUTH"}),
        ("RevokeToken", {"Token": "forged"}),
        ("GetTokensFromRefreshToken", {"RefreshToken": "forged"}),
        ("GetTokensFromRefreshToken", {"AuthParameters": {"REFRESH_TOKEN": "genuine"}}),
        ("GetUser", {"AccessToken": "genuine"}),
    ],
)
def test_what_proves_nothing_is_refused(operation: str, body: object) -> None:
    assert check(operation, body) is None


@pytest.mark.parametrize("body", [b"", b"no JSON", b"\xff", b"[" * 60_000])
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    assert proven(f"{SERVICE}InitiateAuth", body, bool) is None


def test_of_a_key_that_is_there_twice_the_user_pool_gets_the_one_that_was_checked() -> None:
    body = b'{"AuthFlow": "CUSTOM_AUTH", "AuthFlow": "USER_SRP_AUTH"}'
    assert proven(f"{SERVICE}InitiateAuth", body, bool) == b'{"AuthFlow": "USER_SRP_AUTH"}'
