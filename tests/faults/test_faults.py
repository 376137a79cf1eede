"""Under a steady stream of POSTs something fails: nothing accepted is lost or stored twice, and the graph follows.

`make test-faults` prints for each fault how long it took until all had arrived, and what the POSTs took meanwhile.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.e2e.conftest import System
from tests.faults.conftest import Proxies, function_processes
from tests.faults.stream import Stream
from tests.outages import frozen
from tests.waiting import within

POSTS = int(os.environ.get("POSTS", "500"))
QUIET_SECONDS = 3  # of the stream before and after the fault
FAULT_SECONDS = 10
FROZEN_SECONDS = 30
RECOVERY_SECONDS = 300  # a bound, not an expectation: catch-up runs each minute
BACKLOG_ROWS = int(os.environ.get("BACKLOG_ROWS", "100000"))
RESULTS = Path(__file__).parents[2] / ".local" / "faults.jsonl"

Fault = Callable[[System, Proxies], AbstractContextManager[None]]


@contextmanager
def nothing(_system: System, _proxies: Proxies) -> Iterator[None]:
    """For comparison."""
    yield
    time.sleep(FAULT_SECONDS)


def killed(part: str) -> Fault:
    """Kill the server, with -9, and start it again after the fault."""

    @contextmanager
    def fault(system: System, _proxies: Proxies) -> Iterator[None]:
        os.kill(system.cloud.pid(part), signal.SIGKILL)
        time.sleep(FAULT_SECONDS)
        system.cloud.start(part)
        yield

    return fault


def held(part: str) -> Fault:
    """Freeze the server."""

    @contextmanager
    def fault(system: System, _proxies: Proxies) -> Iterator[None]:
        with frozen(system.cloud, part):
            time.sleep(FROZEN_SECONDS)
        yield

    return fault


@contextmanager
def workers_killed(system: System, _proxies: Proxies) -> Iterator[None]:
    """Kill the worker's processes twenty times, whatever they do."""
    for _ in range(20):
        time.sleep(FAULT_SECONDS / 20)
        for process in function_processes(system, "orker"):
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
    yield


@contextmanager
def connections_cut(_system: System, proxies: Proxies) -> Iterator[None]:
    """Cut every connection to a store a third of a second after it was opened."""
    with proxies.postgres.cutting(0.3), proxies.neo4j.cutting(0.3):
        time.sleep(FAULT_SECONDS)
    yield


@contextmanager
def connections_delayed(_system: System, proxies: Proxies) -> Iterator[None]:
    """Delay each piece on its way to and from a store by a quarter of a second."""
    with proxies.postgres.delaying(0.25), proxies.neo4j.delaying(0.25):
        time.sleep(FAULT_SECONDS)
    yield


def disk_full(part: str) -> Fault:
    """Have the server's data on a small disk, and fill that."""

    @contextmanager
    def fault(system: System, _proxies: Proxies) -> Iterator[None]:
        data = system.cloud.folder / part / "data"
        with _small_disk(system, part, data) as filler:
            with filler.open("wb") as file:
                try:
                    while file.write(b"\0" * 65_536):
                        file.flush()
                except OSError:
                    pass
            time.sleep(FAULT_SECONDS)
            filler.unlink()
            # It may have given up by now, or be there and refuse to write.
            system.cloud.stop(part)
            system.cloud.start(part)
        yield

    return fault


@contextmanager
def _small_disk(system: System, part: str, data: Path) -> Iterator[Path]:
    """Move the data to a tmpfs and back; yield the path of a file on it."""
    system.cloud.stop(part)
    size = sum(file.stat().st_size for file in data.rglob("*") if file.is_file()) + 40_000_000
    kept = data.with_name("kept")
    data.rename(kept)
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", data], check=True)  # noqa: S607
    subprocess.run(["cp", "-a", f"{kept}/.", data], check=True)  # noqa: S607
    try:
        system.cloud.start(part)
        yield data / "filler"
    finally:
        system.cloud.stop(part)
        shutil.rmtree(kept)
        subprocess.run(["cp", "-a", data, kept], check=True)  # noqa: S607
        subprocess.run(["umount", data], check=True)  # noqa: S607
        data.rmdir()
        kept.rename(data)
        system.cloud.start(part)


@contextmanager
def backlog(system: System, _proxies: Proxies) -> Iterator[None]:
    """Have many rows wait for the graph, of a hundred users."""
    with psycopg.connect(system.environment["DATABASE_URL"]) as owner:
        owner.execute(
            "WITH rows AS (INSERT INTO interaction SELECT gen_random_uuid(), 'backlog-' || n %% 100, gen_random_uuid(),"
            " 'peel', 'artifact-' || n %% 1000, NULL, now(), now() FROM generate_series(1, %s) AS n"
            " RETURNING id, user_id)"
            " INSERT INTO graph_outbox (interaction_id, bytes, partition)"
            " SELECT id, 500, user_partition(user_id) FROM rows",
            [BACKLOG_ROWS],
        )
    time.sleep(FAULT_SECONDS)
    yield


FAULTS: dict[str, tuple[Fault, float]] = {
    "nothing": (nothing, FAULT_SECONDS),
    "Postgres killed": (killed("postgres"), FAULT_SECONDS),
    "Neo4j killed": (killed("neo4j"), FAULT_SECONDS),
    "Postgres frozen": (held("postgres"), FROZEN_SECONDS),
    "Neo4j frozen": (held("neo4j"), FROZEN_SECONDS),
    "workers killed": (workers_killed, FAULT_SECONDS),
    "connections cut": (connections_cut, FAULT_SECONDS),
    "connections delayed": (connections_delayed, FAULT_SECONDS),
    "Postgres' disk full": (disk_full("postgres"), FAULT_SECONDS),
    "Neo4j's disk full": (disk_full("neo4j"), FAULT_SECONDS),
    "rows waiting": (backlog, FAULT_SECONDS),
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.root] if "disk" in name else []) for name in FAULTS]
)
def test_nothing_is_lost_and_the_graph_follows(system: System, token: str, proxies: Proxies, name: str) -> None:
    fault, seconds = FAULTS[name]
    dead = _dead(system)
    stream = Stream(system.environment["API_URL"], token, POSTS, seconds + 2 * QUIET_SECONDS)
    sending = threading.Thread(target=stream.run)
    sending.start()
    time.sleep(QUIET_SECONDS)
    with fault(system, proxies):
        ended = time.monotonic()
    sending.join()
    assert len(stream.accepted) == POSTS
    within(RECOVERY_SECONDS, lambda: _all_arrived(system, stream))
    recovery_seconds = time.monotonic() - ended
    result = {
        "fault": name,
        "posts": POSTS,
        "answered retry": stream.retries,
        "p99_ms": round(stream.p99_ms),
        "recovery_seconds": round(recovery_seconds, 1),
    }
    print(result)  # noqa: T201
    with RESULTS.open("a") as file:
        file.write(json.dumps(result) + "\n")
    assert _dead(system) == dead
    totals: Counter[str] = Counter()
    for report in system.target.operate_in_calls("verify", repair=False):
        totals.update({what: report[what] for what in ("missing", "extra", "different")})
        assert report["undecided"] == []
    assert not any(totals.values()), totals


def _all_arrived(system: System, stream: Stream) -> None:
    """Hold the ledger to each accepted post, once, and the outbox to nothing."""
    try:
        with psycopg.connect(system.environment["DATABASE_URL"], connect_timeout=5) as ledger:
            query = "SELECT artifact_id FROM interaction WHERE artifact_id LIKE %s"
            stored = Counter(artifact for (artifact,) in ledger.execute(query, [f"{stream.name}-%"]))
            waiting: Any = ledger.execute("SELECT count(*) FROM graph_outbox").fetchone()
    except psycopg.Error as error:
        raise AssertionError(str(error)) from error
    assert stored == Counter(stream.accepted)
    assert waiting == (0,)


def _dead(system: System) -> int:
    count = "ApproximateNumberOfMessages"
    url = system.target.outputs["DeadLetterQueueUrl"]
    answer = system.target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[count])
    return int(answer["Attributes"][count])
