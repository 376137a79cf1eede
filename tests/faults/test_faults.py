"""Under a steady stream of POSTs something fails: nothing accepted is lost or stored twice, and the graph follows.

`make test-faults` prints for each fault how long it took until all had arrived, and what the POSTs took meanwhile.
"""

import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import neo4j
import psycopg
import pytest

from chalicelib.graph.client import connect
from tests.e2e.conftest import System
from tests.faults.conftest import Proxies
from tests.faults.harm import FAULTS
from tests.faults.stream import Stream
from tests.waiting import within

POSTS = int(os.environ.get("POSTS", "500"))
QUIET_SECONDS = 3  # of the stream before and after the fault
RECOVERY_SECONDS = 600  # a bound, not an expectation: catch-up runs each minute
RESULTS = Path(__file__).parents[2] / ".local" / "faults.jsonl"
EDGES = "MATCH ()-[peel:PEEL]->(a:Artifact) WHERE a.id STARTS WITH $name RETURN a.id AS id"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.root] if "disk" in name else []) for name in FAULTS]
)
def test_nothing_is_lost_and_the_graph_follows(system: System, token: str, proxies: Proxies, name: str) -> None:
    fault = FAULTS[name]
    dead = _dead(system)
    stream = Stream(system.environment["API_URL"], token, POSTS, fault.seconds + 2 * QUIET_SECONDS)
    with fault.place(system), ThreadPoolExecutor(1) as pool:
        sending = pool.submit(stream.run)
        time.sleep(QUIET_SECONDS)
        began = time.monotonic()
        fault.harm(system, proxies)
        ended = time.monotonic()
        sending.result()
        assert len(stream.accepted) == POSTS
        within(RECOVERY_SECONDS, lambda: _all_arrived(system, stream))
        recovery_seconds = time.monotonic() - ended
        _write(name, stream, p99_ms=stream.p99_ms(began, ended), recovery_seconds=recovery_seconds)
        assert _edges(system, stream) == Counter(stream.accepted)
    assert _dead(system) == dead
    totals: Counter[str] = Counter()
    for report in system.target.operate_in_calls("verify", repair=False):
        totals.update({what: report[what] for what in ("missing", "extra", "different")})
        assert report["undecided"] == []
    assert not any(totals.values()), totals


def _write(name: str, stream: Stream, *, p99_ms: float, recovery_seconds: float) -> None:
    result = {
        "fault": name,
        "posts": POSTS,
        "answered retry": stream.retries,
        "p99_ms": round(p99_ms),
        "recovery_seconds": round(recovery_seconds, 1),
    }
    print(result)  # noqa: T201
    with RESULTS.open("a") as file:
        file.write(json.dumps(result) + "\n")


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


def _edges(system: System, stream: Stream) -> Counter[str]:
    """Return how many edges each artifact of the stream has in the graph."""
    login = [system.environment[name] for name in ("NEO4J_URI", "NEO4J_USER", "NEO4J_PASSWORD")]
    with connect(*login) as driver, driver.session(default_access_mode=neo4j.READ_ACCESS) as session:
        return Counter(record["id"] for record in session.run(EDGES, name=f"{stream.name}-"))


def _dead(system: System) -> int:
    count = "ApproximateNumberOfMessages"
    url = system.target.outputs["DeadLetterQueueUrl"]
    answer = system.target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[count])
    return int(answer["Attributes"][count])
