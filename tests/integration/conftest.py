"""A migrated ledger and a prepared graph on the real stores, empty before each test."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

import neo4j
import psycopg
import pytest
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from chalicelib.graph import client as graph_module
from chalicelib.graph.client import Graph, GraphUnavailableError
from chalicelib.ledger import connection as postgres
from chalicelib.ledger.ledger import Ledger
from chalicelib.ledger.migrate import migrate_ledger
from chalicelib.projection.projector import catch_up
from local.cloud import Cloud

Opened = Callable[..., AbstractContextManager[tuple[Ledger, Graph]]]


def project_all(ledger: Ledger, graph: Graph) -> None:
    """Catch up until nothing waits: rows of a user whom an erasure or a rebuild held wait some seconds first."""
    for attempt in Retrying(
        retry=retry_if_exception_type(AssertionError), stop=stop_after_delay(60), wait=wait_fixed(0.5), reraise=True
    ):
        with attempt:
            catch_up(ledger, graph, in_time=lambda: True)
            assert ledger.waiting().rows == 0


@pytest.fixture(scope="session")
def stores(cloud: Cloud) -> dict[str, Any]:
    """Return the stores' secrets, once the schema and the constraints are there."""
    secrets: dict[str, Any] = dict(cloud.secrets())
    migrate_ledger(secrets["postgres-owner"])
    graph = Graph(lambda: graph_module.connect(**secrets["neo4j"]))
    # A server that has just started can take longer than a transaction may on a busy machine.
    for attempt in Retrying(
        retry=retry_if_exception_type(GraphUnavailableError),
        stop=stop_after_delay(120),
        wait=wait_fixed(1),
        reraise=True,
    ):
        with attempt:
            graph.prepare()
    graph.close()
    return secrets


@pytest.fixture
def sql(stores: dict[str, Any]) -> Iterator[psycopg.Connection]:
    """Yield the owner's connection, to look into the tables; they are empty."""
    with psycopg.connect(postgres.conninfo(stores["postgres-owner"]), autocommit=True) as connection:
        tables = (
            "interaction, graph_outbox, erasure, excluded_user, day_answer, day_sums, watermark, rebuild, rebuild_range"
        )
        connection.execute(f"TRUNCATE {tables}")
        yield connection


@pytest.fixture
def cypher(stores: dict[str, Any]) -> Iterator[neo4j.Session]:
    """Yield a session, to look into the graph; it is empty."""
    with graph_module.connect(**stores["neo4j"]) as driver, driver.session() as session:
        # In small batches: a test may have left large nodes.
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10 ROWS").consume()
        yield session


@pytest.fixture
def ledger(stores: dict[str, Any], sql: psycopg.Connection) -> Iterator[Ledger]:
    ledger = Ledger(lambda: postgres.conninfo(stores["postgres"]))
    yield ledger
    ledger.close()


@pytest.fixture
def operator(stores: dict[str, Any], sql: psycopg.Connection) -> Iterator[Ledger]:
    """Yield the ledger with the rights of the operations function."""
    ledger = Ledger(lambda: postgres.conninfo(stores["postgres-operator"]))
    yield ledger
    ledger.close()


@pytest.fixture
def opened(stores: dict[str, Any]) -> Opened:
    """Return a context manager that opens both stores for one thread."""

    @contextmanager
    def opened(**limits: int) -> Iterator[tuple[Ledger, Graph]]:
        ledger = Ledger(lambda: postgres.conninfo(stores["postgres"]), **limits)
        graph = Graph(lambda: graph_module.connect(**stores["neo4j"]))
        with closing(ledger), closing(graph):
            yield ledger, graph

    return opened


@pytest.fixture
def graph(stores: dict[str, Any], cypher: neo4j.Session) -> Iterator[Graph]:
    graph = Graph(lambda: graph_module.connect(**stores["neo4j"]))
    yield graph
    graph.close()
