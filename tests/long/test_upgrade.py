"""A filled clone of an older commit is moved to this one with `make up`, and back: all data stays, commands work.

The older commits install their own pins, so this needs what an installation needs, and takes many minutes.
"""

import subprocess
import time
from datetime import UTC, datetime

import psycopg
import pytest
import requests

from local.environment import ROOT
from tests.clones import GIT, Clone
from tests.waiting import within

OLDER = "8feed92"  # before Postgres' roles had passwords of their own
LAST = "49a5b9c"  # of today's release, before the queues were on disk
pytestmark = pytest.mark.timeout(5400)


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


def go_back(clone: Clone) -> None:
    """As docs/operations.md says: older code writes into a graph of newer code only after a rebuild from scratch."""
    with pytest.raises(AssertionError, match="stopped between Postgres and Neo4j"):
        clone.make("up")
    clone.run("rebuild-graph", "-e", "local", "--from-scratch", "--yes")


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
    if commit == LAST:  # the other one knows no version of the graph
        go_back(clone)
    clone.up_as_it_was()
    filled(clone, now)
