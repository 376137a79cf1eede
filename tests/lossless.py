"""Interactions sent by both clients while the API is switched off and on, and while the clients are killed."""

import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg

from interaction_client import Interaction, Tracker
from interaction_client.sender import user_of
from local.cloud import Cloud
from tests.browser import CHROMIUM
from tests.node import CLIENT, started
from tests.outages import stopped
from tests.waiting import within

PAUSE_SECONDS = 0.05
OFF_SECONDS, ON_SECONDS = 1, 2
INTERACTIONS_PER_OUTAGE = 20
KILLED_AFTER = (0.25, 0.5, 0.75)  # of all interactions
SEQUENCE = uuid.UUID("5f0e4c1c-6d34-4a0c-8f0a-0c8a3f8d2b11")


@contextmanager
def flickering(cloud: Cloud, times: int) -> Iterator[None]:
    """Switch the API off and on so many times, at once."""

    def flicker() -> None:
        for _ in range(times):
            with stopped(cloud, "api"):
                time.sleep(OFF_SECONDS)
            time.sleep(ON_SECONDS)

    thread = threading.Thread(target=flicker)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def send_from_browser(url: str, token: str, name: str, count: int, tabs: int) -> None:
    """Send peels of `NAME-TAB-NUMBER` from so many tabs; each is reloaded twice and closed once."""
    program = str(CLIENT / "test" / "outage.ts")
    arguments = (url, str(user_of(token)), token, name, str(count), str(tabs))
    with started("node", program, *arguments, CHROMIUM=str(CHROMIUM)) as process:
        output, error = process.communicate(timeout=count + 200)
    assert process.returncode == 0, error
    status = json.loads(output)
    assert (status["waiting"], status["rejected"]) == (0, 0), status


def send_from_python(url: str, token: str, name: str, count: int, queue: Path) -> None:
    """Send peels of `NAME-0-NUMBER`; the process is killed three times, and the next one goes on."""
    kills = [int(count * share) for share in KILLED_AFTER]
    first = 0
    for last in [*kills, count]:
        command = [sys.executable, "-m", "tests.lossless", url, token, name, str(queue), str(first), str(count)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
            assert process.stdout
            while first < last:
                first = int(process.stdout.readline()) + 1
            if last < count:
                process.kill()
            else:
                assert process.wait(240) == 0


def all_arrived_once(sql: psycopg.Connection, name: str, count: int, parts: int) -> None:
    """Wait until the ledger has each of them; it has none twice. Then wait for the graph, for the tests that follow."""
    expected = {f"{name}-{part}-{number}": 1 for part in range(parts) for number in range(count // parts)}
    query = "SELECT artifact_id, count(*) FROM interaction WHERE artifact_id LIKE %s GROUP BY 1"

    def arrived() -> None:
        assert dict(sql.execute(query, [f"{name}-%"]).fetchall()) == expected
        assert sql.execute("SELECT count(*) FROM graph_outbox").fetchall() == [(0,)]

    within(180, arrived)


def nothing_is_lost(cloud: Cloud, sql: psycopg.Connection, token: str, queue: Path, *, count: int, tabs: int) -> None:
    """Send so many from each client at the same time, and find all of them in the ledger, once each."""
    url = cloud.environment()["API_URL"]
    names = {client: f"{client}-{uuid.uuid4()}" for client in ("browser", "python")}
    with flickering(cloud, times=count // INTERACTIONS_PER_OUTAGE), ThreadPoolExecutor() as pool:
        python = pool.submit(send_from_python, url, token, names["python"], count, queue)
        send_from_browser(url, token, names["browser"], count, tabs)
        python.result()
    all_arrived_once(sql, names["browser"], count, tabs)
    all_arrived_once(sql, names["python"], count, 1)


def main() -> None:
    """Track one peel after the other, and say so: what was said is not tracked by the next process."""
    url, token, name, queue, first, count = sys.argv[1:]
    with Tracker(url, token, path=queue, batch_seconds=0.1) as tracker:
        for number in range(int(first), int(count)):
            # The same again, should this process be killed between the two lines.
            event_id, timestamp = str(uuid.uuid5(SEQUENCE, f"{name} {number}")), 1_767_225_600 + number
            peel = Interaction(kind="peel", event_id=event_id, artifact_id=f"{name}-0-{number}", timestamp=timestamp)
            tracker.track(peel)
            print(number, flush=True)  # noqa: T201
            time.sleep(PAUSE_SECONDS)
        tracker.flush(200)  # the API may be off, or slow, for longer than a program's end waits
        status = tracker.flush(200)
    sys.exit(status.waiting + status.rejected)


if __name__ == "__main__":
    main()
