"""`make` in a second shell, and after Ctrl-C: whoever comes second waits, and nothing is left half."""

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from local.stop import INSTALLED, MARK
from tests.clones import Clone
from tests.waiting import within

WAITING = "waiting for the `make` that is at work here"
pytestmark = pytest.mark.timeout(3000)


def await_line(output: Path, line: str, make: subprocess.Popen[str]) -> None:
    """Return once this `make` has told the line."""

    def told() -> None:
        assert make.poll() is None, output.read_text()
        assert line in output.read_text()

    within(900, told)


def processes_of(clone: Clone) -> list[psutil.Process]:
    """Return what runs of the clone's cloud."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str((clone.folder / ".local").resolve()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_second_shell_waits_and_an_interrupted_installation_is_no_obstacle(clone: Clone, tmp_path: Path) -> None:
    output = tmp_path / "first.log"
    up = clone.start_make("up", output)
    await_line(output, "cdk deploy 'local/*'", up)
    told = clone.make("down")
    assert WAITING in told
    assert told.splitlines()[1] == "stopped"
    assert (up.wait(60), "Up after" in output.read_text()) == (0, True)
    assert processes_of(clone) == []

    clone.make("up")
    pins = clone.folder / "pyproject.toml"
    pins.write_text(pins.read_text() + "\n")  # newer than what is installed
    up = clone.start_make("up", output)
    await_line(output, "installing into .venv and node_modules", up)
    assert "the laptop's cloud is stopped" in output.read_text()
    os.killpg(up.pid, signal.SIGINT)
    assert up.wait(60) != 0
    assert "Error: interrupted; the next `make` begins the installation again" in output.read_text()
    assert "Traceback" not in output.read_text()
    assert clone.make("down").splitlines() == ["nothing runs here"]
    assert processes_of(clone) == []

    up = clone.start_make("up", output)
    await_line(output, "cdk deploy 'local/*'", up)
    assert clone.make("clean").splitlines() == [WAITING]
    assert (up.wait(60), "Traceback" in output.read_text()) == (0, False)
    assert processes_of(clone) == []
    assert [name for name in INSTALLED if (clone.folder / name).exists()] == []


def test_make_clean_after_an_interrupted_installation_removes_it(clone: Clone, tmp_path: Path) -> None:
    output = tmp_path / "first.log"
    up = clone.start_make("up", output)
    await_line(output, "installing into .venv and node_modules", up)
    os.killpg(up.pid, signal.SIGINT)
    assert up.wait(60) != 0
    assert clone.make("clean") == ""
    assert [name for name in INSTALLED if (clone.folder / name).exists()] == []


def test_a_make_up_that_waited_for_make_clean_installs_again(clone: Clone, tmp_path: Path) -> None:
    """The installation looks again once it has the clone; so does what starts the cloud."""
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    up = clone.start_make("up", first)
    await_line(first, "cdk deploy 'local/*'", up)
    clean = clone.start_make("clean", second)
    await_line(second, WAITING, clean)
    third = tmp_path / "third.log"
    again = clone.start_make("up", third)
    await_line(third, WAITING, again)
    assert (up.wait(900), clean.wait(300)) == (0, 0)
    assert again.wait(1500) in (0, 2)
    told = third.read_text()
    assert "Traceback" not in told
    assert "Up after" in told or "`make clean` has removed the installation meanwhile: run `make up` again" in told
