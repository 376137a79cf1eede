"""`make down` and `make clean`: they go by what runs, not by what is installed. Standard library only.

An installation may be half there, or made of packages that the running servers no longer find.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from xmlrpc.client import Error

from local.component import CloudError
from local.environment import ROOT
from local.folder import short
from local.lock import alone
from local.queue_files import EARLIER, HELD, count, describe, read
from local.supervisor_rpc import connected

FOLDER = ROOT / ".local"
MARK = "LOCAL_CLOUD"  # in the environment of every process of a cloud: the folder it belongs to
INSTALLED = (".venv", ".local", "node_modules", "cdk.out", "chalice.out", "runtime/.chalice/deployments")
MADE = ("*.egg-info", ".hypothesis", ".*_cache")
STOP_SECONDS, KILL_SECONDS = 60, 5


def main() -> None:
    """Run the command; what is wrong is told in one line."""
    try:
        with alone(_say):
            {"down": down, "clean": clean}[sys.argv[1]]()
    except CloudError as error:
        sys.exit(f"Error: {error}")
    except OSError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(f"Error: interrupted; `make {sys.argv[1]}` goes on where it was")


def down() -> None:
    """Stop everything; the stores keep their data."""
    _say("stopped" if stop(FOLDER) else "nothing runs here")
    if kept := describe(count(read(FOLDER, EARLIER, HELD))):
        _say(f"kept on disk, and sent again by the next `make up`: {kept}")


def clean() -> None:
    """Stop everything, also what tests that were cut off left running, and remove it with its data."""
    for folder in [*FOLDER.glob("test-*"), FOLDER]:
        stop(folder)
    for path in [*(ROOT / name for name in INSTALLED), *(path for made in MADE for path in ROOT.glob(made))]:
        _remove(path)
    for path in [path for path in ROOT.rglob("__pycache__") if path.is_dir()]:
        _remove(path)


def _say(step: str) -> None:
    print(step, flush=True)  # noqa: T201


def stop(folder: Path) -> bool:
    """End the supervisord of this folder with all its programs, and what an earlier one left; say whether any ran.

    Raises CloudError when something does not end, or is another user's.
    """
    folder = folder.resolve()
    if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
        raise CloudError(f"{folder} belongs to another user")
    supervised = _shut_down(folder)
    swept = sweep(folder)
    if folder.exists() and (near := short(folder)) != folder:
        near.unlink()
    return supervised or swept


def sweep(folder: Path) -> bool:
    """End every process of this folder's cloud, known by the mark in its environment; say whether there was one."""
    found = _marked(folder)
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        for pid in _marked(folder):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if _comes_true(lambda: not _marked(folder), seconds):
            return bool(found)
    raise CloudError(f"does not end: process {', '.join(map(str, _marked(folder)))}")


def _shut_down(folder: Path) -> bool:
    try:
        with connected(folder) as server, suppress(Error):  # it is shutting down already
            server.stopAllProcesses()  # all at the same time; shutdown alone goes one by one
            server.shutdown()
    except (OSError, HTTPException, Error):
        return False
    _comes_true(lambda: not _marked(folder), STOP_SECONDS)
    return True


def _marked(folder: Path) -> list[int]:
    mark = f"{MARK}={folder}".encode()
    return [pid for pid, environment in _environments() if mark in environment and pid != os.getpid()]


def _environments() -> Iterator[tuple[int, list[bytes]]]:
    """Yield each process that this user may look into, with its environment variables."""
    if not Path("/proc/self/environ").exists():  # macOS
        yield from _listed_environments()
        return
    for file in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            yield int(file.parent.name), file.read_bytes().split(b"\0")


def _listed_environments() -> Iterator[tuple[int, list[bytes]]]:
    command = ("ps", "-A", "-E", "-ww", "-o", "pid=,command=")
    for line in subprocess.run(command, capture_output=True, check=True).stdout.splitlines():  # noqa: S603
        pid, _, words = line.strip().partition(b" ")
        at = words.find(f"{MARK}=".encode())  # its value may have spaces in it, and ends where another one begins
        yield int(pid), [] if at < 0 else [words[at:end] for end in _word_ends(words, at)]


def _word_ends(words: bytes, begin: int) -> list[int]:
    return [at for at in range(begin, len(words)) if words[at : at + 1] == b" "] + [len(words)]


def _comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not (true := condition()) and time.monotonic() < until:
        time.sleep(0.1)
    return true


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
