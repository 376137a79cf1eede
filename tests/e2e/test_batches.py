"""POST /interactions through the gateway, the queue and both stores of the deployed system."""

import gzip
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import neo4j
import psycopg
import pytest
import requests

from chalicelib.queue import encode
from tests.e2e.conftest import System
from tests.samples import ARTIFACT, interaction
from tests.waiting import within

Send = Callable[..., requests.Response]
MIXED_USER = "5f0e-of-test-batches"


@pytest.fixture
def send(system: System, token: str) -> Send:
    """Return a function that sends a body to POST /interactions, as it is."""

    def send(body: bytes, **headers: str) -> requests.Response:
        own = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url = f"{system.environment['API_URL']}/interactions"
        return requests.post(url, data=body, headers=own | headers, timeout=30)

    return send


def batch(*interactions: dict[str, Any]) -> bytes:
    return json.dumps({"interactions": interactions}, ensure_ascii=False).encode()


def peel(event_id: str, number: int, **fields: Any) -> dict[str, Any]:
    artifact = f"{ARTIFACT}-{number}"
    return {"kind": "peel", "event_id": event_id, "artifact_id": artifact, "timestamp": time.time()} | fields


def test_a_batch_of_100_packed_with_gzip_is_in_the_ledger_and_in_the_graph(
    send: Send, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    event_id = str(uuid.uuid4())
    query = "Zürich 日本 😀\x7f"
    recall = {"kind": "recall", "event_id": event_id, "timestamp": time.time(), "metadata": {"query": query}}
    body = batch(recall, *(peel(event_id, number) for number in range(99)))
    response = send(gzip.compress(body), **{"Content-Encoding": "gzip"})
    assert (response.status_code, response.json()["status"]) == (200, "ok")
    assert response.json()["results"] == [{"status": "ok", "message": None, "event_id": event_id}] * 100
    assert {"Date", "Retry-After"} <= set(response.headers["Access-Control-Expose-Headers"].split(", "))

    def arrived() -> None:
        rows = sql.execute("SELECT count(*), min(metadata->>'query') FROM interaction WHERE event_id = %s", [event_id])
        assert rows.fetchone() == (100, query)
        found = cypher.run("MATCH (:RecallEvent {id: $id})-[r:PEEL]->() RETURN count(r) AS peels", id=event_id)
        assert found.single(strict=True)["peels"] == 99

    within(100, arrived)  # catch-up runs every minute


def test_each_interaction_has_its_own_answer_in_order(send: Send, sql: psycopg.Connection) -> None:
    event_id = str(uuid.uuid4())
    body = batch(peel(event_id, 1), peel(event_id, 2, kind="peal"), peel(event_id, 3, metadata={"a": "flaw"}))
    response = send(body.replace(b'"flaw"', b"NaN"))
    results = response.json()["results"]
    assert (response.status_code, response.json()["status"]) == (200, "error")
    assert [one["status"] for one in results] == ["ok", "error", "error"]
    assert results[2]["message"] == "NaN: not a JSON number"

    def stored() -> None:
        rows = sql.execute("SELECT artifact_id FROM interaction WHERE event_id = %s", [event_id])
        assert rows.fetchall() == [(f"{ARTIFACT}-1",)]

    within(30, stored)


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (batch(*(peel(str(uuid.UUID(int=1)), number) for number in range(101))), "identity", 400),
        (b"[]", "identity", 400),
        (bytes(256 * 1024 + 1), "identity", 413),
        (gzip.compress(bytes(256 * 1024 + 1)), "gzip", 413),
        (gzip.compress(bytes(200 * 1024 * 1024)), "gzip", 413),  # a bomb: 200 KB that unpack to 200 MB
        (b"plain", "gzip", 415),
        (b"[]", "br", 415),
        (gzip.compress(b"[]"), "identity", 415),
    ],
    ids=["101", "no batch", "too large", "unpacks to too much", "bomb", "not gzip", "another coding", "gzip untold"],
)
def test_a_request_that_is_wrong_as_a_whole_is_refused_in_shape(
    send: Send, body: bytes, encoding: str, status: int
) -> None:
    response = send(body, **{"Content-Encoding": encoding})
    assert response.status_code == status
    assert (response.json()["status"], response.json()["event_id"]) == ("error", None)
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_of_a_message_only_what_can_never_be_stored_is_dead_lettered(system: System, sql: psycopg.Connection) -> None:
    """The messages are those that the queue may hold: of this release, and of the first one."""
    queues, outputs = system.target.client("sqs"), system.target.outputs
    many = json.loads(encode(*(interaction(user_id=MIXED_USER, metadata={"n": number}) for number in range(3))))
    many["interactions"][1]["timestamp"] = "soon"
    first = json.loads(encode(interaction(user_id=MIXED_USER, metadata={"n": 3}))) | {"version": 1}
    del first["interactions"][0]["signed_in_at"]
    for message in (many, first):
        queues.send_message(QueueUrl=outputs["QueueUrl"], MessageBody=json.dumps(message, ensure_ascii=False))

    def stored() -> None:
        rows = sql.execute("SELECT metadata->'n' FROM interaction WHERE user_id = %s ORDER BY 1", [MIXED_USER])
        assert [number for (number,) in rows] == [0, 2, 3]

    within(30, stored)

    def receive() -> dict[str, Any]:
        found = queues.receive_message(QueueUrl=outputs["DeadLetterQueueUrl"], MessageAttributeNames=["All"])
        assert found.get("Messages")
        return dict(found["Messages"][0])

    dead = within(10, receive)
    queues.delete_message(QueueUrl=outputs["DeadLetterQueueUrl"], ReceiptHandle=dead["ReceiptHandle"])
    assert json.loads(dead["Body"]) == many | {"interactions": [many["interactions"][1]]}
    assert dead["MessageAttributes"]["reason"]["StringValue"] == "refused"
