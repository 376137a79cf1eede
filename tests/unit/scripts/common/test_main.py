"""Every command as a process: closed streams, a full disk, files that exist, signals, and how soon it answers."""

import os
import subprocess
import sys
from itertools import cycle
from pathlib import Path

import pytest

from tests.commands import CALLING, COMMANDS, FOLDER, MOMENTS, REFUSING, interrupt, run_redirected, silent_endpoint

INTERRUPTED = """
import signal, time, weakref
from scripts.common import main

def run(name):
    module = type("Module", (), {})()
    reference = weakref.ref(module, lambda _: signal.raise_signal(signal.SIGINT))
    del module
    time.sleep(60)
    return 0

main._run = run
main.main()
"""

BEFORE_A_WAIT = """
import ctypes, threading, time
from scripts.common import main

def run(name):
    threading.Timer(0.2, ctypes.pythonapi.PyErr_SetInterrupt).start()  # a signal that ends no wait
    time.sleep(60)
    return 0

main._run = run
main.main()
"""
LOSING = """
import signal, time
try:
    signal.raise_signal(signal.SIGINT)
    time.sleep(0.1)
except KeyboardInterrupt:
    pass
"""


@pytest.mark.parametrize(
    ("redirection", "status", "error"),
    [
        (">&-", 2, "Error: standard output is closed\n"),
        (">/dev/full", 3, "Error: [Errno 28] No space left on device\n"),
        ("| true", 0, ""),  # the status is that of `true`; what counts is that nothing is said
    ],
    ids=["closed output", "full disk", "output that nobody reads"],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_output_that_cannot_be_written(command: str, redirection: str, status: int, error: str) -> None:
    result = run_redirected(command, redirection, "--help")
    assert (result.returncode, result.stderr) == (status, error)


@pytest.mark.parametrize("command", COMMANDS)
def test_without_the_other_streams_a_command_ends_as_with_them(command: str) -> None:
    result = run_redirected(command, "<&- 2>&-", "-e", "local", *COMMANDS[command])
    assert result.returncode == (3 if command in CALLING else 0)


def test_an_error_output_on_a_full_disk_changes_nothing() -> None:
    assert run_redirected("verify-graph", "2>/dev/full", "-e", "local").returncode == 3


def test_an_output_that_nobody_reads_is_exit_3() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [FOLDER / "verify-graph", "--help"], stdout=writer, stderr=subprocess.PIPE, timeout=120, check=False
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (3, b"")


@pytest.mark.parametrize(
    ("command", "words", "status"),
    [
        ("export-user", ["alice@example.com", "-o"], 2),
        ("redrive-dlq", ["--discard", "--yes", "--file"], 2),
        ("stats", ["--html"], 3),  # it may replace the page, but only with a whole one
    ],
)
def test_a_file_that_exists_stays_as_it_is(command: str, words: list[str], status: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    result = run_redirected(command, "", "-e", "local", *words, str(file))
    assert (result.returncode, file.read_text(), list(tmp_path.iterdir())) == (status, "mine", [file])
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("moment", "command"), list(zip(cycle(MOMENTS), CALLING, strict=False)))
@pytest.mark.usefixtures("socket_enabled")
def test_an_interrupt_at_any_moment_is_one_line_and_exit_3(command: str, moment: float) -> None:
    """Each command at one moment; `make test-long` has each at all of them."""
    with silent_endpoint() as environment:
        status, error = interrupt(command, moment, environment)
    assert (status, error.splitlines()[-1]) == (3, "Error: interrupted")
    assert "Traceback" not in error


def test_an_interrupt_inside_a_callback_of_python_itself_is_not_lost() -> None:
    """As of a weak reference, which an import has for each module: Python tells of its exception, and goes on."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (3, "Error: interrupted\n")


def test_an_interrupt_just_before_a_wait_does_not_wait_for_its_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEFORE_A_WAIT], capture_output=True, text=True, timeout=40, check=False
    )
    assert (done.returncode, done.stderr) == (3, "Error: interrupted\n")


def test_an_interrupt_while_a_module_is_imported_is_not_lost(tmp_path: Path) -> None:
    """Such modules stand for those in C that clear each error of what they try."""
    (tmp_path / "boto3.py").write_text(LOSING)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "AWS_ENDPOINT_URL": REFUSING}
    command = [str(FOLDER / "stats"), "-e", "local"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (3, "Error: interrupted\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_slow(command: str) -> None:
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", FOLDER / command, "--help"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    ).stderr
    slow = {"boto3", "botocore", "rich", "psycopg", "aws_lambda_powertools", "neo4j"}
    assert slow & {line.rpartition("|")[2].strip() for line in imported.splitlines()} == set()
