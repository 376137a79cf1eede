"""`python -m tests.load [front] [worker] [backlog] [soak]`: without an argument the first three, 15 minutes.

- front: Locust, in a process of its own, posts to the deployed API with more and more people. MiniStack runs each
  request in its one process, so the figure is the emulator's and not that of API Gateway and Lambda.
- worker: the handler at full speed for 10 minutes.
- backlog: 50,000 messages, from the first batch until the graph has all.
- soak: the handler for an hour, at half a thousand messages a second; `make test-long` runs it.

Exit 1: a request failed, a message is not in the ledger, or the worker's memory grew.
"""

import csv
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from chalicelib.graph import client
from chalicelib.graph.client import Graph
from chalicelib.ledger.migrate import migrate_ledger
from local.cloud import Cloud
from local.deploy import deploy
from local.ports import Ports
from scripts.create_user import ensure_user
from scripts.get_bearer_token import sign_in
from tests.scan.tools import ROOT, SCANNERS, install

PEOPLE = (1, 4, 16)
FRONT_SECONDS = int(os.environ.get("FRONT_SECONDS", "40"))
WORKER_SECONDS = int(os.environ.get("WORKER_SECONDS", "600"))
BACKLOG_MESSAGES = int(os.environ.get("BACKLOG_MESSAGES", "50000"))
SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", "3600"))
SOAK_MESSAGES_PER_SECOND = 500
MAX_MESSAGES = 5_000_000  # bounds the disk; more than 10 minutes bring
GROWTH_MB = 30  # allowed between the second and the last sample
EMAIL, PASSWORD = "dave@example.com", "Peel-and-keep-1"


def front(cloud: Cloud) -> bool:
    """Post through the API; return whether every request was answered "ok"."""
    install()
    target, environment = deploy(cloud, print)
    ensure_user(target, EMAIL, PASSWORD, change=True)
    variables = os.environ | {"TOKEN": sign_in(target, EMAIL, PASSWORD)}
    good = True
    for people in PEOPLE:
        prefix = cloud.folder / f"locust-{people}"
        command: list[str | Path] = [SCANNERS / "locust", "-f", ROOT / "tests" / "load" / "locustfile.py"]
        command += ["--headless", "--only-summary", "-u", str(people), "-r", str(people), "--loglevel", "WARNING"]
        command += ["--run-time", f"{FRONT_SECONDS}s", "--host", environment["API_URL"], "--csv", prefix]
        done = subprocess.run(command, env=variables, stdout=subprocess.DEVNULL, check=False)
        with Path(f"{prefix}_stats.csv").open() as file:
            *_, total = csv.DictReader(file)
        figures = {name: total[name] for name in ("Requests/s", "50%", "95%", "99%", "Failure Count")}
        print(f"front, {people} people: {figures}", flush=True)  # noqa: T201
        good = good and done.returncode == 0
    return good


def worker(
    cloud: Cloud, *, name: str, seconds: float = WORKER_SECONDS, messages: int = MAX_MESSAGES, speed: float = math.inf
) -> bool:
    """Run the handler in its own process; return whether all was stored and its memory stayed the same."""
    secrets: dict[str, Any] = {name: dict(value) for name, value in cloud.secrets().items()}
    migrate_ledger(secrets["postgres-owner"])
    graph = Graph(lambda: client.connect(**secrets["neo4j"]))
    graph.prepare()
    graph.close()
    before = _rows(cloud)
    command = [sys.executable, "-m", "tests.load.worker", str(seconds), str(messages), str(speed)]
    done = subprocess.run(command, input=json.dumps(secrets), stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    result = json.loads(done.stdout)
    print(f"{name}: {result}", flush=True)  # noqa: T201
    memory = result["memory_mb"][1:] or [0]
    stored = _rows(cloud) - before == result["messages"] and not result["never_drained"]
    return stored and bool(memory[-1] - memory[0] <= GROWTH_MB)


def _rows(cloud: Cloud) -> int:
    with psycopg.connect(cloud.environment()["DATABASE_URL"]) as ledger:
        [(count,)] = ledger.execute("SELECT count(*) FROM interaction").fetchall()
        return int(count)


PARTS: dict[str, Callable[[Cloud], bool]] = {
    "front": front,
    "worker": lambda cloud: worker(cloud, name="worker"),
    "backlog": lambda cloud: worker(cloud, name="backlog", seconds=WORKER_SECONDS, messages=BACKLOG_MESSAGES),
    "soak": lambda cloud: worker(cloud, name="soak", seconds=SOAK_SECONDS, speed=SOAK_MESSAGES_PER_SECOND),
}


def main(wanted: list[str]) -> int:
    """Run the parts on a cloud of their own."""
    cloud = Cloud(folder=ROOT / ".local" / f"test-{os.getpid()} load", ports=Ports.free())
    began = time.monotonic()
    try:
        cloud.up()
        good = [PARTS[name](cloud) for name in wanted or ["front", "worker", "backlog"]]
    finally:
        cloud.down()
    print(f"{time.monotonic() - began:.0f} s")  # noqa: T201
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
