"""Messages that the worker dead-lettered: shown, redriven by filter, and redriven by a command that is killed."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chalicelib.interaction import Interaction
from chalicelib.queue import encode
from scripts.dlq.queue import batches
from scripts.reports.metrics import sum_metrics
from tests.e2e.conftest import System
from tests.outages import stopped
from tests.samples import ARTIFACT, interaction
from tests.waiting import within

COMMAND = str(Path(sys.executable).parent / "redrive-dlq")
USER = "8d1c-of-test-redrive"
KINDS = ("recall", "peel", "keep", "mark_bad")
KILLS = int(os.environ.get("KILLS", "4"))  # `make test-long`: 10


def redrive(system: System, *words: str) -> str:
    """Run the command to its end and return what it printed."""
    command = [COMMAND, "-e", "local", *words]
    variables = os.environ | system.environment
    result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def counts(printed: str) -> dict[str, int]:
    """Return the numbers in the command's tables by their label."""
    return {label: int(number) for label, number in re.findall(r"^│ (\w+) +│ +(\d+) │$", printed, re.MULTILINE)}


def send(system: System, *bodies: str) -> None:
    queues, url = system.target.client("sqs"), system.target.outputs["QueueUrl"]
    for batch in batches(bodies):
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)]
        queues.send_message_batch(QueueUrl=url, Entries=entries)


def count(system: System, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = system.target.outputs[queue]
    answer = system.target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(map(int, answer["Attributes"].values()))


def assert_dead_lettered(system: System, number: int) -> None:
    assert (count(system, "DeadLetterQueueUrl"), count(system, "QueueUrl")) == (number, 0)


def stored(sql: psycopg.Connection) -> Counter[str]:
    found = sql.execute("SELECT kind, count(*) FROM interaction WHERE user_id = %s GROUP BY 1", [USER])
    return Counter(dict(found.fetchall()))


def assert_stored(sql: psycopg.Connection, *kinds: str) -> None:
    found = stored(sql)
    assert {kind: found[kind] for kind in kinds} == dict.fromkeys(kinds, 15)


@contextmanager
def one_attempt(system: System) -> Iterator[None]:
    """Let the queue give up after one attempt, soon; a slow worker may store a message that was given up."""
    queues, url = system.target.client("sqs"), system.target.outputs["QueueUrl"]
    names = ["RedrivePolicy", "VisibilityTimeout"]
    before = queues.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    policy = json.loads(before["RedrivePolicy"]) | {"maxReceiveCount": 1}
    queues.set_queue_attributes(
        QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "3"}
    )
    try:
        yield
    finally:
        queues.set_queue_attributes(QueueUrl=url, Attributes=before)


def invalid(number: int) -> str:
    message = json.loads(encode(sample("keep", number)))
    message["interactions"][0]["timestamp"] = "soon"
    return json.dumps(message)


def sample(kind: str, number: int) -> Interaction:
    fields: dict[str, Any] = {} if kind == "recall" else {"artifact_id": ARTIFACT}
    return interaction(kind, user_id=USER, metadata={"number": number}, **fields)


@pytest.fixture
def empty(system: System) -> Iterator[None]:
    """Start and end with an empty dead-letter queue."""
    queues, url = system.target.client("sqs"), system.target.outputs["DeadLetterQueueUrl"]
    queues.purge_queue(QueueUrl=url)
    yield
    queues.purge_queue(QueueUrl=url)


@pytest.mark.timeout(900)  # the command starts dozens of times, in seconds on a busy machine
@pytest.mark.usefixtures("empty")
def test_each_storable_message_is_stored_once_though_the_command_is_killed_again_and_again(
    system: System,
) -> None:
    send(system, *(f"bad JSON {number}" for number in range(120)), *map(invalid, range(120)))
    within(60, lambda: assert_dead_lettered(system, 240))
    with one_attempt(system), stopped(system.cloud, "postgres"):
        send(system, *(encode(sample(kind, number)) for kind in KINDS for number in range(15)))
        within(60, lambda: assert_dead_lettered(system, 300))
    began = time.monotonic()
    expected = {"not_json": 120, "refused": 120, "gave_up": 60, "unreadable": 120, "keep": 135}
    printed = redrive(system)
    reading = min(3, time.monotonic() - began)
    assert counts(printed) == expected | {"recall": 15, "peel": 15, "mark_bad": 15}
    assert "number" not in printed
    assert '{"number": ' in redrive(system, "--metadata", "--kind", "recall")
    assert counts(redrive(system, "--redrive", "--dry-run")) == {"gave_up": 60} | dict.fromkeys(KINDS, 15)

    with psycopg.connect(system.environment["DATABASE_URL"], autocommit=True) as sql:
        assert counts(redrive(system, "--redrive", "--kind", "keep")) == {"gave_up": 15, "keep": 15}
        within(60, lambda: assert_stored(sql, "keep"))
        points = random.Random(5)  # noqa: S311  for a test
        kills = 0
        while kills < KILLS:  # a run that finds all messages held by the one before ends by itself
            kills += killed(system, after=reading * points.uniform(0.3, 1.3))
        assert count(system, "DeadLetterQueueUrl") > 240
        within(60, lambda: redrive_rest(system))
        within(60, lambda: assert_stored(sql, *KINDS))
        assert sum(stored(sql).values()) == 60
    assert counts(redrive(system)) == {"not_json": 120, "refused": 120, "unreadable": 120, "keep": 120}


def redrive_rest(system: System) -> None:
    """Redrive what no other run holds, until all has moved."""
    redrive(system, "--redrive", "--hold", "2")
    assert_dead_lettered(system, 240)


def killed(system: System, *, after: float) -> bool:
    """Let the command move messages slowly, and kill it; return whether it was still running."""
    command = [COMMAND, "-e", "local", "--redrive", "--rate", "1", "--hold", "2"]
    variables = os.environ | system.environment
    with subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(after)
        process.kill()
    return process.returncode == -signal.SIGKILL


@pytest.mark.usefixtures("empty")
def test_discarded_messages_are_in_a_file_and_can_be_sent_back(system: System, tmp_path: Path) -> None:
    before = discarded(system)
    send(system, *(f"bad JSON {number}" for number in range(12)), invalid(0))
    within(20, lambda: assert_dead_lettered(system, 13))
    path = tmp_path / "removed.jsonl"
    printed = redrive(system, "--discard", "--reason", "not_json", "--yes", "--file", str(path))
    assert counts(printed) == {"not_json": 12, "unreadable": 12}
    assert_dead_lettered(system, 1)
    within(10, lambda: assert_discarded(system, before + 12))
    assert sorted(json.loads(line)["body"] for line in path.read_text().splitlines()) == sorted(
        f"bad JSON {number}" for number in range(12)
    )
    redrive(system, "--from-file", str(path))
    within(20, lambda: assert_dead_lettered(system, 13))
    assert counts(redrive(system)) == {"not_json": 12, "refused": 1, "unreadable": 12, "keep": 1}
    within(10, lambda: assert_discarded(system, before))


def discarded(system: System) -> int:
    now = datetime.now(UTC)
    return sum_metrics(system.target, ["Discarded"], since=now - timedelta(hours=1), until=now)["Discarded"] or 0


def assert_discarded(system: System, number: int) -> None:
    assert discarded(system) == number


@pytest.mark.usefixtures("empty")
def test_poison_stays_unless_requested(system: System) -> None:
    send(system, "bad JSON")
    within(20, lambda: assert_dead_lettered(system, 1))
    assert counts(redrive(system, "--redrive")) == {}
    assert counts(redrive(system, "--redrive", "--poison")) == {"not_json": 1, "unreadable": 1}
    within(20, lambda: assert_dead_lettered(system, 1))
