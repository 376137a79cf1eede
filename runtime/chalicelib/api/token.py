"""What the function itself checks and reads of a token whose signature, issuer and expiry API Gateway has checked."""

from collections.abc import Container, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from chalicelib.api.strict_json import RefusedError


class Token(NamedTuple):
    """The user of a token, and when they signed in."""

    user_id: str
    signed_in_at: int | None
    """Microseconds since 1970, by the user pool's clock. None: the token does not say it."""


def read_token(claims: Mapping[str, Any], client_ids: Container[str]) -> Token:
    """Return the user of an ID token that was made for one of these clients of the user pool.

    Raises RefusedError (401) for an access token, and for a token of another client: API Gateway's authorizer takes
    those of all clients of the pool.
    """
    if claims.get("token_use") != "id":
        raise RefusedError("send the ID token, not the access token", HTTPStatus.UNAUTHORIZED)
    if claims.get("aud") not in client_ids:
        raise RefusedError("the token was made for another client of the user pool", HTTPStatus.UNAUTHORIZED)
    return Token(claims["sub"], _signed_in_at(claims.get("auth_time")))


def _signed_in_at(auth_time: object) -> int | None:
    """Return the time of the sign-in: a token that is refreshed keeps it, so all tokens of a session are judged alike.

    API Gateway passes it as a text of digits, and `iat` as a date in words.
    """
    text = str(auth_time)
    return int(text) * 1_000_000 if text.isdecimal() and text.isascii() and len(text) <= len("9999999999") else None
