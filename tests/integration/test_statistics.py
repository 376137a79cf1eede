"""What `stats` says is what the rows say, counted another way."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bench.filling import fill
from chalicelib.ledger import connection as postgres
from chalicelib.ledger import questions
from chalicelib.ledger.ledger import Ledger
from chalicelib.ledger.statistics import StatisticsError, answer
from scripts.common.target import Target
from scripts.reports.tables import fetch_tables
from tests.samples import ALICE, BOB, interaction

QUESTIONS_PAGE = Path(__file__).parents[2] / "docs" / "questions.md"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = TODAY - timedelta(days=1)
FIRST, SECOND, THIRD = (f"d3aac781-5229-5aa4-997e-6705b497100{number}" for number in range(3))


Tables = Callable[..., dict[str, list[list[Any]]]]


@pytest.fixture
def tables(ledger: Ledger) -> Tables:
    """Return a function that queries some days as the command does and returns each table's rows."""

    def tables(days: int = 2, **limits: Any) -> dict[str, list[list[Any]]]:
        class Statistics(Target):
            def operate(self, operation: str, **arguments: Any) -> dict[str, Any]:
                assert operation == "statistics"
                return answer(ledger, **json.loads(json.dumps(arguments)), **limits)

        found = fetch_tables(
            Statistics("local", "us-east-1", None), since=TODAY.date() - timedelta(days=days - 1), until=TODAY.date()
        )
        return {name: table["rows"] for name, table in found.items()}

    return tables


@pytest.fixture
def story(ledger: Ledger) -> None:
    """Store two days of two people."""

    def at(moment: datetime, kind: str, event: str, artifact: str | None = None, user: str = ALICE, **more: Any) -> Any:
        fields = ({"artifact_id": artifact} if artifact else {}) | ({"metadata": more} if more else {})
        return interaction(
            kind, user_id=user, now=datetime.now(UTC), event_id=event, timestamp=moment.isoformat(), **fields
        )

    second, minute = timedelta(seconds=1), timedelta(minutes=1)
    ledger.store(
        [
            at(YESTERDAY, "recall", FIRST),
            at(YESTERDAY + minute, "recall", FIRST),  # opened already
            at(YESTERDAY + 4 * second, "peel", FIRST, "apple"),
            at(YESTERDAY + 9 * second, "peel", FIRST, "pear", position=2),
            at(TODAY, "keep", FIRST, "apple"),  # a day later, and still of yesterday's event
            at(YESTERDAY, "workspace", SECOND, user=BOB),
            at(YESTERDAY + minute, "mark_bad", SECOND, "pear", user=BOB),
            at(TODAY, "recall", FIRST, user=BOB, results=["apple", "pear"]),  # of the same id, and another event
            at(TODAY + 30 * second, "peel", FIRST, "apple", user=BOB),
            at(TODAY, "mark_good", THIRD, "plum", user=BOB),  # its recall never came
        ]
    )


@pytest.mark.usefixtures("story")
def test_each_question_is_answered_from_the_rows(tables: Tables) -> None:
    yesterday, today = YESTERDAY.date().isoformat(), TODAY.date().isoformat()
    assert tables() == {
        "interactions_by_day": [
            [yesterday, "mark_bad", 1, 1],
            [yesterday, "peel", 2, 1],
            [yesterday, "recall", 2, 1],
            [yesterday, "workspace", 1, 1],
            [today, "keep", 1, 1],
            [today, "mark_good", 1, 1],
            [today, "peel", 1, 1],
            [today, "recall", 1, 1],
        ],
        "active_users_by_day": [[yesterday, 2, 6], [today, 2, 4]],
        "events_by_day": [
            [yesterday, "recall", 1, 1, 0, 1, 4.0, None],
            [yesterday, "workspace", 1, 0, 1, 0, None, None],
            [today, "recall", 1, 0, 1, 1, 30.0, 1.0],
        ],
        "sessions_by_day": [[yesterday, 2, 2, 60.0, 3.0], [today, 2, 2, 15.0, 2.0]],
        "funnel": [["all", 2], ["and peeled", 2], ["and kept", 1], ["and marked good", 0]],
        "time_to_first_peel": [
            ["under 2 s", 0],
            ["2 to 10 s", 1],
            ["10 to 60 s", 1],
            ["1 to 10 min", 0],
            ["10 to 60 min", 0],
            ["over 1 h", 0],
            ["never peeled", 0],
            ["before its recall: clocks differ", 0],
        ],
        "first_peeled_rank": [
            ["1", 1],
            ["2", 0],
            ["3", 0],
            ["4 to 10", 0],
            ["over 10", 0],
            ["no result peeled", 0],
            ["results unknown", 1],
        ],
        "results_by_rank": [
            ["1", 1, 1, 0, 0, 0, 1.0],
            ["2", 1, 0, 0, 0, 0, 0.0],
            *([str(rank), 0, 0, 0, 0, 0, None] for rank in range(3, 11)),
            ["11 to 200", 0, 0, 0, 0, 0, None],
            ["not listed", 0, 1, 0, 0, 0, None],
        ],
        "queries_without_outcome": [],
        "most_kept_artifacts": [["apple", 1]],
        "most_marked_bad_artifacts": [["pear", 1]],
        "dated_ahead": [],
        "graph_outbox": [[10, 0]],
    }


def test_a_peel_before_its_recall_is_a_group_of_its_own(ledger: Ledger, tables: Tables) -> None:
    now, fields = datetime.now(UTC), {"event_id": FIRST}
    early = interaction(
        "peel", now=now, artifact_id="a", timestamp=(TODAY - timedelta(seconds=48)).isoformat(), **fields
    )
    ledger.store([interaction(now=now, timestamp=TODAY.isoformat(), **fields), early])
    found = tables(days=1)
    assert [row[1] for row in found["time_to_first_peel"]] == [0] * 7 + [1]
    assert found["events_by_day"] == [[TODAY.date().isoformat(), "recall", 1, 0, 1, 1, None, None]]


@pytest.mark.usefixtures("story")
def test_days_before_the_time_asked_for_do_not_count(tables: Tables) -> None:
    found = tables(days=1)
    assert {row[0] for row in found["interactions_by_day"]} == {TODAY.date().isoformat()}
    assert found["most_marked_bad_artifacts"] == []


def test_more_days_than_a_year_are_refused(ledger: Ledger) -> None:
    with pytest.raises(StatisticsError, match="more than 366 days"):
        answer(ledger, since="0001-01-01", until="9999-12-31")


def test_an_empty_ledger_has_answers_too(tables: Tables) -> None:
    found = tables()
    assert found["interactions_by_day"] == []
    assert [row[1] for row in found["time_to_first_peel"]] == [0] * 8


@pytest.mark.usefixtures("story")
def test_answers_in_many_calls_are_the_same(tables: Tables) -> None:
    in_one_call = tables(days=30)
    assert tables(days=30, share_seconds=0) == in_one_call


def test_a_call_without_more_time_returns_the_next_step(ledger: Ledger) -> None:
    part = answer(ledger, since="2026-05-01", until="2026-05-02", cursor=3, share_seconds=0)
    assert [one["question"] for one in part["answers"]] == ["sessions_by_day"]
    assert (part["cursor"], part["steps"]) == (4, 27)
    assert answer(ledger, since="2026-05-01", until="2026-05-02", cursor=26, share_seconds=0)["cursor"] is None


def test_some_questions_alone_are_answered(ledger: Ledger) -> None:
    part = answer(ledger, since="2026-05-01", until="2026-05-02", questions=["funnel", "graph_outbox"])
    assert [one["question"] for one in part["answers"]] == ["funnel", "funnel", "graph_outbox"]
    assert (part["cursor"], part["steps"]) == (None, 3)


def test_queries_that_led_to_nothing_good_are_listed(ledger: Ledger, tables: Tables) -> None:
    def recall(query: str, event: str, results: list[str], second: int) -> Any:
        fields: dict[str, Any] = {
            "metadata": {"query": query, "results": results},
            "timestamp": (TODAY + timedelta(seconds=second)).isoformat(),
        }
        return interaction(now=datetime.now(UTC), event_id=event, **fields)

    keep = interaction("keep", now=datetime.now(UTC), artifact_id="a", event_id=THIRD, timestamp=TODAY.isoformat())
    peel = interaction("peel", now=datetime.now(UTC), artifact_id="a", event_id=FIRST, timestamp=TODAY.isoformat())
    found = [recall("Bread ", FIRST, ["a"], 0), recall("bread", SECOND, [], 1), recall("rye", THIRD, ["a"], 2)]
    ledger.store([*found, keep, peel])
    assert tables(days=1)["queries_without_outcome"] == [["bread", 2, 1, 1]]


@pytest.mark.usefixtures("story")
def test_what_takes_too_long_to_count_of_a_day_is_unknown_and_the_rest_is_answered(
    tables: Tables, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, yesterday = ledger.connection.execute("SHOW statement_timeout").fetchone(), YESTERDAY.date()
    sessions = f"SELECT %(day)s::text AS day, pg_sleep(60) IS NULL AS slow WHERE %(day)s = '{yesterday}'"
    keeps = f"SELECT 'x' AS name, 1 AS n1, 1 AS n2, 1 AS n3, 1 AS n4 FROM pg_sleep(60) WHERE %(day)s = '{yesterday}'"
    monkeypatch.setitem(questions.OF_A_DAY, "sessions_by_day", sessions)
    monkeypatch.setitem(questions.SUMS, "artifact_keeps", keeps)
    found = tables(question_milliseconds=1500)
    assert found.pop("unanswered") == [[f"sessions_by_day of {yesterday}"], ["most_kept_artifacts"]]
    assert found.pop("sessions_by_day") == []
    assert ledger.connection.execute("SHOW statement_timeout").fetchone() == before
    monkeypatch.undo()
    usual = tables()
    del usual["sessions_by_day"], usual["most_kept_artifacts"]
    assert found == usual


def test_long_queries_of_one_user_do_not_take_the_day_from_everybody(tables: Tables, ledger: Ledger) -> None:
    query = "A " * 124_000  # fills a body
    moment = YESTERDAY.isoformat()
    for number in range(100):
        fields: dict[str, Any] = {"timestamp": moment, "metadata": {"query": f"{query}{number}"}}
        event = f"d3aac781-5229-5aa4-997e-6705b497{number:04}"
        ledger.store([interaction(now=datetime.now(UTC), event_id=event, **fields)])
    found = tables(question_milliseconds=1500)  # before, a hundred of them took more than twice that
    assert "unanswered" not in found
    assert found["funnel"][0] == ["all", 100]


@pytest.mark.parametrize(
    "view",
    [
        "interactions_by_day",
        "opened_event",
        "events_by_day",
        "funnel_by_day",
        "query_outcomes_by_day",
        "impression",
        "results_by_rank",
        "user_session",
        "sessions_by_day",
    ],
)
def test_a_question_about_a_day_reads_the_ledger_by_its_index(
    stores: dict[str, Any], sql: psycopg.Connection, view: str
) -> None:
    with psycopg.connect(postgres.conninfo(stores["postgres-owner"]), autocommit=True) as owner:
        assert sum(fill(owner, 20_000, "2026-01-01")) == 20_000  # and so many that the planner's choice is the real one
        lines = owner.execute(f"EXPLAIN SELECT * FROM {view} WHERE day = '2026-05-01'").fetchall()
    plan = "\n".join(line for (line,) in lines)
    assert re.search("Index Scan (on|using) interaction_of_day", plan)
    assert "Seq Scan on interaction" not in plan
    assert "Hash" not in plan.replace("HashAggregate", "")  # it would hold other days' events


def test_interactions_dated_long_ago_among_others_do_not_make_a_day_longer_to_read(
    stores: dict[str, Any], sql: psycopg.Connection
) -> None:
    with psycopg.connect(postgres.conninfo(stores["postgres-owner"]), autocommit=True) as owner:
        list(fill(owner, 20_000, "2026-01-01"))
        owner.execute("CREATE TEMPORARY TABLE filled AS SELECT row_number() OVER (ORDER BY id) n, * FROM interaction")
        owner.execute("UPDATE filled SET timestamp = '2000-01-01Z' WHERE n % 500 = 0")
        owner.execute("TRUNCATE interaction, graph_outbox")
        owner.execute(
            "INSERT INTO interaction (id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at)"
            " SELECT id, user_id, event_id, kind, artifact_id, metadata, timestamp, received_at FROM filled ORDER BY n"
        )
        owner.execute("ANALYZE interaction")
        question = "SELECT * FROM interactions_by_day WHERE day = '2026-01-10'"
        [[[explained]]] = owner.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {question}").fetchall()
        [pages] = owner.execute("SELECT pg_relation_size('interaction') / 8192").fetchone() or ()
    read = explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"]
    assert read < pages / 10


def test_the_most_kept_are_found_among_the_keeps_alone(sql: psycopg.Connection) -> None:
    sql.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")  # the table is too small to choose by cost
    plan = sql.execute(f"EXPLAIN {questions.SUMS['artifact_keeps']}", {"day": TODAY}).fetchall()
    assert "Index Scan using interaction_keeps_and_bads" in "\n".join(line for (line,) in plan)


def test_a_question_on_sums_counts_only_the_days_that_have_none(sql: psycopg.Connection) -> None:
    for question in questions.OF_SUMS:
        values = {"since": YESTERDAY, "until": TODAY, "top": 10, "sums": "none", "day_0": TODAY}
        counted = [
            "\n".join(line for (line,) in sql.execute(f"EXPLAIN {questions.of_sums(question, days)}", values))
            for days in (0, 1)
        ]
        assert ["on interaction" in plan for plan in counted] == [False, True]


def test_the_page_names_every_view(sql: psycopg.Connection) -> None:
    views = {name for (name,) in sql.execute("SELECT viewname FROM pg_views WHERE schemaname = 'public'")}
    ours = {name for name in views if not name.startswith(("yoyo", "_yoyo"))}
    assert ours == set(re.findall(r"^\| `(\w+)` \|", QUESTIONS_PAGE.read_text(), re.MULTILINE))
