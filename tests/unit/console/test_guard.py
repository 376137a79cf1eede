"""The guard lets in the person's own browser, after a token that works once, and nobody else."""

from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from console.guard import IDLE_SECONDS, Guard, TakeToken, token_in_file, token_in_memory

PORT = 18090
HOST = f"localhost:{PORT}"
ROOT = "/random-key"


async def page(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"a page"})


class Browser:
    """Sends requests to the guard without a network."""

    def __init__(self, take_token: TakeToken) -> None:
        self.now = 0.0
        self.guard = Guard(page, port=PORT, root=ROOT, take_token=take_token, clock=lambda: self.now)
        self.headers: dict[str, str] = {}

    def ask(
        self, path: str = f"{ROOT}/", *, method: str = "GET", type_: str = "http", **headers: str
    ) -> tuple[int, Any]:
        """Return the status and the headers of the answer; of a WebSocket, the code of its end."""
        sent: list[Message] = []
        path, _, query = path.partition("?")
        given = {"host": HOST} | self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": type_,
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        run(self.guard, scope, sent)
        first = sent[0]
        if type_ == "websocket":
            return first["code"], first["type"]
        return first["status"], {name.decode(): value.decode() for name, value in first["headers"]}

    def sign_in(self) -> tuple[int, Any]:
        """Open the address with the token, and keep the cookie."""
        status, headers = self.ask("/open?token=secret")
        if status == 200:
            self.headers = {"cookie": headers["set-cookie"].partition(";")[0]}
        return status, headers


def run(guard: Guard, scope: Scope, sent: list[Message]) -> None:
    """Run the guard to its end: nothing in it waits."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(StopIteration):
        guard(scope, receive, send).send(None)


@pytest.fixture
def browser() -> Browser:
    browser = Browser(token_in_memory("secret"))
    assert browser.sign_in()[0] == 200
    return browser


def test_a_page_needs_the_token_first() -> None:
    browser = Browser(token_in_memory("secret"))
    assert browser.ask()[0] == 401
    assert browser.ask(f"{ROOT}/static/console.css")[0] == 401
    assert browser.ask("/open?token=wrong")[0] == 401
    assert browser.sign_in()[0] == 200
    assert browser.ask()[0] == 200


def test_a_token_works_once_and_its_cookie_is_for_this_browser_alone(browser: Browser) -> None:
    assert Browser(browser.guard._take_token).sign_in()[0] == 401  # noqa: SLF001
    other = Browser(token_in_memory("secret"))
    _, headers = other.sign_in()
    assert {"HttpOnly", "SameSite=strict", f"Path={ROOT}/"} <= set(headers["set-cookie"].split("; "))


@pytest.mark.parametrize("path", ["/", "/health", "/static/console.css", ROOT, f"{ROOT}x/", "/another-key/health"])
def test_the_cookie_opens_nothing_outside_the_path_that_other_ports_cannot_know(browser: Browser, path: str) -> None:
    assert browser.ask(path)[0] == 401


def test_a_session_ends_when_nobody_used_it_for_hours(browser: Browser) -> None:
    for _ in range(3):
        browser.now += IDLE_SECONDS - 1
        assert browser.ask()[0] == 200
    browser.now += IDLE_SECONDS
    assert browser.ask()[0] == 401
    browser.now -= 1
    assert browser.ask()[0] == 401


def test_a_token_in_a_file_works_once(tmp_path: Path) -> None:
    file = tmp_path / "token"
    take = token_in_file(file)
    assert not take("secret")
    file.write_text("secret")
    assert not take("")
    assert not take("wrong")
    assert take("secret")
    assert not take("secret")
    file.write_text("")
    assert not take("")


@pytest.mark.parametrize("cookie", ["", "NAME=", "NAME=guessed", "other=1", "NAME=\x7f;;="])
def test_another_cookie_opens_nothing(browser: Browser, cookie: str) -> None:
    name = browser.headers["cookie"].partition("=")[0]
    assert browser.ask(cookie=cookie.replace("NAME", name))[0] == 401


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "localhost", "localhost:18091", ""])
def test_another_host_is_refused(browser: Browser, host: str) -> None:
    assert browser.ask(host=host)[0] == 421


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
def test_every_name_of_loopback_is_ours(browser: Browser, host: str) -> None:
    assert browser.ask(host=host)[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:18080", f"https://{HOST}", "null", None])
def test_a_change_from_another_origin_or_from_none_is_refused(browser: Browser, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    assert browser.ask(f"{ROOT}/send", method="POST", **headers)[0] == 403
    assert browser.ask(f"{ROOT}/send", method="POST", origin=f"http://{HOST}")[0] == 200


def test_another_page_cannot_read_a_part_of_ours(browser: Browser) -> None:
    assert browser.ask(sec_fetch_site="same-site", sec_fetch_mode="no-cors")[0] == 403
    assert browser.ask(sec_fetch_site="cross-site", sec_fetch_mode="cors")[0] == 403
    assert browser.ask(sec_fetch_site="cross-site", sec_fetch_mode="navigate")[0] == 200  # a link in a mail
    assert browser.ask(sec_fetch_site="same-origin", sec_fetch_mode="cors")[0] == 200


def test_a_web_socket_is_refused_whoever_asks(browser: Browser) -> None:
    assert browser.ask(type_="websocket", origin=f"http://{HOST}") == (1008, "websocket.close")


def test_every_answer_allows_scripts_and_styles_of_its_own_only(browser: Browser) -> None:
    for _, headers in (browser.ask(), browser.ask(host="evil.example"), browser.ask(cookie="")):
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
