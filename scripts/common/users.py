"""Whom a command means by USER, and what the user pool knows of them."""

from dataclasses import dataclass
from typing import Any

from scripts.common.target import Target, WrongUseError


@dataclass(frozen=True)
class Person:
    """Somebody the system knows, or knew."""

    user_id: str
    """The subject of their tokens, by which all that they do is kept."""
    account: dict[str, Any] | None
    """What the user pool holds of them, if they are there."""


def find_person(target: Target, user: str) -> Person:
    """Return whom an e-mail address or an id means; raises WrongUseError for an address that the pool does not know.

    An id need not be in the pool: what is held of a person can outlive their account.
    """
    if "@" not in user:
        quoted = user.replace("\\", "\\\\").replace('"', '\\"')
        found = _pool(target).list_users(UserPoolId=target.outputs["UserPoolId"], Filter=f'sub = "{quoted}"', Limit=1)
        [account] = found["Users"] or [None]
        return Person(user, _account(account, "Attributes") if account else None)
    pool = _pool(target)
    try:
        answer = pool.admin_get_user(UserPoolId=target.outputs["UserPoolId"], Username=user)
    except pool.exceptions.UserNotFoundException:
        raise WrongUseError(f"{target.name} knows no user {user}") from None
    account = _account(answer, "UserAttributes")
    return Person(account["attributes"]["sub"], account)


def _pool(target: Target) -> Any:
    return target.client("cognito-idp")


def _account(answer: dict[str, Any], attributes: str) -> dict[str, Any]:
    return {
        "username": answer["Username"],
        "created_at": answer["UserCreateDate"].isoformat(),
        "status": answer["UserStatus"],
        "attributes": {one["Name"]: one["Value"] for one in answer[attributes]},
    }
