"""A guard before the AWS endpoint: whoever cannot sign with this cloud's secret is refused, as AWS refuses them.

MiniStack by itself takes any credentials and any Host, and runs functions as the user who started it.
"""

import hashlib
import hmac
import json
import logging
import re
from collections import Counter
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local import sign_in

_LOG: Final = logging.getLogger("guard")
FRONT_KEY: Final = "x-front-key"
# Unsigned for a reason. MiniStack itself reads the user pool's public keys, which anybody may on AWS, and a custom
# resource's function answers CloudFormation: on AWS by a presigned URL, here by one whose random part is the secret.
_OPEN: Final = {
    # With the underscore of a pool's id: what is no pool's would be an object of S3.
    "GET": re.compile(r"/[\w-]+_\w+/\.well-known/jwks\.json"),
    "PUT": re.compile(r"/_ministack/cfn-response/[0-9a-f-]{36}"),
}
_API: Final = re.compile(r"/restapis/\w+/\w+/_user_request_/.*")
_MAX_BODY_BYTES: Final = 16 * 1024**2
_MAX_FILE_BYTES: Final = 512 * 1024**2  # S3's, once the signature is known to be right
_SHA256: Final = "x-amz-content-sha256"
# The guard or MiniStack decides by these and by all x-amz-*. Of a repeated one each would read another value.
_ONLY_ONCE: Final = frozenset(
    {"authorization", "content-length", "content-type", "date", "host", "origin", "sec-fetch-site", FRONT_KEY}
)
# As every client writes it, each part once: what reads such a header leniently finds the first or the last of two.
_AUTHORIZATION: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=[^\s,=]+, SignedHeaders=[^\s,=]+, Signature=[^\s,=]+")
# A signature for another service than S3 covers the path without empty and dot segments; MiniStack reads it with them.
_UNSIGNED_SEGMENTS: Final = re.compile(r"\A(?!/)|//|/\.\.?(?:/|\Z)")


class RefusedError(Exception):
    """A stranger's request: AWS's code for it, and why, in words for the person whose request it may be."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def answer(self, request: Request) -> Response:
        """Answer in JSON to services that speak it, in XML to the others; without CORS headers, so no page reads it."""
        if "json" in request.headers.get("content-type", ""):
            body = json.dumps({"__type": self.code, "message": str(self)})
            return Response(body, 403, media_type="application/x-amz-json-1.1")
        error = f"<Error><Code>{escape(self.code)}</Code><Message>{escape(str(self))}</Message></Error>"
        return Response(f"<ErrorResponse>{error}</ErrorResponse>", 403, media_type="text/xml")


class Guard:
    """An ASGI application that passes on only what its own user has sent.

    `secret_of` returns an access key's secret, None for an unknown one; with `front_key` come the API's requests.
    `is_genuine` tells whether a user pool has signed a token.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int,
        secret_of: Callable[[str], str | None],
        is_genuine: Callable[[str], bool],
        front_key: str,
    ) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self._secret_of = secret_of
        self._is_genuine = is_genuine
        self._front_key = front_key.encode()

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
                _LOG.warning("refused %r %r: %s", request.method, scope["path"], refusal.code)  # a stranger's text
                await refusal.answer(request)(scope, receive, send)
            else:
                await self._app(scope, receive, send)

    async def _admit(self, request: Request) -> tuple[Scope, Receive]:
        """Return the request as MiniStack may have it; raise RefusedError for a stranger's."""
        self._check_sender(request)
        path = request.scope["raw_path"].decode("latin-1")
        if not request.url.query and _is_open(request.method, path, request.headers.get("x-amz-target")):
            return await self._unsigned(request)
        if _API.fullmatch(path) and hmac.compare_digest(request.headers.get(FRONT_KEY, "").encode(), self._front_key):
            return _of_the_api(request.scope), _again(await _read(request, _MAX_BODY_BYTES), request.receive)
        return await self._check_signature(request, path)

    def _check_sender(self, request: Request) -> None:
        """Refuse what a browser sends for a page, a made-up name of this machine, and a header with two meanings."""
        for name, number in Counter(request.headers.keys()).items():
            if number > 1 and (name in _ONLY_ONCE or name.startswith("x-amz-")):
                raise RefusedError("AccessDenied", f"more than one {name} header")
        if request.headers.get("host") not in self._hosts:
            raise RefusedError("AccessDenied", "Host: names another endpoint")
        if "origin" in request.headers or request.headers.get("sec-fetch-site", "none") != "none":
            raise RefusedError("AccessDenied", "no page may call this endpoint; a page calls API_URL")

    async def _unsigned(self, request: Request) -> tuple[Scope, Receive]:
        """Return the request made again from what was checked, so that nothing else in it decides anything."""
        body, target = await _read(request, sign_in.MAX_BODY_BYTES), request.headers.get("x-amz-target")
        headers = {"host": request.headers["host"], "content-type": "application/x-amz-json-1.1"}
        if target:
            if (checked := sign_in.proven(target, body, self._is_genuine)) is None:
                raise RefusedError("NotAuthorizedException", "a request without a signature has to prove who sent it")
            body, headers["x-amz-target"] = checked, target
        headers["content-length"] = str(len(body))
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return {**request.scope, "headers": raw}, _again(body, request.receive)

    async def _check_signature(self, request: Request, path: str) -> tuple[Scope, Receive]:
        from ministack.core import sigv4  # noqa: PLC0415  MiniStack reads its environment when it is imported

        headers = dict(request.headers)
        if not _AUTHORIZATION.fullmatch(headers.get("authorization", "")):
            raise RefusedError("MissingAuthenticationToken", "not signed: source .local/env")
        signature = sigv4.parse_header_signature(headers)
        if isinstance(signature, tuple):
            raise RefusedError(*signature)
        if signature.service != "s3" and _UNSIGNED_SEGMENTS.search(path):
            raise RefusedError("SignatureDoesNotMatch", "not signed: empty or dot segments of the path")
        if late := sigv4.request_time_failure(signature):
            raise RefusedError(*late)
        if (secret := self._secret_of(signature.access_key_id)) is None:
            raise RefusedError("InvalidClientTokenId", "unknown access key: source .local/env")
        # MiniStack decides by these too, and the signature covers only those that it names.
        signed = signature.signed_headers.split(";")
        if unsigned := [name for name in headers if name.startswith(("host", "x-amz-")) and name not in signed]:
            raise RefusedError("SignatureDoesNotMatch", f"not signed: {', '.join(unsigned)}")
        body = b"" if _SHA256 in headers else await _read(request, _MAX_BODY_BYTES)  # the signature covers either
        query = parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if wrong := sigv4.header_signature_failure(signature, secret, request.method, path, query, headers, body):
            raise RefusedError(*wrong)
        if _SHA256 in headers:
            body = await _read(request, _MAX_FILE_BYTES)
            if hashlib.sha256(body).hexdigest() != headers[_SHA256]:
                raise RefusedError("XAmzContentSHA256Mismatch", "the body is not the one that was signed")
        return request.scope, _again(body, request.receive)


def _is_open(method: str, path: str, target: str | None) -> bool:
    if method == "POST":
        return path == "/" and target in sign_in.TARGETS
    return method in _OPEN and target is None and bool(_OPEN[method].fullmatch(path))


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise RefusedError("RequestEntityTooLarge", f"the body has more than {max_bytes} bytes")
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Receive the body that was read already, then what else there is: that the client has gone."""
    messages: list[Message] = [{"type": "http.request", "body": body}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def _of_the_api(scope: Scope) -> Scope:
    """Leave out the front's key, and what could make MiniStack take the request for another service's."""
    headers = [pair for pair in scope["headers"] if not pair[0].startswith((FRONT_KEY.encode(), b"x-amz-"))]
    return {**scope, "headers": headers}
