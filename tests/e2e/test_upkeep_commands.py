"""rebuild-graph, verify-graph, erase-user, export-user and export-ledger on the deployed system."""

import json
import os
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import neo4j
import psycopg
import pytest
import requests

from chalicelib.ledger.connection import read_row
from scripts.create_user import ensure_user
from scripts.get_bearer_token import sign_in
from tests.commands import FOLDER
from tests.e2e.conftest import PASSWORD, System
from tests.e2e.test_commands import run

EMAIL = "frank@example.com"  # is erased: what another test posts with an earlier time would be dropped
COLUMNS = "id, user_id, event_id, kind, artifact_id, metadata::text, timestamp, received_at, stored_at"
COUNT = "SELECT count(*) FROM interaction LEFT JOIN graph_outbox ON interaction_id = id WHERE interaction_id IS NULL"


def keep(artifact_id: str) -> dict[str, Any]:
    return {"kind": "keep", "artifact_id": artifact_id, "timestamp": datetime.now(UTC).timestamp()}


@pytest.fixture
def used(system: System, sql: psycopg.Connection) -> int:
    """Post interactions and wait until all are in the graph; return the number of interactions."""
    ensure_user(system.target, EMAIL, PASSWORD, change=True)
    headers = {"Authorization": f"Bearer {sign_in(system.target, EMAIL, PASSWORD)}"}
    url = f"{system.environment['API_URL']}/interaction"
    [(before,)] = sql.execute("SELECT count(*) FROM interaction").fetchall()
    for name in "abc":
        assert requests.post(url, json=keep(name), headers=headers, timeout=30).ok
    until = time.monotonic() + 60
    while sql.execute(COUNT).fetchone() != (before + 3,):
        assert time.monotonic() < until
        time.sleep(0.2)
    return int(before) + 3


def digest(output: str, side: str) -> str:
    [line] = [line for line in output.splitlines() if line.startswith(side)]
    return line.split()[1]


def test_a_damaged_graph_is_detected_repaired_and_rebuilt(system: System, used: int, cypher: neo4j.Session) -> None:
    healthy = run(system, "verify-graph", "-e", "local")
    assert (healthy.returncode, healthy.stderr) == (0, "")
    assert digest(healthy.stdout, "ledger") == digest(healthy.stdout, "graph")
    cypher.run("MATCH ()-[r:KEEP]->() WITH r LIMIT 1 DELETE r CREATE (:Note {text: 'by hand'})").consume()
    found = run(system, "verify-graph", "-e", "local")
    assert found.returncode == 1
    assert ("missing   1" in found.stdout) and ("extra     1" in found.stdout)  # noqa: PT018
    assert run(system, "verify-graph", "-e", "local", "--repair").returncode == 0
    assert run(system, "verify-graph", "-e", "local").stdout == healthy.stdout
    rebuilt = run(system, "rebuild-graph", "-e", "local", "--from-scratch", "--yes")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rebuilt.stdout.startswith(f"projected {used} interactions")
    assert run(system, "verify-graph", "-e", "local").stdout == healthy.stdout
    assert run(system, "rebuild-graph", "-e", "local", "--user", EMAIL).returncode == 0


@pytest.mark.usefixtures("used")
def test_the_ledger_of_a_day_is_exported_as_parquet(system: System, sql: psycopg.Connection, tmp_path: Path) -> None:
    today = datetime.now(UTC).date().isoformat()
    exported = run(system, "export-ledger", "-e", "local", "--since", today, "--until", today, "-o", str(tmp_path))
    assert exported.returncode == 0, exported.stderr
    rows = f"SELECT {COLUMNS} FROM interaction WHERE timestamp >= '{today}' ORDER BY id"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.sql(f"CREATE VIEW interaction AS FROM read_parquet('{tmp_path}/*.parquet')")
        assert connection.execute(rows).fetchall() == sql.execute(rows).fetchall()
    limited = ["sh", "-c", 'ulimit -f 0; exec "$0" "$@"', str(FOLDER / "export-ledger"), "-e", "local"]
    days = ["--since", today, "--until", today, "--again", "-o", str(tmp_path)]
    failed = subprocess.run(
        [*limited, *days], env=os.environ | system.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert failed.returncode == 3, failed.stderr
    assert [path.name for path in tmp_path.iterdir()] == [f"interaction-{today}.parquet"]


@pytest.mark.usefixtures("used")
def test_a_user_is_exported_and_erased(system: System, sql: psycopg.Connection, tmp_path: Path) -> None:
    exported = run(system, "export-user", "-e", "local", EMAIL)
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    user_id = lines[0]["attributes"]["sub"]
    assert [line["type"] for line in lines[:2]] == ["account", "interaction"]
    assert {"a", "b", "c"} <= {line.get("artifact_id") for line in lines}
    shown = run(system, "erase-user", "-e", "local", EMAIL)
    assert (shown.returncode, "nothing was erased" in shown.stdout) == (0, True)
    own = "SELECT count(*) FROM interaction WHERE user_id = %s"
    assert sql.execute(own, [user_id]).fetchone() == (len(lines) - 1,)
    without_account = run(system, "erase-user", "-e", "local", "--without-account")
    assert (without_account.returncode, user_id in without_account.stdout) == (0, False)
    erased = run(system, "erase-user", "-e", "local", user_id, "--yes")
    assert f"erased {len(lines) - 1} interactions" in erased.stdout, erased.stderr
    assert sql.execute(own, [user_id]).fetchone() == (0,)
    listed = run(system, "erase-user", "-e", "local", "--list")
    [one] = [one for one in map(json.loads, listed.stdout.splitlines()) if one["user_id"] == user_id]
    assert one["finished_at"]
    (tmp_path / "list").write_text(listed.stdout)
    again = run(system, "erase-user", "-e", "local", "--again", "--file", str(tmp_path / "list"))
    assert (again.returncode, "--yes applies them again" in again.stdout) == (0, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["erase-user", "nobody@example.com"], "local knows no user nobody@example.com"),
        (["export-user", "0b5e7f64-nobody"], "local knows no user 0b5e7f64-nobody"),
    ],
)
def test_an_unknown_user_is_one_line_and_exit_2(system: System, words: list[str], says: str) -> None:
    result = run(system, *words, "-e", "local")
    assert result.returncode == 2
    assert says in result.stderr.splitlines()[-1]


def test_a_person_who_tests_is_not_counted_until_that_is_undone(
    system: System, used: int, sql: psycopg.Connection
) -> None:
    def counted() -> int:
        [interactions] = read_row(sql, "SELECT coalesce(sum(interactions), 0)::int FROM interactions_by_day")
        return int(interactions)

    before = counted()
    for _ in range(2):  # a repeat changes nothing
        assert run(system, "exclude-user", "-e", "local", EMAIL).returncode == 0
    [user_id] = run(system, "exclude-user", "-e", "local", "--list").stdout.split()
    assert counted() <= before - 3
    unknown = run(system, "exclude-user", "-e", "local", user_id[:-4] + "0000")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "knows no user" in unknown.stderr
    assert run(system, "exclude-user", "-e", "local", EMAIL, "--undo").returncode == 0
    assert run(system, "exclude-user", "-e", "local", "--list").stdout == ""
    assert counted() >= before
