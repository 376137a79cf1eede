"""A user who tries to reach another one: a thousand requests made at random, through the real stores."""

import json
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import neo4j
import psycopg
import pytest

from chalicelib.api.accept import accept, accept_batch
from chalicelib.api.event_status import EventReader, event_status
from chalicelib.api.request import Request
from chalicelib.graph import client as graph_module
from chalicelib.graph.client import Graph
from chalicelib.interaction import Kind
from chalicelib.ledger import connection as postgres
from chalicelib.ledger.ledger import Ledger
from chalicelib.projection.projector import catch_up
from chalicelib.worker import Worker
from tests.fakes import FakeQueue
from tests.graphs import snapshot
from tests.samples import ALICE, BOB, EVENT, interaction

ATTEMPTS = 1000
EVENTS = [EVENT.replace("d3", f"d{number}") for number in range(8)]
CLAIMS = {"sub": BOB, "token_use": "id", "aud": "client", "auth_time": "1777636800"}
# Where a client may hope that the user is read from.
SMUGGLED = ("user_id", "user", "sub", "id", "claims", "owner", "cognito:username", "__proto__")


@pytest.fixture
def reader(stores: dict[str, Any]) -> Iterator[EventReader]:
    with closing(
        EventReader(
            open_ledger=lambda: Ledger(lambda: postgres.conninfo(stores["postgres"])),
            open_graph=lambda: Graph(lambda: graph_module.connect(**stores["neo4j"])),
        )
    ) as reader:
        yield reader


def _request(body: Any = None) -> Request:
    text = b"" if body is None else json.dumps(body).encode()
    return Request(body=text, content_type="application/json", claims=CLAIMS, client_ids={"client"})


def _body(dice: random.Random) -> dict[str, Any]:
    return {
        "kind": dice.choice(list(Kind)),
        "event_id": dice.choice(EVENTS),
        "artifact_id": dice.choice(["alices", f"{ALICE}", "*", f'{ALICE}"}}) DETACH DELETE n //']),
        "timestamp": datetime.now(UTC).timestamp() - dice.randrange(100),
        "metadata": dice.choice([None, {"user_id": ALICE}, {"sub": ALICE}]),
    }


def test_a_thousand_attempts_neither_change_nor_show_anything_of_another_user(
    ledger: Ledger,
    graph: Graph,
    reader: EventReader,
    sql: psycopg.Connection,
    cypher: neo4j.Session,
) -> None:
    dice, queue = random.Random(15), FakeQueue()  # noqa: S311  no secret
    ledger.store(
        [interaction(event_id=event, metadata={"secret": "alices"}) for event in EVENTS]
        + [interaction("keep", event_id=event, artifact_id="alices") for event in EVENTS]
    )
    catch_up(ledger, graph, in_time=lambda: True)
    rows = sql.execute("SELECT * FROM interaction ORDER BY id").fetchall()
    drawn = snapshot(cypher)
    worker = Worker(open_ledger=lambda: ledger, open_graph=lambda: graph, dead_letter_queue=FakeQueue())
    seen: set[str] = set()
    for number in range(ATTEMPTS):
        how = dice.choice(["read", "post", "batch", "smuggle"])
        if how == "read":
            event = dice.choice(
                [*EVENTS, *(event.upper() for event in EVENTS), f"{EVENTS[0]}/{ALICE}", "%", "' OR 1=1"]
            )
            replied: Any = event_status(_request(), event, reader=reader, now=datetime.now(UTC))
            if replied.http_status == HTTPStatus.OK:  # what Bob himself posted to an event of the same id
                assert all(one.received_at > datetime(2026, 6, 1, tzinfo=UTC) for one in replied.body.interactions)
            seen.add(replied.body.model_dump_json())
        elif how == "batch":
            body = {"interactions": [_body(dice) for _ in range(3)]}
            replied = accept_batch(_request(body), queue=queue, now=datetime.now(UTC))
        elif how == "post":
            replied = accept(_request(_body(dice)), queue=queue, now=datetime.now(UTC))
        else:
            replied = accept(_request(_body(dice) | {dice.choice(SMUGGLED): ALICE}), queue=queue, now=datetime.now(UTC))
            assert replied.http_status == HTTPStatus.BAD_REQUEST
        if number % 100 == 99:
            _deliver(worker, queue)
    catch_up(ledger, graph, in_time=lambda: True)

    assert not [text for text in seen if "secret" in text]
    [(bobs,)] = sql.execute("SELECT count(*) FROM interaction WHERE user_id = %s", [BOB]).fetchall()
    assert bobs > 300
    assert sql.execute("SELECT * FROM interaction WHERE user_id <> %s ORDER BY id", [BOB]).fetchall() == rows
    cypher.run("MATCH (n) WHERE coalesce(n.user_id, n.id) = $user DETACH DELETE n", user=BOB).consume()
    assert snapshot(cypher) == drawn


def _deliver(worker: Worker, queue: FakeQueue) -> None:
    records = [{"messageId": str(number), "body": body} for number, body in enumerate(queue.bodies)]
    assert worker.handle({"Records": records}) == {"batchItemFailures": []}
    queue.bodies.clear()
