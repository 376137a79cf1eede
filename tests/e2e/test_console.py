"""The console of the deployed system, used as a person does, and when something behind it fails."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
import requests

from chalicelib.queue import encode
from console import source as source_module
from console.app import application
from console.facts import find_facts, headline
from console.pages.health import look
from console.source import Source, UnavailableError
from scripts.common.target import Target
from stacks.config.environments import LOCAL
from tests.browser import CHROMIUM
from tests.e2e.conftest import EMAIL, System
from tests.node import CLIENT, run
from tests.outages import frozen
from tests.samples import ALICE, ARTIFACT, interaction
from tests.waiting import within

COMMAND = str(Path(sys.executable).parent / "console")
HOSTILE = "<img src=x onerror=alert(1)><script>document.title='taken'</script>\u202e\u2066'\" "
PAGES = [
    "/health",
    "/dead-letters",
    "/dead-letters/plan?action=discard",
    "/statistics?days=60",
    "/story",
    "/live",
    "/send",
]


@contextmanager
def console(system: System, browser: str = "") -> Iterator[str]:
    """Run the command, without a browser or with this one, and yield the address that it prints."""
    variables = os.environ | system.environment | {"BROWSER": browser}
    command = [COMMAND, "-e", "local", *([] if browser else ["--no-browser"])]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            [address] = re.findall(r"http:\S+", process.stdout.readline())
            yield address
        finally:
            process.terminate()
            _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (0, "")


@pytest.fixture
def empty(system: System) -> Iterator[None]:
    """Start and end with an empty dead-letter queue."""
    queues, url = system.target.client("sqs"), system.target.outputs["DeadLetterQueueUrl"]
    queues.purge_queue(QueueUrl=url)
    yield
    queues.purge_queue(QueueUrl=url)


@pytest.fixture
def hostile(system: System, empty: None, post: Callable[[dict[str, Any]], requests.Response]) -> str:
    """Post and dead-letter metadata that attacks a page; return the id of a dead letter with `"soon"` as its time."""
    long = {"kind": "keep", "artifact_id": HOSTILE, "timestamp": 1_780_000_000, "metadata": {"a": HOSTILE * 2500}}
    for metadata in ({"query": HOSTILE}, {HOSTILE: [HOSTILE, "\x01\x1b[31m"]}):
        assert post({"kind": "recall", "timestamp": 1_780_000_000, "metadata": metadata}).ok
    assert post(long).ok
    message = json.loads(encode(interaction("keep", user_id="console-of-test", artifact_id=ARTIFACT)))
    message["interactions"][0] |= {"timestamp": "soon", "metadata": {"note": HOSTILE}}
    queues, url = system.target.client("sqs"), system.target.outputs["DeadLetterQueueUrl"]
    [mendable, _] = [
        dead_letter(queues, url, *one) for one in ((json.dumps(message), "refused"), (HOSTILE, "not_json"))
    ]
    return mendable


def dead_letter(queues: Any, url: str, body: str, reason: str) -> str:
    attributes = {"reason": {"DataType": "String", "StringValue": reason}}
    return str(queues.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)["MessageId"])


@pytest.mark.browser
def test_a_person_looks_at_every_page_mends_a_message_and_sends_one(
    system: System,
    hostile: str,
    made_up_users: list[str],
    sql: psycopg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    people = [f"/person?user={user}" for user in (EMAIL, made_up_users[0])]
    with console(system) as address:
        pages = [*PAGES, *people, f"/dead-letters/message?id={hostile}"]
        plan: dict[str, Any] = {"address": address, "pages": pages, "mend": hostile}
        if pictures := os.environ.get("CONSOLE_PICTURES"):
            plan["pictures"] = pictures
        program = str(CLIENT / "test" / "console.ts")
        seen = json.loads(run("node", program, json.dumps(plan), CHROMIUM=str(CHROMIUM)))
    assert seen["again"] == 401
    assert seen["neighbour"] == []
    assert {name: seen[name] for name in ("errors", "outside", "overflowing", "serious")} == {
        "errors": [],
        "outside": [],
        "overflowing": [],
        "serious": [],
    }
    assert seen["problems"] == ["interactions[0].timestamp: input should be a valid integer"]
    assert "microseconds" in seen["warning"]
    assert (seen["afterEditing"], seen["wrongField"], seen["kept"], seen["together"]) == (0, "metadata", True, 0)
    assert "That was “Send”: nothing was sent" in seen["refusal"]
    assert seen["title"].startswith("A dead letter · local")
    assert "<b>bold</b>" in seen["row"]
    [(mended,)] = sql.execute("SELECT metadata->>'note' FROM interaction WHERE user_id = 'console-of-test'").fetchall()
    assert mended == HOSTILE
    [kept] = tmp_path.glob("dead-letters-local-*.jsonl")
    assert '\\"soon\\"' in kept.read_text()


def test_the_browser_gets_a_private_file_and_no_token_on_its_command_line(system: System, tmp_path: Path) -> None:
    program, seen = tmp_path / "browser", tmp_path / "seen"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}.part\nmv {seen}.part {seen}\n')
    program.chmod(0o700)
    with console(system, browser=f"{program} %s") as address:
        within(30, lambda: assert_exists(seen))
        file = Path(seen.read_text().removeprefix("file://"))
        assert address.partition("token=")[2] not in seen.read_text()
        assert address in file.read_text()
        assert requests.get(address, timeout=30).ok
        within(10, lambda: assert_exists(file.parent, expected=False))


def assert_exists(path: Path, *, expected: bool = True) -> None:
    assert path.exists() is expected


@pytest.fixture
def source(system: System, tmp_path: Path) -> Source:
    return Source(LOCAL, lambda: system.target, allow_changes=False, discard_folder=tmp_path)


def sentence(source: Source) -> str:
    answers = look(source)
    return headline(list(find_facts(answers)), answers["alarms"])[1]


def test_a_store_that_is_away_is_told_and_so_is_its_return(system: System, source: Source, empty: None) -> None:
    def assert_well() -> None:
        assert "does not answer" not in sentence(source)

    within(60, assert_well)
    with frozen(system.cloud, "neo4j"):
        assert sentence(source).startswith("Neo4j does not answer, so the graph falls behind")
    within(120, assert_well)


def test_an_operations_function_that_hangs_is_told(
    system: System, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "_ONE_CALL", source_module._ONE_CALL | {"read_timeout": 1})  # noqa: SLF001
    with frozen(system.cloud, "postgres"):
        assert "took too long to answer" in sentence(source)
    monkeypatch.undo()
    source._target = None  # noqa: SLF001  its client waits one second only
    within(60, lambda: source.operate("health"))


def test_expired_credentials_are_told_and_new_ones_are_taken_without_a_restart(system: System, tmp_path: Path) -> None:
    now = [system.target]
    source = Source(LOCAL, lambda: now[0], allow_changes=False, discard_folder=tmp_path)
    source.operate("health")
    with source._lock:  # noqa: SLF001  the clients have credentials of their own
        source._target = None  # noqa: SLF001
    now[0] = replace(system.target, secret_access_key="expired")  # noqa: S106
    with pytest.raises(UnavailableError):
        source.operate("health")
    now[0] = system.target
    assert "ledger" in source.operate("health")


class Client:
    """A browser that is signed in to the console of this source, without a process or a network."""

    def __init__(self, source: Source) -> None:
        self._app = application(source, port=18090, take_token=lambda _: True)
        self._root, self._cookies = "", httpx.Cookies()
        welcome = self.get("/open?token=any")
        [self._root] = re.findall(r"url=(/[^/]+)/", welcome.text)
        self._cookies = welcome.cookies

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("GET", path))

    def post(self, path: str, fields: dict[str, str]) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, data=fields, headers={"Origin": "http://localhost:18090"}))

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost:18090", cookies=self._cookies, timeout=60
        ) as client:
            return await client.request(method, self._root + path, **more)


def test_messages_move_only_after_the_typed_phrase(system: System, source: Source, empty: None, tmp_path: Path) -> None:
    queues, url = system.target.client("sqs"), system.target.outputs["DeadLetterQueueUrl"]
    for number in range(2):
        dead_letter(queues, url, f"bad JSON {number}", "not_json")
    client = Client(source)
    assert "2 messages" in client.get("/dead-letters/list").text
    assert "2 poison messages stay" in client.get("/dead-letters/plan?action=redrive").text
    fields = {"action": "discard", "reason": "not_json", "confirm": "discard"}
    assert "nothing was changed" in client.post("/dead-letters/move", fields).text
    assert "2 messages with 2 interactions" in client.post(
        "/dead-letters/move", fields | {"confirm": "discard 2"}
    ).text.replace("\n  ", " ")
    [file] = tmp_path.glob("dead-letters-local-*.jsonl")
    assert sorted(json.loads(line)["body"] for line in file.read_text().splitlines()) == ["bad JSON 0", "bad JSON 1"]
    assert "No dead letters" in client.get("/dead-letters/list").text


def test_a_protected_environment_is_only_read(system: System, empty: None, tmp_path: Path) -> None:
    queues, url = system.target.client("sqs"), system.target.outputs["DeadLetterQueueUrl"]
    message = dead_letter(queues, url, f"bad JSON of {ALICE}", "not_json")
    protected = replace(LOCAL, protected=True)
    client = Client(Source(protected, lambda: system.target, allow_changes=False, discard_folder=tmp_path))
    assert "only reads" in client.get("/health").text
    assert "Discard…" not in client.get("/dead-letters/list").text
    assert "<textarea" not in client.get(f"/dead-letters/message?id={message}").text
    mended = encode(interaction("keep", artifact_id=ARTIFACT))
    for path, fields in (
        ("/dead-letters/move", {"action": "discard", "confirm": "discard 1"}),
        ("/dead-letters/mend", {"id": message, "body": mended, "confirm": "send"}),
        ("/send/post", {"email": EMAIL, "password": "x", "kind": "recall", "confirm": "local"}),
    ):
        assert "is protected: start the console with --allow-changes" in client.post(path, fields).text
    assert list(tmp_path.iterdir()) == []
    allowed = Client(Source(protected, lambda: system.target, allow_changes=True, discard_folder=tmp_path))
    assert "type local to confirm" in allowed.post("/send/post", {"email": EMAIL, "kind": "recall"}).text


def test_what_is_not_there_is_said(source: Source, empty: None) -> None:
    client = Client(source)
    assert "Never seen here" in client.get(f"/story/found?id={uuid4()}").text
    assert "is not an id" in client.get("/story/found?id=x").text
    assert "knows no user" in client.get("/person/found?user=nobody@example.com").text
    assert "has no interaction" in client.get("/person/found?user=nobody").text
    assert client.get("/dead-letters/message?id=x").status_code == 404
    table = client.get("/statistics/table.csv?table=active_users_by_day&days=1").text
    assert table.startswith('"day","users","interactions"\n')
    assert "wait until" not in client.get("/manual?section=The graph was lost").text
    for wrong in (
        "/statistics?days=x",
        "/statistics?days=999",
        "/statistics/part?part=99",
        "/dead-letters/plan?action=x",
    ):
        assert "This cannot be done like this" in client.get(wrong).text


def test_a_user_s_look_is_in_the_operations_log(system: System, source: Source) -> None:
    source.operate("person", user_id="console-looked-at")

    def assert_logged() -> None:
        assert any("console-looked-at" in line for line in log_lines(system.target))

    within(30, assert_logged)


def log_lines(target: Target) -> list[str]:
    logs = target.client("logs")
    groups = [
        one["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for one in page["logGroups"]
    ]
    [name] = [name for name in groups if "OperationsFunctionLog" in name]
    return [
        event["message"] for event in logs.filter_log_events(logGroupName=name, filterPattern="operation")["events"]
    ]
