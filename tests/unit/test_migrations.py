"""`make check` would find a migration that locks a table with rows."""

import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.ledger.migrate import MIGRATIONS

ROOT = Path(__file__).parents[2]
SQUAWK = Path(sys.executable).with_name("squawk")


def test_each_migration_has_a_number_of_its_own() -> None:
    """Two that were written side by side would run in the order of their words."""
    numbers = [path.name[:4] for path in MIGRATIONS.glob("*.sql")]
    assert sorted(set(numbers)) == sorted(numbers)


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("CREATE INDEX IF NOT EXISTS by_kind ON interaction (kind);", "require-concurrent-index-creation"),
        ("ALTER TABLE interaction ADD CONSTRAINT known CHECK (kind <> '');", "constraint-missing-not-valid"),
        ("ALTER TABLE interaction ALTER COLUMN kind TYPE varchar(9);", "changing-column-type"),
    ],
)
def test_a_planted_lock_is_found(sql: str, rule: str) -> None:
    done = check(sql)
    assert (done.returncode, rule in done.stdout) == (1, True), done.stdout


def test_an_index_that_is_made_concurrently_is_fine() -> None:
    sql = "CREATE INDEX CONCURRENTLY IF NOT EXISTS by_kind ON interaction (kind);"
    assert check(sql).returncode == 0


def check(sql: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SQUAWK, "--reporter", "gcc"], input=sql, cwd=ROOT, capture_output=True, text=True, check=False
    )
