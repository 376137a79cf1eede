"""Made-up people by COPY: the same rows as through the API, and a repeat adds nothing."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from chalicelib.api.payload import read_interaction
from chalicelib.ledger.ledger import Ledger
from local import demo_copy, demo_data
from local.made_up import people
from local.postgres import DATABASE
from scripts.common.target import Target

UNTIL = datetime(2026, 5, 1, tzinfo=UTC)
SOME: dict[str, Any] = {"until": UNTIL, "count": 20, "interactions": 2000}
ROWS = "SELECT id::text, event_id::text, kind, artifact_id, metadata, timestamp FROM interaction ORDER BY id"


def test_the_rows_are_those_that_the_api_would_have_made(ledger: Ledger, sql: psycopg.Connection) -> None:
    user = next(demo_copy.rows(people(**SOME)))[1]
    [first, *_] = people(**SOME)
    ledger.store([read_interaction(one, user_id=user, now=UNTIL) for one in first.payloads])
    posted = sql.execute(ROWS).fetchall()
    sql.execute("TRUNCATE interaction, graph_outbox")
    assert sum(demo_copy.fill(sql, [first])) == len(first.payloads)
    assert sql.execute(ROWS).fetchall() == posted != []


def test_a_repeat_adds_nothing_and_people_differ(sql: psycopg.Connection) -> None:
    for _ in range(2):
        assert sum(demo_copy.fill(sql, people(**SOME))) > 2000
        assert sql.execute("SELECT count(*), count(DISTINCT user_id) FROM interaction").fetchall() == [(2000, 20)]
    ahead = "SELECT count(*) FROM interaction WHERE received_at < timestamp OR stored_at < received_at"
    assert sql.execute(ahead).fetchall() == [(0,)]


def test_the_command_copies_and_has_the_graph_made(
    sql: psycopg.Connection, stores: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, rebuilt = stores["postgres-owner"], list[Target]()
    url = f"postgresql://owner:{owner['password']}@127.0.0.1:{owner['port']}/{DATABASE}?sslmode=disable"
    variables = {"API_URL": "http://127.0.0.1:9", "DATABASE_URL": url, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    monkeypatch.setattr(demo_data, "read_local_environment", lambda: variables)
    monkeypatch.setattr(Target, "local", lambda _: Target("local", "us-east-1"))
    monkeypatch.setattr(demo_data, "rebuild_by_importer", rebuilt.append)
    result = CliRunner().invoke(demo_data.main, ["--size", "1500", "--until", "2026-05-01"])
    assert result.exit_code == 0, result.output
    assert "interactions of 15 people into the ledger" in result.output
    assert "the balance of `stats` counts none of them" in result.output
    assert sql.execute("SELECT count(*), count(DISTINCT user_id) FROM interaction").fetchall() == [(1500, 15)]
    assert len(rebuilt) == 1


def test_the_two_ways_are_not_mixed() -> None:
    result = CliRunner().invoke(demo_data.main, ["--size", "1500", "--interactions", "5"])
    assert (result.exit_code, "choose one" in result.output) == (2, True)
