"""The hostile inputs in the queue: poison is dead-lettered with its reason, the good ones of its batch are stored."""

import json
from collections.abc import Iterator
from typing import Any

import neo4j
import psycopg
import pytest

from chalicelib.graph.client import Graph
from chalicelib.interaction import GRAPH_METADATA_BYTES
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection.projector import catch_up
from chalicelib.queue import encode
from chalicelib.worker import Worker
from local.cloud import Cloud
from tests.fakes import FakeQueue
from tests.hostile_bodies import attempts
from tests.samples import interaction

REASONS = {"not_json", "refused", "data_error"}
BATCH = 10


def bodies() -> Iterator[str]:
    """Yield every hostile body as a message, and as the interaction of an otherwise valid one."""
    valid = interaction("peel", artifact_id="a").model_dump(mode="json")
    for attempt in attempts():
        text = attempt.body.decode(errors="replace").replace("\0", "\\u0000")
        yield text
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(fields, dict):
            yield json.dumps({"version": 2, "interactions": [valid | fields]})
            yield json.dumps({"version": 2, "interactions": [valid, valid | {"metadata": fields}, fields]})
    versions: list[Any] = [None, True, "2", 2.0, -1, [], {}]
    for version in versions:
        yield json.dumps({"version": version, "interactions": [valid]})
    lists: list[Any] = [None, [], {}, "x", [[]], [None], [valid] * 3 + [1]]
    for interactions in lists:
        yield json.dumps({"version": 2, "interactions": interactions})


def good(number: int) -> str:
    return encode(interaction("keep", artifact_id=f"good-{number}"))


def test_of_hostile_batches_poison_is_dead_lettered_and_the_good_ones_are_stored(
    ledger: Ledger, graph: Graph, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    dead = FakeQueue()
    worker = Worker(open_ledger=lambda: ledger, open_graph=lambda: graph, dead_letter_queue=dead)
    hostile, left = list(bodies()), 0
    for number, start in enumerate(range(0, len(hostile), BATCH)):
        batch = hostile[start : start + BATCH]
        records: list[dict[str, Any]] = [{"messageId": f"{n}", "body": body} for n, body in enumerate(batch)]
        records.insert(number % len(records), {"messageId": "good", "body": good(number)})
        failed = {one["itemIdentifier"] for one in worker.handle({"Records": records})["batchItemFailures"]}
        assert "good" not in failed
        for message_id in failed:  # of a kind or a version that newer code may know
            assert _may_be_of_newer_code(batch[int(message_id)])
        left += len(failed)
    assert len(hostile) > 500
    assert left < 50
    assert len(dead.bodies) > 200
    assert set(dead.reasons) == REASONS
    catch_up(ledger, graph, in_time=lambda: True)
    batches = number + 1
    query = "SELECT count(*) FROM interaction WHERE artifact_id LIKE 'good-%'"
    assert sql.execute(query).fetchone() == (batches,)
    edges = cypher.run("MATCH ()-[k:KEEP]->(a:Artifact) WHERE a.id STARTS WITH 'good-' RETURN count(k) AS n")
    assert edges.single(strict=True)["n"] == batches
    assert sql.execute("SELECT count(*) FROM graph_outbox").fetchone() == (0,)
    longest = cypher.run("MATCH ()-[r]->() RETURN max(size(r.metadata)) AS n").single(strict=True)["n"]
    assert longest <= GRAPH_METADATA_BYTES


def _may_be_of_newer_code(body: str) -> bool:
    message = json.loads(body)
    kinds = [one.get("kind") for one in message.get("interactions", []) if isinstance(one, dict)]
    return message["version"] not in {1, 2} or any(isinstance(kind, str) for kind in kinds)


@pytest.mark.parametrize("body", ["", " ", "null", "[]", '"x"', "0", "{", "[" * 100_000, '{"version": 2}'])
def test_a_message_that_is_no_message_is_poison_by_itself(ledger: Ledger, graph: Graph, body: str) -> None:
    dead = FakeQueue()
    worker = Worker(open_ledger=lambda: ledger, open_graph=lambda: graph, dead_letter_queue=dead)
    records = [{"messageId": "bad", "body": body}, {"messageId": "good", "body": good(0)}]
    assert worker.handle({"Records": records}) == {"batchItemFailures": []}
    assert dead.bodies == [body]
    assert set(dead.reasons) <= REASONS


def test_the_log_of_the_laptops_postgres_holds_nothing_of_them(cloud: Cloud, ledger: Ledger) -> None:
    with pytest.raises(psycopg.DataError):
        ledger.connection.execute("SELECT %s::jsonb", ['{"sentinel": "\\u0000"}'])
    log = (cloud.folder / "logs" / "postgres.log").read_text()
    assert "unsupported Unicode escape sequence" in log
    assert "sentinel" not in log
