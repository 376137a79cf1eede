"""Every command as a process: closed streams, a full disk, signals, and how soon it answers."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(sys.executable).parent
COMMANDS = {
    "create-user": ["alice@example.com"],
    "erase-user": ["alice@example.com"],
    "export-user": ["alice@example.com"],
    "get-bearer-token": ["alice@example.com", "password"],
    "rebuild-graph": [],
    "redrive-dlq": [],
    "stats": [],
    "verify-graph": [],
}
MOMENTS = [number / 10 for number in range(10)]


@pytest.fixture
def silent(socket_enabled: None) -> Iterator[dict[str, str]]:
    """Return variables that name an endpoint which accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        yield os.environ | {"AWS_ENDPOINT_URL": endpoint}


def shell(command: str, redirection: str, *words: str) -> subprocess.CompletedProcess[str]:
    line = f'"$0" "$@" {redirection}'
    arguments = ["sh", "-c", line, str(FOLDER / command), *words]
    return subprocess.run(
        arguments,
        env=os.environ | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_output_is_wrong_use(command: str) -> None:
    result = shell(command, ">&-", "-e", "local", *COMMANDS[command])
    assert (result.returncode, result.stderr) == (2, "Error: standard output is closed\n")


@pytest.mark.parametrize("redirection", ["<&-", "2>&-", "2>/dev/full"])
def test_other_closed_streams_change_nothing(redirection: str) -> None:
    result = shell("verify-graph", redirection, "-e", "local")
    assert (result.returncode, "Traceback" in result.stderr) == (3, False)


def test_a_full_disk_is_exit_3() -> None:
    result = shell("verify-graph", ">/dev/full", "--help")
    assert (result.returncode, result.stderr) == (3, "Error: [Errno 28] No space left on device\n")


def test_an_output_that_nobody_reads_is_exit_3() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [FOLDER / "verify-graph", "--help"], stdout=writer, stderr=subprocess.PIPE, timeout=120, check=False
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (3, b"")


@pytest.mark.parametrize(("moment", "command"), list(zip(MOMENTS, [*COMMANDS, *COMMANDS], strict=False)))
def test_an_interrupt_at_any_moment_is_one_line_and_exit_3(command: str, moment: float, silent: dict[str, str]) -> None:
    process = started(command, silent)
    time.sleep(moment)
    process.send_signal(signal.SIGTERM if command == "stats" else signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error.splitlines()[-1]) == (3, "Error: interrupted")
    assert "Traceback" not in error


def started(command: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start the command, and return it once it handles SIGTERM, which Python itself does not."""
    # A command that inherits an ignored SIGINT, as from `nohup make test &`, rightly goes on ignoring it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [FOLDER / command, "-e", "local", *COMMANDS[command]],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if not Path("/proc/self/status").exists():  # macOS
        time.sleep(3)
        return process
    caught = 1 << (signal.SIGTERM - 1)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        if any(line.startswith("SigCgt:") and int(line.split()[1], 16) & caught for line in lines):
            break
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("command", [*COMMANDS, "tunnel"])
def test_help_imports_nothing_slow(command: str) -> None:
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", FOLDER / command, "--help"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    ).stderr
    slow = {"boto3", "botocore", "rich", "psycopg", "aws_lambda_powertools", "plotly", "neo4j"}
    assert slow & {line.rpartition("|")[2].strip() for line in imported.splitlines()} == set()
