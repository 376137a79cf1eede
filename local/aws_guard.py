"""A guard before the AWS endpoint: whoever cannot sign with this cloud's secret is refused, as AWS refuses them.

MiniStack by itself takes any credentials and any Host, and runs functions as the user who started it.
"""

import hmac
import json
import logging
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Operations of the user pool that AWS, too, takes unsigned, from anybody: a person proves who they are by what they
# send. The others of that kind (sign-up, a forgotten password) need nothing at all in MiniStack, so they are refused.
SIGN_IN: Final = frozenset(
    f"AWSCognitoIdentityProviderService.{operation}"
    for operation in (
        "InitiateAuth",
        "RespondToAuthChallenge",
        "GetUser",
        "UpdateUserAttributes",
        "GlobalSignOut",
        "RevokeToken",
    )
)
_LOG: Final = logging.getLogger("guard")
FRONT_KEY: Final = "x-front-key"
# Unsigned for a reason. MiniStack itself reads the user pool's public keys, which anybody may on AWS, and a custom
# resource's function answers CloudFormation: on AWS by a presigned URL, here by one whose random part is the secret.
_OPEN: Final = {
    "GET": re.compile(r"/[\w-]+/\.well-known/jwks\.json"),
    "PUT": re.compile(r"/_ministack/cfn-response/[0-9a-f-]{36}"),
}
_OPEN_HEADERS: Final = frozenset({b"host", b"content-type", b"content-length", b"transfer-encoding", b"x-amz-target"})
_API: Final = re.compile(r"/restapis/\w+/\w+/_user_request_/.*")
_MAX_BODY_BYTES: Final = 16 * 1024**2  # of a request whose signature covers the body itself; S3 signs a header


class RefusedError(Exception):
    """A stranger's request: AWS's code for it, and why, in words for the person whose request it may be."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Guard:
    """An ASGI application that passes on only what its own user has sent.

    `secret_of` returns an access key's secret, None for an unknown one; with `front_key` come the API's requests.
    """

    def __init__(self, app: ASGIApp, *, port: int, secret_of: Callable[[str], str | None], front_key: str) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self._secret_of = secret_of
        self._front_key = front_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it; no web socket is needed here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            request = Request(scope, receive)
            try:
                scope, receive = await self._admit(request)
            except RefusedError as refusal:
                _LOG.warning("refused %s %s: %s", request.method, scope["path"], refusal.code)
                await _refusal(request, refusal)(scope, receive, send)
            else:
                await self._app(scope, receive, send)

    async def _admit(self, request: Request) -> tuple[Scope, Receive]:
        """Return the request as MiniStack may have it; raise RefusedError for a stranger's."""
        self._check_sender(request)
        path = request.scope["raw_path"].decode("latin-1")
        if not request.url.query and _is_open(request.method, path, request.headers.get("x-amz-target")):
            # Nothing else in it shall make MiniStack take it for another service's request.
            return _with_headers(request.scope, lambda name: name in _OPEN_HEADERS), request.receive
        if _API.fullmatch(path) and _same(request.headers.get(FRONT_KEY, ""), self._front_key):
            return _with_headers(request.scope, lambda name: name != FRONT_KEY.encode()), request.receive
        return await self._check_signature(request, path)

    def _check_sender(self, request: Request) -> None:
        """Refuse what a browser sends for a page, and a name of this machine that somebody else has made up."""
        if request.headers.get("host") not in self._hosts:
            raise RefusedError("AccessDenied", "Host: names another endpoint")
        if "origin" in request.headers or request.headers.get("sec-fetch-site", "none") != "none":
            raise RefusedError("AccessDenied", "no page may call this endpoint; a page calls API_URL")

    async def _check_signature(self, request: Request, path: str) -> tuple[Scope, Receive]:
        from ministack.core import sigv4  # noqa: PLC0415  MiniStack reads its environment when it is imported

        headers = dict(request.headers)
        if not headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
            raise RefusedError("MissingAuthenticationToken", "not signed: source .local/env")
        signature = sigv4.parse_header_signature(headers)
        if isinstance(signature, tuple):
            raise RefusedError(*signature)
        if late := sigv4.request_time_failure(signature):
            raise RefusedError(*late)
        secret = self._secret_of(signature.access_key_id)
        if secret is None:
            raise RefusedError("InvalidClientTokenId", "unknown access key: source .local/env")
        body, receive = b"", request.receive
        if "x-amz-content-sha256" not in headers:  # which the signature covers instead of the body
            body = await _read(request)
            receive = _again(body, receive)
        query = parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        wrong = sigv4.header_signature_failure(signature, secret, request.method, path, query, headers, body)
        if wrong:
            raise RefusedError(*wrong)
        return request.scope, receive


def _is_open(method: str, path: str, target: str | None) -> bool:
    if method == "POST":
        return path == "/" and target in SIGN_IN
    return method in _OPEN and target is None and bool(_OPEN[method].fullmatch(path))


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(), secret.encode())


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise RefusedError("RequestEntityTooLarge", f"the body has more than {_MAX_BODY_BYTES} bytes")
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Receive the body that was read already, then what else there is: that the client has gone."""
    messages: list[Message] = [{"type": "http.request", "body": body}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def _with_headers(scope: Scope, wanted: Callable[[bytes], bool]) -> Scope:
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if wanted(name.lower())]}


def _refusal(request: Request, refusal: RefusedError) -> Response:
    """Answer in JSON to services that speak it, in XML to the others; without CORS headers, so no page reads it."""
    if "json" in request.headers.get("content-type", ""):
        body = json.dumps({"__type": refusal.code, "message": str(refusal)})
        return Response(body, 403, media_type="application/x-amz-json-1.1")
    error = f"<Error><Code>{escape(refusal.code)}</Code><Message>{escape(str(refusal))}</Message></Error>"
    return Response(f"<ErrorResponse>{error}</ErrorResponse>", 403, media_type="text/xml")
