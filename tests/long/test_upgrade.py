"""A filled clone of an older commit is moved to this one with `make up`, and back: all data stays, commands work.

The older commits install their own pins, so this needs what an installation needs, and takes many minutes.
"""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from local.environment import ROOT
from local.ports import COMPONENTS, Ports, variable
from tests.waiting import within

OLDER = "8feed92"  # before Postgres' roles had passwords of their own
LAST = "49a5b9c"  # of today's release, before the queues were on disk
MAKE_SECONDS = 1500
pytestmark = pytest.mark.timeout(5400)
GIT = shutil.which("git") or "git"


@dataclass(frozen=True)
class Clone:
    """A clone of this repository, with a cloud on ports of its own."""

    folder: Path
    ports: Ports = field(default_factory=Ports.free)

    def checkout(self, commit: str) -> None:
        self._run(GIT, "checkout", "--quiet", "--force", commit)

    def make(self, target: str) -> str:
        return self._run("make", target)

    def up_as_it_was(self) -> None:
        """Run an older commit's `make up`, again if need be: it gives up sooner on a slow machine than this one's."""
        for attempt in Retrying(
            retry=retry_if_exception_type(AssertionError), stop=stop_after_attempt(3), reraise=True
        ):
            with attempt:
                self.make("up")

    def run(self, *words: str) -> str:
        """Run one of the clone's commands in its environment, and return its output."""
        line = f". .local/env; {shlex.join(words)}"
        return self._run("sh", "-ec", line)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that `make up` wrote."""
        words = shlex.split((self.folder / ".local" / "env").read_text(), comments=True)
        return dict(word.split("=", 1) for word in words if "=" in word)

    def _run(self, *command: str) -> str:
        variables = {variable(name): str(getattr(self.ports, name)) for name in COMPONENTS}
        # Not of the `make` that runs this test: its Python and its packages.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))}
        path = os.pathsep.join(one for one in kept["PATH"].split(os.pathsep) if not one.startswith(str(ROOT)))
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=kept | variables | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=MAKE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    clone = Clone(tmp_path / "clone")
    subprocess.run([GIT, "clone", "--quiet", "--shared", ROOT, clone.folder], check=True, timeout=60)
    jars = ROOT / ".local" / "cache" / "jars"  # checked by their hashes like those that are fetched
    if jars.exists():
        shutil.copytree(jars, clone.folder / ".local" / "cache" / "jars")
    yield clone
    clone.make("down")


def post(clone: Clone, number: int) -> None:
    token = clone.run("get-bearer-token", "-e", "local", "alice@example.com", "Recall-and-peel-1").strip()
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(number):
        body = {"kind": "recall", "timestamp": datetime.now(UTC).timestamp()}
        url = f"{clone.environment['API_URL']}/interaction"
        answer = requests.post(url, json=body, headers=headers, timeout=60)
        assert answer.json()["status"] == "ok"
        time.sleep(0.001)  # the same content at the same time is one interaction


def ids(clone: Clone) -> set[str]:
    with psycopg.connect(clone.environment["DATABASE_URL"]) as connection:
        return {str(id_) for (id_,) in connection.execute("SELECT id FROM interaction").fetchall()}


def filled(clone: Clone, before: set[str]) -> set[str]:
    """Post, and return what the ledger holds when it has all of it: that of before too."""
    post(clone, 20)

    def look() -> set[str]:
        found = ids(clone)
        assert len(found) >= len(before) + 20
        assert before <= found
        return found

    return within(120, look)


@pytest.mark.parametrize("commit", [LAST, OLDER])
def test_a_filled_clone_is_upgraded_and_goes_back(clone: Clone, commit: str) -> None:
    this = subprocess.run([GIT, "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    clone.checkout(commit)
    clone.up_as_it_was()
    address = clone.environment["API_URL"]
    before = filled(clone, set())

    clone.checkout(this.strip())
    told = clone.make("up")  # it runs every command once
    assert "Up after" in told
    now = filled(clone, before)
    assert clone.run("verify-graph", "-e", "local").splitlines()[-1] == "the same"
    if commit == LAST:
        assert clone.environment["API_URL"] == address

    clone.make("down")
    clone.checkout(commit)
    clone.up_as_it_was()
    filled(clone, now)
