"""Who may post: the deployed API takes an unaltered ID token of its own user pool and client, and no other token."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from tests.e2e.conftest import EMAIL, PASSWORD, System

LOGIN = {"USERNAME": EMAIL, "PASSWORD": PASSWORD}


def test_only_an_unaltered_id_token_of_our_pool_and_client_is_taken(system: System, token: str) -> None:
    assert posted(system, token) == 200
    with other_client(system) as another_clients, other_pool(system) as another_pools:
        refused = {
            **altered(token),
            "an access token": sign_in(system, system.target.outputs["UserPoolClientId"])["AccessToken"],
            "another client's": another_clients,
            "another pool's": another_pools,
        }
    assert {name: posted(system, one) for name, one in refused.items()} == dict.fromkeys(refused, 401)


def posted(system: System, token: str) -> int:
    url, headers = f"{system.environment['API_URL']}/interaction", {"Authorization": f"Bearer {token}"}
    response = requests.post(url, json={"kind": "recall", "timestamp": 1_777_636_800}, headers=headers, timeout=30)
    assert response.json()["status"] == ("ok" if response.ok else "error")
    return response.status_code


def altered(token: str) -> dict[str, str]:
    """Return the token with another user, with a later end, unsigned, and with another signature."""
    header, payload, signature = token.split(".")
    unsigned = _encoded(_decoded(header) | {"alg": "none"})
    return {
        "of another user": f"{header}.{_encoded(_decoded(payload) | {'sub': 'alice'})}.{signature}",
        "with a later end": f"{header}.{_encoded(_decoded(payload) | {'exp': 4_000_000_000})}.{signature}",
        "unsigned": f"{unsigned}.{payload}.",
        "unsigned with the signature": f"{unsigned}.{payload}.{signature}",
        "with another signature": f"{header}.{payload}.{signature[::-1]}",
        "without a signature": f"{header}.{payload}.",
    }


def sign_in(system: System, client_id: str) -> dict[str, str]:
    users = system.target.client("cognito-idp")
    answer = users.initiate_auth(ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=LOGIN)
    tokens: dict[str, str] = answer["AuthenticationResult"]
    return tokens


@contextmanager
def other_client(system: System) -> Iterator[str]:
    """Yield an ID token that another client of our pool got for our user."""
    users, pool_id = system.target.client("cognito-idp"), system.target.outputs["UserPoolId"]
    client_id = _client(users, pool_id)
    try:
        yield sign_in(system, client_id)["IdToken"]
    finally:
        users.delete_user_pool_client(UserPoolId=pool_id, ClientId=client_id)


@contextmanager
def other_pool(system: System) -> Iterator[str]:
    """Yield an ID token of a user of the same name in another pool."""
    users = system.target.client("cognito-idp")
    pool_id = users.create_user_pool(PoolName="another")["UserPool"]["Id"]
    try:
        client_id = _client(users, pool_id)
        users.admin_create_user(UserPoolId=pool_id, Username=EMAIL, MessageAction="SUPPRESS")
        users.admin_set_user_password(UserPoolId=pool_id, Username=EMAIL, Password=PASSWORD, Permanent=True)
        yield sign_in(system, client_id)["IdToken"]
    finally:
        users.delete_user_pool(UserPoolId=pool_id)


def _client(users: Any, pool_id: str) -> str:
    made = users.create_user_pool_client(
        UserPoolId=pool_id, ClientName="another", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )
    return str(made["UserPoolClient"]["ClientId"])


def _decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
