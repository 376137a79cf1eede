"""Tokens that are valid and must not store anything: another client's, and an erased person's."""

import time
from dataclasses import replace

import psycopg
import requests

from scripts.create_user import ensure_user
from scripts.get_bearer_token import sign_in
from tests.e2e.conftest import EMAIL, PASSWORD, System
from tests.e2e.test_commands import run

ERASED = "erased@example.com"


def recall(system: System, token: str) -> requests.Response:
    """Post a recall that happens now, with this token."""
    return requests.post(
        f"{system.environment['API_URL']}/interaction",
        json={"kind": "recall", "timestamp": time.time()},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )


def wait_for_row(sql: psycopg.Connection, event_id: str) -> None:
    until = time.monotonic() + 60
    while not sql.execute("SELECT FROM interaction WHERE event_id = %s", [event_id]).rowcount:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_token_of_another_client_of_the_pool_is_401(system: System, token: str) -> None:
    assert recall(system, token).status_code == 200
    client = system.target.client("cognito-idp").create_user_pool_client(
        UserPoolId=system.target.outputs["UserPoolId"],
        ClientName="another",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    another = replace(system.target)
    another.__dict__["outputs"] = {**system.target.outputs, "UserPoolClientId": client}
    answer = recall(system, sign_in(another, EMAIL, PASSWORD))
    assert (answer.status_code, answer.json()["status"]) == (401, "error")


def test_the_token_of_an_erased_account_stores_nothing(system: System, token: str, sql: psycopg.Connection) -> None:
    ensure_user(system.target, ERASED, PASSWORD, change=True)
    old = sign_in(system.target, ERASED, PASSWORD)
    before = recall(system, old).json()["event_id"]
    wait_for_row(sql, before)
    done = run(system, "erase-user", "-e", "local", ERASED, "--with-account", "--yes")
    assert (done.returncode, "deleted the account" in done.stdout) == (0, True), done.stderr
    after = recall(system, old)
    assert after.status_code == 200  # the queue has it; the worker counts it as Erased
    time.sleep(1)
    wait_for_row(sql, recall(system, token).json()["event_id"])
    left = sql.execute(
        "SELECT count(*) FROM interaction WHERE event_id IN (%s, %s)", [before, after.json()["event_id"]]
    )
    assert left.fetchone() == (0,)
