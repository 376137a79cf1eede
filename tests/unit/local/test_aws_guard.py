"""What the guard hands on to MiniStack, for which a recorder stands here."""

import asyncio
import hashlib
import json
from typing import Any

import httpx
import pytest
import pytest_socket
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local.aws_guard import FRONT_KEY, Guard

INITIATE_AUTH = "AWSCognitoIdentityProviderService.InitiateAuth"
PASSWORD_AUTH = b'{"AuthFlow": "USER_PASSWORD_AUTH"}'
API = "/restapis/api/api/_user_request_/interaction"
KEY = (FRONT_KEY, "front's key")
SECRETS = {"known": "a secret"}
DESCRIBE = b"Action=DescribeStacks&Version=2010-05-15"
OTHER = b"Action=CreateStack&Version=2010-05-15"


class Recorder:
    """An ASGI application that keeps the headers and the body of each request."""

    def __init__(self) -> None:
        self.seen: list[tuple[list[tuple[str, str]], bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200."""
        request = Request(scope, receive)
        self.seen.append((request.headers.items(), await request.body()))
        await Response()(scope, receive, send)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def ask(
    recorder: Recorder, *headers: tuple[str, str], body: bytes = PASSWORD_AUTH, path: str = "/", method: str = "POST"
) -> int:
    """Return the status of a request to the guard in front of the recorder; its path is sent as it is given."""
    guard = Guard(recorder, port=4566, secret_of=SECRETS.get, is_genuine=lambda _: False, front_key=KEY[1])

    async def as_given(scope: Scope, receive: Receive, send: Send) -> None:
        await guard({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    transport: Any = httpx.ASGITransport(as_given)

    async def send() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:4566") as client:
            return (await client.request(method, path, content=body, headers=list(headers))).status_code

    pytest_socket.enable_socket()  # asyncio wakes itself by a pair of sockets
    return asyncio.run(send())


def test_a_sign_in_is_made_again_from_what_was_checked(recorder: Recorder) -> None:
    stranger = [("Authorization", "Credential=a/b/c/lambda/d"), ("Content-Type", "text/plain"), ("X-Other", "1")]
    assert ask(recorder, ("X-Amz-Target", INITIATE_AUTH), *stranger) == 200
    [(headers, body)] = recorder.seen
    assert json.loads(body) == json.loads(PASSWORD_AUTH)
    assert dict(headers) == {
        "host": "localhost:4566",
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": INITIATE_AUTH,
        "content-length": str(len(body)),
    }
    assert len(headers) == 4


@pytest.mark.parametrize(
    "twice",
    [
        ("X-Amz-Target", INITIATE_AUTH),
        ("X-Amz-Date", "20261126T000000Z"),
        ("Host", "localhost:4566"),
        ("Authorization", "any"),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("Sec-Fetch-Site", "none"),
        KEY,
    ],
    ids=lambda header: header[0],
)
@pytest.mark.parametrize(
    ("path", "method"), [("/", "POST"), (API, "POST"), ("/us-east-1_pool/.well-known/jwks.json", "GET")]
)
def test_a_header_that_decides_may_be_there_once_only(
    recorder: Recorder, twice: tuple[str, str], path: str, method: str
) -> None:
    needed = {"/": [("X-Amz-Target", INITIATE_AUTH)], API: [KEY]}.get(path, [])
    others = [header for header in needed if header[0] != twice[0]]
    assert ask(recorder, *others, twice, twice, path=path, method=method) == 403
    assert recorder.seen == []


def test_the_apis_request_names_no_other_service(recorder: Recorder) -> None:
    token = ("authorization", "Bearer token")
    assert ask(recorder, KEY, token, ("X-Amz-Target", INITIATE_AUTH), ("X-Amz-Any", "1"), path=API) == 200
    [(headers, body)] = recorder.seen
    assert body == PASSWORD_AUTH
    assert token in headers
    assert [name for name, _ in headers if name == FRONT_KEY or name.startswith("x-amz-")] == []


ANSWER = "/_ministack/cfn-response/00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("headers", "path", "method", "max_bytes"),
    [
        ([("X-Amz-Target", INITIATE_AUTH)], "/", "POST", 64 * 1024),
        ([], "/us-east-1_pool/.well-known/jwks.json", "GET", 64 * 1024),
        ([], ANSWER, "PUT", 64 * 1024),
        ([KEY], API, "POST", 16 * 1024**2),
    ],
    ids=["sign-in", "keys", "custom resource", "API"],
)
def test_a_body_has_a_bound(
    recorder: Recorder, headers: list[tuple[str, str]], path: str, method: str, max_bytes: int
) -> None:
    body = PASSWORD_AUTH.ljust(max_bytes)
    assert ask(recorder, *headers, body=body, path=path, method=method) == 200
    assert ask(recorder, *headers, body=body + b" ", path=path, method=method) == 403
    assert len(recorder.seen) == 1


def signed(auth: type[SigV4Auth], service: str, body: bytes, **headers: str) -> list[tuple[str, str]]:
    """Return the headers of a POST to / that the laptop's own key has signed."""
    given = {"Host": "localhost:4566", "Content-Type": "application/x-www-form-urlencoded"} | headers
    request = AWSRequest("POST", "http://localhost:4566/", headers=given, data=body)
    auth(Credentials("known", SECRETS["known"]), service, "us-east-1").add_auth(request)
    return list(request.headers.items())


def test_what_is_signed_is_passed_on_as_it_is(recorder: Recorder) -> None:
    target = {"X-Amz-Target": "AmazonSQS.ListQueues"}
    assert ask(recorder, *signed(SigV4Auth, "cloudformation", DESCRIBE), body=DESCRIBE) == 200
    assert ask(recorder, *signed(SigV4Auth, "sqs", b"{}", **target), body=b"{}") == 200
    assert ask(recorder, *signed(S3SigV4Auth, "s3", b"a file"), body=b"a file") == 200
    assert [body for _, body in recorder.seen] == [DESCRIBE, b"{}", b"a file"]


@pytest.mark.parametrize(
    "added",
    [
        [],
        [("X-Amz-Content-Sha256", hashlib.sha256(DESCRIBE).hexdigest())],
        [("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")],
    ],
    ids=["nothing", "the old body's digest", "that it is not signed"],
)
def test_a_signature_that_somebody_saw_signs_no_other_body(recorder: Recorder, added: list[tuple[str, str]]) -> None:
    assert ask(recorder, *signed(SigV4Auth, "cloudformation", DESCRIBE), *added, body=OTHER) == 403
    assert recorder.seen == []


@pytest.mark.parametrize("digest", [hashlib.sha256(DESCRIBE).hexdigest(), "UNSIGNED-PAYLOAD"])
def test_a_signed_digest_is_that_of_the_body(recorder: Recorder, digest: str) -> None:
    seen = signed(S3SigV4Auth, "s3", DESCRIBE, **{"X-Amz-Content-SHA256": digest})
    assert ask(recorder, *seen, body=OTHER) == 403
    assert recorder.seen == []


def test_a_signature_that_somebody_saw_chooses_no_other_service(recorder: Recorder) -> None:
    target = ("X-Amz-Target", "secretsmanager.GetSecretValue")
    assert ask(recorder, *signed(SigV4Auth, "cloudformation", DESCRIBE), target, body=DESCRIBE) == 403
    assert recorder.seen == []


OTHER_SERVICE = "Credential=999999999999/x/us-east-1/lambda/aws4_request, "


@pytest.mark.parametrize("before", [OTHER_SERVICE, f"X{OTHER_SERVICE}", f"Signature=0, {OTHER_SERVICE}"])
@pytest.mark.parametrize("last", [False, True])
def test_a_signature_that_somebody_saw_has_each_part_once(recorder: Recorder, before: str, *, last: bool) -> None:
    seen = dict(signed(SigV4Auth, "sts", DESCRIBE))
    algorithm, parts = seen["Authorization"].split(" ", 1)
    seen["Authorization"] = f"{algorithm} " + (f"{parts}, {before[:-2]}" if last else f"{before}{parts}")
    assert ask(recorder, *seen.items(), body=DESCRIBE) == 403
    assert recorder.seen == []


@pytest.mark.parametrize("path", ["/2015-03-31/functions/../../", "/a/..", "//", "/./", "/.", ""])
def test_a_signature_that_somebody_saw_chooses_no_other_path(recorder: Recorder, path: str) -> None:
    assert ask(recorder, *signed(SigV4Auth, "sts", DESCRIBE), body=DESCRIBE, path=path) == 403
    assert recorder.seen == []
