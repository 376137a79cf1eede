"""The stores as a test sees and harms them: with the drivers alone, through nothing of the product."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import neo4j
import psutil
import psycopg
from neo4j.exceptions import Neo4jError
from neo4j.time import DateTime

from tests.histories import oracle
from tests.histories.oracle import Content, Row

TABLES = ("interaction", "graph_outbox", "erasure", "watermark", "rebuild_range", "rebuild")
ROWS = """
SELECT id::text, user_id, kind, event_id::text, artifact_id, (extract(epoch FROM timestamp) * 1000000)::bigint,
       metadata, (extract(epoch FROM received_at) * 1000000)::bigint, coalesce(octet_length(metadata::text), 0)
FROM interaction
"""
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ANY(%s)"
NODES = "MATCH (n) RETURN elementId(n) AS handle, labels(n) AS labels, properties(n) AS properties"
EDGES = """
MATCH (n)-[r]->(m) RETURN elementId(n) AS start, elementId(m) AS end, type(r) AS type, properties(r) AS properties,
[labels(n), n.user_id, n.id] AS start_name, [labels(m), m.user_id, m.id] AS end_name
"""
PUT_NODES = """
UNWIND $nodes AS node CREATE (n:$(node.labels)) SET n = node.properties
RETURN node.handle AS handle, elementId(n) AS now
"""
PUT_EDGES = """
UNWIND $edges AS edge MATCH (n) WHERE elementId(n) = edge.start MATCH (m) WHERE elementId(m) = edge.end
CREATE (n)-[r:$(edge.type)]->(m) SET r = edge.properties
"""
ATTEMPTS = 20


@dataclass
class Saved:
    """A copy of the graph's data."""

    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]

    @property
    def reached_at(self) -> DateTime | None:
        """The watermark's time."""
        marks = [n["properties"].get("reached_at") for n in self.nodes if "Watermark" in n["labels"]]
        return max((mark for mark in marks if mark), default=None)


@dataclass
class Stores:
    """Both stores, and the servers' processes."""

    sql: psycopg.Connection
    cypher: neo4j.Session
    servers: dict[str, int]
    """Process ids by name."""
    saved: Saved | None = field(default=None)

    def clean(self) -> None:
        """Empty both."""
        self.saved = None
        self.sql.execute(";".join(f"DELETE FROM {table}" for table in TABLES))
        self.empty_graph()

    def rows(self) -> list[Row]:
        return [
            Row(
                id_,
                Content(user, kind, event, artifact, int(timestamp), oracle.canonical(metadata)),
                int(received),
                size,
            )
            for id_, user, kind, event, artifact, timestamp, metadata, received, size in self.sql.execute(ROWS)
        ]

    def erasures(self) -> dict[str, tuple[int, bool]]:
        """Return each erasure's time, and whether it is finished."""
        found = self.sql.execute(
            "SELECT user_id, (extract(epoch FROM erased_at) * 1000000)::bigint, finished_at IS NOT NULL FROM erasure"
        )
        return {user: (int(moment), finished) for user, moment, finished in found}

    def count(self, what: str) -> int:
        [(number,)] = self.sql.execute(f"SELECT count(*) FROM {what}").fetchall()
        return int(number)

    def marks(self) -> tuple[Any, Any]:
        """Return the watermarks of the ledger and of the graph."""
        row = self.sql.execute("SELECT reached_at, version FROM watermark").fetchone()
        found = [
            (r["at"], r["version"])
            for r in self.cypher.run("MATCH (w:Watermark) RETURN w.reached_at AS at, w.version AS version")
        ]
        return row, [(at and at.to_native(), version) for at, version in found]

    def make_due(self) -> None:
        """Let the time pass after which rows are tried again."""
        self.sql.execute("UPDATE graph_outbox SET next_attempt_at = now() WHERE next_attempt_at < 'infinity'")

    def graph(self) -> oracle.Graph:
        """Return the graph without its watermark."""
        nodes = Counter(
            oracle.node(n["labels"], _plain(n["properties"]))
            for n in self.cypher.run(NODES)
            if "Watermark" not in n["labels"]
        )
        edges = Counter(
            oracle.edge(e["type"], _name(e["start_name"]), _name(e["end_name"]), _plain(e["properties"]))
            for e in self.cypher.run(EDGES)
        )
        return nodes, edges

    # What harms them.

    def cut_postgres(self, actors: list[int]) -> None:
        """End these processes' connections."""
        self.sql.execute(CUT, [[f"actor-{number}" for number in actors]])

    def cut_graph(self) -> None:
        """End every transaction in the graph but our own."""
        found = self.cypher.run(
            "SHOW TRANSACTIONS YIELD transactionId, currentQuery WHERE NOT currentQuery STARTS WITH 'SHOW'"
            " RETURN collect(transactionId) AS ids"
        ).single(strict=True)["ids"]
        if found:
            self.cypher.run("TERMINATE TRANSACTIONS $ids", ids=found).consume()

    def empty_graph(self) -> None:
        self._persist(lambda transaction: transaction.run("MATCH (n) DETACH DELETE n").consume())

    def save_graph(self) -> None:
        with self.cypher.begin_transaction() as transaction:
            nodes, edges = (transaction.run(text).data() for text in (NODES, EDGES))
        self.saved = Saved(nodes, edges)

    def set_back_graph(self) -> bool:
        """Put the saved graph back, if a watermark was written since; say whether it was."""
        row = self.sql.execute("SELECT reached_at FROM watermark").fetchone()
        if not self.saved or not row:
            return False
        mark = self.saved.reached_at
        if mark and mark.to_native() >= row[0]:
            return False  # within one watermark nothing tells the two apart: docs/decisions/0012
        self._persist(self._put)
        return True

    def _put(self, transaction: neo4j.Transaction) -> None:
        assert self.saved
        transaction.run("MATCH (n) DETACH DELETE n").consume()
        handles = {r["handle"]: r["now"] for r in transaction.run(PUT_NODES, nodes=self.saved.nodes)}
        edges = [{**e, "start": handles[e["start"]], "end": handles[e["end"]]} for e in self.saved.edges]
        transaction.run(PUT_EDGES, edges=edges).consume()

    def _persist(self, work: Any) -> None:
        for attempt in range(ATTEMPTS):
            self.cut_graph()  # whoever lost the graph lost what ran on it
            try:
                with self.cypher.begin_transaction(timeout=2) as transaction:
                    work(transaction)
            except Neo4jError:
                if attempt + 1 == ATTEMPTS:
                    raise
            else:
                return

    def freeze(self, server: str, seconds: float) -> None:
        """Freeze a server, its child processes too, for so long."""
        main = psutil.Process(self.servers[server])
        processes = [main, *main.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # that of a connection to Postgres may end meanwhile
                process.suspend()
        time.sleep(seconds)
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def _name(found: list[Any]) -> tuple[Any, ...]:
    labels, user, id_ = found
    return (next((name for name in ("User", "Event", "Artifact") if name in labels), str(labels)), user, id_)


def _plain(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in properties.items()}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, DateTime):
        return round(value.to_native().timestamp() * 1_000_000)
    if name == "metadata":
        return oracle.canonical(json.loads(value))
    return value
