"""The laptop's cloud after what happens to laptops: killed processes, power cuts, older versions of itself."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local import queues
from local.cloud import Cloud
from local.ports import Ports
from local.queue_files import DEAD, EARLIER, HELD, WAITING, count, read
from local.stop import stop
from scripts.common.target import Target
from tests.waiting import within


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Cloud]:
    """Yield a cloud of which only one part will be started."""
    cloud = Cloud(folder=tmp_path, ports=Ports.free())
    yield cloud
    cloud.down()


@dataclass(frozen=True)
class TwoQueues(Target):
    """A target with a queue and its dead-letter queue, made by hand."""

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        sqs = self.client("sqs")
        dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1000})
        url = sqs.create_queue(QueueName="waiting", Attributes={"RedrivePolicy": policy})["QueueUrl"]
        return {WAITING: url, DEAD: dead}

    def send(self, queue: str, body: str, **attributes: Any) -> None:
        self.client("sqs").send_message(QueueUrl=self.outputs[queue], MessageBody=body, MessageAttributes=attributes)

    def receive(self, queue: str) -> list[tuple[str, Any]]:
        found = self.client("sqs").receive_message(
            QueueUrl=self.outputs[queue], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return sorted((one["Body"], one.get("MessageAttributes")) for one in found.get("Messages", []))


REASON = {"DataType": "String", "StringValue": "refused"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_what_waits_in_the_queues_survives_the_endpoint(small: Cloud, number: signal.Signals) -> None:
    small.up(["aws"])
    target = TwoQueues.local(small.environment())
    target.send(WAITING, "received")
    assert target.receive(WAITING) == [("received", None)]  # by a worker that is killed with it
    target.send(WAITING, "waits")
    target.send(DEAD, "poison", reason=REASON)
    if number == signal.SIGKILL:  # it writes each second; a signal that it can catch needs no such wait
        within(10, lambda: _assert_kept(small, 3))
    within(10, lambda: _assert_state(small, "aws", "RUNNING"))  # supervisord counts an earlier end as a failed start
    os.kill(small.pid("aws"), number)
    within(30, lambda: _assert_state(small, "aws", "EXITED"))
    _assert_kept(small, 3)
    assert (small.folder / HELD).stat().st_mode & 0o777 == 0o600  # it holds what users wrote

    small.up(["aws"])
    target = TwoQueues.local(small.environment())
    assert queues.send_earlier(target, small.folder) == Counter({WAITING: 2, DEAD: 1})
    assert target.receive(WAITING) == [("received", None), ("waits", None)]
    assert target.receive(DEAD) == [("poison", {"reason": REASON})]
    assert not (small.folder / EARLIER).exists()


def _assert_kept(cloud: Cloud, number: int) -> None:
    assert count(read(cloud.folder, HELD)).total() == number


def _assert_state(cloud: Cloud, component: str, state: str) -> None:
    assert cloud.status()[component] == state


def test_a_role_that_an_older_version_left_without_a_password_gets_it_at_the_next_start(small: Cloud) -> None:
    small.up(["postgres"])
    with psycopg.connect(small.environment()["DATABASE_URL"], autocommit=True) as owner:
        owner.execute("ALTER ROLE operator PASSWORD NULL")
        owner.execute("ALTER ROLE app NOLOGIN")
    small.up(["postgres"])
    for name in ("postgres", "postgres-operator"):
        secret = {**small.secrets()[name]}
        with psycopg.connect(user=secret.pop("username"), **secret) as connection:  # type: ignore[arg-type]
            connection.execute("SELECT 1")


@pytest.fixture
def stopped(small: Cloud) -> Path:
    """Return the lock of a cluster whose server has ended."""
    small.up(["postgres"])
    small.down()
    return small.folder / "postgres" / "data" / "postmaster.pid"


def test_a_lock_that_a_power_cut_left_empty_is_no_obstacle(small: Cloud, stopped: Path) -> None:
    stopped.write_text("")
    small.up(["postgres"])


def test_a_lock_whose_number_is_a_threads_now_is_no_obstacle(small: Cloud, stopped: Path) -> None:
    thread = threading.Thread(target=time.sleep, args=[30], daemon=True)
    thread.start()
    stopped.write_text(f"{thread.native_id}\n{stopped.parent}\n1\n")
    small.up(["postgres"])


def test_a_lock_whose_number_is_another_clones_server_is_no_obstacle(
    small: Cloud, stopped: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Cloud(folder=tmp_path_factory.mktemp("other"), ports=Ports.free())
    try:
        other.up(["postgres"])
        stopped.write_text(f"{other.pid('postgres')}\n{stopped.parent}\n1\n")
        small.up(["postgres"])
        within(10, lambda: _assert_state(other, "postgres", "RUNNING"))
    finally:
        other.down()


def test_the_lock_of_a_server_that_runs_stays(small: Cloud) -> None:
    """Two servers in one folder would destroy the data, so the second does not start."""
    small.up(["postgres"])
    lock = small.folder / "postgres" / "data" / "postmaster.pid"
    pid = lock.read_text().splitlines()[0]
    small._postgres.prepare(print)  # noqa: SLF001
    assert lock.read_text().splitlines()[0] == pid


def test_what_runs_is_stopped_without_anything_that_is_installed(small: Cloud) -> None:
    small.up(["postgres"])
    code = "import sys; sys.path.insert(0, '.'); from local.stop import stop; from pathlib import Path; "
    code += "print(stop(Path(sys.argv[1])))"
    command = [sys.executable, "-I", "-S", "-c", code, str(small.folder)]
    for expected in ("True", "False"):
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert (result.stdout.strip(), result.stderr) == (expected, "")
    assert small.status()["postgres"] == "STOPPED"


def test_what_a_killed_supervisor_left_is_stopped(small: Cloud) -> None:
    small.up(["postgres"])
    os.kill(int((small.folder / "supervisord.pid").read_text()), signal.SIGKILL)
    assert stop(small.folder)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(small.environment()["DATABASE_URL"])


def test_a_port_of_before_is_not_the_port_of_now(small: Cloud) -> None:
    small.up(["postgres"])
    small.ports.remember(small.folder)
    moved = replace(small, ports=Ports.free())
    moved.up(["postgres"])
    with psycopg.connect(moved.environment()["DATABASE_URL"]) as connection:
        connection.execute("SELECT 1")
