"""Both clients, and README's examples, against the deployed system."""

import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from interaction_client.sender import user_of
from tests.e2e.conftest import System
from tests.e2e.test_interaction import readme_example
from tests.lossless import nothing_is_lost
from tests.node import CLIENT, run
from tests.waiting import within

RunExample = Callable[..., None]


@pytest.fixture
def run_example(system: System, token: str, sql: psycopg.Connection, tmp_path: Path) -> RunExample:
    """Return a function that runs a program in an empty folder and waits for what it adds to the ledger."""

    def added() -> dict[str, int]:
        query = "SELECT kind, count(*) FROM interaction WHERE user_id = %s GROUP BY 1"
        return dict(sql.execute(query, [user_of(token)]).fetchall())

    def run_example(*command: str, **expected: int) -> None:
        before = added()
        run(*command, cwd=tmp_path, API_URL=system.environment["API_URL"], TOKEN=token)

        def arrived() -> None:
            now = added()
            assert {kind: n - before.get(kind, 0) for kind, n in now.items() if n != before.get(kind)} == expected

        within(30, arrived)

    return run_example


def test_readmes_example_for_curl(run_example: RunExample) -> None:
    run_example("sh", "-c", readme_example("sh", "test recall"), recall=1)


def test_readmes_example_for_the_python_client(run_example: RunExample) -> None:
    run_example(sys.executable, "-c", readme_example("python", "interaction_client"), recall=1, peel=1)


def test_readmes_example_for_the_typescript_client(run_example: RunExample, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "example.ts").write_text(readme_example("typescript"))
    run("npm", "install", "--offline", "--install-links", str(CLIENT), cwd=tmp_path)
    run_example("node", "example.ts", recall=1, peel=1)


@pytest.mark.browser
@pytest.mark.parametrize("tabs", [pytest.param(1, marks=pytest.mark.long), 2])
def test_nothing_is_lost_while_the_api_is_off_and_on_and_the_clients_are_killed(
    system: System, token: str, sql: psycopg.Connection, tmp_path: Path, tabs: int
) -> None:
    nothing_is_lost(system.cloud, sql, token, tmp_path / "queue.db", count=60, tabs=tabs)
