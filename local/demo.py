"""The example of the API's documentation, sent through the deployed system and read back from both stores."""

import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import psycopg
import requests
from rich.console import Console

from chalicelib.graph import watermark
from chalicelib.graph.client import Graph, connect
from local.component import CloudError
from scripts.common.console import show_table
from scripts.common.target import Target
from scripts.create_user import ensure_user
from scripts.get_bearer_token import sign_in
from stacks.config.environments import LOCAL

EMAIL, PASSWORD = "alice@example.com", "Recall-and-peel-1"
ARTIFACT = "92074329-d7e2-4bc7-a1cb-4a9c62477b4d"
CATCH_UP_SECONDS = 60  # runtime/app.py's schedule
# Until both stores must have them. A slow machine may cut a worker off, whose batch comes again when its hold ends, and
# then a drain, after which catch-up's next run projects, or the one after that.
ARRIVAL_SECONDS = LOCAL.worker.visibility_seconds + LOCAL.worker.timeout_seconds + 2 * CATCH_UP_SECONDS


class BrokenDeploymentError(CloudError):
    """What is deployed does not work, though CDK sees nothing to change: the endpoint may have lost a file."""


ROWS = "SELECT kind, artifact_id, metadata::text, timestamp FROM interaction WHERE event_id = %s ORDER BY id"
PATH = """
MATCH path = (:User)-[:INITIATED]->(:RecallEvent {id: $event_id})-[:PEEL]->(:Artifact)
RETURN [n IN nodes(path) | labels(n)] AS labels, [n IN nodes(path) | n.id] AS ids,
       [r IN relationships(path) | type(r)] AS types
"""


def demonstrate(
    target: Target, environment: dict[str, str], console: Console, *, seconds: float = ARRIVAL_SECONDS
) -> None:
    """Send a recall and a peel as a new user would, and show both as they arrive.

    Raises CloudError, saying where they stopped, when the stores do not have them within so many seconds, and
    BrokenDeploymentError when the API does not even take them.
    """
    ensure_user(target, EMAIL, PASSWORD, change=True)
    post = _poster(environment["API_URL"], sign_in(target, EMAIL, PASSWORD), console)
    event_id = post({"kind": "recall", "metadata": {"query": "test recall"}})["event_id"]
    post({"kind": "peel", "artifact_id": ARTIFACT, "event_id": event_id, "metadata": None})
    until = time.monotonic() + seconds
    with console.status("waiting for them in Postgres and in Neo4j"):
        _show_rows(environment["DATABASE_URL"], event_id, until)
        _show_path(environment, event_id, until, console)


def _poster(url: str, token: str, console: Console) -> Any:
    def post(payload: dict[str, Any]) -> Any:
        body = payload | {"timestamp": datetime.now(UTC).timestamp()}
        headers = {"Authorization": f"Bearer {token}"}
        response = requests.post(f"{url}/interaction", json=body, headers=headers, timeout=30)
        console.print(f"POST {payload['kind']} → {response.status_code} {response.text}", soft_wrap=True, markup=False)
        if not response.ok:
            broken = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
            error = BrokenDeploymentError if broken else CloudError
            raise error(f"the API answered the {payload['kind']} with {response.status_code}")
        return response.json()

    return post


def _show_rows(database_url: str, event_id: str, until: float) -> None:
    with psycopg.connect(database_url, autocommit=True) as ledger:
        while len(rows := ledger.execute(ROWS, [event_id]).fetchall()) < 2:  # noqa: PLR2004  the recall and the peel
            _wait(until, f"stopped between the queue and Postgres: {len(rows)} of 2 rows with event_id {event_id}")
    show_table("Postgres: interaction", ["kind", "artifact_id", "metadata", "timestamp"], rows)


def _show_path(environment: dict[str, str], event_id: str, until: float, console: Console) -> None:
    address = (environment["NEO4J_URI"], environment["NEO4J_USER"], environment["NEO4J_PASSWORD"])
    _refuse_newer_graph(Graph(lambda: connect(*address)))
    with connect(*address) as driver, driver.session() as graph:
        while not (path := graph.run(PATH, event_id=event_id).single()):
            _wait(until, f"stopped between Postgres and Neo4j: no path with event_id {event_id}")
    nodes = [f"({':'.join(labels)} {id_})" for labels, id_ in zip(path["labels"], path["ids"], strict=True)]
    steps = [f"-\\[:{kind}]-> {node}" for kind, node in zip(path["types"], nodes[1:], strict=True)]
    console.print("Neo4j:", nodes[0], *(f"\n  {step}" for step in steps), soft_wrap=True, highlight=False)


def _refuse_newer_graph(graph: Graph) -> None:
    """Raise CloudError if this code leaves the graph alone: the example would wait in vain."""
    newer = watermark.is_from_newer_code(graph)
    graph.close()
    if newer:
        raise CloudError(
            "this code writes nothing into the graph: newer code made it, or Neo4j's importer was cut off. "
            "The cloud is up, and the ledger has all. To go on with this code, run "
            "`. .local/env; rebuild-graph -e local --from-scratch --yes` and `make up`"
        )


def _wait(until: float, stopped: str) -> None:
    if time.monotonic() > until:
        raise CloudError(f"{stopped}; see .local/logs/aws.log. The cloud is up: `make up` sends the example again")
    time.sleep(0.2)
