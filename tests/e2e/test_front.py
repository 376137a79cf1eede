"""What pages of other origins reach of the deployed system, in a real browser: the API, and nothing else."""

import base64
import gzip
import http.client
import http.server
import io
import json
import re
import socket
import sys
import threading
import time
import uuid
import zipfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from local.front.gateway import MAX_BODY_BYTES
from tests.browser import rendered
from tests.e2e.conftest import EMAIL, PASSWORD, System
from tests.waiting import within

PAGE = """<!doctype html><pre id="told"></pre><script>
const told = [];
const call = async (url, options) => {
  try {
    const answer = await fetch(url, options);
    told.push([answer.status, answer.type, answer.headers.get("retry-after"), await answer.text()]);
  } catch (error) { told.push([error.name]); }
};
(async () => {
  for (const [url, options] of CALLS) await call(url, options);
  document.getElementById("told").textContent = btoa(unescape(encodeURIComponent(JSON.stringify(told))));
  document.title = "done";
})();
</script>"""


@pytest.fixture(scope="module")
def zipped() -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("index.py", "def handler(event, context): pass")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture(scope="module")
def told(system: System, token: str, zipped: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what a page of another loopback origin could read of each answer: status, type, Retry-After, body.

    An error's name stands alone where it could read nothing.
    """
    folder = tmp_path_factory.mktemp("page")
    # The page asks once; on a busy machine a function's first start can take longer than API Gateway waits.
    url, headers = f"{system.environment['API_URL']}/event/any", {"Authorization": f"Bearer {token}"}
    within(120, lambda: _known(requests.get(url, headers=headers, timeout=60)))
    calls = {**api_calls(system, token), **attacks(system, zipped)}
    (folder / "page.html").write_text(PAGE.replace("CALLS", json.dumps(list(calls.values()))))
    handler = partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/page.html"
        document = rendered(url, folder / "profile", "--disable-features=LocalNetworkAccessChecks")
        server.shutdown()
    [answers] = re.findall(r'<pre id="told">([^<]+)</pre>', document)
    return dict(zip(calls, json.loads(base64.b64decode(answers)), strict=True))


def _known(answer: requests.Response) -> None:
    assert answer.status_code == 404, answer.text


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


def api_calls(system: System, token: str) -> dict[str, tuple[str, dict[str, Any]]]:
    url, pool = system.environment["API_URL"], system.environment["USER_POOL_CLIENT_ID"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    keys = {"USERNAME": EMAIL, "PASSWORD": PASSWORD}
    sign_in = {"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": pool, "AuthParameters": keys}

    def post(body: object, **changed: str) -> dict[str, Any]:
        return {"method": "POST", "headers": headers | changed, "body": json.dumps(body)}

    return {
        "recall": (f"{url}/interaction", post({"kind": "recall", "timestamp": time.time()})),
        "batch": (f"{url}/interactions", post({"interactions": [{"kind": "recall", "timestamp": time.time()}, {}]})),
        "status": (f"{url}/event/{uuid.uuid4()}", {"headers": headers}),
        "wrong": (f"{url}/interaction", post({"kind": "peel", "timestamp": time.time()})),
        "no token": (f"{url}/interaction", post({}, Authorization="Bearer nonsense")),
        "no route": (f"{url}/elsewhere", {"method": "POST", "body": "{}"}),
        "sign in": (system.environment["USER_POOL_ENDPOINT"], cognito("InitiateAuth", sign_in)),
    }


def attacks(system: System, zipped: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return what took over the laptop when nothing stood before the endpoint."""
    aws, api = system.environment["AWS_ENDPOINT_URL"], system.environment["API_URL"]
    function = {
        "FunctionName": "intruder",
        "Runtime": f"python3.{sys.version_info.minor}",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/any",
        "Code": {"ZipFile": zipped},
    }
    simple = {"method": "POST", "headers": {"Content-Type": "text/plain"}, "body": json.dumps(function)}
    secret = {"SecretId": "interaction-tracker/local/postgres-owner"}
    headers = {"X-Amz-Target": "secretsmanager.GetSecretValue", "Content-Type": "application/x-amz-json-1.1"}
    read = {"method": "POST", "headers": headers, "body": json.dumps(secret)}
    return {
        "create function": (f"{aws}/2015-03-31/functions", simple),
        "create function blindly": (f"{aws}/2015-03-31/functions", {**simple, "mode": "no-cors"}),
        "read secret": (f"{aws}/", read),
        "reset": (f"{aws}/_ministack/reset", {"method": "POST", "mode": "no-cors"}),
        "create function by the front": (f"{api}/2015-03-31/functions", simple),
        "read secret by the front": (f"{api}/cognito-idp/", read),
        "forgot password": (f"{api}/cognito-idp/", cognito("ForgotPassword", {"Username": EMAIL})),
    }


def cognito(operation: str, body: object) -> dict[str, Any]:
    target = f"AWSCognitoIdentityProviderService.{operation}"
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
    return {"method": "POST", "headers": headers, "body": json.dumps(body)}


@pytest.mark.browser
def test_a_page_of_another_origin_posts_an_interaction(told: dict[str, Any], sql: psycopg.Connection) -> None:
    status, _, _, body = told["recall"]
    assert (status, json.loads(body)["status"]) == (200, "ok")

    def stored() -> None:
        rows = sql.execute("SELECT kind FROM interaction WHERE event_id = %s", [json.loads(body)["event_id"]])
        assert rows.fetchall() == [("recall",)]

    within(30, stored)


@pytest.mark.browser
def test_a_page_of_another_origin_sends_a_batch(told: dict[str, Any], sql: psycopg.Connection) -> None:
    status, _, _, body = told["batch"]
    results = json.loads(body)["results"]
    assert (status, [one["status"] for one in results]) == (200, ["ok", "error"])

    def stored() -> None:
        assert sql.execute("SELECT FROM interaction WHERE event_id = %s", [results[0]["event_id"]]).rowcount == 1

    within(30, stored)


@pytest.mark.browser
def test_the_apis_documentation_is_drawn_without_an_outside_address(system: System, tmp_path: Path) -> None:
    page = rendered(f"{system.environment['API_URL']}/docs", tmp_path / "profile")
    assert re.findall(r'data-path="([^"]+)"', page) == ["/interaction", "/interactions", "/event/{event_id}"]


@pytest.mark.browser
@pytest.mark.parametrize(("call", "expected"), [("wrong", 400), ("no token", 401), ("no route", 404), ("status", 404)])
def test_a_page_reads_every_error_in_the_contracts_shape(told: dict[str, Any], call: str, expected: int) -> None:
    status, _, _, body = told[call]
    assert status == expected
    assert json.loads(body).keys() == {"status", "message", "event_id"}


@pytest.mark.browser
def test_a_page_signs_its_user_in(told: dict[str, Any]) -> None:
    status, _, _, body = told["sign in"]
    assert status == 200
    assert json.loads(body)["AuthenticationResult"]["IdToken"]


@pytest.mark.browser
def test_a_page_changes_nothing_and_reads_nothing_of_the_aws_endpoint(told: dict[str, Any], system: System) -> None:
    for call in ("create function", "read secret"):
        assert told[call] == ["TypeError"]
    for call in ("create function blindly", "reset"):
        assert told[call][:2] == [0, "opaque"]
    assert [told[call][0] for call in ("create function by the front", "forgot password")] == [404, 400]
    assert "postgres" not in told["read secret by the front"][-1]
    names = [one["FunctionName"] for one in system.target.client("lambda").list_functions()["Functions"]]
    assert names
    assert "intruder" not in names


def test_a_preflight_is_answered_as_the_template_says(system: System) -> None:
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    answer = requests.options(f"{system.environment['API_URL']}/interaction", headers=headers, timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Max-Age"] == "7200"
    assert {"Authorization", "Content-Encoding"} <= set(answer.headers["Access-Control-Allow-Headers"].split(","))


def ask(system: System, request: bytes) -> tuple[int, dict[str, Any]]:
    """Send these bytes to the front; return the status and the JSON of its answer."""
    with closing(socket.create_connection(("127.0.0.1", system.cloud.ports.api), timeout=60)) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection, method=request.split(b" ", 1)[0].decode())
        answer.begin()
        return answer.status, json.loads(answer.read())


@pytest.mark.parametrize(
    ("line", "header", "status"),
    [
        (b"GET /event/%00", b"", 404),
        (b"GET /event/any?X-Amz-Credential=999999999999/20261126/us-east-1/sqs/aws4_request", b"", 404),
        (b"GET /event/any?AWSAccessKeyId=999999999999", b"", 404),
        (b"GET /event/any?Action=ListQueues", b"", 404),
        (b"GET /event/any", b"X-Amz-Target: secretsmanager.ListSecrets", 404),
        (b"GET /event/any", b"X-Forwarded-For: 192.0.2.1", 404),
        (b"GET /event/any", b"Authorization: Bearer nonsense", 401),
        (b"TRACE /event/any", b"", 404),
        (b"ANY /event/any", b"", 404),
    ],
)
def test_an_odd_request_is_answered_in_the_contracts_shape(
    system: System, token: str, line: bytes, header: bytes, status: int
) -> None:
    headers = [b"Host: localhost", b"Authorization: Bearer " + token.encode(), *([header] if header else [])]
    found, answer = ask(system, b"\r\n".join([line + b" HTTP/1.1", *headers, b"", b""]))
    assert (found, answer["status"], set(answer)) == (status, "error", {"status", "message", "event_id"})


@pytest.mark.parametrize("value", ["Zürich".encode(), "Zürich".encode("latin-1"), b"\xff\xfe"])
def test_a_header_that_is_no_ascii_is_passed_on(system: System, token: str, value: bytes) -> None:
    body = json.dumps({"kind": "recall", "timestamp": time.time()}).encode()
    with closing(http.client.HTTPConnection("127.0.0.1", system.cloud.ports.api, timeout=30)) as connection:
        connection.putrequest("POST", "/interaction")
        for name, text in {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}.items():
            connection.putheader(name, text)
        connection.putheader("X-City", value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["status"]) == (200, "ok")


def test_a_body_is_unpacked_and_one_over_the_quota_is_refused_in_shape(system: System, token: str) -> None:
    def post(body: bytes, **headers: str) -> requests.Response:
        own = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url = f"{system.environment['API_URL']}/interaction"
        return requests.post(url, data=body, headers=own | headers, timeout=30)

    packed = gzip.compress(json.dumps({"kind": "recall", "timestamp": time.time()}).encode())
    assert post(packed, **{"Content-Encoding": "gzip"}).json()["status"] == "ok"
    for answer in (
        post(bytes(MAX_BODY_BYTES + 1)),
        post(gzip.compress(bytes(MAX_BODY_BYTES + 1)), **{"Content-Encoding": "gzip"}),
    ):
        assert (answer.status_code, answer.json()["status"]) == (413, "error")


def test_an_access_token_is_refused_as_on_aws(system: System) -> None:
    users = system.target.client("cognito-idp")
    keys = {"USERNAME": EMAIL, "PASSWORD": PASSWORD}
    client = system.environment["USER_POOL_CLIENT_ID"]
    answer = users.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=keys)
    token = answer["AuthenticationResult"]["AccessToken"]
    url, headers = f"{system.environment['API_URL']}/interaction", {"Authorization": f"Bearer {token}"}
    response = requests.post(url, json={}, headers=headers, timeout=30)
    assert (response.status_code, response.json()["event_id"]) == (401, None)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
