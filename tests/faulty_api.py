"""A real HTTP server with the API's contract for the clients' tests; it fails in the ways that it is told.

`POST /control` scripts it: {"script": [FAULT, …], "clock_offset_seconds": n} replaces what was before. A FAULT is used
once, by the next POST of interactions:

- {"status": 429, "headers": {…}, "text": "…"}: this answer, and nothing is stored;
- {"verdicts": ["ok", "retry", …]}: stores what is "ok", and answers so; null leaves a verdict unreadable;
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

from chalicelib.api.payload import parse
from chalicelib.api.strict_json import RefusedError
from local.front.gateway import claims_of
from tests.waiting import within

MAX_BATCH, MAX_BODY_BYTES = 100, 256 * 1024
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Date, Retry-After"}
PREFLIGHT = CORS | {
    "Access-Control-Allow-Headers": "Authorization,Content-Encoding,Content-Type",
    "Access-Control-Allow-Methods": "GET,POST",
    "Access-Control-Max-Age": "7200",
}


class BrokenConnection(Response):
    """An answer that ends before its end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
            Route("/event/{event_id}", self.get_event, methods=["GET"]),
            Route("/{path:path}", self.preflight, methods=["OPTIONS"]),
        ]
        return Starlette(routes=routes)

    async def control(self, request: Request) -> Response:
        if request.method == "POST":
            self._reset(**await request.json())
        return JSONResponse({"stored": self._stored, "requests": self._requests}, headers=CORS)

    async def preflight(self, request: Request) -> Response:
        self._note(request, 0)
        return Response(headers=PREFLIGHT)

    async def get_event(self, request: Request) -> Response:
        self._note(request, 0)
        return self._refusal(404, "not known") if self._user(request) else self._refusal(401, "no valid ID token")

    async def post_interactions(self, request: Request) -> Response:
        body = await request.body()
        interactions = json.loads(body)["interactions"]
        self._note(request, len(interactions), len(body))
        user = self._user(request)
        if not user:
            return self._refusal(401, "no valid ID token")
        fault = self._script.pop(0) if self._script else {}
        await asyncio.sleep(fault.get("seconds", 0))
        if fault.get("break"):
            return BrokenConnection()
        if "status" in fault:
            return self._answer(fault["status"], fault.get("text", ""), fault.get("headers", {}))
        if len(body) > MAX_BODY_BYTES:
            return self._refusal(413, f"the body has {len(body)} bytes")
        if len(interactions) > MAX_BATCH:
            return self._refusal(400, "interactions: too many")
        verdicts = fault.get("verdicts", ["ok"] * len(interactions))
        results = [self._store(user, *pair) for pair in zip(interactions, verdicts, strict=True)]
        if fault.get("lose_answer"):
            return BrokenConnection()
        return self._answer(200, json.dumps({"status": "ok", "results": results}), {})

    def _store(self, user: str, payload: Any, verdict: str | None) -> Any:
        try:
            parse(json.dumps(payload).encode(), user_id=user, now=self._now())
        except RefusedError as refusal:
            return {"status": "error", "message": str(refusal), "event_id": None}
        if verdict == "ok":
            self._stored.setdefault(user, []).append(payload)
        return {"status": verdict, "message": None, "event_id": payload["event_id"]} if verdict else {"sta": "ok"}

    def _user(self, request: Request) -> str | None:
        """Return the user of a token that has not expired; it is not signed here."""
        claims = claims_of(request.headers.get("authorization", ""))
        return claims.get("sub") if claims.get("exp", 0) > time.time() else None

    def _refusal(self, status: int, message: str) -> Response:
        return self._answer(status, json.dumps({"status": "error", "message": message, "event_id": None}), {})

    def _answer(self, status: int, text: str, headers: dict[str, str]) -> Response:
        date = format_datetime(self._now(), usegmt=True)
        return Response(text, status, headers=CORS | {"Date": date} | headers, media_type="application/json")

    def _note(self, request: Request, count: int, size: int = 0) -> None:
        seen = {"method": request.method, "path": request.url.path, "count": count, "bytes": size, "at": time.time()}
        self._requests.append(seen | {"agent": request.headers.get("user-agent")})

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def _reset(self, *, script: list[dict[str, Any]] | None = None, clock_offset_seconds: float = 0) -> None:
        self._script = script or []
        self._offset = timedelta(seconds=clock_offset_seconds)
        self._stored: dict[str, list[Any]] = {}
        self._requests: list[dict[str, Any]] = []


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
