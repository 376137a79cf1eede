"""The ledger's promises on a real Postgres."""

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from bench.far import far
from chalicelib.interaction import Interaction, microseconds, to_datetime
from chalicelib.ledger import connection as postgres
from chalicelib.ledger import erasures, migrate, pages
from chalicelib.ledger.ledger import ROW_BYTES, STORE, Ledger, Row, Stored, Waiting, columns
from chalicelib.ledger.migrate import MIGRATIONS, migrate_ledger
from local.cloud import Cloud
from tests.samples import ALICE, ARTIFACT, BOB, NOW, interaction


@pytest.fixture
def another(stores: dict[str, Any]) -> Iterator[Ledger]:
    ledger = Ledger(lambda: postgres.conninfo(stores["postgres"]))
    yield ledger
    ledger.close()


def count(sql: psycopg.Connection, table: str) -> int:
    [[number]] = sql.execute(f"SELECT count(*) FROM {table}")
    return int(number)


def test_a_row_holds_what_was_sent_to_the_microsecond(ledger: Ledger, sql: psycopg.Connection) -> None:
    one = interaction(
        "keep", artifact_id="ünï😀", metadata={"a": [1, 2.5, None, "\ue000"]}, timestamp=1_700_000_000.123456
    )
    ledger.store([one])
    [row] = sql.execute(
        "SELECT id::text, user_id, event_id::text, kind, artifact_id, metadata, timestamp, received_at FROM interaction"
    )
    assert row == (one.id, ALICE, one.event_id, "keep", "ünï😀", one.metadata, to_datetime(one.timestamp), NOW)


def test_absent_metadata_is_null_and_empty_metadata_is_not(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([interaction(), interaction(metadata={})])
    assert {row[0] for row in sql.execute("SELECT metadata::text FROM interaction")} == {None, "{}"}


def test_every_new_row_waits_in_the_outbox_and_a_repeated_one_does_not(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([interaction()])
    with ledger.claim() as rows:
        assert len(rows) == 1
    ledger.store([interaction()])
    assert (count(sql, "interaction"), count(sql, "graph_outbox")) == (1, 0)


def test_batches_that_overlap_in_opposite_order_neither_deadlock_nor_store_twice(
    ledger: Ledger, another: Ledger, sql: psycopg.Connection
) -> None:
    batch = [interaction("peel", artifact_id=str(number)) for number in range(500)]
    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(lambda job: job[0].store(job[1]), [(ledger, batch), (another, batch[::-1])]))
    assert sum(outcome.stored for outcome in outcomes) == count(sql, "interaction") == count(sql, "graph_outbox") == 500


def test_what_was_received_or_happened_before_an_erasure_is_not_stored(ledger: Ledger, sql: psycopg.Connection) -> None:
    sql.execute("INSERT INTO erasure VALUES (%s, %s)", [ALICE, NOW])
    later = NOW + timedelta(seconds=1)
    received_before = interaction("peel", artifact_id="1", timestamp=later.timestamp())
    happened_before = interaction("peel", artifact_id="2", now=later)
    after = interaction("peel", artifact_id="3", now=later, timestamp=later.timestamp())
    of_another = interaction(user_id=BOB)
    outcome = ledger.store([received_before, happened_before, after, of_another])
    assert outcome == Stored(stored=2, repeated=0, erased=2)
    assert {str(row[0]) for row in sql.execute("SELECT id FROM interaction")} == {after.id, of_another.id}


def test_after_an_erasure_with_the_account_no_token_from_before_stores_anything(
    ledger: Ledger, operator: Ledger
) -> None:
    late = datetime.now(UTC) + timedelta(hours=2)  # by whatever clock, and a token lives for an hour only
    erased_at = erasures.record(operator.connection, ALICE, None, with_account=True)
    assert timedelta(seconds=30) < erased_at - datetime.now(UTC) <= erasures.CLOCK_MARGIN

    def posted(number: int, signed_in_at: datetime | None, user_id: str = ALICE) -> Interaction:
        one = interaction("peel", user_id=user_id, now=late, timestamp=late.timestamp(), artifact_id=str(number))
        return one.model_copy(update={"signed_in_at": signed_in_at and microseconds(signed_in_at)})

    with_old_tokens = [
        posted(1, datetime.now(UTC) - timedelta(minutes=59)),
        posted(2, datetime.now(UTC) + timedelta(seconds=20)),  # by a clock that is ahead
        posted(3, None),  # of older code, or of a token that does not say it
    ]
    others = [posted(4, erased_at + timedelta(seconds=1)), posted(5, None, user_id=BOB)]
    assert ledger.store(with_old_tokens) == Stored(stored=0, repeated=0, erased=3)
    assert ledger.store(others) == Stored(stored=2, repeated=0, erased=0)


def test_a_repeated_erasure_stays_one_with_the_account(operator: Ledger) -> None:
    first = erasures.record(operator.connection, ALICE, None, with_account=True)
    assert erasures.record(operator.connection, ALICE, NOW) == first
    assert [one["with_account"] for one in erasures.list_after(operator.connection, "", 10)] == [True]


def test_after_an_erasure_without_the_account_its_token_stores_later_interactions(
    ledger: Ledger, operator: Ledger
) -> None:
    erased_at = erasures.record(operator.connection, ALICE, None)
    later = erased_at + timedelta(seconds=1)
    assert ledger.store([interaction(now=later, timestamp=later.timestamp())]).stored == 1


def test_the_times_of_erasures_are_told_of_those_who_have_one(ledger: Ledger, sql: psycopg.Connection) -> None:
    sql.execute("INSERT INTO erasure VALUES (%s, %s)", [ALICE, NOW])
    assert ledger.erased([ALICE, BOB]) == {ALICE: erasures.Erased(NOW, with_account=False)}
    assert ledger.erased([]) == {}


@pytest.mark.parametrize("statement", ["_KEY_PAGE", "_USER_PAGE", "_EXPORT_PAGE", "_DAY_PAGE"])
def test_a_page_weighs_no_more_rows_than_it_returns_but_one(
    ledger: Ledger, sql: psycopg.Connection, statement: str
) -> None:
    """Else one user's large rows, weighed again for each page, would make all their pages take hours."""
    ledger.store([interaction("peel", artifact_id=str(number), metadata={"k": "x" * 1000}) for number in range(500)])
    sql.execute("ANALYZE interaction")
    ends = {"last": UUID(int=2**128 - 1), "end": UUID(int=2**128 - 1), "lane": 0, "lanes": 1}
    size = {"rows": 1000, "bytes": 5_000, "row_bytes": 500}
    values = {"user_id": ALICE, "event_id": UUID(int=0), "id": UUID(int=0), **ends, **size}
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {getattr(pages, statement)}"
    [[[explained]]] = sql.execute(explain, values).fetchall()
    [weighing] = [node for node in _nodes(explained["Plan"]) if node["Node Type"] == "Recursive Union"]
    scans = [node for node in _nodes(weighing) if node.get("Relation Name") == "interaction"]
    assert explained["Plan"]["Actual Rows"] == 3  # of about 1,500 bytes
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans) == 4


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from _nodes(part)


def test_a_failed_claim_requeues_its_rows(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([interaction()])
    with pytest.raises(KeyError), ledger.claim():
        raise KeyError
    with ledger.claim() as rows:
        assert [row.attempts for row in rows] == [0]


def test_two_claims_at_once_share_no_user(ledger: Ledger, another: Ledger) -> None:
    users = [f"user-{number}" for number in range(100)]
    ledger.store([interaction("peel", artifact_id=str(number), user_id=users[number % 100]) for number in range(1500)])
    with ledger.claim() as mine, another.claim() as theirs:
        assert (len(mine), 100 < len(theirs) <= 500) == (1000, True)
        assert not {row.user_id for row in mine} & {row.user_id for row in theirs}


def test_a_claim_leaves_the_partitions_that_it_does_not_need(ledger: Ledger, another: Ledger) -> None:
    ledger.claim_rows = another.claim_rows = 5
    ledger.store([interaction(user_id=f"user-{number}") for number in range(50)])
    with ledger.claim() as mine, another.claim() as theirs:
        assert (len(mine), len(theirs)) == (5, 5)


def test_the_partition_that_waited_longest_comes_first_and_within_it_the_oldest_row(
    ledger: Ledger, sql: psycopg.Connection
) -> None:
    ledger.claim_rows = 1
    # The hot user's rows are older by their keys; what counts is how long a row has waited.
    hot = [interaction("peel", artifact_id=str(n), timestamp=NOW.timestamp() - 60) for n in range(10)]
    ledger.store(hot)
    sql.execute("UPDATE graph_outbox SET next_attempt_at = now() - interval '1 minute'")
    beside = next(
        user
        for user in map(str, range(1000))
        if sql.execute("SELECT user_partition(%s) = user_partition(%s)", [user, ALICE]).fetchone() == (True,)
    )
    ledger.store([interaction(user_id=BOB), interaction(user_id=beside)])
    sql.execute(
        "UPDATE graph_outbox SET next_attempt_at = now() - interval '2 minutes' WHERE partition = user_partition(%s)",
        [BOB],
    )
    taken = []
    for _ in range(12):
        with ledger.claim() as rows:
            taken += [row.user_id for row in rows]
    assert taken == [BOB, *[ALICE] * 10, beside]


def test_code_that_names_no_partition_gets_the_users(ledger: Ledger, sql: psycopg.Connection) -> None:
    old = STORE.replace(", partition)", ")").replace(", user_partition(user_id) FROM stored", " FROM stored")
    assert "partition" not in old
    ledger.connection.execute(old, columns([interaction(user_id=user) for user in (ALICE, BOB)]))
    found = sql.execute(
        "SELECT partition = user_partition(user_id) FROM graph_outbox JOIN interaction ON id = interaction_id"
    )
    assert found.fetchall() == [(True,), (True,)]


def test_a_claim_stops_at_four_megabytes_but_takes_at_least_one_row(
    ledger: Ledger,
) -> None:
    ledger.store([interaction("peel", artifact_id=str(n), metadata={"text": "x" * 200_000}) for n in range(30)])
    with ledger.claim() as rows:
        assert len(rows) == 4_000_000 // (200_000 + len('{"text": ""}') + ROW_BYTES)
    ledger.claim_bytes = 1000
    with ledger.claim() as rows:
        assert len(rows) == 1


def test_a_batch_is_stored_in_one_round_trip_and_claimed_in_two(
    stores: dict[str, Any], sql: psycopg.Connection
) -> None:
    secret = stores["postgres"]
    with (
        far(secret["port"], delay_seconds=0) as way,
        closing(Ledger(lambda: postgres.conninfo(secret | {"port": way.port}), claim_rows=1)) as ledger,
    ):
        ledger.store([interaction("peel", artifact_id="the first")])  # connects
        before = way.round_trips
        for number in range(20):
            ledger.store([interaction("peel", artifact_id=str(number))])
        stored = way.round_trips - before
        for _ in range(20):
            with ledger.claim() as rows:
                assert len(rows) == 1
        claimed = way.round_trips - before - stored
    # The server may answer the first part of what was sent before it has the rest.
    assert 20 <= stored < 30
    assert 40 <= claimed < 50
    assert (count(sql, "interaction"), count(sql, "graph_outbox")) == (21, 1)


def test_a_refused_batch_leaves_no_row_and_no_lock(ledger: Ledger, sql: psycopg.Connection) -> None:
    wrong = interaction("peel", artifact_id="wrong").model_copy(update={"event_id": "no UUID"})
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        ledger.store([interaction("peel", artifact_id="good"), wrong])
    assert count(sql, "interaction") == count(sql, "graph_outbox") == 0
    assert count(sql, "pg_locks WHERE locktype = 'advisory'") == 0
    assert ledger.store([interaction("peel", artifact_id="good")]).stored == 1


def test_a_claim_that_fails_leaves_its_connection_usable(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([interaction()])
    ledger.claim_rows = -1
    with pytest.raises(psycopg.errors.InvalidRowCountInLimitClause), ledger.claim():
        pytest.fail("it claimed")
    ledger.claim_rows = 1
    with ledger.claim() as rows:
        assert len(rows) == 1
    assert count(sql, "pg_locks WHERE locktype = 'advisory'") == 0


def test_a_batch_is_stored_once_after_its_connection_broke(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([interaction("peel", artifact_id="first")])
    sql.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
    assert ledger.store([interaction("peel", artifact_id="second")]).stored == 1
    assert count(sql, "interaction") == 2


def test_a_claim_outlives_the_reconnect_of_a_broken_connection(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([interaction()])
    sql.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
    with ledger.claim() as rows:
        assert len(rows) == 1


def test_a_lost_claim_raises_before_the_work_continues(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([interaction()])
    with pytest.raises(psycopg.OperationalError), ledger.claim():
        _lose_and_keep(ledger, sql)


def _lose_and_keep(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.keep_transaction()
    sql.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
    ledger.keep_transaction()
    pytest.fail("it went on")


def test_an_abandoned_ledger_releases_its_claim_at_once(ledger: Ledger, another: Ledger) -> None:
    ledger.store([interaction()])
    with pytest.raises(psycopg.OperationalError), ledger.claim() as mine:
        _abandon_and_claim(ledger, another)
    assert len(mine) == 1


def _abandon_and_claim(ledger: Ledger, another: Ledger) -> None:
    ledger.abandon()
    until = time.monotonic() + 5
    rows: list[Row] = []
    while not rows and time.monotonic() < until:
        with another.claim() as rows:
            pass
    assert len(rows) == 1


def test_the_functions_role_has_limits_for_what_a_killed_function_holds(ledger: Ledger) -> None:
    limits = {
        name: ledger.connection.execute(f"SHOW {name}").fetchone()
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    }
    assert limits == {
        "statement_timeout": ("20s",),
        "lock_timeout": ("10s",),
        "idle_in_transaction_session_timeout": ("15s",),
    }


@pytest.mark.parametrize("role", ["app", "operator", "analyst", "event_status"])
def test_a_migration_restores_the_settings_that_a_role_has_changed_for_itself(
    role: str, cloud: Cloud, stores: dict[str, Any], sql: psycopg.Connection
) -> None:
    """Who has taken a function over could stop its work for good."""
    secrets = [secret for name, secret in stores.items() if name.startswith("postgres")]
    logins = {secret["username"]: postgres.conninfo(secret) for secret in secrets}
    login = (logins | {"analyst": cloud.environment()["ANALYST_DATABASE_URL"]})[role]
    settings = "SELECT setrole::regrole, setdatabase, setconfig FROM pg_db_role_setting ORDER BY 1, 2"
    before = sql.execute(settings).fetchall()
    with psycopg.connect(login, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER ROLE CURRENT_USER RESET ALL")
        connection.execute("ALTER ROLE CURRENT_USER SET lock_timeout = '1ms'")
        connection.execute("ALTER ROLE CURRENT_USER IN DATABASE interaction SET statement_timeout = '1ms'")
        connection.execute("ALTER ROLE CURRENT_USER IN DATABASE postgres SET search_path = nowhere")
    with psycopg.connect(login) as connection, pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(10)")
    assert migrate_ledger(stores["postgres-owner"]) == []
    assert sql.execute(settings).fetchall() == before
    with psycopg.connect(login) as connection:
        connection.execute("SELECT pg_sleep(0.1)")


def test_what_waits_is_counted_and_its_oldest_due_row_timed(ledger: Ledger, sql: psycopg.Connection) -> None:
    assert ledger.waiting() == Waiting(0, 0, 0)
    ledger.store([interaction("peel", artifact_id=str(number)) for number in range(5)])
    for when, which in (("now() - interval '90 s'", "min"), ("'infinity'", "max")):
        row = f"(SELECT {which}(interaction_id::text)::uuid FROM graph_outbox)"
        sql.execute(f"UPDATE graph_outbox SET next_attempt_at = {when} WHERE interaction_id = {row}")
    waiting = ledger.waiting()
    assert (waiting.rows, waiting.parked) == (4, 1)
    assert waiting.age_seconds == pytest.approx(90, abs=5)


def test_the_functions_role_cannot_change_or_remove_history(ledger: Ledger) -> None:
    for statement in ("UPDATE interaction SET kind = 'keep'", "DELETE FROM interaction", "DROP TABLE interaction"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.connection.execute(statement)


def test_migrating_again_changes_nothing(stores: dict[str, Any]) -> None:
    assert migrate_ledger(stores["postgres-owner"]) == []


def test_an_interrupted_migration_is_repeated(
    stores: dict[str, Any], sql: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apply each migration twice to an empty database: the second time everything is there, and nothing is marked."""
    monkeypatch.setattr(migrate, "MIGRATIONS", tmp_path)
    sql.execute("CREATE DATABASE repeated")
    owner = stores["postgres-owner"] | {"dbname": "repeated"}
    try:
        for file in sorted(MIGRATIONS.glob("*.sql")):
            shutil.copy(file, tmp_path)
            assert migrate_ledger(owner) == [file.stem]
            with psycopg.connect(postgres.conninfo(owner)) as repeated:
                repeated.execute("DELETE FROM _yoyo_migration WHERE migration_id = %s", [file.stem])
            assert migrate_ledger(owner) == [file.stem]
    finally:
        sql.execute("DROP DATABASE repeated WITH (FORCE)")


def test_the_views_answer_what_people_ask(ledger: Ledger, sql: psycopg.Connection) -> None:
    recall = interaction(timestamp=NOW.timestamp() - 10)
    event: dict[str, Any] = {"event_id": recall.event_id, "artifact_id": ARTIFACT}
    good = interaction("mark_good", **event)
    ledger.store(
        [recall, interaction("peel", timestamp=NOW.timestamp() - 4, **event), interaction("keep", **event), good]
    )
    outcome = "peels, keeps, good, bad, time_to_first_peel"
    assert sql.execute(f"SELECT {outcome} FROM event_outcome").fetchall() == [(1, 1, 1, 0, timedelta(seconds=6))]
    assert sql.execute("SELECT * FROM artifact_marks").fetchall() == [(ARTIFACT, 1, 1, 1, 0, 1, 0, 0)]
    by_day = sql.execute("SELECT kind, interactions, users FROM interactions_by_day ORDER BY kind").fetchall()
    assert by_day == [("keep", 1, 1), ("mark_good", 1, 1), ("peel", 1, 1), ("recall", 1, 1)]
