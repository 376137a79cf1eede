"""The real components, started once for all tests of a process, on free ports and in a folder of their own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest

from local.cloud import Cloud
from local.environment import leave_accounts
from local.lock import alone
from local.ports import Ports
from tests.browser import CHROMIUM
from tests.hostile import FOLDER, hostile_machine

leave_accounts()  # before any test: what a person has set for an account or a database is not for ours

# A busy machine is no failure: no example has a time limit.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")

# What tests with a marker need, where this machine does not have it.
MISSING = {
    **({} if CHROMIUM else {"browser": "there is no chromium here"}),
    **({} if os.geteuid() == 0 and Path("/dev/loop-control").exists() else {"root": "it needs root and a loop device"}),
}
LEFT_OUT = pytest.StashKey[list[str]]()
LOCAL = Path(__file__).parents[1] / ".local"
QUICK_TO_START = ("-XX:TieredStopAtLevel=1",)  # what is compiled well would not be used for long


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """Postgres, Neo4j and the AWS endpoint: empty, started on a hostile machine, and gone after the tests."""
    sweep()
    cloud = Cloud(folder=LOCAL / f"test-{os.getpid()} {FOLDER}", ports=Ports.free(), java=QUICK_TO_START)
    try:
        with hostile_machine():
            cloud.up()
        yield cloud
    finally:
        cloud.down()


def sweep() -> None:
    """Remove the clouds of tests that were cut off, unless another process of tests does."""
    LOCAL.mkdir(mode=0o700, exist_ok=True)
    with alone(lambda _: None, LOCAL):
        for folder in LOCAL.glob("test-*"):
            owner = folder.name.removeprefix("test-").partition(" ")[0]
            if not owner.isdigit() or int(owner) == os.getpid() or not psutil.pid_exists(int(owner)):
                Cloud(folder=folder).down()
                shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests that need what is missing here."""
    left_out = {item: reason for item in items for mark, reason in MISSING.items() if item.get_closest_marker(mark)}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        config.stash[LEFT_OUT] = [f"not run, since {reason}: {item.nodeid}" for item, reason in left_out.items()]
        items[:] = [item for item in items if item not in left_out]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell whoever started this process, if it is one of several, what was left out."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left out"] = session.config.stash.get(LEFT_OUT, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what one of several processes has left out: each leaves out the same."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left out", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out."""
    for line in terminalreporter.config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(line, yellow=True)
