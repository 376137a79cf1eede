"""Look up a user by e-mail address or id in Cognito."""

import re
from dataclasses import dataclass
from typing import Any

from scripts.common.errors import WrongUseError
from scripts.common.target import Target

UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # the form of Cognito's ids


@dataclass(frozen=True)
class User:
    """A user who has, or had, an account or data."""

    user_id: str
    """The subject of the user's tokens: the key of all their data."""
    account: dict[str, Any] | None
    """The account in the user pool, if there is one."""


def find_user(target: Target, user: str) -> User:
    """Return the user with this e-mail address or id.

    Raises WrongUseError for an address that the pool does not know, or that its user has not proved to own. An id need
    not be in the pool: a user's data can outlive the account.
    """
    if "@" not in user:
        user = user.lower() if UUID.fullmatch(user.lower()) else user
        quoted = user.replace("\\", "\\\\").replace('"', '\\"')
        found = _pool(target).list_users(UserPoolId=target.outputs["UserPoolId"], Filter=f'sub = "{quoted}"', Limit=1)
        [account] = found["Users"] or [None]
        return User(user, _account(account, "Attributes") if account else None)
    pool = _pool(target)
    try:
        answer = pool.admin_get_user(UserPoolId=target.outputs["UserPoolId"], Username=user)
    except pool.exceptions.UserNotFoundException:
        raise unknown_user(target, user) from None
    account = _account(answer, "UserAttributes")
    user_id = account["attributes"]["sub"]
    # In a pool of others a user name may look like an address, and the address be another one.
    own = str(account["attributes"].get("email", "")).lower() == user.lower()
    if not own or account["attributes"].get("email_verified") != "true":
        raise WrongUseError(
            f"user {user_id} has not verified the address {user}, maybe another person's: name the user by the id"
        )
    return User(user_id, account)


def set_password(target: Target, username: str, password: str) -> None:
    """Set the password of this account and sign out its sessions: they may be a stranger's.

    If interrupted, run it again. Raises InvalidPasswordException of the client.
    """
    pool = target.outputs["UserPoolId"]
    _pool(target).admin_set_user_password(UserPoolId=pool, Username=username, Password=password, Permanent=True)
    # Last: whoever knows the old password cannot sign in again.
    _pool(target).admin_user_global_sign_out(UserPoolId=pool, Username=username)


def list_account_ids(target: Target) -> set[str]:
    """Return the ids of all accounts in the user pool."""
    pages = _pool(target).get_paginator("list_users").paginate(UserPoolId=target.outputs["UserPoolId"])
    return {
        one["Value"] for page in pages for user in page["Users"] for one in user["Attributes"] if one["Name"] == "sub"
    }


def lock_account(target: Target, username: str) -> None:
    """Let nobody sign in to the account, or go on with a session of it; its tokens stay valid for up to an hour."""
    names = {"UserPoolId": target.outputs["UserPoolId"], "Username": username}
    _pool(target).admin_disable_user(**names)
    _pool(target).admin_user_global_sign_out(**names)


def delete_account(target: Target, username: str) -> None:
    """Delete the account from the user pool."""
    _pool(target).admin_delete_user(UserPoolId=target.outputs["UserPoolId"], Username=username)


def unknown_user(target: Target, user: str) -> WrongUseError:
    """Return the error for a user without an account and without data."""
    return WrongUseError(f"{target.name} knows no user {user}")


def _pool(target: Target) -> Any:
    return target.client("cognito-idp")


def _account(answer: dict[str, Any], attributes: str) -> dict[str, Any]:
    return {
        "username": answer["Username"],
        "created_at": answer["UserCreateDate"].isoformat(),
        "status": answer["UserStatus"],
        "attributes": {one["Name"]: one["Value"] for one in answer[attributes]},
    }
