"""What the views leave out, set apart or make of odd content; tests/integration/test_questions.py has their sums."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from bench.filling import fill
from chalicelib.interaction import Interaction
from chalicelib.ledger import erasures, events, users
from chalicelib.ledger.ledger import Ledger
from tests.samples import ALICE, BOB, EVENT, NOW, interaction

OTHER = "d3aac781-5229-5aa4-997e-6705b4971000"
MINUTE = timedelta(minutes=1)
HUMANS_READ = """
SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
  AND (relkind = 'v' OR relname = 'interaction') AND relname !~ 'yoyo' AND {comment} IS NULL
"""


def at(minutes: float, kind: str, artifact: str | None = None, user: str = ALICE, **fields: Any) -> Interaction:
    """Return what the user did so many minutes after NOW; it arrived at NOW."""
    touched = {"artifact_id": artifact} if artifact else {}
    return interaction(
        kind, user_id=user, **{"event_id": EVENT, "timestamp": (NOW + minutes * MINUTE).isoformat()} | touched | fields
    )


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [
        ({"results": ["b", "a"]}, ["b", "a"]),
        ({"results": []}, []),
        ({"results": [str(n) for n in range(200)]}, [str(n) for n in range(200)]),
        ({"results": [str(n) for n in range(201)]}, None),
        ({"results": ["a", "a"]}, None),
        ({"results": ["a", 1]}, None),
        ({"results": ["a", ""]}, None),
        ({"results": ["a" * 257]}, None),
        ({"results": {"a": 1}}, None),
        ({"results": "a"}, None),
        ({"results": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_results_count_in_their_documented_form_only(
    ledger: Ledger, sql: psycopg.Connection, metadata: Any, shown: Any
) -> None:
    ledger.store([at(0, "recall", metadata=metadata)])
    assert sql.execute("SELECT results FROM event_opening").fetchall() == [(shown,)]
    expected = (None, None) if shown is None else (len(shown), 0)
    assert sql.execute("SELECT shown, reciprocal_rank FROM opened_event").fetchall() == [expected]


@pytest.mark.parametrize(
    ("position", "counted"),
    [
        (1, 1),
        (10_000, 10_000),
        (3.0, 3),
        (0, None),
        (-1, None),
        (2.5, None),
        (10_001, None),
        (1e300, None),
        ("1", None),
    ],
)
def test_a_position_counts_in_its_documented_form_only(
    ledger: Ledger, sql: psycopg.Connection, position: Any, counted: int | None
) -> None:
    ledger.store([at(0, "peel", "a", metadata={"position": position})])
    assert sql.execute("SELECT position FROM counted_interaction").fetchall() == [(counted,)]
    found = sql.execute("SELECT position, listed, shown, peeled FROM results_by_rank").fetchall()
    assert found == ([(counted, False, None, 1)] if counted else [])


@pytest.mark.parametrize(
    ("query", "normal"),
    [
        ("  Invoice \n 2025 ", "invoice 2025"),
        ("ÉTÉ", "été"),
        ("   ", None),
        (7, None),
        (None, None),
        pytest.param("é" * 512, "é" * 512, id="1,024 bytes"),
        pytest.param("é" * 512 + "x", None, id="1,025 bytes"),
    ],
)
def test_a_query_is_normalised(ledger: Ledger, sql: psycopg.Connection, query: Any, normal: str | None) -> None:
    ledger.store([at(0, "recall", metadata={"query": query})])
    assert sql.execute("SELECT query FROM opened_event").fetchall() == [(normal,)]


def test_a_result_counts_once_however_often_it_is_peeled(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([at(-9, "recall", metadata={"results": ["a", "b", "c"]}), at(-8, "peel", "b"), at(-7, "peel", "b")])
    found = sql.execute("SELECT position, shown, peeled FROM results_by_rank ORDER BY position").fetchall()
    assert found == [(1, 1, 0), (2, 1, 1), (3, 1, 0)]
    assert sql.execute("SELECT first_rank, reciprocal_rank FROM opened_event").fetchall() == [(2, 0.5)]


def test_excluded_people_count_nowhere_until_they_count_again(
    ledger: Ledger, operator: Ledger, sql: psycopg.Connection
) -> None:
    shown, listed = {"query": "x", "results": ["a"]}, "SELECT viewname FROM pg_views WHERE schemaname = 'public'"
    views = [view for (view,) in sql.execute(listed) if "yoyo" not in view]

    def did(user: str) -> list[Interaction]:
        touches = [at(-8, "peel", "a", user), at(-7, "keep", "a", user), at(9, "mark_bad", "b", user)]
        return [at(-9, "recall", user=user, metadata=shown), *touches]

    def found() -> dict[str, list[Any]]:
        return {view: sorted(map(str, sql.execute(f"SELECT * FROM {view}"))) for view in views}

    ledger.store(did(ALICE))
    alone = found()
    ledger.store(did(BOB))
    both = found()
    assert [view for view in views if both[view] == alone[view]] == []
    users.exclude(operator.connection, BOB)
    assert (users.list_excluded(operator.connection, "", 10), found()) == ([BOB], alone)
    users.include(operator.connection, BOB)
    assert found() == both


def test_an_erasure_forgets_that_somebody_was_excluded(operator: Ledger, sql: psycopg.Connection) -> None:
    users.exclude(operator.connection, BOB)
    moment = erasures.record(operator.connection, BOB, None)
    erasures.finish(operator.connection, BOB, moment)
    assert sql.execute("SELECT count(*) FROM excluded_user").fetchall() == [(0,)]


def test_what_is_dated_ahead_is_a_group_of_its_own(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([at(4, "recall"), at(6, "peel", "a"), at(23 * 60, "recall", event_id=OTHER)])
    assert sql.execute("SELECT received_day, kind, interactions FROM dated_ahead_by_day ORDER BY kind").fetchall() == [
        (NOW.date(), "peel", 1),
        (NOW.date(), "recall", 1),
    ]
    assert sql.execute("SELECT day, interactions FROM active_users_by_day").fetchall() == [(NOW.date(), 1)]
    assert sql.execute("SELECT day, events FROM events_by_day").fetchall() == [(NOW.date(), 1)]


def test_no_median_counts_a_peel_from_before_its_event_opened(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store(
        [at(-5, "recall"), at(-4, "peel", "a"), at(-5, "recall", event_id=OTHER), at(-9, "peel", "a", event_id=OTHER)]
    )
    found = sql.execute("SELECT peeled, peeled_before_it_opened, median_seconds_to_first_peel FROM events_by_day")
    assert found.fetchall() == [(2, 1, 60.0)]
    assert sql.execute("SELECT max(time_to_first_peel), min(time_to_first_peel) FROM event_outcome").fetchall() == [
        (MINUTE, MINUTE)
    ]


def test_the_latest_opinion_counts_and_a_fast_clock_does_not_make_it_later(
    ledger: Ledger, sql: psycopg.Connection
) -> None:
    ledger.store([at(-3, "mark_good", "a"), at(-2, "mark_bad", "a"), at(-1, "keep", "a")])
    ledger.store([at(-2, "mark_good", "a", BOB), at(60, "mark_good", "b")])
    later = NOW + 30 * MINUTE
    ledger.store([interaction("mark_bad", artifact_id="b", now=later, timestamp=later.isoformat())])
    found = sql.execute("SELECT user_id, artifact_id, mark, kept FROM opinion ORDER BY 1, 2").fetchall()
    assert found == [(ALICE, "a", "bad", True), (ALICE, "b", "bad", False), (BOB, "a", "good", False)]
    of_a = "SELECT good, bad, kept FROM artifact_opinions WHERE artifact_id = 'a'"
    assert sql.execute(of_a).fetchall() == [(1, 1, 1)]


def test_a_keep_and_a_mark_can_be_taken_back(ledger: Ledger, sql: psycopg.Connection) -> None:
    ledger.store([at(-9, "recall"), at(-8, "keep", "a"), at(-7, "mark_good", "a"), at(-6, "mark_bad", "b")])
    opinions = "SELECT artifact_id, mark, kept FROM opinion ORDER BY 1"
    assert sql.execute(opinions).fetchall() == [("a", "good", True), ("b", "bad", False)]
    ledger.store([at(-5, "unkeep", "a", event_id=OTHER), at(-4, "unmark", "b", event_id=OTHER)])
    assert sql.execute(opinions).fetchall() == [("a", "good", False), ("b", None, False)]
    ledger.store([at(-3, "keep", "a", event_id=OTHER)])
    assert sql.execute(opinions).fetchall() == [("a", "good", True), ("b", None, False)]
    marks = "SELECT artifact_id, keeps, unkeeps, good, bad, unmarks FROM artifact_marks ORDER BY 1"
    assert sql.execute(marks).fetchall() == [("a", 2, 1, 1, 0, 0), ("b", 0, 0, 0, 1, 1)]
    assert sql.execute("SELECT good, bad, kept FROM artifact_opinions ORDER BY artifact_id").fetchall() == [
        (1, 0, 1),
        (0, 0, 0),
    ]


@pytest.mark.parametrize(
    ("kinds", "good_outcome"),
    [
        (["keep"], True),
        (["keep", "unkeep"], False),
        (["keep", "unkeep", "keep"], True),
        (["mark_good", "unmark"], False),
        (["mark_good", "mark_bad"], False),
        (["mark_bad", "mark_good"], True),
        (["keep", "mark_bad"], True),
        (["keep", "unmark"], True),
        (["mark_bad", "unmark"], False),
        (["peel"], False),
    ],
)
def test_an_outcome_that_was_taken_back_in_its_event_is_not_good(
    ledger: Ledger, sql: psycopg.Connection, kinds: list[str], *, good_outcome: bool
) -> None:
    ledger.store([at(-9, "recall"), *(at(-8 + n, kind, "a") for n, kind in enumerate(kinds))])
    ledger.store([at(-1, "unkeep", "b"), at(-1, "unmark", "a", event_id=OTHER)])
    assert sql.execute("SELECT good_outcome FROM opened_event").fetchall() == [(good_outcome,)]


def test_every_table_view_and_column_that_people_read_is_explained(sql: psycopg.Connection) -> None:
    for comment in ("col_description(pg_class.oid, attnum)", "obj_description(pg_class.oid)"):
        assert sql.execute(HUMANS_READ.format(comment=comment).encode()).fetchall() == []


def blocks_read(sql: psycopg.Connection, question: str) -> int:
    """Return how many blocks a question reads: unlike its time, that does not depend on what else runs."""
    [[[plan]]] = sql.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT json) {question}").fetchall()
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


@pytest.mark.parametrize("kinds", [("recall", "recall"), ("keep", "unkeep")], ids=["openings", "words taken back"])
def test_one_users_large_event_costs_the_views_no_more_than_its_rows(
    ledger: Ledger, sql: psycopg.Connection, kinds: tuple[str, str]
) -> None:
    read = []
    for rows in (300, 1200):
        sql.execute("TRUNCATE interaction, graph_outbox")
        made = [at(0, "recall")]
        made += [at(-number, kinds[number % 2], "a" if kinds[0] == "keep" else None) for number in range(1, rows)]
        ledger.store(made)
        sql.execute("ANALYZE interaction")
        read.append(blocks_read(sql, "SELECT count(*) FILTER (WHERE good_outcome) FROM opened_event"))
    assert read[1] < 8 * read[0]  # four times the rows; comparing each with each would be sixteen times


def test_the_latest_rows_of_an_event_are_read_in_order_from_an_index(sql: psycopg.Connection) -> None:
    assert sum(fill(sql, 20_000, "2026-01-01")) == 20_000
    values = {"user_id": "filled-0@example.com", "event_id": EVENT, "rows": 10}
    plan = "\n".join(line for (line,) in sql.execute(f"EXPLAIN {events.EVENT_ROWS}", values))
    assert "using interaction_by_user_event" in plan
    assert "Sort" not in plan
