"""The entry points, called as API Gateway and Lambda call them."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_socket
from chalice.test import Client, HTTPResponse

from tests.metrics import metrics, values
from tests.samples import ALICE, EVENT, payload

# Chalice's test client warns that it does not verify tokens.
pytestmark = pytest.mark.filterwarnings("ignore:CognitoUserPoolAuthorizer")

RUNTIME = Path(__file__).parents[2] / "runtime"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.chdir(RUNTIME)
    monkeypatch.setenv("QUEUE_URL", "http://127.0.0.1:9/queue")
    monkeypatch.setenv("CORS_ORIGIN", "https://app.recollect.example")
    monkeypatch.setenv("USER_POOL_CLIENT_IDS", "webapp,sidecar")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    import app  # noqa: PLC0415  it reads its configuration from the current folder

    with Client(app.app) as client:
        yield client


def post(client: Client, body: object, kind: str = "id", aud: str = "sidecar") -> HTTPResponse:
    # API Gateway verifies the signature; our code reads only the claims.
    parts: tuple[dict[str, str], ...] = (
        {"alg": "RS256"},
        {"sub": ALICE, "token_use": kind, "aud": aud, "cognito:username": ALICE},
        {},
    )
    token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    headers = {"Content-Type": "application/json", "Authorization": token}
    return client.http.post("/interaction", headers=headers, body=json.dumps(body).encode())


def test_a_wrong_request_is_answered_in_shape(client: Client) -> None:
    response = post(client, payload("peel"))
    assert response.status_code == 400
    message = "artifact_id: required for kind 'peel'"
    assert response.json_body == {"status": "error", "message": message, "event_id": None}


def test_only_id_tokens_are_accepted(client: Client) -> None:
    assert post(client, payload(), kind="access").status_code == 401


def test_only_tokens_of_the_environments_clients_are_accepted(client: Client) -> None:
    assert post(client, payload(), aud="another").status_code == 401


def test_every_answer_allows_the_environments_origin(client: Client) -> None:
    assert post(client, {}).headers["Access-Control-Allow-Origin"] == "https://app.recollect.example"


def test_with_the_queue_unavailable_the_answer_is_retry(client: Client) -> None:
    pytest_socket.enable_socket()  # a real connection, refused by a real port
    response = post(client, payload(event_id=EVENT))
    assert (response.status_code, response.json_body["status"], response.json_body["event_id"]) == (503, "retry", EVENT)
    assert response.headers["Retry-After"]


def test_an_unexpected_error_is_answered_retry_and_counted(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("QUEUE_URL")
    response = post(client, payload())
    assert (response.status_code, response.json_body["status"]) == (500, "retry")
    assert response.headers["Access-Control-Allow-Origin"]
    assert values(metrics(capsys), "Retried") == [1]


def test_an_unknown_operation_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="operation must be one of migrate"):
        client.lambda_.invoke("operations", {"operation": "guess"})


@pytest.mark.parametrize(
    ("modules", "never_loaded"),
    [("app", "psycopg neo4j boto3 pydantic"), ("app, chalicelib.api.http", "psycopg neo4j yoyo")],
)
def test_a_module_needs_no_environment_and_loads_only_its_part(modules: str, never_loaded: str) -> None:
    code = f"import sys, {modules}; print([name for name in '{never_loaded}'.split() if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=RUNTIME, env={}, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("handler", "loaded"),
    [
        ("app.app", "botocore pydantic"),
        ("app.event_status", "botocore neo4j psycopg pydantic"),
        ("app.worker", "botocore neo4j psycopg pydantic"),
        ("app.catch_up", "botocore neo4j psycopg pydantic"),
        ("app.operations", "botocore neo4j psycopg pydantic yoyo"),
    ],
)
def test_a_function_loads_what_it_needs_before_its_first_request_and_no_more(handler: str, loaded: str) -> None:
    heavy = "boto3 botocore neo4j psycopg pydantic yoyo"
    code = f"import sys, app; print(*[name for name in '{heavy}'.split() if name in sys.modules])"
    environment = {"_HANDLER": handler, "AWS_DEFAULT_REGION": "us-east-1"}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=RUNTIME, env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == loaded.split()
