"""The graph is rebuilt from the ledger during traffic, and nothing is missing afterwards."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import neo4j
import psycopg
import pytest

from chalicelib.graph import client as graph_module
from chalicelib.graph import watermark as in_graph
from chalicelib.graph.client import Graph, GraphUnavailableError
from chalicelib.graph.cypher import VERSION
from chalicelib.interaction import Interaction
from chalicelib.ledger import rebuilds
from chalicelib.ledger.ledger import Ledger
from chalicelib.ledger.rebuilds import LANES
from chalicelib.operations.handlers import Handlers, Limits
from chalicelib.projection import catch_up as upkeep
from chalicelib.projection import rebuild, watermark
from chalicelib.projection.projector import catch_up, drain
from tests.graphs import snapshot
from tests.integration.conftest import Opened, project_all
from tests.samples import ALICE, ARTIFACT, BOB, NOW, interaction

CAROL = "carol"


def numbered(number: int, user_id: str = ALICE, **fields: Any) -> Interaction:
    kind = ("recall", "peel", "keep")[number % 3]
    chosen: dict[str, Any] = {"timestamp": NOW.timestamp() - number, "artifact_id": f"{ARTIFACT}-{number % 7}"} | fields
    return interaction(kind, user_id=user_id, metadata={"number": number}, **chosen)


def filled(ledger: Ledger, graph: Graph, size: int = 300) -> None:
    watermark.start(ledger, graph)
    ledger.store([numbered(number, (ALICE, BOB)[number % 2]) for number in range(size)])
    catch_up(ledger, graph, in_time=lambda: True)


def rebuilt(ledger: Ledger, graph: Graph, **options: Any) -> dict[str, Any]:
    id_ = rebuild.begin(ledger, cause="a test", **options)
    while not (rebuilt := progress(ledger, id_))["finished_at"]:
        rebuild.step(ledger, graph)
    return rebuilt


def progress(ledger: Ledger, id_: int) -> dict[str, Any]:
    return rebuilds.progress(ledger.connection, id_)


@pytest.mark.parametrize("from_scratch", [True, False])
def test_a_rebuild_ends_in_the_same_graph(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session, sql: psycopg.Connection, *, from_scratch: bool
) -> None:
    filled(ledger, graph)
    before = snapshot(cypher)
    cypher.run("MATCH (n:Artifact) DETACH DELETE n").consume()
    if from_scratch:
        cypher.run("MATCH (e:Event) SET e:Old CREATE (e)-[:OLD]->(:Old)").consume()
    done = rebuilt(ledger, graph, from_scratch=from_scratch)
    assert snapshot(cypher) == before
    assert (done["projected"], done["estimated"]) == (300, 300)
    assert sql.execute("SELECT count(*) FROM graph_outbox").fetchone() == (0,)


def test_a_row_whose_key_ends_a_page_or_the_ledger_is_not_skipped(
    ledger: Ledger, graph: Graph, sql: psycopg.Connection
) -> None:
    """The first lane ends at the newest key; a page ends at a key that is another lane's, or the lane's only one."""
    query = "SELECT 'user-' || n FROM generate_series(1, 100) AS n WHERE (user_partition('user-' || n) %% %s = 0) = %s"
    first, others = (next(zip(*sql.execute(query, [LANES, is_first]), strict=True)) for is_first in (True, False))
    ledger.claim_rows = 1
    by_time = [*others[: LANES - 1], first[0], *others[LANES - 1 : 2 * LANES], first[1]]
    ledger.store([interaction(user_id=user, timestamp=NOW.timestamp() + second) for second, user in enumerate(by_time)])
    assert rebuilt(ledger, graph)["projected"] == len(by_time)


def test_several_callers_each_work_on_their_own_range(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session, opened: Opened
) -> None:
    filled(ledger, graph)
    before = snapshot(cypher)
    id_ = rebuild.begin(ledger, cause="a test", from_scratch=True)

    def run(_: int) -> int:
        done = 0
        with opened(claim_rows=10) as (own, target):
            while not progress(own, id_)["finished_at"]:
                done += bool(rebuild.step(own, target))
        return done

    with ThreadPoolExecutor() as pool:
        steps = list(pool.map(run, range(3)))
    assert snapshot(cypher) == before
    assert sum(1 for number in steps if number) > 1
    assert progress(ledger, id_)["projected"] == 300


def test_an_interrupted_rebuild_continues(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(ledger, graph)
    before = snapshot(cypher)
    id_ = rebuild.begin(ledger, cause="a test", from_scratch=True)
    ledger.claim_rows = 20
    while not (part_way := progress(ledger, id_))["projected"]:
        rebuild.step(ledger, graph)
    assert 0 < part_way["projected"] < 300

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(graph, "write", die)
        with pytest.raises(KeyboardInterrupt):
            rebuild.step(ledger, graph)
    assert progress(ledger, id_) == part_way
    assert rebuild.begin(ledger, cause="a test", from_scratch=True) == id_  # the same one is asked for again
    assert rebuild.begin(ledger, cause="a test") == id_  # and one that does less
    upkeep.tend(ledger, graph, in_time=lambda: True)
    assert progress(ledger, id_)["projected"] == 300
    assert snapshot(cypher) == before


def test_a_rebuild_that_does_more_supersedes_another(ledger: Ledger) -> None:
    since = rebuild.begin(ledger, cause="a test", since=NOW)
    assert rebuild.begin(ledger, cause="a test", since=NOW + timedelta(days=1)) == since
    whole = rebuild.begin(ledger, cause="a test")
    assert whole != since
    of_both = [progress(ledger, id_) for id_ in (since, whole)]
    assert [(bool(one["finished_at"]), one["superseded"]) for one in of_both] == [(True, True), (False, False)]
    assert rebuild.begin(ledger, cause="a test", from_scratch=True) != whole


def test_since_a_time_earlier_interactions_are_left_alone(ledger: Ledger, graph: Graph, cypher: neo4j.Session) -> None:
    ledger.store([interaction("keep", artifact_id="old", timestamp=NOW.timestamp() - 60), interaction()])
    ledger.store([interaction("keep", artifact_id="new")])
    done = rebuilt(ledger, graph, since=NOW)
    assert done["projected"] == 2
    assert [record["id"] for record in cypher.run("MATCH (a:Artifact) RETURN a.id AS id")] == ["new"]


def test_one_user_is_projected_again(ledger: Ledger, graph: Graph, operator: Ledger, cypher: neo4j.Session) -> None:
    filled(ledger, graph)
    before = snapshot(cypher)
    cypher.run("MATCH (e:Event {user_id: $alice}) DETACH DELETE e", alice=ALICE).consume()
    cursor, limits = None, Limits(share_seconds=0)
    while cursor := Handlers(operator, graph, limits).rebuild_user(user_id=ALICE, cursor=cursor)["cursor"]:
        pass
    assert snapshot(cypher) == before


def test_rows_that_the_graph_refuses_wait_in_the_outbox(
    ledger: Ledger, graph: Graph, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.store([interaction("keep", artifact_id=name) for name in ("good", "bad")])
    catch_up(ledger, graph, in_time=lambda: True)
    write = graph.write

    def pick(changes: Any, *lease: Any) -> None:
        if any(artifact["artifact_id"] == "bad" for artifact in changes.artifacts):
            raise graph_module.RowsRefusedError("Neo.ClientError.Statement.ArgumentError")
        write(changes, *lease)

    monkeypatch.setattr(graph, "write", pick)
    rebuilt(ledger, graph)
    assert sql.execute("SELECT attempts FROM graph_outbox").fetchall() == [(1,)]
    sql.execute("UPDATE graph_outbox SET attempts = 3, next_attempt_at = 'infinity'")
    rebuilt(ledger, graph)
    assert sql.execute("SELECT attempts FROM graph_outbox").fetchall() == [(1,)]
    sql.execute("UPDATE graph_outbox SET next_attempt_at = 'infinity'")
    monkeypatch.undo()
    rebuild.project_user(ledger, graph, ALICE)
    assert sql.execute("SELECT count(*) FROM graph_outbox").fetchone() == (0,)


@pytest.mark.long
@pytest.mark.usefixtures("sql")
def test_a_wipe_deletes_fewer_large_nodes_at_once(ledger: Ledger, graph: Graph, cypher: neo4j.Session) -> None:
    for _ in range(10):
        cypher.run("UNWIND range(1, 12) AS n CREATE (:Event {metadata: $text})", text="x" * 1_000_000).consume()
    rebuilt(ledger, graph, from_scratch=True)
    assert snapshot(cypher) == ([], [])


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_missing_after_a_rebuild_from_scratch_under_traffic(
    ledger: Ledger,
    graph: Graph,
    cypher: neo4j.Session,
    sql: psycopg.Connection,
    opened: Opened,
    seed: int,
) -> None:
    """Rows arrive anywhere in key order, are drained at once, and the wipe deletes many of them."""
    ledger.claim_rows = 20
    filled(ledger, graph, size=200)
    stop = threading.Event()

    def traffic(worker: int) -> int:
        number = 0
        with opened() as (own, target):
            while not stop.wait(0.02):  # without a pause, new nodes come faster than these small wipes delete them
                # Alternately older and newer than all, with events and artifacts that others touch too.
                age = 1000 + number if number % 2 else -number
                batch = [
                    numbered(
                        number, f"user-{(number + i) % 4}", timestamp=NOW.timestamp() + seed + worker / 10 - age - i
                    )
                    for i in range(3)
                ]
                own.store(batch)
                number += 1
                try:
                    drain(own, target)
                except GraphUnavailableError:
                    time.sleep(0.01)
        return number

    with ThreadPoolExecutor() as pool:
        streams = [pool.submit(traffic, worker) for worker in range(2)]
        try:
            time.sleep(0.3)
            id_ = rebuild.begin(ledger, cause="a test", from_scratch=True)
            while not progress(ledger, id_)["finished_at"]:
                try:
                    rebuild.step(ledger, graph, wipe_size=60)
                except GraphUnavailableError:
                    time.sleep(0.01)
        finally:
            stop.set()  # or the pool waits for ever
        assert sum(stream.result() for stream in streams) > 5
    project_all(ledger, graph)
    live = snapshot(cypher)
    sql.execute("TRUNCATE graph_outbox")
    rebuilt(ledger, graph, from_scratch=True)
    assert live == snapshot(cypher)


def loss_reason(ledger: Ledger, graph: Graph) -> str | None:
    return watermark.check(ledger, graph).loss_reason


def tend(ledger: Ledger, graph: Graph) -> None:
    upkeep.tend(ledger, graph, in_time=lambda: True)


def test_the_graph_of_an_empty_new_system_is_not_lost(ledger: Ledger, graph: Graph, sql: psycopg.Connection) -> None:
    for _ in range(2):
        tend(ledger, graph)
        assert loss_reason(ledger, graph) is None
    assert sql.execute("SELECT count(*) FROM rebuild").fetchone() == (0,)


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        ("MATCH (n) DETACH DELETE n", "it has no watermark"),
        ("MATCH (w:Watermark) SET w.reached_at = w.reached_at - duration('PT1H') WITH w MATCH (e:Event) DELETE e", ""),
        ("MATCH (w:Watermark) SET w.version = 0", "an older projection"),
    ],
    ids=["lost", "older", "of an older projection"],
)
def test_a_lost_graph_is_noticed_and_rebuilt(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session, sql: psycopg.Connection, damage: str, cause: str
) -> None:
    filled(ledger, graph)
    tend(ledger, graph)
    before = snapshot(cypher)
    cypher.run(damage.replace("DELETE e", "DETACH DELETE e")).consume()
    cypher.run("CREATE (:User {id: 'erased since'})").consume()
    assert cause in str(loss_reason(ledger, graph))
    tend(ledger, graph)
    assert snapshot(cypher) == before
    assert loss_reason(ledger, graph) is None
    assert sql.execute("SELECT count(*) FROM rebuild WHERE finished_at IS NOT NULL").fetchone() == (1,)


def test_a_graph_lost_again_during_its_rebuild_is_noticed_too(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session
) -> None:
    ledger.claim_rows = 10
    filled(ledger, graph)
    tend(ledger, graph)
    before = snapshot(cypher)
    turns = iter([True] * 5)
    for _ in range(2):
        cypher.run("MATCH (n) DETACH DELETE n").consume()
        upkeep.tend(ledger, graph, in_time=lambda: next(turns, False))
    assert snapshot(cypher) != before
    tend(ledger, graph)
    assert snapshot(cypher) == before


def test_code_older_than_the_graph_leaves_it_alone(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session, sql: psycopg.Connection
) -> None:
    tend(ledger, graph)
    cypher.run("MATCH (w:Watermark) SET w.version = 1000").consume()
    assert loss_reason(ledger, graph) is None
    ledger.store([interaction()])
    with pytest.raises(GraphUnavailableError, match="newer code"):
        tend(ledger, graph)
    assert snapshot(cypher) == ([], [])
    rebuilt(ledger, graph, from_scratch=True)  # unless somebody wants just that
    assert drain(ledger, graph) == 1


def test_code_older_than_an_idle_graph_does_not_lower_its_version(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session
) -> None:
    tend(ledger, graph)
    cypher.run("MATCH (w:Watermark) SET w.version = 1000").consume()
    tend(ledger, graph)
    assert cypher.run("MATCH (w:Watermark) RETURN w.version AS version").single(strict=True)["version"] == 1000


def test_the_watermark_never_goes_back(ledger: Ledger, graph: Graph, sql: psycopg.Connection) -> None:
    watermark.start(ledger, graph)
    ahead = datetime.now(UTC) + timedelta(minutes=1)
    sql.execute("UPDATE watermark SET reached_at = %s", [ahead])
    [checked] = sql.execute("SELECT reached_at FROM watermark").fetchone() or (None,)
    in_graph.create(graph, ahead)
    assert watermark.advance(ledger, graph, checked)
    assert sql.execute("SELECT reached_at FROM watermark").fetchall() == [(ahead + timedelta(microseconds=1),)]
    assert loss_reason(ledger, graph) is None


@pytest.mark.parametrize(
    "damage",
    [
        "MATCH (n) DETACH DELETE n",
        "MATCH (w:Watermark) SET w.reached_at = w.reached_at - duration('PT1H') WITH w MATCH (e:Event) DETACH DELETE e",
    ],
    ids=["lost", "set back"],
)
def test_a_graph_damaged_between_a_check_and_the_end_of_catch_up_is_noticed(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session, damage: str
) -> None:
    filled(ledger, graph, 20)
    before = snapshot(cypher)

    asked: list[bool] = []

    def damaged_then_over() -> bool:
        if not asked:  # later ones come after the watermark has moved
            cypher.run(damage).consume()
        asked.append(True)
        return False

    upkeep.tend(ledger, graph, in_time=damaged_then_over)
    assert snapshot(cypher) != before
    tend(ledger, graph)
    assert snapshot(cypher) == before
    assert loss_reason(ledger, graph) is None


def test_a_graph_set_back_to_a_moment_amid_a_catch_up_is_noticed(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session
) -> None:
    """Catch-up writes the watermark after it has drained: a copy from before that is older."""
    filled(ledger, graph, 20)
    ledger.store([numbered(20, CAROL)])
    amid = []

    def copied() -> bool:
        amid.append(cypher.run("MATCH (w:Watermark) RETURN w.reached_at AS at").single(strict=True)["at"])
        return True

    upkeep.tend(ledger, graph, in_time=copied)
    before = snapshot(cypher)
    cypher.run("MATCH (n) WHERE $carol IN [n.id, n.user_id] DETACH DELETE n", carol=CAROL).consume()
    cypher.run("MATCH (w:Watermark) SET w.reached_at = $at", at=amid[0]).consume()
    assert snapshot(cypher) != before
    tend(ledger, graph)
    assert snapshot(cypher) == before


def test_a_graph_that_was_lost_before_its_first_watermark_is_rebuilt(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session
) -> None:
    ledger.store([numbered(number) for number in range(20)])
    catch_up(ledger, graph, in_time=lambda: True)
    before = snapshot(cypher)
    cypher.run("MATCH (n) DETACH DELETE n").consume()
    tend(ledger, graph)
    assert snapshot(cypher) == before


@pytest.mark.parametrize(
    "damage",
    [
        "MATCH (n) DETACH DELETE n",
        "MATCH (w:Watermark) SET w.reached_at = datetime() CREATE (:User {id: 'erased since'})",
        f"CREATE (:Watermark {{version: {VERSION}, reached_at: datetime()}}) CREATE (:User {{id: 'not wiped'}})",
    ],
    ids=["lost", "set back", "marked at the same moment"],
)
def test_a_wipe_does_not_count_for_a_graph_that_was_put_in_its_place(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session, damage: str
) -> None:
    filled(ledger, graph, 20)
    before = snapshot(cypher)
    id_ = rebuild.begin(ledger, cause="a test", from_scratch=True)
    in_graph.begin_wipe(graph)
    cypher.run(damage).consume()
    assert not watermark.finish_wipe(ledger, graph)
    while not progress(ledger, id_)["finished_at"]:
        rebuild.step(ledger, graph)
    assert snapshot(cypher) == before
    assert loss_reason(ledger, graph) is None
    assert cypher.run("MATCH (w:Watermark) RETURN count(w)").value() == [1]


@pytest.mark.usefixtures("sql")
def test_two_marks_that_were_made_at_the_same_moment_become_one(
    ledger: Ledger, graph: Graph, cypher: neo4j.Session
) -> None:
    in_graph.begin_wipe(graph)
    cypher.run(f"CREATE (:Watermark {{version: {VERSION}}})").consume()
    assert watermark.finish_wipe(ledger, graph)
    assert cypher.run("MATCH (w:Watermark) RETURN count(w)").value() == [1]
