"""While one store is down the other goes on; waiting interactions arrive when it is back."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import neo4j
import psycopg
import pytest
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from chalicelib.graph import client as graph_module
from chalicelib.graph.client import Graph, GraphUnavailableError
from chalicelib.ledger import connection as postgres
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection.projector import catch_up, drain, drain_within
from chalicelib.queue import encode
from chalicelib.worker import DRAIN_SECONDS, Worker
from local.cloud import Cloud
from local.ports import Ports
from tests.fakes import FakeQueue
from tests.faults.proxy import Proxy
from tests.integration.conftest import Opened
from tests.outages import frozen, stopped
from tests.samples import interaction

# Neo4j can be too slow for its first client after a start; the real catch-up runs again every minute.
retrying = Retrying(
    retry=retry_if_exception_type(GraphUnavailableError), wait=wait_fixed(1), stop=stop_after_delay(30), reraise=True
)


@pytest.fixture
def dead_letters() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def worker(stores: dict[str, Any], ledger: Ledger, graph: Graph, dead_letters: FakeQueue) -> Iterator[Worker]:
    worker = Worker(
        open_ledger=lambda: Ledger(lambda: postgres.conninfo(stores["postgres"])),
        open_graph=lambda: Graph(lambda: graph_module.connect(**stores["neo4j"])),
        dead_letter_queue=dead_letters,
    )
    yield worker
    worker.close()


def batch(number: int) -> dict[str, Any]:
    return {"Records": [{"messageId": "m", "body": encode(interaction("peel", artifact_id=str(number)))}]}


def nodes(cypher: neo4j.Session) -> int:
    return int(cypher.run("MATCH (a:Artifact) RETURN count(*) AS n").single(strict=True)["n"])


@pytest.mark.parametrize("outage", [stopped, frozen], ids=["stopped", "frozen"])
def test_without_neo4j_batches_are_stored_at_once_and_projected_later(
    outage: Callable[[Cloud, str], Any],
    cloud: Cloud,
    worker: Worker,
    dead_letters: FakeQueue,
    sql: psycopg.Connection,
    cypher: neo4j.Session,
    ledger: Ledger,
    graph: Graph,
) -> None:
    worker.handle(batch(0))  # opens its connections
    assert nodes(cypher) == 1
    with outage(cloud, "neo4j"):
        began = time.monotonic()
        assert worker.handle(batch(1)) == {"batchItemFailures": []}
        assert time.monotonic() - began < DRAIN_SECONDS + 2
        began = time.monotonic()
        assert worker.handle(batch(2)) == {"batchItemFailures": []}
        assert time.monotonic() - began < 1  # the worker does not call the graph again for some seconds
        assert sql.execute("SELECT count(*) FROM interaction").fetchone() == (3,)
    retrying(lambda: catch_up(ledger, graph, in_time=lambda: True))
    assert nodes(cypher) == 3
    assert sql.execute("SELECT count(*) FROM graph_outbox").fetchone() == (0,)
    assert dead_letters.bodies == []


def test_a_graph_that_answers_slowly_is_given_up_at_the_deadline(
    cloud: Cloud, stores: dict[str, Any], ledger: Ledger, graph: Graph, opened: Opened, cypher: neo4j.Session
) -> None:
    """The driver's own limits are for one answer; a drain has several."""
    proxy = Proxy(cloud.ports.neo4j)
    by_proxy = stores["neo4j"] | {"uri": f"bolt://127.0.0.1:{proxy.port}"}
    slow = Graph(lambda: graph_module.connect(**by_proxy))
    with closing(proxy), closing(slow), opened() as (abandoned, _):
        ledger.store([interaction("peel", artifact_id="0")])
        assert drain(abandoned, slow) == 1  # opens its connections
        ledger.store([interaction("peel", artifact_id="1")])
        with proxy.delaying(1), pytest.raises(GraphUnavailableError, match="no answer within 2 s"):
            drain_within(2, abandoned, slow)
    retrying(lambda: catch_up(ledger, graph, in_time=lambda: True))
    assert nodes(cypher) == 2


def test_a_failed_drain_touches_no_row(
    stores: dict[str, Any], ledger: Ledger, graph: Graph, sql: psycopg.Connection
) -> None:
    ledger.store([interaction()])
    closed_port = stores["neo4j"] | {"uri": f"bolt://127.0.0.1:{Ports.free().neo4j}"}
    with closing(Graph(lambda: graph_module.connect(**closed_port))) as down, pytest.raises(GraphUnavailableError):
        drain(ledger, down)
    assert sql.execute("SELECT attempts, last_error FROM graph_outbox").fetchall() == [(0, None)]
    assert drain(ledger, graph) == 1


def test_without_postgres_the_batch_is_redelivered_and_nothing_is_dead_lettered(
    cloud: Cloud, worker: Worker, dead_letters: FakeQueue, sql: psycopg.Connection
) -> None:
    worker.handle(batch(0))
    with stopped(cloud, "postgres"), pytest.raises(psycopg.OperationalError):
        worker.handle(batch(1))
    assert worker.handle(batch(1)) == {"batchItemFailures": []}
    assert dead_letters.bodies == []
    sql.close()
