"""Three hundred interactions of each client, while the API is switched off and on."""

from pathlib import Path

import psycopg
import pytest

from tests.e2e.conftest import System, sql, system, token
from tests.lossless import nothing_is_lost

__all__ = ["sql", "system", "token"]


@pytest.mark.browser
@pytest.mark.timeout(900)
@pytest.mark.parametrize("tabs", [1, 2])
def test_nothing_is_lost_while_the_api_is_off_and_on_and_the_clients_are_killed(
    system: System,
    token: str,
    sql: psycopg.Connection,
    tmp_path: Path,
    tabs: int,
) -> None:
    nothing_is_lost(system.cloud, sql, token, tmp_path / "queue.db", count=300, tabs=tabs)
