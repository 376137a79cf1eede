"""Kept answers are what counting again gives, after whatever changes the ledger."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from bench.filling import fill
from chalicelib.graph.client import Graph
from chalicelib.interaction import Interaction, Kind
from chalicelib.ledger import day_answers, erasures, statistics, users, watermark
from chalicelib.ledger.ledger import Ledger
from chalicelib.ledger.migrate import migrate_ledger
from chalicelib.ledger.questions import OF_A_DAY, SUMS
from chalicelib.ledger.statistics import answer, keep_ahead
from chalicelib.projection.catch_up import tend
from tests.samples import ALICE, BOB, EVENT, interaction

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAYS: dict[str, Any] = {"since": str((TODAY - timedelta(days=3)).date()), "until": str(TODAY.date())}
LONG_STORED = "UPDATE interaction SET stored_at = now() - interval '1 hour'"
OTHER = EVENT.replace("d3", "d4")

Answers = list[dict[str, Any]]


def at(hours: float, kind: str, artifact: str | None = None, user: str = ALICE, **fields: Any) -> Interaction:
    """Return what the user did so many hours before today began."""
    when = (TODAY - timedelta(hours=hours)).isoformat()
    touched = {"artifact_id": artifact} if artifact else {}
    given = {"event_id": EVENT, "timestamp": when} | touched | fields
    return interaction(kind, user_id=user, now=datetime.now(UTC), **given)


@pytest.fixture
def ask(ledger: Ledger) -> Callable[..., Answers]:
    return lambda **more: answer(ledger, **DAYS, share_seconds=60, **more)["answers"]


@pytest.fixture
def counted(ledger: Ledger, sql: psycopg.Connection, ask: Callable[..., Answers]) -> Callable[[], Answers]:
    """Return a function that forgets all answers and counts again."""

    def counted() -> Answers:
        sql.execute("DELETE FROM day_answer")
        return ask()

    return counted


def test_days_that_are_over_are_counted_once(
    ledger: Ledger, sql: psycopg.Connection, ask: Callable[..., Answers]
) -> None:
    ledger.store([at(9, "recall"), at(8, "peel", "a"), at(-0.001, "keep", "a")])
    sql.execute(LONG_STORED)
    ask()
    days = sql.execute("SELECT day, count(*) FROM day_answer GROUP BY day ORDER BY day").fetchall()
    assert days == [((TODAY - timedelta(days=1)).date(), len(OF_A_DAY) + len(SUMS))]
    sql.execute('UPDATE day_answer SET answer = \'{"columns": ["kept"], "rows": [[1]]}\'')
    assert sum(one["columns"] == ["kept"] for one in ask()) == len(OF_A_DAY)


def test_days_without_interactions_are_counted_once_for_all_of_them(
    ledger: Ledger, sql: psycopg.Connection, ask: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.store([at(30, "recall", metadata={"results": ["a"]}), at(29, "peel", "a", metadata={"position": 1})])
    answers = [one["rows"] for one in ask() if one["question"] in OF_A_DAY]
    days = [(TODAY - timedelta(days=age)).date() for age in (3, 2, 1, 0)]
    counted = [sql.execute(text, {"day": day}).fetchall() for day in days for text in OF_A_DAY.values()]
    assert answers == [[list(row) for row in rows] for rows in counted]
    monkeypatch.setattr(statistics, "OF_A_DAY", {"moment": "SELECT clock_timestamp()::text, %(day)s::date IS NULL"})
    moments = [one["rows"][0][0] for one in ask(questions=["moment"])]
    assert len(moments) == 4
    assert len(set(moments)) == 2


def test_counting_afresh_names_the_kept_answers_that_were_wrong(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([at(9, "recall")])
    sql.execute(LONG_STORED)
    first = answer(ledger, **DAYS, share_seconds=60)
    again = answer(ledger, **DAYS, share_seconds=60)
    assert (again["answers"], again["different"]) == (first["answers"], [])
    sql.execute("UPDATE day_answer SET answer = '{\"columns\": [], \"rows\": []}' WHERE question LIKE 'funnel %'")
    assert len(answer(ledger, **DAYS, share_seconds=60, fresh=True)["different"]) == 1


def test_counting_afresh_names_the_sums_that_were_wrong(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([at(9, "recall", metadata={"query": "x"}), at(8, "keep", "a")])
    sql.execute(LONG_STORED)
    first = answer(ledger, **DAYS, share_seconds=60)
    sql.execute("UPDATE day_sums SET names = ARRAY['x'], n1 = ARRAY[7]")
    assert answer(ledger, **DAYS, share_seconds=60)["answers"] != first["answers"]
    again = answer(ledger, **DAYS, share_seconds=60, fresh=True)
    yesterday = str((TODAY - timedelta(days=1)).date())
    assert {f"{name} of {yesterday}" for name in SUMS} <= set(again["different"])
    assert again["answers"] == first["answers"]


def test_what_nobody_has_asked_for_yet_is_kept_ahead(
    ledger: Ledger, sql: psycopg.Connection, ask: Callable[..., Answers], counted: Callable[[], Answers]
) -> None:
    ledger.store([at(9, "recall", metadata={"query": "x"}), at(8, "keep", "a"), at(50, "recall"), at(-0.001, "recall")])
    sql.execute(LONG_STORED)
    day_answers.forget_changed(ledger.connection)
    of_a_day = len(OF_A_DAY) + len(SUMS)
    assert keep_ahead(ledger, in_time=lambda: False) == 0
    assert keep_ahead(ledger, in_time=iter([True, True, False]).__next__) == 2
    days = "SELECT DISTINCT day FROM day_answer ORDER BY day"
    assert sql.execute(days).fetchall() == [((TODAY - timedelta(days=1)).date(),)]  # the latest first
    assert keep_ahead(ledger, in_time=lambda: True) == 2 * of_a_day - 2
    assert sql.execute(days).fetchall() == [((TODAY - timedelta(days=age)).date(),) for age in (3, 1)]
    assert keep_ahead(ledger, in_time=lambda: True) == 0
    assert ask() == counted()
    ledger.store([at(8, "peel", "a")])  # its event has both days: they are counted again
    day_answers.forget_changed(ledger.connection)
    assert keep_ahead(ledger, in_time=lambda: True) == 2 * of_a_day
    assert ask() == counted()


def test_an_answer_that_takes_too_long_is_left_to_whoever_asks(
    ledger: Ledger, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.store([at(9, "recall")])
    monkeypatch.setattr(statistics, "AHEAD_MILLISECONDS", 200)
    monkeypatch.setitem(OF_A_DAY, "funnel", "SELECT pg_sleep(5) AS slow, %(day)s::date")
    assert keep_ahead(ledger, in_time=lambda: True) == len(OF_A_DAY) + len(SUMS) - 1


def test_an_answer_that_takes_too_long_takes_the_time_of_one_run_alone(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.store([at(9, "recall"), at(50, "recall")])
    yesterday = (TODAY - timedelta(days=1)).date()
    slow = f"SELECT pg_sleep(CASE WHEN %(day)s = '{yesterday}' THEN 60 ELSE 0 END) IS NULL AS slow"
    monkeypatch.setattr(statistics, "AHEAD_MILLISECONDS", 1000)
    monkeypatch.setattr(statistics, "OF_A_DAY", {"funnel": slow})
    monkeypatch.setattr(statistics, "SUMS", {})
    assert [keep_ahead(ledger, in_time=lambda: True, seconds=0.9) for _ in range(3)] == [0, 1, 0]


def test_catch_up_keeps_answers_ahead(ledger: Ledger, sql: psycopg.Connection, graph: Graph) -> None:
    ledger.store([at(9, "recall")])
    tend(ledger, graph, in_time=lambda: True)
    assert sql.execute("SELECT count(*) FROM day_answer").fetchall() == [(len(OF_A_DAY) + len(SUMS),)]


def test_a_flood_changes_all_days_but_those_of_long_ago_stay_for_their_hour(
    ledger: Ledger, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.store([at(24 * age - 1, "recall", metadata={"query": "x"}) for age in (1, 7, 8, 100)])
    sql.execute(LONG_STORED)
    day_answers.forget_changed(ledger.connection)
    keep_ahead(ledger, in_time=lambda: True)
    monkeypatch.setattr(day_answers, "LOOK_MILLISECONDS", 100)
    monkeypatch.setattr(day_answers, "_MARK_CHANGED", "SELECT pg_sleep(5), %s::timestamptz")

    def kept() -> list[int]:
        day_answers.forget_changed(ledger.connection)
        days = "SELECT day FROM day_answer LEFT JOIN day_sums ON answer_id = id GROUP BY day ORDER BY day DESC"
        return [(TODAY.date() - day).days for (day,) in sql.execute(days)]

    assert kept() == [8, 100]
    assert kept() == [8, 100]  # catch-up looks again in a minute
    sql.execute("UPDATE day_answer SET counted_at = now() - interval '61 minutes' WHERE day < current_date - 50")
    assert kept() == [8]


def test_forgetting_may_take_longer_than_a_look(
    ledger: Ledger, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.store([at(9, "recall")])
    keep_ahead(ledger, in_time=lambda: True)
    sql.execute("UPDATE day_answers_checked SET checked_at = now()")
    monkeypatch.setattr(day_answers, "LOOK_MILLISECONDS", 1000)
    slow = f"{day_answers._FORGET_CHANGED} AND (SELECT pg_sleep(1.5)) IS NOT NULL"  # noqa: SLF001
    monkeypatch.setattr(day_answers, "_FORGET_CHANGED", slow)
    day_answers.forget_changed(ledger.connection)
    assert sql.execute("SELECT count(*) FROM day_answer").fetchall() == [(0,)]


def test_what_there_is_no_time_to_forget_is_forgotten_at_the_next_look(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([at(9, "recall"), at(50, "recall"), at(100, "recall")])
    keep_ahead(ledger, in_time=lambda: True)

    def days_left() -> int:
        day_answers.forget_changed(ledger.connection, seconds=0)
        [(days,)] = sql.execute("SELECT count(DISTINCT day) FROM day_answer").fetchall()
        return int(days)

    assert [days_left() for _ in range(3)] == [2, 1, 0]


def test_the_graph_gets_what_waits_even_if_no_answer_can_be_forgotten(
    ledger: Ledger, sql: psycopg.Connection, graph: Graph
) -> None:
    ledger.store([at(9, "recall")])
    ledger.connection.execute("SET lock_timeout = '200ms'")
    with sql.transaction():
        sql.execute("SELECT FROM day_answers_checked FOR UPDATE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            tend(ledger, graph, in_time=lambda: True)
    assert ledger.waiting().rows == 0
    assert watermark.read(ledger.connection)


@pytest.fixture
def large_event(sql: psycopg.Connection) -> None:
    """Make one event of half of 20,000 rows of half a year, its last one just stored; 20 days have kept answers."""
    list(fill(sql, 20_000, str((TODAY - timedelta(days=180)).date())))
    sql.execute("UPDATE interaction SET stored_at = received_at")
    sql.execute("UPDATE interaction SET user_id = %s, event_id = %s WHERE right(id::text, 1) < '8'", [ALICE, EVENT])
    last = "SELECT id FROM interaction WHERE user_id = %s ORDER BY id DESC LIMIT 1"
    sql.execute(f"UPDATE interaction SET stored_at = now() WHERE id = ({last})", [ALICE])
    sql.execute("VACUUM (FULL, ANALYZE) interaction")
    kept = "SELECT 'question ' || n, %s::date - day, '{}' FROM generate_series(1, 20) day, generate_series(1, 11) n"
    sql.execute(f"INSERT INTO day_answer (question, day, answer) {kept}", [TODAY])


def rows_read(connection: psycopg.Connection, statement: str, values: Any) -> int:
    """Run a statement; return how many rows of the ledger it reads, in the heap or in an index."""

    def read(plan: dict[str, Any]) -> float:
        rows = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
        own = rows if plan.get("Relation Name") == "interaction" else 0
        return own + sum(map(read, plan.get("Plans", [])))

    [[[explained]]] = connection.execute(f"EXPLAIN (ANALYZE, FORMAT json) {statement}", values).fetchall()
    return round(read(explained["Plan"]))


@pytest.mark.usefixtures("large_event")
def test_a_look_at_a_large_event_reads_a_row_of_each_of_its_days(ledger: Ledger, sql: psycopg.Connection) -> None:
    since = [datetime.now(UTC) - timedelta(minutes=3)]
    assert rows_read(ledger.connection, day_answers._MARK_CHANGED, since) < 100  # noqa: SLF001
    assert sql.execute("SELECT DISTINCT changed FROM day_answer").fetchall() == [(True,)]


@pytest.mark.usefixtures("large_event")
def test_each_batch_of_an_erasure_reads_its_rows_and_one_of_each_day_of_their_events(
    operator: Ledger, sql: psycopg.Connection
) -> None:
    values = {"user_id": ALICE, "erased_at": datetime.now(UTC), "batch": 10}
    assert rows_read(operator.connection, erasures._DELETE_ROWS, values) < 100  # noqa: SLF001
    assert sql.execute("SELECT count(*) FROM day_answer").fetchall() == [(0,)]


def test_what_arrives_late_counts(ledger: Ledger, ask: Callable[..., Answers], counted: Callable[[], Answers]) -> None:
    ledger.store([at(9, "peel", "a", metadata={"position": 1})])
    before = ask()
    ledger.store([at(40, "recall", metadata={"query": "x", "results": ["a"]})])  # whose touch was the day after
    after = ask()
    assert after != before
    assert after == counted()


def test_an_erasure_subtracts(
    ledger: Ledger, operator: Ledger, ask: Callable[..., Answers], counted: Callable[[], Answers]
) -> None:
    ledger.store([at(9, "recall"), at(8, "peel", "a")])
    alone = ask()
    ledger.store([at(9, "recall", user=BOB), at(40, "peel", "a", BOB)])
    assert ask() != alone
    moment = erasures.record(operator.connection, BOB, None)
    assert erasures.delete_rows(operator.connection, BOB, moment, 10) == 2
    after = [one for one in ask() if one["question"] != "graph_outbox"]
    assert after == [one for one in alone if one["question"] != "graph_outbox"]
    assert after == [one for one in counted() if one["question"] != "graph_outbox"]


def test_excluded_people_are_subtracted_and_added_again(
    ledger: Ledger, operator: Ledger, ask: Callable[..., Answers], counted: Callable[[], Answers]
) -> None:
    ledger.store([at(9, "recall"), at(9, "recall", user=BOB)])
    both = ask()
    users.exclude(operator.connection, BOB)
    assert both != ask() == counted()
    users.include(operator.connection, BOB)
    assert ask() == both


def test_answers_of_another_sql_text_are_not_used(
    ledger: Ledger, ask: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    monkeypatch.setitem(OF_A_DAY, "funnel", "SELECT 7 AS changed, %(day)s::text AS day")
    assert [one["columns"] for one in ask() if one["question"] == "funnel"] == [["changed", "day"]] * 4


def test_who_changes_days_of_long_ago_again_and_again_has_them_counted_once_an_hour(
    ledger: Ledger, sql: psycopg.Connection
) -> None:
    def days() -> list[int]:
        day_answers.forget_changed(ledger.connection)
        keep_ahead(ledger, in_time=lambda: True)
        sql.execute("UPDATE interaction SET stored_at = now() - interval '1 hour'")
        day_answers.forget_changed(ledger.connection)
        counted = sql.execute("SELECT DISTINCT day FROM day_answer WHERE counted_at > now() - interval '1 minute'")
        return sorted((TODAY.date() - day).days for (day,) in counted)

    ages = [1, 7, 8, 100]
    ledger.store([at(24 * age - 1, "peel", "a") for age in ages])
    assert days() == ages
    sql.execute("UPDATE day_answer SET counted_at = now() - interval '50 minutes'")
    ledger.store([at(1, "peel", "a")])  # of the same event
    assert days() == [1, 7]
    sql.execute("UPDATE day_answer SET counted_at = now() - interval '61 minutes'")
    assert days() == [8, 100]
    sql.execute("UPDATE day_answer SET counted_at = now() - interval '61 minutes'")
    assert days() == []


def test_after_an_hour_without_a_look_all_is_counted_again(
    ledger: Ledger, sql: psycopg.Connection, ask: Callable[..., Answers]
) -> None:
    ask()
    sql.execute("UPDATE day_answers_checked SET checked_at = now() - interval '61 minutes'")
    day_answers.forget_changed(ledger.connection)
    assert sql.execute("SELECT count(*) FROM day_answer").fetchall() == [(0,)]


def test_whoever_removes_rows_waits_for_who_counts(ledger: Ledger, operator: Ledger) -> None:
    operator.connection.execute("SET lock_timeout = '200ms'")
    with ledger.connection.transaction():
        ledger.connection.execute("SELECT pg_advisory_xact_lock_shared(7316005)")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            erasures.delete_rows(operator.connection, ALICE, datetime.now(UTC), 10)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_kept_answers_are_what_counting_gives(
    ledger: Ledger, operator: Ledger, ask: Callable[..., Answers], counted: Callable[[], Answers], seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311  no secret
    for _ in range(8):
        several = [
            at(
                dice.randrange(70),
                kind := dice.choice(list(Kind)),
                "a" if kind.opens else dice.choice("abc"),
                dice.choice([ALICE, BOB]),
                event_id=dice.choice([EVENT, OTHER]),
                metadata=dice.choice([None, {"results": ["a", "b"], "query": "x"}, {"position": 2}]),
            )
            for _ in range(dice.randrange(6))
        ]
        ledger.store(several)
        if dice.random() < 0.2:
            erasures.delete_rows(operator.connection, dice.choice([ALICE, BOB]), TODAY - timedelta(hours=30), 3)
        if dice.random() < 0.3:
            dice.choice([users.exclude, users.include])(operator.connection, BOB)
        kept = ask()
        if dice.random() < 0.5:
            assert kept == counted()
    assert ask() == counted()


def test_a_migration_forgets_all_answers(
    stores: dict[str, Any], sql: psycopg.Connection, ask: Callable[..., Answers]
) -> None:
    ask()
    sql.execute("DELETE FROM _yoyo_migration WHERE migration_id = '0032-day-answers'")
    assert migrate_ledger(stores["postgres-owner"]) == ["0032-day-answers"]
    assert sql.execute("SELECT count(*) FROM day_answer").fetchall() == [(0,)]
