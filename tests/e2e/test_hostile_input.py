"""What a careless or hostile client posts is stored exactly or refused in the contract's shape, and harms nothing."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import neo4j
import psycopg
import pytest
import requests

from tests.e2e.conftest import System
from tests.hostile_bodies import OK, Attempt, attempts
from tests.waiting import within

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
EXAMPLES = int(os.environ.get("EXAMPLES", "100"))  # at least, of both halves of the document; `make test-long`: 500
INTERNAL = ("Traceback", "chalicelib", "pydantic", "psycopg", "Exception", 'File "', "botocore")


@pytest.fixture
def session(token: str) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        yield session


def test_every_hostile_body_is_stored_exactly_or_refused_in_shape(
    system: System, session: requests.Session, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    url = f"{system.environment['API_URL']}/interaction"
    wrong: list[tuple[str, int, str]] = []
    accepted: dict[str, tuple[str, Any]] = {}
    for attempt in attempts():
        response = session.post(url, data=attempt.body, headers=attempt.headers, timeout=30)
        answer = response.json()
        if not _is_as_expected(attempt, response):
            wrong.append((attempt.name, response.status_code, response.text[:300]))
        elif attempt.status == OK:
            accepted[answer["event_id"]] = content(attempt)
    assert not wrong, "\n".join(map(str, wrong))
    assert len(accepted) > 50

    def stored() -> None:
        query = "SELECT event_id::text, artifact_id, metadata FROM interaction WHERE event_id = ANY(%s::uuid[])"
        rows = {event_id: (artifact, metadata) for event_id, artifact, metadata in sql.execute(query, [[*accepted]])}
        assert set(rows) == set(accepted)
        different = [event_id for event_id, one in accepted.items() if as_floats(rows[event_id]) != as_floats(one)]
        assert different == []

    within(60, stored)

    def projected() -> None:
        query = "MATCH (e:Event)-[:PEEL]->(a:Artifact) WHERE e.id IN $ids RETURN e.id AS id, a.id AS artifact"
        found = {record["id"]: record["artifact"] for record in cypher.run(query, ids=[*accepted])}
        assert found == {event_id: artifact for event_id, (artifact, _) in accepted.items()}

    within(120, projected)  # catch-up runs every minute


def content(attempt: Attempt) -> tuple[str, Any]:
    """Return the artifact and the metadata that the ledger must hold."""
    packed = attempt.headers.get("Content-Encoding") == "gzip"
    body = json.loads((gzip.decompress(attempt.body) if packed else attempt.body).decode("utf-8-sig"))
    return body["artifact_id"], body["metadata"]


def as_floats(value: Any) -> Any:
    """Return the value with each number as the double that JSON readers make of it: Postgres writes 1e308 in digits."""
    if isinstance(value, dict):
        return {key: as_floats(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [as_floats(child) for child in value]
    return float(value) if type(value) is int else value


def _is_as_expected(attempt: Attempt, response: requests.Response) -> bool:
    answer = response.json()
    shape = (answer["status"], bool(answer["message"]), bool(answer["event_id"]))
    return (
        response.status_code == attempt.status
        and set(answer) == {"status", "message", "event_id"}
        and shape == (("ok", False, True) if attempt.status == OK else ("error", True, False))
        and not any(word in response.text for word in INTERNAL)
    )


# What a schema cannot say: times until tomorrow, 64 levels, NUL; and API Gateway answers an unknown method with 404.
NOT_CHECKED = "positive_data_acceptance,unsupported_method"
# In a batch each wrong interaction is answered by itself, within a 200.
NOT_CHECKED_OF_BATCHES = f"{NOT_CHECKED},negative_data_rejection"


@pytest.mark.timeout(400 + 4 * EXAMPLES)
@pytest.mark.parametrize(
    ("which", "not_checked", "examples"),
    [
        ("--exclude-path", NOT_CHECKED, EXAMPLES // 5),  # of several operations
        ("--include-path", NOT_CHECKED_OF_BATCHES, EXAMPLES // 2),
    ],
    ids=["single", "batches"],
)
def test_generated_requests_are_answered_as_the_openapi_document_says(
    system: System, token: str, which: str, not_checked: str, examples: int
) -> None:
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", str(DOCUMENT), which, "/interactions"),
        *("--url", system.environment["API_URL"], "--header", f"Authorization: Bearer {token}"),
        *("--checks", "all", "--exclude-checks", not_checked, "--seed", "15", "--max-examples", str(examples)),
        *("--generation-database", "none", "--no-color"),
    ]
    environment = os.environ | {"NO_PROXY": "*"}
    done = subprocess.run(
        command,
        cwd=system.cloud.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300 + 3 * EXAMPLES,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    [generated] = re.findall(r"([0-9]+) generated", done.stdout)
    assert int(generated) >= EXAMPLES // 2
