"""docs/questions.md on the made-up data: its printed answers are true, and the views say what really happened.

The truth is counted in plain Python from what the made-up people did, without SQL.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from chalicelib.api.payload import read_interaction
from chalicelib.ledger import connection as postgres
from chalicelib.ledger import judgments
from chalicelib.ledger.ledger import Ledger
from local.cloud import Cloud
from tests.made_up_truth import UNTIL, Truth, day

PAGE = (Path(__file__).parents[2] / "docs" / "questions.md").read_text()
EXAMPLES = re.findall(r"```sql\n([^`]*)```\n\n((?:\|.*\n)+)", PAGE)
BATCH = 1000


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth()


@pytest.fixture(scope="module")
def analyst(stores: dict[str, Any], cloud: Cloud, truth: Truth) -> Iterator[psycopg.Connection]:
    """Yield the analyst's connection; the ledger has what `make demo-data` posts, and no more."""
    with psycopg.connect(postgres.conninfo(stores["postgres-owner"]), autocommit=True) as owner:
        owner.execute("TRUNCATE interaction, graph_outbox, excluded_user, day_answer, day_sums")
        ledger = Ledger(lambda: postgres.conninfo(stores["postgres"]))
        rows = [read_interaction(payload, user_id=user, now=UNTIL) for user, payload in truth.payloads]
        for first in range(0, len(rows), BATCH):
            ledger.store(rows[first : first + BATCH])
        ledger.close()
        owner.execute("ANALYZE interaction")
        login = cloud.environment()
        parts = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}
        known = make_conninfo(sslmode="disable", **{part: login[name] for part, name in parts.items()})
        with psycopg.connect(known, autocommit=True) as connection:
            yield connection
        owner.execute("TRUNCATE interaction, graph_outbox")


def rows(connection: psycopg.Connection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql.encode()).fetchall()


@pytest.mark.parametrize(("question", "answer"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_each_printed_answer_is_true(analyst: psycopg.Connection, question: str, answer: str) -> None:
    result = analyst.execute(question.encode()).pgresult
    assert result
    columns = range(result.nfields)
    names = [(result.fname(column) or b"").decode() for column in columns]
    values = [[(result.get_value(row, column) or b"").decode() for column in columns] for row in range(result.ntuples)]
    lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in answer.splitlines()]
    assert [names, *values] == [lines[0], *lines[2:]]


def test_each_question_on_the_page_has_its_answer() -> None:
    assert len(EXAMPLES) == PAGE.count("```sql") >= 15


def test_the_share_of_recalls_that_were_peeled(analyst: psycopg.Connection, truth: Truth) -> None:
    peeled = sum(bool(event.touches["peel"]) for event in truth.recalls)
    good = sum(event.is_good for event in truth.recalls)
    assert rows(
        analyst, "SELECT sum(events), sum(peeled), sum(good_outcome) FROM events_by_day WHERE kind = 'recall'"
    ) == [(len(truth.recalls), peeled, good)]


def test_opinions_are_each_persons_latest(analyst: psycopg.Connection, truth: Truth) -> None:
    marks: dict[tuple[str, str], str] = {}
    kept = set()
    for event_user, payload in sorted(truth.payloads, key=lambda one: one[1]["timestamp"]):
        key = (payload["artifact_id"], event_user)
        if payload["kind"] in ("mark_good", "mark_bad", "unmark"):
            marks[key] = payload["kind"]
        if payload["kind"] == "keep":
            kept.add(key)
        if payload["kind"] == "unkeep":
            kept.discard(key)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for (artifact, _), mark in marks.items():
        counts[artifact][mark] += 1
    for artifact, _ in kept:
        counts[artifact]["keep"] += 1
    touched = {key[0] for key in kept} | {key[0] for key in marks}
    touched |= {payload["artifact_id"] for _, payload in truth.payloads if payload["kind"] == "unkeep"}
    expected = {one: tuple(counts[one][kind] for kind in ("mark_good", "mark_bad", "keep")) for one in touched}
    found = rows(analyst, "SELECT artifact_id, good, bad, kept FROM artifact_opinions")
    assert {artifact: tuple(numbers) for artifact, *numbers in found} == expected
    [(clicks,)] = rows(analyst, "SELECT sum(good) FROM artifact_marks")
    [(opinions,)] = rows(analyst, "SELECT sum(good) FROM artifact_opinions")
    assert clicks > opinions


def test_active_people_by_day(analyst: psycopg.Connection, truth: Truth) -> None:
    active = defaultdict(set)
    for user, payload in truth.payloads:
        active[day(payload)].add(user)
    found = dict(rows(analyst, "SELECT day, users FROM active_users_by_day"))
    assert found == {one: len(users) for one, users in active.items()}


def test_the_median_time_to_the_first_peel(analyst: psycopg.Connection, truth: Truth) -> None:
    times = [
        (min(one["timestamp"] for one in event.touches["peel"]) - event.opening["timestamp"]) / 1000
        for event in truth.recalls
        if event.touches["peel"]
    ]
    [(found,)] = rows(
        analyst,
        "SELECT extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY time_to_first_peel))::float8"
        " FROM opened_event",
    )
    assert found == pytest.approx(median(times))


def test_weekly_retention(analyst: psycopg.Connection, truth: Truth) -> None:
    weeks = defaultdict(set)
    for user, payload in truth.payloads:
        weeks[user].add(day(payload) - timedelta(days=day(payload).weekday()))
    expected = Counter((min(active), (week - min(active)).days // 7) for active in weeks.values() for week in active)
    found = rows(analyst, "SELECT first_week, weeks_later, users, users_of_first_week FROM retention_by_week")
    assert {(first, later): users for first, later, users, _ in found} == expected
    assert all(of_first == expected[first, 0] for first, _, _, of_first in found)


def test_sessions_end_after_half_an_hour_and_at_midnight(analyst: psycopg.Connection, truth: Truth) -> None:
    times = defaultdict(list)
    for user, payload in sorted(truth.payloads, key=lambda one: one[1]["timestamp"]):
        times[user, day(payload)].append(payload["timestamp"])
    sessions: Counter[date] = Counter()
    for (_, one), moments in times.items():
        sessions[one] += 1 + sum(after - before > 30 * 60 * 1000 for before, after in pairwise(moments))
    assert dict(rows(analyst, "SELECT day, sessions FROM sessions_by_day")) == sessions


def test_each_step_of_the_funnel_is_a_part_of_the_one_before(analyst: psycopg.Connection, truth: Truth) -> None:
    peeled = [event for event in truth.recalls if event.touches["peel"]]
    kept = [event for event in peeled if event.touches["keep"]]
    good = [event for event in kept if event.touches["mark_good"]]
    found = rows(analyst, "SELECT sum(recalls), sum(peeled), sum(kept), sum(marked_good) FROM funnel_by_day")
    assert found == [tuple(map(len, (truth.recalls, peeled, kept, good)))]


def test_top_artifacts(analyst: psycopg.Connection, truth: Truth) -> None:
    keeps = Counter(payload["artifact_id"] for _, payload in truth.payloads if payload["kind"] == "keep")
    found = rows(
        analyst,
        "SELECT artifact_id, sum(interactions) FROM artifact_interactions_by_day WHERE kind = 'keep' GROUP BY 1",
    )
    assert dict(found) == keeps


def test_results_by_rank(analyst: psycopg.Connection, truth: Truth) -> None:
    shown: Counter[int] = Counter()
    touched: Counter[tuple[int, str]] = Counter()
    for event in truth.recalls:
        for rank, artifact in enumerate(event.opening["metadata"]["results"], start=1):
            shown[rank] += 1
            for kind in ("peel", "keep", "mark_good", "mark_bad"):
                touched[rank, kind] += artifact in event.artifacts(kind)
    found = rows(
        analyst,
        "SELECT position, sum(shown), sum(peeled), sum(kept), sum(good), sum(bad) FROM results_by_rank"
        " WHERE listed GROUP BY 1",
    )
    kinds = ("peel", "keep", "mark_good", "mark_bad")
    expected = {rank: (shown[rank], *(touched[rank, kind] for kind in kinds)) for rank in shown}
    assert {rank: tuple(numbers) for rank, *numbers in found} == expected
    assert rows(analyst, "SELECT count(*) FROM results_by_rank WHERE NOT listed") == [(0,)]


def test_the_mean_reciprocal_rank(analyst: psycopg.Connection, truth: Truth) -> None:
    expected = sum(1 / min(event.ranks) if event.ranks else 0 for event in truth.recalls) / len(truth.recalls)
    [(found, workspaces)] = rows(
        analyst,
        "SELECT avg(reciprocal_rank), count(reciprocal_rank) FILTER (WHERE kind = 'workspace') FROM opened_event",
    )
    assert (found, workspaces) == (pytest.approx(expected), 0)


def test_outcomes_per_query(analyst: psycopg.Connection, truth: Truth) -> None:
    recalls = Counter(event.opening["metadata"]["query"] for event in truth.recalls)
    nothing = Counter(
        event.opening["metadata"]["query"] for event in truth.recalls if not event.opening["metadata"]["results"]
    )
    found = rows(analyst, "SELECT query, sum(recalls), sum(without_result) FROM query_outcomes_by_day GROUP BY query")
    assert {query: (number, without) for query, number, without in found} == {
        query: (number, nothing[query]) for query, number in recalls.items()
    }


def test_judgments_by_marks_are_the_share_of_good_ones(judge: Ledger, truth: Truth) -> None:
    latest: dict[tuple[str, str, str], tuple[int, str]] = {}
    for event in truth.recalls:
        for one in [one for kind in ("mark_good", "mark_bad", "unmark") for one in event.touches[kind]]:
            key = (event.user, event.opening["metadata"]["query"], one["artifact_id"])
            if key not in latest or latest[key][0] < one["timestamp"]:
                latest[key] = (one["timestamp"], one["kind"])
    marks = defaultdict(list)
    for (_, query, artifact), (_, kind) in latest.items():
        if kind != "unmark":
            marks[query, artifact].append(kind == "mark_good")
    found = judged(judge, "marks")
    expected = {key: 3 * sum(good) / len(good) for key, good in marks.items()}
    assert found.keys() == expected.keys()
    assert [key for key, grade in found.items() if abs(grade - expected[key]) > 0.5] == []


def test_judgments_by_clicks_compare_with_results_at_the_same_ranks(judge: Ledger, truth: Truth) -> None:
    shown, opened = Counter[int](), Counter[int]()
    ranks: dict[tuple[str, str], list[int]] = defaultdict(list)
    peeled: Counter[tuple[str, str]] = Counter()
    for event in truth.recalls:
        for rank, artifact in enumerate(event.opening["metadata"]["results"], start=1):
            is_opened = artifact in event.artifacts("peel")
            shown[rank] += 1
            opened[rank] += is_opened
            ranks[event.opening["metadata"]["query"], artifact].append(rank)
            peeled[event.opening["metadata"]["query"], artifact] += is_opened
    found = judged(judge, "clicks")
    assert found.keys() == {key for key, places in ranks.items() if len(places) >= 5}
    for key, grade in found.items():
        ratio = peeled[key] / sum(opened[rank] / shown[rank] for rank in ranks[key])
        assert grade == (0 if not peeled[key] else 1 if ratio < 1 else 2 if ratio < 2 else 3)
    assert set(found.values()) == {0, 1, 2, 3}


@pytest.fixture
def judge(analyst: psycopg.Connection, stores: dict[str, Any]) -> Iterator[Ledger]:
    """Yield the operators' ledger, filled."""
    ledger = Ledger(lambda: postgres.conninfo(stores["postgres-operator"]))
    yield ledger
    ledger.close()


def judged(ledger: Ledger, basis: str) -> dict[tuple[str, str], int]:
    """Return the grades by query and artifact, read page by page."""
    found: dict[tuple[str, str], int] = {}
    cursor, since, until = ("", ""), date(2026, 3, 1), UNTIL.date()
    while page := judgments.list_after(ledger.connection, basis, since=since, until=until, cursor=cursor, max_rows=400):
        assert not found.keys() & {row[:2] for row in page}
        found |= {(query, artifact): grade for query, artifact, grade in page}
        cursor = page[-1][:2]
    return found
