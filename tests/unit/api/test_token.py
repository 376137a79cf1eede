"""What is read of a token's claims, as API Gateway passes them on."""

from typing import Any

import pytest

from chalicelib.api.strict_json import RefusedError
from chalicelib.api.token import Token, read_token
from tests.samples import ALICE

CLAIMS = {
    "sub": ALICE,
    "token_use": "id",
    "aud": "webapp",
    "auth_time": "1777636800",
    "iat": "Fri May 01 12:30:00 UTC 2026",
}


def test_the_user_and_the_time_of_the_sign_in_are_read() -> None:
    assert read_token(CLAIMS, ["webapp"]) == Token(ALICE, 1777636800_000000)
    assert read_token(CLAIMS | {"auth_time": 1777636800}, ["webapp"]).signed_in_at == 1777636800_000000


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        *[({"token_use": use}, "send the ID token, not the access token") for use in ("access", None)],
        *[
            ({"aud": client}, "the token was made for another client of the user pool")
            for client in ("other", None, "", "web")
        ],
    ],
)
def test_other_tokens_are_401(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        read_token(CLAIMS | wrong, ["webapp", "sidecar"])
    assert (refusal.value.status, str(refusal.value)) == (401, message)


@pytest.mark.parametrize("wrong", [None, "", "yesterday", "-1", "1777636800.5", "\u0661", "9" * 30])
def test_a_time_of_sign_in_that_cannot_be_read_is_none(wrong: str | None) -> None:
    assert read_token(CLAIMS | {"auth_time": wrong}, ["webapp"]).signed_in_at is None
