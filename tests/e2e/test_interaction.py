"""POST /interaction through the gateway, the queue and both stores of the deployed system."""

import gzip
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import neo4j
import psycopg
import pytest
import requests

from local.postgres import BINARIES
from tests.e2e.conftest import System
from tests.outages import frozen, stopped
from tests.samples import ARTIFACT
from tests.waiting import within

Post = Callable[[dict[str, Any]], requests.Response]

README = Path(__file__).parents[2] / "README.md"


def readme_example(language: str, word: str = "") -> Any:
    """Return README's one example in this language that has this word in it."""
    examples = re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)
    [example] = [example for example in examples if word in example]
    return example


def kinds(sql: psycopg.Connection, event_id: str) -> list[str]:
    return [kind for (kind,) in sql.execute("SELECT kind FROM interaction WHERE event_id = %s ORDER BY 1", [event_id])]


def shape(cypher: neo4j.Session, event_id: str) -> tuple[list[str], list[str]]:
    """Return the labels of the event and the types of its edges."""
    record = cypher.run(
        "MATCH (:User)-[:INITIATED]->(e:Event {id: $id}) OPTIONAL MATCH (e)-[r]->(:Artifact)"
        " RETURN labels(e) AS labels, collect(type(r)) AS types",
        id=event_id,
    ).single()
    return (sorted(record["labels"]), sorted(record["types"])) if record else ([], [])


def arrived(seconds: float, sql: psycopg.Connection, cypher: neo4j.Session, event_id: str, *expected: str) -> None:
    """Wait until the ledger has exactly these kinds for the event, and the graph their labels and edges."""

    def check() -> None:
        assert kinds(sql, event_id) == sorted(expected)
        labels = {"recall": "RecallEvent", "workspace": "WorkspaceEvent"}
        assert shape(cypher, event_id) == (
            sorted({"Event"} | {labels[kind] for kind in expected if kind in labels}),
            sorted(kind.upper() for kind in expected if kind not in labels),
        )

    within(seconds, check)


def dead_lettered_messages(system: System) -> int:
    answer = system.target.client("sqs").get_queue_attributes(
        QueueUrl=system.target.outputs["DeadLetterQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def test_the_readmes_examples_run_as_written(
    system: System, token: str, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    command = [sys.executable, "-c", readme_example("python", "import requests")]
    variables = {"API_URL": system.environment["API_URL"], "TOKEN": token}
    result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=30, check=True)
    arrived(5, sql, cypher, result.stdout.strip(), "recall", "peel")
    assert {kind for kind, *_ in sql.execute(readme_example("sql"))} >= {"recall", "peel"}
    assert ARTIFACT in {record["artifact.id"] for record in cypher.run(readme_example("cypher"))}
    queries = {
        "local.cypher": [sys.executable, "-m", "local.cypher", readme_example("cypher")],
        "psql": [BINARIES / "psql", "-c", readme_example("sql")],
    }
    for name, query in queries.items():
        found = subprocess.run(query, env=system.environment, capture_output=True, text=True, timeout=60, check=True)
        assert {"local.cypher": ARTIFACT, "psql": "recall"}[name] in found.stdout


def test_psql_logs_in_as_an_analyst_who_only_reads(system: System) -> None:
    queries = ("SET default_transaction_read_only = off", "SELECT current_user", "UPDATE interaction SET kind = 'keep'")
    command = [str(BINARIES / "psql"), *(word for query in queries for word in ("-c", query))]
    found = subprocess.run(command, env=system.environment, capture_output=True, text=True, timeout=60, check=False)
    assert "analyst" in found.stdout
    assert "permission denied for view interaction" in found.stderr


def test_the_same_body_twice_is_one_row_and_one_edge(
    post: Post, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    payload = {"kind": "keep", "artifact_id": ARTIFACT, "timestamp": time.time()}
    answers = [post(payload).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["status"] == "ok"
    arrived(5, sql, cypher, answers[0]["event_id"], "keep")
    time.sleep(1)  # a second row would be there by then
    arrived(0, sql, cypher, answers[0]["event_id"], "keep")


def test_a_peel_before_its_recall_gives_the_same_graph(
    post: Post, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    event_id = post({"kind": "peel", "artifact_id": ARTIFACT, "timestamp": time.time()}).json()["event_id"]
    arrived(5, sql, cypher, event_id, "peel")
    post({"kind": "recall", "event_id": event_id, "timestamp": time.time() - 1})
    arrived(5, sql, cypher, event_id, "peel", "recall")


def test_a_wrong_request_is_answered_with_every_wrong_field(post: Post) -> None:
    response = post({"kind": "peel", "timestamp": "now", "event": 1})
    assert response.status_code == 400
    assert response.json()["status"] == "error"
    problems = response.json()["message"].split("; ")
    assert [problem.split(":")[0] for problem in problems] == ["artifact_id", "timestamp", "event"]


@pytest.mark.parametrize(
    ("encode", "http_status"),
    [
        (lambda text: text.encode("utf-8-sig"), 200),
        (lambda text: text.encode("latin-1"), 400),
        (lambda text: gzip.compress(text.encode()), 415),
    ],
    ids=["utf-8 with a byte order mark", "latin-1", "gzip"],
)
def test_the_body_reaches_the_function_byte_for_byte(
    system: System, token: str, encode: Callable[[str], bytes], http_status: int
) -> None:
    text = json.dumps({"kind": "recall", "timestamp": time.time(), "metadata": {"city": "Zürich"}}, ensure_ascii=False)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    url = f"{system.environment['API_URL']}/interaction"
    response = requests.post(url, data=encode(text), headers=headers, timeout=30)
    assert response.status_code == http_status, response.text


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense"])
def test_without_a_valid_token_the_answer_is_401_in_shape(system: System, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    response = requests.post(f"{system.environment['API_URL']}/interaction", json={}, headers=headers, timeout=30)
    assert response.status_code == 401
    assert (response.json()["status"], response.json()["event_id"]) == ("error", None)
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_retrying_after_the_queue_was_unavailable_stores_once(
    system: System, post: Post, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    payload = {"kind": "recall", "timestamp": time.time()}
    functions = system.target.client("lambda")
    [name] = [
        function["FunctionName"]
        for function in functions.list_functions()["Functions"]
        if "QUEUE_URL" in function["Environment"]["Variables"] and "CORS_ORIGIN" in function["Environment"]["Variables"]
    ]
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    elsewhere = variables | {"QUEUE_URL": variables["QUEUE_URL"] + "-gone"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": elsewhere})
    try:
        response = within(10, lambda: _retry(post(payload)))
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    assert response.headers["Retry-After"]
    event_id = response.json()["event_id"]
    assert within(10, lambda: _ok(post(payload | {"event_id": event_id}))).json()["event_id"] == event_id
    post(payload)
    arrived(5, sql, cypher, event_id, "recall")


def _retry(response: requests.Response) -> requests.Response:
    assert (response.status_code, response.json()["status"]) == (503, "retry")
    return response


def _ok(response: requests.Response) -> requests.Response:
    assert response.json()["status"] == "ok"
    return response


def test_poison_is_dead_lettered_with_its_reason(system: System) -> None:
    queues, outputs = system.target.client("sqs"), system.target.outputs
    queues.send_message(QueueUrl=outputs["QueueUrl"], MessageBody="no JSON")

    def receive() -> dict[str, Any]:
        found = queues.receive_message(QueueUrl=outputs["DeadLetterQueueUrl"], MessageAttributeNames=["All"])
        assert found.get("Messages")
        return dict(found["Messages"][0])

    message = within(10, receive)
    queues.delete_message(QueueUrl=outputs["DeadLetterQueueUrl"], ReceiptHandle=message["ReceiptHandle"])
    assert (message["Body"], message["MessageAttributes"]["reason"]["StringValue"]) == ("no JSON", "not_json")


def test_with_neo4j_unavailable_all_is_stored_and_the_graph_catches_up(
    system: System, post: Post, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    before = dead_lettered_messages(system)
    events = []
    for outage in (frozen, stopped):
        with outage(system.cloud, "neo4j"):
            for _ in range(5):
                response = _ok(post({"kind": "keep", "artifact_id": ARTIFACT, "timestamp": time.time()}))
                events.append(response.json()["event_id"])
                within(12, lambda: _stored(sql, events[-1]))
    for event_id in events:
        arrived(100, sql, cypher, event_id, "keep")  # catch-up runs every minute
    assert dead_lettered_messages(system) == before


def _stored(sql: psycopg.Connection, event_id: str) -> None:
    assert kinds(sql, event_id) == ["keep"]
