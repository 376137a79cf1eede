"""Every command as a process, without a system: its arguments, and the moments at which it is interrupted."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(sys.executable).parent
EXPORT = Path(tempfile.gettempdir()) / f"export-{os.getpid()}"
COMMANDS = {
    "console": ["--no-browser"],
    "create-user": ["alice@example.com"],
    "erase-user": ["alice@example.com"],
    "exclude-user": ["alice@example.com"],
    "export-ledger": ["--since", "2026-05-01", "--until", "2026-05-02", "-o", str(EXPORT)],
    "export-user": ["alice@example.com"],
    "get-bearer-token": ["alice@example.com", "password"],
    "preflight": [],
    "rebuild-graph": [],
    "redrive-dlq": [],
    "stats": [],
    "tunnel": ["postgres"],
    "verify-graph": [],
}
CALLING = [name for name in COMMANDS if name != "tunnel"]
"""Those that call the endpoint; `tunnel -e local` only prints."""
MOMENTS = [number / 10 for number in range(10)]
"""Seconds after the start."""
REFUSING = "http://127.0.0.1:9"  # an endpoint that refuses connections


@contextmanager
def silent_endpoint() -> Iterator[dict[str, str]]:
    """Yield variables that name an endpoint which accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield os.environ | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.getsockname()[1]}"}


def run_redirected(name: str, redirection: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command with streams redirected as a shell does it; without another endpoint, one that refuses."""
    arguments = ["sh", "-c", f'"$0" "$@" {redirection}', str(FOLDER / name), *words]
    environment = os.environ | {"AWS_ENDPOINT_URL": REFUSING, "ANALYST_DATABASE_URL": "made-up"} | variables
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=120, check=False)


def interrupt(name: str, after_seconds: float, environment: dict[str, str]) -> tuple[int, str]:
    """Interrupt a command so long after its start; return its exit code and its standard error.

    Ctrl-C, or for `stats` the end that a service manager sends. Of one that goes on, where it is is in the error.
    """
    process = _start(name, environment | {"PYTHONFAULTHANDLER": "1"})
    time.sleep(after_seconds)
    process.send_signal(signal.SIGTERM if name == "stats" else signal.SIGINT)
    try:
        _, error = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        _, error = process.communicate(timeout=60)
    return process.returncode, error


def _start(name: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start the command, and return it once it handles SIGTERM, which Python itself does not."""
    # A command that inherits an ignored SIGINT, as from `nohup make test &`, rightly goes on ignoring it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [FOLDER / name, "-e", "local", *COMMANDS[name]],
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
