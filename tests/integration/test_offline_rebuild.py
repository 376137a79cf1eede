"""Neo4j's importer makes the graph that projecting makes, whatever happens meanwhile; and without it all goes on."""

from collections.abc import Callable, Iterator
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
import pytest

from bench.filling import fill
from chalicelib.graph import client
from chalicelib.graph.client import Graph, RowsBusyError
from chalicelib.interaction import GRAPH_METADATA_BYTES, GRAPH_QUERY_BYTES, MAX_POSITION, Interaction, Kind
from chalicelib.ledger import bulk, rebuilds
from chalicelib.ledger.ledger import Ledger
from chalicelib.ledger.rebuilds import OfflineError
from chalicelib.operations import offline
from chalicelib.operations.handlers import Handlers, Limits
from chalicelib.projection import rebuild, watermark
from chalicelib.projection.catch_up import tend
from chalicelib.projection.projector import catch_up
from chalicelib.verification.run import Verification
from local.cloud import Cloud
from local.component import CloudError
from local.offline_rebuild import rebuild_offline
from local.up import remove_leftovers
from tests.graphs import snapshot
from tests.integration.conftest import Opened
from tests.samples import ALICE, BOB, EVENT, NOW, interaction

CAROL = 'carol, the "third"\n;\'\\'
NAMES = ("plain", 'a,"b";c\\', "two\nlines\r\n", " spaces ", "ünïcode 🍊", "''", "\\N", "0")
# Each once as a property of its own, if it can be one.
QUERIES = ("", 7, None, ["x"], "x" * GRAPH_QUERY_BYTES, "ü" * GRAPH_QUERY_BYTES, "two\nlines", '"{}"')
POSITIONS = (1, 2.0, MAX_POSITION, MAX_POSITION + 1, 0, "3", True, 1.5)
TOUCHING = [kind for kind in Kind if not kind.opens]
CHUNK_ROWS = 7  # so that users and artifacts come in several chunks


def rows(user_id: str) -> Iterator[Interaction]:
    for number, name in enumerate(NAMES):
        time = NOW.timestamp() - number / 7
        yield interaction("peel", user_id=user_id, event_id=EVENT, artifact_id=name, timestamp=time)
        yield interaction(
            TOUCHING[number % len(TOUCHING)],
            user_id=user_id,
            artifact_id=name,
            metadata={"said": name, "position": POSITIONS[number]},
            timestamp=time,
        )
        yield interaction("recall", user_id=user_id, metadata={"query": name}, timestamp=time)
        yield interaction(
            "recall", user_id=user_id, metadata={"a": 1, "query": QUERIES[number], "z": 1e2}, timestamp=time
        )
        yield interaction("keep", user_id=user_id, artifact_id=name, metadata={"position": number + 1}, timestamp=time)
    for metadata in (None, {}, {"long": "x" * GRAPH_METADATA_BYTES}, {"long": "ü" * (GRAPH_METADATA_BYTES // 2 - 6)}):
        yield interaction("recall", user_id=user_id, metadata=metadata)
        yield interaction("workspace", user_id=user_id, event_id=EVENT, metadata=metadata)  # equal times: by id
    yield interaction(
        "recall",
        user_id=user_id,
        event_id=EVENT,
        artifact_id="no edge",
        metadata={"query": "later", "long": "x" * GRAPH_METADATA_BYTES},
    )
    yield interaction("peel", user_id=user_id, event_id=str(uuid4()), artifact_id="before its recall")


def filled(ledger: Ledger, graph: Graph) -> None:
    watermark.start(ledger, graph)
    ledger.store([row for user_id in (ALICE, BOB, CAROL) for row in rows(user_id)])
    catch_up(ledger, graph, in_time=lambda: True)


@pytest.fixture
def seen(stores: dict[str, Any]) -> Callable[[], tuple[list[Any], list[Any]]]:
    """Return a function that returns the whole graph, over a connection of its own: Neo4j may have been restarted."""

    def seen() -> tuple[list[Any], list[Any]]:
        with client.connect(**stores["neo4j"]) as driver, driver.session() as session:
            return snapshot(session)

    return seen


def verified(ledger: Ledger, graph: Graph) -> None:
    report = Verification(ledger, graph, repair=False).run(None, lambda: True)
    assert (report["cursor"], report["examples"], report["undecided"]) == (None, [], [])
    assert report["ledger"] == report["graph"] != ""


def erase(operator: Ledger, graph: Graph, user_id: str) -> None:
    cursor: Any = None
    while True:
        answer = Handlers(operator, graph, Limits(settle_seconds=0)).erase(user_id=user_id, cursor=cursor)
        if not (cursor := answer["cursor"]):
            return


def test_a_graph_that_is_busy_at_the_end_is_asked_again(
    cloud: Cloud, ledger: Ledger, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(ledger, graph)
    advance, asked = watermark.advance, []

    def busy_once(*arguments: Any) -> bool:
        asked.append(arguments)
        if len(asked) == 1:
            raise RowsBusyError("Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration")
        return advance(*arguments)

    monkeypatch.setattr(watermark, "advance", busy_once)
    assert rebuild_offline(cloud, lambda *_: None) == len([*rows(ALICE)]) * 3
    graph.close()  # Neo4j was restarted
    verified(ledger, graph)


@pytest.mark.parametrize("step", ["exporting", "importing"])  # tests/long has the one that restarts Neo4j
def test_interrupted_before_the_new_graph_is_there_the_graph_is_rebuilt_without_the_importer(
    cloud: Cloud, ledger: Ledger, graph: Graph, opened: Opened, seen: Callable[[], Any], step: str
) -> None:
    check_interrupted(cloud, ledger, graph, opened, seen, step=step)


def check_interrupted(
    cloud: Cloud, ledger: Ledger, graph: Graph, opened: Opened, seen: Callable[[], Any], *, step: str
) -> None:
    filled(ledger, graph)
    before = seen()

    def interrupt(doing: str, *_: int) -> None:
        if doing == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild_offline(cloud, interrupt, chunk_rows=CHUNK_ROWS)
    with opened() as (own, target):
        assert rebuilds.under_way(own.connection)
        tend(own, target, in_time=lambda: True)
        assert rebuilds.under_way(own.connection) is None
        verified(own, target)
    assert seen() == before
    assert not (cloud.folder / "import").exists()


def test_what_the_importer_refuses_leaves_the_old_graph(
    cloud: Cloud, ledger: Ledger, graph: Graph, seen: Callable[[], Any]
) -> None:
    filled(ledger, graph)
    before = seen()

    def damage(doing: str, *_: int) -> None:
        if doing == "importing":
            (cloud.folder / "import" / "edges-000000.csv").write_text("nowhere,nothing,PEEL,id,yesterday,\n")

    with pytest.raises(CloudError, match="neo4j: its importer failed"):
        rebuild_offline(cloud, damage, chunk_rows=CHUNK_ROWS)
    assert seen() == before


def test_make_up_removes_the_files_of_one_that_was_killed(
    cloud: Cloud, ledger: Ledger, operator: Ledger, graph: Graph
) -> None:
    left = [cloud.folder / name for name in ("import", "neo4j/other", "neo4j/data.old")]
    for folder in left:
        folder.mkdir(exist_ok=True)
        (folder / "edges-000000.csv").write_text(ALICE)
    id_ = offline.begin(operator, graph)
    remove_leftovers(cloud, cloud.environment())
    assert all((folder / "edges-000000.csv").exists() for folder in left)  # it may still be at work
    offline.give_up(operator, id_)
    tend(ledger, graph, in_time=lambda: True)
    remove_leftovers(cloud, cloud.environment())
    assert [folder for folder in left if folder.exists()] == []


@pytest.mark.parametrize("ends", ["now()", "'infinity'"])  # the second is nobody's lease: a stranger wrote it
def test_one_that_was_killed_is_left_alone_for_its_lease_and_then_continued_without_the_importer(
    ledger: Ledger, operator: Ledger, graph: Graph, seen: Callable[[], Any], ends: LiteralString
) -> None:
    filled(ledger, graph)
    before = seen()
    id_ = offline.begin(operator, graph)
    offline.begin_import(operator, id_)  # the longest lease
    assert (rebuild.step(ledger, graph), tend(ledger, graph, in_time=lambda: True)) == (0, 0)
    with pytest.raises(OfflineError, match="--from-scratch --yes"):
        rebuild.begin(ledger, cause="a test")
    ledger.connection.execute(f"UPDATE rebuild SET offline_until = {ends}")
    with pytest.raises(OfflineError):
        offline.begin_import(operator, id_)
    tend(ledger, graph, in_time=lambda: True)
    assert rebuilds.progress(ledger.connection, id_)["projected"] > 0
    verified(ledger, graph)
    assert seen() == before


def test_a_rebuild_from_scratch_replaces_one_by_the_importer_at_once(
    ledger: Ledger, operator: Ledger, graph: Graph, seen: Callable[[], Any], tmp_path: Any
) -> None:
    filled(ledger, graph)
    before = seen()
    id_ = offline.begin(operator, graph)
    answer = Handlers(operator, graph).rebuild(from_scratch=True)
    assert answer["cursor"] is None
    assert rebuilds.progress(ledger.connection, id_)["superseded"]
    with pytest.raises(OfflineError, match="another rebuild replaced this one"):
        offline.export(operator, id_, bulk.START, lambda name: (tmp_path / name).open("wb"))
    with pytest.raises(OfflineError):
        offline.finish(operator, graph, id_)
    verified(ledger, graph)
    assert seen() == before


def test_a_chunk_that_takes_too_long_is_tried_with_fewer_rows(
    ledger: Ledger, graph: Graph, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    filled(ledger, graph)
    connection = ledger.connection
    slow = "SELECT pg_sleep(CASE WHEN count(*) > 40 THEN 60 ELSE 0 END) FROM interaction WHERE "
    monkeypatch.setitem(bulk._FILES, "users", slow + bulk._CHUNK)  # noqa: SLF001
    connection.execute("SET statement_timeout = '2s'")
    chunk = bulk.export(connection, bulk.START, lambda name: (tmp_path / name).open("wb"), rows=64)
    assert chunk.cursor
    assert 8 <= chunk.rows <= 40  # 8, and the rest of the last event


def test_postgres_sees_that_a_chunk_is_a_small_part_of_the_ledger(
    operator: Ledger, sql: psycopg.Connection, tmp_path: Any
) -> None:
    """Otherwise it reads the whole ledger for each chunk."""
    for _ in fill(sql, 30_000, "2026-01-01"):
        pass
    connection = operator.connection
    half = bulk.export(connection, bulk.START, lambda name: (tmp_path / name).open("wb"), rows=15_000)
    assert half.cursor
    part = bulk.export(connection, half.cursor, lambda name: (tmp_path / name).open("wb"), rows=1000)
    count = psycopg.ClientCursor(connection).mogrify(bulk.COUNT, bulk.values_of(half.cursor, part.cursor))
    [[plan]] = connection.execute(f"EXPLAIN (FORMAT JSON) {count}").fetchall()
    rows = plan[0]["Plan"]
    while "Plans" in rows:
        [rows] = rows["Plans"]
    assert (part.rows, rows["Plan Rows"] < 5000) == (1000, True)
