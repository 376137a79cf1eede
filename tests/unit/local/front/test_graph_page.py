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

Get = Callable[..., httpx.Response]
ADDRESS = "/browser/?dbms=bolt%3A%2F%2Fneo4j%40127.0.0.1%3A17687&db=neo4j"
PAGE = "<title>Neo4j Browser</title><script src=app-1.js></script>"


@pytest.fixture
def get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Get:
    pytest_socket.enable_socket()  # asyncio wakes itself by a pair of sockets
    jar = tmp_path / "browser.jar"
    with ZipFile(jar, "w") as file:
        file.writestr("browser/index.html", PAGE)
        file.writestr("browser/app-1.js", 'run(getUrlParamValue("cmd",e.url))')
        file.writestr("browser/app-2.js", 'run(valueOf("cmd",e.url))')
        file.writestr("browser/editor.js", "1")
        file.writestr("browser/preview/index.html", "another application")
        file.writestr("browser/assets/", "")
        file.writestr("META-INF/MANIFEST.MF", "not for pages")
    monkeypatch.setattr(jars, "browser", lambda: jar)
    transport = httpx.ASGITransport(Starlette(routes=graph_page.routes("neo4j@127.0.0.1:17687")))

    async def asked(path: str, headers: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", follow_redirects=True) as client:
            return await client.get(path, headers=headers)

    return lambda path, **headers: asyncio.run(asked(path, headers))


def test_it_begins_with_the_address_and_the_user_of_the_local_graph(get: Get) -> None:
    answer = get("/browser")
    assert (answer.url.raw_path.decode(), answer.text) == (ADDRESS, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", [f"{ADDRESS}&cmd=play&arg=x", "/browser/index.html?cmd=edit", "/browser/?dbms=x"])
def test_it_has_one_address_alone(get: Get, path: str) -> None:
    answer = get(path)
    assert (answer.url.raw_path.decode(), answer.text) == (ADDRESS, PAGE)


@pytest.mark.parametrize("path", [ADDRESS, "/browser/index.html", "/browser"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_is_led_to_a_link_which_forgets_the_fragment(get: Get, path: str, site: str) -> None:
    answer = get(path, **{"Sec-Fetch-Site": site})
    assert f'<a href="{ADDRESS.replace("&", "&amp;")}">' in answer.text
    assert "<script" not in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_person_and_the_pages_of_the_front_get_the_page(get: Get, site: str) -> None:
    assert get(ADDRESS, **{"Sec-Fetch-Site": site}).text == PAGE


def test_it_looks_for_no_command_in_its_address(get: Get) -> None:
    assert get("/browser/app-1.js").text == 'run(getUrlParamValue("cmd",""))'
    with pytest.raises(ValueError, match="this Neo4j Browser reads commands of its address elsewhere"):
        get("/browser/app-2.js")


def test_it_may_reach_its_own_files_and_neo4j_alone(get: Get) -> None:
    policy = get("/browser/editor.js").headers["content-security-policy"]
    assert "connect-src 'self' ws://127.0.0.1:17687;" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    "name",
    [
        "nothing.js",
        "assets",
        "assets/",
        "preview/index.html",
        "%2e%2e/META-INF/MANIFEST.MF",
        "..%2fMETA-INF/MANIFEST.MF",
    ],
)
def test_only_files_of_the_page_are_sent(get: Get, name: str) -> None:
    assert get(f"/browser/{name}").status_code == 404


def test_without_its_jar_it_says_what_to_do(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "browser", lambda: Path("/nothing/there.jar"))
    answer = get("/browser/editor.js")
    assert (answer.status_code, answer.text) == (503, "Neo4j Browser is not fetched yet: run `make up`\n")


def test_the_lock_names_the_jar_and_the_server_does_not_load_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "_faults", lambda *_: [])
    assert jars.browser().name == "neo4j-browser-5.24.0.jar"
    assert not [jar for jar in jars.class_path(print) if "browser" in jar.name]
