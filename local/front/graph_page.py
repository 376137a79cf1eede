"""Neo4j Browser, a page that draws the graph: its files come from its jar, and it asks nothing but the local Neo4j.

Neo4j itself would serve it together with an HTTP API; that stays off. The page connects to Bolt by a WebSocket, as
drivers do, and asks for the login, which `.local/env` has.
"""

import mimetypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlencode
from zipfile import ZipFile

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from local import jars

PATH: Final = "/browser/"
_INDEX: Final = "index.html"


def routes(bolt: str) -> list[Route]:
    """Return the routes of the page, which connects to this Neo4j: user@host:port."""
    return [Route(f"{PATH}{{name:path}}", _send(bolt)), Route(PATH.rstrip("/"), _redirect)]


def _send(bolt: str) -> Callable[[Request], Response]:
    # It compiles templates in the page, so `unsafe-eval`; what it may reach is this page's own files and Neo4j.
    policy = (
        "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
        f"connect-src 'self' ws://{bolt.rpartition('@')[2]}; "
        "base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}

    def send(request: Request) -> Response:
        name = request.path_params["name"] or _INDEX
        if name == _INDEX and "dbms" not in request.query_params:
            return RedirectResponse(f"{PATH}?{urlencode({'dbms': f'bolt://{bolt}', 'db': 'neo4j'})}")
        if not jars.browser().exists():
            return PlainTextResponse("Neo4j Browser is not fetched yet: run `make up`\n", 503)
        content = _read(jars.browser(), f"browser/{name}")
        if content is None:
            return PlainTextResponse("not found\n", 404)
        return Response(
            content, media_type=mimetypes.guess_type(name)[0] or "application/octet-stream", headers=headers
        )

    return send


def _redirect(_request: Request) -> Response:
    return RedirectResponse(PATH)


@cache
def _names(jar: Path) -> frozenset[str]:
    with ZipFile(jar) as file:
        return frozenset(file.namelist())


def _read(jar: Path, name: str) -> bytes | None:
    """Return a file of the jar; None if it has none of that name."""
    if name not in _names(jar) or name.endswith("/"):
        return None
    with ZipFile(jar) as file:
        return file.read(name)
