"""The real parts, started once for all tests, on free ports and in a folder of their own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cloud import Cloud
from local.ports import Ports
from tests.browser import CHROMIUM

WITHOUT_BROWSER = pytest.StashKey[list[str]]()
FOLDER = Path(__file__).parents[1] / ".local" / "test"


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """Postgres, Neo4j and the AWS endpoint: empty, and gone after the tests."""
    leftover = Cloud(folder=FOLDER, ports=Ports.free())
    leftover.down()
    shutil.rmtree(FOLDER, ignore_errors=True)
    cloud = Cloud(folder=FOLDER, ports=Ports.free())
    cloud.up()
    yield cloud
    cloud.down()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a browser where there is none, and say so."""
    need = [] if CHROMIUM else [item for item in items if item.get_closest_marker("browser")]
    if need:
        config.hook.pytest_deselected(items=need)
        config.stash[WITHOUT_BROWSER] = [item.nodeid for item in need]
        items[:] = [item for item in items if item not in need]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out."""
    for test in terminalreporter.config.stash.get(WITHOUT_BROWSER, []):
        terminalreporter.write_line(f"not run, since there is no chromium here: {test}", yellow=True)
