"""A clone of this repository for tests that run `make`; they install, and take many minutes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clones import Clone


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    clone = Clone.of_this_commit(tmp_path / "clone")
    yield clone
    clone.make("down")
