"""What a user wrote, a token and an e-mail address stand in no log and no file, whatever failed."""

import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from local.queue_files import EARLIER, HELD
from scripts.create_user import ensure_user
from scripts.get_bearer_token import sign_in
from tests.e2e.conftest import PASSWORD, System, system
from tests.outages import stopped
from tests.samples import interaction
from tests.waiting import within

__all__ = ["system"]  # a fixture
# Where users' data belongs: the two stores' own files, and the messages that wait.
DATA = ("postgres/data", "neo4j/data", HELD, EARLIER)


class Sentinels:
    """Words that are nowhere else."""

    def __init__(self, system: System) -> None:
        self.word = f"sentinel{uuid.uuid4().hex}"
        self.email = f"{self.word}@example.com"
        ensure_user(system.target, self.email, PASSWORD, change=True)
        self.token = sign_in(system.target, self.email, PASSWORD)

    def leaks(self, system: System) -> Iterator[str]:
        """Yield each place that has one of them."""
        words = (self.word, self.token.rpartition(".")[2][:40])
        for name, text in [*_logs(system), *_files(system.cloud.folder)]:
            if any(word in text for word in words):
                yield name


def _logs(system: System) -> Iterator[tuple[str, str]]:
    logs = system.target.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
            yield group["logGroupName"], "\n".join(event["message"] for event in events)


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(DATA):
            raw = path.read_bytes()
            yield name, (gzip.decompress(raw) if name.endswith(".gz") else raw).decode(errors="replace")


@pytest.fixture
def sentinels(system: System) -> Sentinels:
    return Sentinels(system)


def _post(system: System, token: str, body: Any, **headers: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | headers
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(f"{system.environment['API_URL']}/interaction", data=data, headers=headers, timeout=60)


@contextmanager
def _nothing_failed(_cloud: Any, _part: str) -> Iterator[None]:
    yield


def test_no_log_and_no_file_holds_what_a_user_wrote_a_token_or_an_address(system: System, sentinels: Sentinels) -> None:
    word, token = sentinels.word, sentinels.token
    good = {"kind": "recall", "timestamp": 1_777_636_800, "metadata": {"query": word}}
    refused: list[Callable[[], requests.Response]] = [
        lambda: _post(system, token, f"{word} is no JSON".encode()),
        lambda: _post(system, token, good | {word: 1}),
        lambda: _post(system, token, good | {"kind": word}),
        lambda: _post(system, token, good | {"timestamp": word}),
        lambda: _post(system, token, good | {"metadata": {"text": word * 9000}}),
        lambda: _post(system, token, word.encode() + b"\xff"),
        lambda: _post(system, token, good, **{"Content-Type": f"text/{word}"}),
        lambda: _post(system, f"{token[:-9]}{word}", good),
        lambda: _post(system, word, good),
    ]
    assert {post().status_code for post in refused} <= {400, 401, 413, 415}
    queue, url = system.target.client("sqs"), system.target.outputs["QueueUrl"]
    for body in (
        f"{word} is no JSON",
        json.dumps({"version": 2, "interactions": [{"user_id": word, "metadata": word}]}),
        json.dumps({"version": 2, "interactions": [
            interaction(metadata={"text": word}).model_dump(mode="json") | {"metadata": {word: "\0"}}
        ]}),
    ):  # fmt: skip
        queue.send_message(QueueUrl=url, MessageBody=body)
    for number, (outage, part) in enumerate(
        [(_nothing_failed, ""), (stopped, "neo4j"), (stopped, "postgres")], start=1
    ):
        with outage(system.cloud, part):
            posted = good | {"timestamp": 1_777_636_800 + number}
            assert _post(system, token, posted).json()["status"] == "ok"

    def stored() -> None:
        query = "SELECT count(*) FROM interaction WHERE metadata->>'query' = %s"
        with psycopg.connect(system.environment["DATABASE_URL"]) as ledger:
            assert ledger.execute(query, [word]).fetchone() == (3,)

    within(120, stored)
    assert list(sentinels.leaks(system)) == []


def test_a_planted_leak_is_found(system: System, sentinels: Sentinels) -> None:
    planted = system.cloud.folder / "logs" / "planted.log"
    planted.write_text(f"user {sentinels.email} signed in")
    logs = system.target.client("logs")
    names = {"logGroupName": f"/planted/{sentinels.word[:12]}", "logStreamName": "one"}
    logs.create_log_group(logGroupName=names["logGroupName"])
    logs.create_log_stream(**names)
    event = {"timestamp": 1_777_636_800_000, "message": f"Authorization: Bearer {sentinels.token}"}
    logs.put_log_events(**names, logEvents=[event])
    try:
        assert list(sentinels.leaks(system)) == [names["logGroupName"], "logs/planted.log"]
    finally:
        planted.unlink()
        logs.delete_log_group(logGroupName=names["logGroupName"])
