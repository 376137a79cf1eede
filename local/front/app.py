"""The front's ASGI application: the deployed API and its documentation, and the user pool's sign-in, for everybody."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local import sign_in
from local.aws_guard import FRONT_KEY
from local.front import demo_page, docs_page, gateway, graph_page
from local.front.gateway import Answer, Api, GatewayError

# In the cloud's folder: the deployed API's path and definition. They go with the endpoint's own files.
DEFINITION: Final = "aws/api.json"
SIGN_IN_PATH: Final = "/cognito-idp/"
_VERBS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
# Of the connection and not of the message, or about the page that sent it: the endpoint is told none of them.
_NOT_PASSED_ON: Final = frozenset(
    {"connection", "content-encoding", "content-length", "expect", "host", "keep-alive", "origin", "referer", "te"}
    | {"trailer", "transfer-encoding", "upgrade", FRONT_KEY}
)
# The endpoint chooses an account and a region by these parameters of a presigned URL: in another one is no API of ours.
_OF_A_PRESIGNED_URL: Final = ("x-amz-", "awsaccesskeyid")
_NOT_PASSED_BACK: Final = frozenset(
    {"connection", "content-encoding", "content-length", "date", "keep-alive", "transfer-encoding"}
)
_SIGN_IN_CORS: Final = {  # as Cognito has them
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "*",
    "access-control-allow-methods": "POST",
    "access-control-expose-headers": "x-amzn-errortype,x-amzn-errormessage,x-amzn-requestid",
    "access-control-max-age": "600",
}


class Front:
    """Serves what was deployed into the folder's cloud; a later deploy is noticed by itself."""

    def __init__(self, folder: Path, *, endpoint: str, front_key: str, bolt: str) -> None:
        self._folder, self._file = folder, folder / DEFINITION
        self._key, self._bolt = front_key, bolt
        self._endpoint = httpx.AsyncClient(base_url=endpoint, timeout=gateway.INTEGRATION_SECONDS, trust_env=False)
        self._api: tuple[str, Api] | None = None
        self._read_at = 0

    def application(self) -> Starlette:
        """Return the ASGI application. It answers to this machine's own names only, against DNS rebinding."""
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]"])
        routes = [
            Route(SIGN_IN_PATH, self.sign_in, methods=["POST", "OPTIONS"]),
            *docs_page.routes(),
            *demo_page.routes(self._folder, self._file),
            *graph_page.routes(self._bolt),
            Route("/{path:path}", self.call_api, methods=_VERBS),
        ]
        # Starlette's own answers to what no route matches: a path with a line break, another method.
        own = (HTTPStatus.NOT_FOUND.value, HTTPStatus.METHOD_NOT_ALLOWED.value)
        handlers = dict.fromkeys(own, self._answer_no_route)
        return Starlette(routes=routes, middleware=[hosts], lifespan=self._lifespan, exception_handlers=handlers)

    async def call_api(self, request: Request) -> Response:
        """Answer a request to the deployed API, as API Gateway and its function would."""
        deployed = self._deployed()
        if not deployed:
            return Response("nothing is deployed yet: run `make up`\n", HTTPStatus.SERVICE_UNAVAILABLE)
        path, api = deployed
        headers = dict(request.headers.items())  # of a repeated one the last, as API Gateway gives them to functions
        try:
            method = api.method(request.url.path, request.method)
            if request.method == "OPTIONS":
                return _response(gateway.preflight(method))
            gateway.check_token(method, headers.get("authorization"))
            body = gateway.unpack(await _read(request, gateway.MAX_BODY_BYTES), headers.get("content-encoding", ""))
            return await self._forward(request, path, body)
        except GatewayError as error:
            return _response(api.own_answer(error.kind))

    async def _answer_no_route(self, _request: Request, _error: Exception) -> Response:
        deployed = self._deployed()
        if not deployed:
            return Response("not found\n", HTTPStatus.NOT_FOUND)
        return _response(deployed[1].own_answer("MISSING_AUTHENTICATION_TOKEN"))

    async def sign_in(self, request: Request) -> Response:
        """Pass a sign-in on to the user pool, whose other operations are not for pages; the guard asks for a proof."""
        if request.method == "OPTIONS":
            return Response(headers=_SIGN_IN_CORS)
        target = request.headers.get("x-amz-target", "")
        if target not in sign_in.TARGETS:
            return _sign_in_refused(
                400, "NotAuthorizedException", f"only {', '.join(sorted(sign_in.TARGETS))} are open here"
            )
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": target}
        try:
            body = await _read(request, sign_in.MAX_BODY_BYTES)
            answer = await self._endpoint.post("/", content=body, headers=headers)
        except GatewayError:
            message = f"the body has more than {sign_in.MAX_BODY_BYTES} bytes"
            return _sign_in_refused(413, "InvalidParameterException", message)
        except httpx.HTTPError as error:
            return _sign_in_refused(500, "InternalErrorException", str(error))
        return Response(answer.content, answer.status_code, _passed_back(answer.headers) | _SIGN_IN_CORS)

    async def _forward(self, request: Request, path: str, body: bytes) -> Response:
        # As bytes: a header may hold more than ASCII, which httpx does not encode.
        headers = {name: value for name, value in request.headers.raw if _is_passed_on(name.decode("latin-1"))}
        headers[FRONT_KEY.encode()] = self._key.encode()
        try:
            url = httpx.URL(f"{path}{request.url.path}", query=_query(request))
            answer = await self._endpoint.request(request.method, url, headers=headers, content=body)
        except httpx.InvalidURL:  # a control character
            raise GatewayError("MISSING_AUTHENTICATION_TOKEN") from None
        except httpx.TimeoutException:
            raise GatewayError("INTEGRATION_TIMEOUT") from None
        except httpx.HTTPError:
            raise GatewayError("INTEGRATION_FAILURE") from None
        if gateway.is_shapeless(answer.status_code, answer.headers):
            raise GatewayError("INTEGRATION_FAILURE")
        return Response(answer.content, answer.status_code, _passed_back(answer.headers))

    def _deployed(self) -> tuple[str, Api] | None:
        """Return the API's path at the endpoint and its definition, read again when a deploy has written them."""
        try:
            written_at = self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if written_at != self._read_at:
            deployed = json.loads(self._file.read_text())
            self._api, self._read_at = (deployed["path"], Api(deployed["definition"])), written_at
        return self._api

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        async with self._endpoint:
            yield


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise GatewayError("REQUEST_TOO_LARGE")
    return bytes(body)


def _query(request: Request) -> bytes:
    pairs = request.query_params.multi_items()
    return urlencode([pair for pair in pairs if not pair[0].lower().startswith(_OF_A_PRESIGNED_URL)]).encode()


def _is_passed_on(name: str) -> bool:
    return name not in _NOT_PASSED_ON and not name.startswith("sec-")


def _passed_back(headers: httpx.Headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _NOT_PASSED_BACK}


def _sign_in_refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"__type": code, "message": message}, status, _SIGN_IN_CORS)


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers)
