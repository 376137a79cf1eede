"""What operators look at, read from both real stores with the operators' rights: bounded, and from each store alone."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chalicelib.graph import client as graph_module
from chalicelib.graph.client import Graph
from chalicelib.ledger import interactions
from chalicelib.ledger.ledger import Ledger
from chalicelib.operations import reads
from chalicelib.operations.reads import Reads
from chalicelib.projection.projector import catch_up
from local.cloud import Cloud
from tests.outages import frozen
from tests.samples import ALICE, ARTIFACT, BOB, EVENT, NOW, interaction


@pytest.fixture
def looked(operator: Ledger, graph: Graph) -> Reads:
    return Reads(operator, graph)


@pytest.fixture
def unreachable(operator: Ledger) -> Iterator[Reads]:
    """Yield the operations without any store."""
    ledger = Ledger(lambda: "host=127.0.0.1 port=9 dbname=none")
    graph = Graph(lambda: graph_module.connect("bolt://127.0.0.1:9", "neo4j", "none"))
    with closing(ledger), closing(graph):
        yield Reads(ledger, graph)


def test_health_tells_of_both_stores(looked: Reads, ledger: Ledger, graph: Graph) -> None:
    ledger.store([interaction()])
    health = looked.health()
    assert health["ledger"]["outbox"]["rows"] == 1
    assert 0 < health["ledger"]["seconds"] < 30
    assert (health["ledger"]["watermark"], health["graph"]["watermark"]) == (None, None)
    catch_up(ledger, graph, in_time=lambda: True)
    assert looked.health()["ledger"]["outbox"]["rows"] == 0


def test_health_tells_which_store_is_unavailable(unreachable: Reads) -> None:
    assert unreachable.health() == {"ledger": {"error": "OperationalError"}, "graph": {"error": "ServiceUnavailable"}}


def test_health_answers_while_the_graph_is_frozen(cloud: Cloud, looked: Reads) -> None:
    looked.health()
    with frozen(cloud, "neo4j"):
        health = looked.health()
    assert "outbox" in health["ledger"]
    assert "no answer" in health["graph"]["error"]


def test_a_story_is_found_by_interaction_and_by_event(looked: Reads, ledger: Ledger, graph: Graph) -> None:
    recall = interaction(event_id=EVENT, metadata={"query": "x" * 9000})
    peel = interaction("peel", artifact_id=ARTIFACT, event_id=EVENT, timestamp=NOW.timestamp() + 1)
    ledger.store([recall])
    catch_up(ledger, graph, in_time=lambda: True)
    ledger.store([peel])
    story = looked.story(id=EVENT)
    assert (story["by"], story["more"]) == ("event", False)
    assert [(one["kind"], one["in_graph"], one["parked"]) for one in story["interactions"]] == [
        ("recall", True, False),
        ("peel", False, False),
    ]
    [first, _] = story["interactions"]
    assert (len(first["metadata"]), first["metadata_bytes"]) == (reads.STORY_CHARACTERS, 9013)
    assert looked.story(id=EVENT, user_id=ALICE) == story
    assert looked.story(id=EVENT, user_id=BOB)["interactions"] == []
    of_one = looked.story(id=peel.id)
    assert (of_one["by"], [one["id"] for one in of_one["interactions"]]) == ("interaction", [peel.id])
    assert looked.story(id=ARTIFACT)["interactions"] == []
    with pytest.raises(ValueError, match="badly formed"):
        looked.story(id="not an id")


def test_a_long_story_is_cut_and_says_so(looked: Reads, ledger: Ledger) -> None:
    many = [interaction(event_id=EVENT, metadata={"n": n}) for n in range(reads.STORY_ROWS + 5)]
    ledger.store(many)
    story = looked.story(id=EVENT)
    assert (len(story["interactions"]), story["more"]) == (reads.STORY_ROWS, True)


def test_a_person_s_latest_part_is_shown_with_its_graph(looked: Reads, ledger: Ledger, graph: Graph) -> None:
    ledger.store(list(_day(ALICE)))
    ledger.store([interaction(user_id=BOB, event_id=EVENT)])
    catch_up(ledger, graph, in_time=lambda: True)
    person = looked.person(user_id=ALICE)
    assert (person["total"]["interactions"], person["more"], person["events"]) == (1040, True, 500)
    assert len(person["interactions"]) == reads.PERSON_ROWS
    assert person["interactions"][0]["kind"] == "keep"
    drawn = person["graph"]
    assert (len(drawn["events"]), len(drawn["edges"])) == (reads.PERSON_EVENTS, reads.PERSON_EVENTS)
    assert {edge["event_id"] for edge in drawn["edges"]} == {event["id"] for event in drawn["events"]}
    assert drawn["events"][0]["labels"] == ["Event", "RecallEvent"]

    earlier = looked.person(user_id=ALICE, before=(NOW + timedelta(seconds=5)).isoformat())
    assert len(earlier["interactions"]) == 5
    assert looked.person(user_id="nobody")["total"]["interactions"] == 0


def test_a_person_is_shown_without_the_graph(unreachable: Reads, looked: Reads, ledger: Ledger) -> None:
    ledger.store([interaction()])
    unreachable._ledger = looked._ledger  # noqa: SLF001  the graph alone is unavailable
    person = unreachable.person(user_id=ALICE)
    assert (len(person["interactions"]), person["graph"]) == (1, None)


def test_what_arrives_is_shown_the_latest_first(looked: Reads, ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([interaction(event_id=EVENT, metadata={"n": n}) for n in range(3)])
    ledger.store([interaction("keep", artifact_id=ARTIFACT)])
    arrived = looked.arrivals(seconds=60)
    assert (len(arrived["interactions"]), arrived["more"]) == (4, False)
    assert arrived["interactions"][0]["kind"] == "keep"
    sql.execute("UPDATE interaction SET stored_at = stored_at - interval '2 hours' WHERE kind = 'keep'")
    assert len(looked.arrivals(seconds=60)["interactions"]) == 3
    assert len(looked.arrivals(seconds=10**9)["interactions"]) == 3  # an hour at most


def test_arrivals_are_found_by_their_index(sql: psycopg.Connection) -> None:
    sql.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")  # the table is too small to choose by cost
    values = {"age": timedelta(hours=1), "rows": 10}
    plan = sql.execute(f"EXPLAIN {interactions._ARRIVED}", values).fetchall()  # noqa: SLF001
    assert "Index Scan Backward using interaction_by_stored_at" in "\n".join(line for (line,) in plan)


def _day(user_id: str) -> Iterator[Any]:
    """Yield 520 events of one user, each a recall and a keep a second apart."""
    for number in range(520):
        at = NOW + timedelta(seconds=2 * number)
        event = f"d3aac781-5229-5aa4-997e-{number:012x}"
        now = datetime.now(UTC)
        yield interaction(user_id=user_id, now=now, event_id=event, timestamp=at.timestamp())
        yield interaction(
            "keep", user_id=user_id, now=now, event_id=event, artifact_id=ARTIFACT, timestamp=at.timestamp() + 1
        )
