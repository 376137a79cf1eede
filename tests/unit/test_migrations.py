"""What a migration must not do to a table that has rows."""

import re
from pathlib import Path

import pytest

from chalicelib.ledger.migrate import MIGRATIONS

INDEX = re.compile(r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+(.*?)\s+ON\s+(\w+)", re.IGNORECASE | re.DOTALL)


def locking(sql: str) -> list[str]:
    """Return the tables that the migration locks against writes while it makes an index, without saying why."""
    if "-- Not CONCURRENTLY: " in sql:
        return []
    own = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", sql)
    return [
        table for how, table in INDEX.findall(sql) if table not in own and not how.upper().startswith("CONCURRENTLY")
    ]


@pytest.mark.parametrize("path", sorted(MIGRATIONS.glob("*.sql")), ids=lambda path: path.name)
def test_an_index_on_a_filled_table_is_made_concurrently_or_says_why_not(path: Path) -> None:
    assert locking(path.read_text()) == []


def test_a_planted_index_that_locks_its_table_is_found() -> None:
    assert locking("CREATE INDEX IF NOT EXISTS by_kind ON interaction (kind)") == ["interaction"]
    assert locking("CREATE INDEX CONCURRENTLY IF NOT EXISTS by_kind ON interaction (kind)") == []
