"""The graph is a function of the set of ledger rows: on real Postgres and real Neo4j."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import neo4j
import psycopg
import pytest

from chalicelib.graph import client as graph_module
from chalicelib.graph.client import Graph, GraphUnavailableError, RowsRefusedError
from chalicelib.graph.cypher import EDGE_KINDS, PROJECT, Changes
from chalicelib.interaction import Interaction, Kind
from chalicelib.ledger import connection as postgres
from chalicelib.ledger.ledger import MAX_ATTEMPTS, Ledger
from chalicelib.projection import watermark
from chalicelib.projection.catch_up import tend
from chalicelib.projection.projector import catch_up, changes, drain, drain_within
from chalicelib.worker import DRAIN_SECONDS
from tests.graphs import snapshot
from tests.metrics import metrics, values
from tests.samples import ALICE, ARTIFACT, BOB, EVENT, NOW, interaction


@pytest.fixture
def project(ledger: Ledger, graph: Graph, sql: psycopg.Connection, cypher: neo4j.Session) -> Callable[..., Any]:
    """Return a function that projects interactions, in batches, into an empty graph and returns its snapshot."""

    def project(interactions: list[Interaction], size: int = 1000) -> Any:
        sql.execute("TRUNCATE interaction, graph_outbox")
        cypher.run("MATCH (n) DETACH DELETE n").consume()
        for start in range(0, len(interactions), size):
            ledger.store(interactions[start : start + size])
            drain(ledger, graph)
        return snapshot(cypher)

    return project


def story(size: int = 120, seed: int = 1) -> list[Interaction]:
    """Return interactions of two users that share event ids, artifacts and moments."""
    dice = random.Random(seed)  # noqa: S311  no secret
    return [
        interaction(
            dice.choice(list(Kind)),
            user_id=dice.choice([ALICE, BOB]),
            event_id=EVENT.replace("d3", f"d{dice.randrange(6)}"),
            artifact_id=f"{ARTIFACT}-{dice.randrange(5)}",
            timestamp=NOW.timestamp() - dice.randrange(4),
            metadata=dice.choice([None, {}, {"query": dice.choice([1, "a"]), "position": dice.randrange(3), "n": 1}]),
        )
        for _ in range(size)
    ]


def test_a_recall_and_its_peel_are_a_path(ledger: Ledger, graph: Graph, cypher: neo4j.Session) -> None:
    recall = interaction(metadata={"query": "test recall"})
    peel = interaction("peel", event_id=recall.event_id, artifact_id=ARTIFACT)
    ledger.store([recall, peel])
    assert drain(ledger, graph) == 2
    record = cypher.run(
        "MATCH (u:User {id: $user})-[:INITIATED]->(e:Event:RecallEvent {user_id: $user, id: $event})"
        "-[p:PEEL]->(a:Artifact {user_id: $user}) RETURN e, p, a",
        user=ALICE,
        event=recall.event_id,
    ).single(strict=True)
    assert (record["e"]["query"], record["e"].get("metadata")) == ("test recall", None)
    assert record["e"]["timestamp"].to_native() == NOW
    assert record["e"]["interaction_id"] == recall.id
    assert dict(record["p"]) == {"id": peel.id, "timestamp": record["e"]["timestamp"]}
    assert record["a"]["id"] == ARTIFACT


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_order_repetition_and_batching_change_nothing(project: Callable[..., Any], size: int) -> None:
    expected = project(story())
    shuffled = story() + story()[::3]
    random.Random(size).shuffle(shuffled)  # noqa: S311  no secret
    assert project(shuffled, size) == expected


def test_a_peel_before_its_recall_ends_in_the_same_graph(project: Callable[..., Any]) -> None:
    recall = interaction()
    peel = interaction("peel", event_id=recall.event_id, artifact_id=ARTIFACT)
    assert project([peel, recall], size=1) == project([recall, peel], size=1)


def test_until_its_recall_comes_an_event_is_bare(project: Callable[..., Any]) -> None:
    nodes, _ = project([interaction("peel", event_id=EVENT, artifact_id=ARTIFACT)])
    assert (["Event"], [("id", EVENT), ("user_id", ALICE)]) in nodes


def test_labels_add_up_and_the_earliest_opening_counts(project: Callable[..., Any]) -> None:
    openings = [
        interaction(kind, event_id=EVENT, timestamp=NOW.timestamp() - age, metadata={"age": age})
        for kind, age in (("recall", 1), ("workspace", 3), ("recall", 2))
    ]
    nodes, _ = project(openings, size=1)
    [(labels, properties)] = [node for node in nodes if "Event" in node[0]]
    assert labels == ["Event", "RecallEvent", "WorkspaceEvent"]
    assert ("interaction_id", openings[1].id) in properties
    assert ("metadata", '{"age": 3}') in properties


def test_the_same_event_id_of_two_users_is_two_events(project: Callable[..., Any]) -> None:
    nodes, edges = project([interaction("keep", user_id=u, event_id=EVENT, artifact_id=ARTIFACT) for u in (ALICE, BOB)])
    assert len(nodes) == 6
    assert all(user == to_user for kind, user, _, _, _, to_user, _ in edges if kind == "KEEP")


def test_parallel_drains_lose_and_double_nothing(
    project: Callable[..., Any],
    ledger: Ledger,
    stores: dict[str, Any],
    sql: psycopg.Connection,
    cypher: neo4j.Session,
) -> None:
    several = story(size=600, seed=2)
    expected = project(several)
    sql.execute("TRUNCATE interaction, graph_outbox")
    cypher.run("MATCH (n) DETACH DELETE n").consume()
    ledger.store(several)

    def run(_: int) -> int:
        own, graph = Ledger(lambda: postgres.conninfo(stores["postgres"]), claim_rows=13), _graph(stores)
        try:
            return catch_up(own, graph, in_time=lambda: True)
        finally:
            own.close()
            graph.close()

    with ThreadPoolExecutor() as pool:
        taken = list(pool.map(run, range(4)))
    assert sum(taken) == len({one.id for one in several})
    assert snapshot(cypher) == expected


def _graph(stores: dict[str, Any]) -> Graph:
    return Graph(lambda: graph_module.connect(**stores["neo4j"]))


def test_a_drain_killed_between_the_two_commits_is_repeated(
    ledger: Ledger, graph: Graph, sql: psycopg.Connection, cypher: neo4j.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.store(story())
    write = graph.write

    def write_and_die(changes: Changes, *lease: Any) -> None:
        write(changes, *lease)
        raise KeyboardInterrupt  # the graph has committed, the outbox has not

    with monkeypatch.context() as patched:
        patched.setattr(graph, "write", write_and_die)
        with pytest.raises(KeyboardInterrupt):
            drain(ledger, graph)
    after_crash = snapshot(cypher)
    assert drain(ledger, graph) == len({one.id for one in story()})
    assert snapshot(cypher) == after_crash
    assert sql.execute("SELECT count(*) FROM graph_outbox").fetchone() == (0,)


@pytest.mark.parametrize("kind", EDGE_KINDS)
def test_an_edge_is_found_by_its_id_however_many_there_are_beside_it(
    project: Callable[..., Any], ledger: Ledger, cypher: neo4j.Session, kind: Kind
) -> None:
    peels = [interaction(kind, event_id=EVENT, artifact_id="a", metadata={"n": n}) for n in range(1001)]
    project(peels[:1000])
    ledger.store(peels[1000:])
    with ledger.claim() as rows:
        done = cypher.run(f"PROFILE {PROJECT}", claim={"users": changes(rows).users, "epoch": ""}).consume()
    assert done.counters.relationships_created == 1
    assert 0 < db_hits(done.profile) < 200


def db_hits(plan: Any) -> int:
    return int(plan.get("dbHits", 0)) + sum(map(db_hits, plan.get("children", [])))


def test_nothing_is_written_until_the_constraints_are_there(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session
) -> None:
    ledger.store([interaction()])
    cypher.run("DROP CONSTRAINT event_key").consume()
    try:
        with pytest.raises(GraphUnavailableError, match="constraints"):
            drain(ledger, graph)
        assert snapshot(cypher) == ([], [])
    finally:
        graph.prepare()
    assert drain(ledger, graph) == 1


def test_a_graph_that_was_lost_after_it_was_checked_takes_nothing_until_it_is_prepared(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session
) -> None:
    watermark.start(ledger, graph)
    ledger.store([interaction()])
    assert drain(ledger, graph) == 1
    cypher.run("MATCH (n) DETACH DELETE n").consume()
    cypher.run("DROP CONSTRAINT event_key").consume()  # as on a fresh volume
    try:
        ledger.store([interaction("workspace")])
        with pytest.raises(GraphUnavailableError, match="constraints"):
            drain(ledger, graph)
        assert snapshot(cypher) == ([], [])
    finally:
        graph.prepare()


def test_neo4js_own_index_of_edges_by_type_is_dropped(graph: Graph, cypher: neo4j.Session) -> None:
    cypher.run("CREATE LOOKUP INDEX made_by_neo4j IF NOT EXISTS FOR ()-[r]-() ON EACH type(r)").consume()
    graph.prepare()
    lookups = cypher.run("SHOW LOOKUP INDEXES YIELD entityType").value()
    assert lookups == ["NODE"]


def test_a_graph_that_newer_code_took_over_after_it_was_checked_takes_nothing(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session
) -> None:
    watermark.start(ledger, graph)
    ledger.store([interaction()])
    drain(ledger, graph)
    cypher.run("MATCH (w:Watermark) SET w = {version: 1000}").consume()  # the beginning of its wipe
    ledger.store([interaction("workspace")])
    with pytest.raises(GraphUnavailableError, match="newer code"):
        drain(ledger, graph)


def test_a_graph_is_checked_once_for_each_watermark(
    ledger: Ledger, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[str] = []
    check = graph._check  # noqa: SLF001

    def counted(session: neo4j.Session) -> str:
        checks.append(check(session))
        return checks[-1]

    monkeypatch.setattr(graph, "_check", counted)
    watermark.start(ledger, graph)
    for number in range(4):
        ledger.store([interaction("keep", artifact_id=str(number))])
        assert drain(ledger, graph) == 1
        if number == 1:
            tend(ledger, graph, in_time=lambda: True)
    assert len(checks) == len(set(checks)) == 2


def test_waiting_rows_are_measured_while_the_graph_is_unavailable_too(
    ledger: Ledger, graph: Graph, capsys: pytest.CaptureFixture[str]
) -> None:
    tend(ledger, graph, in_time=lambda: True)
    assert values(metrics(capsys), "WatermarkAge") == []  # there was none yet
    ledger.store([interaction()])
    away = Graph(lambda: graph_module.connect("bolt://127.0.0.1:1", "neo4j", "secret"))
    with pytest.raises(GraphUnavailableError):
        tend(ledger, away, in_time=lambda: True)
    away.close()
    measured = metrics(capsys)
    assert values(measured, "OutboxRows") == [1]
    assert values(measured, "SetAsideRows") == [0]
    assert values(measured, "OutboxAge") == [pytest.approx(0, abs=5)]
    assert values(measured, "WatermarkAge") == [pytest.approx(0, abs=5)]


def test_an_unavailable_graph_is_looked_up_again_at_its_new_address(stores: dict[str, Any]) -> None:
    there = stores["neo4j"]
    logins = iter([{**there, "uri": "bolt://127.0.0.1:1"}, there])
    with closing(Graph(lambda: graph_module.connect(**next(logins)))) as moved:
        with pytest.raises(GraphUnavailableError):
            moved.check_writable()
        moved.check_writable()


def test_the_time_to_the_graph_counts_from_acceptance(
    ledger: Ledger, graph: Graph, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    ledger.store([interaction(metadata={"age": age}, now=now - timedelta(seconds=age)) for age in (5, 90)])
    catch_up(ledger, graph, in_time=lambda: True)
    measured = metrics(capsys)
    assert values(measured, "Projected") == [2]
    assert values(measured, "TimeToGraph") == [pytest.approx(90, abs=10)]


@pytest.fixture
def picky(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the graph refuse rows with the artifact "bad", as a constraint would."""
    write = graph.write

    def pick(changes: Changes, *lease: Any) -> None:
        if any(artifact["artifact_id"] == "bad" for artifact in changes.artifacts):
            raise RowsRefusedError("Neo.ClientError.Statement.ArgumentError")
        write(changes, *lease)

    monkeypatch.setattr(graph, "write", pick)


@pytest.mark.usefixtures("picky")
def test_a_row_that_the_graph_refuses_by_itself_is_parked_after_the_third_time(
    ledger: Ledger, graph: Graph, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    ledger.store([interaction("keep", artifact_id=name) for name in ("good", "bad", "fine")])
    for _ in range(MAX_ATTEMPTS):
        drain(ledger, graph)
        sql.execute("UPDATE graph_outbox SET next_attempt_at = now() WHERE next_attempt_at < 'infinity'")
    assert drain(ledger, graph) == 0
    [(attempts, error, parked)] = sql.execute(
        "SELECT attempts, last_error, next_attempt_at = 'infinity' FROM graph_outbox"
    )
    assert (attempts, error, parked) == (MAX_ATTEMPTS, "Neo.ClientError.Statement.ArgumentError", True)
    assert {record["id"] for record in cypher.run("MATCH (a:Artifact) RETURN a.id AS id")} == {"good", "fine"}


def test_rows_of_an_unknown_kind_wait_and_delay_nothing(ledger: Ledger, graph: Graph, sql: psycopg.Connection) -> None:
    ledger.store([interaction(), interaction("keep", artifact_id="good")])
    sql.execute("UPDATE interaction SET kind = 'impression' WHERE kind = 'recall'")
    assert drain(ledger, graph) == 2
    [(attempts, error)] = sql.execute("SELECT attempts, last_error FROM graph_outbox")
    assert (attempts, error) == (0, "of a kind unknown here")


def test_only_the_rows_of_a_locked_user_wait_and_without_a_strike(
    ledger: Ledger, graph: Graph, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    ledger.store([interaction(user_id=user) for user in (ALICE, BOB)])
    drain(ledger, graph)
    ledger.store([interaction("keep", artifact_id="1", user_id=user) for user in (ALICE, BOB)])
    with cypher.begin_transaction() as holding:
        holding.run("MATCH (u:User {id: $id}) SET u.held = true", id=ALICE).consume()
        assert drain(ledger, graph) == 2
        holding.rollback()
    [(user, attempts)] = sql.execute(
        "SELECT user_id, attempts FROM graph_outbox JOIN interaction ON id = interaction_id"
        " WHERE next_attempt_at BETWEEN now() AND now() + interval '5 seconds'"
    )
    assert (user, attempts) == (ALICE, 0)
    sql.execute("UPDATE graph_outbox SET next_attempt_at = now()")
    assert drain(ledger, graph) == 1


def test_users_beside_a_locked_one_are_projected_within_a_workers_time(
    ledger: Ledger, graph: Graph, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    users = [f"user-{number:02}" for number in range(20)]
    ledger.store([interaction(user_id=user) for user in users])
    drain(ledger, graph)
    ledger.store([interaction("keep", artifact_id="1", user_id=user) for user in users])
    with cypher.begin_transaction() as holding:
        holding.run("MATCH (u:User {id: $id}) SET u.held = true", id=users[7]).consume()
        assert drain_within(DRAIN_SECONDS, ledger, graph) == 20
        holding.rollback()
    left = "SELECT user_id FROM graph_outbox JOIN interaction ON id = interaction_id"
    assert sql.execute(left).fetchall() == [(users[7],)]


@pytest.mark.long
def test_what_is_too_much_for_one_transaction_is_halved(
    ledger: Ledger, graph: Graph, sql: psycopg.Connection, cypher: neo4j.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 80 rows of 1 MB in one transaction are more than the memory that one may have; without the bound they reach it.
    monkeypatch.setattr("chalicelib.projection.properties.GRAPH_METADATA_BYTES", 2_000_000)
    sql.execute(
        "INSERT INTO interaction SELECT gen_random_uuid(), 'alice', gen_random_uuid(), 'recall', NULL,"
        " jsonb_build_object('text', repeat('x', 1000000)), now(), now() FROM generate_series(1, 80)"
    )
    sql.execute("INSERT INTO graph_outbox SELECT id, 1 FROM interaction")  # as if they weighed nothing
    refusals: list[str] = []
    write = graph.write

    def watched(changes: Changes, *lease: Any) -> None:
        try:
            write(changes, *lease)
        except RowsRefusedError as error:
            refusals.append(str(error))
            raise

    monkeypatch.setattr(graph, "write", watched)
    assert drain(ledger, graph) == 80
    assert all("OutOfMemory" in refusal for refusal in refusals)
    assert refusals
    assert cypher.run("MATCH (e:RecallEvent) RETURN count(*) AS n").single(strict=True)["n"] == 80
    assert sql.execute("SELECT count(*) FROM graph_outbox").fetchone() == (0,)
