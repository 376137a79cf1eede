"""What of an event has arrived, read from both real stores."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chalicelib.api.event_status import MAX_INTERACTIONS, EventReader, EventStatus
from chalicelib.graph import client as graph_module
from chalicelib.graph.client import Graph
from chalicelib.ledger import connection as postgres
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection.projector import catch_up
from local.cloud import Cloud
from tests.outages import frozen, stopped
from tests.samples import ALICE, ARTIFACT, BOB, EVENT, NOW, interaction


def open_ledger(stores: dict[str, Any]) -> Ledger:
    """Return the ledger with the rights of the function that answers."""
    return Ledger(lambda: postgres.conninfo(stores["postgres-event-status"]))


@pytest.fixture
def reader(stores: dict[str, Any]) -> Iterator[EventReader]:
    with closing(
        EventReader(
            open_ledger=lambda: open_ledger(stores),
            open_graph=lambda: Graph(lambda: graph_module.connect(**stores["neo4j"])),
        )
    ) as reader:
        yield reader


def status(reader: EventReader, user_id: str = ALICE) -> EventStatus:
    found = reader.read(user_id, EVENT, datetime.now(UTC))
    assert found
    return found


def test_an_interaction_is_stored_and_then_in_the_graph(reader: EventReader, ledger: Ledger, graph: Graph) -> None:
    began = datetime.now(UTC)
    peel = interaction("peel", artifact_id=ARTIFACT, event_id=EVENT, timestamp=NOW.timestamp() + 1)
    recall = interaction(event_id=EVENT)
    ledger.store([peel, recall])
    found = status(reader)
    assert [(one.id, one.kind, one.artifact_id, one.state) for one in found.interactions] == [
        (recall.id, "recall", None, "stored"),
        (peel.id, "peel", ARTIFACT, "stored"),
    ]
    [first, _] = found.interactions
    assert (first.timestamp, first.received_at) == (NOW, NOW)
    assert abs(first.stored_at - began) < timedelta(seconds=30)
    assert (found.more, found.graph.state) == (False, "not_there")

    catch_up(ledger, graph, in_time=lambda: True)
    found = status(reader)
    assert [one.state for one in found.interactions] == ["in_graph"] * 2
    assert found.graph.model_dump() == {"state": "there", "labels": ["Event", "RecallEvent"], "edges": {"PEEL": 1}}


def test_users_read_their_own_part_of_an_id_only(reader: EventReader, ledger: Ledger, graph: Graph) -> None:
    ledger.store([interaction(event_id=EVENT)])
    assert reader.read(BOB, EVENT, NOW) is None
    ledger.store([interaction("workspace", user_id=BOB, event_id=EVENT)])
    catch_up(ledger, graph, in_time=lambda: True)
    found = {user_id: status(reader, user_id) for user_id in (ALICE, BOB)}
    assert {user_id: [one.kind for one in each.interactions] for user_id, each in found.items()} == {
        ALICE: ["recall"],
        BOB: ["workspace"],
    }
    assert found[BOB].graph.labels == ["Event", "WorkspaceEvent"]


def test_of_a_long_event_the_latest_are_told(reader: EventReader, ledger: Ledger) -> None:
    times = [NOW.timestamp() + number for number in range(MAX_INTERACTIONS + 1)]
    later = NOW + timedelta(days=1)
    ledger.store([interaction("keep", artifact_id="a", event_id=EVENT, timestamp=one, now=later) for one in times])
    found = status(reader)
    assert [one.timestamp.timestamp() for one in found.interactions] == times[1:]
    assert found.more


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO interaction (id) VALUES (gen_random_uuid())",
        "UPDATE interaction SET kind = 'keep'",
        "DELETE FROM interaction",
        "INSERT INTO graph_outbox (interaction_id) VALUES (gen_random_uuid())",
        "DELETE FROM graph_outbox",
        "DELETE FROM erasure",
        "UPDATE watermark SET version = 0",
        "INSERT INTO rebuild (from_scratch, cause) VALUES (true, 'made up')",
        "DELETE FROM rebuild_range",
        "CREATE TABLE mine ()",
        "CREATE TEMPORARY TABLE mine ()",
    ],
)
def test_the_function_cannot_write_even_if_it_asks_to(stores: dict[str, Any], ledger: Ledger, statement: str) -> None:
    ledger.store([interaction()])
    with closing(open_ledger(stores)) as reading:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reading.connection.execute(statement)
        reading.connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reading.connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT metadata FROM interaction",
        "SELECT * FROM interaction",
        "SELECT * FROM event_outcome",
        "SELECT * FROM erasure",
        "SELECT last_error FROM graph_outbox",
    ],
)
def test_the_function_reads_nothing_that_it_does_not_answer(stores: dict[str, Any], statement: str) -> None:
    with closing(open_ledger(stores)) as reading, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reading.connection.execute(statement)


def test_the_function_waits_for_no_statement_longer_than_2_seconds(
    reader: EventReader, sql: psycopg.Connection
) -> None:
    with sql.transaction():
        sql.execute("LOCK TABLE interaction")
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            reader.read(ALICE, EVENT, NOW)
        assert 1 < time.monotonic() - began < 20


@pytest.mark.parametrize("outage", [stopped, frozen], ids=["stopped", "frozen"])
def test_without_the_graph_the_ledger_answers_soon(
    outage: Any, cloud: Cloud, reader: EventReader, ledger: Ledger, graph: Graph
) -> None:
    ledger.store([interaction(event_id=EVENT)])
    catch_up(ledger, graph, in_time=lambda: True)
    assert status(reader).graph.state == "there"
    with outage(cloud, "neo4j"):
        began = time.monotonic()
        assert status(reader).graph.state == "unavailable"
        assert time.monotonic() - began < 4
        began = time.monotonic()
        assert [one.state for one in status(reader).interactions] == ["in_graph"]
        assert time.monotonic() - began < 1
