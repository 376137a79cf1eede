"""Every page, part and file of the console lies under one random path, which every link has."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
import pytest_socket
from starlette.applications import Starlette

import console
from console.app import PAGES, application
from console.source import Source
from scripts.common.errors import WrongUseError
from scripts.common.target import Target
from stacks.config.environments import LOCAL
from tests.samples import EVENT
from tests.stubbed import Stubbed

USER_ID = "0b5e7f64-3a51-4c62-9d41-9f0c7b2f1a90"
ORIGIN = "http://localhost:18090"
ADDRESS = re.compile(r'(?:href|action|src|hx-get|hx-post)="(?!#)([^"]*)"')


def find() -> NoReturn:
    raise AssertionError("these pages read nothing")


def make(source: type[Source] = Source) -> Starlette:
    return application(
        source(LOCAL, find, allow_changes=True, discard_folder=Path()), port=18090, take_token=lambda _: True
    )


class SlowTarget(Target):
    """A target whose statistics take too long to count."""

    def operate(self, operation: str, **arguments: Any) -> Any:
        assert operation == "statistics"
        return {"answers": [], "cursor": None, "steps": 1, "unanswered": [f"funnel of {arguments['until']}"]}


class Slow(Source):
    def ask(self, work: Any) -> Any:
        return work(SlowTarget("local", "us-east-1", None))


@dataclass(frozen=True)
class StoryTarget(Stubbed):
    """A target that notes what its function is asked, and then refuses."""

    asked: list[dict[str, Any]] = field(default_factory=list)

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        return {"UserPoolId": "us-east-1_pool"}

    def operate(self, operation: str, **arguments: Any) -> Any:
        self.asked.append({"operation": operation, **arguments})
        raise WrongUseError("asked enough")


@pytest.fixture
def app() -> Starlette:
    pytest_socket.enable_socket()  # asyncio wakes itself by a pair of sockets
    return make()


def ask(app: Starlette, *paths: str) -> list[httpx.Response]:
    """Return the answers to a browser that has signed in: it sends its cookie as a browser does, and goes on."""

    async def asked() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, follow_redirects=True) as client:
            [root] = re.findall(r"url=(/[^/]+)/", (await client.get("/open?token=any")).text)
            return [await client.get(path.replace("ROOT", root)) for path in paths]

    return asyncio.run(asked())


def test_all_lies_under_a_path_that_is_another_for_each_console(app: Starlette) -> None:
    roots = set()
    for one in (app, make()):
        first, *outside = ask(one, "ROOT/", "/", "/health", "/static/console.css")
        root, page = re.fullmatch(r"/([\w-]{22})(/health)", first.url.path).groups()  # type: ignore[union-attr]
        assert (first.status_code, page, {answer.status_code for answer in outside}) == (200, "/health", {401})
        roots.add(root)
    assert len(roots) == 2


@pytest.mark.parametrize("page", [page.PATH for page in PAGES])
def test_every_address_on_a_page_has_the_path(app: Starlette, page: str) -> None:
    [answer] = ask(app, f"ROOT{page}")
    root = answer.url.path.removesuffix(page)
    found = ADDRESS.findall(answer.text)
    assert len(found) > len(PAGES)
    assert [address for address in found if not address.startswith(f"{root}/")] == []


def test_the_files_that_a_page_names_are_there(app: Starlette) -> None:
    files = ["static/console.css", "static/console.js", "scripts/htmx/htmx.min.js"]
    assert {one.status_code for one in ask(app, *(f"ROOT/{name}" for name in files))} == {200}


@pytest.mark.usefixtures("app")  # for its sockets
def test_what_takes_too_long_to_count_is_named_and_its_file_is_not_half_a_file() -> None:
    days = "days=1&until=2026-05-01"
    part, file = ask(
        make(Slow), f"ROOT/statistics/part?part=1&{days}", f"ROOT/statistics/table.csv?table=funnel&{days}"
    )
    assert part.status_code == 200
    assert "These took too long to count" in part.text
    assert "funnel of 2026-05-01" in part.text
    assert file.headers["content-type"].startswith("text/html")
    assert "It takes too long to count: funnel of 2026-05-01. Choose fewer days." in file.text


@pytest.mark.usefixtures("app")  # for its sockets
def test_the_story_s_function_is_never_asked_by_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    target = StoryTarget("local", "us-east-1", endpoint=None)
    monkeypatch.setattr(Slow, "ask", lambda _, work: work(target))
    attributes = {"sub": USER_ID, "email": "alice@example.com", "email_verified": "true"}
    account = {
        "Username": "alice",
        "UserCreateDate": datetime(2026, 5, 1, tzinfo=UTC),
        "UserStatus": "CONFIRMED",
        "UserAttributes": [{"Name": name, "Value": value} for name, value in attributes.items()],
    }
    named = {"UserPoolId": "us-east-1_pool", "Username": "alice@example.com"}
    target.expect("cognito-idp", "admin_get_user", account, named)
    target.refuse("cognito-idp", "admin_get_user", "UserNotFoundException")
    users = ("+alice@example.com ", "bob@example.com", USER_ID, "")
    known, unknown, *others = ask(make(Slow), *(f"ROOT/story/found?id={EVENT}&user={user}" for user in users))
    target.assert_asked()
    assert [one["user_id"] for one in target.asked] == [USER_ID, USER_ID, None]
    assert "asked enough" in known.text
    assert "knows no user bob@example.com" in unknown.text
    assert all("asked enough" in one.text for one in others)


def test_no_template_writes_an_address_by_hand() -> None:
    templates = list((Path(console.__file__).parent / "templates").glob("*.html"))
    assert len(templates) > 10
    assert [file.name for file in templates if re.search(r'(?:href|action|src|hx-\w+)="/', file.read_text())] == []
