"""Every difference between the graph and the ledger is reported and repaired; rows under way are none."""

import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import neo4j
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.graph import deletions
from chalicelib.graph.client import Graph, GraphUnavailableError, RowsRefusedError
from chalicelib.interaction import GRAPH_METADATA_BYTES, GRAPH_QUERY_BYTES, MAX_POSITION, Kind
from chalicelib.ledger import rebuilds
from chalicelib.ledger.ledger import Ledger
from chalicelib.operations.handlers import Handlers, Limits
from chalicelib.projection import catch_up as upkeep
from chalicelib.projection import rebuild
from chalicelib.projection.projector import drain
from chalicelib.verification import MODULUS, actual, user
from chalicelib.verification.run import Verification
from chalicelib.verification.user import UndecidedError
from tests.graphs import snapshot
from tests.integration.conftest import Opened, project_all
from tests.samples import ALICE, ARTIFACT, BOB, EVENT, NOW, interaction

CAROL = "f41d9c3e-carol"
Verify = Callable[..., dict[str, Any]]


@pytest.fixture
def verify(operator: Ledger, graph: Graph) -> Verify:
    """Return a function that compares everything, as the command does, and adds up the reports."""

    def verify(*, repair: bool = False, **limits: Any) -> dict[str, Any]:
        total: dict[str, Any] = {}
        cursor: Any = None
        while cursor or not total:
            report = Handlers(operator, graph, Limits(**limits)).verify(repair=repair, cursor=cursor)
            cursor = report.pop("cursor")
            for name in ("ledger", "graph"):
                report[name] = int(report[name], 16)
            total = {name: total[name] + value if total else value for name, value in report.items()}
        return total | {name: total[name] % MODULUS for name in ("ledger", "graph")}

    return verify


@pytest.fixture
def told(ledger: Ledger, graph: Graph) -> None:
    """Fill both stores with the stories of two users, some of it alike."""
    story = [
        interaction("recall", user_id=user, event_id=EVENT, metadata={"query": "a"}, timestamp=NOW.timestamp() - age)
        for user in (ALICE, BOB)
        for age in (3, 1)
    ]
    story += [
        interaction(kind, user_id=user, event_id=EVENT, artifact_id=f"{ARTIFACT}-{n}", metadata={"n": n, "position": 1})
        for user in (ALICE, BOB)
        for n, kind in enumerate(("peel", "keep", "mark_good", "mark_bad", "unkeep", "unmark"))
    ]
    story.append(interaction("peel", user_id=BOB, artifact_id="long " * 40))
    ledger.store(story)
    upkeep.tend(ledger, graph, in_time=lambda: True)  # which makes the watermark, too


COUNTS = ("missing", "extra", "different")
DAMAGES = {
    "an edge deleted": ("MATCH (:Event {user_id: $alice})-[r:KEEP]->() DELETE r", (1, 0, 0)),
    "a property changed": ("MATCH (e:Event {user_id: $alice}) SET e.metadata = '{}'", (0, 0, 1)),
    "a moment changed": (
        "MATCH ({user_id: $alice})-[r:PEEL]->() SET r.timestamp = r.timestamp + duration({nanoseconds: 1})",
        (0, 0, 1),
    ),
    "a property removed": ("MATCH (e:Event {user_id: $alice}) REMOVE e.query", (0, 0, 1)),
    "a query changed": ("MATCH (e:Event {user_id: $alice}) SET e.query = 'b'", (0, 0, 1)),
    "a position removed": ("MATCH ({user_id: $alice})-[r:PEEL]->() REMOVE r.position", (0, 0, 1)),
    "a position of another type": ("MATCH ({user_id: $alice})-[r:PEEL]->() SET r.position = 1.0", (0, 0, 1)),
    "a property back in the JSON": (
        'MATCH (e:Event {user_id: $alice}) SET e.metadata = \'{"query": "a"}\'',
        (0, 0, 1),
    ),
    "a property added": ("MATCH (a:Artifact {user_id: $alice, id: $artifact + '-0'}) SET a.labels = 1", (0, 0, 1)),
    "a label removed": ("MATCH (e:Event {user_id: $alice}) REMOVE e:RecallEvent", (0, 0, 1)),
    "a label added": ("MATCH (u:User {id: $alice}) SET u:Person", (0, 0, 1)),
    "an edge doubled": (
        (
            "MATCH ({user_id: $alice})-[r:PEEL]->(a) MATCH (e:Event {user_id: $alice})"
            " CREATE (e)-[s:PEEL]->(a) SET s = properties(r)"
        ),
        (0, 1, 0),
    ),
    "an edge moved to another user": (
        (
            "MATCH (:Event {user_id: $alice})-[r:KEEP]->(a) MATCH (b:Event {user_id: $bob}) WITH r, a, b LIMIT 1"
            " CREATE (b)-[s:KEEP]->(a) SET s = properties(r) DELETE r"
        ),
        (1, 1, 0),
    ),
    "a node added by hand": ("CREATE (:Event {user_id: $alice, id: 'x'})", (0, 1, 0)),
    "a user that nobody knows": (
        "CREATE (:User {id: $carol})-[:INITIATED]->(:Event {user_id: $carol, id: 'x'})",
        (0, 3, 0),
    ),
    "an event of nobody known": ("CREATE (:Event {user_id: $carol, id: 'x'})-[:PEEL]->(:Event)", (0, 3, 0)),
    "an artifact of nobody known": ("CREATE (:Artifact {user_id: $carol, id: 'x'})", (0, 1, 0)),
    "a node without a user": ("CREATE (:Event {id: 'x'}), ({a: 1}), (:User)", (0, 3, 0)),
    "what hides as a watermark": ("CREATE (:Watermark {note: 'x'}), (:Note:Watermark)", (0, 2, 0)),
    "nodes of a user without a name": ("CREATE (:User {id: ''}), (:Event {user_id: '', id: 'x'})", (0, 2, 0)),
    "an event that is called a user, too": ("MATCH (e:RecallEvent {user_id: $alice}) SET e:User", (8, 8, 0)),
    "an edge of the watermark": (
        "MATCH (w:Watermark), (a:Artifact {user_id: $alice}) WITH w, a LIMIT 1 CREATE (w)-[:PEEL]->(a)",
        (0, 1, 0),
    ),
    "a second watermark": ("CREATE (:Watermark), (:Watermark {reached_at: datetime('2020-01-01')})", (0, 2, 0)),
    "a user whose name Postgres cannot have": (
        "CREATE (:User {id: 'a\\u0000'})-[:INITIATED]->(:Event {user_id: '\\u0000', id: 'x'})",
        (0, 2, 0),
    ),
    "more on the watermark than belongs there": ("MATCH (w:Watermark) SET w.note = 1, w:Note", (0, 1, 0)),
    "a node with a label of its own": ("CREATE (:Note {user_id: $alice, id: 'x'})", (0, 1, 0)),
    "a user deleted": ("MATCH (u:User {id: $alice}) DETACH DELETE u", (2, 0, 0)),
    "all of a user deleted": ("MATCH (n) WHERE n.user_id = $alice OR n.id = $alice DETACH DELETE n", (15, 0, 0)),
}


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_difference_is_reported_and_repaired(verify: Verify, cypher: neo4j.Session, damage: str) -> None:
    before, sound = snapshot(cypher), verify()
    assert sound["ledger"] == sound["graph"]
    text, expected = DAMAGES[damage]
    cypher.run(text, alice=ALICE, bob=BOB, carol=CAROL, artifact=ARTIFACT).consume()
    found = verify()
    assert tuple(found[name] for name in COUNTS) == expected
    assert len(found["examples"]) == sum(expected)
    assert found["ledger"] == sound["ledger"] == sound["graph"] != found["graph"]
    repaired = verify(repair=True)
    assert (repaired["repaired"], repaired["undecided"]) == (sum(repaired[name] for name in COUNTS), [])
    after = verify()
    assert (after["missing"], after["extra"], after["different"]) == (0, 0, 0)
    assert (after["ledger"], after["graph"]) == (sound["ledger"], sound["graph"])
    assert snapshot(cypher) == before


@pytest.mark.usefixtures("told")
def test_a_node_doubled_while_its_constraint_was_missing_is_repaired_at_once(
    verify: Verify, cypher: neo4j.Session
) -> None:
    before = snapshot(cypher)
    name = "event_key"
    cypher.run(f"DROP CONSTRAINT {name}").consume()
    cypher.run("MATCH (e:Event {user_id: $alice}) CREATE (f:Event) SET f = properties(e)", alice=ALICE).consume()
    assert (verify()["extra"], verify(repair=True)["repaired"]) == (1, 1)
    assert snapshot(cypher) == before


@pytest.mark.usefixtures("told")
def test_orphans_of_several_pages_are_all_counted_and_deleted(verify: Verify, cypher: neo4j.Session) -> None:
    before = snapshot(cypher)
    cypher.run("UNWIND range(1, 10) AS n CREATE (:Note {n: n})").consume()
    assert verify(page_orphans=3)["extra"] == 10
    assert verify(repair=True, page_orphans=3)["repaired"] == 10
    assert snapshot(cypher) == before


@pytest.mark.long
@pytest.mark.usefixtures("told")
def test_an_orphan_with_too_many_edges_for_one_transaction_is_deleted_in_parts(
    verify: Verify, cypher: neo4j.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_parts: list[str] = []
    delete_orphan = deletions.delete_orphan

    def watched(graph: Graph, handle: str) -> None:
        in_parts.append(handle)
        delete_orphan(graph, handle)

    monkeypatch.setattr(deletions, "delete_orphan", watched)
    before = snapshot(cypher)
    cypher.run("CREATE (:Note)").consume()
    for _ in range(6):
        cypher.run("MATCH (n:Note), (u:User {id: $bob}) UNWIND range(1, 50000) AS i CREATE (n)-[:OF]->(u)", bob=BOB)
    assert verify(repair=True)["repaired"] == 1
    assert len(in_parts) == 1  # otherwise one transaction was enough
    assert snapshot(cypher) == before


@pytest.mark.usefixtures("told")
def test_an_example_names_what_differs_without_its_values(verify: Verify, cypher: neo4j.Session) -> None:
    cypher.run("MATCH (e:Event {user_id: $alice}) SET e.metadata = 'secret'", alice=ALICE).consume()
    [example] = verify()["examples"]
    assert example == {"what": "different", "element": ["Event", ALICE, EVENT], "in": ["metadata"]}


@pytest.mark.usefixtures("told")
def test_after_a_loss_and_after_a_rebuild_the_digest_is_as_before(
    verify: Verify, ledger: Ledger, graph: Graph, cypher: neo4j.Session
) -> None:
    upkeep.tend(ledger, graph, in_time=lambda: True)
    before = verify()
    cypher.run("MATCH (n) DETACH DELETE n").consume()
    upkeep.tend(ledger, graph, in_time=lambda: True)
    assert verify() == before
    rebuild.begin(ledger, cause="a test", from_scratch=True)
    with pytest.raises(UndecidedError, match="rebuild"):
        verify()
    while rebuilds.under_way(ledger.connection):
        rebuild.step(ledger, graph)
    assert verify() == before


@pytest.mark.usefixtures("told")
def test_a_verification_during_which_a_rebuild_from_scratch_begins_is_undecided(
    verify: Verify, ledger: Ledger, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare_sums = Verification._compare_sums  # noqa: SLF001

    def begin(self: Verification, users: list[str]) -> list[str]:
        rebuild.begin(ledger, cause="a test", from_scratch=True)
        rebuild.step(ledger, graph)
        return compare_sums(self, users)

    monkeypatch.setattr(Verification, "_compare_sums", begin)
    with pytest.raises(UndecidedError, match="began meanwhile"):
        verify()


@pytest.mark.usefixtures("told")
def test_a_user_too_large_to_compare_leaves_the_other_users_verified(
    verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_users = actual.of_users

    def limited(transaction: neo4j.Transaction, users: list[str]) -> Any:
        if ALICE in users:
            raise RowsRefusedError("TransactionTimedOut")
        yield from of_users(transaction, users)

    monkeypatch.setattr(actual, "of_users", limited)
    found = verify(page_rows=1)  # one user at a time
    assert [one["user"] for one in found["undecided"]] == [ALICE]
    assert found["users"] == 2


# 19 KB that Postgres writes as 1 MB, the most that the API takes: it writes numbers without exponents.
INFLATED = {"a": [1e308] * 3236, "position": 7}
# Of metadata that is too long for the graph, both keys as they may be, just may not be, and cannot be.
KEYS: list[dict[str, Any]] = [
    {"query": q} for q in ("\u0001" * GRAPH_QUERY_BYTES, "é" * GRAPH_QUERY_BYTES, "q" * 5000, {"a": 1}, None)
]
KEYS += [{"position": position} for position in (3.0, 3.5, MAX_POSITION, 1e308, "q" * 5000, [1], True, None)]


def test_large_metadata_costs_a_verification_little_memory_and_is_as_the_projection_has_it(
    verify: Verify, ledger: Ledger, graph: Graph, sql: psycopg.Connection
) -> None:
    ledger.store([interaction("peel", event_id=EVENT, artifact_id=f"{n}", metadata=INFLATED) for n in range(3)])
    long = [{"k": "x" * GRAPH_METADATA_BYTES, **keys} for keys in KEYS]
    ledger.store([interaction(kind, artifact_id="a", metadata=one) for kind in ("recall", "peel") for one in long])
    project_all(ledger, graph)
    assert {"missing": 0, "extra": 0, "different": 0}.items() <= verify().items()
    ledger.store([interaction("peel", event_id=EVENT, artifact_id=f"{n}", metadata=INFLATED) for n in range(3, 40)])
    sql.execute("DELETE FROM graph_outbox")  # so they are compared exactly, too
    tracemalloc.start()
    try:
        found = verify()
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found["missing"], found["undecided"]) == (2 * 37, [])
    assert peak_bytes < 10_000_000  # the rows of this event are 40 MB as text


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("MAX_ROWS", 7, "too large to compare: more than 7 interactions"),
        ("LEDGER_SECONDS", 0, "too large to compare: interactions that take more than 0 s to read"),
        ("MAX_SIDE_BYTES", 5_000, "too large to compare exactly: more than 0 MB"),
    ],
)
def test_a_user_with_more_than_a_comparison_may_hold_is_undecided(
    verify: Verify, cypher: neo4j.Session, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, reason: str
) -> None:
    cypher.run("MATCH (e:Event {user_id: $alice}) SET e.metadata = '{}'", alice=ALICE).consume()
    monkeypatch.setattr(user, limit, value)
    for repair in (False, True):
        found = verify(repair=repair, page_rows=1)
        assert {"user": ALICE, "reason": reason} in found["undecided"]
        assert found["users"] == 2


@pytest.mark.usefixtures("told")
def test_waiting_rows_are_no_difference_and_a_parked_row_is_one(
    verify: Verify, ledger: Ledger, sql: psycopg.Connection
) -> None:
    # An opening that is earlier than what the graph has: neither the old nor the new state is all of the truth.
    ledger.store([interaction("workspace", event_id=EVENT, timestamp=NOW.timestamp() - 9, metadata={"why": ["a"]})])
    ledger.store([interaction("keep", user_id=CAROL, artifact_id="a", metadata={})])
    found = verify()
    assert (found["missing"], found["different"], found["undecided"]) == (0, 0, [])
    assert found["ledger"] == found["graph"]
    sql.execute("UPDATE graph_outbox SET next_attempt_at = 'infinity'")
    found = verify()
    assert (found["missing"], found["different"]) == (5, 1)


@pytest.mark.usefixtures("told")
def test_verifying_without_repair_changes_nothing(verify: Verify, ledger: Ledger, cypher: neo4j.Session) -> None:
    ledger.store([interaction("keep", user_id=CAROL, artifact_id="a"), interaction("keep", artifact_id="b")])
    before = snapshot(cypher)
    verify()
    assert snapshot(cypher) == before


@pytest.mark.usefixtures("told")
def test_a_user_with_many_waiting_rows_or_an_erasure_under_way_is_undecided(
    verify: Verify, ledger: Ledger, operator: Ledger, sql: psycopg.Connection
) -> None:
    operator.claim_rows = 1
    ledger.store([interaction("keep", artifact_id=str(number)) for number in range(2)])
    assert verify()["undecided"] == [{"user": ALICE, "reason": "2 rows wait to be projected"}]
    sql.execute("INSERT INTO erasure VALUES (%s, now())", [ALICE])
    assert verify()["undecided"] == [{"user": ALICE, "reason": "the user is being erased"}]


@pytest.mark.usefixtures("told")
def test_a_row_of_a_kind_that_only_newer_code_knows_leaves_its_user_undecided(
    verify: Verify, ledger: Ledger, graph: Graph, sql: psycopg.Connection
) -> None:
    ledger.store([interaction("workspace", timestamp=NOW.timestamp() - 9)])
    sql.execute("UPDATE interaction SET kind = 'impression' WHERE kind = 'workspace'")
    drain(ledger, graph)
    reason = "rows of a kind unknown here wait for newer code"
    assert verify()["undecided"] == [{"user": ALICE, "reason": reason}]


def test_traffic_never_shows_as_a_difference(
    verify: Verify, opened: Opened, sql: psycopg.Connection, cypher: neo4j.Session
) -> None:
    stop = threading.Event()

    def traffic(worker: int) -> int:
        number = 0
        with opened() as (own, target):
            while not stop.is_set():
                for _ in range(3):
                    number += 1
                    age = number * (1, -1)[number % 2] + worker / 10
                    own.store(
                        [
                            interaction(
                                kind,
                                user_id=f"user-{number % 5}",
                                event_id=EVENT.replace("d3", f"d{number % 3}"),
                                artifact_id=f"{ARTIFACT}-{number % 4}",
                                timestamp=NOW.timestamp() - age,
                            )
                            for kind in ("recall", "workspace", "keep")
                        ]
                    )
                try:
                    drain(own, target)
                except GraphUnavailableError:
                    stop.wait(0.05)
        return number

    with ThreadPoolExecutor() as pool:
        streams = [pool.submit(traffic, worker) for worker in range(2)]
        try:
            reports = [verify() for _ in range(6)]
        finally:
            stop.set()
        assert all(stream.result() > 20 for stream in streams)
    for report in reports:
        assert (report["missing"], report["extra"], report["different"], report["undecided"]) == (0, 0, 0, [])
        assert report["ledger"] == report["graph"]
    assert len({report["ledger"] for report in reports}) > 3


# The longest metadata that the graph holds, and one byte more: {"k": "…"} has nine characters of its own.
texts = st.text(max_size=2) | st.sampled_from(["x" * (GRAPH_METADATA_BYTES - 9), "x" * (GRAPH_METADATA_BYTES - 8)])
odd = [
    0,
    -1,
    2.5,
    3.0,
    1e300,
    MAX_POSITION,
    MAX_POSITION + 1,
    True,
    "",
    "q" * GRAPH_QUERY_BYTES,
    "q" * 1025,
    'a"\n\u0001é, ',
]
values = st.integers(0, 2) | texts | st.sampled_from([*odd, None, {"query": "a", "position": 1}, ["position", 1]])
happenings = st.builds(
    interaction,
    st.sampled_from(list(Kind)),
    event_id=st.sampled_from([EVENT, EVENT.replace("d3", "d4"), None]),
    artifact_id=st.sampled_from(["a", "b", "Ä\U0001f600", "x" * 200]),
    timestamp=st.sampled_from([NOW.timestamp(), NOW.timestamp() - 0.000_001, NOW.timestamp() - 5]),
    metadata=st.none() | st.dictionaries(st.sampled_from(["k", "ü", "query", "position", "long key"]), values),
)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(happenings, min_size=1, max_size=8), st.integers(1, 4))
def test_the_expected_graph_and_the_projection_agree(
    ledger: Ledger, graph: Graph, verify: Verify, interactions: list[Any], size: int
) -> None:
    for start in range(0, len(interactions), size):
        ledger.store(interactions[start : start + size])
        drain(ledger, graph)
    found = verify()
    assert (found["missing"], found["extra"], found["different"]) == (0, 0, 0)
    assert found["ledger"] == found["graph"]
