"""The console of the deployed system, used as a person does, and when something behind it fails."""

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

import psycopg
import pytest
import requests

from chalicelib.queue import encode
from console import source as source_module
from console.facts import find_facts, headline
from console.pages.health import look
from console.source import Source, UnavailableError
from scripts.common.target import Target
from stacks.config.environments import ENVIRONMENTS, LOCAL
from tests.browser import CHROMIUM
from tests.e2e.conftest import EMAIL, System
from tests.node import CLIENT, run
from tests.outages import frozen, stopped
from tests.samples import ARTIFACT, interaction
from tests.waiting import within

COMMAND = str(Path(sys.executable).parent / "console")
HOSTILE = "<img src=x onerror=alert(1)><script>document.title='taken'</script>\u202e\u2066'\" "
PAGES = ["/health", "/dead-letters", "/dead-letters/plan?action=discard", "/statistics", "/story", "/live", "/send"]


@contextmanager
def console(system: System, *words: str) -> Iterator[str]:
    """Run the command and yield the address that it prints."""
    variables = os.environ | system.environment
    command = [COMMAND, "-e", "local", "--no-browser", *words]
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
        _dead_letter(queues, url, *one) for one in ((json.dumps(message), "refused"), (HOSTILE, "not_json"))
    ]
    return mendable


def _dead_letter(queues: Any, url: str, body: str, reason: str) -> str:
    attributes = {"reason": {"DataType": "String", "StringValue": reason}}
    return str(queues.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)["MessageId"])


@pytest.mark.browser
def test_a_person_looks_at_every_page_mends_a_message_and_sends_one(
    system: System, hostile: str, sql: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with console(system) as address:
        pages = [*PAGES, f"/person?user={EMAIL}", f"/dead-letters/message?id={hostile}"]
        plan: dict[str, Any] = {"address": address, "pages": pages, "mend": hostile}
        if pictures := os.environ.get("CONSOLE_PICTURES"):
            plan["pictures"] = pictures
        program = str(CLIENT / "test" / "console.ts")
        seen = json.loads(run("node", program, json.dumps(plan), CHROMIUM=str(CHROMIUM)))
    assert seen["again"] == 401
    assert {name: seen[name] for name in ("errors", "outside", "overflowing", "serious")} == {
        "errors": [],
        "outside": [],
        "overflowing": [],
        "serious": [],
    }
    assert seen["problems"] == ["interactions[0].timestamp: input should be a valid integer"]
    assert seen["title"].startswith("A dead letter · local")
    assert "<b>bold</b>" in seen["row"]
    [(mended,)] = sql.execute("SELECT metadata->>'note' FROM interaction WHERE user_id = 'console-of-test'").fetchall()
    assert mended == HOSTILE
    [kept] = tmp_path.glob("dead-letters-local-*.jsonl")
    assert '\\"soon\\"' in kept.read_text()


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
    with stopped(system.cloud, "neo4j"):
        assert sentence(source).startswith("Neo4j does not answer, so the graph falls behind")
    within(120, assert_well)


def test_an_operations_function_that_hangs_is_told(
    system: System, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "_ONE_CALL", source_module._ONE_CALL | {"read_timeout": 1})  # noqa: SLF001
    with frozen(system.cloud, "postgres"):
        assert "Read timeout" in sentence(source)
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


def test_a_protected_environment_is_only_read_though_the_page_is_the_same(system: System, tmp_path: Path) -> None:
    protected = replace(LOCAL, protected=True)
    source = Source(protected, lambda: system.target, allow_changes=False, discard_folder=tmp_path)
    assert not source.may_change
    assert "ledger" in source.operate("health")
    assert ENVIRONMENTS["prod"].protected


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
