"""The real parts, started once for all tests of a process, on free ports and in a folder of their own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cloud import Cloud
from local.ports import Ports
from tests.browser import CHROMIUM

WITHOUT_BROWSER = pytest.StashKey[list[str]]()
FOLDER = Path(__file__).parents[1] / ".local" / f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


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


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a browser where there is none; side by side, each kind of test has one process."""
    need = [] if CHROMIUM else [item for item in items if item.get_closest_marker("browser")]
    if need:
        config.hook.pytest_deselected(items=need)
        told = [item.nodeid for item in need]
        config.stash[WITHOUT_BROWSER] = told
        getattr(config, "workeroutput", {})["without_browser"] = told
        items[:] = [item for item in items if item not in need]
    for item in items:
        kind = item.path.parent.name
        item.add_marker(pytest.mark.xdist_group(kind if kind in {"e2e", "integration"} else "the rest"))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over from a process what it left out."""
    if told := getattr(node, "workeroutput", {}).get("without_browser"):
        node.config.stash[WITHOUT_BROWSER] = told


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out."""
    for test in terminalreporter.config.stash.get(WITHOUT_BROWSER, []):
        terminalreporter.write_line(f"not run, since there is no chromium here: {test}", yellow=True)
