"""What stops the cloud needs nothing installed, and names what does not end."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.environment import ROOT
from local.stop import MARK, sweep

SLEEP = "import signal, sys; {}; print(flush=True); signal.pause()"


@pytest.fixture
def started(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield a process with the mark of the cloud in `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEP.format(getattr(request, "param", "pass"))],
        env=os.environ | {MARK: str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_a_process_of_the_cloud_is_ended_and_that_of_another_is_not(
    started: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert not sweep(tmp_path / "other")
    assert started.poll() is None
    assert sweep(tmp_path)
    assert started.wait(5) != 0


def test_it_imports_nothing_that_is_installed() -> None:
    """A Python without packages runs it: neither `.venv` nor its half is needed to stop what runs."""
    code = "import sys; sys.path.insert(0, '.'); import local.stop; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()
    ours = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    assert ours == {"__main__", "local"}
