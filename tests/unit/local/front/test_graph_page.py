"""The page that draws the graph: from the files of its jar alone, and it may reach nothing but Neo4j."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
import pytest_socket
from starlette.applications import Starlette

from local import jars
from local.front import graph_page

Get = Callable[[str], httpx.Response]


@pytest.fixture
def get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Get:
    pytest_socket.enable_socket()  # asyncio wakes itself by a pair of sockets
    jar = tmp_path / "browser.jar"
    with ZipFile(jar, "w") as file:
        file.writestr("browser/index.html", "<title>Neo4j Browser</title>")
        file.writestr("browser/app.js", "1")
        file.writestr("browser/assets/", "")
        file.writestr("META-INF/MANIFEST.MF", "not for pages")
    monkeypatch.setattr(jars, "browser", lambda: jar)
    transport = httpx.ASGITransport(Starlette(routes=graph_page.routes("neo4j@127.0.0.1:17687")))

    async def asked(path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", follow_redirects=True) as client:
            return await client.get(path)

    return lambda path: asyncio.run(asked(path))


def test_it_begins_with_the_address_and_the_user_of_the_local_graph(get: Get) -> None:
    answer = get("/browser")
    assert str(answer.url) == "http://localhost/browser/?dbms=bolt%3A%2F%2Fneo4j%40127.0.0.1%3A17687&db=neo4j"
    assert answer.text == "<title>Neo4j Browser</title>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_it_may_reach_its_own_files_and_neo4j_alone(get: Get) -> None:
    policy = get("/browser/app.js").headers["content-security-policy"]
    assert "connect-src 'self' ws://127.0.0.1:17687;" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    "name", ["nothing.js", "assets", "assets/", "%2e%2e/META-INF/MANIFEST.MF", "..%2fMETA-INF/MANIFEST.MF"]
)
def test_only_files_of_the_page_are_sent(get: Get, name: str) -> None:
    assert get(f"/browser/{name}").status_code == 404


def test_without_its_jar_it_says_what_to_do(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "browser", lambda: Path("/nothing/there.jar"))
    answer = get("/browser/app.js")
    assert (answer.status_code, answer.text) == (503, "Neo4j Browser is not fetched yet: run `make up`\n")


def test_the_lock_names_the_jar_and_the_server_does_not_load_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "_faults", lambda *_: [])
    assert jars.browser().name == "neo4j-browser-5.24.0.jar"
    assert not [jar for jar in jars.class_path(print) if "browser" in jar.name]
