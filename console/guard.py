"""Who may ask for what: one-time tokens, sessions, and requests that no page but our own may send."""

import hmac
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TakeToken = Callable[[str], bool]
"""Tells whether this is an unused one-time token; from then on it is used."""

MAX_SESSIONS: Final = 50
IDLE_SECONDS: Final = 8 * 60 * 60  # an open page that asks for its parts again uses its session
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Another port is another origin, so it does not learn our path. Under no-referrer a form's origin would be "null".
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
# Its own page sends the browser on: a cookie that is SameSite=Strict does not go with a redirect from elsewhere.
_WELCOME: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">'
    '<meta http-equiv="refresh" content="0;url={root}/"><title>Console</title>'
    '<p><a href="{root}/">Open the console</a></p></html>'
)
_LOCKED: Final = (
    "This console does not know you. Open the address that the command printed: it works once.\n"
    "For another one: `console -e ENV`, or `make up` for the laptop's cloud.\n"
)


def token_in_memory(token: str) -> TakeToken:
    """Return the function that takes this token once."""
    unused = {token}

    def take(given: str) -> bool:
        found = any(hmac.compare_digest(given.encode(), one.encode()) for one in unused)
        if found:
            unused.clear()
        return found

    return take


def token_in_file(file: Path) -> TakeToken:
    """Return the function that takes the token in this file, which is removed then: `make up` writes another."""

    def take(given: str) -> bool:
        try:
            token = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return False
        found = bool(token) and hmac.compare_digest(given.encode(), token.encode())
        if found:
            file.unlink(missing_ok=True)
        return found

    return take


class Guard:
    """ASGI middleware: passes on only what the person's own browser asks for from our own pages."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int,
        root: str,
        take_token: TakeToken,
        clock: Callable[[], float] = time.time,  # it goes on while the machine sleeps
    ) -> None:
        """Guard what lies under the path `root`, a slash and a random key; a session lies there too."""
        self._app, self._root, self._take_token, self._clock = app, root, take_token, clock
        self._hosts = {f"{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]")}
        self._cookie = f"console-{root[1:]}"  # another port could set a cookie of a name that it can know
        self._used_at: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is refused, and pass on the rest."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # no page of ours opens one
            return
        headers = Headers(scope=scope)
        refusal = self._refuse(scope["method"], headers)
        if refusal:
            await refusal(scope, receive, _with_headers(send))
        elif scope["path"] == "/open":
            await self._sign_in(QueryParams(scope["query_string"]).get("token", ""))(
                scope, receive, _with_headers(send)
            )
        elif not (scope["path"].startswith(f"{self._root}/") and self._knows(headers)):
            await PlainTextResponse(_LOCKED, HTTPStatus.UNAUTHORIZED)(scope, receive, _with_headers(send))
        else:
            await self._app({**scope, "root_path": self._root}, receive, _with_headers(send))

    def _refuse(self, method: str, headers: Headers) -> Response | None:
        """Return the answer to a request that another page, or a name that is not ours, has led to."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return PlainTextResponse("wrong host\n", HTTPStatus.MISDIRECTED_REQUEST)
        own = [f"http://{hosts[0].lower()}"]
        changes = method not in {"GET", "HEAD"}
        if (origins or changes) and origins != own:
            return PlainTextResponse("wrong origin\n", HTTPStatus.FORBIDDEN)
        navigates = headers.get("sec-fetch-mode", "navigate") == "navigate" and not changes
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"} and not navigates:
            return PlainTextResponse("not from another page\n", HTTPStatus.FORBIDDEN)
        return None

    def _sign_in(self, token: str) -> Response:
        if not self._take_token(token):
            return PlainTextResponse(_LOCKED, HTTPStatus.UNAUTHORIZED)
        session = secrets.token_urlsafe(32)
        self._used_at = dict([*self._used_at.items(), (session, self._clock())][-MAX_SESSIONS:])
        response = HTMLResponse(_WELCOME.format(root=self._root))
        response.set_cookie(self._cookie, session, httponly=True, samesite="strict", path=f"{self._root}/")
        return response

    def _knows(self, headers: Headers) -> bool:
        """Tell whether the cookie is that of a session, which is used by this."""
        try:
            given = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        value, now = given.value.encode() if given else b"", self._clock()
        self._used_at = {session: at for session, at in self._used_at.items() if now - at < IDLE_SECONDS}
        for session in self._used_at:
            if hmac.compare_digest(value, session.encode()):
                self._used_at[session] = now
                return True
        return False


def _with_headers(send: Send) -> Send:
    async def sends(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sends
