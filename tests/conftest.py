"""The real parts, started once for all tests, on free ports and in a folder of their own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cloud import Cloud
from local.ports import Ports

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
