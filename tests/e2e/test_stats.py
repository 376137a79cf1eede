"""stats: the numbers of the deployed system in each output format."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from tests.browser import rendered
from tests.e2e.conftest import System
from tests.waiting import within

COMMAND = str(Path(sys.executable).parent / "stats")
Post = Callable[[dict[str, Any]], requests.Response]
MAX_PAGE_BYTES = 500_000
MALICIOUS = "<script>document.title='taken'</script>"


def stats(system: System, *words: str) -> str:
    command = [COMMAND, "-e", "local", "--days", "1", *words]
    variables = os.environ | system.environment
    result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def balance(system: System) -> dict[str, int]:
    rows = json.loads(stats(system, "--json", "--only", "balance"))["tables"]["balance"]["rows"]
    return {name: value for name, value, _ in rows}


@pytest.fixture
def posted(post: Post, sql: psycopg.Connection) -> str:
    """Post a recall and its later interactions; return the event once all are stored."""
    now = time.time()
    event: str = post({"kind": "recall", "timestamp": now}).json()["event_id"]
    for kind, artifact in (("peel", "apple"), ("keep", "apple"), ("keep", MALICIOUS), ("mark_bad", MALICIOUS)):
        post({"kind": kind, "artifact_id": artifact, "event_id": event, "timestamp": now + 1})

    def assert_all_stored() -> None:
        [found] = sql.execute("SELECT count(*) FROM interaction WHERE event_id = %s", [event]).fetchall()
        assert found == (5,)

    within(60, assert_all_stored)
    return event


def test_accepted_interactions_are_accounted_for(system: System, post: Post, sql: psycopg.Connection) -> None:
    before = balance(system)
    payload = {"kind": "recall", "timestamp": time.time()}
    for _ in range(3):
        post(payload)

    def assert_accounted() -> None:
        now = balance(system)
        assert {name: now[name] - before[name] for name in now} == {
            "accepted": 3,
            "stored": 1,
            "repeated": 2,
            "erased": 0,
            "discarded": 0,
            "waiting": 0,
            "dead": 0,
            "unaccounted": 0,
        }

    within(60, assert_accounted)


def test_a_batch_counts_as_its_interactions(system: System, token: str) -> None:
    before = balance(system)
    batch = {"interactions": [{"kind": "keep", "artifact_id": str(n), "timestamp": time.time()} for n in range(40)]}
    url, headers = f"{system.environment['API_URL']}/interactions", {"Authorization": f"Bearer {token}"}
    assert requests.post(url, json=batch, headers=headers, timeout=30).json()["status"] == "ok"

    def assert_accounted() -> None:
        now = balance(system)
        changed = {name: now[name] - before[name] for name in now if now[name] != before[name]}
        assert changed == {"accepted": 40, "stored": 40}

    within(60, assert_accounted)


def test_each_format_agrees_with_sql(system: System, posted: str, sql: psycopg.Connection) -> None:
    found = sql.execute(
        "SELECT day::text, kind, interactions, users FROM interactions_by_day"
        " WHERE day = (now() AT TIME ZONE 'UTC')::date ORDER BY 1, 2"
    ).fetchall()
    table = json.loads(stats(system, "--json"))["tables"]["interactions_by_day"]
    assert table == {"columns": ["day", "kind", "interactions", "users"], "rows": [list(row) for row in found]}
    printed = list(csv.reader(io.StringIO(stats(system, "--csv", "--only", "interactions_by_day"))))
    assert printed == [table["columns"], *([str(value) for value in row] for row in found)]
    shown = stats(system)
    for day, kind, interactions, users in found:
        assert re.search(rf"│ {day} │ {kind} +│ +{interactions} │ +{users} │", shown)


@pytest.mark.browser
def test_the_charts_in_a_browser_agree_with_sql(
    system: System, posted: str, sql: psycopg.Connection, tmp_path: Path
) -> None:
    stats(system, "--html", str(tmp_path / "stats.html"))
    page = rendered((tmp_path / "stats.html").as_uri(), tmp_path / "profile")
    today = "day = (now() AT TIME ZONE 'UTC')::date"
    queries = {
        "interactions_by_day": f"SELECT interactions FROM interactions_by_day WHERE {today}",
        "active_users_by_day": f"SELECT users FROM active_users_by_day WHERE {today}",
        "events_by_day": "SELECT unnest(ARRAY[good_outcome, no_good_outcome]) FROM events_by_day"
        f" WHERE {today} AND kind = 'recall'",
        "most_kept_artifacts": "SELECT sum(interactions)::int FROM artifact_interactions_by_day"
        f" WHERE kind = 'keep' AND {today} GROUP BY artifact_id ORDER BY 1 DESC LIMIT 10",
        "most_marked_bad_artifacts": "SELECT sum(interactions)::int FROM artifact_interactions_by_day"
        f" WHERE kind = 'mark_bad' AND {today} GROUP BY artifact_id ORDER BY 1 DESC LIMIT 10",
    }
    for question, query in queries.items():
        expected = sorted(value for (value,) in sql.execute(query.encode()))
        assert (question, sorted(bars(page, question))) == (question, expected)
    assert sum(bars(page, "time_to_first_peel")) == sum(bars(page, "events_by_day"))
    assert "<title>Interactions, local</title>" in page
    assert MALICIOUS in unescape(section(page, "most_kept_artifacts"))
    assert "<script" not in page
    assert (tmp_path / "stats.html").stat().st_size < MAX_PAGE_BYTES


def section(page: str, question: str) -> str:
    return page.partition(f'<figure id="{question}">')[2].partition("</figure>")[0]


def bars(page: str, question: str) -> list[int]:
    """Return the numbers of a chart's bars, as their titles tell them."""
    wide = section(page, question).partition('class="chart wide"')[2].partition('class="chart narrow"')[0]
    titles = "\n".join(re.findall(r"<title>([^<]*)</title>", wide))
    return [int(number.replace(",", "")) for number in re.findall(r": ([\d,]+)(?: \(|$)", titles, re.MULTILINE)]


def test_the_queues_are_shown_while_postgres_is_away(system: System) -> None:
    system.cloud.stop("postgres")
    try:
        command = [COMMAND, "-e", "local", "--days", "1"]
        variables = os.environ | system.environment
        result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)
    finally:
        system.cloud.start("postgres")
    assert (result.returncode, result.stderr.count("Error: statistics:")) == (3, 1), result.stderr
    assert re.search(r"│ dead_messages +│ +\d+ │", result.stdout)
    assert re.search(r"│ accepted +│ +\d+ │", result.stdout)
