"""A process is paused for longer than its locks last, and goes on when others have done its work and more.

Postgres ends the transaction of a paused process after 15 s; here it is ended at once.
"""

from collections.abc import Callable
from typing import Any

import neo4j
import psycopg
import pytest

from chalicelib.graph import deletions
from chalicelib.graph.client import Graph
from chalicelib.ledger import watermark as in_ledger
from chalicelib.ledger.ledger import Ledger
from chalicelib.operations.handlers import Handlers, Limits
from chalicelib.projection import rebuild, watermark
from chalicelib.projection.catch_up import tend
from chalicelib.projection.projector import drain
from tests.graphs import snapshot
from tests.integration.conftest import Opened
from tests.samples import ALICE, interaction


@pytest.fixture
def lose_locks(ledger: Ledger, sql: psycopg.Connection) -> Callable[[], None]:
    """Return a function that ends the ledger's transaction, as Postgres ends that of a paused process."""

    def lose_locks() -> None:
        sql.execute("SELECT pg_terminate_backend(%s)", [ledger.connection.info.backend_pid])

    return lose_locks


def erase(operator: Ledger, graph: Graph) -> None:
    cursor: Any = None
    while cursor := Handlers(operator, graph, Limits(settle_seconds=0)).erase(user_id=ALICE, cursor=cursor)["cursor"]:
        pass


def test_a_drain_that_was_paused_during_an_erasure_does_not_bring_the_user_back(
    ledger: Ledger,
    operator: Ledger,
    graph: Graph,
    opened: Opened,
    cypher: neo4j.Session,
    lose_locks: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watermark.start(operator, graph)
    ledger.store([interaction("keep", artifact_id="a")])
    assert drain(ledger, graph) == 1  # from here on it knows the graph's epoch
    ledger.store([interaction("keep", artifact_id="b")])
    write = graph.write

    def paused(changes: Any, *lease: Any) -> None:
        lose_locks()
        with opened() as (_, another):
            erase(operator, another)
        write(changes, *lease)

    monkeypatch.setattr(graph, "write", paused)
    with pytest.raises(psycopg.OperationalError):
        drain(ledger, graph)
    assert snapshot(cypher) == ([], [])


def test_a_wipe_that_was_paused_deletes_nothing_of_the_graph_that_another_one_built(
    ledger: Ledger, graph: Graph, opened: Opened, cypher: neo4j.Session
) -> None:
    watermark.start(ledger, graph)
    ledger.store([interaction("keep", artifact_id="a")])
    tend(ledger, graph, in_time=lambda: True)
    before = snapshot(cypher)
    rebuild.begin(ledger, cause="a test", from_scratch=True)
    assert rebuild.step(ledger, graph, wipe_size=1)  # the wipe has begun
    built = False

    def paused() -> None:
        nonlocal built
        if not built:
            with opened() as (another, its_graph):
                while rebuild.step(another, its_graph):
                    pass
        built = True

    assert deletions.wipe_batch(graph, 100, before_each=paused) == 0
    assert built
    assert snapshot(cypher) == before


def test_nothing_is_stored_while_the_first_watermark_is_written(
    ledger: Ledger, graph: Graph, opened: Opened, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the graph could lose it before it gets the mark of a complete one."""
    next_ = in_ledger.next_

    def paused(connection: psycopg.Connection) -> Any:
        with opened() as (another, _):
            another.connection.execute("SET lock_timeout = '200ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                another.store([interaction("keep", artifact_id="a")])
        return next_(connection)

    monkeypatch.setattr(in_ledger, "next_", paused)
    watermark.start(ledger, graph)
    assert watermark.check(ledger, graph).loss_reason is None
    assert sql.execute("SELECT count(*) FROM interaction").fetchone() == (0,)


def test_each_watermark_is_later_than_the_one_before_whatever_the_clock_says(
    ledger: Ledger, graph: Graph, sql: psycopg.Connection
) -> None:
    watermark.start(ledger, graph)
    checked = watermark.check(ledger, graph).reached_at
    assert checked
    ahead = checked.replace(year=checked.year + 1)
    assert watermark.advance(ledger, graph, checked)
    sql.execute("UPDATE watermark SET reached_at = %s", [ahead])
    assert in_ledger.next_(ledger.connection) > ahead
