"""A real HTTP server with the API's contract for the clients' tests; it fails in the ways that it is told.

`POST /control` scripts it: {"script": [FAULT, …], "clock_offset_seconds": n} replaces what was before. A FAULT is used
once, by the next POST of interactions:

- {"status": 429, "headers": {…}, "text": "…"}: this answer, and nothing is stored;
- {"verdicts": ["ok", "retry", …]}: stores what is "ok", and answers so; a verdict may be null;
- {"lose_answer": true}: stores all, and the connection breaks before the answer;
- {"break": true}: the connection breaks, and nothing is stored;
- {"seconds": 2}: as otherwise, but so much later.

`GET /control` returns what it saw: {"stored": {USER: [PAYLOAD, …]}, "requests": [{"method", "path", "count", …}, …]}.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from chalicelib.api.accept import accept_batch
from chalicelib.api.request import Request as DeployedRequest
from local.front.gateway import claims_of
from tests.fakes import FakeQueue
from tests.waiting import within

CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Date, Retry-After"}
PREFLIGHT = CORS | {
    "Access-Control-Allow-Headers": "Authorization,Content-Encoding,Content-Type",
    "Access-Control-Allow-Methods": "GET,POST",
    "Access-Control-Max-Age": "7200",
}


class BrokenConnection(Response):
    """An answer that ends before its end."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"100"), (b"access-control-allow-origin", b"*")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": False})


class FaultyApi:
    def __init__(self) -> None:
        self._reset()

    def application(self) -> Starlette:
        routes = [
            Route("/control", self.control, methods=["GET", "POST"]),
            Route("/interactions", self.post_interactions, methods=["POST"]),
            Route("/interactions", self.no_such_route, methods=["GET"]),
            Route("/{path:path}", self.preflight, methods=["OPTIONS"]),
        ]
        return Starlette(routes=routes)

    async def control(self, request: Request) -> Response:
        if request.method == "POST":
            self._reset(**await request.json())
        return JSONResponse({"stored": self._stored, "requests": self._requests}, headers=CORS)

    async def preflight(self, request: Request) -> Response:
        self._note(request)
        return Response(headers=PREFLIGHT)

    async def no_such_route(self, request: Request) -> Response:
        self._note(request)
        return self._refusal(404, "no such route")

    async def post_interactions(self, request: Request) -> Response:
        body = await request.body()
        interactions = json.loads(body)["interactions"]
        self._note(request, count=len(interactions), bytes=len(body))
        if not (claims := _claims(request)):
            return self._refusal(401, "no valid ID token")
        fault = self._script.pop(0) if self._script else {}
        await asyncio.sleep(fault.get("seconds", 0))
        if fault.get("break"):
            return BrokenConnection()
        if "status" in fault:
            return self._answer(fault["status"], fault.get("text", ""), fault.get("headers", {}))
        answer = self._accept(body, claims, interactions, fault.get("verdicts"))
        return BrokenConnection() if fault.get("lose_answer") else answer

    def _accept(
        self, body: bytes, claims: dict[str, Any], interactions: list[Any], verdicts: list[Any] | None
    ) -> Response:
        """Answer as the deployed function does, by its own code; keep what is "ok"."""
        content_type, clients = "application/json", {claims["aud"]}
        deployed = DeployedRequest(body=body, content_type=content_type, claims=claims, client_ids=clients)
        reply = accept_batch(deployed, queue=FakeQueue(), now=self._now())
        answer = reply.body.model_dump(mode="json")
        results = answer.get("results", [])
        for index, verdict in enumerate(verdicts or []):
            results[index] = results[index] | {"status": verdict}
        kept = [one for one, result in zip(interactions, results, strict=False) if result["status"] == "ok"]
        self._stored.setdefault(claims["sub"], []).extend(kept)
        return self._answer(reply.http_status, json.dumps(answer), reply.headers)

    def _refusal(self, status: int, message: str) -> Response:
        return self._answer(status, json.dumps({"status": "error", "message": message, "event_id": None}), {})

    def _answer(self, status: int, text: str, headers: dict[str, str]) -> Response:
        date = format_datetime(self._now(), usegmt=True)
        return Response(text, status, headers=CORS | {"Date": date} | headers, media_type="application/json")

    def _note(self, request: Request, **seen: int) -> None:
        self._requests.append({"method": request.method, "path": request.url.path, "at": time.time(), **seen})

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def _reset(self, *, script: list[dict[str, Any]] | None = None, clock_offset_seconds: float = 0) -> None:
        self._script = script or []
        self._offset = timedelta(seconds=clock_offset_seconds)
        self._stored: dict[str, list[Any]] = {}
        self._requests: list[dict[str, Any]] = []


def _claims(request: Request) -> dict[str, Any]:
    """Return the claims of a token that has not expired; here it need not be signed."""
    claims = claims_of(request.headers.get("authorization", ""))
    return claims if claims.get("exp", 0) > time.time() else {}


@contextmanager
def faulty_api(port: int = 0) -> Iterator[str]:
    """Serve it on loopback; yield its address."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(FaultyApi().application(), log_level="critical", date_header=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()

    def started() -> None:
        assert server.started

    within(10, started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
