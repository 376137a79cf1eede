"""Neo4j Browser, a page that draws the graph: its files come from its jar, and it asks nothing but the local Neo4j.

Neo4j itself would serve it together with an HTTP API; that stays off. The page connects to Bolt by a WebSocket, as
drivers do, and asks for the login, which `.local/env` has. It keeps that login, so no other page may tell it what to
run: it is served at one address only, and it looks for no command there.
"""

import mimetypes
from collections.abc import Callable
from functools import cache
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import urlencode
from zipfile import ZipFile

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from local import jars

PATH: Final = "/browser/"
_INDEX: Final = "index.html"
_PREVIEW: Final = "preview/"  # another application, of the same origin and with an address of its own: left out
# At its start the page runs `cmd=play&arg=…` of its address, the fragment too, with the login that it keeps.
_SCRIPT: Final = "app-"
_READS_A_COMMAND: Final = b'getUrlParamValue("cmd",e.url)'
_READS_NONE: Final = b'getUrlParamValue("cmd","")'


def routes(bolt: str) -> list[Route]:
    """Return the routes of the page, which connects to this Neo4j: user@host:port."""
    return [Route(f"{PATH}{{name:path}}", _send(bolt)), Route(PATH.rstrip("/"), _redirect)]


def _send(bolt: str) -> Callable[[Request], Response]:
    query = urlencode({"dbms": f"bolt://{bolt}", "db": "neo4j"})
    # It compiles templates in the page, so `unsafe-eval`; what it may reach is this page's own files and Neo4j.
    policy = (
        "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
        f"connect-src 'self' ws://{bolt.rpartition('@')[2]}; "
        "base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}

    def send(request: Request) -> Response:
        name = request.path_params["name"] or _INDEX
        if name == _INDEX and _is_from_elsewhere(request):
            return _link(f"{PATH}?{query}", headers)
        if name == _INDEX and request.url.query != query:
            return RedirectResponse(f"{PATH}?{query}")
        if not jars.browser().exists():
            return PlainTextResponse("Neo4j Browser is not fetched yet: run `make up`\n", 503)
        content = _read(jars.browser(), name)
        if content is None:
            return PlainTextResponse("not found\n", 404)
        return Response(
            content, media_type=mimetypes.guess_type(name)[0] or "application/octet-stream", headers=headers
        )

    return send


def _is_from_elsewhere(request: Request) -> bool:
    """Tell whether another site opened the page, as the browser says, by way of redirects too."""
    return request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}


def _link(address: str, headers: dict[str, str]) -> Response:
    # Not a redirect: the browser would keep the fragment of the address that the other page gave.
    page = f'<!doctype html><title>Neo4j Browser</title><a href="{escape(address)}">Open Neo4j Browser</a>\n'
    return HTMLResponse(page, headers=headers)


def _redirect(_request: Request) -> Response:
    return RedirectResponse(PATH)


@cache
def _names(jar: Path) -> frozenset[str]:
    with ZipFile(jar) as file:
        return frozenset(file.namelist())


def _read(jar: Path, name: str) -> bytes | None:
    """Return a file of the page, which runs no command of its address; None if it has none of that name."""
    path = f"browser/{name}"
    if path not in _names(jar) or path.endswith("/") or name.startswith(_PREVIEW):
        return None
    with ZipFile(jar) as file:
        content = file.read(path)
    return _without_commands(content) if name.startswith(_SCRIPT) else content


def _without_commands(script: bytes) -> bytes:
    if script.count(_READS_A_COMMAND) != 1:
        raise ValueError("this Neo4j Browser reads commands of its address elsewhere: look where, and change this too")
    return script.replace(_READS_A_COMMAND, _READS_NONE)
