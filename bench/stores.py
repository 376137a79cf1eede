"""Stores for the bench alone, beside the laptop's and the tests'; they begin empty."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from chalicelib.graph import client
from chalicelib.graph.client import Graph
from chalicelib.ledger import connection as postgres
from chalicelib.ledger.ledger import Ledger
from chalicelib.ledger.migrate import migrate_ledger
from chalicelib.projection import watermark
from local.cloud import Cloud
from local.ports import Ports

FOLDER = Path(__file__).parents[1] / ".local" / "bench"


class Stores(NamedTuple):
    """Both stores, migrated and prepared, the owner's connection to the ledger, and the cloud that they run in."""

    secrets: dict[str, Any]
    ledger: Ledger
    graph: Graph
    owner: psycopg.Connection
    cloud: Cloud


@contextmanager
def stores() -> Iterator[Stores]:
    """Start Postgres and Neo4j on free ports, and remove them and their data afterwards."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    cloud = Cloud(folder=FOLDER, ports=Ports.free())
    try:
        FOLDER.mkdir(parents=True)
        cloud.up(["postgres", "neo4j"])
        secrets: dict[str, Any] = {name: dict(secret) for name, secret in cloud.secrets().items()}
        migrate_ledger(secrets["postgres-owner"])
        with (
            closing(Ledger(lambda: postgres.conninfo(secrets["postgres"]))) as ledger,
            closing(Graph(lambda: client.connect(**secrets["neo4j"]))) as graph,
            psycopg.connect(postgres.conninfo(secrets["postgres-owner"]), autocommit=True) as owner,
        ):
            graph.prepare()
            watermark.start(ledger, graph)
            yield Stores(secrets, ledger, graph, owner, cloud)
    finally:
        cloud.down()
        shutil.rmtree(FOLDER, ignore_errors=True)
