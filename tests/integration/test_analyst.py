"""What an analyst sees and may do: the interactions and the views, temporary tables, and nothing else."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from chalicelib.ledger.ledger import Ledger
from local.cloud import Cloud
from local.postgres import BINARIES
from tests.samples import interaction

PARTS = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}
EXPLAINED = """
SELECT relname, attname, col_description(attrelid, attnum), obj_description(attrelid)
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace = %s::regnamespace AND attnum > 0 AND NOT attisdropped AND (relkind = 'v' OR relname = 'interaction')
ORDER BY relname, attnum
"""


@pytest.fixture
def analyst(cloud: Cloud, sql: psycopg.Connection) -> Iterator[psycopg.Connection]:
    login = cloud.environment()
    known = make_conninfo(sslmode="disable", **{part: login[name] for part, name in PARTS.items()})
    with psycopg.connect(known, autocommit=True) as connection:
        yield connection


def explained(sql: psycopg.Connection, schema: str) -> list[tuple[Any, ...]]:
    return sql.execute(EXPLAINED, [schema]).fetchall()


def test_psql_lists_the_interactions_and_the_views_and_nothing_else(cloud: Cloud, sql: psycopg.Connection) -> None:
    command = [str(BINARIES / "psql"), "--tuples-only", "--no-align", "-c", r"\d"]
    listed = subprocess.run(command, env=cloud.environment(), capture_output=True, text=True, timeout=60, check=True)
    names = {tuple(line.split("|")[:2]) for line in listed.stdout.splitlines()}
    views = {name for (name,) in sql.execute("SELECT viewname FROM pg_views WHERE schemaname = 'public'")}
    assert names == {("analysis", name) for name in views | {"interaction"}}
    assert len(views) > 15


def test_each_view_and_column_there_is_explained_as_in_public(sql: psycopg.Connection) -> None:
    found = explained(sql, "analysis")
    assert found == explained(sql, "public")
    assert all(all(one) for one in found)


def test_what_the_machinery_keeps_is_refused_by_its_full_name_too(analyst: psycopg.Connection) -> None:
    for table in ("graph_outbox", "erasure", "day_answer", "excluded_user", "watermark", "interaction"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            analyst.execute(f"SELECT * FROM public.{table}".encode())


def test_an_analyst_works_with_temporary_tables(ledger: Ledger, analyst: psycopg.Connection) -> None:
    ledger.store([interaction("recall")])
    analyst.execute("CREATE TEMPORARY TABLE mine AS SELECT * FROM interaction")
    analyst.execute("UPDATE mine SET kind = 'workspace'")
    assert analyst.execute("SELECT mine.kind, interaction.kind FROM mine JOIN interaction USING (id)").fetchall() == [
        ("workspace", "recall")
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO interaction SELECT * FROM interaction",
        "UPDATE interaction SET kind = 'keep'",
        "DELETE FROM counted_interaction",
        "CREATE TABLE mine (n integer)",
        "CREATE TABLE public.mine (n integer)",
        "CREATE VIEW mine AS SELECT 1 AS n",
        "SET temp_file_limit = -1",
        "CALL public.publish_views()",
    ],
)
def test_an_analyst_writes_nothing_else(analyst: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        analyst.execute(statement.encode())


def test_an_analysts_questions_sessions_and_files_have_limits(analyst: psycopg.Connection) -> None:
    limits = ("statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout", "temp_file_limit")
    found = {name: analyst.execute(f"SHOW {name}".encode()).fetchall() for name in limits}
    assert [value for [(value,)] in found.values()] == ["5min", "1min", "1h", "4GB"]
    assert analyst.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'analyst'").fetchall() == [(10,)]


def test_a_view_that_changes_is_shown_as_it_is_now(sql: psycopg.Connection, analyst: psycopg.Connection) -> None:
    try:
        for columns in ("1 AS a", "1 AS a, 2 AS b"):
            sql.execute(f"CREATE OR REPLACE VIEW public.made_up AS SELECT {columns}".encode())
            sql.execute("COMMENT ON VIEW public.made_up IS 'of a test'")
            sql.execute("CALL publish_views()")
            found = analyst.execute("SELECT * FROM made_up")
            assert [column.name for column in found.description or ()] == re.findall("[ab]", columns.replace("AS", ""))
            assert analyst.execute("SELECT obj_description('made_up'::regclass)").fetchall() == [("of a test",)]
    finally:
        sql.execute("DROP VIEW public.made_up CASCADE")


def test_an_analyst_who_reads_for_long_holds_up_no_migration(
    sql: psycopg.Connection, analyst: psycopg.Connection
) -> None:
    with analyst.transaction():
        analyst.execute("SELECT count(*) FROM events_by_day")
        sql.execute("SET lock_timeout = '2s'")
        sql.execute("CALL publish_views()")
        sql.execute("RESET lock_timeout")
