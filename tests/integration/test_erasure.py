"""After an erasure nothing older of the user is left, whatever was under way; what they did later stays."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import neo4j
import psycopg
import pytest

from chalicelib.graph import client as graph_module
from chalicelib.graph.client import Graph, GraphUnavailableError
from chalicelib.graph.cypher import Changes
from chalicelib.interaction import Interaction
from chalicelib.ledger import connection as postgres
from chalicelib.ledger import locks, migrate, pages, rebuilds, users
from chalicelib.ledger.ledger import Ledger
from chalicelib.operations.handlers import Handlers, Limits
from chalicelib.projection import rebuild
from chalicelib.projection.projector import drain
from chalicelib.verification import user
from chalicelib.verification.run import Verification
from tests.integration.conftest import Opened, project_all
from tests.samples import ALICE, BOB, EVENT, interaction

Erase = Callable[..., dict[str, int]]


@pytest.fixture
def erase(operator: Ledger, graph: Graph) -> Erase:
    """Return a function that erases a user, as the command does, and adds up the counts."""

    def erase(user_id: str = ALICE, erased_at: str | None = None, **given: Any) -> dict[str, int]:
        limits = Limits(settle_seconds=0.2, **given)
        counts = {"interactions": 0, "nodes": 0}
        cursor: Any = None
        while True:
            answer = Handlers(operator, graph, limits).erase(user_id=user_id, erased_at=erased_at, cursor=cursor)
            counts = {name: counts[name] + answer[name] for name in counts}
            if not (cursor := answer["cursor"]):
                return counts

    return erase


def now(kind: str = "keep", *, user_id: str = ALICE, artifact_id: str = "a", **fields: Any) -> Interaction:
    """Return an interaction that happens now."""
    moment = datetime.now(UTC)
    return interaction(
        kind, user_id=user_id, artifact_id=artifact_id, now=moment, timestamp=moment.timestamp(), **fields
    )


def artifacts(cypher: neo4j.Session, user_id: str = ALICE) -> set[str]:
    found = cypher.run("MATCH (a:Artifact {user_id: $user}) RETURN a.id AS id", user=user_id)
    return {record["id"] for record in found}


def held(sql: psycopg.Connection, user_id: str = ALICE) -> set[str]:
    return {str(id_) for (id_,) in sql.execute("SELECT id FROM interaction WHERE user_id = %s", [user_id])}


def test_one_user_is_erased_and_the_others_stay(
    ledger: Ledger, graph: Graph, erase: Erase, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    ledger.store([now(event_id=EVENT, user_id=user, artifact_id=name) for user in (ALICE, BOB) for name in "ab"])
    drain(ledger, graph)
    waiting = now(artifact_id="waiting")
    ledger.store([waiting])
    assert Handlers(ledger, graph).count_user_data(user_id=ALICE) == {
        "interactions": 3,
        "waiting": 1,
        "erased_at": None,
        "nodes": 4,
    }
    assert erase() == {"interactions": 3, "nodes": 4}
    assert (held(sql), artifacts(cypher)) == (set(), set())
    assert cypher.run("MATCH (n) WHERE n.user_id = $id OR n.id = $id RETURN n", id=ALICE).single() is None
    assert sql.execute("SELECT count(*) FROM graph_outbox").fetchone() == (0,)
    assert (len(held(sql, BOB)), artifacts(cypher, BOB)) == (2, {"a", "b"})
    [(finished,)] = sql.execute("SELECT finished_at > erased_at FROM erasure WHERE user_id = %s", [ALICE]).fetchall()
    assert finished


@pytest.mark.long
def test_an_event_with_too_many_edges_for_one_transaction_is_erased(
    ledger: Ledger, graph: Graph, erase: Erase, cypher: neo4j.Session
) -> None:
    ledger.store([now("recall", event_id=EVENT), now("peel", event_id=EVENT)])
    drain(ledger, graph)
    for _ in range(6):
        cypher.run(
            "MATCH (e:Event {user_id: $id}), (a:Artifact {user_id: $id})"
            " UNWIND range(1, 50000) AS i CREATE (e)-[:PEEL]->(a)",
            id=ALICE,
        ).consume()
    assert erase()["nodes"] == 3
    assert cypher.run("MATCH (n) WHERE n.user_id = $id OR n.id = $id RETURN n", id=ALICE).single() is None


def test_a_user_may_come_back_and_their_old_interactions_do_not(
    ledger: Ledger, graph: Graph, erase: Erase, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    old = now("peel", event_id=EVENT, artifact_id="old")
    ledger.store([old, now("recall", event_id=EVENT)])
    drain(ledger, graph)
    erase()
    new = now("peel", event_id=EVENT, artifact_id="new")
    assert ledger.store([old, new]).erased == 1  # as a redriven dead letter would
    drain(ledger, graph)
    rebuild.begin(ledger, cause="a test", from_scratch=True)
    while rebuilds.under_way(ledger.connection):
        rebuild.step(ledger, graph)
    assert held(sql) == {new.id}
    assert artifacts(cypher) == {"new"}
    assert cypher.run("MATCH (e:RecallEvent) RETURN e").single() is None


def test_an_erasure_during_traffic_of_the_user_leaves_only_later_interactions(
    opened: Opened,
    ledger: Ledger,
    graph: Graph,
    operator: Ledger,
    erase: Erase,
    sql: psycopg.Connection,
    cypher: neo4j.Session,
) -> None:
    stop, warm = threading.Event(), threading.Barrier(3)
    sent: list[Interaction] = []

    def stream(worker: int) -> None:
        with opened() as (own, target):
            for number in range(10_000):
                one = now(event_id=EVENT.replace("d3", f"d{number % 3}"), artifact_id=f"{worker}-{number}")
                own.store([one])
                sent.append(one)
                try:
                    drain(own, target)
                except GraphUnavailableError:
                    stop.wait(0.02)
                if number == 5:
                    warm.wait()
                if stop.is_set():
                    return

    with ThreadPoolExecutor() as pool:
        streams = [pool.submit(stream, worker) for worker in range(2)]
        warm.wait()
        try:
            erase()
        finally:
            stop.set()
        for one in streams:
            one.result()
    project_all(ledger, graph)
    [(erased_at,)] = sql.execute("SELECT erased_at FROM erasure").fetchall()
    boundary = (erased_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    after = [one for one in sent if min(one.received_at, one.timestamp) > boundary]
    assert 0 < len(after) < len(sent)
    assert held(sql) == {one.id for one in after}
    assert artifacts(cypher) == {one.artifact_id for one in after}
    report = Verification(operator, graph, repair=False).run(None, lambda: True)
    assert (report["missing"], report["extra"], report["different"], report["undecided"]) == (0, 0, 0, [])


@pytest.mark.parametrize("barrier", [True, False], ids=["with the barrier", "without it one row is left"])
def test_an_erasure_waits_for_a_writer_that_began_before(
    stores: dict[str, Any],
    erase: Erase,
    sql: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    *,
    barrier: bool,
) -> None:
    if not barrier:
        monkeypatch.setattr("chalicelib.ledger.locks.wait_for_holders", lambda *_: None)
    one = now()
    with ThreadPoolExecutor() as pool, psycopg.connect(postgres.conninfo(stores["postgres"])) as writer:
        # As `Ledger.store`, stopped before its commit.
        writer.execute("SELECT pg_advisory_xact_lock_shared(%s)", [locks.WRITERS])
        writer.execute(
            "INSERT INTO interaction (id, user_id, event_id, kind, timestamp, received_at)"
            " VALUES (%s, %s, %s, 'recall', now(), now())",
            [one.id, ALICE, one.event_id],
        )
        erasing = pool.submit(erase)
        if not barrier:
            erasing.result()
        else:
            while not sql.execute("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").rowcount:
                assert not erasing.done()
        writer.commit()
        erasing.result()
    assert held(sql) == (set() if barrier else {one.id})


@pytest.mark.parametrize("barrier", [True, False], ids=["with the barrier", "without it one event is left"])
def test_an_erasure_waits_for_a_projector_that_began_before(
    stores: dict[str, Any],
    ledger: Ledger,
    erase: Erase,
    sql: psycopg.Connection,
    cypher: neo4j.Session,
    monkeypatch: pytest.MonkeyPatch,
    *,
    barrier: bool,
) -> None:
    """A rebuild locks no row: the erasure waits for it only by the advisory lock."""
    if not barrier:
        monkeypatch.setattr("chalicelib.ledger.locks.wait_for_holders", lambda *_: None)
    ledger.store([now()])
    sql.execute("TRUNCATE graph_outbox")
    reading, go_on = threading.Event(), threading.Event()
    slow = Graph(lambda: graph_module.connect(**stores["neo4j"]))
    write = slow.write

    def write_late(changes: Changes, *lease: Any) -> None:
        reading.set()
        assert go_on.wait(10)
        write(changes, *lease)

    monkeypatch.setattr(slow, "write", write_late)
    with ThreadPoolExecutor() as pool, closing(slow):
        projecting = pool.submit(rebuild.project_user, ledger, slow, ALICE)
        assert reading.wait(10)
        erasing = pool.submit(erase)
        if not barrier:
            erasing.result()
        else:
            while not sql.execute("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").rowcount:
                assert not erasing.done()
        go_on.set()
        projecting.result()
        erasing.result()
    assert artifacts(cypher) == (set() if barrier else {"a"})


def test_the_write_of_a_killed_projector_that_neo4j_completes_later_is_deleted_too(
    ledger: Ledger, stores: dict[str, Any], erase: Erase, cypher: neo4j.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.store([now()])
    with graph_module.connect(**stores["neo4j"]) as driver, driver.session() as session:
        # Its lock in Postgres ended with it, so nobody waits for it.
        left = session.begin_transaction()
        left.run("CREATE (:Artifact {user_id: $user, id: 'left'})", user=ALICE).consume()
        monkeypatch.setattr("chalicelib.operations.erasure.time.sleep", lambda _: left.commit())
        erase()
    assert artifacts(cypher) == set()


def test_a_user_who_came_back_with_more_than_can_be_compared_is_erased_up_to_the_time(
    ledger: Ledger,
    operator: Ledger,
    graph: Graph,
    stores: dict[str, Any],
    erase: Erase,
    cypher: neo4j.Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(user, "MAX_ROWS", 1)
    monkeypatch.setitem(pages._SIZE, "rows", 1)  # noqa: SLF001  so that it takes several calls
    erased_at = datetime.now(UTC).isoformat()
    ledger.store([now(artifact_id=name) for name in "ab"])
    with graph_module.connect(**stores["neo4j"]) as driver, driver.session() as session:
        left = session.begin_transaction()
        left.run("CREATE (:Artifact {user_id: $user, id: 'left'})", user=ALICE).consume()
        moments = iter([left.commit])  # in the first sweep; there are two
        monkeypatch.setattr("chalicelib.operations.erasure.time.sleep", lambda _: [end() for end in moments])
        erase(erased_at=erased_at, share_seconds=0)
    assert artifacts(cypher) == {"a", "b"}
    [listed] = Handlers(operator, graph).erasures()["erasures"]
    assert listed["finished_at"]


def test_an_interrupted_erasure_is_listed_as_unfinished_and_can_be_repeated(
    ledger: Ledger, graph: Graph, operator: Ledger, erase: Erase, sql: psycopg.Connection
) -> None:
    ledger.store([now()])
    begun = Handlers(operator, graph).erase(user_id=ALICE)  # one call, and then no more
    [listed] = Handlers(operator, graph).erasures()["erasures"]
    assert (listed["user_id"], listed["erased_at"], listed["finished_at"]) == (ALICE, begun["erased_at"], None)
    later = now(artifact_id="later")
    ledger.store([later])
    erase(erased_at=begun["erased_at"])
    [listed] = Handlers(operator, graph).erasures()["erasures"]
    assert (listed["erased_at"], bool(listed["finished_at"])) == (begun["erased_at"], True)
    assert held(sql) == {later.id}


def test_an_erasure_is_applied_again_to_a_restored_ledger(
    ledger: Ledger, graph: Graph, operator: Ledger, erase: Erase, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    one = now()
    ledger.store([one])
    erase()
    [listed] = Handlers(operator, graph).erasures()["erasures"]
    sql.execute("TRUNCATE erasure")
    ledger.store([one])
    drain(ledger, graph)
    erase(erased_at=listed["erased_at"])
    assert (held(sql), artifacts(cypher)) == (set(), set())
    assert Handlers(operator, graph).erasures()["erasures"][0]["erased_at"] == listed["erased_at"]


def test_many_rows_are_erased_in_shares(
    ledger: Ledger,
    graph: Graph,
    erase: Erase,
    sql: psycopg.Connection,
    cypher: neo4j.Session,
) -> None:
    ledger.store([now(artifact_id=str(number)) for number in range(50)])
    drain(ledger, graph)
    assert erase(erasure_batch=7, share_seconds=0)["interactions"] == 50
    assert (held(sql), artifacts(cypher)) == (set(), set())


def test_all_interactions_of_a_user_can_be_exported(ledger: Ledger, graph: Graph, operator: Ledger) -> None:
    limits = Limits(export_bytes=1)  # one row a page
    mine = [now(artifact_id=str(number), metadata={"n": number}) for number in range(3)]
    ledger.store([*mine, now(user_id=BOB)])
    exported: list[dict[str, Any]] = []
    cursor = None
    while page := (answer := Handlers(operator, graph, limits).export(user_id=ALICE, cursor=cursor))["interactions"]:
        exported += page
        cursor = answer["cursor"]
    assert {one["id"] for one in exported} == {one.id for one in mine}
    [first] = [one for one in exported if one["id"] == mine[0].id]
    assert (first["kind"], first["artifact_id"], first["metadata"]) == ("keep", "0", '{"n": 0}')


def test_all_interactions_of_a_day_can_be_exported_but_of_no_one_who_is_being_erased(
    ledger: Ledger, graph: Graph, operator: Ledger, sql: psycopg.Connection
) -> None:
    midnight = datetime(2026, 5, 2, tzinfo=UTC)
    moments = [midnight - timedelta(microseconds=1), midnight, midnight + timedelta(days=1, microseconds=-1)]
    moments += [midnight + timedelta(days=1), midnight + timedelta(hours=12)]
    made = [interaction("keep", artifact_id="a", now=at, timestamp=at.timestamp()) for at in moments]
    ledger.store(
        [*made, interaction("keep", artifact_id="a", user_id=BOB, now=midnight, timestamp=midnight.timestamp())]
    )
    assert exported_of(operator, graph, "2026-05-02") == {made[1].id, made[2].id, made[4].id} | held(sql, BOB)
    sql.execute("INSERT INTO erasure (user_id, erased_at) VALUES (%s, %s)", [ALICE, midnight])  # and not yet deleted
    assert exported_of(operator, graph, "2026-05-02") == {made[2].id, made[4].id} | held(sql, BOB)


def exported_of(operator: Ledger, graph: Graph, day: str) -> set[str]:
    found: list[str] = []
    cursor = None
    while page := (answer := Handlers(operator, graph, Limits(export_bytes=1)).export_day(day=day, cursor=cursor))[
        "interactions"
    ]:
        assert len(page) == 1
        found += [one["id"] for one in page]
        cursor = answer["cursor"]
    assert found == sorted(found)
    return set(found)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00", "2026-05-01T12:00:00"])
def test_a_time_out_of_bounds_is_refused_and_not_stored(
    operator: Ledger, graph: Graph, sql: psycopg.Connection, time: str
) -> None:
    handlers = Handlers(operator, graph)
    with pytest.raises(ValueError, match="between the year 2000 and now"):
        handlers.erase(user_id=ALICE, erased_at=time)
    with pytest.raises(ValueError, match="between the year 2000 and now"):
        handlers.rebuild(since=time)
    assert sql.execute("SELECT (SELECT count(*) FROM erasure) + (SELECT count(*) FROM rebuild)").fetchone() == (0,)


@pytest.mark.parametrize(
    "insert",
    [
        "INSERT INTO erasure (user_id, erased_at) VALUES ('a', '9999-12-31Z')",
        "INSERT INTO rebuild (cause, since, from_scratch) VALUES ('a', '0001-01-01 BC', false)",
    ],
)
def test_the_tables_refuse_a_time_out_of_bounds(sql: psycopg.Connection, insert: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        sql.execute(insert.encode())


def test_the_migration_corrects_times_out_of_bounds(sql: psycopg.Connection) -> None:
    sql.execute("ALTER TABLE erasure DROP CONSTRAINT erased_at_is_bounded")
    sql.execute("INSERT INTO erasure (user_id, erased_at, finished_at) VALUES ('a', '9999-12-31Z', now())")
    sql.execute((migrate.MIGRATIONS / "0011-bounded-times.sql").read_bytes())
    found = sql.execute("SELECT erased_at <= now(), finished_at IS NULL FROM erasure").fetchall()
    assert found == [(True, True)]


def test_the_users_with_interactions_are_listed_in_pages(ledger: Ledger, operator: Ledger, graph: Graph) -> None:
    ledger.store([now(user_id=user) for user in ("c", "a", "b", "a")])
    assert users.list_after(operator.connection, "", 2) == ["a", "b"]
    assert users.list_after(operator.connection, "b", 2) == ["c"]
    assert Handlers(operator, graph).users() == {"users": ["a", "b", "c"], "cursor": None}
